//! What comes over links: connections, and messages of strangers.

use super::{
    super::{
        hello::{Hello, greeting_hash},
        limits,
        message::{Bye, Heard, Invalid, Kind, Message, Rate},
        peer::Peer,
        pose::{Pose, nearest_chunk},
        position::{Position, squared},
        roster::Known,
    },
    Avoided, Channel, Crowd, Effect, Effects,
    link::{Link, Person},
};

impl Crowd {
    pub(super) fn connected(&mut self, now_ms: u64, peer: Peer, effects: &mut Effects) {
        let expected = self.connecting.remove(&peer);
        let welcome = self.stance.is_some()
            && !self.avoided.get(&peer).is_some_and(|avoided| avoided.shut_out && now_ms < avoided.until_ms)
            && (self.greetings.take(now_ms, 1) || expected)
            && (self.links.contains_key(&peer) || self.make_room(now_ms, effects));
        if !welcome {
            effects.push(Effect::Disconnect(peer));
            return;
        }
        let challenge = self.draw();
        effects.push(Effect::Send(peer.clone(), Channel::Reliable, Message::Challenge(challenge).to_bytes()));
        if self.links.insert(peer.clone(), Link::new(now_ms, challenge)).is_some_and(|old| old.person.is_some()) {
            effects.push(Effect::Left(peer));
        }
    }

    /// Whether there is room for one more link, if need be that of the furthest player whom we don't want to see.
    fn make_room(&mut self, now_ms: u64, effects: &mut Effects) -> bool {
        let Some(own) = self.stance.map(|stance| stance.position) else { return false };
        if self.links.len() < limits::LINKS_MAX {
            return true;
        }
        let unwanted = self.links.iter().filter(|(_, link)| link.wanted == Rate::None && link.person.is_some());
        let far = |link: &Link| link.position.map_or(i64::MAX, |position| position.distance_squared(own));
        let Some(furthest) = unwanted.max_by_key(|(_, link)| far(link)).map(|(peer, _)| peer.clone()) else {
            return false;
        };
        effects.push(Effect::Send(furthest.clone(), Channel::Reliable, Message::Bye(Bye::Full).to_bytes()));
        self.part(now_ms, &furthest, effects);
        true
    }

    pub(super) fn disconnected(&mut self, now_ms: u64, peer: &Peer, effects: &mut Effects) {
        let unreached = self.connecting.remove(peer);
        match self.links.get(peer) {
            // Without a hello it was too busy to greet us; that passes.
            Some(_) => self.avoid(peer, now_ms + limits::AVOID_APART_MS, false),
            None if !unreached => {}
            None => {
                self.roster.forget(peer);
                self.avoid(peer, now_ms + limits::AVOID_MS, false);
            }
        }
        self.unlink(peer, effects);
    }

    /// Forgets a link that is closed or about to be.
    pub(super) fn unlink(&mut self, peer: &Peer, effects: &mut Effects) {
        if self.links.remove(peer).is_some_and(|link| link.person.is_some()) {
            effects.push(Effect::Left(peer.clone()));
        }
    }

    /// Hangs up in peace: either may call again soon.
    pub(super) fn part(&mut self, now_ms: u64, peer: &Peer, effects: &mut Effects) {
        self.hang_up(peer, effects);
        self.avoid(peer, now_ms + limits::AVOID_APART_MS, false);
    }

    /// Hangs up on somebody who does harm.
    fn shut_out(&mut self, now_ms: u64, peer: &Peer, effects: &mut Effects) {
        self.hang_up(peer, effects);
        self.avoid(peer, now_ms + limits::AVOID_FLOODER_MS, true);
    }

    fn hang_up(&mut self, peer: &Peer, effects: &mut Effects) {
        self.unlink(peer, effects);
        self.roster.forget(peer);
        effects.push(Effect::Disconnect(peer.clone()));
    }

    fn avoid(&mut self, peer: &Peer, until_ms: u64, shut_out: bool) {
        if self.avoided.len() >= limits::AVOIDED_MAX {
            let soonest = self.avoided.iter().min_by_key(|(_, avoided)| avoided.until_ms).map(|(peer, _)| peer.clone());
            soonest.and_then(|peer| self.avoided.remove(&peer));
        }
        let shut_out = shut_out || self.avoided.get(peer).is_some_and(|avoided| avoided.shut_out);
        let until_ms = self.avoided.get(peer).map_or(until_ms, |avoided| avoided.until_ms.max(until_ms));
        self.avoided.insert(peer.clone(), Avoided { until_ms, shut_out });
    }

    pub(super) fn received(&mut self, now_ms: u64, peer: &Peer, bytes: &[u8], effects: &mut Effects) {
        let Some(link) = self.links.get_mut(peer) else { return };
        let message = match link.admits_bytes(now_ms, bytes.len()) {
            true => Message::decode(bytes),
            // Its kind doesn't matter any more; what is most of such a flood is as good a name as any.
            false => return self.flooded(now_ms, peer, kind_of(bytes), effects),
        };
        let verdict = match message {
            Ok(message) if !link.admits(now_ms, message.kind()) => {
                return self.flooded(now_ms, peer, message.kind(), effects);
            }
            Ok(message) => self.understand(now_ms, peer, message, effects),
            Err(invalid) => Err(invalid),
        };
        if let Err(invalid) = verdict {
            self.refuse(now_ms, peer, invalid, effects);
        }
    }

    /// A message of so many bytes was announced over a link, more than any has.
    pub(super) fn overlong(&mut self, now_ms: u64, peer: &Peer, bytes: usize, effects: &mut Effects) {
        self.refuse(now_ms, peer, Invalid::TooLarge(bytes), effects);
    }

    fn refuse(&mut self, now_ms: u64, peer: &Peer, invalid: Invalid, effects: &mut Effects) {
        let Some(link) = self.links.get_mut(peer) else { return };
        let fatal = invalid.is_deliberate();
        if link.may_complain(now_ms) || fatal {
            effects.push(Effect::Refused(peer.clone(), invalid));
        }
        if fatal {
            self.shut_out(now_ms, peer, effects);
        }
    }

    fn flooded(&mut self, now_ms: u64, peer: &Peer, kind: Kind, effects: &mut Effects) {
        let Some(link) = self.links.get_mut(peer) else { return };
        let (name, hang_up) = link.drop_one(now_ms);
        if name || hang_up {
            effects.push(Effect::Flooding(peer.clone(), kind));
        }
        if hang_up {
            self.shut_out(now_ms, peer, effects);
        }
    }

    fn understand(&mut self, now_ms: u64, peer: &Peer, message: Message, effects: &mut Effects) -> Result<(), Invalid> {
        let Some(link) = self.links.get_mut(peer) else { return Ok(()) };
        match message {
            Message::Challenge(challenge) => {
                let me = &self.me;
                let hash = greeting_hash(me.world, &me.peer, peer, &challenge, &me.name, &me.look);
                effects.push(Effect::Sign(peer.clone(), hash));
                return Ok(());
            }
            Message::Hello(hello) => return self.greeted(now_ms, peer, hello, effects),
            Message::Bye(_) => {
                self.part(now_ms, peer, effects);
                return Ok(());
            }
            _ if link.person.is_none() => return Err(Invalid::Early),
            Message::Pose(pose) => return self.posed(now_ms, peer, &pose),
            Message::Want(rate) => {
                if rate > link.asked {
                    self.look_due_ms = now_ms;
                }
                link.asked = rate;
            }
            Message::Peers(heard) => self.heard(now_ms, peer, heard),
            Message::Chat(text) => {
                if self.hears(peer) {
                    effects.push(Effect::Said(peer.clone(), text));
                }
            }
            Message::Gesture(gesture) => {
                if self.hears(peer) {
                    effects.push(Effect::Gestured(peer.clone(), gesture));
                }
            }
        }
        Ok(())
    }

    /// Whether what a peer says is for us: it is about in sight, and not muted. Twice the distance, since we may know only
    /// where it was.
    fn hears(&self, peer: &Peer) -> bool {
        let Some(own) = self.stance.map(|stance| stance.position) else { return false };
        self.links.get(peer).is_some_and(|link| {
            link.person.as_ref().is_some_and(|person| !self.muted.contains(&person.account))
                && link.is_within(own, squared(2 * limits::SIGHT_METRES))
        })
    }

    fn greeted(&mut self, now_ms: u64, peer: &Peer, hello: Hello, effects: &mut Effects) -> Result<(), Invalid> {
        let Some(link) = self.links.get_mut(peer) else { return Ok(()) };
        let challenge = link.challenge.take().ok_or(Invalid::Unasked)?;
        hello.verify(self.me.world, peer, &self.me.peer, &challenge)?;
        link.place(hello.position, now_ms);
        link.person = Some(Person { account: hello.account, name: hello.name, look: hello.look });
        if let Some(stance) = self.stance {
            let known = Known { chunk: Some(hello.position.chunk), at_ms: now_ms };
            self.roster.learn(peer.clone(), known, stance.position.chunk);
        }
        effects.push(Effect::Met(peer.clone()));
        self.look_due_ms = now_ms;
        Ok(())
    }

    fn posed(&mut self, now_ms: u64, peer: &Peer, pose: &Pose) -> Result<(), Invalid> {
        let (Some(link), Some(own)) = (self.links.get_mut(peer), self.stance) else { return Ok(()) };
        let last = link.position.unwrap_or(own.position).chunk;
        link.track.take(now_ms, pose, last)?;
        if let Some(position) = link.track.newest().map(|stance| stance.position) {
            link.place(position, now_ms);
            self.roster.learn(peer.clone(), Known { chunk: Some(position.chunk), at_ms: now_ms }, own.position.chunk);
        }
        Ok(())
    }

    fn heard(&mut self, now_ms: u64, from: &Peer, heard: Vec<Heard>) {
        let Some(own) = self.stance.map(|stance| stance.position.chunk) else { return };
        for Heard { peer, chunk, age_ds } in heard {
            let age_ms = u64::from(age_ds) * 100;
            if peer == self.me.peer || age_ms >= limits::HEARSAY_MS {
                continue;
            }
            let chunk = nearest_chunk(chunk, own);
            let known = Known { chunk: Some(chunk), at_ms: now_ms.saturating_sub(age_ms) };
            if let Some(link) = self.links.get_mut(&peer) {
                // Poses are finer, and what we heard from the player itself is better than what others say of it.
                if known.at_ms > link.position_ms + if peer == *from { 0 } else { 1000 } {
                    link.place(Position { chunk, local: [1024; 3] }, known.at_ms);
                }
            }
            self.roster.learn(peer, known, own);
        }
    }
}

/// The kind of an unread message, by its tag.
fn kind_of(bytes: &[u8]) -> Kind {
    match bytes.get(1) {
        Some(0 | 1) => Kind::Greeting,
        Some(3) => Kind::Want,
        Some(4) => Kind::Chat,
        Some(5) => Kind::Gesture,
        Some(6) => Kind::Peers,
        Some(7) => Kind::Bye,
        _ => Kind::Pose,
    }
}
