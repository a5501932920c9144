//! Who may do what, what is refused, what is dropped, and by whose word.

use bitdust_types::Address;

use super::{super::*, actors::*};
use crate::block::{self, BlockId};

fn shown(graph: &Graph, voxel: u32) -> Option<u16> {
    graph.block(voxel).map(|block| block.0)
}

#[test]
fn each_rule_about_builders_holds_for_drafts_and_for_modified_clients() {
    use Builders::*;
    let cases: [(Builders, &[Address]); 3] =
        [(Owner, &[OWNER]), (Guests, &[OWNER, GUEST, OTHER_GUEST]), (Everybody, &ALL)];
    for (builders, allowed) in cases {
        let mut graph = graph(builders);
        let access = graph.base().claim();
        for who in ALL {
            let is_allowed = allowed.contains(&who);
            assert_eq!(graph.draft(who, place(1, 1)).is_ok(), is_allowed, "{who} under {builders:?}");
            let forged = forge(&graph, who, &[], access, place(1, 1));
            let verdict = graph.insert(forged);
            assert_eq!(verdict == Ok(Inserted::Applied), is_allowed, "{who} under {builders:?}");
            if !is_allowed {
                assert_eq!(verdict, Err(Invalid::NoRight { author: who, act: "build", access }));
            }
        }
    }
}

#[test]
fn lists_and_revocations_are_for_those_entitled() {
    let graph = graph(Builders::Everybody);
    let access = graph.base().claim();
    let refused = |author, body: Body| {
        let verdict = graph.clone().insert(forge(&graph, author, &[], access, body));
        matches!(verdict, Err(Invalid::NoRight { .. }))
    };
    for who in ALL {
        let body = Body::Access { term: 0, list: list(Builders::Owner) };
        assert_eq!(refused(who, body), who != OWNER, "list by {who}");
        for key in ALL {
            let may = match who {
                OWNER => key != OWNER,
                STEWARD | OTHER_STEWARD => ![OWNER, STEWARD, OTHER_STEWARD].contains(&key),
                _ => false,
            };
            assert_eq!(refused(who, Body::Revoke { key, seen: Vec::new() }), !may, "{who} revokes {key}");
        }
    }
}

#[test]
fn a_list_must_be_in_force_in_the_operations_own_past() {
    let mut graph = graph(Builders::Everybody);
    let first = graph.base().claim();
    let before = act(&mut graph, STRANGER, place(1, 1));
    let closed = act(&mut graph, OWNER, Body::Access { term: 0, list: list(Builders::Owner) });
    let second = AccessId(closed.hash().0);
    for (parent, access) in [(&before, second), (&closed, first), (&closed, AccessId([5; 32]))] {
        let forged = forge(&graph, OWNER, &[parent.hash()], access, place(2, 2));
        assert_eq!(graph.insert(forged), Err(Invalid::NotInForce(access)));
    }
    let forged = forge(&graph, STRANGER, &[closed.hash()], second, place(2, 2));
    assert!(matches!(graph.insert(forged), Err(Invalid::NoRight { .. })));
}

#[test]
fn depth_and_place_are_checked() {
    let mut graph = graph(Builders::Everybody);
    let mut statement = graph.draft(GUEST, place(1, 1)).unwrap();
    statement.depth = 7;
    assert_eq!(graph.insert(sign(GUEST, statement.clone())), Err(Invalid::Depth { said: 7, is: 1 }));
    statement.depth = 1;
    let spoilers: [fn(&mut Statement); 3] = [|s| s.chain += 1, |s| s.world[0] ^= 1, |s| s.pos.x += 1];
    for spoil in spoilers {
        let mut elsewhere = statement.clone();
        spoil(&mut elsewhere);
        assert_eq!(graph.insert(sign(GUEST, elsewhere)), Err(Invalid::Elsewhere));
    }
    assert_eq!(graph.insert(sign(GUEST, statement.clone())), Ok(Inserted::Applied));
    assert_eq!(graph.insert(sign(GUEST, statement)), Ok(Inserted::Known));
}

#[test]
fn a_write_beats_its_past_and_concurrent_ones_are_settled_by_depth_then_author() {
    let mut a = graph(Builders::Everybody);
    let mut b = a.clone();
    act(&mut a, OTHER_STRANGER, place(1, 1));
    act(&mut b, OWNER, place(1, 2));
    exchange(&mut a, &mut b);
    assert_eq!(shown(&a, 1), Some(1), "the same depth: the greater author");
    act(&mut a, OWNER, place(1, 3));
    assert_eq!(shown(&a, 1), Some(3), "a later one, though the author is lower");
    let mut c = b.clone();
    act(&mut b, STRANGER, place(2, 1));
    act(&mut c, OWNER, place(3, 1));
    act(&mut c, OWNER, place(2, 2));
    exchange(&mut b, &mut c);
    assert_eq!(shown(&b, 2), Some(2), "the deeper one");
}

#[test]
fn a_revocation_drops_what_its_author_had_not_seen_and_nothing_else() {
    let mut ours = graph(Builders::Everybody);
    let seen = act(&mut ours, STRANGER, place(1, 1));
    let mut theirs = ours.clone();
    let unseen = act(&mut theirs, STRANGER, place(2, 1));
    let on_top = act(&mut theirs, GUEST, place(3, 1));
    let revocation = revoke(&mut ours, OWNER, STRANGER);
    for graph in [&mut ours, &mut theirs] {
        for op in [&revocation, &unseen, &on_top] {
            graph.insert(op.clone()).unwrap();
        }
        assert_eq!(graph.dropped(&unseen.hash()), Some(Dropped::Revoked(revocation.hash())));
        assert_eq!([1, 2, 3].map(|voxel| shown(graph, voxel)), [Some(1), None, Some(1)]);
        assert_eq!(graph.dropped(&seen.hash()).or(graph.dropped(&on_top.hash())), None);
        assert!(matches!(graph.draft(STRANGER, place(4, 1)), Err(graph::DraftError::Dropped { .. })));
    }
    assert_eq!(ours.state_hash(), theirs.state_hash());
    // A client that doesn't care goes on, from before the revocation and from after it.
    let access = ours.base().claim();
    for parents in [vec![], vec![seen.hash()], vec![revocation.hash()]] {
        let forged = forge(&ours, STRANGER, &parents, access, place(9, 9));
        assert_eq!(ours.insert(forged), Ok(Inserted::Dropped(Dropped::Revoked(revocation.hash()))));
    }
    assert_eq!(shown(&ours, 9), None);
}

#[test]
fn what_was_dropped_uncovers_the_write_below_it() {
    let mut ours = graph(Builders::Everybody);
    act(&mut ours, GUEST, place(1, 1));
    let before = ours.heads().iter().copied().collect::<Vec<_>>();
    act(&mut ours, STRANGER, place(1, 2));
    act(&mut ours, STRANGER, Body::Note { voxel: 1, text: "mine".into() });
    ours.take_changes();
    // Older heads than the revoker's own undo more.
    act(&mut ours, OWNER, Body::Revoke { key: STRANGER, seen: before });
    assert_eq!(ours.take_changes(), [(1, Some(BlockId(1)))].into());
    assert!(ours.notes().is_empty());
}

#[test]
fn somebody_is_let_in_again_by_a_list_that_lifts_the_revocation() {
    let mut graph = graph(Builders::Everybody);
    let revocation = revoke(&mut graph, STEWARD, GUEST);
    let mut lifting = list(Builders::Guests);
    act(&mut graph, OWNER, Body::Access { term: 0, list: lifting.clone() });
    assert!(graph.draft(GUEST, place(1, 1)).is_err(), "a list that names a guest does not lift by itself");
    lifting.lifted.push(revocation.hash());
    act(&mut graph, OWNER, Body::Access { term: 0, list: lifting });
    act(&mut graph, GUEST, place(1, 1));
}

#[test]
fn of_concurrent_revocations_both_hold() {
    let mut a = graph(Builders::Everybody);
    let mut b = a.clone();
    revoke(&mut a, STEWARD, STRANGER);
    revoke(&mut b, OTHER_STEWARD, STRANGER);
    revoke(&mut b, OTHER_STEWARD, OTHER_STRANGER);
    exchange(&mut a, &mut b);
    assert_eq!(a.revocations()[&STRANGER].len(), 2);
    assert_eq!(a.revocations()[&OTHER_STRANGER].len(), 1);
}

#[test]
fn the_owners_word_goes_before_a_concurrent_revocation_by_whom_he_revokes() {
    let mut a = graph(Builders::Everybody);
    let mut b = a.clone();
    let theirs = act(&mut b, GUEST, place(1, 1));
    let by_steward = act(&mut b, STEWARD, Body::Revoke { key: GUEST, seen: Vec::new() });
    assert_eq!(shown(&b, 1), None);
    revoke(&mut a, OWNER, STEWARD);
    exchange(&mut a, &mut b);
    assert!(matches!(a.dropped(&by_steward.hash()), Some(Dropped::Revoked(_))));
    assert_eq!((a.dropped(&theirs.hash()), shown(&a, 1)), (None, Some(1)));
}

#[test]
fn stewards_of_different_lists_that_revoke_each_other_are_settled_by_depth_and_hash() {
    let named = |compactors: Vec<Address>| Body::Access {
        term: 0,
        list: AccessList { compactors, ..list(Builders::Everybody) },
    };
    let mut a = graph(Builders::Everybody);
    let mut b = a.clone();
    act(&mut a, OWNER, named(vec![STEWARD]));
    act(&mut b, OWNER, named(vec![OTHER_STEWARD]));
    act(&mut b, OWNER, place(1, 1));
    let lower = revoke(&mut a, STEWARD, OTHER_STEWARD);
    let deeper = revoke(&mut b, OTHER_STEWARD, STEWARD);
    exchange(&mut a, &mut b);
    assert_eq!(a.dropped(&lower.hash()), None);
    assert_eq!(a.dropped(&deeper.hash()), Some(Dropped::Revoked(lower.hash())));
}

#[test]
fn a_tighter_list_drops_those_it_leaves_out_who_had_not_seen_it() {
    let mut ours = graph(Builders::Everybody);
    act(&mut ours, STRANGER, place(1, 1));
    let mut theirs = ours.clone();
    let closed = act(&mut ours, OWNER, Body::Access { term: 0, list: list(Builders::Guests) });
    let stranger = act(&mut theirs, STRANGER, place(2, 1));
    let guest = act(&mut theirs, GUEST, place(3, 1));
    exchange(&mut ours, &mut theirs);
    assert_eq!(ours.dropped(&stranger.hash()), Some(Dropped::Superseded(AccessId(closed.hash().0))));
    assert_eq!(ours.dropped(&guest.hash()), None);
    assert_eq!([1, 2, 3].map(|voxel| shown(&ours, voxel)), [Some(1), None, Some(1)]);
    // A wider list, concurrent to nothing that it leaves out, drops nothing.
    act(&mut theirs, OWNER, Body::Access { term: 0, list: list(Builders::Everybody) });
    act(&mut theirs, STRANGER, place(2, 5));
    assert_eq!(shown(&theirs, 2), Some(5));
}

#[test]
fn concurrent_lists_of_one_owner_are_both_in_force_until_he_merges_them() {
    let mut a = graph(Builders::Owner);
    let mut b = a.clone();
    let only = |guest| Body::Access { term: 0, list: AccessList { guests: vec![guest], ..list(Builders::Guests) } };
    act(&mut a, OWNER, only(GUEST));
    act(&mut b, OWNER, only(OTHER_GUEST));
    exchange(&mut a, &mut b);
    assert_eq!(a.lists_in_force().len(), 2);
    act(&mut a, GUEST, place(1, 1));
    act(&mut a, OTHER_GUEST, place(2, 2));
    act(&mut a, OWNER, only(GUEST));
    assert_eq!(a.lists_in_force().len(), 1);
    assert!(a.draft(OTHER_GUEST, place(2, 2)).is_err());
    assert_eq!((shown(&a, 1), shown(&a, 2)), (Some(1), Some(2)), "he had seen both");
}

#[test]
fn a_new_owner_ends_the_former_ones_word() {
    let mut ours = graph(Builders::Everybody);
    act(&mut ours, GUEST, place(1, 1));
    let mut theirs = ours.clone();
    ours.change_owner(HEIR);
    assert_eq!((ours.term(), ours.may_fold(HEIR), ours.may_fold(OWNER)), (1, true, false));
    assert!(ours.draft(HEIR, Body::Access { term: 0, list: list(Builders::Owner) }).is_err());
    let new = act(&mut ours, HEIR, Body::Access { term: 1, list: list(Builders::Guests) });
    // The former owner, who has sold, wipes the place from an offline replica.
    let wiping = act(&mut theirs, OWNER, Body::Revoke { key: GUEST, seen: Vec::new() });
    let closing =
        forge(&theirs, OWNER, &[], theirs.base().claim(), Body::Access { term: 0, list: list(Builders::Owner) });
    theirs.insert(closing.clone()).unwrap();
    assert_eq!(shown(&theirs, 1), None);
    // A replica that does not follow the ledger yet keeps the new list until it does.
    carry(&ours, &mut theirs);
    assert_eq!(theirs.pending().0, 1);
    theirs.change_owner(HEIR);
    assert_eq!(theirs.pending().0, 0);
    exchange(&mut ours, &mut theirs);
    let id = AccessId(new.hash().0);
    assert_eq!(ours.dropped(&wiping.hash()), Some(Dropped::Superseded(id)));
    assert_eq!(ours.dropped(&closing.hash()), Some(Dropped::VoidList(AccessId(closing.hash().0))));
    assert_eq!(shown(&ours, 1), Some(1));
    assert_eq!(ours.lists_in_force(), [id].into());
    // What a guest signs on the void list alone is void with it.
    let misled = forge(&ours, OWNER, &[closing.hash()], AccessId(closing.hash().0), place(7, 7));
    assert_eq!(ours.insert(misled), Ok(Inserted::Dropped(Dropped::VoidList(AccessId(closing.hash().0)))));
    // The former owner can't speak for his term on top of the new one.
    let late = Body::Access { term: 0, list: list(Builders::Owner) };
    let parents: Vec<OpHash> = ours.heads().iter().copied().collect();
    let forged = forge(&ours, OWNER, &parents, id, late);
    assert!(matches!(ours.insert(forged), Err(Invalid::NoRight { .. })));
    // Nor revoke the new owner, whose word now reaches him.
    let revocation = revoke(&mut ours, HEIR, OWNER);
    assert_eq!(ours.revocations()[&OWNER], [revocation.hash()]);
}

#[test]
fn two_players_who_built_apart_by_different_clocks_meet_in_one_world_and_so_does_a_third_from_the_log() {
    use k256::ecdsa::SigningKey;
    let keys = [11, 12, 13].map(|seed| SigningKey::from_slice(&[seed; 32]).unwrap());
    let [owner, ann, ben] = keys.each_ref().map(|key| bitdust_types::signing::address_of(key.verifying_key()));
    let mut guests = vec![ann, ben];
    guests.sort();
    let access = AccessList { guests, builders: Builders::Guests, ..AccessList::default() };
    let claim = Claim { owner, access, ..claim(Builders::Guests) };
    let mut replicas = [Graph::new(claim.clone()).unwrap(), Graph::new(claim.clone()).unwrap()];
    // Ben's clock is a day ahead, and he edits four times as often; no byte of an operation depends on a clock.
    for tick in 0..60_u32 {
        for (player, (key, who)) in [(&keys[1], ann), (&keys[2], ben)].into_iter().enumerate() {
            let is_his_turn = player == 1 || tick % 4 == 0;
            if is_his_turn {
                let body = place(tick % 7, 1 + 20 * player as u16 + (tick % 19) as u16);
                let statement = replicas[player].draft(who, body).unwrap();
                let op = statement.sign(key).unwrap().check(&Secp256k1).unwrap();
                assert_eq!(op.author(), who);
                assert_eq!(replicas[player].insert(op), Ok(Inserted::Applied));
            }
        }
    }
    let [anns, bens] = &mut replicas;
    assert_ne!(anns.state_hash(), bens.state_hash());
    exchange(anns, bens);
    let log: Vec<Vec<u8>> = anns.log().map(|op| op.op().encode()).collect();
    assert_eq!(log.len(), 60 + 15);
    let read = log.iter().map(|bytes| Op::decode(bytes).unwrap().check(&Secp256k1).unwrap());
    let third = Graph::replay(claim.clone(), &[owner], Folded::unchanged(&claim), read).unwrap();
    assert_eq!(third.state_hash(), bens.state_hash());
    let mut chunks = [block::STONE; 2].map(crate::Chunk::uniform);
    third.apply_to(0, &mut chunks[0]);
    bens.apply_to(0, &mut chunks[1]);
    assert_eq!(chunks[0], chunks[1]);
    assert_ne!(chunks[0], crate::Chunk::uniform(block::STONE));
    // A flipped bit anywhere is another author's, without the right, or no operation at all.
    let bytes = &log[3];
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let checked = Op::decode(&bytes).and_then(|op| op.check(&Secp256k1));
        let verdict = checked.and_then(|op| third.clone().insert(op));
        let is_harmless = matches!(&verdict, Err(_) | Ok(Inserted::Pending(_)));
        assert!(is_harmless, "bit {bit}: {verdict:?}");
    }
}
