//! From a neighbourhood to rectangles.

use super::{
    ChunkMesh, Face, Kinds, Neighbourhood, Plant, Quad,
    merge::{Look, Slice},
    occlusion,
    planes::{Axis, Planes, Sorts},
};

/// Meshes chunk after chunk in the same scratch space, of about 100 KiB.
#[derive(Default)]
pub struct Mesher {
    sorts: Sorts,
    hiding: Planes,
    slice: Slice,
}

/// What tells how faces of one sort look.
#[derive(Clone, Copy)]
enum Shade<'a> {
    /// Darkened by what is opaque.
    Occluded(&'a Planes),
    /// Light everywhere.
    Even,
    /// Light everywhere, and lowered where the cell above is neither of these.
    Lowered(&'a Planes),
}

impl Mesher {
    /// Meshes the middle of a neighbourhood.
    pub fn mesh(&mut self, neighbourhood: &Neighbourhood, kinds: &Kinds) -> ChunkMesh {
        let mut mesh = ChunkMesh { scale: neighbourhood.scale(), ..ChunkMesh::default() };
        self.sorts.fill(neighbourhood, kinds);
        let Mesher { sorts: Sorts { opaque, glass, liquid, plants }, hiding, slice } = self;
        let mut faces = |own: &Planes, hiding: &Planes, shade: Shade, quads: &mut Vec<Quad>| {
            for face in Face::ALL {
                add_faces(neighbourhood, face, [own, hiding], shade, slice, quads);
            }
        };
        if !opaque.is_empty() {
            faces(opaque, opaque, Shade::Occluded(opaque), &mut mesh.opaque);
        }
        if !glass.is_empty() {
            hiding.unite(opaque, glass);
            faces(glass, hiding, Shade::Even, &mut mesh.transparent);
        }
        if !liquid.is_empty() {
            hiding.unite(opaque, liquid);
            faces(liquid, hiding, Shade::Lowered(hiding), &mut mesh.liquid);
        }
        if !plants.is_empty() && neighbourhood.scale() == 1 {
            add_plants(neighbourhood, plants, &mut mesh.plants);
        }
        mesh
    }
}

/// All faces of one sort that look one way.
fn add_faces(
    neighbourhood: &Neighbourhood,
    face: Face,
    [own, hiding]: [&Planes; 2],
    shade: Shade,
    slice: &mut Slice,
    quads: &mut Vec<Quad>,
) {
    let (axis, edge) = (face.axis(), neighbourhood.edge());
    let inside = u32::MAX >> (32 - edge);
    for depth in 0..edge {
        // With the border, slices and rows are numbered from 1.
        let front = if face.is_positive() { depth + 2 } else { depth };
        let mut any = 0;
        for v in 0..edge {
            let seen = own.row(axis, depth + 1, v + 1) & !hiding.row(axis, front, v + 1);
            slice.faces[v] = (seen >> 1) as u32 & inside;
            any |= slice.faces[v];
        }
        if any == 0 {
            continue;
        }
        for v in 0..edge {
            let mut left = slice.faces[v];
            if left == 0 {
                continue;
            }
            let rows = match shade {
                Shade::Occluded(opaque) => [0, 1, 2].map(|dv| opaque.row(axis, front, v + dv)),
                Shade::Even => [0; 3],
                Shade::Lowered(filled) => {
                    let above = match axis {
                        Axis::Y => filled.row(axis, depth + 2, v + 1),
                        Axis::X | Axis::Z => filled.row(axis, depth + 1, v + 2),
                    };
                    [above; 3]
                }
            };
            while left != 0 {
                let u = left.trailing_zeros();
                left &= left - 1;
                let block = neighbourhood.blocks()[cell_at(axis, edge + 2, u as usize, v, depth)];
                let (corners, lowered) = match shade {
                    Shade::Occluded(_) => (occlusion::corners(rows, u), false),
                    Shade::Even => (occlusion::OPEN, false),
                    Shade::Lowered(_) => (occlusion::OPEN, face != Face::Down && rows[0] >> (u + 1) & 1 == 0),
                };
                slice.looks[v * 32 + u as usize] = Look { block, corners, lowered };
            }
        }
        slice.merge(|part| {
            let [u, v, depth] = [part.u, part.v, depth].map(|at| at as u8);
            let cell = match axis {
                Axis::X => [depth, v, u],
                Axis::Y => [u, depth, v],
                Axis::Z => [u, v, depth],
            };
            let Look { block, corners, lowered } = part.look;
            let [width, height] = [part.width as u8, part.height as u8];
            quads.push(Quad { cell, face, width, height, block, corners, lowered });
        });
    }
}

/// Where among the blocks of a neighbourhood a cell is.
const fn cell_at(axis: Axis, span: usize, u: usize, v: usize, depth: usize) -> usize {
    let (x, y, z) = match axis {
        Axis::X => (depth, v, u),
        Axis::Y => (u, depth, v),
        Axis::Z => (u, v, depth),
    };
    ((y + 1) * span + z + 1) * span + x + 1
}

fn add_plants(neighbourhood: &Neighbourhood, plants: &Planes, found: &mut Vec<Plant>) {
    let edge = neighbourhood.edge();
    for y in 0..edge {
        for z in 0..edge {
            let mut row = plants.row(Axis::Y, y + 1, z + 1) >> 1 & ((1 << edge) - 1);
            while row != 0 {
                let x = row.trailing_zeros() as usize;
                row &= row - 1;
                let block = neighbourhood.blocks()[cell_at(Axis::Y, edge + 2, x, z, y)];
                found.push(Plant { cell: [x, y, z].map(|at| at as u8), block });
            }
        }
    }
}
