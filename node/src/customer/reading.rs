//! Files and ranges as streams of bytes: windows fetched ahead, verified as they arrive, decoded off the async threads.
//!
//! Each window asks exactly the suppliers it needs, hedges slow ones and replaces failed ones
//! (`bitdust_market::customer::download`). Every slice is verified against the shard's root before it is used, and whoever
//! sent a bad one is named in the [`ReadReport`].

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use bitdust_market::{
    codec::{ReadPlan, VerifiedPiece, units_of},
    customer::{ContentHasher, Fetch, Need, Progress, windows},
    manifest::{FileEntry, Manifest, SlabEntry},
};
use bitdust_proof::blob::GROUP_BYTES;
use bitdust_types::{Address, layout::UNIT_PLAIN_BYTES};
use bytes::Bytes;
use futures::{StreamExt as _, stream, stream::FuturesUnordered};
use tokio::sync::mpsc;

use super::{
    Dataset, Shared,
    pieces::{Answer, Pieces},
    remote::RemoteError,
    units::{RecentUnits, UNITS_MAX, rows_of},
};

/// Windows under way at once, in order: 4 × 1 MiB × k of shards, twice while they are decoded.
pub const WINDOWS_AT_ONCE: usize = 4;
/// Decoded windows that wait for a slow reader.
const WINDOWS_WAITING: usize = 2;
/// Units of a window that are looked for among those read last; what is larger is a large file's.
const NEIGHBOURS_MAX: u64 = 8;
/// A window that nothing has come of for so long has failed.
const WINDOW_PATIENCE: Duration = Duration::from_secs(120);

/// What a download has cost, and who was at fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// Bytes that came over the network, hashes included.
    pub fetched_bytes: u64,
    /// Plain bytes delivered.
    pub plain_bytes: u64,
    /// Bytes by supplier.
    pub by_supplier: BTreeMap<Address, u64>,
    /// Suppliers that failed, and the last reason.
    pub failed: BTreeMap<Address, String>,
    /// Those of them that sent something else than they should.
    pub faults: BTreeMap<Address, String>,
    /// Windows that had to be rebuilt from parity.
    pub rebuilt_windows: u64,
}

/// A file or range on its way.
pub struct Download {
    /// The file.
    pub file: FileEntry,
    /// The bytes of it that come.
    pub range: Range<u64>,
    /// The bytes. An error ends the stream.
    pub bytes: mpsc::Receiver<Result<Bytes>>,
    report: Arc<Mutex<ReadReport>>,
}

impl Download {
    /// What it has cost so far.
    pub fn report(&self) -> ReadReport {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything, in memory. For small files and tests.
    pub async fn collect(&mut self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(part) = self.bytes.recv().await {
            all.extend_from_slice(&part?);
        }
        Ok(all)
    }
}

impl Dataset {
    /// Whether a slot's holder failed lately.
    pub(crate) fn is_suspect(&self, shared: &Shared, slot: u16) -> bool {
        self.lanes.holder(slot).is_some_and(|holder| shared.suspects.contains(&holder.account))
    }

    /// A slot's holder failed, or was too slow.
    pub(crate) fn suspect(&self, shared: &Shared, slot: u16) {
        self.lanes.holder(slot).into_iter().for_each(|holder| shared.suspects.add(holder.account));
    }
}

/// One window of one slab.
struct Window {
    entry: Arc<SlabEntry>,
    plain: Range<u64>,
}

/// Begins a download.
///
/// # Errors
/// A range outside of the file.
pub fn download(
    shared: Arc<Shared>,
    dataset: Arc<Dataset>,
    manifest: Arc<Manifest>,
    file: FileEntry,
    range: Option<Range<u64>>,
) -> Result<Download> {
    let range = range.unwrap_or(0..file.bytes);
    if range.start > range.end || range.end > file.bytes {
        bail!("bytes {}..{} are not inside '{}', which has {}", range.start, range.end, file.path, file.bytes);
    }
    let plan = plan(&manifest, &file, &range)?;
    let (send, bytes) = mpsc::channel(WINDOWS_WAITING);
    let report = Arc::new(Mutex::new(ReadReport::default()));
    let task = Task { pieces: Pieces { shared, dataset, manifest }, report: report.clone() };
    let whole = range == (0..file.bytes);
    let expected = whole.then_some(file.sha256);
    let path = file.path.clone();
    tokio::spawn(async move {
        let mut hasher = ContentHasher::default();
        let mut fetched = stream::iter(plan).map(|window| task.window(window)).buffered(WINDOWS_AT_ONCE);
        while let Some(part) = fetched.next().await {
            let failed = part.is_err();
            if let (Ok(part), Some(_)) = (&part, expected) {
                hasher.update(part);
            }
            if send.send(part.with_context(|| format!("reading '{path}'"))).await.is_err() || failed {
                return;
            }
        }
        if let Some(expected) = expected
            && hasher.finish() != expected
        {
            // Every shard was right, so it is the manifest that contradicts itself.
            let _ = send.send(Err(anyhow!("'{path}' doesn't have the SHA-256 that its manifest names"))).await;
        }
    });
    Ok(Download { file, range, bytes, report })
}

fn plan(manifest: &Manifest, file: &FileEntry, range: &Range<u64>) -> Result<Vec<Window>> {
    let mut plan = Vec::new();
    for segment in manifest.segments(file, range.start, range.end) {
        let entry =
            manifest.slab(&segment.slab).cloned().context("the manifest names a slab that it doesn't describe")?;
        let entry = Arc::new(entry);
        for plain in windows(entry.shape()?, segment.offset..segment.offset + segment.len) {
            plan.push(Window { entry: entry.clone(), plain });
        }
    }
    Ok(plan)
}

struct Task {
    pieces: Pieces,
    report: Arc<Mutex<ReadReport>>,
}

impl Task {
    /// A window's bytes: from the units read last if it lies in them, else from the suppliers.
    async fn window(&self, window: Window) -> Result<Bytes> {
        let bytes = match units_of(&window.plain) {
            units if units.end - units.start > NEIGHBOURS_MAX => self.read(&window.entry, window.plain).await,
            units => self.look_up(&window, units).await,
        }?;
        self.note(|report| report.plain_bytes += bytes.len() as u64);
        metrics::counter!("bitdust_customer_read_bytes_total").increment(bytes.len() as u64);
        Ok(bytes)
    }

    async fn look_up(&self, Window { entry, plain }: &Window, units: Range<u64>) -> Result<Bytes> {
        let mut known: BTreeMap<u64, Bytes> = {
            let mut recent = self.recent();
            units.clone().filter_map(|unit| Some((unit, recent.get(entry.id, unit)?))).collect()
        };
        let mut missing = units.clone().filter(|unit| !known.contains_key(unit));
        let first = missing.next();
        let last = missing.next_back().or(first);
        if let (Some(first), Some(last)) = (first, last) {
            let is_part = units.end - units.start == 1 && plain.end - plain.start <= GROUP_BYTES;
            if self.pieces.dataset.public && is_part {
                return self.read_plan(entry, ReadPlan::part(entry.shape()?, plain.clone())?).await;
            }
            known.extend(self.read_units(entry, first..last + 1).await?);
        }
        // In order, and each as far as it is asked for.
        let parts: Vec<Bytes> = units
            .filter_map(|unit| {
                let from = unit * UNIT_PLAIN_BYTES;
                let bytes = known.get(&unit)?;
                let part = plain.start.saturating_sub(from) as usize..((plain.end - from) as usize).min(bytes.len());
                Some(bytes.slice(part))
            })
            .collect();
        Ok(if let [one] = &parts[..] { one.clone() } else { parts.concat().into() })
    }

    /// Units that weren't read lately, and with them those that come at the same price.
    async fn read_units(&self, entry: &Arc<SlabEntry>, missing: Range<u64>) -> Result<Vec<(u64, Bytes)>> {
        let shape = entry.shape()?;
        let plain = |units: &Range<u64>| shape.unit_plain(units.start).start..shape.unit_plain(units.end - 1).end;
        let mut units = missing;
        let row = rows_of(&units, entry.layout.k(), shape.units());
        let plan = ReadPlan::new(shape, plain(&units))?;
        // Its unit has to be rebuilt most likely, from as many bytes as the whole row has.
        if row.end - row.start <= UNITS_MAX as u64 / 4 && self.is_doubtful(&plan) {
            units = row;
        }
        let bytes = self.read(entry, plain(&units)).await?;
        let first = plain(&units).start;
        let mut recent = self.recent();
        let read = units.map(|unit| {
            let Range { start, end } = shape.unit_plain(unit);
            // A copy, or a unit that stays would hold on to the others.
            let own = Bytes::copy_from_slice(&bytes[(start - first) as usize..(end - first) as usize]);
            recent.put(entry.id, unit, own.clone());
            (unit, own)
        });
        Ok(read.collect())
    }

    /// Whether a supplier that a plan asks first failed lately.
    fn is_doubtful(&self, plan: &ReadPlan) -> bool {
        let (shared, dataset) = (&self.pieces.shared, &self.pieces.dataset);
        plan.pieces().iter().any(|piece| dataset.is_suspect(shared, u16::from(piece.shard)))
    }

    fn recent(&self) -> MutexGuard<'_, RecentUnits> {
        self.pieces.dataset.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, entry: &Arc<SlabEntry>, plain: Range<u64>) -> Result<Bytes> {
        self.read_plan(entry, ReadPlan::new(entry.shape()?, plain)?).await
    }

    async fn read_plan(&self, entry: &Arc<SlabEntry>, plan: ReadPlan) -> Result<Bytes> {
        let fetched = tokio::time::timeout(WINDOW_PATIENCE, self.fetch(entry, &plan)).await;
        let pieces = fetched.map_err(|_| anyhow!("no k suppliers answered within {WINDOW_PATIENCE:?}"))??;
        self.pieces.decode(entry, plan, pieces).await
    }

    /// Gets what the window needs, from whoever is fastest.
    async fn fetch(&self, entry: &SlabEntry, plan: &ReadPlan) -> Result<Vec<VerifiedPiece>> {
        let column = plan.column();
        let (shared, dataset) = (&self.pieces.shared, &self.pieces.dataset);
        let mut fetch = Fetch::new(Need::of(plan, entry.layout.k(), self.sources(entry)));
        if self.is_doubtful(plan) {
            fetch.doubt();
        }
        let mut running = FuturesUnordered::new();
        let mut pieces = Vec::new();
        let mut last = "no slot of the dataset has a supplier".to_owned();
        loop {
            let slow_ms = shared.slow_ms();
            for slot in fetch.ask(shared.now_ms(), slow_ms) {
                running.push(self.pieces.piece(entry, slot, column.clone()));
            }
            match fetch.progress() {
                Progress::Direct => break,
                Progress::Rebuild(_) => {
                    self.note(|report| report.rebuilt_windows += 1);
                    break;
                }
                Progress::Hopeless { have, need } => {
                    bail!("only {have} of the {need} shards needed can be had; the last failure: {last}")
                }
                Progress::Waiting => {}
            }
            tokio::select! {
                Some(answer) = running.next() => self.take(answer, &mut fetch, &mut pieces, &mut last),
                () = tokio::time::sleep(Duration::from_millis(slow_ms.max(1))) => {}
            }
        }
        // Whoever is still being waited for was too slow: it is asked last for a while.
        fetch.late().into_iter().for_each(|slot| dataset.suspect(shared, u16::from(slot)));
        Ok(pieces)
    }

    fn take(&self, answer: Answer, fetch: &mut Fetch, pieces: &mut Vec<VerifiedPiece>, last: &mut String) {
        let (slot, begun, result) = answer;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let shared = &self.pieces.shared;
        let holder = self.pieces.dataset.lanes.holder(u16::from(slot));
        match result {
            Ok((piece, wire_bytes)) => {
                fetch.have(slot);
                pieces.push(piece);
                holder.iter().for_each(|holder| shared.note_answer(&holder.account, took_ms));
                self.note(|report| {
                    report.fetched_bytes += wire_bytes;
                    if let Some(holder) = &holder {
                        *report.by_supplier.entry(holder.account).or_default() += wire_bytes;
                    }
                });
            }
            Err(error) => {
                tracing::warn!(slot, %error, "a shard could not be read");
                fetch.failed(slot);
                *last = error.to_string();
                if let Some(holder) = holder {
                    shared.note_failure(holder.account);
                    self.note(|report| {
                        report.failed.insert(holder.account, error.to_string());
                        if matches!(error, RemoteError::Fault { .. }) {
                            report.faults.insert(holder.account, error.to_string());
                        }
                    });
                }
            }
        }
    }

    /// Slots to ask, best first: data shards before parity, those that failed lately last.
    fn sources(&self, entry: &SlabEntry) -> Vec<u8> {
        let (shared, dataset) = (&self.pieces.shared, &self.pieces.dataset);
        let mut slots: Vec<u8> =
            (0..entry.layout.n()).filter(|slot| dataset.lanes.holder(u16::from(*slot)).is_some()).collect();
        slots.sort_by_key(|slot| (dataset.is_suspect(shared, u16::from(*slot)), *slot));
        slots
    }

    fn note(&self, change: impl FnOnce(&mut ReadReport)) {
        change(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
