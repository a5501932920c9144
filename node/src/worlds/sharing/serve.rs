//! Giving chunks to others, from this node's disk alone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use bitdust_network::{Handle, PeerId, Protocol, Stream, wire};
use tokio::io::AsyncWriteExt as _;

use super::{
    budget::Budget,
    locked,
    wire::{ASK_BYTES_MAX, Ask, Given, HASHES_MAX},
};
use crate::worlds::Worlds;

/// Streams that one peer may have here; it needs one.
const STREAMS_PER_PEER: usize = 2;
/// Streams in all. Each holds one chunk on its way out.
const STREAMS_MAX: usize = 64;
/// How long an open stream may say nothing.
const IDLE: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Guests(Mutex<HashMap<PeerId, usize>>);

/// A stream's place, given back when the stream ends.
struct Seat {
    guests: Arc<Guests>,
    peer: PeerId,
}

/// Serves the protocol until the network stops.
pub async fn serve(worlds: Arc<Worlds>, network: Handle) -> Result<()> {
    let mut incoming = network.accept(Protocol::CHUNKS)?;
    let budget = Arc::new(Mutex::new(Budget::new(Instant::now())));
    let guests = Arc::new(Guests::default());
    while let Some(stream) = incoming.next().await {
        // Who gets none sees the stream end, and asks somebody else.
        let Some(seat) = guests.clone().seat(stream.peer()) else { continue };
        let (worlds, budget) = (worlds.clone(), budget.clone());
        tokio::spawn(async move {
            let peer = seat.peer;
            if let Err(error) = serve_one(&worlds, &budget, stream).await {
                tracing::debug!(%peer, "a player's stream of chunks ended: {error:#}");
            }
        });
    }
    Ok(())
}

async fn serve_one(worlds: &Worlds, budget: &Mutex<Budget>, mut stream: Stream) -> Result<()> {
    stream.set_idle_limit(IDLE);
    let peer = stream.peer();
    while let Some(Ask { world, location, hashes }) = wire::recv_or_end(&mut stream, ASK_BYTES_MAX, IDLE).await? {
        ensure!(
            hashes.len() <= HASHES_MAX,
            "{} chunks were asked for at once, at most {HASHES_MAX} may be",
            hashes.len()
        );
        for hash in hashes {
            let is_here = locked(&worlds.sharing.index).has(world.into(), location, &hash);
            let cache = worlds.cache.clone();
            let packed = match is_here {
                true => worlds.workers.run(move || cache.get(hash)).await.flatten(),
                false => None,
            };
            let bytes = packed.as_ref().map_or(0, Vec::len);
            let wait = locked(budget).take(Instant::now(), peer, bytes);
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            wire::send(&mut stream, &Given(packed)).await?;
            worlds.tally.gave(bytes as u64);
        }
    }
    stream.shutdown().await?;
    Ok(())
}

impl Guests {
    fn seat(self: Arc<Self>, peer: PeerId) -> Option<Seat> {
        {
            let mut seats = locked(&self.0);
            let (all, of_peer) = (seats.values().sum::<usize>(), seats.get(&peer).copied().unwrap_or(0));
            if all >= STREAMS_MAX || of_peer >= STREAMS_PER_PEER {
                return None;
            }
            seats.insert(peer, of_peer + 1);
        }
        Some(Seat { guests: self, peer })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = locked(&self.guests.0);
        match seats.get_mut(&self.peer) {
            Some(taken) if *taken > 1 => *taken -= 1,
            _ => drop(seats.remove(&self.peer)),
        }
    }
}
