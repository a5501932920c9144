//! What the market keeps of a place: the manifest of a version, the log after it, the head that names both.

#![no_main]

use bitdust_fuzz::{
    edits,
    honest::site::{CHAIN_ID, POS, SITE, WORLD},
    memory,
};
use bitdust_types::layout::UNIT_PLAIN_BYTES;
use bitdust_world::{
    location::{FRAMES_BYTES_MAX, Head, LogSegment, Manifest},
    pack::Unpacker,
};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    match input.int_in_range(0..=2)? {
        0 => manifest(input),
        1 => log(input),
        _ => head(input),
    }
}

fn manifest(input: &mut Unstructured<'_>) -> Result<()> {
    let honest = SITE.snapshot.manifest.encode();
    // Its end is 512 lengths, where lies about sizes are told.
    let bytes = if input.arbitrary()? {
        let at = honest.len() - input.int_in_range(1..=512)? * 2;
        let mut bytes = honest;
        bytes[at..at + 2].copy_from_slice(&input.arbitrary::<u16>()?.to_le_bytes());
        bytes
    } else {
        edits::foreign(&honest, input)?
    };
    let Ok(manifest) = memory::for_input(bytes.len(), || Manifest::decode(&bytes)) else { return Ok(()) };
    assert!(manifest.encode() == bytes, "a manifest has one encoding");
    assert!(manifest.frames_bytes() <= FRAMES_BYTES_MAX, "a file of {} bytes", manifest.frames_bytes());
    let mut end = 0;
    for range in (0..512).filter_map(|index| manifest.frame_range(index)) {
        assert!(end <= range.start && range.start < range.end, "frames overlap at {}", range.start);
        assert_eq!(range.start / UNIT_PLAIN_BYTES, (range.end - 1) / UNIT_PLAIN_BYTES, "a frame crosses a unit");
        end = range.end;
    }
    assert_eq!(end, manifest.frames_bytes(), "frames lead out of their file");
    // A chunk of another version passes only where this manifest names it.
    let index = *input.choose(&[0, 7, 511, 3])?;
    let honest = input.choose(&[0, 7, 511])?;
    let range = SITE.snapshot.manifest.frame_range(*honest).expect("a changed chunk");
    let frame = &SITE.snapshot.frames[range.start as usize..range.end as usize];
    if let Ok(chunk) = manifest.verify_chunk(&mut Unpacker::default(), index, frame) {
        assert_eq!(chunk.hash(), manifest.chunk(index).hash, "another chunk passes");
    }
    let _ = (manifest.check_for(&WORLD, POS), manifest.check_base(&SITE.base.encode()));
    Ok(())
}

fn log(input: &mut Unstructured<'_>) -> Result<()> {
    let (manifest, newest) = (SITE.head.record.manifest, SITE.head.record.newest);
    let mut files = SITE.segments.clone();
    for file in &mut files {
        if input.ratio(1, 3)? {
            *file = edits::foreign(file, input)?;
        }
        if let Ok(segment) = memory::for_input(file.len(), || LogSegment::decode(file)) {
            assert_eq!(segment.encode().as_ref(), Ok(&*file), "a segment has one encoding");
        }
    }
    match input.int_in_range(0..=7)? {
        0 => drop(files.pop()),
        1 => files.reverse(),
        2 => files.push(files[0].clone()),
        _ => {}
    }
    let first = edits::number(SITE.snapshot.manifest.version().log_first, input)?;
    let bytes = files.iter().map(Vec::len).sum();
    if memory::for_input(bytes, || LogSegment::decode_log(manifest, first, newest, &files)).is_ok() {
        assert!(files == SITE.segments, "another log passes as the one that the head names");
    }
    Ok(())
}

fn head(input: &mut Unstructured<'_>) -> Result<()> {
    let bytes = edits::foreign(&SITE.head.encode(), input)?;
    let Ok(head) = memory::for_input(bytes.len(), || Head::decode(&bytes)) else { return Ok(()) };
    assert!(head.encode() == bytes, "a head has one encoding");
    if head.verify(CHAIN_ID, &|signer| signer == SITE.owner).is_ok() {
        assert!(head == SITE.head, "a head that its writer never signed");
    }
    let _ = bitdust_world::location::newer(&head, &SITE.head);
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
