//! The script that audits suppliers' pay accepts what the published rule allows, and finds what it forbids: it is tried on
//! histories written by hand, because the chain itself never underpays. `demo.rs` and `rot.rs` run it on real ones.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

#[test]
fn the_audit_of_pay_finds_what_is_skipped_and_accepts_what_is_lawful() -> Result<()> {
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/earnings_test.py");
    let run = Command::new("python3").arg(tests).output().context("starting python3, which the audit needs")?;
    ensure!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    Ok(())
}
