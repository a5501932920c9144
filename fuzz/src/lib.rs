//! Can anybody's bytes make a decoder panic, loop or lie?
//!
//! One target in `fuzz_targets/` for each decoder of bytes that strangers send. A target does more than wait for a panic:
//! whatever still decodes must encode to the same bytes, and whatever still verifies must be what was committed to.
//!
//! Random bytes never get past a hash. So every target starts from an honest message ([`honest`]) and lets the fuzzer
//! edit it ([`edits`]); a quarter of the runs take the fuzzer's bytes as they are. Decoders that promise to take no more
//! memory than what they were given warrants are held to it ([`memory`]).

pub mod edits;
pub mod honest;
pub mod memory;
