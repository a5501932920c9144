//! The book of slots equals a naive model through commits, promises, epochs and restarts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::supplier::{BlobStore as _, MemoryStore, Notebook as _};

const DATASET: DatasetId = DatasetId([1; 32]);
const EPOCH_BLOCKS: u64 = 10;

fn blob(number: u8) -> BlobRef {
    BlobRef { root: Root([number; 32]), len: 100 + u64::from(number) }
}

fn len_of(root: &Root) -> Option<u64> {
    Some(100 + u64::from(root.0[0]))
}

/// The commit from one list to another.
fn commit(base: (u64, &[BlobRef]), number: u64, target: &[BlobRef]) -> Commit {
    let (removed, added) = crate::customer::difference(base.1, target);
    let tree = sum_tree(target).unwrap();
    Commit {
        base_number: base.0,
        base_root: sum_tree(base.1).unwrap().root(),
        number,
        removed,
        added,
        root: tree.root(),
        bytes: tree.total(),
        rate: Amount::from_grains(1),
    }
}

fn promise(book: &mut Book, commit: &Commit, valid_until: u64) -> Note {
    let proposal = book.propose(DATASET, 0, commit, len_of).unwrap();
    book.promise(proposal, commit.rate, valid_until).unwrap()
}

const NOT_MINE: Standing = Standing { held: None, revision: 0 };

fn standing(number: u64, blobs: &[BlobRef]) -> Standing {
    Standing { held: Some((number, sum_tree(blobs).unwrap().root())), revision: number }
}

#[test]
fn a_list_grows_and_shrinks_by_differences() {
    let mut book = Book::default();
    let first = [blob(1), blob(2), blob(3)];
    promise(&mut book, &commit((0, &[]), 1, &first), 50);
    let second = [blob(1), blob(3), blob(4)];
    promise(&mut book, &commit((1, &first), 2, &second), 50);
    assert_eq!(book.lists(DATASET, 0)[1].blobs, second);
    // A customer that missed an answer asks again: nothing is entered twice.
    promise(&mut book, &commit((1, &first), 2, &second), 60);
    assert_eq!(book.lists(DATASET, 0).len(), 2);
    assert_eq!(book.lists(DATASET, 0)[1].promised_until, 60);
    assert_eq!(book.inventory(DATASET, 0)[0].blobs, 3);
    assert!(book.lists(DATASET, 1).is_empty());
}

#[test]
fn commits_that_dont_fit_are_refused_and_change_nothing() {
    let mut book = Book::default();
    let first = [blob(1), blob(2)];
    promise(&mut book, &commit((0, &[]), 1, &first), 50);
    let good = commit((1, &first), 2, &[blob(2), blob(3)]);
    let cases = [
        (Commit { base_root: SlotRoot([9; 32]), ..good.clone() }, Code::UnknownBase),
        (Commit { base_number: 7, number: 8, ..good.clone() }, Code::UnknownBase),
        (Commit { removed: vec![2], ..good.clone() }, Code::Mismatch),
        (Commit { bytes: good.bytes + 1, ..good.clone() }, Code::Mismatch),
        (Commit { root: SlotRoot([9; 32]), ..good.clone() }, Code::Mismatch),
        (Commit { removed: vec![], ..good.clone() }, Code::Mismatch),
        (Commit { added: vec![BlobRef { len: 5, ..blob(3) }], ..good.clone() }, Code::Mismatch),
    ];
    for (bad, code) in cases {
        let refusal = book.propose(DATASET, 0, &bad, len_of).unwrap_err();
        assert_eq!(refusal.code, code, "{refusal}");
    }
    let missing = book.propose(DATASET, 0, &good, |root| if *root == blob(3).root { None } else { len_of(root) });
    assert_eq!(missing.unwrap_err().code, Code::MissingBlobs);
    assert_eq!(book.lists(DATASET, 0).len(), 1);
    book.propose(DATASET, 0, &good, len_of).unwrap();
}

#[test]
fn promises_of_one_slot_are_bounded() {
    let mut book = Book::default();
    for number in 1..=LISTS_PER_SLOT_MAX as u64 {
        promise(&mut book, &commit((0, &[]), number, &[blob(number as u8)]), 50);
    }
    let more = commit((0, &[]), 1000, &[blob(200)]);
    assert_eq!(book.propose(DATASET, 0, &more, len_of).unwrap_err().code, Code::TooManyPromises);
    // Repeating one that is in the book is no new promise.
    book.propose(DATASET, 0, &commit((0, &[]), 1, &[blob(1)]), len_of).unwrap();
}

#[test]
fn a_replaced_list_is_kept_until_its_last_epoch_is_proved() {
    let mut book = Book::default();
    let (first, second) = ([blob(1), blob(2)], [blob(2), blob(3)]);
    promise(&mut book, &commit((0, &[]), 1, &first), 5);
    book.observe(2, 0, |_, _| standing(1, &first), |_| false).unwrap();
    promise(&mut book, &commit((1, &first), 2, &second), 30);
    // The ledger moves on in epoch 1 (heights 10 to 19): the first list is what epoch 1 samples.
    let upkeep = book.observe(12, 1, |_, _| standing(2, &second), |_| false).unwrap();
    assert!(upkeep.delete.is_empty());
    assert_eq!(book.lists(DATASET, 0)[0].leaving, Some(1));
    let upkeep = book.observe(15, 1, |_, _| standing(2, &second), |epoch| epoch == 0).unwrap();
    assert!(upkeep.delete.is_empty(), "epoch 1 isn't proved yet");
    let upkeep = book.observe(16, 1, |_, _| standing(2, &second), |epoch| epoch == 1).unwrap();
    assert_eq!(upkeep.delete, [blob(1).root], "what both lists name stays");
    assert_eq!(book.lists(DATASET, 0).len(), 1);
}

#[test]
fn an_epoch_that_ended_unproved_frees_as_well() {
    let mut book = Book::default();
    promise(&mut book, &commit((0, &[]), 1, &[blob(1)]), 5);
    book.observe(2, 0, |_, _| standing(1, &[blob(1)]), |_| false).unwrap();
    assert!(book.observe(12, 1, |_, _| NOT_MINE, |_| false).unwrap().delete.is_empty());
    assert_eq!(book.observe(20, 2, |_, _| NOT_MINE, |_| false).unwrap().delete, [blob(1).root]);
    assert!(book.slots().next().is_none());
}

#[test]
fn a_promise_is_kept_as_long_as_it_can_be_used() {
    let mut book = Book::default();
    promise(&mut book, &commit((0, &[]), 1, &[blob(1)]), 40);
    for height in [1, 20, 40] {
        let upkeep = book.observe(height, height / EPOCH_BLOCKS, |_, _| NOT_MINE, |_| true).unwrap();
        assert!(upkeep.delete.is_empty(), "height {height}");
    }
    // It may have become held in the very last block of its validity, so its epoch must pass or be proved.
    assert!(book.observe(41, 4, |_, _| NOT_MINE, |_| false).unwrap().delete.is_empty());
    assert_eq!(book.observe(50, 5, |_, _| NOT_MINE, |_| false).unwrap().delete, [blob(1).root]);
}

#[test]
fn a_promise_for_an_older_revision_is_void() {
    let mut book = Book::default();
    promise(&mut book, &commit((0, &[]), 1, &[blob(1)]), 500);
    promise(&mut book, &commit((0, &[]), 2, &[blob(2)]), 500);
    let newer = Standing { held: None, revision: 2 };
    book.observe(12, 1, |_, _| newer, |_| false).unwrap();
    assert_eq!(book.observe(20, 2, |_, _| newer, |_| false).unwrap().delete, [blob(1).root]);
}

#[test]
fn staged_blobs_wait_and_then_go() {
    let mut book = Book::default();
    book.stage(DATASET, 0, blob(1), 10).unwrap();
    book.stage(DATASET, 0, blob(2), 10).unwrap();
    book.stage(DATASET, 0, blob(1), 300).unwrap();
    assert_eq!(book.staged_bytes(), 101 + 102);
    let none = |height| (height, 0);
    let (height, epoch) = none(10 + STAGED_HEIGHTS);
    assert!(book.observe(height, epoch, |_, _| NOT_MINE, |_| false).unwrap().delete.is_empty());
    let upkeep = book.observe(height + 1, epoch, |_, _| NOT_MINE, |_| false).unwrap();
    assert_eq!(upkeep.delete, [blob(2).root], "the other was asked for again at height 300");
    assert_eq!(book.staged_bytes(), 101);
    book.expect(DATASET, 0, blob(3), 310).unwrap();
    assert_eq!(book.staged_bytes(), 101 + 103);
    book.arrived(DATASET, 0, blob(3), 310, false);
    assert_eq!(book.staged_bytes(), 101, "what never arrived is forgotten at once");
}

/// Two connections may bring the same blob at the same time.
#[test]
fn an_upload_that_fails_leaves_another_ones_blob_alone() {
    let mut book = Book::default();
    let root = blob(1).root;
    for ends in [[true, false], [false, true]] {
        book.expect(DATASET, 0, blob(1), 10).unwrap();
        book.expect(DATASET, 0, blob(1), 10).unwrap();
        ends.into_iter().for_each(|stored| book.arrived(DATASET, 0, blob(1), 10, stored));
        assert_eq!((book.staged_bytes(), book.may_read(DATASET, &root)), (101, true));
        let upkeep = book.observe(11 + STAGED_HEIGHTS, 0, |_, _| NOT_MINE, |_| false).unwrap();
        assert_eq!(upkeep.delete, [root], "it is still looked after");
    }
    // One that is under way isn't deleted from under its sender, however slow.
    book.expect(DATASET, 0, blob(1), 10).unwrap();
    assert!(book.observe(11 + STAGED_HEIGHTS, 0, |_, _| NOT_MINE, |_| false).unwrap().delete.is_empty());
    book.arrived(DATASET, 0, blob(1), 10, false);
    assert_eq!((book.staged_bytes(), book.may_read(DATASET, &root)), (0, false));
}

/// Nothing stays on the disk that nobody looks after.
#[test]
fn an_upload_that_ends_after_its_list_has_gone_is_still_staged() {
    let mut book = Book::default();
    (0..2).for_each(|_| book.expect(DATASET, 0, blob(1), 1).unwrap());
    book.arrived(DATASET, 0, blob(1), 1, true);
    promise(&mut book, &commit((0, &[]), 1, &[blob(1)]), 5);
    let other = DatasetId([2; 32]);
    book.expect(other, 0, blob(1), 1).unwrap();
    let newer = Standing { held: None, revision: 2 };
    book.observe(12, 1, |_, _| newer, |_| false).unwrap();
    let upkeep = book.observe(20, 2, |_, _| newer, |_| false).unwrap();
    assert_eq!(upkeep.delete, [blob(1).root], "what only begins to arrive keeps nothing");
    book.arrived(other, 0, blob(1), 20, false);
    assert_eq!(book.staged_bytes(), 0);
    book.arrived(DATASET, 0, blob(1), 20, true);
    assert_eq!((book.staged_bytes(), book.waiting_bytes(DATASET, 0)), (101, 101));
    let upkeep = book.observe(21 + STAGED_HEIGHTS, 2, |_, _| newer, |_| false).unwrap();
    assert_eq!((upkeep.delete, book.staged_bytes()), (vec![blob(1).root], 0));
}

#[test]
fn a_blob_belongs_to_the_datasets_that_sent_or_name_it() {
    let (other, root) = (DatasetId([2; 32]), blob(1).root);
    let mut book = Book::default();
    let rights = |book: &Book, dataset| (book.may_read(dataset, &root), book.may_name(dataset, &root));
    assert_eq!(rights(&book, DATASET), (false, false));
    book.stage(DATASET, 0, blob(1), 10).unwrap();
    assert_eq!((rights(&book, DATASET), rights(&book, other)), ((true, true), (false, false)));
    let note = promise(&mut book, &commit((0, &[]), 1, &[blob(1)]), 50);
    assert_eq!((rights(&book, DATASET), rights(&book, other)), ((true, true), (false, false)));
    // Another dataset sends the same bytes, and must send them all: then each has them for as long as it needs them.
    book.expect(other, 3, blob(1), 20).unwrap();
    assert_eq!(rights(&book, other), (false, false), "to announce is not to have");
    book.arrived(other, 3, blob(1), 20, false);
    assert_eq!(book.staged_bytes(), 0);
    book.expect(other, 3, blob(1), 20).unwrap();
    book.arrived(other, 3, blob(1), 20, true);
    assert_eq!((rights(&book, DATASET), rights(&book, other)), ((true, true), (true, true)));
    assert_eq!(book.staged_bytes(), 101);
    let newer = Standing { held: None, revision: 2 };
    assert!(book.observe(12, 1, |_, _| newer, |_| false).unwrap().delete.is_empty());
    assert!(book.observe(20, 2, |_, _| newer, |_| false).unwrap().delete.is_empty(), "the other one has staged it");
    assert_eq!((rights(&book, DATASET), rights(&book, other)), ((false, false), (true, true)));
    assert_eq!(book.observe(21 + STAGED_HEIGHTS, 2, |_, _| newer, |_| false).unwrap().delete, [root]);

    // After a restart a list's blobs are its dataset's again, and a staged one is whose it was asked for by.
    let notes = [(note.key, note.value.unwrap())];
    let mut book = Book::load(&notes, &[(root, 101), (blob(2).root, 102)], 30).unwrap();
    assert_eq!((rights(&book, DATASET), rights(&book, other)), ((true, true), (false, false)));
    let found = blob(2).root;
    assert_eq!((book.may_read(DATASET, &found), book.may_name(DATASET, &found)), (false, true));
    book.stage(DATASET, 0, blob(2), 31).unwrap();
    assert_eq!((book.may_read(DATASET, &found), book.may_name(other, &found)), (true, false));
}

#[test]
fn what_the_ledger_doesnt_hold_yet_is_counted_by_slot() {
    let mut book = Book::default();
    let waiting = |book: &Book| book.waiting_bytes(DATASET, 0);
    book.stage(DATASET, 0, blob(1), 1).unwrap();
    book.expect(DATASET, 0, blob(2), 1).unwrap();
    assert_eq!((waiting(&book), book.waiting_bytes(DATASET, 1)), (101 + 102, 0));
    let first = [blob(1), blob(2)];
    promise(&mut book, &commit((0, &[]), 1, &first), 50);
    assert_eq!(waiting(&book), 101 + 102, "a promise alone pays nothing");
    promise(&mut book, &commit((1, &first), 2, &[blob(1), blob(2), blob(3)]), 50);
    assert_eq!(waiting(&book), 101 + 102 + 103, "what two lists share is there once");
    book.observe(2, 0, |_, _| standing(1, &first), |_| false).unwrap();
    assert_eq!(waiting(&book), 103);
    book.observe(12, 1, |_, _| standing(2, &[blob(1), blob(2), blob(3)]), |_| false).unwrap();
    assert_eq!(waiting(&book), 0);
}

#[test]
fn a_slot_cant_stage_without_bound() {
    let mut book = Book::default();
    let big = |number: u32| {
        let mut root = [0; 32];
        root[..4].copy_from_slice(&number.to_be_bytes());
        BlobRef { root: Root(root), len: 40 << 20 }
    };
    let fits = (STAGED_BYTES_PER_SLOT_MAX / (40 << 20)) as u32;
    (0..fits).for_each(|number| book.expect(DATASET, 0, big(number), 1).unwrap());
    assert_eq!(book.stage(DATASET, 0, big(fits), 1).unwrap_err().code, Code::TooLarge);
    book.stage(DATASET, 1, big(fits), 1).unwrap();
    book.arrived(DATASET, 0, big(0), 1, false);
    book.stage(DATASET, 0, big(fits + 1), 1).unwrap();
}

#[test]
fn damaged_notes_are_named() {
    let note = promise(&mut Book::default(), &commit((0, &[]), 1, &[blob(1)]), 9);
    let value = note.value.unwrap();
    let load = |key: &[u8], value: &[u8]| Book::load(&[(key.to_vec(), value.to_vec())], &[], 1);
    assert_eq!(load(&note.key, &value).unwrap().lists(DATASET, 0).len(), 1);
    assert!(load(&note.key[1..], &value).unwrap_err().contains("no key of the book"));
    assert!(load(&note.key, &value[1..]).is_err());
}

/// What a random customer, ledger and clock do next.
#[derive(Clone, Debug)]
enum Step {
    /// Put a blob.
    Stage(u8),
    /// Commit: drop these places of the newest list, append these blobs.
    Commit(Vec<prop::sample::Index>, Vec<u8>),
    /// The newest promise reaches the ledger.
    Hold,
    /// Somebody else takes the slot.
    Lose,
    /// So many blocks go by.
    Wait(u64),
    /// The current epoch is proved.
    Prove,
    /// The supplier restarts.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1u8..40).prop_map(Step::Stage),
        4 => (vec(any::<prop::sample::Index>(), 0..3), vec(1u8..40, 1..4)).prop_map(|(drop, add)| Step::Commit(drop, add)),
        3 => Just(Step::Hold),
        1 => Just(Step::Lose),
        3 => (1u64..8).prop_map(Step::Wait),
        2 => Just(Step::Prove),
        1 => Just(Step::Restart),
    ]
}

/// A list in the naive model: everything is kept that any rule asks for, computed from scratch each time.
#[derive(Clone, Debug)]
struct Model {
    number: u64,
    blobs: Vec<BlobRef>,
    promised_until: u64,
    /// The last epoch in which it was held or promised at some look.
    last_needed: u64,
    gone: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// After any history, also through restarts, the book keeps exactly the lists that the rule keeps, the store has
    /// exactly their blobs and the staged ones, and the sum trees fit.
    #[test]
    fn the_book_is_the_naive_model(steps in vec(step(), 1..60)) {
        let store = MemoryStore::new(u64::MAX);
        let mut book = Book::default();
        let mut model: Vec<Model> = Vec::new();
        let (mut height, mut number) = (1u64, 0u64);
        let mut held: Option<(u64, SlotRoot)> = None;
        let mut revision = 0;
        let mut proved: BTreeSet<u64> = BTreeSet::new();
        let mut staged: BTreeMap<Root, u64> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Stage(which) => {
                    put(&store, blob_bytes(which));
                    let blob = real(which);
                    book.stage(DATASET, 0, blob, height).unwrap();
                    if !model.iter().any(|list| !list.gone && list.blobs.contains(&blob)) {
                        staged.insert(blob.root, height);
                    }
                }
                Step::Commit(drop, add) => {
                    let newest = model.iter().rev().find(|list| !list.gone).cloned();
                    let (base_number, base) = newest.map_or((0, Vec::new()), |list| (list.number, list.blobs));
                    let mut target = base.clone();
                    for index in drop {
                        if !target.is_empty() {
                            target.remove(index.index(target.len()));
                        }
                    }
                    for which in add {
                        put(&store, blob_bytes(which));
                        target.push(real(which));
                    }
                    number = number.max(base_number) + 1;
                    let commit = commit((base_number, &base), number, &target);
                    let length = |root: &Root| store.len(*root).unwrap();
                    match book.propose(DATASET, 0, &commit, length) {
                        Ok(proposal) => {
                            let note = book.promise(proposal, commit.rate, height + 9).unwrap();
                            store.apply(vec![note]).unwrap();
                            target.iter().for_each(|blob| drop_staged(&mut staged, blob));
                            let last_needed = height / EPOCH_BLOCKS;
                            model.push(Model { number, blobs: target, promised_until: height + 9, last_needed, gone: false });
                        }
                        Err(refusal) => {
                            let kept = model.iter().filter(|list| !list.gone).count();
                            prop_assert!(
                                refusal.code == Code::TooManyPromises && kept >= LISTS_PER_SLOT_MAX,
                                "{}", refusal
                            );
                        }
                    }
                }
                Step::Hold => {
                    let can = |list: &&Model| !list.gone && list.promised_until >= height && list.number >= revision;
                    if let Some(list) = model.iter().rev().find(can) {
                        revision = list.number;
                        held = Some((list.number, sum_tree(&list.blobs).unwrap().root()));
                    }
                }
                Step::Lose => held = None,
                Step::Wait(blocks) => height += blocks,
                Step::Prove => drop(proved.insert(height / EPOCH_BLOCKS)),
                Step::Restart => {
                    book = Book::load(&store.notes().unwrap(), &store.blobs(), height).unwrap();
                    let named: BTreeSet<Root> =
                        model.iter().filter(|list| !list.gone).flat_map(|list| list.blobs.iter().map(|blob| blob.root)).collect();
                    staged = store.blobs().into_iter().filter(|(root, _)| !named.contains(root)).map(|(root, _)| (root, height)).collect();
                }
            }
            // The shell looks after every block, so nothing is held in an epoch without being seen to be.
            let epoch = height / EPOCH_BLOCKS;
            let standing = |_, _| Standing { held, revision };
            let upkeep = book.observe(height, epoch, standing, |epoch| proved.contains(&epoch)).unwrap();
            store.apply(upkeep.notes).unwrap();
            store.delete(&upkeep.delete).unwrap();

            for list in &mut model {
                let is_held = held == Some((list.number, sum_tree(&list.blobs).unwrap().root()));
                if !list.gone && (is_held || (list.promised_until >= height && list.number >= revision)) {
                    list.last_needed = u64::MAX;
                } else if list.last_needed == u64::MAX {
                    list.last_needed = epoch;
                }
                list.gone |= list.last_needed < epoch || proved.contains(&list.last_needed);
            }
            staged.retain(|_, since| *since + STAGED_HEIGHTS >= height);
            let kept: Vec<&Model> = model.iter().filter(|list| !list.gone).collect();
            let lists = book.lists(DATASET, 0);
            prop_assert_eq!(lists.len(), kept.len());
            let mut wanted: BTreeSet<Root> = staged.keys().copied().collect();
            for (kept, expected) in lists.iter().zip(&kept) {
                prop_assert_eq!(&kept.blobs, &expected.blobs);
                prop_assert_eq!((kept.number, kept.bytes), (expected.number, sum_tree(&expected.blobs).unwrap().total()));
                wanted.extend(kept.blobs.iter().map(|blob| blob.root));
            }
            for root in &wanted {
                prop_assert!(store.contains(*root).unwrap(), "{} was deleted too early", root);
            }
        }
    }
}

fn drop_staged(staged: &mut BTreeMap<Root, u64>, blob: &BlobRef) {
    staged.remove(&blob.root);
}

fn blob_bytes(which: u8) -> Vec<u8> {
    vec![which; 50 + usize::from(which)]
}

fn real(which: u8) -> BlobRef {
    let bytes = blob_bytes(which);
    BlobRef { root: bitdust_proof::blob::root(&bytes), len: bytes.len() as u64 }
}

/// Puts a blob as the shell does.
pub fn put(store: &MemoryStore, bytes: Vec<u8>) -> Root {
    let mut hasher = bitdust_proof::blob::BlobHasher::new();
    hasher.update(&bytes);
    let (root, len, outboard) = hasher.finish();
    let mut writer = store.put_begin(len).unwrap();
    writer.write(&bytes).unwrap();
    let staged = writer.finish(root, outboard.as_bytes()).unwrap();
    store.persist(vec![staged]).unwrap();
    root
}
