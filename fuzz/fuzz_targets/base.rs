//! The base of a version, as a stranger may have stored it, and a replica that goes on from it.

#![no_main]

use std::sync::LazyLock;

use bitdust_fuzz::{edits, honest::site::SITE, memory};
use bitdust_world::edits::{Body, Checked, Folded, Graph, Secp256k1};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

/// The edits of the place, their signatures checked.
static OPS: LazyLock<Vec<Checked>> =
    LazyLock::new(|| SITE.ops.iter().map(|op| op.clone().check(&Secp256k1).expect("an honest edit")).collect());

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let bytes = edits::foreign(&SITE.base.encode(), input)?;
    let Ok(base) = memory::for_input(bytes.len(), || Folded::decode(&bytes)) else { return Ok(()) };
    assert!(base.encode() == bytes, "a base has one encoding");
    let ops = OPS.iter().cloned();
    let Ok(mut graph) = Graph::replay(SITE.claim.clone(), &[SITE.owner], base, ops) else { return Ok(()) };
    let _ = (graph.state_hash(), graph.materialize(), graph.notes(), graph.missing());
    let _ = graph.draft(SITE.owner, Body::Note { voxel: 5, text: "hello".into() });
    // Whoever loaded it folds it on, and what comes of that must be readable.
    if graph.fold(&graph.heads_to_fold()).is_ok() {
        let next = graph.base();
        assert_eq!(Folded::decode(&next.encode()).as_ref(), Ok(next), "what was folded on a base is no base");
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
