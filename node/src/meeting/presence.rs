//! A player in a world: the shell around one [`Crowd`].
//!
//! Everything that happens goes through [`Presence::tell`]: the crowd is told, and what it answers is done, under one lock that
//! is never held over an `await`. What takes time (calling others, the network's table, reading and writing lines) has tasks of
//! its own, which come back the same way. A reader waits for the lock before it reads on, so what a flooding peer sends beyond
//! that piles up at the peer, not here.
//!
//! Bounds: as many lines as the crowd has links, 64; an outbox each; 8 calls and [`super::table::AT_ONCE`] questions under way;
//! the newest events.

mod lines;
mod seeing;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bitdust_network::Handle;
use bitdust_rpc::types::meet::MeetEvent;
use bitdust_types::{B256, signing};
use bitdust_world::meeting::{Crowd, Effect, Input, Me, NotSent, Peer};
use k256::ecdsa::SigningKey;
use tokio::task::JoinSet;

pub use seeing::name_of;

use super::{
    board::Board,
    table::{Table, Task},
    tally::Tally,
};
use lines::Line;

/// Between two ticks of the crowd.
const TICK: Duration = Duration::from_millis(50);
/// How long a player may be silent about where it stands before it has left.
pub const AWAY: Duration = Duration::from_secs(10);
/// Before an announcement that failed is tried again.
const TABLE_PAUSE: Duration = Duration::from_secs(3);
/// Who looks on at once: a viewer, a map, a few programs.
pub const WATCHERS_MAX: usize = 16;

/// What all presences of a node share.
pub struct Common {
    /// The network.
    pub network: Handle,
    /// The key of the account that vouches for the player.
    pub key: SigningKey,
    /// Counts.
    pub tally: Tally,
}

/// See the module's head.
pub struct Presence {
    common: Arc<Common>,
    me: Me,
    began: Instant,
    state: Mutex<State>,
    watchers: Arc<tokio::sync::Semaphore>,
}

struct State {
    crowd: Crowd,
    lines: BTreeMap<Peer, Line>,
    line_count: u64,
    table: Table,
    board: Board,
    /// Calls and questions under way; they end with the presence.
    tasks: JoinSet<()>,
    stood: Instant,
    /// Why it has ended, if it has.
    over: Option<&'static str>,
}

impl Presence {
    /// A player who is there but nowhere yet. Must be called inside a tokio runtime.
    pub fn begin(common: Arc<Common>, me: Me) -> Arc<Self> {
        let crowd = Crowd::new(me.clone(), rand::random());
        let now = Instant::now();
        let state = State {
            crowd,
            lines: BTreeMap::new(),
            line_count: 0,
            table: Table::default(),
            board: Board::default(),
            tasks: JoinSet::new(),
            stood: now,
            over: None,
        };
        let watchers = Arc::new(tokio::sync::Semaphore::new(WATCHERS_MAX));
        let presence = Arc::new(Presence { common, me, began: now, state: Mutex::new(state), watchers });
        tokio::spawn(presence.clone().tick());
        presence
    }

    /// Who the player is.
    pub fn me(&self) -> &Me {
        &self.me
    }

    /// Tells the crowd what the player does, and does what follows.
    ///
    /// # Errors
    /// What the player wanted to say isn't said.
    pub fn act(self: &Arc<Self>, input: Input) -> Result<(), NotSent> {
        let mut state = self.lock();
        if state.over.is_some() {
            return Ok(());
        }
        if matches!(input, Input::Stand(_)) {
            state.stood = Instant::now();
        }
        match self.tell(&mut state, input) {
            Some(not_sent) => Err(not_sent),
            None => Ok(()),
        }
    }

    /// Leaves the world.
    pub fn leave(self: &Arc<Self>, reason: &'static str) {
        let mut state = self.lock();
        if state.over.is_some() {
            return;
        }
        self.tell(&mut state, Input::Leave);
        state.over = Some(reason);
        state.board.note(MeetEvent::Over { reason: reason.to_owned() });
        state.lines.clear();
        state.tasks = JoinSet::new();
        let told = std::mem::take(&mut state.table).into_told();
        drop(state);
        tracing::info!(world = %self.me.world, reason, "left a world");
        let network = self.common.network.clone();
        tokio::spawn(async move {
            for key in told {
                // Others forget it by themselves in half an hour.
                let _ = network.unprovide(key.as_slice()).await;
            }
        });
    }

    /// Why the presence has ended, if it has.
    pub fn over(&self) -> Option<&'static str> {
        self.lock().over
    }

    async fn tick(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let mut state = self.lock();
            if state.over.is_some() {
                return;
            }
            if state.stood.elapsed() >= AWAY {
                drop(state);
                return self.leave("nothing was heard of where the player stands");
            }
            self.tell(&mut state, Input::Tick);
            while state.tasks.try_join_next().is_some() {}
        }
    }

    /// Tells the crowd what happened, and does what it answers. Something that the player said and that isn't sent is
    /// returned.
    fn tell(self: &Arc<Self>, state: &mut State, input: Input) -> Option<NotSent> {
        let now_ms = self.now_ms();
        let mut effects: VecDeque<Effect> = state.crowd.handle(now_ms, input).into();
        let mut refused = None;
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Announce(key) => state.table.announce(key),
                Effect::Unannounce(key) => state.table.unannounce(key),
                Effect::Find(key) => state.table.find(key),
                // A hidden player's network dials nobody but its relays, so the wish for a relay is granted by it.
                Effect::Connect { peer, via_relay: _ } => {
                    state.tasks.spawn(self.clone().call(peer));
                }
                Effect::Disconnect(peer) => {
                    state.lines.remove(&peer);
                }
                Effect::Sign(peer, hash) => match signing::sign(&self.common.key, hash) {
                    Ok(signature) => effects.extend(state.crowd.handle(now_ms, Input::Signed(peer, signature))),
                    Err(error) => tracing::error!(%error, "this player can't introduce itself"),
                },
                Effect::Send(peer, channel, message) => {
                    if !self.send(state, &peer, channel, message) {
                        state.lines.remove(&peer);
                        effects.extend(state.crowd.handle(now_ms, Input::Disconnected(peer)));
                    }
                }
                Effect::NotSent(reason) => refused = Some(reason),
                event => self.note(state, now_ms, event),
            }
        }
        while let Some(task) = state.table.begin() {
            state.tasks.spawn(self.clone().ask_table(task));
        }
        refused
    }

    async fn ask_table(self: Arc<Self>, task: Task) {
        let network = &self.common.network;
        let mut found = None;
        let asked = match task {
            Task::Announce(key) => network.provide(key.as_slice()).await,
            Task::Unannounce(key) => network.unprovide(key.as_slice()).await,
            Task::Find(key) => find(network, key).await.map(|peers| found = Some(peers)),
        };
        if let Err(error) = &asked {
            tracing::debug!(?task, %error, "the network's table didn't answer");
            tokio::time::sleep(TABLE_PAUSE).await;
        }
        let mut state = self.lock();
        if state.over.is_none() {
            state.table.done(task, asked.is_ok());
            self.tell(&mut state, Input::Found(found.unwrap_or_default()));
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    // A panic within would be a bug of the crowd's, which is a state machine without half-done steps to fear.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn find(network: &Handle, key: B256) -> Result<Vec<Peer>, bitdust_network::Error> {
    let found = network.providers(key.as_slice()).await?;
    Ok(found.into_iter().filter_map(|peer| Peer::new(&peer.to_bytes())).collect())
}
