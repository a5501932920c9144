//! The route `/`: JSON-RPC by POST, or a WebSocket. Looks at the body before the library does, so that whoever sends
//! something else is told what is wrong with it and where.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jsonrpsee::server::{Methods, StopHandle, TowerServiceBuilder, http::content_type_is_json, ws::is_upgrade_request};
use serde_json::json;
use tokio::time::timeout;
use tower::{Service, layer::util::Identity, layer::util::Stack};

use super::{Shared, guard::GuardLayer};
use crate::failure::{Code, Failure};

/// The library's service, built anew for each request from these parts.
pub struct Rpc {
    pub service: TowerServiceBuilder<Stack<GuardLayer, Identity>, Identity>,
    pub methods: Methods,
    pub stop: StopHandle,
}

/// Answers a POST or begins a WebSocket.
pub async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Infallible> {
    let request = if is_upgrade_request(&request) {
        request
    } else {
        match checked(&shared, request).await {
            Ok(request) => request,
            Err((status, failure)) => return Ok(refusal(status, &failure)),
        }
    };
    let mut service = shared.rpc.service.clone().build(shared.rpc.methods.clone(), shared.rpc.stop.clone());
    Ok(match service.call(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!(%error, "the JSON-RPC service failed");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, &Failure::internal("the call could not be run"))
        }
    })
}

/// The request again, its body read whole and known to be JSON.
async fn checked(shared: &Shared, request: Request) -> Result<Request, (StatusCode, Failure)> {
    let invalid = |status, what: &str, todo: &str| (status, Failure::new(Code::InvalidRequest, what, todo));
    if request.method() != Method::POST {
        let what = format!("{} / is not served", request.method());
        let todo = "send JSON-RPC by POST or over a WebSocket; objects are at /objects/{path}";
        return Err(invalid(StatusCode::METHOD_NOT_ALLOWED, &what, todo));
    }
    if !content_type_is_json(&request) {
        let todo = "send the header 'Content-Type: application/json'";
        return Err(invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is not said to be JSON", todo));
    }
    let max = shared.config.limits.request_bytes_max as usize;
    let too_large = || {
        let what = format!("the request has more than {max} bytes");
        let failure =
            Failure::new(Code::LimitExceeded, what, "send smaller batches; bytes of files go to /objects/{path}");
        (StatusCode::PAYLOAD_TOO_LARGE, failure)
    };
    let said = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|bytes| bytes > max as u64) {
        return Err(too_large());
    }
    let (parts, body) = request.into_parts();
    let body = match timeout(shared.config.limits.request_timeout, Limited::new(body, max).collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(error)) => {
            let what = format!("the body of the request did not arrive: {error}");
            return Err(invalid(StatusCode::BAD_REQUEST, &what, "send it again"));
        }
        Err(_) => {
            let what = "the body of the request did not arrive in time";
            return Err(invalid(StatusCode::REQUEST_TIMEOUT, what, "send it again"));
        }
    };
    // 200, as for any error inside JSON-RPC: many clients read the body of nothing else.
    shape(&body).map_err(|failure| (StatusCode::OK, failure))?;
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Looks whether a body is JSON, and something like a call or a batch of them.
fn shape(body: &[u8]) -> Result<(), Failure> {
    #[derive(serde::Deserialize)]
    struct Call {
        jsonrpc: Option<serde_json::Value>,
        method: Option<serde_json::Value>,
    }
    let todo = r#"send such as {"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}"#;
    let invalid = |what: &str| Err(Failure::new(Code::InvalidRequest, what, todo));
    serde_json::from_slice::<serde::de::IgnoredAny>(body)
        .map_err(|error| Failure::new(Code::Parse, format!("the body is not JSON: {error}"), todo))?;
    match body.trim_ascii_start().first() {
        // The library judges each call of a batch by itself.
        Some(b'[') => Ok(()),
        Some(b'{') => match serde_json::from_slice::<Call>(body) {
            Ok(Call { jsonrpc, .. }) if jsonrpc != Some("2.0".into()) => {
                invalid("the call is not marked \"jsonrpc\":\"2.0\"")
            }
            Ok(Call { method, .. }) if !method.as_ref().is_some_and(serde_json::Value::is_string) => {
                invalid("the call names no method")
            }
            Ok(_) => Ok(()),
            Err(error) => invalid(&format!("the call is malformed: {error}")),
        },
        _ => invalid("the body is neither a call nor a batch of calls"),
    }
}

fn refusal(status: StatusCode, failure: &Failure) -> Response {
    let mut body = json!({ "jsonrpc": "2.0", "id": null });
    body["error"] = failure.to_json()["error"].take();
    (status, axum::Json(body)).into_response()
}
