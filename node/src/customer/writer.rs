//! The one task that writes to a dataset: packs what several puts bring, sends slabs while it reads, and makes a revision
//! of what is complete.
//!
//! A batch begins with a put and ends 2 s later at the earliest, so that puts that come together share a revision; a put
//! that takes longer than that ends its batch as soon as nobody else waits. Very large puts make a revision every
//! [`SLABS_PER_REVISION_MAX`] slabs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use bitdust_market::{
    customer::{PackedFile, PackedSlab, Packer, Placement, packer::FLUSH_MS, revision::SLABS_PER_REVISION_MAX},
    manifest::{Change, FileEntry, Manifest, Segment, entry::check_path},
};
use bitdust_types::{SlabId, layout::ciphertext_bytes};
use tokio::{
    io::AsyncReadExt as _,
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use super::{
    Dataset, Progress, PutFile, PutReceipt, Shared,
    escrow::{self, Cover},
    placing,
    revise::{self, Overtaken},
    slab::{self, Batch, Context, Sent, budget_units},
};

/// Memory for slabs between the packer and the suppliers, in bytes: at 4 of 8 one slab being encoded (40 MiB plain and
/// 80 MiB of shards) and one being sent (80 MiB). The packer's own slab of 40 MiB comes on top.
pub const BUDGET_BYTES: u64 = 200 << 20;
/// Bytes read from a source at once.
const READ_BYTES: usize = 256 << 10;
/// Revisions of others that one of ours goes on top of before it gives up.
const OVERTAKEN_MAX: usize = 5;
/// How long a source may bring nothing.
const SOURCE_PATIENCE: Duration = Duration::from_secs(300);

/// Something to be written.
pub enum Job {
    /// Files to store.
    Put {
        /// The revision that must be the newest, if it matters.
        onto: Option<u64>,
        /// The files, one after the other.
        files: mpsc::Receiver<PutFile>,
        /// Follows the work.
        progress: watch::Sender<Progress>,
        /// The outcome.
        reply: oneshot::Sender<Result<PutReceipt>>,
    },
    /// Files to remove.
    Remove {
        /// Their paths.
        paths: Vec<String>,
        /// The outcome.
        reply: oneshot::Sender<Result<PutReceipt>>,
    },
}

/// A file that was read to its end.
struct Done {
    path: String,
    modified_ms: u64,
    metadata: Vec<(String, String)>,
    packed: PackedFile,
}

/// Who waits for the batch, and for which files.
struct Waiting {
    paths: Vec<String>,
    reply: oneshot::Sender<Result<PutReceipt>>,
}

/// One batch: from the first job to the revision.
struct Session {
    shared: Arc<Shared>,
    dataset: Arc<Dataset>,
    manifest: Arc<Manifest>,
    batch: Arc<Batch>,
    placed: BTreeMap<u16, Placement>,
    cover: Cover,
    packer: Packer,
    budget: Arc<Semaphore>,
    sending: BTreeMap<u64, JoinHandle<Result<Sent>>>,
    sent: BTreeMap<u64, Sent>,
    done: Vec<Done>,
    removed: Vec<String>,
    waiting: Vec<Waiting>,
    /// Whether somebody relies on the revision that the batch began with.
    is_pinned: bool,
    followers: Vec<watch::Sender<Progress>>,
    /// Whether a file is being read: its slabs must be kept although no entry names them yet.
    reading: bool,
    deadline: Instant,
}

/// Writes until the last handle to the dataset is gone.
pub async fn run(shared: Arc<Shared>, dataset: Weak<Dataset>, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.recv().await {
        let Some(dataset) = dataset.upgrade() else { return };
        let _turn = dataset.turns.put().await;
        let session = match Session::begin(&shared, &dataset).await {
            Ok(session) => session,
            Err(error) => {
                refuse(job, error);
                continue;
            }
        };
        session.work(job, &mut jobs).await;
    }
}

fn refuse(job: Job, error: anyhow::Error) {
    let (Job::Put { reply, .. } | Job::Remove { reply, .. }) = job;
    // Nobody may be waiting any more.
    let _ = reply.send(Err(error));
}

impl Session {
    /// Reads ledger and manifest, and finds a way to every slot.
    async fn begin(shared: &Arc<Shared>, dataset: &Arc<Dataset>) -> Result<Self> {
        let manifest = dataset.manifest(shared).await?;
        let state = dataset.refresh(shared)?;
        if !state.may_write(shared.sender.account()) {
            return Err(anyhow!("{} is neither owner nor writer of dataset {}", shared.sender.account(), dataset.id));
        }
        if state.info.ended {
            return Err(anyhow!("dataset {} has ended; create another one", dataset.id));
        }
        let (placed, mut failed) = placing::fill(shared, dataset, &state).await?;
        if state.info.number == 0 && !failed.is_empty() {
            let (_, reason) = failed.pop_first().context("a refusal was counted")?;
            let n = state.info.layout.n();
            return Err(anyhow!("dataset {} can't begin with fewer than {n} suppliers: {reason}", dataset.id));
        }
        let batch = Batch::new(state.info.layout, failed, shared.now_ms());
        Ok(Session {
            shared: shared.clone(),
            dataset: dataset.clone(),
            manifest,
            batch: Arc::new(batch),
            placed,
            cover: Cover::new(state.info.bytes_per_slot),
            packer: Packer::default(),
            budget: Arc::new(Semaphore::new(budget_units(BUDGET_BYTES))),
            sending: BTreeMap::new(),
            sent: BTreeMap::new(),
            done: Vec::new(),
            removed: Vec::new(),
            waiting: Vec::new(),
            is_pinned: false,
            followers: Vec::new(),
            reading: false,
            deadline: Instant::now() + Duration::from_millis(FLUSH_MS),
        })
    }

    /// Takes jobs until the batch is due, then makes the revision and answers everybody.
    async fn work(mut self, first: Job, jobs: &mut mpsc::Receiver<Job>) {
        let mut job = Some(first);
        while let Some(next) = job.take() {
            self.take(next).await;
            job = match jobs.try_recv() {
                Ok(next) => Some(next),
                Err(_) => tokio::time::timeout_at(self.deadline, jobs.recv()).await.ok().flatten(),
            };
            if self.waiting.is_empty() && job.is_none() {
                break;
            }
        }
        let outcome = self.close().await;
        for handle in self.sending.values() {
            handle.abort();
        }
        let outcome = outcome.map_err(|error| format!("{error:#}"));
        for waiting in std::mem::take(&mut self.waiting) {
            let answer = match &outcome {
                Ok(receipt) => {
                    let own = |file: &&FileEntry| waiting.paths.contains(&file.path);
                    Ok(PutReceipt { files: receipt.files.iter().filter(own).cloned().collect(), ..receipt.clone() })
                }
                Err(reason) => Err(anyhow!("{reason}")),
            };
            let _ = waiting.reply.send(answer);
        }
    }

    async fn take(&mut self, job: Job) {
        match job {
            Job::Remove { paths, reply } => match self.remove(&paths) {
                Ok(()) => self.waiting.push(Waiting { paths, reply }),
                Err(error) => drop(reply.send(Err(error))),
            },
            Job::Put { onto: Some(onto), reply, .. } if onto != self.manifest.number() => {
                let (dataset, newest) = (self.dataset.id, self.manifest.number());
                let refusal = anyhow!("dataset {dataset} is at revision {newest} by now, not at {onto}; read it again");
                drop(reply.send(Err(refusal)));
            }
            Job::Put { mut files, progress, reply, onto } => {
                if onto.is_some() {
                    self.is_pinned = true;
                    // Who relies on a revision has gathered what belongs together, and must not be overtaken.
                    self.deadline = Instant::now();
                }
                self.followers.push(progress);
                let mut paths = Vec::new();
                match self.read_all(&mut files, &mut paths).await {
                    Ok(()) if paths.is_empty() => drop(reply.send(Err(anyhow!("there was no file to store")))),
                    Ok(()) => self.waiting.push(Waiting { paths, reply }),
                    Err(error) => {
                        // What was read of it stays out of the manifest; its slabs are dropped with the next change.
                        self.reading = false;
                        self.done.retain(|done| !paths.contains(&done.path));
                        drop(reply.send(Err(error)));
                    }
                }
            }
        }
    }

    fn remove(&mut self, paths: &[String]) -> Result<()> {
        for path in paths {
            if self.manifest.file(path).is_none() && self.done.iter().all(|done| done.path != *path) {
                return Err(anyhow!("there is no file '{path}' in dataset {}", self.dataset.id));
            }
        }
        self.done.retain(|done| !paths.contains(&done.path));
        self.removed.extend(paths.iter().filter(|path| self.manifest.file(path).is_some()).cloned());
        Ok(())
    }

    async fn read_all(&mut self, files: &mut mpsc::Receiver<PutFile>, paths: &mut Vec<String>) -> Result<()> {
        while let Some(file) = files.recv().await {
            check_path(&file.path)?;
            paths.push(file.path.clone());
            let path = file.path.clone();
            self.read(file).await.with_context(|| format!("storing '{path}'"))?;
        }
        Ok(())
    }

    async fn read(&mut self, mut file: PutFile) -> Result<()> {
        self.packer.begin_at(file.bytes, file.aligned);
        self.reading = true;
        if self.packer.is_ready() {
            self.flush().await?;
        }
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = tokio::time::timeout(SOURCE_PATIENCE, file.content.read(&mut buffer)).await;
            let count = read.with_context(|| format!("the source brought nothing for {SOURCE_PATIENCE:?}"))??;
            if count == 0 {
                break;
            }
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                if self.packer.is_ready() {
                    self.flush().await?;
                }
                let taken = self.packer.write(rest, self.shared.now_ms());
                rest = &rest[taken..];
            }
            self.batch.progress.send_modify(|progress| progress.read_bytes += count as u64);
            self.tell();
        }
        let packed = self.packer.end().context("a file was begun")?;
        self.reading = false;
        if let Some(expected) = file.bytes
            && expected != packed.bytes
        {
            return Err(anyhow!("the source announced {expected} bytes and brought {}", packed.bytes));
        }
        let PutFile { path, modified_ms, metadata, .. } = file;
        self.done.retain(|done| done.path != path);
        self.removed.retain(|removed| *removed != path);
        self.done.push(Done { path, modified_ms, metadata, packed });
        if self.packer.is_ready() {
            self.flush().await?;
        }
        Ok(())
    }

    /// Hands the packer's slab on, as soon as there is memory for it.
    async fn flush(&mut self) -> Result<()> {
        let Some(slab) = self.packer.take() else { return Ok(()) };
        self.batch.check()?;
        self.submit(slab).await?;
        if self.sending.len() + self.sent.len() >= SLABS_PER_REVISION_MAX {
            self.revise().await?;
        }
        Ok(())
    }

    async fn submit(&mut self, slab: PackedSlab) -> Result<()> {
        let layout = self.manifest_layout()?;
        let plain = slab.plain.len() as u64;
        let shard = layout.shard_bytes(ciphertext_bytes(plain));
        if let Some(slot_bytes) = self.cover.grow(shard) {
            self.fund(slot_bytes).await?;
        }
        let shards = shard * u64::from(layout.n());
        let units = budget_units(plain) + budget_units(shards) + usize::from(layout.n());
        let units = units.min(budget_units(BUDGET_BYTES));
        let permits = u32::try_from(units).context("the memory budget")?;
        let permit = self.budget.clone().acquire_many_owned(permits).await?;
        self.collect().await?;
        self.tell();
        let context = Context {
            shared: self.shared.clone(),
            dataset: self.dataset.clone(),
            manifest: self.manifest.clone(),
            batch: self.batch.clone(),
        };
        let index = slab.index;
        self.sending.insert(index, tokio::spawn(async move { slab::send(&context, slab, permit).await }));
        Ok(())
    }

    /// Covers slots of so many bytes at the rates that are agreed or were accepted.
    async fn fund(&self, slot_bytes: u64) -> Result<()> {
        let state = self.dataset.refresh(&self.shared)?;
        let placed = |slot: &u16| self.placed.get(slot).map(|placement| placement.rate);
        let rates: Vec<_> =
            self.batch.reachable().iter().map(|slot| (*slot, revise::rate(&state, *slot, placed(slot)))).collect();
        escrow::ensure(&self.shared, &self.dataset, &state, slot_bytes, &rates).await
    }

    fn manifest_layout(&self) -> Result<bitdust_types::Layout> {
        Ok(super::catalog::read(&*self.shared.chain, self.dataset.id)?.info.layout)
    }

    /// Takes in the slabs that are through; an error of any ends the batch.
    async fn collect(&mut self) -> Result<()> {
        let finished: Vec<u64> =
            self.sending.iter().filter(|(_, handle)| handle.is_finished()).map(|(index, _)| *index).collect();
        for index in finished {
            self.join(index).await?;
        }
        Ok(())
    }

    async fn join(&mut self, index: u64) -> Result<()> {
        let Some(handle) = self.sending.remove(&index) else { return Ok(()) };
        let sent = handle.await.context("a worker stopped while a slab was being sent")??;
        self.sent.insert(index, sent);
        Ok(())
    }

    /// Ends the batch.
    async fn close(&mut self) -> Result<PutReceipt> {
        if self.waiting.is_empty() {
            return Err(anyhow!("nothing was stored"));
        }
        if let Some(slab) = self.packer.take() {
            self.submit(slab).await?;
        }
        let receipt = self.revise().await;
        self.tell();
        receipt
    }

    /// Makes what is complete final.
    async fn revise(&mut self) -> Result<PutReceipt> {
        while let Some(index) = self.sending.keys().next().copied() {
            self.join(index).await?;
            self.tell();
        }
        let (mut made, mut files) = self.try_revise().await?;
        for _ in 0..OVERTAKEN_MAX {
            if made.is_ok() || self.is_pinned || !made.as_ref().is_err_and(|error| error.is::<Overtaken>()) {
                break;
            }
            // What is to be stored doesn't depend on what else is there: it goes on top of the other revision.
            self.manifest = self.dataset.manifest(&self.shared).await?;
            (made, files) = self.try_revise().await?;
        }
        let made = made?;
        self.manifest = made.manifest;
        // What was placed is on the ledger now.
        let bound = self.placed.keys().copied().filter(|slot| !self.batch.failed().contains_key(slot));
        placing::forget(&self.shared, self.dataset.id, bound).await?;
        self.placed.retain(|slot, _| self.batch.failed().contains_key(slot));
        // Slabs of a file that is still being read are known to the manifest from now on.
        self.sent.values_mut().for_each(|sent| sent.known = true);
        self.done.clear();
        self.removed.clear();
        let slots = u16::try_from(self.batch.reachable().len() + self.batch.failed().len()).unwrap_or(u16::MAX);
        Ok(PutReceipt {
            dataset: self.dataset.id,
            number: self.manifest.number(),
            included: made.included,
            held_slots: made.held,
            slots,
            files,
            progress: *self.batch.progress.borrow(),
            lagging: self.batch.failed(),
        })
    }

    /// One attempt, and the files that it is about.
    async fn try_revise(&self) -> Result<(Result<revise::Final>, Vec<FileEntry>)> {
        let change = self.change()?;
        let files = change.files.clone();
        let made = revise::revise(&self.shared, &self.dataset, &self.manifest, change, &self.placed, &self.batch).await;
        Ok((made, files))
    }

    /// What changes: complete files, new slabs, and slabs that nothing uses any more.
    fn change(&self) -> Result<Change> {
        let mut change = Change { tombstones: self.still_there(), ..Change::default() };
        let mut added = BTreeSet::new();
        let named: BTreeSet<u64> =
            self.done.iter().flat_map(|done| &done.packed.pieces).map(|piece| piece.slab).collect();
        for (index, sent) in &self.sent {
            let wanted = self.reading || named.contains(index);
            if wanted && !sent.known && self.manifest.slab(&sent.entry.id).is_none() && added.insert(sent.entry.id) {
                change.slabs.push(sent.entry.clone());
            }
        }
        for done in &self.done {
            change.files.push(self.entry(done)?);
        }
        let state = super::catalog::read(&*self.shared.chain, self.dataset.id)?;
        // Only the owner may shrink a dataset; what a writer leaves behind is dropped with the owner's next change.
        if state.info.owner == self.shared.sender.account() {
            let using: BTreeSet<SlabId> = self.sent.values().map(|sent| sent.entry.id).collect();
            let after = self.manifest.with_change(&change, false)?;
            let unused = after.unused_slabs(&using);
            change.dropped = unused.into_iter().filter(|id| !added.contains(id)).collect();
        }
        Ok(change)
    }

    /// Files to remove that nobody has removed meanwhile.
    fn still_there(&self) -> Vec<String> {
        self.removed.iter().filter(|path| self.manifest.file(path).is_some()).cloned().collect()
    }

    fn entry(&self, done: &Done) -> Result<FileEntry> {
        let segment = |piece: &bitdust_market::customer::Piece| {
            let sent = self.sent.get(&piece.slab).context("a slab of a complete file was sent")?;
            Ok(Segment { slab: sent.entry.id, offset: piece.offset, len: piece.len })
        };
        let file = FileEntry {
            path: done.path.clone(),
            bytes: done.packed.bytes,
            sha256: done.packed.sha256,
            modified_ms: done.modified_ms,
            metadata: done.metadata.clone(),
            segments: done.packed.pieces.iter().map(segment).collect::<Result<_>>()?,
        };
        file.check()?;
        Ok(file)
    }

    /// Tells everybody who follows how far it is.
    fn tell(&self) {
        let progress = *self.batch.progress.borrow();
        self.followers.iter().for_each(|follower| {
            follower.send_replace(progress);
        });
    }
}
