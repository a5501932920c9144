//! Trees and plants, across chunks' borders.

use std::collections::BTreeSet;

use super::{PLACES, generator};
use crate::{VoxelPos, block::Kind};

/// No crown reaches further aside from its trunk, in metres.
const CROWN: i64 = 6;

#[test]
fn chunks_agree_about_the_trees_between_them() {
    let mut shared = 0;
    for seed in 1..4 {
        let generator = generator(seed);
        for (x, z) in PLACES {
            for step in 0..12 {
                let (cx, cz) = ((x >> 5).wrapping_add(step * 5), z >> 5);
                let (west, east) = (generator.column(cx, cz), generator.column(cx.wrapping_add(1), cz));
                let trees = |column: &super::super::Column, aside: i64| -> BTreeSet<_> {
                    let near = |x: &i64| (32 - CROWN..32 + CROWN).contains(x);
                    let listed = column.trees.iter().map(|tree| (i64::from(tree.x) + aside, tree.y, tree.z, tree.hash));
                    listed.filter(|(x, ..)| near(x)).collect()
                };
                let (left, right) = (trees(&west, 0), trees(&east, 32));
                assert_eq!(left, right, "seed {seed}, between columns ({cx}, {cz}) and the next");
                shared += left.len();
            }
        }
    }
    assert!(shared > 100, "{shared} trees near borders: too few to judge");
}

#[test]
fn crowns_stay_within_what_is_looked_at() {
    use super::super::{
        canvas::Canvas,
        species::{Species, draw},
        trees::Tree,
    };
    use Species::{Acacia, Birch, Bush, Cactus, Jungle, Oak, OldOak, Palm, Spruce, SwampOak};
    for species in [Oak, OldOak, Birch, Spruce, Jungle, Acacia, Palm, SwampOak, Bush, Cactus] {
        for hash in 0..300 {
            let mut voxels = Box::new([crate::BlockId::AIR; crate::place::CHUNK_VOXELS]);
            let tree = Tree { x: 16, y: 2, z: 16, species, hash };
            draw(&tree, &mut Canvas::new(&mut voxels, 0));
            for (at, voxel) in voxels.iter().enumerate().filter(|(_, voxel)| !voxel.is_air()) {
                let (x, z, y) = ((at & 31) as i64, (at >> 5 & 31) as i64, (at >> 10) as i32);
                assert!(
                    (x - 16).abs() <= CROWN && (z - 16).abs() <= CROWN,
                    "{species:?} {hash}: {voxel:?} at {x}, {z}"
                );
                assert!(y <= 2 + species.tallest(), "{species:?} {hash}: {voxel:?} {y} high");
            }
        }
    }
}

#[test]
fn plants_stand_on_something() {
    let generator = generator(2);
    let mut seen = 0;
    for cx in -6..6 {
        let column = generator.column(cx, 2);
        let layers: Vec<_> = (-3..6).map(|cy| generator.chunk_in(&column, cy)).collect();
        let get = |pos: VoxelPos| {
            let [x, y, z] = pos.within();
            layers[(pos.chunk().y + 3) as usize].get(x, y, z)
        };
        for at in 0..1024i64 {
            for y in -95..190 {
                let pos = VoxelPos::new(at & 31, y, at >> 5);
                if get(pos).kind() == Kind::Plant {
                    let below = get(pos.offset(0, -1, 0));
                    assert!(!below.is_air() && below.kind() != Kind::Plant, "column {cx}, {pos}: on {below:?}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 100, "{seen} plants: too few to judge");
}
