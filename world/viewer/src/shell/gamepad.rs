//! Reads a gamepad, if one is there: a thread that waits for what `/dev/input/js0` to `js3` say.
//!
//! That interface is old and plain: eight bytes an event, no library, nothing to install. Where it doesn't exist there is no
//! gamepad.

use std::{
    fs::File,
    io::Read,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use crate::model::pad::{EVENT_BYTES, Event};

/// Pads that are looked for.
const PADS: u8 = 4;
/// How often, while there is none.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Events that wait for the next frame: a stick in motion tells a thousand a second at most.
const EVENTS_MAX: usize = 1024;

/// Begins to read. What comes is a pad's events, one pad at a time.
pub fn listen() -> Receiver<Event> {
    let (said, heard) = sync_channel(EVENTS_MAX);
    // Without a thread there is no gamepad, and the game goes on.
    let _ = thread::Builder::new().name("gamepad".into()).spawn(move || {
        while let Some(pad) = find(&said) {
            if read(pad, &said).is_err() {
                return;
            }
        }
    });
    heard
}

/// The viewer is gone.
struct Over;

/// Waits for a pad; `None` when the viewer is gone.
fn find(said: &SyncSender<Event>) -> Option<File> {
    loop {
        if let Some(pad) = (0..PADS).find_map(|number| File::open(format!("/dev/input/js{number}")).ok()) {
            return Some(pad);
        }
        said.send(Event::Gone).ok()?;
        thread::park_timeout(LOOK_EVERY);
    }
}

/// Reads until the pad is pulled out.
fn read(mut pad: impl Read, said: &SyncSender<Event>) -> Result<(), Over> {
    let mut bytes = [0; EVENT_BYTES];
    while pad.read_exact(&mut bytes).is_ok() {
        if let Some(event) = Event::read(bytes) {
            said.send(event).map_err(|_| Over)?;
        }
    }
    said.send(Event::Gone).map_err(|_| Over)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pad_is_heard_until_it_is_pulled_out() {
        let (said, heard) = sync_channel(8);
        let bytes = [[0, 0, 0, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0, 9, 9], [0, 0, 0, 0, 0, 0, 1, 0]].concat();
        assert!(read(&bytes[..], &said).is_ok());
        drop(said);
        let all: Vec<Event> = heard.iter().collect();
        assert_eq!(all, [Event::Button(0, true), Event::Button(0, false), Event::Gone]);
        let (said, heard) = sync_channel(8);
        drop(heard);
        assert!(read(&bytes[..], &said).is_err(), "nobody listens");
    }
}
