//! Merging the faces of one slice into rectangles.

use super::{EDGE_MAX, occlusion};
use crate::BlockId;

/// What must be equal for two faces to become one rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) block: BlockId,
    /// See [`occlusion`].
    pub(super) corners: u8,
    /// The upper edge lies 1/8 m lower.
    pub(super) lowered: bool,
}

/// A rectangle within a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rectangle {
    pub(super) u: usize,
    pub(super) v: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) look: Look,
}

/// The faces of one slice.
pub(super) struct Slice {
    /// A bit for each face, by v.
    pub(super) faces: [u32; EDGE_MAX],
    /// The look of each face, by `v × 32 + u`; where there is no face, any.
    pub(super) looks: Box<[Look; EDGE_MAX * EDGE_MAX]>,
}

impl Default for Slice {
    fn default() -> Self {
        Slice { faces: [0; EDGE_MAX], looks: Box::new([Look::default(); _]) }
    }
}

impl Slice {
    /// Takes all faces out as rectangles. Each grows along u as far as it can, then along v; along an axis on which the
    /// light changes it doesn't grow at all, since the change would be stretched.
    pub(super) fn merge(&mut self, mut rectangle: impl FnMut(Rectangle)) {
        for v in 0..EDGE_MAX {
            while self.faces[v] != 0 {
                let u = self.faces[v].trailing_zeros() as usize;
                let look = self.looks[v * EDGE_MAX + u];
                let mut width = 1;
                if occlusion::is_even_along_u(look.corners) {
                    let row = &self.looks[v * EDGE_MAX..(v + 1) * EDGE_MAX];
                    let faces = self.faces[v];
                    while u + width < EDGE_MAX && faces >> (u + width) & 1 == 1 && row[u + width] == look {
                        width += 1;
                    }
                }
                let run = (u32::MAX >> (EDGE_MAX - width)) << u;
                self.faces[v] &= !run;
                let mut height = 1;
                if occlusion::is_even_along_v(look.corners) {
                    while v + height < EDGE_MAX && self.faces[v + height] & run == run {
                        let start = (v + height) * EDGE_MAX + u;
                        if self.looks[start..start + width].iter().any(|other| *other != look) {
                            break;
                        }
                        self.faces[v + height] &= !run;
                        height += 1;
                    }
                }
                rectangle(Rectangle { u, v, width, height, look });
            }
        }
    }
}
