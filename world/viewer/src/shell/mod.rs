//! The thin shell around the game: a window or a picture to draw into, screenshots, and how the program ends.

pub mod devnet;
pub mod exit;
pub mod figures;
pub mod first_look;
pub mod gamepad;
pub mod offscreen;
pub mod screenshot;
