//! The bytes of objects: from an HTTP body into the customer's store and back.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use bitdust_rpc::{
    Code, Failure,
    objects::{
        At, ByteStream, DeleteReport, ObjectMeta, ObjectPath, Objects, OpenObject, PutReport, PutRequest, Skipped,
    },
    tar::read::Entries,
};
use bitdust_types::{Amount, DatasetId};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::io::StreamReader;

use super::{Api, internal, rejected};
use crate::{
    chain::now_ms,
    customer::{
        Customer, Progress, PutFile, PutReceipt,
        shelves::{self, Found, Shelves},
    },
};

/// Files of a batch that wait for the writer.
const FILES_AHEAD: usize = 4;
/// Pieces of a body that wait for the writer.
const PIECES_AHEAD: usize = 4;

#[async_trait]
impl Objects for Api {
    async fn put(&self, request: PutRequest, body: ByteStream) -> Result<PutReport, Failure> {
        let api = self.clone();
        // The caller may hang up; its body then ends in an error, and the put with it, in good order.
        spawned(async move {
            let (files, queue) = mpsc::channel(1);
            let content = body.map(|piece| piece.map_err(std::io::Error::other));
            let file = PutFile {
                path: request.path.to_string(),
                bytes: request.bytes,
                modified_ms: now_ms(),
                aligned: false,
                metadata: vec![shelves::stamp(api.chain.tip().height)],
                content: Box::new(StreamReader::new(content)),
            };
            files.send(file).await.map_err(internal)?;
            drop(files);
            api.put_files(&request, queue, Vec::new()).await
        })
        .await
    }

    async fn put_batch(&self, request: PutRequest, entries: Entries) -> Result<PutReport, Failure> {
        let api = self.clone();
        spawned(async move {
            let (files, queue) = mpsc::channel(FILES_AHEAD);
            let feeding = tokio::spawn(feed(entries, files, shelves::stamp(api.chain.tip().height)));
            let mut report = api.put_files(&request, queue, Vec::new()).await;
            // What was wrong with the archive explains a failed put better than what the writer made of it.
            match (feeding.await.map_err(internal)?, &mut report) {
                (Ok(skipped), Ok(report)) => report.skipped = skipped,
                (Ok(_), Err(_)) => {}
                (Err(failure), _) => return Err(failure),
            }
            report
        })
        .await
    }

    async fn open(&self, path: &ObjectPath, at: At) -> Result<Box<dyn OpenObject>, Failure> {
        let Found { info, manifest, file } = self.find(path.as_str(), at.dataset).await?;
        let (dataset, revision) = (info.id, manifest.number());
        if at.revision.is_some_and(|wanted| wanted != revision) {
            return Err(Failure::not_found(
                format!("revision {} of dataset {dataset} is not kept", at.revision.unwrap_or_default()),
                format!("ask for revision {revision}, which is the newest"),
            ));
        }
        let meta = ObjectMeta {
            path: path.clone(),
            bytes: file.bytes,
            modified_ms: file.modified_ms,
            dataset,
            revision,
            public: info.is_public(),
            tag: hex::encode(file.sha256),
        };
        Ok(Box::new(Opened { api: self.clone(), customer: self.customer()?.clone(), meta }))
    }

    async fn delete(&self, path: &ObjectPath) -> Result<DeleteReport, Failure> {
        self.remove(path.as_str()).await
    }
}

/// An object that was found.
struct Opened {
    api: Api,
    customer: Arc<Customer>,
    meta: ObjectMeta,
}

#[async_trait]
impl OpenObject for Opened {
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    async fn read(self: Box<Self>, start: u64, end: u64) -> Result<ByteStream, Failure> {
        let path = self.meta.path.as_str();
        let mut download = self.customer.get(self.meta.dataset, path, Some(start..end)).await.map_err(unavailable)?;
        let (pieces, body) = mpsc::channel(PIECES_AHEAD);
        let api = self.api;
        tokio::spawn(async move {
            let mut counted = 0;
            loop {
                let piece = download.bytes.recv().await;
                // Before it goes on: whoever has the last piece may ask at once what all of them cost.
                let fetched = download.report().fetched_bytes;
                api.fetched_bytes.fetch_add(fetched - counted, Ordering::Relaxed);
                counted = fetched;
                let Some(piece) = piece else { break };
                if pieces.send(piece.map_err(unavailable)).await.is_err() {
                    break;
                }
            }
            for (supplier, reason) in download.report().failed {
                tracing::warn!(%supplier, reason, path = download.file.path, "a supplier failed during a download");
            }
        });
        Ok(Box::pin(ReceiverStream::new(body)))
    }
}

impl Api {
    /// Stores what comes out of a queue, and reports.
    async fn put_files(
        &self,
        request: &PutRequest,
        files: mpsc::Receiver<PutFile>,
        skipped: Vec<Skipped>,
    ) -> Result<PutReport, Failure> {
        let customer = self.customer()?;
        let balance = self.balance_of(customer.account())?;
        let dataset = self.dataset_for(customer, &request.terms).await?;
        let receipt = customer.put(dataset, files, watch::Sender::<Progress>::default()).await.map_err(rejected)?;
        let paid = balance.saturating_sub(self.balance_of(customer.account())?);
        self.sent_bytes.fetch_add(receipt.progress.sent_bytes, Ordering::Relaxed);
        self.report(receipt, paid, skipped)
    }

    fn report(&self, receipt: PutReceipt, paid: Amount, skipped: Vec<Skipped>) -> Result<PutReport, Failure> {
        let info = self.chain.market(|view, _| Ok(view.dataset(receipt.dataset)?)).map_err(internal)?;
        let info = info.ok_or_else(|| Failure::internal(format!("dataset {} is gone", receipt.dataset)))?;
        for (slot, reason) in &receipt.lagging {
            tracing::warn!(slot, reason, dataset = %receipt.dataset, "a slot does not hold the newest revision yet");
        }
        Ok(PutReport {
            dataset: receipt.dataset,
            revision: receipt.number,
            head: info.head,
            objects: receipt.files.len() as u64,
            bytes: receipt.files.iter().map(|file| file.bytes).sum(),
            bytes_sent: receipt.progress.sent_bytes,
            k: info.layout.k(),
            n: info.layout.n(),
            held: receipt.held_slots,
            transaction: receipt.included.hash,
            height: receipt.included.height.0,
            paid,
            skipped,
        })
    }

    /// Where a path is: in the dataset wanted, else its newest copy.
    pub(super) async fn find(&self, path: &str, wanted: Option<DatasetId>) -> Result<Found, Failure> {
        let customer = self.customer()?;
        let Some(id) = wanted else {
            let shelves = customer.shelves().await.map_err(internal)?;
            let found = shelves.newest(path).ok_or_else(|| not_found(path, &shelves))?;
            for one in &shelves.unreadable {
                tracing::warn!(path, dataset = %one.info.id, reason = one.reason, "a dataset that may have a newer copy can't be read");
            }
            return Ok(found);
        };
        let manifest = customer.manifest(id).await.map_err(unavailable)?;
        let info = self.chain.market(|view, _| Ok(view.dataset(id)?)).map_err(internal)?;
        let info = info.ok_or_else(|| Failure::internal(format!("dataset {id} is gone")))?;
        let file = manifest.file(path).cloned().ok_or_else(|| {
            Failure::not_found(
                format!("nothing is stored as '{path}' in dataset {id}"),
                "check the path and the dataset",
            )
        })?;
        Ok(Found { info, manifest, file })
    }

    /// Removes one object: every copy of it.
    pub(super) async fn remove(&self, path: &str) -> Result<DeleteReport, Failure> {
        let customer = self.customer()?.clone();
        let wanted = path.to_owned();
        let removed = spawned(async move { customer.remove_copies(&wanted).await.map_err(rejected) }).await?;
        let Some(removed) = removed else {
            return Err(not_found(path, &self.customer()?.shelves().await.map_err(internal)?));
        };
        Ok(DeleteReport {
            path: path.to_owned(),
            dataset: removed.newest.info.id,
            revision: removed.receipt.number,
            dead_bytes: removed.bytes,
            transaction: removed.receipt.included.hash,
            copies: removed.copies,
            warnings: removed.warnings,
        })
    }
}

/// A path that no dataset has, as far as they can be read.
fn not_found(path: &str, shelves: &Shelves) -> Failure {
    if !shelves.unreadable.is_empty() {
        let reasons: Vec<String> =
            shelves.unreadable.iter().map(|one| format!("dataset {}: {}", one.info.id, one.reason)).collect();
        let what = format!(
            "'{path}' is in none of the datasets that can be read, and others can't be: {}",
            reasons.join("; ")
        );
        return Failure::new(Code::DataUnavailable, what, "try again when more of their suppliers are online");
    }
    let todo = match shelves.over.as_slice() {
        [] => "`bitdust ls` shows what is".to_owned(),
        over => {
            let ids: Vec<String> = over.iter().map(|info| info.id.to_string()).collect();
            format!(
                "`bitdust ls` shows what is; the term of these datasets is over, with all files in them: {}",
                ids.join(", ")
            )
        }
    };
    Failure::not_found(format!("nothing is stored as '{path}'"), todo)
}

/// Passes the files of an archive on, one after the other. Answers what was left out.
async fn feed(
    mut entries: Entries,
    files: mpsc::Sender<PutFile>,
    stamp: (String, String),
) -> Result<Vec<Skipped>, Failure> {
    loop {
        let entry = match entries.next().await {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(entries.skipped().to_vec()),
            Err(failure) => {
                // A batch is stored whole or not at all, so the writer must not take this for its end.
                let _gone = files.send(broken(&failure)).await;
                return Err(failure);
            }
        };
        let (pieces, content) = mpsc::channel::<std::io::Result<Bytes>>(PIECES_AHEAD);
        let file = PutFile {
            path: entry.path.to_string(),
            bytes: Some(entry.bytes),
            modified_ms: entry.modified_ms,
            aligned: false,
            metadata: vec![stamp.clone()],
            content: Box::new(StreamReader::new(ReceiverStream::new(content))),
        };
        if files.send(file).await.is_err() {
            // The writer has stopped, and its answer says why.
            return Ok(Vec::new());
        }
        loop {
            match entries.chunk().await {
                Ok(Some(piece)) => {
                    if pieces.send(Ok(piece)).await.is_err() {
                        return Ok(Vec::new());
                    }
                }
                Ok(None) => break,
                Err(failure) => {
                    let _gone = pieces.send(Err(std::io::Error::other(failure.to_string()))).await;
                    return Err(failure);
                }
            }
        }
    }
}

/// A file that can't be read, to end a batch with.
fn broken(failure: &Failure) -> PutFile {
    let problem = std::io::Error::other(failure.to_string());
    let content = futures::stream::iter([Err::<Bytes, _>(problem)]);
    PutFile {
        path: "archive".to_owned(),
        bytes: None,
        modified_ms: 0,
        aligned: false,
        metadata: Vec::new(),
        content: Box::new(StreamReader::new(content)),
    }
}

/// Runs work that goes on when its caller hangs up.
async fn spawned<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    tokio::spawn(work).await.map_err(internal)?
}

/// Data that can't be had now.
pub(super) fn unavailable(error: anyhow::Error) -> Failure {
    Failure::new(Code::DataUnavailable, format!("{error:#}"), "")
}
