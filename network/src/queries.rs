//! Kademlia queries under way, and who waits for them.

use std::collections::{BTreeSet, HashMap};

use libp2p::{
    Multiaddr, PeerId,
    kad::{AddProviderError, GetClosestPeersError, GetClosestPeersOk, GetProvidersOk, PeerInfo, QueryId, QueryResult},
};
use tokio::sync::oneshot;

use crate::error::Error;

/// Providers given for one key; each node answers with at most 128.
const PROVIDERS_MAX: usize = 1024;

/// What a query is for.
#[derive(Debug)]
pub(crate) enum Query {
    /// Somebody looks for a peer.
    Find { peer: PeerId, reply: oneshot::Sender<Result<Vec<Multiaddr>, Error>> },
    /// Somebody announces a key.
    Provide { reply: oneshot::Sender<Result<(), Error>> },
    /// Somebody asks who provides a key.
    Providers { found: BTreeSet<PeerId>, reply: oneshot::Sender<Result<Vec<PeerId>, Error>> },
    /// Our own looking around.
    Walk,
}

#[derive(Debug, Default)]
pub(crate) struct Queries {
    open: HashMap<QueryId, Query>,
}

impl Queries {
    pub(crate) fn add(&mut self, id: QueryId, query: Query) {
        self.open.insert(id, query);
    }

    /// Queries that callers wait for.
    pub(crate) fn asked(&self) -> usize {
        self.open.values().filter(|query| !matches!(query, Query::Walk)).count()
    }

    pub(crate) fn is_walking(&self) -> bool {
        self.open.values().any(|query| matches!(query, Query::Walk))
    }

    /// Takes in what a query brought; on its last step whoever waits is told. Returns peers that were named.
    pub(crate) fn progress(&mut self, id: QueryId, result: QueryResult, last: bool, timeout: Error) -> Vec<PeerInfo> {
        let named = match result {
            QueryResult::GetClosestPeers(Ok(GetClosestPeersOk { peers, .. }))
            | QueryResult::GetClosestPeers(Err(GetClosestPeersError::Timeout { peers, .. })) => peers,
            QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })) => {
                if let Some(Query::Providers { found, .. }) = self.open.get_mut(&id) {
                    let room = PROVIDERS_MAX.saturating_sub(found.len());
                    found.extend(providers.into_iter().take(room));
                }
                Vec::new()
            }
            QueryResult::StartProviding(Err(AddProviderError::Timeout { .. })) => {
                if let Some(Query::Provide { reply }) = self.open.remove(&id) {
                    let _ = reply.send(Err(timeout));
                }
                return Vec::new();
            }
            _ => Vec::new(),
        };
        if last && let Some(query) = self.open.remove(&id) {
            query.finish(&named);
        }
        named
    }
}

impl Query {
    // A caller that stopped waiting is told nothing: the sends below may fail.
    fn finish(self, named: &[PeerInfo]) {
        match self {
            Query::Find { peer, reply } => {
                let addresses = named.iter().filter(|info| info.peer_id == peer).flat_map(|info| info.addrs.clone());
                let _ = reply.send(Ok(addresses.collect()));
            }
            Query::Provide { reply } => {
                let _ = reply.send(Ok(()));
            }
            Query::Providers { found, reply } => {
                let _ = reply.send(Ok(found.into_iter().collect()));
            }
            Query::Walk => {}
        }
    }
}
