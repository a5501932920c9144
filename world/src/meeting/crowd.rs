//! One player among others: the state machine.
//!
//! The shell tells it what happened ([`Input`]) and performs what it answers ([`Effect`]); it should tick about every 50 ms.
//! `link.rs` is what is known of one connection, `receive.rs` what comes over it, `look.rs` decides every half second who is
//! wanted, served, connected and dropped, `gossip.rs` tells others who is here.

mod gossip;
mod link;
mod look;
mod receive;

use std::collections::{BTreeMap, BTreeSet};

use bitdust_types::{Address, B256, keccak256, signing::SignatureBytes};

use self::link::Link;
use super::{
    hello::{Hello, Look},
    limits::{self, FULL_MS, GOSSIP_ALONE_MS, GOSSIP_MS, LOOK_MS, LOW_MS},
    message::{Bye, Gesture, Invalid, Kind, Message, Rate, is_sayable},
    pace::Pace,
    peer::Peer,
    places::{place_key, places},
    pose::{Pose, Stance},
    position::squared,
    roster::{Known, Roster},
    track::Seen,
};
use crate::{LocationPos, content::WorldId};

/// Who this player is.
#[derive(Clone, Debug)]
pub struct Me {
    /// The world it is in.
    pub world: WorldId,
    /// Its machine.
    pub peer: Peer,
    /// Its account.
    pub account: Address,
    /// What it wants to be called: 1 to 32 bytes without control characters.
    pub name: String,
    /// What it looks like.
    pub look: Look,
    /// Whether others must be reached through a relay, so that they don't learn this machine's address.
    pub via_relay: bool,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The player stands so now.
    Stand(Stance),
    /// Time passed.
    Tick,
    /// There is a link to a peer now, whoever began; the network has made sure that it is this peer.
    Connected(Peer),
    /// There is none any more, or there came none.
    Disconnected(Peer),
    /// A message came over a link.
    Received(Peer, Vec<u8>),
    /// A message of so many bytes was announced over a link, more than [`limits::MESSAGE_BYTES_MAX`]; it was not read.
    Overlong(Peer, usize),
    /// The account signed the hash that [`Effect::Sign`] asked for.
    Signed(Peer, SignatureBytes),
    /// The network's table names these peers in a place that [`Effect::Find`] asked for.
    Found(Vec<Peer>),
    /// The player says something.
    Say(String),
    /// The player shows something.
    Gesture(Gesture),
    /// Nothing of what this account says or shows is to be heard, or all of it again.
    Mute(Address, bool),
    /// The player leaves the world.
    Leave,
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Be found under this key, until further notice.
    Announce(B256),
    /// Be found there no longer.
    Unannounce(B256),
    /// Ask who is to be found under this key; the answer is [`Input::Found`].
    Find(B256),
    /// Connect to a peer. The answer is [`Input::Connected`] or [`Input::Disconnected`].
    Connect {
        /// To whom.
        peer: Peer,
        /// Only through a relay.
        via_relay: bool,
    },
    /// Close the link to a peer, after what was sent before.
    Disconnect(Peer),
    /// Let the account sign this hash for a peer; the answer is [`Input::Signed`].
    Sign(Peer, B256),
    /// Send a message.
    Send(Peer, Channel, Vec<u8>),
    /// Somebody introduced itself.
    Met(Peer),
    /// Somebody is not to be seen any more.
    Left(Peer),
    /// Somebody says something.
    Said(Peer, String),
    /// Somebody shows something.
    Gestured(Peer, Gesture),
    /// A peer sent what can't be; said once in ten seconds of each. Who sent what nobody sends who keeps to the protocol is
    /// disconnected, too, and shut out for a while.
    Refused(Peer, Invalid),
    /// A peer sends more of a kind than is allowed; said once in ten seconds of each. What is too much is dropped.
    Flooding(Peer, Kind),
    /// What the player wanted to say wasn't sent.
    NotSent(NotSent),
}

/// How a message has to travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Surely and in order.
    Reliable,
    /// As fast as possible; it may be lost or overtaken, and newer ones may replace it in a queue.
    Latest,
}

/// Why something wasn't sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// Too much in a short time.
    #[error("you say more than one thing per second; wait a moment")]
    TooFast,
    /// Not a text that can be said.
    #[error("a message has 1 to 500 bytes and no control characters")]
    Unsayable,
}

/// Somebody who introduced itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour<'a> {
    /// Its machine.
    pub peer: &'a Peer,
    /// Its account, which has signed for its machine.
    pub account: Address,
    /// What it wants to be called. Not unique.
    pub name: &'a str,
    /// What it looks like.
    pub look: Look,
    /// Where to draw it, if it is in sight and sends poses.
    pub seen: Option<Seen>,
    /// Whether it is muted.
    pub muted: bool,
}

/// One player's side of a crowd.
pub struct Crowd {
    me: Me,
    stance: Option<Stance>,
    moved_ms: u64,
    sequence: u16,
    places: BTreeSet<LocationPos>,
    links: BTreeMap<Peer, Link>,
    roster: Roster,
    /// Peers that are being reached.
    connecting: BTreeSet<Peer>,
    /// Peers that are left alone for a while.
    avoided: BTreeMap<Peer, Avoided>,
    muted: BTreeSet<Address>,
    chats: Pace,
    gestures: Pace,
    greetings: Pace,
    /// Secret from which challenges and choices are drawn.
    seed: [u8; 32],
    drawn: u64,
    full_due_ms: u64,
    low_due_ms: u64,
    look_due_ms: u64,
    gossip_due_ms: u64,
    gossip_after: Option<Peer>,
    find_due_ms: u64,
    finds: u32,
}

/// How a peer is left alone.
struct Avoided {
    until_ms: u64,
    /// Not only is it not called; its calls aren't taken either.
    shut_out: bool,
}

/// Work on one input: the effects so far.
type Effects = Vec<Effect>;

impl Crowd {
    /// A player who is nowhere yet. `seed` must be random and secret: challenges are drawn from it.
    pub fn new(me: Me, seed: [u8; 32]) -> Self {
        Crowd {
            me,
            stance: None,
            moved_ms: 0,
            sequence: 0,
            places: BTreeSet::new(),
            links: BTreeMap::new(),
            roster: Roster::default(),
            connecting: BTreeSet::new(),
            avoided: BTreeMap::new(),
            muted: BTreeSet::new(),
            chats: Pace::new(limits::CHATS_PER_SECOND, 5),
            gestures: Pace::new(1, 5),
            greetings: Pace::new(limits::GREETINGS_PER_SECOND, 2 * limits::GREETINGS_PER_SECOND),
            seed,
            drawn: 0,
            full_due_ms: 0,
            low_due_ms: 0,
            look_due_ms: 0,
            gossip_due_ms: 0,
            gossip_after: None,
            find_due_ms: 0,
            finds: 0,
        }
    }

    /// Takes note of what happened at a time that never goes back; says what to do about it.
    pub fn handle(&mut self, now_ms: u64, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Stand(stance) => self.stand(now_ms, stance, &mut effects),
            Input::Tick => self.tick(now_ms, &mut effects),
            Input::Connected(peer) => self.connected(now_ms, peer, &mut effects),
            Input::Disconnected(peer) => self.disconnected(now_ms, &peer, &mut effects),
            Input::Received(peer, bytes) => self.received(now_ms, &peer, &bytes, &mut effects),
            Input::Overlong(peer, bytes) => self.overlong(now_ms, &peer, bytes, &mut effects),
            Input::Signed(peer, signature) => self.signed(&peer, signature, &mut effects),
            Input::Found(peers) => self.found(now_ms, peers),
            Input::Say(text) => {
                if !is_sayable(&text) {
                    effects.push(Effect::NotSent(NotSent::Unsayable));
                } else if !self.chats.take(now_ms, 1) {
                    effects.push(Effect::NotSent(NotSent::TooFast));
                } else {
                    self.tell_those_in_sight(&Message::Chat(text), &mut effects);
                }
            }
            Input::Gesture(gesture) => {
                if self.gestures.take(now_ms, 1) {
                    self.tell_those_in_sight(&Message::Gesture(gesture), &mut effects);
                } else {
                    effects.push(Effect::NotSent(NotSent::TooFast));
                }
            }
            Input::Mute(account, true) if self.muted.len() < limits::MUTED_MAX => {
                self.muted.insert(account);
            }
            Input::Mute(_, true) => {}
            Input::Mute(account, false) => {
                self.muted.remove(&account);
            }
            Input::Leave => self.leave(&mut effects),
        }
        effects
    }

    /// Those who introduced themselves, with what to draw now.
    pub fn neighbours(&self, now_ms: u64) -> impl Iterator<Item = Neighbour<'_>> {
        self.links.iter().filter_map(move |(peer, link)| {
            let person = link.person.as_ref()?;
            let seen = if link.wanted == Rate::None { None } else { link.track.at(now_ms) };
            let muted = self.muted.contains(&person.account);
            let (account, name, look) = (person.account, person.name.as_str(), person.look);
            Some(Neighbour { peer, account, name, look, seen, muted })
        })
    }

    /// The newest stance that came from a peer, and when.
    pub fn newest(&self, peer: &Peer) -> Option<(Stance, u64)> {
        let track = &self.links.get(peer)?.track;
        track.newest().map(|stance| (*stance, track.heard_ms()))
    }

    /// Open links.
    pub fn links(&self) -> usize {
        self.links.len()
    }

    fn stand(&mut self, now_ms: u64, stance: Stance, effects: &mut Effects) {
        if self.stance != Some(stance) {
            self.moved_ms = now_ms;
        }
        let before = self.stance.replace(stance).map(|before| before.position.voxel());
        if before == Some(stance.position.voxel()) {
            return;
        }
        let places = places(stance.position.voxel(), &self.places);
        let key = |place: &LocationPos| place_key(self.me.world, *place);
        effects.extend(self.places.difference(&places).map(|place| Effect::Unannounce(key(place))));
        for place in places.difference(&self.places) {
            effects.extend([Effect::Announce(key(place)), Effect::Find(key(place))]);
            // Others may have come at the same time, whom the table names only a little later.
            self.finds = 0;
            self.find_due_ms = now_ms + 3000;
        }
        self.places = places;
    }

    fn tick(&mut self, now_ms: u64, effects: &mut Effects) {
        let Some(stance) = self.stance else { return };
        if now_ms >= self.look_due_ms {
            self.look_due_ms = now_ms + LOOK_MS;
            self.look(now_ms, stance.position, effects);
        }
        self.send_poses(now_ms, &stance, effects);
        if now_ms >= self.gossip_due_ms {
            let anybody = self.links.values().any(|link| link.wanted != Rate::None);
            self.gossip_due_ms = now_ms + if anybody { GOSSIP_MS } else { GOSSIP_ALONE_MS };
            self.gossip(now_ms, stance.position, effects);
        }
        if now_ms >= self.find_due_ms {
            self.finds += 1;
            // After 3 s, then 10 and 20 s later, then once a minute.
            self.find_due_ms = now_ms + [10_000, 20_000].get(self.finds as usize - 1).copied().unwrap_or(60_000);
            effects.extend(self.places.iter().map(|place| Effect::Find(place_key(self.me.world, *place))));
        }
    }

    fn send_poses(&mut self, now_ms: u64, stance: &Stance, effects: &mut Effects) {
        let low = now_ms >= self.low_due_ms;
        let full = now_ms >= self.full_due_ms;
        if !full && !low {
            return;
        }
        // Due times keep their rhythm when ticks come late, but don't pile up.
        let next = |due: u64, every: u64| if due + every > now_ms { due + every } else { now_ms + every };
        if full {
            self.full_due_ms = next(self.full_due_ms, FULL_MS);
        }
        if low {
            self.low_due_ms = next(self.low_due_ms, LOW_MS);
        }
        let still = now_ms.saturating_sub(self.moved_ms) >= 1000;
        self.sequence = self.sequence.wrapping_add(1);
        let bytes = Message::Pose(Pose::new(stance, self.sequence, now_ms)).to_bytes();
        for (peer, link) in &self.links {
            let due = match link.served {
                Rate::None => false,
                Rate::Full if !still => full,
                Rate::Full | Rate::Low => low,
            };
            if due {
                effects.push(Effect::Send(peer.clone(), Channel::Latest, bytes.clone()));
            }
        }
    }

    fn tell_those_in_sight(&self, message: &Message, effects: &mut Effects) {
        let Some(own) = self.stance.map(|stance| stance.position) else { return };
        let bytes = message.to_bytes();
        for (peer, link) in &self.links {
            if link.is_mutual() && link.is_within(own, squared(limits::SIGHT_METRES)) {
                effects.push(Effect::Send(peer.clone(), Channel::Reliable, bytes.clone()));
            }
        }
    }

    fn signed(&mut self, peer: &Peer, signature: SignatureBytes, effects: &mut Effects) {
        let (Some(link), Some(stance)) = (self.links.get_mut(peer), self.stance) else { return };
        link.introduced = true;
        let (account, name, look) = (self.me.account, self.me.name.clone(), self.me.look);
        let hello = Hello { account, name, look, position: stance.position, signature };
        effects.push(Effect::Send(peer.clone(), Channel::Reliable, Message::Hello(hello).to_bytes()));
    }

    fn found(&mut self, now_ms: u64, peers: Vec<Peer>) {
        let Some(own) = self.stance.map(|stance| stance.position.chunk) else { return };
        for peer in peers.into_iter().take(limits::LINKS_MAX).filter(|peer| *peer != self.me.peer) {
            self.roster.learn(peer, Known { chunk: None, at_ms: now_ms }, own);
        }
    }

    fn leave(&mut self, effects: &mut Effects) {
        effects.extend(self.places.iter().map(|place| Effect::Unannounce(place_key(self.me.world, *place))));
        let bye = Message::Bye(Bye::Leaving).to_bytes();
        for peer in self.links.keys() {
            effects.push(Effect::Send(peer.clone(), Channel::Reliable, bye.clone()));
            effects.push(Effect::Disconnect(peer.clone()));
        }
        self.places.clear();
        self.links.clear();
        self.connecting.clear();
        self.roster = Roster::default();
        self.stance = None;
    }

    /// 32 bytes that nobody else can guess.
    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        keccak256([&b"challenge"[..], &self.seed, &self.drawn.to_be_bytes()].concat()).0
    }
}
