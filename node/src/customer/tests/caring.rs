//! What an owner's node does for its datasets while nobody looks, and what it makes of several of them.

use std::collections::BTreeSet;

use alloy_sol_types::SolCall as _;
use bitdust_ledger::market::{abi::IMarket, view::SlotInfo};
use bitdust_types::{Amount, DatasetId, Layout, U256, system::MARKET};

use super::{MIB, file, get, put, random, world::World};
use crate::{
    chain_api::{ChainReader as _, look},
    customer::{CreateDataset, Customer, PutFile, catalog, escrow, shelves},
};

async fn create(customer: &Customer, k: u8, n: u8, salt: u32) -> DatasetId {
    let terms = CreateDataset {
        layout: Layout::new(k, n).unwrap(),
        term_epochs: 300,
        price_cap: Amount::from_dust(10).unwrap(),
        deposit: Amount::ZERO,
        public: false,
        salt,
    };
    customer.create(&terms).await.unwrap().0
}

fn slots(world: &World, dataset: DatasetId) -> Vec<SlotInfo> {
    look(&*world.chain, |view, _| Ok(view.slots(dataset)?)).unwrap()
}

/// The slot's supplier gives it up and goes away. Answers its number.
async fn lose(world: &World, dataset: DatasetId, slot: u16) -> usize {
    let holder = slots(world, dataset)[usize::from(slot)].supplier.unwrap();
    let number = world.number_of(holder);
    let input = IMarket::declareFaultCall { dataset: dataset.into(), slot }.abi_encode();
    let mut height = world.chain.height();
    let mut refused = String::new();
    // Not while the epoch's seed is known and its proof isn't there.
    for _ in 0..100 {
        match world.suppliers[number].sender.transact(MARKET, U256::ZERO, input.clone().into()).await {
            Ok(_) => {
                world.network.kill(number);
                return number;
            }
            Err(error) => refused = format!("{error:#}"),
        }
        height = world.chain.above(height).await.unwrap();
    }
    panic!("slot {slot} could not be given up in 100 blocks: {refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_is_repaired_by_itself_and_what_cant_be_stops_nothing_else() {
    let world = World::start(4).await;
    let owner = world.customer(1);
    // The first can't be read any more, so nothing can be done about it.
    let hopeless = create(&owner, 1, 1, 1).await;
    put(&owner, hopeless, vec![file("gone", b"1")]).await.unwrap();
    lose(&world, hopeless, 0).await;
    (0..4).for_each(|number| world.network.revive(number));
    let dataset = create(&owner, 2, 3, 2).await;
    let content = random(2 * MIB, 1);
    put(&owner, dataset, vec![file("kept", &content)]).await.unwrap();
    let before = slots(&world, dataset);
    let lost = lose(&world, dataset, 1).await;

    let customer = world.customer(1);
    let running = tokio::spawn(customer.clone().run());
    let healed = |slot: &SlotInfo| slot.number == 1 && slot.supplier.is_some();
    world.until("the free slot has another supplier", || slots(&world, dataset).iter().all(healed)).await;
    let after = slots(&world, dataset);
    let newcomer = world.number_of(after[1].supplier.unwrap());
    assert_ne!(newcomer, lost);
    assert!(before.iter().all(|slot| slot.supplier != after[1].supplier), "it is the one that had no slot");
    assert!(!running.is_finished(), "it goes on");
    running.abort();

    // What was rebuilt is what was promised: it is enough together with one other.
    world.network.kill(world.number_of(after[0].supplier.unwrap()));
    assert_eq!(get(&world.customer(1), dataset, "kept").await, content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_lags_is_brought_up_to_date_by_itself() {
    let world = World::start(4).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 2, 4, 1).await;
    put(&customer, dataset, vec![file("a", &random(MIB, 1))]).await.unwrap();
    world.network.kill(2);
    let receipt = put(&customer, dataset, vec![file("b", &random(MIB, 2))]).await.unwrap();
    assert_eq!(receipt.held_slots, 3);
    world.network.revive(2);
    let running = tokio::spawn(customer.clone().run());
    world
        .until("every slot has the newest revision", || slots(&world, dataset).iter().all(|slot| slot.number == 2))
        .await;
    // Nothing is left to do, so nothing more is sent.
    let (stored, height) = (world.stored_bytes(), world.chain.height());
    world.until("three epochs have gone", || world.chain.height().0 > height.0 + 36).await;
    assert!(world.stored_bytes() <= stored, "what is dropped may be deleted, but nothing comes");
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_slot_that_finds_a_supplier_is_a_gain() {
    let world = World::start(5).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 2, 4, 1).await;
    put(&customer, dataset, vec![file("f", &random(MIB, 1))]).await.unwrap();
    lose(&world, dataset, 0).await;
    lose(&world, dataset, 3).await;
    let repaired = customer.repair(dataset).await.unwrap();
    assert_eq!(repaired.lagging, [0, 3]);
    assert_eq!((repaired.repaired.len(), repaired.failed.len()), (1, 1), "{repaired:?}");
    assert_eq!(slots(&world, dataset).iter().filter(|slot| slot.supplier.is_some()).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_cant_be_read_costs_its_own_files_alone() {
    let world = World::start(3).await;
    let owner = world.customer(1);
    let (lost, kept) = (create(&owner, 1, 1, 1).await, create(&owner, 1, 2, 2).await);
    put(&owner, lost, vec![file("both", b"1"), file("gone", b"2")]).await.unwrap();
    put(&owner, kept, vec![file("both", b"3"), file("here", b"4")]).await.unwrap();
    let number = lose(&world, lost, 0).await;
    world.network.revive(number);

    let customer = world.customer(1);
    let all = customer.shelves().await.unwrap();
    assert_eq!(all.readable.iter().map(|shelf| shelf.info.id).collect::<Vec<_>>(), [kept]);
    assert_eq!(all.unreadable.iter().map(|one| one.info.id).collect::<Vec<_>>(), [lost]);
    assert!(all.unreadable[0].reason.contains("nobody holds a slot"), "{:?}", all.unreadable[0]);
    assert_eq!(all.list("", None, 9).iter().map(|(_, file)| file.path.as_str()).collect::<Vec<_>>(), ["both", "here"]);
    assert!(all.newest("gone").is_none());
    assert_eq!(all.warnings().len(), 1);

    // It may have an older copy, and whoever removes the path is told so.
    let removed = customer.remove_copies("both").await.unwrap().unwrap();
    assert_eq!((removed.copies, removed.warnings.len()), (1, 1));
    assert!(removed.warnings[0].contains(&lost.to_string()), "{:?}", removed.warnings);
    assert!(customer.remove_copies("gone").await.unwrap().is_none());
    assert!(customer.shelves().await.unwrap().newest("here").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_put_last_is_read_and_none_comes_back_once_removed() {
    let world = World::start(3).await;
    let customer = world.customer(1);
    let (one, other) = (create(&customer, 1, 2, 1).await, create(&customer, 2, 3, 2).await);
    // Their own times say the opposite.
    let version = |content: &[u8], modified_ms| PutFile {
        modified_ms,
        metadata: vec![shelves::stamp(world.chain.height())],
        ..file("f", content)
    };
    let newest = async || {
        // Also for a node that knows nothing but the phrase.
        let found = world.customer(1).shelves().await.unwrap().newest("f").unwrap();
        get(&customer, found.info.id, "f").await
    };
    put(&customer, one, vec![version(b"first", 9), file("g", b"else")]).await.unwrap();
    put(&customer, other, vec![version(b"second", 8)]).await.unwrap();
    assert_eq!(newest().await, b"second");
    put(&customer, one, vec![version(b"third", 7)]).await.unwrap();
    assert_eq!(newest().await, b"third");

    let removed = customer.remove_copies("f").await.unwrap().unwrap();
    assert_eq!((removed.copies, removed.bytes, removed.newest.info.id), (2, 11, one));
    assert_eq!(removed.receipt.dataset, one);
    assert!(removed.warnings.is_empty());
    let left = world.customer(1).shelves().await.unwrap();
    let paths: BTreeSet<&str> =
        left.readable.iter().flat_map(|shelf| shelf.manifest.files()).map(|file| file.path.as_str()).collect();
    assert_eq!(paths, BTreeSet::from(["g"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_term_is_lengthened_for_what_it_costs_and_the_rest_comes_back() {
    let world = World::start(3).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 2, 3, 1).await;
    put(&customer, dataset, vec![file("f", &random(MIB, 1))]).await.unwrap();
    let state = catalog::read(&*world.chain, dataset).unwrap();
    let needed = escrow::renewal(&state, 500).unwrap();
    assert!(needed > Amount::ZERO);
    let refused = customer.renew(dataset, 500, Amount::ZERO).await.unwrap_err();
    assert!(format!("{refused:#}").contains("escrow"), "{refused:#}");
    customer.renew(dataset, 500, needed).await.unwrap();
    let renewed = catalog::read(&*world.chain, dataset).unwrap();
    assert_eq!(renewed.info.end.0, state.info.end.0 + 500);
    assert!(renewed.slots.iter().all(|slot| slot.end == renewed.info.end), "every slot follows");
    // Beyond what the suppliers offer none follows, so nothing is needed for it.
    assert_eq!(escrow::renewal(&renewed, 900), Some(Amount::ZERO));
    assert_eq!(escrow::renewal(&renewed, u64::MAX), None);

    let before = world.balance(customer.account());
    let included = customer.end(dataset).await.unwrap();
    let refund = world.balance(customer.account()) + included.gas_paid - before;
    assert!(refund > U256::ZERO, "what wasn't used comes back");
    assert!(catalog::read(&*world.chain, dataset).unwrap().info.ended);
    assert!(customer.shelves().await.unwrap().readable.is_empty());
}
