//! The flight once more with everything drawn: the viewer itself, without a window, by a software renderer, in the time of the
//! clock, at another player's node that has seen nothing yet.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use bitdust_tests::program::bitdust;
use bitdust_types::B256;
use serde_json::Value;
use tokio::process::Command;

/// Names the viewer's program; without it nothing is drawn.
pub const VIEWER_VARIABLE: &str = "BITDUST_FLIGHT_VIEWER";
/// How long it flies.
pub const SECONDS: u64 = 60;

/// A viewer on its way.
pub struct Flight {
    running: tokio::process::Child,
    folder: tempfile::TempDir,
}

/// The program to draw with, if the flight is to be drawn: `1` stands for the one beside `bitdust`.
pub fn program() -> Result<Option<PathBuf>> {
    let Some(named) = std::env::var_os(VIEWER_VARIABLE) else { return Ok(None) };
    let path = if named == "1" { bitdust()?.with_file_name("bitdust-world") } else { PathBuf::from(named) };
    ensure!(path.is_file(), "{VIEWER_VARIABLE}: {} isn't there; build it with: make world-build", path.display());
    Ok(Some(path))
}

/// Sets off along the course as soon as everything in view is there.
pub fn start(program: &Path, node: &str, world: B256, speed_m_s: u64) -> Result<Flight> {
    let folder = tempfile::tempdir()?;
    let script = format!(
        "hud off\nfly 0 1 0 0.1 0.05\nat 0 100 0\nlook 90 -12\nset time 10:00\nwait chunks\nfly 1 0 0 {speed_m_s} {SECONDS}\n"
    );
    std::fs::write(folder.path().join("script"), script)?;
    let mut command = Command::new(program);
    command.args(["--node", node, "--world", &format!("{world:x}"), "--headless", "--real-time", "--no-stand-ins"]);
    command.args(["--size", "320x180", "--view", "384", "--script", "script", "--figures", "figures"]);
    // A graphics card would draw otherwise, if the loader found it.
    if let Some(driver) = software_driver() {
        command.env("VK_DRIVER_FILES", &driver).env("VK_ICD_FILENAMES", &driver);
    }
    let running = command.current_dir(folder.path()).kill_on_drop(true).spawn().context("starting the viewer")?;
    Ok(Flight { running, folder })
}

impl Flight {
    /// Whether it has arrived.
    pub fn is_over(&mut self) -> Result<bool> {
        Ok(self.running.try_wait()?.is_some())
    }

    /// What it saw: nothing may have been missing.
    pub async fn land(mut self) -> Result<()> {
        let status = self.running.wait().await?;
        ensure!(status.success(), "the viewer ended with {status}");
        let figures: Value = serde_json::from_slice(&std::fs::read(self.folder.path().join("figures"))?)?;
        println!("drawn: {figures:#}");
        let number = |name: &str| figures[name].as_u64().with_context(|| format!("no figure '{name}': {figures}"));
        ensure!(number("holes")? == 0, "{figures:#}");
        ensure!(number("frames")? > SECONDS, "less than a frame a second: {figures:#}");
        ensure!(figures["sources"]["suppliers"].as_u64() > Some(0), "nothing came from suppliers: {figures:#}");
        Ok(())
    }
}

fn software_driver() -> Option<PathBuf> {
    let drivers = std::fs::read_dir("/usr/share/vulkan/icd.d").ok()?;
    let is_software =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"lvp_"));
    drivers.filter_map(|entry| Some(entry.ok()?.path())).find(is_software)
}
