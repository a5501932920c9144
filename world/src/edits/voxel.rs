//! A voxel's number in its location: 24 bits, the chunk's index (9 bits, Morton) above the voxel's index in it (15 bits).

use crate::{
    chunk::index_of,
    place::{CHUNK_VOXELS, LOCATION_CHUNKS, LocationPos, VoxelPos},
};

/// Numbers end here.
pub const VOXEL_END: u32 = (LOCATION_CHUNKS * CHUNK_VOXELS) as u32;

/// The number of a voxel in the location that it lies in.
pub const fn number(voxel: VoxelPos) -> u32 {
    let [x, y, z] = voxel.within();
    (voxel.chunk().index() as u32) << 15 | index_of(x, y, z) as u32
}

/// The voxel with a number in a location. The numbers' higher bits are ignored.
pub const fn position(location: LocationPos, number: u32) -> VoxelPos {
    let index = number as i64;
    let origin = location.chunk((number >> 15) as u16).origin();
    origin.offset(index & 31, index >> 10 & 31, index >> 5 & 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voxel_has_one_number() {
        for location in [LocationPos::new(0, 0, 0), LocationPos::new(-1, 7, -(1 << 55))] {
            for number in (0..VOXEL_END).step_by(97).chain([VOXEL_END - 1]) {
                let voxel = position(location, number);
                assert_eq!((voxel.chunk().location(), super::number(voxel)), (location, number));
            }
        }
    }
}
