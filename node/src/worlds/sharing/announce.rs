//! Telling the network which locations this node can give chunks of, and when it can't any more.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::Result;
use bitdust_network::Handle;

use super::{key, locked};
use crate::worlds::Worlds;

/// How often what is here is looked over.
const PERIOD: Duration = Duration::from_secs(5);
/// Announcements between two looks, one after the other: each asks some twenty nodes.
const NEWS_PER_LOOK: usize = 16;

/// Announces until the network stops. The network repeats what was announced.
pub async fn announce(worlds: Arc<Worlds>, network: Handle) -> Result<()> {
    let mut announced = BTreeSet::new();
    loop {
        tokio::time::sleep(PERIOD).await;
        if network.is_hidden() {
            continue;
        }
        let cache = worlds.cache.clone();
        let useful = {
            let mut index = locked(&worlds.sharing.index);
            index.retain(|hash| cache.contains(*hash));
            index.useful()
        };
        let gone: Vec<_> = announced.difference(&useful).copied().collect();
        for (world, location) in gone {
            network.unprovide(&key(&world, location)).await?;
            announced.remove(&(world, location));
        }
        let news: Vec<_> = useful.difference(&announced).take(NEWS_PER_LOOK).copied().collect();
        for (world, location) in news {
            match network.provide(&key(&world, location)).await {
                Ok(()) => {
                    announced.insert((world, location));
                }
                // Too few peers yet, or too much else to search for: the next look tries again.
                Err(error) => {
                    tracing::debug!(%location, %error, "a location could not be announced");
                    break;
                }
            }
        }
    }
}
