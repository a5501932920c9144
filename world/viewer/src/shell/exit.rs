//! How the program ends, for whoever started it: a number and a sentence.

use bevy::app::AppExit;

/// The arguments, a script's text, or a file named there make no sense.
pub const USAGE: u8 = 2;
/// No device can draw.
pub const NO_DEVICE: u8 = 3;
/// A script's expectation failed.
pub const SCRIPT: u8 = 4;
/// The node isn't there or doesn't know the world.
pub const NODE: u8 = 5;

/// What to do where no device can draw.
pub const NO_DEVICE_HELP: &str = "\
bitdust-world: no Vulkan device can be found, so nothing can be drawn.
  On Debian and Ubuntu:     apt-get install libvulkan1 mesa-vulkan-drivers
  With a graphics card, its own Vulkan driver is faster; without one the packages above bring a software renderer (llvmpipe).
  `vulkaninfo --summary` (package vulkan-tools) lists the devices that programs can see.";

/// Says why on standard error, and gives what ends the program so.
pub fn failed(code: u8, why: &str) -> AppExit {
    eprintln!("bitdust-world: {why}");
    AppExit::from_code(code)
}

/// Makes the renderer's panic about a missing device a sentence that helps. Every other panic is shown as usual.
pub fn explain_missing_device() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if is_missing_device(panic.payload()) {
            eprintln!("{NO_DEVICE_HELP}");
        } else {
            usual(panic);
        }
    }));
}

/// Whether this is the renderer's panic about a missing device.
pub fn is_missing_device(payload: &(dyn std::any::Any + Send)) -> bool {
    let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    text.is_some_and(|text| text.contains("Unable to find a GPU"))
}
