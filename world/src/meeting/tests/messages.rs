//! Messages as bytes: there and back, bounds, and what is refused.

use bitdust_types::signing;
use proptest::prelude::*;

use super::{WORLD, account, key, me, peer};
use crate::{
    ChunkPos, VoxelPos,
    meeting::{
        Bye, Gesture, Heard, Hello, Invalid, Look, Message, Mode, Pose, Position, Rate, Stance, greeting_hash, limits,
        place_key,
    },
};

fn pose() -> Pose {
    let stance = Stance {
        position: Position::standing_in(VoxelPos::new(-5, 70, 1 << 40)),
        yaw: 9,
        pitch: -3,
        mode: Mode::Flying,
    };
    Pose::new(&stance, 7, 123_456)
}

fn hello() -> Hello {
    let look = Look { colours: [[1, 2, 3]; 4], figure: 2 };
    let hash = greeting_hash(WORLD, &peer(1), &peer(2), &[5; 32], "Ada", &look);
    let signature = signing::sign(&key(1), hash).unwrap();
    Hello {
        account: account(1),
        name: "Ada".into(),
        look,
        position: pose().stance(ChunkPos::default()).position,
        signature,
    }
}

fn all() -> Vec<Message> {
    vec![
        Message::Challenge([5; 32]),
        Message::Hello(hello()),
        Message::Pose(pose()),
        Message::Want(Rate::Full),
        Message::Chat("hello".into()),
        Message::Gesture(Gesture::Wave),
        Message::Peers(vec![Heard { peer: peer(3), chunk: [-1, 2, 3], age_ds: 12 }]),
        Message::Bye(Bye::Apart),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn bytes_are_recorded() {
    for message in all() {
        assert_eq!(Message::decode(&message.to_bytes()), Ok(message));
    }
    let bytes: Vec<u8> = all().iter().flat_map(Message::to_bytes).collect();
    let recorded = [
        hex(&Message::Pose(pose()).to_bytes()),
        bitdust_types::keccak256(bytes).to_string(),
        place_key(WORLD, crate::LocationPos::new(1, -2, 3)).to_string(),
    ];
    let expected = [
        "0102070040e20100ffff02000000e006800120000900fd04",
        "0xb88f9b724bff24bde48a0fc756c6a708027c1c6fb377bca319042b3f916a8c0c",
        "0x4afcdf21c6d0946b0f3fe8d86014bfd74b18fac9fa6ca0f6d2ae0c65bb197e2f",
    ];
    assert_eq!(recorded, expected);
}

#[test]
fn every_message_keeps_to_its_bound() {
    assert_eq!(Message::Pose(pose()).to_bytes().len(), limits::POSE_BYTES);
    let heard = Heard { peer: super::Peer::new(&[1; 64]).unwrap(), chunk: [0; 3], age_ds: 0 };
    assert_eq!(Message::Peers(vec![heard; limits::HEARD_MAX]).to_bytes().len(), 6 + 76 * limits::HEARD_MAX);
    assert_eq!(Message::Chat("x".repeat(limits::CHAT_BYTES_MAX)).to_bytes().len(), 6 + limits::CHAT_BYTES_MAX);
    let long = Hello { name: "x".repeat(limits::NAME_BYTES_MAX), ..hello() };
    assert!(Message::Challenge([0; 32]).to_bytes().len() + Message::Hello(long).to_bytes().len() <= 34 + 270);
}

#[test]
fn what_cannot_be_is_refused() {
    let decode = |message: Message| Message::decode(&message.to_bytes());
    assert_eq!(decode(Message::Pose(Pose { local: [0, 2048, 0], ..pose() })), Err(Invalid::Position));
    let position = Position { local: [2048, 0, 0], ..Position::default() };
    assert_eq!(decode(Message::Hello(Hello { position, ..hello() })), Err(Invalid::Position));
    for text in ["", "   ", "a\nb", "\u{1b}[2J"] {
        assert_eq!(decode(Message::Chat(text.into())), Err(Invalid::Text), "{text:?}");
    }
    let chat = Message::Chat("x".repeat(limits::CHAT_BYTES_MAX + 1));
    assert!(matches!(decode(chat), Err(Invalid::Unreadable(_))));
    let heard = Heard { peer: peer(1), chunk: [0; 3], age_ds: 0 };
    assert!(matches!(decode(Message::Peers(vec![heard; limits::HEARD_MAX + 1])), Err(Invalid::Unreadable(_))));
    assert_eq!(Message::decode(&[]), Err(Invalid::Version));
    assert_eq!(Message::decode(&[2, 3, 0]), Err(Invalid::Version));
    assert_eq!(Message::decode(&[1; limits::MESSAGE_BYTES_MAX + 1]), Err(Invalid::TooLarge(2049)));
    assert!(matches!(Message::decode(&[1, 3, 0, 0]), Err(Invalid::Unreadable(_))), "trailing bytes");
}

#[test]
fn a_hello_is_good_for_its_own_link_world_and_words_only() {
    let verify = |hello: &Hello, world, from: u16, to: u16, challenge: u8| {
        hello.verify(world, &peer(from), &peer(to), &[challenge; 32])
    };
    let good = hello();
    assert_eq!(verify(&good, WORLD, 1, 2, 5), Ok(()));
    let refused = Err(Invalid::Signature(account(1)));
    assert_eq!(verify(&good, crate::content::WorldId([8; 32]), 1, 2, 5), refused);
    assert_eq!(verify(&good, WORLD, 3, 2, 5), refused);
    assert_eq!(verify(&good, WORLD, 1, 3, 5), refused);
    assert_eq!(verify(&good, WORLD, 1, 2, 6), refused);
    assert_eq!(verify(&Hello { name: "Eve".into(), ..good.clone() }, WORLD, 1, 2, 5), refused);
    assert_eq!(verify(&Hello { look: Look::default(), ..good.clone() }, WORLD, 1, 2, 5), refused);
    assert_eq!(verify(&Hello { signature: [0; 65], ..good.clone() }, WORLD, 1, 2, 5), refused);
    assert!(matches!(
        verify(&Hello { account: me(2).account, ..good.clone() }, WORLD, 1, 2, 5),
        Err(Invalid::Signature(_))
    ));
    assert_eq!(verify(&Hello { name: " ".into(), ..good }, WORLD, 1, 2, 5), Err(Invalid::Name));
}

proptest! {
    #[test]
    fn foreign_bytes_never_fail_the_reader(mut bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0u8..9) {
        if bytes.len() > 1 {
            (bytes[0], bytes[1]) = (1, kind);
        }
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(message.to_bytes(), bytes);
        }
    }

    #[test]
    fn a_pose_finds_its_chunk_again(x: i64, y: i64, z: i64, dx in -32_000i64..32_000, local in prop::array::uniform3(0u16..2048)) {
        let position = Position { chunk: ChunkPos::new(x, y, z), local };
        let stance = Stance { position, ..Stance::default() };
        let near = position.chunk.offset(dx, -dx, dx / 2);
        prop_assert_eq!(Pose::new(&stance, 0, 0).stance(near), stance);
    }

    #[test]
    fn distances_are_those_of_the_voxels(x: i64, y: i64, d in prop::array::uniform3(-100_000i64..100_000)) {
        let from = VoxelPos::new(x, y, x ^ y);
        let to = from.offset(d[0], d[1], d[2]);
        let (a, b) = (Position::standing_in(from), Position::standing_in(to));
        prop_assert_eq!((a.voxel(), b.voxel()), (from, to));
        prop_assert_eq!(b.since(a), d.map(|d| d * 64));
        prop_assert_eq!(Position::from_metres(a.chunk, b.metres_from(a.chunk)), b);
    }
}
