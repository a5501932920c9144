//! The Market's storage: which record lies at which slot.
//!
//! A record's first word is at `keccak256(region ‖ key)`, region one byte, key the fixed-width big-endian parts named
//! below; its further words follow it. Regions keep keys of different kinds apart, and Keccak keeps records apart.
//!
//! | region | key | record |
//! |---|---|---|
//! | 1 | supplier (20) | [`Supplier`] |
//! | 2 | supplier (20) | [`Offer`] |
//! | 3 | – | number of listed offers (`u32`) |
//! | 4 | position (4) | listed supplier |
//! | 5 | dataset (32) | [`Dataset`] |
//! | 6 | dataset (32) ‖ slot (2) | [`Slot`] |
//! | 7 | dataset (32) ‖ slot (2) | target root of the slot |
//! | 8 | dataset (32) ‖ position (1) | [`Writer`] |
//! | 9 | owner (20) ‖ list (1) | number of datasets in the list (`u32`); list 0: paid by the owner, 1: by others |
//! | 10 | owner (20) ‖ list (1) ‖ position (4) | dataset id |
//! | 11 | supplier (20) ‖ index (4) | [`Leaf`] |
//! | 12 | supplier (20) ‖ index (4) | [`Node`] of the Fenwick tree |
//! | 13 | supplier (20) ‖ position (4) | index of a freed leaf, a queue |
//! | 14 | supplier (20) ‖ dataset (32) ‖ slot (2) | [`Barrier`] |
//! | 15 | supplier (20) ‖ parity (1) ‖ position (1) | leaf of a slot on probation (`u32`), 0 at the end; [`super::probation`] |
//!
//! Epoch 0 can't be proven or due (bytes count from the epoch after they were held), so 0 stands for "never" wherever
//! an epoch is optional.

use alloy_primitives::{Address, B256, U256};

use crate::contract::words::{key, record};

record! {
    /// A supplier's pool, its record of proofs, and the root of its Fenwick tree.
    Supplier {
        word {
            /// Collateral that backs nothing, in grains.
            free: u128,
            /// Collateral that backs slots: the sum of their reserves.
            reserved: u128,
        }
        word {
            /// Epochs proven in all (P).
            proven: u64,
            /// The last of them; 0 for none.
            last_proven: u64,
            /// The first epoch that began with bytes to prove; 0 for none.
            first_due: u64,
            /// Slots held now.
            slots: u32,
            /// Leaves of the tree, emptied ones included.
            leaves: u32,
        }
        word {
            /// Bit `e mod 256` for each proven epoch e of the 256 up to `last_proven`.
            bitmap: U256,
        }
        word {
            /// Sum of all leaves.
            total: u64,
            /// The epoch of the last change to any leaf.
            total_changed: u64,
            /// The sum at the start of that epoch.
            total_before: u64,
            /// First entry of the queue of freed leaves.
            queue_head: u32,
            /// One past its last entry.
            queue_tail: u32,
        }
    }
}

record! {
    /// A supplier's published offer. Of one that was taken off the list only the peer id stays, until the supplier's last
    /// slot is freed.
    Offer {
        word {
            /// Grains per GiB and epoch.
            price: u128,
            /// Grains per GiB read.
            egress: u128,
        }
        word {
            /// Bytes offered in all.
            capacity: u64,
            /// Longest term in epochs.
            term_max: u64,
            /// Last height at which the offer stands.
            valid_until: u64,
            /// Place in the list, from 1; 0 if there is no offer.
            listed: u32,
            /// Bytes of the region used.
            region_len: u8,
            /// Bytes of the peer id used.
            peer_len: u8,
        }
        word { /// Whoever runs the supplier, as it says itself.
            operator: B256 }
        word { /// Region, UTF-8, padded with zeros.
            region: B256 }
        word { /// Peer id, first half.
            peer_low: B256 }
        word { /// Peer id, second half.
            peer_high: B256 }
    }
}

record! {
    /// What one owner keeps under one policy.
    Dataset {
        word {
            /// Owner.
            owner: Address,
            /// Data shards.
            k: u8,
            /// Slots.
            n: u8,
            /// 0 private, 1 public.
            visibility: u8,
            /// 0 never created, 1 live, 2 ended.
            status: u8,
            /// Number of writers.
            writers: u8,
        }
        word {
            /// Who pays and is refunded.
            payer: Address,
            /// Position in the owner's list.
            listed: u32,
        }
        word {
            /// Epoch of creation.
            start: u64,
            /// Last epoch that is paid for.
            end: u64,
            /// Number of the last revision.
            number: u64,
            /// Bytes per slot that it aims at.
            bytes: u64,
        }
        word {
            /// Highest rate that a slot may cost.
            price_cap: u128,
            /// Grains not bound to a slot.
            escrow: u128,
        }
        word { /// BLAKE3 root of the newest revision blob.
            head: B256 }
    }
}

/// [`Dataset::visibility`] of a dataset that anybody may read.
pub const PUBLIC: u8 = 1;
/// [`Dataset::status`] of a dataset in use.
pub const LIVE: u8 = 1;
/// [`Dataset::status`] of one that was ended; its id stays taken.
pub const ENDED: u8 = 2;

record! {
    /// One of a dataset's n slots: the contract between the dataset and a supplier.
    Slot {
        word {
            /// The supplier; zero for a free slot.
            supplier: Address,
            /// Failed epochs after the anchor epoch (F).
            failures: u32,
            /// The last epoch with a failed sample; 0 for none.
            last_failed: u64,
        }
        word {
            /// Grains bound to pay this slot.
            deposit: u128,
            /// Part of the supplier's collateral that backs it.
            reserve: u128,
        }
        word {
            /// Agreed price per GiB and epoch.
            rate: u128,
            /// Bytes held.
            bytes: u64,
            /// Revision held.
            number: u64,
        }
        word { /// Slot root held.
            root: B256 }
        word {
            /// Rate at the start of the anchor epoch.
            prev_rate: u128,
            /// Bytes held at the start of the anchor epoch.
            prev_bytes: u64,
            /// Last epoch that this slot is paid for.
            end: u64,
        }
        word {
            /// Epoch of the last settlement.
            anchor: u64,
            /// The supplier's `proven` at that moment (P_base).
            base: u64,
            /// First epoch that began with bytes in this slot; 0 for none.
            due_from: u64,
            /// Leaf in the supplier's tree, from 1.
            index: u32,
            /// No proof of the anchor epoch can pay any more: it came before the anchor, or the term is over.
            anchor_done: bool,
            /// A sample of this slot failed in the anchor epoch, after the anchor.
            anchor_failed: bool,
        }
        word {
            /// Egress price that the supplier offered, for the price of a repair.
            egress: u128,
            /// `validUntil` of the newest promise.
            promised_until: u64,
        }
    }
}

record! {
    /// An account that may revise a dataset within bounds.
    Writer {
        word {
            /// The account.
            account: Address,
            /// Last epoch of its right.
            expiry: u64,
        }
        word {
            /// Bytes (before parity) that it may add.
            quota: u64,
            /// Bytes that it has added.
            used: u64,
        }
    }
}

record! {
    /// A leaf of a supplier's tree: one slot's bytes and root, now and as of the start of `changed`.
    Leaf {
        word { /// Dataset of the slot.
            dataset: B256 }
        word {
            /// Number of the slot.
            slot: u16,
            /// Bytes held.
            bytes: u64,
            /// Epoch of the last change.
            changed: u64,
            /// Bytes at the start of that epoch.
            before: u64,
        }
        word { /// Slot root held.
            root: B256 }
        word { /// Slot root at the start of that epoch.
            root_before: B256 }
    }
}

record! {
    /// A node of a supplier's Fenwick tree.
    Node {
        word {
            /// Sum of the leaves below.
            value: u64,
            /// Epoch of the last change.
            changed: u64,
            /// Sum at the start of that epoch.
            before: u64,
        }
    }
}

record! {
    /// Why an old promise can't be used to bind a supplier to a slot that it has left.
    Barrier {
        word {
            /// `validUntil` of the newest promise that was used.
            promised_until: u64,
            /// 1 if there is a barrier at all.
            set: bool,
        }
    }
}

/// Slot of a [`Supplier`].
pub fn supplier(who: Address) -> U256 {
    key(1, &[who.as_slice()])
}

/// Slot of an [`Offer`].
pub fn offer(who: Address) -> U256 {
    key(2, &[who.as_slice()])
}

/// Slot of the number of listed offers.
pub fn offer_count() -> U256 {
    key(3, &[])
}

/// Slot of a listed supplier.
pub fn offer_at(position: u32) -> U256 {
    key(4, &[&position.to_be_bytes()])
}

/// Slot of a [`Dataset`].
pub fn dataset(id: B256) -> U256 {
    key(5, &[id.as_slice()])
}

/// Slot of a [`Slot`].
pub fn slot(id: B256, number: u16) -> U256 {
    key(6, &[id.as_slice(), &number.to_be_bytes()])
}

/// Slot of a slot's target root.
pub fn target(id: B256, number: u16) -> U256 {
    key(7, &[id.as_slice(), &number.to_be_bytes()])
}

/// Slot of a [`Writer`].
pub fn writer(id: B256, position: u8) -> U256 {
    key(8, &[id.as_slice(), &[position]])
}

/// Slot of the number of datasets in one of an owner's two lists.
pub fn owned_count(owner: Address, list: u8) -> U256 {
    key(9, &[owner.as_slice(), &[list]])
}

/// Slot of a dataset id in one of an owner's two lists.
pub fn owned_at(owner: Address, list: u8, position: u32) -> U256 {
    key(10, &[owner.as_slice(), &[list], &position.to_be_bytes()])
}

/// Slot of a [`Leaf`].
pub fn leaf(who: Address, index: u32) -> U256 {
    key(11, &[who.as_slice(), &index.to_be_bytes()])
}

/// Slot of a [`Node`].
pub fn node(who: Address, index: u32) -> U256 {
    key(12, &[who.as_slice(), &index.to_be_bytes()])
}

/// Slot of an entry in the queue of freed leaves.
pub fn freed_at(who: Address, position: u32) -> U256 {
    key(13, &[who.as_slice(), &position.to_be_bytes()])
}

/// Slot of a [`Barrier`].
pub fn barrier(who: Address, id: B256, number: u16) -> U256 {
    key(14, &[who.as_slice(), id.as_slice(), &number.to_be_bytes()])
}

/// Slot of an entry in the list of a supplier's slots on probation that its proofs of that parity write.
pub fn probation_at(who: Address, parity: u8, position: u8) -> U256 {
    key(15, &[who.as_slice(), &[parity, position]])
}
