//! The form in which many files travel in one request: a tar archive (POSIX.1-1988 ustar, POSIX.1-2001 pax for long
//! names and large files; GNU's long names and sizes are read too).
//!
//! Only files matter: their path, size, time and bytes. Directories are implied by paths. Whatever else an archive can
//! hold (links, devices, owners, modes) is left out and reported.

pub mod read;
#[cfg(any(feature = "client", test))]
pub mod write;

/// Everything in an archive comes in blocks of this size.
const BLOCK: usize = 512;

/// Where the fields of a header block lie (POSIX.1-1988).
mod field {
    use std::ops::Range;

    pub const NAME: Range<usize> = 0..100;
    pub const SIZE: Range<usize> = 124..136;
    pub const MTIME: Range<usize> = 136..148;
    pub const CHECKSUM: Range<usize> = 148..156;
    pub const TYPE: usize = 156;
    pub const MAGIC: Range<usize> = 257..265;
    pub const PREFIX: Range<usize> = 345..500;
}

/// The sum of a header's bytes, its checksum field counted as blanks.
fn checksum(header: &[u8; BLOCK]) -> u64 {
    let counted = |(at, byte): (usize, &u8)| if field::CHECKSUM.contains(&at) { 32 } else { u64::from(*byte) };
    header.iter().enumerate().map(counted).sum()
}

/// Zero bytes that fill up the last block of so many bytes.
fn padding(bytes: u64) -> u64 {
    bytes.next_multiple_of(BLOCK as u64) - bytes
}

#[cfg(test)]
mod tests;
