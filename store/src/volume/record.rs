//! How a volume file is laid out.
//!
//! ```text
//! volume = head (4096 bytes) record*                      (integers little-endian; records aligned to 4096)
//! head   = "BDVOL001" id:u32 crc:u32 zeros
//! record = header data sums outboard zeros footer
//! header = "BDREC001" volume:u32 offset:u64 len:u64 region:u64 crc:u32 zeros            (64 bytes)
//! sums   = CRC-32 of each group of 16 KiB of the data, u32 each
//! footer = "BDEND001" root:32 len:u64 outboard_len:u32 tables_crc:u32 offset:u64 crc:u32 zeros   (96 bytes)
//! ```
//! The header is written when the space is set aside, so that a reader of the file can step over records that were never
//! finished; the footer, at the region's very end, when the blob is complete. CRC-32 (IEEE 802.3) finds rot without
//! reading more than the groups asked for; that the data hash to the root is checked against BLAKE3 where it matters:
//! before a record without an index entry is adopted, and in a scrub.

use bitdust_types::{Root, limits::BLOB_BYTES_MAX};
use borsh::{BorshDeserialize, BorshSerialize};

/// Records begin at multiples of this, so that freeing one frees whole pages of the file system.
pub(crate) const ALIGN: u64 = 4096;
/// Bytes of a record's header.
pub(crate) const HEADER_BYTES: u64 = 64;
/// Bytes of a record's footer.
pub(crate) const FOOTER_BYTES: u64 = 96;
/// Bytes that share a checksum; the BLAKE3 outboard has the same groups.
pub(crate) const GROUP_BYTES: u64 = 16 * 1024;
/// Bytes of the volume's head.
pub(crate) const HEAD_BYTES: u64 = ALIGN;

const HEAD_MAGIC: [u8; 8] = *b"BDVOL001";
const HEADER_MAGIC: [u8; 8] = *b"BDREC001";
const FOOTER_MAGIC: [u8; 8] = *b"BDEND001";

/// Where a blob lies: the value under its root in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Place {
    /// Number of the volume file.
    pub volume: u32,
    /// The record's first byte in the file.
    pub offset: u64,
    /// The record's bytes in the file, a multiple of [`ALIGN`].
    pub region: u64,
    /// The blob's bytes.
    pub len: u64,
    /// Bytes of the outboard.
    pub outboard_len: u32,
    /// CRC-32 of the sums and the outboard.
    pub tables_crc: u32,
}

/// What stands before a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub volume: u32,
    pub offset: u64,
    pub len: u64,
    pub region: u64,
}

/// What stands behind a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    pub root: Root,
    pub place: Place,
}

impl Place {
    /// The data's first byte in the file.
    pub(crate) fn data_at(&self) -> u64 {
        self.offset + HEADER_BYTES
    }

    /// The first checksum's first byte in the file.
    pub(crate) fn sums_at(&self) -> u64 {
        self.data_at() + self.len
    }

    /// The footer's first byte in the file.
    pub(crate) fn footer_at(&self) -> u64 {
        self.end() - FOOTER_BYTES
    }

    /// The first byte behind the record.
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.region
    }
}

/// Groups of a blob of `len` bytes.
pub(crate) fn groups(len: u64) -> u64 {
    len.div_ceil(GROUP_BYTES)
}

/// Most bytes of an outboard: two hashes for each inner node of the tree over the groups, and a little for its own head.
pub(crate) fn outboard_bytes_max(len: u64) -> u64 {
    64 * groups(len) + 64
}

/// Bytes that a blob of `len` bytes takes in a file.
pub(crate) fn region_bytes(len: u64) -> u64 {
    let bytes = HEADER_BYTES + len + 4 * groups(len) + outboard_bytes_max(len) + FOOTER_BYTES;
    bytes.next_multiple_of(ALIGN)
}

/// The first bytes of a volume file.
pub(crate) fn encode_head(volume: u32) -> Vec<u8> {
    let mut bytes = sealed(&[&HEAD_MAGIC, &volume.to_le_bytes()]);
    bytes.resize(HEAD_BYTES as usize, 0);
    bytes
}

/// Whether these are the first bytes of this volume.
pub(crate) fn is_head(bytes: &[u8], volume: u32) -> bool {
    let expected = sealed(&[&HEAD_MAGIC, &volume.to_le_bytes()]);
    bytes.starts_with(&expected)
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = sealed(&[
            &HEADER_MAGIC,
            &self.volume.to_le_bytes(),
            &self.offset.to_le_bytes(),
            &self.len.to_le_bytes(),
            &self.region.to_le_bytes(),
        ]);
        bytes.resize(HEADER_BYTES as usize, 0);
        bytes
    }

    /// The header in these bytes, if it is a good one for this place.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES as usize], volume: u32, offset: u64) -> Option<Self> {
        let fields = unsealed(bytes, &HEADER_MAGIC, 28)?;
        let header = Header {
            volume: u32::from_le_bytes(fields[..4].try_into().ok()?),
            offset: u64_at(fields, 4)?,
            len: u64_at(fields, 12)?,
            region: u64_at(fields, 20)?,
        };
        let fits = header.len <= BLOB_BYTES_MAX && header.region == region_bytes(header.len);
        (header.volume == volume && header.offset == offset && fits).then_some(header)
    }
}

impl Footer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = sealed(&[
            &FOOTER_MAGIC,
            self.root.as_bytes(),
            &self.place.len.to_le_bytes(),
            &self.place.outboard_len.to_le_bytes(),
            &self.place.tables_crc.to_le_bytes(),
            &self.place.offset.to_le_bytes(),
        ]);
        bytes.resize(FOOTER_BYTES as usize, 0);
        bytes
    }

    /// The footer in these bytes, if it is a good one for this header.
    pub(crate) fn decode(bytes: &[u8; FOOTER_BYTES as usize], header: &Header) -> Option<Self> {
        let fields = unsealed(bytes, &FOOTER_MAGIC, 56)?;
        let place = Place {
            volume: header.volume,
            offset: u64_at(fields, 48)?,
            region: header.region,
            len: u64_at(fields, 32)?,
            outboard_len: u32::from_le_bytes(fields[40..44].try_into().ok()?),
            tables_crc: u32::from_le_bytes(fields[44..48].try_into().ok()?),
        };
        let fits = place.offset == header.offset && place.len == header.len;
        let fits = fits && u64::from(place.outboard_len) <= outboard_bytes_max(place.len);
        fits.then_some(Footer { root: Root(fields[..32].try_into().ok()?), place })
    }
}

/// The parts in a row, followed by their CRC-32.
fn sealed(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = parts.concat();
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// The `len` bytes between magic and CRC-32, if both are right.
fn unsealed<'a>(bytes: &'a [u8], magic: &[u8; 8], len: usize) -> Option<&'a [u8]> {
    let body = bytes.get(..8 + len)?;
    let crc = u32::from_le_bytes(bytes.get(8 + len..12 + len)?.try_into().ok()?);
    (body.starts_with(magic) && crc32fast::hash(body) == crc).then(|| &body[8..])
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_footer_round_trip_and_bind_their_place() {
        let len = 100_000;
        let header = Header { volume: 3, offset: 8192, len, region: region_bytes(len) };
        let bytes: [u8; 64] = header.encode().try_into().unwrap();
        assert_eq!(Header::decode(&bytes, 3, 8192), Some(header));
        assert_eq!(Header::decode(&bytes, 3, 4096), None, "a header that was copied elsewhere");
        assert_eq!(Header::decode(&bytes, 4, 8192), None, "a header of another volume");
        let place =
            Place { volume: 3, offset: 8192, region: header.region, len, outboard_len: 384, tables_crc: 0x1234_5678 };
        let footer = Footer { root: Root([7; 32]), place };
        let bytes: [u8; 96] = footer.encode().try_into().unwrap();
        assert_eq!(Footer::decode(&bytes, &header), Some(footer));
        for at in 0..68 {
            let mut bytes = bytes;
            bytes[at] ^= 1;
            assert_eq!(Footer::decode(&bytes, &header), None, "flipped byte {at}");
        }
    }

    /// The layout is a promise to every disk that was ever written: these were computed by another program from the
    /// table at the top of this file.
    #[test]
    fn the_bytes_are_those_of_the_published_layout() {
        let header = Header { volume: 3, offset: 8192, len: 100_000, region: 102_400 };
        assert_eq!(header.region, region_bytes(header.len));
        assert_eq!(crc32fast::hash(&header.encode()), 0x8070_77e9);
        let Header { volume, offset, len, region } = header;
        let place = Place { volume, offset, region, len, outboard_len: 384, tables_crc: 0x1234_5678 };
        assert_eq!(crc32fast::hash(&Footer { root: Root([7; 32]), place }.encode()), 0x190a_55ad);
        assert_eq!(crc32fast::hash(&encode_head(3)), 0x0813_1530);
    }

    #[test]
    fn tables_never_reach_the_footer() {
        for len in [0, 1, 4000, GROUP_BYTES - 1, GROUP_BYTES, GROUP_BYTES + 1, 1 << 20, BLOB_BYTES_MAX] {
            let region = region_bytes(len);
            let place = Place { volume: 0, offset: 0, region, len, outboard_len: 0, tables_crc: 0 };
            let tables_end = place.sums_at() + 4 * groups(len) + outboard_bytes_max(len);
            assert!(tables_end <= place.footer_at(), "{len}");
            assert!(bitdust_proof::blob::Outboard::size(len) <= outboard_bytes_max(len), "{len}");
            assert_eq!(region % ALIGN, 0);
        }
    }
}
