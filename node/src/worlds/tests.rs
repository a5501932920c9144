//! Two players on a real ledger and real suppliers' shells in memory: one publishes, claims and builds, the other visits.

mod heads;
mod renewals;
mod vandals;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use alloy_sol_types::SolCall as _;
use bitdust_ledger::worlds::{Build, IWorlds, view::ClaimInfo};
use bitdust_proof::blob;
use bitdust_rpc::places::{ChunksRequest, Frame, Places as _, Source, WantedChunk};
use bitdust_types::{Address, Amount, B256, DatasetId, Epoch, Layout, U256};
use bitdust_world::{
    BlockId, Chunk, ChunkPos, LocationPos, VoxelPos, block,
    edits::{AccessList, Body, Builders, Secp256k1},
    location::{LOG_SEGMENTS_MAX, manifest_file},
    pack,
};
use futures::StreamExt as _;

use super::{
    PLACES_MAX, Parts, Places, Worlds,
    admitting::AccessChange,
    chunks::Serving,
    claiming::{NewClaim, Terms, read_definition},
    copies::Definition,
    heads::HeadJudge,
    log::Part,
    place::Place,
    registry::{Known, WORLDS_MAX, World},
};
use crate::customer::{
    CreateDataset,
    tests::world::{World as Network, key},
};

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
    // Garbage where edits would be costs no more than the edits, and is named.
    let path = super::registry::location_file(world, bad, "edits-0");
    owner.customer.put_one(dataset, super::keeping::file(path, vec![7; 100], false)).await.unwrap();
    let (passer_by, _passers_dir) = player(&network, 3);
    let seen = see(&passer_by, world, &[bad.chunk(0)]).await;
    assert_eq!(seen[&bad.chunk(0)].1, Source::Generator);
    let blamed = passer_by.stats().blamed;
    let is_named = |reason: &str| reason.contains("location (5, 0, 0)") && reason.contains("log segment");
    assert!(blamed.iter().any(|blamed| is_named(&blamed.reason)), "{blamed:?}");
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
    // What the ledger names must be right.
    let named = async |sequence: u64, bytes: Vec<u8>| {
        let hash = blob::root(&bytes);
        let (x, y, z) = (bad.x, bad.y, bad.z);
        let call = IWorlds::setCompactedCall { world, x, y, z, manifest: hash.into(), sequence };
        owner.transact(U256::ZERO, call.abi_encode()).await.unwrap();
        store(&manifest_file(sequence, &hash), bytes).await
    };
    let garbage = named(1, vec![7; 900]).await;
    let what = "location (5, 0, 0) of world 'Test Hills'";
    assert!(garbage.contains(what) && garbage.contains("manifest"), "{garbage}");
    let endless = named(2, vec![7; 200_000]).await;
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
    let chunks = vec![WantedChunk { pos: index, have, deadline_ms: 5_000 }];
    let request = ChunksRequest { chunks, stand_in: true };
    let frames: Vec<Frame> = Serving(owner.clone()).chunks(world, request).await.unwrap().collect().await;
    assert_eq!(frames, [Frame::Same { pos: index }]);
    owner.edit(world, &[voxel(2)]).await.unwrap();
    let other = see(&owner, world, &[index]).await;
    assert_eq!((other[&index].1, other[&index].0.get(2, 0, 0)), (Source::Generator, block::GLASS));
}

/// A world that nobody published, and a claim in it.
fn unpublished(seed: u64, owner: bitdust_types::Address) -> Arc<World> {
    let text = DEFINITION.replace("\"seed\": 7", &format!("\"seed\": {seed}"));
    let def = read_definition(&text, owner).unwrap();
    let (id, dataset) = (B256::from(def.id().0), DatasetId([9; 32]));
    let definition = Definition::new(dataset, 1, def.to_bytes().unwrap());
    Arc::new(World::of_definition(id, definition, dataset, 1).unwrap())
}

#[test]
fn places_are_bounded_and_only_own_edits_that_suppliers_lack_hold_one_open() {
    let (own, other) = (key(1), key(2));
    let [account, stranger] = [&own, &other].map(bitdust_types::keys::account_of);
    let world = unpublished(7, account);
    let id = world.id;
    let mut places = Places::default();
    let open = |places: &mut Places, x: usize, owner: bitdust_types::Address| {
        let pos = LocationPos::new(x as i64, 0, 0);
        let claim = ClaimInfo {
            world: id,
            place: super::registry::on_ledger(pos),
            owner,
            dataset: DatasetId([1; 32]),
            start: Epoch(0),
            until: Epoch(100),
            access_revision: 1,
            build: Build::Owner,
            manifest: None,
            sequence: 0,
        };
        places.get(account, id, pos, || Place::new(world.clone(), pos, &claim, bitdust_types::params::DEVNET))
    };
    let build = |place: &Place, key: &k256::ecdsa::SigningKey| {
        let author = bitdust_types::keys::account_of(key);
        let statement = place.state().graph.draft(author, Body::Place(vec![(1, block::GLASS)])).unwrap();
        let op = statement.sign(key).unwrap().check(&Secp256k1).unwrap();
        place.state().graph.insert(op).unwrap();
    };
    // One of somebody else's, then 255 of this account's, all with edits that suppliers lack.
    build(&open(&mut places, 0, stranger).unwrap(), &other);
    for x in 1..PLACES_MAX {
        build(&open(&mut places, x, account).unwrap(), &own);
    }
    open(&mut places, PLACES_MAX, account).unwrap();
    assert_eq!(places.open.len(), PLACES_MAX);
    assert!(!places.open.contains_key(&(id, LocationPos::new(0, 0, 0))), "a stranger's edits hold nothing open");
    build(&open(&mut places, PLACES_MAX, account).unwrap(), &own);
    let refused = open(&mut places, PLACES_MAX + 1, account).map(drop).unwrap_err().to_string();
    assert!(refused.contains("256 locations are open"), "{refused}");
    assert_eq!(places.open.len(), PLACES_MAX);
    open(&mut places, 1, account).expect("what is open stays so");
}

#[test]
fn the_worlds_used_last_stay_in_memory() {
    let worlds: Vec<_> = (0..=WORLDS_MAX as u64).map(|seed| unpublished(seed, bitdust_types::Address::ZERO)).collect();
    let mut known = Known::default();
    worlds[..WORLDS_MAX].iter().for_each(|world| known.insert(world.clone()));
    assert!(known.get(&worlds[0].id).is_some());
    known.insert(worlds[WORLDS_MAX].clone());
    let kept: Vec<usize> = (0..=WORLDS_MAX).filter(|at| known.get(&worlds[*at].id).is_some()).collect();
    assert_eq!(kept, [0].into_iter().chain(2..=WORLDS_MAX).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_the_owners_to_make_and_a_compactors_if_nobody_does() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let others: Vec<_> = [2, 3].map(|number| (number, tempfile::tempdir().unwrap())).into();
    let [compactor, guest] = [0, 1].map(|at: usize| player_in(&network, others[at].0, others[at].1.path()));
    let world = publish(&owner).await;
    let pos = LocationPos::new(7, 0, 7);
    claim(&owner, world, pos).await;
    let (guests, compactors) = (vec![guest.account()], vec![compactor.account()]);
    let list = AccessList { guests, compactors, builders: Builders::Guests, ..AccessList::default() };
    owner.set_access(world, pos, list).await.unwrap();
    until_kept(&owner, world, pos).await;
    let mut places = Vec::new();
    for worlds in [&owner, &compactor, &guest] {
        places.push((worlds, worlds.place(world, pos).await.unwrap().unwrap()));
    }
    for (segments_left, due) in [(100, [false, false, false]), (8, [true, false, false]), (4, [true, true, false])] {
        let found: Vec<bool> = places
            .iter()
            .map(|(worlds, place)| {
                place.state().log.parts = vec![Part::default(); (LOG_SEGMENTS_MAX - segments_left) as usize];
                worlds.is_due_to_save(place)
            })
            .collect();
        assert_eq!(found, due, "{segments_left} segments left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changes_the_list_at_the_same_time_undoes_nothing() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let (guest, _guests_dir) = player(&network, 2);
    let world = publish(&owner).await;
    let pos = LocationPos::new(0, 0, 3);
    let welcome = |accounts: &[Address]| AccessChange { welcome: accounts.to_vec(), ..AccessChange::default() };
    let nobodys = owner.change_access(world, pos, &welcome(&[guest.account()])).await.unwrap_err();
    assert!(format!("{nobodys:#}").contains("is nobody's"));
    claim(&owner, world, pos).await;
    let others: Vec<Address> = (1..=4).map(Address::repeat_byte).collect();
    let changes: Vec<AccessChange> = others.iter().map(|account| welcome(&[*account])).collect();
    let changed = changes.iter().map(|change| owner.change_access(world, pos, change));
    futures::future::try_join_all(changed).await.unwrap();
    let list = owner.access(world, pos).unwrap().unwrap();
    assert_eq!((list.guests, list.build), (others.clone(), Build::Guests));
    // The edits' list is the same: who is let in may build, who is shown out may not.
    let swap = AccessChange { dismiss: others[..1].to_vec(), ..welcome(&[guest.account()]) };
    let list = owner.change_access(world, pos, &swap).await.unwrap();
    assert!(list.guests.contains(&guest.account()) && !list.guests.contains(&others[0]) && list.guests.len() == 4);
    until_kept(&owner, world, pos).await;
    guest.edit(world, &[(pos.chunk(7).origin(), block::GLASS)]).await.unwrap();
    let shown_out = AccessChange { dismiss: vec![guest.account()], ..AccessChange::default() };
    assert!(guest.change_access(world, pos, &welcome(&others[..1])).await.is_err(), "it isn't the guest's to say");
    owner.change_access(world, pos, &shown_out).await.unwrap();
    until_kept(&owner, world, pos).await;
    assert!(guest.edit(world, &[(pos.chunk(8).origin(), block::GLASS)]).await.is_err());
}
