//! Pictures of what is seen, as PNG files.

use std::path::{Path, PathBuf};

use bevy::{
    prelude::*,
    render::view::screenshot::{Screenshot, ScreenshotCaptured},
};

use super::offscreen::Picture;
use crate::play::{Action, Beat, link::Heard};
use crate::source::News;

/// Takes them.
pub struct ScreenshotPlugin;

/// How many were taken, and what went wrong with the last.
#[derive(Resource, Default, Debug)]
pub struct Shots {
    /// Written, or failed to be.
    pub taken: u64,
    /// Why the last one wasn't written.
    pub last_error: Option<String>,
}

impl Plugin for ScreenshotPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Shots>().add_systems(Update, shoot.in_set(Beat::Write));
    }
}

fn shoot(mut commands: Commands, mut actions: MessageReader<Action>, picture: Option<Res<Picture>>) {
    for action in actions.read() {
        let Action::Screenshot(file) = action else { continue };
        // Who asked for a file of this name knows where it is; who pressed a key is told.
        let told = file.is_none();
        let path = file.as_ref().map_or_else(unused_name, PathBuf::from);
        let shot = match &picture {
            Some(picture) => Screenshot::image(picture.0.clone()),
            None => Screenshot::primary_window(),
        };
        commands.spawn(shot).observe(
            move |captured: On<ScreenshotCaptured>, mut shots: ResMut<Shots>, mut heard: MessageWriter<Heard>| {
                let written = write(&captured.image, &path);
                let text = match &written {
                    Ok(()) => told.then(|| format!("Picture: {}", path.display())),
                    Err(error) => Some(error.clone()),
                };
                shots.taken += 1;
                shots.last_error = written.err();
                heard.write_batch(text.map(|text| Heard(News::Said { from: String::new(), text })));
            },
        );
    }
}

/// Writes a picture; a file is whole or not there.
fn write(image: &Image, path: &Path) -> Result<(), String> {
    let fail = |why: String| format!("can't write the picture {}: {why}", path.display());
    let picture = image.clone().try_into_dynamic().map_err(|error| fail(error.to_string()))?;
    let fresh = path.with_extension("part.png");
    picture.to_rgb8().save(&fresh).map_err(|error| fail(error.to_string()))?;
    std::fs::rename(&fresh, path).map_err(|error| fail(error.to_string()))
}

/// In the current folder, named after the time.
fn unused_name() -> PathBuf {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    PathBuf::from(format!("bitdust-{}.png", since.as_millis()))
}
