//! The object routes: `PUT`, `GET`, `HEAD` and `DELETE /objects/...`. See [`crate::objects`] for what they promise.
//!
//! Bytes of strangers are never served as something that a browser would run: always `application/octet-stream`,
//! `nosniff`, and sandboxed, because pages at this origin could call this server.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Json,
    body::{Body, HttpBody},
    extract::{Extension, Query, Request, State},
    response::{IntoResponse, Response},
};
use futures::{FutureExt, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::{Shared, body};
use crate::{
    failure::{Code, Failure},
    objects::{At, ByteStream, ObjectMeta, ObjectPath, Objects, PutRequest, range},
    tar::read::Entries,
    token::Access,
};

/// Header of an answer: the object's dataset.
pub const DATASET: &str = "x-bitdust-dataset";
/// Header of an answer: the revision that the object has been in since.
pub const REVISION: &str = "x-bitdust-revision";
/// Header of an answer: the object's time, in milliseconds since 1970.
pub const MODIFIED: &str = "x-bitdust-modified-ms";
/// The media type that makes a `PUT` a batch.
pub const TAR: &str = "application/x-tar";

/// A failure as an HTTP answer.
pub fn answer(failure: &Failure) -> Response {
    let status = StatusCode::from_u16(failure.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(failure.to_json())).into_response();
    let bytes = failure.data.as_ref().and_then(|data| data["bytes"].as_u64());
    match (failure.code, bytes) {
        (Code::Unauthorized, _) => {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        (Code::RangeNotSatisfiable, Some(bytes)) => {
            if let Ok(value) = HeaderValue::try_from(format!("bytes */{bytes}")) {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
        }
        _ => {}
    }
    response
}

/// Any path that is not served.
pub async fn nothing_here(request: Request) -> Response {
    let shown: String = request.uri().path().chars().take(80).collect();
    let what = format!("there is nothing at {}", shown.escape_debug());
    answer(&Failure::not_found(what, "JSON-RPC is at /, objects are at /objects/{path}, chunks at /worlds/{id}/chunks"))
}

/// Everything under `/objects`.
pub async fn handle(
    State(shared): State<Arc<Shared>>,
    Extension(access): Extension<Access>,
    request: Request,
) -> Response {
    let stall = shared.config.limits.stall_timeout;
    let (parts, incoming) = request.into_parts();
    let said = incoming.size_hint().exact();
    let (stream, rest) = body::shared(incoming, stall, shared.config.limits.object_bytes_max);
    let call = Call { shared, access, method: parts.method, headers: parts.headers, uri: parts.uri, said };
    let done = AssertUnwindSafe(call.run(stream)).catch_unwind().await;
    let done = done.unwrap_or_else(|_| Err(Failure::internal("the object route failed unexpectedly")));
    match done {
        Ok(response) => response,
        Err(failure) => {
            // A caller that is still sending must get to read why it should not.
            rest.drain().await;
            answer(&failure)
        }
    }
}

struct Call {
    shared: Arc<Shared>,
    access: Access,
    method: Method,
    headers: HeaderMap,
    uri: http::Uri,
    /// Bytes of the body, if the caller said.
    said: Option<u64>,
}

impl Call {
    async fn run(&self, body: ByteStream) -> Result<Response, Failure> {
        let raw = self.uri.path().strip_prefix("/objects").unwrap_or_default();
        let raw = raw.strip_prefix('/').unwrap_or(raw);
        let path = percent_decode_str(raw).decode_utf8().map_err(|_| {
            Failure::params(format!("the path '{raw}' is not UTF-8"), "percent-encode the bytes of its UTF-8 form")
        })?;
        match self.method {
            Method::GET | Method::HEAD => self.get(&path).await,
            Method::PUT => self.put(&path, body).await,
            Method::DELETE => self.delete(&path).await,
            _ => {
                let what = format!("{} is not served for objects", self.method);
                Err(Failure::new(Code::InvalidRequest, what, "use PUT, GET, HEAD or DELETE"))
            }
        }
    }

    async fn put(&self, path: &str, body: ByteStream) -> Result<Response, Failure> {
        self.needs_token(&format!("PUT /objects/{path}"))?;
        let terms = self.query()?;
        let bytes_max = self.shared.config.limits.object_bytes_max;
        if let Some(bytes) = self.said.filter(|bytes| *bytes > bytes_max) {
            let what = format!("the body has {bytes} bytes, and this node takes at most {bytes_max} at once");
            return Err(Failure::new(Code::LimitExceeded, what, "split the file"));
        }
        let media_type =
            self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        let is_batch = path.is_empty() || path.ends_with('/');
        if is_batch && !media_type.eq_ignore_ascii_case(TAR) {
            let what = format!("PUT /objects/{path} stores a batch, and the body is said to be '{media_type}'");
            let todo =
                format!("send a tar archive with 'Content-Type: {TAR}', or name a file without a slash at the end");
            return Err(Failure::new(Code::InvalidRequest, what, todo));
        }
        let _permit = self.permit()?;
        let objects = self.objects()?;
        let report = if is_batch {
            let path = ObjectPath::parse_prefix(path)?;
            let entries = Entries::from_tar(body, path.clone());
            objects.put_batch(PutRequest { path, bytes: None, terms }, entries).await?
        } else {
            let path = ObjectPath::parse(path)?;
            objects.put(PutRequest { path, bytes: self.said, terms }, body).await?
        };
        Ok((StatusCode::CREATED, Json(report)).into_response())
    }

    async fn get(&self, path: &str) -> Result<Response, Failure> {
        let path = ObjectPath::parse(path)?;
        let at: At = self.query()?;
        let permit = self.permit()?;
        let what = format!("reading /objects/{path}, unless it is public,");
        let object = match self.objects()?.open(&path, at).await {
            // A stranger doesn't learn which private paths exist.
            Err(failure) if failure.code == Code::NotFound => {
                self.needs_token(&what)?;
                return Err(failure);
            }
            opened => opened?,
        };
        let meta = object.meta().clone();
        if !meta.public {
            self.needs_token(&what)?;
        }
        let tag = format!("\"{}\"", meta.tag);
        let one = |name| self.headers.get(name).and_then(|value| value.to_str().ok());
        if one(header::IF_NONE_MATCH).is_some_and(|tags| tags.split(',').any(|known| matches(known.trim(), &tag))) {
            return describe(StatusCode::NOT_MODIFIED, &meta, &tag, None, Body::empty());
        }
        // RFC 9110, 13.1.5: a range of another version than the caller has the beginning of is of no use to it.
        let same_version = one(header::IF_RANGE).is_none_or(|known| known == tag);
        let single = self.headers.get_all(header::RANGE).iter().count() == 1 && same_version;
        let part = range::part(one(header::RANGE).filter(|_| single), meta.bytes)?;
        let (start, end) = part.bounds(meta.bytes);
        let (status, range) = match part {
            range::Part::Whole => (StatusCode::OK, None),
            range::Part::Bytes { .. } => (StatusCode::PARTIAL_CONTENT, Some((start, end))),
        };
        let body = if self.method == Method::HEAD || start == end {
            Body::empty()
        } else {
            content(object.read(start, end).await?, &path, end - start, permit).await?
        };
        describe(status, &meta, &tag, range, body)
    }

    async fn delete(&self, path: &str) -> Result<Response, Failure> {
        self.needs_token(&format!("DELETE /objects/{path}"))?;
        let path = ObjectPath::parse(path)?;
        Ok(Json(self.objects()?.delete(&path).await?).into_response())
    }

    fn needs_token(&self, what: &str) -> Result<(), Failure> {
        self.access.check(what, &self.shared.config.token_file)
    }

    fn objects(&self) -> Result<&dyn Objects, Failure> {
        self.shared.objects.as_deref().ok_or_else(|| {
            Failure::new(Code::Unavailable, "this node keeps no files", "ask a node that runs as a customer")
        })
    }

    fn permit(&self) -> Result<OwnedSemaphorePermit, Failure> {
        self.shared.transfers.clone().try_acquire_owned().map_err(|_| {
            let max = self.shared.config.limits.transfers_max;
            let what = format!("{max} objects are being read or written, which is as many as this node takes");
            Failure::new(Code::Unavailable, what, "wait for some to end and try again")
        })
    }

    fn query<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        Query::try_from_uri(&self.uri).map(|Query(query)| query).map_err(|error| {
            let shown: String = self.uri.query().unwrap_or_default().chars().take(80).collect();
            Failure::params(format!("the query '{shown}' is wrong: {error}"), "see the parameters in docs of /objects")
        })
    }
}

/// True if an entity tag of an `If-None-Match` header, weak or strong, is this one.
fn matches(known: &str, tag: &str) -> bool {
    known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
}

/// The body of an answer. Waits for the first piece, so that what can't be read at all is said in the answer's status.
async fn content(
    mut bytes: ByteStream,
    path: &ObjectPath,
    length: u64,
    permit: OwnedSemaphorePermit,
) -> Result<Body, Failure> {
    let first = match bytes.next().await {
        Some(first) => first?,
        None => return Err(Failure::internal(format!("{path} gave no bytes where {length} were expected"))),
    };
    let all = stream::iter([Ok(first)]).chain(bytes);
    let path = path.clone();
    let logged = all.inspect(move |piece| {
        let _held_until_sent = &permit;
        if let Err(failure) = piece {
            tracing::warn!(%path, %failure, "an object could not be read to its end");
        }
    });
    Ok(Body::from_stream(body::exactly(logged.boxed(), length)))
}

fn describe(
    status: StatusCode,
    meta: &ObjectMeta,
    tag: &str,
    range: Option<(u64, u64)>,
    body: Body,
) -> Result<Response, Failure> {
    let (start, end) = range.unwrap_or((0, meta.bytes));
    let mut response = Response::builder()
        .status(status)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, tag)
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'")
        .header(DATASET, meta.dataset.to_string())
        .header(REVISION, meta.revision)
        .header(MODIFIED, meta.modified_ms);
    if status != StatusCode::NOT_MODIFIED {
        response = response
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, end - start);
    }
    if range.is_some() {
        response = response.header(header::CONTENT_RANGE, format!("bytes {start}-{}/{}", end - 1, meta.bytes));
    }
    response.body(body).map_err(|error| Failure::internal(format!("{} can't be described: {error}", meta.path)))
}
