//! Where another player is now, from poses that come late, out of order, from another clock, and perhaps from a liar.
//!
//! Poses are kept in the order of their sequence. The difference between the sender's clock and ours is taken from the
//! fastest pose (the smallest difference seen, which forgets a thousandth per second, since clocks drift). What is shown is
//! a little behind, so that there is nearly always a pose after it to move towards; beyond the last one the movement goes
//! on for 300 ms and stops.
//!
//! A pose that would need more than 250 m/s is a jump: drawn as one, not as a flight, and allowed twice and then once in five
//! seconds. Whoever jumps more often stands still for the others.

use std::collections::VecDeque;

use super::{
    pace::Pace,
    pose::{Mode, Pose, Stance},
};
use crate::ChunkPos;

/// Poses kept: two seconds and more at full rate.
const SAMPLES_MAX: usize = 24;
/// Fastest movement in m/s that is not a jump.
const SPEED_MAX: i64 = 250;
/// Milliseconds by which a sender's clock may run ahead of or behind ours between two poses.
const CLOCK_SLACK_MS: i64 = 5000;
/// Refused poses in a row after which all is forgotten, so that a sender whose clock was set is seen again.
const REFUSED_MAX: u32 = 10;
/// Silence in milliseconds after which all is forgotten.
const FORGET_MS: u64 = 60_000;
/// Milliseconds for which movement goes on after the last pose.
const EXTRAPOLATE_MS: i64 = 300;
/// Milliseconds that poses must be apart for a movement to go on.
const SPEED_SPAN_MS: i64 = 50;
/// Milliseconds after the last pose from which a player is shown as lost.
const STALE_MS: u64 = 3000;

/// Why a pose wasn't believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its sequence and its time contradict each other, or its clock jumped.
    #[error("a pose whose clock contradicts the others")]
    Clock,
    /// It would be another jump.
    #[error("a pose that no movement leads to, after several others")]
    Jump,
}

/// What to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// A chunk nearby.
    pub chunk: ChunkPos,
    /// Metres from its corner.
    pub metres: [f64; 3],
    /// As in [`Stance`], with fractions.
    pub yaw: f64,
    /// As in [`Stance`].
    pub pitch: i8,
    /// As in [`Stance`].
    pub mode: Mode,
    /// Whether nothing was heard for three seconds.
    pub stale: bool,
}

#[derive(Clone, Copy)]
struct Sample {
    sequence: i64,
    /// The sender's clock, unwrapped.
    at_ms: i64,
    stance: Stance,
}

/// One player's recent poses.
pub struct Track {
    samples: VecDeque<Sample>,
    /// Our clock minus the sender's, in microseconds.
    offset_us: i64,
    /// When the newest pose came, by our clock.
    heard_ms: u64,
    /// Milliseconds between poses, smoothed.
    interval_ms: i64,
    /// How far behind others are shown moves from this, held at this time, towards what the interval asks for.
    delay_from: (i64, u64),
    jumps: Pace,
    refused: u32,
}

impl Default for Track {
    fn default() -> Self {
        Track {
            samples: VecDeque::new(),
            offset_us: 0,
            heard_ms: 0,
            interval_ms: 100,
            delay_from: (delay_for(100), 0),
            // Fifths of a jump, since a pace counts per second.
            jumps: Pace::new(1, 10),
            refused: 0,
        }
    }
}

impl Track {
    /// Takes a pose of a sender that was last known to be near `last`. What is late or came twice changes nothing.
    ///
    /// # Errors
    /// [`Refused`] for a pose that isn't believed.
    pub fn take(&mut self, now_ms: u64, pose: &Pose, last: ChunkPos) -> Result<(), Refused> {
        if now_ms.saturating_sub(self.heard_ms) > FORGET_MS || self.refused > REFUSED_MAX {
            self.samples.clear();
            self.refused = 0;
        }
        let Some(newest) = self.samples.back().copied() else {
            self.start(now_ms, pose, last);
            return Ok(());
        };
        let sequence = newest.sequence + i64::from(pose.sequence.wrapping_sub(newest.sequence as u16) as i16);
        let at_ms = newest.at_ms + i64::from(pose.at_ms.wrapping_sub(newest.at_ms as u32) as i32);
        let stance = pose.stance(newest.stance.position.chunk);
        let sample = Sample { sequence, at_ms, stance };
        let verdict = if sequence > newest.sequence { self.append(now_ms, sample) } else { self.insert(sample) };
        self.refused = if verdict.is_err() { self.refused + 1 } else { 0 };
        verdict
    }

    fn start(&mut self, now_ms: u64, pose: &Pose, last: ChunkPos) {
        let (sequence, at_ms) = (pose.sequence.into(), pose.at_ms.into());
        self.samples.push_back(Sample { sequence, at_ms, stance: pose.stance(last) });
        self.offset_us = (now_ms as i64 - at_ms) * 1000;
        self.heard_ms = now_ms;
    }

    fn append(&mut self, now_ms: u64, sample: Sample) -> Result<(), Refused> {
        let newest = *self.samples.back().expect("`take` looked");
        let (theirs, ours) = (sample.at_ms - newest.at_ms, now_ms.saturating_sub(self.heard_ms) as i64);
        if theirs <= 0 || (theirs - ours).abs() > CLOCK_SLACK_MS {
            return Err(Refused::Clock);
        }
        if is_jump(&newest, &sample) {
            if !self.jumps.take(now_ms, 5) {
                return Err(Refused::Jump);
            }
            self.samples.clear();
        } else {
            self.delay_from = (self.delay_ms(now_ms), now_ms);
            self.interval_ms += (theirs.min(1000) - self.interval_ms) / 4;
        }
        // A thousandth of the milliseconds that passed are as many microseconds.
        self.offset_us = (self.offset_us + ours).min((now_ms as i64 - sample.at_ms) * 1000);
        self.heard_ms = now_ms;
        self.samples.push_back(sample);
        if self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
        Ok(())
    }

    /// Puts a pose that was overtaken in its place, if it still has one.
    fn insert(&mut self, sample: Sample) -> Result<(), Refused> {
        let index = match self.samples.binary_search_by_key(&sample.sequence, |sample| sample.sequence) {
            Ok(_) | Err(0) => return Ok(()),
            Err(index) => index,
        };
        let (before, after) = (&self.samples[index - 1], &self.samples[index]);
        if sample.at_ms <= before.at_ms || sample.at_ms >= after.at_ms {
            return Err(Refused::Clock);
        }
        if is_jump(before, &sample) || is_jump(&sample, after) {
            return Err(Refused::Jump);
        }
        self.samples.insert(index, sample);
        if self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
        Ok(())
    }

    /// The newest stance, wherever it is by now.
    pub fn newest(&self) -> Option<&Stance> {
        self.samples.back().map(|sample| &sample.stance)
    }

    /// When the newest pose came, by our clock; 0 before the first.
    pub fn heard_ms(&self) -> u64 {
        self.heard_ms
    }

    /// How far behind now the player is shown. It changes by a quarter of the time that passes, so that nobody is seen
    /// going backwards when its rate changes.
    fn delay_ms(&self, now_ms: u64) -> i64 {
        let (from, at_ms) = self.delay_from;
        let most = (now_ms.saturating_sub(at_ms) / 4) as i64;
        from + (delay_for(self.interval_ms) - from).clamp(-most, most)
    }

    /// What to draw now; nothing before the first pose.
    pub fn at(&self, now_ms: u64) -> Option<Seen> {
        let time = now_ms as i64 - self.offset_us / 1000 - self.delay_ms(now_ms);
        let after = self.samples.partition_point(|sample| sample.at_ms <= time);
        let last = self.samples.len().checked_sub(1)?;
        let (a, b) = match after {
            0 => (0, 0),
            after if after > last => (last.saturating_sub(1), last),
            after => (after - 1, after),
        };
        let (a, b) = (&self.samples[a], &self.samples[b]);
        let time = time.min(b.at_ms + EXTRAPOLATE_MS);
        let span = b.at_ms - a.at_ms;
        let part = if span == 0 { 0.0 } else { (time - a.at_ms) as f64 / span as f64 };
        // Two poses at nearly the same time say little about a speed.
        let part = if span < SPEED_SPAN_MS { part.min(1.0) } else { part };
        let chunk = a.stance.position.chunk;
        let (from, to) = (a.stance.position.metres_from(chunk), b.stance.position.metres_from(chunk));
        // The shorter way round, and no further than the last one: heads don't go on turning.
        let turn = f64::from(b.stance.yaw.wrapping_sub(a.stance.yaw) as i16) * part.clamp(0.0, 1.0);
        let nearer = if part < 0.5 { a } else { b };
        Some(Seen {
            chunk,
            metres: std::array::from_fn(|i| from[i] + (to[i] - from[i]) * part),
            yaw: (f64::from(a.stance.yaw) + turn).rem_euclid(65_536.0),
            pitch: nearer.stance.pitch,
            mode: nearer.stance.mode,
            stale: now_ms.saturating_sub(self.heard_ms) > STALE_MS,
        })
    }
}

/// How far behind to show somebody who sends this often: one and a half poses, and 50 ms for what comes late.
fn delay_for(interval_ms: i64) -> i64 {
    (interval_ms * 3 / 2 + 50).clamp(150, 900)
}

/// Whether no movement leads from one to the other in time; two metres are granted for a step and rounding.
fn is_jump(from: &Sample, to: &Sample) -> bool {
    let steps = SPEED_MAX * 64 * (to.at_ms - from.at_ms).min(CLOCK_SLACK_MS) / 1000 + 2 * 64;
    to.stance.position.distance_squared(from.stance.position) > steps * steps
}
