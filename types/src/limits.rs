//! Every bound on what a peer, a user or a block can make us keep, with its arithmetic.

/// Bytes of a gossiped message: a transaction (128 KiB) or a proof (192 KiB) with its envelope.
pub const GOSSIP_BYTES_MAX: usize = 256 * 1024;
/// Bytes of one transaction, as in Ethereum clients' pools.
pub const TRANSACTION_BYTES_MAX: usize = 128 * 1024;
/// Bytes of one supplier's proof: 40 samples, and as many more inside slots on probation, of at most 2.4 KiB each.
pub const PROOF_BYTES_MAX: usize = 192 * 1024;
/// Bytes of a block's header and transactions.
pub const BLOCK_BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Proofs in one block: 32 × 192 KiB = 6 MiB beside the body. 20 window blocks of a devnet epoch carry 640.
pub const PROOFS_PER_BLOCK_MAX: usize = 32;
/// Bytes of a block as it travels: body, proofs and framing.
pub const BLOCK_BYTES_MAX: usize = BLOCK_BODY_BYTES_MAX + PROOFS_PER_BLOCK_MAX * (PROOF_BYTES_MAX + 1024);
/// Transactions waiting in a node's pool.
pub const POOL_TRANSACTIONS_MAX: usize = 16_384;
/// Bytes of transactions waiting in a node's pool.
pub const POOL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Transactions of one sender in the pool.
pub const POOL_PER_SENDER_MAX: usize = 256;
/// Transactions waiting in a node's pool whose sender has a lower nonce missing, an eighth of all: they may never run.
pub const POOL_QUEUED_MAX: usize = POOL_TRANSACTIONS_MAX / 8;
/// Bytes of such transactions, an eighth as well.
pub const POOL_QUEUED_BYTES_MAX: usize = POOL_BYTES_MAX / 8;
/// Such transactions of one sender, as in go-ethereum.
pub const POOL_QUEUED_PER_SENDER_MAX: usize = 64;
/// Blocks that such a transaction waits for the missing nonce: an hour at a block per second.
pub const POOL_QUEUED_BLOCKS_MAX: u64 = 3600;
/// Proofs waiting in a node's pool: one per supplier and epoch.
pub const POOL_PROOFS_MAX: usize = 1024;
/// Validators of a network: a certificate of 100 is 100 × 85 bytes.
pub const VALIDATORS_MAX: usize = 100;
/// Slots (storage contracts) that one supplier may hold: a Fenwick tree of 2^16 leaves is 16 levels deep, so a change
/// touches at most 17 nodes.
pub const SLOTS_PER_SUPPLIER_MAX: u32 = 1 << 16;
/// Slots of one supplier that are on probation at a time; those that failed beyond them are judged by the ordinary samples.
/// As many as the samples that they share, so that each gets one.
pub const PROBATION_SLOTS_MAX: u8 = 32;
/// Suppliers with a live offer that the ledger lists.
pub const OFFERS_MAX: u32 = 1 << 16;
/// Datasets of one owner.
pub const DATASETS_PER_OWNER_MAX: u32 = 1 << 16;
/// Writers of one dataset.
pub const WRITERS_PER_DATASET_MAX: u32 = 16;
/// Longest term of a dataset in epochs: ten years of days.
pub const TERM_EPOCHS_MAX: u64 = 3650;
/// Blobs in one slot: 2^20 shards of 10 MiB are 10 TiB per supplier and dataset.
pub const BLOBS_PER_SLOT_MAX: u64 = 1 << 20;
/// Bytes of one blob: a shard of a full slab with k = 1.
pub const BLOB_BYTES_MAX: u64 = 40 * 1024 * 1024;
/// Bytes of one revision's manifests; replicated on every slot.
pub const REVISION_BLOB_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Bytes of a control message on a shard stream: a commit that lists 2^16 blobs of 40 bytes is 2.5 MiB.
pub const WIRE_MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a file's path inside a dataset.
pub const PATH_BYTES_MAX: usize = 4096;
/// Bytes of an offer's region.
pub const REGION_BYTES_MAX: usize = 32;
/// Bytes of a peer id in an offer: a libp2p peer id is at most 42 bytes for the keys we use.
pub const PEER_ID_BYTES_MAX: usize = 64;
