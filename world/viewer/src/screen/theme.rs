//! What all screens have in common: colours, sizes, panels, buttons, and the darkening behind an open screen.

use bevy::prelude::*;

use super::{Hud, Screen};
use crate::{model::sky::Srgb, play::Beat, shell::offscreen::Picture};

/// Behind an open screen.
pub const SHADE: Color = Color::srgba(0.02, 0.03, 0.05, 0.55);
/// A panel.
pub const PANEL: Color = Color::srgba(0.07, 0.09, 0.12, 0.90);
/// A panel's border.
pub const EDGE: Color = Color::srgba(0.75, 0.82, 0.90, 0.22);
/// A button at rest.
pub const BUTTON: Color = Color::srgba(0.20, 0.25, 0.32, 0.95);
/// A button under the mouse.
pub const HOVER: Color = Color::srgb(0.27, 0.40, 0.55);
/// A button held down.
pub const PRESS: Color = Color::srgb(0.18, 0.52, 0.47);
/// What is chosen.
pub const ACCENT: Color = Color::srgb(0.98, 0.80, 0.34);
/// Text.
pub const TEXT: Color = Color::srgb(0.93, 0.95, 0.97);
/// Text that explains.
pub const DIM: Color = Color::srgb(0.66, 0.72, 0.79);

/// The height of a window in which a pixel here is a pixel there.
const HEIGHT: f32 = 720.0;

/// Text sizes in pixels.
pub const LARGE: f32 = 30.0;
/// What most text is written in.
pub const NORMAL: f32 = 18.0;
/// For what only some look at.
pub const SMALL: f32 = 15.0;

/// Colours of buttons, and hiding everything when it is to be hidden.
pub struct ThemePlugin;

/// What is hidden with the hud.
#[derive(Component)]
pub struct Overlay;

impl Plugin for ThemePlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, (hide.run_if(resource_changed::<Hud>), scale))
            // After whatever chooses a button without a mouse.
            .add_systems(Update, colour_buttons.in_set(Beat::Write));
    }
}

/// Text of this size and colour.
pub fn text(content: impl Into<String>, size: f32, colour: Color) -> (Text, TextFont, TextColor) {
    (Text::new(content), TextFont { font_size: FontSize::Px(size), ..default() }, TextColor(colour))
}

/// What lets text be read over anything.
pub fn text_shadow() -> TextShadow {
    TextShadow { offset: Vec2::splat(1.5), color: Color::srgba(0.0, 0.0, 0.0, 0.8) }
}

/// The whole window darkened, with what follows in the middle; gone when the screen is left.
pub fn backdrop(screen: Screen) -> impl Bundle {
    (
        DespawnOnExit(screen),
        GlobalZIndex(10),
        Node {
            position_type: PositionType::Absolute,
            width: percent(100),
            height: percent(100),
            align_items: AlignItems::Center,
            justify_content: JustifyContent::Center,
            ..default()
        },
        BackgroundColor(SHADE),
    )
}

/// A column of things on a panel.
pub fn panel(width: Val) -> impl Bundle {
    (
        Node {
            width,
            max_height: percent(92),
            flex_direction: FlexDirection::Column,
            row_gap: px(10),
            padding: UiRect::all(px(22)),
            border: UiRect::all(px(1)),
            border_radius: BorderRadius::all(px(10)),
            ..default()
        },
        BackgroundColor(PANEL),
        BorderColor::all(EDGE),
    )
}

/// A row of things.
pub fn row() -> Node {
    Node { flex_direction: FlexDirection::Row, column_gap: px(10), align_items: AlignItems::Center, ..default() }
}

/// A button that says something.
pub fn button(label: &str, width: Val) -> impl Bundle + use<> {
    (
        Button,
        Node {
            width,
            min_height: px(38),
            padding: UiRect::axes(px(14), px(6)),
            align_items: AlignItems::Center,
            justify_content: JustifyContent::Center,
            border_radius: BorderRadius::all(px(6)),
            ..default()
        },
        BackgroundColor(BUTTON),
        children![text(label, NORMAL, TEXT)],
    )
}

/// A name above a head.
pub fn tag(name: &str) -> impl Bundle + use<> {
    (
        Node {
            position_type: PositionType::Absolute,
            padding: UiRect::axes(px(7), px(2)),
            border_radius: BorderRadius::all(px(4)),
            ..default()
        },
        BackgroundColor(Color::srgba(0.0, 0.0, 0.0, 0.45)),
        Visibility::Hidden,
        children![text(name, SMALL, TEXT)],
    )
}

/// A colour as bevy wants it.
pub fn colour([r, g, b]: Srgb) -> Color {
    Color::srgb_u8(r, g, b)
}

/// Buttons that the mouse came to, pressed or left since the last frame.
type Touched = (Changed<Interaction>, With<Button>);

fn colour_buttons(mut buttons: Query<(&Interaction, &mut BackgroundColor), Touched>) {
    for (interaction, mut colour) in &mut buttons {
        colour.0 = match interaction {
            Interaction::None => BUTTON,
            Interaction::Hovered => HOVER,
            Interaction::Pressed => PRESS,
        };
    }
}

/// Screens are laid out for a height of 720 and grow and shrink with the picture.
fn scale(
    mut scale: ResMut<UiScale>,
    windows: Query<&Window>,
    picture: Option<Res<Picture>>,
    images: Res<Assets<Image>>,
) {
    let window = windows.iter().next().map(|window| window.height());
    let height = window.or_else(|| Some(images.get(&picture?.0)?.height() as f32));
    let wanted = height.map_or(1.0, |height| (height / HEIGHT).clamp(0.25, 4.0));
    if scale.0 != wanted {
        scale.0 = wanted;
    }
}

fn hide(hud: Res<Hud>, mut overlays: Query<&mut Visibility, With<Overlay>>) {
    for mut visibility in &mut overlays {
        visibility.set_if_neq(if hud.shown { Visibility::Inherited } else { Visibility::Hidden });
    }
}
