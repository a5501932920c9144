//! Nothing that a peer sends makes a replica grow beyond its limits.

use bitdust_types::Address;

use super::{
    super::{limits::*, *},
    actors::*,
};
use crate::block::BlockId;

fn numbered(n: u32) -> Address {
    Address::left_padding_from(&(n + 1).to_be_bytes())
}

#[test]
fn operations_on_parents_that_never_come_are_forgotten() {
    let mut graph = graph(Builders::Everybody);
    let mut statement = graph.draft(OWNER, place(1, 1)).unwrap();
    statement.depth = 2;
    let mut last = None;
    for n in 0..3 * PENDING_OPS_MAX as u32 {
        statement.parents = vec![OpHash([n as u8; 32].map(|byte| byte ^ (n >> 8) as u8)), OpHash([255; 32])];
        statement.parents.sort();
        statement.parents.dedup();
        let op = sign(numbered(n), statement.clone());
        assert!(matches!(graph.insert(op.clone()), Ok(Inserted::Pending(_))));
        last = Some(op);
        assert!(graph.pending().0 <= PENDING_OPS_MAX && graph.pending().1 <= PENDING_BYTES_MAX);
    }
    assert_eq!(graph.pending().0, PENDING_OPS_MAX);
    assert!(graph.missing().len() <= PENDING_OPS_MAX * PARENTS_MAX);
    assert_eq!(graph.insert(last.unwrap()), Ok(Inserted::Known));
    assert_eq!(graph.log().len(), 0);
}

#[test]
fn large_ones_are_bounded_by_their_bytes_and_each_author_by_a_share() {
    let mut graph = graph(Builders::Everybody);
    let body = Body::Place((0..4096).map(|voxel| (voxel, BlockId(1))).collect());
    let mut statement = graph.draft(OWNER, body).unwrap();
    statement.depth = 2;
    let insert = |graph: &mut Graph, statement: &mut Statement, n: u32, author| {
        statement.parents = vec![OpHash([7; 32])];
        statement.depth = u64::from(n) + 2;
        graph.insert(sign(author, statement.clone()))
    };
    for n in 0..PENDING_PER_AUTHOR_MAX {
        let is_kept = graph.pending().1 + 25_000 < PENDING_BYTES_MAX;
        assert!(matches!(insert(&mut graph, &mut statement, n, GUEST), Ok(Inserted::Pending(_))));
        assert!(graph.pending().1 <= PENDING_BYTES_MAX);
        assert!(graph.pending().0 == n as usize + 1 || !is_kept);
    }
    let mut statement = graph.draft(OWNER, place(1, 1)).unwrap();
    let mut outcomes = Vec::new();
    for n in 0..2 * PENDING_PER_AUTHOR_MAX {
        outcomes.push(insert(&mut graph, &mut statement, n, STRANGER).unwrap());
    }
    let kept = outcomes.iter().filter(|outcome| **outcome != Inserted::Full).count();
    assert_eq!(kept, PENDING_PER_AUTHOR_MAX as usize);
}

#[test]
fn strangers_fill_half_of_the_log_and_each_author_a_quarter_until_a_fold() {
    let mut graph = graph(Builders::Everybody);
    let access = graph.base().claim();
    // The claim and the base, so that drafts of 65,536 heads are not part of the measure.
    let empty = graph.clone();
    let mut fill = |author: Address, count: u32| {
        let insert = |n: u32| graph.insert(forge(&empty, author, &[], access, place(n, 1))).unwrap();
        (0..count).map(insert).filter(|outcome| *outcome == Inserted::Applied).count() as u32
    };
    assert_eq!(fill(STRANGER, AUTHOR_OPS_MAX + 5), AUTHOR_OPS_MAX);
    assert_eq!(fill(OTHER_STRANGER, AUTHOR_OPS_MAX), AUTHOR_OPS_MAX);
    assert_eq!(2 * AUTHOR_OPS_MAX, STRANGERS_OPS_MAX);
    assert_eq!(fill(HEIR, 5), 0);
    assert_eq!(fill(GUEST, AUTHOR_OPS_MAX), AUTHOR_OPS_MAX);
    assert_eq!(fill(OTHER_GUEST, AUTHOR_OPS_MAX), AUTHOR_OPS_MAX);
    assert_eq!(fill(OWNER, 1), 0, "{} operations", OPS_MAX);
    assert!(matches!(graph.draft(OWNER, place(1, 1)), Err(graph::DraftError::Full)));
    // The owner still has the last word, and room comes back with the fold.
    let mut wipe = |key| act(&mut graph, OWNER, Body::Revoke { key, seen: Vec::new() });
    wipe(STRANGER);
    wipe(OTHER_STRANGER);
    let heads: Vec<OpHash> = graph.heads().iter().copied().collect();
    assert_eq!(graph.fold(&heads).unwrap_err(), FoldError::Heads(heads.len()));
    let heads = graph.heads_to_fold();
    assert!(heads.len() <= FOLD_HEADS_MAX && heads.len() > 200);
    let fold = graph.fold(&heads).unwrap();
    assert!(fold.orphaned.is_empty());
    assert!(graph.log().all(|op| ![STRANGER, OTHER_STRANGER].contains(&op.author())));
    act(&mut graph, HEIR, place(1, 1));
}

#[test]
fn a_log_has_a_bound_in_bytes() {
    let mut graph = graph(Builders::Everybody);
    let full = |block: u16| Body::Place((0..4096).map(|voxel| (voxel, BlockId(block))).collect());
    let mut outcomes = Vec::new();
    for n in 0..(LOG_BYTES_MAX / 24_000) as u16 {
        let author = if n % 2 == 0 { GUEST } else { STRANGER };
        outcomes.push(graph.insert(sign(author, graph.draft(author, full(n)).unwrap())).unwrap());
        let size_bytes: usize = graph.log().map(Checked::size_bytes).sum();
        assert!(size_bytes <= LOG_BYTES_MAX);
    }
    assert!(outcomes.contains(&Inserted::Full));
    assert_eq!(graph.materialize().len(), 4096);
    let heads: Vec<OpHash> = graph.heads().iter().copied().collect();
    assert_eq!(graph.fold(&heads).unwrap().changes.len(), 4096);
    assert_eq!(graph.log().len(), 0);
    act(&mut graph, STRANGER, full(1));
}

#[test]
fn lists_and_revocations_are_bounded() {
    let mut graph = graph(Builders::Everybody);
    for _ in 1..LISTS_MAX {
        act(&mut graph, OWNER, Body::Access { term: 0, list: list(Builders::Everybody) });
    }
    let another = graph.draft(OWNER, Body::Access { term: 0, list: list(Builders::Owner) });
    assert!(matches!(another, Err(graph::DraftError::Full)));
    for n in 0..REVOCATIONS_MAX as u32 {
        revoke(&mut graph, STEWARD, numbered(n));
    }
    assert!(matches!(graph.draft_revocation(STEWARD, HEIR), Err(graph::DraftError::Full)));
    let heads: Vec<OpHash> = graph.heads().iter().copied().collect();
    graph.fold(&heads).unwrap();
    let bytes = graph.base().encode();
    assert!(bytes.len() < FOLDED_BYTES_MAX, "{} bytes", bytes.len());
    assert_eq!(Folded::decode(&bytes).as_ref(), Ok(graph.base()));
}
