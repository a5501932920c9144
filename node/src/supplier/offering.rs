//! The supplier's offer and collateral on the ledger: published at the start, renewed before the offer runs out.

use std::sync::Arc;

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result};
use bitdust_ledger::market::{abi::IMarket, view::OfferInfo};
use bitdust_network::{Handle, SUPPLIERS};
use bitdust_types::{Height, U256, system::MARKET};

use super::{OfferTerms, Supplier};
use crate::chain_api::look;

/// Blocks until a failed attempt is repeated.
const RETRY_BLOCKS: u64 = 5;

/// Keeps offer and collateral as the terms say, until the chain stops.
pub async fn run(supplier: Arc<Supplier>) {
    loop {
        let height = supplier.chain.height();
        let wait = match keep(&supplier).await {
            Ok(()) => supplier.terms.valid_heights / 8 + 1,
            Err(error) => {
                supplier.warn(format!("the offer could not be published: {error:#}"));
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

async fn reach(supplier: &Supplier, height: Height) -> Result<()> {
    let mut now = supplier.chain.height();
    while now < height {
        now = supplier.chain.above(now).await?;
    }
    Ok(())
}

/// Publishes what differs from the ledger.
async fn keep(supplier: &Supplier) -> Result<()> {
    let account = supplier.sender.account();
    let (height, offer, own) =
        look(&*supplier.chain, |view, height| Ok((height, view.offer(account)?, view.supplier(account)?)))?;
    let terms = &supplier.terms;
    let has = own.free.checked_add(own.reserved).context("the collateral pool overflows")?;
    let lacking = terms.collateral.saturating_sub(has);
    if lacking.grains() > 0 {
        let input = IMarket::depositCollateralCall {}.abi_encode();
        let done = supplier.sender.transact(MARKET, lacking.into(), input.into()).await;
        done.with_context(|| format!("depositing {lacking} of collateral"))?;
        tracing::info!(%lacking, "collateral deposited");
    }
    if !is_current(offer.as_ref(), terms, &supplier.peer, height) {
        let offer = IMarket::Offer {
            pricePerGibEpoch: terms.price.grains(),
            egressPerGib: terms.egress.grains(),
            capacityBytes: terms.capacity_bytes,
            maxTermEpochs: terms.term_epochs_max,
            validUntil: height.0 + terms.valid_heights,
            operator: terms.operator,
            region: terms.region.clone(),
            peerId: supplier.peer.clone().into(),
        };
        let input = IMarket::registerOfferCall { offer }.abi_encode();
        supplier.sender.transact(MARKET, U256::ZERO, input.into()).await.context("publishing the offer")?;
        tracing::info!(price = %terms.price, capacity_bytes = terms.capacity_bytes, "offer published");
    }
    Ok(())
}

/// Whether the offer on the ledger says what the terms say and has a quarter of its time left.
fn is_current(offer: Option<&OfferInfo>, terms: &OfferTerms, peer: &[u8], height: Height) -> bool {
    offer.is_some_and(|offer| {
        offer.price_per_gib_epoch == terms.price
            && offer.egress_per_gib == terms.egress
            && offer.capacity_bytes == terms.capacity_bytes
            && offer.max_term_epochs == terms.term_epochs_max
            && offer.operator == terms.operator
            && offer.region == terms.region
            && offer.peer_id[..] == *peer
            && offer.valid_until.0 > height.0 + terms.valid_heights / 4
    })
}
