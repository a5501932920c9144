//! The map: the ground from above, with the player, others, villages and claims on it.
//!
//! The picture is painted on a spare core from the generator's surface; it shows the terrain as it was made, not what people
//! built on it, for which every chunk would have to be fetched.

use std::sync::Arc;

use bevy::{
    asset::RenderAssetUsages,
    input::mouse::AccumulatedMouseScroll,
    prelude::*,
    render::render_resource::{Extent3d, TextureDimension, TextureFormat},
    tasks::{AsyncComputeTaskPool, Task, futures::check_ready},
};
use bitdust_world::{VoxelPos, r#gen::Generator};

use super::{Places, Screen, theme};
use crate::{
    model::chart::{Frame, PIXELS, colour},
    play::{Beat, Player},
    scene::others::Others,
    source::PlaceKind,
};

/// The map.
pub struct MapPlugin;

/// The terrain that is drawn.
#[derive(Resource, Clone)]
pub struct Terrain(pub Arc<Generator>);

/// What the map shows.
#[derive(Resource)]
struct Shown {
    frame: Frame,
    painting: Option<(Frame, Task<Vec<u8>>)>,
    picture: Option<(Frame, Handle<Image>)>,
}

/// The picture.
#[derive(Component)]
struct Sheet;

/// What lies on the picture; made anew whenever something moves.
#[derive(Component)]
struct Mark;

#[derive(Component)]
struct Legend;

/// Edge of the map on the screen, in pixels.
const EDGE: f32 = 560.0;
/// Names on the map at most; more would hide each other.
const NAMES_MAX: usize = 24;

impl Plugin for MapPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Shown { frame: Frame { centre: [0, 0], scale: 4 }, painting: None, picture: None })
            .add_systems(OnEnter(Screen::Map), open)
            .add_systems(Update, (zoom, paint, mark).chain().in_set(Beat::Write).run_if(in_state(Screen::Map)));
    }
}

impl Shown {
    /// Whether the picture shows what it should.
    fn is_painted(&self) -> bool {
        self.picture.as_ref().is_some_and(|(frame, _)| *frame == self.frame)
    }
}

fn open(mut commands: Commands, mut shown: ResMut<Shown>, player: Res<Player>) {
    let at = player.body.voxel();
    shown.frame.centre = [at.x, at.z];
    let backdrop = commands.spawn(theme::backdrop(Screen::Map)).id();
    let panel = commands.spawn((theme::panel(Val::Auto), ChildOf(backdrop))).id();
    commands.spawn((
        Sheet,
        Node { width: px(EDGE), height: px(EDGE), flex_shrink: 0.0, overflow: Overflow::clip(), ..default() },
        BackgroundColor(Color::srgb(0.10, 0.13, 0.17)),
        ChildOf(panel),
    ));
    let legend = Node { width: px(EDGE), ..default() };
    commands.spawn((Legend, legend, theme::text("", theme::SMALL, theme::DIM), ChildOf(panel)));
}

fn zoom(scroll: Res<AccumulatedMouseScroll>, keys: Res<ButtonInput<KeyCode>>, mut shown: ResMut<Shown>) {
    let mut by = 0;
    by += i32::from(scroll.delta.y < 0.0 || keys.just_pressed(KeyCode::Minus));
    by -= i32::from(scroll.delta.y > 0.0 || keys.just_pressed(KeyCode::Equal));
    if by != 0 {
        shown.frame = shown.frame.zoomed(by);
    }
}

fn paint(
    mut commands: Commands,
    mut shown: ResMut<Shown>,
    mut images: ResMut<Assets<Image>>,
    terrain: Res<Terrain>,
    sheets: Query<(Entity, Option<&ImageNode>), With<Sheet>>,
) {
    let frame = shown.frame;
    if let Some((painted, task)) = &mut shown.painting
        && let Some(pixels) = check_ready(task)
    {
        let painted = *painted;
        let edge = PIXELS as u32;
        let size = Extent3d { width: edge, height: edge, depth_or_array_layers: 1 };
        let format = TextureFormat::Rgba8UnormSrgb;
        let image = Image::new(size, TextureDimension::D2, pixels, format, RenderAssetUsages::RENDER_WORLD);
        shown.picture = Some((painted, images.add(image)));
        shown.painting = None;
    }
    if !shown.is_painted() && shown.painting.as_ref().is_none_or(|(painting, _)| *painting != frame) {
        let generator = Arc::clone(&terrain.0);
        shown.painting = Some((frame, AsyncComputeTaskPool::get().spawn(async move { pixels(&generator, frame) })));
    }
    if let Some((_, picture)) = &shown.picture {
        for (sheet, node) in &sheets {
            if node.is_none_or(|node| node.image != *picture) {
                commands.entity(sheet).insert(ImageNode::new(picture.clone()));
            }
        }
    }
}

/// The picture's pixels, row by row.
fn pixels(generator: &Generator, frame: Frame) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(4 * PIXELS * PIXELS);
    // One row and one column more to the north-west, for the light.
    let mut above = vec![];
    for row in 0..=PIXELS {
        let surfaces: Vec<_> = (0..=PIXELS)
            .map(|column| {
                let [x, z] = frame.ground([column, row]);
                generator.surface(x.wrapping_sub(frame.scale), z.wrapping_sub(frame.scale))
            })
            .collect();
        if row > 0 {
            pixels.extend((1..=PIXELS).flat_map(|column| colour(&surfaces[column], &above[column - 1], frame.scale)));
        }
        above = surfaces;
    }
    pixels
}

fn mark(
    mut commands: Commands,
    shown: Res<Shown>,
    places: Res<Places>,
    others: Res<Others>,
    player: Res<Player>,
    sheets: Query<Entity, With<Sheet>>,
    marks: Query<Entity, With<Mark>>,
    mut legends: Query<&mut Text, With<Legend>>,
) {
    let Ok(sheet) = sheets.single() else { return };
    for mark in &marks {
        commands.entity(mark).despawn();
    }
    let mut put = |at: VoxelPos, colour: Color, size: f32, name: Option<&str>| {
        let Some([u, v]) = shown.frame.spot(at) else { return false };
        let node = Node {
            position_type: PositionType::Absolute,
            left: px(u * EDGE - size / 2.0),
            top: px(v * EDGE - size / 2.0),
            width: px(size),
            height: px(size),
            border: UiRect::all(px(1)),
            border_radius: BorderRadius::all(px(size / 2.0)),
            ..default()
        };
        commands.spawn((Mark, node, BackgroundColor(colour), BorderColor::all(Color::BLACK), ChildOf(sheet)));
        if let Some(name) = name {
            let label = Node {
                position_type: PositionType::Absolute,
                left: px(u * EDGE + size / 2.0 + 3.0),
                top: px(v * EDGE - 10.0),
                ..default()
            };
            commands.spawn((
                Mark,
                label,
                theme::text(name, theme::SMALL, theme::TEXT),
                theme::text_shadow(),
                ChildOf(sheet),
            ));
        }
        true
    };
    let mut named = 0;
    for place in &places.0 {
        let colour = match place.kind {
            PlaceKind::Featured => theme::ACCENT,
            PlaceKind::Popular => Color::srgb(0.95, 0.55, 0.85),
            PlaceKind::Claimed => Color::srgb(0.45, 0.85, 0.95),
            PlaceKind::Village => Color::srgb(0.85, 0.45, 0.30),
        };
        let name = (named < NAMES_MAX).then_some(place.name.as_str());
        named += usize::from(put(place.at, colour, 9.0, name));
    }
    for other in others.0.values() {
        put(other.position().voxel(), Color::srgb(0.4, 0.95, 0.5), 9.0, Some(&other.name));
    }
    put(player.body.voxel(), Color::WHITE, 12.0, None);
    let heading = player.gaze.heading();
    let legend = format!(
        "You look {} ({heading:.0} degrees).   {} m per pixel, wheel or - and + to zoom.   Orange: villages, blue: claims, green: people.{}",
        compass(heading),
        shown.frame.scale,
        if shown.is_painted() { "" } else { "   Painting..." },
    );
    for mut text in &mut legends {
        if text.0 != legend {
            text.0.clone_from(&legend);
        }
    }
}

fn compass(degrees: f32) -> &'static str {
    const WINDS: [&str; 8] = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"];
    WINDS[((degrees / 45.0).round() as usize) % 8]
}
