//! Kademlia queries under way, and who waits for them.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use libp2p::{
    Multiaddr, PeerId,
    kad::{
        AddProviderError, GetClosestPeersError, GetClosestPeersOk, GetProvidersOk, PeerInfo, PutRecordError,
        PutRecordOk, QueryId, QueryResult,
    },
};
use tokio::sync::oneshot;

use crate::{behaviour::REPLICATION, error::Error, records::Found};

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
    Providers { found: BTreeSet<PeerId>, some_are_enough: bool, reply: oneshot::Sender<Result<Vec<PeerId>, Error>> },
    /// Somebody puts a record.
    Put { reply: oneshot::Sender<Result<usize, Error>> },
    /// Somebody asks for the records under a key.
    Records { key: [u8; 32], found: Found, reply: oneshot::Sender<Result<Vec<Bytes>, Error>> },
    /// Our own looking around.
    Walk,
    /// Something is told once more.
    Repeat,
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
        self.open.values().filter(|query| !matches!(query, Query::Walk | Query::Repeat)).count()
    }

    pub(crate) fn is_walking(&self) -> bool {
        self.open.values().any(|query| matches!(query, Query::Walk))
    }

    pub(crate) fn repeating(&self) -> usize {
        self.open.values().filter(|query| matches!(query, Query::Repeat)).count()
    }

    /// The key and the findings of a search for records that is under way.
    pub(crate) fn records(&mut self, id: &QueryId) -> Option<(&[u8; 32], &mut Found)> {
        match self.open.get_mut(id) {
            Some(Query::Records { key, found, .. }) => Some((key, found)),
            _ => None,
        }
    }

    /// Takes in what a query brought; on its last step whoever waits is told. Returns peers that were named.
    pub(crate) fn progress(&mut self, id: QueryId, result: QueryResult, last: bool, timeout: Error) -> Vec<PeerInfo> {
        let named = match result {
            QueryResult::GetClosestPeers(Ok(GetClosestPeersOk { peers, .. }))
            | QueryResult::GetClosestPeers(Err(GetClosestPeersError::Timeout { peers, .. })) => peers,
            QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })) => {
                let mut is_enough = false;
                if let Some(Query::Providers { found, some_are_enough, .. }) = self.open.get_mut(&id) {
                    let room = PROVIDERS_MAX.saturating_sub(found.len());
                    found.extend(providers.into_iter().take(room));
                    is_enough = *some_are_enough && !found.is_empty();
                }
                // The search itself may go on for as long as dead nodes are dialled.
                if is_enough && let Some(query) = self.open.remove(&id) {
                    query.finish(&[]);
                }
                Vec::new()
            }
            QueryResult::StartProviding(Err(AddProviderError::Timeout { .. })) => {
                if let Some(Query::Provide { reply }) = self.open.remove(&id) {
                    let _ = reply.send(Err(timeout));
                }
                return Vec::new();
            }
            QueryResult::PutRecord(put) => {
                if let Some(Query::Put { reply }) = self.open.remove(&id) {
                    let _ = reply.send(Ok(told(put)));
                }
                Vec::new()
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
            Query::Providers { found, reply, .. } => {
                let _ = reply.send(Ok(found.into_iter().collect()));
            }
            // `progress` answers when the outcome comes, which is the last step.
            Query::Put { reply } => {
                let _ = reply.send(Ok(0));
            }
            Query::Records { found, reply, .. } => {
                let _ = reply.send(Ok(found.into_valid()));
            }
            Query::Walk | Query::Repeat => {}
        }
    }
}

/// Nodes that were told a record. Fewer than asked for is what a small network is like, not a failure.
fn told(put: Result<PutRecordOk, PutRecordError>) -> usize {
    match put {
        Ok(_) => REPLICATION.get(),
        Err(PutRecordError::QuorumFailed { success, .. } | PutRecordError::Timeout { success, .. }) => success.len(),
    }
}
