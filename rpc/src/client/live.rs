//! A WebSocket to the node: the same calls as over HTTP, and subscriptions.
//!
//! It is one connection. When it ends, calls fail and subscriptions end; whoever still wants them connects anew.

use std::fmt::Debug;

use jsonrpsee::core::{
    ClientError, DeserializeOwned,
    client::{BatchResponse, ClientT, Subscription, SubscriptionClientT},
    params::BatchRequestBuilder,
    traits::ToRpcParams,
};
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};

use super::{CALL_TIMEOUT, CONNECT_TIMEOUT, Client, Error, RESPONSE_BYTES_MAX};

/// Calls on one WebSocket that wait for their answers.
const CALLS_MAX: usize = 256;
/// What a subscription may hold that isn't read yet: at ten messages a second, more than six seconds.
const UNREAD_MAX: usize = 64;

/// A WebSocket to one node.
#[derive(Debug)]
pub struct Live {
    client: Client,
    socket: WsClient,
}

impl Client {
    /// Opens a WebSocket to the same node, with the same token.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn live(&self) -> Result<Live, Error> {
        let url = self.url.replacen("http", "ws", 1);
        let opened = WsClientBuilder::default()
            .set_headers(self.headers.clone())
            .request_timeout(CALL_TIMEOUT)
            .connection_timeout(CONNECT_TIMEOUT)
            .max_response_size(RESPONSE_BYTES_MAX)
            .max_concurrent_requests(CALLS_MAX)
            .max_buffer_capacity_per_subscription(UNREAD_MAX)
            .build(&url)
            .await;
        match opened {
            Ok(socket) => Ok(Live { client: self.clone(), socket }),
            Err(error) => Err(self.explain(error)),
        }
    }
}

impl Live {
    /// What a failed call means.
    pub fn explain(&self, error: ClientError) -> Error {
        match error {
            ClientError::RestartNeeded(_) | ClientError::ServiceDisconnect => {
                Error::Unreachable { url: self.client.url.clone(), reason: format!("the connection ended: {error}") }
            }
            other => self.client.explain(other),
        }
    }

    /// The node's URL.
    pub fn url(&self) -> &str {
        self.client.url()
    }

    /// Whether the connection stands.
    pub fn is_open(&self) -> bool {
        self.socket.is_connected()
    }
}

impl ClientT for Live {
    fn notification<Params>(&self, method: &str, params: Params) -> impl Future<Output = Result<(), ClientError>> + Send
    where
        Params: ToRpcParams + Send,
    {
        self.socket.notification(method, params)
    }

    fn request<R, Params>(&self, method: &str, params: Params) -> impl Future<Output = Result<R, ClientError>> + Send
    where
        R: DeserializeOwned,
        Params: ToRpcParams + Send,
    {
        self.socket.request(method, params)
    }

    fn batch_request<'a, R>(
        &self,
        batch: BatchRequestBuilder<'a>,
    ) -> impl Future<Output = Result<BatchResponse<'a, R>, ClientError>> + Send
    where
        R: DeserializeOwned + Debug + 'a,
    {
        self.socket.batch_request(batch)
    }
}

impl SubscriptionClientT for Live {
    fn subscribe<'a, N, Params>(
        &self,
        subscribe: &'a str,
        params: Params,
        unsubscribe: &'a str,
    ) -> impl Future<Output = Result<Subscription<N>, ClientError>> + Send
    where
        Params: ToRpcParams + Send,
        N: DeserializeOwned,
    {
        self.socket.subscribe(subscribe, params, unsubscribe)
    }

    fn subscribe_to_method<N>(&self, method: &str) -> impl Future<Output = Result<Subscription<N>, ClientError>> + Send
    where
        N: DeserializeOwned,
    {
        self.socket.subscribe_to_method(method)
    }
}

/// Over HTTP there are no subscriptions; a trait that has one among its methods asks for this.
impl SubscriptionClientT for Client {
    async fn subscribe<'a, N, Params>(&self, _: &'a str, _: Params, _: &'a str) -> Result<Subscription<N>, ClientError>
    where
        Params: ToRpcParams + Send,
        N: DeserializeOwned,
    {
        Err(ClientError::HttpNotImplemented)
    }

    async fn subscribe_to_method<N>(&self, _: &str) -> Result<Subscription<N>, ClientError>
    where
        N: DeserializeOwned,
    {
        Err(ClientError::HttpNotImplemented)
    }
}
