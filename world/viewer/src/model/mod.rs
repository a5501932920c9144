//! What the viewer thinks, without bevy: plain state and arithmetic that tests can hold still.
//!
//! [`origin`] keeps `f32` away from large numbers, [`residency`] says which chunks live and what is to be meshed, [`packed`]
//! keeps them small,
//! [`distance`] covers the land beyond them, [`sky`] lights it; [`bindings`] turns keys into wishes, [`pad`] a gamepad's;
//! [`inventory`], [`palette`], [`chat`], [`chart`] and [`settings`] are what the screens show; [`progress`] is kept between visits.

pub mod bindings;
pub mod chart;
pub mod chat;
pub mod distance;
pub mod inventory;
pub mod origin;
pub mod packed;
pub mod pad;
pub mod palette;
pub mod progress;
pub mod residency;
pub mod settings;
pub mod sky;
