//! What this node needs to propose blocks: its reveals, and new ones in time.
//!
//! A validator reveals its hash chain value by value, so every chain comes to its end. Long before that its successor is
//! registered on the ledger (`renewTip` of the Chain contract), which takes over two epochs later. The successor's secret is
//! derived from the validator's key like the first one's, with its number: nothing has to be kept that the key doesn't give.
//! Which numbers are in use is written down before the transaction leaves, so that a node finds them at once after a start;
//! without the file it searches for them. Whatever is interrupted is done again with the same tip.
//!
//! **Invariant:** a renewal is sent only if the ledger doesn't have it yet: each one would put off the change.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, bail};
use bitdust_ledger::beacon::{self, HashChain, RENEWAL_EPOCHS, contract::IChain};
use bitdust_types::{ChainParams, Epoch, Height, system};
use serde::{Deserialize, Serialize};

use super::{Chain, lock, sender::Sender};
use crate::home::write_private;

/// A chain is renewed when one part in so many of it is left: of 2^20 reveals 65,536, three days of a validator that
/// proposes every fourth second.
const RENEW_AT_DIVISOR: u64 = 16;
/// But never later than with reveals for so many epochs in which this validator alone proposes: one in which the renewal is
/// included, two until it counts, and one to spare.
const RENEW_AT_EPOCHS: u64 = RENEWAL_EPOCHS + 2;
/// Chains that are tried for a tip if the file of their numbers is lost: each costs a second.
const SEARCHED_MAX: u64 = 64;

/// The secret end of a validator's hash chain of a number.
type Secrets = dyn Fn(u64) -> B256 + Send + Sync;

/// What this node needs to propose blocks.
pub struct Proposer {
    pub(super) address: Address,
    secrets: Box<Secrets>,
    length: u64,
    file: PathBuf,
    chains: Mutex<Chains>,
}

struct Chains {
    current: Numbered,
    /// The one that comes after it, once it is due.
    next: Option<Numbered>,
    /// A tip that belongs to none of this validator's chains: not searched for again.
    unknown: Option<B256>,
}

/// One hash chain.
struct Numbered {
    number: u64,
    chain: HashChain,
    tip: B256,
    used: u64,
}

/// What the file says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Number of the newest chain that may be registered.
    chain: u64,
}

impl Proposer {
    /// For a validator's account: the secret ends of its hash chains by number, each of `length` reveals, and the file in
    /// which the number of the newest is kept. Computes a chain, which takes a second.
    ///
    /// # Errors
    /// If the file is there and can't be read.
    pub fn open(
        address: Address,
        secrets: impl Fn(u64) -> B256 + Send + Sync + 'static,
        length: u64,
        file: PathBuf,
    ) -> Result<Self> {
        let number = match fs::read(&file) {
            Ok(bytes) => {
                let written: Written = serde_json::from_slice(&bytes).with_context(|| {
                    format!("{} is damaged; remove it, and the hash chain in use is searched for", file.display())
                })?;
                written.chain
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
        };
        let secrets: Box<Secrets> = Box::new(secrets);
        let current = Numbered::new(&*secrets, number, length);
        let chains = Chains { current, next: None, unknown: None };
        Ok(Proposer { address, secrets, length, file, chains: Mutex::new(chains) })
    }

    /// The preimage of the tip that the ledger expects.
    pub(super) fn reveal(&self, tip: B256) -> Result<B256> {
        Ok(self.locate(&mut lock(&self.chains), tip)?.0)
    }

    /// The tip that must be registered now, if any; written down so that it is found again after a crash.
    ///
    /// # Errors
    /// If the ledger's tip is of none of this validator's chains, or state or disk fail.
    pub fn renewal(&self, chain: &Chain) -> Result<Option<B256>> {
        let view = chain.store.view()?;
        let params = &chain.params;
        let height = Height(view.tip().map_or(0, |tip| tip.height) + 1);
        let later = params.first_block(Epoch(params.epoch_of(height).0.saturating_add(RENEWAL_EPOCHS)));
        let expected = beacon::tip(&view, params, height, self.address)?;
        let registered = beacon::tip(&view, params, later, self.address)?;
        let (number, next) = {
            let mut chains = lock(&self.chains);
            let (_, left) = self.locate(&mut chains, expected)?;
            if left >= self.renew_at(params) {
                return Ok(None);
            }
            (chains.current.number + 1, chains.next.as_ref().map(|next| next.tip))
        };
        let tip = match next {
            Some(tip) => tip,
            None => {
                // Computed without the lock, which proposals wait for.
                let next = Numbered::new(&*self.secrets, number, self.length);
                let tip = next.tip;
                lock(&self.chains).next = Some(next);
                tip
            }
        };
        if registered == tip {
            return Ok(None);
        }
        let written = serde_json::to_vec(&Written { chain: number }).context("writing JSON")?;
        write_private(&self.file, &written)?;
        Ok(Some(tip))
    }

    /// Reveals left at which the next chain is registered.
    fn renew_at(&self, params: &ChainParams) -> u64 {
        (self.length / RENEW_AT_DIVISOR).max(params.epoch_blocks.saturating_mul(RENEW_AT_EPOCHS))
    }

    /// The preimage of the ledger's tip, and how many are left after it. The chain that has it becomes the current one.
    fn locate(&self, chains: &mut Chains, tip: B256) -> Result<(B256, u64)> {
        if let Some(next) = chains.next.take_if(|next| next.tip == tip) {
            tracing::info!(number = next.number, "the renewed beacon hash chain has taken over");
            chains.current = next;
        }
        if let Some(found) = chains.current.reveal_for(tip) {
            return Ok(found);
        }
        if chains.current.chain.value(self.length) == tip {
            bail!(
                "this validator's beacon hash chain {} is used up; it proposes no blocks until the ledger has its next \
                 one, which takes two epochs: see that account {} can pay for the transaction",
                chains.current.number,
                self.address
            );
        }
        if chains.unknown != Some(tip) {
            let written = chains.current.number;
            // The newest written down takes over only two epochs after it was registered.
            let others =
                written.checked_sub(1).into_iter().chain((0..SEARCHED_MAX).filter(|number| *number != written));
            for number in others {
                let mut other = Numbered::new(&*self.secrets, number, self.length);
                if let Some(found) = other.reveal_for(tip) {
                    chains.current = other;
                    chains.next = None;
                    return Ok(found);
                }
            }
            chains.unknown = Some(tip);
        }
        bail!(
            "the beacon tip {tip} of validator {} on the ledger is of none of its hash chains: was it registered with \
             another key?",
            self.address
        )
    }
}

impl Numbered {
    fn new(secrets: &Secrets, number: u64, length: u64) -> Self {
        let chain = HashChain::new(secrets(number), length);
        Numbered { number, tip: chain.tip(), chain, used: 0 }
    }

    fn reveal_for(&mut self, tip: B256) -> Option<(B256, u64)> {
        let (reveal, left) = self.chain.reveal_for(tip, self.used)?;
        self.used = self.chain.length() - left;
        Some((reveal, left))
    }
}

/// Renews this validator's hash chain whenever it comes to its end, until the chain closes.
pub async fn renew(chain: Arc<Chain>, sender: Arc<Sender>, proposer: Arc<Proposer>) -> Result<()> {
    let mut tip = chain.watch_tip();
    // A few looks per epoch: a renewal that failed is tried again soon, and one look reads four words.
    let pause = (chain.params.epoch_blocks / 4).max(1);
    loop {
        let looked = chain.tip().height.0;
        let (looking, at) = (proposer.clone(), chain.clone());
        match tokio::task::spawn_blocking(move || looking.renewal(&at)).await? {
            Ok(None) => {}
            Ok(Some(new)) => {
                let input = IChain::renewTipCall { newTip: new }.abi_encode();
                match sender.send_and_wait(system::CHAIN, U256::ZERO, input.into()).await {
                    Ok((place, _)) => {
                        tracing::info!(tip = %new, height = place.height, "this validator's beacon hash chain is renewed");
                    }
                    Err(error) => tracing::warn!(
                        account = %sender.address(),
                        %error,
                        "this validator's beacon hash chain is nearly used up and could not be renewed, which is tried \
                         again: see that the account can pay for a transaction"
                    ),
                }
            }
            Err(error) => tracing::error!(%error, "can't tell whether the beacon hash chain must be renewed"),
        }
        if tip.wait_for(|tip| tip.height.0 >= looked + pause).await.is_err() {
            bail!("the chain is closed");
        }
    }
}

#[cfg(test)]
mod tests;
