//! Every bound on a world's definition, with its arithmetic. Sizes are of the borsh form.

/// Bytes of a whole definition; the assertion at this file's end shows that the bounds below keep within it.
pub const WORLD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a JSON document: twice the binary form, since people indent.
pub const JSON_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of one player's saved progress: 1,024 marks, 512 triggers, 512 areas, 256 doors and 256 items of at most
/// 57 bytes each are 143 KiB.
pub const PLAY_BYTES_MAX: usize = 160 * 1024;

/// Bytes of the name of a part (a mark, a door, …).
pub const NAME_BYTES_MAX: usize = 48;
/// Bytes of a title or of a block's name: one line on the screen.
pub const TITLE_BYTES_MAX: usize = 64;
/// Bytes of a short description.
pub const DESCRIPTION_BYTES_MAX: usize = 256;
/// Bytes of the world's own description.
pub const WORLD_DESCRIPTION_BYTES_MAX: usize = 4096;
/// Bytes of a text to read: a page of a book.
pub const BODY_BYTES_MAX: usize = 1024;
/// Bytes of the generator's parameters.
pub const PARAMS_BYTES_MAX: usize = 4096;

/// Featured locations.
pub const FEATURED_MAX: usize = 256;
/// Accounts on the list of who may claim.
pub const LISTED_MAX: usize = 1024;
/// Longest claim: ten years of days, as long as a dataset's longest term.
pub const TERM_EPOCHS_MAX: u64 = bitdust_types::limits::TERM_EPOCHS_MAX;
/// Claims of one account.
pub const CLAIMS_MAX: u32 = 1 << 16;

/// Block types of the world's own.
pub const BLOCKS_MAX: usize = 512;
/// Bytes of a texture: 16 × 16 pixels of red, green, blue and opacity.
pub const TEXTURE_BYTES: usize = 16 * 16 * 4;
/// Boxes of one model.
pub const MODEL_BOXES_MAX: usize = 16;
/// Kinds of items.
pub const ITEMS_MAX: usize = 256;
/// Pieces of one kind that a player can hold.
pub const ITEM_COUNT_MAX: u32 = 999;
/// Texts.
pub const TEXTS_MAX: usize = 1024;
/// Signs.
pub const SIGNS_MAX: usize = 2048;
/// Doors.
pub const DOORS_MAX: usize = 256;
/// Voxels of one door: a gate of 8 × 8.
pub const DOOR_VOXELS_MAX: usize = 64;
/// Named areas.
pub const AREAS_MAX: usize = 512;
/// Voxels along an edge of an area or structure: a location's.
pub const EDGE_MAX: u16 = 256;
/// Triggers.
pub const TRIGGERS_MAX: usize = 512;
/// Conditions of one trigger.
pub const CONDITIONS_MAX: usize = 8;
/// Actions of one trigger.
pub const ACTIONS_MAX: usize = 8;
/// Marks that all triggers together can grant.
pub const MARKS_MAX: usize = 1024;
/// Quests.
pub const QUESTS_MAX: usize = 64;
/// Boxes of blocks that the creator's places contain.
pub const STRUCTURES_MAX: usize = 4096;
/// Voxels of all those boxes: 8 MiB while they are laid out.
pub const STRUCTURE_VOXELS_MAX: u64 = 1 << 18;

/// Triggers that one event can fire. Each has at most 8 actions, each of which is held against at most 512 triggers or areas
/// in turn: 64 × 8 × 512 = 262,144 comparisons, about a millisecond.
pub const FIRED_PER_EVENT_MAX: usize = 64;
/// How far a player reaches, in voxels.
pub const REACH: i64 = 6;

const NAME: usize = 4 + NAME_BYTES_MAX;
const TITLE: usize = 4 + TITLE_BYTES_MAX;
const DESCRIPTION: usize = 4 + DESCRIPTION_BYTES_MAX;
const POSITION: usize = 3 * 8;
/// Twelve lists' counts, magic, version, creator, seed, generator, spawn, rules' numbers: below 256 bytes.
const FIXED: usize = 256;
const ALL: [usize; 13] = [
    FIXED + TITLE + 4 + WORLD_DESCRIPTION_BYTES_MAX + 4 + PARAMS_BYTES_MAX,
    LISTED_MAX * 20,
    FEATURED_MAX * (TITLE + POSITION + DESCRIPTION),
    // Id, kind, two faces, model: a count and 16 boxes of six coordinates and an optional colour.
    BLOCKS_MAX * (2 + TITLE + 1 + 2 * (1 + TEXTURE_BYTES) + 5 + MODEL_BOXES_MAX * (6 + 4)),
    // Title, description, colour and an optional block.
    ITEMS_MAX * (NAME + TITLE + DESCRIPTION + 3 + 3),
    TEXTS_MAX * (NAME + TITLE + 4 + BODY_BYTES_MAX),
    SIGNS_MAX * (POSITION + NAME),
    DOORS_MAX * (NAME + 4 + DOOR_VOXELS_MAX * POSITION + 2 + 2 + 1),
    AREAS_MAX * (NAME + POSITION + 6),
    // A name, what it waits for, whether once; conditions and actions of a tag, a name and a bit each.
    TRIGGERS_MAX * (NAME + 1 + NAME + 1 + 8 + (CONDITIONS_MAX + ACTIONS_MAX) * (2 + NAME)),
    QUESTS_MAX * (NAME + TITLE + DESCRIPTION + NAME),
    // A corner, three edges, block and fill.
    STRUCTURES_MAX * (POSITION + 6 + 2 + 1),
    // Room for another list.
    64 * 1024,
];
const _: () = {
    let (mut sum, mut i) = (0, 0);
    while i < ALL.len() {
        sum += ALL[i];
        i += 1;
    }
    assert!(sum <= WORLD_BYTES_MAX);
};
