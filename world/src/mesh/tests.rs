//! Meshes against a slow and simple one, and against those recorded.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    BlockId, Chunk, ChunkPos, block,
    chunk::index_of,
    r#gen::{Generator, Params},
};

/// One face of one cell: where, which way, of what, how light its corners are, lowered or not.
type Unit = (([u8; 3], Face), (BlockId, u8, bool));

fn mesh(neighbourhood: &Neighbourhood) -> ChunkMesh {
    Mesher::default().mesh(neighbourhood, &Kinds::default())
}

/// A chunk with nothing around it.
fn alone(chunk: &Chunk) -> Around<'_> {
    let mut chunks = Around::default();
    chunks[around(0, 0, 0)] = Some(chunk);
    chunks
}

/// A layer of blocks up to below some height, air above, everywhere.
fn flat(height: i32, block: BlockId) -> impl Fn(i32, i32, i32) -> BlockId {
    move |_, y, _| if y < height { block } else { BlockId::AIR }
}

fn step(face: Face, [x, y, z]: [i32; 3]) -> [i32; 3] {
    let [dx, dy, dz] = face.normal().map(i32::from);
    [x + dx, y + dy, z + dz]
}

/// The faces of a mesh, taken apart.
fn units(quads: &[Quad]) -> BTreeMap<([u8; 3], Face), (BlockId, u8, bool)> {
    let mut units = BTreeMap::new();
    for quad in quads {
        for du in 0..quad.width {
            for dv in 0..quad.height {
                let [x, y, z] = quad.cell;
                let cell = match quad.face {
                    Face::East | Face::West => [x, y + dv, z + du],
                    Face::Up | Face::Down => [x + du, y, z + dv],
                    Face::South | Face::North => [x + du, y + dv, z],
                };
                let before = units.insert((cell, quad.face), (quad.block, quad.corners, quad.lowered));
                assert_eq!(before, None, "{cell:?} {:?} is covered twice", quad.face);
            }
        }
    }
    units
}

/// The same faces, found one by one.
fn expected(neighbourhood: &Neighbourhood) -> [Vec<Unit>; 3] {
    let (edge, span) = (neighbourhood.edge() as i32, neighbourhood.edge() + 2);
    let block = |[x, y, z]: [i32; 3]| {
        let [x, y, z] = [x, y, z].map(|at| (at + 1) as usize);
        neighbourhood.blocks()[(y * span + z) * span + x]
    };
    let kind = |at| block(at).kind();
    let is_opaque = |at| kind(at).is_opaque();
    let mut found = [vec![], vec![], vec![]];
    for (y, z, x) in (0..edge).flat_map(|y| (0..edge).flat_map(move |z| (0..edge).map(move |x| (y, z, x)))) {
        let at = [x, y, z];
        for face in Face::ALL {
            let front = step(face, at);
            let like = |other: block::Kind| kind(front) == other || is_opaque(front);
            let (list, corners, lowered) = match kind(at) {
                block::Kind::Cube | block::Kind::Leaves if !is_opaque(front) => {
                    (0, corners(face, front, is_opaque), false)
                }
                block::Kind::Glass if !like(block::Kind::Glass) => (1, 0xff, false),
                block::Kind::Liquid if !like(block::Kind::Liquid) => {
                    let above = [x, y + 1, z];
                    let covered = kind(above) == block::Kind::Liquid || is_opaque(above);
                    (2, 0xff, !covered && face != Face::Down)
                }
                _ => continue,
            };
            let cell = at.map(|at| at as u8);
            found[list].push(((cell, face), (block(at), corners, lowered)));
        }
    }
    for list in &mut found {
        list.sort_by_key(|(face, _)| *face);
    }
    found
}

/// Ambient occlusion, corner by corner.
fn corners(face: Face, front: [i32; 3], is_opaque: impl Fn([i32; 3]) -> bool) -> u8 {
    let (u, v) = match face {
        Face::East | Face::West => (2, 1),
        Face::Up | Face::Down => (0, 2),
        Face::South | Face::North => (0, 1),
    };
    let mut packed = 0;
    for (corner, (du, dv)) in [(-1, -1), (1, -1), (1, 1), (-1, 1)].into_iter().enumerate() {
        let at = |du: i32, dv: i32| {
            let mut at = front;
            at[u] += du;
            at[v] += dv;
            u8::from(is_opaque(at))
        };
        let [side, other, across] = [at(du, 0), at(0, dv), at(du, dv)];
        packed |= (if side + other == 2 { 0 } else { 3 - side - other - across }) << (2 * corner);
    }
    packed
}

/// Lumps of several sorts of blocks with air between them.
fn lumps() -> impl Strategy<Value = Neighbourhood> {
    let sorts = [
        BlockId::AIR,
        BlockId::AIR,
        block::STONE,
        block::DIRT,
        block::OAK_LEAVES,
        block::GLASS,
        block::DOOR,
        block::WATER,
        block::LAVA,
        block::FERN,
        BlockId(block::FIRST_CUSTOM),
    ];
    let edge = prop_oneof![1..5usize, Just(8), Just(16), Just(32)];
    (edge, 1..5i32, any::<u32>()).prop_map(move |(edge, lump, seed)| {
        Neighbourhood::from_fn(edge, 1, |x, y, z| {
            let cell = [x, y, z].map(|at| at.div_euclid(lump) as u32);
            let mix = cell.iter().fold(seed, |mix, at| (mix ^ at).wrapping_mul(0x9e37_79b1).rotate_left(13));
            sorts[(mix >> 8) as usize % sorts.len()]
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn merged_faces_are_those_that_are_seen_each_once(neighbourhood in lumps()) {
        let mesh = mesh(&neighbourhood);
        let [opaque, transparent, liquid] = expected(&neighbourhood);
        for (quads, seen) in [(&mesh.opaque, opaque), (&mesh.transparent, transparent), (&mesh.liquid, liquid)] {
            let found: Vec<Unit> = units(quads).into_iter().collect();
            prop_assert_eq!(found, seen);
        }
        let edge = neighbourhood.edge();
        let ferns = neighbourhood.blocks().iter().enumerate().filter(|(at, block)| {
            let span = edge + 2;
            let place = [at % span, at / span % span, at / span / span];
            **block == block::FERN && place.iter().all(|at| (1..=edge).contains(at))
        });
        prop_assert_eq!(mesh.plants.len(), ferns.count());
    }

    #[test]
    fn scratch_space_changes_nothing(neighbourhoods in prop::collection::vec(lumps(), 1..5)) {
        let (mut mesher, kinds) = (Mesher::default(), Kinds::default());
        for neighbourhood in &neighbourhoods {
            let again = mesher.mesh(neighbourhood, &kinds);
            prop_assert_eq!(again.hash(), mesh(neighbourhood).hash());
        }
    }

    #[test]
    fn triangles_look_where_their_face_does(neighbourhood in lumps()) {
        let mesh = mesh(&neighbourhood);
        let mut triangles = Triangles::default();
        triangles.add_quads(&mesh.opaque, mesh.scale, |_, _| [1.0; 4]);
        triangles.add_quads(&mesh.liquid, mesh.scale, |_, _| [1.0; 4]);
        for corners in triangles.indices.as_chunks::<3>().0 {
            let [a, b, c] = corners.map(|corner| triangles.positions[corner as usize]);
            let [ab, ac] = [b, c].map(|to| [to[0] - a[0], to[1] - a[1], to[2] - a[2]]);
            let cross = |i: usize, j: usize| ab[i] * ac[j] - ab[j] * ac[i];
            let across = [cross(1, 2), cross(2, 0), cross(0, 1)];
            let normal = triangles.normals[corners[0] as usize];
            let along: f32 = across.iter().zip(normal).map(|(a, b)| a * b).sum();
            let length = across.iter().map(|a| a * a).sum::<f32>().sqrt();
            prop_assert!(along > 0.0 && (along - length).abs() < 1e-3, "{:?} against {:?}", across, normal);
        }
    }
}

#[test]
fn one_cube_has_six_sides_and_open_ground_is_one() {
    let mut cube = Chunk::default();
    cube.set(0, 31, 7, block::STONE);
    assert_eq!(mesh(&Neighbourhood::of(&alone(&cube))).opaque.len(), 6);
    let ground = mesh(&Neighbourhood::from_fn(32, 1, flat(5, block::GRASS)));
    assert_eq!(ground.quad_count(), 1);
    assert_eq!(ground.opaque[0].positions(1).map(|at| at[1]), [5.0; 4]);
    assert!(mesh(&Neighbourhood::from_fn(32, 1, flat(40, block::STONE))).is_empty());
    assert!(mesh(&Neighbourhood::of(&alone(&Chunk::default()))).is_empty());
}

#[test]
fn a_lake_lies_an_eighth_lower_than_its_shore() {
    let lake = mesh(&Neighbourhood::from_fn(32, 1, flat(5, block::WATER)));
    assert_eq!(lake.liquid.len(), 1);
    assert_eq!(lake.liquid[0].positions(1).map(|at| at[1]), [4.875; 4]);
    let coarse = Neighbourhood::from_fn(8, 4, flat(5, block::WATER));
    assert_eq!(mesh(&coarse).liquid[0].positions(4).map(|at| at[1]), [19.875; 4]);
    // A waterfall's side reaches its lowered edge, and its foot is not lowered.
    let fall = Neighbourhood::from_fn(32, 1, |x, y, z| {
        if [x, z] == [4, 4] && (3..9).contains(&y) { block::WATER } else { BlockId::AIR }
    });
    let mut heights: Vec<f32> = mesh(&fall).liquid.iter().flat_map(|quad| quad.positions(1).map(|at| at[1])).collect();
    heights.sort_by(f32::total_cmp);
    heights.dedup();
    assert_eq!(heights, [3.0, 8.0, 8.875]);
}

#[test]
fn a_dark_corner_looks_the_same_from_every_side() {
    for corner in 0..4 {
        let quad = Quad {
            cell: [0; 3],
            face: Face::South,
            width: 1,
            height: 1,
            block: block::STONE,
            corners: !(3 << (2 * corner)),
            lowered: false,
        };
        let dark = quad.triangles().iter().filter(|at| **at == corner).count();
        assert_eq!(dark, 1, "corner {corner} is in one triangle only");
    }
}

#[test]
fn a_chunk_joins_its_neighbours_without_faces_between() {
    let stone = Chunk::uniform(block::STONE);
    let hill = |height: usize| {
        let mut chunk = Chunk::default();
        chunk.make_mixed()[..height * 1024].fill(block::STONE);
        chunk
    };
    let (low, high) = (hill(10), hill(20));
    let mut chunks: Around = [Some(&low); 27];
    for dz in -1..=1 {
        chunks[around(1, 0, dz)] = Some(&high);
        for dx in -1..=1 {
            chunks[around(dx, -1, dz)] = Some(&stone);
            chunks[around(dx, 1, dz)] = None;
        }
    }
    let quads = mesh(&Neighbourhood::of(&chunks)).opaque;
    // The ground and, at the foot of the higher chunk, a strip of it that is darker.
    assert_eq!(quads.iter().map(|quad| (quad.face, quad.width)).collect::<Vec<_>>(), [(Face::Up, 31), (Face::Up, 1)]);
    // Seen from the higher chunk the wall between them is drawn.
    chunks[around(0, 0, 0)] = Some(&high);
    for dz in -1..=1 {
        chunks[around(1, 0, dz)] = Some(&high);
    }
    let quads = mesh(&Neighbourhood::of(&chunks)).opaque;
    assert!(quads.iter().any(|quad| quad.face == Face::West && u32::from(quad.width) * u32::from(quad.height) > 200));
    assert!(quads.iter().all(|quad| quad.face != Face::East));
}

#[test]
fn a_neighbourhood_is_made_of_the_right_chunks() {
    let chunks: Vec<Chunk> = (0..27u16)
        .map(|number| {
            let mut chunk = Chunk::default();
            for (at, block) in chunk.make_mixed().iter_mut().enumerate() {
                *block = BlockId(number * 512 + (at % 511) as u16);
            }
            chunk
        })
        .collect();
    let all: Around = std::array::from_fn(|number| Some(&chunks[number]));
    let expected = Neighbourhood::from_fn(32, 1, |x, y, z| {
        let [dx, dy, dz] = [x, y, z].map(|at| at.div_euclid(32) as i8);
        let [x, y, z] = [x, y, z].map(|at| at.rem_euclid(32) as u8);
        let Some(chunk) = all[around(dx, dy, dz)] else { unreachable!("all are there") };
        chunk.get(x, y, z)
    });
    assert!(Neighbourhood::of(&all).blocks() == expected.blocks());
}

#[test]
fn far_chunks_keep_what_is_seen_of_them() {
    let kinds = Kinds::default();
    let mut meadow = Chunk::default();
    let voxels = meadow.make_mixed();
    voxels[..7 * 1024].fill(block::STONE);
    voxels[7 * 1024..15 * 1024].fill(block::DIRT);
    voxels[15 * 1024..16 * 1024].fill(block::GRASS);
    voxels[16 * 1024..17 * 1024].fill(block::TALL_GRASS);
    for factor in [2, 4, 8] {
        let edge = 32 / usize::from(factor);
        let layer = |y: usize| downsample(&meadow, factor, &kinds)[y * edge * edge];
        assert_eq!(layer(edge / 2 - 1), block::GRASS, "factor {factor}");
        assert_eq!(layer(edge / 2), BlockId::AIR, "factor {factor}");
        assert_eq!(layer(0), block::STONE, "factor {factor}");
        let mesh = mesh(&Neighbourhood::coarse(factor, &alone(&meadow), &kinds));
        let tops: Vec<_> = mesh.opaque.iter().filter(|quad| quad.face == Face::Up).collect();
        assert_eq!(tops.len(), 1);
        assert_eq!(tops[0].positions(factor)[2], [32.0, 16.0, 32.0]);
        assert!(mesh.plants.is_empty());
    }
}

#[test]
fn half_a_cell_is_a_cell_and_water_comes_after_ground() {
    let kinds = Kinds::default();
    let cell = |blocks: &[(usize, BlockId)]| {
        let mut chunk = Chunk::default();
        let mut at = (0..8u8).map(|at| index_of(at & 1, at >> 2, at >> 1 & 1));
        for (count, block) in blocks {
            for at in at.by_ref().take(*count) {
                chunk.make_mixed()[at] = *block;
            }
        }
        downsample(&chunk, 2, &kinds)[0]
    };
    assert_eq!(cell(&[(3, block::STONE)]), BlockId::AIR);
    assert_eq!(cell(&[(4, block::STONE)]), block::STONE);
    assert_eq!(cell(&[(3, block::STONE), (1, block::WATER)]), block::WATER);
    assert_eq!(cell(&[(4, block::STONE), (4, block::WATER)]), block::STONE);
    assert_eq!(cell(&[(4, block::FERN)]), BlockId::AIR);
    assert_eq!(cell(&[(2, block::DIRT), (2, block::STONE)]), block::STONE, "of two, the lower id");
}

#[test]
fn a_far_patch_faces_up_and_hangs_a_skirt_outwards() {
    let n = 5;
    let heights: Vec<i32> = (0..25).map(|at| at * at % 7 * 10).collect();
    let bare = FarMesh::from_lattice(&heights, &[[1, 2, 3]; 25], n, 16, 0);
    let mesh = FarMesh::from_lattice(&heights, &[[1, 2, 3]; 25], n, 16, 40);
    assert_eq!(bare.indices.len(), 4 * 4 * 6);
    assert_eq!(mesh.indices.len(), 4 * 4 * 6 + 4 * 4 * 6);
    assert_eq!(mesh.positions[24], [64.0, heights[24] as f32, 64.0]);
    assert!(mesh.positions.len() == mesh.normals.len() && mesh.positions.len() == mesh.colours.len());
    let middle = 32.0;
    for (number, corners) in mesh.indices.as_chunks::<3>().0.iter().enumerate() {
        let [a, b, c] = corners.map(|corner| mesh.positions[corner as usize]);
        let [ab, ac] = [b, c].map(|to| [to[0] - a[0], to[1] - a[1], to[2] - a[2]]);
        let cross = |i: usize, j: usize| ab[i] * ac[j] - ab[j] * ac[i];
        let normal = [cross(1, 2), cross(2, 0), cross(0, 1)];
        if number < bare.indices.len() / 3 {
            assert!(normal[1] > 0.0, "triangle {number} looks down");
        } else {
            let outwards =
                normal[0] * (a[0] + b[0] + c[0] - 3.0 * middle) + normal[2] * (a[2] + b[2] + c[2] - 3.0 * middle);
            assert!(outwards > 0.0 && normal[1] == 0.0, "triangle {number} of the skirt looks inwards");
        }
    }
}

/// Run the example `record_meshes` if the terrain or its look was meant to change.
#[test]
fn a_thousand_chunks_look_as_recorded() {
    let generator = Generator::new(1, Params::default()).unwrap();
    let (mut mesher, kinds) = (Mesher::default(), Kinds::default());
    let mut chunks: BTreeMap<ChunkPos, Chunk> = BTreeMap::new();
    let lines: Vec<&str> = include_str!("recorded.txt").lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 1_000);
    for line in lines {
        let [x, y, z, recorded] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("four fields: '{line}'") };
        let [x, y, z] = [x, y, z].map(|at| at.parse().unwrap());
        let pos = ChunkPos::new(x, y, z);
        let neighbourhood =
            Neighbourhood::gather(pos, |pos| chunks.entry(pos).or_insert_with(|| generator.chunk(pos)).clone());
        let hash = mesher.mesh(&neighbourhood, &kinds).hash().to_string();
        assert_eq!(&hash[2..18], recorded, "chunk {pos} of seed 1 looks different");
    }
}
