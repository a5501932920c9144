//! What happened around a player, numbered, for whoever looks at it: the newest [`EVENTS_MAX`] events.
//!
//! Several may look, each as often as it likes, and each passes the number up to which it has seen. Who looked too seldom is
//! told so.

use std::collections::VecDeque;

use bitdust_rpc::types::meet::MeetEvent;

/// Events kept: what 64 neighbours can say, show and do in some four seconds at the most that is let pass, and of a usual
/// crowd some minutes. Chat has 500 bytes, so this is 256 KiB at worst.
pub const EVENTS_MAX: usize = 512;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Board {
    /// Number of the first event that is kept.
    first: u64,
    events: VecDeque<MeetEvent>,
}

/// What there was to see.
#[derive(Debug, PartialEq)]
pub enum News {
    /// All that happened since.
    Since(Vec<MeetEvent>),
    /// More happened than is kept, or it is the first look: begin anew.
    Anew,
}

impl Board {
    /// Takes note of an event.
    pub fn note(&mut self, event: MeetEvent) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
            self.first += 1;
        }
        self.events.push_back(event);
    }

    /// The number of the next event.
    pub fn next(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    /// What happened from an event on.
    pub fn since(&self, after: Option<u64>) -> News {
        match after {
            Some(after) if (self.first..=self.next()).contains(&after) => {
                News::Since(self.events.iter().skip((after - self.first) as usize).cloned().collect())
            }
            _ => News::Anew,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(number: usize) -> MeetEvent {
        MeetEvent::Left { peer: number.to_string() }
    }

    #[test]
    fn each_event_is_seen_once_and_who_looks_too_seldom_begins_anew() {
        let mut board = Board::default();
        assert_eq!(board.since(None), News::Anew);
        assert_eq!(board.since(Some(0)), News::Since(vec![]));
        assert_eq!(board.since(Some(1)), News::Anew, "a number that nobody was told");
        board.note(left(0));
        board.note(left(1));
        assert_eq!(board.since(Some(1)), News::Since(vec![left(1)]));
        (2..EVENTS_MAX + 2).for_each(|number| board.note(left(number)));
        assert_eq!(board.next(), EVENTS_MAX as u64 + 2);
        assert_eq!(board.since(Some(1)), News::Anew);
        let News::Since(events) = board.since(Some(2)) else { panic!("all of these are kept") };
        assert_eq!((events.len(), &events[0]), (EVENTS_MAX, &left(2)));
    }
}
