//! Two players on a real ledger and real suppliers' shells in memory: one publishes, claims and builds, the other visits.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bitdust_rpc::places::{ChunksRequest, Frame, Places as _, Source, WantedChunk};
use bitdust_types::{Amount, B256, Layout};
use bitdust_world::{BlockId, Chunk, ChunkPos, LocationPos, VoxelPos, block, edits::Builders, pack};
use futures::StreamExt as _;

use super::{
    Parts, Worlds,
    chunks::Serving,
    claiming::{NewClaim, Terms, read_definition},
};
use crate::customer::tests::world::World as Network;

const DEFINITION: &str = r#"{ "name": "Test Hills", "seed": 7, "rules": { "claimers": "everybody", "price": "2 DUST",
    "term-epochs": 1000, "claims-per-account": 4 } }"#;

fn terms() -> Terms {
    Terms { layout: Layout::new(2, 4).unwrap(), price_cap: Amount::from_dust(10).unwrap() }
}

/// A player of a numbered account with an empty cache.
fn player(network: &Network, number: usize) -> (Arc<Worlds>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let worlds = Worlds::open(Parts {
        chain: network.chain.clone(),
        sender: Arc::new(network.sender(number)),
        customer: network.customer(number),
        dir: dir.path().to_owned(),
        cache_bytes: 1 << 20,
    });
    let worlds = worlds.unwrap();
    tokio::spawn(worlds.clone().run());
    (worlds, dir)
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
    let frames = Serving(worlds.clone()).chunks(world, ChunksRequest { chunks: wanted }).await.unwrap();
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

    let mut guests = vec![guest.account()];
    guests.sort_unstable();
    owner.set_access(world, pos, Builders::Guests, &guests).await.unwrap();
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
    // What is taken away again is the generator's once more.
    let before = owner.world(world).await.unwrap().generator.chunk(index);
    let undo: Vec<_> = (0..5).map(|x| (voxel(x).0, before.get(x as u8, 0, 0))).collect();
    owner.edit(world, &undo).await.unwrap();
    let saved = owner.save(world, pos).await.unwrap();
    assert_eq!((saved.sequence, saved.chunks, saved.bytes), (4, 0, 0));
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
        let request = ChunksRequest { chunks: vec![wanted] };
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
