//! Where the viewer's world comes from.
//!
//! The viewer declares what it needs, [`Source`]; [`local`] makes it from the generator alone, [`node`]
//! gets it from a node's API. A source has its own threads and
//! never blocks: orders go in, news come out, both through bounded queues, so a slow network costs holes, never frames.
//!
//! What comes out has been verified by the source. The viewer still bounds what it keeps of it: only wanted chunks, the newest
//! lines, so many players.

pub mod local;
pub mod node;

use std::{fmt, sync::Arc};

use bitdust_types::Address;
use bitdust_world::{BlockId, ChunkPos, LocationPos, VoxelPos, body::Position, content::Content, r#gen::Params};

use crate::model::packed::PackedChunk;

/// News taken from a source per frame at most; the rest waits its turn.
pub const NEWS_PER_FRAME: usize = 512;
/// Other players drawn at most.
pub const PLAYERS_MAX: usize = 200;
/// Places listed in the travel menu and on the map at most.
pub const PLACES_MAX: usize = 500;

/// Gives a world, takes edits.
pub trait Source: Send + Sync + 'static {
    /// What is known about the world from the start.
    fn info(&self) -> &WorldInfo;

    /// Takes an order. It never blocks; what can't be done is said in the news.
    fn order(&mut self, order: Order);

    /// Moves what happened since into `news`, up to so many.
    fn poll(&mut self, news: &mut Vec<News>, max: usize);

    /// Numbers for the debug panel.
    fn traffic(&self) -> Traffic;
}

/// A world as a viewer needs to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldInfo {
    /// For people.
    pub name: String,
    /// Names the world among all; `None` for one that exists on this machine only.
    pub id: Option<[u8; 32]>,
    /// Of the terrain.
    pub seed: u64,
    /// Of the terrain. The viewer draws far land and the map from these.
    pub params: Params,
    /// Where newcomers begin; the generator's spawn if `None`.
    pub spawn: Option<VoxelPos>,
    /// Who the player is, as others see it.
    pub player: String,
    /// The account that the source acts for; empty if it has none.
    pub account: String,
    /// What the world's creator added to the terrain.
    pub content: Arc<Content>,
}

/// What the viewer wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Fetch these, each before the millisecond (of the viewer's clock, 0 at its start) at which it would be missed.
    Fetch {
        /// The viewer's clock.
        now_ms: u64,
        /// Chunks and deadlines.
        chunks: Vec<(ChunkPos, u64)>,
    },
    /// No longer needed.
    Drop(Vec<ChunkPos>),
    /// The player put a block there (or took one away).
    Edit {
        /// Where.
        at: VoxelPos,
        /// What.
        block: BlockId,
    },
    /// The player said something.
    Say(String),
    /// Where the player is, ten times a second.
    Pose(Pose),
    /// Claims around the player and places worth a journey are looked up anew.
    Places {
        /// Around here.
        near: VoxelPos,
    },
    /// A location is looked up, or something is done about it first.
    Land {
        /// Which.
        location: LocationPos,
        /// What.
        deed: Deed,
    },
}

/// What can be done about a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    Look,
    /// Claim it.
    Claim,
    /// Claim it for longer, if it is the player's.
    Renew,
    /// Let everybody build, or nobody but the owner and the owner's guests.
    Open(bool),
    /// Let an account build.
    Welcome(Address),
    /// Let it build no longer.
    Dismiss(Address),
}

impl Deed {
    /// Those that name nobody, with the word for each.
    pub const PLAIN: [(Deed, &str); 5] = [
        (Deed::Look, "look"),
        (Deed::Claim, "claim"),
        (Deed::Renew, "renew"),
        (Deed::Open(true), "open"),
        (Deed::Open(false), "close"),
    ];
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A chunk came, for the first time or as a new version.
    Chunk {
        /// Which.
        pos: ChunkPos,
        /// Its voxels, packed by whoever had them, so that no frame waits for it.
        chunk: PackedChunk,
        /// Who had it.
        label: Label,
        /// Its place in the order in which the source learned of this chunk's versions: later ones replace earlier ones.
        sequence: u64,
    },
    /// Somebody moved, or came into sight.
    Player {
        /// Tells players apart.
        id: u64,
        /// What they call themselves.
        name: String,
        /// Where they are.
        pose: Pose,
    },
    /// Somebody left, or went out of sight.
    Gone {
        /// Who.
        id: u64,
    },
    /// Somebody said something; `from` is empty if it is the source itself.
    Said {
        /// Who.
        from: String,
        /// What.
        text: String,
    },
    /// The answer to [`Order::Places`], whole.
    Places(Vec<Place>),
    /// The answer to [`Order::Land`].
    Land(Land),
    /// An edit was refused: what the voxel is in truth.
    Refused {
        /// Where.
        at: VoxelPos,
        /// What is there.
        block: BlockId,
        /// Why, for people.
        why: String,
    },
    /// The connection was lost (`true`) or is back (`false`).
    Offline(bool),
}

/// Where a chunk came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// A supplier of the storage market.
    Supplier,
    /// Another player.
    Player,
    /// This machine's disk.
    Cache,
    /// Nobody: it was computed.
    Generator,
}

impl Label {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Label; 4] = [Label::Supplier, Label::Player, Label::Cache, Label::Generator];
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Label::Supplier => "suppliers",
            Label::Player => "players",
            Label::Cache => "cache",
            Label::Generator => "generator",
        })
    }
}

/// How somebody stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// The middle of the soles.
    pub position: Position,
    /// Radians around the vertical, 0 to the north, growing to the left.
    pub yaw: f32,
    /// Radians above the horizon.
    pub pitch: f32,
    /// What the hands do.
    pub gesture: Gesture,
}

/// What hands can say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gesture {
    /// Nothing.
    #[default]
    None,
    /// Hello.
    Wave,
    /// There.
    Point,
    /// Hooray.
    Cheer,
    /// Thank you.
    Bow,
}

impl Gesture {
    /// All that say something, with the word for each.
    pub const ALL: [(Gesture, &str); 4] =
        [(Gesture::Wave, "wave"), (Gesture::Point, "point"), (Gesture::Cheer, "cheer"), (Gesture::Bow, "bow")];

    /// The gesture of this name.
    pub fn by_name(name: &str) -> Option<Gesture> {
        Gesture::ALL.into_iter().find(|(_, word)| *word == name).map(|(gesture, _)| gesture)
    }
}

/// A place with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// For people.
    pub name: String,
    /// Where a visitor arrives.
    pub at: VoxelPos,
    /// Why it is listed.
    pub kind: PlaceKind,
    /// Who owns it, shortened for people; empty if nobody.
    pub owner: String,
}

/// Why a place is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceKind {
    /// The world's creator recommends it.
    Featured,
    /// Many have claimed land there.
    Popular,
    /// Somebody claimed it.
    Claimed,
    /// The generator built a village.
    Village,
}

/// A location as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Land {
    /// Which.
    pub location: LocationPos,
    /// Whose it is.
    pub owner: Owner,
    /// Who may build there.
    pub build: Builders,
    /// The last epoch of the claim; 0 without one.
    pub end_epoch: u64,
    /// Who may build there beside the player, if it is the player's.
    pub guests: Vec<Person>,
    /// Who is in sight and no guest yet, if it is the player's.
    pub near: Vec<Person>,
    /// What a claim costs in this world, who may have one and for how long, for people.
    pub terms: String,
    /// What came of what was done, or why nothing did, for people; empty if there is nothing to say.
    pub note: String,
}

/// Somebody who may be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Tells people apart.
    pub account: Address,
    /// What they call themselves, or their account, shortened for people.
    pub name: String,
}

/// Whose land it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It couldn't be found out.
    Unknown,
    /// The generator's alone.
    Nobody,
    /// The player's.
    You,
    /// Somebody else's: the account, shortened for people.
    Other(String),
}

/// Who may build on land that somebody owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builders {
    /// The owner alone.
    Owner,
    /// And those whom the owner named.
    Guests,
    /// Whoever passes by.
    Everybody,
}

/// Numbers for the debug panel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes received over the network since the start.
    pub received_bytes: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Chunks asked for and neither delivered nor dropped.
    pub waiting: usize,
}
