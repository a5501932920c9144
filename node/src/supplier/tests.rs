//! A supplier on a chain in memory: what it takes and shows on a stream, and what it does on the ledger by itself.

use alloy_sol_types::SolCall as _;
use bitdust_ledger::market::{IMarket, view::SlotInfo};
use bitdust_market::{
    access::sign_access,
    supplier::BlobStore as _,
    wire::{BlobRef, Code, Commit, Request, Response},
};
use bitdust_network::wire;
use bitdust_proof::blob;
use bitdust_types::{Amount, DatasetId, Layout, Root, SlotRoot, U256, limits::WIRE_MESSAGE_BYTES_MAX, system::MARKET};
use tokio::io::{AsyncWriteExt as _, DuplexStream};

use super::{
    Trouble, collecting,
    decision::{Decision, Offered},
    offering,
};
use crate::{
    chain_api::{ChainReader as _, TxSender as _, look},
    customer::{
        CreateDataset, Customer, PutFile,
        tests::world::{World, key, peer},
    },
};

async fn create(customer: &Customer, n: u8, term_epochs: u64, deposit: u64, public: bool) -> DatasetId {
    let terms = CreateDataset {
        layout: Layout::new(1, n).unwrap(),
        term_epochs,
        price_cap: Amount::from_dust(10).unwrap(),
        deposit: Amount::from_dust(deposit).unwrap(),
        public,
        salt: 1,
    };
    customer.create(&terms).await.unwrap().0
}

async fn put(customer: &Customer, dataset: DatasetId, content: &[u8]) {
    let file = PutFile {
        path: "f".to_owned(),
        bytes: Some(content.len() as u64),
        modified_ms: 7,
        aligned: false,
        metadata: Vec::new(),
        content: Box::new(std::io::Cursor::new(content.to_vec())),
    };
    customer.put_one(dataset, file).await.unwrap();
}

fn slot(world: &World, dataset: DatasetId, number: u16) -> SlotInfo {
    look(&*world.chain, |view, _| Ok(view.slot(dataset, number)?)).unwrap().unwrap()
}

/// A stream to supplier 0, opened for slot 0 by a numbered account, or by nobody in particular.
async fn open(world: &World, dataset: DatasetId, account: Option<usize>) -> DuplexStream {
    let (chain_id, until) = (world.chain.params().chain_id, world.chain.height().0 + 500);
    let access = account.map(|number| sign_access(&key(number), chain_id, dataset, 0, &peer(0), until).unwrap());
    let mut stream = world.network.dial(0).unwrap();
    let answer = ask(&mut stream, &Request::Open { dataset, slot: 0, access }).await;
    assert!(matches!(answer, Response::Opened { .. }), "{answer:?}");
    stream
}

async fn ask(stream: &mut DuplexStream, request: &Request) -> Response {
    wire::send(stream, request).await.unwrap();
    wire::recv(stream, WIRE_MESSAGE_BYTES_MAX).await.unwrap()
}

async fn send(stream: &mut DuplexStream, bytes: &[u8]) -> Response {
    stream.write_all(bytes).await.unwrap();
    wire::recv(stream, WIRE_MESSAGE_BYTES_MAX).await.unwrap()
}

fn assert_refused(answer: &Response, code: Code) {
    assert!(matches!(answer, Response::Refused(refusal) if refusal.code == code), "{code:?}, not {answer:?}");
}

/// A stream for one dataset, even a public one, shows nothing of another.
#[tokio::test(flavor = "multi_thread")]
async fn a_blob_is_shown_to_its_own_dataset_alone() {
    let world = World::start(1).await;
    let owner = world.customer(1);
    let private = create(&owner, 1, 50, 1000, false).await;
    put(&owner, private, &[5; 20_000]).await;
    let public = create(&world.customer(2), 1, 50, 1000, true).await;
    let manifest = owner.manifest(private).await.unwrap();
    let slab = manifest.slabs().next().unwrap();
    let (root, len) = (slab.roots[0], slab.shard_bytes());
    let read = Request::Read { root, start: 0, end: 1000 };
    let has = Request::Has { roots: vec![root] };

    let mut own = open(&world, private, Some(1)).await;
    // The second time the stream remembers.
    for _ in 0..2 {
        assert!(matches!(ask(&mut own, &read).await, Response::Slice { .. }));
    }
    assert_eq!(ask(&mut own, &has).await, Response::Has { bitmap: vec![1] });
    let mut anybody = open(&world, public, None).await;
    assert_refused(&ask(&mut anybody, &read).await, Code::NotHeld);
    assert_eq!(ask(&mut anybody, &has).await, Response::Has { bitmap: vec![0] });

    // The other dataset's owner doesn't get at it by naming it either: it must send the bytes, which it hasn't got.
    let mut other = open(&world, public, Some(2)).await;
    let commit = Commit {
        base_number: 0,
        base_root: SlotRoot::default(),
        number: 1,
        removed: vec![],
        added: vec![BlobRef { root, len }],
        root: SlotRoot([1; 32]),
        bytes: len,
        rate: Amount::from_dust(1).unwrap(),
    };
    assert_refused(&ask(&mut other, &Request::Commit(commit)).await, Code::MissingBlobs);
    assert_eq!(ask(&mut other, &Request::Put { root, len }).await, Response::Ready);
    assert_refused(&ask(&mut anybody, &read).await, Code::NotHeld);
    assert_refused(&send(&mut other, &vec![0; len as usize]).await, Code::Mismatch);
    assert_refused(&ask(&mut other, &read).await, Code::NotHeld);
    assert!(matches!(ask(&mut own, &read).await, Response::Slice { .. }), "its own still has it");
    assert!(world.stores[0].contains(root).unwrap());
}

/// See docs/adr/0005.
#[tokio::test(flavor = "multi_thread")]
async fn no_shard_is_taken_that_nobody_pays_for() {
    let world = World::start(1).await;
    let dataset = create(&world.customer(1), 1, 500, 0, false).await;
    let bytes = vec![7; 1 << 20];
    let request = Request::Put { root: blob::root(&bytes), len: bytes.len() as u64 };
    let mut stream = open(&world, dataset, Some(1)).await;
    assert_refused(&ask(&mut stream, &request).await, Code::Escrow);
    assert_eq!(world.suppliers[0].keeper.waiting_bytes(dataset, 0), 0);
    // A MiB costs a 1024th of a DUST for each of the 500 epochs.
    let fund = IMarket::fundCall { dataset: dataset.into() }.abi_encode();
    let value = Amount::from_grains(500 * 10u128.pow(18) / 1024);
    world.sender(1).transact(MARKET, value.into(), fund.into()).await.unwrap();
    assert_eq!(ask(&mut stream, &request).await, Response::Ready);
    assert_eq!(send(&mut stream, &bytes).await, Response::Stored);
    // It covers a shard of this size, and not as many as one likes.
    let mut taken = 1;
    loop {
        let next = vec![7 + taken; 1 << 20];
        let request = Request::Put { root: blob::root(&next), len: next.len() as u64 };
        let answer = ask(&mut stream, &request).await;
        if answer != Response::Ready {
            assert_refused(&answer, Code::Escrow);
            break;
        }
        assert_eq!(send(&mut stream, &next).await, Response::Stored);
        taken += 1;
        assert!(taken < 10, "{taken} MiB on the cover of one");
    }
    assert!(taken >= 4);
    assert_eq!(ask(&mut stream, &request).await, Response::AlreadyHeld, "what is here is here");
}

/// Two streams bring one blob; that the other one fails is no reason to forget it.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_uploads_of_a_blob_one_may_fail() {
    let world = World::start(1).await;
    let dataset = create(&world.customer(1), 1, 50, 1000, false).await;
    let (mut first, mut second) = (open(&world, dataset, Some(1)).await, open(&world, dataset, Some(1)).await);
    for (text, first_ends_well) in [(b"shard", true), (b"other", false)] {
        let root: Root = blob::root(text);
        let before = world.suppliers[0].keeper.waiting_bytes(dataset, 0);
        for stream in [&mut first, &mut second] {
            assert_eq!(ask(stream, &Request::Put { root, len: 5 }).await, Response::Ready);
        }
        for (stream, is_good) in [(&mut first, first_ends_well), (&mut second, !first_ends_well)] {
            match is_good {
                true => assert_eq!(send(stream, text).await, Response::Stored),
                false => assert_refused(&send(stream, b"wrong").await, Code::Mismatch),
            }
        }
        assert_eq!(world.suppliers[0].keeper.waiting_bytes(dataset, 0), before + 5);
        assert_eq!(ask(&mut first, &Request::Put { root, len: 5 }).await, Response::AlreadyHeld);
    }
}

/// Nobody but the supplier itself sees to it: the slot is freed, its pay is there, its collateral can be had.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_whose_term_is_over_is_freed_by_its_supplier() {
    let world = World::start(2).await;
    let customer = world.customer(1);
    // A put takes its two seconds, which are a dozen epochs here.
    let dataset = create(&customer, 2, 24, 1000, false).await;
    put(&customer, dataset, &[5; 2_000_000]).await;
    let held = |number: usize| world.supplier_info(number).slots;
    assert_eq!((held(0), held(1)), (1, 1));
    let accounts = [0, 1].map(|number: usize| world.suppliers[number].sender.account());
    let before = accounts.map(|account| world.balance(account));
    let mut collecting = tokio::task::JoinSet::new();
    for supplier in &world.suppliers {
        collecting.spawn(collecting::run(supplier.clone()));
    }
    world.until("both slots are freed", || held(0) + held(1) == 0).await;
    for (number, before) in before.into_iter().enumerate() {
        let info = world.supplier_info(number);
        assert_eq!((info.reserved, info.free), (Amount::ZERO, Amount::from_dust(1000).unwrap()));
        assert!(info.proven_epochs > 0 && world.balance(accounts[number]) > before, "supplier {number} was paid");
        assert!(world.suppliers[number].status().warnings.is_empty(), "{:?}", world.suppliers[number].status());
    }
    assert_eq!(slot(&world, dataset, 0).supplier, None);
}

/// The operator's last word stands, also after a restart; what is held is found and served all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_supplier_that_has_left_stays_away() {
    let world = World::start(2).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 2, 50, 1000, false).await;
    put(&customer, dataset, &[5; 2000]).await;
    let listed = |number: usize| {
        let account = world.suppliers[number].sender.account();
        look(&*world.chain, |view, _| Ok(view.offer(account)?)).unwrap()
    };
    let call = async |number: usize, input: Vec<u8>| {
        world.suppliers[number].sender.transact(MARKET, U256::ZERO, input.into()).await.unwrap()
    };
    // Another price than config.toml's.
    let supplier = &world.suppliers[0];
    let dear = Offered { price: Amount::from_dust(3).unwrap(), ..supplier.offer_before().unwrap() };
    call(0, dear.call(&peer(0)).abi_encode()).await;
    offering::keep(supplier).await.unwrap();
    assert_eq!(listed(0).unwrap().price_per_gib_epoch, dear.price, "config.toml doesn't take it back");
    assert!(matches!(supplier.decision(), Some(Decision::Offer(known)) if known.price == dear.price));

    for number in [0, 1] {
        world.suppliers[number].decide(Decision::Out).await.unwrap();
        call(number, IMarket::withdrawOfferCall {}.abi_encode()).await;
        let free = world.supplier_info(number).free;
        call(number, IMarket::withdrawCollateralCall { amount: free.into() }.abi_encode()).await;
    }
    offering::keep(supplier).await.unwrap();
    let restarted = world.supplier(0, &world.stores[0]);
    offering::keep(&restarted).await.unwrap();
    assert_eq!(listed(0), None);
    assert_eq!(world.supplier_info(0).free, Amount::ZERO, "the collateral isn't paid in again");
    // Somebody who comes only now finds both of them.
    let content = world.customer(1).get(dataset, "f", None).await.unwrap().collect().await.unwrap();
    assert_eq!(content, [5; 2000]);

    // Back again, by the operator's word.
    let back = Offered { valid_until: 90_000, ..supplier.offer_before().unwrap() };
    call(0, back.call(&peer(0)).abi_encode()).await;
    supplier.decide(Decision::Offer(back)).await.unwrap();
    offering::keep(supplier).await.unwrap();
    assert!(listed(0).is_some() && world.supplier_info(0).free > Amount::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_goes_when_it_is_right_again() {
    let world = World::start(1).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 1, 50, 1000, false).await;
    put(&customer, dataset, &[5; 2000]).await;
    let supplier = &world.suppliers[0];
    for trouble in [Trouble::Proof, Trouble::Samples, Trouble::Book, Trouble::Offer] {
        supplier.warn(trouble, format!("{trouble:?} is wrong"));
    }
    assert!(supplier.status().warnings.contains(&"Offer is wrong".to_owned()));
    offering::keep(supplier).await.unwrap();
    let before = supplier.status().last_proof;
    world.until("another proof is sent", || supplier.status().last_proof != before).await;
    world.until("nothing is wrong", || supplier.status().warnings.is_empty()).await;
    assert_eq!(supplier.status().last_proof.unwrap().misses, 0);
}
