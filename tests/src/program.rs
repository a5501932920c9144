//! The real binary: where it is, and one command of it run to its end.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

/// A command of the CLI waits for a block at most; minutes mean that it hangs.
const COMMAND_LIMIT: Duration = Duration::from_secs(180);

/// The binary `bitdust` of the same build as this test: `TARGET/debug/bitdust`, beside the directory `deps` of the tests.
pub fn bitdust() -> Result<PathBuf> {
    let test = std::env::current_exe().context("finding the test's own file")?;
    let build = test.parent().and_then(Path::parent).context("a test lies in the build's directory `deps`")?;
    let program = build.join("bitdust");
    ensure!(
        program.exists(),
        "{} is missing: these tests run the real program, so build it first, with `cargo build --workspace`",
        program.display()
    );
    Ok(program)
}

/// What a command said before it ended.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `bitdust` to its end, in an environment without settings of the person who runs the tests.
pub async fn run<A: AsRef<OsStr>>(home: &Path, arguments: &[A], settings: &[(&str, &OsStr)]) -> Result<Said> {
    let mut command = Command::new(bitdust()?);
    command.args(arguments).env("HOME", home).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for variable in ["BITDUST_RPC", "BITDUST_TOKEN_FILE", "BITDUST_PASSWORD", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command.envs(settings.iter().copied()).kill_on_drop(true);
    let shown: Vec<String> =
        arguments.iter().map(|argument| argument.as_ref().to_string_lossy().into_owned()).collect();
    let shown = format!("bitdust {}", shown.join(" "));
    let child = command.spawn().with_context(|| format!("starting `{shown}`"))?;
    let ended = tokio::time::timeout(COMMAND_LIMIT, child.wait_with_output()).await;
    let output = ended.with_context(|| format!("`{shown}` did not end within {COMMAND_LIMIT:?}"))??;
    Ok(Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
