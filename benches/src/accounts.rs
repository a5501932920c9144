//! Accounts with coins, and payments between them that are signed before the clock starts.

use std::time::Duration;

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use anyhow::{Context as _, Result, ensure};
use bitdust_rpc::{Client, api::EthClient as _};
use bitdust_types::{
    keys::{DEVNET_PHRASE, Phrase, account_of},
    params::DEVNET,
    signing,
};
use k256::ecdsa::SigningKey;

/// Gas of a plain payment.
const TRANSFER_GAS: u64 = 21_000;
/// A hundred times the devnet's smallest base fee: full blocks multiply it by 9/8 each, so 39 of them in a row.
const FEE_MAX: u128 = 100_000_000_000;
/// What the proposer gets per gas.
const TIP: u128 = 100_000_000;
/// Coins for each sender: a tenth of a DUST would pay for 47 payments at the highest fee.
const ALLOWANCE_DUST: u64 = 10;
/// First account of the phrase that no node of a devnet uses.
const FIRST: u32 = 50_000;
/// How long the first payments may take.
const FUNDING_TIMEOUT: Duration = Duration::from_secs(60);

/// A payment ready to be sent.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Its hash.
    pub hash: B256,
    /// EIP-2718 bytes.
    pub raw: Bytes,
}

/// An account and its next nonce.
pub struct Account {
    key: SigningKey,
    /// Where others pay to.
    pub address: Address,
    nonce: u64,
}

impl Account {
    fn new(phrase: &Phrase, index: u32) -> Result<Self> {
        let key = phrase.coin_key(index)?;
        Ok(Account { address: account_of(&key), key, nonce: 0 })
    }

    /// Signs the next payment.
    pub fn pay(&mut self, to: Address, grains: U256) -> Result<Payment> {
        let tx = TxEip1559 {
            chain_id: DEVNET,
            nonce: self.nonce,
            gas_limit: TRANSFER_GAS,
            max_fee_per_gas: FEE_MAX,
            max_priority_fee_per_gas: TIP,
            to: TxKind::Call(to),
            value: grains,
            ..TxEip1559::default()
        };
        self.nonce += 1;
        let signature = signing::sign(&self.key, tx.signature_hash())?;
        let signature = Signature::from_raw_array(&signature).context("a fresh signature has Ethereum's form")?;
        let envelope: TxEnvelope = tx.into_signed(signature).into();
        Ok(Payment { hash: *envelope.tx_hash(), raw: envelope.encoded_2718().into() })
    }

    /// True if the ledger has all payments that were signed.
    pub async fn all_paid(&self, client: &Client) -> Result<bool> {
        Ok(client.eth_get_transaction_count(self.address, None).await?.to::<u64>() == self.nonce)
    }
}

/// `count` accounts, funded from the devnet's first one through `client`.
pub async fn funded(client: &Client, count: u32) -> Result<Vec<Account>> {
    let phrase = Phrase::parse(DEVNET_PHRASE)?;
    let mut faucet = Account::new(&phrase, 0)?;
    faucet.nonce = client.eth_get_transaction_count(faucet.address, None).await?.to();
    let accounts = (FIRST..FIRST + count).map(|index| Account::new(&phrase, index)).collect::<Result<Vec<_>>>()?;
    let allowance = U256::from(ALLOWANCE_DUST) * U256::from(bitdust_types::amount::GRAINS_PER_DUST);
    for account in &accounts {
        client.eth_send_raw_transaction(faucet.pay(account.address, allowance)?.raw).await?;
    }
    let deadline = tokio::time::Instant::now() + FUNDING_TIMEOUT;
    while !faucet.all_paid(client).await? {
        ensure!(tokio::time::Instant::now() < deadline, "the accounts have no coins after {FUNDING_TIMEOUT:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(accounts)
}
