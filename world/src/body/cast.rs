//! What the eye looks at: the first voxel along a ray that a hand can touch.
//!
//! The walk from voxel to voxel is that of Amanatides and Woo, "A Fast Voxel Traversal Algorithm for Ray Tracing"
//! (Eurographics 1987): along each axis the distance at which the ray crosses into the next voxel is known, and the least
//! of the three is always taken next.

use crate::{block::Kind, body::Position, place::VoxelPos};

/// No ray is followed further, whatever the reach: at most 3 × 256 voxels are looked at.
const REACH_MAX_M: f64 = 256.0;

/// What a ray met.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The voxel: what is broken.
    pub voxel: VoxelPos,
    /// Out of the face that was met, along one axis. All zero where the eye itself is in the voxel.
    pub face: [i64; 3],
    /// From the eye to the face.
    pub distance_m: f64,
}

impl Hit {
    /// The voxel in front of the face: where a block is placed.
    pub const fn before(&self) -> VoxelPos {
        self.voxel.offset(self.face[0], self.face[1], self.face[2])
    }
}

/// Follows a ray from `eye` until it meets something that is neither air nor liquid. `None` if nothing is within `reach_m`,
/// if the ray comes to a voxel that isn't known yet (`kind_at` gives `None`), or if the direction is none.
pub fn cast(
    eye: &Position,
    direction: [f64; 3],
    reach_m: f64,
    kind_at: &dyn Fn(VoxelPos) -> Option<Kind>,
) -> Option<Hit> {
    let length = direction.iter().map(|part| part * part).sum::<f64>().sqrt();
    if !(length.is_finite() && length > 0.0) {
        return None;
    }
    let direction = direction.map(|part| part / length);
    let reach_m = reach_m.min(REACH_MAX_M);
    let mut voxel = eye.voxel();
    // Distance along the ray to the next crossing of each axis, and between crossings.
    let mut crossing = [0, 1, 2].map(|axis| {
        let within = eye.local[axis].fract();
        let ahead = if direction[axis] > 0.0 { 1.0 - within } else { within };
        if direction[axis] == 0.0 { f64::INFINITY } else { ahead / direction[axis].abs() }
    });
    let between = direction.map(|part| if part == 0.0 { f64::INFINITY } else { 1.0 / part.abs() });
    let (mut face, mut distance_m) = ([0; 3], 0.0);
    loop {
        if !matches!(kind_at(voxel)?, Kind::Air | Kind::Liquid) {
            return Some(Hit { voxel, face, distance_m });
        }
        let axis = (0..3).min_by(|a, b| crossing[*a].total_cmp(&crossing[*b]))?;
        distance_m = crossing[axis];
        if distance_m > reach_m {
            return None;
        }
        crossing[axis] += between[axis];
        face = [0; 3];
        face[axis] = if direction[axis] > 0.0 { -1 } else { 1 };
        voxel = voxel.offset(-face[0], -face[1], -face[2]);
    }
}
