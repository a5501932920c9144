//! The talk with a node that is made up: what it answers is the test's.

use std::sync::{Arc, Mutex};

use bitdust_rpc::types::{
    meet::{Around, MeetEvent},
    node::NodeStatus,
    world::{AccessChange, AccessInfo, ClaimReport, ClaimRequest, MayBuild, WhoMayClaim, WorldInfo, WorldSummary},
};
use bitdust_types::{Address, Amount, Bytes, DatasetId};
use bitdust_world::{Chunk, block};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime,
};

use super::*;
use crate::source::{Builders, Deed, Label, Person};

const POS: ChunkPos = ChunkPos::new(1, 2, 3);
const OTHER: ChunkPos = ChunkPos::new(2, 2, 3);
const ME: Address = Address::repeat_byte(0xa1);
const HER: Address = Address::repeat_byte(0xb2);

/// What the node answers.
#[derive(Default)]
struct World {
    /// Chunks that players built.
    built: HashMap<ChunkPos, Chunk>,
    /// Locations with a claim.
    claimed: HashSet<LocationPos>,
    /// Locations in which nothing may be built.
    closed: HashSet<LocationPos>,
    /// Chunks that are answered in a form nobody reads, so many times.
    garbled: usize,
    /// Requests for chunks.
    asked: Vec<Vec<ChunkPos>>,
    /// Calls with edits.
    saved: Vec<Vec<VoxelPos>>,
    /// Whose land is.
    claims: Vec<ClaimInfo>,
    /// The list of all land.
    guests: Vec<Address>,
}

impl World {
    fn frame(&mut self, want: &WantedChunk) -> Frame {
        let pos = want.pos;
        let Some(chunk) = self.built.get(&pos) else {
            return Frame::Generated { pos, unclaimed: !self.claimed.contains(&pos.location()) };
        };
        let hash = chunk.hash();
        if want.have == Some(hash) {
            return Frame::Same { pos };
        }
        let mut packed = pack::pack(chunk);
        if self.garbled > 0 {
            self.garbled -= 1;
            packed = vec![255; 9];
        }
        Frame::Chunk { pos, hash, sequence: 0, source: bitdust_rpc::places::Source::Player, packed }
    }

    fn call(&mut self, request: &Value) -> Result<Value, String> {
        match request["method"].as_str() {
            Some("world_edit") => {
                let edits: Vec<VoxelEdit> = serde_json::from_value(request["params"][1].clone()).unwrap();
                self.saved.push(edits.iter().map(|edit| edit.pos).collect());
                if edits.iter().any(|edit| self.closed.contains(&edit.pos.chunk().location())) {
                    return Err("this place is Ada's".into());
                }
                for VoxelEdit { pos, block } in &edits {
                    let [x, y, z] = pos.within();
                    self.built.entry(pos.chunk()).or_default().set(x, y, z, *block);
                }
                Ok(json!({ "operations": [], "voxels": edits.len() }))
            }
            Some("node_status") => {
                let status = NodeStatus {
                    name: "mine".to_owned(),
                    version: "0".to_owned(),
                    network: "devnet".to_owned(),
                    chain_id: 1,
                    roles: vec![],
                    address: ME,
                    balance: Amount::ZERO,
                    peer_id: String::new(),
                    listen: vec![],
                    height: 1,
                    block_id: bitdust_types::BlockId::default(),
                    syncing: false,
                    peers: 1,
                    uptime_s: 1,
                    warnings: vec![],
                };
                Ok(serde_json::to_value(status).unwrap())
            }
            Some("world_near") => Ok(serde_json::to_value(&self.claims).unwrap()),
            Some("world_info") => {
                let summary = WorldSummary {
                    id: B256::ZERO,
                    name: "Flat".to_owned(),
                    creator: HER,
                    dataset: DatasetId::default(),
                    who_may_claim: WhoMayClaim::Everybody,
                    price: Amount::from_grains(5 * 10_u128.pow(17)),
                    term_epochs: 300,
                    claims_per_account: 4,
                    claims: 1,
                };
                Ok(serde_json::to_value(WorldInfo { summary, definition: Bytes::new() }).unwrap())
            }
            Some("meet_around") => {
                let met = |peer: &str, account, name: &str| MeetEvent::Met {
                    peer: peer.to_owned(),
                    account,
                    name: name.to_owned(),
                    look: Default::default(),
                    muted: false,
                };
                let events = vec![
                    met("1", HER, "Eve\n"),
                    met("2", Address::ZERO, "Gone"),
                    MeetEvent::Left { peer: "2".to_owned() },
                ];
                Ok(serde_json::to_value(Around { next: 3, events, players: vec![] }).unwrap())
            }
            Some("world_admitted") => {
                let build = self.claims.first().map_or(MayBuild::Owner, |claim| claim.build);
                let list = AccessInfo { build, guests: self.guests.clone(), compactors: vec![] };
                Ok(serde_json::to_value(Some(list)).unwrap())
            }
            Some("world_admit") => {
                let change: AccessChange = serde_json::from_value(request["params"][2].clone()).unwrap();
                let build = &mut self.claims[0].build;
                if *build == MayBuild::Owner && !change.welcome.is_empty() {
                    *build = MayBuild::Guests;
                }
                *build = change.build.unwrap_or(*build);
                self.guests.retain(|guest| !change.dismiss.contains(guest));
                self.guests.extend(change.welcome);
                let list = AccessInfo { build: *build, guests: self.guests.clone(), compactors: vec![] };
                Ok(serde_json::to_value(list).unwrap())
            }
            Some("world_claim") => {
                let ClaimRequest { pos, build, .. } = serde_json::from_value(request["params"][1].clone()).unwrap();
                if let Some(claim) = self.claims.iter().find(|claim| claim.pos == pos) {
                    return Err(format!("{pos} is {}'s", claim.owner));
                }
                let claim = claim(pos, ME, build);
                self.claims.push(claim.clone());
                let price = Amount::from_grains(5 * 10_u128.pow(17));
                Ok(serde_json::to_value(ClaimReport { claim, transaction: B256::ZERO, height: 1, price }).unwrap())
            }
            other => Err(format!("nobody answers {other:?} here")),
        }
    }
}

fn claim(pos: LocationPos, owner: Address, build: MayBuild) -> ClaimInfo {
    ClaimInfo { pos, owner, dataset: DatasetId::default(), build, end_epoch: 300, sequence: 0 }
}

/// Answers one caller's requests until it hangs up.
async fn serve(mut stream: TcpStream, world: Arc<Mutex<World>>) {
    let mut received = vec![];
    loop {
        let head = loop {
            if let Some(at) = received.windows(4).position(|part| part == b"\r\n\r\n") {
                break at + 4;
            }
            let mut part = [0; 4096];
            match stream.read(&mut part).await {
                Ok(0) | Err(_) => return,
                Ok(count) => received.extend_from_slice(&part[..count]),
            }
        };
        let text = String::from_utf8(received[..head].to_vec()).unwrap().to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
        let length: usize = length.trim().parse().unwrap();
        while received.len() < head + length {
            let mut part = [0; 4096];
            match stream.read(&mut part).await {
                Ok(0) | Err(_) => return,
                Ok(count) => received.extend_from_slice(&part[..count]),
            }
        }
        let body: Value = serde_json::from_slice(&received[head..head + length]).unwrap();
        received.drain(..head + length);
        let (kind, answer) = if text.starts_with("post /worlds/") {
            let request: ChunksRequest = serde_json::from_value(body).unwrap();
            let mut world = world.lock().unwrap();
            world.asked.push(request.chunks.iter().map(|want| want.pos).collect());
            let frames = request.chunks.iter().flat_map(|want| world.frame(want).encode());
            ("application/octet-stream", frames.collect::<Vec<u8>>())
        } else {
            let result = world.lock().unwrap().call(&body);
            let answer = match result {
                Ok(result) => json!({ "jsonrpc": "2.0", "id": body["id"], "result": result }),
                Err(message) => {
                    json!({ "jsonrpc": "2.0", "id": body["id"], "error": { "code": -32000, "message": message } })
                }
            };
            ("application/json", answer.to_string().into_bytes())
        };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", answer.len());
        if stream.write_all(&[head.as_bytes(), &answer].concat()).await.is_err() {
            return;
        }
    }
}

/// The viewer's end of a talk.
struct Viewer {
    orders: mpsc::Sender<Order>,
    words: mpsc::Receiver<Word>,
    world: Arc<Mutex<World>>,
}

impl Viewer {
    async fn fetch(&self, chunks: &[ChunkPos]) {
        let chunks = chunks.iter().map(|pos| (*pos, 5)).collect();
        self.orders.send(Order::Fetch { now_ms: 0, chunks }).await.unwrap();
    }

    async fn edit(&self, at: VoxelPos) {
        self.orders.send(Order::Edit { at, block: block::BRICK }).await.unwrap();
    }

    /// The next word about chunks or people, which comes soon.
    async fn next(&mut self) -> Word {
        let word = time::timeout(Duration::from_secs(20), self.words.recv()).await;
        word.expect("a word within 20 s").expect("the talk goes on")
    }

    /// Waits for these chunks to be left to the generator.
    async fn natural(&mut self, mut chunks: Vec<ChunkPos>) {
        while !chunks.is_empty() {
            match self.next().await {
                Word::Generate(made) => chunks.retain(|pos| !made.iter().any(|(other, _)| other == pos)),
                Word::News(item) => panic!("{item:?} while {chunks:?} are awaited"),
                _ => {}
            }
        }
    }

    /// The chunk that comes next.
    async fn chunk(&mut self) -> (ChunkPos, PackedChunk) {
        match self.next().await {
            Word::News(News::Chunk { pos, chunk, label, .. }) => {
                assert_eq!(label, Label::Player);
                (pos, chunk)
            }
            Word::News(item) => panic!("{item:?} instead of a chunk"),
            _ => panic!("terrain instead of a chunk"),
        }
    }

    async fn tend(&mut self, location: LocationPos, deed: Deed) -> Land {
        self.orders.send(Order::Land { location, deed }).await.unwrap();
        loop {
            if let Word::News(News::Land(land)) = self.next().await {
                return land;
            }
        }
    }

    async fn said(&mut self) -> String {
        loop {
            if let Word::News(News::Said { text, .. }) = self.next().await {
                return text;
            }
        }
    }

    /// Lets rounds of refreshing go by, in which nothing may be said.
    async fn quiet(&mut self) {
        let word = time::timeout(Duration::from_millis(300), self.words.recv()).await;
        match word {
            Err(_) => {}
            Ok(Some(Word::News(item))) => panic!("{item:?}"),
            Ok(_) => panic!("a word about what hasn't changed"),
        }
    }
}

/// A talk with a node that answers like this.
fn with(world: World, play: impl AsyncFnOnce(&mut Viewer)) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(Mutex::new(world));
        let served = Arc::clone(&world);
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(serve(stream, Arc::clone(&served)));
            }
        });
        let (orders, taken) = mpsc::channel(64);
        let (said, words) = mpsc::channel(64);
        let (_poses, seen) = watch::channel(None);
        let pace = Pace { refresh: Duration::from_millis(20), pause: Duration::from_millis(20), stand_ins: true };
        let client = Client::new(&url, None).unwrap();
        tokio::task::spawn_local(talk(client, B256::ZERO, taken, seen, said, pace));
        let mut viewer = Viewer { orders, words, world };
        play(&mut viewer).await;
    });
}

fn claimed() -> World {
    World { claimed: [POS.location()].into(), ..World::default() }
}

#[test]
fn a_natural_chunk_that_somebody_builds_in_is_seen() {
    with(claimed(), async |viewer| {
        viewer.fetch(&[POS, OTHER]).await;
        viewer.natural(vec![POS, OTHER]).await;
        viewer.quiet().await;
        viewer.world.lock().unwrap().built.insert(POS, Chunk::uniform(block::BRICK));
        assert_eq!(viewer.chunk().await, (POS, PackedChunk::uniform(block::BRICK)));
        viewer.quiet().await;
    });
}

#[test]
fn a_place_that_is_claimed_meanwhile_is_noticed() {
    with(World::default(), async |viewer| {
        viewer.fetch(&[POS, OTHER]).await;
        viewer.natural(vec![POS, OTHER]).await;
        {
            let mut world = viewer.world.lock().unwrap();
            world.claimed.insert(POS.location());
            // Not the chunk that is asked for in place of all.
            world.built.insert(POS.max(OTHER), Chunk::uniform(block::BRICK));
        }
        assert_eq!(viewer.chunk().await.0, POS.max(OTHER));
    });
}

#[test]
fn what_lapses_becomes_terrain_again() {
    let built = [(POS, Chunk::uniform(block::BRICK)), (OTHER, Chunk::uniform(block::STONE))].into();
    with(World { built, ..claimed() }, async |viewer| {
        viewer.fetch(&[POS, OTHER]).await;
        let came = [viewer.chunk().await.0, viewer.chunk().await.0];
        assert_eq!(HashSet::from(came), HashSet::from([POS, OTHER]));
        viewer.quiet().await;
        {
            let mut world = viewer.world.lock().unwrap();
            world.built.clear();
            world.claimed.clear();
        }
        viewer.natural(vec![POS, OTHER]).await;
        viewer.quiet().await;
    });
}

#[test]
fn a_chunk_that_nobody_can_read_is_asked_for_again() {
    let built = [(POS, Chunk::uniform(block::BRICK))].into();
    with(World { built, garbled: 1, ..claimed() }, async |viewer| {
        viewer.fetch(&[POS]).await;
        assert!(viewer.said().await.contains("nobody reads"));
        loop {
            // Terrain stands in meanwhile.
            if let Word::News(News::Chunk { pos, .. }) = viewer.next().await {
                assert_eq!(pos, POS);
                break;
            }
        }
    });
}

#[test]
fn what_one_place_refuses_another_takes() {
    let (mine, hers) = (POS.origin(), POS.origin().offset(1_000, 0, 0));
    let world = World { closed: [hers.chunk().location()].into(), ..claimed() };
    with(world, async |viewer| {
        viewer.fetch(&[mine.chunk(), hers.chunk()]).await;
        viewer.natural(vec![mine.chunk(), hers.chunk()]).await;
        for at in [mine, hers, hers.offset(1, 0, 0)] {
            viewer.edit(at).await;
        }
        let (mut said, mut back, mut built) = (None, false, false);
        while said.is_none() || !back || !built {
            match viewer.next().await {
                Word::News(News::Said { text, .. }) => said = Some(text),
                // What was shown at her place goes back.
                Word::Generate(chunks) => back |= chunks.iter().any(|(pos, _)| *pos == hers.chunk()),
                Word::News(News::Chunk { pos, chunk, .. }) => {
                    assert_eq!((pos, chunk.get(0, 0, 0)), (mine.chunk(), block::BRICK));
                    built = true;
                }
                _ => {}
            }
        }
        let said = said.unwrap();
        assert!(said.contains(&hers.to_string()) && said.contains("Ada's"), "{said}");
        let saved = viewer.world.lock().unwrap().saved.clone();
        assert!(saved.iter().all(|call| call.iter().all(|at| at.chunk().location() == call[0].chunk().location())));
    });
}

#[test]
fn what_isnt_wanted_any_more_isnt_asked_for() {
    with(claimed(), async |viewer| {
        viewer.fetch(&[POS]).await;
        viewer.natural(vec![POS]).await;
        viewer.orders.send(Order::Drop(vec![POS])).await.unwrap();
        viewer.quiet().await;
        let asked = viewer.world.lock().unwrap().asked.len();
        viewer.world.lock().unwrap().built.insert(POS, Chunk::uniform(block::BRICK));
        viewer.quiet().await;
        assert_eq!(viewer.world.lock().unwrap().asked.len(), asked);
    });
}

#[test]
fn edits_go_by_location_in_portions_that_a_node_takes() {
    let edits: BTreeMap<VoxelPos, BlockId> =
        (0..EDITS_PER_CALL as i64 + 1).map(|i| (VoxelPos::new(i % 200, i / 200, 0), block::STONE)).collect();
    let far = (VoxelPos::new(-1, 0, 0), block::STONE);
    let sizes: Vec<usize> = calls(edits.into_iter().chain([far]).collect()).iter().map(Vec::len).collect();
    assert_eq!(sizes.iter().sum::<usize>(), EDITS_PER_CALL + 2);
    assert_eq!(sizes.len(), 3);
}

#[test]
fn edits_wait_for_a_node_that_is_away() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let edits = [(POS.origin(), block::STONE), (POS.origin().offset(1_000, 0, 0), block::STONE)];
    // The discard port: nobody listens there.
    let client = Client::new("http://127.0.0.1:9", None).unwrap();
    let saved = runtime.block_on(save(client, B256::ZERO, edits.into()));
    assert_eq!(saved.len(), 2);
    assert!(saved.iter().all(|part| part.outcome.as_ref().is_err_and(is_passing)));
}

#[test]
fn land_is_looked_up_and_claimed_and_a_refusal_is_said() {
    let (mine, hers) = (POS.location(), OTHER.offset(100, 0, 0).location());
    let world = World { claims: vec![claim(hers, HER, MayBuild::Everybody)], ..World::default() };
    with(world, async |viewer| {
        let land = viewer.tend(mine, Deed::Look).await;
        assert_eq!((&land.owner, land.note.as_str(), land.location), (&Owner::Nobody, "", mine));
        assert!(land.terms.contains("anybody: 0.5 DUST for 300 epochs, up to 4"), "{}", land.terms);

        let land = viewer.tend(mine, Deed::Claim).await;
        assert_eq!((land.owner, land.build, land.end_epoch), (Owner::You, Builders::Owner, 300));
        assert!(land.note.contains("0.5 DUST"), "{}", land.note);

        let land = viewer.tend(hers, Deed::Claim).await;
        assert_eq!((land.owner, land.build), (Owner::Other("0xb2b2…b2b2".to_owned()), Builders::Everybody));
        assert!(land.note.contains("'s"), "{}", land.note);
    });
}

#[test]
fn who_is_in_sight_becomes_a_guest_and_stays_one_until_dismissed() {
    let mine = POS.location();
    let world = World { claims: vec![claim(mine, ME, MayBuild::Owner)], ..World::default() };
    with(world, async |viewer| {
        let eve = Person { account: HER, name: "Eve".to_owned() };
        let land = viewer.tend(mine, Deed::Look).await;
        assert_eq!((&land.near, &land.guests), (&vec![eve.clone()], &vec![]));

        let land = viewer.tend(mine, Deed::Welcome(HER)).await;
        assert_eq!((land.build, &land.near, &land.guests), (Builders::Guests, &vec![], &vec![eve.clone()]));

        // Opened to everybody and closed again, it still has its guest.
        let land = viewer.tend(mine, Deed::Open(true)).await;
        assert_eq!((land.build, &land.guests), (Builders::Everybody, &vec![eve.clone()]));
        let land = viewer.tend(mine, Deed::Open(false)).await;
        assert_eq!((land.build, &land.guests), (Builders::Guests, &vec![eve.clone()]));

        let land = viewer.tend(mine, Deed::Dismiss(HER)).await;
        assert_eq!((&land.near, &land.guests), (&vec![eve], &vec![]));
        let land = viewer.tend(mine, Deed::Open(false)).await;
        assert_eq!(land.build, Builders::Owner);
    });
}
