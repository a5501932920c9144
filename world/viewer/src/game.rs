//! Puts the plugins together and runs them.

use std::sync::Arc;

use bevy::{
    app::AppExit,
    log::LogPlugin,
    prelude::*,
    render::{
        RenderPlugin,
        settings::{MemoryHints, WgpuSettings},
    },
    window::{ExitCondition, PresentMode, WindowResolution},
    winit::WinitPlugin,
};
use bitdust_world::{VoxelPos, r#gen::Generator};

use crate::{
    model::{bindings::Gaze, palette::Palette, progress::Progress, settings::Settings},
    play::{
        Action, Beat, Blocks, DayTime, Player,
        building::BuildingPlugin,
        gamepad::GamepadPlugin,
        input::InputPlugin,
        land::LandPlugin,
        link::{Link, LinkPlugin},
        quest::{Journal, QuestPlugin},
        runner::{Playing, RunnerPlugin},
        walking::{Origin, WalkingPlugin},
    },
    scene::{
        PlacementPlugin,
        camera::CameraPlugin,
        chunks::ChunksPlugin,
        distance::{Distance, DistancePlugin},
        highlight::HighlightPlugin,
        material::MaterialsPlugin,
        others::OthersPlugin,
        sky::SkyPlugin,
    },
    screen::{ScreenPlugins, SettingsRes, map::Terrain},
    shell::{figures::FiguresPlugin, offscreen::OffscreenPlugin, screenshot::ScreenshotPlugin},
    source::Source,
};

/// Everything that is known before the first frame.
pub struct Start {
    /// Where the world comes from.
    pub source: Box<dyn Source>,
    /// The terrain, for far land and the map.
    pub generator: Arc<Generator>,
    /// Where to begin.
    pub at: VoxelPos,
    /// Where to look.
    pub gaze: Gaze,
    /// Minutes since midnight.
    pub minutes: u32,
    /// The player's settings, and where they are kept; `None` for settings that aren't.
    pub settings: (Settings, Option<std::path::PathBuf>),
    /// Pixels.
    pub size: (u32, u32),
    /// Without a window.
    pub headless: bool,
    /// Without a window, let time pass as on the clock.
    pub real_time: bool,
    /// What to play.
    pub playing: Option<Playing>,
    /// Where figures of the run go, and when it began.
    pub figures: Option<(std::path::PathBuf, std::time::Instant)>,
}

/// Runs until the player leaves.
pub fn run(start: Start) -> AppExit {
    let mut app = App::new();
    let render = RenderPlugin {
        // Mesh buffers come and go, and the device's memory is given back with them; it would be kept in blocks of 256 MiB.
        render_creation: WgpuSettings { memory_hints: MemoryHints::MemoryUsage, ..default() }.into(),
        // Offscreen, the first picture must not lack what is still being compiled.
        synchronous_pipeline_compilation: start.headless,
        ..default()
    };
    let log = LogPlugin {
        filter: "warn,bitdust_viewer=info,wgpu_hal=error,bevy_render::view::window=error".into(),
        ..default()
    };
    let plugins = DefaultPlugins.set(render).set(log);
    if start.headless {
        let window = WindowPlugin { primary_window: None, exit_condition: ExitCondition::DontExit, ..default() };
        app.add_plugins(plugins.set(window).disable::<WinitPlugin>());
        app.add_plugins(OffscreenPlugin { size: start.size, real_time: start.real_time });
    } else {
        let resolution = WindowResolution::new(start.size.0, start.size.1);
        let window = Window {
            title: format!("{} - BitDust", start.source.info().name),
            resolution,
            present_mode: PresentMode::AutoVsync,
            ..default()
        };
        app.add_plugins(plugins.set(WindowPlugin { primary_window: Some(window), ..default() }));
        app.add_plugins(GamepadPlugin);
    }
    let content = Arc::clone(&start.source.info().content);
    let world = start.source.info().id.unwrap_or_default();
    // Where settings are kept, progress is too: a run for pictures and tests keeps neither, and finds none.
    let folder = start.settings.1.as_deref().and_then(std::path::Path::parent);
    let journal = match (folder, start.source.info().id) {
        (Some(folder), Some(world)) => {
            let progress = Progress::new(folder, world, &start.source.info().account);
            Journal::kept(world, Arc::clone(&content), progress)
        }
        _ => Journal::new(world, Arc::clone(&content)),
    };
    let mut player = Player::at(start.at);
    player.gaze = start.gaze;
    app.insert_resource(Origin(start.at.chunk()))
        .insert_resource(player)
        .insert_resource(Blocks(Arc::new(Palette::new(&content))))
        .insert_resource(journal)
        .insert_resource(Link(start.source))
        .insert_resource(Distance::new(Arc::clone(&start.generator)))
        .insert_resource(Terrain(start.generator))
        .insert_resource(DayTime::starting(start.minutes))
        .insert_resource(SettingsRes(start.settings.0, start.settings.1));
    if let Some(playing) = start.playing {
        app.insert_resource(playing);
    }
    app.add_plugins((PlayPlugins, ScenePlugins, ScreenPlugins, ScreenshotPlugin));
    if let Some((file, started)) = start.figures {
        app.add_plugins(FiguresPlugin { file, started });
    }
    app.run()
}

/// What a player does, without anything to see: these run without a window and without a device.
pub struct PlayPlugins;

impl Plugin for PlayPlugins {
    fn build(&self, app: &mut App) {
        app.add_message::<Action>()
            .configure_sets(Update, (Beat::Hear, Beat::Wish, Beat::Act, Beat::Show, Beat::Write).chain())
            .add_plugins((
                LinkPlugin,
                InputPlugin,
                WalkingPlugin,
                BuildingPlugin,
                LandPlugin,
                QuestPlugin,
                RunnerPlugin,
            ));
    }
}

struct ScenePlugins;

impl Plugin for ScenePlugins {
    fn build(&self, app: &mut App) {
        app.add_plugins((
            MaterialsPlugin,
            PlacementPlugin,
            ChunksPlugin,
            DistancePlugin,
            SkyPlugin,
            CameraPlugin,
            HighlightPlugin,
            OthersPlugin,
        ));
    }
}
