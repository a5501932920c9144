//! A node in memory: coins that move when a signed transaction comes, files that are kept, an offer that can be made.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use alloy_primitives::{Address, B256, keccak256};
use async_trait::async_trait;
use bitdust_rpc::{
    Backends, Client, Code, Config, Failure, Handle, Modules, Token,
    api::{NetServer, NodeServer, StorageServer, SupplierServer},
    objects::{At, ByteStream, DeleteReport, ObjectMeta, ObjectPath, Objects, OpenObject, PutReport, PutRequest},
    places::{ChunksRequest, Frame, FrameStream, Places, Source},
    tar::read::Entries,
    types::{
        node::{MetricsInfo, NodeStatus, PeerInfo, Role, SendRequest, Sent},
        storage::{Listing, ObjectInfo, ObjectStat, OwnDataset, RestoreReport, StorageStatus, VerifyReport},
        supplier::{RegisterRequest, SupplierStatus},
    },
};
use bitdust_types::{Amount, BlockId, DatasetId, Root};
use bitdust_world::{Chunk, block, pack};
use bytes::Bytes;
use futures::{StreamExt, stream};

use crate::chain::Chain;

pub const DATASET: DatasetId = DatasetId([7; 32]);
pub const TOKEN: [u8; 32] = [0x5a; 32];
/// An object whose reading breaks off in the middle, but for its last bytes.
pub const BROKEN: &str = "public/broken";

#[derive(Default)]
pub struct State {
    pub files: BTreeMap<String, (Bytes, u64)>,
    pub revision: u64,
    pub offer: Option<RegisterRequest>,
    pub sent: Vec<SendRequest>,
}

#[derive(Clone, Default)]
pub struct Backend(Arc<Mutex<State>>);

impl Backend {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn store(&self, files: Vec<(String, Bytes, u64)>, skipped: Vec<bitdust_rpc::objects::Skipped>) -> PutReport {
        let mut state = self.state();
        state.revision += 1;
        let (objects, bytes) = (files.len() as u64, files.iter().map(|file| file.1.len() as u64).sum());
        state.files.extend(files.into_iter().map(|(path, bytes, modified)| (path, (bytes, modified))));
        PutReport {
            dataset: DATASET,
            revision: state.revision,
            head: Root([3; 32]),
            objects,
            bytes,
            bytes_sent: 2 * bytes,
            k: 4,
            n: 8,
            held: 8,
            transaction: B256::repeat_byte(1),
            height: 9,
            paid: Amount::from_grains(5),
            skipped,
        }
    }

    fn sent(&self) -> Sent {
        Sent {
            transaction: B256::repeat_byte(2),
            from: Address::ZERO,
            nonce: 0,
            height: Some(4),
            success: Some(true),
            gas_paid: Some(Amount::from_grains(21_000)),
        }
    }

    fn missing(path: &str) -> Failure {
        Failure::not_found(format!("there is no object {path}"), "storage_ls lists what there is")
    }
}

/// The one world that there is: chunks at even x are stone in a claimed location, the others the generator's.
pub const WORLD: B256 = B256::repeat_byte(9);

#[async_trait]
impl Places for Backend {
    async fn chunks(&self, world: B256, request: ChunksRequest) -> Result<FrameStream, Failure> {
        if world != WORLD {
            return Err(Failure::not_found(format!("there is no world {world}"), "ask for another"));
        }
        let frame = |wanted: bitdust_rpc::places::WantedChunk| match wanted.pos.x % 2 {
            0 => {
                let chunk = Chunk::uniform(block::STONE);
                let (hash, packed) = (chunk.hash(), pack::pack(&chunk));
                let source = Source::supplier(Address::repeat_byte(1));
                Frame::Chunk { pos: wanted.pos, hash, sequence: 3, source, packed }
            }
            _ => Frame::Generated { pos: wanted.pos, unclaimed: false },
        };
        Ok(stream::iter(request.chunks.into_iter().map(frame)).boxed())
    }
}

#[async_trait]
impl Objects for Backend {
    async fn put(&self, request: PutRequest, mut body: ByteStream) -> Result<PutReport, Failure> {
        let mut all = Vec::new();
        while let Some(piece) = body.next().await {
            all.extend_from_slice(&piece?);
        }
        assert!(request.bytes.is_none_or(|bytes| bytes == all.len() as u64));
        if request.terms.k > request.terms.n {
            return Err(Failure::params("k is more than n", "choose k <= n"));
        }
        Ok(self.store(vec![(request.path.to_string(), all.into(), 1)], vec![]))
    }

    async fn put_batch(&self, _: PutRequest, mut entries: Entries) -> Result<PutReport, Failure> {
        let mut files = Vec::new();
        while let Some(entry) = entries.next().await? {
            let mut all = Vec::new();
            while let Some(piece) = entries.chunk().await? {
                all.extend_from_slice(&piece);
            }
            files.push((entry.path.to_string(), all.into(), entry.modified_ms));
        }
        Ok(self.store(files, entries.skipped().to_vec()))
    }

    async fn open(&self, path: &ObjectPath, _: At) -> Result<Box<dyn OpenObject>, Failure> {
        assert_ne!(path.as_str(), "public/bug", "a bug in the backend");
        let state = self.state();
        let (bytes, modified_ms) =
            state.files.get(path.as_str()).cloned().ok_or_else(|| Self::missing(path.as_str()))?;
        let meta = ObjectMeta {
            path: path.clone(),
            bytes: bytes.len() as u64,
            modified_ms,
            dataset: DATASET,
            revision: 1,
            public: path.as_str().starts_with("public/"),
            tag: alloy_primitives::hex::encode(&keccak256(&bytes)[..8]),
        };
        Ok(Box::new(Opened { meta, bytes }))
    }

    async fn delete(&self, path: &ObjectPath) -> Result<DeleteReport, Failure> {
        let mut state = self.state();
        let (bytes, _) = state.files.remove(path.as_str()).ok_or_else(|| Self::missing(path.as_str()))?;
        state.revision += 1;
        Ok(DeleteReport {
            path: path.to_string(),
            dataset: DATASET,
            revision: state.revision,
            dead_bytes: bytes.len() as u64,
            transaction: B256::repeat_byte(1),
            copies: 1,
            warnings: vec![],
        })
    }
}

struct Opened {
    meta: ObjectMeta,
    bytes: Bytes,
}

#[async_trait]
impl OpenObject for Opened {
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    async fn read(self: Box<Self>, start: u64, end: u64) -> Result<ByteStream, Failure> {
        let part = self.bytes.slice(start as usize..end as usize);
        let mut pieces: Vec<Result<Bytes, Failure>> =
            part.chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        if self.meta.path.as_str() == BROKEN && pieces.len() > 3 {
            pieces.truncate(3);
            let what = "3 of 8 suppliers gave the right bytes, 4 are needed";
            pieces.push(Err(Failure::new(Code::DataUnavailable, what, "try again when more are online")));
        }
        Ok(stream::iter(pieces).boxed())
    }
}

#[async_trait]
impl StorageServer for Backend {
    async fn storage_status(&self) -> Result<StorageStatus, Failure> {
        Ok(StorageStatus { objects: self.state().files.len() as u64, ..StorageStatus::default() })
    }

    async fn storage_ls(
        &self,
        prefix: Option<String>,
        after: Option<String>,
        limit: Option<u32>,
    ) -> Result<Listing, Failure> {
        let (prefix, after, limit) =
            (prefix.unwrap_or_default(), after.unwrap_or_default(), limit.unwrap_or(1000) as usize);
        let state = self.state();
        let found = state.files.iter().filter(|(path, _)| path.starts_with(&prefix) && **path > after);
        let mut objects: Vec<ObjectInfo> = found
            .take(limit + 1)
            .map(|(path, (bytes, modified_ms))| ObjectInfo {
                path: path.clone(),
                bytes: bytes.len() as u64,
                modified_ms: *modified_ms,
                dataset: DATASET,
                revision: 1,
                public: path.starts_with("public/"),
            })
            .collect();
        let more = objects.len() > limit;
        objects.truncate(limit);
        let next = objects.last().filter(|_| more).map(|last| last.path.clone());
        Ok(Listing { objects, next, warnings: vec![] })
    }

    async fn storage_stat(&self, path: String) -> Result<ObjectStat, Failure> {
        Err(Self::missing(&path))
    }

    async fn storage_rm(&self, path: String) -> Result<DeleteReport, Failure> {
        self.delete(&ObjectPath::parse(&path)?).await
    }

    async fn storage_verify(&self, path: String) -> Result<VerifyReport, Failure> {
        Err(Self::missing(&path))
    }

    async fn storage_datasets(&self) -> Result<Vec<OwnDataset>, Failure> {
        Ok(vec![])
    }

    async fn storage_restore(&self) -> Result<RestoreReport, Failure> {
        Err(Self::missing("anything"))
    }
}

#[async_trait]
impl SupplierServer for Backend {
    async fn supplier_register(&self, request: RegisterRequest) -> Result<Sent, Failure> {
        self.state().offer = Some(request);
        Ok(self.sent())
    }

    async fn supplier_status(&self) -> Result<SupplierStatus, Failure> {
        Ok(SupplierStatus {
            address: Address::ZERO,
            registered: self.state().offer.is_some(),
            ledger: None,
            stored_bytes: 0,
            free_bytes: 1,
            balance: Amount::ZERO,
            last_proof_epoch: None,
            last_proof_misses: 0,
            warnings: vec![],
        })
    }

    async fn supplier_price(&self, per_gib_epoch: Amount, _: Option<Amount>) -> Result<Sent, Failure> {
        let mut state = self.state();
        let offer =
            state.offer.as_mut().ok_or_else(|| Failure::not_found("there is no offer", "register one first"))?;
        offer.price_per_gib_epoch = Some(per_gib_epoch);
        Ok(self.sent())
    }

    async fn supplier_declare_fault(&self, dataset: DatasetId, slot: u16) -> Result<Sent, Failure> {
        Err(Failure::not_found(format!("this node does not hold slot {slot} of {dataset}"), "see supplier_status"))
    }

    async fn supplier_exit(&self) -> Result<Sent, Failure> {
        self.state().offer = None;
        Ok(self.sent())
    }
}

#[async_trait]
impl NodeServer for Backend {
    async fn node_status(&self) -> Result<NodeStatus, Failure> {
        Ok(NodeStatus {
            name: "test".to_owned(),
            version: "0.1.0".to_owned(),
            network: "devnet".to_owned(),
            chain_id: 45439,
            roles: vec![Role::Customer],
            address: Address::ZERO,
            balance: Amount::from_dust(1).unwrap(),
            peer_id: String::new(),
            listen: vec![],
            height: 1,
            block_id: BlockId([1; 32]),
            syncing: false,
            peers: 0,
            uptime_s: 0,
            warnings: vec![],
        })
    }

    async fn node_peers(&self) -> Result<Vec<PeerInfo>, Failure> {
        Ok(vec![])
    }

    async fn node_metrics(&self) -> Result<MetricsInfo, Failure> {
        panic!("a bug in the backend")
    }

    async fn node_send(&self, request: SendRequest) -> Result<Sent, Failure> {
        self.state().sent.push(request);
        Ok(self.sent())
    }
}

#[async_trait]
impl NetServer for Backend {
    async fn net_version(&self) -> Result<String, Failure> {
        Ok("45439".to_owned())
    }

    async fn net_peer_count(&self) -> Result<alloy_primitives::U64, Failure> {
        Ok(alloy_primitives::U64::from(3))
    }

    async fn net_listening(&self) -> Result<bool, Failure> {
        Ok(true)
    }
}

/// A running server with its backend.
pub struct Node {
    pub handle: Handle,
    pub backend: Backend,
    pub url: String,
}

impl Node {
    pub async fn start() -> Node {
        Node::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Node {
        let mut config = Config { token_file: "/data/node/token".into(), ..Config::default() };
        config.listen.set_port(0);
        config.origins = vec!["http://127.0.0.1:8180".to_owned()];
        config.limits.stall_timeout = Duration::from_secs(20);
        change(&mut config);
        let backend = Backend::default();
        let modules = Modules::new("bitdust/0.1.0")
            .eth(Chain::new())
            .and_then(|modules| modules.net(backend.clone()))
            .and_then(|modules| modules.storage(backend.clone()))
            .and_then(|modules| modules.supplier(backend.clone()))
            .and_then(|modules| modules.node(backend.clone()))
            .unwrap();
        let backends = Backends { objects: Some(Arc::new(backend.clone())), places: Some(Arc::new(backend.clone())) };
        let handle = bitdust_rpc::start(config, Token::from_bytes(TOKEN), modules, backends).await.unwrap();
        let url = format!("http://{}", handle.local_addr());
        Node { handle, backend, url }
    }

    pub fn bearer() -> String {
        format!("Bearer {}", Token::from_bytes(TOKEN).to_hex())
    }

    pub async fn owner(&self) -> Client {
        Client::connect(&self.url, Some(&Token::from_bytes(TOKEN))).await.unwrap()
    }

    pub async fn stranger(&self) -> Client {
        Client::connect(&self.url, None).await.unwrap()
    }

    /// Posts a body as it stands and answers status and JSON.
    pub async fn post(&self, body: impl Into<reqwest::Body>) -> (u16, serde_json::Value) {
        let request = reqwest::Client::new().post(&self.url).header("content-type", "application/json").body(body);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }
}
