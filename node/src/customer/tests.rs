//! Customer and supplier together: real ledger execution in memory, real shells, streams in memory instead of sockets.

mod caring;
mod network;
mod pipes;
pub(crate) mod world;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bitdust_market::{
    supplier::BlobStore as _,
    wire::{Code, Request, Response},
};
use bitdust_types::{Amount, DatasetId, Layout, layout::UNIT_PLAIN_BYTES};
use rand::{RngCore as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::{mpsc, watch};

use super::{CreateDataset, Customer, Progress, PutFile, PutReceipt};
use crate::chain_api::{ChainReader as _, look};
use world::World;

const MIB: usize = 1 << 20;

fn random(bytes: usize, seed: u64) -> Vec<u8> {
    let mut content = vec![0; bytes];
    StdRng::seed_from_u64(seed).fill_bytes(&mut content);
    content
}

fn file(path: &str, content: &[u8]) -> PutFile {
    PutFile {
        path: path.to_owned(),
        bytes: Some(content.len() as u64),
        modified_ms: 7,
        aligned: false,
        metadata: vec![("note".to_owned(), "a test".to_owned())],
        content: Box::new(std::io::Cursor::new(content.to_vec())),
    }
}

async fn create(customer: &Customer, k: u8, n: u8) -> DatasetId {
    let terms = CreateDataset {
        layout: Layout::new(k, n).unwrap(),
        term_epochs: 50,
        price_cap: Amount::from_dust(10).unwrap(),
        deposit: Amount::from_dust(10_000).unwrap(),
        public: false,
        salt: 1,
    };
    customer.create(&terms).await.unwrap().0
}

/// A public dataset is read by a customer who knows its id alone, whole and in part, and written by its owner alone.
#[tokio::test(flavor = "multi_thread")]
async fn anybody_reads_what_is_public() {
    let world = World::start(4).await;
    let owner = world.customer(1);
    let terms = CreateDataset {
        layout: Layout::new(2, 4).unwrap(),
        term_epochs: 50,
        price_cap: Amount::from_dust(10).unwrap(),
        deposit: Amount::from_dust(1000).unwrap(),
        public: true,
        salt: 7,
    };
    let dataset = owner.create(&terms).await.unwrap().0;
    let content = random(300_000, 9);
    put(&owner, dataset, vec![file("small", b"before"), PutFile { aligned: true, ..file("f", &content) }])
        .await
        .unwrap();

    let reader = world.customer(2);
    assert_eq!(get(&reader, dataset, "f").await, content);
    let mut part = reader.get(dataset, "f", Some(1000..1700)).await.unwrap();
    assert_eq!(part.collect().await.unwrap(), content[1000..1700]);
    assert_eq!(owner.manifest(dataset).await.unwrap().file("f").unwrap().segments[0].offset, UNIT_PLAIN_BYTES);
    let refused = put(&reader, dataset, vec![file("g", b"x")]).await.unwrap_err();
    assert!(format!("{refused:#}").contains("neither owner nor writer"), "{refused:#}");
}

async fn put(customer: &Customer, dataset: DatasetId, files: Vec<PutFile>) -> anyhow::Result<PutReceipt> {
    let (sender, queue) = mpsc::channel(files.len().max(1));
    for file in files {
        sender.send(file).await.unwrap();
    }
    drop(sender);
    customer.put(dataset, queue, watch::Sender::default()).await
}

async fn get(customer: &Customer, dataset: DatasetId, path: &str) -> Vec<u8> {
    customer.get(dataset, path, None).await.unwrap().collect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_back_from_any_k_suppliers_and_from_the_phrase_alone() {
    let world = World::start(8).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 4, 8).await;
    let (large, small) = (random(9 * MIB + 123, 1), random(5000, 2));
    let files = vec![file("large.bin", &large), file("docs/small.txt", &small), file("docs/empty", &[])];
    let receipt = put(&customer, dataset, files).await.unwrap();
    assert_eq!((receipt.held_slots, receipt.slots, receipt.number), (8, 8, 1));
    assert!(receipt.lagging.is_empty(), "{:?}", receipt.lagging);
    assert_eq!(get(&customer, dataset, "large.bin").await, large);

    let names: Vec<String> = customer.list(dataset, "docs").await.unwrap().into_iter().map(|file| file.path).collect();
    assert_eq!(names, ["docs/empty", "docs/small.txt"]);
    assert!(get(&customer, dataset, "docs/empty").await.is_empty());

    // A small file costs about what it weighs.
    let mut download = customer.get(dataset, "docs/small.txt", None).await.unwrap();
    assert_eq!(download.collect().await.unwrap(), small);
    assert!(download.report().fetched_bytes < 70_000, "{:?}", download.report());
    assert_eq!(download.report().by_supplier.len(), 1);

    for (start, end) in [(0, 1), (65_519, 65_521), (4 * MIB, 5 * MIB + 77), (large.len() - 1, large.len()), (9, 9)] {
        let mut part = customer.get(dataset, "large.bin", Some(start as u64..end as u64)).await.unwrap();
        assert_eq!(part.collect().await.unwrap(), large[start..end], "{start}..{end}");
    }
    assert!(customer.get(dataset, "large.bin", Some(5..large.len() as u64 + 1)).await.is_err());
    assert!(customer.get(dataset, "no such file", None).await.is_err());

    // Half of the suppliers are gone, and so is everything but the phrase.
    (0..4).for_each(|number| world.network.kill(number));
    let other = world.customer(1);
    assert_eq!(other.datasets().unwrap(), [dataset]);
    let restored = other.restore().await.unwrap();
    assert_eq!(restored[0].1.as_ref().unwrap().file_count(), 3);
    assert_eq!(get(&other, dataset, "large.bin").await, large);
    assert_eq!(get(&other, dataset, "docs/small.txt").await, small);

    // One more is one too many.
    world.network.kill(4);
    let third = world.customer(1);
    assert_eq!(third.manifest(dataset).await.unwrap().file_count(), 3, "every slot has the manifest");
    let error = third.get(dataset, "large.bin", None).await.unwrap().collect().await.unwrap_err();
    assert!(format!("{error:#}").contains("of the 4 shards needed"), "{error:#}");
}

/// Each unit that has to be rebuilt is, with its neighbours, once: not for every file that lies in it.
#[tokio::test(flavor = "multi_thread")]
async fn many_small_files_cost_their_bytes_also_without_the_suppliers_of_all_data_shards() {
    let world = World::start(8).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 4, 8).await;
    let contents: Vec<Vec<u8>> = (0..60).map(|number| random(20_000 + 1000 * number as usize, number)).collect();
    let name = |number: usize| format!("tree/{number:02}");
    put(&customer, dataset, contents.iter().enumerate().map(|(at, content)| file(&name(at), content)).collect())
        .await
        .unwrap();
    let slots = look(&*world.chain, |view, _| Ok(view.slots(dataset)?)).unwrap();
    slots[..4].iter().for_each(|slot| world.network.kill(world.number_of(slot.supplier.unwrap())));
    let reader = world.customer(1);
    let (mut fetched, mut plain) = (0, 0);
    for (at, content) in contents.iter().enumerate() {
        let mut download = reader.get(dataset, &name(at), None).await.unwrap();
        assert_eq!(&download.collect().await.unwrap(), content, "file {at}");
        (fetched, plain) = (fetched + download.report().fetched_bytes, plain + content.len() as u64);
    }
    // The first units are asked for one by one, until it is known who is gone.
    assert!(fetched < plain * 3 / 2, "{fetched} bytes for {plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_put_goes_on_without_sending_held_shards_again() {
    let world = World::start(4).await;
    let dir = tempfile::tempdir().unwrap();
    let content = random(90 * MIB, 3);
    let (dataset, sent) = {
        let customer = world.customer_in(1, dir.path());
        let dataset = create(&customer, 2, 4).await;
        // The lines break in the middle of the second slab.
        world.network.break_after_bytes(100 * MIB as u64);
        let error = put(&customer, dataset, vec![file("f", &content)]).await.unwrap_err();
        assert!(format!("{error:#}").contains("put again"), "{error:#}");
        (dataset, world.stored_bytes())
    };
    assert!(sent > 40 * MIB as u64, "something was stored: {sent}");
    world.network.mend();
    let customer = world.customer_in(1, dir.path());
    let receipt = put(&customer, dataset, vec![file("f", &content)]).await.unwrap();
    assert!(receipt.progress.skipped_shards > 0, "{receipt:?}");
    // Everything that reached a disk before was not sent again: each shard lies there once, and the sums fit.
    let blob = customer.manifest(dataset).await.unwrap().head().unwrap().len;
    assert_eq!(world.stored_bytes(), sent + receipt.progress.sent_bytes + 4 * blob);
    assert_eq!(get(&customer, dataset, "f").await, content);

    // Putting the same bytes once more needs no shard at all.
    let again = put(&customer, dataset, vec![file("copy", &content)]).await.unwrap();
    assert_eq!((again.progress.sent_shards, again.number), (0, 2));
    assert_eq!(get(&customer, dataset, "copy").await, content);
}

/// A transaction that a node had sent before it was killed may be included after its restart: then a revision is there that
/// the new put doesn't expect.
#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_is_overtaken_goes_on_top_of_the_other_revision() {
    use tokio::io::AsyncWriteExt as _;
    let world = World::start(3).await;
    let before = world.customer(1);
    let dataset = create(&before, 2, 3).await;
    put(&before, dataset, vec![file("gone", b"0")]).await.unwrap();
    let after = world.customer(1);
    let (mut source, content) = tokio::io::duplex(16);
    let slow = PutFile { bytes: None, content: Box::new(content), ..file("slow", b"") };
    let putting = tokio::spawn(async move {
        let receipt = put(&after, dataset, vec![slow]).await;
        (after, receipt)
    });
    source.write_all(&[1; 64]).await.unwrap();
    put(&before, dataset, vec![file("quick", b"1")]).await.unwrap();
    before.remove(dataset, vec!["gone".to_owned()]).await.unwrap();
    drop(source);
    let (after, receipt) = putting.await.unwrap();
    assert_eq!(receipt.unwrap().number, 4);
    let manifest = after.manifest(dataset).await.unwrap();
    assert_eq!(manifest.list("").map(|file| file.path.clone()).collect::<Vec<_>>(), ["quick", "slow"]);
    assert_eq!(get(&after, dataset, "slow").await, [1; 64]);
    assert_eq!(get(&after, dataset, "quick").await, b"1");
}

#[tokio::test(flavor = "multi_thread")]
async fn puts_that_come_together_share_a_revision() {
    let world = World::start(3).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 2, 3).await;
    let contents: Vec<Vec<u8>> = (0..5).map(|number| random(1000, number)).collect();
    let puts = contents.iter().enumerate().map(|(number, content)| {
        let customer = &customer;
        async move { customer.put_one(dataset, file(&format!("f{number}"), content)).await.unwrap() }
    });
    let receipts = futures::future::join_all(puts).await;
    let numbers: BTreeSet<u64> = receipts.iter().map(|receipt| receipt.number).collect();
    assert_eq!(numbers.len(), 1, "{numbers:?}");
    assert_eq!(receipts[3].files.len(), 1);
    assert_eq!(receipts[3].files[0].path, "f3");
    for (number, content) in contents.iter().enumerate() {
        assert_eq!(get(&customer, dataset, &format!("f{number}")).await, *content);
    }
    assert_eq!(customer.manifest(dataset).await.unwrap().slabs().count(), 1, "they share a slab");
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_frees_the_suppliers_disks_after_the_epoch_is_proved() {
    let world = World::start(3).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 2, 3).await;
    put(&customer, dataset, vec![file("big", &random(3 * MIB, 1))]).await.unwrap();
    put(&customer, dataset, vec![file("small", &random(1000, 2))]).await.unwrap();
    let before = world.stored_bytes();
    let receipt = customer.remove(dataset, vec!["big".to_owned()]).await.unwrap();
    assert_eq!((receipt.number, receipt.held_slots), (3, 3));
    assert!(customer.stat(dataset, "big").await.is_err());
    assert!(customer.remove(dataset, vec!["big".to_owned()]).await.is_err());
    world.until("the dropped slab is deleted", || world.stored_bytes() < before - 4 * MIB as u64).await;
    assert_eq!(get(&customer, dataset, "small").await, random(1000, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn suppliers_prove_and_are_paid_to_the_grain() {
    let world = World::start(4).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 2, 4).await;
    put(&customer, dataset, vec![file("f", &random(3 * MIB, 1))]).await.unwrap();
    let proven = |number: usize| world.supplier_info(number).proven_epochs;
    world.until("every supplier has proved two epochs", || (0..4).all(|number| proven(number) >= 2)).await;
    assert!(world.suppliers.iter().all(|supplier| supplier.status().misses == 0));
    let before: Vec<_> = (0..4).map(|number| world.balance(world.suppliers[number].sender.account())).collect();
    customer.settle(dataset).await.unwrap();
    for (number, before) in before.into_iter().enumerate() {
        let after = world.balance(world.suppliers[number].sender.account());
        assert!(after > before, "supplier {number} was paid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_noticed_named_and_costs_only_its_own_samples() {
    let world = World::start(4).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 2, 4).await;
    let content = random(6 * MIB, 1);
    put(&customer, dataset, vec![file("f", &content)]).await.unwrap();
    let manifest = customer.manifest(dataset).await.unwrap();
    let slab = manifest.slabs().next().unwrap();
    // A quarter of slot 0's shard rots.
    let holder = look(&*world.chain, |view, _| Ok(view.slot(dataset, 0)?)).unwrap().unwrap().supplier.unwrap();
    let victim = world.number_of(holder);
    for offset in (0..slab.shard_bytes() / 4).step_by(1024) {
        world.stores[victim].damage(slab.roots[0], offset);
    }
    let mut download = customer.get(dataset, "f", None).await.unwrap();
    assert_eq!(download.collect().await.unwrap(), content);
    let report = download.report();
    assert!(report.failed.contains_key(&holder), "the supplier is named: {report:?}");
    assert!(report.rebuilt_windows > 0);
    world.until("a sample was missed", || world.suppliers[victim].status().misses > 0).await;
    assert!(!world.suppliers[victim].status().warnings.is_empty());
    world.until("it still proves", || world.supplier_info(victim).proven_epochs > 0).await;
    let innocent = (victim + 1) % 4;
    assert_eq!(world.suppliers[innocent].status().misses, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_slot_is_repaired() {
    let world = World::start(4).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 2, 4).await;
    put(&customer, dataset, vec![file("a", &random(2 * MIB, 1))]).await.unwrap();
    world.network.kill(2);
    let content = random(3 * MIB, 2);
    let receipt = put(&customer, dataset, vec![file("b", &content)]).await.unwrap();
    assert_eq!((receipt.held_slots, receipt.lagging.len()), (3, 1));
    let slot = *receipt.lagging.keys().next().unwrap();
    assert_eq!(customer.verify(dataset, "b").await.unwrap().worst_slab, 3);
    world.network.revive(2);
    let repaired = customer.repair(dataset).await.unwrap();
    assert_eq!((repaired.lagging.clone(), repaired.repaired.clone()), (vec![slot], vec![slot]), "{repaired:?}");
    assert_eq!(repaired.rebuilt_shards, 1, "only what it lacked");
    let held = look(&*world.chain, |view, _| Ok(view.slots(dataset)?)).unwrap();
    assert!(held.iter().all(|slot| slot.number == 2));
    let verified = customer.verify(dataset, "b").await.unwrap();
    assert!(verified.intact && verified.worst_slab == 4 && verified.slots.is_empty(), "{verified:?}");
    // What was rebuilt is what was promised: it is enough together with one other.
    (0..4).filter(|number| *number != 2).take(2).for_each(|number| world.network.kill(number));
    assert_eq!(get(&world.customer(1), dataset, "b").await, content);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cant_be_done_is_refused_with_a_reason() {
    let world = World::start(3).await;
    let customer = world.customer(1);
    let why = |result: anyhow::Result<PutReceipt>| format!("{:#}", result.unwrap_err());
    let dataset = create(&customer, 2, 4).await;
    let text = why(put(&customer, dataset, vec![file("f", b"x")]).await);
    assert!(text.contains("4 suppliers are needed, 3 fit"), "{text}");

    let terms = CreateDataset {
        layout: Layout::new(2, 3).unwrap(),
        term_epochs: 50,
        price_cap: Amount::from_dust(10).unwrap(),
        deposit: Amount::ZERO,
        public: false,
        salt: 2,
    };
    let poor = customer.create(&terms).await.unwrap().0;
    let text = why(put(&customer, poor, vec![file("../f", b"x")]).await);
    assert!(text.contains(".."), "{text}");
    let text = why(put(&customer, poor, vec![]).await);
    assert!(text.contains("no file"), "{text}");
    let text = why(put(&customer, poor, vec![PutFile { bytes: Some(3), ..file("f", b"xx") }]).await);
    assert!(text.contains("announced 3 bytes and brought 2"), "{text}");
    let text = why(put(&customer, DatasetId([9; 32]), vec![file("f", b"x")]).await);
    assert!(text.contains("no dataset"), "{text}");
    let stranger = world.customer(2);
    let text = why(put(&stranger, dataset, vec![file("f", b"x")]).await);
    assert!(text.contains("private and belongs to"), "{text}");
    assert_eq!(world.stored_bytes(), 0, "nothing was sent");
    // An empty escrow is no reason: what is lacking is added as the put goes on.
    let receipt = put(&customer, poor, vec![file("f", &random(MIB, 1))]).await.unwrap();
    assert_eq!(receipt.held_slots, 3);
}

/// Bad requests on a stream: each is refused with its code, and nothing changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_supplier_refuses_what_it_should() {
    use bitdust_market::{access::sign_access, wire::READ_BYTES_MAX};
    use bitdust_network::wire;
    use bitdust_types::{Root, SlotRoot, limits::WIRE_MESSAGE_BYTES_MAX};
    use tokio::io::AsyncWriteExt as _;

    let world = World::start(2).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 1, 2).await;
    put(&customer, dataset, vec![file("f", &random(2000, 1))]).await.unwrap();
    let root = customer.manifest(dataset).await.unwrap().slabs().next().unwrap().roots[0];
    let holder = look(&*world.chain, |view, _| Ok(view.slot(dataset, 0)?)).unwrap().unwrap().supplier.unwrap();
    let number = world.number_of(holder);
    let usage = world.stores[number].usage();
    let token = |account, slot| {
        let chain_id = world.chain.params().chain_id;
        sign_access(&world::key(account), chain_id, dataset, slot, &world::peer(number), 500).unwrap()
    };
    let open = |access| Request::Open { dataset, slot: 0, access };
    let good = || open(Some(token(1, 0)));
    let commit = || bitdust_market::wire::Commit {
        base_number: 0,
        base_root: SlotRoot::default(),
        number: 2,
        removed: vec![],
        added: vec![],
        root: SlotRoot([1; 32]),
        bytes: 0,
        rate: Amount::from_dust(1).unwrap(),
    };
    let blob = bitdust_market::wire::BlobRef { root: Root([3; 32]), len: 5 };
    let cases: Vec<(Vec<Request>, Code)> = vec![
        (vec![Request::Inventory], Code::Malformed),
        (vec![open(None)], Code::NotAuthorised),
        (vec![open(Some(token(2, 0)))], Code::NotAuthorised),
        (vec![open(Some(token(1, 1)))], Code::NotAuthorised),
        (vec![Request::Open { dataset, slot: 7, access: None }], Code::UnknownDataset),
        (vec![good(), good()], Code::Malformed),
        (vec![good(), Request::Put { root, len: 0 }], Code::Malformed),
        (vec![good(), Request::Put { root: Root([1; 32]), len: 1 << 40 }], Code::TooLarge),
        (vec![good(), Request::Read { root: Root([1; 32]), start: 0, end: 1 }], Code::NotHeld),
        (vec![good(), Request::Read { root, start: 1 << 30, end: (1 << 30) + 1 }], Code::Mismatch),
        (vec![good(), Request::Read { root, start: 0, end: READ_BYTES_MAX + 1 }], Code::TooLarge),
        (vec![good(), Request::ListAt { number: 1, root: SlotRoot([1; 32]), from: 0 }], Code::UnknownBase),
        (vec![good(), Request::Commit(commit())], Code::Mismatch),
        (
            vec![good(), Request::Commit(bitdust_market::wire::Commit { added: vec![blob], ..commit() })],
            Code::MissingBlobs,
        ),
        (vec![good(), Request::Commit(bitdust_market::wire::Commit { base_number: 1, ..commit() })], Code::UnknownBase),
        (vec![good(), Request::Commit(bitdust_market::wire::Commit { rate: Amount::ZERO, ..commit() })], Code::Rate),
    ];
    for (requests, code) in cases {
        let mut stream = world.network.dial(number).unwrap();
        let mut last = Response::Ready;
        for request in &requests {
            wire::send(&mut stream, request).await.unwrap();
            last = wire::recv(&mut stream, WIRE_MESSAGE_BYTES_MAX).await.unwrap();
        }
        match last {
            Response::Refused(refusal) => assert_eq!(refusal.code, code, "{requests:?}: {refusal}"),
            other => panic!("{requests:?} was answered {}", other.kind()),
        }
    }
    // Bytes that hash to something else.
    let mut stream = world.network.dial(number).unwrap();
    wire::send(&mut stream, &good()).await.unwrap();
    let _: Response = wire::recv(&mut stream, 1000).await.unwrap();
    wire::send(&mut stream, &Request::Put { root: Root([5; 32]), len: 4 }).await.unwrap();
    assert_eq!(wire::recv::<Response, _>(&mut stream, 1000).await.unwrap(), Response::Ready);
    stream.write_all(b"fork").await.unwrap();
    let answer: Response = wire::recv(&mut stream, 4000).await.unwrap();
    assert!(matches!(&answer, Response::Refused(refusal) if refusal.code == Code::Mismatch), "{answer:?}");
    // The stream still works: an honest question gets its answer.
    wire::send(&mut stream, &Request::Has { roots: vec![root, Root([1; 32])] }).await.unwrap();
    assert_eq!(wire::recv::<Response, _>(&mut stream, 1000).await.unwrap(), Response::Has { bitmap: vec![1] });
    // Garbage ends the stream, after a word.
    let mut stream = world.network.dial(number).unwrap();
    stream.write_all(&[9, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).await.unwrap();
    let answer: Response = wire::recv(&mut stream, 4000).await.unwrap();
    assert!(matches!(&answer, Response::Refused(refusal) if refusal.code == Code::Malformed), "{answer:?}");
    assert!(wire::recv::<Response, _>(&mut stream, 4000).await.is_err());
    assert_eq!(world.stores[number].usage(), usage, "nothing changed on the disk");
}

/// A supplier that restarts remembers what it promised.
#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_supplier_still_proves() {
    let world = World::start(2).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 1, 2).await;
    put(&customer, dataset, vec![file("f", &random(200_000, 1))]).await.unwrap();
    let world = world.restart_suppliers().await;
    let before = world.supplier_info(0).proven_epochs;
    world.until("it proves again", || world.supplier_info(0).proven_epochs > before + 1).await;
    assert_eq!(world.suppliers[0].status().misses, 0);
}

/// Progress only grows, and ends at what the receipt says.
#[tokio::test(flavor = "multi_thread")]
async fn progress_follows_a_put() {
    let world = World::start(2).await;
    let customer = world.customer(1);
    let dataset = create(&customer, 1, 2).await;
    let content = random(3 * MIB, 1);
    let (files, queue) = mpsc::channel(1);
    files.send(file("f", &content)).await.unwrap();
    drop(files);
    let (progress, mut seen) = watch::channel(Progress::default());
    let follower = tokio::spawn(async move {
        let mut last = Progress::default();
        while seen.changed().await.is_ok() {
            let now = *seen.borrow_and_update();
            assert!(now.read_bytes >= last.read_bytes && now.sent_bytes >= last.sent_bytes);
            last = now;
        }
        last
    });
    let receipt = customer.put(dataset, queue, progress).await.unwrap();
    assert_eq!(receipt.progress.read_bytes, content.len() as u64);
    assert_eq!(receipt.progress.sent_shards, 2);
    let last = tokio::time::timeout(Duration::from_secs(30), follower).await.unwrap().unwrap();
    assert_eq!(last.read_bytes, content.len() as u64);
    let _: Arc<Customer> = customer;
}
