//! Whom a supplier serves and what it agrees to: pure checks over facts that the shell reads from the ledger and the disk.
//!
//! The Market contract checks all of this again when the hold arrives. Checking here first saves the customer a failed
//! transaction and the supplier a disk full of bytes that nobody pays for. Each refusal names the number that is short.

use bitdust_types::{Address, Amount, DatasetId, signing};

use crate::{
    access::{ACCESS_HEIGHTS_MAX, access_hash},
    wire::{AccessToken, Code, Refusal},
};

/// Epochs that a reserve covers at least, so that a short rest of a term still has something to lose.
pub const RESERVE_EPOCHS_MIN: u64 = 30;
/// Heights for which a signed hold is good: long enough for a revision of thousands of slabs to gather its other holds,
/// short enough that a price can't be used forever.
pub const HOLD_HEIGHTS: u64 = 600;
/// Bytes that may wait for the ledger for each one that the escrow covers beside what is held. Uploads that broke off leave
/// some behind, which their customer's next one isn't asked to pay for; whoever never pays at all binds a quarter.
pub const WAITING_PER_COVERED: u64 = 4;

/// A writer's right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterFacts {
    /// The writer's account.
    pub account: Address,
    /// Last epoch of the right.
    pub expiry_epoch: u64,
}

/// A dataset, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetFacts {
    /// Owner.
    pub owner: Address,
    /// Who pays.
    pub payer: Address,
    /// Writers.
    pub writers: Vec<WriterFacts>,
    /// Number of slots.
    pub slots: u16,
    /// Whether anybody may read.
    pub public: bool,
    /// Last epoch that is paid for.
    pub end_epoch: u64,
    /// Whether it was ended early.
    pub ended: bool,
    /// Highest rate that the owner accepts.
    pub price_cap: Amount,
    /// Escrow that isn't bound to a slot.
    pub escrow: Amount,
    /// Bytes that each slot should hold.
    pub slot_bytes: u64,
}

/// A slot, as the ledger has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotFacts {
    /// Who holds it; zero if nobody does.
    pub supplier: Address,
    /// Whether its holder has missed so much that anybody may take it over.
    pub reapable: bool,
    /// Unspent deposit bound to it.
    pub deposit: Amount,
    /// Its holder's collateral reserved for it.
    pub reserve: Amount,
    /// Rate agreed.
    pub rate: Amount,
    /// Bytes held.
    pub bytes: u64,
    /// Last epoch that it is paid for.
    pub end_epoch: u64,
}

/// The supplier's own standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnFacts {
    /// The supplier's account.
    pub account: Address,
    /// Whether its offer is on the ledger and valid at this height.
    pub offer_live: bool,
    /// Price per GiB and epoch, if there is an offer.
    pub price: Option<Amount>,
    /// Longest term in epochs.
    pub term_epochs_max: u64,
    /// Bytes offered in all.
    pub capacity_bytes: u64,
    /// Bytes held on the ledger, over all slots.
    pub held_bytes: u64,
    /// Collateral that isn't reserved.
    pub collateral_free: Amount,
    /// Free bytes on the disk.
    pub disk_free_bytes: u64,
}

/// What is known when a request comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Chain.
    pub chain_id: u64,
    /// Newest height.
    pub height: u64,
    /// Its epoch.
    pub epoch: u64,
    /// The dataset; `None` if the ledger has none by this id.
    pub dataset: Option<DatasetFacts>,
    /// The slot.
    pub slot: SlotFacts,
    /// The supplier.
    pub own: OwnFacts,
}

/// What an open stream may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Read only: no token, and the data is public.
    Read,
    /// Read and write, as this account.
    Write(Address),
}

impl Facts {
    /// Who may do what with a slot on this stream.
    ///
    /// # Errors
    /// Unknown dataset or slot; no token for private data; a token of a stranger, expired or for another supplier.
    pub fn open(
        &self,
        dataset: DatasetId,
        slot: u16,
        own_peer: &[u8],
        token: Option<&AccessToken>,
    ) -> Result<Right, Refusal> {
        let facts = self.dataset(dataset)?;
        if slot >= facts.slots {
            let text = format!("dataset {dataset} has slots 0 to {}, not {slot}", facts.slots.saturating_sub(1));
            return Err(Refusal::new(Code::UnknownDataset, text));
        }
        let Some(token) = token else {
            return if facts.public {
                Ok(Right::Read)
            } else {
                Err(Refusal::new(
                    Code::NotAuthorised,
                    "the dataset is private: open it with a token of its owner or a writer",
                ))
            };
        };
        let denied = |text: String| Err(Refusal::new(Code::NotAuthorised, text));
        if token.valid_until < self.height {
            return denied(format!(
                "the token was good until height {}, now is {}; sign a new one",
                token.valid_until, self.height
            ));
        }
        if token.valid_until > self.height.saturating_add(ACCESS_HEIGHTS_MAX) {
            return denied(format!(
                "the token is good until height {}, more than {ACCESS_HEIGHTS_MAX} above {}; sign a shorter one",
                token.valid_until, self.height
            ));
        }
        let hash = access_hash(self.chain_id, dataset, slot, own_peer, token.valid_until);
        let signer = match signing::recover(hash, &token.signature) {
            Ok(signer) => signer,
            Err(error) => return denied(error.to_string()),
        };
        let writer = facts.writers.iter().any(|writer| writer.account == signer && self.epoch <= writer.expiry_epoch);
        if signer != facts.owner && !writer {
            return denied(format!("{signer} is neither the owner {} nor a writer of {dataset}", facts.owner));
        }
        Ok(Right::Write(signer))
    }

    /// Whether the slot may receive blobs: its dataset runs, the offer is live, and nobody else holds it.
    pub fn admit_write(&self, dataset: DatasetId, slot: u16) -> Result<(), Refusal> {
        let facts = self.dataset(dataset)?;
        // In its last epoch there is nothing left to pay for: what is added counts from the next.
        if facts.ended || self.epoch >= facts.end_epoch {
            let text =
                format!("the term of {dataset} is over (last epoch {}); renew it or create another", facts.end_epoch);
            return Err(Refusal::new(Code::Ended, text));
        }
        let mine = self.is_mine();
        if !mine && !self.slot.supplier.is_zero() && !self.slot.reapable {
            let text = format!("slot {slot} of {dataset} is held by {}; ask that supplier", self.slot.supplier);
            return Err(Refusal::new(Code::SlotTaken, text));
        }
        // An offer that lapsed doesn't end what is held already.
        if !mine && !self.own.offer_live {
            return Err(Refusal::new(
                Code::NoOffer,
                "this supplier's offer is withdrawn or expired; choose another one",
            ));
        }
        // A promise runs until the dataset's end, and nobody who takes nothing new is bound for longer than it was.
        if mine && !self.own.offer_live && facts.end_epoch > self.slot.end_epoch {
            let text = format!(
                "this supplier's offer is withdrawn or expired: it holds slot {slot} until epoch {}, not until {}",
                self.slot.end_epoch, facts.end_epoch
            );
            return Err(Refusal::new(Code::NoOffer, text));
        }
        let rest = facts.end_epoch - self.epoch;
        if !mine && rest > self.own.term_epochs_max {
            let text =
                format!("the term runs {rest} more epochs, this supplier takes at most {}", self.own.term_epochs_max);
            return Err(Refusal::new(Code::Term, text));
        }
        Ok(())
    }

    /// Whether `len` more bytes fit the disk, and the capacity offered beside `staged` bytes that no list names yet.
    pub fn admit_put(&self, len: u64, staged: u64) -> Result<(), Refusal> {
        if len > self.own.disk_free_bytes {
            let text = format!("{len} bytes don't fit: {} are free", self.own.disk_free_bytes);
            return Err(Refusal::new(Code::Full, text));
        }
        let total = self.own.held_bytes.saturating_add(staged).saturating_add(len);
        if total > self.own.capacity_bytes {
            let text = format!(
                "{len} bytes don't fit the offered {} bytes, of which {} are held and {staged} arriving",
                self.own.capacity_bytes, self.own.held_bytes
            );
            return Err(Refusal::new(Code::Full, text));
        }
        Ok(())
    }

    /// Whether the escrow covers the slot until the end of the term with `len` more bytes, beside `waiting` ones that the ledger
    /// doesn't hold yet ([`WAITING_PER_COVERED`]), at the least rate that would be accepted for them.
    ///
    /// # Errors
    /// [`Code::Escrow`]: fund the dataset; if that was done a moment ago, try again shortly.
    pub fn admit_cover(&self, dataset: DatasetId, len: u64, waiting: u64) -> Result<(), Refusal> {
        let facts = self.dataset(dataset)?;
        // A slot that lags behind a shrunk dataset will hold less, not more.
        let held = if self.is_mine() { self.slot.bytes.min(facts.slot_bytes) } else { 0 };
        let charged = len.max(waiting.saturating_add(len) / WAITING_PER_COVERED);
        self.check_escrow(facts, held.saturating_add(charged), self.rate_least())
    }

    /// Whether a list of `bytes` at `rate` is worth a promise.
    pub fn admit_commit(&self, dataset: DatasetId, slot: u16, bytes: u64, rate: Amount) -> Result<(), Refusal> {
        self.admit_write(dataset, slot)?;
        let facts = self.dataset(dataset)?;
        let mine = self.is_mine();
        let least = self.rate_least();
        if rate < least {
            let text =
                format!("{} grains per GiB and epoch is below this supplier's {}", rate.grains(), least.grains());
            return Err(Refusal::new(Code::Rate, text));
        }
        if rate > facts.price_cap {
            let text = format!(
                "{} grains per GiB and epoch is above the dataset's cap of {}",
                rate.grains(),
                facts.price_cap.grains()
            );
            return Err(Refusal::new(Code::Rate, text));
        }
        let rest = facts.end_epoch.saturating_sub(self.epoch);
        let too_much =
            || Refusal::new(Code::TooLarge, format!("the price of {bytes} bytes over {rest} epochs overflows"));
        self.check_escrow(facts, bytes, rate)?;
        let reserve = reserve(rate, bytes, rest).ok_or_else(too_much)?;
        let own = if mine {
            self.own.collateral_free.checked_add(self.slot.reserve).ok_or_else(too_much)?
        } else {
            self.own.collateral_free
        };
        if reserve > own {
            let text =
                format!("this supplier can reserve {} grains, the slot needs {}", own.grains(), reserve.grains());
            return Err(Refusal::new(Code::Collateral, text));
        }
        Ok(())
    }

    fn is_mine(&self) -> bool {
        self.slot.supplier == self.own.account
    }

    /// The least that is accepted for the slot. What was agreed stays good for it when the price has risen since, and is the
    /// only price that there is once the offer was withdrawn.
    fn rate_least(&self) -> Amount {
        match self.own.price {
            Some(price) if self.is_mine() => price.min(self.slot.rate),
            Some(price) => price,
            None => self.slot.rate,
        }
    }

    /// Whether escrow and deposit of the slot cover `bytes` in it until the end of the term.
    fn check_escrow(&self, facts: &DatasetFacts, bytes: u64, rate: Amount) -> Result<(), Refusal> {
        let rest = facts.end_epoch.saturating_sub(self.epoch);
        let too_much =
            || Refusal::new(Code::TooLarge, format!("the price of {bytes} bytes over {rest} epochs overflows"));
        let needed = rate.price(bytes, rest).ok_or_else(too_much)?;
        let bound = if self.is_mine() { self.slot.deposit } else { Amount::ZERO };
        let has = bound.checked_add(facts.escrow).ok_or_else(too_much)?;
        if needed > has {
            let text = format!(
                "the slot needs {} grains for {rest} epochs, the escrow holds {} at height {}: fund the dataset with {} more",
                needed.grains(),
                has.grains(),
                self.height,
                needed.saturating_sub(has).grains()
            );
            return Err(Refusal::new(Code::Escrow, text));
        }
        Ok(())
    }

    fn dataset(&self, id: DatasetId) -> Result<&DatasetFacts, Refusal> {
        self.dataset.as_ref().ok_or_else(|| {
            let text =
                format!("the ledger has no dataset {id} at height {}; if it is new, try again shortly", self.height);
            Refusal::new(Code::UnknownDataset, text)
        })
    }
}

/// Collateral that a hold binds: `price(rate, bytes, max(30, 2 × remaining epochs))`, as the Market fixes it.
pub fn reserve(rate: Amount, bytes: u64, remaining_epochs: u64) -> Option<Amount> {
    rate.price(bytes, remaining_epochs.saturating_mul(2).max(RESERVE_EPOCHS_MIN))
}

#[cfg(test)]
mod tests;
