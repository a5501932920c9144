//! Messages on a stream: a length and borsh.
//!
//! A frame is a `u32` little-endian length and that many bytes of borsh, which must be exactly one message. The reader
//! names the most bytes that it takes, a longer frame is refused before anything is allocated for it, and memory grows
//! only as bytes arrive, so a peer that announces much and sends nothing costs nothing. Bulk data doesn't go through
//! frames; it is written to the stream as it is.

use std::{io, time::Duration};

use borsh::{BorshDeserialize, BorshSerialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use crate::error::{Error, Invalid};

/// Bytes of the longest frame that any reader takes: a block with its proofs (6.2 MiB) and its certificate.
pub const FRAME_BYTES_MAX: usize = 8 << 20;
/// Waiting for a frame to begin, unless the caller says otherwise.
pub const WAIT_DEFAULT: Duration = Duration::from_secs(60);
/// From a frame's first byte to its last: 8 MiB in 60 s are 1.1 Mbit/s. A peer that trickles bytes is cut off here.
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of the length.
const LENGTH_BYTES: usize = 4;
/// Bytes that are allocated ahead of what has arrived.
const GROWTH_BYTES: usize = 64 << 10;

/// The bytes of a frame.
///
/// # Errors
/// [`Error::TooLarge`] over [`FRAME_BYTES_MAX`]; [`Error::Encode`] if borsh refuses the value.
pub fn encode<T: BorshSerialize>(value: &T) -> Result<Vec<u8>, Error> {
    let mut frame = vec![0; LENGTH_BYTES];
    value.serialize(&mut frame).map_err(|error| Error::Encode(error.to_string()))?;
    let len = frame.len() - LENGTH_BYTES;
    if len > FRAME_BYTES_MAX {
        return Err(Error::TooLarge { len, max: FRAME_BYTES_MAX });
    }
    let length = u32::try_from(len).map_err(|_| Error::TooLarge { len, max: FRAME_BYTES_MAX })?;
    frame[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// The message in a frame's body; all bytes must be used.
///
/// # Errors
/// [`Invalid::Undecodable`].
pub fn decode<T: BorshDeserialize>(body: &[u8]) -> Result<T, Invalid> {
    borsh::from_slice(body).map_err(|error| Invalid::Undecodable { len: body.len(), reason: error.to_string() })
}

/// Sends one message and flushes it.
///
/// # Errors
/// As [`encode`], [`Error::Io`], and [`Error::Timeout`] after [`FRAME_TIMEOUT`].
pub async fn send<S, T>(stream: &mut S, value: &T) -> Result<(), Error>
where
    S: AsyncWrite + Unpin,
    T: BorshSerialize,
{
    let frame = encode(value)?;
    let written = async {
        stream.write_all(&frame).await?;
        stream.flush().await
    };
    let limit = FRAME_TIMEOUT;
    timeout(limit, written).await.map_err(|_| Error::Timeout { what: "sending a message", limit })??;
    Ok(())
}

/// Receives one message of at most `max` bytes, waiting up to [`WAIT_DEFAULT`] for it to begin.
///
/// # Errors
/// [`Error::Invalid`] for anything that isn't one whole message, the end of the stream included; [`Error::Io`];
/// [`Error::Timeout`].
pub async fn recv<T, S>(stream: &mut S, max: usize) -> Result<T, Error>
where
    S: AsyncRead + Unpin,
    T: BorshDeserialize,
{
    let message = recv_or_end(stream, max, WAIT_DEFAULT).await?;
    message.ok_or_else(|| Invalid::Truncated { got: 0, expected: LENGTH_BYTES }.into())
}

/// Receives one message of at most `max` bytes, or `None` if the stream ends before another begins.
///
/// # Errors
/// As [`recv`]; `wait` bounds the time until the message begins.
pub async fn recv_or_end<T, S>(stream: &mut S, max: usize, wait: Duration) -> Result<Option<T>, Error>
where
    S: AsyncRead + Unpin,
    T: BorshDeserialize,
{
    receive(stream, max, wait, FRAME_TIMEOUT).await
}

/// As [`recv_or_end`], with `limit` for the time from a frame's first byte to its last.
async fn receive<T, S>(stream: &mut S, max: usize, wait: Duration, limit: Duration) -> Result<Option<T>, Error>
where
    S: AsyncRead + Unpin,
    T: BorshDeserialize,
{
    let mut length = [0; LENGTH_BYTES];
    let first = timeout(wait, stream.read(&mut length[..1])).await;
    if first.map_err(|_| Error::Timeout { what: "waiting for a message", limit: wait })?? == 0 {
        return Ok(None);
    }
    let body = timeout(limit, body(stream, length, max)).await;
    let body = body.map_err(|_| Error::Timeout { what: "receiving a message", limit })??;
    Ok(Some(decode(&body)?))
}

/// The rest of a frame whose first byte is in `length[0]`.
async fn body<S: AsyncRead + Unpin>(
    stream: &mut S,
    mut length: [u8; LENGTH_BYTES],
    max: usize,
) -> Result<Vec<u8>, Error> {
    fill(stream, &mut length, 1, LENGTH_BYTES).await?;
    let announced = u32::from_le_bytes(length);
    let max = max.min(FRAME_BYTES_MAX);
    let len = usize::try_from(announced).unwrap_or(usize::MAX);
    if len > max {
        return Err(Invalid::FrameTooLarge { len: announced.into(), max }.into());
    }
    let mut body = Vec::new();
    while body.len() < len {
        let got = body.len();
        let end = len.min(got + GROWTH_BYTES.max(got));
        body.resize(end, 0);
        fill(stream, &mut body, got, len).await?;
    }
    Ok(body)
}

/// Fills `buffer` from `got` on; `expected` is what a message about a premature end speaks of.
async fn fill<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut [u8],
    mut got: usize,
    expected: usize,
) -> Result<(), Error> {
    while got < buffer.len() {
        match stream.read(&mut buffer[got..]).await {
            Ok(0) => return Err(Invalid::Truncated { got, expected }.into()),
            Ok(count) => got += count,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(Invalid::Truncated { got, expected }.into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
