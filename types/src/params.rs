//! What every node of one network must agree on, apart from accounts and validators: read from the genesis file.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::units::{Epoch, Height};

/// Chain id of the main network.
pub const MAINNET: u64 = 45437;
/// Chain id of the public test network.
pub const TESTNET: u64 = 45438;
/// Chain id of a network on one machine.
pub const DEVNET: u64 = 45439;

/// The parameters of one network.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChainParams {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Blocks in an epoch.
    pub epoch_blocks: u64,
    /// Aimed time between two blocks, in milliseconds.
    pub block_time_ms: u64,
    /// How many reveals at an epoch's start make its seed (`m`).
    pub reveals: u64,
    /// Samples that a supplier's proof answers per epoch (`C`).
    pub samples: u16,
    /// First block of an epoch, counted from 0, that may carry a proof.
    pub window_first: u64,
    /// Last block of an epoch, counted from 0, that may carry a proof.
    pub window_last: u64,
    /// Gas that one block may use.
    pub gas_limit: u64,
    /// Base fee of the first block and its lower bound, in grains per gas.
    pub base_fee_min: u64,
}

/// Why parameters can't make a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidParams {
    /// The proof window must come after the reveals and end before the epoch does.
    #[error(
        "proof window {first}..={last} does not fit: it must begin after the {reveals} reveals and end before block {epoch_blocks}"
    )]
    Window {
        /// First block of the window.
        first: u64,
        /// Last block of the window.
        last: u64,
        /// Reveals before it.
        reveals: u64,
        /// Blocks in the epoch.
        epoch_blocks: u64,
    },
    /// A value outside of its range.
    #[error("{field} is {value}, but must be within {min}..={max}")]
    Range {
        /// The field's name.
        field: &'static str,
        /// Its value.
        value: u64,
        /// Smallest allowed.
        min: u64,
        /// Largest allowed.
        max: u64,
    },
}

impl ChainParams {
    /// The devnet's parameters for a given epoch length and block time. The proof window and the number of reveals
    /// scale with the epoch: 30 blocks give 8 reveals and blocks 9 to 28.
    pub fn devnet(epoch_blocks: u64, block_time_ms: u64) -> Self {
        let reveals = (epoch_blocks * 8 / 30).max(1);
        ChainParams {
            chain_id: DEVNET,
            epoch_blocks,
            block_time_ms,
            reveals,
            samples: 32,
            window_first: reveals + 1,
            window_last: epoch_blocks.saturating_sub(2),
            gas_limit: 30_000_000,
            base_fee_min: 1_000_000_000,
        }
    }

    /// Checks that the parameters fit each other.
    pub fn check(&self) -> Result<(), InvalidParams> {
        let range = |field, value, min, max| {
            if (min..=max).contains(&value) { Ok(()) } else { Err(InvalidParams::Range { field, value, min, max }) }
        };
        range("chainId", self.chain_id, 1, u64::from(u32::MAX))?;
        range("epochBlocks", self.epoch_blocks, 4, 1 << 20)?;
        range("blockTimeMs", self.block_time_ms, 10, 600_000)?;
        range("reveals", self.reveals, 1, 1024)?;
        // A proof of 192 KiB has room for 40 samples of 2.4 KiB and as many more inside slots on probation.
        range("samples", u64::from(self.samples), 1, 40)?;
        range("gasLimit", self.gas_limit, 1_000_000, 1 << 32)?;
        range("baseFeeMin", self.base_fee_min, 1, 1 << 60)?;
        let fits = self.reveals <= self.window_first
            && self.window_first <= self.window_last
            && self.window_last < self.epoch_blocks;
        if !fits {
            return Err(InvalidParams::Window {
                first: self.window_first,
                last: self.window_last,
                reveals: self.reveals,
                epoch_blocks: self.epoch_blocks,
            });
        }
        Ok(())
    }

    /// The epoch that a block belongs to.
    pub fn epoch_of(&self, height: Height) -> Epoch {
        Epoch(height.0 / self.epoch_blocks)
    }

    /// The block's place within its epoch, from 0.
    pub fn index_in_epoch(&self, height: Height) -> u64 {
        height.0 % self.epoch_blocks
    }

    /// The first block of an epoch.
    pub fn first_block(&self, epoch: Epoch) -> Height {
        Height(epoch.0.saturating_mul(self.epoch_blocks))
    }

    /// True if a block of this height may carry proofs of its epoch.
    pub fn in_proof_window(&self, height: Height) -> bool {
        (self.window_first..=self.window_last).contains(&self.index_in_epoch(height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devnet_matches_the_published_numbers() {
        let params = ChainParams::devnet(30, 1000);
        assert_eq!((params.reveals, params.window_first, params.window_last), (8, 9, 28));
        params.check().unwrap();
    }

    #[test]
    fn every_devnet_length_fits() {
        for blocks in 4..200 {
            ChainParams::devnet(blocks, 100).check().unwrap_or_else(|error| panic!("{blocks}: {error}"));
        }
    }
}
