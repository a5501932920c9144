//! Bodies of object routes as streams: one that is being received, and one that is being sent.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::{Stream, StreamExt, lock::Mutex, stream};
use tokio::time::timeout;

use crate::{
    failure::{Code, Failure},
    objects::ByteStream,
};

/// Bytes of an unwanted body that are read and thrown away, and for how long, before the answer is sent. A connection
/// that is closed while bytes arrive is reset, and the reset can overtake the answer.
const DRAIN_BYTES: usize = 16 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// What remains of a body when its stream has been dropped.
pub struct Rest(Arc<Mutex<BodyDataStream>>);

/// A body as a stream that fails when nothing comes for `stall`, when it has more than `max` bytes, or when it ends
/// before its announced length; and a handle on what is left of it.
pub fn shared(body: Body, stall: Duration, max: u64) -> (ByteStream, Rest) {
    let body = Arc::new(Mutex::new(body.into_data_stream()));
    let rest = Rest(body.clone());
    let stream = stream::unfold(Some((body, 0_u64)), move |state| async move {
        let (body, got) = state?;
        let next = timeout(stall, async { body.lock().await.next().await }).await;
        let failure = match next {
            Ok(None) => return None,
            Ok(Some(Ok(piece))) => {
                let got = got + piece.len() as u64;
                if got <= max {
                    return Some((Ok(piece), Some((body, got))));
                }
                let what = format!("the body has more than {max} bytes, and this node takes no more at once");
                Failure::new(Code::LimitExceeded, what, "split the file")
            }
            Ok(Some(Err(error))) => {
                let what = format!("the body broke off after {got} bytes: {error}");
                Failure::new(Code::InvalidRequest, what, "nothing was stored; send it again")
            }
            Err(_) => {
                let what = format!("the body stood still for {} s after {got} bytes", stall.as_secs());
                Failure::new(Code::InvalidRequest, what, "nothing was stored; send it again")
            }
        };
        Some((Err(failure), None))
    });
    (stream.boxed(), rest)
}

impl Rest {
    /// Reads and forgets what still comes, within bounds.
    pub async fn drain(self) {
        let drained = async {
            let mut body = self.0.lock().await;
            let mut left = DRAIN_BYTES;
            while let Some(Ok(piece)) = body.next().await {
                left = left.saturating_sub(piece.len());
                if left == 0 {
                    break;
                }
            }
        };
        let _too_long = timeout(DRAIN_TIME, drained).await;
    }
}

/// Passes on exactly `length` bytes; anything else is an error, so that the connection is cut rather than a wrong
/// object taken for a right one.
pub fn exactly(bytes: ByteStream, length: u64) -> impl Stream<Item = Result<Bytes, Failure>> + Send {
    stream::unfold(Some((bytes, length)), |state| async move {
        let (mut bytes, left) = state?;
        match bytes.next().await {
            None if left == 0 => None,
            None => Some((Err(Failure::internal(format!("{left} bytes are missing at the end"))), None)),
            Some(Err(failure)) => {
                // An error cuts the connection at once. Waiting for one turn lets what came before it leave first, so
                // that the caller can go on from there and is then told the reason in a status.
                tokio::task::yield_now().await;
                Some((Err(failure), None))
            }
            Some(Ok(piece)) => match left.checked_sub(piece.len() as u64) {
                Some(left) => Some((Ok(piece), Some((bytes, left)))),
                None => Some((Err(Failure::internal("more bytes came than the object has")), None)),
            },
        }
    })
}
