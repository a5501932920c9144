//! Content as a creator writes it, as bytes, and as it is played.

mod bot;
mod bytes;
mod documents;
mod play;

use bitdust_types::Address;
use serde_json::Value;

use super::{Authoring, Content, Invalid, WorldDef};

const FIRST_STEPS: &str = include_str!("../../quests/first_steps.json");

/// Reads a document as account 7…7 would publish it; its parameters are a list of small numbers.
fn read(text: &str) -> Result<WorldDef, Invalid> {
    let params = |value: Option<&Value>| match value {
        None => Ok(vec![1, 2, 3]),
        Some(value) => serde_json::from_value(value.clone()).map_err(|error| error.to_string()),
    };
    WorldDef::from_json(text, &Authoring { creator: Address::repeat_byte(7), generator: 1, params: &params })
}

fn first_steps() -> Content {
    Content::from_json(FIRST_STEPS).unwrap()
}

fn with_content(content: &str) -> Result<WorldDef, Invalid> {
    read(&format!(r#"{{ "name": "w", "seed": 1, "content": {content} }}"#))
}
