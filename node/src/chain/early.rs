//! Proofs that came before the block that opens their window: a few wait for it, the others are let go and will be sent
//! again.
//!
//! A proof gets here only once its supplier's signature holds and the supplier has bytes to prove, so a seat costs
//! collateral; each supplier has one.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use alloy_primitives::Address;

use super::lock;

/// Proofs that wait at a time.
const COUNT_MAX: usize = 256;
/// Their bytes: 170 of the largest, of 192 KiB; with 32 samples they have about 75 KiB.
const BYTES_MAX: usize = 32 << 20;

/// Where early proofs wait.
#[derive(Clone, Default)]
pub(super) struct WaitingRoom(Arc<Mutex<Seated>>);

#[derive(Default)]
struct Seated {
    suppliers: BTreeSet<Address>,
    bytes: usize,
}

/// A proof's place; free again once this is dropped.
pub(super) struct Seat {
    room: WaitingRoom,
    supplier: Address,
    bytes: usize,
}

impl WaitingRoom {
    /// A seat for a supplier's proof of so many bytes; `None` if the supplier has one, or there is no room.
    pub(super) fn seat(&self, supplier: Address, bytes: usize) -> Option<Seat> {
        let mut seated = lock(&self.0);
        let is_full = seated.suppliers.len() >= COUNT_MAX || seated.bytes.saturating_add(bytes) > BYTES_MAX;
        if is_full || !seated.suppliers.insert(supplier) {
            return None;
        }
        seated.bytes += bytes;
        Some(Seat { room: self.clone(), supplier, bytes })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seated = lock(&self.room.0);
        seated.suppliers.remove(&self.supplier);
        seated.bytes -= self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use bitdust_types::limits::PROOF_BYTES_MAX;

    use super::*;

    fn supplier(number: usize) -> Address {
        Address::left_padding_from(&number.to_be_bytes())
    }

    #[test]
    fn each_supplier_has_one_seat_and_gives_it_back() {
        let room = WaitingRoom::default();
        let first = room.seat(supplier(1), 1000);
        assert!(first.is_some());
        assert!(room.seat(supplier(1), 10).is_none(), "a second proof of one supplier");
        assert!(room.seat(supplier(2), 1000).is_some());
        drop(first);
        assert!(room.seat(supplier(1), 1000).is_some());
        assert_eq!(lock(&room.0).bytes, 0);
    }

    #[test]
    fn a_flood_of_early_proofs_fills_a_bounded_room() {
        let room = WaitingRoom::default();
        let largest: Vec<Seat> = (0..1000).filter_map(|number| room.seat(supplier(number), PROOF_BYTES_MAX)).collect();
        assert_eq!(largest.len(), BYTES_MAX / PROOF_BYTES_MAX);
        drop(largest);
        let small: Vec<Seat> = (0..1000).filter_map(|number| room.seat(supplier(number), 1000)).collect();
        assert_eq!(small.len(), COUNT_MAX);
    }
}
