//! The operator's last word on the offer, and what follows from it.
//!
//! config.toml says what is offered the first time. Afterwards `supplier register`, `price` and `exit` count, also after a
//! restart, so the last word is noted beside the book of slots. The ledger alone can't tell it: an offer that isn't there may
//! have been withdrawn, or have expired and been pruned while this node was off.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use bitdust_ledger::market::{IMarket, view::OfferInfo};
use bitdust_market::supplier::{Note, Notebook};
use bitdust_types::Amount;
use borsh::{BorshDeserialize, BorshSerialize};

use super::OfferTerms;

/// Key of the note.
pub const KEY: &[u8] = b"offer";

/// What the operator wants.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Decision {
    /// To offer this.
    Offer(Offered),
    /// To offer nothing, and to leave the collateral alone.
    Out,
}

/// An offer as the ledger had it last.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Offered {
    /// Price per GiB and epoch.
    pub price: Amount,
    /// Price per GiB read.
    pub egress: Amount,
    /// Bytes offered in all.
    pub capacity_bytes: u64,
    /// Longest term in epochs.
    pub term_epochs_max: u64,
    /// Where it is.
    pub region: String,
    /// Who runs it; zero to say nothing.
    pub operator: [u8; 32],
    /// Last height at which it stands.
    pub valid_until: u64,
    /// Whether it is renewed before that, or ends there by the operator's wish.
    pub renews: bool,
    /// A height at which it was on the ledger.
    pub seen_at: u64,
}

/// What the offer on the ledger needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It stands as it should.
    Keep(Offered),
    /// To be published, with a later end.
    Publish(Offered),
    /// Nothing: the operator is out.
    StayOut,
    /// It was withdrawn by another program with this account, or has ended by the operator's wish.
    Leave,
    /// Nothing yet: the chain hasn't reached the height at which it was seen.
    Wait,
}

impl Offered {
    /// What config.toml offers.
    pub fn first(terms: &OfferTerms) -> Self {
        Offered {
            price: terms.price,
            egress: terms.egress,
            capacity_bytes: terms.capacity_bytes,
            term_epochs_max: terms.term_epochs_max,
            region: terms.region.clone(),
            operator: terms.operator.0,
            valid_until: 0,
            renews: true,
            seen_at: 0,
        }
    }

    /// What the ledger has.
    pub fn listed(offer: &OfferInfo, renews: bool, height: u64) -> Self {
        Offered {
            price: offer.price_per_gib_epoch,
            egress: offer.egress_per_gib,
            capacity_bytes: offer.capacity_bytes,
            term_epochs_max: offer.max_term_epochs,
            region: offer.region.clone(),
            operator: offer.operator.0,
            valid_until: offer.valid_until.0,
            renews,
            seen_at: height,
        }
    }

    /// As the Market takes it.
    pub fn call(&self, peer: &[u8]) -> IMarket::registerOfferCall {
        let offer = IMarket::Offer {
            pricePerGibEpoch: self.price.grains(),
            egressPerGib: self.egress.grains(),
            capacityBytes: self.capacity_bytes,
            maxTermEpochs: self.term_epochs_max,
            validUntil: self.valid_until,
            operator: self.operator.into(),
            region: self.region.clone(),
            peerId: peer.to_vec().into(),
        };
        IMarket::registerOfferCall { offer }
    }
}

/// What follows from the last word and the ledger at `height`. An offer is renewed when a quarter of its time is left.
pub fn next(last: Option<&Decision>, listed: Option<&OfferInfo>, terms: &OfferTerms, peer: &[u8], height: u64) -> Next {
    let known = match last {
        Some(Decision::Out) => return Next::StayOut,
        Some(Decision::Offer(known)) if height < known.seen_at => return Next::Wait,
        Some(Decision::Offer(known)) => Some(known),
        None => None,
    };
    let until = height.saturating_add(terms.valid_heights);
    let renews = known.is_none_or(|known| known.renews);
    match listed {
        Some(offer) => {
            let on_ledger = Offered::listed(offer, renews, height);
            let lasts = offer.valid_until.0 > height.saturating_add(terms.valid_heights / 4);
            if !renews || (lasts && offer.peer_id[..] == *peer) {
                return Next::Keep(on_ledger);
            }
            Next::Publish(Offered { valid_until: until, ..on_ledger })
        }
        None => match known {
            None => Next::Publish(Offered { valid_until: until, ..Offered::first(terms) }),
            // It expired and was pruned while this node was off.
            Some(known) if known.renews && known.valid_until < height => {
                Next::Publish(Offered { valid_until: until, ..known.clone() })
            }
            Some(_) => Next::Leave,
        },
    }
}

/// The last word, in memory and on the disk.
pub struct Decisions {
    notebook: Arc<dyn Notebook>,
    last: Mutex<Option<Decision>>,
}

impl Decisions {
    /// Reads it back.
    ///
    /// # Errors
    /// The note can't be read.
    pub fn open(notebook: Arc<dyn Notebook>) -> Result<Self> {
        let notes = notebook.notes().context("reading the last decision on the offer")?;
        let note = notes.iter().find(|(key, _)| key == KEY);
        let last = note.map(|(_, value)| borsh::from_slice(value)).transpose();
        let last = last.context("the note of the last decision on the offer is damaged; restore it from a copy")?;
        Ok(Decisions { notebook, last: Mutex::new(last) })
    }

    /// The last word; `None` until there was one.
    pub fn last(&self) -> Option<Decision> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a new one durable. Blocks on the disk.
    pub fn write(&self, decision: Decision) -> Result<()> {
        let value = borsh::to_vec(&decision)?;
        self.notebook.apply(vec![Note { key: KEY.to_vec(), value: Some(value) }]).context("noting the decision")?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(decision);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bitdust_market::supplier::MemoryStore;
    use bitdust_types::{Address, B256, Height};

    use super::*;

    const PEER: &[u8] = b"own peer";

    fn terms() -> OfferTerms {
        OfferTerms {
            price: Amount::from_grains(100),
            egress: Amount::from_grains(10),
            capacity_bytes: 1 << 30,
            term_epochs_max: 50,
            collateral: Amount::from_grains(1000),
            region: "here".to_owned(),
            operator: B256::ZERO,
            valid_heights: 400,
        }
    }

    /// An offer that the operator changed in everything that config.toml says.
    fn offer() -> OfferInfo {
        OfferInfo {
            supplier: Address::ZERO,
            price_per_gib_epoch: Amount::from_grains(7),
            egress_per_gib: Amount::from_grains(8),
            capacity_bytes: 9,
            max_term_epochs: 11,
            valid_until: Height(1000),
            operator: B256::repeat_byte(4),
            region: "there".to_owned(),
            peer_id: PEER.to_vec().into(),
        }
    }

    fn check(last: Option<&Decision>, listed: Option<&OfferInfo>, height: u64, expected: Next) {
        assert_eq!(next(last, listed, &terms(), PEER, height), expected, "{last:?} {listed:?} at {height}");
    }

    #[test]
    fn an_offer_is_renewed_as_the_ledger_has_it() {
        let listed = |height| Offered::listed(&offer(), true, height);
        for last in [None, Some(Decision::Offer(listed(600)))] {
            let last = last.as_ref();
            // 100 of 400 heights are left at 900.
            check(last, Some(&offer()), 899, Next::Keep(listed(899)));
            check(last, Some(&offer()), 900, Next::Publish(Offered { valid_until: 1300, ..listed(900) }));
            let moved = OfferInfo { peer_id: b"an old peer".to_vec().into(), ..offer() };
            check(last, Some(&moved), 700, Next::Publish(Offered { valid_until: 1100, ..listed(700) }));
        }
        let mut last = Offered::listed(&offer(), false, 600);
        check(
            Some(&Decision::Offer(last.clone())),
            Some(&offer()),
            999,
            Next::Keep(Offered::listed(&offer(), false, 999)),
        );
        last.seen_at = 700;
        check(Some(&Decision::Offer(last)), Some(&offer()), 699, Next::Wait);
    }

    #[test]
    fn an_offer_that_is_gone_comes_back_only_if_it_expired() {
        let first = Offered { valid_until: 401, ..Offered::first(&terms()) };
        check(None, None, 1, Next::Publish(first));
        let known = Offered::listed(&offer(), true, 600);
        let last = Some(Decision::Offer(known.clone()));
        check(last.as_ref(), None, 599, Next::Wait);
        check(last.as_ref(), None, 1000, Next::Leave);
        check(last.as_ref(), None, 1001, Next::Publish(Offered { valid_until: 1401, ..known.clone() }));
        let limited = Some(Decision::Offer(Offered { renews: false, ..known }));
        check(limited.as_ref(), None, 1001, Next::Leave);
        check(Some(&Decision::Out), None, 5, Next::StayOut);
        check(Some(&Decision::Out), Some(&offer()), 999, Next::StayOut);
    }

    #[test]
    fn the_last_word_survives_a_restart() {
        let store = Arc::new(MemoryStore::new(1 << 20));
        let decisions = Decisions::open(store.clone()).unwrap();
        assert_eq!(decisions.last(), None);
        for decision in [Decision::Offer(Offered::listed(&offer(), true, 3)), Decision::Out] {
            decisions.write(decision.clone()).unwrap();
            assert_eq!(decisions.last(), Some(decision.clone()));
            assert_eq!(Decisions::open(store.clone()).unwrap().last(), Some(decision));
        }
        store.apply(vec![Note { key: KEY.to_vec(), value: Some(vec![9]) }]).unwrap();
        assert!(Decisions::open(store).is_err(), "a damaged note is no new beginning");
    }
}
