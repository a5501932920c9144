//! Two players on a real ledger and real suppliers' shells in memory: one publishes, claims and builds, the other visits.

mod heads;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use alloy_sol_types::SolCall as _;
use bitdust_ledger::worlds::IWorlds;
use bitdust_rpc::places::{ChunksRequest, Frame, Places as _, Source, WantedChunk};
use bitdust_types::{Amount, B256, Layout, U256};
use bitdust_world::{
    BlockId, Chunk, ChunkPos, LocationPos, VoxelPos, block,
    edits::{AccessList, Builders},
    pack,
};
use futures::StreamExt as _;

use super::{
    Parts, Worlds,
    chunks::Serving,
    claiming::{NewClaim, Terms, read_definition},
    heads::HeadJudge,
};
use crate::customer::{CreateDataset, tests::world::World as Network};

const DEFINITION: &str = r#"{ "name": "Test Hills", "seed": 7, "rules": { "claimers": "everybody", "price": "2 DUST",
    "term-epochs": 1000, "claims-per-account": 4 } }"#;

fn terms() -> Terms {
    Terms { layout: Layout::new(2, 4).unwrap(), price_cap: Amount::from_dust(10).unwrap() }
}

/// A player of a numbered account with an empty cache.
fn player(network: &Network, number: usize) -> (Arc<Worlds>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let worlds = player_in(network, number, dir.path());
    tokio::spawn(worlds.clone().run());
    (worlds, dir)
}

/// The same in a directory that may have been used before; nothing is kept until it runs.
fn player_in(network: &Network, number: usize, dir: &Path) -> Arc<Worlds> {
    let worlds = Worlds::open(Parts {
        chain: network.chain.clone(),
        judge: Arc::new(HeadJudge::new(network.chain.clone())),
        sender: Arc::new(network.sender(number)),
        customer: network.customer(number),
        dir: dir.join("places"),
        cache_bytes: 1 << 20,
        journal_dir: dir.join("edits"),
        shares: false,
    });
    worlds.unwrap()
}

async fn publish(worlds: &Worlds) -> B256 {
    let def = read_definition(DEFINITION, worlds.account()).unwrap();
    worlds.create(&def, terms(), 1000).await.unwrap().0
}

async fn claim(worlds: &Worlds, world: B256, pos: LocationPos) {
    let new = NewClaim { pos, build: 0, epochs: None };
    worlds.claim_place(world, &new, terms()).await.unwrap();
}

/// Every chunk asked for, with its source; what the generator makes is made.
async fn see(worlds: &Arc<Worlds>, world: B256, chunks: &[ChunkPos]) -> BTreeMap<ChunkPos, (Chunk, Source)> {
    let wanted = chunks.iter().map(|pos| WantedChunk { pos: *pos, have: None, deadline_ms: 0 }).collect();
    let frames =
        Serving(worlds.clone()).chunks(world, ChunksRequest { chunks: wanted, stand_in: false }).await.unwrap();
    let known = worlds.world(world).await.unwrap();
    let seen = frames.map(|frame| match frame {
        Frame::Chunk { pos, hash, source, packed, .. } => {
            let chunk = pack::unpack(&packed).unwrap();
            assert_eq!(chunk.hash(), hash);
            (pos, (chunk, source))
        }
        Frame::Generated { pos, .. } => (pos, (known.generator.chunk(pos), Source::Generator)),
        other => panic!("{other:?}"),
    });
    let seen: BTreeMap<_, _> = seen.collect().await;
    assert_eq!(seen.len(), chunks.len());
    seen
}

/// A tower at a corner of the location, of a hundred voxels of every block there is.
fn tower(pos: LocationPos) -> Vec<(VoxelPos, BlockId)> {
    let at = pos.chunk(0).origin();
    (0..100).map(|y| (at.offset(3, y, 3), BlockId(1 + (y % 60) as u16))).collect()
}

async fn until_kept(worlds: &Worlds, world: B256, pos: LocationPos) {
    let kept = async {
        while worlds.place(world, pos).await.unwrap().unwrap().has_unsaved() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), kept).await.expect("the edits are kept within a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_builds_another_visits() {
    let network = Network::start(4).await;
    let (builder, _builders_dir) = player(&network, 1);
    let world = publish(&builder).await;
    let pos = LocationPos::new(-1, 0, 2);
    claim(&builder, world, pos).await;
    builder.edit(world, &tower(pos)).await.unwrap();
    let chunks: Vec<ChunkPos> = [0, 1, 2, 3, 511].map(|index| pos.chunk(index)).to_vec();
    let mine = see(&builder, world, &chunks).await;
    assert_eq!(mine[&chunks[0]].0.get(3, 5, 3), BlockId(6));
    until_kept(&builder, world, pos).await;

    let (visitor, visitors_dir) = player(&network, 2);
    let content = |seen: &BTreeMap<ChunkPos, (Chunk, Source)>| -> Vec<Chunk> {
        seen.values().map(|(chunk, _)| chunk.clone()).collect()
    };
    assert_eq!(content(&see(&visitor, world, &chunks).await), content(&mine), "from the log of edits");
    let saved = builder.save(world, pos).await.unwrap();
    assert_eq!((saved.sequence, saved.folded), (1, 1));
    let theirs = see(&visitor, world, &chunks).await;
    assert_eq!(content(&theirs), content(&mine), "from the new version");
    assert!(matches!(theirs[&chunks[0]].1, Source::Supplier(_)), "{:?}", theirs[&chunks[0]].1);
    assert_eq!(theirs[&chunks[4]].1, Source::Generator);
    assert_eq!(see(&visitor, world, &chunks).await[&chunks[0]].1, Source::Cache);
    assert_eq!(builder.survey(world, pos).await.unwrap().hashes, visitor.survey(world, pos).await.unwrap().hashes);
    drop((visitor, visitors_dir));

    // The builder is gone, and as many suppliers as may be: a newcomer sees all of it.
    drop(builder);
    network.network.kill(0);
    network.network.kill(1);
    let (newcomer, _newcomers_dir) = player(&network, 3);
    let late = see(&newcomer, world, &chunks).await;
    assert_eq!(content(&late), content(&mine));
    assert_ne!(late[&chunks[0]].1, Source::Generator);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_builds_and_versions_follow_each_other() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let (guest, _guests_dir) = player(&network, 2);
    let world = publish(&owner).await;
    let pos = LocationPos::new(0, 0, 0);
    let voxel = |x| (pos.chunk(7).origin().offset(x, 0, 0), block::GLASS);
    let why = |error: anyhow::Error| format!("{error:#}");
    assert!(why(owner.edit(world, &[voxel(0)]).await.unwrap_err()).contains("claim it first"));
    claim(&owner, world, pos).await;
    let taken = guest.claim_place(world, &NewClaim { pos, build: 0, epochs: None }, terms()).await.unwrap_err();
    assert!(why(taken).contains("is claimed by"));
    assert!(why(guest.edit(world, &[voxel(0)]).await.unwrap_err()).contains("has no right to build"));
    assert!(why(owner.save(world, pos).await.unwrap_err()).contains("no edits"));

    let guests = vec![guest.account()];
    let list = AccessList { guests, builders: Builders::Guests, ..AccessList::default() };
    owner.set_access(world, pos, list.clone()).await.unwrap();
    until_kept(&owner, world, pos).await;
    // Nobody tells the owner of it here: the guest's node waits a while, and then keeps the edit itself.
    guest.edit(world, &[voxel(1)]).await.unwrap();
    until_kept(&guest, world, pos).await;
    assert!(why(guest.save(world, pos).await.unwrap_err()).contains("who makes its versions"));

    for version in 1..=3u64 {
        owner.edit(world, &[voxel(version as i64 + 1)]).await.unwrap();
        until_kept(&owner, world, pos).await;
        assert_eq!(owner.save(world, pos).await.unwrap().sequence, version);
    }
    let index = voxel(0).0.chunk();
    let seen = see(&guest, world, &[index]).await;
    for x in [1, 2, 3, 4] {
        assert_eq!(seen[&index].0.get(x, 0, 0), block::GLASS, "version {}", x - 1);
    }
    // Whom the owner names for it makes versions too, until another list is in force.
    owner.set_access(world, pos, AccessList { compactors: vec![guest.account()], ..list.clone() }).await.unwrap();
    until_kept(&owner, world, pos).await;
    guest.edit(world, &[voxel(5)]).await.unwrap();
    assert_eq!(guest.save(world, pos).await.unwrap().sequence, 4);
    assert_eq!(see(&owner, world, &[index]).await[&index].0.get(5, 0, 0), block::GLASS);
    owner.set_access(world, pos, list).await.unwrap();
    until_kept(&owner, world, pos).await;
    assert!(why(guest.save(world, pos).await.unwrap_err()).contains("who makes its versions"));
    // What is taken away again is the generator's once more.
    let before = owner.world(world).await.unwrap().generator.chunk(index);
    let undo: Vec<_> = (0..6).map(|x| (voxel(x).0, before.get(x as u8, 0, 0))).collect();
    owner.edit(world, &undo).await.unwrap();
    let saved = owner.save(world, pos).await.unwrap();
    assert_eq!((saved.sequence, saved.chunks, saved.bytes), (5, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_was_passed_on_says_what_its_new_owner_has_to_do() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let (heir, _heirs_dir) = player(&network, 2);
    let world = publish(&owner).await;
    let pos = LocationPos::new(9, 0, -9);
    claim(&owner, world, pos).await;
    owner.edit(world, &tower(pos)).await.unwrap();
    until_kept(&owner, world, pos).await;
    let (x, y, z) = (pos.x, pos.y, pos.z);
    let call = IWorlds::transferClaimCall { world, x, y, z, to: heir.account() };
    owner.transact(U256::ZERO, call.abi_encode()).await.unwrap();
    for player in [&owner, &heir] {
        let refused = format!("{:#}", player.place(world, pos).await.map(drop).unwrap_err());
        assert!(refused.contains("was passed on") && refused.contains("setClaimDataset"), "{refused}");
    }
    let create = CreateDataset {
        layout: terms().layout,
        term_epochs: 900,
        price_cap: terms().price_cap,
        deposit: Amount::from_dust(1000).unwrap(),
        public: true,
        salt: 7,
    };
    let dataset = heir.customer.create(&create).await.unwrap().0;
    let call = IWorlds::setClaimDatasetCall { world, x, y, z, dataset: dataset.into() };
    heir.transact(U256::ZERO, call.abi_encode()).await.unwrap();
    heir.edit(world, &[(pos.chunk(0).origin(), block::GLASS)]).await.unwrap();
    until_kept(&heir, world, pos).await;
    let seen = (owner.survey(world, pos).await.unwrap(), heir.survey(world, pos).await.unwrap());
    assert_eq!((seen.0.edits, &seen.0.hashes), (1, &seen.1.hashes), "the place begins anew");
}

/// What an owner stores is an owner's word: nonsense there costs a clear error and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn nonsense_in_a_location_is_named_and_the_others_are_seen() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let world = publish(&owner).await;
    let (bad, good) = (LocationPos::new(5, 0, 0), LocationPos::new(6, 0, 0));
    for pos in [bad, good] {
        claim(&owner, world, pos).await;
    }
    owner.edit(world, &tower(good)).await.unwrap();
    until_kept(&owner, world, good).await;
    let dataset = owner.claim(world, bad).unwrap().unwrap().dataset;
    let (visitor, _visitors_dir) = player(&network, 2);
    let store = async |name: &str, bytes: Vec<u8>| {
        let path = super::registry::location_file(world, bad, name);
        owner.customer.put_one(dataset, super::keeping::file(path, bytes, false)).await.unwrap();
        let wanted = WantedChunk { pos: bad.chunk(0), have: None, deadline_ms: 0 };
        let request = ChunksRequest { chunks: vec![wanted], stand_in: false };
        let frames: Vec<Frame> = Serving(visitor.clone()).chunks(world, request).await.unwrap().collect().await;
        match &frames[..] {
            [Frame::Failed { reason, .. }] => reason.clone(),
            other => panic!("{other:?}"),
        }
    };
    let edits = store("edits-0", vec![7; 100]).await;
    assert!(edits.contains("location (5, 0, 0) of world 'Test Hills'") && edits.contains("log segment"), "{edits}");
    let garbage = store("location", vec![7; 900]).await;
    assert!(garbage.contains("manifest"), "{garbage}");
    let endless = store("location", vec![7; 200_000]).await;
    assert!(endless.contains("is said to have 200000 bytes"), "{endless}");
    let seen = see(&visitor, world, &[good.chunk(0)]).await;
    assert_eq!(seen[&good.chunk(0)].0.get(3, 5, 3), BlockId(6));
    assert!(visitor.place(world, bad).await.is_err());
}

/// Suppliers can't be reached: what the generator makes stands in, who doesn't want that waits, and who hangs up is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn terrain_stands_in_until_the_truth_arrives() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let world = publish(&owner).await;
    let pos = LocationPos::new(2, 0, 0);
    claim(&owner, world, pos).await;
    owner.edit(world, &tower(pos)).await.unwrap();
    owner.save(world, pos).await.unwrap();
    let (visitor, _visitors_dir) = player(&network, 2);
    // Its terrain is known before anything else.
    visitor.world(world).await.unwrap();
    (0..3).for_each(|number| network.network.kill(number));

    let chunk = pos.chunk(0);
    let ask = async |stand_in| {
        let chunks = vec![WantedChunk { pos: chunk, have: None, deadline_ms: 0 }];
        Serving(visitor.clone()).chunks(world, ChunksRequest { chunks, stand_in }).await.unwrap()
    };
    let mut shows = ask(true).await;
    assert_eq!(shows.next().await, Some(Frame::StandIn { pos: chunk }));
    let mut waits = ask(false).await;
    let early = tokio::time::timeout(Duration::from_millis(500), waits.next()).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(visitor.stats().waiting, 2, "one for each rule");
    drop(waits);
    let is_forgotten = async {
        while visitor.stats().waiting > 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), is_forgotten).await.expect("who hung up is forgotten");

    (0..3).for_each(|number| network.network.revive(number));
    match shows.next().await {
        Some(Frame::Chunk { pos, packed, .. }) => {
            assert_eq!((pos, pack::unpack(&packed).unwrap().get(3, 5, 3)), (chunk, BlockId(6)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(shows.next().await, None);
    // What the schedulers say of themselves is looked at 20 times a second.
    let settled = async {
        while visitor.stats().waiting > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), settled).await.expect("nothing is waited for any more");
    let stats = visitor.stats();
    assert_eq!((stats.stand_ins.stale, stats.late.unforeseen), (1, 2), "{stats:?}");
}

/// Edits on top of a version are put together once, and again when there are others.
#[tokio::test(flavor = "multi_thread")]
async fn an_edited_chunk_is_made_once_for_all_who_ask() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let world = publish(&owner).await;
    let pos = LocationPos::new(0, 1, 0);
    claim(&owner, world, pos).await;
    let index = pos.chunk(9);
    let voxel = |x| (index.origin().offset(x, 0, 0), block::GLASS);
    owner.edit(world, &[voxel(1)]).await.unwrap();
    let first = see(&owner, world, &[index]).await;
    assert_eq!(first[&index].1, Source::Generator);
    let again = see(&owner, world, &[index]).await;
    assert_eq!((again[&index].1, &again[&index].0), (Source::Cache, &first[&index].0));
    let have = Some(first[&index].0.hash());
    let chunks = vec![WantedChunk { pos: index, have, deadline_ms: 0 }];
    let request = ChunksRequest { chunks, stand_in: true };
    let frames: Vec<Frame> = Serving(owner.clone()).chunks(world, request).await.unwrap().collect().await;
    assert_eq!(frames, [Frame::Same { pos: index }]);
    owner.edit(world, &[voxel(2)]).await.unwrap();
    let other = see(&owner, world, &[index]).await;
    assert_eq!((other[&index].1, other[&index].0.get(2, 0, 0)), (Source::Generator, block::GLASS));
}
