//! Serving the shard protocol: one task per stream, one request at a time.
//!
//! Everything that blocks (hashing, disk) runs on blocking threads; what a stream holds in memory is one piece of
//! [`PIECE_BYTES`] on its way in and one slice on its way out.

use std::{
    collections::HashSet,
    ops::Range,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::{Result, anyhow};
use bitdust_market::{
    access::sign_hold,
    supplier::{
        BlobError, BlobWriter,
        admission::{HOLD_HEIGHTS, Right},
    },
    wire::{AccessToken, BlobRef, Code, Commit, LIST_PAGE_MAX, Refusal, Request, Response, SignedHold, pack_bitmap},
};
use bitdust_network::{Incoming, wire};
use bitdust_proof::blob::{BlobHasher, Outboard, encode_range};
use bitdust_types::{Address, DatasetId, Root, SlotRoot, limits::WIRE_MESSAGE_BYTES_MAX};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    task::JoinSet,
};

use super::Supplier;

/// Bytes that are hashed and written at once: large enough to keep a blocking thread busy for a while.
const PIECE_BYTES: usize = 1 << 20;
/// How long an open stream may say nothing.
const IDLE: Duration = Duration::from_secs(300);
/// Blobs that a stream remembers to be its own: more than a window's shards, and 8 KiB.
const KNOWN_MAX: usize = 256;
/// How long a customer may be ahead of this supplier's chain: it creates a dataset and comes at once.
const LEDGER_PATIENCE: Duration = Duration::from_secs(10);

/// What a stream was opened for.
#[derive(Clone, Copy)]
struct Session {
    dataset: DatasetId,
    slot: u16,
    right: Right,
}

/// An open stream.
struct Opened {
    session: Session,
    /// Blobs that were found to be the dataset's, so that a reader of many ranges doesn't ask the book for each.
    known: HashSet<Root>,
}

/// Serves streams until the network stops.
pub async fn accept(supplier: Arc<Supplier>, mut incoming: Incoming) {
    let mut streams = JoinSet::new();
    while let Some(stream) = incoming.next().await {
        while streams.try_join_next().is_some() {}
        let (supplier, peer) = (supplier.clone(), stream.peer());
        streams.spawn(async move {
            let mut stream = stream;
            stream.set_idle_limit(IDLE);
            if let Err(error) = serve(&supplier, &mut stream).await {
                tracing::debug!(%peer, %error, "a shard stream ended early");
            }
        });
    }
}

/// Serves one stream until its end.
///
/// # Errors
/// The line broke, or the peer sent something that is no request; a refusal says so before.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(supplier: &Arc<Supplier>, stream: &mut S) -> Result<()> {
    let mut opened = None;
    loop {
        let request: Request = match wire::recv_or_end(stream, WIRE_MESSAGE_BYTES_MAX, IDLE).await {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(error) => {
                let malformed = Refusal::new(Code::Malformed, &error);
                // The line may be broken: then nobody reads it.
                let _ = wire::send(stream, &Response::Refused(malformed)).await;
                return Err(error.into());
            }
        };
        let answered = answer(supplier, stream, &mut opened, request).await;
        let response = answered.unwrap_or_else(|trouble| match trouble {
            Trouble::Refused(refusal) => Response::Refused(refusal),
            Trouble::Line(error) => {
                let text = format!("the stream broke: {error:#}");
                Response::Refused(Refusal::new(Code::Malformed, text))
            }
        });
        let mut fatal = false;
        if let Response::Refused(refusal) = &response {
            supplier.counters.refusals.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(%refusal, "refused a request");
            fatal = refusal.code == Code::Malformed;
        }
        wire::send(stream, &response).await?;
        if fatal {
            return Err(anyhow!("a malformed request"));
        }
    }
}

/// Why a request isn't answered as asked.
enum Trouble {
    /// The customer is told and may go on.
    Refused(Refusal),
    /// The stream can't be used any more.
    Line(anyhow::Error),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Trouble::Refused(refusal)
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    supplier: &Arc<Supplier>,
    stream: &mut S,
    opened: &mut Option<Opened>,
    request: Request,
) -> Result<Response, Trouble> {
    request.check().map_err(Refusal::from)?;
    if let Request::Open { dataset, slot, access } = request {
        if opened.is_some() {
            return Err(Refusal::new(Code::Malformed, "the stream is open already").into());
        }
        let right = open(supplier, dataset, slot, access).await?;
        *opened = Some(Opened { session: Session { dataset, slot, right }, known: HashSet::new() });
        let height = supplier.chain.height().0;
        return Ok(Response::Opened { supplier: supplier.sender.account(), height });
    }
    let Some(Opened { session, known }) = opened else {
        return Err(Refusal::new(Code::Malformed, "open a slot first").into());
    };
    let session = *session;
    match request {
        Request::Open { .. } => Err(Refusal::new(Code::Malformed, "the stream is open already").into()),
        Request::Inventory => {
            let lists = supplier.keeper.inventory(session.dataset, session.slot);
            Ok(Response::Inventory { lists })
        }
        Request::Has { roots } => {
            let keeper = supplier.keeper.clone();
            let has = move |root: &Root| Ok(keeper.may_read(session.dataset, root) && keeper.store().contains(*root)?);
            let looked = move || roots.iter().map(has).collect::<Result<Vec<bool>, BlobError>>();
            let found = blocking(looked).await?.map_err(|error| broken(&error))?;
            Ok(Response::Has { bitmap: pack_bitmap(found) })
        }
        Request::ListAt { number, root, from } => list(supplier, session, number, root, from),
        Request::Put { root, len } => put(supplier, stream, session, BlobRef { root, len }).await,
        Request::Commit(request) => commit(supplier, session, request).await,
        Request::Read { root, start, end } => read(supplier, session, known, root, start..end).await,
    }
}

async fn open(
    supplier: &Arc<Supplier>,
    dataset: DatasetId,
    slot: u16,
    access: Option<AccessToken>,
) -> Result<Right, Refusal> {
    let deadline = tokio::time::Instant::now() + LEDGER_PATIENCE;
    loop {
        let height = supplier.chain.height();
        let facts = facts(supplier, dataset, slot).await?;
        let opened = facts.open(dataset, slot, &supplier.peer, access.as_ref());
        // The customer's chain may be a few blocks ahead of ours: then its dataset, or its token's reach, is news.
        let early = matches!(&opened, Err(refusal) if refusal.code == Code::UnknownDataset && facts.dataset.is_none());
        if !early || tokio::time::timeout_at(deadline, supplier.chain.above(height)).await.is_err() {
            return opened;
        }
    }
}

fn list(supplier: &Supplier, session: Session, number: u64, root: SlotRoot, from: u32) -> Result<Response, Trouble> {
    let Some(blobs) = supplier.keeper.list(session.dataset, session.slot, &root) else {
        let text = format!("no list of revision {number} with root {root} is kept for slot {}", session.slot);
        return Err(Refusal::new(Code::UnknownBase, text).into());
    };
    // A list has at most 2^20 blobs.
    let total = blobs.len() as u32;
    let page = blobs.into_iter().skip(from as usize).take(LIST_PAGE_MAX).collect();
    Ok(Response::List { total, blobs: page })
}

async fn put<S: AsyncRead + AsyncWrite + Unpin>(
    supplier: &Arc<Supplier>,
    stream: &mut S,
    session: Session,
    blob: BlobRef,
) -> Result<Response, Trouble> {
    writer_of(session)?;
    let facts = facts(supplier, session.dataset, session.slot).await?;
    facts.admit_write(session.dataset, session.slot)?;
    let (keeper, dataset, slot) = (supplier.keeper.clone(), session.dataset, session.slot);
    let is_here = blocking(move || -> Result<bool, Refusal> {
        if keeper.store().len(blob.root).map_err(|error| broken(&error))? != Some(blob.len) {
            return Ok(false);
        }
        if !keeper.may_read(dataset, &blob.root) {
            if !keeper.may_name(dataset, &blob.root) {
                // It is another dataset's. Whoever has the bytes can show it by sending them.
                return Ok(false);
            }
            facts.admit_cover(dataset, blob.len, keeper.waiting_bytes(dataset, slot))?;
        }
        // Its time begins anew, so that it isn't deleted before the commit.
        keeper.stage(dataset, slot, blob, facts.height)?;
        Ok(true)
    });
    if is_here.await?? {
        return Ok(Response::AlreadyHeld);
    }
    // Counted before it is looked at whether it fits, so that many that come at once can't all take the same room.
    let height = supplier.chain.height().0;
    let keeper = supplier.keeper.clone();
    blocking(move || keeper.expect(dataset, slot, blob, height)).await??;
    let received = take_in(supplier, stream, session, blob).await;
    let (keeper, height, stored) = (supplier.keeper.clone(), supplier.chain.height().0, received.is_ok());
    blocking(move || keeper.arrived(dataset, slot, blob, height, stored)).await?;
    if stored {
        supplier.counters.received_bytes.fetch_add(blob.len, Ordering::Relaxed);
        metrics::counter!("bitdust_supplier_received_bytes_total").increment(blob.len);
    }
    received
}

/// Takes in a blob that was counted already, if it is paid for and there is room.
async fn take_in<S: AsyncRead + AsyncWrite + Unpin>(
    supplier: &Arc<Supplier>,
    stream: &mut S,
    session: Session,
    blob: BlobRef,
) -> Result<Response, Trouble> {
    let working = supplier.clone();
    let begun = blocking(move || -> Result<Box<dyn BlobWriter>, Refusal> {
        let Session { dataset, slot, .. } = session;
        let facts = known_facts(&working, dataset, slot)?;
        let others = |bytes: u64| bytes.saturating_sub(blob.len);
        facts.admit_cover(dataset, blob.len, others(working.keeper.waiting_bytes(dataset, slot)))?;
        facts.admit_put(blob.len, others(working.keeper.sizes().0))?;
        working.keeper.store().put_begin(blob.len).map_err(|error| broken(&error))
    });
    let writer = begun.await??;
    receive(supplier, stream, blob, writer).await
}

/// Says "ready", takes the bytes, and makes them durable.
async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    supplier: &Arc<Supplier>,
    stream: &mut S,
    blob: BlobRef,
    writer: Box<dyn BlobWriter>,
) -> Result<Response, Trouble> {
    wire::send(stream, &Response::Ready).await.map_err(|error| Trouble::Line(error.into()))?;
    let mut state = (writer, BlobHasher::new());
    let mut failed: Option<BlobError> = None;
    let mut left = blob.len;
    let mut piece = Vec::new();
    while left > 0 {
        // At most PIECE_BYTES, so it fits a usize.
        piece.resize(left.min(PIECE_BYTES as u64) as usize, 0);
        stream.read_exact(&mut piece).await.map_err(|error| Trouble::Line(error.into()))?;
        left -= piece.len() as u64;
        if failed.is_some() {
            // The bytes are on their way already; they must be read before the refusal can be.
            continue;
        }
        let (mut writer, mut hasher) = state;
        let (result, back) = blocking(move || {
            hasher.update(&piece);
            let written = writer.write(&piece);
            ((written, writer, hasher), piece)
        })
        .await?;
        let (written, writer, hasher) = result;
        piece = back;
        state = (writer, hasher);
        failed = written.err();
    }
    if let Some(error) = failed {
        return Err(broken(&error).into());
    }
    let (writer, hasher) = state;
    let store = supplier.keeper.store().clone();
    let stored = blocking(move || {
        let (found, _, outboard) = hasher.finish();
        if found != blob.root {
            let text = format!("the bytes hash to {found}, not to {}; nothing was kept", blob.root);
            return Err(Refusal::new(Code::Mismatch, text));
        }
        let staged = writer.finish(found, outboard.as_bytes()).map_err(|error| broken(&error))?;
        store.persist(vec![staged]).map_err(|error| broken(&error))
    });
    stored.await??;
    Ok(Response::Stored)
}

async fn commit(supplier: &Arc<Supplier>, session: Session, commit: Commit) -> Result<Response, Trouble> {
    writer_of(session)?;
    let (dataset, slot) = (session.dataset, session.slot);
    let facts = facts(supplier, dataset, slot).await?;
    facts.admit_commit(dataset, slot, commit.bytes, commit.rate)?;
    let valid_until = facts.height + HOLD_HEIGHTS;
    let working = supplier.clone();
    let hold = blocking(move || -> Result<SignedHold, Refusal> {
        working.keeper.promise(dataset, slot, &commit, commit.rate, valid_until)?;
        let hold = SignedHold {
            dataset,
            slot,
            number: commit.number,
            bytes: commit.bytes,
            root: commit.root,
            rate: commit.rate,
            valid_until,
            supplier: Address::ZERO,
            signature: [0; 65],
        };
        sign_hold(working.sender.signing_key(), working.chain.params().chain_id, hold)
            .map_err(|error| Refusal::new(Code::Internal, error))
    });
    let hold = hold.await??;
    supplier.counters.holds.fetch_add(1, Ordering::Relaxed);
    metrics::counter!("bitdust_supplier_holds_total").increment(1);
    tracing::info!(%dataset, slot, number = hold.number, bytes = hold.bytes, "promised to hold");
    Ok(Response::Committed(hold))
}

async fn read(
    supplier: &Arc<Supplier>,
    session: Session,
    known: &mut HashSet<Root>,
    root: Root,
    range: Range<u64>,
) -> Result<Response, Trouble> {
    let (keeper, store) = (supplier.keeper.clone(), supplier.keeper.store().clone());
    let is_known = known.contains(&root);
    let Range { start, end } = range;
    let slice = blocking(move || -> Result<Response, Refusal> {
        let not_here = || Refusal::new(Code::NotHeld, format!("blob {root} isn't here"));
        // Whether another dataset's blob is here is nobody's business either.
        if !is_known && !keeper.may_read(session.dataset, &root) {
            return Err(not_here());
        }
        let len = store.len(root).map_err(|error| broken(&error))?.ok_or_else(not_here)?;
        if start >= len {
            let text = format!("blob {root} has {len} bytes; nothing begins at {start}");
            return Err(Refusal::new(Code::Mismatch, text));
        }
        let pairs = store.outboard(root).map_err(|error| broken(&error))?;
        let outboard = Outboard::from_bytes(root, len, pairs).map_err(|error| Refusal::new(Code::Internal, error))?;
        let fill = |at: u64, buffer: &mut [u8]| store.read_at(root, at, buffer).map_err(std::io::Error::from);
        // A damaged blob is no secret: the customer asks another supplier at once.
        let bao = encode_range(&outboard, len, start..end.min(len), fill)
            .map_err(|error| Refusal::new(Code::Internal, format!("blob {root} can't be read: {error}")))?;
        Ok(Response::Slice { len, bao })
    });
    let response = slice.await??;
    if let Response::Slice { bao, .. } = &response {
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(root);
        supplier.counters.sent_bytes.fetch_add(bao.len() as u64, Ordering::Relaxed);
        metrics::counter!("bitdust_supplier_sent_bytes_total").increment(bao.len() as u64);
    }
    Ok(response)
}

fn writer_of(session: Session) -> Result<Address, Refusal> {
    match session.right {
        Right::Write(account) => Ok(account),
        Right::Read => {
            Err(Refusal::new(Code::NotAuthorised, "the stream was opened for reading; open one with a writer's token"))
        }
    }
}

async fn facts(
    supplier: &Arc<Supplier>,
    dataset: DatasetId,
    slot: u16,
) -> Result<bitdust_market::supplier::Facts, Refusal> {
    let working = supplier.clone();
    blocking(move || known_facts(&working, dataset, slot)).await?
}

fn known_facts(supplier: &Supplier, dataset: DatasetId, slot: u16) -> Result<bitdust_market::supplier::Facts, Refusal> {
    supplier.facts(dataset, slot).map_err(|error| {
        tracing::error!(%error, "the ledger can't be read");
        Refusal::new(Code::Internal, "this supplier can't read its ledger; try again later")
    })
}

/// What a customer is told about this machine's disk.
fn broken(error: &BlobError) -> Refusal {
    match error {
        BlobError::CapacityReached { .. } | BlobError::DiskFull { .. } => Refusal::new(Code::Full, error),
        BlobError::TooLarge { .. } => Refusal::new(Code::TooLarge, error),
        BlobError::WrongLength { .. } | BlobError::OutOfRange { .. } => Refusal::new(Code::Mismatch, error),
        BlobError::Missing(_) => Refusal::new(Code::NotHeld, error),
        // File names are nobody else's business.
        BlobError::Rot { root, .. } => Refusal::new(Code::Internal, format!("blob {root} is damaged on disk")),
        BlobError::Disk(reason) => {
            tracing::error!(%reason, "the disk failed");
            Refusal::new(Code::Internal, "this supplier's disk failed")
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a worker stopped");
        Refusal::new(Code::Internal, "a worker of this supplier stopped; try again")
    })
}
