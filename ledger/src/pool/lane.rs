//! The lane of proofs: bounded, one per supplier and epoch, first come first served.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use bitdust_types::{Epoch, limits::POOL_PROOFS_MAX};

use crate::{
    error::Invalid,
    exec::CheckedProve,
    prove::Prove,
    receipt::{Receipt, ReceiptKind},
};

/// Proofs that wait for a block of their epoch's window.
#[derive(Default)]
pub struct ProofLane {
    /// By epoch, then supplier, with the order of arrival.
    waiting: BTreeMap<(u64, Address), (u64, CheckedProve)>,
    arrivals: u64,
}

impl ProofLane {
    /// Proofs waiting.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True if none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes in a proof that [`crate::exec::admit_proof`] has judged.
    ///
    /// # Errors
    /// [`Invalid::ProofTwice`] if one of the same supplier and epoch waits, [`Invalid::Size`] if the lane is full.
    pub fn insert(&mut self, proof: CheckedProve) -> Result<(), Invalid> {
        let (epoch, supplier) = (proof.prove().epoch, proof.prove().supplier);
        if self.waiting.contains_key(&(epoch, supplier)) {
            return Err(Invalid::ProofTwice { supplier, epoch });
        }
        if self.waiting.len() >= POOL_PROOFS_MAX {
            return Err(Invalid::Size {
                what: "the list of waiting proofs",
                size: self.waiting.len() + 1,
                max: POOL_PROOFS_MAX,
            });
        }
        self.waiting.insert((epoch, supplier), (self.arrivals, proof));
        self.arrivals += 1;
        Ok(())
    }

    /// True if a proof of this supplier and epoch waits.
    pub fn contains(&self, supplier: Address, epoch: Epoch) -> bool {
        self.waiting.contains_key(&(epoch.0, supplier))
    }

    /// The proofs of an epoch that came first, at most `count`.
    pub fn best(&self, epoch: Epoch, count: usize) -> Vec<Prove> {
        let mut waiting: Vec<_> = self
            .waiting
            .range((epoch.0, Address::ZERO)..=(epoch.0, Address::repeat_byte(0xff)))
            .map(|(_, waiting)| waiting)
            .collect();
        waiting.sort_by_key(|(arrival, _)| *arrival);
        waiting.into_iter().take(count).map(|(_, proof)| proof.prove().clone()).collect()
    }

    /// Drops proofs that a decided block carries, and those of epochs before `epoch`.
    pub fn on_block(&mut self, epoch: Epoch, receipts: &[Receipt]) {
        self.waiting.retain(|(of, _), _| *of >= epoch.0);
        for receipt in receipts.iter().filter(|receipt| receipt.kind == ReceiptKind::System) {
            self.waiting.remove(&(epoch.0, receipt.from));
        }
    }
}
