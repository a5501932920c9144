//! Manifests replayed from their deltas equal a naive map; every form decodes to what was encoded.

use std::collections::{BTreeMap, BTreeSet};

use bitdust_types::{DatasetId, Layout, Root, SlabId, layout::SLAB_PLAIN_BYTES};
use proptest::{collection::vec, prelude::*};
use rand::{SeedableRng as _, rngs::StdRng};

use super::{entry::SecretKey, seal::ManifestKeys, *};
use crate::{customer::Revision, supplier::book::sum_tree, wire::BlobRef};

const DATASET: DatasetId = DatasetId([7; 32]);
const SLOTS: u16 = 3;

fn keys() -> ManifestKeys {
    ManifestKeys::derive(&[5; 32], DATASET)
}

/// A slab whose roots follow from its number.
fn slab(number: u16, plain_bytes: u64) -> SlabEntry {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    SlabEntry {
        id: SlabId(id),
        key: SecretKey::from([number as u8; 32]),
        salt: [3; 19],
        plain_bytes,
        plain_hash: Root(id),
        layout: Layout::new(2, SLOTS as u8).unwrap(),
        ciphertext: Root([9; 32]),
        roots: (0..SLOTS)
            .map(|slot| Root([number as u8, (number >> 8) as u8, slot as u8].repeat(11)[..32].try_into().unwrap()))
            .collect(),
    }
}

fn file(path: &str, segments: Vec<Segment>) -> FileEntry {
    FileEntry {
        path: path.to_owned(),
        bytes: segments.iter().map(|segment| segment.len).sum(),
        sha256: [1; 32],
        modified_ms: 5,
        metadata: vec![("type".to_owned(), "text/plain".to_owned())],
        segments,
    }
}

fn empty() -> Manifest {
    Manifest::new(DATASET, SecretKey::from([8; 32]))
}

/// What a random owner does next.
#[derive(Clone, Debug)]
enum Step {
    /// A slab with files in it: `(name, length)`.
    Put(Vec<(u8, u16)>),
    Remove(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let put = vec((0u8..12, 1u16..400), 1..4).prop_map(Step::Put);
    vec(prop_oneof![3 => put, 2 => (0u8..12).prop_map(Step::Remove)], 1..80)
}

/// Turns a step into a change of this manifest; slabs that nobody uses any more are dropped.
fn change(manifest: &Manifest, step: &Step, next_slab: &mut u16) -> Change {
    let mut change = Change::default();
    match step {
        Step::Remove(name) => {
            let path = format!("d/{name}");
            if manifest.file(&path).is_some() {
                change.tombstones.push(path);
            }
        }
        Step::Put(files) => {
            let total: u64 = files.iter().map(|(_, len)| u64::from(*len)).sum();
            let slab = slab(*next_slab, total);
            *next_slab += 1;
            let (mut offset, mut seen) = (0, BTreeMap::new());
            for (name, len) in files {
                let len = u64::from(*len);
                seen.insert(format!("d/{name}"), Segment { slab: slab.id, offset, len });
                offset += len;
            }
            change.files = seen.into_iter().map(|(path, segment)| file(&path, vec![segment])).collect();
            change.slabs = vec![slab];
        }
    }
    let after = manifest.with_change(&change, false).unwrap();
    change.dropped = after.unused_slabs(&change.slabs.iter().map(|slab| slab.id).collect());
    change
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The manifest that comes back from the newest blob alone is the one that the owner had, file by file and list by
    /// list, and the lists are what the naive model says.
    #[test]
    fn replay_gives_back_what_was_written(steps in steps(), seed in any::<u64>()) {
        let mut rng = StdRng::seed_from_u64(seed);
        let (keys, mut manifest, mut next_slab) = (keys(), empty(), 0);
        let mut blobs: BTreeMap<Root, Vec<u8>> = BTreeMap::new();
        let mut model: BTreeMap<String, Vec<Segment>> = BTreeMap::new();
        let mut lists: Vec<Vec<BlobRef>> = vec![Vec::new(); usize::from(SLOTS)];
        for step in &steps {
            let change = change(&manifest, step, &mut next_slab);
            change.tombstones.iter().for_each(|path| drop(model.remove(path)));
            change.files.iter().for_each(|file| drop(model.insert(file.path.clone(), file.segments.clone())));
            let dropped: BTreeSet<Root> = change.dropped.iter().flat_map(|id| manifest.slab(id).unwrap().roots.clone()).collect();
            let snapshot = manifest.snapshot_due();
            let revision = Revision::assemble(&manifest, &change, SLOTS, &keys.public(), &mut rng).unwrap();
            for (slot, list) in lists.iter_mut().enumerate() {
                let goes = |root: &Root| dropped.contains(root) || snapshot && blobs.contains_key(root);
                list.retain(|blob| !goes(&blob.root));
                list.extend(change.slabs.iter().map(|slab| BlobRef { root: slab.roots[slot], len: slab.shard_bytes() }));
                list.push(revision.blob);
                prop_assert_eq!(&revision.manifest.slot_list(slot as u16), &*list);
                let tree = sum_tree(list).unwrap();
                prop_assert_eq!((tree.root(), tree.total()), (revision.targets[slot].root, revision.targets[slot].bytes));
            }
            blobs.insert(revision.blob.root, revision.blob_bytes.clone());
            manifest = revision.manifest;
        }
        let mut replay = Replay::new(DATASET, manifest.number(), manifest.head().unwrap().root);
        let mut fetched = 0;
        while let Some(root) = replay.wanted() {
            replay.feed(&blobs[&root]).unwrap();
            fetched += 1;
        }
        prop_assert!(fetched <= SNAPSHOT_EVERY, "{} blobs were needed", fetched);
        let restored = replay.finish(&keys).unwrap();
        prop_assert_eq!(&restored, &manifest);
        let found: BTreeMap<String, Vec<Segment>> =
            restored.files().map(|file| (file.path.clone(), file.segments.clone())).collect();
        prop_assert_eq!(found, model);
    }

    #[test]
    fn garbage_is_no_manifest(bytes in vec(any::<u8>(), 0..500)) {
        prop_assert!(RevisionBlob::decode(&bytes).is_err());
        if let Ok(delta) = OwnerDelta::decode(&bytes) {
            prop_assert_eq!(borsh::to_vec(&delta).unwrap(), bytes.clone());
        }
        if let Ok(delta) = RepairDelta::decode(&bytes) {
            prop_assert_eq!(borsh::to_vec(&delta).unwrap(), bytes);
        }
    }

    #[test]
    fn revision_blobs_come_back(number in 1u64.., prev in any::<[u8; 32]>(), snapshot: bool, owner in vec(any::<u8>(), 0..99), repair in vec(any::<u8>(), 0..99)) {
        prop_assume!(prev != [0; 32]);
        let prev = if number == 1 { Root([0; 32]) } else { Root(prev) };
        let blob = RevisionBlob { dataset: DATASET, number, prev, snapshot, owner, repair };
        prop_assert_eq!(RevisionBlob::decode(&blob.encode().unwrap()).unwrap(), blob);
    }

    #[test]
    fn deltas_come_back(numbers in vec(any::<u16>(), 0..5), names in vec("[a-z]{1,9}", 0..5)) {
        let slabs: Vec<SlabEntry> = numbers.iter().map(|number| slab(*number, 1 + u64::from(*number))).collect();
        let names: BTreeSet<String> = names.into_iter().collect();
        let files = names.iter().map(|name| file(name, vec![Segment { slab: SlabId([1; 32]), offset: 3, len: 4 }])).collect();
        let dropped: Vec<SlabId> = slabs.iter().map(|slab| slab.id).collect();
        let repair = RepairDelta {
            repair_root: SecretKey::from([2; 32]),
            slabs: slabs.iter().map(SlabEntry::for_repair).collect(),
            dropped: dropped.clone(),
        };
        let owner = OwnerDelta {
            repair_root: SecretKey::from([2; 32]),
            slabs,
            dropped,
            files,
            tombstones: vec!["gone/file".to_owned()],
        };
        prop_assert_eq!(OwnerDelta::decode(&borsh::to_vec(&owner).unwrap()).unwrap(), owner);
        prop_assert_eq!(RepairDelta::decode(&borsh::to_vec(&repair).unwrap()).unwrap(), repair);
    }

    /// Live and dead bytes are what a byte-by-byte count says.
    #[test]
    fn usage_counts_every_byte_once(spans in vec((0u64..200, 1u64..60), 0..12)) {
        let slab = slab(1, 260);
        let files: Vec<FileEntry> = spans
            .iter()
            .enumerate()
            .map(|(index, (offset, len))| file(&index.to_string(), vec![Segment { slab: slab.id, offset: *offset, len: *len }]))
            .collect();
        let used = (0..260).filter(|at| spans.iter().any(|(offset, len)| (*offset..offset + len).contains(at))).count();
        let id = slab.id;
        let manifest = empty().with_change(&Change { files, slabs: vec![slab], ..Change::default() }, false).unwrap();
        let usage = manifest.usage()[&id];
        prop_assert_eq!((usage.live_bytes, usage.dead_bytes), (used as u64, 260 - used as u64));
    }

    /// A range of a file is cut into exactly the segments that hold it.
    #[test]
    fn ranges_cover_exactly(lens in vec(1u64..50, 1..8), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let total: u64 = lens.iter().sum();
        let slabs: Vec<SlabEntry> = (0..lens.len()).map(|number| slab(number as u16, 100)).collect();
        let segments: Vec<Segment> =
            lens.iter().zip(&slabs).map(|(len, slab)| Segment { slab: slab.id, offset: 7, len: *len }).collect();
        let entry = file("f", segments.clone());
        let change = Change { files: vec![entry.clone()], slabs, ..Change::default() };
        let manifest = empty().with_change(&change, false).unwrap();
        let (x, y) = (a.index(total as usize + 1) as u64, b.index(total as usize + 1) as u64);
        let (start, end) = (x.min(y), x.max(y));
        let bytes = |segments: &[Segment]| -> Vec<(SlabId, u64)> {
            segments.iter().flat_map(|segment| (0..segment.len).map(|at| (segment.slab, segment.offset + at))).collect()
        };
        let whole = bytes(&segments);
        let cut = manifest.segments(&entry, start, end);
        prop_assert!(cut.iter().all(|segment| segment.len > 0));
        prop_assert_eq!(bytes(&cut), whole[start as usize..end as usize].to_vec());
    }
}

#[test]
fn each_key_opens_its_own_manifest_only() {
    let mut rng = StdRng::seed_from_u64(1);
    let change = Change { slabs: vec![slab(1, 10)], ..Change::default() };
    let revision = Revision::assemble(&empty(), &change, SLOTS, &keys().public(), &mut rng).unwrap();
    let blob = RevisionBlob::decode(&revision.blob_bytes).unwrap();
    let repair = RepairDelta::decode(&keys().open_repair(&blob.repair).unwrap()).unwrap();
    assert_eq!(repair.slabs[0], change.slabs[0].for_repair());
    assert!(keys().open_repair(&blob.owner).is_err());
    assert!(keys().open_owner(&blob.repair).is_err());
    let stranger = ManifestKeys::derive(&[6; 32], DATASET);
    assert_eq!(stranger.open_owner(&blob.owner), Err(Invalid::Seal("owner")));
    let elsewhere = ManifestKeys::derive(&[5; 32], DatasetId([8; 32]));
    assert_eq!(elsewhere.open_repair(&blob.repair), Err(Invalid::Seal("repair")));
    let mut torn = blob.owner.clone();
    torn[40] ^= 1;
    assert!(keys().open_owner(&torn).is_err());
}

#[test]
fn a_broken_chain_is_refused() {
    let mut rng = StdRng::seed_from_u64(2);
    let (mut manifest, mut blobs) = (empty(), Vec::new());
    for number in 0..3 {
        let change = Change { slabs: vec![slab(number, 10)], ..Change::default() };
        let revision = Revision::assemble(&manifest, &change, SLOTS, &keys().public(), &mut rng).unwrap();
        blobs.push(revision.blob_bytes.clone());
        manifest = revision.manifest;
    }
    let head = manifest.head().unwrap().root;
    let begin = || Replay::new(DATASET, 3, head);
    assert!(matches!(begin().feed(&blobs[1]), Err(Invalid::Chain { .. })), "an older revision");
    assert!(matches!(Replay::new(DATASET, 4, head).feed(&blobs[2]), Err(Invalid::Chain { .. })), "a newer number");
    let other = DatasetId([1; 32]);
    assert!(matches!(Replay::new(other, 3, head).feed(&blobs[2]), Err(Invalid::Dataset { .. })));
    let mut replay = begin();
    replay.feed(&blobs[2]).unwrap();
    assert!(matches!(replay.finish(&keys()), Err(Invalid::Chain { .. })), "an unfinished walk");
    let mut endless = RevisionBlob::decode(&blobs[2]).unwrap();
    (endless.snapshot, endless.number) = (false, 1000);
    let mut replay = Replay::new(DATASET, 1000, head);
    for _ in 0..SNAPSHOT_EVERY {
        replay.feed(&endless.encode().unwrap()).unwrap();
        endless.number -= 1;
    }
    assert!(matches!(replay.feed(&endless.encode().unwrap()), Err(Invalid::Chain { .. })), "no snapshot in sight");
}

#[test]
fn paths_that_could_leave_a_directory_are_refused() {
    for path in ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "a\\b", "a\0b", "a\nb", &"x".repeat(4097)] {
        assert!(entry::check_path(path).is_err(), "{path:?}");
    }
    for path in ["a", "a/b", "ä/ö.txt", "...", ".hidden", &"x".repeat(4096)] {
        entry::check_path(path).unwrap();
    }
}

#[test]
fn entries_that_contradict_themselves_are_refused() {
    let good = slab(1, 10);
    good.check().unwrap();
    for bad in [
        SlabEntry { plain_bytes: 0, ..good.clone() },
        SlabEntry { plain_bytes: SLAB_PLAIN_BYTES + 1, ..good.clone() },
        SlabEntry { roots: vec![], ..good.clone() },
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
    // The decoder of a layout takes any two bytes; k = 0 would divide by zero later.
    let delta = OwnerDelta {
        repair_root: SecretKey::from([0; 32]),
        slabs: vec![good.clone()],
        dropped: vec![],
        files: vec![],
        tombstones: vec![],
    };
    let mut bytes = borsh::to_vec(&delta).unwrap();
    let layout_at = 32 + 4 + 32 + 32 + 19 + 8 + 32;
    assert_eq!(&bytes[layout_at..layout_at + 2], &[2, SLOTS as u8]);
    bytes[layout_at] = 0;
    assert!(OwnerDelta::decode(&bytes).is_err());

    let segment = Segment { slab: good.id, offset: 0, len: 5 };
    file("f", vec![segment]).check().unwrap();
    for bad in [
        FileEntry { bytes: 6, ..file("f", vec![segment]) },
        file("f", vec![Segment { len: 0, ..segment }]),
        file("f", vec![Segment { offset: u64::MAX, ..segment }]),
        file("f", vec![Segment { offset: SLAB_PLAIN_BYTES, ..segment }]),
        FileEntry { metadata: vec![(String::new(), String::new()); 65], ..file("f", vec![segment]) },
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
}

#[test]
fn changes_that_dont_apply_are_refused() {
    let segment = Segment { slab: slab(1, 10).id, offset: 5, len: 5 };
    let base = Change { slabs: vec![slab(1, 10)], files: vec![file("f", vec![segment])], ..Change::default() };
    let manifest = empty().with_change(&base, false).unwrap();
    for (bad, why) in [
        (Change { slabs: vec![slab(1, 10)], ..Change::default() }, "a slab twice"),
        (Change { dropped: vec![slab(2, 1).id], ..Change::default() }, "an unknown slab"),
        (Change { dropped: vec![slab(1, 1).id], ..Change::default() }, "a slab in use"),
        (
            Change { files: vec![file("g", vec![Segment { offset: 6, ..segment }])], ..Change::default() },
            "beyond the slab",
        ),
    ] {
        assert!(matches!(manifest.with_change(&bad, false), Err(Invalid::Delta { .. })), "{why}");
    }
}

#[test]
fn listing_takes_whole_parts_of_a_path() {
    let slab = slab(1, 100);
    let files = ["a", "a/b", "a/b/c", "ab", "b"]
        .iter()
        .map(|path| file(path, vec![Segment { slab: slab.id, offset: 0, len: 1 }]))
        .collect();
    let manifest = empty().with_change(&Change { files, slabs: vec![slab], ..Change::default() }, false).unwrap();
    let list = |below: &str| manifest.list(below).map(|file| file.path.clone()).collect::<Vec<_>>();
    assert_eq!(list(""), ["a", "a/b", "a/b/c", "ab", "b"]);
    assert_eq!(list("a"), ["a", "a/b", "a/b/c"]);
    assert_eq!(list("a/b/"), ["a/b", "a/b/c"]);
    assert!(list("c").is_empty());
}
