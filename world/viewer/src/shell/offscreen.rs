//! Drawing without a window: the camera's picture goes into an image, on any Vulkan device, software included.
//!
//! Time goes by in equal steps whatever a frame costs, so that a script plays the same on a fast and on a slow machine; as on the
//! clock where what others do at the same time is to be seen.

use std::time::Duration;

use bevy::{
    app::ScheduleRunnerPlugin,
    prelude::*,
    render::{
        Render, RenderApp, RenderSystems,
        render_resource::{PollType, TextureFormat, TextureUsages},
        renderer::RenderDevice,
    },
    time::TimeUpdateStrategy,
};

/// What a frame lasts in the game.
const FRAME: Duration = Duration::from_millis(50);

/// Draws into an image of this size.
pub struct OffscreenPlugin {
    /// Pixels.
    pub size: (u32, u32),
    /// Whether time passes as on the clock.
    pub real_time: bool,
}

/// The image that is drawn into.
#[derive(Resource, Clone, Debug)]
pub struct Picture(pub Handle<Image>);

impl Plugin for OffscreenPlugin {
    fn build(&self, app: &mut App) {
        let mut image = Image::new_target_texture(self.size.0, self.size.1, TextureFormat::Rgba8UnormSrgb, None);
        image.texture_descriptor.usage |= TextureUsages::COPY_SRC;
        let image = app.world_mut().resource_mut::<Assets<Image>>().add(image);
        let (time, frame) = match self.real_time {
            true => (TimeUpdateStrategy::Automatic, FRAME),
            false => (TimeUpdateStrategy::ManualDuration(FRAME), Duration::ZERO),
        };
        app.insert_resource(Picture(image)).insert_resource(time).add_plugins(ScheduleRunnerPlugin::run_loop(frame));
    }

    fn finish(&self, app: &mut App) {
        // Nothing is presented, so nothing would hold the processor back: wait for each frame to be drawn.
        if let Some(render) = app.get_sub_app_mut(RenderApp) {
            render.add_systems(Render, wait_for_device.after(RenderSystems::Render));
        }
    }
}

fn wait_for_device(device: Res<RenderDevice>) {
    if let Err(error) = device.poll(PollType::wait_indefinitely()) {
        warn!("waiting for the device: {error}");
    }
}
