//! Chunks over HTTP: every one asked for is answered, and what makes no sense is refused in words.

use alloy_primitives::B256;
use bitdust_rpc::{
    Code,
    client::Error,
    places::{CHUNKS_MAX, ChunksRequest, Frame, WantedChunk},
};
use bitdust_world::{Chunk, ChunkPos, block, pack};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::backend::{Node, WORLD};

fn request(count: i64) -> ChunksRequest {
    let wanted = |x| WantedChunk { pos: ChunkPos::new(x, -1, i64::MAX), have: None, deadline_ms: 0 };
    ChunksRequest { chunks: (0..count).map(wanted).collect(), stand_in: true }
}

#[tokio::test]
async fn chunks_arrive_as_frames_without_a_token() {
    let node = Node::start().await;
    let stranger = node.stranger().await;
    let frames: Vec<Frame> = stranger.chunks(WORLD, &request(300)).await.unwrap().try_collect().await.unwrap();
    assert_eq!(frames.len(), 300);
    for (x, frame) in (0..).zip(frames) {
        assert_eq!(frame.pos(), ChunkPos::new(x, -1, i64::MAX));
        match frame {
            Frame::Chunk { packed, hash, .. } => {
                let chunk = pack::unpack(&packed).unwrap();
                assert_eq!((chunk.hash(), &chunk), (hash, &Chunk::uniform(block::STONE)));
            }
            other => assert!(matches!(other, Frame::Generated { unclaimed: false, .. }), "{other:?}"),
        }
    }
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let node = Node::start().await;
    let stranger = node.stranger().await;
    let ask = async |world: B256, request: &ChunksRequest| match stranger.chunks(world, request).await {
        Err(Error::Failure(failure)) => failure,
        Err(other) => panic!("{other}"),
        Ok(mut frames) => panic!("{:?}", frames.next().await),
    };
    assert_eq!(ask(B256::ZERO, &request(1)).await.code, Code::NotFound);
    assert_eq!(ask(WORLD, &request(0)).await.code, Code::InvalidParams);
    let many = ask(WORLD, &request(CHUNKS_MAX as i64 + 1)).await;
    assert!(many.message.contains("513 chunks were asked for"), "{}", many.message);

    let http = reqwest::Client::new();
    let post = async |path: &str, body: Vec<u8>| {
        let answer = http.post(format!("{}{path}", node.url)).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = post("/worlds/nonsense/chunks", b"{}".to_vec()).await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("no world's id"), "{text}");
    let (status, text) = post(&format!("/worlds/{WORLD}/chunks"), b"not json".to_vec()).await;
    assert_eq!(status, 400, "{text}");
    let (status, text) = post(&format!("/worlds/{WORLD}/chunks"), vec![b' '; 1 << 20]).await;
    assert_eq!(status, 413, "{text}");
    node.handle.stop().await;
}
