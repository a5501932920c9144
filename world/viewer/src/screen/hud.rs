//! What is always there: the crosshair and the hotbar, the name of the block in hand, and a word when the node is lost.

use bevy::prelude::*;

use super::theme::{self, Overlay};
use crate::{
    model::inventory::{Hotbar, SLOTS},
    play::{Beat, Blocks, Player, building::Target, link::Offline, quest::Journal},
};

/// Crosshair and hotbar.
pub struct HudPlugin;

/// A slot of the hotbar.
#[derive(Component)]
struct Slot(usize);

/// What a slot shows: the upper and the lower half of a block.
#[derive(Component)]
struct Face {
    slot: usize,
    top: bool,
}

#[derive(Component)]
struct HandName;

#[derive(Component)]
struct LostNode;

/// What a sign says that the eyes rest on.
#[derive(Component)]
struct SignText;

/// Characters of a sign that are shown from afar: a line or two; using it opens the page.
const SIGN_CHARS: usize = 120;

impl Plugin for HudPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Startup, build).add_systems(Update, (show_slots, show_sign, warn_offline).in_set(Beat::Write));
    }
}

fn build(mut commands: Commands) {
    let bar = |width: f32, height: f32| {
        (
            Node {
                position_type: PositionType::Absolute,
                left: percent(50),
                top: percent(50),
                width: px(width),
                height: px(height),
                margin: UiRect { left: px(-width / 2.0), top: px(-height / 2.0), ..default() },
                ..default()
            },
            BackgroundColor(Color::srgba(1.0, 1.0, 1.0, 0.75)),
            Overlay,
        )
    };
    commands.spawn(bar(18.0, 2.0));
    commands.spawn(bar(2.0, 18.0));
    commands.spawn((
        Overlay,
        Node {
            position_type: PositionType::Absolute,
            width: percent(100),
            top: percent(56),
            justify_content: JustifyContent::Center,
            ..default()
        },
        children![(
            SignText,
            theme::text("", theme::NORMAL, theme::TEXT),
            theme::text_shadow(),
            Node { max_width: px(560), ..default() }
        )],
    ));
    let hotbar = commands
        .spawn((
            Overlay,
            Node {
                position_type: PositionType::Absolute,
                width: percent(100),
                bottom: px(14),
                flex_direction: FlexDirection::Column,
                align_items: AlignItems::Center,
                row_gap: px(6),
                ..default()
            },
        ))
        .id();
    commands.spawn((HandName, theme::text("", theme::NORMAL, theme::TEXT), theme::text_shadow(), ChildOf(hotbar)));
    let slots = commands.spawn((theme::row(), ChildOf(hotbar))).id();
    for slot in 0..SLOTS {
        commands.spawn((Slot(slot), slot_node(), ChildOf(slots))).with_children(|node| {
            for top in [true, false] {
                let height = if top { px(17) } else { px(19) };
                node.spawn((
                    Face { slot, top },
                    Node { width: px(36), height, ..default() },
                    BackgroundColor(Color::NONE),
                ));
            }
        });
    }
    commands.spawn((
        LostNode,
        Visibility::Hidden,
        Node {
            position_type: PositionType::Absolute,
            top: px(12),
            width: percent(100),
            justify_content: JustifyContent::Center,
            ..default()
        },
        children![theme::text(
            "The node doesn't answer. You can walk on; trying again...",
            theme::NORMAL,
            theme::ACCENT
        )],
    ));
}

/// The frame around a block.
pub(super) fn slot_node() -> impl Bundle {
    (
        Node {
            width: px(46),
            height: px(46),
            padding: UiRect::all(px(3)),
            border: UiRect::all(px(2)),
            border_radius: BorderRadius::all(px(5)),
            flex_direction: FlexDirection::Column,
            ..default()
        },
        BackgroundColor(Color::srgba(0.05, 0.07, 0.10, 0.6)),
        BorderColor::all(theme::EDGE),
    )
}

fn show_slots(
    player: Res<Player>,
    blocks: Res<Blocks>,
    mut shown: Local<Option<Hotbar>>,
    mut slots: Query<(&Slot, &mut BorderColor)>,
    mut faces: Query<(&Face, &mut BackgroundColor)>,
    mut names: Query<&mut Text, With<HandName>>,
) {
    let bar = &player.hotbar;
    if shown.as_ref() == Some(bar) {
        return;
    }
    *shown = Some(bar.clone());
    for (slot, mut border) in &mut slots {
        *border = BorderColor::all(if slot.0 == bar.selected() { theme::ACCENT } else { theme::EDGE });
    }
    for (face, mut colour) in &mut faces {
        colour.0 = theme::colour(blocks.0.colour(bar.slots()[face.slot], face.top));
    }
    for mut name in &mut names {
        name.0 = blocks.0.name(bar.block());
    }
}

fn show_sign(target: Res<Target>, journal: Res<Journal>, mut signs: Query<&mut Text, With<SignText>>) {
    let text = target.0.and_then(|hit| journal.sign(hit.voxel)).map(sign_line).unwrap_or_default();
    for mut sign in &mut signs {
        if sign.0 != text {
            sign.0.clone_from(&text);
        }
    }
}

/// The beginning of what a sign says.
fn sign_line(text: &bitdust_world::content::Text) -> String {
    let whole = if text.title.is_empty() { text.body.clone() } else { format!("{}\n{}", text.title, text.body) };
    match whole.char_indices().nth(SIGN_CHARS) {
        Some((end, _)) => format!("{}... (R: read)", whole[..end].trim_end()),
        None => whole,
    }
}

fn warn_offline(offline: Res<Offline>, mut warnings: Query<&mut Visibility, With<LostNode>>) {
    for mut visibility in &mut warnings {
        visibility.set_if_neq(if offline.0 { Visibility::Visible } else { Visibility::Hidden });
    }
}

#[cfg(test)]
mod tests {
    use bitdust_world::content::Text as Page;

    use super::*;

    #[test]
    fn a_long_sign_is_cut_between_characters() {
        let page = |title: &str, body: String| Page { title: title.into(), body };
        assert_eq!(sign_line(&page("Inn", "Open.".into())), "Inn\nOpen.");
        assert_eq!(sign_line(&page("", "Open.".into())), "Open.");
        let long = sign_line(&page("", "é".repeat(500)));
        assert!(long.starts_with("éé") && long.ends_with("(R: read)") && long.chars().count() < 150);
    }
}
