//! Copies of what all else hangs on, on this machine's disk: worlds' definitions, and locations' manifests and bases.
//!
//! The fault: a creator lets the term of a definition's dataset run out, and every place in that world can't be shown any more,
//! though its owner pays for it; or a writer of a location's dataset destroys its version, and its owner's node, which has just
//! started, doesn't have it either. So what was read once is kept here, for as long as there is room.
//!
//! **Invariant:** a definition from here makes the world's id; what the id doesn't cover (rules, textures) is as its dataset had
//! it when it was read. A part of a version has the hash that it was asked for by.
//! **Invariant:** bounded: [`DEFINITIONS_BYTES_MAX`] and [`VERSIONS_BYTES_MAX`] of the disk; the least recently used go first.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use bitdust_proof::blob;
use bitdust_types::{B256, DatasetId, Root};
use bitdust_world::{content::limits::WORLD_BYTES_MAX, location::BASE_BYTES_MAX};
use borsh::{BorshDeserialize, BorshSerialize};

use super::{Worlds, cache::Cache};

/// 16 definitions of the longest, or thousands of the usual kind.
pub const DEFINITIONS_BYTES_MAX: u64 = 64 << 20;
/// Manifests are 20 KiB, bases mostly less than 100 KiB: more than a thousand versions.
pub const VERSIONS_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a definition with what is noted beside it.
const DEFINITION_BYTES_MAX: usize = WORLD_BYTES_MAX + 64;

/// A definition as it was read.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Definition {
    dataset: [u8; 32],
    /// The dataset's revision.
    pub revision: u64,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
}

impl Definition {
    /// Read from a dataset at a revision.
    pub fn new(dataset: DatasetId, revision: u64, bytes: Vec<u8>) -> Self {
        Definition { dataset: dataset.0, revision, bytes }
    }

    /// Whether it is what the dataset holds at a revision.
    pub fn is_of(&self, dataset: DatasetId, revision: u64) -> bool {
        (self.dataset, self.revision) == (dataset.0, revision)
    }
}

/// See the module's head.
pub struct Copies {
    definitions: Cache,
    versions: Cache,
}

impl Copies {
    /// Opens the two directories in `dir`. Blocks on the disk.
    pub fn open(dir: &Path) -> Result<Self> {
        let definitions = Cache::of_files(&dir.join("definitions"), DEFINITIONS_BYTES_MAX, DEFINITION_BYTES_MAX);
        let versions = Cache::of_files(&dir.join("versions"), VERSIONS_BYTES_MAX, BASE_BYTES_MAX as usize);
        let what = "opening the copies of definitions and versions";
        Ok(Copies { definitions: definitions.context(what)?, versions: versions.context(what)? })
    }

    /// A world's definition as it was read last. Blocks on the disk.
    pub fn definition(&self, world: B256) -> Option<Definition> {
        let name = Root(world.0);
        let kept = borsh::from_slice(&self.definitions.get(name)?);
        if kept.is_err() {
            self.definitions.forget(name);
        }
        kept.ok()
    }

    /// Keeps a world's definition instead of the one before. Blocks on the disk.
    pub fn keep_definition(&self, world: B256, definition: &Definition) {
        let bytes = borsh::to_vec(definition).expect("a vector takes any bytes");
        self.definitions.forget(Root(world.0));
        self.definitions.put(Root(world.0), &bytes);
    }

    /// A part of a version by its hash. Blocks on the disk.
    pub fn part(&self, hash: Root) -> Option<Vec<u8>> {
        let bytes = self.versions.get(hash)?;
        if blob::root(&bytes) != hash {
            tracing::warn!(%hash, "a part of a version is damaged on this disk; it is fetched anew");
            self.versions.forget(hash);
            return None;
        }
        Some(bytes)
    }

    /// Keeps a part of a version. Blocks on the disk.
    pub fn keep_part(&self, hash: Root, bytes: &[u8]) {
        self.versions.put(hash, bytes);
    }
}

impl Worlds {
    /// This machine's copy of a part of a version.
    pub(super) async fn copy_of(&self, hash: Root) -> Option<Vec<u8>> {
        let copies = self.copies.clone();
        self.workers.run(move || copies.part(hash)).await.flatten()
    }

    /// Keeps a part of a version.
    pub(super) async fn keep_copy(&self, hash: Root, bytes: Vec<u8>) {
        let copies: Arc<Copies> = self.copies.clone();
        self.workers.run(move || copies.keep_part(hash, &bytes)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_survive_a_restart_and_are_held_against_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let (world, dataset) = (B256::repeat_byte(3), DatasetId([4; 32]));
        let part = vec![5; 30_000];
        let hash = blob::root(&part);
        let first = Definition::new(dataset, 7, vec![1; 100]);
        let second = Definition::new(dataset, 8, vec![2; 90]);
        {
            let copies = Copies::open(dir.path()).unwrap();
            copies.keep_definition(world, &first);
            copies.keep_definition(world, &second);
            copies.keep_part(hash, &part);
        }
        let copies = Copies::open(dir.path()).unwrap();
        assert_eq!(copies.definition(world), Some(second.clone()));
        assert!(second.is_of(dataset, 8) && !second.is_of(dataset, 9) && !second.is_of(DatasetId([5; 32]), 8));
        assert_eq!((copies.part(hash), copies.part(Root([9; 32]))), (Some(part.clone()), None));

        // A disk that brings back something else, or half of it.
        let name = hex::encode(hash.0);
        std::fs::write(dir.path().join("versions").join(&name[..2]).join(&name), &part[..20_000]).unwrap();
        let name = hex::encode(world);
        std::fs::write(dir.path().join("definitions").join(&name[..2]).join(&name), [0; 20]).unwrap();
        assert_eq!((copies.part(hash), copies.definition(world)), (None, None));
        copies.keep_part(hash, &part);
        assert_eq!(copies.part(hash), Some(part), "it is kept anew");
        copies.keep_part(Root([1; 32]), &vec![0; BASE_BYTES_MAX as usize + 1]);
        assert_eq!(copies.part(Root([1; 32])), None, "longer than any part");
    }
}
