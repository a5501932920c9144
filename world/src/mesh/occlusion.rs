//! Ambient occlusion: a corner of a face is the darker the more opaque blocks meet there in front of it.
//!
//! Three cells in front of the face touch a corner: two along its sides and one across. If both sides are opaque the
//! corner gets 0, else 3 less the number of opaque ones (M. Lysenko, "Ambient occlusion for Minecraft-like worlds",
//! 0fps.net, 2013). A face's four corners are packed into a byte, two bits each: (u0, v0), (u1, v0), (u1, v1), (u0,
//! v1), lowest first.

/// No corner is dark.
pub const OPEN: u8 = 0xff;

/// The corners' values by the 3 × 3 cells in front of the face: bit `3 × v + u`, set if opaque.
static TABLE: [u8; 512] = table();

const fn table() -> [u8; 512] {
    let mut table = [0; 512];
    let mut cells = 0;
    while cells < 512 {
        let corners = [corner(cells, 3, 1, 0), corner(cells, 5, 1, 2), corner(cells, 5, 7, 8), corner(cells, 3, 7, 6)];
        table[cells] = corners[0] | corners[1] << 2 | corners[2] << 4 | corners[3] << 6;
        cells += 1;
    }
    table
}

const fn corner(cells: usize, side: usize, other_side: usize, across: usize) -> u8 {
    let [a, b, c] = [cells >> side & 1, cells >> other_side & 1, cells >> across & 1];
    if a + b == 2 { 0 } else { 3 - (a + b + c) as u8 }
}

/// The corners of the face at bit `u + 1` of rows of cells in front of it: those at v - 1, v and v + 1, with a border.
pub fn corners(rows: [u64; 3], u: u32) -> u8 {
    let three = |row: u64| (row >> u & 7) as usize;
    TABLE[three(rows[0]) | three(rows[1]) << 3 | three(rows[2]) << 6]
}

/// Corner 0 to 3 of a face.
pub const fn value(corners: u8, corner: usize) -> u8 {
    corners >> (2 * corner) & 3
}

/// Whether the light stays the same along u, so that the face may be stretched that way.
pub const fn is_even_along_u(corners: u8) -> bool {
    (corners ^ corners >> 2) & 0b0011_0011 == 0
}

/// Whether the light stays the same along v.
pub const fn is_even_along_v(corners: u8) -> bool {
    (corners ^ corners >> 6) & 3 == 0 && (corners >> 2 ^ corners >> 4) & 3 == 0
}
