//! The map: the ground from above, in the colours of its blocks, lit from the north-west as maps are.

use bitdust_world::{VoxelPos, block, r#gen::Surface};

/// Pixels along an edge of the map's picture.
pub const PIXELS: usize = 320;
/// Metres per pixel that can be chosen.
pub const SCALES: [i64; 6] = [1, 2, 4, 8, 16, 32];

/// Which part of the world a map shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// In the middle.
    pub centre: [i64; 2],
    /// Metres per pixel.
    pub scale: i64,
}

impl Frame {
    /// The ground under a pixel.
    pub fn ground(&self, pixel: [usize; 2]) -> [i64; 2] {
        [0, 1].map(|axis| {
            let from_middle = pixel[axis] as i64 - PIXELS as i64 / 2;
            self.centre[axis].wrapping_add(from_middle.wrapping_mul(self.scale))
        })
    }

    /// Where a place lies on the picture, from 0 to 1 along each edge; `None` if it isn't on it.
    pub fn spot(&self, at: VoxelPos) -> Option<[f32; 2]> {
        let half = (PIXELS as i64 / 2).wrapping_mul(self.scale);
        let spot = [(at.x, 0), (at.z, 1)].map(|(part, axis)| {
            let from_middle = part.wrapping_sub(self.centre[axis]);
            (from_middle as f32 / half as f32 + 1.0) / 2.0
        });
        spot.iter().all(|part| (0.0..=1.0).contains(part)).then_some(spot)
    }

    /// The same around the same middle, finer (`-1`) or coarser (`1`).
    pub fn zoomed(&self, by: i32) -> Frame {
        let now = SCALES.iter().position(|scale| *scale == self.scale).unwrap_or(0) as i32;
        let next = (now + by).clamp(0, SCALES.len() as i32 - 1) as usize;
        Frame { scale: SCALES[next], ..*self }
    }
}

/// The colour (sRGB and opaque) of ground, from its own surface and the one a pixel to the north-west.
pub fn colour(here: &Surface, north_west: &Surface, scale: i64) -> [u8; 4] {
    let ground = here.top.builtin().map_or([128; 3], |block| block.top);
    let (base, light) = match here.water {
        Some(water) if water > here.height => {
            let depth = water.saturating_sub(here.height).clamp(0, 40) as f32;
            let water = block::WATER.builtin().map_or([47, 98, 176], |block| block.top);
            let shallow = [0, 1, 2].map(|i| ((f32::from(ground[i]) + 3.0 * f32::from(water[i])) / 4.0) as u8);
            (shallow, 1.05 - depth / 40.0 * 0.55)
        }
        _ => {
            let rise = here.height.saturating_sub(north_west.height).clamp(-64, 64) as f32 / scale as f32;
            (ground, 1.0 + (rise * 0.22).clamp(-0.38, 0.32))
        }
    };
    let [r, g, b] = base.map(|part| (f32::from(part) * light).clamp(0.0, 255.0) as u8);
    [r, g, b, 255]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_and_places_agree() {
        let frame = Frame { centre: [1_000_000_000_000_000, -70], scale: 4 };
        let [x, z] = frame.ground([PIXELS / 4, PIXELS / 2]);
        let [u, v] = frame.spot(VoxelPos::new(x, 0, z)).unwrap();
        assert!((u - 0.25).abs() < 1e-3 && (v - 0.5).abs() < 1e-3, "{u} {v}");
        assert_eq!(frame.spot(VoxelPos::new(0, 0, 0)), None);
    }

    #[test]
    fn zooming_stops_at_both_ends() {
        let frame = Frame { centre: [0, 0], scale: 1 };
        assert_eq!(frame.zoomed(-1).scale, 1);
        assert_eq!((0..20).fold(frame, |frame, _| frame.zoomed(1)).scale, 32);
    }
}
