//! This node's own transactions: signs them with its coin key, in nonce order, and waits for their receipts.

use std::{sync::Arc, time::Duration};

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use alloy_sol_types::{Revert, SolError as _};
use anyhow::{Context as _, Result, bail};
use bitdust_ledger::{Receipt, exec::Call, market, precompile, worlds};
use bitdust_store::chain::TxPlace;
use bitdust_types::{Amount, keys::account_of, signing};
use k256::ecdsa::SigningKey;
use tokio::sync::Mutex;

use super::{Chain, ingress::Ingress};

/// What a proposer gets per gas, in grains: a tenth of the smallest base fee.
const TIP: u128 = 100_000_000;
/// How long a receipt is waited for: a chain that has halted gets this long to go on.
const RECEIPT_PATIENCE: Duration = Duration::from_secs(180);
/// Times that a transaction is sent which runs out of gas, because the state changed between its estimate and its block.
const GAS_TRIES: u32 = 3;

/// An account that this node signs for.
pub struct Sender {
    chain: Arc<Chain>,
    ingress: Ingress,
    key: SigningKey,
    address: Address,
    /// Held from choosing a nonce until the transaction waits in the pool.
    ordering: Mutex<()>,
}

impl Sender {
    /// The account of a key.
    pub fn new(chain: Arc<Chain>, ingress: Ingress, key: SigningKey) -> Self {
        let address = account_of(&key);
        Sender { chain, ingress, key, address, ordering: Mutex::new(()) }
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The account's key, for what else it signs (holds, proofs, stream authorisations).
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Sends a transaction without waiting for a block.
    ///
    /// # Errors
    /// If it would fail now, with the contract's reason in words; nothing is sent then.
    pub async fn send(&self, to: Address, value: U256, input: Bytes) -> Result<B256> {
        Ok(self.submit(to, value, input).await?.0)
    }

    /// Sends a transaction; answers its hash and its gas limit.
    async fn submit(&self, to: Address, value: U256, input: Bytes) -> Result<(B256, u64)> {
        let balance = self.chain.balance(self.address)?;
        if balance < value {
            let [has, wanted] = [balance, value].map(|grains| Amount::try_from(grains).map_err(anyhow::Error::from));
            bail!(
                "{} has {}, which does not cover {}: nothing was sent; send less, or fund it",
                self.address,
                has?,
                wanted?
            );
        }
        let call = Call { from: self.address, to: Some(to), value, data: input.clone(), gas: None };
        let chain = self.chain.clone();
        let estimate = tokio::task::spawn_blocking(move || chain.estimate_gas(&call)).await??;
        let gas = match estimate {
            Ok(gas) => gas,
            Err(failed) => {
                bail!("the transaction would fail: {}", why(Some(to), failed.halt.as_deref(), &failed.output))
            }
        };
        let _ordering = self.ordering.lock().await;
        let nonce = self.chain.pending_nonce(self.address)?;
        let base_fee = u128::from(self.chain.next_base_fee(&self.chain.tip().header));
        // The state may change before the transaction's turn comes: a quarter more.
        let gas = (gas + gas / 4).min(self.chain.params().gas_limit);
        let chain_id = self.chain.params().chain_id;
        let raw = sign_call(&self.key, &UnsignedCall { chain_id, nonce, gas, base_fee, to, value, input })?;
        Ok((self.ingress.submit_transaction(raw.0).await?, gas))
    }

    /// Sends a transaction and waits until a block has it. One that ran out of gas did nothing, and is sent again.
    ///
    /// # Errors
    /// As [`Sender::send`], and if it was included but failed.
    pub async fn send_and_wait(&self, to: Address, value: U256, input: Bytes) -> Result<(TxPlace, Receipt)> {
        let mut tries = GAS_TRIES;
        loop {
            let (hash, gas) = self.submit(to, value, input.clone()).await?;
            let (place, receipt) = self.chain.wait_for_receipt(hash, RECEIPT_PATIENCE).await?;
            if receipt.success {
                return Ok((place, receipt));
            }
            tries -= 1;
            // What halts takes all of its gas; what reverts gives the rest back.
            let is_short = receipt.output.is_empty() && receipt.gas_used >= gas;
            if !is_short || tries == 0 {
                let why = why(Some(to), None, &receipt.output);
                bail!("transaction {hash} failed in block {}: {why}", place.height);
            }
            tracing::info!(%hash, height = place.height, gas, "a transaction ran out of gas, sending it again");
        }
    }
}

/// A call that is to be signed.
#[derive(Clone, Debug)]
pub struct UnsignedCall {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The sender's next nonce.
    pub nonce: u64,
    /// Gas limit.
    pub gas: u64,
    /// The next block's base fee, in grains per gas.
    pub base_fee: u128,
    /// Whom to call.
    pub to: Address,
    /// Grains to send.
    pub value: U256,
    /// Call data.
    pub input: Bytes,
}

/// The signed EIP-1559 transaction, as EIP-2718 bytes. It outlives a doubling of the base fee.
pub fn sign_call(key: &SigningKey, call: &UnsignedCall) -> Result<Bytes> {
    let tx = TxEip1559 {
        chain_id: call.chain_id,
        nonce: call.nonce,
        gas_limit: call.gas,
        // Six full blocks in a row double the base fee.
        max_fee_per_gas: call.base_fee * 2 + TIP,
        max_priority_fee_per_gas: TIP,
        to: TxKind::Call(call.to),
        value: call.value,
        input: call.input.clone(),
        ..TxEip1559::default()
    };
    let signature = signing::sign(key, tx.signature_hash())?;
    let signature = Signature::from_raw_array(&signature).context("a fresh signature has Ethereum's form")?;
    let envelope: TxEnvelope = tx.into_signed(signature).into();
    Ok(envelope.encoded_2718().into())
}

/// Why a call failed, in words: those of the system contract that was called, or of any if that isn't known, or those that a
/// contract reverted with (Solidity's `Error(string)`).
pub fn why(to: Option<Address>, halt: Option<&str>, output: &[u8]) -> String {
    let words = to.and_then(|to| precompile::explain(to, output));
    let words = words.or_else(|| market::explain(output)).or_else(|| worlds::explain(output));
    let words = words.or_else(|| Some(Revert::abi_decode(output).ok()?.reason));
    match (halt, words) {
        (_, Some(text)) => text,
        (Some(halt), None) => halt.to_owned(),
        (None, None) if output.is_empty() => "it ran out of gas or reverted without a reason".to_owned(),
        (None, None) => format!("it reverted with 0x{}", hex::encode(output)),
    }
}
