//! How does a file become promises that strangers keep?
//!
//! The pipeline from plain bytes to masked shards ([`codec`]), the two manifests that bring the files back
//! ([`manifest`]), the customer's decisions ([`customer`]), the supplier's ([`supplier`]), and what they say to each
//! other ([`wire`], [`access`]).
//!
//! **Invariant:** no sockets, no files, no clock and no threads but the codec's workers. Everything here is told what
//! happened and answers what should be done; randomness is an argument. The shells that do it live in `bitdust-node`.
//!
//! **Invariant:** keys that open data are never sent to a supplier. Suppliers see masked shards and sealed manifests.
//!
//! Read next: [`wire`] for the conversation, [`manifest`] for what is remembered, [`customer::packer`] for how a byte's
//! life begins.

pub mod access;
pub mod codec;
pub mod customer;
pub mod manifest;
pub mod statement;
pub mod supplier;
pub mod wire;
