//! The methods, one trait per namespace. A server implements `EthServer`, `LedgerServer`, ...; a client calls the same
//! names through `EthClient`, `LedgerClient`, ...
//!
//! Every function carries its namespace in its name, so that all traits can be in scope at once. A call over HTTP may be
//! dropped at any `await` when its caller hangs up: what must not stop half-way is to be spawned by the implementation.

// A client's half of a trait answers with the library's error instead of ours.
#![cfg_attr(not(feature = "server"), allow(unused_imports))]

pub mod eth;
pub mod ledger;
pub mod market;
pub mod meet;
pub mod net;
pub mod node;
pub mod storage;
pub mod supplier;
pub mod web3;
pub mod world;

#[cfg(feature = "client")]
pub use self::{
    eth::EthClient, ledger::LedgerClient, market::MarketClient, meet::MeetClient, net::NetClient, node::NodeClient,
    storage::StorageClient, supplier::SupplierClient, web3::Web3Client, world::WorldClient,
};
#[cfg(feature = "server")]
pub use self::{
    eth::EthServer,
    ledger::LedgerServer,
    market::MarketServer,
    meet::MeetServer,
    net::NetServer,
    node::NodeServer,
    storage::StorageServer,
    supplier::SupplierServer,
    web3::{Web3Methods, Web3Server},
    world::WorldServer,
};
