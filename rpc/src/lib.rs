//! What can people and programs ask?
//!
//! One trait per namespace in [`api`] (a server implements it, a client calls it), their JSON in [`types`], the HTTP
//! routes for bytes of objects in [`objects`] and for chunks of worlds in [`places`], errors in [`failure`], and who may call what in [`token`]. The listening
//! side is [`server`] (feature `server`), the calling side [`client`] (feature `client`).
//!
//! This crate holds no state of the node and decides nothing about coins or files: it parses, checks access and bounds,
//! and hands on to what the node implements.
//!
//! **Invariant:** every call that spends, changes or reveals private names needs the bearer token; a method nobody has
//! listed as open is closed.

#[cfg(not(any(feature = "client", feature = "server")))]
compile_error!("bitdust-rpc is of no use without its feature `client` or `server`: enable at least one");

pub mod api;
#[cfg(feature = "client")]
pub mod client;
pub mod failure;
pub mod objects;
pub mod places;
#[cfg(feature = "server")]
pub mod server;
pub mod tar;
pub mod token;
pub mod types;

#[cfg(feature = "client")]
pub use client::Client;
pub use failure::{Code, Failure};
#[cfg(feature = "server")]
pub use server::{Backends, Config, Handle, Modules, start};
pub use token::Token;

/// Ethereum's own JSON types, as wallets expect them.
pub use alloy_rpc_types_eth as eth_types;
/// For callers that name its types, such as the module of methods.
pub use jsonrpsee;
