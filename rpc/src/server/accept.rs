//! Takes connections, no more than a bound of them, and ends them when the server stops.
//!
//! HTTP/1.1 only: WebSocket upgrades need it, and nobody here gains from HTTP/2.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use jsonrpsee::server::StopHandle;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;

/// How long running requests may take when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// What a connection too many is told.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 126\r\n\
    Retry-After: 1\r\nConnection: close\r\n\r\n\
    {\"error\":{\"code\":-32005,\"message\":\"this node has as many connections as it takes; close some or try again later\",\"data\":null}}";

/// Accepts until told to stop; returns when the last connection is closed.
pub async fn run(
    listener: TcpListener,
    router: Router,
    connections_max: u32,
    header_timeout: Duration,
    stop: StopHandle,
) {
    let permits = Arc::new(Semaphore::new(connections_max as usize));
    let connections = TaskTracker::new();
    let mut stopped = pin!(stop.clone().shutdown());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopped => break,
        };
        match accepted {
            Ok((socket, _)) => match permits.clone().try_acquire_owned() {
                Ok(permit) => {
                    connections.spawn(serve(socket, router.clone(), header_timeout, stop.clone(), permit));
                }
                // The answer fits any socket's buffer. Whoever can't take it sees a closed connection.
                Err(_) => drop(socket.try_write(BUSY)),
            },
            Err(error) => rest_after(error).await,
        }
    }
    connections.close();
    if timeout(GRACE, connections.wait()).await.is_err() {
        tracing::warn!(open = connections.len(), "some requests were still running when the JSON-RPC server stopped");
    }
}

/// A peer that hung up early is nothing; running out of file descriptors is, and passes only with time.
async fn rest_after(error: io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "can't accept JSON-RPC connections; raise the limit of open files if it says so");
        sleep(Duration::from_millis(200)).await;
    }
}

async fn serve(
    socket: TcpStream,
    router: Router,
    header_timeout: Duration,
    stop: StopHandle,
    _permit: OwnedSemaphorePermit,
) {
    // Answers are small and wanted at once.
    let _unsupported = socket.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router))
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.shutdown() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a JSON-RPC connection ended badly");
    }
}
