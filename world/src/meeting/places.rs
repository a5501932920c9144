//! In which locations a player is to be found.

use std::collections::BTreeSet;

use bitdust_types::{B256, keccak256};

use super::limits::{BORDER_LEFT_METRES, BORDER_METRES};
use crate::{LocationPos, VoxelPos, content::WorldId, place::LOCATION_VOXELS};

/// What the key's bytes begin with: the location's dataset is found under another key.
const DOMAIN: &[u8] = b"bitdust meeting place 1\0";

/// Under what players of a location are found in the network's table.
pub fn place_key(world: WorldId, location: LocationPos) -> B256 {
    keccak256([DOMAIN, world.as_bytes(), &location.to_bytes()].concat())
}

/// The locations that somebody at `pos` is in, after having been in `before`: the one around it, and those whose border is
/// near. At most 8.
pub(super) fn places(pos: VoxelPos, before: &BTreeSet<LocationPos>) -> BTreeSet<LocationPos> {
    let here = pos.chunk().location();
    let steps = || [-1, 0, 1];
    let around = steps().into_iter().flat_map(|x| steps().into_iter().flat_map(move |y| steps().map(|z| (x, y, z))));
    around
        .filter(|(x, y, z)| {
            let border = if before.contains(&here.offset(*x, *y, *z)) { BORDER_LEFT_METRES } else { BORDER_METRES };
            [(pos.x, x), (pos.y, y), (pos.z, z)].into_iter().all(|(v, step)| {
                let within = v.rem_euclid(LOCATION_VOXELS);
                match step {
                    -1 => within < border,
                    1 => LOCATION_VOXELS - 1 - within < border,
                    _ => true,
                }
            })
        })
        .map(|(x, y, z)| here.offset(x, y, z))
        .collect()
}
