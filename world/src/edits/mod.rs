//! Who changed what at a location, and what does it look like when everybody's changes are taken together?
//!
//! An edit is a signed *operation* ([`Op`]) that names the operations its author had seen, so that a location's edits form a
//! hash graph. No server orders them: each replica ([`Graph`]) computes the same world from the same set of operations,
//! whatever the order in which they arrive. Goals: any two replicas that know the same operations, owners and versions have
//! the same [`Graph::state_hash`]; what is refused is refused by everyone; nothing grows without bound. Non-goals: hiding
//! who built what, and ordering by time (no clock is read or believed).
//!
//! # What is refused, and what is dropped
//! *Refused* ([`Invalid`]) depends only on the operation and its causal past, so everybody refuses it for ever: a broken
//! signature, a wrong depth, an author without the right under the access list that the operation names, or a list that
//! is not in force in the operation's own past. *Dropped* ([`Dropped`]) depends on operations that may arrive later: a
//! dropped operation stays a node of the graph, so that what others built on top keeps its place, but none of its own
//! effects count. Operations by others whose parents were dropped stay and count.
//!
//! # Rights
//! The ledger names the owners one after another; an owner's number is the *term*. Term 0 begins with the list in the
//! [`Claim`]. An access list supersedes the lists of its own term in its past and all of earlier terms. An operation names a
//! list that is not superseded in its own past. It is dropped if
//! 1. the list it names is void: written by an earlier term's owner outside the past of a later term's list; or
//! 2. a list that supersedes the named one, and that its author had not seen, does not give the right: a tighter list
//!    therefore works like a revocation of everybody it leaves out, with the list's own parents as the heads that were seen;
//!    or
//! 3. a revocation names its author, the operation is not among the past of the heads that the revoker had seen, and the
//!    list that the operation names does not lift that revocation ([`AccessList::lifted`]).
//!
//! Revocations are weighed later terms first, the owner's before those of compactors, then by (depth, hash); each one is
//! dropped by the ones before it under the same three rules. So of two concurrent revocations both hold, unless one revokes
//! the other's author, and then the owner's word goes before a compactor's. Under one list compactors can't revoke each
//! other, nor the owner. An owner is revoked only by a later term's.
//!
//! # Merge
//! Of all writes to one voxel that are not dropped the one with the highest ([`Stamp`]) depth, author, hash wins. Depth is
//! 1 + the largest depth of the parents, checked by everyone, so a write always beats those in its own past.
//!
//! # Versions
//! [`Graph::fold`] turns everything in the past of some heads into the next version's base. What is folded is final: a
//! revocation that arrives later no longer reaches it. Concurrent operations that arrive late still merge exactly, since the
//! base keeps, for a horizon of depths, who wrote which voxel; those that reach below the horizon are
//! refused by everyone, and handed back to be made again on top. See [`graph::fold`].
//!
//! Methods: causal hash graphs with retroactive revocation after Kleppmann, *Making CRDTs Byzantine fault tolerant* (PaPoC
//! 2022), and Sanjuan et al., *Merkle-CRDTs* (2020); last writer wins by logical depth after Lamport (1978).
//!
//! Read next: [`op`], [`access`], [`graph`], [`sync`], [`limits`].

pub mod limits;
pub mod voxel;

pub mod access;
pub mod op;

pub mod graph;
pub mod sync;

mod invalid;
#[cfg(test)]
mod tests;

pub use access::{AccessId, AccessList, Builders, Claim};
pub use graph::{Dropped, Fold, FoldError, Folded, Graph, Inserted, Stamp};
pub use invalid::Invalid;
pub use op::{Body, Checked, Op, OpHash, Recover, Secp256k1, Statement};
pub use sync::{Message, Session};
