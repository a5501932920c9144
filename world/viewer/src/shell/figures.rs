//! What a run cost, as JSON for whoever measures: time to the first picture, frame times, memory, where chunks came from.

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use bevy::{app::AppExit, prelude::*, render::renderer::RenderAdapterInfo};
use serde::Serialize;

use crate::{
    scene::{chunks::Chunks, distance::Distance},
    screen::SettingsRes,
};

/// Frames whose times are kept: an hour at 60 Hz in 0.9 MiB; what comes later isn't measured.
const FRAMES_MAX: usize = 60 * 60 * 60;

/// Writes the figures when the program leaves.
pub struct FiguresPlugin {
    /// Where to.
    pub file: PathBuf,
    /// When the program was started.
    pub started: Instant,
}

#[derive(Resource)]
struct Figures {
    file: PathBuf,
    started: Instant,
    first_frame_s: Option<f64>,
    /// When everything within sight had been drawn for the first time.
    first_picture_s: Option<f64>,
    /// Of the frames since then.
    frames_ms: Vec<f32>,
    last_frame: Option<Instant>,
    holes_most: usize,
    holes: u64,
}

/// What is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    /// What drew.
    device: String,
    view_m: u32,
    first_frame_s: Option<f64>,
    first_picture_s: Option<f64>,
    frames: usize,
    /// `None` without a frame after the first picture.
    frame_ms: Option<Spread>,
    /// Chunks in sight whose voxels weren't there, at the worst of those frames.
    holes_most: usize,
    /// The same of all those frames together.
    holes: u64,
    /// The most that the process took of the machine's memory; `None` where the system doesn't tell.
    memory_most_bytes: Option<u64>,
    /// Chunks that are here at the end, by who had them.
    sources: BTreeMap<String, usize>,
}

/// Of many numbers.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Spread {
    mean: f32,
    median: f32,
    #[serde(rename = "of10095")]
    of_100_95: f32,
    most: f32,
}

impl Plugin for FiguresPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Figures {
            file: self.file.clone(),
            started: self.started,
            first_frame_s: None,
            first_picture_s: None,
            frames_ms: vec![],
            last_frame: None,
            holes_most: 0,
            holes: 0,
        })
        .add_systems(Last, (measure, write.run_if(on_message::<AppExit>)).chain());
    }
}

fn measure(mut figures: ResMut<Figures>, chunks: Res<Chunks>, distance: Res<Distance>) {
    let now = Instant::now();
    let Some(last) = figures.last_frame.replace(now) else {
        // The first frame is drawn after its systems have run; the next one begins when it is.
        return;
    };
    let since_start_s = (now - figures.started).as_secs_f64();
    figures.first_frame_s.get_or_insert(since_start_s);
    if figures.first_picture_s.is_none() {
        if chunks.is_settled() && distance.is_complete() {
            figures.first_picture_s = Some(since_start_s);
        }
        return;
    }
    let holes = chunks.0.count().holes;
    figures.holes_most = figures.holes_most.max(holes);
    figures.holes += holes as u64;
    if figures.frames_ms.len() < FRAMES_MAX {
        figures.frames_ms.push((now - last).as_secs_f32() * 1000.0);
    }
}

fn write(
    figures: Res<Figures>,
    chunks: Res<Chunks>,
    settings: Res<SettingsRes>,
    device: Option<Res<RenderAdapterInfo>>,
) {
    let report = Report {
        device: device.map_or("none".to_owned(), |device| device.name.clone()),
        view_m: settings.0.view_m,
        first_frame_s: figures.first_frame_s,
        first_picture_s: figures.first_picture_s,
        frames: figures.frames_ms.len(),
        frame_ms: spread(&figures.frames_ms),
        holes_most: figures.holes_most,
        holes: figures.holes,
        memory_most_bytes: memory_most(),
        sources: chunks.0.by_label().map(|(label, count)| (label.to_string(), count)).into(),
    };
    let written = serde_json::to_string_pretty(&report)
        .map_err(std::io::Error::from)
        .and_then(|text| std::fs::write(&figures.file, text));
    if let Err(error) = written {
        eprintln!("bitdust-world: the figures can't be written to {}: {error}", figures.file.display());
    }
}

fn spread(numbers: &[f32]) -> Option<Spread> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f32::total_cmp);
    let part = |hundredths: usize| sorted[(sorted.len() - 1) * hundredths / 100];
    (!sorted.is_empty()).then(|| Spread {
        mean: sorted.iter().sum::<f32>() / sorted.len() as f32,
        median: part(50),
        of_100_95: part(95),
        most: part(100),
    })
}

/// The largest resident set so far.
fn memory_most() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_worst_are_told_apart() {
        let numbers: Vec<f32> = (0..=100).rev().map(|n| n as f32).collect();
        assert_eq!(spread(&numbers), Some(Spread { mean: 50.0, median: 50.0, of_100_95: 95.0, most: 100.0 }));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[7.0]), Some(Spread { mean: 7.0, median: 7.0, of_100_95: 7.0, most: 7.0 }));
    }
}
