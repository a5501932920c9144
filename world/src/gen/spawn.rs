//! Where a world's players first stand: on dry ground, a short walk from a village.

use super::{Generator, ground::Cover};
use crate::{block::Kind, place::VoxelPos};

/// Directions around a village, in 1/256, and distances from its square, in metres.
const DIRECTIONS: [(i64, i64); 16] = [
    (181, 181),
    (-181, 181),
    (181, -181),
    (-181, -181),
    (237, 98),
    (98, 237),
    (-98, 237),
    (-237, 98),
    (-237, -98),
    (-98, -237),
    (98, -237),
    (237, -98),
    (256, 0),
    (0, 256),
    (-256, 0),
    (0, -256),
];
const DISTANCES: [i64; 4] = [72, 88, 60, 110];

/// The voxel that a new player's feet are in.
pub(super) fn spawn(generator: &Generator) -> VoxelPos {
    if let Some((x, z)) = generator.ground.villages.first(&generator.ground.land) {
        for distance in DISTANCES {
            for (dx, dz) in DIRECTIONS {
                if let Some(found) = stand(generator, x + dx * distance / 256, z + dz * distance / 256) {
                    return found;
                }
            }
        }
    }
    // A world without villages: the nearest dry place of a spiral, or else the sea.
    for ring in 0i64..64 {
        for (dx, dz) in DIRECTIONS {
            if let Some(found) = stand(generator, dx * ring / 2, dz * ring / 2) {
                return found;
            }
        }
    }
    let surface = generator.surface(0, 0);
    VoxelPos::new(0, surface.water.unwrap_or(surface.height).max(surface.height) + 1, 0)
}

/// The voxel above the ground, if it is dry and wild there and a body fits.
fn stand(generator: &Generator, x: i64, z: i64) -> Option<VoxelPos> {
    let site = generator.ground.area(x, z, 1, 1).0[0];
    if site.water.is_some() || site.cover != Cover::Wild || site.steep > 1 || site.mouth || site.height < 1 {
        return None;
    }
    let feet = VoxelPos::new(x, site.height + 1, z);
    let free = |pos: VoxelPos| {
        let [x, y, z] = pos.within();
        matches!(generator.chunk(pos.chunk()).get(x, y, z).kind(), Kind::Air | Kind::Plant)
    };
    (free(feet) && free(feet.offset(0, 1, 0))).then_some(feet)
}
