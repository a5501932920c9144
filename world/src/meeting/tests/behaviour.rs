//! One player's state machine: who is told what, when, and who is not listened to.

use std::collections::BTreeSet;

use bitdust_types::signing;

use super::{account, at, crowd, key, me, peer};
use crate::{
    LocationPos,
    meeting::{
        Channel, Crowd, Effect, Gesture, Hello, Input, Invalid, Kind, Message, NotSent, Pose, Rate, Stance,
        greeting_hash, limits, place_key,
    },
};

use super::WORLD;

fn sent(effects: &[Effect], to: u16) -> Vec<Message> {
    let messages = effects.iter().filter_map(|effect| match effect {
        Effect::Send(other, _, bytes) if *other == peer(to) => Some(Message::decode(bytes).unwrap()),
        _ => None,
    });
    messages.collect()
}

fn receive(crowd: &mut Crowd, now_ms: u64, from: u16, message: &Message) -> Vec<Effect> {
    crowd.handle(now_ms, Input::Received(peer(from), message.to_bytes()))
}

/// Player `number`, standing at the origin, whom the others have met, each at its place.
fn among(number: u16, others: &[(u16, Stance)]) -> Crowd {
    let mut crowd = crowd(number);
    crowd.handle(0, Input::Stand(at(0, 0, 0)));
    for (other, stance) in others {
        let effects = greet(&mut crowd, 0, number, *other, stance);
        assert!(effects.contains(&Effect::Met(peer(*other))), "{effects:?}");
    }
    crowd
}

fn greet(crowd: &mut Crowd, now_ms: u64, number: u16, other: u16, stance: &Stance) -> Vec<Effect> {
    let effects = crowd.handle(now_ms, Input::Connected(peer(other)));
    let Some(Message::Challenge(challenge)) = sent(&effects, other).pop() else { panic!("no challenge: {effects:?}") };
    crowd.handle(now_ms, Input::Signed(peer(other), [0; 65]));
    let person = me(other);
    let hash = greeting_hash(WORLD, &person.peer, &peer(number), &challenge, &person.name, &person.look);
    let signature = signing::sign(&key(other), hash).unwrap();
    let (account, name, look) = (person.account, person.name, person.look);
    receive(crowd, now_ms, other, &Message::Hello(Hello { account, name, look, position: stance.position, signature }))
}

/// Ticks every 50 ms up to a time; what was sent to `to`.
fn run(crowd: &mut Crowd, from_ms: u64, to_ms: u64, to: u16) -> Vec<Message> {
    let effects: Vec<_> = (from_ms..to_ms).step_by(50).flat_map(|now| crowd.handle(now, Input::Tick)).collect();
    sent(&effects, to)
}

#[test]
fn players_near_a_border_are_in_both_locations() {
    let mut crowd = crowd(1);
    let key = |x, y, z| place_key(WORLD, LocationPos::new(x, y, z));
    let announced = |effects: Vec<Effect>| -> BTreeSet<_> {
        effects
            .into_iter()
            .filter(|effect| matches!(effect, Effect::Announce(_) | Effect::Unannounce(_)))
            .map(|e| format!("{e:?}"))
            .collect()
    };
    let expect = |effects: &[Effect]| effects.iter().map(|effect| format!("{effect:?}")).collect::<BTreeSet<_>>();
    let mut stand = |x, y, z| announced(crowd.handle(0, Input::Stand(at(x, y, z))));
    assert_eq!(stand(128, 128, 128), expect(&[Effect::Announce(key(0, 0, 0))]));
    assert_eq!(stand(80, 128, 128), expect(&[]));
    assert_eq!(stand(79, 128, 128), expect(&[Effect::Announce(key(-1, 0, 0))]));
    assert_eq!(stand(-1, 128, 128), expect(&[]));
    assert_eq!(stand(-112, 128, 128), expect(&[]));
    assert_eq!(stand(-113, 128, 128), expect(&[Effect::Unannounce(key(0, 0, 0))]));
    let corner = stand(0, 0, 0);
    assert_eq!(corner.len(), 7, "eight locations meet here, one is known: {corner:?}");
    assert_eq!(stand(39 * 256 + 128, 128, 128).len(), 9);
    let left = announced(crowd.handle(0, Input::Leave));
    assert_eq!(left, expect(&[Effect::Unannounce(key(39, 0, 0))]));
}

#[test]
fn only_those_in_sight_get_poses_and_words() {
    let places = [(2, at(10, 0, 0)), (3, at(100, 0, 0)), (4, at(170, 0, 0))];
    let mut crowd = among(1, &places);
    for (other, _) in places {
        receive(&mut crowd, 0, other, &Message::Want(Rate::Full));
    }
    let mut poses = [0; 3];
    for now in (0..10_000).step_by(50) {
        // Never still, so that full rate is full.
        crowd.handle(now, Input::Stand(Stance { yaw: now as u16, ..at(0, 0, 0) }));
        let effects = crowd.handle(now, Input::Tick);
        for (count, other) in poses.iter_mut().zip(2..) {
            *count += sent(&effects, other).iter().filter(|message| message.kind() == Kind::Pose).count();
        }
    }
    assert_eq!(poses, [100, 20, 0]);
    let effects = crowd.handle(10_000, Input::Say("hello".into()));
    let words = [2, 3, 4].map(|other| sent(&effects, other).len());
    assert_eq!(words, [1, 1, 0]);
}

#[test]
fn who_stands_still_costs_little_and_poses_are_the_only_thing_that_may_be_lost() {
    let mut crowd = among(1, &[(2, at(10, 0, 0))]);
    receive(&mut crowd, 0, 2, &Message::Want(Rate::Full));
    let poses = run(&mut crowd, 1000, 11_000, 2).into_iter().filter(|message| message.kind() == Kind::Pose).count();
    assert_eq!(poses, 20);
    for effect in (11_000..13_000).step_by(50).flat_map(|now| crowd.handle(now, Input::Tick)) {
        if let Effect::Send(_, channel, bytes) = effect {
            let pose = Message::decode(&bytes).unwrap().kind() == Kind::Pose;
            assert_eq!(channel == Channel::Latest, pose);
        }
    }
}

#[test]
fn nothing_is_believed_before_hello_and_no_hello_twice() {
    let mut crowd = among(1, &[]);
    crowd.handle(0, Input::Connected(peer(2)));
    let early = receive(&mut crowd, 0, 2, &Message::Pose(Pose::new(&at(1, 0, 0), 0, 0)));
    assert_eq!(early, [Effect::Refused(peer(2), Invalid::Early)]);
    assert_eq!(crowd.neighbours(0).count(), 0);

    greet(&mut crowd, 0, 1, 3, &at(1, 0, 0));
    let Hello { account, name, look, position, signature } = Hello {
        account: account(3),
        name: "x".into(),
        look: me(3).look,
        position: at(0, 0, 0).position,
        signature: [0; 65],
    };
    let again = receive(&mut crowd, 0, 3, &Message::Hello(Hello { account, name, look, position, signature }));
    assert_eq!(again, [Effect::Refused(peer(3), Invalid::Unasked)]);
    assert_eq!(crowd.neighbours(0).count(), 1);
}

#[test]
fn an_impostor_is_named_and_disconnected() {
    let mut crowd = among(1, &[]);
    let effects = crowd.handle(0, Input::Connected(peer(2)));
    let Some(Message::Challenge(challenge)) = sent(&effects, 2).pop() else { panic!("no challenge") };
    // Player 2 claims to be player 3's account.
    let person = me(3);
    let hash = greeting_hash(WORLD, &peer(2), &peer(1), &challenge, &person.name, &person.look);
    let signature = signing::sign(&key(2), hash).unwrap();
    let position = at(0, 0, 0).position;
    let hello = Hello { account: person.account, name: person.name, look: person.look, position, signature };
    let effects = receive(&mut crowd, 0, 2, &Message::Hello(hello));
    assert_eq!(effects, [Effect::Refused(peer(2), Invalid::Signature(account(3))), Effect::Disconnect(peer(2))]);
    assert_eq!(crowd.handle(1000, Input::Connected(peer(2))), [Effect::Disconnect(peer(2))]);
}

#[test]
fn a_flood_is_dropped_named_once_and_ends_the_link() {
    let mut crowd = among(1, &[(2, at(10, 0, 0))]);
    let effects: Vec<_> =
        (0..1000u64).flat_map(|i| receive(&mut crowd, 1000 + i, 2, &Message::Chat("spam".into()))).collect();
    let said = effects.iter().filter(|effect| matches!(effect, Effect::Said(..))).count();
    assert!((8..=9).contains(&said), "{said}");
    let named: Vec<_> = effects.iter().filter(|effect| matches!(effect, Effect::Flooding(..))).collect();
    assert_eq!(named, [&Effect::Flooding(peer(2), Kind::Chat); 2]);
    assert_eq!(effects.last(), Some(&Effect::Disconnect(peer(2))));
    assert_eq!(crowd.links(), 0);
}

#[test]
fn whoever_sends_garbage_is_named_and_shut_out() {
    type IsNamed = fn(&Invalid) -> bool;
    let bad: [(Input, IsNamed); 4] = [
        (Input::Received(peer(2), vec![1, 99, 0]), |invalid| matches!(invalid, Invalid::Unreadable(_))),
        (Input::Received(peer(2), vec![9; 40]), |invalid| matches!(invalid, Invalid::Version)),
        (Input::Received(peer(2), vec![1; 4000]), |invalid| matches!(invalid, Invalid::TooLarge(4000))),
        (Input::Overlong(peer(2), 1 << 30), |invalid| matches!(invalid, Invalid::TooLarge(n) if *n == 1 << 30)),
    ];
    for (input, is_named) in bad {
        let mut crowd = among(1, &[(2, at(10, 0, 0)), (3, at(11, 0, 0))]);
        let effects = crowd.handle(0, input.clone());
        let [Effect::Left(_), Effect::Disconnect(_)] = &effects[1..] else { panic!("{input:?}: {effects:?}") };
        assert!(
            matches!(&effects[0], Effect::Refused(who, invalid) if *who == peer(2) && is_named(invalid)),
            "{effects:?}"
        );
        assert_eq!(crowd.neighbours(0).count(), 1, "the others stay");
        assert_eq!(crowd.handle(1000, Input::Connected(peer(2))), [Effect::Disconnect(peer(2))], "{input:?}");
    }
    let mut crowd = among(1, &[]);
    assert_eq!(crowd.handle(0, Input::Received(peer(9), vec![0; 5000])), [], "from nobody we know");
}

#[test]
fn what_happens_to_the_honest_is_named_once_in_a_while_and_changes_nothing() {
    let mut crowd = among(1, &[(2, at(10, 0, 0))]);
    let again = Message::Hello(Hello {
        account: account(2),
        name: "x".into(),
        look: me(2).look,
        position: at(0, 0, 0).position,
        signature: [0; 65],
    });
    let mut refused = |now| receive(&mut crowd, now, 2, &again);
    assert_eq!(refused(0), [Effect::Refused(peer(2), Invalid::Unasked)]);
    assert_eq!(refused(100), []);
    assert_eq!(refused(10_100), [Effect::Refused(peer(2), Invalid::Unasked)]);
    assert_eq!(crowd.neighbours(0).count(), 1);
}

#[test]
fn the_muted_are_not_heard() {
    let mut crowd = among(1, &[(2, at(10, 0, 0))]);
    let said = |effects: &[Effect]| effects == [Effect::Said(peer(2), "hello".into())];
    let chat = Message::Chat("hello".into());
    assert!(said(&receive(&mut crowd, 0, 2, &chat)));
    crowd.handle(0, Input::Mute(account(2), true));
    assert_eq!(receive(&mut crowd, 0, 2, &chat), []);
    assert_eq!(receive(&mut crowd, 0, 2, &Message::Gesture(Gesture::Wave)), []);
    assert!(crowd.neighbours(0).all(|neighbour| neighbour.muted));
    crowd.handle(0, Input::Mute(account(2), false));
    assert!(said(&receive(&mut crowd, 0, 2, &chat)));
}

#[test]
fn ones_own_words_are_bounded_too() {
    let mut crowd = among(1, &[(2, at(10, 0, 0))]);
    assert_eq!(crowd.handle(0, Input::Say("x".repeat(501))), [Effect::NotSent(NotSent::Unsayable)]);
    let spoken = (0..20).filter(|_| !sent(&crowd.handle(0, Input::Say("x".into())), 2).is_empty()).count();
    assert_eq!(spoken, 5);
    assert_eq!(crowd.handle(0, Input::Say("x".into())), [Effect::NotSent(NotSent::TooFast)]);
}

#[test]
fn those_who_want_privacy_are_connected_through_relays() {
    let mut private = Crowd::new(super::Me { via_relay: true, ..me(1) }, [1; 32]);
    private.handle(0, Input::Stand(at(0, 0, 0)));
    private.handle(0, Input::Found(vec![peer(1), peer(2)]));
    let effects = private.handle(0, Input::Tick);
    let connects: Vec<_> = effects.iter().filter(|effect| matches!(effect, Effect::Connect { .. })).collect();
    assert_eq!(connects, [&Effect::Connect { peer: peer(2), via_relay: true }]);
}

#[test]
fn a_silent_stranger_and_a_far_acquaintance_are_let_go() {
    let mut crowd = among(1, &[(2, at(100, 0, 0)), (3, at(2000, 0, 0))]);
    crowd.handle(0, Input::Connected(peer(4)));
    assert_eq!(crowd.links(), 3);
    run(&mut crowd, 0, limits::HELLO_MS + 1000, 2);
    let left: Vec<_> = crowd.neighbours(0).map(|neighbour| neighbour.name.to_owned()).collect();
    assert_eq!(left, ["player 2"]);
}

#[test]
fn liars_can_not_fill_the_links() {
    let mut crowd = among(1, &[(2, at(10, 0, 0))]);
    let mut connects = 0;
    for second in 0..20u64 {
        for now in (second * 1000..second * 1000 + 1000).step_by(50) {
            let heard = (0..limits::HEARD_MAX as u16).map(|i| crate::meeting::Heard {
                peer: peer(1000 + second as u16 * 300 + (now / 50 % 20) as u16 * 12 + i),
                chunk: [0; 3],
                age_ds: 0,
            });
            receive(&mut crowd, now, 2, &Message::Peers(heard.collect()));
            let effects = crowd.handle(now, Input::Tick);
            connects += effects.iter().filter(|effect| matches!(effect, Effect::Connect { .. })).count();
        }
    }
    assert_eq!(connects, limits::CONNECTING_MAX, "no attempt has been answered yet");
}
