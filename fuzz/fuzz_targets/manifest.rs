//! The manifests of a dataset after their seals are opened: a writer may have put anything in.

#![no_main]

use bitdust_fuzz::{
    edits,
    honest::dataset::{self, DATASET},
};
use bitdust_market::manifest::{Change, Manifest, OwnerDelta, RepairDelta};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let number = input.int_in_range(1..=3)?;
    if input.ratio(1, 4)? {
        let honest = borsh::to_vec(&dataset::repair_delta(number)).expect("in memory");
        let bytes = edits::foreign(&honest, input)?;
        if let Ok(delta) = RepairDelta::decode(&bytes) {
            assert!(borsh::to_vec(&delta).is_ok_and(|again| again == bytes), "a repair manifest has one encoding");
        }
        return Ok(());
    }
    let honest = borsh::to_vec(&dataset::owner_delta(number)).expect("in memory");
    let bytes = edits::foreign(&honest, input)?;
    let Ok(delta) = OwnerDelta::decode(&bytes) else { return Ok(()) };
    assert!(borsh::to_vec(&delta).is_ok_and(|again| again == bytes), "an owner manifest has one encoding");
    let manifest = Manifest::new(DATASET, delta.repair_root.clone());
    let change =
        Change { files: delta.files, tombstones: delta.tombstones, slabs: delta.slabs, dropped: delta.dropped };
    if let Ok(next) = manifest.with_change(&change, input.arbitrary()?) {
        look(&next);
        let (owner, _) = next.deltas(&change, true);
        let bytes = borsh::to_vec(&owner).expect("in memory");
        assert_eq!(OwnerDelta::decode(&bytes), Ok(owner), "what was taken in is no manifest when it goes out");
    }
    Ok(())
}

/// What readers and repairers compute from a manifest.
fn look(manifest: &Manifest) {
    for slab in manifest.slabs() {
        assert!(slab.shape().is_ok() && slab.mask_key(manifest.repair_root()).is_ok(), "a slab that can't be read");
    }
    for file in manifest.files() {
        let segments = manifest.segments(file, 0, file.bytes);
        assert_eq!(segments.iter().map(|segment| segment.len).sum::<u64>(), file.bytes, "a file with a hole");
        assert!(manifest.list(&file.path).any(|listed| listed == file), "a file that is not listed");
    }
    let lists = [0, 1, 255].map(|slot| manifest.slot_list(slot));
    assert!(lists.iter().all(|list| list.len() <= manifest.order().len()), "a slot with more than there is");
    let _ = (manifest.usage(), manifest.sparse_slabs(), manifest.unused_slabs(&Default::default()));
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
