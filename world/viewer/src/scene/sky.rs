//! Day and night: the light of the hour, the box that shows the sky, and the shadows.

use bevy::{
    camera::visibility::NoFrustumCulling,
    light::{CascadeShadowConfigBuilder, DirectionalLightShadowMap, NotShadowCaster, NotShadowReceiver},
    prelude::*,
};
use bitdust_world::block::Kind;

use super::{
    chunks::Chunks,
    distance::REACH_M,
    material::{LightUniform, Materials, SkyMaterial, VoxelMaterial},
};
use crate::{
    model::{
        settings::Shadows,
        sky::{DAY_MINUTES, Sky, sky_at},
    },
    play::{Beat, Blocks, DayTime, Player, walking::Origin},
    screen::{Screen, SettingsRes},
};

/// Lights the scene.
pub struct SkyPlugin;

/// The sun, or the moon.
#[derive(Component)]
struct Caster;

/// Murk of water per metre.
const MURK: f32 = 0.07;
/// The pattern of grains repeats after so many voxels.
const PATTERN: i64 = 4096;
/// Waves and clouds start anew after so many seconds, before an `f32` of their phase grows coarse.
const WAVES_S: f32 = 3600.0;

impl Plugin for SkyPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(DirectionalLightShadowMap { size: 2048 })
            .add_systems(Startup, hang)
            .add_systems(Update, (pass_time, shine).chain().in_set(Beat::Show).after(super::Recentring))
            .add_systems(Update, cast_shadows.run_if(resource_changed::<SettingsRes>));
    }
}

fn hang(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>, materials: Res<Materials>) {
    commands.spawn((
        Mesh3d(meshes.add(Cuboid::new(2.0, 2.0, 2.0))),
        MeshMaterial3d(materials.sky.clone()),
        NoFrustumCulling,
        NotShadowCaster,
        NotShadowReceiver,
    ));
    commands.spawn((Caster, DirectionalLight { illuminance: 10_000.0, ..default() }, Transform::default()));
}

fn pass_time(mut day: ResMut<DayTime>, time: Res<Time>, screen: Res<State<Screen>>) {
    if *screen.get() != Screen::Pause && !day.still {
        day.seconds = (day.seconds + time.delta_secs()) % WAVES_S;
        day.minutes = (day.minutes + day.pace * time.delta_secs()).rem_euclid(DAY_MINUTES as f32);
    }
}

fn shine(
    day: Res<DayTime>,
    player: Res<Player>,
    (chunks, blocks): (Res<Chunks>, Res<Blocks>),
    origin: Res<Origin>,
    materials: Res<Materials>,
    mut voxels: ResMut<Assets<VoxelMaterial>>,
    mut skies: ResMut<Assets<SkyMaterial>>,
    mut casters: Query<&mut Transform, With<Caster>>,
) {
    let sky = sky_at(day.minutes);
    let eye = player.body.eye();
    let is_liquid = |at| chunks.0.block(at).is_some_and(|block| blocks.0.kind(block) == Kind::Liquid);
    // A liquid's surface lies an eighth below its voxel's top, unless there is more of it above.
    let below_surface = eye.local[1].fract() < 0.875 || is_liquid(eye.voxel().offset(0, 1, 0));
    let under_water = is_liquid(eye.voxel()) && below_surface;
    let light = uniform(&sky, day.seconds, under_water, origin.0.origin());
    materials.shine(light, &mut voxels, &mut skies);
    for mut caster in &mut casters {
        *caster = Transform::IDENTITY.looking_to(-Vec3::from(sky.light), Vec3::Y);
    }
}

fn uniform(sky: &Sky, seconds: f32, under_water: bool, origin: bitdust_world::VoxelPos) -> LightUniform {
    let part = |colour: [f32; 3], last: f32| Vec4::new(colour[0], colour[1], colour[2], last);
    let [x, y, z] = [origin.x, origin.y, origin.z].map(|part| part.rem_euclid(PATTERN) as i32);
    LightUniform {
        sun: part(sky.sun, sky.stars),
        caster: part(sky.light, seconds),
        direct: part(sky.light_colour, 0.0),
        up: part(sky.ambient_up, 0.0),
        down: part(sky.ambient_down, 0.0),
        zenith: part(sky.zenith, 0.0),
        horizon: part(sky.horizon, 0.0),
        glow: part(sky.glow, 0.0),
        // At the end of the land nothing is left of it: exp(-2.1² - 0.22 × 2.1) is below 1 %.
        haze: Vec4::new(2.1 / REACH_M as f32, if under_water { MURK } else { 0.0 }, 0.46, 0.0),
        origin: IVec4::new(x, y, z, 0),
    }
}

fn cast_shadows(
    mut commands: Commands,
    settings: Res<SettingsRes>,
    mut lights: Query<(Entity, &mut DirectionalLight)>,
) {
    for (entity, mut light) in &mut lights {
        let (cascades, first_m, far_m) = match settings.0.shadows {
            Shadows::Off => (1, 10.0, 20.0),
            Shadows::Near => (2, 16.0, 72.0),
            Shadows::Far => (3, 18.0, 200.0),
        };
        light.shadow_maps_enabled = settings.0.shadows != Shadows::Off;
        let cascades = CascadeShadowConfigBuilder {
            num_cascades: cascades,
            minimum_distance: 0.1,
            maximum_distance: far_m,
            first_cascade_far_bound: first_m,
            overlap_proportion: 0.15,
        };
        commands.entity(entity).insert(cascades.build());
    }
}
