//! The camera: the player's eyes.

use bevy::{camera::RenderTarget, core_pipeline::tonemapping::Tonemapping, prelude::*};

use super::Recentring;
use crate::{
    model::origin,
    play::{Beat, Player, walking::Origin},
    screen::SettingsRes,
    shell::offscreen::Picture,
};

/// Puts the camera where the eyes are.
pub struct CameraPlugin;

/// The camera.
#[derive(Component)]
pub struct Eye;

/// Whether the eyes are closed: nothing is drawn while a script waits offscreen for what it wants to see.
#[derive(Resource, Default, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed(pub bool);

impl Plugin for CameraPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Startup, open)
            .add_systems(Update, see.in_set(Beat::Show).after(Recentring))
            .init_resource::<Closed>()
            .add_systems(Update, blink.in_set(Beat::Show).run_if(resource_exists::<Picture>))
            .add_systems(Update, focus.run_if(resource_changed::<SettingsRes>));
    }
}

fn open(mut commands: Commands, picture: Option<Res<Picture>>) {
    let mut camera = commands.spawn((
        Eye,
        Camera3d::default(),
        IsDefaultUiCamera,
        // The shaders end in a tone curve of their own.
        Tonemapping::None,
        Msaa::Off,
        Transform::default(),
    ));
    if let Some(picture) = picture {
        camera.insert(RenderTarget::Image(picture.0.clone().into()));
    }
}

fn see(player: Res<Player>, origin: Res<Origin>, mut eyes: Query<&mut Transform, With<Eye>>) {
    for mut eye in &mut eyes {
        eye.translation = Vec3::from(origin::of_position(origin.0, &player.body.eye()));
        eye.rotation = Quat::from_euler(EulerRot::YXZ, player.gaze.yaw, player.gaze.pitch, 0.0);
    }
}

fn blink(closed: Res<Closed>, mut eyes: Query<&mut Camera, With<Eye>>) {
    for mut eye in &mut eyes {
        if eye.is_active == closed.0 {
            eye.is_active = !closed.0;
        }
    }
}

fn focus(mut commands: Commands, settings: Res<SettingsRes>, mut eyes: Query<(Entity, &mut Projection), With<Eye>>) {
    for (entity, mut projection) in &mut eyes {
        *projection = Projection::Perspective(PerspectiveProjection {
            fov: (settings.0.fov_degrees as f32).to_radians(),
            near: 0.08,
            far: 20_000.0,
            ..default()
        });
        commands.entity(entity).insert(if settings.0.smooth { Msaa::Sample4 } else { Msaa::Off });
    }
}
