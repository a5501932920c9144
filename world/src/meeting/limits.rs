//! Every bound on what meeting others costs, with its arithmetic.

/// Bytes of any message.
pub const MESSAGE_BYTES_MAX: usize = 2048;
/// Bytes of a pose: version, kind, sequence 2, clock 4, chunk 6, place in the chunk 6, yaw 2, pitch, mode.
pub const POSE_BYTES: usize = 24;
/// Bytes of a chat message's text.
pub const CHAT_BYTES_MAX: usize = 500;
/// Bytes of a player's name.
pub const NAME_BYTES_MAX: usize = 32;
/// Bytes of a peer's name in the network.
pub const PEER_BYTES_MAX: usize = bitdust_types::limits::PEER_ID_BYTES_MAX;
/// Players in one gossip message: 12 × (4 + 64 + 6 + 2) = 912 bytes.
pub const HEARD_MAX: usize = 12;

/// Metres within which players are seen at full rate.
pub const NEAR_METRES: i64 = 64;
/// Metres within which players are seen at all.
pub const SIGHT_METRES: i64 = 160;
/// Metres from a location's border from which a player is in the location beyond, too. Twice that is [`SIGHT_METRES`]: of
/// two players in sight of each other one is this close to the border between them, so they share a location.
pub const BORDER_METRES: i64 = 80;
/// Metres at which it leaves again. Below half a location's edge of 256, so that a player is in at most 2³ = 8 locations.
pub const BORDER_LEFT_METRES: i64 = 112;

/// Milliseconds between poses at full rate: 10 Hz.
pub const FULL_MS: u64 = 100;
/// Milliseconds between poses at low rate, and of somebody who doesn't move: 2 Hz.
pub const LOW_MS: u64 = 500;
/// Players wanted at full rate.
pub const WANTED_FULL_MAX: usize = 16;
/// Players wanted at low rate.
pub const WANTED_LOW_MAX: usize = 16;
/// Players served at full rate. More than are wanted: in a plane somebody can be among the nearest 16 of more than 16.
pub const SERVED_FULL_MAX: usize = 24;
/// Players served at low rate.
pub const SERVED_LOW_MAX: usize = 24;
/// Links kept with players in the same place who are out of sight, to hear who else is there.
pub const ACQUAINTANCES_MAX: usize = 8;
/// Links: 24 + 24 served, 8 acquaintances and 8 for newcomers.
pub const LINKS_MAX: usize = 64;
/// Attempts to connect at a time.
pub const CONNECTING_MAX: usize = 8;
/// Players that one knows of: each 64 + 64 bytes with the map, 64 KiB altogether.
pub const ROSTER_MAX: usize = 512;
/// Accounts that one player can mute.
pub const MUTED_MAX: usize = 1024;
/// Peers avoided for a while after a failure.
pub const AVOIDED_MAX: usize = 512;

/// Milliseconds between looking at who is near.
pub const LOOK_MS: u64 = 500;
/// Milliseconds between gossip messages, each to another link, while somebody is in sight.
pub const GOSSIP_MS: u64 = 250;
/// The same while nobody is.
pub const GOSSIP_ALONE_MS: u64 = 1000;
/// Milliseconds in which the other side has to say hello.
pub const HELLO_MS: u64 = 10_000;
/// Milliseconds after which a link is given up that nobody wants.
pub const IDLE_MS: u64 = 10_000;
/// Milliseconds for which a peer is avoided that couldn't be reached.
pub const AVOID_MS: u64 = 20_000;
/// Milliseconds for which a peer is avoided after one of us said good-bye, or it was too busy to greet us. Short, since those
/// who fly towards each other are in sight again soon.
pub const AVOID_APART_MS: u64 = 3000;
/// Milliseconds for which a peer is shut out that flooded or lied about who it is.
pub const AVOID_FLOODER_MS: u64 = 120_000;
/// Milliseconds after which hearsay about a player is forgotten.
pub const HEARSAY_MS: u64 = 30_000;

/// New links per second; the 9th has to come again.
pub const GREETINGS_PER_SECOND: u64 = 8;
/// Chat messages per second of one player, on average.
pub const CHATS_PER_SECOND: u64 = 1;
/// Messages dropped in ten seconds after which a flooding peer is disconnected.
pub const DROPPED_MAX: u32 = 200;

/// What a message costs beyond its bytes: UDP and IP 28, QUIC header and frame 16, tag 16, rounded up.
pub const OVERHEAD_BYTES: usize = 64;
/// Bytes per second that poses cost a player at most to send: (24 × 10 + 24 × 2) × (24 + 64) = 25,344.
pub const POSE_BYTES_PER_SECOND: usize = (SERVED_FULL_MAX * 1000 / FULL_MS as usize
    + SERVED_LOW_MAX * 1000 / LOW_MS as usize)
    * (POSE_BYTES + OVERHEAD_BYTES);
/// Bytes per second of all else but chat: gossip 4 × (6 + 912 + 64), wishes 64 links × 2 × (3 + 64), and 8 greetings of
/// a challenge (34 + 64) and a hello (270 + 64): 3,928 + 8,576 + 3,456 = 15,960.
pub const UPKEEP_BYTES_PER_SECOND: usize = 1000 / GOSSIP_MS as usize * (6 + 76 * HEARD_MAX + OVERHEAD_BYTES)
    + LINKS_MAX * 1000 / LOOK_MS as usize * (3 + OVERHEAD_BYTES)
    + GREETINGS_PER_SECOND as usize * (34 + 270 + 2 * OVERHEAD_BYTES);
/// Bytes per second of a player who chats as fast as is allowed: 64 × (6 + 500 + 64) = 36,480.
pub const CHAT_BYTES_PER_SECOND: usize = LINKS_MAX * CHATS_PER_SECOND as usize * (6 + CHAT_BYTES_MAX + OVERHEAD_BYTES);
/// Bytes per second that a crowd costs a player to send: 25,344 + 15,960 + 36,480 = 77,784, of which a silent one
/// needs 41,304. What honest others send it is less, since it wants 16 + 16 players and is served no more.
pub const BYTES_PER_SECOND_MAX: usize = POSE_BYTES_PER_SECOND + UPKEEP_BYTES_PER_SECOND + CHAT_BYTES_PER_SECOND;
