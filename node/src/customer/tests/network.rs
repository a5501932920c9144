//! Streams in memory, with lines that break and suppliers that are gone.

use std::{
    collections::BTreeSet,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::world::peer;
use crate::{
    customer::{
        placing::{Met, Surveyor},
        remote::{Dialer, Duplex},
    },
    supplier::{Supplier, serve},
};

/// All lines of one world.
pub struct TestNetwork {
    suppliers: Mutex<Vec<Arc<Supplier>>>,
    dead: Mutex<BTreeSet<usize>>,
    /// Bytes that may still be sent before every line breaks.
    left: Arc<AtomicU64>,
    /// Counts kills, so that lines opened before one can tell.
    cuts: Arc<AtomicU64>,
    /// Counts times after which lines opened before say nothing any more.
    hangs: Arc<AtomicU64>,
    /// Lines opened.
    dialed: AtomicU64,
}

impl TestNetwork {
    pub fn new() -> Arc<Self> {
        let (suppliers, dead) = (Mutex::default(), Mutex::default());
        let left = Arc::new(AtomicU64::new(u64::MAX));
        let (cuts, hangs, dialed) = (Arc::default(), Arc::default(), AtomicU64::default());
        Arc::new(TestNetwork { suppliers, dead, left, cuts, hangs, dialed })
    }

    pub fn serve(&self, suppliers: Vec<Arc<Supplier>>) {
        *self.suppliers.lock().unwrap() = suppliers;
    }

    pub fn kill(&self, number: usize) {
        self.dead.lock().unwrap().insert(number);
        // Lines that stand break as well: their next byte fails.
        self.cuts.fetch_add(1, Ordering::SeqCst);
    }

    pub fn revive(&self, number: usize) {
        self.dead.lock().unwrap().remove(&number);
    }

    /// Lines that stand bring no answers any more, and nobody is told.
    pub fn hang(&self) {
        self.hangs.fetch_add(1, Ordering::SeqCst);
    }

    /// Lines opened so far.
    pub fn dialed(&self) -> u64 {
        self.dialed.load(Ordering::SeqCst)
    }

    pub fn break_after_bytes(&self, bytes: u64) {
        self.left.store(bytes, Ordering::SeqCst);
    }

    pub fn mend(&self) {
        self.left.store(u64::MAX, Ordering::SeqCst);
    }

    /// A line to a supplier.
    pub fn dial(&self, number: usize) -> Result<DuplexStream, String> {
        if self.dead.lock().unwrap().contains(&number) {
            return Err("connection refused".to_owned());
        }
        if self.left.load(Ordering::SeqCst) == 0 {
            return Err("the line is down".to_owned());
        }
        let supplier = self.suppliers.lock().unwrap().get(number).cloned().ok_or("no such peer")?;
        let (ours, mut theirs) = tokio::io::duplex(256 << 10);
        tokio::spawn(async move {
            // How a stream ends is seen at the other end.
            let _ = serve::serve(&supplier, &mut theirs).await;
        });
        Ok(ours)
    }

    fn number(&self, wanted: &[u8]) -> Result<usize, String> {
        let suppliers = self.suppliers.lock().unwrap().len();
        (0..suppliers).find(|number| peer(*number) == wanted).ok_or_else(|| "no such peer".to_owned())
    }
}

/// A line that counts what is sent.
struct Line {
    inner: DuplexStream,
    left: Arc<AtomicU64>,
    cuts: Arc<AtomicU64>,
    cuts_seen: u64,
    hangs: Arc<AtomicU64>,
    hangs_seen: u64,
}

impl Line {
    fn check(&self) -> io::Result<()> {
        if self.cuts_seen != self.cuts.load(Ordering::SeqCst) || self.left.load(Ordering::SeqCst) == 0 {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "the line broke"));
        }
        Ok(())
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        if self.hangs_seen != self.hangs.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = &written {
            let count = *count as u64;
            let spend = |left: u64| Some(if left == u64::MAX { left } else { left.saturating_sub(count) });
            let _ = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[async_trait]
impl Dialer for TestNetwork {
    async fn dial(&self, peer: &[u8]) -> Result<Box<dyn Duplex>, String> {
        let inner = TestNetwork::dial(self, self.number(peer)?)?;
        self.dialed.fetch_add(1, Ordering::SeqCst);
        let (cuts_seen, hangs_seen) = (self.cuts.load(Ordering::SeqCst), self.hangs.load(Ordering::SeqCst));
        let (left, cuts, hangs) = (self.left.clone(), self.cuts.clone(), self.hangs.clone());
        Ok(Box::new(Line { inner, left, cuts, cuts_seen, hangs, hangs_seen }))
    }
}

#[async_trait]
impl Surveyor for TestNetwork {
    async fn meet(&self, peer: &[u8]) -> Result<Met, String> {
        let number = self.number(peer)?;
        if self.dead.lock().unwrap().contains(&number) {
            return Err("connection refused".to_owned());
        }
        Ok(Met { addresses: vec![[127, 0, 0, 1].into()], latency_ms: 1 })
    }
}
