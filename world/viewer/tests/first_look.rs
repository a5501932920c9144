//! The first look as a newcomer has it: a network of processes on this machine, a world published and built in it by one node,
//! and another player's viewer, without a window, that gets what was built from the suppliers.
//!
//! Needs the program `bitdust` beside `bitdust-world`; `make world-test` builds both.

use std::{path::Path, process::Command};

use serde_json::Value;

/// Chunks that suppliers must have brought, of the 18 that the world keeps: the windmill alone stands in four.
const FROM_SUPPLIERS: u64 = 4;

#[test]
fn a_newcomer_sees_what_suppliers_keep() {
    let folder = std::env::temp_dir().join(format!("bitdust-first-look-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the figures");
    let (figures, picture) = (folder.join("figures.json"), folder.join("picture.png"));
    let run = Command::new(env!("CARGO_BIN_EXE_bitdust-world"))
        .args(["--devnet", "--headless", "--size", "320x180", "--view", "128"])
        .args(["--script", "tests/first_look.script", "--screenshot"])
        .arg(&picture)
        .arg("--figures")
        .arg(&figures)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    assert!(picture.is_file(), "no picture: {said}");
    let text = std::fs::read_to_string(&figures).unwrap_or_else(|error| panic!("{error}: {said}"));
    let figures: Value = serde_json::from_str(&text).expect("the figures are JSON");
    let from = |source: &str| figures["sources"][source].as_u64();
    assert!(from("suppliers") >= Some(FROM_SUPPLIERS), "{text}");
    assert_eq!(from("players"), Some(0), "whoever built is gone: {text}");
    std::fs::remove_dir_all(folder).expect("the folder can be removed");
}
