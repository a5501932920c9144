//! A contract that calls the Market by DELEGATECALL, as somebody would who wants coins for nothing: the Market would see a
//! value that was never moved to it.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, ensure};
use bitdust_ledger::market::IMarket;
use bitdust_node::chain::sender::{UnsignedCall, sign_call};
use bitdust_rpc::{
    Client,
    api::{EthClient as _, MarketClient as _},
    eth_types::TransactionReceipt,
};
use bitdust_tests::{
    Net,
    waiting::{PATIENCE, until},
};
use bitdust_types::{Amount, keys::account_of, params::DEVNET, system::MARKET};
use k256::ecdsa::SigningKey;

/// Hands its call data on to the Market by DELEGATECALL, and returns or reverts with what comes back.
fn runtime() -> Vec<u8> {
    let mut code = vec![0x36, 0x60, 0, 0x60, 0, 0x37]; // CALLDATACOPY(0, 0, CALLDATASIZE)
    code.extend([0x60, 0, 0x60, 0, 0x36, 0x60, 0, 0x73]); // no output; input is memory[0..CALLDATASIZE]; PUSH20
    code.extend(MARKET.as_slice());
    code.extend([0x5a, 0xf4]); // DELEGATECALL with all gas
    code.extend([0x3d, 0x60, 0, 0x60, 0, 0x3e]); // RETURNDATACOPY(0, 0, RETURNDATASIZE)
    code.extend([0x60, 0x31, 0x57, 0x3d, 0x60, 0, 0xfd]); // JUMPI(0x31); REVERT(0, RETURNDATASIZE)
    code.extend([0x5b, 0x3d, 0x60, 0, 0xf3]); // JUMPDEST at 0x31; RETURN(0, RETURNDATASIZE)
    code
}

/// Copies the runtime out: CODECOPY(0, 11, length); RETURN(0, length).
fn init_code() -> Bytes {
    let runtime = runtime();
    let len = runtime.len() as u8;
    let mut code = vec![0x60, len, 0x80, 0x60, 0x0b, 0x60, 0, 0x39, 0x60, 0, 0xf3];
    code.extend(runtime);
    code.into()
}

/// A deposit of collateral.
pub fn deposit() -> Bytes {
    IMarket::depositCollateralCall {}.abi_encode().into()
}

/// Deploys the contract and deposits through it, in real transactions: the deposit fails, and moves no coin.
pub async fn deploy_and_fail(net: &Net, key: &SigningKey) -> Result<Address> {
    let client = net.customer()?;
    let deployed = send(&client, key, None, U256::ZERO, init_code()).await?;
    let contract = deployed.contract_address.context("a contract was made")?;
    ensure!(deployed.status(), "the contract was not deployed: {deployed:?}");
    let before = client.eth_get_balance(MARKET, None).await?;
    let value = U256::from(Amount::from_dust(5).context("five DUST")?.grains());
    let failed = send(&client, key, Some(contract), value, deposit()).await?;
    ensure!(!failed.status() && failed.logs().is_empty(), "a deposit by DELEGATECALL went through: {failed:?}");
    ensure!(client.eth_get_balance(MARKET, None).await? == before, "the Market's balance changed");
    ensure!(client.eth_get_balance(contract, None).await?.is_zero(), "the value stayed in the contract");
    for account in [contract, account_of(key)] {
        let known = client.market_supplier(account).await?;
        ensure!(known.is_none_or(|known| known.collateral_free == Amount::ZERO), "{account} has collateral now");
    }
    Ok(contract)
}

async fn send(
    client: &Client,
    key: &SigningKey,
    to: Option<Address>,
    value: U256,
    input: Bytes,
) -> Result<TransactionReceipt> {
    let nonce = client.eth_get_transaction_count(account_of(key), None).await?.to();
    let price: u128 = client.eth_gas_price().await?.to();
    let call = UnsignedCall {
        chain_id: DEVNET,
        nonce,
        gas: 1_000_000,
        base_fee: price,
        to: to.unwrap_or_default(),
        value,
        input,
    };
    let raw = match to {
        Some(_) => sign_call(key, &call)?,
        None => super::rpc::sign_creation(key, &call)?,
    };
    let hash = client.eth_send_raw_transaction(raw).await?;
    until("the transaction is in a block", PATIENCE, async || Ok(client.eth_get_transaction_receipt(hash).await?)).await
}
