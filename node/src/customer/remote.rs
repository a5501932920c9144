//! One slot of one dataset at one supplier, as the customer talks to it: a stream of the shard protocol.
//!
//! A [`Remote`] asks one thing at a time. When the line breaks or an answer makes no sense it must be dropped; refusals
//! leave it usable. Every answer is checked here: bounds, kind, roots, signatures.

use std::{fmt, ops::Range, time::Duration};

use async_trait::async_trait;
use bitdust_market::{
    access::hold_signer,
    supplier::book::LISTS_PER_SLOT_MAX,
    wire::{
        AccessToken, BlobRef, Code, Commit, HAS_ROOTS_MAX, KeptList, READ_BYTES_MAX, Refusal, Request, Response,
        SLICE_BYTES_MAX, SignedHold, bit,
    },
};
use bitdust_network::{Handle, PeerId, Protocol, wire};
use bitdust_proof::blob::decode_range;
use bitdust_types::{
    Address, DatasetId, Root, SlotRoot,
    limits::{BLOB_BYTES_MAX, REVISION_BLOB_BYTES_MAX, WIRE_MESSAGE_BYTES_MAX},
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};

/// How long a supplier may think about a request: a commit syncs its disk.
const ANSWER: Duration = Duration::from_secs(60);
/// Bytes written at once.
const PIECE_BYTES: usize = 256 << 10;
/// The longest answer: a page of a list, or a slice.
const _: () = assert!(SLICE_BYTES_MAX < WIRE_MESSAGE_BYTES_MAX);

/// How far a supplier's view of the chain may be behind ours before its refusal is taken as its last word.
const BLOCKS_LAG: Duration = Duration::from_secs(15);
/// Between two attempts meanwhile.
const BLOCKS_LAG_STEP: Duration = Duration::from_millis(250);

/// What a stream must be able to do.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// Opens streams to suppliers.
#[async_trait]
pub trait Dialer: Send + Sync + 'static {
    /// A new stream of the shard protocol to a peer, named by the bytes of its peer id.
    async fn dial(&self, peer: &[u8]) -> Result<Box<dyn Duplex>, String>;
}

#[async_trait]
impl Dialer for Handle {
    async fn dial(&self, peer: &[u8]) -> Result<Box<dyn Duplex>, String> {
        let peer = PeerId::from_bytes(peer).map_err(|error| format!("the offer's peer id is malformed: {error}"))?;
        let stream = self.open(peer, Protocol::SHARD).await.map_err(|error| error.to_string())?;
        Ok(Box::new(stream))
    }
}

/// A supplier as the ledger names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupplierRef {
    /// Its account.
    pub account: Address,
    /// Bytes of its peer id.
    pub peer: Vec<u8>,
}

impl SupplierRef {
    /// The line to it broke.
    pub fn line(&self, reason: String) -> RemoteError {
        RemoteError::Line { supplier: self.clone(), reason }
    }

    /// It did something wrong.
    pub fn fault(&self, reason: String) -> RemoteError {
        RemoteError::Fault { supplier: self.clone(), reason }
    }

    fn unexpected(&self, response: &Response) -> RemoteError {
        self.fault(format!("it answered {}, which fits no question", response.kind()))
    }
}

impl fmt::Display for SupplierRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match PeerId::from_bytes(&self.peer) {
            Ok(peer) => write!(f, "supplier {} (peer {peer})", self.account),
            Err(_) => write!(f, "supplier {}", self.account),
        }
    }
}

/// Why a supplier didn't do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RemoteError {
    /// It can't be reached, or the line broke.
    #[error("{supplier} can't be reached: {reason}")]
    Line {
        /// Who.
        supplier: SupplierRef,
        /// Why.
        reason: String,
    },
    /// It said no.
    #[error("{supplier} refused: {refusal}")]
    Refused {
        /// Who.
        supplier: SupplierRef,
        /// Why, and what to do.
        refusal: Refusal,
    },
    /// It broke the protocol, or sent bytes that aren't those asked for.
    #[error("{supplier} is at fault: {reason}")]
    Fault {
        /// Who.
        supplier: SupplierRef,
        /// What it did.
        reason: String,
    },
}

impl RemoteError {
    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            RemoteError::Refused { refusal, .. } => Some(refusal),
            RemoteError::Line { .. } | RemoteError::Fault { .. } => None,
        }
    }

    /// Whether the stream may be used on.
    pub fn is_usable_after(&self) -> bool {
        self.refusal().is_some()
    }

    /// Whether another try on a fresh stream may help.
    pub fn is_line(&self) -> bool {
        matches!(self, RemoteError::Line { .. })
    }
}

/// Tries again for a while what a supplier refuses only because it hasn't seen the newest blocks: a dataset that was just
/// made, an escrow that was just funded.
pub async fn patiently<T, F, Fut>(attempt: F) -> Result<T, RemoteError>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, RemoteError>>,
{
    let deadline = tokio::time::Instant::now() + BLOCKS_LAG;
    loop {
        let outcome = attempt().await;
        let behind = outcome
            .as_ref()
            .err()
            .and_then(RemoteError::refusal)
            .is_some_and(|refusal| matches!(refusal.code, Code::UnknownDataset | Code::Escrow));
        if !behind || tokio::time::Instant::now() > deadline {
            return outcome;
        }
        tokio::time::sleep(BLOCKS_LAG_STEP).await;
    }
}

/// What came of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The bytes were sent.
    Sent,
    /// The supplier had them already.
    Skipped,
}

/// An open slot at a supplier.
pub struct Remote {
    stream: Box<dyn Duplex>,
    supplier: SupplierRef,
    chain_id: u64,
    dataset: DatasetId,
    slot: u16,
}

impl Remote {
    /// Dials a supplier and opens a slot.
    pub async fn open(
        dialer: &dyn Dialer,
        supplier: SupplierRef,
        chain_id: u64,
        dataset: DatasetId,
        slot: u16,
        access: Option<AccessToken>,
    ) -> Result<Self, RemoteError> {
        let dialed = dialer.dial(&supplier.peer).await;
        let stream = dialed.map_err(|reason| RemoteError::Line { supplier: supplier.clone(), reason })?;
        let mut remote = Remote { stream, supplier, chain_id, dataset, slot };
        match remote.ask(&Request::Open { dataset, slot, access }).await? {
            Response::Opened { supplier, .. } if supplier == remote.supplier.account => Ok(remote),
            Response::Opened { supplier, .. } => Err(remote.fault(format!("it calls itself {supplier}"))),
            other => Err(remote.unexpected(&other)),
        }
    }

    /// Who it is.
    pub fn supplier(&self) -> &SupplierRef {
        &self.supplier
    }

    /// The lists that it keeps of this slot.
    pub async fn inventory(&mut self) -> Result<Vec<KeptList>, RemoteError> {
        match self.ask(&Request::Inventory).await? {
            Response::Inventory { lists } if lists.len() <= LISTS_PER_SLOT_MAX => Ok(lists),
            other => Err(self.unexpected(&other)),
        }
    }

    /// The blobs of one of these lists.
    pub async fn list(&mut self, number: u64, root: SlotRoot) -> Result<Vec<BlobRef>, RemoteError> {
        let mut blobs = Vec::new();
        loop {
            // Lists are bounded by 2^20 blobs, which `check` holds.
            let from = blobs.len() as u32;
            match self.ask(&Request::ListAt { number, root, from }).await? {
                Response::List { total, blobs: page } => {
                    let ended = page.is_empty();
                    blobs.extend(page);
                    if blobs.len() >= total as usize || ended {
                        return Ok(blobs);
                    }
                }
                other => return Err(self.unexpected(&other)),
            }
        }
    }

    /// Which of these blobs it has, in order.
    pub async fn has(&mut self, roots: &[Root]) -> Result<Vec<bool>, RemoteError> {
        let mut found = Vec::with_capacity(roots.len());
        for page in roots.chunks(HAS_ROOTS_MAX) {
            match self.ask(&Request::Has { roots: page.to_vec() }).await? {
                Response::Has { bitmap } => found.extend((0..page.len()).map(|index| bit(&bitmap, index))),
                other => return Err(self.unexpected(&other)),
            }
        }
        Ok(found)
    }

    /// Sends a blob, unless the supplier has it.
    pub async fn put(&mut self, root: Root, bytes: &[u8]) -> Result<PutOutcome, RemoteError> {
        match self.ask(&Request::Put { root, len: bytes.len() as u64 }).await? {
            Response::AlreadyHeld => return Ok(PutOutcome::Skipped),
            Response::Ready => {}
            other => return Err(self.unexpected(&other)),
        }
        let mut pieces = bytes.chunks(PIECE_BYTES);
        let sent = async {
            for piece in pieces.by_ref() {
                self.stream.write_all(piece).await?;
            }
            self.stream.flush().await
        };
        if let Err(error) = sent.await {
            return Err(self.line(error.to_string()));
        }
        match self.hear().await? {
            Response::Stored => Ok(PutOutcome::Sent),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Asks for a promise, and checks that it is the one asked for and really this supplier's.
    pub async fn commit(&mut self, commit: Commit) -> Result<SignedHold, RemoteError> {
        let hold = match self.ask(&Request::Commit(commit.clone())).await? {
            Response::Committed(hold) => hold,
            other => return Err(self.unexpected(&other)),
        };
        let same = hold.dataset == self.dataset
            && hold.slot == self.slot
            && hold.number == commit.number
            && hold.bytes == commit.bytes
            && hold.root == commit.root
            && hold.rate == commit.rate
            && hold.supplier == self.supplier.account;
        if !same {
            return Err(self.fault("it promised something else than was asked".to_owned()));
        }
        match hold_signer(self.chain_id, &hold) {
            Ok(_) => Ok(hold),
            Err(error) => Err(self.fault(format!("its promise is not signed by it: {error}"))),
        }
    }

    /// Bytes `start..end` of a blob whose length is known, with the hashes that verify them, as sent.
    pub async fn slice(&mut self, root: Root, len: u64, start: u64, end: u64) -> Result<Vec<u8>, RemoteError> {
        let response = self.ask(&Request::Read { root, start, end }).await?;
        slice_of(&self.supplier, root, len, response)
    }

    /// Its two directions, so that questions can follow each other without waiting for answers.
    pub fn split(self) -> (Speaker, Listener) {
        let (hears, speaks) = tokio::io::split(self.stream);
        (
            Speaker { stream: speaks, supplier: self.supplier.clone() },
            Listener { stream: hears, supplier: self.supplier },
        )
    }

    /// A whole blob of unknown length, verified.
    pub async fn whole(&mut self, root: Root) -> Result<Vec<u8>, RemoteError> {
        let max = BLOB_BYTES_MAX.max(REVISION_BLOB_BYTES_MAX);
        let (len, mut bao) = self.read(root, 0, READ_BYTES_MAX).await?;
        if len > max {
            return Err(self.fault(format!("it says that blob {root} has {len} bytes, at most {max} are possible")));
        }
        let mut bytes = Vec::new();
        loop {
            let start = bytes.len() as u64;
            let end = (start + READ_BYTES_MAX).min(len);
            match decode_range(root, len, start..end, &bao) {
                Ok(part) => bytes.extend_from_slice(&part),
                Err(error) => return Err(self.fault(error.to_string())),
            }
            if end == len {
                return Ok(bytes);
            }
            bao = self.slice(root, len, end, (end + READ_BYTES_MAX).min(len)).await?;
        }
    }

    async fn read(&mut self, root: Root, start: u64, end: u64) -> Result<(u64, Vec<u8>), RemoteError> {
        match self.ask(&Request::Read { root, start, end }).await? {
            Response::Slice { len, bao } => Ok((len, bao)),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Names the supplier for something it did.
    pub fn fault(&self, reason: String) -> RemoteError {
        self.supplier.fault(reason)
    }

    async fn ask(&mut self, request: &Request) -> Result<Response, RemoteError> {
        say(&mut self.stream, &self.supplier, request).await?;
        self.hear().await
    }

    async fn hear(&mut self) -> Result<Response, RemoteError> {
        hear(&mut self.stream, &self.supplier).await
    }

    fn line(&self, reason: String) -> RemoteError {
        self.supplier.line(reason)
    }

    fn unexpected(&self, response: &Response) -> RemoteError {
        self.supplier.unexpected(response)
    }
}

/// The way to a supplier.
pub struct Speaker {
    stream: WriteHalf<Box<dyn Duplex>>,
    supplier: SupplierRef,
}

impl Speaker {
    /// Asks for bytes `range` of a blob.
    pub async fn ask_slice(&mut self, root: Root, range: Range<u64>) -> Result<(), RemoteError> {
        let request = Request::Read { root, start: range.start, end: range.end };
        say(&mut self.stream, &self.supplier, &request).await
    }
}

/// The way back from it.
pub struct Listener {
    stream: ReadHalf<Box<dyn Duplex>>,
    supplier: SupplierRef,
}

impl Listener {
    /// Who it is.
    pub fn supplier(&self) -> &SupplierRef {
        &self.supplier
    }

    /// The answer to the oldest question, as [`Remote::slice`].
    pub async fn slice(&mut self, root: Root, len: u64) -> Result<Vec<u8>, RemoteError> {
        let response = hear(&mut self.stream, &self.supplier).await?;
        slice_of(&self.supplier, root, len, response)
    }
}

async fn say<S: AsyncWrite + Unpin>(
    stream: &mut S,
    supplier: &SupplierRef,
    request: &Request,
) -> Result<(), RemoteError> {
    wire::send(stream, request).await.map_err(|error| supplier.line(error.to_string()))
}

async fn hear<S: AsyncRead + Unpin>(stream: &mut S, supplier: &SupplierRef) -> Result<Response, RemoteError> {
    let response = match wire::recv_or_end::<Response, _>(stream, WIRE_MESSAGE_BYTES_MAX, ANSWER).await {
        Ok(Some(response)) => response,
        Ok(None) => return Err(supplier.line("it ended the stream".to_owned())),
        Err(bitdust_network::Error::Invalid(error)) => return Err(supplier.fault(error.to_string())),
        Err(error) => return Err(supplier.line(error.to_string())),
    };
    if let Err(error) = response.check() {
        return Err(supplier.fault(error.to_string()));
    }
    match response {
        Response::Refused(refusal) => Err(RemoteError::Refused { supplier: supplier.clone(), refusal }),
        other => Ok(other),
    }
}

fn slice_of(supplier: &SupplierRef, root: Root, len: u64, response: Response) -> Result<Vec<u8>, RemoteError> {
    match response {
        Response::Slice { len: found, bao } if found == len => Ok(bao),
        Response::Slice { len: found, .. } => {
            Err(supplier.fault(format!("it says that blob {root} has {found} bytes, it has {len}")))
        }
        other => Err(supplier.unexpected(&other)),
    }
}
