//! Stands before every single call, alone or in a batch, over HTTP or WebSocket: does the method exist, may the caller
//! call it, is there room for it; and after it: are its errors such that a person can act on them.

use std::{panic::AssertUnwindSafe, path::PathBuf, sync::Arc};

use futures::FutureExt;
use jsonrpsee::{
    core::middleware::{Batch, BatchEntry, Notification},
    server::{BatchResponseBuilder, MethodCallback, MethodResponse, Methods, middleware::rpc::RpcServiceT},
    types::{
        ErrorObjectOwned, Id, Request,
        error::{INTERNAL_ERROR_CODE, INVALID_PARAMS_CODE},
    },
};
use tokio::sync::Semaphore;

use super::Limits;
use crate::{
    failure::{Code, Failure},
    token::{Access, Need, need},
};

struct Rules {
    /// Sorted.
    methods: Vec<&'static str>,
    /// Sorted: those of them that begin or end a subscription.
    subscriptions: Vec<&'static str>,
    token_file: PathBuf,
    response_bytes_max: usize,
    calls_max: usize,
    calls: Semaphore,
}

/// Puts a [`Guard`] before a service.
#[derive(Clone)]
pub struct GuardLayer(Arc<Rules>);

impl GuardLayer {
    /// For these methods.
    pub fn new(all: &Methods, limits: &Limits, token_file: PathBuf) -> Self {
        let mut methods: Vec<&'static str> = all.method_names().collect();
        methods.sort_unstable();
        let is_subscription = |name: &str| {
            use MethodCallback::{Subscription, Unsubscription};
            matches!(all.method(name), Some(Subscription(_) | Unsubscription(_)))
        };
        GuardLayer(Arc::new(Rules {
            subscriptions: methods.iter().copied().filter(|name| is_subscription(name)).collect(),
            methods,
            token_file,
            response_bytes_max: limits.response_bytes_max as usize,
            calls_max: limits.calls_max,
            calls: Semaphore::new(limits.calls_max),
        }))
    }
}

impl<S> tower::Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner: Arc::new(inner), rules: self.0.clone() }
    }
}

/// The service behind the checks.
pub struct Guard<S> {
    inner: Arc<S>,
    rules: Arc<Rules>,
}

impl<S> Clone for Guard<S> {
    fn clone(&self) -> Self {
        Guard { inner: self.inner.clone(), rules: self.rules.clone() }
    }
}

impl Rules {
    fn admit(&self, request: &Request<'_>) -> Result<(), Failure> {
        let method = request.method_name();
        if self.methods.binary_search(&method).is_err() {
            let shown: String = method.chars().take(60).collect();
            let hint = match self.like(method) {
                Some(near) => format!("did you mean {near}? rpc.discover lists what there is"),
                None => "rpc.discover lists what there is".to_owned(),
            };
            let what = format!("there is no method '{}'", shown.escape_debug());
            return Err(Failure::new(Code::MethodNotFound, what, hint));
        }
        if need(method) == Need::Token {
            // Whoever comes without the mark of the gate is a stranger.
            let access = request.extensions().get::<Access>().copied().unwrap_or(Access::Missing);
            access.check(method, &self.token_file)?;
        }
        Ok(())
    }

    /// A method that was probably meant: the same but for case, or the same name in another namespace.
    fn like(&self, method: &str) -> Option<&'static str> {
        let after_namespace = |name: &str| name.split_once('_').map(|(_, rest)| rest.to_ascii_lowercase());
        let same_case = self.methods.iter().find(|name| name.eq_ignore_ascii_case(method));
        let same_rest = || {
            let wanted = after_namespace(method).unwrap_or_else(|| method.to_ascii_lowercase());
            self.methods.iter().find(|name| after_namespace(name).is_some_and(|rest| rest == wanted))
        };
        same_case.or_else(same_rest).copied()
    }
}

impl<S> Guard<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync + 'static,
{
    async fn answer<'a>(self, request: Request<'a>) -> MethodResponse {
        let id = request.id.clone();
        if let Err(failure) = self.rules.admit(&request) {
            return refusal(id, failure);
        }
        let Ok(_permit) = self.rules.calls.try_acquire() else {
            let what = format!("{} calls are running, which is as many as this node takes", self.rules.calls_max);
            return refusal(id, Failure::new(Code::LimitExceeded, what, "wait for some to end and try again"));
        };
        let method = request.method_name().to_owned();
        // A bug in one method must not take the connection's other calls with it.
        match AssertUnwindSafe(self.inner.call(request)).catch_unwind().await {
            // The library's only word for a subscription that was asked for by POST.
            Ok(response)
                if response.as_error_code() == Some(INTERNAL_ERROR_CODE)
                    && self.rules.subscriptions.binary_search(&method.as_str()).is_ok() =>
            {
                let what = format!("{method} is about a subscription, which needs a WebSocket");
                refusal(id, Failure::new(Code::InvalidRequest, what, "connect to ws:// at the same address"))
            }
            Ok(response) => explained(&method, id, response),
            Err(_) => refusal(id, Failure::internal(format!("{method} failed unexpectedly"))),
        }
    }
}

fn refusal(id: Id<'_>, failure: Failure) -> MethodResponse {
    MethodResponse::error(id, ErrorObjectOwned::from(failure))
}

/// Says in the message what is wrong with the parameters; the library puts it in the data only, where few look.
fn explained(method: &str, id: Id<'_>, response: MethodResponse) -> MethodResponse {
    #[derive(serde::Deserialize)]
    struct Answer {
        error: ErrorObjectOwned,
    }
    if response.as_error_code() != Some(INVALID_PARAMS_CODE) {
        return response;
    }
    let Ok(Answer { error }) = serde_json::from_str::<Answer>(response.as_json().get()) else { return response };
    let Some(detail) = error.data().and_then(|data| serde_json::from_str::<String>(data.get()).ok()) else {
        return response;
    };
    let what = format!("the parameters of {method} are wrong: {detail}");
    refusal(id, Failure::params(what, format!("rpc.discover tells what {method} takes")))
}

impl<S> RpcServiceT for Guard<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.clone().answer(request)
    }

    /// Each call of a batch is guarded like one alone, in order.
    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let guard = self.clone();
        async move {
            let mut answers = BatchResponseBuilder::new_with_limit(guard.rules.response_bytes_max);
            let mut notified = false;
            for entry in batch {
                let answer = match entry {
                    Ok(BatchEntry::Call(request)) => guard.clone().answer(request).await,
                    Ok(BatchEntry::Notification(_)) => {
                        notified = true;
                        continue;
                    }
                    Err(error) => {
                        let (error, id) = error.into_parts();
                        MethodResponse::error(id, error)
                    }
                };
                if let Err(too_big) = answers.append(answer) {
                    return too_big;
                }
            }
            if answers.is_empty() && notified {
                return MethodResponse::notification();
            }
            MethodResponse::from_batch(answers.finish())
        }
    }

    /// JSON-RPC runs a notification without an answer; nothing here is worth running unanswered.
    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        std::future::ready(MethodResponse::notification().with_extensions(notification.extensions))
    }
}
