//! An open location: its claim, its newest version, and the edits on top of it.
//!
//! What the ledger and the suppliers say is looked at again whenever the dataset has a new revision ([`Place::refresh`]).
//! Edits of our own that suppliers don't hold yet survive that: they are put into the graph again.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use bitdust_ledger::worlds::view::ClaimInfo;
use bitdust_market::manifest::Manifest as Files;
use bitdust_proof::blob;
use bitdust_types::{Address, B256, DatasetId, Root};
use bitdust_world::{
    LocationPos,
    edits::{AccessList, Checked, Claim, Folded, Graph, Op, Secp256k1},
    location::{
        BASE_BYTES_MAX, LOG_SEGMENT_BYTES_MAX, LogSegment, MANIFEST_BYTES_MAX, MANIFEST_FILE, Manifest, base_file,
        chunks_file, edits_file,
    },
};

use super::{
    Worlds,
    registry::{World, location_file},
};

/// See the module's head.
pub struct Place {
    world: Arc<World>,
    pos: LocationPos,
    owner: Address,
    dataset: DatasetId,
    state: Mutex<State>,
    listening: AtomicBool,
    repeated: Mutex<Instant>,
    /// Held while the suppliers are asked, so that it's done once.
    refreshing: tokio::sync::Mutex<()>,
    /// Held while edits or a version are brought to the suppliers.
    pub(super) writing: tokio::sync::Mutex<()>,
}

/// What is known of a location.
pub(super) struct State {
    /// The dataset's revision that this was read from.
    pub revision: u64,
    /// The newest version; none before the first.
    pub manifest: Option<Arc<Manifest>>,
    /// The edits on top of it.
    pub graph: Graph,
    /// The log as suppliers hold it.
    pub log: Log,
}

/// The log of edits after a version, as suppliers hold it.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// Names of edits that are in it.
    pub kept: std::collections::BTreeSet<[u8; 32]>,
    /// The number of the next edit.
    pub next: u64,
    /// Hash of the newest segment, or of the manifest.
    pub newest: Root,
    /// The last segment, if it is short enough to be made longer.
    pub last: Option<LogSegment>,
    /// Hash of what precedes that one.
    pub before_last: Root,
    /// Segments.
    pub segments: u32,
}

impl Place {
    /// A location of which only the claim is known.
    pub fn new(world: Arc<World>, pos: LocationPos, claim: &ClaimInfo, chain: u64) -> Result<Self> {
        let graph = Graph::new(first_claim(chain, world.id, pos, claim.owner))?;
        Ok(Place {
            world,
            pos,
            owner: claim.owner,
            dataset: claim.dataset,
            state: Mutex::new(State { revision: 0, manifest: None, graph, log: Log::default() }),
            listening: AtomicBool::new(false),
            repeated: Mutex::new(Instant::now()),
            refreshing: tokio::sync::Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        })
    }

    /// The world that it is in.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// Where.
    pub fn pos(&self) -> LocationPos {
        self.pos
    }

    /// Whose claim it is.
    pub fn owner(&self) -> Address {
        self.owner
    }

    /// The dataset that keeps it.
    pub fn dataset(&self) -> DatasetId {
        self.dataset
    }

    /// Whether suppliers lack some of its edits.
    pub fn has_unsaved(&self) -> bool {
        self.state().unsaved().next().is_some()
    }

    /// Whether it falls to the caller to listen to what is said here.
    pub(super) fn begin_listening(&self) -> bool {
        !self.listening.swap(true, Ordering::SeqCst)
    }

    /// Nobody listens any more.
    pub(super) fn end_listening(&self) {
        self.listening.store(false, Ordering::SeqCst);
    }

    /// Whether edits should be said again; if so, the time is taken anew.
    pub(super) fn is_repeat_due(&self, period: Duration) -> bool {
        let mut repeated = self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = repeated.elapsed() >= period;
        if is_due {
            *repeated = Instant::now();
        }
        is_due
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path of one of its files.
    pub(super) fn file(&self, name: &str) -> String {
        location_file(self.world.id, self.pos, name)
    }

    /// Reads what suppliers have beyond what is known.
    pub async fn refresh(&self, worlds: &Worlds) -> Result<()> {
        let revision = worlds.revision(self.dataset)?;
        if self.state().revision == revision {
            return Ok(());
        }
        let _only_once = self.refreshing.lock().await;
        let revision = worlds.revision(self.dataset)?;
        if self.state().revision == revision {
            return Ok(());
        }
        let what = || format!("location {} of world '{}'", self.pos, self.world.def.name);
        let files = worlds.customer.manifest(self.dataset).await.with_context(what)?;
        let (known, known_log) = {
            let state = self.state();
            (state.manifest.clone(), state.log.clone())
        };
        let manifest = self.read_manifest(worlds, &files, known.clone()).await.with_context(what)?;
        let is_newer = manifest.as_ref().map(|new| new.hash()) != known.as_ref().map(|old| old.hash());
        let base = match &manifest {
            Some(manifest) if is_newer => self.read_base(worlds, manifest).await.with_context(what)?,
            _ => None,
        };
        let from = if is_newer { fresh_log(manifest.as_deref()) } else { known_log };
        let (log, ops) = self.read_log(worlds, &files, from).await.with_context(what)?;
        let recovered = tokio::task::spawn_blocking(move || checked(ops)).await?;
        let mut state = self.state();
        if is_newer {
            state.rebase(&self.pos, base)?;
            state.manifest = manifest;
        }
        for op in recovered {
            // What breaks the rules is no edit, whoever stored it.
            let _ = state.graph.insert(op);
        }
        state.log = log;
        // Of the files as they were found; if there is a newer revision by now, the next look takes it.
        state.revision = files.number().min(revision);
        Ok(())
    }

    async fn read_manifest(
        &self,
        worlds: &Worlds,
        files: &Files,
        known: Option<Arc<Manifest>>,
    ) -> Result<Option<Arc<Manifest>>> {
        let path = self.file(MANIFEST_FILE);
        if files.file(&path).is_none() {
            return Ok(None);
        }
        let bytes = self.read(worlds, MANIFEST_FILE, MANIFEST_BYTES_MAX).await?;
        if let Some(known) = known.filter(|known| known.hash() == blob::root(&bytes)) {
            return Ok(Some(known));
        }
        let manifest = Manifest::decode(&bytes)?;
        manifest.check_for(&self.world.id.0, self.pos)?;
        let version = manifest.version();
        let def = &self.world.def;
        anyhow::ensure!(
            (version.seed, version.generator, &version.params) == (def.seed, def.generator, &def.params),
            "its version {} was made on other terrain than this world's",
            version.sequence
        );
        let frames = files.file(&self.file(&chunks_file(version.sequence))).map_or(0, |file| file.bytes);
        manifest.check_frames(frames)?;
        Ok(Some(Arc::new(manifest)))
    }

    async fn read_base(&self, worlds: &Worlds, manifest: &Manifest) -> Result<Option<Folded>> {
        if manifest.version().base.is_none() {
            return Ok(None);
        }
        let bytes = self.read(worlds, &base_file(manifest.version().sequence), BASE_BYTES_MAX as usize).await?;
        manifest.check_base(&bytes)?;
        Ok(Some(Folded::decode(&bytes)?))
    }

    /// The log from where it is known on: its last segment may have become longer, and there may be others after it.
    async fn read_log(&self, worlds: &Worlds, files: &Files, mut log: Log) -> Result<(Log, Vec<Vec<u8>>)> {
        let mut ops = Vec::new();
        if let Some(last) = log.last.take() {
            log.next = last.first;
            log.newest = log.before_last;
            log.segments -= 1;
        }
        while files.file(&self.file(&edits_file(log.next))).is_some() {
            let bytes = self.read(worlds, &edits_file(log.next), LOG_SEGMENT_BYTES_MAX).await?;
            let segment = LogSegment::decode(&bytes)?;
            anyhow::ensure!(
                segment.previous == log.newest && segment.first == log.next,
                "its log of edits is broken at edit {}: the segment there doesn't follow the one before it",
                log.next
            );
            log.extend(segment, blob::root(&bytes), &mut ops)?;
        }
        Ok((log, ops))
    }

    async fn read(&self, worlds: &Worlds, file: &str, bytes_max: usize) -> Result<Vec<u8>> {
        worlds.read(self.dataset, &self.file(file), bytes_max).await
    }
}

/// The claim that a graph begins with. Its list is the strictest one, the same for everybody for ever; whom the owner lets in
/// stands in the graph itself.
fn first_claim(chain: u64, world: B256, pos: LocationPos, owner: Address) -> Claim {
    Claim { chain, world: world.0, pos, owner, access: AccessList::default() }
}

/// A version's log before its first edit.
pub(super) fn fresh_log(manifest: Option<&Manifest>) -> Log {
    let newest = manifest.map(Manifest::hash).unwrap_or_default();
    let next = manifest.map_or(0, |manifest| manifest.version().log_first);
    Log { next, newest, before_last: newest, ..Log::default() }
}

/// Edits whose bytes and signatures are good.
fn checked(ops: Vec<Vec<u8>>) -> Vec<Checked> {
    let good = |bytes: Vec<u8>| Op::decode(&bytes).and_then(|op| op.check(&Secp256k1)).ok();
    ops.into_iter().filter_map(good).collect()
}

impl State {
    /// Edits in the graph that the log lacks, in causal order.
    pub fn unsaved(&self) -> impl Iterator<Item = &Checked> {
        self.graph.log().filter(|op| !self.log.kept.contains(&op.hash().0))
    }

    /// Puts the graph on another base. Edits that suppliers don't hold stay.
    pub fn rebase(&mut self, pos: &LocationPos, base: Option<Folded>) -> Result<()> {
        let unsaved: Vec<Checked> = self.unsaved().cloned().collect();
        let claim = self.graph.claim().clone();
        let owners = self.graph.owners().to_vec();
        let base = base.unwrap_or_else(|| Folded::unchanged(&claim));
        self.graph =
            Graph::replay(claim, &owners, base, unsaved).with_context(|| format!("the edits of location {pos}"))?;
        Ok(())
    }
}

impl Log {
    /// Takes a segment in, and hands its edits over.
    pub fn extend(&mut self, segment: LogSegment, hash: Root, ops: &mut Vec<Vec<u8>>) -> Result<()> {
        anyhow::ensure!(
            self.segments < bitdust_world::location::LOG_SEGMENTS_MAX,
            "its log has more than {} segments",
            bitdust_world::location::LOG_SEGMENTS_MAX
        );
        self.segments += 1;
        self.kept.extend(segment.ops.iter().map(|op| blob::root(op).0));
        ops.extend(segment.ops.iter().cloned());
        self.before_last = self.newest;
        self.newest = hash;
        self.next = segment.next();
        self.last = Some(segment);
        Ok(())
    }
}
