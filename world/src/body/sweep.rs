//! Collision: how far a box gets along an axis among voxels.
//!
//! A sweep looks at every layer of voxels that the box's leading face would enter, nearest first, and stops in front of the
//! first that has something solid in it. Voxels that the box is in already don't stop it, so it can always leave them.

use crate::{block::Kind, place::VoxelPos};

/// East.
pub(super) const X: usize = 0;
/// Up.
pub(super) const Y: usize = 1;
/// South.
pub(super) const Z: usize = 2;

/// What a stopped box keeps clear of the voxel that stopped it, so that no rounding of a sum puts it inside.
pub(super) const SKIN_M: f64 = 1e-6;

/// How far down an edge is looked for by a body that sneaks.
const EDGE_DEPTH_M: f64 = 0.1;

/// A box, in metres from a chunk's origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub low: [f64; 3],
    pub high: [f64; 3],
}

/// The voxels that a box is in, relative to a chunk's origin, both ends included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voxels {
    first: [i64; 3],
    last: [i64; 3],
}

/// How far a box came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Swept {
    /// Metres, of the sign that was asked for or zero.
    pub by: f64,
    /// Whether something stopped it.
    pub hit: bool,
}

/// The voxels around a chunk's origin.
pub(super) struct Space<'a> {
    pub origin: VoxelPos,
    pub kind_at: &'a dyn Fn(VoxelPos) -> Option<Kind>,
}

impl Bounds {
    /// The box so many metres further along an axis.
    pub fn moved(mut self, axis: usize, by: f64) -> Self {
        self.low[axis] += by;
        self.high[axis] += by;
        self
    }

    /// The voxels that it is in. Touching a voxel's face is not being in it.
    pub fn voxels(&self) -> Voxels {
        Voxels { first: self.low.map(|low| low.floor() as i64), last: self.high.map(|high| high.ceil() as i64 - 1) }
    }
}

impl Voxels {
    pub fn contains(&self, voxel: [i64; 3]) -> bool {
        (0..3).all(|axis| (self.first[axis]..=self.last[axis]).contains(&voxel[axis]))
    }

    fn any(&self, mut holds: impl FnMut([i64; 3]) -> bool) -> bool {
        (self.first[Y]..=self.last[Y])
            .any(|y| (self.first[Z]..=self.last[Z]).any(|z| (self.first[X]..=self.last[X]).any(|x| holds([x, y, z]))))
    }
}

impl Space<'_> {
    fn kind(&self, [x, y, z]: [i64; 3]) -> Option<Kind> {
        (self.kind_at)(self.origin.offset(x, y, z))
    }

    /// Moves a box along an axis until something stops it.
    pub fn sweep(&self, bounds: Bounds, axis: usize, by: f64) -> Swept {
        let (low, high) = (bounds.low[axis], bounds.high[axis]);
        let falls = axis == Y && by < 0.0;
        let stops = |layer: i64| {
            let mut voxels = bounds.voxels();
            (voxels.first[axis], voxels.last[axis]) = (layer, layer);
            voxels.any(|voxel| self.kind(voxel).map_or(falls, Kind::is_solid))
        };
        let stopped = if by > 0.0 {
            (high.ceil() as i64..=(high + by).ceil() as i64 - 1)
                .find(|layer| stops(*layer))
                .map(|layer| (layer as f64 - SKIN_M - high).max(0.0))
        } else {
            ((low + by).floor() as i64..=low.floor() as i64 - 1)
                .rev()
                .find(|layer| stops(*layer))
                .map(|layer| ((layer + 1) as f64 + SKIN_M - low).min(0.0))
        };
        stopped.map_or(Swept { by, hit: false }, |by| Swept { by, hit: true })
    }

    /// How much of a way along an axis a body can go without losing the ground.
    pub fn kept_on_edge(&self, bounds: Bounds, axis: usize, by: f64) -> f64 {
        let holds = |by: f64| self.sweep(bounds.moved(axis, by), Y, -EDGE_DEPTH_M).hit;
        // Halving six times finds the edge to within a sixty-fourth of a part's way; nearer is not worth the looks.
        (0..6).map(|halvings| by / f64::from(1 << halvings)).find(|by| holds(*by)).unwrap_or(0.0)
    }

    /// The share of a box's height whose middle is in a liquid.
    pub fn wet(&self, bounds: Bounds) -> f64 {
        let middle = |axis: usize| ((bounds.low[axis] + bounds.high[axis]) / 2.0).floor() as i64;
        let voxels = bounds.voxels();
        let (low, high) = (bounds.low[Y], bounds.high[Y]);
        let metres: f64 = (voxels.first[Y]..=voxels.last[Y])
            .filter(|y| self.kind([middle(X), *y, middle(Z)]) == Some(Kind::Liquid))
            .map(|y| high.min((y + 1) as f64) - low.max(y as f64))
            .sum();
        metres / (high - low)
    }

    /// Whether a box is inside something solid.
    fn is_inside(&self, bounds: Bounds) -> bool {
        bounds.voxels().any(|voxel| self.kind(voxel).is_some_and(Kind::is_solid))
    }

    /// Where a body goes that finds itself inside a solid, because terrain arrived late or somebody built there: to the
    /// nearest free place beside it, or else up by a voxel, until it is free.
    pub fn push_out(&self, bounds: Bounds, local: [f64; 3]) -> [f64; 3] {
        if !self.is_inside(bounds) {
            return local;
        }
        let sideways = [X, Z].into_iter().flat_map(|axis| {
            // Until the trailing face has left the voxel that it is in, a metre further at most.
            let east = bounds.low[axis].floor() + 1.0 + SKIN_M - bounds.low[axis];
            let west = bounds.high[axis].ceil() - 1.0 - SKIN_M - bounds.high[axis];
            [(axis, east), (axis, west)]
        });
        let free = sideways
            .filter(|(axis, by)| !self.is_inside(bounds.moved(*axis, *by)))
            .min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        let mut out = local;
        match free {
            Some((axis, by)) => out[axis] += by,
            None => out[Y] = out[Y].floor() + 1.0 + SKIN_M,
        }
        out
    }
}
