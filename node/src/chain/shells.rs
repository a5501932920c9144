//! The chain as the customer's and the supplier's shells see it: their traits, on the real thing.

use alloy_primitives::{Address, Bytes, U256};
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use bitdust_ledger::Prove;
use bitdust_types::{ChainParams, Height};
use k256::ecdsa::SigningKey;

use super::{Chain, ingress::Ingress, sender::Sender};
use crate::chain_api::{ChainReader, Included, Look, LookAtWorlds, ProofSink, TxSender};

/// A block as old as this is still of the present: clocks may differ by minutes.
const PRESENT_MS: u64 = 900_000;

#[async_trait]
impl ChainReader for Chain {
    fn params(&self) -> &ChainParams {
        Chain::params(self)
    }

    fn height(&self) -> Height {
        self.tip().height
    }

    async fn above(&self, height: Height) -> Result<Height> {
        let mut tip = self.watch_tip();
        let newer = tip.wait_for(|tip| tip.height > height).await.context("the node is stopping")?;
        Ok(newer.height)
    }

    fn is_current(&self) -> bool {
        super::now_ms().saturating_sub(self.tip().header.timestamp_ms) <= PRESENT_MS
    }

    fn look(&self, look: &mut Look<'_>) -> Result<()> {
        self.market(|view, height| look(view, height))
    }

    fn base_fee(&self) -> u64 {
        self.next_base_fee(&self.tip().header)
    }

    fn look_at_worlds(&self, look: &mut LookAtWorlds<'_>) -> Result<()> {
        self.worlds(|view, height| look(view, height))
    }
}

#[async_trait]
impl TxSender for Sender {
    fn account(&self) -> Address {
        self.address()
    }

    fn signing_key(&self) -> &SigningKey {
        self.key()
    }

    async fn transact(&self, to: Address, value: U256, input: Bytes) -> Result<Included> {
        let (place, receipt) = self.send_and_wait(to, value, input).await?;
        let gas_paid = U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price);
        Ok(Included { hash: receipt.tx_hash, height: Height(place.height), gas_paid })
    }
}

#[async_trait]
impl ProofSink for Ingress {
    async fn submit(&self, prove: Prove) -> Result<()> {
        self.submit_proof(prove).await?;
        Ok(())
    }
}
