//! Every half second: who is near, whom to want, whom to serve, whom to connect to, whom to leave.
//!
//! Nearest first, where one who is wanted or served already counts as a fifth nearer, so that two at about the same
//! distance don't take turns.

use std::collections::BTreeSet;

use super::{
    super::{
        limits::{
            self, ACQUAINTANCES_MAX, CONNECTING_MAX, IDLE_MS, LINKS_MAX, NEAR_METRES, SERVED_FULL_MAX, SERVED_LOW_MAX,
            SIGHT_METRES, WANTED_FULL_MAX, WANTED_LOW_MAX,
        },
        message::{Bye, Message, Rate},
        peer::Peer,
        position::{Position, squared},
    },
    Channel, Crowd, Effect, Effects,
};

impl Crowd {
    pub(super) fn look(&mut self, now_ms: u64, own: Position, effects: &mut Effects) {
        self.roster.age(now_ms);
        self.avoided.retain(|_, avoided| now_ms < avoided.until_ms);
        self.want(own, effects);
        self.serve(own);
        self.connect(own, effects);
        self.leave_idle(now_ms, own, effects);
    }

    fn want(&mut self, own: Position, effects: &mut Effects) {
        let rates = choose(
            self.links
                .iter()
                .filter(|(_, link)| link.is_mutual())
                .filter_map(|(peer, link)| Some((peer, link.position?.distance_squared(own), link.wanted, Rate::Full))),
            [WANTED_FULL_MAX, WANTED_LOW_MAX],
        );
        for (peer, link) in &mut self.links {
            let rate = rates.iter().find(|(chosen, _)| *chosen == *peer).map_or(Rate::None, |(_, rate)| *rate);
            if rate != link.wanted {
                link.wanted = rate;
                effects.push(Effect::Send(peer.clone(), Channel::Reliable, Message::Want(rate).to_bytes()));
            }
        }
    }

    fn serve(&mut self, own: Position) {
        let rates = choose(
            self.links
                .iter()
                .filter_map(|(peer, link)| Some((peer, link.position?.distance_squared(own), link.served, link.asked))),
            [SERVED_FULL_MAX, SERVED_LOW_MAX],
        );
        for (peer, link) in &mut self.links {
            link.served = rates.iter().find(|(chosen, _)| *chosen == *peer).map_or(Rate::None, |(_, rate)| *rate);
        }
    }

    fn connect(&mut self, own: Position, effects: &mut Effects) {
        let linked = self.links.values().filter_map(|link| Some((link.position?.distance_squared(own), None)));
        let free = |peer: &&Peer| {
            !self.links.contains_key(*peer) && !self.connecting.contains(*peer) && !self.avoided.contains_key(*peer)
        };
        let hearsay: Vec<_> = self.roster.iter().filter(|(peer, _)| free(peer)).collect();
        let middle = |chunk| Position { chunk, local: [1024; 3] };
        let candidates = hearsay.iter().filter_map(|(peer, known)| {
            let position = middle(known.chunk?);
            Some((position.distance_squared(own), Some(*peer)))
        });
        let mut near: Vec<_> =
            linked.chain(candidates).filter(|(distance, _)| *distance <= squared(SIGHT_METRES)).collect();
        near.sort_unstable();
        let nearest = near.into_iter().take(WANTED_FULL_MAX + WANTED_LOW_MAX).filter_map(|(_, peer)| peer);
        // Those of whom only the table speaks are tried while few are known who could speak of others.
        let strangers = hearsay.iter().filter(|(_, known)| known.chunk.is_none()).map(|(peer, _)| *peer);
        let few = ACQUAINTANCES_MAX.saturating_sub(self.links.len() + self.connecting.len());
        let room = CONNECTING_MAX
            .saturating_sub(self.connecting.len())
            .min(LINKS_MAX.saturating_sub(self.links.len() + self.connecting.len()));
        let chosen: BTreeSet<Peer> = nearest.chain(strangers.take(few)).take(room).cloned().collect();
        for peer in chosen {
            effects.push(Effect::Connect { peer: peer.clone(), via_relay: self.me.via_relay });
            self.connecting.insert(peer);
        }
    }

    fn leave_idle(&mut self, now_ms: u64, own: Position, effects: &mut Effects) {
        let mut others: Vec<_> = self
            .links
            .iter()
            .filter_map(|(peer, link)| Some((link.position?, peer)))
            .filter(|(position, _)| self.places.contains(&position.chunk.location()))
            .map(|(position, peer)| (position.distance_squared(own), peer.clone()))
            .collect();
        others.sort_unstable();
        let kept: BTreeSet<Peer> = others.into_iter().take(ACQUAINTANCES_MAX).map(|(_, peer)| peer).collect();
        let mut left = Vec::new();
        for (peer, link) in &mut self.links {
            let used = link.wanted != Rate::None || link.asked != Rate::None || kept.contains(peer);
            if used && link.person.is_some() {
                link.useful_ms = now_ms;
            }
            let mute = link.person.is_none() && now_ms >= link.since_ms + limits::HELLO_MS;
            if mute || now_ms >= link.useful_ms + IDLE_MS {
                left.push(peer.clone());
            }
        }
        for peer in left {
            let bye = Message::Bye(Bye::Apart).to_bytes();
            effects.push(Effect::Send(peer.clone(), Channel::Reliable, bye));
            self.part(now_ms, &peer, effects);
        }
    }
}

/// Of peers with distance, present rate and highest rate, the nearest that get full and low rate, so many of each.
fn choose<'a>(
    peers: impl Iterator<Item = (&'a Peer, i64, Rate, Rate)>,
    [full_max, low_max]: [usize; 2],
) -> Vec<(Peer, Rate)> {
    let mut sorted: Vec<_> = peers
        .filter(|(.., highest)| *highest != Rate::None)
        .map(|(peer, distance, present, highest)| {
            // Four fifths of the distance, of whose squares this is about them: 16 / 25.
            let nearer = distance / 25 * 16;
            let for_full = if present == Rate::Full { nearer } else { distance };
            let for_any = if present == Rate::None { distance } else { nearer };
            (for_full, for_any, peer, highest)
        })
        .collect();
    sorted.sort_unstable_by_key(|(for_full, _, peer, _)| (*for_full, *peer));
    let (mut full, mut low) = (0, 0);
    let mut chosen = Vec::new();
    for (for_full, for_any, peer, highest) in sorted {
        if highest == Rate::Full && full < full_max && for_full <= squared(NEAR_METRES) {
            full += 1;
            chosen.push((peer.clone(), Rate::Full));
        } else if low < low_max && for_any <= squared(SIGHT_METRES) {
            low += 1;
            chosen.push((peer.clone(), Rate::Low));
        }
    }
    chosen
}
