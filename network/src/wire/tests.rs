//! Frames: round trips, every prefix, garbage, and sizes at their limits.

use proptest::{collection::vec, prelude::*};
use tokio::io::duplex;

use super::*;

#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
enum Message {
    Nothing,
    Number(u64),
    Text { name: String, parts: Vec<[u8; 32]> },
    Bytes(Vec<u8>),
}

fn messages() -> impl Strategy<Value = Message> {
    prop_oneof![
        Just(Message::Nothing),
        any::<u64>().prop_map(Message::Number),
        (".{0,40}", vec(any::<[u8; 32]>(), 0..8)).prop_map(|(name, parts)| Message::Text { name, parts }),
        vec(any::<u8>(), 0..300_000).prop_map(Message::Bytes),
    ]
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// What a reader that takes `max` bytes makes of `bytes` followed by the end of the stream.
fn read(bytes: &[u8], max: usize) -> Result<Option<Message>, Error> {
    block_on(async { recv_or_end(&mut &bytes[..], max, WAIT_DEFAULT).await })
}

fn invalid(bytes: &[u8], max: usize) -> Invalid {
    match read(bytes, max) {
        Err(Error::Invalid(invalid)) => invalid,
        other => panic!("expected a verdict on {} bytes, got {other:?}", bytes.len()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sent_is_received(sent in vec(messages(), 0..4), buffer in 1_usize..5000) {
        block_on(async {
            let (mut near, mut far) = duplex(buffer);
            let sending = async move {
                for message in &sent {
                    send(&mut near, message).await.unwrap();
                }
                near.shutdown().await.unwrap();
                sent
            };
            let receiving = async {
                let mut received = Vec::new();
                while let Some(message) = recv_or_end(&mut far, FRAME_BYTES_MAX, WAIT_DEFAULT).await.unwrap() {
                    received.push(message);
                }
                received
            };
            let (sent, received) = tokio::join!(sending, receiving);
            assert_eq!(sent, received as Vec<Message>);
        });
    }

    #[test]
    fn garbage_is_a_verdict_and_never_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        match read(&bytes, 1000) {
            Ok(Some(message)) => {
                let frame = encode(&message).unwrap();
                assert_eq!(frame, bytes[..frame.len()], "one encoding per message");
            }
            Ok(None) => assert!(bytes.is_empty()),
            Err(Error::Invalid(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn every_proper_prefix_is_truncated(message in messages(), cut in any::<prop::sample::Index>()) {
        let frame = encode(&message).unwrap();
        let got = 1 + cut.index(frame.len() - 1);
        let verdict = invalid(&frame[..got], FRAME_BYTES_MAX);
        let expected = if got < LENGTH_BYTES {
            Invalid::Truncated { got, expected: LENGTH_BYTES }
        } else {
            Invalid::Truncated { got: got - LENGTH_BYTES, expected: frame.len() - LENGTH_BYTES }
        };
        assert_eq!(verdict, expected);
    }
}

#[test]
fn the_bytes_of_a_frame_are_these() {
    assert_eq!(encode(&Message::Nothing).unwrap(), [1, 0, 0, 0, 0]);
    assert_eq!(encode(&Message::Number(0x0102)).unwrap(), [9, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_frame_over_the_readers_limit_is_refused_unread() {
    let frame = encode(&Message::Bytes(vec![7; 100])).unwrap();
    assert_eq!(read(&frame, 105).unwrap(), Some(Message::Bytes(vec![7; 100])));
    assert_eq!(invalid(&frame, 104), Invalid::FrameTooLarge { len: 105, max: 104 });
    // Only the length is there: had the reader tried to read on, it would have said truncated.
    assert_eq!(
        invalid(&u32::MAX.to_le_bytes(), usize::MAX),
        Invalid::FrameTooLarge { len: u32::MAX.into(), max: FRAME_BYTES_MAX }
    );
}

#[test]
fn a_message_over_the_limit_is_not_sent() {
    let error = encode(&Message::Bytes(vec![0; FRAME_BYTES_MAX])).unwrap_err();
    assert!(matches!(error, Error::TooLarge { max: FRAME_BYTES_MAX, .. }), "{error}");
}

#[test]
fn bytes_after_the_message_are_a_verdict() {
    let mut frame = encode(&Message::Nothing).unwrap();
    frame[0] += 1;
    frame.push(0);
    assert!(matches!(invalid(&frame, 100), Invalid::Undecodable { len: 2, .. }));
}

#[test]
fn a_peer_that_says_nothing_or_half_of_it_is_cut_off() {
    let (soon, later) = (Duration::from_millis(20), Duration::from_secs(600));
    block_on(async {
        let (mut near, mut far) = duplex(64);
        let error = receive::<Message, _>(&mut far, 64, soon, later).await.unwrap_err();
        assert!(matches!(error, Error::Timeout { what: "waiting for a message", .. }), "{error}");
        near.write_all(&[9, 0, 0, 0, 1]).await.unwrap();
        let error = receive::<Message, _>(&mut far, 64, later, soon).await.unwrap_err();
        assert!(matches!(error, Error::Timeout { what: "receiving a message", .. }), "{error}");
    });
}
