//! Heads and the journal of edits, on a real ledger: what is announced, what is believed, what survives a restart.

use bitdust_network::RecordJudge as _;
use bitdust_types::Root;
use bitdust_world::location::{Head, HeadRecord, head_key};
use k256::ecdsa::SigningKey;

use super::*;
use crate::{
    customer::tests::world::key,
    worlds::{heads::Hearing, place::Place},
};

const CHAIN: u64 = bitdust_types::params::DEVNET;

/// The head that a place's owner or writer would announce now.
fn head_of(place: &Place) -> HeadRecord {
    let state = place.state();
    place.head_of(&state).unwrap()
}

/// The revision that the place is known as of, and whether that was read.
fn seen(place: &Place) -> (u64, bool) {
    let state = place.state();
    (state.revision, state.is_read)
}

fn signed(record: HeadRecord, key: &SigningKey) -> Head {
    record.sign(CHAIN, key).unwrap()
}

/// What follows once edits are kept (they are announced, and struck off) does so a moment later.
async fn soon(what: &str, is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waited).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}

async fn open(worlds: &Worlds, world: B256, pos: LocationPos) -> Arc<Place> {
    worlds.place(world, pos).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_counts_if_a_writer_signed_it_and_the_ledger_bears_it_out() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let world = publish(&owner).await;
    let pos = LocationPos::new(0, 0, 0);
    claim(&owner, world, pos).await;
    owner.edit(world, &tower(pos)).await.unwrap();
    until_kept(&owner, world, pos).await;
    let place = open(&owner, world, pos).await;
    let honest = head_of(&place);
    assert!((honest.sequence, honest.segments) == (0, 1) && honest.revision > 0, "{honest:?}");
    let announced = signed(honest.clone(), &key(1));
    soon("who keeps edits announces them", || place.heard().newest() == Some(&announced)).await;

    let judge = HeadJudge::new(network.chain.clone());
    let slot = head_key(&world.0, pos).0;
    let verdict = |record: &HeadRecord, number: usize, existing: Option<&HeadRecord>| {
        let existing = existing.map(|record| signed(record.clone(), &key(1)).encode());
        judge.judge(&slot, &signed(record.clone(), &key(number)).encode(), existing.as_deref())
    };
    assert!(verdict(&honest, 1, None));
    assert!(!verdict(&honest, 2, None), "somebody else signed it");
    let older = HeadRecord { revision: honest.revision - 1, ..honest.clone() };
    assert!(verdict(&honest, 1, Some(&older)) && !verdict(&older, 1, Some(&honest)), "the newer one stays");
    for beyond in [
        HeadRecord { revision: honest.revision + 1, ..honest.clone() },
        HeadRecord { revision: u64::MAX, ..honest.clone() },
        HeadRecord { sequence: 1, manifest: Root([1; 32]), ..honest.clone() },
        HeadRecord { dataset: bitdust_types::DatasetId([1; 32]), ..honest.clone() },
        HeadRecord { pos: pos.offset(1, 0, 0), ..honest.clone() },
    ] {
        assert!(!verdict(&beyond, 1, None), "{beyond:?}");
        assert!(verdict(&honest, 1, Some(&beyond)), "what is not true gives way");
    }
    assert!(!judge.judge(&slot, b"BDLH\x01 garbage", None));
    assert!(!judge.judge(&[0; 32], &signed(honest.clone(), &key(1)).encode(), None), "under another key");

    // After a version the ledger names its manifest; a head that names another is false.
    owner.save(world, pos).await.unwrap();
    let version = head_of(&*open(&owner, world, pos).await);
    assert_eq!((version.sequence, version.segments), (1, 0));
    assert!(verdict(&version, 1, Some(&honest)));
    let other = HeadRecord { manifest: Root([9; 32]), newest: Root([9; 32]), ..version };
    assert!(!verdict(&other, 1, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_holds_what_it_reads_against_the_head_and_disowns_who_lies() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let (guest, _guests_dir) = player(&network, 2);
    let reader_dir = tempfile::tempdir().unwrap();
    let reader = player_in(&network, 3, reader_dir.path());
    let world = publish(&owner).await;
    let pos = LocationPos::new(0, 1, 0);
    claim(&owner, world, pos).await;
    let list = AccessList { guests: vec![guest.account()], builders: Builders::Guests, ..AccessList::default() };
    owner.set_access(world, pos, list).await.unwrap();
    owner.edit(world, &tower(pos)).await.unwrap();
    until_kept(&owner, world, pos).await;
    let place = open(&reader, world, pos).await;
    let honest = head_of(&*open(&owner, world, pos).await);
    assert_eq!(reader.hear(&place, signed(honest.clone(), &key(1))), Hearing::News);
    assert_eq!(reader.hear(&place, signed(honest.clone(), &key(1))), Hearing::Old);
    assert!(reader.tally.stats().blamed.is_empty());

    // One that the ledger doesn't have yet is remembered; one far beyond it is not.
    let soon = HeadRecord { revision: honest.revision + 1, segments: 2, newest: Root([3; 32]), ..honest.clone() };
    assert_eq!(reader.hear(&place, signed(soon.clone(), &key(1))), Hearing::Ahead);
    let never = HeadRecord { revision: u64::MAX, ..soon };
    assert!(matches!(reader.hear(&place, signed(never, &key(1))), Hearing::False(_)));
    assert!(matches!(reader.hear(&place, signed(honest.clone(), &key(9))), Hearing::Old | Hearing::False(_)));

    // A guest who may write announces what isn't there.
    let lie = HeadRecord { segments: 7, newest: Root([5; 32]), ..honest.clone() };
    assert_eq!(reader.hear(&place, signed(lie.clone(), &key(2))), Hearing::News);
    let blamed = reader.tally.stats().blamed;
    assert!(blamed.iter().any(|blamed| blamed.holder == guest.account().to_string()), "{blamed:?}");
    assert_eq!(place.heard().newest(), None, "what a liar said is forgotten");
    let again = HeadRecord { segments: 8, ..lie };
    assert_eq!(reader.hear(&place, signed(again, &key(2))), Hearing::Old, "a liar's word counts no more");
    assert_eq!(reader.hear(&place, signed(honest, &key(1))), Hearing::News, "an honest one's does");
    let hashes = |survey: crate::worlds::survey::Survey| survey.hashes;
    assert_eq!(hashes(reader.survey(world, pos).await.unwrap()), hashes(owner.survey(world, pos).await.unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_brings_nothing_is_not_read_and_no_writer_overwrites_another() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let reader_dir = tempfile::tempdir().unwrap();
    let reader = player_in(&network, 3, reader_dir.path());
    let world = publish(&owner).await;
    let pos = LocationPos::new(0, 0, 1);
    claim(&owner, world, pos).await;
    owner.edit(world, &tower(pos)).await.unwrap();
    until_kept(&owner, world, pos).await;
    let place = open(&reader, world, pos).await;
    let before = place.state().revision;
    // Something else in the same dataset.
    let dataset = place.dataset();
    let other = super::super::keeping::file("elsewhere".to_owned(), vec![1; 100], false);
    let revision = owner.customer.put_one(dataset, other).await.unwrap().number;
    let told = HeadRecord { revision, ..head_of(&*open(&owner, world, pos).await) };
    assert_eq!(reader.hear(&place, signed(told.clone(), &key(1))), Hearing::News);
    place.refresh(&reader).await.unwrap();
    assert_eq!(seen(&place), (revision, false));
    // Another word for the same revision: now the files decide.
    let more = HeadRecord { segments: 2, newest: Root([5; 32]), ..told };
    reader.hear(&place, signed(more, &key(1)));
    place.refresh(&reader).await.unwrap();
    assert_eq!(seen(&place), (revision, true));
    assert!(reader.tally.stats().blamed.iter().any(|blamed| blamed.holder == owner.account().to_string()));

    let (files, queue) = tokio::sync::mpsc::channel(1);
    files.send(super::super::keeping::file("late".to_owned(), vec![2; 100], false)).await.unwrap();
    drop(files);
    let refused = owner.customer.put_onto(dataset, before, queue).await.unwrap_err();
    assert!(format!("{refused:#}").contains("read it again"), "{refused:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_that_suppliers_lack_are_back_after_a_restart() {
    let network = Network::start(4).await;
    let dir = tempfile::tempdir().unwrap();
    let owner = player_in(&network, 1, dir.path());
    let world = publish(&owner).await;
    let pos = LocationPos::new(2, 0, 2);
    claim(&owner, world, pos).await;
    // Nothing is kept, since it doesn't run.
    owner.edit(world, &tower(pos)).await.unwrap();
    let flag = vec![(pos.chunk(511).origin(), block::RED_BLOCK)];
    owner.edit(world, &flag).await.unwrap();
    let built = owner.survey(world, pos).await.unwrap();
    assert_eq!((built.edits, built.unsaved_edits), (2, 2));
    drop(owner);

    let owner = player_in(&network, 1, dir.path());
    let back = owner.survey(world, pos).await.unwrap();
    assert_eq!((back.edits, back.unsaved_edits, &back.hashes), (2, 2, &built.hashes));
    let running = tokio::spawn(owner.clone().run());
    until_kept(&owner, world, pos).await;
    soon("what suppliers hold is struck off", || owner.journal.places().unwrap().is_empty()).await;
    running.abort();
    drop(owner);
    let owner = player_in(&network, 1, dir.path());
    assert_eq!(owner.survey(world, pos).await.unwrap().hashes, built.hashes);
    // The same for a version: what was folded into it is struck off as well.
    let more = vec![(pos.chunk(510).origin(), block::GLASS)];
    owner.edit(world, &more).await.unwrap();
    owner.save(world, pos).await.unwrap();
    assert_eq!(owner.journal.places().unwrap(), []);
}

/// The same revision holds two versions, one after the other: who looked between a version's files and its entry on the ledger has
/// read nothing false, and neither has its maker said so.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_looked_while_a_version_was_entered_blames_nobody() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let reader_dir = tempfile::tempdir().unwrap();
    let reader = player_in(&network, 3, reader_dir.path());
    let world = publish(&owner).await;
    let pos = LocationPos::new(3, 0, 1);
    claim(&owner, world, pos).await;
    owner.edit(world, &tower(pos)).await.unwrap();
    until_kept(&owner, world, pos).await;
    let place = open(&reader, world, pos).await;
    owner.save(world, pos).await.unwrap();
    let told = head_of(&*open(&owner, world, pos).await);
    assert_eq!(told.sequence, 1);
    // As it would have been then.
    {
        let mut state = place.state();
        assert_eq!(state.version.sequence, 0);
        (state.revision, state.is_read) = (told.revision, true);
    }
    assert_eq!(reader.hear(&place, signed(told.clone(), &key(1))), Hearing::News);
    assert_eq!(reader.tally.stats().blamed, []);
    place.refresh(&reader).await.unwrap();
    assert_eq!(head_of(&place), told, "the ledger's word is enough to look again");
    assert_eq!(reader.tally.stats().blamed, []);
}
