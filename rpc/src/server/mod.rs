//! The listening side: JSON-RPC over HTTP and WebSocket at `/`, bytes of objects at `/objects/...`, chunks of worlds at
//! `/worlds/...`, all on one port.
//!
//! A request passes, in this order: the limit of connections ([`accept`]), the check of Host and Origin and the look at
//! the token ([`gate`]), then either the check of the JSON ([`json`]) and of each call ([`guard`]), or the object routes
//! ([`routes`]) or the chunk route ([`places`]). What comes after that is the node's.
//!
//! **Invariant:** nothing is listened to beyond loopback unless the configuration says so, and a web page can't reach
//! this server unless its origin is listed.

mod accept;
mod body;
mod discover;
mod gate;
mod guard;
mod json;
mod places;
mod routes;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router, middleware,
    routing::{any, post},
};
use http::{HeaderName, HeaderValue, Method, header};
use jsonrpsee::{
    RpcModule,
    core::RegisterMethodError,
    server::{BatchRequestConfig, Methods, PingConfig, Server, ServerConfig, ServerHandle, StopHandle, stop_channel},
};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};
use tower_http::cors::CorsLayer;

use crate::{
    api::{
        EthServer, LedgerServer, MarketServer, MeetServer, NetServer, NodeServer, StorageServer, SupplierServer,
        Web3Methods, Web3Server, WorldServer,
    },
    objects::Objects,
    places::Places,
    token::Token,
};

/// The port that Ethereum's tools expect.
pub const PORT: u16 = 8545;

/// Where and for whom to listen.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address; loopback unless the operator says otherwise.
    pub listen: SocketAddr,
    /// Names under which the server is reached, beside `localhost` and plain IP addresses.
    pub hosts: Vec<String>,
    /// Web pages that may call, such as `http://127.0.0.1:8180`.
    pub origins: Vec<String>,
    /// Where the token is kept: named in errors, not read here.
    pub token_file: PathBuf,
    /// Bounds.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            hosts: Vec::new(),
            origins: Vec::new(),
            token_file: PathBuf::from("token"),
            limits: Limits::default(),
        }
    }
}

/// What callers can make the server hold.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a JSON-RPC request: a transaction of 128 KiB is 256 KiB of hexadecimal; a batch may carry a few.
    pub request_bytes_max: u32,
    /// Bytes of a JSON-RPC answer: a block of 6 MiB with its proofs is 13 MiB of hexadecimal.
    pub response_bytes_max: u32,
    /// Calls in one batch.
    pub batch_max: u32,
    /// HTTP connections, and as many WebSockets beside them: 2 × 256 requests of 2 MiB are 1 GiB at the very worst.
    pub connections_max: u32,
    /// Subscriptions on one WebSocket: one for each world that a player is in, and room for more.
    pub subscriptions_max: u32,
    /// Calls that run at the same time.
    pub calls_max: usize,
    /// Objects that are read or written at the same time; each holds some MiB of shards.
    pub transfers_max: usize,
    /// Answers of chunks that are being sent at the same time: a few players, each with a few portions on the way.
    pub chunk_streams_max: usize,
    /// Bytes of one object or batch: 1 TiB, ten hours at 30 MiB/s.
    pub object_bytes_max: u64,
    /// How long a caller may take to send its headers or a JSON body.
    pub request_timeout: Duration,
    /// How long the body of an object may stand still.
    pub stall_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            request_bytes_max: 2 << 20,
            response_bytes_max: 32 << 20,
            batch_max: 100,
            connections_max: 256,
            subscriptions_max: 8,
            calls_max: 256,
            transfers_max: 32,
            chunk_streams_max: 64,
            object_bytes_max: 1 << 40,
            request_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(120),
        }
    }
}

/// Why the server can't start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can't be had.
    #[error("can't listen on {address} for JSON-RPC: {source}; choose another address or end the program that has it")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// An origin in the configuration is none.
    #[error("'{0}' is no origin of a web page; write scheme, host and port, such as http://127.0.0.1:8180")]
    Origin(String),
    /// Two methods of one name.
    #[error("a namespace was added twice: {0}")]
    Methods(#[from] RegisterMethodError),
}

/// The namespaces that a server offers.
pub struct Modules(RpcModule<()>);

/// One function per namespace that adds it.
macro_rules! namespaces {
    ($($name:ident: $server:ident;)*) => { $(
        #[doc = concat!("Adds the namespace `", stringify!($name), "_`.")]
        pub fn $name(self, methods: impl $server) -> Result<Self, Error> {
            self.merge($server::into_rpc(methods))
        }
    )* };
}

impl Modules {
    /// `web3_` and `rpc.discover` alone. `client_version` is such as `bitdust/0.1.0`.
    pub fn new(client_version: impl Into<String>) -> Self {
        let mut module = RpcModule::new(());
        let web3 = Web3Server::into_rpc(Web3Methods { client_version: client_version.into() });
        module.merge(web3).expect("the first methods can't clash");
        Modules(module)
    }

    namespaces! {
        eth: EthServer;
        net: NetServer;
        ledger: LedgerServer;
        market: MarketServer;
        storage: StorageServer;
        supplier: SupplierServer;
        node: NodeServer;
        world: WorldServer;
        meet: MeetServer;
    }

    /// Adds other methods.
    pub fn merge(mut self, methods: impl Into<Methods>) -> Result<Self, Error> {
        self.0.merge(methods)?;
        Ok(self)
    }

    fn finish(mut self) -> Result<Methods, Error> {
        let mut names: Vec<&'static str> = self.0.method_names().collect();
        names.push("rpc.discover");
        let document = discover::document(&names);
        self.0.register_method("rpc.discover", move |_, _, _| document.clone())?;
        Ok(self.0.into())
    }
}

/// What the node does with bytes; none of it is there on a node that is no customer.
#[derive(Clone, Default)]
pub struct Backends {
    /// Objects.
    pub objects: Option<Arc<dyn Objects>>,
    /// Chunks of worlds.
    pub places: Option<Arc<dyn Places>>,
}

/// What every request needs.
struct Shared {
    config: Config,
    token: Token,
    objects: Option<Arc<dyn Objects>>,
    transfers: Arc<Semaphore>,
    places: Option<Arc<dyn Places>>,
    chunk_streams: Arc<Semaphore>,
    rpc: json::Rpc,
}

/// A running server. Dropping it leaves the server running; [`Handle::stop`] ends it.
pub struct Handle {
    address: SocketAddr,
    server: ServerHandle,
    accepting: JoinHandle<()>,
}

impl Handle {
    /// Where it listens; the port is the real one if 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets running requests finish for a few seconds, and returns when all is closed.
    pub async fn stop(self) {
        let _already_stopped = self.server.stop();
        if let Err(error) = self.accepting.await {
            tracing::error!(%error, "the JSON-RPC server ended badly");
        }
    }
}

/// Listens and answers until stopped.
pub async fn start(config: Config, token: Token, modules: Modules, backends: Backends) -> Result<Handle, Error> {
    let failed = |source| Error::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (stop, server) = stop_channel();
    let connections_max = config.limits.connections_max;
    let request_timeout = config.limits.request_timeout;
    let router = router(config, token, modules.finish()?, backends, stop.clone())?;
    let accepting = tokio::spawn(accept::run(listener, router, connections_max, request_timeout, stop));
    tracing::info!(%address, "JSON-RPC and object routes");
    Ok(Handle { address, server, accepting })
}

fn router(
    config: Config,
    token: Token,
    methods: Methods,
    backends: Backends,
    stop: StopHandle,
) -> Result<Router, Error> {
    let limits = &config.limits;
    let rpc_config = ServerConfig::builder()
        .max_request_body_size(limits.request_bytes_max)
        .max_response_body_size(limits.response_bytes_max)
        .max_connections(limits.connections_max)
        .max_subscriptions_per_connection(limits.subscriptions_max)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch_max))
        .enable_ws_ping(PingConfig::new())
        .build();
    let guard = guard::GuardLayer::new(&methods, limits, config.token_file.clone());
    let rpc = json::Rpc {
        service: Server::builder()
            .set_config(rpc_config)
            .set_rpc_middleware(jsonrpsee::server::middleware::rpc::RpcServiceBuilder::new().layer(guard))
            .to_service_builder(),
        methods,
        stop,
    };
    let cors = cors(&config.origins)?;
    let transfers = Arc::new(Semaphore::new(limits.transfers_max));
    let chunk_streams = Arc::new(Semaphore::new(limits.chunk_streams_max));
    let Backends { objects, places } = backends;
    let shared = Arc::new(Shared { config, token, objects, transfers, places, chunk_streams, rpc });
    Ok(Router::new()
        .route("/", any(json::handle))
        .route("/objects", any(routes::handle))
        .route("/objects/", any(routes::handle))
        .route("/objects/{*path}", any(routes::handle))
        .route("/worlds/{id}/chunks", post(places::handle).fallback(places::other_method))
        .fallback(routes::nothing_here)
        .layer(middleware::from_fn_with_state(shared.clone(), gate::pass))
        .layer(cors)
        .with_state(shared))
}

/// Cross-origin answers for the listed pages; without any, browsers let no page read an answer.
fn cors(origins: &[String]) -> Result<CorsLayer, Error> {
    let mut allowed = Vec::new();
    for origin in origins {
        let well_formed = origin.split_once("://").is_some_and(|(_, rest)| !rest.is_empty() && !rest.contains('/'));
        let value = HeaderValue::from_str(origin).ok().filter(|_| well_formed);
        allowed.push(value.ok_or_else(|| Error::Origin(origin.clone()))?);
    }
    if allowed.is_empty() {
        return Ok(CorsLayer::new());
    }
    Ok(CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::RANGE, header::IF_NONE_MATCH])
        .expose_headers([
            header::CONTENT_RANGE,
            header::CONTENT_LENGTH,
            header::ETAG,
            HeaderName::from_static(routes::DATASET),
            HeaderName::from_static(routes::REVISION),
            HeaderName::from_static(routes::MODIFIED),
        ]))
}
