//! The calling side: every method of every namespace, typed, the bytes of objects, and subscriptions ([`Live`]).
//!
//! [`Client`] implements the client half of every trait in [`crate::api`]; bring those into scope and call
//! `client.ledger_status().await`. What goes wrong becomes an [`Error`] that names the node and says what to do.

mod live;
mod objects;
mod places;

use std::{fmt::Debug, time::Duration};

use http::{HeaderMap, HeaderValue, header};
use jsonrpsee::core::{
    ClientError, DeserializeOwned,
    client::{BatchResponse, ClientT},
    params::BatchRequestBuilder,
    traits::ToRpcParams,
};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};

use crate::{api::Web3Client, failure::Failure, token::Token};

pub use live::Live;
pub use objects::{LocalFile, Progress, RemoteMeta};

/// Calls that wait for a block or read a whole object may take minutes.
const CALL_TIMEOUT: Duration = Duration::from_secs(600);
/// A node on this machine answers at once, one far away within seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer: as much as a server sends by default.
const RESPONSE_BYTES_MAX: u32 = 32 << 20;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The node answered with an error.
    #[error("{0}")]
    Failure(#[from] Failure),
    /// No node, or none that speaks this protocol.
    #[error(
        "no answer from the node at {url}: {reason}; is it running, and is this the address it prints at its start?"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// What the system said.
        reason: String,
    },
    /// The answer is not what it should be.
    #[error(
        "the node at {url} answered in a way this program does not understand: {reason}; their versions may differ"
    )]
    Misunderstood {
        /// Where.
        url: String,
        /// What is odd.
        reason: String,
    },
    /// The URL or the token can't be used.
    #[error("'{url}' can't be called: {reason}; write such as http://127.0.0.1:8545")]
    Address {
        /// What was given.
        url: String,
        /// Why not.
        reason: String,
    },
    /// Reading or writing a file on this side failed.
    #[error("{what}: {source}")]
    Local {
        /// Which file.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A typed client of one node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    /// With the token; the header is marked as sensitive and so isn't shown.
    headers: HeaderMap,
    rpc: HttpClient,
    http: reqwest::Client,
}

impl Client {
    /// A client of the node at a URL such as `http://127.0.0.1:8545`, which is asked for its version to see that it is
    /// there. The token is needed for whatever spends, changes or is private.
    pub async fn connect(url: &str, token: Option<&Token>) -> Result<Self, Error> {
        let client = Client::new(url, token)?;
        client.web3_client_version().await.map_err(|error| client.explain(error))?;
        Ok(client)
    }

    /// The same without asking.
    pub fn new(url: &str, token: Option<&Token>) -> Result<Self, Error> {
        let bad = |reason: String| Error::Address { url: url.to_owned(), reason };
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let mut value =
                HeaderValue::try_from(format!("Bearer {}", token.to_hex())).map_err(|e| bad(e.to_string()))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let rpc = HttpClientBuilder::default()
            .request_timeout(CALL_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .max_response_size(RESPONSE_BYTES_MAX)
            .set_headers(headers.clone())
            .build(url)
            .map_err(|error| bad(error.to_string()))?;
        // A proxy meant for the web must not see a node's token.
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .default_headers(headers.clone())
            .build()
            .map_err(|error| bad(error.to_string()))?;
        Ok(Client { url: url.trim_end_matches('/').to_owned(), headers, rpc, http })
    }

    /// The node's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What a failed call means.
    pub fn explain(&self, error: ClientError) -> Error {
        let url = self.url.clone();
        match error {
            ClientError::Call(object) => Error::Failure(object.into()),
            ClientError::Transport(error) => Error::Unreachable { url, reason: chain(&*error) },
            ClientError::RequestTimeout => {
                Error::Unreachable { url, reason: format!("nothing came within {} s", CALL_TIMEOUT.as_secs()) }
            }
            other => Error::Misunderstood { url, reason: other.to_string() },
        }
    }
}

/// An error with its causes, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

impl ClientT for Client {
    fn notification<Params>(&self, method: &str, params: Params) -> impl Future<Output = Result<(), ClientError>> + Send
    where
        Params: ToRpcParams + Send,
    {
        self.rpc.notification(method, params)
    }

    fn request<R, Params>(&self, method: &str, params: Params) -> impl Future<Output = Result<R, ClientError>> + Send
    where
        R: DeserializeOwned,
        Params: ToRpcParams + Send,
    {
        self.rpc.request(method, params)
    }

    fn batch_request<'a, R>(
        &self,
        batch: BatchRequestBuilder<'a>,
    ) -> impl Future<Output = Result<BatchResponse<'a, R>, ClientError>> + Send
    where
        R: DeserializeOwned + Debug + 'a,
    {
        self.rpc.batch_request(batch)
    }
}
