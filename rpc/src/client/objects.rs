//! Objects from the calling side: streamed both ways, with progress, and with a download that goes on where it broke.

use std::{path::PathBuf, sync::Arc};

use bitdust_types::DatasetId;
use bytes::Bytes;
use futures::{SinkExt, StreamExt, channel::mpsc};
use http::{Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Body, Response};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Client, Error, chain};
use crate::{
    failure::Failure,
    objects::{At, DeleteReport, ObjectPath, PutReport, Terms},
    tar::write,
};

/// Told how many bytes have gone so far. Of an upload these are bytes handed over to the connection.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// Everything but letters, digits, the unreserved marks of RFC 3986, and the slash between parts.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// Bytes read from a file at once.
const PIECE: usize = 256 * 1024;
/// How often a download is taken up again without having got a single byte further.
const ATTEMPTS_MAX: u32 = 3;

/// A file on this machine and the name it is to get.
#[derive(Clone, Debug)]
pub struct LocalFile {
    /// Where its bytes are.
    pub source: PathBuf,
    /// Its path below the batch's prefix.
    pub path: ObjectPath,
}

/// What the headers of an answer say of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteMeta {
    /// Bytes of the whole object.
    pub bytes: u64,
    /// Milliseconds since 1970.
    pub modified_ms: u64,
    /// In which dataset.
    pub dataset: DatasetId,
    /// Since which revision.
    pub revision: u64,
    /// Changes with the bytes; with quotes, as in the ETag header.
    pub tag: String,
}

impl Client {
    /// Stores what `reader` gives. `bytes` is how many that will be, if known; it must then be right.
    pub async fn put_object(
        &self,
        path: &ObjectPath,
        reader: impl AsyncRead + Send + Unpin + 'static,
        bytes: Option<u64>,
        terms: &Terms,
        progress: Progress,
    ) -> Result<PutReport, Error> {
        let name = path.to_string();
        let (body, problem) =
            upload(progress, move |sender| async move { sender.copy(&name, reader, None).await.map(drop) });
        let mut request = self.http.put(self.address(path.as_str())).query(terms).body(body);
        if let Some(bytes) = bytes {
            request = request.header(header::CONTENT_LENGTH, bytes);
        }
        self.sent(request, problem).await
    }

    /// Stores many files under a prefix in one batch. A file that changes its size meanwhile fails the batch.
    pub async fn put_batch(
        &self,
        prefix: &ObjectPath,
        files: Vec<LocalFile>,
        terms: &Terms,
        progress: Progress,
    ) -> Result<PutReport, Error> {
        let (body, problem) = upload(progress, move |mut sender| async move {
            for file in files {
                sender = sender.file(&file).await?;
            }
            sender.send(Bytes::from_static(&write::END)).await
        });
        let address = self.address(&if prefix.is_root() { String::new() } else { format!("{prefix}/") });
        let request = self.http.put(address).query(terms).header(header::CONTENT_TYPE, "application/x-tar").body(body);
        self.sent(request, problem).await
    }

    /// What is known of an object.
    pub async fn head_object(&self, path: &ObjectPath, at: &At) -> Result<RemoteMeta, Error> {
        // HEAD answers have no body to say what is wrong; asking for the first byte does.
        let request = self.http.request(Method::GET, self.address(path.as_str())).query(at);
        let response = self.answered(request.header(header::RANGE, "bytes=0-0").send().await).await;
        match response {
            Err(Error::Failure(failure)) if failure.code == crate::Code::RangeNotSatisfiable => {
                let whole = self.http.request(Method::GET, self.address(path.as_str())).query(at).send().await;
                self.meta(&self.answered(whole).await?)
            }
            other => self.meta(&other?),
        }
    }

    /// Writes an object's bytes, or those of `range` (first byte, one after the last), to `writer`, and answers what was
    /// read and how many bytes. A broken connection is taken up where it broke, in the same version.
    pub async fn get_object(
        &self,
        path: &ObjectPath,
        at: &At,
        range: Option<(u64, u64)>,
        writer: &mut (impl AsyncWrite + Unpin),
        progress: Progress,
    ) -> Result<(RemoteMeta, u64), Error> {
        let (start, end) = range.unwrap_or((0, u64::MAX));
        let (mut got, mut attempts, mut version) = (0, 0, None::<String>);
        loop {
            let mut request = self.http.get(self.address(path.as_str())).query(at);
            if range.is_some() || got > 0 {
                let last = if end == u64::MAX { String::new() } else { end.saturating_sub(1).to_string() };
                request = request.header(header::RANGE, format!("bytes={}-{last}", start + got));
            }
            if let Some(version) = &version {
                request = request.header(header::IF_RANGE, version);
            }
            let response = match self.answered(request.send().await).await {
                Err(Error::Unreachable { .. }) if got > 0 && attempts + 1 < ATTEMPTS_MAX => {
                    attempts += 1;
                    continue;
                }
                answered => answered?,
            };
            let meta = self.meta(&response)?;
            if got > 0 && response.status() != StatusCode::PARTIAL_CONTENT {
                let what = format!("{path} was replaced while it was read");
                return Err(Failure::new(crate::Code::Conflict, what, "read it again").into());
            }
            let wanted = end.min(meta.bytes).saturating_sub(start);
            version = Some(meta.tag.clone());
            let before = got;
            let broke = self.receive(response, writer, &mut got, &progress).await?;
            if got == wanted {
                writer.flush().await.map_err(|source| Error::Local { what: format!("writing {path}"), source })?;
                return Ok((meta, got));
            }
            attempts = if got > before { 0 } else { attempts + 1 };
            if attempts == ATTEMPTS_MAX || got > wanted {
                let reason = broke.unwrap_or_else(|| format!("{got} of {wanted} bytes came"));
                return Err(Error::Unreachable { url: self.url.clone(), reason });
            }
        }
    }

    /// Deletes an object.
    pub async fn delete_object(&self, path: &ObjectPath) -> Result<DeleteReport, Error> {
        let response = self.http.delete(self.address(path.as_str())).send().await;
        self.json(self.answered(response).await?).await
    }

    fn address(&self, path: &str) -> String {
        format!("{}/objects/{}", self.url, utf8_percent_encode(path, ESCAPED))
    }

    /// Copies a body out. Answers what broke it, if something did; an error is one of our own writer.
    async fn receive(
        &self,
        response: Response,
        writer: &mut (impl AsyncWrite + Unpin),
        got: &mut u64,
        progress: &Progress,
    ) -> Result<Option<String>, Error> {
        let mut body = response.bytes_stream();
        while let Some(piece) = body.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => return Ok(Some(chain(&error))),
            };
            let written = writer.write_all(&piece).await;
            written.map_err(|source| Error::Local { what: "writing what was read".to_owned(), source })?;
            *got += piece.len() as u64;
            progress(*got);
        }
        Ok(None)
    }

    async fn sent(
        &self,
        request: reqwest::RequestBuilder,
        mut problem: mpsc::Receiver<Error>,
    ) -> Result<PutReport, Error> {
        let answered = self.answered(request.send().await).await;
        // If our own file could not be read, that is the reason, whatever the node made of the torn body.
        if let Ok(problem) = problem.try_recv() {
            return Err(problem);
        }
        self.json(answered?).await
    }

    pub(super) async fn answered(&self, response: Result<Response, reqwest::Error>) -> Result<Response, Error> {
        let response = response
            .map_err(|error| Error::Unreachable { url: self.url.clone(), reason: chain(&error.without_url()) })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.unwrap_or_default();
        Err(match Failure::from_json(&body) {
            Some(failure) => Error::Failure(failure),
            None => Error::Misunderstood { url: self.url.clone(), reason: format!("status {status} without a reason") },
        })
    }

    async fn json<T: DeserializeOwned>(&self, response: Response) -> Result<T, Error> {
        let misunderstood = |reason: String| Error::Misunderstood { url: self.url.clone(), reason };
        let body = response.bytes().await.map_err(|error| misunderstood(chain(&error)))?;
        serde_json::from_slice(&body).map_err(|error| misunderstood(error.to_string()))
    }

    fn meta(&self, response: &Response) -> Result<RemoteMeta, Error> {
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let total = match text("content-range").rsplit_once('/') {
            Some((_, total)) => total,
            None => text("content-length"),
        };
        let read = || {
            Some(RemoteMeta {
                bytes: total.parse().ok()?,
                modified_ms: text("x-bitdust-modified-ms").parse().ok()?,
                dataset: text("x-bitdust-dataset").parse().ok()?,
                revision: text("x-bitdust-revision").parse().ok()?,
                tag: text("etag").to_owned(),
            })
        };
        let reason = "headers of an object are missing";
        read().ok_or_else(|| Error::Misunderstood { url: self.url.clone(), reason: reason.to_owned() })
    }
}

/// Feeds a request's body from a task of its own, a few pieces ahead of the connection.
struct Sender {
    pieces: mpsc::Sender<Result<Bytes, std::io::Error>>,
    progress: Progress,
    sent: u64,
}

/// Why feeding ended early.
enum Stop {
    /// The request is over; its answer says why.
    HungUp,
    /// Our own fault.
    Local(Error),
}

/// A body that `feed` fills, and where it says what went wrong on our side.
fn upload<F, Fut>(progress: Progress, feed: F) -> (Body, mpsc::Receiver<Error>)
where
    F: FnOnce(Sender) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), Stop>> + Send,
{
    let (pieces, body) = mpsc::channel(2);
    let (mut report, problem) = mpsc::channel(1);
    let mut torn = pieces.clone();
    tokio::spawn(async move {
        if let Err(Stop::Local(error)) = feed(Sender { pieces, progress, sent: 0 }).await {
            // Both receivers may be gone by now; then nobody is left to tell. The body ends in an error rather than
            // early, so that the node can't take it for complete.
            let _gone = report.send(error).await;
            let _gone = torn.send(Err(std::io::Error::other("the file could not be read"))).await;
        }
    });
    (Body::wrap_stream(body), problem)
}

impl Sender {
    async fn send(&mut self, piece: Bytes) -> Result<(), Stop> {
        self.sent += piece.len() as u64;
        self.pieces.send(Ok(piece)).await.map_err(|_| Stop::HungUp)?;
        (self.progress)(self.sent);
        Ok(())
    }

    /// Sends all that a reader gives; exactly `bytes`, if given.
    async fn copy(
        mut self,
        name: &str,
        mut reader: impl AsyncRead + Send + Unpin,
        bytes: Option<u64>,
    ) -> Result<Sender, Stop> {
        let failed = |source| Stop::Local(Error::Local { what: format!("reading {name}"), source });
        let mut left = bytes;
        loop {
            let mut piece = bytes::BytesMut::with_capacity(PIECE);
            if reader.read_buf(&mut piece).await.map_err(failed)? == 0 {
                break;
            }
            if let Some(left) = &mut left {
                *left = left.checked_sub(piece.len() as u64).ok_or_else(|| failed(changed()))?;
            }
            self.send(piece.freeze()).await?;
        }
        if left.is_some_and(|left| left > 0) { Err(failed(changed())) } else { Ok(self) }
    }

    async fn file(mut self, file: &LocalFile) -> Result<Sender, Stop> {
        let name = file.source.display().to_string();
        let failed = |source| Stop::Local(Error::Local { what: format!("reading {name}"), source });
        let reader = tokio::fs::File::open(&file.source).await.map_err(failed)?;
        let meta = reader.metadata().await.map_err(failed)?;
        let since = meta.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let modified_ms = since.and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or(0);
        self.send(write::header(&file.path, meta.len(), modified_ms).into()).await?;
        let mut sender = self.copy(&name, reader, Some(meta.len())).await?;
        sender.send(Bytes::from_static(write::padding(meta.len()))).await?;
        Ok(sender)
    }
}

fn changed() -> std::io::Error {
    std::io::Error::other("its size changed while it was sent; store it when nobody writes to it")
}
