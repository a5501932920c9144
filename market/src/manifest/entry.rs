//! The entries of both manifests and their bounds.
//!
//! Every decoder here goes through `check`, since borsh alone holds no bound but the input's length.

use std::{collections::BTreeSet, fmt};

use bitdust_types::{
    Layout, Root, SlabId,
    layout::{SLAB_PLAIN_BYTES, ciphertext_bytes},
    limits::PATH_BYTES_MAX,
};
use borsh::{BorshDeserialize, BorshSerialize};
use zeroize::Zeroize;

use super::Invalid;
use crate::codec::{self, MaskKey, RepairRoot, SealKey, SlabShape};

/// Pairs of free metadata of one file.
pub const METADATA_PAIRS_MAX: usize = 64;
/// Bytes of one metadata key or value: a description of about two pages.
pub const METADATA_BYTES_MAX: usize = 8 * 1024;
/// Entries of one kind in one delta or snapshot: 2^20 files of 200 bytes already exceed the largest revision blob.
pub const ENTRIES_MAX: usize = 1 << 20;

/// A key that opens data. It is wiped when dropped and never printed.
#[derive(Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, zeroize::ZeroizeOnDrop)]
pub struct SecretKey(pub [u8; 32]);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl From<[u8; 32]> for SecretKey {
    fn from(mut bytes: [u8; 32]) -> Self {
        let key = SecretKey(bytes);
        bytes.zeroize();
        key
    }
}

/// A slab as its owner knows it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SlabEntry {
    /// Drawn at random.
    pub id: SlabId,
    /// `K_o`: the key that seals the slab's units.
    pub key: SecretKey,
    /// First 19 bytes of each unit's nonce.
    pub salt: [u8; 19],
    /// Plaintext bytes.
    pub plain_bytes: u64,
    /// BLAKE3 of the plaintext: the same bytes put again need no second slab.
    pub plain_hash: Root,
    /// Data shards and shards in all.
    pub layout: Layout,
    /// BLAKE3 of the ciphertext; `K_r` is derived from it.
    pub ciphertext: Root,
    /// BLAKE3 roots of the n masked shards.
    pub roots: Vec<Root>,
}

impl SlabEntry {
    /// Ciphertext bytes.
    pub fn ciphertext_bytes(&self) -> u64 {
        ciphertext_bytes(self.plain_bytes)
    }

    /// Bytes of each shard.
    pub fn shard_bytes(&self) -> u64 {
        self.layout.shard_bytes(self.ciphertext_bytes())
    }

    /// Its lengths.
    pub fn shape(&self) -> Result<SlabShape, codec::Invalid> {
        SlabShape::new(self.layout, self.plain_bytes)
    }

    /// What opens its units.
    pub fn seal_key(&self) -> SealKey {
        SealKey::new(self.key.0, self.salt)
    }

    /// What unmasks its shards.
    pub fn mask_key(&self, repair_root: &SecretKey) -> Result<MaskKey, codec::Invalid> {
        Ok(MaskKey::derive(&RepairRoot::new(repair_root.0), self.id, self.shape()?, self.ciphertext))
    }

    /// What the repair manifest says of it.
    pub fn for_repair(&self) -> RepairSlab {
        RepairSlab {
            id: self.id,
            layout: self.layout,
            ciphertext_bytes: self.ciphertext_bytes(),
            ciphertext: self.ciphertext,
            roots: self.roots.clone(),
        }
    }

    /// Bounds and agreement of the fields.
    pub fn check(&self) -> Result<(), Invalid> {
        check_layout(self.layout, &self.roots)?;
        if self.plain_bytes == 0 || self.plain_bytes > SLAB_PLAIN_BYTES {
            return Err(field("slab length", format!("{} is not within 1..={SLAB_PLAIN_BYTES}", self.plain_bytes)));
        }
        Ok(())
    }
}

/// A slab as a scrubber may know it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RepairSlab {
    /// The slab.
    pub id: SlabId,
    /// Data shards and shards in all.
    pub layout: Layout,
    /// Ciphertext bytes; the shard's length follows from it.
    pub ciphertext_bytes: u64,
    /// BLAKE3 of the ciphertext.
    pub ciphertext: Root,
    /// BLAKE3 roots of the n masked shards.
    pub roots: Vec<Root>,
}

/// A piece of a file: bytes `offset..offset + len` of a slab's plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Segment {
    /// The slab.
    pub slab: SlabId,
    /// First byte within the slab's plaintext.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct FileEntry {
    /// Path inside the dataset: `/`-separated, relative, without `.` and `..`.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// Last change, in milliseconds since 1970 UTC, as the owner's machine said.
    pub modified_ms: u64,
    /// Title, description, keywords, content type, ...
    pub metadata: Vec<(String, String)>,
    /// The content, in order.
    pub segments: Vec<Segment>,
}

impl FileEntry {
    /// Bounds and agreement of the fields.
    pub fn check(&self) -> Result<(), Invalid> {
        check_path(&self.path)?;
        if self.metadata.len() > METADATA_PAIRS_MAX {
            let reason = format!("{} has {} pairs, at most {METADATA_PAIRS_MAX} fit", self.path, self.metadata.len());
            return Err(field("metadata", reason));
        }
        if self.metadata.iter().any(|(key, value)| key.len().max(value.len()) > METADATA_BYTES_MAX) {
            return Err(field(
                "metadata",
                format!("a key or value of {} exceeds {METADATA_BYTES_MAX} bytes", self.path),
            ));
        }
        let mut total: u64 = 0;
        for segment in &self.segments {
            let fits =
                segment.len > 0 && segment.offset.checked_add(segment.len).is_some_and(|end| end <= SLAB_PLAIN_BYTES);
            if !fits {
                return Err(field("segment", format!("of {} lies outside of any slab", self.path)));
            }
            total = total.saturating_add(segment.len);
        }
        if total != self.bytes {
            return Err(field("segments", format!("of {} hold {total} bytes, but it has {}", self.path, self.bytes)));
        }
        Ok(())
    }
}

/// Whether a text may name a file: not empty, at most [`PATH_BYTES_MAX`] bytes, no control characters, no empty, `.` or
/// `..` part, so that it can be restored under any directory without leaving it.
pub fn check_path(path: &str) -> Result<(), Invalid> {
    let shown: String = path.chars().take(80).collect();
    let fail = |reason: &str| Err(field("path", format!("'{shown}' {reason}")));
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return fail(&format!("has {} bytes; 1 to {PATH_BYTES_MAX} are allowed", path.len()));
    }
    if path.chars().any(char::is_control) || path.contains('\\') {
        return fail("contains a control character or a backslash");
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return fail("must be relative, with no empty part, no '.' and no '..'");
    }
    Ok(())
}

/// What one revision changes, before it is split into the two manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// New and replaced files.
    pub files: Vec<FileEntry>,
    /// Paths that are gone.
    pub tombstones: Vec<String>,
    /// New slabs, in the order of the slots' lists.
    pub slabs: Vec<SlabEntry>,
    /// Slabs that fall out of the lists.
    pub dropped: Vec<SlabId>,
}

impl Change {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.tombstones.is_empty() && self.slabs.is_empty() && self.dropped.is_empty()
    }
}

/// One revision of the owner manifest. In a snapshot it holds all there is, and no tombstones or dropped slabs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OwnerDelta {
    /// The dataset's random repair root, from which each slab's `K_r` is derived.
    pub repair_root: SecretKey,
    /// New slabs.
    pub slabs: Vec<SlabEntry>,
    /// Slabs dropped from the lists.
    pub dropped: Vec<SlabId>,
    /// New and replaced files.
    pub files: Vec<FileEntry>,
    /// Paths that are gone.
    pub tombstones: Vec<String>,
}

/// One revision of the repair manifest.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RepairDelta {
    /// The dataset's random repair root.
    pub repair_root: SecretKey,
    /// New slabs.
    pub slabs: Vec<RepairSlab>,
    /// Slabs dropped from the lists.
    pub dropped: Vec<SlabId>,
}

impl OwnerDelta {
    /// Reads a delta and checks its bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        let delta: OwnerDelta = borsh::from_slice(bytes).map_err(|error| not("owner manifest", &error))?;
        let counts = [delta.slabs.len(), delta.dropped.len(), delta.files.len(), delta.tombstones.len()];
        if counts.into_iter().any(|count| count > ENTRIES_MAX) {
            return Err(field("owner manifest", format!("has more than {ENTRIES_MAX} entries of one kind")));
        }
        delta.slabs.iter().try_for_each(SlabEntry::check)?;
        delta.files.iter().try_for_each(FileEntry::check)?;
        delta.tombstones.iter().try_for_each(|path| check_path(path))?;
        let paths: BTreeSet<&str> = delta.files.iter().map(|file| file.path.as_str()).collect();
        if paths.len() != delta.files.len() {
            return Err(field("owner manifest", "names one path twice".to_owned()));
        }
        Ok(delta)
    }
}

impl RepairDelta {
    /// Reads a delta and checks its bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        let delta: RepairDelta = borsh::from_slice(bytes).map_err(|error| not("repair manifest", &error))?;
        if delta.slabs.len().max(delta.dropped.len()) > ENTRIES_MAX {
            return Err(field("repair manifest", format!("has more than {ENTRIES_MAX} entries of one kind")));
        }
        delta.slabs.iter().try_for_each(|slab| check_layout(slab.layout, &slab.roots))?;
        Ok(delta)
    }
}

/// The decoder of a layout doesn't check it, and its roots must be as many as its shards.
fn check_layout(layout: Layout, roots: &[Root]) -> Result<(), Invalid> {
    Layout::new(layout.k(), layout.n()).map_err(|error| field("layout", error.to_string()))?;
    if roots.len() != usize::from(layout.n()) {
        return Err(field("shard roots", format!("{} were given for {} shards", roots.len(), layout.n())));
    }
    Ok(())
}

fn field(what: &'static str, reason: String) -> Invalid {
    Invalid::Field { what, reason }
}

fn not(what: &'static str, error: &std::io::Error) -> Invalid {
    Invalid::Bytes { what, reason: error.to_string() }
}
