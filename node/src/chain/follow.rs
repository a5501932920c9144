//! Follows the chain as a node that doesn't validate: takes blocks from any peer, trusts none.
//!
//! Each block is checked against its commit certificate (more than two thirds of the validators' power that *our* state
//! names) and executed before it is committed. A peer that serves anything else is named in the log and shut out.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, bail};
use bitdust_network::{Handle, PeerId, Protocol, wire};
use bitdust_types::limits::BLOCK_BYTES_MAX;
use rand::seq::IndexedRandom as _;

use super::{
    Chain, ImportError,
    serve::{Follow, Served},
};

/// Room for a certificate (100 validators × 85 bytes) and framing beside a block.
const SERVED_BYTES_MAX: usize = BLOCK_BYTES_MAX + 16 * 1024;
/// Between two attempts when nobody serves us.
const RETRY: Duration = Duration::from_millis(500);
/// Block times without a block after which another peer is tried: this one may be stuck, or follow somebody who follows
/// us, while the chain goes on.
const PATIENCE_BLOCKS: u64 = 3;
/// The same for fast chains: a loaded machine is late by this much.
const PATIENCE_MIN: Duration = Duration::from_secs(2);

/// Follows until the chain closes.
pub async fn follow(chain: Arc<Chain>, network: Handle) {
    let mut last: Option<PeerId> = None;
    loop {
        let peers: Vec<PeerId> = network.peers().into_iter().map(|peer| peer.id).collect();
        let others: Vec<PeerId> = peers.iter().copied().filter(|peer| Some(*peer) != last).collect();
        let choice = others.choose(&mut rand::rng()).or(peers.first()).copied();
        let Some(peer) = choice else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        last = Some(peer);
        match follow_peer(&chain, &network, peer).await {
            Ok(()) => {}
            Err(Stopped::Forged(reason)) => {
                tracing::warn!(%peer, reason, "refused a forged block or certificate; the peer is shut out");
                if let Err(error) = network.ban(peer, format!("served a forged block or certificate: {reason}")).await {
                    tracing::warn!(%peer, %error, "the peer could not be shut out");
                }
            }
            Err(Stopped::Own(error)) => {
                tracing::error!(%error, "this node could not commit a block");
                tokio::time::sleep(RETRY * 10).await;
            }
            Err(Stopped::Lost(error)) => {
                tracing::debug!(%peer, %error, "stopped following a peer");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Why following one peer came to an end.
enum Stopped {
    /// The peer lied.
    Forged(String),
    /// This machine failed.
    Own(anyhow::Error),
    /// The connection ended, or the peer has nothing.
    Lost(anyhow::Error),
}

async fn follow_peer(chain: &Arc<Chain>, network: &Handle, peer: PeerId) -> Result<(), Stopped> {
    let lost = |error: anyhow::Error| Stopped::Lost(error);
    let mut stream = network.open(peer, Protocol::BLOCKS).await.map_err(|error| lost(error.into()))?;
    let mut next = chain.tip().height.0 + 1;
    wire::send(&mut stream, &Follow { from: next }).await.map_err(|error| lost(error.into()))?;
    let patience = Duration::from_millis(chain.params().block_time_ms * PATIENCE_BLOCKS).max(PATIENCE_MIN);
    loop {
        let served = wire::recv_or_end(&mut stream, SERVED_BYTES_MAX, patience).await;
        match served.map_err(|error| lost(error.into()))? {
            None => return Ok(()),
            // It has nothing newer, and had time enough to get it.
            Some(Served::Tip(height)) => return Err(lost(anyhow::anyhow!("it stands at block {height}"))),
            Some(Served::Block { bytes, certificate }) => {
                if certificate.height != next {
                    return Err(Stopped::Forged(format!("block {} instead of {next}", certificate.height)));
                }
                import(chain, bytes, certificate).await?;
                next += 1;
            }
        }
    }
}

async fn import(
    chain: &Arc<Chain>,
    bytes: Vec<u8>,
    certificate: bitdust_consensus::Certificate,
) -> Result<(), Stopped> {
    let chain = chain.clone();
    let imported = tokio::task::spawn_blocking(move || chain.import(&bytes, certificate)).await;
    match imported {
        Ok(Ok(())) => Ok(()),
        Ok(Err(ImportError::Forged(reason))) => Err(Stopped::Forged(reason)),
        Ok(Err(ImportError::Own(error))) => Err(Stopped::Own(error)),
        Err(error) => Err(Stopped::Own(error.into())),
    }
}

/// Waits until the node has caught up with `height`, for callers that need what is in that block.
pub async fn wait_for_height(chain: &Chain, height: u64, limit: Duration) -> Result<()> {
    let mut tip = chain.watch_tip();
    let waited = tokio::time::timeout(limit, tip.wait_for(|tip| tip.height.0 >= height)).await;
    match waited {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => bail!("the node is stopping"),
        Err(_) => bail!("block {height} did not come within {limit:?}; the tip is {}", chain.tip().height),
    }
}
