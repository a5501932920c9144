//! A watch on one direction of a stream: no progress for too long is an error.
//!
//! Without it a peer that stops reading or writing would hold a stream, its slot and a task of ours for as long as it
//! likes. The timer runs only while something is awaited, so a stream that nobody uses costs nothing.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

#[derive(Debug)]
pub(crate) struct Stall {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    armed: bool,
}

impl Stall {
    pub(crate) fn new(limit: Duration) -> Self {
        Stall { limit, timer: None, armed: false }
    }

    pub(crate) fn set_limit(&mut self, limit: Duration) {
        *self = Stall::new(limit);
    }

    /// Passes a poll's result on, unless it has been pending for longer than the limit.
    pub(crate) fn watch<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.armed = false;
            return polled;
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !self.armed {
            timer.as_mut().reset(Instant::now() + limit);
            self.armed = true;
        }
        match timer.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.armed = false;
                let text = format!("the peer made no progress for {limit:?}");
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)))
            }
        }
    }
}
