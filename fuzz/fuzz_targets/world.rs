//! A world's definition: its bytes from the market, and the document that its creator wrote.

#![no_main]

use bitdust_fuzz::{
    edits,
    honest::quest::{self, DOCUMENT, WORLD},
    memory,
};
use bitdust_world::content::{Play, WorldDef, limits};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let def = if input.arbitrary()? {
        let bytes = edits::foreign(&WORLD.to_bytes().expect("an honest world"), input)?;
        let Ok(def) = memory::for_input(bytes.len(), || WorldDef::decode(&bytes)) else { return Ok(()) };
        assert_eq!(def.to_bytes().as_ref(), Ok(&bytes), "a definition has one encoding");
        def
    } else {
        let bytes = edits::foreign(DOCUMENT.as_bytes(), input)?;
        let text = String::from_utf8_lossy(&bytes);
        match memory::for_input(text.len(), || quest::read(&text)) {
            Ok(def) => def,
            Err(invalid) => {
                assert!(invalid.to_string().len() < 4096, "an error that nobody reads to its end");
                return Ok(());
            }
        }
    };
    let bytes = def.to_bytes().expect("what was read can be published");
    assert_eq!(WorldDef::decode(&bytes).as_ref(), Ok(&def), "what was published is read as it was meant");
    if input.ratio(1, 16)? {
        let doors = limits::DOORS_MAX * limits::DOOR_VOXELS_MAX;
        assert!(def.content.voxels().len() as u64 <= limits::STRUCTURE_VOXELS_MAX + doors as u64, "too much is built");
    }
    quest::walk(&def.content, &mut Play::new(def.id()), input)
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
