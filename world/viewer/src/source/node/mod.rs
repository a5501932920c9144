//! A world from a node's API: chunks over HTTP, everything else by JSON-RPC.
//!
//! A thread of its own talks to the node: about chunks, edits and claims (`talk.rs`), about other players (`company.rs`). What the node says is the generator's it doesn't send: this machine's
//! cores make it ([`Local`]), which costs no bytes. What it can't have in time is generated too, as a stand-in, and asked for
//! again until the true version comes.
//!
//! The viewer trusts its own node: that has held every chunk against the hash of its location's manifest.

mod company;
mod talk;

use std::{path::Path, sync::Arc, thread};

use bitdust_rpc::{
    api::WorldClient,
    client::{Client, Error},
    token::Token,
};
use bitdust_types::B256;
use bitdust_world::{
    ChunkPos, VoxelPos,
    content::WorldDef,
    r#gen::{GENERATOR_VERSION, Params},
};
use tokio::{
    runtime,
    sync::{mpsc, watch},
};

use super::{Label, News, Order, Place, PlaceKind, Pose, Source, Traffic, WorldInfo, local::Local};

/// Orders that wait for the thread at most; beyond that they are dropped, and the next plan repeats what matters.
const ORDERS_MAX: usize = 1024;
/// Words that wait for the viewer at most: 512 × 64 KiB = 32 MiB.
const WORDS_MAX: usize = 512;
/// Lines of chat that wait for the thread at most.
const SAID_MAX: usize = 8;

/// A world from a node's API.
pub struct Node {
    info: WorldInfo,
    terrain: Local,
    orders: mpsc::Sender<Order>,
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
    Claims(Vec<Place>),
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
    ) -> Result<Node, String> {
        let token = token.map(Token::load).transpose().map_err(|error| error.to_string())?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no thread to talk to the node: {error}"))?;
        let client = runtime.block_on(Client::connect(url, token.as_ref())).map_err(|error| error.to_string())?;
        let (world, def) = runtime.block_on(find(&client, world))?;
        let params = params(&def)?;
        let terrain = Local::start(def.seed, params, workers)?;
        let info = WorldInfo {
            name: def.name.clone(),
            id: Some(world.0),
            seed: def.seed,
            params,
            spawn: def.spawn,
            player: player.to_owned(),
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
                    let company = company::keep(client.clone(), world, player, said.clone());
                    tokio::join!(talk::talk(client.clone(), world, taken, said.clone()), company);
                });
            })
            .map_err(|error| format!("no thread to talk to the node: {error}"))?;
        Ok(Node {
            info,
            terrain,
            orders,
            poses,
            speech,
            words,
            featured,
            claimed: vec![],
            villages: vec![],
            traffic: Traffic::default(),
        })
    }

    /// The terrain, for far land and the map.
    pub fn terrain(&self) -> &Local {
        &self.terrain
    }

    fn places(&self) -> News {
        News::Places([&self.featured[..], &self.claimed, &self.villages].concat())
    }
}

impl Source for Node {
    fn info(&self) -> &WorldInfo {
        &self.info
    }

    fn order(&mut self, order: Order) {
        match &order {
            Order::Places { near } => self.terrain.order(Order::Places { near: *near }),
            Order::Drop(chunks) => self.terrain.order(Order::Drop(chunks.clone())),
            Order::Pose(pose) => {
                self.poses.send_replace(Some(*pose));
                return;
            }
            Order::Say(text) => {
                let _ = self.speech.try_send(text.clone());
                return;
            }
            _ => {}
        }
        // A full queue means that the node is slower than the player; what is lost is asked for again.
        let _ = self.orders.try_send(order);
    }

    fn poll(&mut self, news: &mut Vec<News>, max: usize) {
        let mut own = vec![];
        self.terrain.poll(&mut own, max);
        for item in own {
            match item {
                News::Places(villages) => {
                    self.villages = villages;
                    news.push(self.places());
                }
                other => news.push(other),
            }
        }
        while news.len() < max {
            match self.words.try_recv() {
                Ok(Word::News(item)) => news.push(item),
                Ok(Word::Generate(chunks)) => self.terrain.order(Order::Fetch { now_ms: 0, chunks }),
                Ok(Word::Claims(claimed)) => {
                    self.claimed = claimed;
                    news.push(self.places());
                }
                Ok(Word::Traffic(traffic)) => self.traffic = traffic,
                Err(_) => break,
            }
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

/// A claim as a place to go to.
fn place(claim: &bitdust_rpc::types::world::ClaimInfo) -> Place {
    let corner = claim.pos.chunk(0).origin();
    let owner = format!("{:#x}", claim.owner);
    let owner = format!("{}…{}", &owner[..6], &owner[owner.len() - 4..]);
    Place {
        name: format!("Claim {} {} {}", claim.pos.x, claim.pos.y, claim.pos.z),
        at: VoxelPos::new(corner.x.wrapping_add(128), corner.y.wrapping_add(250), corner.z.wrapping_add(128)),
        kind: PlaceKind::Claimed,
        owner,
    }
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
    use super::*;

    /// The discard port: nobody listens there.
    const NOWHERE: &str = "http://127.0.0.1:9";

    #[test]
    fn a_node_that_is_not_there_is_named() {
        let error = Node::connect(NOWHERE, None, None, "Ada", 1).err().expect("nobody answers");
        assert!(error.contains(NOWHERE) && error.contains("is it running"), "{error}");
        let error = Node::connect(NOWHERE, Some(Path::new("/nowhere/token")), None, "Ada", 1).err().expect("no token");
        assert!(error.contains("/nowhere/token"), "{error}");
    }

    #[test]
    fn a_node_that_goes_away_costs_no_ground() {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let pos = ChunkPos::new(1, -2, 3);
        let (offline, generated) = runtime.block_on(async {
            let (orders, taken) = mpsc::channel(8);
            let (said, mut words) = mpsc::channel(8);
            let client = Client::new(NOWHERE, None).unwrap();
            let talk = talk::talk(client, B256::ZERO, taken, said);
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
}
