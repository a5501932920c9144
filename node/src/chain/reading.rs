//! Questions to the chain: state, the market, calls, receipts. All of them look at one snapshot.

use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use anyhow::{Result, bail};
use bitdust_ledger::{
    Receipt,
    exec::{self, Call, CallOutcome},
    market::MarketView,
    state::{Account, StateReader as _},
    worlds::WorldsView,
};
use bitdust_store::chain::{TxPlace, View};
use bitdust_types::Height;

use super::{Chain, lock};

impl Chain {
    /// An account after the newest block; an unused one is all zeros.
    pub fn account(&self, address: Address) -> Result<Account> {
        Ok(self.store.view()?.account(address)?.unwrap_or_default())
    }

    /// The next nonce of an account, counting its transactions that wait here.
    pub fn pending_nonce(&self, address: Address) -> Result<u64> {
        let waiting = lock(&self.pool).pending_nonce(address);
        let nonce = self.account(address)?.nonce;
        Ok(waiting.map_or(nonce, |waiting| waiting.max(nonce)))
    }

    /// A balance after the newest block, in grains.
    pub fn balance(&self, address: Address) -> Result<U256> {
        Ok(self.account(address)?.balance)
    }

    /// Looks at the market after the newest block.
    pub fn market<T>(&self, look: impl FnOnce(&MarketView<'_>, Height) -> Result<T>) -> Result<T> {
        let view = self.store.view()?;
        let height = view.tip().map_or(0, |tip| tip.height);
        look(&MarketView::new(&view, &self.params), Height(height))
    }

    /// Looks at the worlds after the newest block.
    pub fn worlds<T>(&self, look: impl FnOnce(&WorldsView<'_>, Height) -> Result<T>) -> Result<T> {
        let view = self.store.view()?;
        let height = view.tip().map_or(0, |tip| tip.height);
        look(&WorldsView::new(&view), Height(height))
    }

    /// Executes a call on the state after the newest block, as if in the next one, and forgets what it did.
    pub fn call(&self, call: &Call) -> Result<CallOutcome> {
        let header = self.next_header();
        Ok(exec::call(&self.store.view()?, &self.params, &header, call)?)
    }

    /// The gas a transaction needs, or why it would fail.
    pub fn estimate_gas(&self, call: &Call) -> Result<Result<u64, CallOutcome>> {
        let header = self.next_header();
        Ok(exec::estimate_gas(&self.store.view()?, &self.params, &header, call)?)
    }

    /// A consistent look at everything.
    pub fn view(&self) -> Result<View<'_>> {
        Ok(self.store.view()?)
    }

    /// Waits for the receipt of a transaction or proof.
    pub async fn wait_for_receipt(&self, hash: B256, limit: Duration) -> Result<(TxPlace, Receipt)> {
        let mut tip = self.watch_tip();
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            tip.mark_unchanged();
            if let Some(found) = self.store.receipt(hash)? {
                return Ok(found);
            }
            match tokio::time::timeout_at(deadline, tip.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => bail!("the node is stopping; transaction {hash} may still be included"),
                Err(_) => bail!(
                    "transaction {hash} is in no block after {limit:?} (tip {}); it may still be included: are blocks \
                     going on?",
                    self.tip().height
                ),
            }
        }
    }

    /// The header under which a call is executed: the tip's, one higher.
    fn next_header(&self) -> bitdust_ledger::Header {
        let mut header = self.tip().header.clone();
        header.base_fee = self.next_base_fee(&header);
        header.height += 1;
        header.timestamp_ms = super::now_ms().max(header.timestamp_ms + 1);
        header
    }
}
