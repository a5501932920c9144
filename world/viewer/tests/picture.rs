//! The real binary, headless, against a picture that was looked at: hills, water, trees, sky.
//!
//! Software renderers differ in the last bits, so the pictures are held against each other with a tolerance; what breaks a
//! scene (no sky, no land, wrong colours, light from below) is far beyond it.

use std::{path::Path, process::Command};

use bevy::{
    image::{CompressedImageFormats, ImageSampler, ImageType},
    prelude::*,
};

/// Mean difference of a channel, of 255, that is still the same picture.
const TOLERANCE: f64 = 4.0;

fn pixels(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let image = Image::from_buffer(
        &bytes,
        ImageType::Extension("png"),
        CompressedImageFormats::NONE,
        true,
        ImageSampler::Default,
        Default::default(),
    )
    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    image.try_into_dynamic().expect("a PNG is a picture").to_rgb8().into_raw()
}

#[test]
fn the_picture_is_the_one_that_was_looked_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let drawn = std::env::temp_dir().join(format!("bitdust-world-{}.png", std::process::id()));
    let run = Command::new(env!("CARGO_BIN_EXE_bitdust-world"))
        .args(["--headless", "--size", "320x180", "--view", "96", "--seed", "1"])
        .args(["--script", "tests/picture.script", "--screenshot"])
        .arg(&drawn)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the binary starts");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let (found, golden) = (pixels(&drawn), pixels(&folder.join("picture.png")));
    assert_eq!(found.len(), golden.len(), "the size of the picture");
    let sum: u64 = found.iter().zip(&golden).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = sum as f64 / found.len() as f64;
    assert!(mean <= TOLERANCE, "{mean:.2} of 255 per channel; look at {}", drawn.display());
    std::fs::remove_file(drawn).expect("the picture can be removed");
}

#[test]
fn nonsense_ends_with_a_number_and_a_sentence() {
    let check = |arguments: &[&str], code: i32, part: &str| {
        let run =
            Command::new(env!("CARGO_BIN_EXE_bitdust-world")).args(arguments).output().expect("the binary starts");
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    };
    check(&["--fly"], 2, "no option \"--fly\"");
    check(&["--headless", "--script", "/nowhere/at.all"], 2, "/nowhere/at.all can't be read");
    check(&["--headless", "--screenshot", "/nowhere/a.png"], 2, "there is no folder /nowhere");
    check(&["--node", "http://127.0.0.1:9"], 5, "no answer from the node at http://127.0.0.1:9");
    let script = std::env::temp_dir().join(format!("bitdust-world-{}.script", std::process::id()));
    std::fs::write(&script, "wait chunks\ndance\n").expect("a script can be written");
    check(&["--headless", "--script", &script.display().to_string()], 2, "line 2");
    std::fs::remove_file(script).expect("the script can be removed");
}
