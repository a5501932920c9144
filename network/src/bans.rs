//! Who is shut out, why, and until when. Pure: the caller brings the time and closes the connections.

use std::{collections::BTreeMap, time::Instant};

use libp2p::PeerId;

/// Bans remembered at once: 4096 × (42-byte id and a reason of ≤ 200 bytes) is about 1 MiB.
const BANS_MAX: usize = 4096;
/// Bytes of a reason; it may quote what a peer sent.
const REASON_BYTES_MAX: usize = 200;

#[derive(Debug)]
struct Ban {
    until: Instant,
    reason: String,
}

/// The list of bans.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    entries: BTreeMap<PeerId, Ban>,
}

impl Bans {
    /// Shuts a peer out. Returns a peer whose ban had to end early to make room.
    pub(crate) fn add(&mut self, peer: PeerId, reason: &str, until: Instant) -> Option<PeerId> {
        let mut end = reason.len().min(REASON_BYTES_MAX);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        self.entries.insert(peer, Ban { until, reason: reason[..end].to_owned() });
        if self.entries.len() <= BANS_MAX {
            return None;
        }
        let first = self.entries.iter().min_by_key(|(_, ban)| ban.until).map(|(peer, _)| *peer)?;
        self.entries.remove(&first);
        Some(first)
    }

    /// Why a peer is shut out, if it is.
    pub(crate) fn reason(&self, peer: &PeerId) -> Option<&str> {
        self.entries.get(peer).map(|ban| ban.reason.as_str())
    }

    /// Ends the bans whose time is over and returns whom they concerned.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<PeerId> {
        let over: Vec<_> = self.entries.iter().filter(|(_, ban)| ban.until <= now).map(|(peer, _)| *peer).collect();
        for peer in &over {
            self.entries.remove(peer);
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_ban_ends_and_the_list_is_bounded() {
        let (mut bans, start) = (Bans::default(), Instant::now());
        let first = PeerId::random();
        assert_eq!(bans.add(first, "ü".repeat(150).as_str(), start), None);
        assert_eq!(bans.reason(&first), Some("ü".repeat(100).as_str()));
        for second in 1..BANS_MAX {
            assert_eq!(bans.add(PeerId::random(), "x", start + Duration::from_secs(second as u64)), None);
        }
        assert_eq!(bans.add(PeerId::random(), "x", start + Duration::from_secs(1 << 20)), Some(first));
        assert_eq!(bans.expire(start + Duration::from_secs(10)).len(), 10);
        assert!(bans.expire(start).is_empty());
    }
}
