//! Tests of whole networks, made of real processes of the real program. The tests are in `tests/`; what they share is
//! here: [`program`] finds and runs the binary, [`network`] starts and ends its processes, [`waiting`] bounds every wait.
//!
//! **Invariant:** no process outlives its test. Each node is killed when its handle is dropped, and stops by itself when
//! the pipe to its standard input closes, however the test ends.

pub mod bytes;
pub mod forwarder;
pub mod network;
pub mod program;
pub mod waiting;

pub use network::Net;
