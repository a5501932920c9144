//! `node_`: this process, its peers, and coins from its own account.

use alloy_primitives::Bytes;
use bitdust_rpc::{
    Failure,
    api::NodeServer,
    jsonrpsee::core::async_trait,
    types::node::{MetricsInfo, NodeStatus, PeerInfo, Role as RoleInfo, SendRequest, Sent},
};
use bitdust_types::{Amount, params};

use super::{Api, internal, rejected};
use crate::config::Role;

#[async_trait]
impl NodeServer for Api {
    async fn node_status(&self) -> Result<NodeStatus, Failure> {
        let tip = self.chain.tip();
        let chain_id = self.chain.params().chain_id;
        let roles = self.config.roles.iter().map(|role| match role {
            Role::Validator => RoleInfo::Validator,
            Role::Supplier => RoleInfo::Supplier,
            Role::Customer => RoleInfo::Customer,
        });
        let mut roles: Vec<RoleInfo> = roles.collect();
        if roles.is_empty() {
            roles.push(RoleInfo::Observer);
        }
        let peers = self.network.peers().len() as u64;
        let mut warnings = Vec::new();
        if peers == 0 {
            warnings.push("no peer is connected: check `bootstrap` in config.toml and the firewall".to_owned());
        }
        if self.is_behind() {
            warnings.push(format!("block {} is old: this node is behind, or the chain stands still", tip.height));
        }
        Ok(NodeStatus {
            name: self.config.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            network: network_name(chain_id),
            chain_id,
            roles,
            address: self.sender.address(),
            balance: self.balance_of(self.sender.address())?,
            peer_id: self.network.local_peer().to_string(),
            listen: self.network.listen_addrs().iter().map(ToString::to_string).collect(),
            height: tip.height.0,
            block_id: tip.id,
            syncing: self.is_behind(),
            peers,
            uptime_s: self.started.elapsed().as_secs(),
            warnings,
        })
    }

    async fn node_peers(&self) -> Result<Vec<PeerInfo>, Failure> {
        let peers = self.network.peers().into_iter().map(|peer| PeerInfo {
            peer_id: peer.id.to_string(),
            address: peer.addresses.first().map(ToString::to_string).unwrap_or_default(),
            inbound: false,
            agent: (!peer.agent.is_empty()).then_some(peer.agent),
            height: None,
        });
        Ok(peers.collect())
    }

    async fn node_metrics(&self) -> Result<MetricsInfo, Failure> {
        Ok(MetricsInfo { url: Some(format!("http://{}/metrics", self.config.metrics)) })
    }

    async fn node_send(&self, request: SendRequest) -> Result<Sent, Failure> {
        // The caller may hang up; a transaction on its way goes on.
        let api = self.clone();
        let sending = tokio::spawn(async move { api.send_coins(request).await });
        sending.await.map_err(internal)?
    }
}

impl Api {
    async fn send_coins(&self, request: SendRequest) -> Result<Sent, Failure> {
        let SendRequest { to, amount, wait } = request;
        let from = self.sender.address();
        let nonce = self.chain.pending_nonce(from).map_err(internal)?;
        let value = amount.into();
        if !wait {
            let transaction = self.sender.send(to, value, Bytes::new()).await.map_err(rejected)?;
            return Ok(Sent { transaction, from, nonce, height: None, success: None, gas_paid: None });
        }
        let (place, receipt) = self.sender.send_and_wait(to, value, Bytes::new()).await.map_err(rejected)?;
        let gas_paid = u128::from(receipt.gas_used).saturating_mul(receipt.effective_gas_price);
        Ok(Sent {
            transaction: receipt.tx_hash,
            from,
            nonce,
            height: Some(place.height),
            success: Some(receipt.success),
            gas_paid: Some(Amount::from_grains(gas_paid)),
        })
    }
}

fn network_name(chain_id: u64) -> String {
    match chain_id {
        params::MAINNET => "mainnet".to_owned(),
        params::TESTNET => "testnet".to_owned(),
        params::DEVNET => "devnet".to_owned(),
        other => format!("chain {other}"),
    }
}
