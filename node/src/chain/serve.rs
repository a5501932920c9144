//! Serves committed blocks with their certificates to nodes that follow the chain.
//!
//! ```text
//! follower → Follow { from }
//! server   → Served::Block(from), Served::Block(from + 1), … then each new block as it is committed,
//!            Served::Tip(height) after ten seconds without one
//! ```
//! The stream's back-pressure bounds what is read ahead: one block.

use std::{sync::Arc, time::Duration};

use bitdust_consensus::Certificate;
use bitdust_network::{Handle, Protocol, Stream, wire};
use borsh::{BorshDeserialize, BorshSerialize};
use tokio::io::AsyncWriteExt as _;

use super::Chain;

/// How often a server says where it is when it has no block to send. Below the stream's idle limit of a minute.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// Bytes of a request.
const REQUEST_BYTES_MAX: usize = 64;

/// What a follower asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Follow {
    /// The first height that is wanted.
    pub from: u64,
}

/// What it is sent.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Served {
    /// The server's newest height; nothing new.
    Tip(u64),
    /// The next block.
    Block {
        /// Canonical bytes.
        bytes: Vec<u8>,
        /// The votes that made it final.
        certificate: Certificate,
    },
}

/// Accepts streams until the network stops.
pub async fn serve(chain: Arc<Chain>, network: Handle) -> anyhow::Result<()> {
    let mut incoming = network.accept(Protocol::BLOCKS)?;
    while let Some(stream) = incoming.next().await {
        let chain = chain.clone();
        tokio::spawn(async move {
            let peer = stream.peer();
            if let Err(error) = serve_one(&chain, stream).await {
                tracing::debug!(%peer, %error, "a follower's stream ended");
            }
        });
    }
    Ok(())
}

async fn serve_one(chain: &Chain, mut stream: Stream) -> anyhow::Result<()> {
    let Follow { from } = wire::recv(&mut stream, REQUEST_BYTES_MAX).await?;
    let mut tip = chain.watch_tip();
    let mut next = from.max(1);
    loop {
        let height = tip.borrow_and_update().height.0;
        if next <= height {
            let Some((bytes, certificate)) = chain.decided(next)? else {
                anyhow::bail!("block {next} is not kept here any more");
            };
            wire::send(&mut stream, &Served::Block { bytes, certificate }).await?;
            next += 1;
            continue;
        }
        match tokio::time::timeout(HEARTBEAT, tip.changed()).await {
            Ok(Ok(())) => {}
            // The chain is closing.
            Ok(Err(_)) => break,
            Err(_) => wire::send(&mut stream, &Served::Tip(height)).await?,
        }
    }
    stream.shutdown().await?;
    Ok(())
}
