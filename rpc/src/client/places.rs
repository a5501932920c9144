//! Chunks from the calling side.

use alloy_primitives::B256;
use bytes::BytesMut;
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};

use super::{Client, Error, chain};
use crate::places::{ChunksRequest, Frame};

impl Client {
    /// Asks for chunks of a world; each is answered by one frame, in the order in which they can be had. The stream ends
    /// after the last, or with an error.
    pub async fn chunks(
        &self,
        world: B256,
        request: &ChunksRequest,
    ) -> Result<BoxStream<'static, Result<Frame, Error>>, Error> {
        let sent = self.http.post(format!("{}/worlds/{world}/chunks", self.url)).json(request).send().await;
        let response = self.answered(sent).await?;
        let url = self.url.clone();
        let state = (response.bytes_stream().boxed(), BytesMut::new());
        let frames = stream::try_unfold(state, move |(mut pieces, mut received)| {
            let url = url.clone();
            async move {
                loop {
                    let taken = Frame::take(&mut received)
                        .map_err(|error| Error::Misunderstood { url: url.clone(), reason: error.to_string() })?;
                    if let Some(frame) = taken {
                        return Ok(Some((frame, (pieces, received))));
                    }
                    match pieces.next().await {
                        Some(Ok(piece)) => received.extend_from_slice(&piece),
                        Some(Err(error)) => return Err(Error::Unreachable { url, reason: chain(&error) }),
                        None if received.is_empty() => return Ok(None),
                        None => {
                            let reason = "the answer ends within a frame".to_owned();
                            return Err(Error::Unreachable { url, reason });
                        }
                    }
                }
            }
        });
        Ok(frames.boxed())
    }
}
