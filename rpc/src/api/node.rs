//! The process itself: roles, addresses, peers, and sending coins from the node's own account.

use jsonrpsee::proc_macros::rpc;

use crate::{
    failure::Failure,
    types::node::{MetricsInfo, NodeStatus, PeerInfo, SendRequest, Sent},
};

/// The namespace `node_`.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "node"))]
#[cfg_attr(not(feature = "server"), rpc(client, namespace = "node"))]
#[cfg_attr(all(feature = "client", feature = "server"), rpc(server, client, namespace = "node"))]
pub trait Node {
    /// Roles, version, addresses, tip and peers.
    #[method(name = "status")]
    async fn node_status(&self) -> Result<NodeStatus, Failure>;

    /// The peers connected now.
    #[method(name = "peers")]
    async fn node_peers(&self) -> Result<Vec<PeerInfo>, Failure>;

    /// Where Prometheus finds the metrics.
    #[method(name = "metrics")]
    async fn node_metrics(&self) -> Result<MetricsInfo, Failure>;

    /// Sends coins from the node's account and, if asked to, waits for the block.
    #[method(name = "send")]
    async fn node_send(&self, request: SendRequest) -> Result<Sent, Failure>;
}
