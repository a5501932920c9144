//! An open location: its claim, its newest version, and the edits on top of it.
//!
//! What the ledger and the suppliers say is looked at again whenever the dataset has a new revision ([`Place::refresh`]).
//! Edits of our own that suppliers don't hold yet survive that: they are put into the graph again.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, Result};
use bitdust_ledger::worlds::view::ClaimInfo;
use bitdust_market::manifest::Manifest as Files;
use bitdust_proof::blob;
use bitdust_types::{Address, B256, DatasetId, Root};
use bitdust_world::{
    LocationPos,
    edits::{AccessId, AccessList, Checked, Claim, Folded, Graph, Op, Secp256k1},
    location::{
        BASE_BYTES_MAX, LOG_SEGMENT_BYTES_MAX, LogSegment, MANIFEST_BYTES_MAX, MANIFEST_FILE, Manifest, base_file,
        chunks_file, edits_file,
    },
};

use super::{
    Unsound, Worlds,
    announcing::Errands,
    exchange::company::Company,
    heads::Heard,
    registry::{World, location_file},
};

/// See the module's head.
pub struct Place {
    world: Arc<World>,
    pos: LocationPos,
    owner: Address,
    dataset: DatasetId,
    claim_id: AccessId,
    state: Mutex<State>,
    listening: AtomicBool,
    /// Whether edits that were written down before this node's last end were read back.
    is_restored: AtomicBool,
    company: Mutex<Company>,
    heard: Mutex<Heard>,
    errands: Mutex<Errands>,
    /// Held while the suppliers are asked, so that it's done once.
    refreshing: tokio::sync::Mutex<()>,
    /// Held while edits or a version are brought to the suppliers.
    pub(super) writing: tokio::sync::Mutex<()>,
    /// Held while what a head names is read.
    pub(super) following: tokio::sync::Mutex<()>,
}

/// What is known of a location.
pub(super) struct State {
    /// The dataset's revision that this is the state of.
    pub revision: u64,
    /// Whether it was read from that revision's files, or written to them; if not, a head said that they bring nothing new.
    pub is_read: bool,
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
        let first = first_claim(chain, world.id, pos, claim.owner);
        let claim_id = first.access_id();
        let graph = Graph::new(first)?;
        let now = Instant::now();
        Ok(Place {
            world,
            pos,
            owner: claim.owner,
            dataset: claim.dataset,
            state: Mutex::new(State { revision: 0, is_read: false, manifest: None, graph, log: Log::default() }),
            claim_id,
            listening: AtomicBool::new(false),
            is_restored: AtomicBool::new(false),
            company: Mutex::new(Company::new(now)),
            heard: Mutex::default(),
            errands: Mutex::new(Errands::new(now)),
            refreshing: tokio::sync::Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            following: tokio::sync::Mutex::default(),
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

    /// Whether edits that were written down before this node's last end are back.
    pub(super) fn is_restored(&self) -> bool {
        self.is_restored.load(Ordering::SeqCst)
    }

    /// Whether it falls to the caller to listen to what is said here.
    pub(super) fn begin_listening(&self) -> bool {
        !self.listening.swap(true, Ordering::SeqCst)
    }

    /// Nobody listens any more.
    pub(super) fn end_listening(&self) {
        self.listening.store(false, Ordering::SeqCst);
    }

    /// Names the claim that its edits begin with.
    pub(super) fn claim_id(&self) -> AccessId {
        self.claim_id
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who else has it open.
    pub(super) fn company(&self) -> MutexGuard<'_, Company> {
        self.company.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The heads that were heard of.
    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be done for its heads.
    pub(super) fn errands(&self) -> MutexGuard<'_, Errands> {
        self.errands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path of one of its files.
    pub(super) fn file(&self, name: &str) -> String {
        location_file(self.world.id, self.pos, name)
    }

    /// Reads what suppliers have beyond what is known, and what was written down here before this node's last end. A head's
    /// word is enough to know that there is nothing to read.
    pub async fn refresh(&self, worlds: &Worlds) -> Result<()> {
        self.read(worlds, true).await
    }

    /// The same for who is about to write on top of it: nobody's word is enough.
    pub(super) async fn refresh_to_write(&self, worlds: &Worlds) -> Result<()> {
        self.read(worlds, false).await
    }

    async fn read(&self, worlds: &Worlds, trusts_heads: bool) -> Result<()> {
        let has_news = self.read_news(worlds, trusts_heads).await?;
        if has_news || !self.is_restored() {
            worlds.settle(self).await?;
            self.is_restored.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Answers whether there was any.
    async fn read_news(&self, worlds: &Worlds, trusts_heads: bool) -> Result<bool> {
        if self.is_current(worlds.revision(self.dataset)?, trusts_heads) {
            return Ok(false);
        }
        let _only_once = self.refreshing.lock().await;
        let revision = worlds.revision(self.dataset)?;
        if self.is_current(revision, trusts_heads) {
            return Ok(false);
        }
        let told = self.heard().newest().map(|head| head.record.clone()).filter(|told| told.revision == revision);
        if trusts_heads && told.is_some_and(|told| self.takes_over(&told)) {
            // The revision brought nothing here: files of an older version were cleared away, or somebody else's place.
            metrics::counter!("bitdust_world_heads_total", "outcome" => "nothing to read").increment(1);
            return Ok(false);
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
        // If there is a newer revision by now, some files may be of that one already; the next look makes it whole.
        let newest = worlds.revision(self.dataset)?;
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
        state.revision = files.number().min(revision);
        state.is_read = newest == files.number() && newest == revision;
        drop(state);
        self.hold_against_head(worlds);
        Ok(true)
    }

    fn is_current(&self, revision: u64, trusts_heads: bool) -> bool {
        let state = self.state();
        state.revision == revision && (revision == 0 || state.is_read || trusts_heads)
    }

    /// Holds what was read against what the newest head says of the same revision. What was read hangs on the ledger's root,
    /// so it is the head that is false if they differ; its signer's word counts no more here.
    pub(super) fn hold_against_head(&self, worlds: &Worlds) {
        let Some(told) = self.heard().newest().map(|head| head.record.clone()) else { return };
        let is_borne_out = {
            let mut state = self.state();
            if state.revision != told.revision {
                return;
            }
            let is_borne_out = self.head_of(&state).is_some_and(|own| own == told);
            if !is_borne_out && !state.is_read {
                // An earlier head said that there was nothing new. The files decide.
                state.revision = 0;
                return;
            }
            is_borne_out
        };
        if is_borne_out {
            metrics::counter!("bitdust_world_heads_total", "outcome" => "borne out").increment(1);
            return;
        }
        let Some(signer) = self.heard().disown() else { return };
        let (pos, revision) = (self.pos, told.revision);
        tracing::warn!(%pos, %signer, revision, "a writer announced a head that the dataset's files don't bear out");
        metrics::counter!("bitdust_world_heads_total", "outcome" => "disowned").increment(1);
        let reason =
            format!("announced a head of location {pos} that revision {revision} of its dataset doesn't bear out");
        worlds.tally.blame(signer.to_string(), reason);
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
        let bytes = self.read_file(worlds, MANIFEST_FILE, MANIFEST_BYTES_MAX).await?;
        if let Some(known) = known.filter(|known| known.hash() == blob::root(&bytes)) {
            return Ok(Some(known));
        }
        let manifest = Manifest::decode(&bytes)?;
        manifest.check_for(&self.world.id.0, self.pos)?;
        let version = manifest.version();
        let def = &self.world.def;
        if (version.seed, version.generator, &version.params) != (def.seed, def.generator, &def.params) {
            let sequence = version.sequence;
            return Err(Unsound(format!("its version {sequence} was made on other terrain than this world's")).into());
        }
        let frames = files.file(&self.file(&chunks_file(version.sequence))).map_or(0, |file| file.bytes);
        manifest.check_frames(frames)?;
        Ok(Some(Arc::new(manifest)))
    }

    async fn read_base(&self, worlds: &Worlds, manifest: &Manifest) -> Result<Option<Folded>> {
        if manifest.version().base.is_none() {
            return Ok(None);
        }
        let bytes = self.read_file(worlds, &base_file(manifest.version().sequence), BASE_BYTES_MAX as usize).await?;
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
            let bytes = self.read_file(worlds, &edits_file(log.next), LOG_SEGMENT_BYTES_MAX).await?;
            let segment = LogSegment::decode(&bytes)?;
            if segment.previous != log.newest || segment.first != log.next {
                let what = format!("its log of edits is broken at edit {}", log.next);
                return Err(Unsound(format!("{what}: the segment there doesn't follow the one before it")).into());
            }
            log.extend(segment, blob::root(&bytes), &mut ops)?;
        }
        Ok((log, ops))
    }

    async fn read_file(&self, worlds: &Worlds, file: &str, bytes_max: usize) -> Result<Vec<u8>> {
        worlds.read(self.dataset, &self.file(file), bytes_max).await
    }
}

/// The claim that a graph begins with. Its list is the strictest one, the same for everybody for ever; whom the owner lets in
/// stands in the graph itself.
pub fn first_claim(chain: u64, world: B256, pos: LocationPos, owner: Address) -> Claim {
    Claim { chain, world: world.0, pos, owner, access: AccessList::default() }
}

/// A version's log before its first edit.
pub(super) fn fresh_log(manifest: Option<&Manifest>) -> Log {
    let newest = manifest.map(Manifest::hash).unwrap_or_default();
    let next = manifest.map_or(0, |manifest| manifest.version().log_first);
    Log { next, newest, before_last: newest, ..Log::default() }
}

/// Edits whose bytes and signatures are good.
pub(super) fn checked(ops: Vec<Vec<u8>>) -> Vec<Checked> {
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
