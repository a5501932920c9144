//! A supplier's bytes as a Fenwick tree that remembers how it stood when the epoch began.
//!
//! Leaf i holds the bytes of one slot; node i the sum of the leaves `i − lowbit(i) + 1 ..= i`; the supplier's record the
//! sum of all. Leaf, node and root each keep their value, the epoch of its last change, and the value before that
//! epoch, so that the set to be sampled in epoch e is frozen at e's start without any work at the boundary. A change
//! touches at most 17 nodes ([`SLOTS_PER_SUPPLIER_MAX`] = 2^16 leaves).
//!
//! **Invariant:** a leaf freed in epoch e isn't given to another slot before e + 1, because e may still be sampled.
//! **Invariant:** "as of the start of e" is asked only while e is the current epoch; an older epoch is answered `None`.

use alloy_primitives::{Address, B256};
use bitdust_types::limits::SLOTS_PER_SUPPLIER_MAX;

use super::layout::{self, Leaf, Node, Supplier};
use crate::contract::words::{Record, Store, Words};

/// The supplier already holds as many slots as a tree has leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Bytes and root of one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Bytes held.
    pub bytes: u64,
    /// Slot root held.
    pub root: B256,
}

impl Node {
    /// Sum at the start of `epoch`, which must be the current one.
    pub fn at_start(&self, epoch: u64) -> u64 {
        if self.changed == epoch { self.before } else { self.value }
    }

    fn change(&mut self, epoch: u64, old: u64, new: u64) {
        if self.changed != epoch {
            self.before = self.value;
            self.changed = epoch;
        }
        // `old` is part of the sum; a slot is at most 40 TiB (2^45.4), so that 2^16 of them stay below 2^62.
        self.value = self.value - old + new;
    }
}

impl Leaf {
    /// Bytes and root at the start of `epoch`, which must be the current one.
    pub fn at_start(&self, epoch: u64) -> Content {
        if self.changed == epoch {
            Content { bytes: self.before, root: self.root_before }
        } else {
            Content { bytes: self.bytes, root: self.root }
        }
    }
}

/// Bytes that the supplier must prove in `epoch`; `None` if the tree has changed in a later epoch already.
pub fn due(supplier: &Supplier, epoch: u64) -> Option<u64> {
    match supplier.total_changed {
        changed if changed > epoch => None,
        changed if changed == epoch => Some(supplier.total_before),
        _ => Some(supplier.total),
    }
}

/// Gives a slot a leaf and answers its index.
pub fn insert<S: Store>(
    store: &mut S,
    who: Address,
    supplier: &mut Supplier,
    epoch: u64,
    (dataset, slot): (B256, u16),
    content: Content,
) -> Result<Result<u32, Full>, S::Error> {
    let index = match reusable(store, who, supplier, epoch)? {
        Some(index) => index,
        None if supplier.leaves < SLOTS_PER_SUPPLIER_MAX => append(store, who, supplier, epoch)?,
        None => return Ok(Err(Full)),
    };
    Leaf { dataset, slot, changed: epoch, ..Leaf::default() }.save(store, layout::leaf(who, index));
    update(store, who, supplier, epoch, index, content)?;
    Ok(Ok(index))
}

/// Changes what a leaf holds.
pub fn update<S: Store>(
    store: &mut S,
    who: Address,
    supplier: &mut Supplier,
    epoch: u64,
    index: u32,
    content: Content,
) -> Result<(), S::Error> {
    let at = layout::leaf(who, index);
    let mut leaf = Leaf::load(store, at)?;
    let old = leaf.bytes;
    if leaf.changed != epoch {
        (leaf.before, leaf.root_before, leaf.changed) = (leaf.bytes, leaf.root, epoch);
    }
    (leaf.bytes, leaf.root) = (content.bytes, content.root);
    leaf.save(store, at);

    let mut root = Node { value: supplier.total, changed: supplier.total_changed, before: supplier.total_before };
    if root.value == 0 && content.bytes > 0 {
        supplier.first_due = epoch + 1;
    }
    root.change(epoch, old, content.bytes);
    (supplier.total, supplier.total_changed, supplier.total_before) = (root.value, root.changed, root.before);

    let mut next = index;
    while next <= supplier.leaves {
        let at = layout::node(who, next);
        let mut node = Node::load(store, at)?;
        node.change(epoch, old, content.bytes);
        node.save(store, at);
        next += lowbit(next);
    }
    Ok(())
}

/// Empties a leaf and puts it in line for another slot.
pub fn remove<S: Store>(
    store: &mut S,
    who: Address,
    supplier: &mut Supplier,
    epoch: u64,
    index: u32,
) -> Result<(), S::Error> {
    update(store, who, supplier, epoch, index, Content::default())?;
    index.save(store, layout::freed_at(who, supplier.queue_tail));
    supplier.queue_tail = supplier.queue_tail.wrapping_add(1);
    Ok(())
}

/// The leaf that holds byte `offset` of the supplier's bytes as of the start of `epoch`: its index, itself, and the
/// offset inside it. `offset` must be below [`due`].
pub fn locate<W: Words>(
    words: &mut W,
    who: Address,
    supplier: &Supplier,
    epoch: u64,
    offset: u64,
) -> Result<(u32, Leaf, u64), W::Error> {
    let (mut position, mut rest) = (0, offset);
    let mut step = if supplier.leaves == 0 { 0 } else { 1 << supplier.leaves.ilog2() };
    while step > 0 {
        let next = position + step;
        if next <= supplier.leaves {
            let sum = Node::load(words, layout::node(who, next))?.at_start(epoch);
            if sum <= rest {
                rest -= sum;
                position = next;
            }
        }
        step >>= 1;
    }
    let index = position + 1;
    Ok((index, Leaf::load(words, layout::leaf(who, index))?, rest))
}

/// The oldest freed leaf, if it was freed before this epoch.
fn reusable<S: Store>(
    store: &mut S,
    who: Address,
    supplier: &mut Supplier,
    epoch: u64,
) -> Result<Option<u32>, S::Error> {
    if supplier.queue_head == supplier.queue_tail {
        return Ok(None);
    }
    let at = layout::freed_at(who, supplier.queue_head);
    let index = u32::load(store, at)?;
    if Leaf::load(store, layout::leaf(who, index))?.changed == epoch {
        return Ok(None);
    }
    0u32.save(store, at);
    supplier.queue_head = supplier.queue_head.wrapping_add(1);
    Ok(Some(index))
}

/// A new leaf at the end. Its node sums older leaves as well, now and as of the epoch's start.
fn append<S: Store>(store: &mut S, who: Address, supplier: &mut Supplier, epoch: u64) -> Result<u32, S::Error> {
    let index = supplier.leaves + 1;
    let mut node = Node { changed: epoch, ..Node::default() };
    let mut child = index - 1;
    while child > index - lowbit(index) {
        let below = Node::load(store, layout::node(who, child))?;
        node.value += below.value;
        node.before += below.at_start(epoch);
        child -= lowbit(child);
    }
    node.save(store, layout::node(who, index));
    supplier.leaves = index;
    Ok(index)
}

/// Value of the lowest bit that is set.
fn lowbit(index: u32) -> u32 {
    index & index.wrapping_neg()
}

#[cfg(test)]
mod tests;
