//! The supplier's offer and collateral on the ledger: published at the first start, renewed as they are before the offer runs
//! out, and left alone once the operator is out.

use std::sync::Arc;

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result};
use bitdust_ledger::market::IMarket;
use bitdust_network::{Handle, SUPPLIERS};
use bitdust_types::{Height, U256, system::MARKET};

use super::{
    Supplier, Trouble,
    decision::{Decision, Next, Offered, next},
};
use crate::chain_api::look;

/// Blocks until a failed attempt is repeated.
const RETRY_BLOCKS: u64 = 5;

/// Keeps offer and collateral as the operator decided, until the chain stops.
pub async fn run(supplier: Arc<Supplier>) {
    loop {
        let height = supplier.chain.height();
        let wait = match keep(&supplier).await {
            Ok(()) => supplier.terms.valid_heights / 8 + 1,
            Err(error) => {
                supplier.warn(Trouble::Offer, format!("the offer could not be published: {error:#}"));
                RETRY_BLOCKS
            }
        };
        if reach(&supplier, Height(height.0 + wait)).await.is_err() {
            return;
        }
    }
}

/// Announces this peer as a supplier.
pub async fn announce(network: Handle) {
    if let Err(error) = network.provide(SUPPLIERS).await {
        // The swarm repeats announcements by itself, and the offer on the ledger names this peer anyway.
        tracing::debug!(%error, "the first announcement found no peers");
    }
    std::future::pending::<()>().await;
}

/// Waits for a height. Fails when the node stops.
pub(super) async fn reach(supplier: &Supplier, height: Height) -> Result<()> {
    let mut now = supplier.chain.height();
    while now < height {
        now = supplier.chain.above(now).await?;
    }
    Ok(())
}

/// Fills the pool up to what config.toml says and publishes the offer if it must be, unless the operator is out.
pub(super) async fn keep(supplier: &Arc<Supplier>) -> Result<()> {
    let _turn = supplier.offering.lock().await;
    let account = supplier.sender.account();
    let (height, listed, own) =
        look(&*supplier.chain, |view, height| Ok((height, view.offer(account)?, view.supplier(account)?)))?;
    let (terms, last) = (&supplier.terms, supplier.decisions.last());
    let (mut offered, is_stale) = match next(last.as_ref(), listed.as_ref(), terms, &supplier.peer, height.0) {
        Next::Wait => return Ok(()),
        Next::StayOut => {
            match listed {
                Some(offer) => supplier.warn(
                    Trouble::Offer,
                    format!(
                        "there is an offer until height {} although this supplier has left; it isn't renewed: register it \
                         with 'bitdust supplier register', or withdraw it with 'exit'",
                        offer.valid_until
                    ),
                ),
                None => supplier.clear(Trouble::Offer),
            }
            return Ok(());
        }
        Next::Leave => {
            supplier.decide(Decision::Out).await?;
            let text = "the offer was withdrawn or has ended; 'bitdust supplier register' publishes another one";
            supplier.warn(Trouble::Offer, text.to_owned());
            return Ok(());
        }
        Next::Keep(offered) => (offered, false),
        Next::Publish(offered) => (offered, true),
    };
    // First what stands behind the offer.
    let has = own.free.checked_add(own.reserved).context("the collateral pool overflows")?;
    let lacking = terms.collateral.saturating_sub(has);
    if lacking.grains() > 0 {
        let input = IMarket::depositCollateralCall {}.abi_encode();
        let done = supplier.sender.transact(MARKET, lacking.into(), input.into()).await;
        done.with_context(|| format!("depositing {lacking} of collateral"))?;
        tracing::info!(%lacking, "collateral deposited");
    }
    if is_stale {
        let input = offered.call(&supplier.peer).abi_encode();
        let sent = supplier.sender.transact(MARKET, U256::ZERO, input.into()).await;
        offered.seen_at = sent.context("publishing the offer")?.height.0;
        tracing::info!(price = %offered.price, capacity_bytes = offered.capacity_bytes, "offer published");
    }
    // When it was seen matters only for an offer that has changed.
    let is_news = match &last {
        Some(Decision::Offer(known)) => *known != Offered { seen_at: known.seen_at, ..offered.clone() },
        Some(Decision::Out) | None => true,
    };
    if is_news {
        supplier.decide(Decision::Offer(offered)).await?;
    }
    supplier.clear(Trouble::Offer);
    Ok(())
}

impl Supplier {
    /// Keeps the offer as it is while the guard lives.
    pub async fn offer_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.offering.lock().await
    }

    /// The operator's last word on the offer.
    pub fn decision(&self) -> Option<Decision> {
        self.decisions.last()
    }

    /// Takes the operator's word, durably.
    ///
    /// # Errors
    /// The disk failed.
    pub async fn decide(self: &Arc<Self>, decision: Decision) -> Result<()> {
        let working = self.clone();
        tokio::task::spawn_blocking(move || working.decisions.write(decision)).await?
    }

    /// What a changed offer starts from: the one on the ledger, or the last one, or config.toml's.
    ///
    /// # Errors
    /// The ledger can't be read.
    pub fn offer_before(&self) -> Result<Offered> {
        let account = self.sender.account();
        let (listed, height) = look(&*self.chain, |view, height| Ok((view.offer(account)?, height)))?;
        Ok(match (listed, self.decisions.last()) {
            (Some(offer), _) => Offered::listed(&offer, true, height.0),
            (None, Some(Decision::Offer(known))) => known,
            (None, Some(Decision::Out) | None) => Offered::first(&self.terms),
        })
    }

    /// For how many heights an offer stands that says nothing else.
    pub fn offer_heights(&self) -> u64 {
        self.terms.valid_heights
    }
}
