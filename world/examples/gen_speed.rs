//! Measures the generator on one thread: chunks per second in stacks of six around the surface, and patches of far
//! terrain.
//!
//! `cargo run -p bitdust-world --example gen_speed`

use std::time::{Duration, Instant};

use bitdust_world::r#gen::{FarCell, Generator, Params};

fn main() {
    // Time on the CPU, where Linux tells it: others may be using the machine.
    let started = Instant::now();
    let clock = || {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let nanos = told.and_then(|told| told.split(' ').next()?.parse().ok());
        nanos.map_or_else(|| started.elapsed(), Duration::from_nanos)
    };
    let generator = Generator::new(1, Params::default()).expect("the default parameters are within bounds");
    for (name, x, z) in [("origin", 0, 0), ("10^15", 31_250_000_000_000, 31_250_000_000_000)] {
        let (edge, layers) = (24, -2..4);
        let start = clock();
        let mut columns = Vec::new();
        for cz in 0..edge {
            for cx in 0..edge {
                columns.push(generator.column(x + cx, z + cz));
            }
        }
        let planned = clock() - start;
        let mut mixed = 0;
        for column in &columns {
            for cy in layers.clone() {
                mixed += usize::from(generator.chunk_in(column, cy).as_uniform().is_none());
            }
        }
        let all = clock() - start;
        let chunks = columns.len() * layers.count();
        println!(
            "{name}: {chunks} chunks ({mixed} mixed) in {all:.2?}: {:.0} chunks/s; a column takes {:.0} µs, a mixed chunk {:.0} µs",
            chunks as f64 / all.as_secs_f64(),
            planned.as_secs_f64() * 1e6 / columns.len() as f64,
            (all - planned).as_secs_f64() * 1e6 / mixed.max(1) as f64,
        );
    }
    for level in [2, 4, 6, 8] {
        let start = clock();
        for at in 0..256 {
            generator.far(FarCell { x: at % 16, z: at / 16, level });
        }
        let patch = (clock() - start).as_secs_f64() * 1e6 / 256.0;
        println!("far patches of level {level}, {} m wide: {patch:.0} µs each", 16 << level);
    }
}
