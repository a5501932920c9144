//! A player without a chain: a swarm of its own, the node's meetings on it, and a body that walks in a small circle.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use bitdust_network::{Config, Handle, Limits, Multiaddr, Network, PeerId};
use bitdust_node::meeting::{Meetings, presence::Presence};
use bitdust_rpc::types::meet::{MeetEvent, MeetStats};
use bitdust_types::params::DEVNET;
use bitdust_world::{
    ChunkPos,
    content::WorldId,
    meeting::{Input, Look, Mode, Peer, Position, Stance},
};
use k256::ecdsa::SigningKey;
use tokio::{task::JoinHandle, time::Instant};

/// Where they meet; no ledger lists it.
pub const WORLD: WorldId = WorldId([9; 32]);
/// The chunk from whose corner places are counted: far from the origin, in the middle of a location.
pub const HERE: ChunkPos = ChunkPos::new((1 << 40) + 4, 4, 4);

/// How often a bot says where it stands.
const STAND: Duration = Duration::from_millis(100);
/// Metres of its circle's radius, and metres per second.
const RADIUS: f64 = 2.0;
const SPEED: f64 = 4.0;

/// See the module's head.
pub struct Bot {
    pub network: Handle,
    pub meetings: Arc<Meetings>,
    pub presence: Arc<Presence>,
    place: Arc<Mutex<[f64; 3]>>,
    seen: Option<u64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Bot {
    /// A player who begins at so many metres from [`HERE`].
    pub async fn start(
        number: u8,
        bootstrap: &[Multiaddr],
        place: [f64; 3],
        change: impl FnOnce(&mut Config),
    ) -> Result<Bot> {
        let mut config = Config::new([number; 32], DEVNET);
        config.bootstrap = bootstrap.to_vec();
        config.limits = Limits { discovery_interval_max: Duration::from_secs(4), ..Limits::default() };
        change(&mut config);
        let hidden = config.hidden;
        let (network, mut events) = Network::start(config).await?;
        let meetings = Meetings::new(network.clone(), SigningKey::from_slice(&[number; 32])?, hidden);
        let presence = meetings.enter(WORLD, &format!("bot {number}"), Look::default())?;
        let place = Arc::new(Mutex::new(place));
        let running = meetings.clone();
        let tasks = vec![
            tokio::spawn(async move { while events.next().await.is_some() {} }),
            tokio::spawn(async move { drop(running.run().await) }),
            tokio::spawn(walk(presence.clone(), place.clone())),
        ];
        Ok(Bot { network, meetings, presence, place, seen: None, tasks })
    }

    /// The address by which others enter the network.
    pub fn entry(&self) -> Vec<Multiaddr> {
        self.network.listen_addrs().into_iter().take(1).collect()
    }

    pub fn id(&self) -> PeerId {
        self.network.local_peer()
    }

    pub fn go(&self, place: [f64; 3]) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    /// What happened since the last time.
    pub fn events(&mut self) -> Vec<MeetEvent> {
        let around = self.presence.around(self.seen);
        self.seen = Some(around.next);
        around.events
    }

    pub fn stats(&self) -> MeetStats {
        self.meetings.stats()
    }

    /// How many others are seen moving: with a pose that came within so many milliseconds.
    pub fn sees(&self, within_ms: u64) -> usize {
        self.presence.around(None).players.iter().filter(|player| player.age_ms <= within_ms).count()
    }

    /// Whether it knows another.
    pub fn knows(&self, other: &Bot) -> bool {
        Peer::new(&other.id().to_bytes()).is_some_and(|peer| self.presence.neighbours().contains(&peer))
    }

    pub fn say(&self, text: &str) -> Result<()> {
        self.presence.act(Input::Say(text.to_owned())).context("saying something")
    }

    pub async fn stop(self) -> Result<()> {
        self.meetings.leave_all();
        self.tasks.iter().for_each(JoinHandle::abort);
        self.network.stop().await?;
        Ok(())
    }
}

async fn walk(presence: Arc<Presence>, place: Arc<Mutex<[f64; 3]>>) {
    let (began, mut steps) = (Instant::now(), tokio::time::interval(STAND));
    loop {
        steps.tick().await;
        let [x, y, z] = *place.lock().unwrap_or_else(PoisonError::into_inner);
        let angle = began.elapsed().as_secs_f64() * SPEED / RADIUS;
        let metres = [x + RADIUS * angle.cos(), y, z + RADIUS * angle.sin()];
        let position = Position::from_metres(HERE, metres);
        let _ = presence.act(Input::Stand(Stance { position, yaw: 0, pitch: 0, mode: Mode::Walking }));
    }
}

/// What somebody said, in the order in which it was heard.
pub fn words(events: &[MeetEvent]) -> Vec<&str> {
    let said = events.iter().filter_map(|event| match event {
        MeetEvent::Said { text, .. } => Some(text.as_str()),
        _ => None,
    });
    said.collect()
}

/// Who was named for what it did.
pub fn named(events: &[MeetEvent]) -> Vec<(&str, &str)> {
    let named = events.iter().filter_map(|event| match event {
        MeetEvent::Misbehaved { peer, reason } => Some((peer.as_str(), reason.as_str())),
        _ => None,
    });
    named.collect()
}
