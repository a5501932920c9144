//! Players who meet: this node's player among others, over the peer-to-peer network.
//!
//! Who is told what, when, is decided by `bitdust_world::meeting`; here is what carries it out:
//! - [`presence`]: a player in a world, with its crowd, its lines and what it sees;
//! - [`line`]: one line to another player; [`outbox`]: what waits to be written to it;
//! - [`table`]: in which places the player is to be found;
//! - [`board`]: what happened, for whoever looks; [`json`]: how it is told; [`tally`]: what it cost.
//!
//! It needs a network and a key, and nothing of the chain: an account vouches for a player's machine, and whether the account
//! has anything is nobody's business here.
//!
//! **Invariant:** memory is bounded: [`WORLDS_MAX`] presences, each with bounded lines, queues and events.
//! **Invariant:** a hidden player's address is told to nobody: its network dials its relays only, and no message names an
//! address.

pub mod board;
pub mod json;
pub mod line;
pub mod outbox;
pub mod presence;
pub mod table;
pub mod tally;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Result, bail, ensure};
use bitdust_network::{Handle, PeerId, Protocol, Stream};
use bitdust_rpc::types::meet::MeetStats;
use bitdust_types::keys::account_of;
use bitdust_world::{
    content::WorldId,
    meeting::{Look, Me, Peer, limits::NAME_BYTES_MAX},
};
use k256::ecdsa::SigningKey;
use tokio::task::JoinSet;

use line::Answer;
use presence::{Common, Presence};
use tally::Tally;

/// Worlds in which a node's player can be at once. One is what a person walks in; each has 64 lines at most.
pub const WORLDS_MAX: usize = 4;
/// Calls that haven't said yet which world they are about, and those of one peer.
const CALLS_MAX: usize = 128;
const CALLS_PER_PEER_MAX: usize = 2;

/// The meetings of one node.
pub struct Meetings {
    common: Arc<Common>,
    hidden: bool,
    present: Mutex<BTreeMap<WorldId, Arc<Presence>>>,
    /// Calls under way, by who calls.
    calls: Mutex<BTreeMap<PeerId, usize>>,
}

impl Meetings {
    /// A player that is nowhere yet. `hidden` says whether the network is a hidden one.
    pub fn new(network: Handle, key: SigningKey, hidden: bool) -> Arc<Self> {
        let common = Arc::new(Common { network, key, tally: Tally::default() });
        Arc::new(Meetings { common, hidden, present: Mutex::default(), calls: Mutex::default() })
    }

    /// Takes calls of other players until the network stops.
    ///
    /// # Errors
    /// The network has stopped, or somebody else takes these calls.
    pub async fn run(self: Arc<Self>) -> Result<()> {
        let mut incoming = self.common.network.accept(Protocol::MEET)?;
        let mut answering = JoinSet::new();
        while let Some(stream) = incoming.next().await {
            while answering.try_join_next().is_some() {}
            if let Some(call) = self.take_call(stream.peer()) {
                answering.spawn(call.answer(stream));
            }
        }
        bail!("the peer-to-peer network stopped")
    }

    /// Enters a world; who is there already under the same name and look goes on.
    ///
    /// # Errors
    /// The name can't be one, or the player is in too many worlds.
    pub fn enter(&self, world: WorldId, name: &str, look: Look) -> Result<Arc<Presence>> {
        let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.trim().is_empty();
        ensure!(
            fits && !name.chars().any(char::is_control),
            "a player's name has 1 to {NAME_BYTES_MAX} bytes and no control characters"
        );
        let peer = Peer::new(&self.common.network.local_peer().to_bytes());
        let Some(peer) = peer else { bail!("this node's peer id is too long to meet anybody") };
        let mut present = self.present();
        present.retain(|_, presence| presence.over().is_none());
        if let Some(there) = present.get(&world) {
            if there.me().name == name && there.me().look == look {
                return Ok(there.clone());
            }
            there.leave("the player came back as somebody else");
            present.remove(&world);
        }
        ensure!(
            present.len() < WORLDS_MAX,
            "this node's player is in {WORLDS_MAX} worlds already; leave one of them with meet_leave"
        );
        let account = account_of(&self.common.key);
        let me = Me { world, peer, account, name: name.to_owned(), look, via_relay: self.hidden };
        let presence = Presence::begin(self.common.clone(), me);
        present.insert(world, presence.clone());
        tracing::info!(%world, name, "entered a world");
        Ok(presence)
    }

    /// The player in a world, if it is there.
    pub fn presence(&self, world: WorldId) -> Option<Arc<Presence>> {
        self.present().get(&world).filter(|presence| presence.over().is_none()).cloned()
    }

    /// Leaves all worlds.
    pub fn leave_all(&self) {
        for (_, presence) in std::mem::take(&mut *self.present()) {
            presence.leave("the node stops");
        }
    }

    /// Whether others reach this node's player through relays only.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// What it has cost so far.
    pub fn stats(&self) -> MeetStats {
        let present = self.present();
        let there = || present.values().filter(|presence| presence.over().is_none());
        let lines: usize = there().map(|presence| presence.lines()).sum();
        self.common.tally.stats(lines as u64, there().count() as u64)
    }

    /// A place for a call that hasn't said yet what it is about.
    fn take_call(self: &Arc<Self>, peer: PeerId) -> Option<Calling> {
        let mut calls = self.calls();
        let total: usize = calls.values().sum();
        let of_peer = calls.entry(peer).or_default();
        if total >= CALLS_MAX || *of_peer >= CALLS_PER_PEER_MAX {
            if *of_peer == 0 {
                calls.remove(&peer);
            }
            tracing::debug!(%peer, "too many calls at once; one is dropped");
            return None;
        }
        *of_peer += 1;
        Some(Calling { meetings: self.clone(), peer })
    }

    fn present(&self) -> MutexGuard<'_, BTreeMap<WorldId, Arc<Presence>>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> MutexGuard<'_, BTreeMap<PeerId, usize>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to have a call answered, given back when it is.
struct Calling {
    meetings: Arc<Meetings>,
    peer: PeerId,
}

impl Calling {
    async fn answer(self, mut stream: Stream) {
        let answered = async {
            let world = line::called(&mut stream).await?;
            let there = self.meetings.presence(world);
            let answer = if there.is_some() { Answer::Here } else { Answer::Elsewhere };
            line::answer(&mut stream, answer).await?;
            if let Some(presence) = there {
                presence.attach(stream, false);
            }
            anyhow::Ok(())
        };
        if let Err(error) = answered.await {
            tracing::debug!(peer = %self.peer, "a call came to nothing: {error:#}");
        }
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        let mut calls = self.meetings.calls();
        if let Some(of_peer) = calls.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                calls.remove(&self.peer);
            }
        }
    }
}
