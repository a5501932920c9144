//! Malachite, and everything that knows its types. Nothing of it is visible outside of this crate.
//!
//! `context` names the nouns, `scheme` signs and verifies them, `codec` gives them bytes, `part` and `assembly` move whole
//! blocks in pieces, `node` sets the engine up, `bridge` answers it from the application, and `handle` starts and ends it.

mod assembly;
mod bridge;
mod codec;
mod context;
pub(crate) mod handle;
mod node;
mod part;
mod scheme;
