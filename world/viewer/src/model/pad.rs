//! A gamepad: the events that Linux tells of one (`Documentation/input/joydev/joystick-api.rst`), and what they add up to.
//!
//! Numbers of buttons and axes are those that the kernel's `xpad` and `hid-*` drivers give to the common pads with two sticks.

use super::bindings::Held;

/// Bytes of one event: time 4, value 2, type, number.
pub const EVENT_BYTES: usize = 8;
/// Below this, a stick at rest trembles.
const DEAD: f32 = 0.2;
/// From here on a trigger is pulled.
const PULLED: f32 = 0.0;

/// Buttons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are written on the pad")]
pub enum Button {
    A,
    B,
    X,
    Y,
    LeftShoulder,
    RightShoulder,
    Back,
    Start,
    LeftStick,
    RightStick,
    /// A trigger, pulled.
    LeftTrigger,
    RightTrigger,
    /// The cross.
    Up,
    Down,
    Left,
    Right,
}

/// Something that happened to a pad.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// A stick, trigger or the cross: from -1 to 1.
    Axis(u8, f32),
    /// Down or up.
    Button(u8, bool),
    /// It is gone; nothing is held any more.
    Gone,
}

impl Event {
    /// Reads one event; `None` for what a pad doesn't do.
    pub fn read(bytes: [u8; EVENT_BYTES]) -> Option<Event> {
        let value = i16::from_le_bytes([bytes[4], bytes[5]]);
        // The highest bit marks the state at the beginning, which is as good as any other.
        match bytes[6] & 0x7f {
            1 => Some(Event::Button(bytes[7], value != 0)),
            2 => Some(Event::Axis(bytes[7], f32::from(value) / f32::from(i16::MAX))),
            _ => None,
        }
    }
}

/// What is held, and what was pressed since it was looked at last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pad {
    /// Right and up, from -1 to 1.
    walk: [f32; 2],
    look: [f32; 2],
    held: u16,
    fresh: u16,
}

impl Pad {
    /// Takes note of an event.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Axis(0, value) => self.walk[0] = value,
            Event::Axis(1, value) => self.walk[1] = -value,
            Event::Axis(3, value) => self.look[0] = value,
            Event::Axis(4, value) => self.look[1] = -value,
            Event::Axis(2, value) => self.turn(Button::LeftTrigger, value > PULLED),
            Event::Axis(5, value) => self.turn(Button::RightTrigger, value > PULLED),
            Event::Axis(6, value) => {
                self.turn(Button::Left, value < -0.5);
                self.turn(Button::Right, value > 0.5);
            }
            Event::Axis(7, value) => {
                self.turn(Button::Up, value < -0.5);
                self.turn(Button::Down, value > 0.5);
            }
            Event::Button(number, down) => {
                if let Some(button) = named(number) {
                    self.turn(button, down);
                }
            }
            Event::Axis(..) => {}
            Event::Gone => *self = Pad::default(),
        }
    }

    fn turn(&mut self, button: Button, down: bool) {
        let bit = 1 << button as u16;
        if down {
            self.fresh |= bit & !self.held;
            self.held |= bit;
        } else {
            self.held &= !bit;
        }
    }

    /// Whether a button is down.
    pub fn is_held(&self, button: Button) -> bool {
        self.held & 1 << button as u16 != 0
    }

    /// Whether a button went down since the last time that anybody asked.
    pub fn pressed(&mut self, button: Button) -> bool {
        let bit = 1 << button as u16;
        let fresh = self.fresh & bit != 0;
        self.fresh &= !bit;
        fresh
    }

    /// Whether anything was pressed that nobody has asked for.
    pub fn is_fresh(&self) -> bool {
        self.fresh != 0
    }

    /// What was pressed before is of no interest any more.
    pub fn forget(&mut self) {
        self.fresh = 0;
    }

    /// Right and up: how far the right stick is pushed, beyond its rest.
    pub fn look(&self) -> [f32; 2] {
        beyond_rest(self.look)
    }

    /// What it adds to the keys that are held.
    pub fn with(&self, held: Held) -> Held {
        Held {
            stick: beyond_rest(self.walk),
            up: held.up || self.is_held(Button::A),
            down: held.down || self.is_held(Button::B),
            hurry: held.hurry || self.is_held(Button::LeftStick),
            ..held
        }
    }
}

fn named(number: u8) -> Option<Button> {
    Some(match number {
        0 => Button::A,
        1 => Button::B,
        2 => Button::X,
        3 => Button::Y,
        4 => Button::LeftShoulder,
        5 => Button::RightShoulder,
        6 => Button::Back,
        7 => Button::Start,
        9 => Button::LeftStick,
        10 => Button::RightStick,
        _ => return None,
    })
}

/// The part beyond the dead zone, stretched so that it begins at 0 and ends at 1.
fn beyond_rest(stick: [f32; 2]) -> [f32; 2] {
    let length = stick[0].hypot(stick[1]);
    if length <= DEAD {
        return [0.0; 2];
    }
    let scale = ((length - DEAD) / (1.0 - DEAD)).min(1.0) / length;
    stick.map(|part| part * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: u8, number: u8, value: i16) -> Option<Event> {
        let [low, high] = value.to_le_bytes();
        Event::read([1, 2, 3, 4, low, high, kind, number])
    }

    #[test]
    fn events_are_read_as_the_kernel_writes_them() {
        assert_eq!(event(1, 3, 1), Some(Event::Button(3, true)));
        assert_eq!(event(0x81, 3, 0), Some(Event::Button(3, false)));
        assert_eq!(event(2, 0, i16::MAX), Some(Event::Axis(0, 1.0)));
        assert_eq!(event(0x82, 1, 0), Some(Event::Axis(1, 0.0)));
        assert_eq!(event(4, 0, 1), None);
    }

    #[test]
    fn a_stick_at_rest_moves_nothing_and_a_full_one_all() {
        let walk = |x: f32, y: f32| {
            let mut pad = Pad::default();
            pad.take(Event::Axis(0, x));
            pad.take(Event::Axis(1, y));
            pad.with(Held::default()).stick
        };
        assert_eq!(walk(0.1, -0.1), [0.0; 2]);
        assert_eq!(walk(0.0, -1.0), [0.0, 1.0]);
        let half = walk(0.6, 0.0);
        assert!((half[0] - 0.5).abs() < 1e-6 && half[1] == 0.0, "{half:?}");
        let corner = walk(1.0, 1.0);
        assert!((corner[0].hypot(corner[1]) - 1.0).abs() < 1e-6, "{corner:?}");
    }

    #[test]
    fn a_press_counts_once_and_ends_with_the_pad() {
        let mut pad = Pad::default();
        pad.take(Event::Button(0, true));
        pad.take(Event::Axis(5, 1.0));
        assert!(pad.is_held(Button::A) && pad.pressed(Button::A) && !pad.pressed(Button::A));
        assert!(pad.is_held(Button::RightTrigger) && pad.with(Held::default()).up);
        pad.take(Event::Button(0, true));
        assert!(!pad.pressed(Button::A), "it was down already");
        pad.take(Event::Gone);
        assert_eq!(pad, Pad::default());
        pad.take(Event::Button(99, true));
        pad.take(Event::Axis(99, 1.0));
        assert_eq!(pad, Pad::default());
    }
}
