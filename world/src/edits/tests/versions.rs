//! Folding: those who folded, those who did so later, and those who loaded the version end with the same world.

use std::collections::BTreeMap;

use super::{super::*, actors::*};
use crate::{Chunk, block::BlockId};

fn heads(graph: &Graph) -> Vec<OpHash> {
    graph.heads().iter().copied().collect()
}

/// The blocks of a version with the edits on top.
fn world(chunks: &BTreeMap<u32, BlockId>, graph: &Graph) -> BTreeMap<u32, BlockId> {
    let mut world = chunks.clone();
    world.extend(graph.materialize());
    world
}

fn reload(graph: &Graph) -> Graph {
    let base = Folded::decode(&graph.base().encode()).unwrap();
    let log: Vec<Checked> = graph.log().cloned().collect();
    let loaded = Graph::replay(graph.claim().clone(), graph.owners(), base, log).unwrap();
    assert_eq!(loaded.state_hash(), graph.state_hash());
    loaded
}

#[test]
fn a_late_operation_merges_as_if_nothing_had_been_folded() {
    let mut folding = graph(Builders::Everybody);
    act(&mut folding, GUEST, place(1, 1));
    let mut away = folding.clone();
    let mut not_folding = folding.clone();
    // Voxel 1: the base's stamp is greater; voxel 2: the late one's; voxel 3: nobody else's.
    for (voxel, author) in [(1, OTHER_STRANGER), (2, OWNER), (4, OWNER)] {
        let op = forge(&folding, author, &heads(&away), folding.base().claim(), place(voxel, 7));
        folding.insert(op.clone()).unwrap();
        not_folding.insert(op).unwrap();
    }
    act(&mut folding, OWNER, place(5, 7));
    act(&mut folding, OWNER, Body::Note { voxel: 9, text: "by the owner".into() });
    carry(&folding, &mut not_folding);
    let seen = heads(&folding);
    let mut chunks = folding.fold(&seen).unwrap().changes;
    assert_eq!(folding.log().len() + folding.materialize().len(), 0);

    let body = Body::Place([1, 2, 3].map(|voxel| (voxel, BlockId(8))).to_vec());
    let late = act(&mut away, GUEST, body);
    let note = act(&mut away, GUEST, Body::Note { voxel: 9, text: "by a guest".into() });
    for graph in [&mut folding, &mut not_folding] {
        for op in [&late, &note] {
            assert_eq!(graph.insert(op.clone()), Ok(Inserted::Applied));
        }
        assert_eq!(graph.notes()[&9], "by the owner", "deeper");
    }
    let merged = [(1, 7), (2, 8), (3, 8), (4, 7), (5, 7)].map(|(voxel, block)| (voxel, BlockId(block)));
    assert_eq!(world(&chunks, &folding), BTreeMap::from(merged));
    assert_eq!(world(&BTreeMap::new(), &not_folding), BTreeMap::from(merged));
    let loaded = reload(&folding);
    // Whoever folds later, with the late operation in the log, gets the same version to the byte.
    let later = not_folding.fold(&seen).unwrap();
    assert_eq!((later.changes, later.orphaned), (chunks.clone(), Vec::new()));
    assert_eq!(not_folding.base(), folding.base());
    for graph in [&mut not_folding, &mut folding] {
        assert_eq!(graph.state_hash(), loaded.state_hash());
    }
    let next = folding.fold(&heads(&loaded)).unwrap();
    chunks.extend(next.changes);
    assert_eq!(chunks, BTreeMap::from(merged));
    assert_eq!((folding.base().sequence(), folding.notes()[&9]), (2, "by the owner"));
}

#[test]
fn what_was_folded_is_final_and_revocations_of_the_base_go_on_binding() {
    let mut folding = graph(Builders::Everybody);
    let mut revoking = folding.clone();
    act(&mut folding, STRANGER, place(1, 1));
    act(&mut folding, GUEST, place(2, 1));
    let by_folded = revoke(&mut folding, STEWARD, GUEST);
    let chunks = folding.fold(&heads(&folding)).unwrap().changes;
    // Concurrent to the fold, and arriving after it.
    let late = act(&mut revoking, OWNER, Body::Revoke { key: STRANGER, seen: Vec::new() });
    assert_eq!(folding.insert(late.clone()), Ok(Inserted::Applied));
    assert_eq!(world(&chunks, &folding).len(), 2);
    assert!(folding.draft(STRANGER, place(3, 1)).is_err());
    let unaware = act(&mut revoking, GUEST, place(3, 1));
    assert_eq!(folding.insert(unaware.clone()), Ok(Inserted::Dropped(Dropped::Revoked(by_folded.hash()))));
    // One who learns of the fold after the revocation held it against the stranger until then.
    let mut learning = graph(Builders::Everybody);
    for op in [&late, &unaware] {
        learning.insert(op.clone()).unwrap();
    }
    let mut source = graph(Builders::Everybody);
    act(&mut source, STRANGER, place(1, 1));
    act(&mut source, GUEST, place(2, 1));
    source.insert(by_folded.clone()).unwrap();
    carry(&source, &mut learning);
    assert_eq!(learning.block(1), None);
    let fold = learning.fold(folding.base().heads()).unwrap();
    assert_eq!(fold.changes, chunks);
    assert_eq!(learning.state_hash(), folding.state_hash());
    assert_eq!(reload(&learning).log().len(), learning.log().len());
}

#[test]
fn who_was_away_for_longer_than_the_horizon_makes_his_edits_again() {
    let mut here = graph(Builders::Everybody);
    act(&mut here, OWNER, place(1, 1));
    let mut away = here.clone();
    let mut not_folding = here.clone();
    for n in 0..limits::HORIZON_DEPTHS + 10 {
        let op = act(&mut here, OWNER, place((n % 100) as u32, 2));
        not_folding.insert(op).unwrap();
    }
    let lost = act(&mut away, GUEST, place(500, 1));
    let on_top = act(&mut away, OTHER_GUEST, place(501, 1));
    let seen = heads(&here);
    here.fold(&seen).unwrap();
    assert_eq!(here.insert(lost.clone()), Ok(Inserted::TooOld));
    // He who had it in his log loses it with the fold, and all that was built on it.
    for op in [&lost, &on_top] {
        assert_eq!(not_folding.insert(op.clone()), Ok(Inserted::Applied));
    }
    let merging = act(&mut not_folding, GUEST, place(502, 1));
    let fold = not_folding.fold(&seen).unwrap();
    assert_eq!(fold.orphaned, [lost.clone(), on_top, merging.clone()]);
    assert!(not_folding.take_changes().contains_key(&500), "so that its picture can be taken back");
    assert_eq!((not_folding.state_hash(), not_folding.pending().0), (here.state_hash(), 0));
    // Deep enough itself, but it hangs on to what is gone: it waits in vain.
    assert!(matches!(here.insert(merging), Ok(Inserted::Pending(_))));
    assert!(here.base().floor() >= 10);
    let again = sign(GUEST, not_folding.draft(GUEST, lost.body().clone()).unwrap());
    assert_eq!(here.insert(again), Ok(Inserted::Applied));
    assert_eq!(here.block(500), Some(BlockId(1)));
    reload(&here);
}

#[test]
fn the_horizon_is_bounded_in_operations_and_voxels() {
    let mut wide = graph(Builders::Everybody);
    let empty = wide.clone();
    let access = wide.base().claim();
    let mut tops = Vec::new();
    for row in 0..limits::HORIZON_OPS_MAX as u32 / 16 + 10 {
        let mut ops = Vec::new();
        for column in 0..16 {
            let op = forge(if row == 0 { &empty } else { &wide }, GUEST, &tops, access, place(row, column));
            assert_eq!(wide.insert(op.clone()), Ok(Inserted::Applied));
            ops.push(op.hash());
        }
        tops = ops;
    }
    wide.fold(&tops).unwrap();
    assert_eq!(wide.base().floor(), 11);
    let mut large = graph(Builders::Everybody);
    for n in 0..20 {
        let first = n * 4096;
        act(&mut large, GUEST, Body::Place((first..first + 4096).map(|voxel| (voxel, BlockId(1))).collect()));
    }
    large.fold(&heads(&large)).unwrap();
    assert_eq!(large.base().floor(), 4, "16 operations of 4,096 voxels are kept");
    for graph in [&wide, &large] {
        assert!(graph.base().encode().len() < limits::FOLDED_BYTES_MAX);
        reload(graph);
    }
}

#[test]
fn a_chunk_shows_the_edits_that_lie_in_it() {
    let mut graph = graph(Builders::Everybody);
    let voxel = graph.claim().pos.chunk(300).origin().offset(3, 4, 5);
    let number = voxel::number(voxel);
    act(&mut graph, GUEST, Body::Place(vec![(number - 1, BlockId(2)), (number, BlockId(3))]));
    let mut chunk = Chunk::uniform(BlockId(1));
    graph.apply_to(300, &mut chunk);
    assert_eq!((chunk.get(2, 4, 5), chunk.get(3, 4, 5), chunk.get(4, 4, 5)), (BlockId(2), BlockId(3), BlockId(1)));
    let mut other = Chunk::uniform(BlockId(1));
    graph.apply_to(299, &mut other);
    assert_eq!(other.as_uniform(), Some(BlockId(1)));
    assert_eq!(graph.take_changes(), [(number - 1, Some(BlockId(2))), (number, Some(BlockId(3)))].into());
    assert!(graph.take_changes().is_empty());
}

#[test]
fn a_base_of_another_place_or_with_broken_references_is_refused() {
    let mut graph = graph(Builders::Everybody);
    act(&mut graph, GUEST, place(1, 1));
    graph.change_owner(HEIR);
    act(&mut graph, HEIR, Body::Access { term: 1, list: list(Builders::Owner) });
    graph.fold(&heads(&graph)).unwrap();
    let base = graph.base();
    let load = |claim: Claim, owners: &[bitdust_types::Address]| {
        Graph::replay(claim, owners, base.clone(), Vec::new()).map(|_| ()).unwrap_err()
    };
    assert_eq!(load(claim(Builders::Everybody), &[OWNER]), FoldError::Ahead(1));
    assert_eq!(load(claim(Builders::Owner), &[OWNER, HEIR]), FoldError::Elsewhere);
    assert_eq!(super::actors::graph(Builders::Owner).fold(&[]).unwrap_err(), FoldError::Heads(0));
    assert_eq!(graph.fold(&[OpHash([1; 32])]).unwrap_err(), FoldError::Unknown(OpHash([1; 32])));
    // Whatever byte is changed, loading ends with a graph or an error, and what is read is read to the end.
    let bytes = graph.base().encode();
    for at in 0..bytes.len() {
        for flip in [1, 128] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            if let Ok(base) = Folded::decode(&bytes) {
                assert_eq!(base.encode(), bytes);
                let loaded = Graph::replay(claim(Builders::Everybody), &[OWNER, HEIR], base, Vec::new());
                let Ok(mut loaded) = loaded else { continue };
                if let Ok(statement) = loaded.draft(HEIR, place(2, 2)) {
                    _ = loaded.insert(sign(HEIR, statement));
                }
                if loaded.fold(&loaded.heads_to_fold()).is_ok() {
                    let next = loaded.base();
                    assert_eq!(Folded::decode(&next.encode()).as_ref(), Ok(next), "folded on byte {at} ^ {flip}");
                }
            }
        }
    }
}
