//! Other people: simple figures with their names above them, that glide from pose to pose.
//!
//! Poses come ten times a second and irregularly. A figure is drawn a little in the past, on the straight line between two
//! poses that have both arrived, so that it never jumps back.

use std::collections::HashMap;

use bevy::prelude::*;
use bitdust_world::body::Position;

use super::{Recentring, camera::Eye, highlight::Boxes, material::Materials};
use crate::{
    model::{
        chat::{NAME_CHARS_MAX, clean},
        origin,
    },
    play::{Beat, link::Heard, walking::Origin},
    screen::{Hud, theme},
    source::{Gesture, News, PLAYERS_MAX, Pose},
};

/// Draws them.
pub struct OthersPlugin;

/// How far in the past they are drawn: two poses at 10 Hz, less a little, plus what a network delays.
const DELAY_S: f32 = 0.15;
/// Who wasn't heard of for so long is gone.
const FORGET_S: f32 = 10.0;
/// Names are shown so far.
const NAME_M: f32 = 60.0;

/// The people around.
#[derive(Resource, Default)]
pub struct Others(pub HashMap<u64, Other>);

/// One of them.
#[derive(Clone, Debug)]
pub struct Other {
    /// What they call themselves.
    pub name: String,
    /// The pose before the last, and when it came.
    before: (Pose, f32),
    /// The last pose, and when it came.
    last: (Pose, f32),
    figure: Option<Entity>,
    tag: Option<Entity>,
}

impl Other {
    /// Heard of for the first time.
    pub fn new(name: &str, pose: Pose, now_s: f32) -> Self {
        Other { name: clean(name, NAME_CHARS_MAX), before: (pose, now_s), last: (pose, now_s), figure: None, tag: None }
    }

    /// Heard of again.
    pub fn moved(&mut self, pose: Pose, now_s: f32) {
        self.before = (self.pose_at(now_s), now_s - DELAY_S);
        self.last = (pose, now_s);
    }

    /// Where to draw them.
    pub fn pose_at(&self, now_s: f32) -> Pose {
        let ((a, from_s), (b, to_s)) = (&self.before, &self.last);
        let part = if to_s > from_s { ((now_s - DELAY_S - from_s) / (to_s - from_s)).clamp(0.0, 1.0) } else { 1.0 };
        let way = b.position.since(&a.position);
        // Who travelled far at once is there at once.
        if way.iter().any(|metres| metres.abs() > 20.0) {
            return *b;
        }
        let turn = (b.yaw - a.yaw + std::f32::consts::PI).rem_euclid(std::f32::consts::TAU) - std::f32::consts::PI;
        Pose {
            position: a.position.moved(way.map(|metres| metres * f64::from(part))),
            yaw: a.yaw + turn * part,
            pitch: a.pitch + (b.pitch - a.pitch) * part,
            gesture: b.gesture,
        }
    }

    /// Where they are, as far as is known.
    pub fn position(&self) -> Position {
        self.last.0.position
    }
}

/// The meshes of a figure.
#[derive(Resource)]
struct Parts {
    trunk: Handle<Mesh>,
    arm: Handle<Mesh>,
}

/// An arm of a figure.
#[derive(Component)]
struct Arm {
    of: u64,
    right: bool,
}

impl Plugin for OthersPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Others>()
            .add_systems(Startup, cut)
            .add_systems(Update, meet.in_set(Beat::Hear).after(crate::play::link::hear))
            .add_systems(Update, (stand, name, wave).chain().in_set(Beat::Show).after(Recentring));
    }
}

fn cut(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    let (skin, shirt, trousers, hair) =
        ([0.62, 0.40, 0.27], [0.10, 0.25, 0.52], [0.07, 0.08, 0.13], [0.06, 0.04, 0.03]);
    let mut trunk = Boxes::default();
    trunk.add([-0.25, 0.0, -0.12], [-0.02, 0.8, 0.12], trousers);
    trunk.add([0.02, 0.0, -0.12], [0.25, 0.8, 0.12], trousers);
    trunk.add([-0.26, 0.8, -0.14], [0.26, 1.4, 0.14], shirt);
    trunk.add([-0.2, 1.4, -0.2], [0.2, 1.68, 0.2], skin);
    trunk.add([-0.21, 1.68, -0.21], [0.21, 1.8, 0.21], hair);
    let mut arm = Boxes::default();
    arm.add([-0.08, -0.6, -0.1], [0.08, -0.2, 0.1], skin);
    arm.add([-0.085, -0.2, -0.105], [0.085, 0.04, 0.105], shirt);
    commands.insert_resource(Parts { trunk: meshes.add(trunk.mesh()), arm: meshes.add(arm.mesh()) });
}

fn meet(mut commands: Commands, mut heard: MessageReader<Heard>, mut others: ResMut<Others>, time: Res<Time>) {
    let now_s = time.elapsed_secs();
    let mut gone = vec![];
    for Heard(news) in heard.read() {
        let full = others.0.len() >= PLAYERS_MAX;
        match news {
            News::Player { id, name, pose } => match others.0.get_mut(id) {
                Some(other) => other.moved(*pose, now_s),
                None if full => {}
                None => {
                    others.0.insert(*id, Other::new(name, *pose, now_s));
                }
            },
            News::Gone { id } => gone.push(*id),
            _ => {}
        }
    }
    gone.extend(others.0.iter().filter(|(_, other)| now_s - other.last.1 > FORGET_S).map(|(id, _)| *id));
    for other in gone.into_iter().filter_map(|id| others.0.remove(&id)) {
        for entity in other.figure.into_iter().chain(other.tag) {
            commands.entity(entity).despawn();
        }
    }
}

fn stand(
    mut commands: Commands,
    mut others: ResMut<Others>,
    parts: Res<Parts>,
    materials: Res<Materials>,
    origin: Res<Origin>,
    time: Res<Time>,
    mut figures: Query<&mut Transform, Without<Arm>>,
) {
    for (id, other) in &mut others.0 {
        let pose = other.pose_at(time.elapsed_secs());
        let mut transform = Transform::from_translation(Vec3::from(origin::of_position(origin.0, &pose.position)))
            .with_rotation(Quat::from_rotation_y(pose.yaw));
        if pose.gesture == Gesture::Bow {
            transform.rotation *= Quat::from_rotation_x(-0.6);
        }
        if let Some(figure) = other.figure {
            if let Ok(mut place) = figures.get_mut(figure) {
                *place = transform;
            }
            continue;
        }
        let arm = |right: bool| {
            let aside = if right { 0.35 } else { -0.35 };
            (
                Arm { of: *id, right },
                Mesh3d(parts.arm.clone()),
                MeshMaterial3d(materials.figure.clone()),
                Transform::from_xyz(aside, 1.36, 0.0),
            )
        };
        let figure = (
            Mesh3d(parts.trunk.clone()),
            MeshMaterial3d(materials.figure.clone()),
            transform,
            children![arm(false), arm(true)],
        );
        other.figure = Some(commands.spawn(figure).id());
        other.tag = Some(commands.spawn(theme::tag(&other.name)).id());
    }
}

/// Keeps names above heads on the screen.
fn name(
    others: Res<Others>,
    hud: Res<Hud>,
    origin: Res<Origin>,
    time: Res<Time>,
    eyes: Query<(&Camera, &Transform), With<Eye>>,
    mut tags: Query<(&mut Node, &mut Visibility, &ComputedNode)>,
) {
    let Ok((camera, eye)) = eyes.single() else { return };
    let seen_from = GlobalTransform::from(*eye);
    for other in others.0.values() {
        let Some((mut node, mut visibility, size)) = other.tag.and_then(|tag| tags.get_mut(tag).ok()) else { continue };
        let place = other.pose_at(time.elapsed_secs()).position.moved([0.0, 2.05, 0.0]);
        let place = Vec3::from(origin::of_position(origin.0, &place));
        let near = place.distance(eye.translation) < NAME_M && hud.shown;
        match camera.world_to_viewport(&seen_from, place) {
            Ok(spot) if near => {
                let half = size.size() * size.inverse_scale_factor() / 2.0;
                node.left = px(spot.x - half.x);
                node.top = px(spot.y - 2.0 * half.y);
                visibility.set_if_neq(Visibility::Visible);
            }
            _ => {
                visibility.set_if_neq(Visibility::Hidden);
            }
        }
    }
}

/// Arms say what hands say.
fn wave(others: Res<Others>, time: Res<Time>, mut arms: Query<(&Arm, &mut Transform)>) {
    let now_s = time.elapsed_secs();
    for (arm, mut transform) in &mut arms {
        let Some(other) = others.0.get(&arm.of) else { continue };
        let pose = other.pose_at(now_s);
        let walks = {
            let way = other.last.0.position.since(&other.before.0.position);
            way[0].hypot(way[2]) > 0.05
        };
        let swing = if walks { (now_s * 9.0).sin() * if arm.right { 0.6 } else { -0.6 } } else { 0.0 };
        transform.rotation = match (pose.gesture, arm.right) {
            (Gesture::Wave, true) => Quat::from_rotation_z(2.6 + 0.35 * (now_s * 9.0).sin()),
            (Gesture::Point, true) => Quat::from_rotation_x(1.5 + pose.pitch),
            (Gesture::Cheer, right) => Quat::from_rotation_z(if right { 2.7 } else { -2.7 }),
            _ => Quat::from_rotation_x(swing),
        };
    }
}

#[cfg(test)]
mod tests {
    use bitdust_world::ChunkPos;

    use super::*;

    fn pose(x: f64, yaw: f32) -> Pose {
        let position = Position::new(ChunkPos::new(1 << 50, 0, 0), [x, 0.0, 0.0]);
        Pose { position, yaw, pitch: 0.0, gesture: Gesture::None }
    }

    fn east(other: &Other, now_s: f32) -> f64 {
        other.pose_at(now_s).position.since(&pose(0.0, 0.0).position)[0]
    }

    #[test]
    fn a_walker_glides_and_never_goes_back() {
        let mut other = Other::new("Ada", pose(0.0, 0.0), 0.0);
        let mut seen = 0.0;
        for step in 1..60 {
            let now_s = step as f32 / 30.0;
            if step % 3 == 0 {
                other.moved(pose(f64::from(step) * 0.14, 0.0), now_s);
            }
            let next = east(&other, now_s);
            assert!(next >= seen - 1e-9 && next - seen < 0.6, "from {seen} to {next}");
            seen = next;
        }
        assert!(seen > 6.0, "{seen}");
    }

    #[test]
    fn turning_takes_the_shorter_way_and_travel_takes_none() {
        let mut other = Other::new("Ada", pose(0.0, 0.1), 0.0);
        other.moved(pose(0.0, std::f32::consts::TAU - 0.1), 1.0);
        let yaw = other.pose_at(1.08).yaw;
        assert!(yaw.abs() <= 0.1 + 1e-5, "{yaw}");
        other.moved(pose(5000.0, 0.0), 2.0);
        assert!((east(&other, 2.0) - 5000.0).abs() < 1e-6);
    }
}
