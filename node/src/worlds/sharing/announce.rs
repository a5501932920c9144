//! Telling the network which locations this node can give chunks of, and when it can't any more.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use bitdust_network::Handle;
use bitdust_types::B256;
use bitdust_world::LocationPos;
use futures::{StreamExt as _, stream};

use super::{key, locked};
use crate::worlds::Worlds;

/// How often what is here is looked over.
const PERIOD: Duration = Duration::from_secs(5);
/// Announcements between two looks: each asks some twenty nodes.
const NEWS_PER_LOOK: usize = 16;
/// Of them, at once: each takes ten seconds where a node near to its key has died, and a player is soon elsewhere.
const AT_ONCE: usize = 8;
/// Between two times that the index is written down; it has 4 MiB after a long walk.
const WRITE_PERIOD: Duration = Duration::from_secs(30);

/// Announces until the network stops. The network repeats what was announced.
pub async fn announce(worlds: Arc<Worlds>, network: Handle) -> Result<()> {
    let mut announced: BTreeSet<(B256, LocationPos)> = BTreeSet::new();
    let mut written = Instant::now();
    loop {
        tokio::time::sleep(PERIOD).await;
        if written.elapsed() >= WRITE_PERIOD {
            let worlds = worlds.clone();
            tokio::task::spawn_blocking(move || worlds.sharing.write_down()).await?;
            written = Instant::now();
        }
        if network.is_hidden() {
            continue;
        }
        let cache = worlds.cache.clone();
        let useful = {
            let mut index = locked(&worlds.sharing.index);
            index.retain(|hash| cache.contains(*hash));
            index.useful()
        };
        let gone: Vec<_> = announced.iter().filter(|place| !useful.contains(place)).copied().collect();
        for (world, location) in gone {
            network.unprovide(&key(&world, location)).await?;
            announced.remove(&(world, location));
        }
        let news: Vec<_> = useful.into_iter().filter(|place| !announced.contains(place)).take(NEWS_PER_LOOK).collect();
        let network = &network;
        let telling = stream::iter(news).map(|(world, location)| async move {
            match network.provide(&key(&world, location)).await {
                Ok(()) => Some((world, location)),
                // Too few peers yet, or too much else to search for: the next look tries again.
                Err(error) => {
                    tracing::debug!(%location, %error, "a location could not be announced");
                    None
                }
            }
        });
        announced.extend(telling.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect::<Vec<_>>().await);
    }
}
