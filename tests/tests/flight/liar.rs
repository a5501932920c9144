//! A peer that announces chunks of a place and gives others in their stead.

use anyhow::{Context as _, Result};
use bitdust_network::{Config, Handle, Multiaddr, Network, PeerId, Protocol, wire};
use bitdust_node::worlds::sharing::{
    key,
    wire::{ASK_BYTES_MAX, Ask, Given},
};
use bitdust_tests::waiting::{PATIENCE, until};
use bitdust_types::{B256, params::DEVNET};
use bitdust_world::{Chunk, LocationPos, block, pack};

/// See the module's head.
pub struct Liar {
    handle: Handle,
}

impl Liar {
    /// Joins a network and announces itself.
    pub async fn start(entry: &[String], world: B256, place: LocationPos) -> Result<Self> {
        let mut config = Config::new([99; 32], DEVNET);
        config.bootstrap = entry.iter().map(|text| text.parse::<Multiaddr>()).collect::<Result<_, _>>()?;
        let (handle, events) = Network::start(config).await?;
        tokio::spawn(async move {
            let mut events = events;
            while events.next().await.is_some() {}
        });
        let mut incoming = handle.accept(Protocol::CHUNKS)?;
        tokio::spawn(async move {
            while let Some(mut stream) = incoming.next().await {
                tokio::spawn(async move {
                    let lie = pack::pack(&Chunk::uniform(block::RED_BLOCK));
                    while let Ok(Ask { hashes, .. }) = wire::recv(&mut stream, ASK_BYTES_MAX).await {
                        for _ in hashes {
                            wire::send(&mut stream, &Given(Some(lie.clone()))).await?;
                        }
                    }
                    anyhow::Ok(())
                });
            }
        });
        until("the liar has company", PATIENCE, async || Ok((handle.peers().len() > 3).then_some(()))).await?;
        handle.provide(&key(&world, place)).await.context("announcing")?;
        Ok(Liar { handle })
    }

    /// Who it is.
    pub fn peer(&self) -> PeerId {
        self.handle.local_peer()
    }
}
