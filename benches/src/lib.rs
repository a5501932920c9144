//! How fast is it? What the programs in `benches/` share: the measuring stick ([`stick`]), a network to measure
//! ([`devnet`]), accounts that pay each other ([`accounts`]), and an eye on the chain ([`watch`]).
//!
//! **Invariant:** figures are printed, never asserted: a slow machine is not a failed test.

pub mod accounts;
pub mod devnet;
pub mod stick;
pub mod watch;
