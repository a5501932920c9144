//! Writes the blocks of an archive: a header before each file, zeros after it, and the end mark.

use super::{BLOCK, checksum, field};
use crate::objects::ObjectPath;

/// Two blocks of zeros end an archive.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The largest size that eleven octal digits tell: 8 GiB - 1.
const OCTAL_SIZE_MAX: u64 = (1 << 33) - 1;

/// What stands before a file's bytes. A path or size that a plain header can't hold gets a pax header before it.
pub fn header(path: &ObjectPath, bytes: u64, modified_ms: u64) -> Vec<u8> {
    let mut records = Vec::new();
    let name = path.as_str().as_bytes();
    if name.len() > field::NAME.len() {
        records.extend(record("path", path.as_str()));
    }
    if bytes > OCTAL_SIZE_MAX {
        records.extend(record("size", &bytes.to_string()));
    }
    if !modified_ms.is_multiple_of(1000) {
        records.extend(record("mtime", &format!("{}.{:03}", modified_ms / 1000, modified_ms % 1000)));
    }
    let mut out = Vec::new();
    if !records.is_empty() {
        out.extend_from_slice(&block(b'x', b"pax", records.len() as u64, modified_ms / 1000));
        let fill = padding(records.len() as u64);
        out.append(&mut records);
        out.extend_from_slice(fill);
    }
    out.extend_from_slice(&block(b'0', name, bytes.min(OCTAL_SIZE_MAX), modified_ms / 1000));
    out
}

/// The zeros after a file of so many bytes.
pub fn padding(bytes: u64) -> &'static [u8] {
    // Less than a block, so it fits.
    &END[..super::padding(bytes) as usize]
}

fn block(kind: u8, name: &[u8], bytes: u64, modified_s: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let cut = &name[..name.len().min(field::NAME.len())];
    block[..cut.len()].copy_from_slice(cut);
    // Mode rw-r--r--, owner and group 0.
    block[100..107].copy_from_slice(b"0000644");
    block[108..115].copy_from_slice(b"0000000");
    block[116..123].copy_from_slice(b"0000000");
    block[124..135].copy_from_slice(format!("{bytes:011o}").as_bytes());
    block[136..147].copy_from_slice(format!("{:011o}", modified_s.min(OCTAL_SIZE_MAX)).as_bytes());
    block[field::TYPE] = kind;
    block[field::MAGIC].copy_from_slice(b"ustar\x0000");
    // 512 × 255 needs six octal digits at most.
    let sum = format!("{:06o}\0 ", checksum(&block));
    block[field::CHECKSUM].copy_from_slice(sum.as_bytes());
    block
}

/// `length key=value\n`, the length counting its own digits.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while length.to_string().len() + rest.len() != length {
        length = length.to_string().len() + rest.len();
    }
    format!("{length}{rest}").into_bytes()
}
