//! How fast is it? What the programs in `benches/` share: the measuring stick ([`stick`]), a network to measure
//! ([`devnet`]), accounts that pay each other ([`accounts`]), an eye on the chain ([`watch`]), and somebody else's terrain to hold
//! ours against ([`luanti`]).
//!
//! **Invariant:** figures are printed, never asserted: a slow machine is not a failed test.

pub mod accounts;
pub mod devnet;
pub mod luanti;
pub mod stick;
pub mod watch;
