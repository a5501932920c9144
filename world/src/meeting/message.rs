//! What players' machines say to each other: a version byte, then borsh.

use bitdust_types::Address;
use borsh::{BorshDeserialize, BorshSerialize};

use super::{
    hello::Hello,
    limits::{CHAT_BYTES_MAX, HEARD_MAX, MESSAGE_BYTES_MAX},
    peer::Peer,
    pose::Pose,
    track::Refused,
};
use crate::content::bounded;

/// The form of what follows it.
const VERSION: u8 = 1;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Message {
    /// Prove who you are: sign this.
    Challenge([u8; 32]),
    /// Who I am.
    Hello(Hello),
    /// Where I am.
    Pose(Pose),
    /// How often to send me poses.
    Want(Rate),
    /// What I say.
    Chat(#[borsh(deserialize_with = "bounded::text::<_, { CHAT_BYTES_MAX }>")] String),
    /// What I show.
    Gesture(Gesture),
    /// Who else is here; the first is the sender.
    Peers(#[borsh(deserialize_with = "bounded::list::<_, _, { HEARD_MAX }>")] Vec<Heard>),
    /// I am about to close this link.
    Bye(Bye),
}

/// How often poses are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Rate {
    /// Not at all.
    #[default]
    None,
    /// 2 Hz.
    Low,
    /// 10 Hz.
    Full,
}

/// Something to show without words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Gesture {
    /// Waves a hand.
    Wave,
    /// Nods.
    Nod,
    /// Shakes its head.
    Shake,
    /// Points to where it looks.
    Point,
    /// Claps.
    Clap,
    /// Bows.
    Bow,
    /// Dances.
    Dance,
}

/// A player that somebody knows of.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Heard {
    /// Who.
    pub peer: Peer,
    /// The lower bits of the chunk in which it was.
    pub chunk: [i16; 3],
    /// How old this is, in tenths of a second.
    pub age_ds: u16,
}

/// Why a link is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Bye {
    /// The player leaves.
    Leaving,
    /// We are out of each other's sight.
    Apart,
    /// No room for more links.
    Full,
}

/// The kind of a message, for those that speak about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// [`Message::Challenge`] or [`Message::Hello`].
    Greeting,
    /// [`Message::Pose`].
    Pose,
    /// [`Message::Want`].
    Want,
    /// [`Message::Chat`].
    Chat,
    /// [`Message::Gesture`].
    Gesture,
    /// [`Message::Peers`].
    Peers,
    /// [`Message::Bye`].
    Bye,
}

/// A verdict on what a peer sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Too many bytes.
    #[error("a message of {0} bytes, more than {MESSAGE_BYTES_MAX}")]
    TooLarge(usize),
    /// No bytes, or of a version we don't know.
    #[error("a message of a version that this program doesn't know; one of the two needs an update")]
    Version,
    /// Unreadable bytes.
    #[error("an unreadable message: {0}")]
    Unreadable(String),
    /// A text with control characters, or none.
    #[error("a text that is empty or has control characters")]
    Text,
    /// A name that isn't one.
    #[error("a name that is empty or has control characters")]
    Name,
    /// A point outside of its chunk.
    #[error("a position outside of its own chunk")]
    Position,
    /// The signature isn't the account's, or not for this link.
    #[error("its hello isn't signed by {0} for this link and world")]
    Signature(Address),
    /// A hello that nobody asked for, or a second one.
    #[error("a hello without a challenge")]
    Unasked,
    /// Something else before hello.
    #[error("a message before hello")]
    Early,
    /// A pose that can't be.
    #[error(transparent)]
    Pose(#[from] Refused),
}

impl Invalid {
    /// Whether nobody sends this who keeps to the protocol: then there is nothing more to be heard. A clock that was set, a
    /// jump too many, a word too early happen to the honest.
    pub fn is_deliberate(&self) -> bool {
        match self {
            Invalid::TooLarge(_)
            | Invalid::Version
            | Invalid::Unreadable(_)
            | Invalid::Text
            | Invalid::Name
            | Invalid::Position
            | Invalid::Signature(_) => true,
            Invalid::Unasked | Invalid::Early | Invalid::Pose(_) => false,
        }
    }
}

impl Message {
    /// The bytes to send.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        borsh::to_writer(&mut bytes, self).expect("memory can be written");
        assert!(bytes.len() <= MESSAGE_BYTES_MAX, "our own messages keep to the bound");
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Invalid`] for bytes that are too many, unreadable, or mean what can't be.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(Invalid::TooLarge(bytes.len()));
        }
        let rest = bytes.strip_prefix(&[VERSION]).ok_or(Invalid::Version)?;
        let message: Message = borsh::from_slice(rest).map_err(|error| Invalid::Unreadable(error.to_string()))?;
        match &message {
            Message::Pose(pose) if pose.local.iter().any(|steps| *steps >= 2048) => Err(Invalid::Position),
            Message::Hello(hello) if !hello.position.is_canonical() => Err(Invalid::Position),
            Message::Chat(text) if !is_sayable(text) => Err(Invalid::Text),
            _ => Ok(message),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Message::Challenge(_) | Message::Hello(_) => Kind::Greeting,
            Message::Pose(_) => Kind::Pose,
            Message::Want(_) => Kind::Want,
            Message::Chat(_) => Kind::Chat,
            Message::Gesture(_) => Kind::Gesture,
            Message::Peers(_) => Kind::Peers,
            Message::Bye(_) => Kind::Bye,
        }
    }
}

/// Whether a text can be a chat message.
pub(super) fn is_sayable(text: &str) -> bool {
    text.len() <= CHAT_BYTES_MAX && !text.trim().is_empty() && !text.chars().any(char::is_control)
}
