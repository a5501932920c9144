//! A dataset's manifest with one revision after another.

use std::sync::LazyLock;

use bitdust_market::manifest::{
    FileEntry, OwnerDelta, RepairDelta, Segment, SlabEntry, entry::SecretKey, seal::ManifestKeys,
};
use bitdust_types::{DatasetId, Layout, Root, SlabId};

/// The dataset.
pub const DATASET: DatasetId = DatasetId([7; 32]);
const N: u8 = 3;

/// What opens its manifests.
pub static KEYS: LazyLock<ManifestKeys> = LazyLock::new(|| ManifestKeys::derive(&[5; 32], DATASET));

fn slab(number: u8) -> SlabEntry {
    SlabEntry {
        id: SlabId([number; 32]),
        key: SecretKey::from([number; 32]),
        salt: [3; 19],
        plain_bytes: 1000,
        plain_hash: Root([number; 32]),
        layout: Layout::new(2, N).expect("k <= n"),
        ciphertext: Root([9; 32]),
        roots: (0..N).map(|slot| Root([number ^ slot; 32])).collect(),
    }
}

fn file(path: &str, slab: u8) -> FileEntry {
    let segment = |offset, len| Segment { slab: SlabId([slab; 32]), offset, len };
    FileEntry {
        path: path.to_owned(),
        bytes: 300,
        sha256: [1; 32],
        modified_ms: 5,
        metadata: vec![("type".to_owned(), "text/plain".to_owned())],
        segments: vec![segment(0, 100), segment(700, 200)],
    }
}

/// What revision `number` (from 1) says: each adds a slab with a file, and the third takes the first back.
pub fn owner_delta(number: u8) -> OwnerDelta {
    let third = number == 3;
    OwnerDelta {
        repair_root: SecretKey::from([8; 32]),
        slabs: vec![slab(number)],
        dropped: if third { vec![SlabId([1; 32])] } else { Vec::new() },
        files: vec![file(&format!("a/file-{number}"), number)],
        tombstones: if third { vec!["a/file-1".to_owned()] } else { Vec::new() },
    }
}

/// The same for who repairs.
pub fn repair_delta(number: u8) -> RepairDelta {
    let owner = owner_delta(number);
    RepairDelta {
        repair_root: owner.repair_root,
        slabs: owner.slabs.iter().map(SlabEntry::for_repair).collect(),
        dropped: owner.dropped,
    }
}
