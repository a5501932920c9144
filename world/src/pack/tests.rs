//! Packed chunks: there and back, always within the bound, and bombs refused.

use proptest::prelude::*;

use super::*;
use crate::{block, chunk::index_of, place::CHUNK_EDGE};

/// Ground under a bumpy surface, with lumps of ore, a lake and plants.
fn hills(seed: u32) -> Chunk {
    let mut chunk = Chunk::default();
    let voxels = chunk.make_mixed();
    for z in 0..CHUNK_EDGE as u8 {
        for x in 0..CHUNK_EDGE as u8 {
            let wave = |step: u32| ((u32::from(x) / step + seed) * 7 + u32::from(z) / step * 5) % 4;
            let height = (8 + wave(8) + wave(3)) as u8;
            for y in 0..CHUNK_EDGE as u8 {
                let lump = (x / 3 + y / 2 * 3 + z / 4 * 7 + seed as u8 % 5).is_multiple_of(29);
                voxels[index_of(x, y, z)] = match y {
                    _ if y + 3 < height => {
                        if lump {
                            block::COAL_ORE
                        } else {
                            block::STONE
                        }
                    }
                    _ if y < height => block::DIRT,
                    _ if y == height => block::GRASS,
                    _ if y < 11 => block::WATER,
                    _ if y == height + 1 && lump => block::TALL_GRASS,
                    _ => BlockId::AIR,
                };
            }
        }
    }
    chunk
}

/// A chunk with so many different ids, in no order.
fn noise(ids: u32, seed: u64) -> Chunk {
    let mut chunk = Chunk::default();
    let mut state = seed;
    for block in chunk.make_mixed() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *block = BlockId(((state >> 33) as u32 % ids) as u16);
    }
    chunk
}

/// Boxes of any blocks, one over the other.
fn boxes() -> impl Strategy<Value = Chunk> {
    let span = || (0..32u8, 0..32u8).prop_map(|(a, b)| a.min(b)..=a.max(b));
    let one = (span(), span(), span(), 0..ID_END);
    (0..ID_END, prop::collection::vec(one, 0..40)).prop_map(|(ground, all)| {
        let mut chunk = Chunk::uniform(BlockId(ground));
        for (xs, ys, zs, id) in all {
            for y in ys {
                for z in zs.clone() {
                    for x in xs.clone() {
                        chunk.set(x, y, z, BlockId(id));
                    }
                }
            }
        }
        chunk
    })
}

fn check(chunk: &Chunk, most: usize) {
    let packed = pack(chunk);
    assert!(packed.len() <= most, "{} bytes instead of at most {most}", packed.len());
    let unpacked = unpack(&packed).unwrap();
    assert!(unpacked == *chunk);
    assert_eq!(unpacked.hash(), chunk.hash());
}

/// Content of a zstd frame as a packed chunk.
fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(zstd::bulk::compress(content, 1).unwrap());
    bytes
}

/// A content with this palette, these map bytes and this end.
fn content(count: u16, palette: &[u16], map: &[(usize, u8)], ids: &[u8]) -> Vec<u8> {
    let mut bytes = count.to_le_bytes().to_vec();
    bytes.extend(palette.iter().flat_map(|id| id.to_le_bytes()));
    let start = bytes.len();
    bytes.resize(start + MAP_BYTES, 0);
    for (at, bits) in map {
        bytes[start + at] = *bits;
    }
    bytes.extend(ids);
    bytes
}

#[test]
fn every_sort_of_chunk_comes_back_within_its_bound() {
    check(&Chunk::default(), 3);
    check(&Chunk::uniform(BlockId(ID_END - 1)), 3);
    let mut was_mixed = hills(1);
    was_mixed.make_mixed().fill(block::STONE);
    check(&was_mixed, 3);
    for seed in 0..16 {
        check(&hills(seed), 2_000);
    }
    for (ids, most) in [(2, 9_000), (3, 13_000), (16, 21_000), (255, 38_000), (256, 38_000), (257, RAW_BYTES)] {
        check(&noise(ids, 5), most);
    }
    check(&noise(ID_END.into(), 6), RAW_BYTES);
}

#[test]
fn many_ids_in_few_places_need_no_raw_form() {
    let mut chunk = Chunk::default();
    for (at, block) in chunk.make_mixed().iter_mut().enumerate().filter(|(at, _)| at % 50 == 0) {
        *block = BlockId(at as u16 % ID_END);
    }
    check(&chunk, 6_000);
}

#[test]
fn scratch_space_leaves_no_trace() {
    let (mut packer, mut unpacker) = (Packer::default(), Unpacker::default());
    let all = [noise(256, 1), hills(3), noise(9_000, 2), Chunk::default(), noise(2, 7), hills(4), noise(300, 8)];
    for chunk in all.iter().chain(all.iter().rev()) {
        let packed = packer.pack(chunk);
        assert_eq!(packed, Packer::default().pack(chunk));
        assert!(unpacker.unpack(&packed[..packed.len() - 1]).is_err());
        assert!(unpacker.unpack(&packed) == Ok(chunk.clone()));
    }
}

#[test]
fn bombs_are_refused() {
    for len in [CONTENT_BYTES_MAX + 1, 1 << 30] {
        let bomb = frame(GAPS, &vec![0; len]);
        assert!(bomb.len() < PACKED_BYTES_MAX);
        assert_eq!(unpack(&bomb), Err(Invalid::Frame), "{len} bytes in {}", bomb.len());
    }
    // A frame that announces a content and a window of 2^60 bytes and has neither.
    let mut liar = vec![MAP, 0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    liar.extend((1u64 << 60).to_le_bytes());
    liar.extend([1, 0, 0]);
    assert_eq!(unpack(&liar), Err(Invalid::Frame));
}

#[test]
fn content_that_lies_is_refused() {
    let small = |bytes: &[u8]| unpack(&frame(MAP, bytes));
    assert!(small(&content(1, &[7], &[(0, 1)], &[0])).is_ok());
    assert_eq!(small(&content(1, &[7], &[(0, 1)], &[1])), Err(Invalid::Block(1)));
    assert_eq!(small(&content(1, &[ID_END], &[(0, 1)], &[0])), Err(Invalid::Block(ID_END)));
    assert_eq!(small(&content(0, &[], &[(0, 1)], &[0xff, 0xff])), Err(Invalid::Block(u16::MAX)));
    assert_eq!(small(&content(2, &[7, 7], &[(0, 1)], &[0])), Err(Invalid::Palette));
    assert_eq!(small(&content(257, &[0; 257], &[], &[])), Err(Invalid::Palette));
    assert_eq!(small(&content(1, &[7], &[(0, 1)], &[])), Err(Invalid::Size { found: 0, needed: 1 }));
    assert_eq!(small(&content(1, &[7], &[(0, 1)], &[0, 0])), Err(Invalid::Size { found: 2, needed: 1 }));
    assert_eq!(small(&[]), Err(Invalid::Size { found: 0, needed: 2 }));
    let gaps =
        |number: u16, rest: &[u8]| unpack(&frame(GAPS, &[&[1, 0, 7, 0][..], &number.to_le_bytes(), rest].concat()));
    let mut lone = Chunk::default();
    lone.set(31, 31, 31, BlockId(7));
    assert!(gaps(1, &[0xff, 0xff, 1, 0]) == Ok(lone), "gap 32,767, then the palette's first id");
    assert_eq!(gaps(1, &[0x80, 0x80, 2, 0]), Err(Invalid::Gaps));
    assert_eq!(gaps(1, &[0xff, 0xff, 0xff, 0]), Err(Invalid::Gaps));
    assert_eq!(gaps(2, &[0xff, 0xff, 1, 0, 0, 0]), Err(Invalid::Gaps));
    assert_eq!(gaps(1, &[0xff]), Err(Invalid::Gaps));
    assert_eq!(gaps(u16::MAX, &[0; 9]), Err(Invalid::Gaps));
    assert_eq!(gaps(GAPS_MAX as u16 + 1, &[0; 9_000]), Err(Invalid::Gaps));
    assert_eq!(gaps(1, &[0, 0, 0]), Err(Invalid::Size { found: 2, needed: 1 }));
    assert_eq!(unpack(&[]), Err(Invalid::Length(0)));
    assert_eq!(unpack(&[UNIFORM; PACKED_BYTES_MAX + 1]), Err(Invalid::Length(PACKED_BYTES_MAX + 1)));
    assert_eq!(unpack(&[4]), Err(Invalid::Kind(4)));
    assert_eq!(unpack(&[UNIFORM, 0xff, 0xff]), Err(Invalid::Block(u16::MAX)));
    assert_eq!(unpack(&[UNIFORM, 0, 0, 0]), Err(Invalid::Size { found: 4, needed: 3 }));
    assert_eq!(unpack(&[RAW; 100]), Err(Invalid::Size { found: 100, needed: RAW_BYTES }));
}

#[test]
fn nothing_may_follow_a_frame() {
    let packed = pack(&hills(2));
    let mut longer = packed.clone();
    longer.push(0);
    assert!(unpack(&longer).is_err());
    // Another frame, and one to be skipped, are frames of zstd all the same.
    for more in [zstd::bulk::compress(&[], 1).unwrap(), vec![0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]] {
        let longer = [&packed[..], &more].concat();
        assert_eq!(unpack(&longer), Err(Invalid::Size { found: longer.len(), needed: packed.len() }));
    }
}

#[test]
#[should_panic(expected = "ids lie below")]
fn an_id_that_no_block_has_is_not_packed() {
    let mut chunk = hills(0);
    chunk.set(1, 1, 1, BlockId(ID_END));
    pack(&chunk);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn unpacking_undoes_packing(chunk in boxes()) {
        let packed = pack(&chunk);
        prop_assert!(packed.len() <= PACKED_BYTES_MAX);
        prop_assert!(unpack(&packed) == Ok(chunk));
    }

    #[test]
    fn noise_comes_back(ids in 1..u32::from(ID_END), seed: u64) {
        let chunk = noise(ids, seed);
        prop_assert!(unpack(&pack(&chunk)) == Ok(chunk));
    }

    #[test]
    fn garbage_is_refused_or_a_chunk_of_known_ids(
        kind in 0..5u8,
        garbage in prop::collection::vec(any::<u8>(), 0..300),
        seed in 0..16u32,
        at: prop::sample::Index,
        flip in 1..=255u8,
    ) {
        let _ = unpack(&[&[kind][..], &garbage].concat());
        let mut packed = pack(&hills(seed));
        *at.get_mut(&mut packed) ^= flip;
        if let Ok(chunk) = unpack(&packed) {
            prop_assert!(chunk.as_mixed().is_none_or(|all| all.iter().all(|block| block.0 < ID_END)));
        }
    }
}
