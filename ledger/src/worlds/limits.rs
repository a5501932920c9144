//! Every bound and constant of the Worlds, with its reason.

use bitdust_types::amount::GRAINS_PER_DUST;

/// What publishing a world costs, in grains, for the holders of shares: names and ids are taken first come, first
/// served, and a list that anybody fills for gas alone would be squatted. One DUST, as a place in the full list of offers.
pub const WORLD_FEE: u128 = GRAINS_PER_DUST;
/// Worlds in all: the list costs its squatters 65,536 DUST.
pub const WORLDS_MAX: u32 = 1 << 16;
/// Bytes of a world's name: two storage words.
pub const NAME_BYTES_MAX: usize = 64;
/// Claims of one account in one world that a creator may allow.
pub const CLAIMS_PER_ACCOUNT_MAX: u32 = 1 << 16;
/// Claims of one world: 256 accounts at the limit above, or a square of 4096 × 4096 locations, a million metres wide.
pub const CLAIMS_PER_WORLD_MAX: u32 = 1 << 24;
/// Epochs after its last one in which a claim can still be renewed, and nobody else can take it: a week of days.
pub const GRACE_EPOCHS: u64 = 7;
/// Guests of a claim. Clearing a full access list costs 72 × 5,000 gas, an 80th of a block.
pub const GUESTS_MAX: usize = 64;
/// Compactors of a claim.
pub const COMPACTORS_MAX: usize = 8;
/// How far one compaction may raise the sequence: no compactor can bring it to the end of its 64 bits, after which
/// nobody could compact any more, without 2^32 transactions.
pub const SEQUENCE_STEP_MAX: u64 = 1 << 32;
/// Entries that one call of a list's view answers: 100 claims of five words are 1.1 million gas.
pub const PAGE_MAX: u64 = 100;
