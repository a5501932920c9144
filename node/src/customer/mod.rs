//! The customer at work: stores files on strangers' disks and gets them back.
//!
//! The decisions are `bitdust_market::customer`'s; here is what carries them out:
//! - [`catalog`]: datasets on the ledger, their holders, their manifests from head and suppliers;
//! - [`remote`], [`lanes`], [`idle`], [`pipes`]: streams to the slots; [`suspects`] who failed lately;
//! - [`placing`]: who gets a free slot;
//! - [`writer`]: one task per dataset that packs, seals and sends, several puts to a revision;
//! - [`slab`]: one slab on its way; [`revise`]: promises and the ledger;
//! - [`pieces`]: a part of a shard from its holder; [`reading`]: files and ranges as streams of bytes, [`units`] those read
//!   last; [`ranges`]: a range from holders that the caller chose; [`checking`]: is all of it still there?
//! - [`repairing`]: bringing lagging slots to their target, [`caretaking`] when, [`turns`] whose turn it is;
//! - [`shelves`]: all datasets as one place for files;
//! - [`escrow`]: keeps what suppliers are promised covered;
//! - [`logbook`]: the upload journal.
//!
//! **Invariant:** a slab's id, key and salt are synced in the journal before its first byte leaves.
//! **Invariant:** a put is acknowledged when the revision that names it is final on the ledger with at least k + margin
//! slots held ([`margin`]).
//! **Invariant:** memory is bounded, whatever the size of a file: [`writer::BUDGET_BYTES`] on the way out,
//! [`reading::WINDOWS_AT_ONCE`] windows on the way in.

pub mod caretaking;
pub mod catalog;
pub mod checking;
pub mod escrow;
pub mod idle;
pub mod lanes;
pub mod logbook;
pub mod pieces;
pub mod pipes;
pub mod placing;
pub mod ranges;
pub mod reading;
pub mod remote;
pub mod repairing;
pub mod revise;
pub mod shelves;
pub mod slab;
pub mod suspects;
#[cfg(test)]
pub(crate) mod tests;
pub mod turns;
pub mod units;
pub mod writer;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, anyhow, bail};
use bitdust_ledger::market::{abi::IMarket, view::DatasetInfo};
use bitdust_market::{
    customer::{Latencies, placement::Failures},
    manifest::{FileEntry, Manifest, seal::ManifestKeys},
};
use bitdust_types::{Address, Amount, B256, DatasetId, Layout, U256, keccak256, system::MARKET};
use tokio::{
    io::AsyncRead,
    sync::{mpsc, oneshot, watch},
};
use zeroize::Zeroizing;

use crate::chain_api::{ChainReader, Included, TxSender, look};
use idle::Idle;
use lanes::Lanes;
use logbook::Logbook;
use pipes::Pipes;
use placing::Surveyor;
use remote::Dialer;
use suspects::Suspects;

/// Puts and removals that wait for one dataset's writer.
const JOBS_WAITING: usize = 64;

/// What a customer is made of.
pub struct Parts {
    /// The chain.
    pub chain: Arc<dyn ChainReader>,
    /// The customer's account.
    pub sender: Arc<dyn TxSender>,
    /// Opens streams to suppliers.
    pub dialer: Arc<dyn Dialer>,
    /// Meets suppliers before they are chosen.
    pub surveyor: Arc<dyn Surveyor>,
    /// The X25519 secret that manifests are sealed to.
    pub storage_secret: Zeroizing<[u8; 32]>,
    /// Directory of the upload journal.
    pub dir: PathBuf,
    /// Whether suppliers on this machine may share its address.
    pub share_loopback: bool,
    /// How long a node that has just started goes on trying to meet one supplier.
    pub meeting_ms: u64,
}

/// What all datasets of a customer share.
pub struct Shared {
    pub(crate) chain: Arc<dyn ChainReader>,
    pub(crate) sender: Arc<dyn TxSender>,
    pub(crate) dialer: Arc<dyn Dialer>,
    pub(crate) surveyor: Arc<dyn Surveyor>,
    pub(crate) logbook: Logbook,
    pub(crate) failures: Mutex<Failures>,
    pub(crate) suspects: Suspects,
    /// How long answers took lately, whoever gave them.
    pub(crate) latencies: Mutex<Latencies>,
    idle: Arc<Idle>,
    pipes: Pipes,
    pub(crate) share_loopback: bool,
    pub(crate) meeting_ms: u64,
    started: Instant,
    storage_secret: Zeroizing<[u8; 32]>,
}

impl Shared {
    /// Milliseconds since the start: the clock that the market's logic is told.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The keys of a dataset's manifests: the owner's own, or everybody's if it is public.
    pub(crate) fn manifest_keys(&self, info: &DatasetInfo) -> ManifestKeys {
        if info.is_public() {
            ManifestKeys::of_public(info.id)
        } else {
            ManifestKeys::derive(&self.storage_secret, info.id)
        }
    }

    /// What counts as a slow answer.
    pub(crate) fn slow_ms(&self) -> u64 {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).slow_ms()
    }

    /// A supplier answered well, after so long.
    pub(crate) fn note_answer(&self, account: &Address, took_ms: u64) {
        self.suspects.remove(account);
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).note(took_ms);
    }

    /// Remembers that a supplier failed.
    pub(crate) fn note_failure(&self, account: Address) {
        self.suspects.add(account);
        let now_ms = self.now_ms();
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).note(account, now_ms);
    }
}

/// One dataset in use.
pub struct Dataset {
    pub(crate) id: DatasetId,
    /// Whether anybody may read it; that never changes.
    pub(crate) public: bool,
    pub(crate) lanes: Lanes,
    pub(crate) recent: Mutex<units::RecentUnits>,
    pub(crate) turns: turns::Turns,
    /// Who held which slot when the ledger was last looked at.
    held: Mutex<BTreeMap<u16, Address>>,
    manifest: tokio::sync::Mutex<Option<Arc<Manifest>>>,
    jobs: mpsc::Sender<writer::Job>,
}

/// A file to be stored.
pub struct PutFile {
    /// Its path in the dataset.
    pub path: String,
    /// Its bytes, if the source says so.
    pub bytes: Option<u64>,
    /// Last change, in milliseconds since 1970.
    pub modified_ms: u64,
    /// Whether its first byte must be the first of a stripe unit: its writer laid it out by units.
    pub aligned: bool,
    /// Title, content type, ...
    pub metadata: Vec<(String, String)>,
    /// The content.
    pub content: Box<dyn AsyncRead + Send + Unpin>,
}

/// How far a put has come. All numbers only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read from the source.
    pub read_bytes: u64,
    /// Bytes of shards sent.
    pub sent_bytes: u64,
    /// Shards sent.
    pub sent_shards: u64,
    /// Shards that the suppliers had already.
    pub skipped_shards: u64,
    /// Slabs that all reachable suppliers have.
    pub slabs: u64,
}

/// What a put came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutReceipt {
    /// The dataset.
    pub dataset: DatasetId,
    /// The revision that names the files.
    pub number: u64,
    /// The transaction that made it final.
    pub included: Included,
    /// Slots that hold it.
    pub held_slots: u16,
    /// Slots in all.
    pub slots: u16,
    /// The files.
    pub files: Vec<FileEntry>,
    /// What was sent and what needn't be; several puts of one revision count together.
    pub progress: Progress,
    /// Slots that don't hold it yet, and why.
    pub lagging: BTreeMap<u16, String>,
}

/// Terms of a new dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateDataset {
    /// Data shards and shards in all.
    pub layout: Layout,
    /// Term in epochs.
    pub term_epochs: u64,
    /// Highest price per GiB and epoch.
    pub price_cap: Amount,
    /// Escrow to begin with.
    pub deposit: Amount,
    /// Whether anybody may read.
    pub public: bool,
    /// Tells apart the datasets of one owner.
    pub salt: u32,
}

/// Slots beyond k that must hold a revision before it counts: half of the spare ones, rounded up. 4 of 8 asks for 6,
/// 10 of 30 for 20: as many as may be lost before repair begins.
pub fn margin(layout: Layout) -> u16 {
    u16::from(layout.n() - layout.k()).div_ceil(2)
}

/// A running customer.
pub struct Customer {
    shared: Arc<Shared>,
    datasets: Mutex<HashMap<DatasetId, Arc<Dataset>>>,
}

impl Customer {
    /// A customer with its journal read back. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The journal can't be read.
    pub fn open(parts: Parts) -> Result<Arc<Self>> {
        let logbook = Logbook::open(&parts.dir)?;
        let shared = Shared {
            chain: parts.chain,
            sender: parts.sender,
            dialer: parts.dialer,
            surveyor: parts.surveyor,
            logbook,
            failures: Mutex::default(),
            suspects: Suspects::default(),
            latencies: Mutex::default(),
            idle: Arc::default(),
            pipes: Pipes::default(),
            share_loopback: parts.share_loopback,
            meeting_ms: parts.meeting_ms,
            started: Instant::now(),
            storage_secret: parts.storage_secret,
        };
        Ok(Arc::new(Customer { shared: Arc::new(shared), datasets: Mutex::default() }))
    }

    /// The customer's account.
    pub fn account(&self) -> Address {
        self.shared.sender.account()
    }

    /// The id that a dataset of this account with this salt has.
    pub fn dataset_id(&self, salt: u32) -> DatasetId {
        let account = self.account();
        let mut bytes = account.to_vec();
        bytes.extend_from_slice(account.as_slice());
        bytes.extend_from_slice(&salt.to_be_bytes());
        bytes.extend_from_slice(&self.shared.chain.params().chain_id.to_be_bytes());
        DatasetId::from(keccak256(bytes))
    }

    /// Opens a dataset on the ledger.
    pub async fn create(&self, terms: &CreateDataset) -> Result<(DatasetId, Included)> {
        let id = self.dataset_id(terms.salt);
        let params = IMarket::CreateParams {
            owner: self.account(),
            k: terms.layout.k(),
            n: terms.layout.n(),
            visibility: u8::from(terms.public),
            termEpochs: terms.term_epochs,
            priceCap: terms.price_cap.grains(),
            salt: terms.salt,
        };
        let input = IMarket::createDatasetCall { params }.abi_encode();
        let sent = self.shared.sender.transact(MARKET, terms.deposit.into(), input.into()).await;
        let included = sent.context("creating the dataset")?;
        let known = look(&*self.shared.chain, |view, _| Ok(view.dataset(id)?.is_some()))?;
        if !known {
            bail!("transaction {} succeeded, but the ledger has no dataset {id}", included.hash);
        }
        Ok((id, included))
    }

    /// Adds to a dataset's escrow.
    pub async fn fund(&self, dataset: DatasetId, amount: Amount) -> Result<Included> {
        let input = IMarket::fundCall { dataset: dataset.into() }.abi_encode();
        self.shared.sender.transact(MARKET, amount.into(), input.into()).await.context("funding the dataset")
    }

    /// Lengthens a dataset's term.
    pub async fn renew(&self, dataset: DatasetId, extra_epochs: u64, amount: Amount) -> Result<Included> {
        let input = IMarket::renewCall { dataset: dataset.into(), extraEpochs: extra_epochs }.abi_encode();
        self.shared.sender.transact(MARKET, amount.into(), input.into()).await.context("renewing the dataset")
    }

    /// Pays the suppliers what they have earned so far.
    pub async fn settle(&self, dataset: DatasetId) -> Result<Included> {
        let input = IMarket::settleCall { dataset: dataset.into() }.abi_encode();
        self.shared.sender.transact(MARKET, U256::ZERO, input.into()).await.context("settling the dataset")
    }

    /// Ends a dataset: pays what is due, refunds the rest, and lets the suppliers delete the data.
    pub async fn end(&self, dataset: DatasetId) -> Result<Included> {
        let input = IMarket::endCall { dataset: dataset.into() }.abi_encode();
        let included =
            self.shared.sender.transact(MARKET, U256::ZERO, input.into()).await.context("ending the dataset")?;
        self.datasets.lock().unwrap_or_else(PoisonError::into_inner).remove(&dataset);
        Ok(included)
    }

    /// The account's datasets that are in use, as the ledger lists them.
    pub fn datasets(&self) -> Result<Vec<DatasetId>> {
        let owner = self.account();
        look(&*self.shared.chain, |view, _| Ok(view.datasets_of(owner)?))
    }

    /// Stores files: they become visible together, in one revision or several if they are very large.
    ///
    /// `progress` follows the work. Waits for the revision to be final.
    pub async fn put(
        &self,
        dataset: DatasetId,
        files: mpsc::Receiver<PutFile>,
        progress: watch::Sender<Progress>,
    ) -> Result<PutReceipt> {
        let (reply, done) = oneshot::channel();
        self.give(dataset, writer::Job::Put { onto: None, files, progress, reply }, done).await
    }

    /// The same if the dataset's newest revision is still `revision`: for files that replace what was read there.
    ///
    /// # Errors
    /// Another writer was first; nothing has changed then.
    pub async fn put_onto(
        &self,
        dataset: DatasetId,
        revision: u64,
        files: mpsc::Receiver<PutFile>,
    ) -> Result<PutReceipt> {
        let (reply, done) = oneshot::channel();
        let progress = watch::Sender::default();
        self.give(dataset, writer::Job::Put { onto: Some(revision), files, progress, reply }, done).await
    }

    /// Stores one file.
    pub async fn put_one(&self, dataset: DatasetId, file: PutFile) -> Result<PutReceipt> {
        let (files, queue) = mpsc::channel(1);
        files.send(file).await.map_err(|_| anyhow!("the file could not be queued"))?;
        drop(files);
        self.put(dataset, queue, watch::Sender::default()).await
    }

    /// Removes files. Slabs that nothing else uses are dropped.
    pub async fn remove(&self, dataset: DatasetId, paths: Vec<String>) -> Result<PutReceipt> {
        let (reply, done) = oneshot::channel();
        self.give(dataset, writer::Job::Remove { paths, reply }, done).await
    }

    async fn give(
        &self,
        dataset: DatasetId,
        job: writer::Job,
        done: oneshot::Receiver<Result<PutReceipt>>,
    ) -> Result<PutReceipt> {
        let dataset = self.dataset(dataset)?;
        dataset.jobs.send(job).await.map_err(|_| anyhow!("the writer of dataset {} has stopped", dataset.id))?;
        done.await
            .map_err(|_| anyhow!("the writer of dataset {} stopped during the put; put again to go on", dataset.id))?
    }

    /// The newest manifest of a dataset, from memory if it is current, else from the suppliers.
    pub async fn manifest(&self, dataset: DatasetId) -> Result<Arc<Manifest>> {
        let dataset = self.dataset(dataset)?;
        dataset.manifest(&self.shared).await
    }

    /// Files at or below a path.
    pub async fn list(&self, dataset: DatasetId, below: &str) -> Result<Vec<FileEntry>> {
        Ok(self.manifest(dataset).await?.list(below).cloned().collect())
    }

    /// One file's entry.
    pub async fn stat(&self, dataset: DatasetId, path: &str) -> Result<FileEntry> {
        let manifest = self.manifest(dataset).await?;
        manifest.file(path).cloned().with_context(|| format!("there is no file '{path}' in dataset {dataset}"))
    }

    /// A file, or bytes `range` of it, as a stream.
    pub async fn get(
        &self,
        dataset: DatasetId,
        path: &str,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<reading::Download> {
        let dataset = self.dataset(dataset)?;
        let manifest = dataset.manifest(&self.shared).await?;
        let found = manifest.file(path).cloned();
        let file = found.with_context(|| format!("there is no file '{path}' in dataset {}", dataset.id))?;
        reading::download(self.shared.clone(), dataset, manifest, file, range)
    }

    /// A file of a public dataset, to be read range by range from holders that the caller chooses.
    pub async fn ranges(&self, dataset: DatasetId, path: &str) -> Result<ranges::Ranges> {
        let dataset = self.dataset(dataset)?;
        let manifest = dataset.manifest(&self.shared).await?;
        let found = manifest.file(path).cloned();
        let file = found.with_context(|| format!("there is no file '{path}' in dataset {}", dataset.id))?;
        ranges::Ranges::new(self.shared.clone(), dataset, manifest, file)
    }

    /// Reads a file to its end and compares its hash; counts the shards that the suppliers have.
    pub async fn verify(&self, dataset: DatasetId, path: &str) -> Result<checking::Verified> {
        let opened = self.dataset(dataset)?;
        let manifest = opened.manifest(&self.shared).await?;
        let found = manifest.file(path).cloned();
        let file = found.with_context(|| format!("there is no file '{path}' in dataset {dataset}"))?;
        checking::verify(&self.shared, &opened, &manifest, file).await
    }

    /// Brings lagging and free slots to their target, rebuilding shards from others where need be. Waits for the puts that are
    /// under way.
    pub async fn repair(&self, dataset: DatasetId) -> Result<repairing::Repaired> {
        let opened = self.dataset(dataset)?;
        let _turn = opened.turns.repair().await;
        repairing::repair(&self.shared, &opened, false).await
    }

    /// Finds all datasets of the account and reads their manifests: all that is needed after losing everything but the
    /// phrase.
    pub async fn restore(&self) -> Result<Vec<(DatasetId, Result<Arc<Manifest>>)>> {
        let mut found = Vec::new();
        for id in self.datasets()? {
            found.push((id, self.manifest(id).await));
        }
        Ok(found)
    }

    /// What `term` epochs of `bytes` bytes cost at most under a cap: the escrow that is certainly enough, in grains.
    pub fn escrow_for(layout: Layout, bytes: u64, term_epochs: u64, price_cap: Amount) -> Option<Amount> {
        let per_slot = bytes.div_ceil(u64::from(layout.k()));
        price_cap.price(per_slot, term_epochs)?.checked_mul_div(u128::from(layout.n()), 1)
    }

    /// A dataset in use; its writer starts with it.
    fn dataset(&self, id: DatasetId) -> Result<Arc<Dataset>> {
        let mut datasets = self.datasets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dataset) = datasets.get(&id) {
            return Ok(dataset.clone());
        }
        let state = catalog::read(&*self.shared.chain, id)?;
        let may_write = state.may_write(self.account());
        if !may_write && !state.info.is_public() {
            bail!(
                "dataset {id} is private and belongs to {}; this node's account is {}",
                state.info.owner,
                self.account()
            );
        }
        let (jobs, queue) = mpsc::channel(JOBS_WAITING);
        let dataset = Arc::new(Dataset {
            id,
            public: state.info.is_public(),
            lanes: Lanes::new(id, may_write, self.shared.idle.clone()),
            recent: Mutex::default(),
            turns: turns::Turns::default(),
            held: Mutex::default(),
            manifest: tokio::sync::Mutex::default(),
            jobs,
        });
        // The writer ends when the last handle to the dataset is gone and its queue is empty.
        tokio::spawn(writer::run(self.shared.clone(), Arc::downgrade(&dataset), queue));
        datasets.insert(id, dataset.clone());
        Ok(dataset)
    }
}

/// The salt of a dataset's name: its first four bytes of Keccak-256.
pub fn salt_of(name: &str) -> u32 {
    let hash: B256 = keccak256(name.as_bytes());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}
