//! Draws what a walker sees: rays through the generated voxels, with sun, shade and haze, as a PPM picture on standard
//! output.
//!
//! `cargo run -p bitdust-world --example gen_view -- [SEED] [X] [Z] [ABOVE] [YAW] [PITCH] [CHUNKS] > view.ppm`: the eye
//! is ABOVE metres over the ground at (X, Z), looks YAW degrees clockwise from north and PITCH degrees down, CHUNKS
//! chunks far. Without X and Z it looks at the village nearest to where players start.

use std::io::{self, Write};

use bitdust_world::{
    BlockId, Chunk, ChunkPos, VoxelPos,
    block::{self, Kind},
    r#gen::{Generator, Params},
};

const WIDTH: usize = 1120;
const HEIGHT: usize = 700;
const LAYERS: std::ops::Range<i64> = -1..8;

/// The chunks around the eye.
struct Scene {
    corner: ChunkPos,
    edge: usize,
    chunks: Vec<Chunk>,
    origin: VoxelPos,
}

impl Scene {
    fn load(generator: &Generator, middle: VoxelPos, radius: i64) -> Self {
        let chunk = middle.chunk();
        let corner = ChunkPos::new(chunk.x.wrapping_sub(radius), LAYERS.start, chunk.z.wrapping_sub(radius));
        let edge = 2 * radius + 1;
        let mut chunks = Vec::new();
        for dz in 0..edge {
            for dx in 0..edge {
                let column = generator.column(corner.x.wrapping_add(dx), corner.z.wrapping_add(dz));
                chunks.extend(LAYERS.map(|cy| generator.chunk_in(&column, cy)));
            }
        }
        Scene { corner, edge: edge as usize, chunks, origin: corner.origin() }
    }

    /// The block at a place counted from the scene's corner; `None` outside.
    fn get(&self, [x, y, z]: [i64; 3]) -> Option<BlockId> {
        let layers = (LAYERS.end - LAYERS.start) as usize;
        let (cx, cy, cz) = (x >> 5, y >> 5, z >> 5);
        let edge = self.edge as i64;
        if !(0..edge).contains(&cx) || !(0..edge).contains(&cz) || !(0..layers as i64).contains(&cy) {
            return None;
        }
        let at = (cz as usize * self.edge + cx as usize) * layers + cy as usize;
        Some(self.chunks[at].get((x & 31) as u8, (y & 31) as u8, (z & 31) as u8))
    }

    /// The first block on a ray that stops it, where, through which face, and how much water lay before it.
    fn cast(&self, from: [f64; 3], way: [f64; 3], far: f64) -> Option<(BlockId, [i64; 3], usize, f64, f64)> {
        let mut at = from.map(|part| part.floor() as i64);
        let step = way.map(|part| if part < 0.0 { -1 } else { 1 });
        let delta = way.map(|part| (1.0 / part).abs());
        let mut next = [0.0; 3];
        for axis in 0..3 {
            let inside = from[axis] - from[axis].floor();
            next[axis] = if way[axis] < 0.0 { inside } else { 1.0 - inside } * delta[axis];
        }
        let (mut t, mut face, mut wet) = (0.0, 1, None);
        while t < far {
            let block = self.get(at)?;
            match block.kind() {
                Kind::Air => {}
                Kind::Liquid => wet = wet.or(Some(t)),
                Kind::Plant => {
                    let middle =
                        [0, 1, 2].map(|axis: usize| from[axis] + way[axis] * (t + 0.4) - at[axis] as f64 - 0.5);
                    if middle[0].abs().min(middle[2].abs()) < 0.16 && middle[1] < 0.3 {
                        return Some((block, at, 1, t, wet.map_or(0.0, |wet| t - wet)));
                    }
                }
                Kind::Cube | Kind::Glass | Kind::Leaves => {
                    return Some((block, at, face, t, wet.map_or(0.0, |wet| t - wet)));
                }
            }
            face = if next[0] < next[1] && next[0] < next[2] {
                0
            } else if next[1] < next[2] {
                1
            } else {
                2
            };
            t = next[face];
            next[face] += delta[face];
            at[face] += step[face];
        }
        None
    }
}

fn main() -> io::Result<()> {
    let given: Vec<i64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let number = |at: usize, otherwise: i64| given.get(at).copied().unwrap_or(otherwise);
    let generator = Generator::new(number(0, 1) as u64, Params::default()).expect("the defaults are within bounds");
    let spawn = generator.spawn();
    let village = generator.villages_near(spawn.x, spawn.z, 200).pop();
    let (vx, vz) = village.as_ref().map_or((spawn.x, spawn.z), |village| (village.x, village.z));
    eprintln!("spawn {spawn}; {village:?}");
    let (x, z) = (number(1, vx), number(2, vz + 70));
    let surface = generator.surface(x, z);
    let eye = VoxelPos::new(x, surface.height.max(surface.water.unwrap_or(surface.height)) + number(3, 34), z);
    let radius = number(6, 8).clamp(1, 24);
    let scene = Scene::load(&generator, eye, radius);
    assert_eq!(scene.corner.origin(), scene.origin);
    let from = eye.since(scene.origin).map(|part| part as f64 + 0.5);
    let (yaw, pitch) = ((number(4, 0) as f64).to_radians(), (number(5, 22) as f64).to_radians());
    let far = radius as f64 * 32.0;
    let sun = [0.42, 0.78, 0.46];
    let mut picture = Vec::with_capacity(WIDTH * HEIGHT * 3);
    for row in 0..HEIGHT {
        for place in 0..WIDTH {
            let right = (place as f64 / WIDTH as f64 - 0.5) * 1.5;
            let up = (0.5 - row as f64 / HEIGHT as f64) * 1.5 * HEIGHT as f64 / WIDTH as f64;
            let (ahead, rise) = (pitch.cos() + up * pitch.sin(), up * pitch.cos() - pitch.sin());
            let way = [yaw.sin() * ahead + yaw.cos() * right, rise, -yaw.cos() * ahead + yaw.sin() * right];
            let long = way.iter().map(|part| part * part).sum::<f64>().sqrt();
            let way = way.map(|part| part / long + 1e-9);
            let sky = [170.0 - 70.0 * rise.max(0.0), 200.0 - 50.0 * rise.max(0.0), 232.0];
            let colour = scene.cast(from, way, far).map_or(sky, |(block, at, face, t, water)| {
                let shown = block.builtin();
                let (top, side) = shown.map_or(([255, 0, 255], [255, 0, 255]), |block| (block.top, block.side));
                let base = if face == 1 { top } else { side };
                let hit = [0, 1, 2].map(|axis: usize| from[axis] + way[axis] * (t - 1e-3));
                let shaded = block != block::LANTERN && scene.cast(hit, sun, 120.0).is_some();
                let facing = [0.78, if way[1] < 0.0 { 1.0 } else { 0.5 }, 0.66][face];
                let grain = 0.94 + 0.12 * f64::from((at[0] * 7 + at[1] * 13 + at[2] * 29).rem_euclid(11) as u8) / 11.0;
                let light = facing * grain * if shaded { 0.6 } else { 1.08 };
                let drowned = 1.0 - (-water * 0.22).exp() * if water > 0.0 { 0.72 } else { 1.0 };
                let haze = (t / far).powi(3).min(1.0);
                let deep = block::WATER.builtin().map_or([0; 3], |block| block.top);
                [0, 1, 2].map(|part: usize| {
                    let dry = f64::from(base[part]) * light;
                    let wet = dry + (f64::from(deep[part]) * 0.9 - dry) * drowned;
                    wet + (sky[part] - wet) * haze
                })
            });
            picture.extend(colour.map(|part| part.clamp(0.0, 255.0) as u8));
        }
    }
    let mut out = io::stdout().lock();
    writeln!(out, "P6 {WIDTH} {HEIGHT} 255")?;
    out.write_all(&picture)
}
