//! The server as its callers meet it: a real socket, a small real backend in memory, our client and somebody else's.

mod backend;
mod chain;
mod jsonrpc;
mod objects;
mod people;
mod places;
