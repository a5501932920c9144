//! What Ethereum's tools ask about the network.

use alloy_primitives::U64;
use jsonrpsee::proc_macros::rpc;

use crate::failure::Failure;

/// The namespace `net_`.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "net"))]
#[cfg_attr(not(feature = "server"), rpc(client, namespace = "net"))]
#[cfg_attr(all(feature = "client", feature = "server"), rpc(server, client, namespace = "net"))]
pub trait Net {
    /// The chain id as a decimal string.
    #[method(name = "version")]
    async fn net_version(&self) -> Result<String, Failure>;

    /// Number of peers connected.
    #[method(name = "peerCount")]
    async fn net_peer_count(&self) -> Result<U64, Failure>;

    /// True while the node accepts connections of peers.
    #[method(name = "listening")]
    async fn net_listening(&self) -> Result<bool, Failure>;
}
