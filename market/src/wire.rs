//! The shard protocol: what a customer and a supplier say to each other on one stream.
//!
//! **Goals.** Move blobs into and out of one slot, agree on the slot's next list of blobs, and come away with the
//! supplier's signed promise (a [`SignedHold`]). Every message is bounded, every refusal says what, why and what to do.
//!
//! **Not goals.** Money: prices are agreed by the rate in [`Commit`] and settled by the ledger. Discovery: the network
//! finds the peer. Secrecy: streams are encrypted by the transport, blobs by their owner.
//!
//! **Order.** [`Request::Open`] first, once. Then any number of requests, each answered by exactly one [`Response`]
//! (a [`Request::Put`] by two: [`Response::Ready`] before the raw bytes and [`Response::Stored`] after them). After
//! [`Response::Refused`] the stream stays usable, except when the refusal is [`Code::Malformed`]: then both sides close it.
//!
//! ```text
//! customer                                  supplier
//! Open{dataset, slot, access}          ->
//!                                      <-   Opened{supplier, height}
//! Has{roots}                           ->
//!                                      <-   Has{bitmap}
//! Put{root, len}                       ->
//!                                      <-   Ready | AlreadyHeld | Refused
//! len raw bytes                        ->
//!                                      <-   Stored | Refused
//! Commit{base, number, removed, added} ->   volume synced, then index and book synced, then
//!                                      <-   Committed(SignedHold)
//! Read{root, start, end}               ->
//!                                      <-   Slice{len, bao}
//! ```

use std::fmt;

use bitdust_types::{
    Address, Amount, DatasetId, Root, SlotRoot,
    limits::{BLOB_BYTES_MAX, BLOBS_PER_SLOT_MAX},
    signing::{SignatureBytes, read_address, write_address},
};
use borsh::{BorshDeserialize, BorshSerialize};

/// The protocol's name on the wire.
pub const PROTOCOL: &str = "/bitdust/shard/1";

/// Blobs in one list that travels: 2^15 × 40 bytes = 1.25 MiB, a third of the largest message.
pub const LIST_PAGE_MAX: usize = 1 << 15;
/// Roots in one [`Request::Has`]: 2^14 × 32 bytes = 512 KiB.
pub const HAS_ROOTS_MAX: usize = 1 << 14;
/// Bytes of a blob in one [`Request::Read`]: 16 units of 64 KiB, so that k = 10 answers of one window are 10 MiB.
pub const READ_BYTES_MAX: u64 = 1 << 20;
/// Bytes of a [`Response::Slice`]: the range, widened to whole 16 KiB groups, and 64 bytes for each inner node. 66 groups
/// have fewer than 66 inner nodes among themselves and at most 2 × 12 to the root of a 40 MiB blob.
pub const SLICE_BYTES_MAX: usize = READ_BYTES_MAX as usize + 2 * 16 * 1024 + 90 * 64 + 8;
/// Bytes of a refusal's text.
pub const TEXT_BYTES_MAX: usize = 1024;

/// A blob in a slot's list: its BLAKE3 root and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct BlobRef {
    /// BLAKE3 root.
    pub root: Root,
    /// Bytes.
    pub len: u64,
}

/// The owner's or a writer's word that the bearer of this connection acts for them; see [`crate::access`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccessToken {
    /// Last height at which it is good.
    pub valid_until: u64,
    /// EIP-712 signature over [`crate::access::access_hash`].
    pub signature: SignatureBytes,
}

/// The new list that a supplier is asked to promise, as a difference from a list that it knows.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Commit {
    /// Revision that the difference starts from; 0 is the empty list.
    pub base_number: u64,
    /// Slot root of that revision.
    pub base_root: SlotRoot,
    /// Revision that the new list belongs to.
    pub number: u64,
    /// Indices into the base list that fall away, rising.
    pub removed: Vec<u32>,
    /// What follows after those that stay; the last one is the revision's manifest blob.
    pub added: Vec<BlobRef>,
    /// Slot root of the new list, as the customer computed it.
    pub root: SlotRoot,
    /// Bytes of the new list.
    pub bytes: u64,
    /// Rate offered, per GiB and epoch.
    pub rate: Amount,
}

/// A supplier's signed promise to hold one slot's list; becomes `HoldSig` in a `revise`, `hold` or `takeover`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedHold {
    /// Dataset.
    pub dataset: DatasetId,
    /// Slot.
    pub slot: u16,
    /// Revision.
    pub number: u64,
    /// Bytes of the list.
    pub bytes: u64,
    /// Root of the list.
    pub root: SlotRoot,
    /// Rate per GiB and epoch.
    pub rate: Amount,
    /// Last height at which the ledger accepts it.
    pub valid_until: u64,
    /// Who signed.
    #[borsh(serialize_with = "write_address", deserialize_with = "read_address")]
    pub supplier: Address,
    /// EIP-712 signature of the supplier's account over [`crate::access::hold_hash`].
    pub signature: SignatureBytes,
}

/// What a customer asks.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Request {
    /// Names the slot that the stream is about. Without a token only public data can be read.
    Open {
        /// Dataset.
        dataset: DatasetId,
        /// Slot.
        slot: u16,
        /// Proof of the right to write, and to read what is private.
        access: Option<AccessToken>,
    },
    /// Which lists the supplier keeps for this slot.
    Inventory,
    /// Which of these blobs of the dataset the supplier has, whether or not a list names them yet.
    Has {
        /// Roots.
        roots: Vec<Root>,
    },
    /// A page of one of the lists that it keeps.
    ListAt {
        /// Revision.
        number: u64,
        /// Slot root of that revision.
        root: SlotRoot,
        /// Index of the first blob wanted.
        from: u32,
    },
    /// A blob follows: wait for [`Response::Ready`], then send exactly `len` raw bytes.
    Put {
        /// Root.
        root: Root,
        /// Bytes.
        len: u64,
    },
    /// Promise this list.
    Commit(Commit),
    /// A range of one of the dataset's blobs with the hashes that verify it.
    Read {
        /// Root.
        root: Root,
        /// First byte.
        start: u64,
        /// One after the last byte; cut at the blob's end.
        end: u64,
    },
}

/// One list that a supplier keeps for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct KeptList {
    /// Revision.
    pub number: u64,
    /// Its slot root.
    pub root: SlotRoot,
    /// Its bytes.
    pub bytes: u64,
    /// Its number of blobs.
    pub blobs: u32,
    /// Whether the ledger has it as held (and not only as promised or as being phased out).
    pub held: bool,
}

/// What a supplier answers.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Response {
    /// The slot is open.
    Opened {
        /// The supplier's account.
        #[borsh(serialize_with = "write_address", deserialize_with = "read_address")]
        supplier: Address,
        /// The height that it has reached.
        height: u64,
    },
    /// The lists kept for this slot, at most [`crate::supplier::book::LISTS_PER_SLOT_MAX`].
    Inventory {
        /// Lists, oldest first.
        lists: Vec<KeptList>,
    },
    /// Bit `i` (least significant first within each byte) is set if root `i` is here.
    Has {
        /// The bitmap.
        bitmap: Vec<u8>,
    },
    /// A page of a list.
    List {
        /// Blobs in the list in all.
        total: u32,
        /// The page.
        blobs: Vec<BlobRef>,
    },
    /// Send the bytes.
    Ready,
    /// The blob is here already: send nothing.
    AlreadyHeld,
    /// The blob arrived and its root is right. Durable only after a commit.
    Stored,
    /// The promise.
    Committed(SignedHold),
    /// A verified range.
    Slice {
        /// Length of the whole blob.
        len: u64,
        /// What `bitdust_proof::blob::encode_range` made.
        bao: Vec<u8>,
    },
    /// No; why, and what to do.
    Refused(Refusal),
}

/// Why a request was refused, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Code {
    /// Bytes that are no request, or a request out of order. The stream ends.
    Malformed = 1,
    /// The ledger, as far as this supplier has seen it, has no such dataset or slot.
    UnknownDataset = 2,
    /// The dataset's term is over.
    Ended = 3,
    /// No or no good signature of the owner or a writer.
    NotAuthorised = 4,
    /// Another supplier holds the slot.
    SlotTaken = 5,
    /// The supplier takes no new data: no live offer.
    NoOffer = 6,
    /// The rate is below the supplier's price or above the dataset's cap.
    Rate = 7,
    /// The dataset runs longer than the supplier's longest term.
    Term = 8,
    /// No room on the disk, or not within the capacity offered.
    Full = 9,
    /// The supplier's free collateral doesn't cover the reserve.
    Collateral = 10,
    /// The dataset's escrow doesn't cover the slot until the term's end.
    Escrow = 11,
    /// A list names blobs that were never put.
    MissingBlobs = 12,
    /// Bytes, list or root don't fit each other.
    Mismatch = 13,
    /// The commit starts from a list that the supplier doesn't keep.
    UnknownBase = 14,
    /// Too many promises of this slot are still open.
    TooManyPromises = 15,
    /// The blob isn't here.
    NotHeld = 16,
    /// Something larger than its limit.
    TooLarge = 17,
    /// Too many streams or requests: come back later.
    Busy = 18,
    /// The supplier's own machine failed.
    Internal = 19,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
#[error("{code}: {text}")]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For people: what, why, and what to do; at most [`TEXT_BYTES_MAX`] bytes.
    pub text: String,
}

impl Refusal {
    /// A refusal with its text cut to the limit.
    pub fn new(code: Code, text: impl fmt::Display) -> Self {
        let mut text = text.to_string();
        if text.len() > TEXT_BYTES_MAX {
            let cut = (0..=TEXT_BYTES_MAX).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            text.truncate(cut);
        }
        Refusal { code, text }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Code::Malformed => "not a valid message",
            Code::UnknownDataset => "unknown dataset",
            Code::Ended => "dataset ended",
            Code::NotAuthorised => "not authorised",
            Code::SlotTaken => "slot taken",
            Code::NoOffer => "no live offer",
            Code::Rate => "rate not accepted",
            Code::Term => "term too long",
            Code::Full => "no room",
            Code::Collateral => "collateral short",
            Code::Escrow => "escrow short",
            Code::MissingBlobs => "blobs missing",
            Code::Mismatch => "bytes and root differ",
            Code::UnknownBase => "unknown base list",
            Code::TooManyPromises => "too many open promises",
            Code::NotHeld => "not held here",
            Code::TooLarge => "too large",
            Code::Busy => "busy",
            Code::Internal => "the supplier's machine failed",
        })
    }
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not the canonical bytes of any message.
    #[error("not a message of {PROTOCOL}: {0}")]
    Bytes(String),
    /// A list or a number above its limit.
    #[error("{what} is {found}, above the limit of {max}")]
    TooLarge {
        /// Which field.
        what: &'static str,
        /// Its size.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// Fields that contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        let code = if matches!(invalid, Invalid::TooLarge { .. }) { Code::TooLarge } else { Code::Malformed };
        Refusal::new(code, invalid)
    }
}

impl Request {
    /// Reads a request and checks its bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        let request: Request = borsh::from_slice(bytes).map_err(|error| Invalid::Bytes(error.to_string()))?;
        request.check()?;
        Ok(request)
    }

    /// The bounds that a decoder of borsh alone doesn't hold.
    pub fn check(&self) -> Result<(), Invalid> {
        match self {
            Request::Open { .. } | Request::Inventory | Request::ListAt { .. } => Ok(()),
            Request::Has { roots } => at_most("number of roots", roots.len() as u64, HAS_ROOTS_MAX as u64),
            Request::Put { len, .. } if *len == 0 => Err(Invalid::Contradiction("a blob has at least one byte")),
            Request::Put { len, .. } => at_most("blob length", *len, BLOB_BYTES_MAX),
            Request::Commit(commit) => commit.check(),
            Request::Read { start, end, .. } if start >= end => {
                Err(Invalid::Contradiction("the range to read is empty"))
            }
            Request::Read { start, end, .. } => at_most("bytes to read at once", end - start, READ_BYTES_MAX),
        }
    }
}

impl Commit {
    /// Bounds, order of the removed indices, and no empty revision.
    pub fn check(&self) -> Result<(), Invalid> {
        at_most("number of added blobs", self.added.len() as u64, LIST_PAGE_MAX as u64)?;
        at_most("number of removed blobs", self.removed.len() as u64, BLOBS_PER_SLOT_MAX)?;
        if !self.removed.is_sorted_by(|a, b| a < b) {
            return Err(Invalid::Contradiction("the removed indices must rise"));
        }
        if self.number <= self.base_number {
            return Err(Invalid::Contradiction("a commit's revision must be above its base"));
        }
        match self.added.iter().find(|blob| blob.len == 0 || blob.len > BLOB_BYTES_MAX) {
            Some(blob) => {
                Err(Invalid::TooLarge { what: "length of an added blob", found: blob.len, max: BLOB_BYTES_MAX })
            }
            None => Ok(()),
        }
    }
}

impl Response {
    /// Reads a response and checks its bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        let response: Response = borsh::from_slice(bytes).map_err(|error| Invalid::Bytes(error.to_string()))?;
        response.check()?;
        Ok(response)
    }

    /// The bounds that a decoder of borsh alone doesn't hold.
    pub fn check(&self) -> Result<(), Invalid> {
        match self {
            Response::Inventory { lists } => {
                at_most("number of lists", lists.len() as u64, crate::supplier::book::LISTS_PER_SLOT_MAX as u64)
            }
            Response::Has { bitmap } => at_most("bitmap", bitmap.len() as u64, HAS_ROOTS_MAX as u64 / 8),
            Response::List { total, blobs } => {
                at_most("number of blobs", u64::from(*total), BLOBS_PER_SLOT_MAX)?;
                at_most("page", blobs.len() as u64, LIST_PAGE_MAX as u64)
            }
            Response::Slice { len, bao } => {
                at_most("blob length", *len, BLOB_BYTES_MAX)?;
                at_most("slice", bao.len() as u64, SLICE_BYTES_MAX as u64)
            }
            Response::Refused(refusal) => at_most("text", refusal.text.len() as u64, TEXT_BYTES_MAX as u64),
            Response::Opened { .. }
            | Response::Ready
            | Response::AlreadyHeld
            | Response::Stored
            | Response::Committed(_) => Ok(()),
        }
    }

    /// The name of this kind of answer, for error messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Response::Opened { .. } => "Opened",
            Response::Inventory { .. } => "Inventory",
            Response::Has { .. } => "Has",
            Response::List { .. } => "List",
            Response::Ready => "Ready",
            Response::AlreadyHeld => "AlreadyHeld",
            Response::Stored => "Stored",
            Response::Committed(_) => "Committed",
            Response::Slice { .. } => "Slice",
            Response::Refused(_) => "Refused",
        }
    }
}

fn at_most(what: &'static str, found: u64, max: u64) -> Result<(), Invalid> {
    if found > max { Err(Invalid::TooLarge { what, found, max }) } else { Ok(()) }
}

/// Packs answers to [`Request::Has`].
pub fn pack_bitmap(bits: impl IntoIterator<Item = bool>) -> Vec<u8> {
    let mut bitmap = Vec::new();
    for (index, bit) in bits.into_iter().enumerate() {
        if index % 8 == 0 {
            bitmap.push(0);
        }
        if bit && let Some(last) = bitmap.last_mut() {
            *last |= 1 << (index % 8);
        }
    }
    bitmap
}

/// Bit `index` of a bitmap; bits that weren't sent are unset.
pub fn bit(bitmap: &[u8], index: usize) -> bool {
    bitmap.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1)
}

#[cfg(test)]
mod tests;
