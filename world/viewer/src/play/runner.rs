//! Plays a script: at most one step per frame, so that each sees what the one before did.
//!
//! When the script is done, the last picture is taken if one was asked for, and the program leaves: with success, or with an
//! error that names the line whose expectation failed.

use std::collections::VecDeque;

use bevy::prelude::*;
use bitdust_world::{
    BlockId,
    body::{Intent, Position, Steering},
    script::Action as PlayerAction,
};

use super::{Action, Beat, Blocks, DayTime, Player, land::Tended, link::Link, quest::Journal};
use crate::{
    model::bindings::PITCH_MAX,
    scene::{camera::Closed, chunks::Chunks, distance::Distance},
    screen::{Hud, Screen},
    script::{Numbered, ScreenName, Step, Whose},
    shell::{exit, screenshot::Shots},
    source::{Deed, Owner},
};

/// Nobody waits longer for chunks, in seconds of the machine's clock.
const PATIENCE_S: f32 = 900.0;
/// Nobody walks to one place longer, in seconds of the game.
const WALK_S: f32 = 600.0;
/// Nor for an answer about land, in seconds of the machine's clock: a claim waits for the ledger and for suppliers.
const LAND_S: f32 = 180.0;
/// Frames in which everything must have been there: far land is looked at anew only every few frames.
const SETTLED_FRAMES: u32 = 8;
/// Of these, the last ones with open eyes, so that the last meshes have reached the device.
const SEEN_FRAMES: u32 = 3;

/// Plays scripts.
pub struct RunnerPlugin;

/// The script being played; hands are idle while it exists.
#[derive(Resource, Debug)]
pub struct Playing {
    steps: VecDeque<Numbered>,
    now: Option<(usize, Doing)>,
    last_picture: Option<String>,
    settled: u32,
    waiting_since: Option<f32>,
}

/// A step that takes longer than a frame.
#[derive(Clone, Debug)]
enum Doing {
    Walk { steering: Steering, left_s: f32 },
    Fly { intent: Intent, left_s: f32 },
    Wait { left_s: f32 },
    WaitChunks,
    WaitPicture { taken: u64 },
    WaitLand,
    Leave,
}

impl Playing {
    /// Plays these steps, then takes a last picture.
    pub fn new(steps: Vec<Numbered>, last_picture: Option<String>) -> Self {
        Playing { steps: steps.into(), now: None, last_picture, settled: 0, waiting_since: None }
    }
}

impl Plugin for RunnerPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, play.in_set(Beat::Wish).run_if(resource_exists::<Playing>));
    }
}

/// What a step may touch.
#[derive(bevy::ecs::system::SystemParam)]
struct Stage<'w> {
    player: ResMut<'w, Player>,
    day: ResMut<'w, DayTime>,
    chunks: Res<'w, Chunks>,
    /// A game without a screen has no far land.
    distance: Option<Res<'w, Distance>>,
    link: Res<'w, Link>,
    blocks: Res<'w, Blocks>,
    journal: Res<'w, Journal>,
    shots: Res<'w, Shots>,
    tended: Res<'w, Tended>,
    closed: Option<ResMut<'w, Closed>>,
    hud: ResMut<'w, Hud>,
    screen: ResMut<'w, NextState<Screen>>,
    actions: MessageWriter<'w, Action>,
}

fn play(
    mut playing: ResMut<Playing>,
    mut stage: Stage,
    time: Res<Time>,
    real: Res<Time<Real>>,
    mut leave: MessageWriter<AppExit>,
) {
    let playing = &mut *playing;
    let waits = matches!(playing.now, Some((_, Doing::WaitChunks | Doing::WaitPicture { .. } | Doing::WaitLand)));
    if stage.day.still != waits {
        stage.day.still = waits;
    }
    if let Some((line, doing)) = playing.now.take() {
        match go_on(playing, doing, &mut stage, time.delta_secs(), real.elapsed_secs()) {
            Ok(Some(Doing::Leave)) => {
                leave.write(AppExit::Success);
                playing.now = Some((line, Doing::Leave));
            }
            Ok(doing) => playing.now = doing.map(|doing| (line, doing)),
            Err(problem) => {
                leave.write(exit::failed(exit::SCRIPT, &format!("the script failed in line {line}: {problem}")));
                playing.now = Some((line, Doing::Leave));
            }
        }
        return;
    }
    let (line, step) = match playing.steps.pop_front() {
        Some(step) => step,
        None => match playing.last_picture.take() {
            Some(file) => {
                playing.steps.push_back((0, Step::Player(PlayerAction::Screenshot(file))));
                (0, Step::WaitChunks)
            }
            None => {
                playing.now = Some((0, Doing::Leave));
                return;
            }
        },
    };
    match begin(step, &mut stage) {
        Ok(doing) => playing.now = doing.map(|doing| (line, doing)),
        Err(problem) => {
            leave.write(exit::failed(exit::SCRIPT, &format!("the script failed in line {line}: {problem}")));
            playing.now = Some((line, Doing::Leave));
        }
    }
}

/// Does what can be done at once; what remains to be done, if anything.
fn begin(step: Step, stage: &mut Stage) -> Result<Option<Doing>, String> {
    match step {
        Step::Player(action) => return act(action, stage),
        Step::At(at) => {
            stage.actions.write(Action::Travel(at));
        }
        Step::WaitChunks => return Ok(Some(Doing::WaitChunks)),
        Step::Select(name) => {
            let block = block(stage, &name)?;
            stage.actions.write(Action::Take(block));
        }
        Step::Gesture(gesture) => {
            stage.actions.write(Action::Gesture(gesture));
        }
        Step::Screen(name) => stage.screen.set(screen(name)),
        Step::Hud(on) => stage.hud.shown = on,
        Step::ExpectBlock(at, name) => {
            let (found, expected) = (stage.chunks.0.block(at), block(stage, &name)?);
            if found != Some(expected) {
                let found = found.map_or("nothing known yet".to_owned(), |found| stage.blocks.0.name(found));
                return Err(format!("at {at} there is {found}, not {name}"));
            }
        }
        Step::Land(deed) => {
            stage.actions.write(Action::Land(deed));
            return Ok(Some(Doing::WaitLand));
        }
        Step::Admit(name, is_welcome) => {
            let land = stage.tended.land.as_ref().ok_or("nobody has looked whose land it is: begin with land look")?;
            let people = if is_welcome { &land.near } else { &land.guests };
            let found = people.iter().find(|person| person.name == name);
            let names = || people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>().join(", ");
            let found = found.ok_or_else(|| format!("there is no {name} here, only: {}", names()))?;
            let deed = if is_welcome { Deed::Welcome(found.account) } else { Deed::Dismiss(found.account) };
            stage.actions.write(Action::Land(deed));
            return Ok(Some(Doing::WaitLand));
        }
        Step::ExpectLand(whose) => {
            let found = stage.tended.land.as_ref();
            let is_right = matches!(
                (whose, found.map(|land| &land.owner)),
                (Whose::Nobody, Some(Owner::Nobody))
                    | (Whose::You, Some(Owner::You))
                    | (Whose::Other, Some(Owner::Other(_)))
            );
            if !is_right {
                return Err(format!("the land is not so: {found:?}"));
            }
        }
        Step::ExpectNear(at, metres) => {
            let [x, y, z] = stage.player.body.position.since(&Position::on_floor_of(at));
            let distance = (x * x + y * y + z * z).sqrt();
            if distance > metres {
                return Err(format!("the player is at {}, {distance:.1} m from {at}", stage.player.body.voxel()));
            }
        }
    }
    Ok(None)
}

/// The same for what any scripted player can do.
fn act(action: PlayerAction, stage: &mut Stage) -> Result<Option<Doing>, String> {
    match action {
        PlayerAction::Goto(to) => {
            stage.actions.write(Action::Fly(false));
            let steering = Steering::walk(vec![Position::on_floor_of(to)], false);
            return Ok(Some(Doing::Walk { steering, left_s: WALK_S }));
        }
        PlayerAction::Fly { direction: [x, y, z], speed, seconds } => {
            stage.actions.write(Action::Fly(true));
            let length = (x * x + y * y + z * z).sqrt();
            let intent = Intent {
                walk: [x / length, z / length],
                rise: y / length,
                speed_m_s: Some(speed),
                ..Intent::default()
            };
            return Ok(Some(Doing::Fly { intent, left_s: seconds as f32 }));
        }
        PlayerAction::Look { yaw, pitch } => {
            stage.player.gaze.yaw = -(yaw as f32).to_radians();
            stage.player.gaze.pitch = (pitch as f32).to_radians().clamp(-PITCH_MAX, PITCH_MAX);
        }
        PlayerAction::Wait(seconds) => return Ok(Some(Doing::Wait { left_s: seconds as f32 })),
        PlayerAction::Place(at, name) => {
            let block = block(stage, &name)?;
            stage.actions.write(Action::Place(Some((at, block))));
        }
        PlayerAction::Break(at) => {
            stage.actions.write(Action::Break(Some(at)));
        }
        PlayerAction::Say(text) => {
            stage.actions.write(Action::Say(text));
        }
        PlayerAction::Screenshot(file) => {
            let taken = stage.shots.taken;
            stage.actions.write(Action::Screenshot(Some(file)));
            return Ok(Some(Doing::WaitPicture { taken }));
        }
        PlayerAction::SetTime(minutes) => stage.day.minutes = f32::from(minutes),
        PlayerAction::Debug(on) => stage.hud.debug = on,
        PlayerAction::Use(at) => {
            stage.actions.write(Action::Use(Some(at)));
        }
        PlayerAction::ExpectMark(mark) => {
            if !stage.journal.play.has_mark(&mark) {
                let has: Vec<&str> = stage.journal.play.marks().map(|mark| mark.as_str()).collect();
                return Err(format!("the player hasn't got the mark {mark:?}, but {has:?}"));
            }
        }
        PlayerAction::ExpectText(part) => {
            if !stage.journal.has_shown(&part) {
                return Err(format!("no text with {part:?} was shown"));
            }
        }
    }
    Ok(None)
}

/// The block of this name in this world.
fn block(stage: &Stage, name: &str) -> Result<BlockId, String> {
    if name == "air" {
        return Ok(BlockId::AIR);
    }
    stage.blocks.0.by_name(name).ok_or_else(|| format!("there is no block {name:?} in this world"))
}

/// Goes on with what takes longer; what remains of it.
fn go_on(
    playing: &mut Playing,
    doing: Doing,
    stage: &mut Stage,
    delta_s: f32,
    real_s: f32,
) -> Result<Option<Doing>, String> {
    match doing {
        Doing::Walk { mut steering, left_s } => {
            stage.player.steered = steering.steer(&mut stage.player.body, f64::from(delta_s));
            if stage.player.steered.is_none() {
                return Ok(None);
            }
            if left_s <= 0.0 {
                return Err(format!("after {WALK_S:.0} s the walker is still at {}", stage.player.body.voxel()));
            }
            Ok(Some(Doing::Walk { steering, left_s: left_s - delta_s }))
        }
        Doing::Fly { intent, left_s } => {
            stage.player.steered = (left_s > 0.0).then_some(intent);
            Ok((left_s > 0.0).then_some(Doing::Fly { intent, left_s: left_s - delta_s }))
        }
        Doing::Wait { left_s } if left_s - delta_s > 0.0 => Ok(Some(Doing::Wait { left_s: left_s - delta_s })),
        Doing::Wait { .. } => Ok(None),
        Doing::WaitChunks => {
            let since = *playing.waiting_since.get_or_insert(real_s);
            let complete = stage.chunks.is_settled() && stage.distance.as_ref().is_none_or(|far| far.is_complete());
            playing.settled = if complete { playing.settled + 1 } else { 0 };
            if let Some(closed) = &mut stage.closed {
                closed.0 = playing.settled + SEEN_FRAMES < SETTLED_FRAMES;
            }
            if playing.settled >= SETTLED_FRAMES {
                (playing.settled, playing.waiting_since) = (0, None);
                return Ok(None);
            }
            if real_s - since > PATIENCE_S {
                let count = stage.chunks.0.count();
                let waiting = stage.link.0.traffic().waiting;
                return Err(format!(
                    "after {PATIENCE_S:.0} s {} chunks are still missing and {} not drawn; the source owes {waiting}",
                    count.in_flight, count.unmeshed
                ));
            }
            Ok(Some(Doing::WaitChunks))
        }
        Doing::WaitLand => {
            // The action that asks is done within the frame in which it was said.
            if stage.tended.doing.is_none() {
                playing.waiting_since = None;
                return Ok(None);
            }
            let since = *playing.waiting_since.get_or_insert(real_s);
            if real_s - since > LAND_S {
                return Err(format!("nothing was heard of the land in {LAND_S:.0} s"));
            }
            Ok(Some(Doing::WaitLand))
        }
        Doing::WaitPicture { taken } if stage.shots.taken > taken => match &stage.shots.last_error {
            Some(error) => Err(error.clone()),
            None => Ok(None),
        },
        other => Ok(Some(other)),
    }
}

fn screen(name: ScreenName) -> Screen {
    match name {
        ScreenName::None => Screen::Play,
        ScreenName::Pause => Screen::Pause,
        ScreenName::Inventory => Screen::Inventory,
        ScreenName::Chat => Screen::Chat,
        ScreenName::Map => Screen::Map,
        ScreenName::Travel => Screen::Travel,
        ScreenName::Journal => Screen::Journal,
        ScreenName::Land => Screen::Land,
        ScreenName::Settings => Screen::Settings,
    }
}
