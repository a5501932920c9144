//! Tells others who is here: each the players nearest to *it*, so that neighbours find each other in a few rounds.

use bitdust_types::keccak256;

use super::{
    super::{
        limits,
        message::{Heard, Message},
        pose::low_bits,
        position::Position,
    },
    Channel, Crowd, Effect, Effects,
};

impl Crowd {
    /// Tells one link after the other who is near it.
    pub(super) fn gossip(&mut self, now_ms: u64, own: Position, effects: &mut Effects) {
        let after = self.gossip_after.as_ref();
        let mut mutual = self.links.iter().filter(|(_, link)| link.is_mutual());
        let first = mutual.clone().next();
        let next = mutual.find(|(peer, _)| after.is_none_or(|after| *peer > after));
        let Some((peer, link)) = next.or(first) else { return };
        let centre = link.position.unwrap_or(own).chunk;
        let mut others: Vec<_> = self
            .roster
            .iter()
            .filter(|(other, _)| *other != peer)
            .filter_map(|(other, known)| Some((other, known.chunk?, known.at_ms)))
            .map(|(other, chunk, at_ms)| {
                let distance: i64 = chunk.since(centre).iter().map(|d| d.clamp(&-(1 << 20), &(1 << 20)).pow(2)).sum();
                (distance, other, chunk, at_ms)
            })
            .collect();
        // A few at random keep the gossip from running in circles of friends.
        others.sort_unstable_by_key(|(distance, ..)| *distance);
        let near = others.len().min(limits::HEARD_MAX - 4);
        let mut told: Vec<_> = others.drain(..near).collect();
        let pick = keccak256([&self.seed[..], &now_ms.to_be_bytes()].concat());
        for byte in pick.iter().take(3) {
            if !others.is_empty() {
                told.push(others.swap_remove(usize::from(*byte) % others.len()));
            }
        }
        let mut heard = vec![Heard { peer: self.me.peer.clone(), chunk: low_bits(own.chunk), age_ds: 0 }];
        heard.extend(told.into_iter().map(|(_, other, chunk, at_ms)| Heard {
            peer: other.clone(),
            chunk: low_bits(chunk),
            age_ds: u16::try_from(now_ms.saturating_sub(at_ms) / 100).unwrap_or(u16::MAX),
        }));
        effects.push(Effect::Send(peer.clone(), Channel::Reliable, Message::Peers(heard).to_bytes()));
        self.gossip_after = Some(peer.clone());
    }
}
