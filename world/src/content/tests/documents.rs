//! Documents that people write: what is read from them, and what mistakes are called.

use super::{FIRST_STEPS, read, with_content};
use crate::{
    VoxelPos,
    block::{BlockId, Kind},
    content::{Builders, Face, limits},
};

pub(super) const FULL: &str = r##"{
  "name": "Hollow Hills", "description": "A quiet land.\nNobody lives there.", "seed": 18446744073709551615,
  "creator": "0x0707070707070707070707070707070707070707", "params": [9, 9],
  "rules": { "claimers": "everybody", "price": "1.5 DUST", "term-epochs": 30, "claims-per-account": 4,
             "builders": "everybody" },
  "spawn": [0, 70, -1],
  "featured": [ { "name": "The mill", "at": [120, 66, -9223372036854775808], "description": "It turns no more." } ],
  "content": { "anchor": [100, 70, 0],
    "blocks": [ { "id": 1030, "name": "mill stone", "side": "#102030" },
                { "id": 1024, "name": "veil", "kind": "plant", "top": "#ffffff", "side": { "palette": { "x": "#01020304" },
                  "rows": ["xxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxx",
                           "xxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxx",
                           "xxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxx",
                           "xxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxx"] } } ],
    "texts": { "hello": { "body": "Welcome." } },
    "signs": [ { "at": [2, 0, 3], "text": "hello" } ],
    "structures": [ { "block": "mill stone", "from": [0, 0, 0], "to": [2, 2, 2], "hollow": true } ] } }"##;

#[test]
fn what_a_creator_writes_is_what_the_world_says() {
    let def = read(FULL).unwrap();
    assert_eq!((def.seed, def.params.as_slice(), def.rules.builders), (u64::MAX, &[9, 9][..], Builders::Everybody));
    assert_eq!(def.rules.price.to_string(), "1.5 DUST");
    assert_eq!(def.featured[0].pos, VoxelPos::new(120, 66, i64::MIN));
    assert_eq!(def.content.signs.keys().next(), Some(&VoxelPos::new(102, 70, 3)));
    assert_eq!(def.content.block(BlockId(1030)).map(|block| &block.top), Some(&Face::Colour([16, 32, 48])));
    let Face::Texture(texture) = &def.content.block(BlockId(1024)).unwrap().side else {
        panic!("a texture was written")
    };
    assert_eq!(texture.0[1020..], [1, 2, 3, 4]);
    let kinds = [BlockId(1024), BlockId(1030), BlockId(18)].map(|id| def.content.kind(id));
    assert_eq!(kinds, [Kind::Plant, Kind::Cube, Kind::Liquid]);
    let voxels = def.content.voxels();
    assert_eq!(voxels.len(), 26, "a hollow cube of 3 lacks its middle");
    assert!(!voxels.contains_key(&VoxelPos::new(101, 71, 1)));
}

#[test]
fn errors_name_the_place_and_the_remedy() {
    let cases = [
        ("{", "document: not JSON"),
        ("[]", "document: a list stands here, but an object { … } is needed"),
        ("{}", "name: missing; add it"),
        (r#"{ "name": "w" }"#, "seed: missing; add it"),
        (r#"{ "name": "w", "seed": -1 }"#, "seed: -1 is outside of 0 to 18446744073709551615"),
        (r#"{ "name": "w", "seed": 1.5 }"#, "seed: a number stands here, but a whole number is needed"),
        (r#"{ "name": "", "seed": 1 }"#, "name: empty"),
        (r#"{ "name": "a\u0007", "seed": 1 }"#, "name: control characters"),
        (r#"{ "name": "w", "seed": 1, "sead": 2 }"#, "sead: not a field that is known here; these are: name, desc"),
        (
            r#"{ "name": "w", "seed": 1, "params": "x" }"#,
            "params: the generator refuses these parameters: invalid type",
        ),
        (
            r#"{ "name": "w", "seed": 1, "creator": "0x0808080808080808080808080808080808080808" }"#,
            "creator: the document names 0x0808080808080808080808080808080808080808, but 0x0707",
        ),
        (r#"{ "name": "w", "seed": 1, "creator": "me" }"#, "creator: 'me' is not an account"),
        (r#"{ "name": "w", "seed": 1, "spawn": [1, 2] }"#, "spawn: a list stands here, but a list of three"),
        (r#"{ "name": "w", "seed": 1, "rules": { "price": "much" } }"#, "rules.price: 'much' is not an amount"),
        (
            r#"{ "name": "w", "seed": 1, "rules": { "term-epochs": 0 } }"#,
            "rules.term-epochs: 0 is outside of 1 to 3650",
        ),
        (r#"{ "name": "w", "seed": 1, "rules": { "claimers": [] } }"#, "rules.claimers: empty"),
        (
            r#"{ "name": "w", "seed": 1, "rules": { "builders": "all" } }"#,
            "rules.builders: 'all' is not among the choices: owner, guests, everybody",
        ),
        (
            r#"{ "name": "w", "seed": 1, "featured": [ { "name": "a", "at": [0,0,0] }, { "name": "a", "at": [1,0,0] } ] }"#,
            "featured[1].name: 'a' was already used",
        ),
    ];
    for (text, message) in cases {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{text}\n gave: {error}\n not: {message}");
    }
}

#[test]
fn errors_in_content_name_the_place_and_the_remedy() {
    let trigger = |rest: &str| format!(r#"{{ "triggers": [ {{ "name": "t", {rest} }} ] }}"#);
    let cases = [
        (r#"{ "block": [] }"#.into(), "content.block: not a field that is known here"),
        (r##"{ "blocks": [ { "id": 5, "name": "x", "side": "#000000" } ] }"##.into(), "content.blocks[0].id: 5 is outside"),
        (r##"{ "blocks": [ { "id": 1024, "name": "x", "side": "red" } ] }"##.into(), "content.blocks[0].side: 'red' is not a"),
        (
            r##"{ "blocks": [ { "id": 1024, "name": "water", "side": "#000000" } ] }"##.into(),
            "content.blocks[0 'water'].name: 'water' was already used",
        ),
        (
            r##"{ "blocks": [ { "id": 1024, "name": "x", "side": { "palette": { "a": "#000000" }, "rows": ["aaa"] } } ] }"##.into(),
            "content.blocks[0].side.rows: a texture needs 16 rows",
        ),
        (
            r##"{ "blocks": [ { "id": 1024, "name": "x", "side": "#000000", "model": [ { "from": [8, 0, 0], "to": [8, 1, 1] } ] } ] }"##.into(),
            "content.blocks[0 'x'].model[0].from: 8 is outside of 0 to 7",
        ),
        (r#"{ "texts": { "A b": { "body": "x" } } }"#.into(), "content.texts: 'A b' is not a name: use 1 to 48"),
        (r#"{ "texts": { "a": { "body": "" } } }"#.into(), "content.texts.a.body: empty"),
        (
            r#"{ "signs": [ { "at": [1, 2, 3], "text": "a" } ] }"#.into(),
            "content.signs[at (1, 2, 3)].text: there is no text named 'a'; add it to content.texts or correct the name",
        ),
        (
            r#"{ "doors": { "d": { "voxels": [[0,0,0],[0,0,0]], "open": "air", "closed": "door" } } }"#.into(),
            "content.doors.d.voxels: '(0, 0, 0)' was already used",
        ),
        (
            r#"{ "doors": { "d": { "voxels": [[0,0,0]], "open": "aire", "closed": "door" } } }"#.into(),
            "content.doors.d.open: no block is called 'aire'",
        ),
        (r#"{ "areas": { "a": { "from": [0,0,0], "to": [0,-1,0] } } }"#.into(), "content.areas.a: 'to' must not be below"),
        (r#"{ "areas": { "a": { "from": [0,0,0], "to": [0,256,0] } } }"#.into(), "content.areas.a: 'to' must not be below"),
        (
            r#"{ "areas": { "a": { "from": [-9223372036854775808,0,0], "to": [9223372036854775807,0,0] } } }"#.into(),
            "content.areas.a: 'to' must not be below",
        ),
        (
            trigger(r#""on": { "enter": "a" }, "then": [ { "grant": "m" } ]"#),
            "content.triggers[0 't'].on.enter: there is no area named 'a'",
        ),
        (
            trigger(r#""on": { "mark": "x" }, "then": [ { "grant": "m" } ]"#),
            "content.triggers[0 't'].on.mark: no trigger grants the mark 'x'",
        ),
        (
            trigger(r#""on": { "use": [0,0,0] }, "if": [ { "has-mark": "n" } ], "then": [ { "grant": "m" } ]"#),
            "content.triggers[0 't'].if[0]: no trigger grants the mark 'n'",
        ),
        (trigger(r#""on": { "use": [0,0,0] }, "then": []"#), "content.triggers[0 't'].then: empty"),
        (
            trigger(r#""on": { "use": [0,0,0] }, "then": [ { "open": "d" } ]"#),
            "content.triggers[0 't'].then[0]: there is no door named 'd'",
        ),
        (
            trigger(r#""on": { "use": [0,0,0] }, "then": [ { "explode": "d" } ]"#),
            "content.triggers[0].then[0].explode: not a field that is known here; these are: show, open",
        ),
        (
            trigger(r#""on": { "use": [0,0,0], "enter": "a" }, "then": [ { "grant": "m" } ]"#),
            "content.triggers[0].on.use: a second field stands here, but only one field is needed",
        ),
        (
            r#"{ "structures": [ { "block": "dirt", "from": [0,0,0], "to": [255,255,4] } ] }"#.into(),
            "content.structures[0], voxels up to here: 327680 is outside of 0 to 262144",
        ),
        (
            r#"{ "quests": { "q": { "title": "Q", "done": "m" } } }"#.into(),
            "content.quests.q.done: no trigger grants the mark 'm'",
        ),
    ];
    for (text, message) in cases {
        let error = with_content(&text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{text}\n gave: {error}\n not: {message}");
    }
}

#[test]
fn long_lists_and_documents_are_refused() {
    let texts: Vec<_> = (0..=limits::TEXTS_MAX).map(|i| format!(r#""t{i}": {{ "body": "x" }}"#)).collect();
    let error = with_content(&format!(r#"{{ "texts": {{ {} }} }}"#, texts.join(","))).unwrap_err();
    assert_eq!(error.to_string(), "content.texts: 1025 entries, at most 1024 are allowed");
    let error =
        with_content(&format!(r#"{{ "texts": {{ "a": {{ "body": "{}" }} }} }}"#, "x".repeat(1025))).unwrap_err();
    assert_eq!(error.to_string(), "content.texts.a.body: a text of 1025 bytes, at most 1024 are allowed");
    let error = read(&" ".repeat(limits::JSON_BYTES_MAX + 1)).unwrap_err();
    assert!(error.to_string().starts_with("document: 8388609 bytes are more than"));
    assert!(read(&"[".repeat(100_000)).is_err());
}

#[test]
fn the_first_quest_stands_alone_or_in_a_world() {
    let alone = super::first_steps();
    assert_eq!(with_content(FIRST_STEPS).unwrap().content, alone);
}
