//! The chunk route: `POST /worlds/{id}/chunks`. See [`crate::places`] for what it promises.

use std::sync::Arc;

use alloy_primitives::B256;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use futures::StreamExt as _;
use http::{StatusCode, header};

use super::{Shared, body, routes::answer};
use crate::{
    failure::{Code, Failure},
    places::{CHUNKS_MAX, ChunksRequest, Frame, REQUEST_BYTES_MAX},
};

/// What the world asked for, its chunks as a stream of frames.
pub async fn handle(State(shared): State<Arc<Shared>>, Path(world): Path<String>, request: Request) -> Response {
    match chunks(&shared, &world, request).await {
        Ok(response) => response,
        Err(failure) => answer(&failure),
    }
}

/// Any method but POST.
pub async fn other_method() -> Response {
    let what = "chunks are asked for by POST";
    answer(&Failure::new(Code::InvalidRequest, what, r#"send such as {"chunks":[{"pos":{"x":0,"y":1,"z":0}}]}"#))
}

async fn chunks(shared: &Shared, world: &str, request: Request) -> Result<Response, Failure> {
    let places = shared.places.as_ref().ok_or_else(|| {
        Failure::new(Code::Unavailable, "this node knows no worlds", "ask a node that runs as a customer")
    })?;
    let world: B256 = world.parse().map_err(|_| {
        let shown: String = world.chars().take(80).collect();
        Failure::params(format!("'{}' is no world's id", shown.escape_debug()), "world_list tells which there are")
    })?;
    let permit = shared.chunk_streams.clone().try_acquire_owned().map_err(|_| {
        let max = shared.config.limits.chunk_streams_max;
        let what = format!("{max} callers are being sent chunks, which is as many as this node takes");
        Failure::new(Code::Unavailable, what, "wait for some to end and try again")
    })?;
    let stall = shared.config.limits.request_timeout;
    let request = read(request.into_body(), stall).await?;
    let frames = places.chunks(world, request).await?;
    let bytes = frames.map(move |frame| {
        let _held_until_sent = &permit;
        Ok::<_, std::convert::Infallible>(Frame::encode(&frame))
    });
    let head = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::OK, head, Body::from_stream(bytes)).into_response())
}

async fn read(incoming: Body, stall: std::time::Duration) -> Result<ChunksRequest, Failure> {
    let (mut pieces, _rest) = body::shared(incoming, stall, REQUEST_BYTES_MAX as u64);
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece?);
    }
    let wrong = |what: String| Failure::params(what, r#"send such as {"chunks":[{"pos":{"x":0,"y":1,"z":0}}]}"#);
    let request: ChunksRequest =
        serde_json::from_slice(&bytes).map_err(|error| wrong(format!("the request for chunks is wrong: {error}")))?;
    if request.chunks.is_empty() || request.chunks.len() > CHUNKS_MAX {
        let count = request.chunks.len();
        return Err(wrong(format!("{count} chunks were asked for, and 1 to {CHUNKS_MAX} can be at once")));
    }
    Ok(request)
}
