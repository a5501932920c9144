//! Third step: the customer settles, and each supplier's balance shows what it earned.

use std::time::{Duration, Instant};

use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::SolCall as _;
use anyhow::{Result, bail, ensure};
use bitdust_ledger::market::IMarket;
use bitdust_rpc::{
    api::EthClient as _,
    eth_types::{BlockId, BlockNumberOrTag, TransactionReceipt, TransactionRequest},
};
use bitdust_types::{
    Amount,
    keys::{DEVNET_PHRASE, Phrase},
    system::MARKET,
};

use super::{
    Demo,
    report::{Earned, Settlement},
    storing::Kept,
};
use crate::{
    chain::sender::{UnsignedCall, sign_call},
    cli::{remote::explain, statement},
    keys::NodeKeys,
};

/// A transaction is in a block within two block times.
const RECEIPT_PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn settle(demo: &Demo<'_>, kept: &Kept) -> Result<Settlement> {
    demo.step("The dataset is settled: what was proved is paid");
    let call = IMarket::settleCall { dataset: kept.info.id.into() };
    let receipt = send_as_customer(demo, call.abi_encode().into()).await?;
    ensure!(receipt.status(), "the settlement {} failed", receipt.transaction_hash);
    let height = receipt.block_number.unwrap_or_default();
    let mut suppliers = Vec::new();
    for slot in &kept.slots {
        let Some(supplier) = slot.supplier else { bail!("slot {} has no supplier", slot.slot) };
        let at = |height| Some(BlockId::Number(BlockNumberOrTag::Number(height)));
        let before = demo.client.eth_get_balance(supplier, at(height - 1)).await.map_err(explain(&demo.client))?;
        let after = demo.client.eth_get_balance(supplier, at(height)).await.map_err(explain(&demo.client))?;
        let statement = statement::fetch(&demo.client, supplier, None, Some(height), demo.json).await?;
        let earned = Earned {
            supplier,
            balance_before: Amount::try_from(before)?,
            balance_after: Amount::try_from(after)?,
            earned: statement.earned,
            fee: statement.fees,
            gas: statement.gas,
        };
        ensure!(earned.earned > Amount::ZERO, "supplier {supplier} has proved but earned nothing");
        demo.say(format!(
            "{supplier}: earned {} (fee {}), gas {} apart; balance {}",
            earned.earned, earned.fee, earned.gas, earned.balance_after
        ));
        suppliers.push(earned);
    }
    let gas_paid = u128::from(receipt.gas_used).saturating_mul(receipt.effective_gas_price);
    Ok(Settlement { transaction: receipt.transaction_hash, height, gas_paid: Amount::from_grains(gas_paid), suppliers })
}

/// Sends a call to the Market with the customer's key, as any wallet would.
async fn send_as_customer(demo: &Demo<'_>, input: Bytes) -> Result<TransactionReceipt> {
    let keys = NodeKeys::from_phrase(&Phrase::parse(DEVNET_PHRASE)?)?;
    let client = &demo.client;
    let request = TransactionRequest::default().from(keys.account()).to(MARKET).input(input.clone().into());
    let gas: u64 = client.eth_estimate_gas(request, None, None).await.map_err(explain(client))?.to();
    let pending = Some(BlockId::Number(BlockNumberOrTag::Pending));
    let nonce = client.eth_get_transaction_count(keys.account(), pending).await.map_err(explain(client))?.to();
    let price = client.eth_gas_price().await.map_err(explain(client))?;
    let raw = sign_call(
        &keys.coin,
        &UnsignedCall {
            chain_id: client.eth_chain_id().await.map_err(explain(client))?.to(),
            nonce,
            gas: gas + gas / 4,
            base_fee: price.saturating_to(),
            to: MARKET,
            value: U256::ZERO,
            input,
        },
    )?;
    let hash: B256 = client.eth_send_raw_transaction(raw).await.map_err(explain(client))?;
    let deadline = Instant::now() + RECEIPT_PATIENCE;
    loop {
        if let Some(receipt) = client.eth_get_transaction_receipt(hash).await.map_err(explain(client))? {
            return Ok(receipt);
        }
        ensure!(Instant::now() < deadline, "the settlement {hash} is in no block after {RECEIPT_PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
