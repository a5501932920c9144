//! The task that owns the swarm: it takes commands, verdicts and the swarm's events, one at a time.
//!
//! Nothing in here waits for anything but the next of these, so the swarm is never left without a turn. Reactions to
//! the swarm's events are in `driver/reactions.rs`, gossip in `driver/spreading.rs`, announcements and records in
//! `driver/telling.rs`; what happens by the clock is in `driver/upkeep.rs`.

mod reactions;
mod spreading;
mod telling;
mod upkeep;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    core::transport::ListenerId,
    kad::RecordKey,
    swarm::{
        DialError, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    address::{self, split},
    address_book::{ADDRESSES_MAX, AddressBook},
    bans::Bans,
    behaviour::Behaviour,
    blame::Blame,
    config::{Config, Limits},
    dial_waiters::{DialWaiters, Waiter},
    error::Error,
    events::{Announcer, Event},
    gossip::Judged,
    handle::Command,
    meters,
    pace::Pace,
    places::Places,
    queries::{Queries, Query},
    records::Records,
    relays::Relays,
    shared::Shared,
};

/// Time between looks at the clock.
const TICK: Duration = Duration::from_secs(1);
/// Binding the listen addresses.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(20);
/// Telling peers goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// An address we were told to enter by, and who turned out to be there.
#[derive(Debug)]
struct EntryPoint {
    address: Multiaddr,
    peer: Option<PeerId>,
    /// Whether the configuration names the peer; then nobody else will do.
    pinned: bool,
}

pub(crate) struct Driver {
    swarm: Swarm<Behaviour>,
    chain_id: u64,
    limits: Limits,
    shared: Arc<Shared>,
    announcer: Announcer,
    commands: mpsc::Receiver<Command>,
    judged_in: mpsc::UnboundedSender<Judged>,
    judged: mpsc::UnboundedReceiver<Judged>,
    queries: Queries,
    waiters: DialWaiters,
    book: AddressBook,
    bans: Bans,
    blame: Blame,
    places: Places,
    records: Records,
    relays: Relays,
    hidden: bool,
    /// Others reach this node under other addresses than those that it listens on.
    is_forwarded: bool,
    entry_points: Vec<EntryPoint>,
    provided: BTreeSet<Vec<u8>>,
    /// Provided keys that wait to be announced once more.
    again: VecDeque<Vec<u8>>,
    pace: Pace,
    /// Dropped with the driver, which tells everybody that the network has stopped.
    _life: watch::Sender<()>,
}

impl Driver {
    pub(crate) fn new(
        swarm: Swarm<Behaviour>,
        config: &Config,
        relays: Relays,
        shared: Arc<Shared>,
        announcer: Announcer,
        commands: mpsc::Receiver<Command>,
        life: watch::Sender<()>,
    ) -> Self {
        let (judged_in, judged) = mpsc::unbounded_channel();
        let now = Instant::now();
        Driver {
            swarm,
            chain_id: config.chain_id,
            limits: config.limits.clone(),
            shared,
            announcer,
            commands,
            judged_in,
            judged,
            queries: Queries::default(),
            waiters: DialWaiters::default(),
            book: AddressBook::default(),
            bans: Bans::default(),
            blame: Blame::default(),
            places: Places::default(),
            records: Records::new(config.records.clone(), config.limits.record_renewal, now),
            entry_points: Vec::new(),
            relays,
            hidden: config.hidden,
            is_forwarded: !config.external.is_empty(),
            provided: BTreeSet::new(),
            again: VecDeque::new(),
            pace: Pace::new(now, config.limits.discovery_interval_max),
            _life: life,
        }
    }

    /// Binds every address and waits until the system has said under which ones we are reached.
    pub(crate) async fn listen(&mut self, addresses: &[Multiaddr]) -> Result<(), Error> {
        let failed = |address: &Multiaddr, reason: String| Error::Listen { address: address.clone(), reason };
        let mut silent: Vec<(ListenerId, Multiaddr)> = Vec::new();
        for address in addresses {
            let id = self.swarm.listen_on(address.clone()).map_err(|error| failed(address, error.to_string()))?;
            silent.push((id, address.clone()));
        }
        while let Some((_, address)) = silent.first() {
            let waited = timeout(LISTEN_TIMEOUT, self.swarm.select_next_some()).await;
            let event = waited.map_err(|_| failed(address, format!("no answer within {LISTEN_TIMEOUT:?}")))?;
            match &event {
                SwarmEvent::NewListenAddr { listener_id, .. } => silent.retain(|(id, _)| id != listener_id),
                SwarmEvent::ListenerClosed { listener_id, reason, .. } => {
                    if let Some((_, address)) = silent.iter().find(|(id, _)| id == listener_id) {
                        return Err(failed(address, format!("{reason:?}")));
                    }
                }
                _ => {}
            }
            self.react(event);
        }
        Ok(())
    }

    /// Addresses under which others reach us although we don't listen on them.
    pub(crate) fn announce(&mut self, external: &[Multiaddr]) {
        for address in external {
            self.swarm.add_external_address(address.clone());
        }
    }

    /// Peers of an earlier life.
    pub(crate) fn remember(&mut self, known: BTreeMap<PeerId, Vec<Multiaddr>>) {
        for (peer, addresses) in known {
            for address in addresses.iter().take(ADDRESSES_MAX) {
                self.swarm.behaviour_mut().kademlia.add_address(&peer, address.clone());
            }
            self.book.met(peer, addresses);
        }
    }

    /// Where to enter the network. The dialling is left to the first look around.
    pub(crate) fn enter(&mut self, bootstrap: &[Multiaddr]) {
        for address in bootstrap {
            let (address, peer) = split(address.clone());
            if let Some(peer) = peer.filter(|peer| *peer != self.shared.local) {
                self.swarm.behaviour_mut().kademlia.add_address(&peer, address.clone());
            }
            self.entry_points.push(EntryPoint { address, peer, pinned: peer.is_some() });
        }
    }

    /// Runs until a command says stop or the last handle is gone.
    pub(crate) async fn run(mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let farewell = loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.react(event),
                Some(judged) = self.judged.recv() => self.judge(judged),
                command = self.commands.recv() => match command {
                    None => break None,
                    Some(Command::Stop { reply }) => break Some(reply),
                    Some(command) => self.obey(command),
                },
                _ = ticks.tick() => self.upkeep(Instant::now()),
            }
        };
        for peer in self.shared.ids() {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let _ = timeout(GOODBYE, async {
            while self.shared.count().1 > 0 {
                let event = self.swarm.select_next_some().await;
                self.react(event);
            }
        })
        .await;
        tracing::info!(peer = %self.shared.local, "network stopped");
        drop(self);
        if let Some(reply) = farewell {
            let _ = reply.send(Ok(()));
        }
    }

    // Whoever asked may be gone by now; answers that nobody awaits are dropped.
    fn obey(&mut self, command: Command) {
        match command {
            Command::Publish { subject, data, reply } => {
                let _ = reply.send(self.publish(subject, data));
            }
            Command::Join { place, reply } => {
                let _ = reply.send(self.join(place));
            }
            Command::Leave { place, reply } => {
                self.leave(place);
                let _ = reply.send(Ok(()));
            }
            Command::Connect { peer, reply } => self.connect(peer, reply),
            Command::Redial { peer, reply } => {
                self.redial(peer);
                let _ = reply.send(Ok(()));
            }
            Command::Find { peer, reply } => self.find(peer, reply),
            Command::Provide { key, reply } => self.provide(key, reply),
            Command::Unprovide { key, reply } => {
                self.unprovide(&key);
                let _ = reply.send(Ok(()));
            }
            Command::Providers { key, some_are_enough, reply } => {
                if self.queries.asked() >= self.limits.queries {
                    let _ = reply.send(Err(Error::Busy { what: "searches in the network" }));
                    return;
                }
                let id = self.swarm.behaviour_mut().kademlia.get_providers(RecordKey::new(&key));
                self.queries.add(id, Query::Providers { found: BTreeSet::new(), some_are_enough, reply });
            }
            Command::PutRecord { key, value, reply } => self.put_record(key, value, reply),
            Command::ForgetRecord { key, reply } => {
                self.forget_record(key);
                let _ = reply.send(Ok(()));
            }
            Command::Records { key, reply } => self.get_records(key, reply),
            Command::Introduce { peer, addresses, reply } => {
                self.introduce(peer, &addresses);
                let _ = reply.send(Ok(()));
            }
            Command::KnownPeers { reply } => {
                let _ = reply.send(Ok(self.book.known()));
            }
            Command::Ban { peer, reason, reply } => {
                self.ban(peer, &reason);
                let _ = reply.send(Ok(()));
            }
            Command::Stop { reply } => {
                // `run` takes this one out before it gets here.
                let _ = reply.send(Err(Error::Stopped));
            }
        }
    }

    fn connect(&mut self, peer: PeerId, waiter: Waiter) {
        if let Some(reason) = self.bans.reason(&peer) {
            let _ = waiter.send(Err(Error::Banned { peer, reason: reason.to_owned() }));
        } else if self.shared.is_connected(&peer) {
            let _ = waiter.send(Ok(()));
        } else {
            match self.dial(peer) {
                // A dial is under way already: its outcome is ours.
                Ok(()) | Err(DialError::DialPeerConditionFalse(_)) => self.waiters.add(peer, waiter),
                Err(DialError::NoAddresses) => {
                    let _ = waiter.send(Err(Error::NoAddress(peer)));
                }
                Err(error) => {
                    let _ = waiter.send(Err(Error::Dial { peer, reason: reactions::brief(&error) }));
                }
            }
        }
    }

    /// Dials a peer although it is connected, as the connection says: it may have restarted.
    fn redial(&mut self, peer: PeerId) {
        if self.bans.reason(&peer).is_none()
            && let Err(error) = self.dial_if(peer, PeerCondition::NotDialing)
        {
            tracing::debug!(%peer, reason = reactions::brief(&error), "not dialled again");
        }
    }

    /// Dials a peer, unless it is connected or being dialled.
    fn dial(&mut self, peer: PeerId) -> Result<(), DialError> {
        self.dial_if(peer, PeerCondition::DisconnectedAndNotDialing)
    }

    /// Dials a peer at every address that anybody knows.
    fn dial_if(&mut self, peer: PeerId, condition: PeerCondition) -> Result<(), DialError> {
        let mut addresses = self.book.addresses(&peer);
        if self.hidden {
            addresses = self.relays.address(&peer).map_or_else(|| self.relays.circuits(peer), |relay| vec![relay]);
        } else if addresses.is_empty() {
            addresses = self.relays.circuits(peer);
        }
        let dial = DialOpts::peer_id(peer).condition(condition).addresses(addresses);
        self.swarm.dial(dial.extend_addresses_through_behaviour().build())
    }

    fn find(&mut self, peer: PeerId, reply: oneshot::Sender<Result<Vec<Multiaddr>, Error>>) {
        let known = if peer == self.shared.local {
            self.shared.listen()
        } else if self.shared.is_connected(&peer) {
            self.book.addresses(&peer)
        } else {
            Vec::new()
        };
        if !known.is_empty() {
            let _ = reply.send(Ok(known));
        } else if self.queries.asked() >= self.limits.queries {
            let _ = reply.send(Err(Error::Busy { what: "searches in the network" }));
        } else {
            let id = self.swarm.behaviour_mut().kademlia.get_closest_peers(peer);
            self.queries.add(id, Query::Find { peer, reply });
        }
    }

    fn ban(&mut self, peer: PeerId, reason: &str) {
        if peer == self.shared.local || self.bans.reason(&peer).is_some() {
            return;
        }
        tracing::warn!(%peer, reason, seconds = self.limits.ban.as_secs(), "peer banned");
        meters::banned();
        if let Some(freed) = self.bans.add(peer, reason, Instant::now() + self.limits.ban) {
            self.let_in(freed);
        }
        self.book.remove(&peer);
        let behaviour = self.swarm.behaviour_mut();
        behaviour.kademlia.remove_peer(&peer);
        // What it wrote may still come through others: those messages are judged like any.
        behaviour.blocked.block_peer(peer);
        self.announcer.news(Event::Banned { peer, reason: reason.to_owned() });
    }

    /// The application has heard where a peer is.
    fn introduce(&mut self, peer: PeerId, addresses: &[Multiaddr]) {
        if peer != self.shared.local && self.bans.reason(&peer).is_none() {
            let addresses = address::usable(addresses, self.nearest_scope(), ADDRESSES_MAX);
            self.book.heard_of(peer, addresses);
        }
    }

    /// Ends a ban.
    fn let_in(&mut self, peer: PeerId) {
        self.swarm.behaviour_mut().blocked.unblock_peer(peer);
    }

    /// The nearest scope at which we have company: on a devnet everybody is on loopback, elsewhere nobody is.
    fn nearest_scope(&self) -> Option<address::Scope> {
        let ends = self.shared.peers().into_iter().flat_map(|peer| peer.addresses);
        ends.filter_map(|end| address::scope(&end)).min()
    }
}
