//! Rivers and lakes: where water stands above the sea, and how high.
//!
//! The land is divided into cells of 512 m, each with one *node* at a hashed place in its middle. Every node above the
//! sea drains to the lowest of its neighbours, by [`Terrain::base`]; what drains through it is counted four nodes up.
//! So every river runs downhill, joins others, and ends in the sea or, where no neighbour is lower, in a lake. A
//! *reach* is a short straight piece of its way; its water level falls along it. Around reaches the land is shaped into
//! valleys.
//!
//! **Invariant:** the level is a continuous function of position whose slope stays below one, whichever reaches are
//! near, so that water never stands as a wall: levels of reaches are averaged with weights that reach zero where a
//! valley ends.
//! **Invariant:** no two reaches cross: of the two diagonals of four neighbouring cells, only the one through their
//! lowest node may be used.

use std::sync::Arc;

use super::{
    fixed::{METRE, lerp, ramp, smooth, smoothstep},
    hash::{Dice, derive, hash2},
    memo::Memo,
    terrain::Terrain,
};

/// Metres along a cell's edge.
const CELL: i64 = 512;
/// Cells along a tile's edge: what is worked out at once.
const TILE_CELLS: i64 = 8;
/// Further cells around a tile that have a say: four for the count, one for their way down, one for its choice.
const RING: i64 = 6;
/// Nodes along the edge of a tile and its ring.
const SPAN: usize = (TILE_CELLS + 2 * RING) as usize;
/// Metres from a reach to where its valley ends.
pub(super) const VALLEY: i64 = 112;
/// The most that [`super::terrain::Relief::bend`] moves a point, in metres.
pub(super) const BEND_MOST: i64 = 110;

/// Draining water.
pub(super) struct Rivers {
    seed: u64,
    tiles: Memo<Tile>,
}

/// The reaches around each of a tile's nodes, row by row.
struct Tile(Vec<Vec<Reach>>);

#[derive(Clone, Copy)]
struct Node {
    x: i64,
    z: i64,
    /// 1/256 m.
    base: i64,
    hash: u64,
}

/// A straight piece of the water's way past a node.
#[derive(Clone, Copy, Debug)]
struct Reach {
    from: End,
    to: End,
    lake: Option<Lake>,
}

/// Place in metres, the rest in 1/256 m.
#[derive(Clone, Copy, Debug)]
struct End {
    x: i64,
    z: i64,
    level: i64,
    /// Half of the river's width; below zero if the valley is dry.
    half: i64,
}

/// A lake at a node: the reaches around it lie level in it.
#[derive(Clone, Copy, Debug)]
struct Lake {
    x: i64,
    z: i64,
    level: i64,
    radius: i64,
}

/// A reach as seen from an area's corner. Lengths in 1/256 m.
pub(super) struct NearReach {
    from: [i64; 2],
    along: [i64; 2],
    length: i64,
    levels: [i64; 2],
    halves: [i64; 2],
    lake: Option<Lake>,
    /// Beyond these lies nothing of its valley: west, east, north, south.
    bounds: [i64; 4],
}

/// What the rivers say about a point. Lengths in 1/256 m.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// To the water's edge; below zero in the water. At least [`VALLEY`] metres if no river is near.
    pub(super) shore: i64,
    /// Height of the water's surface.
    pub(super) level: i64,
    /// How deep it may be in the middle.
    pub(super) depth: i64,
}

impl Stream {
    /// Far from all water.
    pub(super) const NONE: Stream = Stream { shore: VALLEY * METRE, level: 0, depth: 0 };
}

impl Rivers {
    pub(super) fn new(seed: u64) -> Self {
        Rivers { seed: derive(seed, 30), tiles: Memo::new(64) }
    }

    /// The reaches whose valleys touch the area of `width` × `depth` metres from (x, z) on.
    pub(super) fn near(&self, terrain: &Terrain, x: i64, z: i64, width: i64, depth: i64) -> Vec<NearReach> {
        let reach = VALLEY + BEND_MOST;
        let start = |at: i64| (at.wrapping_sub(reach) & -CELL).wrapping_sub(CELL);
        let count = |at: i64, length: i64| at.wrapping_add(length + reach).wrapping_sub(start(at)) / CELL + 2;
        let (west, north) = (start(x), start(z));
        let mut found = Vec::new();
        let mut tile: Option<((i64, i64), Arc<Tile>)> = None;
        for row in 0..count(z, depth) {
            for place in 0..count(x, width) {
                let (cx, cz) = (west.wrapping_add(place * CELL), north.wrapping_add(row * CELL));
                let size = TILE_CELLS * CELL;
                let key = (cx & -size, cz & -size);
                let nodes = match &tile {
                    Some((known, nodes)) if *known == key => nodes,
                    _ => &tile.insert((key, self.tiles.get(key, || self.tile(terrain, key)))).1,
                };
                let at = (cz.wrapping_sub(key.1) / CELL * TILE_CELLS + cx.wrapping_sub(key.0) / CELL) as usize;
                found.extend(nodes.0[at].iter().filter_map(|reach| NearReach::new(reach, x, z, width, depth)));
            }
        }
        found
    }

    fn node(&self, terrain: &Terrain, cx: i64, cz: i64) -> Node {
        let hash = hash2(self.seed, cx, cz);
        let mut dice = Dice::new(hash);
        let (x, z) = (cx.wrapping_add(dice.between(128, 383)), cz.wrapping_add(dice.between(128, 383)));
        Node { x, z, base: terrain.base(x, z), hash }
    }

    fn tile(&self, terrain: &Terrain, (x, z): (i64, i64)) -> Tile {
        let mut nodes = Vec::with_capacity(SPAN * SPAN);
        for row in 0..SPAN as i64 {
            for place in 0..SPAN as i64 {
                let (cx, cz) = (x.wrapping_add((place - RING) * CELL), z.wrapping_add((row - RING) * CELL));
                nodes.push(self.node(terrain, cx, cz));
            }
        }
        let down: Vec<Option<usize>> = (0..nodes.len()).map(|at| downhill(&nodes, at)).collect();
        let mut flow = vec![1i64; nodes.len()];
        for _ in 0..4 {
            let mut next = vec![1i64; nodes.len()];
            for (at, below) in down.iter().enumerate() {
                if let Some(below) = below {
                    next[*below] += flow[at];
                }
            }
            flow = next;
        }
        let inner = (RING..RING + TILE_CELLS)
            .flat_map(|row| (RING..RING + TILE_CELLS).map(move |place| row as usize * SPAN + place as usize));
        Tile(inner.map(|at| reaches(&nodes, &down, &flow, at)).collect())
    }
}

/// The neighbour that the water of a node takes its way to.
fn downhill(nodes: &[Node], at: usize) -> Option<usize> {
    let (row, place) = (at / SPAN, at % SPAN);
    if row == 0 || place == 0 || row == SPAN - 1 || place == SPAN - 1 || nodes[at].base <= -4 * METRE {
        return None;
    }
    let order = |at: usize| (nodes[at].base, nodes[at].hash);
    let mut lowest = at;
    for (down, right) in [(0, 1), (1, 0), (1, 2), (2, 1), (0, 0), (0, 2), (2, 0), (2, 2)] {
        let next = (row + down - 1) * SPAN + place + right - 1;
        if down != 1 && right != 1 {
            let sides = [row * SPAN + place + right - 1, (row + down - 1) * SPAN + place];
            if sides.into_iter().any(|side| order(side) < order(next).min(order(at))) {
                continue;
            }
        }
        if order(next) < order(lowest) {
            lowest = next;
        }
    }
    (lowest != at).then_some(lowest)
}

/// Straight pieces that a bend around a node is drawn with.
const PIECES: i64 = 4;

/// The water's ways past a node: for each neighbour that drains to it a curve, from half-way between the two to
/// half-way to where the node itself drains (Bézier's quadratic one, with the node as the control point, so that rivers
/// have no corners).
fn reaches(nodes: &[Node], down: &[Option<usize>], flow: &[i64], at: usize) -> Vec<Reach> {
    let node = &nodes[at];
    let level = |at: usize| (nodes[at].base - 2 * METRE).max(0);
    let here = End { x: node.x, z: node.z, level: level(at), half: half_width(flow[at]) };
    let between = |from: usize, to: usize| End {
        x: nodes[from].x.wrapping_add(nodes[to].x.wrapping_sub(nodes[from].x) / 2),
        z: nodes[from].z.wrapping_add(nodes[to].z.wrapping_sub(nodes[from].z) / 2),
        level: (level(from) + level(to)) / 2,
        half: half_width(flow[from]),
    };
    let end = down[at].map_or(here, |below| between(at, below));
    let mut from: Vec<usize> = (at - SPAN - 1..=at + SPAN + 1).filter(|other| down[*other] == Some(at)).collect();
    // The largest comes first: it is the river, the others are its tributaries.
    from.sort_by_key(|other| (-flow[*other], *other));
    let Some(main) = from.first() else {
        let source = down[at].map(|_| Reach { from: here, to: end, lake: None });
        return source.into_iter().collect();
    };
    let middle = bend(&between(*main, at), &here, &end, PIECES / 2);
    let mut dice = Dice::new(node.hash ^ 1);
    let bears = match down[at] {
        None => true,
        Some(below) => flow[at] > 2 && level(at) - level(below) < 7 * METRE && dice.chance(450),
    };
    let radius = dice.between(34, 84) * METRE;
    let lake =
        (bears && middle.level > METRE).then_some(Lake { x: middle.x, z: middle.z, level: middle.level, radius });
    let mut found = Vec::with_capacity(from.len() * PIECES as usize + 1);
    for other in &from {
        let start = between(*other, at);
        // A tributary keeps its width; where it joins, it lies within the river.
        let end = End { half: if other == main { end.half } else { start.half }, ..end };
        let points = (0..=PIECES).map(|step| bend(&start, &here, &end, step));
        let points: Vec<End> = points.collect();
        found.extend(points.windows(2).map(|pair| Reach { from: pair[0], to: pair[1], lake }));
    }
    found.extend(lake.map(|Lake { x, z, level, radius }| {
        let shore = End { x, z, level, half: radius };
        Reach { from: shore, to: shore, lake: None }
    }));
    found
}

/// Half of a river's width, by how many nodes drain through it; below zero where that's too little for a river.
fn half_width(flow: i64) -> i64 {
    if flow < 2 { -6 * METRE } else { (flow.min(24) * 70).isqrt() * METRE / 8 + METRE / 2 }
}

/// A point of the curve from `start` to `end`, drawn towards `control`.
fn bend(start: &End, control: &End, end: &End, step: i64) -> End {
    let left = PIECES - step;
    let mix = |start: i64, end: i64| (left * left * start + step * step * end) / (PIECES * PIECES);
    let from = |axis: fn(&End) -> i64| {
        let away = |end: &End| axis(end).wrapping_sub(axis(control));
        axis(control).wrapping_add(mix(away(start), away(end)))
    };
    End {
        x: from(|end| end.x),
        z: from(|end| end.z),
        level: mix(start.level, end.level) + 2 * left * step * control.level / (PIECES * PIECES),
        half: (left * start.half + step * end.half) / PIECES,
    }
}

impl NearReach {
    fn new(reach: &Reach, x: i64, z: i64, width: i64, depth: i64) -> Option<Self> {
        let local = |end: &End| [end.x.wrapping_sub(x), end.z.wrapping_sub(z)];
        let (from, to) = (local(&reach.from), local(&reach.to));
        let half = reach.from.half.max(reach.to.half).max(0) / METRE + 1;
        let mut bounds = [0; 4];
        for (axis, length) in [(0, width), (1, depth)] {
            let (low, high) = (from[axis].min(to[axis]) - VALLEY - half, from[axis].max(to[axis]) + VALLEY + half);
            if high < -BEND_MOST || low > length + BEND_MOST {
                return None;
            }
            (bounds[2 * axis], bounds[2 * axis + 1]) = (low * METRE, high * METRE);
        }
        let along = [(to[0] - from[0]) * METRE, (to[1] - from[1]) * METRE];
        let length = hypotenuse(along[0], along[1]);
        let lake = reach.lake.map(|lake| Lake {
            x: lake.x.wrapping_sub(x) * METRE,
            z: lake.z.wrapping_sub(z) * METRE,
            ..lake
        });
        Some(NearReach {
            from: from.map(|at| at * METRE),
            along,
            length,
            levels: [reach.from.level, reach.to.level],
            halves: [reach.from.half, reach.to.half],
            lake,
            bounds,
        })
    }

    /// How far the point is from the water's edge, half of the water's width, and its level; `None` outside of the
    /// valley.
    fn at(&self, x: i64, z: i64) -> Option<(i64, i64, i64)> {
        let [west, east, north, south] = self.bounds;
        if x < west || x > east || z < north || z > south {
            return None;
        }
        let (dx, dz) = (x - self.from[0], z - self.from[1]);
        if self.length == 0 {
            return Some((hypotenuse(dx, dz) - self.halves[0], self.halves[0], self.levels[0]));
        }
        let advance = (dx * self.along[0] + dz * self.along[1]) / self.length;
        let across = (dx * self.along[1] - dz * self.along[0]) / self.length;
        let over = if advance < 0 { advance } else { (advance - self.length).max(0) };
        let away = if over == 0 { across.abs() } else { hypotenuse(over, across) };
        let t = ramp(advance, 0, self.length);
        let half = lerp(self.halves[0], self.halves[1], t);
        let level = lerp(self.levels[0], self.levels[1], t);
        let level = self.lake.map_or(level, |lake| {
            let out = hypotenuse(x - lake.x, z - lake.z) - lake.radius;
            lerp(lake.level, level, smoothstep(out, 3 * METRE, 43 * METRE))
        });
        Some((away - half, half, level))
    }
}

fn hypotenuse(a: i64, b: i64) -> i64 {
    ((a * a + b * b) as u64).isqrt() as i64
}

/// What the reaches near an area say about the point (x, z), counted in 1/256 m from the area's corner.
pub(super) fn stream(reaches: &[NearReach], x: i64, z: i64) -> Stream {
    let mut shore = VALLEY * METRE;
    let (mut weights, mut levels, mut depth) = (0, 0, METRE);
    for reach in reaches {
        let Some((edge, half, level)) = reach.at(x, z) else { continue };
        let valley = VALLEY * METRE;
        if edge >= valley {
            continue;
        }
        let near = smooth(ramp(valley - edge, 0, valley));
        let apart = edge.max(0) / 16;
        let weight = near * near * 256 / (apart * apart + 2048);
        weights += weight;
        levels += weight * level;
        if edge < shore {
            shore = edge;
        }
        depth = depth.max(METRE + half.max(0) / 3);
    }
    if weights == 0 {
        return Stream::NONE;
    }
    Stream { shore, level: levels / weights, depth: depth.min(7 * METRE) }
}

/// Shapes the land around running water. `ground` and `shelf` are heights without it, all in 1/256 m. Returns the
/// ground's height and the height of the highest voxel of water there, if any.
pub(super) fn shape(ground: i64, shelf: i64, stream: &Stream) -> (i64, Option<i64>) {
    // Towards the coast the river sinks to the sea; the shelf's slopes are gentle enough for the level's.
    let level = stream.level.min((3 * shelf).max(0));
    let (raises, surface) = (level > 0, level >> 8);
    if stream.shore <= 0 {
        let bed = level - (METRE / 2 + stream.depth.min(METRE / 2 - stream.shore / 2));
        let bed = if raises { bed } else { ground.min(bed) };
        return (bed, (bed >> 8 < surface).then_some(surface));
    }
    let floor = level + METRE + stream.shore / 12;
    let shaped = if ground >= floor {
        lerp(floor, ground, smooth(ramp(stream.shore, 0, VALLEY * METRE)))
    } else if raises {
        lerp(floor, ground, smooth(ramp(stream.shore, 4 * METRE, 28 * METRE)))
    } else {
        ground
    };
    (shaped, (shaped < 0).then_some(0))
}

#[cfg(test)]
impl Rivers {
    /// Whether every reach of the tile around a place falls, and ends in the sea, at a lake, or where the next reach
    /// begins.
    pub(super) fn run_downhill(&self, terrain: &Terrain, x: i64, z: i64) -> bool {
        let size = TILE_CELLS * CELL;
        let reaches: Vec<Reach> = self.tile(terrain, (x & -size, z & -size)).0.into_iter().flatten().collect();
        let heads: std::collections::BTreeSet<_> = reaches.iter().map(|reach| (reach.from.x, reach.from.z)).collect();
        reaches.iter().all(|reach| {
            let (to, rim) = ((reach.to.x, reach.to.z), 2 * CELL);
            let within = |at: i64, from: i64| (rim..size - rim).contains(&at.wrapping_sub(from & -size));
            let inside = within(to.0, x) && within(to.1, z);
            let ends = reach.to.level == 0 || reach.lake.is_some() || !inside || heads.contains(&to);
            reach.to.level <= reach.from.level && ends
        })
    }
}
