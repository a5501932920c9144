//! Content as people write it.
//!
//! - `blocks`: `[{ "name": "chest", "id": 1024, "kind": "cube", "top": FACE, "side": FACE, "model": [BOX] }]`; FACE is
//!   `"#rrggbb"` or `{ "palette": { "a": "#rrggbb" }, "rows": [16 × "16 letters"] }`; BOX is
//!   `{ "from": [0, 0, 0], "to": [16, 8, 16], "colour": "#rrggbb" }` in sixteenths of a voxel.
//! - `items`: `{ NAME: { "title", "description", "colour", "block" } }`; `texts`: `{ NAME: { "title", "body" } }`.
//! - `signs`: `[{ "at": [x, y, z], "text": NAME }]`; `areas`: `{ NAME: { "from": [x, y, z], "to": [x, y, z] } }`.
//! - `doors`: `{ NAME: { "voxels": [[x, y, z]], "open": BLOCK, "closed": BLOCK, "initially": "closed" } }`.
//! - `triggers`: `[{ "name", "on": { "enter": AREA } | { "use": [x, y, z] } | { "mark": MARK }, "if": [CONDITION],
//!   "then": [ACTION], "once": true }]`; CONDITION has one of `has-mark lacks-mark has-item door-open door-closed within`,
//!   ACTION one of `show open close grant remove teleport give take`.
//! - `quests`: `{ NAME: { "title", "description", "done": MARK } }`.
//! - `structures`: `[{ "block": BLOCK, "at": [x, y, z] }]` or with `from`, `to` and `"hollow": true`.

use super::{
    super::{
        Action, Area, BlockType, Condition, Content, Door, Face, Fill, Invalid, Item, ModelBox, Name, Problem, Quest,
        Structure, Text, Texture, Trigger, When, limits,
    },
    node::Node,
};
use crate::{
    VoxelPos,
    block::{BlockId, FIRST_CUSTOM, ID_END, Kind},
};

/// Reads content and moves it to its anchor.
pub(super) fn read(node: &Node<'_>) -> Result<Content, Invalid> {
    let fields = node.fields(&[
        "anchor",
        "blocks",
        "items",
        "texts",
        "signs",
        "doors",
        "areas",
        "triggers",
        "quests",
        "structures",
    ])?;
    let mut content = Content::default();
    if let Some(node) = fields.maybe("blocks") {
        content.blocks = node.items(limits::BLOCKS_MAX)?.iter().map(block_type).collect::<Result<_, _>>()?;
        content.blocks.sort_by_key(|block| block.id);
    }
    if let Some(node) = fields.maybe("items") {
        for (name, node) in node.named(limits::ITEMS_MAX)? {
            let item = item(&node, &content)?;
            content.items.insert(name, item);
        }
    }
    if let Some(node) = fields.maybe("texts") {
        content.texts = named(&node, limits::TEXTS_MAX, text)?.into_iter().collect();
    }
    if let Some(node) = fields.maybe("signs") {
        for node in node.items(limits::SIGNS_MAX)? {
            let fields = node.fields(&["at", "text"])?;
            let at = fields.need("at")?.position()?;
            if content.signs.insert(at, fields.need("text")?.name()?).is_some() {
                return Err(node.invalid(Problem::Twice(at.to_string())));
            }
        }
    }
    if let Some(node) = fields.maybe("doors") {
        for (name, node) in node.named(limits::DOORS_MAX)? {
            let door = door(&node, &content)?;
            content.doors.insert(name, door);
        }
    }
    if let Some(node) = fields.maybe("areas") {
        content.areas = named(&node, limits::AREAS_MAX, area)?.into_iter().collect();
    }
    if let Some(node) = fields.maybe("triggers") {
        content.triggers = node.items(limits::TRIGGERS_MAX)?.iter().map(trigger).collect::<Result<_, _>>()?;
    }
    if let Some(node) = fields.maybe("quests") {
        content.quests = named(&node, limits::QUESTS_MAX, quest)?.into_iter().collect();
    }
    if let Some(node) = fields.maybe("structures") {
        let items = node.items(limits::STRUCTURES_MAX)?;
        content.structures = items.iter().map(|node| structure(node, &content)).collect::<Result<_, _>>()?;
    }
    let anchor = fields.maybe("anchor").map_or(Ok(VoxelPos::default()), |node| node.position())?;
    Ok(content.placed_at(anchor))
}

fn named<T>(
    node: &Node<'_>,
    max: usize,
    read: impl Fn(&Node<'_>) -> Result<T, Invalid>,
) -> Result<Vec<(Name, T)>, Invalid> {
    node.named(max)?.into_iter().map(|(name, node)| Ok((name, read(&node)?))).collect()
}

fn block_type(node: &Node<'_>) -> Result<BlockType, Invalid> {
    let fields = node.fields(&["name", "id", "kind", "top", "side", "model"])?;
    let kinds = [
        ("cube", Kind::Cube),
        ("glass", Kind::Glass),
        ("leaves", Kind::Leaves),
        ("liquid", Kind::Liquid),
        ("plant", Kind::Plant),
        ("air", Kind::Air),
    ];
    let side = face(&fields.need("side")?)?;
    Ok(BlockType {
        id: BlockId(fields.need("id")?.integer(FIRST_CUSTOM, ID_END - 1)?),
        name: fields.need("name")?.text()?,
        kind: fields.maybe("kind").map_or(Ok(Kind::Cube), |node| node.choice(&kinds))?,
        top: fields.maybe("top").map_or_else(|| Ok(side.clone()), |node| face(&node))?,
        side,
        model: match fields.maybe("model") {
            Some(node) => node.items(limits::MODEL_BOXES_MAX)?.iter().map(model_box).collect::<Result<_, _>>()?,
            None => Vec::new(),
        },
    })
}

fn model_box(node: &Node<'_>) -> Result<ModelBox, Invalid> {
    let fields = node.fields(&["from", "to", "colour"])?;
    Ok(ModelBox {
        from: fields.need("from")?.triple(0, 15)?,
        to: fields.need("to")?.triple(1, 16)?,
        colour: fields.maybe("colour").map(|node| node.colour()).transpose()?,
    })
}

fn face(node: &Node<'_>) -> Result<Face, Invalid> {
    if node.value().is_string() {
        return node.colour().map(Face::Colour);
    }
    let fields = node.fields(&["palette", "rows"])?;
    let mut palette = std::collections::BTreeMap::new();
    let colours = fields.need("palette")?;
    let letters: Vec<String> = colours.value().as_object().into_iter().flat_map(|map| map.keys().cloned()).collect();
    let allowed: Vec<&str> = letters.iter().map(String::as_str).collect();
    let entries = colours.fields(&allowed)?;
    for letter in &letters {
        let mut chars = letter.chars();
        let (Some(only), None) = (chars.next(), chars.next()) else {
            return Err(colours.invalid(Problem::BadTexture));
        };
        palette.insert(only, entries.need(letter)?.pixel()?);
    }
    let rows = fields.need("rows")?;
    let bad = || rows.invalid(Problem::BadTexture);
    let mut pixels = Vec::with_capacity(limits::TEXTURE_BYTES);
    for row in rows.items(16)? {
        let before = pixels.len();
        for letter in row.text()?.chars().take(17) {
            pixels.extend(palette.get(&letter).ok_or_else(bad)?);
        }
        if pixels.len() - before != 16 * 4 {
            return Err(bad());
        }
    }
    pixels.into_boxed_slice().try_into().map(|pixels| Face::Texture(Texture(pixels))).map_err(|_| bad())
}

fn item(node: &Node<'_>, content: &Content) -> Result<Item, Invalid> {
    let fields = node.fields(&["title", "description", "colour", "block"])?;
    Ok(Item {
        title: fields.need("title")?.text()?,
        description: fields.maybe("description").map_or(Ok(String::new()), |node| node.text())?,
        colour: fields.maybe("colour").map_or(Ok([200, 200, 200]), |node| node.colour())?,
        block: fields.maybe("block").map(|node| block(&node, content)).transpose()?,
    })
}

fn text(node: &Node<'_>) -> Result<Text, Invalid> {
    let fields = node.fields(&["title", "body"])?;
    Ok(Text {
        title: fields.maybe("title").map_or(Ok(String::new()), |node| node.text())?,
        body: fields.need("body")?.text()?,
    })
}

fn door(node: &Node<'_>, content: &Content) -> Result<Door, Invalid> {
    let fields = node.fields(&["voxels", "open", "closed", "initially"])?;
    let voxels = fields.need("voxels")?.items(limits::DOOR_VOXELS_MAX)?;
    Ok(Door {
        voxels: voxels.iter().map(Node::position).collect::<Result<_, _>>()?,
        open: block(&fields.need("open")?, content)?,
        closed: block(&fields.need("closed")?, content)?,
        initially_open: fields
            .maybe("initially")
            .map_or(Ok(false), |node| node.choice(&[("open", true), ("closed", false)]))?,
    })
}

fn area(node: &Node<'_>) -> Result<Area, Invalid> {
    let fields = node.fields(&["from", "to"])?;
    between(node, fields.need("from")?.position()?, fields.need("to")?.position()?)
}

fn between(node: &Node<'_>, from: VoxelPos, to: VoxelPos) -> Result<Area, Invalid> {
    Area::between(from, to).ok_or_else(|| node.invalid(Problem::BadBox { max: limits::EDGE_MAX }))
}

fn trigger(node: &Node<'_>) -> Result<Trigger, Invalid> {
    let fields = node.fields(&["name", "on", "if", "then", "once"])?;
    let (key, on) = fields.need("on")?.only(&["enter", "use", "mark"])?;
    Ok(Trigger {
        name: fields.need("name")?.name()?,
        on: match key {
            "enter" => When::Enter(on.name()?),
            "use" => When::Use(on.position()?),
            _ => When::Mark(on.name()?),
        },
        conditions: match fields.maybe("if") {
            Some(node) => node.items(limits::CONDITIONS_MAX)?.iter().map(condition).collect::<Result<_, _>>()?,
            None => Vec::new(),
        },
        actions: fields.need("then")?.items(limits::ACTIONS_MAX)?.iter().map(action).collect::<Result<_, _>>()?,
        once: fields.maybe("once").map_or(Ok(false), |node| node.flag())?,
    })
}

fn condition(node: &Node<'_>) -> Result<Condition, Invalid> {
    let (key, node) = node.only(&["has-mark", "lacks-mark", "has-item", "door-open", "door-closed", "within"])?;
    let name = node.name()?;
    Ok(match key {
        "has-mark" => Condition::HasMark(name),
        "lacks-mark" => Condition::LacksMark(name),
        "has-item" => Condition::HasItem(name),
        "door-open" => Condition::DoorOpen(name),
        "door-closed" => Condition::DoorClosed(name),
        _ => Condition::Within(name),
    })
}

fn action(node: &Node<'_>) -> Result<Action, Invalid> {
    let (key, node) = node.only(&["show", "open", "close", "grant", "remove", "teleport", "give", "take"])?;
    if key == "teleport" {
        return node.position().map(Action::Teleport);
    }
    let name = node.name()?;
    Ok(match key {
        "show" => Action::Show(name),
        "open" => Action::Open(name),
        "close" => Action::Close(name),
        "grant" => Action::Grant(name),
        "remove" => Action::Remove(name),
        "give" => Action::Give(name),
        _ => Action::Take(name),
    })
}

fn quest(node: &Node<'_>) -> Result<Quest, Invalid> {
    let fields = node.fields(&["title", "description", "done"])?;
    Ok(Quest {
        title: fields.need("title")?.text()?,
        description: fields.maybe("description").map_or(Ok(String::new()), |node| node.text())?,
        done: fields.need("done")?.name()?,
    })
}

fn structure(node: &Node<'_>, content: &Content) -> Result<Structure, Invalid> {
    let fields = node.fields(&["block", "at", "from", "to", "hollow"])?;
    let (from, to) = match fields.maybe("at") {
        Some(at) => (at.position()?, at.position()?),
        None => (fields.need("from")?.position()?, fields.need("to")?.position()?),
    };
    let hollow = fields.maybe("hollow").map_or(Ok(false), |node| node.flag())?;
    Ok(Structure {
        area: between(node, from, to)?,
        block: block(&fields.need("block")?, content)?,
        fill: if hollow { Fill::Hollow } else { Fill::Solid },
    })
}

fn block(node: &Node<'_>, content: &Content) -> Result<BlockId, Invalid> {
    let name = node.text()?;
    let unknown = || node.invalid(Problem::UnknownBlock(name.chars().take(60).collect()));
    content.block_named(&name).ok_or_else(unknown)
}
