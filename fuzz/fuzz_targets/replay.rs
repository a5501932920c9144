//! The walk through a dataset's revisions, as suppliers hand them out.

#![no_main]

use bitdust_fuzz::{
    edits,
    honest::dataset::{self, DATASET, KEYS},
};
use bitdust_market::manifest::{Replay, RevisionBlob};
use bitdust_proof::blob;
use bitdust_types::Root;
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};
use rand::{SeedableRng as _, rngs::StdRng};

/// One revision with edits, as bytes; none if no honest program could have stored it.
fn revision(number: u8, prev: Root, input: &mut Unstructured<'_>) -> Result<Option<Vec<u8>>> {
    let mut rng = StdRng::seed_from_u64(u64::from(number));
    let seals = KEYS.public();
    let plain = edits::edited(&borsh::to_vec(&dataset::owner_delta(number)).expect("in memory"), input)?;
    let revision = RevisionBlob {
        dataset: DATASET,
        number: edits::number(u64::from(number), input)?,
        prev,
        snapshot: number == 1 || input.ratio(1, 8)?,
        owner: seals.seal_owner(&plain, &mut rng).expect("seals"),
        repair: Vec::new(),
    };
    let Ok(bytes) = revision.encode() else { return Ok(None) };
    // Once in a while somebody edits the blob itself, behind the seal.
    let bytes = if input.ratio(1, 8)? { edits::edited(&bytes, input)? } else { bytes };
    if let Ok(decoded) = RevisionBlob::decode(&bytes) {
        assert!(decoded.encode().is_ok_and(|again| again == bytes), "a revision has one encoding");
    }
    Ok(Some(bytes))
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let count = input.int_in_range(1..=3)?;
    let (mut chain, mut prev) = (Vec::new(), Root([0; 32]));
    for number in 1..=count {
        let Some(bytes) = revision(number, prev, input)? else { return Ok(()) };
        prev = blob::root(&bytes);
        chain.push(bytes);
    }
    let number = edits::number(u64::from(count), input)?;
    let mut replay = Replay::new(DATASET, number, prev);
    while let Some(wanted) = replay.wanted() {
        let Some(bytes) = chain.iter().find(|bytes| blob::root(bytes) == wanted) else { return Ok(()) };
        if replay.feed(bytes).is_err() {
            return Ok(());
        }
    }
    if let Ok(manifest) = replay.finish(&KEYS) {
        assert_eq!(manifest.number(), number, "the newest revision is the one asked for");
        assert_eq!(manifest.head().map(|head| head.root), Some(prev), "and its blob the head");
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
