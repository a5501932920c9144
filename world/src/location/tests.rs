//! Locations as bytes: there and back, and everything that lies about sizes, places and writers.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use bitdust_proof::blob;
use bitdust_types::{Address, DatasetId, Root, signing::address_of};
use k256::ecdsa::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::{
    BlockId, Chunk, ChunkPos, LocationPos, block,
    pack::{self, Unpacker},
};

const WORLD: [u8; 32] = [9; 32];
const POS: LocationPos = LocationPos::new(-3, 0, 1 << 40);
const CHAIN: u64 = 45_439;

fn version() -> Version {
    Version {
        world: WORLD,
        pos: POS,
        sequence: 7,
        seed: 42,
        generator: 1,
        params: vec![1, 2, 3],
        folded: vec![[1; 32], [2; 32]],
        base: Some(Stored { bytes: 4, hash: blob::root(b"base") }),
        log_first: 100,
        author: Address::new([5; 20]),
    }
}

/// A chunk that packs to about so many bytes: noise below, stone above.
fn chunk(seed: u16, noisy: usize) -> Chunk {
    let mut chunk = Chunk::uniform(block::STONE);
    let mut state = u64::from(seed) + 1;
    for block in chunk.make_mixed().iter_mut().take(noisy) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *block = BlockId((state >> 40) as u16 % 200);
    }
    chunk
}

fn generated(chunk: ChunkPos) -> Root {
    blob::root(&chunk.to_bytes())
}

fn build(changed: &BTreeMap<u16, Chunk>) -> Snapshot {
    Snapshot::build(version(), changed, generated).unwrap()
}

/// Chunks by number, and how noisy each is.
fn changes() -> impl Strategy<Value = BTreeMap<u16, Chunk>> {
    prop::collection::btree_map(0..512u16, prop_oneof![Just(0), 1..2_000usize, Just(32_768)], 0..40)
        .prop_map(|all| all.into_iter().map(|(index, noisy)| (index, chunk(index, noisy))).collect())
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

fn record() -> HeadRecord {
    HeadRecord {
        world: WORLD,
        pos: POS,
        dataset: DatasetId([4; 32]),
        revision: 12,
        sequence: 7,
        manifest: Root([6; 32]),
        segments: 3,
        newest: Root([8; 32]),
    }
}

fn only(key: &SigningKey) -> impl Fn(Address) -> bool {
    let address = address_of(key.verifying_key());
    move |signer| signer == address
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_was_built_is_found_again_chunk_by_chunk(changed in changes()) {
        let Snapshot { manifest, frames } = build(&changed);
        prop_assert_eq!(&Manifest::decode(&manifest.encode()).unwrap(), &manifest);
        manifest.check_for(&WORLD, POS).unwrap();
        manifest.check_frames(frames.len() as u64).unwrap();
        let mut end = 0;
        for index in 0..512 {
            let Some(range) = manifest.frame_range(index) else {
                prop_assert!(!changed.contains_key(&index));
                prop_assert_eq!(manifest.chunk(index).hash, generated(POS.chunk(index)));
                continue;
            };
            let unit = |byte| byte / bitdust_types::layout::UNIT_PLAIN_BYTES;
            prop_assert!(range.start >= end && unit(range.start) == unit(range.end - 1), "{:?} after {}", range, end);
            end = range.end;
            let frame = &frames[range.start as usize..range.end as usize];
            let chunk = manifest.verify_chunk(&mut Unpacker::default(), index, frame);
            prop_assert!(chunk.as_ref() == Ok(&changed[&index]));
        }
        prop_assert_eq!(end, frames.len() as u64);
    }

    #[test]
    fn bytes_of_a_manifest_have_one_meaning(changed in changes(), at: prop::sample::Index, flip in 1..=255u8) {
        let manifest = build(&changed).manifest;
        let mut bytes = manifest.encode();
        *at.get_mut(&mut bytes) ^= flip;
        if let Ok(other) = Manifest::decode(&bytes) {
            prop_assert_eq!(other.encode(), bytes);
            prop_assert_ne!(other.hash(), manifest.hash());
            prop_assert!(other.frames_bytes() <= FRAMES_BYTES_MAX);
        }
    }

    #[test]
    fn a_log_is_read_as_it_was_written(lengths in prop::collection::vec(1..30_000usize, 1..60), cut in 1..20usize) {
        let ops: Vec<Vec<u8>> = (0u8..).zip(lengths).map(|(byte, len)| vec![byte; len]).collect();
        let (manifest, mut rest, mut log, mut files) = (Root([1; 32]), &ops[..], Vec::new(), Vec::new());
        let (mut first, mut previous) = (5, manifest);
        while !rest.is_empty() {
            let segment = LogSegment::fill(first, previous, &rest[..rest.len().min(cut)]);
            let bytes = segment.encode().unwrap();
            (first, previous, rest) = (segment.next(), blob::root(&bytes), &rest[segment.ops.len()..]);
            files.push(bytes);
            log.push(segment);
        }
        prop_assert_eq!(LogSegment::decode_log(manifest, 5, previous, &files).unwrap(), log);
        let all: Vec<Vec<u8>> = files.iter().flat_map(|file| LogSegment::decode(file).unwrap().ops).collect();
        prop_assert_eq!(all, ops);
    }

    #[test]
    fn garbage_is_no_part_of_a_location(garbage in prop::collection::vec(any::<u8>(), 0..600)) {
        for magic in ["BDLM\x01", "BDLE\x01", "BDLH\x01"] {
            let bytes = [magic.as_bytes(), &garbage].concat();
            prop_assert!(Manifest::decode(&bytes).is_err());
            if let Ok(segment) = LogSegment::decode(&bytes) {
                prop_assert_eq!(segment.encode(), Ok(bytes.clone()));
            }
            if let Ok(head) = Head::decode(&bytes) {
                prop_assert_eq!(head.encode(), bytes);
            }
        }
    }
}

#[test]
fn the_fullest_location_stays_within_its_bound() {
    let loud: BTreeMap<u16, Chunk> = (0..512).map(|index| (index, chunk(index, 32_768))).collect();
    let mut most = version();
    most.params = vec![7; PARAMS_BYTES_MAX];
    most.folded = (0..FOLDED_MAX as u16).map(|n| blob::root(&n.to_be_bytes()).0).collect();
    most.folded.sort();
    let Snapshot { manifest, frames } = Snapshot::build(most, &loud, |_| unreachable!("all are changed")).unwrap();
    assert!(manifest.encode().len() <= MANIFEST_BYTES_MAX);
    assert!(frames.len() as u64 <= FRAMES_BYTES_MAX);
    const { assert!(LOCATION_BYTES_MAX < 56 << 20) };
}

#[test]
fn a_manifest_that_lies_is_refused() {
    let changed = BTreeMap::from([(0, chunk(0, 100)), (511, chunk(1, 5))]);
    let Snapshot { manifest, frames } = build(&changed);
    let bytes = manifest.encode();
    let refused = |bytes: &[u8]| Manifest::decode(bytes).unwrap_err();

    let mut huge = bytes.clone();
    let length_of_0 = bytes.len() - 1024;
    huge[length_of_0..length_of_0 + 2].copy_from_slice(&u16::MAX.to_le_bytes());
    assert_eq!(refused(&huge), Invalid::TooLong { part: "frame", found: 65_535, most: 61_440 });

    for cut in [0, 4, 5, 60, bytes.len() - 1] {
        refused(&bytes[..cut]);
    }
    refused(&[&bytes[..], &[0]].concat());
    let longest = MANIFEST_BYTES_MAX as u64;
    let too_long = Invalid::TooLong { part: "manifest", found: longest + 1, most: longest };
    assert_eq!(refused(&vec![0; MANIFEST_BYTES_MAX + 1]), too_long);

    let len = frames.len() as u64;
    let lie = Invalid::FileLength { part: "file of frames", found: len + 1, said: len };
    assert_eq!(manifest.check_frames(len + 1), Err(lie));
    assert_eq!(manifest.check_for(&[0; 32], POS), Err(Invalid::World(POS)));
    let wanted = POS.offset(1, 0, 0);
    assert_eq!(manifest.check_for(&WORLD, wanted), Err(Invalid::Position { found: POS, wanted }));
    assert_eq!(manifest.check_base(b"base"), Ok(()));
    assert!(matches!(manifest.check_base(b"bass"), Err(Invalid::Hash { .. })));
    assert!(matches!(manifest.check_base(b"basement"), Err(Invalid::FileLength { .. })));
}

#[test]
fn a_version_that_breaks_a_rule_is_neither_built_nor_read() {
    let good = build(&BTreeMap::new()).manifest.encode();
    let breaks: [fn(&mut Version); 6] = [
        |version| version.sequence = 0,
        |version| version.params = vec![0; PARAMS_BYTES_MAX + 1],
        |version| version.folded = vec![[2; 32], [1; 32]],
        |version| version.folded = vec![[1; 32]; 2],
        |version| version.folded = (0..=256u16).map(|n| [n.to_be_bytes(); 16].concat().try_into().unwrap()).collect(),
        |version| version.base = Some(Stored { bytes: BASE_BYTES_MAX + 1, hash: Root([0; 32]) }),
    ];
    for (number, change) in breaks.iter().enumerate() {
        let mut bad = version();
        change(&mut bad);
        let chunks = &good[good.len() - 512 * 34..];
        let bytes = [&good[..5], &borsh::to_vec(&bad).unwrap(), chunks].concat();
        assert!(matches!(Manifest::decode(&bytes), Err(Invalid::Rule { .. })), "break {number}");
        assert!(Snapshot::build(bad, &BTreeMap::new(), generated).is_err(), "break {number}");
    }
}

#[test]
fn a_chunk_from_anybody_is_held_against_its_hash() {
    let changed = BTreeMap::from([(3, chunk(3, 50))]);
    let manifest = build(&changed).manifest;
    let mut unpacker = Unpacker::default();
    assert!(manifest.verify_chunk(&mut unpacker, 3, &pack::pack(&changed[&3])).is_ok());
    assert!(matches!(
        manifest.verify_chunk(&mut unpacker, 3, &pack::pack(&chunk(4, 50))),
        Err(Invalid::Hash { part: "chunk", .. })
    ));
    let broken = manifest.verify_chunk(&mut unpacker, 3, &[7]);
    assert_eq!(broken, Err(Invalid::Chunk { index: 3, invalid: pack::Invalid::Kind(7) }));
}

#[test]
fn a_log_with_a_foreign_or_missing_segment_is_refused() {
    let manifest = Root([1; 32]);
    let one = LogSegment { first: 0, previous: manifest, ops: vec![vec![1]; 2] }.encode().unwrap();
    let two = LogSegment { first: 2, previous: blob::root(&one), ops: vec![vec![2]] }.encode().unwrap();
    let gap = LogSegment { first: 3, previous: blob::root(&one), ops: vec![vec![2]] }.encode().unwrap();
    let newest = blob::root(&two);
    let read = |newest, files: &[&[u8]]| LogSegment::decode_log(manifest, 0, newest, files);
    assert_eq!(read(newest, &[&one, &two]).unwrap().len(), 2);
    assert_eq!(read(manifest, &[]), Ok(Vec::new()));
    for files in [&[&one[..]][..], &[&two], &[&two, &one], &[&one, &one], &[&one, &two, &two], &[]] {
        assert!(matches!(read(newest, files), Err(Invalid::Hash { .. })));
    }
    assert!(matches!(read(blob::root(&gap), &[&one, &gap]), Err(Invalid::Rule { .. })));
}

#[test]
fn segments_beyond_their_bounds_are_refused() {
    let segment = |ops| LogSegment { first: 0, previous: Root([0; 32]), ops };
    let op = vec![1; LOG_OP_BYTES_MAX];
    assert!(segment(vec![op.clone(); 3]).encode().is_ok());
    assert!(matches!(segment(vec![op.clone(); 4]).encode(), Err(Invalid::TooLong { .. })));
    for bad in [vec![], vec![vec![]], vec![vec![1]; LOG_SEGMENT_OPS_MAX + 1], vec![vec![1; LOG_OP_BYTES_MAX + 1]]] {
        assert!(matches!(segment(bad.clone()).encode(), Err(Invalid::Rule { .. })));
        let bytes = [&b"BDLE\x01"[..], &borsh::to_vec(&segment(bad)).unwrap()].concat();
        assert!(matches!(LogSegment::decode(&bytes), Err(Invalid::Rule { .. })));
    }
    assert_eq!(LogSegment::fill(0, Root([0; 32]), &vec![op; 9]).ops.len(), 3);
    // A count of 2^32 - 1 edits with nothing behind it.
    let mut liar = b"BDLE\x01".to_vec();
    liar.extend([0; 40]);
    liar.extend(u32::MAX.to_le_bytes());
    assert!(matches!(LogSegment::decode(&liar), Err(Invalid::Malformed { .. })));
}

#[test]
fn a_head_is_its_writers_and_every_flip_is_noticed() {
    let head = record().sign(CHAIN, &key(1)).unwrap();
    let bytes = head.encode();
    assert!(bytes.len() <= HEAD_BYTES_MAX);
    assert_eq!(Head::decode(&bytes), Ok(head.clone()));
    assert_eq!(head.verify(CHAIN, &only(&key(1))), Ok(address_of(key(1).verifying_key())));
    assert!(matches!(head.verify(CHAIN, &only(&key(2))), Err(Invalid::Writer { pos: POS, .. })));
    assert!(head.verify(CHAIN + 1, &only(&key(1))).is_err(), "another chain's ledger has another claim");
    for bit in 0..bytes.len() * 8 {
        let mut other = bytes.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        let accepted = Head::decode(&other).and_then(|head| head.verify(CHAIN, &only(&key(1))));
        assert!(accepted.is_err(), "bit {bit}");
    }
    assert!(Head::decode(&[&bytes[..], &[0]].concat()).is_err());
    assert!(Head::decode(&vec![0; HEAD_BYTES_MAX + 1]).is_err());
}

#[test]
fn a_head_before_the_first_version_tells_the_log_alone() {
    let first = HeadRecord { sequence: 0, manifest: Root::default(), ..record() };
    let head = first.clone().sign(CHAIN, &key(1)).unwrap();
    assert_eq!(Head::decode(&head.encode()), Ok(head));
    for nonsense in [HeadRecord { sequence: 0, ..record() }, HeadRecord { manifest: Root::default(), ..record() }] {
        let head = nonsense.sign(CHAIN, &key(1)).unwrap();
        assert!(matches!(Head::decode(&head.encode()), Err(Invalid::Rule { .. })));
    }
}

#[test]
fn a_head_announces_nothing_beyond_the_ledger() {
    let head = record().sign(CHAIN, &key(1)).unwrap();
    let ledger = OnLedger { dataset: DatasetId([4; 32]), revision: 12, sequence: 7 };
    assert_eq!(head.check_for(&WORLD, POS, &ledger), Ok(()));
    assert_eq!(head.check_for(&WORLD, POS, &OnLedger { revision: 13, sequence: 8, ..ledger }), Ok(()));
    assert!(matches!(head.check_for(&[0; 32], POS, &ledger), Err(Invalid::World(_))));
    assert!(matches!(head.check_for(&WORLD, POS.offset(0, 1, 0), &ledger), Err(Invalid::Position { .. })));
    for less in [
        OnLedger { dataset: DatasetId([5; 32]), ..ledger },
        OnLedger { revision: 11, ..ledger },
        OnLedger { sequence: 6, ..ledger },
    ] {
        assert_eq!(head.check_for(&WORLD, POS, &less), Err(Invalid::Claim(POS)));
    }
}

#[test]
fn heads_have_one_order() {
    let rise: [fn(&mut HeadRecord); 4] = [
        |_| (),
        |record| record.segments += 1,
        |record| (record.revision, record.segments) = (13, 0),
        |record| (record.sequence, record.revision, record.segments) = (8, 1, 0),
    ];
    let heads: Vec<Head> = rise
        .iter()
        .map(|change| {
            let mut record = record();
            change(&mut record);
            record.sign(CHAIN, &key(1)).unwrap()
        })
        .collect();
    for (i, a) in heads.iter().enumerate() {
        for (j, b) in heads.iter().enumerate() {
            assert_eq!(newer(a, b), i.cmp(&j), "{i} against {j}");
        }
    }
    let (a, b) = (record().sign(CHAIN, &key(1)).unwrap(), record().sign(CHAIN, &key(2)).unwrap());
    assert_ne!(newer(&a, &b), Ordering::Equal);
    assert_eq!(newer(&a, &b), newer(&b, &a).reverse());
}

#[test]
fn keys_and_encodings_never_change() {
    let changed = BTreeMap::from([(0, chunk(0, 0)), (9, Chunk::default())]);
    let segment = LogSegment { first: 1, previous: Root([2; 32]), ops: vec![vec![3; 4]] };
    let recorded = [
        Root(head_key(&WORLD, POS).0),
        build(&changed).manifest.hash(),
        Root(record().signing_hash(CHAIN).0),
        blob::root(&segment.encode().unwrap()),
    ];
    let recorded: Vec<String> = recorded.iter().map(|root| root.to_string()[2..18].to_owned()).collect();
    assert_eq!(recorded, ["be4653d3fd13b4f1", "400ea50c09440d71", "d128ebdae8e8ee7c", "cb3b4cfd9640c9fb"]);
}

#[test]
fn each_version_has_files_of_its_own() {
    let (a, b) = (Root([1; 32]), Root([2; 32]));
    assert_eq!(manifest_file(7, &a), "location-7-0101010101010101");
    let names = [a, b].map(|hash| [manifest_file(7, &hash), chunks_file(7, &hash), base_file(7, &hash)]);
    let all: std::collections::BTreeSet<&String> = names.iter().flatten().collect();
    assert_eq!(all.len(), 6);
    assert!(all.iter().all(|name| version_of(name) == Some(7)));
    for none in
        ["location", "location-7", "edits-7", "chunks-7-01", "chunks-x-0101010101010101", "note-7-0101010101010101"]
    {
        assert_eq!(version_of(none), None, "{none}");
    }
}
