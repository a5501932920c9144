//! The panel with numbers: where one is, what is on its way, where each chunk came from, what it costs.

use std::collections::VecDeque;

use bevy::prelude::*;
use bitdust_world::VoxelPos;

use super::{Hud, theme};
use crate::{
    model::sky::clock,
    play::{Beat, DayTime, Player, building::Target, link::Link},
    scene::{chunks::Chunks, distance::Distance, others::Others},
    source::Traffic,
};

/// The debug panel.
pub struct DebugPlugin;

#[derive(Component)]
struct Panel;

#[derive(Component)]
struct Lines;

/// What happened lately: frames and bytes.
#[derive(Resource, Default)]
struct Lately {
    frames_s: VecDeque<f32>,
    traffic: VecDeque<(f32, Traffic)>,
    written_s: f32,
}

/// Frames of which the mean is shown.
const FRAMES: usize = 60;
/// Seconds of which the mean of bytes is shown.
const TRAFFIC_S: f32 = 2.0;
/// How often the numbers change, in seconds: faster can't be read.
const WRITE_EVERY_S: f32 = 0.25;

impl Plugin for DebugPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Lately>().add_systems(Startup, build).add_systems(
            Update,
            (measure, write.run_if(|hud: Res<Hud>| hud.debug && hud.shown), hide).chain().in_set(Beat::Write),
        );
    }
}

fn build(mut commands: Commands) {
    commands.spawn((
        Panel,
        Visibility::Hidden,
        Node {
            position_type: PositionType::Absolute,
            left: px(12),
            top: px(12),
            padding: UiRect::axes(px(12), px(8)),
            border_radius: BorderRadius::all(px(6)),
            ..default()
        },
        BackgroundColor(Color::srgba(0.0, 0.0, 0.0, 0.55)),
        children![(Lines, theme::text("", theme::SMALL, theme::TEXT))],
    ));
}

fn measure(mut lately: ResMut<Lately>, link: Res<Link>, real: Res<Time<Real>>) {
    lately.frames_s.push_back(real.delta_secs());
    if lately.frames_s.len() > FRAMES {
        lately.frames_s.pop_front();
    }
    let now_s = real.elapsed_secs();
    lately.traffic.push_back((now_s, link.0.traffic()));
    while lately.traffic.len() > 2 && lately.traffic.front().is_some_and(|(then_s, _)| now_s - then_s > TRAFFIC_S) {
        lately.traffic.pop_front();
    }
}

fn write(
    mut lately: ResMut<Lately>,
    player: Res<Player>,
    day: Res<DayTime>,
    (chunks, distance, others, target): (Res<Chunks>, Res<Distance>, Res<Others>, Res<Target>),
    link: Res<Link>,
    real: Res<Time<Real>>,
    mut lines: Query<&mut Text, With<Lines>>,
) {
    if real.elapsed_secs() - lately.written_s < WRITE_EVERY_S {
        return;
    }
    lately.written_s = real.elapsed_secs();
    let (at, count, info) = (player.body.voxel(), chunks.0.count(), link.0.info());
    let frame_s = lately.frames_s.iter().sum::<f32>() / lately.frames_s.len().max(1) as f32;
    let (received, sent) = rates(&lately.traffic);
    let sources = chunks.0.by_label().map(|(label, count)| format!("{label} {count}")).join("   ");
    let from = |at: Option<VoxelPos>| {
        let label = at.and_then(|at| chunks.0.label(at.chunk()));
        label.map_or("nobody yet".to_owned(), |label| label.to_string())
    };
    let (squares, making) = distance.count();
    let location = at.chunk().location();
    let speed = player.body.velocity.iter().map(|part| part * part).sum::<f64>().sqrt();
    let text = format!(
        "{}   seed {}   {}\n\
         at {} {} {}   location {} {} {}\n\
         {speed:.1} m/s   {:?}   heading {:.0}   looking {:.0} up\n\
         chunks {}   in flight {}   holes {}   to mesh {}   meshing {}\n\
         from   {sources}\n\
         this chunk from   {}   looked at from   {}\n\
         received {}/s   sent {}/s   in all {} and {}\n\
         far squares {squares}   making {making}   people {}\n\
         frame {:.1} ms   memory {}   voxels {}",
        info.name,
        info.seed,
        clock(day.minutes),
        at.x,
        at.y,
        at.z,
        location.x,
        location.y,
        location.z,
        player.body.mode,
        player.gaze.heading(),
        player.gaze.pitch.to_degrees(),
        count.wanted,
        count.in_flight,
        count.holes,
        count.unmeshed,
        count.building,
        from(Some(at)),
        from(target.0.map(|hit| hit.voxel)),
        bytes(received),
        bytes(sent),
        bytes(link.0.traffic().received_bytes),
        bytes(link.0.traffic().sent_bytes),
        others.0.len(),
        frame_s * 1000.0,
        memory().map_or("unknown".into(), bytes),
        bytes(count.voxel_bytes as u64),
    );
    for mut lines in &mut lines {
        lines.0.clone_from(&text);
    }
}

fn hide(hud: Res<Hud>, mut panels: Query<&mut Visibility, With<Panel>>) {
    for mut visibility in &mut panels {
        visibility.set_if_neq(if hud.debug && hud.shown { Visibility::Visible } else { Visibility::Hidden });
    }
}

/// Bytes per second, received and sent.
fn rates(traffic: &VecDeque<(f32, Traffic)>) -> (u64, u64) {
    let (Some((from_s, old)), Some((to_s, new))) = (traffic.front(), traffic.back()) else { return (0, 0) };
    let seconds = to_s - from_s;
    if seconds <= 0.0 {
        return (0, 0);
    }
    let rate = |old: u64, new: u64| (new.saturating_sub(old) as f32 / seconds) as u64;
    (rate(old.received_bytes, new.received_bytes), rate(old.sent_bytes, new.sent_bytes))
}

/// For people.
fn bytes(bytes: u64) -> String {
    const KIB: f64 = 1024.0;
    let bytes = bytes as f64;
    match bytes {
        _ if bytes < KIB => format!("{bytes:.0} B"),
        _ if bytes < KIB * KIB => format!("{:.1} KiB", bytes / KIB),
        _ if bytes < KIB * KIB * KIB => format!("{:.1} MiB", bytes / (KIB * KIB)),
        _ => format!("{:.2} GiB", bytes / (KIB * KIB * KIB)),
    }
}

/// What this process takes of the machine's memory; `None` where the system doesn't tell.
pub fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_means_and_never_negative() {
        let at = |seconds: f32, received: u64| (seconds, Traffic { received_bytes: received, ..Traffic::default() });
        assert_eq!(rates(&VecDeque::from([at(1.0, 100), at(3.0, 500)])), (200, 0));
        assert_eq!(rates(&VecDeque::from([at(1.0, 500), at(2.0, 100)])), (0, 0));
        assert_eq!(rates(&VecDeque::from([at(1.0, 500)])), (0, 0));
    }

    #[test]
    fn bytes_have_units() {
        assert_eq!([0, 1536, 5 << 20, 3 << 30].map(bytes), ["0 B", "1.5 KiB", "5.0 MiB", "3.00 GiB"]);
    }
}
