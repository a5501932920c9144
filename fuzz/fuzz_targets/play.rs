//! A player's progress, as it comes back from a disk that anybody may have written to.

#![no_main]

use std::sync::LazyLock;

use bitdust_fuzz::{
    edits,
    honest::quest::{self, WORLD},
    memory,
};
use bitdust_world::{
    VoxelPos,
    content::{Event, Play},
};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

/// A player who has read the sign, found the key and stands before the tower.
static PLAYED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut play = Play::new(WORLD.id());
    for at in [[2, 0, 2], [9, 0, 5], [15, 0, 3]] {
        let pos = VoxelPos::new(100 + at[0], 70 + at[1], at[2]);
        play.handle(&WORLD.content, Event::Moved(pos));
        play.handle(&WORLD.content, Event::Used(pos));
    }
    assert!(play.items().next().is_some(), "the key was found");
    play.to_bytes().expect("an honest player")
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let bytes = edits::foreign(&PLAYED, input)?;
    let read = memory::for_input(bytes.len(), || Play::decode(&bytes, &WORLD.content));
    let Ok(mut play) = read else { return Ok(()) };
    quest::walk(&WORLD.content, &mut play, input)
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
