//! What the supplier's and the customer's shells need from the chain, as they need it.
//!
//! [`crate::chain`] has it all; these traits name the part that the shells use, so that they can be tried against a chain
//! in memory.

use anyhow::Result;
use async_trait::async_trait;
use bitdust_ledger::{Prove, market::MarketView, worlds::WorldsView};
use bitdust_types::{Address, B256, Bytes, ChainParams, Height, U256};
use k256::ecdsa::SigningKey;

/// A transaction that a block has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Included {
    /// Its hash.
    pub hash: B256,
    /// The block's height.
    pub height: Height,
    /// Gas paid, in grains.
    pub gas_paid: U256,
}

/// A look at the market, given to [`ChainReader::look`].
pub type Look<'l> = dyn FnMut(&MarketView<'_>, Height) -> Result<()> + 'l;

/// A look at the worlds, given to [`ChainReader::look_at_worlds`].
pub type LookAtWorlds<'l> = dyn FnMut(&WorldsView<'_>, Height) -> Result<()> + 'l;

/// Reads the chain.
#[async_trait]
pub trait ChainReader: Send + Sync + 'static {
    /// The network's parameters.
    fn params(&self) -> &ChainParams;

    /// The newest block's height.
    fn height(&self) -> Height;

    /// Waits for a block above `height`, and answers the newest one's height.
    ///
    /// # Errors
    /// The node is stopping.
    async fn above(&self, height: Height) -> Result<Height>;

    /// Whether the newest block is of the present, give or take what clocks differ: not while the node catches up with a long
    /// past, nor while the chain stands still.
    fn is_current(&self) -> bool;

    /// Shows the market after the newest block. One consistent state for the whole look.
    fn look(&self, look: &mut Look<'_>) -> Result<()>;

    /// Grains per gas that the next block asks at least.
    fn base_fee(&self) -> u64;

    /// Shows the worlds in the same way.
    fn look_at_worlds(&self, look: &mut LookAtWorlds<'_>) -> Result<()>;
}

/// Looks at the market and answers what was seen.
pub fn look<T>(chain: &dyn ChainReader, mut see: impl FnMut(&MarketView<'_>, Height) -> Result<T>) -> Result<T> {
    let mut seen = None;
    chain.look(&mut |view, height| {
        seen = Some(see(view, height)?);
        Ok(())
    })?;
    seen.ok_or_else(|| anyhow::anyhow!("the chain didn't show its market"))
}

/// Looks at the worlds and answers what was seen.
pub fn look_at_worlds<T>(
    chain: &dyn ChainReader,
    mut see: impl FnMut(&WorldsView<'_>, Height) -> Result<T>,
) -> Result<T> {
    let mut seen = None;
    chain.look_at_worlds(&mut |view, height| {
        seen = Some(see(view, height)?);
        Ok(())
    })?;
    seen.ok_or_else(|| anyhow::anyhow!("the chain didn't show its worlds"))
}

/// Sends transactions from one account.
#[async_trait]
pub trait TxSender: Send + Sync + 'static {
    /// The account.
    fn account(&self) -> Address;

    /// The account's key, for what else it signs: holds, proofs, access tokens.
    fn signing_key(&self) -> &SigningKey;

    /// Sends a transaction and waits until a block has it.
    ///
    /// # Errors
    /// It would fail, with the contract's reason in words; or it failed; or no block has it after a long while.
    async fn transact(&self, to: Address, value: U256, input: Bytes) -> Result<Included>;
}

/// Takes this node's own proofs.
#[async_trait]
pub trait ProofSink: Send + Sync + 'static {
    /// Checks a proof, keeps it for a block, and spreads it.
    async fn submit(&self, prove: Prove) -> Result<()>;
}
