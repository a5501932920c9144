//! The other half of the talk with a node: where the player is and what it says, and who is around.
//!
//! It has a WebSocket of its own, so that a pose never waits behind a portion of chunks. The node speaks with other players'
//! nodes and shows ten times a second where everybody is to be drawn; figures glide from there to there (`scene/others.rs`).
//! When the line breaks, or the node has forgotten the player, it enters anew.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use bitdust_rpc::{
    api::MeetClient,
    client::{Client, Error, Live},
    jsonrpsee::core::{ClientError, client::Subscription},
    types::meet::{self, Around, MeetEvent, Mode, PlayerPose},
};
use bitdust_types::B256;
use bitdust_world::body::Position;
use tokio::{
    sync::{mpsc, watch},
    time,
};

use super::{Word, is_passing, said};
use crate::{
    model::chat::clean,
    source::{Gesture, News, PLAYERS_MAX, Pose},
};

/// Bytes of a name, as players' nodes take it.
const NAME_BYTES_MAX: usize = 32;
/// How long a gesture is shown.
const GESTURE: Duration = Duration::from_secs(3);
/// Before another try to enter.
const PAUSE: Duration = Duration::from_secs(3);
/// How long an answer may take before the line counts as broken.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the node may take to hear that the player leaves.
const FAREWELL: Duration = Duration::from_millis(500);

/// What the player does, on its way to the node.
pub(super) struct Player {
    /// Where it is; an older pose that hasn't left is replaced.
    pub poses: watch::Receiver<Option<Pose>>,
    /// What it says.
    pub words: mpsc::Receiver<String>,
    /// What it wants to be called.
    pub name: String,
}

/// Keeps the player among others until the viewer is gone.
pub(super) async fn keep(client: Client, world: B256, mut player: Player, news: mpsc::Sender<Word>) {
    let name = fitting(&player.name);
    let mut told: Option<String> = None;
    loop {
        // Nobody enters before there is a body to show.
        if player.poses.wait_for(Option::is_some).await.is_err() {
            return;
        }
        let mut people = People::default();
        let outcome = match enter(&client, world, &name).await {
            Ok((live, looks)) => {
                told = None;
                let met = meet(&live, world, &mut player, looks, &mut people, &news).await;
                if met.is_none() {
                    let _ = time::timeout(FAREWELL, live.meet_leave(world)).await;
                }
                met
            }
            Err(error) => Some(error),
        };
        // The viewer is gone.
        let Some(error) = outcome else { return };
        for item in people.forget() {
            let _ = news.send(Word::News(item)).await;
        }
        // Said once; that the whole node is away is said by the chunks.
        let reason = error.to_string();
        if !is_passing(&error) && told.as_ref() != Some(&reason) {
            let _ = news.send(said(format!("You are alone for now: {reason}"))).await;
        }
        told = Some(reason);
        if !rest(&mut player, &news).await {
            return;
        }
    }
}

/// Waits for a while; what is said meanwhile is heard by nobody. False if the viewer is gone.
async fn rest(player: &mut Player, news: &mpsc::Sender<Word>) -> bool {
    let pause = time::sleep(PAUSE);
    tokio::pin!(pause);
    loop {
        tokio::select! {
            () = &mut pause => return true,
            word = player.words.recv() => match word {
                Some(_) => drop(news.send(said("Nobody hears it: your node can't reach others now.".into())).await),
                None => return false,
            },
        }
    }
}

async fn enter(client: &Client, world: B256, name: &str) -> Result<(Live, Subscription<Around>), Error> {
    let live = client.live().await?;
    let entered = live.meet_enter(world, name.to_owned(), None).await;
    let looks = match entered {
        Ok(_) => live.meet_watch(world).await,
        Err(error) => Err(error),
    };
    match looks {
        Ok(looks) => Ok((live, looks)),
        Err(error) => Err(live.explain(error)),
    }
}

/// Stands, speaks and looks until something breaks; `None` if the viewer is gone.
async fn meet(
    live: &Live,
    world: B256,
    player: &mut Player,
    looks: Subscription<Around>,
    people: &mut People,
    news: &mpsc::Sender<Word>,
) -> Option<Error> {
    let Player { poses, words, name } = player;
    tokio::select! {
        outcome = stand(live, world, poses) => outcome,
        outcome = speak(live, world, words, name, news) => outcome,
        outcome = look(live, looks, people, news) => Some(outcome),
    }
}

async fn stand(live: &Live, world: B256, poses: &mut watch::Receiver<Option<Pose>>) -> Option<Error> {
    let (mut last, mut shown) = (None, Gesture::None);
    while poses.changed().await.is_ok() {
        let Some(pose) = *poses.borrow_and_update() else { continue };
        if let Err(error) = answered(live, live.meet_stand(world, to_json(&pose, last.replace(pose.position)))).await {
            return Some(error);
        }
        let gesture = std::mem::replace(&mut shown, pose.gesture);
        if let Some(now) = own_gesture(pose.gesture).filter(|_| gesture != pose.gesture) {
            // One too many isn't worth a word.
            if let Err(error) = answered(live, live.meet_gesture(world, now)).await
                && !matches!(error, Error::Failure(_))
            {
                return Some(error);
            }
        }
    }
    None
}

async fn speak(
    live: &Live,
    world: B256,
    words: &mut mpsc::Receiver<String>,
    name: &str,
    news: &mpsc::Sender<Word>,
) -> Option<Error> {
    while let Some(text) = words.recv().await {
        let word = match answered(live, live.meet_say(world, text.clone())).await {
            Ok(()) => Word::News(News::Said { from: name.to_owned(), text }),
            Err(Error::Failure(failure)) => said(failure.to_string()),
            Err(error) => return Some(error),
        };
        let _ = news.send(word).await;
    }
    None
}

/// Passes on what is to be seen; ends when there is nothing more to come.
async fn look(live: &Live, mut looks: Subscription<Around>, people: &mut People, news: &mpsc::Sender<Word>) -> Error {
    loop {
        let around = match looks.next().await {
            Some(Ok(around)) => around,
            Some(Err(error)) => return live.explain(ClientError::ParseError(error)),
            None => return lost(live),
        };
        let over = around.events.iter().any(|event| matches!(event, MeetEvent::Over { .. }));
        for item in people.take(around, Instant::now()) {
            let _ = news.send(Word::News(item)).await;
        }
        if over {
            return lost(live);
        }
    }
}

async fn answered<T>(live: &Live, call: impl Future<Output = Result<T, ClientError>>) -> Result<T, Error> {
    match time::timeout(PATIENCE, call).await {
        Ok(answer) => answer.map_err(|error| live.explain(error)),
        Err(_) => Err(lost(live)),
    }
}

fn lost(live: &Live) -> Error {
    let reason = "it has stopped telling who is around".to_owned();
    Error::Unreachable { url: live.url().to_owned(), reason }
}

/// Who is around, as far as the node has told.
#[derive(Default)]
struct People {
    known: HashMap<String, Person>,
    ids: u64,
}

struct Person {
    id: u64,
    name: String,
    /// What the hands say, and until when.
    gesture: Option<(Gesture, Instant)>,
    /// Whether the viewer draws it.
    drawn: bool,
}

impl People {
    /// Takes in a look: what the viewer is to know of it.
    fn take(&mut self, around: Around, now: Instant) -> Vec<News> {
        let mut news = Vec::new();
        for event in around.events {
            self.happened(event, now, &mut news);
        }
        let mut seen = HashSet::new();
        for player in around.players {
            if let Some(person) = self.known.get_mut(&player.peer) {
                person.drawn = true;
                let gesture = person.gesture.filter(|(_, until)| now < *until).map_or(Gesture::None, |(what, _)| what);
                let pose = from_json(&player, gesture);
                news.push(News::Player { id: person.id, name: person.name.clone(), pose });
                seen.insert(person.id);
            }
        }
        for person in self.known.values_mut().filter(|person| person.drawn && !seen.contains(&person.id)) {
            person.drawn = false;
            news.push(News::Gone { id: person.id });
        }
        news
    }

    fn happened(&mut self, event: MeetEvent, now: Instant, news: &mut Vec<News>) {
        match event {
            MeetEvent::Missed => news.extend(self.forget()),
            MeetEvent::Met { peer, name, .. } => {
                if self.known.len() < PLAYERS_MAX || self.known.contains_key(&peer) {
                    self.ids += 1;
                    let (id, name) = (self.ids, clean(&name, NAME_BYTES_MAX));
                    let before = self.known.insert(peer, Person { id, name, gesture: None, drawn: false });
                    news.extend(before.filter(|before| before.drawn).map(|before| News::Gone { id: before.id }));
                }
            }
            MeetEvent::Left { peer } => {
                let left = self.known.remove(&peer).filter(|person| person.drawn);
                news.extend(left.map(|person| News::Gone { id: person.id }));
            }
            MeetEvent::Said { name, text, .. } => news.push(News::Said { from: name, text }),
            MeetEvent::Gestured { peer, gesture } => {
                if let Some(person) = self.known.get_mut(&peer) {
                    person.gesture = Some((shown_gesture(gesture), now + GESTURE));
                }
            }
            // The node has named it in its log, and deals with it.
            MeetEvent::Misbehaved { .. } => {}
            MeetEvent::Over { .. } => news.extend(self.forget()),
        }
    }

    /// Nobody is around any more. Numbers aren't used again.
    fn forget(&mut self) -> Vec<News> {
        let gone = self.known.drain().filter(|(_, person)| person.drawn);
        gone.map(|(_, person)| News::Gone { id: person.id }).collect()
    }
}

/// A name as others take it: cut at a character.
fn fitting(name: &str) -> String {
    let name = clean(name, NAME_BYTES_MAX);
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let fitting = name[..end].trim();
    if fitting.is_empty() { "walker".to_owned() } else { fitting.to_owned() }
}

/// Degrees to the right for radians to the left; who was elsewhere before walks.
fn to_json(pose: &Pose, last: Option<Position>) -> meet::Pose {
    let moved = last.is_some_and(|last| pose.position.since(&last).iter().any(|metres| metres.abs() > 0.01));
    meet::Pose {
        chunk: pose.position.chunk,
        metres: pose.position.local,
        yaw: f64::from(-pose.yaw).to_degrees().rem_euclid(360.0),
        pitch: f64::from(pose.pitch).to_degrees(),
        mode: if moved { Mode::Walking } else { Mode::Standing },
    }
}

fn from_json(player: &PlayerPose, gesture: Gesture) -> Pose {
    let pose = &player.pose;
    Pose {
        position: Position::new(pose.chunk, pose.metres),
        yaw: -(pose.yaw.to_radians() as f32),
        pitch: pose.pitch.to_radians() as f32,
        gesture,
    }
}

fn own_gesture(gesture: Gesture) -> Option<meet::Gesture> {
    match gesture {
        Gesture::None => None,
        Gesture::Wave => Some(meet::Gesture::Wave),
        Gesture::Point => Some(meet::Gesture::Point),
        Gesture::Cheer => Some(meet::Gesture::Clap),
        Gesture::Bow => Some(meet::Gesture::Bow),
    }
}

/// What these figures can show of it.
fn shown_gesture(gesture: meet::Gesture) -> Gesture {
    match gesture {
        meet::Gesture::Wave => Gesture::Wave,
        meet::Gesture::Point => Gesture::Point,
        meet::Gesture::Clap | meet::Gesture::Dance => Gesture::Cheer,
        meet::Gesture::Bow | meet::Gesture::Nod => Gesture::Bow,
        meet::Gesture::Shake => Gesture::None,
    }
}

#[cfg(test)]
mod tests {
    use bitdust_types::Address;
    use bitdust_world::ChunkPos;

    use super::*;

    fn met(peer: &str) -> MeetEvent {
        let (account, look) = (Address::ZERO, meet::Look::default());
        MeetEvent::Met { peer: peer.into(), account, name: format!("{peer}\n"), look, muted: false }
    }

    fn at(peer: &str, x: f64) -> PlayerPose {
        let chunk = ChunkPos::new(1 << 50, 0, 0);
        let pose = meet::Pose { chunk, metres: [x, 1.0, 2.0], yaw: 90.0, pitch: 45.0, mode: Mode::Walking };
        PlayerPose { peer: peer.into(), pose, age_ms: 50, stale: false }
    }

    fn around(events: Vec<MeetEvent>, players: Vec<PlayerPose>) -> Around {
        Around { next: 0, events, players }
    }

    #[test]
    fn people_come_gesture_speak_and_go() {
        let (mut people, now) = (People::default(), Instant::now());
        assert_eq!(people.take(around(vec![], vec![at("x", 0.0)]), now), [], "nobody has met it");
        let wave = MeetEvent::Gestured { peer: "ada".into(), gesture: meet::Gesture::Wave };
        let said = MeetEvent::Said { peer: "ada".into(), name: "Ada".into(), text: "hello".into() };
        let news = people.take(around(vec![met("ada"), met("bob"), wave, said], vec![at("ada", 3.0)]), now);
        assert_eq!(news[0], News::Said { from: "Ada".into(), text: "hello".into() });
        let News::Player { id, name, pose } = &news[1] else { panic!("{news:?}") };
        assert_eq!((name.as_str(), pose.gesture, pose.position.local[0]), ("ada", Gesture::Wave, 3.0));
        assert!((pose.yaw + std::f32::consts::FRAC_PI_2).abs() < 1e-5, "east is to the right of north: {}", pose.yaw);

        let later = people.take(around(vec![], vec![at("ada", 4.0)]), now + GESTURE);
        assert!(matches!(&later[..], [News::Player { pose, .. }] if pose.gesture == Gesture::None), "{later:?}");
        assert_eq!(people.take(around(vec![], vec![]), now), [News::Gone { id: *id }], "it is out of sight");
        assert_eq!(people.take(around(vec![MeetEvent::Left { peer: "ada".into() }], vec![]), now), []);
        // Who was missed begins anew, under another number.
        let anew = people.take(around(vec![MeetEvent::Missed, met("ada")], vec![at("ada", 5.0), at("bob", 6.0)]), now);
        assert!(matches!(&anew[..], [News::Player { id: other, .. }] if other != id), "{anew:?}");
    }

    #[test]
    fn a_pose_comes_back_as_it_went() {
        let position = Position::new(ChunkPos::new(-7, 0, 3), [31.5, 2.0, 0.25]);
        for yaw in [0.0, 1.0, -2.5, 3.0] {
            let pose = Pose { position, yaw, pitch: -0.5, gesture: Gesture::None };
            let json = to_json(&pose, None);
            let back =
                from_json(&PlayerPose { peer: String::new(), pose: json, age_ms: 0, stale: false }, Gesture::None);
            let turn = (back.yaw - yaw).rem_euclid(std::f32::consts::TAU);
            assert!(turn.min(std::f32::consts::TAU - turn) < 1e-4, "{yaw}: {}", back.yaw);
            assert_eq!((back.position, json.mode), (position, Mode::Standing));
            assert!((back.pitch - pose.pitch).abs() < 1e-5);
        }
        let pose = Pose { position, yaw: 0.0, pitch: 0.0, gesture: Gesture::None };
        assert_eq!(to_json(&pose, Some(position.moved([0.1, 0.0, 0.0]))).mode, Mode::Walking);
    }

    #[test]
    fn a_name_is_cut_at_a_character() {
        for (name, expected) in [("Ada", "Ada"), ("", "walker"), ("\u{7}\n", "walker"), (" Bob ", "Bob")] {
            assert_eq!(fitting(name), expected);
        }
        let long = fitting(&"ü".repeat(40));
        assert_eq!(long, "ü".repeat(16));
        assert_eq!(fitting(&format!("{}ü", "x".repeat(31))), "x".repeat(31));
    }
}
