//! The codec's steps alone at their best, and the whole of it, per core and on all cores.
//!
//! Each step alone runs over buffers that stay in its favourite cache, at the best of several sizes. The *sum of the parts* is
//! what a pipeline would reach that does nothing but these steps, each at that speed:
//! `1 / (1/AEAD + 1/code + (n/k)/mask + (1 + n/k)/BLAKE3)` for encoding. The ratio of the whole to it shows what memory, tags,
//! padding and everything else cost. Speeds are MiB of user data per second.
//!
//! Run with `cargo bench --profile dev -p bitdust-benches --bench codec`.

use std::hint::black_box;

use bitdust_benches::stick::{Best, seconds, wall_seconds};
use bitdust_market::codec::{
    Encoder, RepairRoot, SealKey, SealedSlab, SlabShape, Workers,
    erasure::{Code, combine},
    mask::Mask,
    seal::Sealer,
};
use bitdust_proof::blob;
use bitdust_types::{
    Layout, SlabId,
    layout::{SLAB_PLAIN_BYTES, UNIT_PLAIN_BYTES},
};

/// Rounds, each of which measures everything once.
const ROUNDS: usize = 7;
/// Bytes that a step alone handles in one measurement.
const STEP_BYTES: usize = 64 << 20;
const KIB: usize = 1024;
const SLAB: SlabId = SlabId([5; 32]);

/// The steps that do not depend on the layout.
#[derive(Default)]
struct Steps {
    seal: Best,
    open: Best,
    mask: Best,
    hash: Best,
}

/// One layout.
struct Case {
    layout: Layout,
    /// Data bytes per second through the code: making the parity.
    code: Best,
    /// Data bytes per second through the code: making data from parity alone.
    recode: Best,
    encode: Best,
    decode: Best,
    decode_parity: Best,
    encode_all: Best,
    decode_all: Best,
    copied: f64,
}

fn main() {
    let plain: Vec<u8> = (0..SLAB_PLAIN_BYTES).map(|i| ((i * i) >> 7) as u8).collect();
    let mut steps = Steps::default();
    let mut cases = [(4, 8), (10, 30)].map(|(k, n)| Case::new(Layout::new(k, n).expect("k <= n")));
    for _ in 0..ROUNDS {
        steps.round();
        for case in &mut cases {
            case.round(&plain);
        }
    }
    println!("Codec, MiB/s of user data per core (time on the core, best of {ROUNDS} rounds)\n");
    println!("  step alone                            MiB/s");
    for (name, best) in [
        ("seal   XChaCha20-Poly1305, 64 KiB", steps.seal),
        ("open   XChaCha20-Poly1305, 64 KiB", steps.open),
        ("mask   XChaCha20", steps.mask),
        ("hash   BLAKE3", steps.hash),
    ] {
        println!("  {name:<35} {:>7.0}", best.mib_per_s());
    }
    for case in &cases {
        case.print(&steps);
    }
}

impl Steps {
    fn round(&mut self) {
        let key = SealKey::new([1; 32], [2; 19]);
        let sealer = Sealer::new(&key, SLAB, 640);
        let plain = vec![3; UNIT_PLAIN_BYTES as usize];
        let mut sealed = vec![0; plain.len() + 16];
        let mut opened = vec![0; plain.len()];
        repeat(&mut self.seal, plain.len(), || sealer.seal(7, &plain, black_box(&mut sealed)));
        repeat(&mut self.open, plain.len(), || sealer.open(7, &sealed, black_box(&mut opened)).expect("just sealed"));
        let shape = SlabShape::new(Layout::new(4, 8).expect("k <= n"), 1000).expect("fits");
        let mask_key = bitdust_market::codec::MaskKey::derive(&RepairRoot::new([3; 32]), SLAB, shape, blob::root(&[]));
        let mut mask = Mask::new(&mask_key, 3);
        for size in [8 * KIB, 16 * KIB, 64 * KIB] {
            let mut bytes = vec![4; size];
            repeat(&mut self.mask, size, || mask.apply(0, black_box(&mut bytes)));
        }
        for size in [16 * KIB, 64 * KIB, 256 * KIB] {
            let bytes = vec![4; size];
            repeat(&mut self.hash, size, || {
                black_box(blob::root(black_box(&bytes)));
            });
        }
    }
}

/// Measures `work`, which handles `bytes`, often enough to make [`STEP_BYTES`].
fn repeat(best: &mut Best, bytes: usize, mut work: impl FnMut()) {
    let times = (STEP_BYTES / bytes).max(1);
    best.take((times * bytes) as u64, seconds(|| (0..times).for_each(|_| work())));
}

impl Case {
    fn new(layout: Layout) -> Self {
        let none = Best::default();
        Case {
            layout,
            code: none,
            recode: none,
            encode: none,
            decode: none,
            decode_parity: none,
            encode_all: none,
            decode_all: none,
            copied: 0.0,
        }
    }

    fn round(&mut self, plain: &[u8]) {
        self.code_alone();
        let (k, n) = (self.layout.k(), self.layout.n());
        let shape = SlabShape::new(self.layout, plain.len() as u64).expect("one slab");
        let key = SealKey::new([1; 32], [2; 19]);
        let repair_root = RepairRoot::new([3; 32]);
        let bytes = plain.len() as u64;
        let mut out = vec![0; plain.len()];
        for workers in [Workers::one(), Workers::all_cores()] {
            let mut encoder = Encoder::new(workers);
            // The first slab pays for fresh memory; a stream of slabs reuses it.
            let mut slab = encoder.encode(shape, SLAB, &key, &repair_root, plain);
            for _ in 0..2 {
                slab.shards.into_iter().for_each(|shard| encoder.recycle(shard.bytes));
                let mut made = None;
                let work = || made = Some(encoder.encode(shape, SLAB, &key, &repair_root, plain));
                if workers == Workers::one() {
                    self.encode.take(bytes, seconds(work));
                } else {
                    self.encode_all.take(bytes, wall_seconds(work));
                }
                slab = made.expect("encoded");
            }
            let roots = slab.roots();
            let sealed = SealedSlab::new(shape, SLAB, &key, &slab.mask, &roots).expect("n roots");
            let pick = |from: u8| -> Vec<(u8, &[u8])> {
                (from..from + k).map(|index| (index, &slab.shards[usize::from(index)].bytes[..])).collect()
            };
            let mut copied = slab.work.copied;
            let mut decode =
                |from| copied += sealed.decode(&pick(from), workers, &mut out).expect("good shards").copied;
            if workers == Workers::one() {
                self.decode.take(bytes, seconds(|| decode(0)));
                self.decode_parity.take(bytes, seconds(|| decode(n - k)));
            } else {
                self.decode_all.take(bytes, wall_seconds(|| decode(0)));
            }
            assert!(out == plain, "what was encoded comes back");
            self.copied = copied as f64 / bytes as f64;
        }
    }

    fn code_alone(&mut self) {
        let (k, n) = (usize::from(self.layout.k()), usize::from(self.layout.n()));
        let code = Code::new(self.layout);
        let sources: Vec<u8> = (n - k..n).map(|index| index as u8).collect();
        let targets: Vec<u8> = (0..k as u8).collect();
        let recovery = code.recovery(&sources, &targets);
        for size in [2 * KIB, 16 * KIB, 32 * KIB, 64 * KIB] {
            let mut shards: Vec<Vec<u8>> = (0..n).map(|j| vec![j as u8 + 1; size]).collect();
            let (data, parity) = shards.split_at_mut(k);
            let data: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
            repeat(&mut self.code, k * size, || code.encode(black_box(&data), black_box(parity)));
            let inputs: Vec<&[u8]> = shards[n - k..].iter().map(Vec::as_slice).collect();
            let mut data = vec![vec![0; size]; k];
            repeat(&mut self.recode, k * size, || combine(&recovery, black_box(&inputs), black_box(&mut data)));
        }
    }

    fn print(&self, steps: &Steps) {
        let (k, n) = (f64::from(self.layout.k()), f64::from(self.layout.n()));
        let spread = n / k;
        let cost = |best: Best| 1.0 / best.mib_per_s();
        let (hash, mask) = (cost(steps.hash), cost(steps.mask));
        println!("\n  {k} of {n}                                MiB/s   sum of parts   ratio");
        println!("  code alone, making parity           {:>7.0}", self.code.mib_per_s());
        println!("  code alone, data from parity        {:>7.0}", self.recode.mib_per_s());
        let encode = cost(steps.seal) + cost(self.code) + spread * mask + (1.0 + spread) * hash;
        let decode = cost(steps.open) + mask + hash;
        for (name, best, parts) in [
            ("encode", self.encode, encode),
            ("decode from data shards", self.decode, decode),
            ("decode from parity shards", self.decode_parity, decode + cost(self.recode)),
        ] {
            let sum = 1.0 / parts;
            println!("  {name:<35} {:>7.0} {sum:>14.0} {:>7.2}", best.mib_per_s(), best.mib_per_s() / sum);
        }
        println!("  encode, all cores                   {:>7.0}", self.encode_all.mib_per_s());
        println!("  decode, all cores                   {:>7.0}", self.decode_all.mib_per_s());
        println!("  bytes copied per user byte, there and back: {}", self.copied);
    }
}
