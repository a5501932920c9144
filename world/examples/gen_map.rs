//! Draws a map of the terrain from above, shaded from the north-west, as a PPM picture on standard output.
//!
//! `cargo run -p bitdust-world --example gen_map -- [SEED] [X] [Z] [METRES PER PIXEL] [PIXELS] > map.ppm`: the map's
//! middle is at (X, Z).

use std::io::{self, Write};

use bitdust_world::{
    block,
    r#gen::{Generator, Params},
};

fn main() -> io::Result<()> {
    let given: Vec<i64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let number = |at: usize, otherwise: i64| given.get(at).copied().unwrap_or(otherwise);
    let (seed, step, pixels) = (number(0, 1), number(3, 2).max(1), number(4, 1000).clamp(16, 4000));
    let corner = |middle: i64| middle.wrapping_sub(pixels / 2 * step);
    let (x0, z0) = (corner(number(1, 0)), corner(number(2, 0)));
    let generator = Generator::new(seed as u64, Params::default()).expect("the default parameters are within bounds");
    let mut picture = Vec::with_capacity((pixels * pixels * 3) as usize);
    let mut north = vec![0; pixels as usize];
    for row in 0..pixels {
        let mut west = None;
        for (place, north) in (0..).zip(&mut north) {
            let found = generator.surface(x0.wrapping_add(place * step), z0.wrapping_add(row * step));
            let shown = if found.water.is_some() { block::WATER } else { found.top };
            let colour = shown.builtin().map_or([255, 0, 255], |block| block.top);
            let deep = found.water.map_or(0, |water| water - found.height);
            let level = found.water.unwrap_or(found.height);
            let slope = if row == 0 { 0 } else { level - *north } + level - west.unwrap_or(level);
            let light = (256 + (slope * 24 / step).clamp(-130, 110) - (deep * 3).min(110)).clamp(60, 400);
            picture.extend(colour.map(|part| (i64::from(part) * light / 256).min(255) as u8));
            (*north, west) = (level, Some(level));
        }
    }
    let mut out = io::stdout().lock();
    writeln!(out, "P6 {pixels} {pixels} 255")?;
    out.write_all(&picture)
}
