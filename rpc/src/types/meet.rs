//! JSON of `meet_`: who a player is, where it stands, and what it sees and hears of others.

use alloy_primitives::Address;
use bitdust_world::ChunkPos;
use serde::{Deserialize, Serialize};

/// What a player looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Look {
    /// Colours (sRGB) of skin, hair, shirt and trousers.
    pub colours: [[u8; 3]; 4],
    /// Which of the viewer's figures.
    pub figure: u8,
}

/// How a body stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pose {
    /// A chunk near its feet, or the one they are in.
    pub chunk: ChunkPos,
    /// Metres east, up and south of that chunk's corner.
    pub metres: [f64; 3],
    /// Degrees clockwise from north, 0 to below 360.
    pub yaw: f64,
    /// Degrees above the horizon, -90 to 90.
    pub pitch: f64,
    /// What it does.
    #[serde(default)]
    pub mode: Mode,
}

/// What a body does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Stands.
    #[default]
    Standing,
    /// Walks or runs.
    Walking,
    /// Is in the air.
    Falling,
    /// Swims.
    Swimming,
    /// Flies.
    Flying,
    /// Sits.
    Sitting,
}

/// Something to show without words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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

/// A player who entered a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entered {
    /// How others name this player's machine: the libp2p peer id.
    pub peer: String,
    /// The account that vouches for it.
    pub account: Address,
    /// Whether others reach it through relays only and don't learn its address.
    pub hidden: bool,
    /// Seconds without a word about where it stands after which it has left.
    pub away_s: u64,
}

/// What there is to be seen and heard, since the last look or from the beginning.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Around {
    /// Pass this as `after` next time.
    pub next: u64,
    /// What happened, in order.
    pub events: Vec<MeetEvent>,
    /// Those in sight, as they are to be drawn now.
    pub players: Vec<PlayerPose>,
}

/// Somebody in sight. Between two poses that came it is where the line between them says, a little behind in time, so that
/// nearly always there is a next one to move towards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlayerPose {
    /// Who, as in [`MeetEvent::Met`].
    pub peer: String,
    /// Where and how.
    pub pose: Pose,
    /// Milliseconds since its newest pose came.
    pub age_ms: u64,
    /// Whether nothing was heard of it for three seconds.
    pub stale: bool,
}

/// Something that happened around a player.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum MeetEvent {
    /// Some events are lost, since they weren't looked at for long. Everybody who is here follows anew.
    Missed,
    /// Somebody introduced itself.
    Met {
        /// Its machine.
        peer: String,
        /// Its account, which has signed for its machine.
        account: Address,
        /// What it wants to be called. Not unique.
        name: String,
        /// What it looks like.
        look: Look,
        /// Whether it isn't heard.
        muted: bool,
    },
    /// Somebody left, or went out of sight.
    Left {
        /// Who.
        peer: String,
    },
    /// Somebody says something.
    Said {
        /// Who.
        peer: String,
        /// What it wants to be called.
        name: String,
        /// What.
        text: String,
    },
    /// Somebody shows something.
    Gestured {
        /// Who.
        peer: String,
        /// What.
        gesture: Gesture,
    },
    /// Somebody sent what can't be, or too much.
    Misbehaved {
        /// Who.
        peer: String,
        /// What it did.
        reason: String,
    },
    /// This player has left the world; there will be nothing more.
    Over {
        /// Why.
        reason: String,
    },
}

/// What meeting others has cost this node since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeetStats {
    /// Bytes written to other players, with their framing, without what encryption and the lines below add.
    pub sent_bytes: u64,
    /// Bytes read from other players.
    pub received_bytes: u64,
    /// Poses that were sent.
    pub sent_poses: u64,
    /// Poses that a newer one replaced before they left.
    pub skipped_poses: u64,
    /// Messages that were read.
    pub received_messages: u64,
    /// Lines to other players that are open.
    pub lines: u64,
    /// Worlds in which this node's player is.
    pub worlds: u64,
    /// Players that sent what can't be, or too much, or didn't read, with the last reason.
    pub blamed: Vec<super::world::Blamed>,
}
