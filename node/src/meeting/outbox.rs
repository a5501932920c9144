//! What waits to be written to one player: words in order, and the newest pose.
//!
//! A pose is worth nothing once there is a newer one, so there is one place for it: a player behind a slow line gets fewer
//! poses, never older ones. Everything else must arrive; who doesn't read it is hung up on when [`WORDS_MAX`] wait.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bitdust_world::meeting::Channel;
use tokio::sync::Notify;

/// Words that wait: some ten seconds of the fastest chatter and of gossip. 64 × 2 KiB × 64 lines are 8 MiB at worst.
pub const WORDS_MAX: usize = 64;

/// See the module's head.
#[derive(Default)]
pub struct Outbox {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    words: VecDeque<Vec<u8>>,
    pose: Option<Vec<u8>>,
    closed: bool,
}

/// What came of putting a message into an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It waits.
    Waits,
    /// It waits, in the place of an older pose that is dropped.
    Replaces,
    /// There is no room; the reader is too slow.
    Full,
}

impl Outbox {
    /// Puts a message in.
    pub fn put(&self, channel: Channel, message: Vec<u8>) -> Put {
        let mut waiting = self.lock();
        let put = match channel {
            Channel::Latest => match waiting.pose.replace(message) {
                Some(_) => Put::Replaces,
                None => Put::Waits,
            },
            Channel::Reliable if waiting.words.len() >= WORDS_MAX => Put::Full,
            Channel::Reliable => {
                waiting.words.push_back(message);
                Put::Waits
            }
        };
        drop(waiting);
        self.changed.notify_one();
        put
    }

    /// Nothing more is put in; what waits is still taken, but for the pose.
    pub fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.pose = None;
        drop(waiting);
        self.changed.notify_one();
    }

    /// Waits for messages and takes them all, words before the pose; `None` once it is closed and empty. For one taker.
    pub async fn take(&self) -> Option<Vec<Vec<u8>>> {
        loop {
            {
                let mut waiting = self.lock();
                let mut taken: Vec<_> = waiting.words.drain(..).collect();
                taken.extend(waiting.pose.take());
                if !taken.is_empty() {
                    return Some(taken);
                }
                if waiting.closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    // A panic between two steps can't happen here: each change is a single one.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_newer_pose_replaces_an_older_one_and_words_keep_their_order() {
        let outbox = Outbox::default();
        assert_eq!(outbox.put(Channel::Latest, vec![1]), Put::Waits);
        assert_eq!(outbox.put(Channel::Reliable, vec![2]), Put::Waits);
        assert_eq!(outbox.put(Channel::Latest, vec![3]), Put::Replaces);
        assert_eq!(outbox.put(Channel::Reliable, vec![4]), Put::Waits);
        assert_eq!(outbox.take().await, Some(vec![vec![2], vec![4], vec![3]]));
        outbox.put(Channel::Latest, vec![5]);
        outbox.put(Channel::Reliable, vec![6]);
        outbox.close();
        assert_eq!(outbox.take().await, Some(vec![vec![6]]), "what was said before is still said");
        assert_eq!(outbox.take().await, None);
    }

    #[tokio::test]
    async fn who_does_not_read_is_found_out() {
        let outbox = Outbox::default();
        for number in 0..WORDS_MAX {
            assert_eq!(outbox.put(Channel::Reliable, vec![number as u8]), Put::Waits);
        }
        assert_eq!(outbox.put(Channel::Reliable, vec![0]), Put::Full);
        assert_eq!(outbox.put(Channel::Latest, vec![0]), Put::Waits);
        assert_eq!(outbox.take().await.map(|taken| taken.len()), Some(WORDS_MAX + 1));
    }
}
