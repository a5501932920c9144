//! A range of a blob with all that is needed to check it: what a read carries.
//!
//! The format is that of a Bao slice with groups of 16 KiB and no length in front: in pre-order, the pair of values of each
//! node above a wanted group, and the bytes of each wanted group. A range is widened to whole groups on both sides.

use std::{cell::RefCell, io, ops::Range};

use bao_tree::{
    BaoTree, BlockSize, ByteRanges, ChunkRanges,
    io::{
        BaoContentItem,
        outboard::PreOrderMemOutboard,
        round_up_to_chunks, round_up_to_chunks_groups,
        sync::{DecodeResponseIter, ReadAt, encode_ranges_validated},
    },
};

use bitdust_types::Root;

use super::{GROUP_BYTES, Outboard, group_count};
use crate::Invalid;

/// 2^4 chunks: [`GROUP_BYTES`].
const GROUP: BlockSize = BlockSize::from_chunk_log(4);

/// Most bytes that the encoding of `range` of a blob of `len` bytes can have: its groups and every pair on the way to them.
///
/// Of the nodes over `g` neighbouring groups at most `g` lie between groups, and at most two per level on the edges.
pub fn encoded_range_bytes_max(len: u64, range: &Range<u64>) -> u64 {
    let first = range.start / GROUP_BYTES;
    let groups = range.end.min(len).div_ceil(GROUP_BYTES).saturating_sub(first);
    let levels = u64::from(group_count(len).next_power_of_two().ilog2());
    // Saturating, since a foreign length may be anything up to 2^64 - 1.
    groups.saturating_mul(GROUP_BYTES + 64).saturating_add(2 * levels * 64)
}

/// Encodes a range of the blob behind `read(offset, buffer)`, which is called once for each group and its bytes checked.
///
/// # Errors
/// `InvalidInput` if the range is empty or not inside the blob, or `len` not the outboard's; `InvalidData` if what was read
/// is not what the root promised (a rotten disk or outboard); else what `read` gives.
pub fn encode_range(
    outboard: &Outboard,
    len: u64,
    range: Range<u64>,
    read: impl FnMut(u64, &mut [u8]) -> io::Result<()>,
) -> io::Result<Vec<u8>> {
    check_range(len, &range).map_err(|invalid| io::Error::new(io::ErrorKind::InvalidInput, invalid.to_string()))?;
    if len != outboard.blob_bytes() {
        let why = format!("a blob of {len} bytes; the outboard is for {} bytes", outboard.blob_bytes());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let tree = PreOrderMemOutboard {
        root: blake3::Hash::from_bytes(outboard.root().0),
        tree: BaoTree::new(len, GROUP),
        data: outboard.as_bytes(),
    };
    let mut encoded = Vec::with_capacity(encoded_range_bytes_max(len, &range) as usize);
    encode_ranges_validated(Reader { len, read: RefCell::new(read) }, tree, &groups_of(&range), &mut encoded)?;
    Ok(encoded)
}

/// The bytes of `range` out of an encoding that someone sent, every group of it held against the root.
///
/// `len` is the blob's length, known with the same authority as its root. Memory: twice the range, widened to groups.
pub fn decode_range(root: Root, len: u64, range: Range<u64>, encoded: &[u8]) -> Result<Vec<u8>, Invalid> {
    check_range(len, &range)?;
    let max = encoded_range_bytes_max(len, &range);
    if encoded.len() as u64 > max {
        return Err(Invalid::TooLarge { what: "range encoding", got: encoded.len() as u64, max });
    }
    let mut rest = encoded;
    let mut out = Vec::with_capacity((range.end - range.start).min(encoded.len() as u64) as usize);
    let groups = groups_of(&range);
    let tree = BaoTree::new(len, GROUP);
    for item in DecodeResponseIter::new(blake3::Hash::from_bytes(root.0), tree, &mut rest, &groups) {
        let item = item.map_err(|error| wrong(root, &range, error))?;
        if let BaoContentItem::Leaf(leaf) = item {
            let end = leaf.offset + leaf.data.len() as u64;
            let from = range.start.clamp(leaf.offset, end) - leaf.offset;
            let to = range.end.clamp(leaf.offset, end) - leaf.offset;
            out.extend_from_slice(&leaf.data[from as usize..to as usize]);
        }
    }
    if !rest.is_empty() {
        return Err(Invalid::Encoding { what: "range", why: format!("{} bytes follow its end", rest.len()) });
    }
    assert_eq!(out.len() as u64, range.end - range.start, "a verified range is whole");
    Ok(out)
}

fn check_range(len: u64, range: &Range<u64>) -> Result<(), Invalid> {
    if range.start >= range.end || range.end > len {
        return Err(Invalid::Range { start: range.start, end: range.end, len });
    }
    Ok(())
}

fn groups_of(range: &Range<u64>) -> ChunkRanges {
    round_up_to_chunks_groups(round_up_to_chunks(&ByteRanges::from(range.clone())), GROUP)
}

fn wrong(root: Root, range: &Range<u64>, error: bao_tree::io::DecodeError) -> Invalid {
    use bao_tree::io::DecodeError::{Io, LeafHashMismatch, LeafNotFound, ParentHashMismatch, ParentNotFound};
    match error {
        ParentHashMismatch(_) => Invalid::Blob { root, offset: range.start },
        LeafHashMismatch(chunk) => Invalid::Blob { root, offset: chunk.to_bytes() },
        ParentNotFound(_) | LeafNotFound(_) => Invalid::Encoding { what: "range", why: "it ends too early".into() },
        Io(error) => Invalid::Encoding { what: "range", why: error.to_string() },
    }
}

/// A `FnMut` reader behind bao-tree's trait, which takes `&self`.
struct Reader<F> {
    len: u64,
    read: RefCell<F>,
}

impl<F: FnMut(u64, &mut [u8]) -> io::Result<()>> ReadAt for Reader<F> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.len.saturating_sub(offset).min(buffer.len() as u64) as usize;
        if bytes > 0 {
            (self.read.borrow_mut())(offset, &mut buffer[..bytes])?;
        }
        Ok(bytes)
    }
}
