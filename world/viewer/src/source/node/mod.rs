//! A world from a node's API: chunks over HTTP, everything else by JSON-RPC.
//!
//! A thread of its own talks to the node: about chunks, edits and claims (`talk.rs`, `land.rs`), about other players (`company.rs`). What
//! the node says is the generator's it doesn't send: this machine's cores make it ([`Local`]), which costs no bytes. What it
//! can't have in time is generated too, as a stand-in, and asked for again until the true version comes.
//!
//! Chunks get their numbers in the order in which the thread spoke of them, whoever makes them: so terrain that took long to
//! generate never replaces what came after it was ordered, and does replace what stood there before.
//!
//! The viewer trusts its own node: that has held every chunk against the hash of its location's manifest.

mod talk;
mod upkeep;

mod backlog;
mod company;
mod land;
mod settlements;

use std::{collections::HashMap, path::Path, sync::Arc, thread};

use bitdust_rpc::{
    api::{NodeClient, WorldClient},
    client::{Client, Error},
    token::Token,
    types::world::ClaimInfo,
};
use bitdust_types::B256;
use bitdust_world::{
    ChunkPos,
    content::WorldDef,
    r#gen::{GENERATOR_VERSION, Params},
};
use tokio::{
    runtime,
    sync::{mpsc, watch},
};

use self::backlog::Backlog;
use super::{Label, News, Order, Place, PlaceKind, Pose, Source, Traffic, WorldInfo, local::Local};

/// Orders that wait in the thread's line at most; beyond that they wait in the [`Backlog`].
const ORDERS_MAX: usize = 1024;
/// Words that wait for the viewer at most: 512 × 64 KiB = 32 MiB.
const WORDS_MAX: usize = 512;
/// Lines of chat that wait for the thread at most.
const SAID_MAX: usize = 8;

/// A world from a node's API.
pub struct Node {
    info: WorldInfo,
    terrain: Local,
    /// Chunks that are being generated, by the number that they will have.
    generating: HashMap<ChunkPos, u64>,
    /// The number of the last chunk that the thread spoke of.
    spoken: u64,
    orders: mpsc::Sender<Order>,
    backlog: Backlog,
    /// What this side has to say itself.
    own: Vec<News>,
    poses: watch::Sender<Option<Pose>>,
    speech: mpsc::Sender<String>,
    words: mpsc::Receiver<Word>,
    featured: Vec<Place>,
    claimed: Vec<Place>,
    villages: Vec<Place>,
    traffic: Traffic,
}

/// What the thread says.
enum Word {
    /// For the viewer.
    News(News),
    /// To be generated here: with deadlines, as the viewer gave them.
    Generate(Vec<(ChunkPos, u64)>),
    /// Claims around the player.
    Claims(Vec<ClaimInfo>),
    /// Bytes so far.
    Traffic(Traffic),
}

impl Node {
    /// Finds the world. Blocks until the node has answered, or failed to.
    pub fn connect(
        url: &str,
        token: Option<&Path>,
        world: Option<[u8; 32]>,
        player: &str,
        workers: usize,
        stand_ins: bool,
    ) -> Result<Node, String> {
        let token = token.map(Token::load).transpose().map_err(|error| error.to_string())?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no thread to talk to the node: {error}"))?;
        let client = runtime.block_on(Client::connect(url, token.as_ref())).map_err(|error| error.to_string())?;
        let (world, def) = runtime.block_on(find(&client, world))?;
        let params = params(&def)?;
        let status = runtime.block_on(client.node_status()).map_err(|error| client.explain(error).to_string())?;
        let account = format!("{:#x}", status.address);
        let terrain = Local::start(def.seed, params, workers)?;
        let info = WorldInfo {
            name: def.name.clone(),
            id: Some(world.0),
            seed: def.seed,
            params,
            spawn: def.spawn,
            player: player.to_owned(),
            account,
            content: Arc::new(def.content.clone()),
        };
        let featured = def
            .featured
            .iter()
            .map(|place| Place {
                name: place.name.clone(),
                at: place.pos,
                kind: PlaceKind::Featured,
                owner: String::new(),
            })
            .collect();
        let (orders, taken) = mpsc::channel(ORDERS_MAX);
        let (said, words) = mpsc::channel(WORDS_MAX);
        let (poses, shown) = watch::channel(None);
        let (speech, spoken) = mpsc::channel(SAID_MAX);
        let player = company::Player { poses: shown, words: spoken, name: player.to_owned() };
        thread::Builder::new()
            .name("node".into())
            .spawn(move || {
                runtime.block_on(async {
                    let seen = player.poses.clone();
                    let company = company::keep(client.clone(), world, player, said.clone());
                    let pace = talk::Pace { stand_ins, ..talk::Pace::default() };
                    let talk = talk::talk(client.clone(), world, taken, seen, said.clone(), pace);
                    tokio::join!(talk, company);
                });
            })
            .map_err(|error| format!("no thread to talk to the node: {error}"))?;
        let mut node = Node::new(info, terrain, (orders, words), (poses, speech));
        node.featured = featured;
        Ok(node)
    }

    /// What nothing was heard of yet, with its lines to the thread: for chunks and edits, and for other players.
    fn new(
        info: WorldInfo,
        terrain: Local,
        (orders, words): (mpsc::Sender<Order>, mpsc::Receiver<Word>),
        (poses, speech): (watch::Sender<Option<Pose>>, mpsc::Sender<String>),
    ) -> Self {
        Node {
            info,
            terrain,
            generating: HashMap::new(),
            spoken: 0,
            orders,
            backlog: Backlog::default(),
            own: vec![],
            poses,
            speech,
            words,
            featured: vec![],
            claimed: vec![],
            villages: vec![],
            traffic: Traffic::default(),
        }
    }

    /// The terrain, for far land and the map.
    pub fn terrain(&self) -> &Local {
        &self.terrain
    }

    fn places(&self) -> News {
        News::Places([&self.featured[..], &self.claimed, &self.villages].concat())
    }

    /// Passes on what waits, as long as the thread has room.
    fn pass_on(&mut self) {
        while let Ok(room) = self.orders.try_reserve() {
            let Some(order) = self.backlog.next() else { return };
            room.send(order);
        }
    }

    /// Takes a word of the thread's.
    fn hear(&mut self, word: Word, news: &mut Vec<News>) {
        match word {
            Word::News(News::Chunk { pos, chunk, label, .. }) => {
                self.spoken += 1;
                // Terrain that is still being made for this place comes too late.
                self.generating.remove(&pos);
                news.push(News::Chunk { pos, chunk, label, sequence: self.spoken });
            }
            Word::News(item) => news.push(item),
            Word::Generate(chunks) => {
                self.spoken += 1;
                self.generating.extend(chunks.iter().map(|(pos, _)| (*pos, self.spoken)));
                self.terrain.order(Order::Fetch { now_ms: 0, chunks });
            }
            Word::Claims(claims) => {
                let generator = self.terrain.generator();
                let ground = |x, z| {
                    let surface = generator.surface(x, z);
                    surface.height.max(surface.water.unwrap_or(surface.height))
                };
                self.claimed = settlements::places(&claims, &self.villages, &ground);
                news.push(self.places());
            }
            Word::Traffic(traffic) => self.traffic = traffic,
        }
    }
}

impl Source for Node {
    fn info(&self) -> &WorldInfo {
        &self.info
    }

    fn order(&mut self, order: Order) {
        match &order {
            Order::Places { near } => self.terrain.order(Order::Places { near: *near }),
            Order::Drop(chunks) => {
                for pos in chunks {
                    self.generating.remove(pos);
                }
                self.terrain.order(Order::Drop(chunks.clone()));
            }
            Order::Pose(pose) => {
                self.poses.send_replace(Some(*pose));
                return;
            }
            Order::Say(text) => {
                let _ = self.speech.try_send(text.clone());
                return;
            }
            Order::Edit { at, .. } => {
                let at = *at;
                if !self.backlog.add(order) {
                    self.own.push(News::Said { from: String::new(), text: talk::too_many(at) });
                    // What is there in truth comes back.
                    self.order(Order::Drop(vec![at.chunk()]));
                    self.order(Order::Fetch { now_ms: 0, chunks: vec![(at.chunk(), 0)] });
                }
                self.pass_on();
                return;
            }
            Order::Fetch { .. } | Order::Land { .. } => {}
        }
        // The node may be slower than the player: what the thread has no room for waits its turn.
        let _ = self.backlog.add(order);
        self.pass_on();
    }

    fn poll(&mut self, news: &mut Vec<News>, max: usize) {
        self.pass_on();
        news.append(&mut self.own);
        let mut made = vec![];
        self.terrain.poll(&mut made, max.saturating_sub(news.len()));
        for item in made {
            match item {
                News::Places(villages) => {
                    self.villages = villages;
                    news.push(self.places());
                }
                News::Chunk { pos, chunk, label, .. } => {
                    // One that nobody waits for has been dropped meanwhile, or overtaken.
                    if let Some(sequence) = self.generating.remove(&pos) {
                        news.push(News::Chunk { pos, chunk, label, sequence });
                    }
                }
                other => news.push(other),
            }
        }
        while news.len() < max {
            let Ok(word) = self.words.try_recv() else { break };
            self.hear(word, news);
        }
    }

    fn traffic(&self) -> Traffic {
        Traffic { waiting: self.traffic.waiting + self.terrain.traffic().waiting, ..self.traffic }
    }
}

/// The world of this id, or the first that the node lists.
async fn find(client: &Client, world: Option<[u8; 32]>) -> Result<(B256, WorldDef), String> {
    let explain = |error| client.explain(error).to_string();
    let id = match world {
        Some(id) => B256::from(id),
        None => {
            let worlds = client.world_list().await.map_err(explain)?;
            let first =
                worlds.first().ok_or("this node's ledger lists no world; make one with `bitdust world create`")?;
            first.id
        }
    };
    let info = client.world_info(id).await.map_err(explain)?;
    let def = WorldDef::decode(&info.definition).map_err(|invalid| format!("the world's definition: {invalid}"))?;
    if def.id().0 != id.0 {
        return Err(format!("the node gave another world's definition than that of {id}"));
    }
    Ok((id, def))
}

fn params(def: &WorldDef) -> Result<Params, String> {
    if def.generator != GENERATOR_VERSION {
        let versions = format!("version {} makes its terrain, this program has {GENERATOR_VERSION}", def.generator);
        return Err(format!("the world {:?} needs another version of this program: {versions}", def.name));
    }
    if def.params.is_empty() {
        return Ok(Params::default());
    }
    borsh::from_slice(&def.params).map_err(|error| format!("the terrain's parameters of {:?}: {error}", def.name))
}

fn said(text: String) -> Word {
    Word::News(News::Said { from: String::new(), text })
}

/// Whether trying again may help.
fn is_passing(error: &Error) -> bool {
    matches!(error, Error::Unreachable { .. })
}

fn label(source: bitdust_rpc::places::Source) -> Label {
    match source {
        bitdust_rpc::places::Source::Supplier(_) | bitdust_rpc::places::Source::Rebuilt => Label::Supplier,
        bitdust_rpc::places::Source::Player => Label::Player,
        bitdust_rpc::places::Source::Cache => Label::Cache,
        bitdust_rpc::places::Source::Generator => Label::Generator,
    }
}

#[cfg(test)]
mod tests {
    use bitdust_world::VoxelPos;

    use super::*;
    use crate::model::packed::PackedChunk;

    /// The discard port: nobody listens there.
    const NOWHERE: &str = "http://127.0.0.1:9";

    #[test]
    fn a_node_that_is_not_there_is_named() {
        let error = Node::connect(NOWHERE, None, None, "Ada", 1, true).err().expect("nobody answers");
        assert!(error.contains(NOWHERE) && error.contains("is it running"), "{error}");
        let error =
            Node::connect(NOWHERE, Some(Path::new("/nowhere/token")), None, "Ada", 1, true).err().expect("no token");
        assert!(error.contains("/nowhere/token"), "{error}");
    }

    #[test]
    fn a_node_that_goes_away_costs_no_ground() {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let pos = ChunkPos::new(1, -2, 3);
        let (offline, generated) = runtime.block_on(async {
            let (orders, taken) = mpsc::channel(8);
            let (said, mut words) = mpsc::channel(8);
            let (_poses, seen) = watch::channel(None);
            let client = Client::new(NOWHERE, None).unwrap();
            let talk = talk::talk(client, B256::ZERO, taken, seen, said, talk::Pace::default());
            let watch = async {
                orders.send(Order::Fetch { now_ms: 0, chunks: vec![(pos, 5)] }).await.unwrap();
                let (mut offline, mut generated) = (false, vec![]);
                while !offline || generated.is_empty() {
                    match words.recv().await.unwrap() {
                        Word::News(News::Offline(lost)) => offline = lost,
                        Word::Generate(chunks) => generated = chunks,
                        _ => {}
                    }
                }
                drop(orders);
                (offline, generated)
            };
            tokio::join!(talk, watch).1
        });
        assert!(offline);
        assert_eq!(generated, [(pos, 5)], "terrain stands in for what the node doesn't give");
    }

    /// A node whose thread is this test.
    fn node() -> (Node, mpsc::Receiver<Order>, mpsc::Sender<Word>) {
        let terrain = Local::start(1, Params::default(), 1).unwrap();
        let (orders, taken) = mpsc::channel(4);
        let (said, words) = mpsc::channel(64);
        let company = (watch::channel(None).0, mpsc::channel(1).0);
        let node = Node::new(terrain.info().clone(), terrain, (orders, words), company);
        (node, taken, said)
    }

    /// The next chunk that comes, with its number.
    fn next_chunk(node: &mut Node) -> (PackedChunk, u64) {
        for _ in 0..20_000 {
            let mut news = vec![];
            node.poll(&mut news, 64);
            for item in news {
                if let News::Chunk { chunk, sequence, .. } = item {
                    return (chunk, sequence);
                }
            }
            thread::park_timeout(std::time::Duration::from_millis(1));
        }
        panic!("no chunk came");
    }

    #[test]
    fn what_a_full_line_has_no_room_for_is_passed_on_later() {
        let (mut node, mut taken, _said) = node();
        let chunks: Vec<ChunkPos> = (0..40).map(|x| ChunkPos::new(x, 0, 0)).collect();
        let edits: Vec<VoxelPos> = (0..40).map(|x| VoxelPos::new(x, 0, 0)).collect();
        for (pos, at) in chunks.iter().zip(&edits) {
            node.order(Order::Fetch { now_ms: 1, chunks: vec![(*pos, 9)] });
            node.order(Order::Edit { at: *at, block: bitdust_world::block::STONE });
        }
        let (mut fetched, mut built) = (vec![], vec![]);
        for _ in 0..100 {
            while let Ok(order) = taken.try_recv() {
                match order {
                    Order::Fetch { chunks, .. } => fetched.extend(chunks.into_iter().map(|(pos, _)| pos)),
                    Order::Edit { at, .. } => built.push(at),
                    other => panic!("{other:?}"),
                }
            }
            node.poll(&mut vec![], 8);
        }
        fetched.sort();
        built.sort();
        assert_eq!((fetched, built), (chunks, edits));
    }

    #[test]
    fn what_was_built_becomes_terrain_again_and_late_terrain_replaces_nothing() {
        let (mut node, _taken, said) = node();
        let pos = ChunkPos::new(0, 40, 0);
        let built = |block| {
            let chunk = PackedChunk::uniform(block);
            Word::News(News::Chunk { pos, chunk, label: Label::Supplier, sequence: 0 })
        };
        said.try_send(built(bitdust_world::block::BRICK)).unwrap();
        let (brick, first) = next_chunk(&mut node);
        assert_eq!(brick, PackedChunk::uniform(bitdust_world::block::BRICK));
        said.try_send(Word::Generate(vec![(pos, 0)])).unwrap();
        let (air, second) = next_chunk(&mut node);
        assert_eq!(air, PackedChunk::uniform(bitdust_world::BlockId::AIR));
        let mut table = crate::model::residency::Residency::default();
        table.plan(&[(pos, 0)], &[]);
        assert!(table.arrived(pos, brick, Label::Supplier, first) && table.arrived(pos, air, Label::Generator, second));
        assert_eq!(table.block(pos.origin()), Some(bitdust_world::BlockId::AIR), "the claim lapsed");
        // Terrain that was ordered before the true version came, and made after it.
        said.try_send(Word::Generate(vec![(pos, 0)])).unwrap();
        said.try_send(built(bitdust_world::block::STONE)).unwrap();
        let (stone, third) = next_chunk(&mut node);
        assert_eq!(stone, PackedChunk::uniform(bitdust_world::block::STONE));
        assert!(third > second);
        thread::park_timeout(std::time::Duration::from_millis(50));
        let mut news = vec![];
        node.poll(&mut news, 64);
        assert!(!news.iter().any(|item| matches!(item, News::Chunk { .. })), "nobody waits for it any more");
    }
}
