//! An eye on the chain: when a node first showed each transaction in a block. Every block that a node shows is final.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use anyhow::{Context as _, Result, ensure};
use bitdust_rpc::{Client, api::EthClient as _, eth_types::BlockNumberOrTag};

/// How often the node is asked: the error of a time to finality.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Each transaction's moment.
    pub at: HashMap<B256, Instant>,
    /// Most transactions in one block.
    pub busiest_block: usize,
}

/// Watches a node from the block after `height` on until it has shown `count` transactions.
pub async fn until(client: &Client, height: u64, count: usize, patience: Duration) -> Result<Seen> {
    let (mut seen, mut next) = (Seen::default(), height + 1);
    let deadline = Instant::now() + patience;
    while seen.at.len() < count {
        ensure!(Instant::now() < deadline, "{} of {count} payments are in blocks after {patience:?}", seen.at.len());
        let tip = client.eth_block_number().await?.to::<u64>();
        let now = Instant::now();
        while next <= tip {
            let block = client.eth_get_block_by_number(BlockNumberOrTag::Number(next), false).await?;
            let hashes: Vec<B256> = block.context("a block up to the tip is there")?.transactions.hashes().collect();
            seen.busiest_block = seen.busiest_block.max(hashes.len());
            seen.at.extend(hashes.into_iter().map(|hash| (hash, now)));
            next += 1;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(seen)
}

/// The newest block's height.
pub async fn height(client: &Client) -> Result<u64> {
    Ok(client.eth_block_number().await?.to())
}
