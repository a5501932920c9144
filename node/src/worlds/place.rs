//! An open location: its claim, its newest version, and the edits on top of it.
//!
//! What the ledger and the suppliers say is looked at again whenever the dataset has a new revision ([`Place::refresh`]).
//! Edits that its log lacks survive that: they are put into the graph again, and whoever may write keeps them.
//!
//! The fault: guests whom the owner entrusted write the same dataset, and may overwrite any file of it. So a version counts
//! only if it is the one that the ledger names, by its manifest's hash; the edits of the log carry their authors' signatures;
//! and what a writer destroyed is brought back by the owner's node, which has the edits in its graph and the version on its
//! disk.
//!
//! **Invariant:** what a file of the dataset says changes what is seen only if the ledger names its hash, or somebody with the
//! right to it has signed it. A file that is missing, garbage or out of order costs at most what came after it in the log.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, Result};
use bitdust_ledger::worlds::view::ClaimInfo;
use bitdust_market::manifest::{FileEntry, Manifest as Files};
use bitdust_proof::blob;
use bitdust_types::{Address, B256, DatasetId, Root};
use bitdust_world::{
    LocationPos,
    edits::{AccessId, AccessList, Checked, Claim, Folded, Graph, Op, Secp256k1},
    location::{
        BASE_BYTES_MAX, LOG_BYTES_MAX, LOG_SEGMENT_BYTES_MAX, LOG_SEGMENTS_MAX, LogSegment, MANIFEST_BYTES_MAX,
        Manifest, base_file, chunks_file, edits_file, manifest_file,
    },
};

use super::{
    Unsound, Worlds,
    announcing::Errands,
    exchange::company::Company,
    heads::Heard,
    keeper::Keeps,
    log::{Log, Part},
    registry::{World, location_file},
    streaming::is_unsound,
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
    /// Whether this node keeps its edits in the owner's stead.
    stands_in: AtomicBool,
    /// Held while the suppliers are asked, so that it's done once.
    refreshing: tokio::sync::Mutex<()>,
    /// Held while edits or a version are brought to the suppliers.
    pub(super) writing: Arc<tokio::sync::Mutex<()>>,
    /// Held while what a head names is read.
    pub(super) following: tokio::sync::Mutex<()>,
}

/// What is known of a location.
pub(super) struct State {
    /// The dataset's revision that this is the state of.
    pub revision: u64,
    /// Whether it was read from that revision's files, or written to them; if not, a head said that they bring nothing new.
    pub is_read: bool,
    /// The version that the ledger named then.
    pub version: Named,
    /// Its manifest; none before the first.
    pub manifest: Option<Arc<Manifest>>,
    /// Where its files lay when they were seen first.
    pub files: Option<[Option<Root>; 3]>,
    /// Whether some of them are not as they were: the next version brings them back.
    pub is_damaged: bool,
    /// The edits on top of it.
    pub graph: Graph,
    /// The log as suppliers hold it.
    pub log: Log,
}

/// A version as the ledger names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Its number; 0 before the first.
    pub sequence: u64,
    /// Its manifest's hash.
    pub manifest: Option<Root>,
}

impl Named {
    /// What a claim says.
    pub fn of(claim: &ClaimInfo) -> Self {
        Named { sequence: claim.sequence, manifest: claim.manifest }
    }
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
            state: Mutex::new(State {
                revision: 0,
                is_read: false,
                version: Named::default(),
                manifest: None,
                files: None,
                is_damaged: false,
                graph,
                log: Log::default(),
            }),
            claim_id,
            listening: AtomicBool::new(false),
            is_restored: AtomicBool::new(false),
            stands_in: AtomicBool::new(false),
            company: Mutex::new(Company::new(now)),
            heard: Mutex::default(),
            errands: Mutex::new(Errands::new(now)),
            refreshing: tokio::sync::Mutex::default(),
            writing: Arc::default(),
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

    /// Whether suppliers lack some of an account's own edits.
    pub fn has_unsaved_of(&self, account: Address) -> bool {
        self.state().unsaved().any(|op| op.author() == account)
    }

    /// Whether what is known of it is as of this version and revision.
    pub(super) fn is_as_of(&self, version: Named, revision: u64) -> bool {
        let state = self.state();
        (state.version, state.revision) == (version, revision)
    }

    /// Whether edits that were written down before this node's last end are back.
    pub(super) fn is_restored(&self) -> bool {
        self.is_restored.load(Ordering::SeqCst)
    }

    /// Whether an account's node brings its edits to the suppliers.
    pub(super) fn keeps(&self, account: Address) -> Keeps {
        match self.owner == account {
            true => Keeps::Owner,
            false if self.stands_in.load(Ordering::SeqCst) => Keeps::StandsIn,
            false => Keeps::No,
        }
    }

    /// Whether this node does so in the owner's stead from now on.
    pub(super) fn stand_in(&self, stands_in: bool) {
        self.stands_in.store(stands_in, Ordering::SeqCst);
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
        // The owner's node looks at whatever others write: it mends what they break.
        let believes = trusts_heads && self.owner != worlds.account();
        if self.is_current(self.named(worlds)?, worlds.revision(self.dataset)?, believes) {
            return Ok(false);
        }
        let _only_once = self.refreshing.lock().await;
        let (version, revision) = (self.named(worlds)?, worlds.revision(self.dataset)?);
        if self.is_current(version, revision, believes) {
            return Ok(false);
        }
        let told = self.heard().newest().map(|head| head.record.clone());
        let told = told.filter(|told| told.revision == revision && self.state().version == version);
        if believes && told.is_some_and(|told| self.takes_over(&told)) {
            // The revision brought nothing here: files of an older version were cleared away, or somebody else's place.
            metrics::counter!("bitdust_world_heads_total", "outcome" => "nothing to read").increment(1);
            return Ok(false);
        }
        let what = || format!("location {} of world '{}'", self.pos, self.world.def.name);
        let files = worlds.customer.manifest(self.dataset).await.with_context(what)?;
        let (known, known_manifest, known_log, known_revision) = {
            let state = self.state();
            (state.version, state.manifest.clone(), state.log.clone(), state.revision)
        };
        let (is_newer, known_newest) = (version != known, known_log.newest);
        let read = if is_newer { Some(self.read_version(worlds, version).await.with_context(what)) } else { None };
        let (manifest, base) = match read {
            None => (known_manifest, None),
            Some(Ok(read)) => read,
            // Who only looks goes on with what is known here: the owner's node brings the version back.
            Some(Err(error)) if trusts_heads && known_revision > 0 && is_unsound(&error) => {
                self.doubt(worlds, &format!("{error:#}"));
                return Ok(false);
            }
            Some(Err(error)) => return Err(error),
        };
        let from = if is_newer { Log::after(manifest.as_deref()) } else { known_log };
        let lies = manifest.as_ref().map(|manifest| self.version_files(&files, version, manifest));
        let (log, ops) = self.read_log(worlds, &files, from).await.with_context(what)?;
        let recovered = tokio::task::spawn_blocking(move || checked(ops)).await?;
        // If there is a newer revision by now, some files may be of that one already; the next look makes it whole.
        let newest = worlds.revision(self.dataset)?;
        let mut state = self.state();
        if (state.version, state.log.newest) != (known, known_newest) {
            // This node has written meanwhile, and knows better than what was read before that; the next look reads on.
            return Ok(false);
        }
        if is_newer {
            state.rebase(&self.pos, base)?;
            (state.version, state.manifest, state.files, state.is_damaged) = (version, manifest, None, false);
        }
        if let Some((lies, is_whole)) = lies {
            let before = *state.files.get_or_insert(lies);
            state.is_damaged = !is_whole || before != lies;
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

    /// Goes by the version that the ledger names and this disk has, where suppliers don't bring what came after it.
    pub(super) async fn recall(&self, worlds: &Worlds) -> Result<()> {
        let version = self.named(worlds)?;
        if self.state().version == version {
            return Ok(());
        }
        let (manifest, base) = self.read_version(worlds, version).await?;
        let mut state = self.state();
        state.rebase(&self.pos, base)?;
        state.log = Log::after(manifest.as_deref());
        (state.version, state.manifest, state.files, state.is_damaged) = (version, manifest, None, false);
        Ok(())
    }

    fn is_current(&self, version: Named, revision: u64, trusts_heads: bool) -> bool {
        let state = self.state();
        let is_same = (state.version, state.revision) == (version, revision);
        is_same && (revision == 0 || state.is_read || trusts_heads)
    }

    /// The version that the ledger names now.
    fn named(&self, worlds: &Worlds) -> Result<Named> {
        let claim = worlds.claim(self.world.id, self.pos)?.filter(|claim| claim.dataset == self.dataset);
        let claim = claim.with_context(|| format!("dataset {} keeps location {} no more", self.dataset, self.pos))?;
        Ok(Named::of(&claim))
    }

    /// Names what is wrong with the dataset's files.
    fn doubt(&self, worlds: &Worlds, what: &str) {
        tracing::warn!(pos = %self.pos, dataset = %self.dataset, what, "a writer of the dataset has damaged a location");
        worlds.tally.blame(format!("dataset {}", self.dataset), format!("location {}: {what}", self.pos));
    }

    /// Holds what was read against what the newest head says of the same revision. What was read hangs on the ledger's root,
    /// so it is the head that is false if they differ; its signer's word counts no more here.
    pub(super) fn hold_against_head(&self, worlds: &Worlds) {
        let Some(told) = self.heard().newest().map(|head| head.record.clone()) else { return };
        let is_borne_out = {
            let mut state = self.state();
            // Between a version's files and its entry on the ledger the same revision holds two versions, one after the other.
            if (state.revision, state.version.sequence) != (told.revision, told.sequence) {
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

    /// The version that the ledger names, and what its edit graph remembers.
    async fn read_version(&self, worlds: &Worlds, version: Named) -> Result<(Option<Arc<Manifest>>, Option<Folded>)> {
        let Some(hash) = version.manifest else { return Ok((None, None)) };
        let file = manifest_file(version.sequence, &hash);
        let bytes = self.read_named(worlds, &file, hash, MANIFEST_BYTES_MAX).await?;
        let manifest = Manifest::decode(&bytes)?;
        manifest.check_for(&self.world.id.0, self.pos)?;
        let (said, def) = (manifest.version(), &self.world.def);
        if said.sequence != version.sequence {
            let what = format!("its version {} calls itself version {}", version.sequence, said.sequence);
            return Err(Unsound(what).into());
        }
        if (said.seed, said.generator, &said.params) != (def.seed, def.generator, &def.params) {
            let what = format!("its version {} was made on other terrain than this world's", said.sequence);
            return Err(Unsound(what).into());
        }
        let base = match said.base {
            Some(base) => {
                let file = base_file(version.sequence, &hash);
                let bytes = self.read_named(worlds, &file, base.hash, BASE_BYTES_MAX as usize).await?;
                manifest.check_base(&bytes)?;
                Some(Folded::decode(&bytes)?)
            }
            None => None,
        };
        Ok((Some(Arc::new(manifest)), base))
    }

    /// Where a version's files lie, and whether all are there in their lengths.
    fn version_files(&self, files: &Files, version: Named, manifest: &Manifest) -> ([Option<Root>; 3], bool) {
        let hash = version.manifest.unwrap_or_default();
        let said = manifest.version();
        let wanted = [
            (manifest_file(version.sequence, &hash), None),
            (base_file(version.sequence, &hash), Some(said.base.map_or(0, |base| u64::from(base.bytes)))),
            (chunks_file(version.sequence, &hash), Some(manifest.frames_bytes())),
        ];
        let found = wanted.each_ref().map(|(name, _)| files.file(&self.file(name)));
        let is_whole = found.iter().zip(&wanted).all(|(found, (_, bytes))| match (found, bytes) {
            (Some(found), Some(bytes)) => found.bytes == *bytes,
            (None, Some(bytes)) => *bytes == 0,
            (found, None) => found.is_some(),
        });
        (found.map(|found| found.map(lies)), is_whole)
    }

    /// The log as the files have it, from the first segment on that isn't where it was read. It ends before a file that is no
    /// segment of it; the edits that such a one holds are taken as if somebody had told them.
    async fn read_log(&self, worlds: &Worlds, files: &Files, mut log: Log) -> Result<(Log, Vec<Vec<u8>>)> {
        let mut ops = Vec::new();
        let find = |first: u64| files.file(&self.file(&edits_file(first)));
        let is_same = |part: &Part| part.lies.is_some() && find(part.first).map(lies) == part.lies;
        if let Some(changed) = log.parts.iter().position(|part| !is_same(part)) {
            log.cut(changed);
        }
        while let Some(file) = find(log.next) {
            let first = log.next;
            let ends = |why: &str| self.doubt(worlds, &format!("its log of edits ends before edit {first}: {why}"));
            if log.segments() >= LOG_SEGMENTS_MAX || log.bytes() + file.bytes > LOG_BYTES_MAX as u64 {
                ends("more would not fit a log");
                break;
            }
            let bytes = match self.read_segment(worlds, file).await {
                Ok(bytes) => bytes,
                Err(error) if is_unsound(&error) => {
                    ends(&format!("{error:#}"));
                    break;
                }
                Err(error) => return Err(error),
            };
            let segment = match LogSegment::decode(&bytes) {
                Ok(segment) => segment,
                Err(invalid) => {
                    ends(&invalid.to_string());
                    break;
                }
            };
            if segment.previous != log.newest || segment.first != first {
                // Somebody appended to the version before while this one was made, most likely.
                tracing::debug!(pos = %self.pos, first, "a segment doesn't follow the one before it");
                ops.extend(segment.ops);
                break;
            }
            log.extend(segment, blob::root(&bytes), &mut ops)?;
            if let Some(part) = log.parts.last_mut() {
                part.lies = Some(lies(file));
            }
        }
        Ok((log, ops))
    }

    /// A segment's bytes. That its entry names another SHA-256 than they have is no reason not to look at them: a log's
    /// segments name each other, and a writer who lies about one must not make it unreadable for those who would mend it.
    async fn read_segment(&self, worlds: &Worlds, file: &FileEntry) -> Result<Vec<u8>> {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let whole = self.read_file(worlds, name, LOG_SEGMENT_BYTES_MAX).await;
        if whole.as_ref().map_or_else(is_unsound, |_| true) || file.bytes < 2 {
            return whole;
        }
        let mut bytes = Vec::new();
        for range in [0..file.bytes / 2, file.bytes / 2..file.bytes] {
            let mut download = worlds.customer.get(self.dataset, &file.path, Some(range)).await?;
            match download.collect().await {
                Ok(half) => bytes.extend(half),
                Err(_) => return whole,
            }
        }
        Ok(bytes)
    }

    /// A file of a version, from this machine's disk or from suppliers, if it has the hash that it must have.
    async fn read_named(&self, worlds: &Worlds, file: &str, hash: Root, bytes_max: usize) -> Result<Vec<u8>> {
        if let Some(bytes) = worlds.copy_of(hash).await {
            return Ok(bytes);
        }
        let bytes = self.read_file(worlds, file, bytes_max).await?;
        let found = blob::root(&bytes);
        if found != hash {
            let what = format!("'{file}' in dataset {} hashes to {found} where the ledger names {hash}", self.dataset);
            return Err(
                Unsound(format!("{what}: whoever made that version can bring it back by making another")).into()
            );
        }
        worlds.keep_copy(hash, bytes.clone()).await;
        Ok(bytes)
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

/// Edits whose bytes and signatures are good.
pub(super) fn checked(ops: Vec<Vec<u8>>) -> Vec<Checked> {
    let good = |bytes: Vec<u8>| Op::decode(&bytes).and_then(|op| op.check(&Secp256k1)).ok();
    ops.into_iter().filter_map(good).collect()
}

impl State {
    /// Edits in the graph that the log lacks, in causal order.
    pub fn unsaved(&self) -> impl Iterator<Item = &Checked> {
        self.graph.log().filter(|op| !self.log.kept.contains_key(&op.hash().0))
    }

    /// Puts the graph on another base. Edits that are neither part of it nor too late for it stay, whether the log had them or
    /// not: one that was appended to the former version while the next was made belongs into the next one's log.
    pub fn rebase(&mut self, pos: &LocationPos, base: Option<Folded>) -> Result<()> {
        let known: Vec<Checked> = self.graph.log().cloned().collect();
        let claim = self.graph.claim().clone();
        let owners = self.graph.owners().to_vec();
        let base = base.unwrap_or_else(|| Folded::unchanged(&claim));
        self.graph =
            Graph::replay(claim, &owners, base, known).with_context(|| format!("the edits of location {pos}"))?;
        Ok(())
    }
}

/// Names where a file lies and what it is said to be: as long as that is the same, its bytes are.
fn lies(file: &FileEntry) -> Root {
    blob::root(&borsh::to_vec(&(file.sha256, &file.segments)).expect("a vector takes any bytes"))
}
