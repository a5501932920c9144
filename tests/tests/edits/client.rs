//! A client of the places' protocols that is not the program's: it says whatever a test wants said.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bitdust_network::{Config, Handle, Joined, Network, PeerId, Protocol, RecordJudge, wire as frames};
use bitdust_node::worlds::{
    exchange::wire::{Answer, Call, FRAME_BYTES_MAX, Turn},
    keeper::Keeps,
    place::first_claim,
};
use bitdust_rpc::api::NodeClient as _;
use bitdust_tests::{
    Net,
    waiting::{PATIENCE, until},
};
use bitdust_types::{Address, B256, params::DEVNET};
use bitdust_world::{
    edits::{Graph, Message, Secp256k1, Session, sync::Batch},
    location::{Head, head_key},
};
use tokio::io::AsyncWriteExt as _;

use super::HOME;

/// A peer that keeps to no rules but its own.
pub struct Stranger {
    /// Its network.
    pub network: Handle,
    /// The node that it talks with.
    pub node: PeerId,
    /// What it has learnt of the place.
    pub graph: Graph,
    world: B256,
}

/// Takes everything for true and new.
struct Gullible;

impl RecordJudge for Gullible {
    fn judge(&self, _: &[u8; 32], _: &[u8], _: Option<&[u8]>) -> bool {
        true
    }
}

impl Stranger {
    /// A peer that nobody knows, connected with a node.
    pub async fn come(net: &Net, name: &str, secret: u8, world: B256, owner: Address) -> Result<Self> {
        let status = net.client(name)?.node_status().await?;
        let address = status.listen.iter().find(|address| address.contains("/tcp/")).context("a TCP address")?;
        let mut config = Config::new([secret; 32], DEVNET);
        config.bootstrap = vec![format!("{address}/p2p/{}", status.peer_id).parse()?];
        config.records = Some(Arc::new(Gullible));
        let (network, mut events) = Network::start(config).await?;
        tokio::spawn(async move { while events.next().await.is_some() {} });
        let node: PeerId = status.peer_id.parse()?;
        until(&format!("a stranger is connected with {name}"), PATIENCE, async || {
            Ok(network.is_connected(node).then_some(()))
        })
        .await?;
        let graph = Graph::new(first_claim(DEVNET, world, HOME, owner))?;
        Ok(Stranger { network, node, graph, world })
    }

    /// Learns what the node has, as an honest client does.
    pub async fn learn(&mut self) -> Result<()> {
        let mut session = Session::default();
        let question = session.open(&self.graph);
        let mut stream = self.network.open(self.node, Protocol::EDITS).await?;
        frames::send(&mut stream, &self.call(self.turn(vec![question.encode()]))).await?;
        loop {
            let Answer::Turn(theirs) = frames::recv(&mut stream, FRAME_BYTES_MAX).await? else {
                bail!("the node doesn't talk about the place")
            };
            let mut say = Vec::new();
            for message in theirs.messages()? {
                say.extend(session.handle(&mut self.graph, &Secp256k1, message)?.send);
            }
            if say.is_empty() {
                stream.shutdown().await?;
                return Ok(());
            }
            frames::send(&mut stream, &self.turn(say.iter().map(Message::encode).collect())).await?;
        }
    }

    /// Brings operations to the node in a talk, as they are. Answers what it said, if it said anything.
    pub async fn bring(&self, ops: Vec<Vec<u8>>) -> Result<Option<Answer>> {
        self.say(self.turn(vec![self.batch(ops)])).await
    }

    /// Begins a talk with a turn.
    pub async fn say(&self, turn: Turn) -> Result<Option<Answer>> {
        let mut stream = self.network.open(self.node, Protocol::EDITS).await?;
        frames::send(&mut stream, &self.call(turn)).await?;
        // A node that is offended hangs up.
        let answer = frames::recv_or_end(&mut stream, FRAME_BYTES_MAX, PATIENCE).await.unwrap_or(None);
        // So it may have by now.
        let _ = stream.shutdown().await;
        Ok(answer)
    }

    /// Sends bytes where a call is expected.
    pub async fn blurt(&self, bytes: &[u8]) -> Result<()> {
        let mut stream = self.network.open(self.node, Protocol::EDITS).await?;
        stream.write_all(bytes).await?;
        stream.flush().await?;
        let _ = frames::recv_or_end::<Answer, _>(&mut stream, FRAME_BYTES_MAX, PATIENCE).await;
        Ok(())
    }

    /// The heads that the nodes near the place's key keep.
    pub async fn heads(&self) -> Result<Vec<Head>> {
        let found = self.network.get_records(head_key(&self.world.0, HOME).0).await?;
        found.iter().map(|bytes| Ok(Head::decode(bytes)?)).collect()
    }

    /// Joins those who speak at the place.
    pub async fn join(&self) -> Result<Joined> {
        Ok(self.network.join(head_key(&self.world.0, HOME).0).await?)
    }

    /// Gossips an operation at the place.
    pub async fn gossip(&self, op: Vec<u8>) {
        // Until the mesh stands nobody takes it.
        let _ = self.network.publish_in(head_key(&self.world.0, HOME).0, self.batch(vec![op]).into()).await;
    }

    /// A turn with these messages.
    pub fn turn(&self, messages: Vec<Vec<u8>>) -> Turn {
        Turn { sequence: self.graph.base().sequence(), head: None, keeps: Keeps::No, messages }
    }

    fn batch(&self, ops: Vec<Vec<u8>>) -> Vec<u8> {
        Message::Ops(Batch { sequence: self.graph.base().sequence(), ops, next: None }).encode()
    }

    fn call(&self, turn: Turn) -> Call {
        let claim = self.graph.claim();
        Call { world: claim.world, pos: claim.pos, claim: claim.access_id().0, turn }
    }
}
