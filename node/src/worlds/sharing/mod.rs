//! Chunks between players: places once visited are given to others from this node's disk, and asked for at theirs, so that
//! more players are more room and not more load.
//!
//! - [`wire`]: what is said on a stream of the protocol `chunks/1`;
//! - [`serve`]: giving, within [`budget`]; [`line`]: asking one player;
//! - [`index`]: what is here of which location; [`announce`]: telling the network;
//! - [`peers`]: players as the scheduler names holders.
//!
//! Who looks for a location's chunks asks the network for its providers under [`key`]; every chunk that comes is held against
//! the hash in the location's manifest, and who sends another is named and asked no more.
//!
//! **Invariant:** a stranger's question costs a read of this disk at most: nothing is generated or fetched for it.
//! **Invariant:** a node that hides its address announces nothing.

mod announce;
mod budget;
mod index;
mod line;
mod peers;
mod serve;
pub mod wire;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use bitdust_network::{Handle, PeerId};
use bitdust_proof::blob;
use bitdust_rpc::places::Source as Label;
use bitdust_types::{Address, B256, Root};
use bitdust_world::{
    LocationPos,
    stream::{Answer, PLAYERS_MAX},
};
use rand::seq::IteratorRandom as _;
use tokio::sync::{Semaphore, mpsc};

use super::{
    Worlds,
    cache::Cache,
    streaming::{
        Open,
        fetching::{Arrived, Errand, Outcome, check, keep},
    },
};
use index::{FILE_BYTES_MAX, Index};
use line::Question;
use peers::Peers;

/// Searches for players under way at once, of the 64 that the network does for all of the node.
const SEARCHES_AT_ONCE: usize = 8;
/// For so long the players found for a location are those that there are.
const FOUND_LIFE: Duration = Duration::from_secs(30);
/// Locations for which players are remembered; the whole memory is dropped when it is full.
const FOUND_MAX: usize = 1024;
/// Players with whom a line stands; the rest are asked when one ends.
const LINES_MAX: usize = 32;

/// The key under which those announce themselves who can give chunks of a location.
pub fn key(world: &B256, location: LocationPos) -> [u8; 32] {
    let mut bytes = b"BitDust chunks 1".to_vec();
    bytes.extend(world.0);
    bytes.extend(location.to_bytes());
    blob::root(&bytes).0
}

/// Players who were found for locations, and when.
type FoundPlayers = HashMap<(B256, LocationPos), (Instant, Vec<Address>)>;

/// See the module's head.
pub struct Sharing {
    peers: Mutex<Peers>,
    index: Mutex<Index>,
    /// Where the index is written down.
    file: PathBuf,
    lines: Mutex<HashMap<PeerId, mpsc::Sender<Question>>>,
    found: Mutex<FoundPlayers>,
    searches: Semaphore,
}

impl Sharing {
    /// With what was written down beside a cache of the chunks in `dir`. Blocks on the disk.
    pub fn open(dir: &Path, cache: &Cache) -> Self {
        let file = dir.join("index");
        let is_sized = fs::metadata(&file).is_ok_and(|about| about.len() <= FILE_BYTES_MAX as u64);
        let bytes = is_sized.then(|| fs::read(&file).ok()).flatten();
        let index = bytes.and_then(|bytes| Index::read(&bytes, |hash| cache.contains(*hash)));
        if index.is_none() && file.exists() {
            tracing::warn!(file = %file.display(), "what is in the cache is noted anew: its index can't be read");
        }
        Sharing {
            peers: Mutex::default(),
            index: Mutex::new(index.unwrap_or_default()),
            file,
            lines: Mutex::default(),
            found: Mutex::default(),
            searches: Semaphore::new(SEARCHES_AT_ONCE),
        }
    }

    /// Writes down what is in the index, if that is news. Blocks on the disk. That it fails only costs what is given after the next
    /// start.
    fn write_down(&self) {
        let Some(bytes) = locked(&self.index).news() else { return };
        let draft = self.file.with_extension("new");
        if let Err(error) = fs::write(&draft, bytes).and_then(|()| fs::rename(&draft, &self.file)) {
            tracing::warn!(%error, file = %self.file.display(), "which chunks are in the cache could not be written down");
        }
    }
}

impl Worlds {
    /// Gives chunks to others until the node stops, if its owner lets it.
    pub async fn share(self: Arc<Self>, network: Handle) -> Result<()> {
        if !self.shares {
            return std::future::pending().await;
        }
        tokio::try_join!(serve::serve(self.clone(), network.clone()), announce::announce(self, network))?;
        Ok(())
    }
}

impl Sharing {
    /// Players that have chunks of a location, as far as the network knows.
    pub async fn players(&self, worlds: &Worlds, world: B256, location: LocationPos) -> Vec<Address> {
        let known = locked(&self.found).get(&(world, location)).cloned();
        if let Some((since, players)) = known
            && since.elapsed() < FOUND_LIFE
        {
            return players;
        }
        let Some(network) = worlds.network.get() else { return Vec::new() };
        // Nobody has chunks of what nobody claimed.
        if !matches!(worlds.claim(world, location), Ok(Some(_))) {
            return Vec::new();
        }
        let Ok(_permit) = self.searches.acquire().await else { return Vec::new() };
        let providers = match network.some_providers(&key(&world, location)).await {
            Ok(providers) => providers,
            Err(error) => {
                tracing::debug!(%location, %error, "players could not be looked for");
                return Vec::new();
            }
        };
        let others = providers.into_iter().filter(|peer| *peer != network.local_peer());
        let chosen = others.choose_multiple(&mut rand::rng(), PLAYERS_MAX);
        let players: Vec<Address> = {
            let mut peers = locked(&self.peers);
            chosen.into_iter().map(|peer| peers.address(peer)).collect()
        };
        let mut found = locked(&self.found);
        if found.len() >= FOUND_MAX {
            found.clear();
        }
        found.insert((world, location), (Instant::now(), players.clone()));
        players
    }

    /// Asks a player for a chunk.
    pub async fn fetch(&self, worlds: &Worlds, open: &Open, errand: &Errand, player: Address) -> Outcome {
        let failed = Outcome::Not(Answer::Failed { by: Some(player) });
        let (Some(peer), Some(network)) = (locked(&self.peers).peer(&player), worlds.network.get()) else {
            return failed;
        };
        let (reply, answer) = tokio::sync::oneshot::channel();
        let (world, location) = (open.place.world().id, open.place.pos());
        let question = Question { world, location, hash: errand.hash, reply };
        if self.line(network, peer).try_send(question).is_err() {
            return failed;
        }
        let packed = match answer.await {
            Ok(Some(packed)) => packed,
            Ok(None) => return Outcome::Not(Answer::Absent),
            // The line has broken; why was told where it did.
            Err(_) => return failed,
        };
        worlds.tally.received(packed.len() as u64);
        match check(worlds, errand, packed).await {
            Ok((chunk, packed)) => {
                keep(worlds, errand, &packed).await;
                Outcome::Arrived(Arrived { chunk, hash: errand.hash, packed, label: Label::Player })
            }
            Err(reason) => {
                worlds.tally.blame(peer.to_string(), format!("chunk {} from its cache: {reason}", errand.chunk));
                Outcome::Not(Answer::Wrong { by: Some(player) })
            }
        }
    }

    /// Notes that chunks of a location, of a version with so many frames, are on this disk.
    pub fn note(&self, world: B256, location: LocationPos, hashes: &[Root], framed: usize) {
        let mut index = locked(&self.index);
        hashes.iter().for_each(|hash| index.note(world, location, *hash, framed));
    }

    fn line(&self, network: &Handle, peer: PeerId) -> mpsc::Sender<Question> {
        let mut lines = locked(&self.lines);
        lines.retain(|_, line| !line.is_closed());
        if let Some(line) = lines.get(&peer) {
            return line.clone();
        }
        if lines.len() >= LINES_MAX {
            // It is closed from the beginning, so that the question fails and somebody else is asked.
            return mpsc::channel(1).0;
        }
        let line = line::open(network.clone(), peer);
        lines.insert(peer, line.clone());
        line
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
