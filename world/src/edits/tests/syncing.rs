//! Two replicas that talk: they meet, cheaply, and a peer that sends garbage is named.

use super::{
    super::{sync::*, *},
    actors::*,
};
use crate::block::BlockId;

/// Lets two replicas talk until neither has anything to say; returns the bytes that went over the wire.
pub fn talk(a: &mut Graph, b: &mut Graph) -> usize {
    let mut sessions = [Session::default(), Session::default()];
    let mut wire = vec![(1, sessions[0].open(a).encode())];
    let mut bytes = 0;
    while let Some((to, message)) = wire.pop() {
        assert!(message.len() <= limits::MESSAGE_BYTES_MAX);
        bytes += message.len();
        let graph = if to == 0 { &mut *a } else { &mut *b };
        let reaction = sessions[to].handle(graph, &Plain, Message::decode(&message).unwrap()).unwrap();
        wire.extend(reaction.send.iter().map(|message| (1 - to, message.encode())));
    }
    bytes
}

#[test]
fn replicas_meet_whatever_each_has_at_about_the_cost_of_the_difference() {
    let mut a = graph(Builders::Everybody);
    let mut b = a.clone();
    for n in 0..3000 {
        act(&mut a, GUEST, place(n, 1));
    }
    let whole = talk(&mut a, &mut b);
    assert_eq!((a.state_hash(), b.log().len()), (b.state_hash(), 3000));
    let at_rest = talk(&mut a, &mut b);
    for n in 0..10 {
        act(&mut a, OWNER, place(n, 2));
        act(&mut b, STRANGER, place(n, 3));
    }
    let difference = talk(&mut b, &mut a);
    assert_eq!(a.state_hash(), b.state_hash());
    assert!(whole > 3000 * 150 && at_rest < 1000 && difference < 10_000, "{whole} {at_rest} {difference}");
    let mut newcomer = graph(Builders::Everybody);
    talk(&mut newcomer, &mut a);
    assert_eq!(a.state_hash(), newcomer.state_hash());
}

#[test]
fn large_operations_travel_in_several_batches() {
    let mut a = graph(Builders::Everybody);
    for n in 0..40 {
        act(&mut a, GUEST, Body::Place((n..n + 4096).map(|voxel| (voxel, BlockId(1))).collect()));
    }
    let mut b = graph(Builders::Everybody);
    talk(&mut b, &mut a);
    assert_eq!((b.log().len(), b.state_hash()), (40, a.state_hash()));
}

#[test]
fn versions_do_not_mix() {
    let mut a = graph(Builders::Everybody);
    let mut b = a.clone();
    let op = act(&mut a, GUEST, place(1, 1));
    a.fold(&[op.hash()]).unwrap();
    let message = Session::default().open(&a);
    let reaction = Session::default().handle(&mut b, &Plain, message).unwrap();
    assert_eq!(reaction, Reaction { behind: Some(1), ..Reaction::default() });
    let message = Session::default().open(&b);
    assert_eq!(Session::default().handle(&mut a, &Plain, message).unwrap(), Reaction::default());
}

#[test]
fn a_fresh_edit_whose_parents_are_unknown_starts_a_talk() {
    let mut a = graph(Builders::Everybody);
    let mut b = a.clone();
    act(&mut a, GUEST, place(1, 1));
    let fresh = act(&mut a, GUEST, place(2, 1));
    let reaction = Session::default().handle(&mut b, &Plain, Message::fresh(&a, &fresh)).unwrap();
    assert_eq!((reaction.pending, reaction.added), (1, 0));
    let mut session = Session::default();
    let question = session.open(&b);
    let answer = Session::default().handle(&mut a, &Plain, question).unwrap();
    let reaction = session.handle(&mut b, &Plain, answer.send[0].clone()).unwrap();
    assert_eq!((reaction.added, b.pending().0), (2, 0));
}

#[test]
fn misconduct_is_named() {
    let mut graph = graph(Builders::Owner);
    let access = graph.base().claim();
    let mut say = |ops: Vec<Vec<u8>>, next| {
        let message = Message::Ops(Batch { sequence: 0, ops, next });
        Session::default().handle(&mut graph, &Plain, message)
    };
    let empty = super::actors::graph(Builders::Owner);
    let without_right = forge(&empty, STRANGER, &[], access, place(1, 1)).op().encode();
    let mut tampered = without_right.clone();
    tampered[90] ^= 1;
    assert!(matches!(say(vec![without_right], None), Err(Misconduct::Refused(Invalid::NoRight { .. }))));
    assert!(matches!(say(vec![tampered], None), Err(Misconduct::Refused(_))));
    assert!(matches!(say(vec![vec![1, 2, 3]], None), Err(Misconduct::Refused(Invalid::Malformed(_)))));
    assert!(matches!(say(vec![vec![0; 100_000]; 2], None), Err(Misconduct::Oversized(_))));
    assert!(matches!(say(vec![Vec::new(); 1025], None), Err(Misconduct::Oversized(_))));
    assert_eq!(say(Vec::new(), Some(0)), Err(Misconduct::Circles { next: 0, last: 0 }));
    assert!(matches!(Message::decode(b"BDS\x01\x07"), Err(Misconduct::Malformed(_))));
    assert!(matches!(Message::decode(&vec![0; 300_000]), Err(Misconduct::Oversized(_))));
    assert_eq!(graph.log().len() + graph.pending().0, 0);
}
