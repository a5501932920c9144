//! A player who was greeted by a neighbour, and what such a neighbour says.

use std::sync::LazyLock;

use bitdust_types::{
    Address,
    keys::{Phrase, account_of},
    signing,
};
use bitdust_world::{
    VoxelPos,
    content::WorldId,
    meeting::{
        Bye, Crowd, Effect, Gesture, Heard, Hello, Input, Look, Me, Message, Mode, Peer, Pose, Position, Rate, Stance,
        greeting_hash,
    },
};

const WORLD: WorldId = WorldId([9; 32]);
/// What the neighbour is called.
pub const NAME: &str = "Ada";

/// As long as a libp2p peer id.
fn peer(number: u8) -> Peer {
    Peer::new(&[number; 38]).expect("38 bytes")
}

fn look() -> Look {
    Look { colours: [[1, 2, 3]; 4], figure: 2 }
}

fn stance() -> Stance {
    let position = Position::standing_in(VoxelPos::new(-5, 70, 1 << 40));
    Stance { position, yaw: 9, pitch: -3, mode: Mode::Walking }
}

/// What a neighbour says on being challenged. The player draws the same challenge each time, so one signature does.
static HELLO: LazyLock<Hello> = LazyLock::new(|| {
    let phrase = Phrase::from_entropy([7; 16]).expect("16 bytes are a phrase");
    let key = phrase.coin_key(1).expect("a path that wallets use");
    let (_, challenge) = meet();
    let hash = greeting_hash(WORLD, &peer(2), &peer(1), &challenge, NAME, &look());
    let signature = signing::sign(&key, hash).expect("a good key");
    Hello { account: account_of(&key), name: NAME.into(), look: look(), position: stance().position, signature }
});

/// The player, and the challenge for a neighbour who has just come.
fn meet() -> (Crowd, [u8; 32]) {
    let me = Me {
        world: WORLD,
        peer: peer(1),
        account: Address::repeat_byte(1),
        name: "Bo".into(),
        look: Look::default(),
        via_relay: false,
    };
    let mut crowd = Crowd::new(me, [3; 32]);
    crowd.handle(0, Input::Stand(stance()));
    let effects = crowd.handle(0, Input::Connected(peer(2)));
    let challenge = effects.iter().find_map(|effect| match effect {
        Effect::Send(_, _, bytes) => match Message::decode(bytes) {
            Ok(Message::Challenge(challenge)) => Some(challenge),
            _ => None,
        },
        _ => None,
    });
    (crowd, challenge.expect("whoever comes is challenged"))
}

/// A player, a neighbour who has not said hello yet, and the hello that would be good.
pub struct Encounter {
    /// The player.
    pub crowd: Crowd,
    /// The neighbour.
    pub neighbour: Peer,
    /// Its account.
    pub account: Address,
    /// What it would say next.
    pub hello: Hello,
}

impl Encounter {
    /// They meet at time 0.
    pub fn new() -> Self {
        let (crowd, hello) = (meet().0, HELLO.clone());
        Encounter { crowd, neighbour: peer(2), account: hello.account, hello }
    }

    /// One message of each kind, the hello first.
    pub fn messages(&self) -> Vec<Message> {
        vec![
            Message::Hello(self.hello.clone()),
            Message::Challenge([5; 32]),
            Message::Pose(Pose::new(&stance(), 7, 123_456)),
            Message::Want(Rate::Full),
            Message::Chat("hello".into()),
            Message::Gesture(Gesture::Wave),
            Message::Peers((3..=8).map(|number| Heard { peer: peer(number), chunk: [-1, 2, 3], age_ds: 12 }).collect()),
            Message::Bye(Bye::Apart),
        ]
    }
}

impl Default for Encounter {
    fn default() -> Self {
        Encounter::new()
    }
}
