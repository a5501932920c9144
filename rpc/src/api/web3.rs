//! Name and version of the node, and Keccak-256. Needs nothing of the node, so it is implemented here.

use alloy_primitives::{B256, Bytes};
use jsonrpsee::proc_macros::rpc;

use crate::failure::Failure;

/// The namespace `web3_`.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "web3"))]
#[cfg_attr(not(feature = "server"), rpc(client, namespace = "web3"))]
#[cfg_attr(all(feature = "client", feature = "server"), rpc(server, client, namespace = "web3"))]
pub trait Web3 {
    /// Name and version, such as `bitdust/0.1.0`.
    #[method(name = "clientVersion")]
    async fn web3_client_version(&self) -> Result<String, Failure>;

    /// Keccak-256 of the bytes.
    #[method(name = "sha3")]
    async fn web3_sha3(&self, data: Bytes) -> Result<B256, Failure>;
}

/// The namespace, given the version to tell.
#[cfg(feature = "server")]
pub struct Web3Methods {
    /// Such as `bitdust/0.1.0`.
    pub client_version: String,
}

#[cfg(feature = "server")]
#[jsonrpsee::core::async_trait]
impl Web3Server for Web3Methods {
    async fn web3_client_version(&self) -> Result<String, Failure> {
        Ok(self.client_version.clone())
    }

    async fn web3_sha3(&self, data: Bytes) -> Result<B256, Failure> {
        Ok(alloy_primitives::keccak256(&data))
    }
}
