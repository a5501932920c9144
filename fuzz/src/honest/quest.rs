//! A world as its creator wrote it, with the first quest in it; and a player who walks through whatever became of it.

use std::sync::LazyLock;

use bitdust_types::Address;
use bitdust_world::{
    VoxelPos,
    content::{Authoring, Content, Effect, Event, Invalid, Play, When, WorldDef, limits},
    r#gen::{GENERATOR_VERSION, Params},
};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use serde_json::Value;

/// The quest and the deeds that finish it.
const QUEST: &str = include_str!("../../../world/quests/first_steps.json");
/// A script that plays it.
pub const SCRIPT: &str = include_str!("../../../world/quests/first_steps.script");

/// Who publishes.
const CREATOR: Address = Address::repeat_byte(7);
/// Things that a player does in one run.
const STEPS_MAX: u8 = 12;

/// The document.
pub static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let content = QUEST.trim_start().strip_prefix('{').expect("an object");
    format!(
        r#"{{ "name": "Hollow Hills", "description": "A quiet land.", "seed": 7, "params": {{ "relief": 120 }},
 "rules": {{ "claimers": ["{CREATOR}"], "price": "1.5 DUST", "term-epochs": 30, "claims-per-account": 4, "builders": "guests" }},
 "spawn": [0, 70, -1], "featured": [ {{ "name": "The mill", "at": [120, 66, -40], "description": "It turns no more." }} ],
 "content": {{ "anchor": [100, 70, 0], {content} }}"#
    )
});

/// What it says.
pub static WORLD: LazyLock<WorldDef> = LazyLock::new(|| read(&DOCUMENT).expect("an honest document"));

/// Reads a document as a node does.
pub fn read(document: &str) -> std::result::Result<WorldDef, Invalid> {
    let params = |value: Option<&Value>| -> std::result::Result<Vec<u8>, String> {
        let params: Params = match value {
            None => Params::default(),
            Some(value) => serde_json::from_value(value.clone()).map_err(|error| error.to_string())?,
        };
        params.check().map_err(|error| error.to_string())?;
        borsh::to_vec(&params).map_err(|error| error.to_string())
    };
    WorldDef::from_json(document, &Authoring { creator: CREATOR, generator: GENERATOR_VERSION, params: &params })
}

/// Goes to places that the content speaks of, and uses what stands there. What comes of each step must be bounded and make
/// sense, and the player's progress come back from its bytes.
pub fn walk(content: &Content, play: &mut Play, input: &mut Unstructured<'_>) -> Result<()> {
    let signs = content.signs.keys().copied();
    let used =
        content.triggers.iter().filter_map(|trigger| if let When::Use(pos) = &trigger.on { Some(*pos) } else { None });
    let places: Vec<VoxelPos> = signs.chain(used).chain(content.areas.values().map(|area| area.from)).collect();
    for _ in 0..input.int_in_range(0..=STEPS_MAX)? {
        let pos = if places.is_empty() || input.ratio(1, 8)? {
            VoxelPos::new(input.arbitrary()?, input.arbitrary()?, input.arbitrary()?)
        } else {
            *input.choose(&places)?
        };
        let event = match input.int_in_range(0..=2)? {
            0 => Event::Entered(pos),
            1 => Event::Moved(pos),
            _ => Event::Used(pos),
        };
        let effects = play.handle(content, event);
        // Each action says what it did, and a mark may finish every quest; using a sign shows it.
        let most = 1 + limits::FIRED_PER_EVENT_MAX * limits::ACTIONS_MAX * (1 + limits::QUESTS_MAX);
        assert!(effects.len() <= most, "{} effects of one event", effects.len());
        for effect in &effects {
            match effect {
                Effect::Show(text) => assert!(content.texts.contains_key(text), "a text that isn't there is shown"),
                Effect::Door(door, open) => {
                    assert!(content.doors.contains_key(door), "a door that isn't there turns to {open}");
                }
                Effect::Finished(quest) => assert!(content.quests.contains_key(quest), "an unknown quest is finished"),
                _ => {}
            }
        }
    }
    let bytes = play.to_bytes().expect("progress can always be kept");
    assert!(bytes.len() <= limits::PLAY_BYTES_MAX, "progress of {} bytes", bytes.len());
    assert_eq!(Play::decode(&bytes, content).as_ref(), Ok(&*play), "progress comes back");
    Ok(())
}
