//! Starts the engine, watches over it, ends it.
//!
//! The engine is a handful of actors. It dies as a whole when one of them fails, it stays as a shell that signs nothing
//! when its log fails, and it waits forever when the application does not answer. All of that, and any failure of the
//! application, ends up as one fault that [`Handle::failed`] reports; the rest of the node decides what to do.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    net::TcpListener,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bitdust_types::{Address, signing};
use k256::ecdsa::SigningKey;
use malachitebft_app_channel::{Channels, EngineHandle};
use malachitebft_engine::node::NodeRef;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tracing::{error, info, warn};

use super::{bridge::Bridge, context::Bft, node, scheme::Keeper};
use crate::{Application, Error, Settings};

/// How long the engine may take to listen. It takes milliseconds, unless the machine is overloaded.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one actor may take to finish what it is doing before it is killed: a block's execution, at most.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a lock that a predecessor is about to release is tried.
const LOCK_RETRY: Duration = Duration::from_millis(50);
/// How long that is tried.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// A running engine. Dropping it kills the engine without waiting; [`Handle::stop`] ends it in order.
pub struct Handle {
    address: Address,
    peer_id: String,
    node: NodeRef,
    engine: JoinHandle<()>,
    bridge: JoinHandle<()>,
    faults: watch::Receiver<Option<Error>>,
    stopping: Arc<AtomicBool>,
    wal: std::path::PathBuf,
}

/// The name by which other validators know the holder of a key in their logs: its libp2p peer id among validators.
pub fn peer_id(key: &SigningKey) -> Result<String, Error> {
    Ok(node::swarm_key(key)?.public().to_peer_id().to_string())
}

/// Starts a validator. Returns when it listens for others; it then goes on by itself until stopped or failed.
pub async fn start(settings: Settings, app: Arc<dyn Application>) -> Result<Handle, Error> {
    settings.check()?;
    let wal = node::wal_path(&settings);
    prepare_log(&settings.wal_dir, &wal).await?;
    try_port(&settings)?;
    let keeper = Keeper { chain_id: settings.chain_id, key: Some(settings.signing_key.clone()) };
    let (channels, engine) = node::build(&settings, &keeper).await?;
    let EngineHandle { actor: node, handle: engine } = engine;
    let bridge = match Bridge::new(app, &settings, keeper, channels.network.clone()).await {
        Ok(bridge) => bridge,
        Err(error) => {
            end(&node).await;
            return Err(error);
        }
    };
    let stopping = Arc::new(AtomicBool::new(false));
    let (report, faults) = watch::channel(None);
    let (ready, is_ready) = oneshot::channel();
    let bridge = tokio::spawn(watch_over(bridge, channels, ready, report, node.clone(), stopping.clone()));
    let handle = Handle {
        address: signing::address_of(settings.signing_key.verifying_key()),
        peer_id: peer_id(&settings.signing_key)?,
        node,
        engine,
        bridge,
        faults,
        stopping,
        wal,
    };
    match timeout(START_TIMEOUT, is_ready).await {
        Ok(Ok(())) => {
            info!(listen = %settings.listen, peer = %handle.peer_id, validator = %handle.address, "validating");
            Ok(handle)
        }
        _ => {
            let fault = handle.fault();
            let reason = format!("it does not listen on {}, see the log above", settings.listen);
            handle.stop().await?;
            Err(fault.unwrap_or(Error::Start(reason)))
        }
    }
}

impl Handle {
    /// The validator's account.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Our name among validators, see [`peer_id`].
    pub fn peer_id(&self) -> &str {
        &self.peer_id
    }

    /// The fault that ended consensus on this node, if one did.
    pub fn fault(&self) -> Option<Error> {
        self.faults.borrow().clone()
    }

    /// A channel that turns to `Some` when consensus ends on this node without having been stopped.
    pub fn faults(&self) -> watch::Receiver<Option<Error>> {
        self.faults.clone()
    }

    /// Waits for a fault; never ends on a node that stays well.
    pub async fn failed(&self) -> Error {
        let mut faults = self.faults.clone();
        let fault = match faults.wait_for(Option::is_some).await {
            Ok(fault) => fault.clone(),
            Err(_) => None,
        };
        fault.unwrap_or_else(|| Error::Stopped("its supervisor is gone".into()))
    }

    /// Ends the engine: what it is doing is finished, sockets are closed and the log is released.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.stopping.store(true, Ordering::SeqCst);
        end(&self.node).await;
        if timeout(STOP_TIMEOUT, &mut self.engine).await.is_err() {
            warn!("the consensus engine's supervisor does not end");
        }
        if timeout(STOP_TIMEOUT, &mut self.bridge).await.is_err() {
            warn!("the application does not answer; consensus ends without it");
            self.bridge.abort();
        }
        wait_for_lock(&self.wal).await
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.bridge.abort();
        self.node.kill();
    }
}

/// Runs the bridge and reports why it ended.
async fn watch_over(
    bridge: Bridge,
    channels: Channels<Bft>,
    ready: oneshot::Sender<()>,
    report: watch::Sender<Option<Error>>,
    node: NodeRef,
    stopping: Arc<AtomicBool>,
) {
    let fault = match bridge.run(channels, ready).await {
        Ok(()) => Error::Stopped("one of its parts failed, or its write-ahead log did; see the log above".into()),
        Err(error) => error,
    };
    if stopping.load(Ordering::SeqCst) {
        return;
    }
    error!(%fault, "consensus ended on this node");
    // Readers may be gone.
    let _ = report.send(Some(fault));
    end(&node).await;
}

/// Stops the engine's actors one by one, the youngest first: each is used by those after it. They are released from their
/// supervisor before, because at the first end of a child it would kill the others in the middle of theirs.
async fn end(node: &NodeRef) {
    let mut actors = node.get_cell().get_children();
    actors.sort_by_key(|actor| std::cmp::Reverse(actor.get_id().pid()));
    for actor in &actors {
        actor.unlink(node.get_cell());
    }
    for actor in actors {
        if actor.stop_and_wait(Some("stopped".into()), Some(STOP_TIMEOUT)).await.is_err() {
            actor.kill();
        }
    }
    node.stop(Some("stopped".into()));
}

/// Makes the directory of the log and waits until nobody holds the log.
async fn prepare_log(dir: &Path, wal: &Path) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(|error| Error::WriteAheadLog { path: dir.into(), reason: error.to_string() })?;
    wait_for_lock(wal).await
}

async fn wait_for_lock(wal: &Path) -> Result<(), Error> {
    let failed = |reason: String| Error::WriteAheadLog { path: wal.into(), reason };
    let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(wal);
    let file: File = open().map_err(|error| failed(error.to_string()))?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if waited < LOCK_TIMEOUT => {
                sleep(LOCK_RETRY).await;
                waited += LOCK_RETRY;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(failed("another process uses it; two validators with one key would sign twice".into()));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error.to_string())),
        }
    }
}

/// Tries the port, because the engine would only log that it can't have it, and then wait forever.
fn try_port(settings: &Settings) -> Result<(), Error> {
    match TcpListener::bind(settings.listen) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::Listen { address: settings.listen, reason: error.to_string() }),
    }
}
