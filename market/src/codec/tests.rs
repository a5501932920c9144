//! The laws of the codec: any `k` of `n` shards rebuild, nothing else does, and the count of bytes is the one claimed.

use bitdust_proof::blob;
use bitdust_types::{
    Layout, Root, SlabId,
    layout::{SLAB_PLAIN_BYTES, UNIT_BYTES, UNIT_PLAIN_BYTES},
};
use proptest::{prelude::*, sample::Index};

use super::*;

const UNIT: usize = UNIT_PLAIN_BYTES as usize;

/// Bytes without a pattern that a wrong offset could hide behind.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        out.extend_from_slice(&next().to_le_bytes());
    }
    out.truncate(len);
    out
}

fn shape(k: u8, n: u8, len: usize) -> SlabShape {
    SlabShape::new(Layout::new(k, n).unwrap(), len as u64).unwrap()
}

fn key() -> SealKey {
    SealKey::new([7; 32], [9; 19])
}

fn repair_root() -> RepairRoot {
    RepairRoot::new([3; 32])
}

const SLAB: SlabId = SlabId([5; 32]);

fn workers(count: usize) -> Workers {
    Workers::new(count.try_into().unwrap())
}

/// A slab, its plain bytes and all that the manifests keep of it.
struct Case {
    plain: Vec<u8>,
    slab: EncodedSlab,
    roots: Vec<Root>,
    key: SealKey,
}

impl Case {
    fn new(k: u8, n: u8, len: usize) -> Self {
        let plain = noise(len, len as u64 + 1);
        let slab = Encoder::new(workers(2)).encode(shape(k, n, len), SLAB, &key(), &repair_root(), &plain);
        let roots = slab.roots();
        Case { plain, slab, roots, key: key() }
    }

    fn sealed(&self) -> SealedSlab<'_> {
        SealedSlab::new(self.slab.shape, SLAB, &self.key, &self.slab.mask, &self.roots).unwrap()
    }

    fn shards(&self, indices: &[u8]) -> Vec<(u8, &[u8])> {
        indices.iter().map(|index| (*index, &self.slab.shards[usize::from(*index)].bytes[..])).collect()
    }

    fn decode(&self, shards: &[(u8, &[u8])]) -> Result<Vec<u8>, Invalid> {
        let mut out = vec![0xaa; self.plain.len()];
        let result = self.sealed().decode(shards, workers(2), &mut out);
        if result.is_err() {
            assert!(out.iter().all(|byte| *byte == 0), "nothing is handed out on failure");
        }
        result.map(|_| out)
    }

    /// What a supplier sends for a part of a shard.
    fn fetch(&self, shard: u8, range: std::ops::Range<u64>) -> Vec<u8> {
        let shard = &self.slab.shards[usize::from(shard)];
        blob::encode_range(&shard.outboard, shard.bytes.len() as u64, range, |offset, buffer| {
            buffer.copy_from_slice(&shard.bytes[offset as usize..offset as usize + buffer.len()]);
            Ok(())
        })
        .unwrap()
    }

    fn piece(&self, shard: u8, range: std::ops::Range<u64>) -> VerifiedPiece {
        self.sealed().masked().verify_piece(shard, range.clone(), &self.fetch(shard, range)).unwrap()
    }
}

fn layouts() -> impl Strategy<Value = (u8, u8)> {
    (1u8..=10).prop_flat_map(|k| (Just(k), k..=30))
}

/// Slab sizes: nothing, little, and both sides of unit and row boundaries.
fn lengths(k: u8) -> impl Strategy<Value = usize> {
    let row = usize::from(k) * UNIT;
    prop_oneof![
        1 => Just(0),
        2 => 1usize..200,
        2 => (1usize..20, -1isize..=1).prop_map(|(units, d)| (units * UNIT).saturating_add_signed(d)),
        2 => (1usize..3, -1isize..=1).prop_map(move |(rows, d)| (rows * row).saturating_add_signed(d)),
        2 => 1usize..1_500_000,
    ]
}

fn cases() -> impl Strategy<Value = (u8, u8, usize)> {
    layouts().prop_flat_map(|(k, n)| (Just(k), Just(n), lengths(k)))
}

/// `k` distinct indices below `n`, in the order of `picks`.
fn choose(k: u8, n: u8, picks: &[Index]) -> Vec<u8> {
    let mut rest: Vec<u8> = (0..n).collect();
    picks.iter().take(usize::from(k)).map(|pick| rest.remove(pick.index(rest.len()))).collect()
}

fn picks() -> impl Strategy<Value = Vec<Index>> {
    proptest::collection::vec(any::<Index>(), 10)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_k_of_n_shards_rebuild((k, n, len) in cases(), picks in picks()) {
        let case = Case::new(k, n, len);
        let chosen = choose(k, n, &picks);
        let shards = case.shards(&chosen);
        prop_assert_eq!(case.decode(&shards).unwrap(), case.plain.clone());
        prop_assert_eq!(case.decode(&shards[1..]), Err(Invalid::TooFew { have: usize::from(k) - 1, need: usize::from(k) }));
        let lost: Vec<u8> = (0..n).filter(|index| !chosen.contains(index)).collect();
        let rebuilt = case.sealed().masked().rebuild(&shards, &lost, workers(2)).unwrap();
        for (index, shard) in lost.iter().zip(&rebuilt) {
            prop_assert_eq!(shard, &case.slab.shards[usize::from(*index)], "shard {}", index);
        }
    }

    #[test]
    fn a_flipped_bit_in_any_shard_used_is_noticed_and_named((k, n, len) in cases(), picks in picks(), bit in any::<Index>(), victim in any::<Index>()) {
        prop_assume!(len > 0);
        let case = Case::new(k, n, len);
        let chosen = choose(k, n, &picks);
        let victim = chosen[victim.index(chosen.len())];
        let mut bad = case.slab.shards[usize::from(victim)].bytes.clone();
        let bit = bit.index(bad.len() * 8);
        bad[bit / 8] ^= 1 << (bit % 8);
        let mut shards = case.shards(&chosen);
        for shard in shards.iter_mut().filter(|shard| shard.0 == victim) {
            shard.1 = &bad;
        }
        prop_assert_eq!(case.decode(&shards), Err(Invalid::Roots { indices: vec![victim] }));
        let lost: Vec<u8> = (0..n).filter(|index| !chosen.contains(index)).take(2).collect();
        let rebuilt = case.sealed().masked().rebuild(&shards, &lost, Workers::one());
        prop_assert_eq!(rebuilt.unwrap_err(), Invalid::Roots { indices: vec![victim] });
    }

    #[test]
    fn any_range_is_read_from_its_own_shards_and_from_any_k((k, n, len) in cases(), picks in picks(), a in any::<Index>(), b in any::<Index>()) {
        prop_assume!(len > 0);
        let case = Case::new(k, n, len);
        let (a, b) = (a.index(len), b.index(len));
        let range = a.min(b)..a.max(b) + 1;
        let plan = ReadPlan::new(case.slab.shape, range.start as u64..range.end as u64).unwrap();
        let direct: Vec<_> = plan.pieces().iter().map(|piece| case.piece(piece.shard, piece.range.clone())).collect();
        let (bytes, work) = case.sealed().read(&plan, &direct).unwrap();
        prop_assert_eq!(&bytes[..], &case.plain[range.clone()]);
        prop_assert_eq!(work.coded, 0);
        let degraded: Vec<_> = choose(k, n, &picks).iter().map(|shard| case.piece(*shard, plan.column())).collect();
        prop_assert_eq!(&case.sealed().read(&plan, &degraded).unwrap().0[..], &case.plain[range]);
        if k > 1 {
            let uncovered = matches!(case.sealed().read(&plan, &[]), Err(Invalid::Uncovered { .. }));
            prop_assert!(uncovered);
        }
    }
}

/// A part of a public unit comes alone: no other byte is fetched or touched, from its own shard and from any `k`.
#[test]
fn ranges_are_covered_by_units() {
    let unit = UNIT_PLAIN_BYTES;
    assert_eq!(units_of(&(0..1)), 0..1);
    assert_eq!(units_of(&(unit..2 * unit)), 1..2);
    assert_eq!(units_of(&(unit - 1..unit + 1)), 0..2);
}

#[test]
fn a_part_of_a_unit_is_read_without_its_tag() {
    let case = Case::new(4, 8, 9 * UNIT + 777);
    let full = UNIT_PLAIN_BYTES as usize;
    for range in [0..1, 5..2000, full - 1..full, full..2 * full, 4 * full + 63..4 * full + 65, 9 * full..9 * full + 100]
    {
        let plan = ReadPlan::part(case.slab.shape, range.start as u64..range.end as u64).unwrap();
        let [Piece { shard, range: wanted }] = plan.pieces() else { panic!("one piece") };
        assert_eq!(wanted.end - wanted.start, range.len() as u64);
        let (bytes, work) = case.sealed().read(&plan, &[case.piece(*shard, wanted.clone())]).unwrap();
        assert_eq!(bytes, case.plain[range.clone()], "{range:?}");
        assert_eq!((work.masked, work.sealed, work.copied), (range.len() as u64, range.len() as u64, 0));
        let parity: Vec<_> = (4..8).map(|shard| case.piece(shard, plan.column())).collect();
        assert_eq!(case.sealed().read(&plan, &parity).unwrap().0, case.plain[range.clone()], "{range:?}");
    }
    let across = full as u64 - 1..full as u64 + 1;
    let plan = ReadPlan::part(case.slab.shape, across.clone()).unwrap();
    assert_eq!(plan, ReadPlan::new(case.slab.shape, across).unwrap(), "whole units where one is not enough");
    assert!(matches!(ReadPlan::part(case.slab.shape, 5..5), Err(Invalid::Range { .. })));
}

/// Sizes at which a length is easily wrong by one, each through every layout named in the design.
#[test]
fn boundary_sizes_survive_the_way_there_and_back() {
    for (k, n) in [(1, 1), (1, 3), (2, 2), (4, 8), (10, 30)] {
        let row = usize::from(k) * UNIT;
        for len in
            [0, 1, 15, 16, 17, UNIT - 1, UNIT, UNIT + 1, row - 1, row, row + 1, 2 * row - UNIT, 2 * row + 3 * UNIT / 2]
        {
            let case = Case::new(k, n, len);
            let last: Vec<u8> = (n - k..n).collect();
            assert_eq!(case.decode(&case.shards(&last)).unwrap(), case.plain, "{k} of {n}, {len} bytes");
            for shard in &case.slab.shards {
                assert_eq!(shard.bytes.len() as u64, case.slab.shape.shard_bytes());
                assert_eq!(shard.root(), blob::root(&shard.bytes));
            }
        }
    }
}

#[test]
fn a_full_slab_survives() {
    let case = Case::new(10, 12, SLAB_PLAIN_BYTES as usize);
    assert_eq!(case.slab.shape.shard_bytes(), 4 << 20);
    assert!(case.decode(&case.shards(&[11, 1, 2, 10, 4, 5, 6, 7, 8, 9])).unwrap() == case.plain);
    let too_long = SlabShape::new(Layout::new(4, 8).unwrap(), SLAB_PLAIN_BYTES + 1);
    assert!(matches!(too_long, Err(Invalid::TooLong { .. })));
}

/// The transformations one by one, as the protocol words them, without the codec's order of work.
#[test]
fn shards_are_what_the_protocol_says() {
    let (k, n, len) = (3u8, 7u8, 5 * UNIT + 1234);
    let case = Case::new(k, n, len);
    let shape = case.slab.shape;
    let sealer = seal::Sealer::new(&key(), SLAB, shape.units());
    let mut ciphertext = Vec::new();
    let mut shards = vec![vec![0; shape.shard_bytes() as usize]; usize::from(n)];
    for (u, plain) in case.plain.chunks(UNIT).enumerate() {
        let mut sealed = vec![0; plain.len() + 16];
        sealer.seal(u as u64, plain, &mut sealed);
        let at = u / usize::from(k) * UNIT_BYTES as usize;
        shards[u % usize::from(k)][at..at + sealed.len()].copy_from_slice(&sealed);
        ciphertext.extend_from_slice(&sealed);
    }
    assert_eq!(case.slab.ciphertext, blob::root(&ciphertext));
    reed_solomon_erasure::galois_8::ReedSolomon::new(k.into(), (n - k).into()).unwrap().encode(&mut shards).unwrap();
    let mask = MaskKey::derive(&repair_root(), SLAB, shape, case.slab.ciphertext);
    for (j, shard) in shards.iter_mut().enumerate() {
        mask::Mask::new(&mask, j as u8).apply(0, shard);
        assert!(*shard == case.slab.shards[j].bytes, "shard {j}");
    }
}

/// The bytes on the suppliers' disks: recorded once, so that no change of a dependency or of ours moves them unseen.
#[test]
fn recorded_roots_stay() {
    let case = Case::new(2, 4, 3 * UNIT + 5);
    let roots: Vec<String> = case.roots.iter().map(|root| root.to_string()[2..18].to_owned()).collect();
    assert_eq!(roots, ["860c04f155880c27", "2f08f1d05fb4745d", "d6a41a9c4209bca0", "269283819bfe7396"]);
}

#[test]
fn number_of_threads_and_reused_memory_change_nothing() {
    let plain = noise(9 * UNIT + 77, 4);
    let shape = shape(4, 9, plain.len());
    let one = Encoder::new(Workers::one()).encode(shape, SLAB, &key(), &repair_root(), &plain);
    let mut encoder = Encoder::new(workers(5));
    for _ in 0..9 {
        encoder.recycle(noise(2 << 20, 8));
    }
    let five = encoder.encode(shape, SLAB, &key(), &repair_root(), &plain);
    assert_eq!((one.shards, one.work), (five.shards, five.work));
}

#[test]
fn wrong_key_salt_slab_length_or_repair_root_opens_nothing() {
    let case = Case::new(4, 8, 6 * UNIT);
    let shards = case.shards(&[0, 1, 2, 3]);
    let (shape, mask, roots) = (case.slab.shape, &case.slab.mask, &case.roots[..]);
    let mut out = vec![0; case.plain.len()];
    let refused = |unit| Err(Invalid::Seal { slab: SLAB, unit });
    for wrong in [SealKey::new([8; 32], [9; 19]), SealKey::new([7; 32], [1; 19])] {
        let slab = SealedSlab::new(shape, SLAB, &wrong, mask, roots).unwrap();
        assert_eq!(slab.decode(&shards, workers(2), &mut out), refused(0));
    }
    let other = SlabId([6; 32]);
    let slab = SealedSlab::new(shape, other, &case.key, mask, roots).unwrap();
    assert_eq!(slab.decode(&shards, workers(2), &mut out), Err(Invalid::Seal { slab: other, unit: 0 }));
    let other_mask = MaskKey::derive(&RepairRoot::new([4; 32]), SLAB, shape, case.slab.ciphertext);
    let slab = SealedSlab::new(shape, SLAB, &case.key, &other_mask, roots).unwrap();
    assert_eq!(slab.decode(&shards, workers(2), &mut out), refused(0));
    assert_eq!(slab.masked().rebuild(&shards, &[5], workers(1)).unwrap_err(), Invalid::Rebuilt { index: 5 });
    // Cut by a unit: the one that is now last was not sealed as last.
    let shorter = self::shape(4, 8, 5 * UNIT);
    let slab = SealedSlab::new(shorter, SLAB, &case.key, mask, roots).unwrap();
    assert_eq!(slab.decode(&shards, workers(2), &mut out[..5 * UNIT]), refused(4));
}

#[test]
fn a_shard_under_another_index_is_refused() {
    let case = Case::new(4, 8, 6 * UNIT);
    let mut shards = case.shards(&[0, 1, 2, 3]);
    (shards[1].1, shards[2].1) = (shards[2].1, shards[1].1);
    assert_eq!(case.decode(&shards), Err(Invalid::Roots { indices: vec![1, 2] }));
    let encoded = case.fetch(1, 0..100);
    assert!(matches!(case.sealed().masked().verify_piece(2, 0..100, &encoded), Err(Invalid::Piece { index: 2, .. })));
    assert!(case.sealed().masked().verify_piece(1, 0..100, &encoded).is_ok());
}

#[test]
fn impossible_inputs_are_refused_by_name() {
    let case = Case::new(2, 4, 1000);
    let good = case.shards(&[0, 1]);
    let bytes = good[0].1;
    assert_eq!(case.decode(&[good[0], good[0]]), Err(Invalid::Twice { index: 0 }));
    assert_eq!(case.decode(&[good[0], (4, bytes)]), Err(Invalid::Index { index: 4, n: 4 }));
    assert_eq!(case.decode(&[good[0], (1, &bytes[1..])]), Err(Invalid::Length { index: 1, got: 1015, want: 1016 }));
    let few = SealedSlab::new(case.slab.shape, SLAB, &case.key, &case.slab.mask, &case.roots[..3]).unwrap_err();
    assert_eq!(few, Invalid::RootCount { got: 3, want: 4 });
    assert_eq!(case.sealed().masked().rebuild(&good, &[9], workers(1)).unwrap_err(), Invalid::Index { index: 9, n: 4 });
    for range in [5..5, 0..1001, 1000..1001, u64::MAX - 1..u64::MAX] {
        assert!(matches!(ReadPlan::new(case.slab.shape, range), Err(Invalid::Range { .. })));
    }
    assert_eq!(case.sealed().masked().verify_piece(4, 0..1, &[]), Err(Invalid::Index { index: 4, n: 4 }));
}

/// What the module claims about work: every byte sealed once, masked once, hashed once, and none just moved.
#[test]
fn each_byte_is_touched_as_often_as_claimed() {
    for (k, n) in [(4u8, 8u8), (10, 30)] {
        let len = 23 * UNIT + 99;
        let case = Case::new(k, n, len);
        let shape = case.slab.shape;
        let shards = u64::from(n) * shape.shard_bytes();
        let expected = Work {
            sealed: len as u64,
            coded: u64::from(n - k) * shape.shard_bytes(),
            masked: shards,
            hashed: shape.ciphertext_bytes() + shards,
            copied: 0,
        };
        assert_eq!(case.slab.work, expected);
        let mut out = vec![0; len];
        let through = u64::from(k) * shape.shard_bytes();
        let indices: Vec<u8> = (0..k).collect();
        let work = case.sealed().decode(&case.shards(&indices), workers(2), &mut out).unwrap();
        assert_eq!(work, Work { sealed: len as u64, coded: 0, masked: through, hashed: through, copied: 0 });
        let indices: Vec<u8> = (n - k..n).collect();
        let work = case.sealed().decode(&case.shards(&indices), workers(2), &mut out).unwrap();
        // Both layouts have k parity shards and more, so all data shards are absent and every unit is combined.
        assert_eq!(work.coded, shape.units() * UNIT_BYTES);
        assert_eq!((work.sealed, work.masked, work.hashed, work.copied), (len as u64, through, through, 0));
    }
}

/// A whole-unit read moves no byte but those of a unit that is wanted in part.
#[test]
fn a_small_read_fetches_one_range_of_one_shard() {
    let case = Case::new(4, 8, 40 * UNIT);
    let unit = 13u64;
    let start = unit * UNIT_PLAIN_BYTES + 100;
    let plan = ReadPlan::new(case.slab.shape, start..start + 1000).unwrap();
    assert_eq!(plan.pieces(), [Piece { shard: 1, range: 3 * UNIT_BYTES..4 * UNIT_BYTES }]);
    assert_eq!(plan.column(), 3 * UNIT_BYTES..4 * UNIT_BYTES);
    let piece = case.piece(1, plan.column());
    let (bytes, work) = case.sealed().read(&plan, &[piece]).unwrap();
    assert_eq!(bytes, case.plain[start as usize..start as usize + 1000]);
    assert_eq!((work.masked, work.sealed, work.copied), (UNIT_BYTES, UNIT_PLAIN_BYTES, 1000));
}
