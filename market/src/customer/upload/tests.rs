//! The upload journal: resuming uses the same keys for the same bytes, and for no others.

use proptest::{collection::vec, prelude::*};

use super::*;

const DATASET: DatasetId = DatasetId([1; 32]);

fn layout() -> Layout {
    Layout::new(2, 4).unwrap()
}

fn draw(number: u8) -> impl FnOnce() -> (SlabId, SecretKey, [u8; 19]) {
    move || (SlabId([number; 32]), SecretKey::from([number; 32]), [number; 19])
}

fn record() -> impl Strategy<Value = Record> {
    let id = || (0u8..6).prop_map(|number| SlabId([number; 32]));
    let key = any::<[u8; 32]>().prop_map(SecretKey::from);
    let planned =
        (id(), key.clone(), any::<[u8; 19]>(), 1u64..100, 0u8..4).prop_map(|(id, key, salt, plain_bytes, hash)| {
            let plain_hash = Root([hash; 32]);
            Record::Planned(PlannedSlab { dataset: DATASET, id, key, salt, plain_bytes, plain_hash, layout: layout() })
        });
    prop_oneof![
        key.prop_map(|repair_root| Record::RepairRoot { dataset: DATASET, repair_root }),
        (0u16..4, any::<[u8; 20]>()).prop_map(|(slot, supplier)| Record::Placed {
            dataset: DATASET,
            slot,
            supplier: supplier.into()
        }),
        planned,
        (id(), any::<[u8; 32]>(), vec(any::<[u8; 32]>().prop_map(Root), 4))
            .prop_map(|(id, hash, roots)| Record::Encoded { id, ciphertext: Root(hash), roots }),
        (id(), 0u16..6).prop_map(|(id, slot)| Record::Stored { id, slot }),
        (any::<u64>(), vec(id(), 0..4)).prop_map(|(number, slabs)| Record::Final { dataset: DATASET, number, slabs }),
    ]
}

proptest! {
    #[test]
    fn records_come_back_as_they_were(record in record()) {
        prop_assert_eq!(Record::decode(&record.encode().unwrap()).unwrap(), record);
    }

    #[test]
    fn garbage_is_no_record_or_reads_back_the_same(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(record.encode().unwrap(), bytes);
        }
    }

    /// A compacted journal tells the same story.
    #[test]
    fn compaction_loses_nothing(records in vec(record(), 0..40)) {
        let uploads = Uploads::replay(&records);
        let compacted = uploads.records();
        let again = Uploads::replay(&compacted);
        prop_assert_eq!(&again.slabs, &uploads.slabs);
        prop_assert_eq!(&again.repair_roots, &uploads.repair_roots);
        prop_assert_eq!(&again.placed, &uploads.placed);
    }

    /// Whatever happened, one key never serves two plaintexts.
    #[test]
    fn a_key_serves_one_plaintext(hashes in vec((0u8..4, 1u64..3), 1..30)) {
        let mut uploads = Uploads::default();
        let mut keys: BTreeMap<SlabId, (Root, u64)> = BTreeMap::new();
        for (number, (hash, bytes)) in hashes.into_iter().enumerate() {
            let (slab, _) = uploads.plan(DATASET, layout(), bytes, Root([hash; 32]), draw(number as u8));
            let known = keys.entry(slab.planned.id).or_insert((Root([hash; 32]), bytes));
            prop_assert_eq!(*known, (Root([hash; 32]), bytes));
        }
    }
}

#[test]
fn resuming_uses_the_same_keys_and_skips_held_shards() {
    let mut journal = Vec::new();
    let plain = Root([7; 32]);
    let mut uploads = Uploads::default();
    let (slab, record) = uploads.plan(DATASET, layout(), 100, plain, draw(1));
    journal.push(record.expect("a new slab is synced before it leaves"));
    let roots: Vec<Root> = (0..4).map(|slot| Root([slot; 32])).collect();
    journal.push(Record::Encoded { id: slab.planned.id, ciphertext: Root([9; 32]), roots: roots.clone() });
    journal.push(Record::Stored { id: slab.planned.id, slot: 0 });
    journal.push(Record::Stored { id: slab.planned.id, slot: 2 });

    // The process dies here; the same bytes are put again.
    let mut uploads = Uploads::replay(&journal);
    let (again, record) = uploads.plan(DATASET, layout(), 100, plain, draw(2));
    assert!(record.is_none(), "nothing new to remember");
    assert_eq!(again.planned, slab.planned, "same id, key and salt");
    assert_eq!(again.missing(), [1, 3]);
    assert_eq!(again.entry().unwrap().roots, roots);

    // Other bytes, another layout or another dataset: another slab.
    let other = Layout::new(1, 4).unwrap();
    assert!(uploads.plan(DATASET, layout(), 100, Root([8; 32]), draw(3)).1.is_some());
    assert!(uploads.plan(DATASET, other, 100, plain, draw(4)).1.is_some());
    assert!(uploads.plan(DatasetId([2; 32]), layout(), 100, plain, draw(5)).1.is_some());

    // Once it is final the manifest remembers it, and a later put begins anew.
    uploads.apply(&Record::Final { dataset: DATASET, number: 1, slabs: vec![slab.planned.id] });
    assert!(uploads.slab(&slab.planned.id).is_none());
    assert!(uploads.plan(DATASET, layout(), 100, plain, draw(6)).1.is_some());
}

#[test]
fn a_slab_without_its_encoding_has_no_entry() {
    let mut uploads = Uploads::default();
    let (slab, _) = uploads.plan(DATASET, layout(), 100, Root([7; 32]), draw(1));
    assert!(slab.entry().is_none());
    assert_eq!(slab.missing(), [0, 1, 2, 3]);
}
