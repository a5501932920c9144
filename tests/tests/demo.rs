//! The demonstration as a person runs it, a stranger's audit of what it paid, and what a person sees when it can't work.

use std::{
    ffi::OsStr,
    net::TcpListener,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bitdust_node::{chain::now_ms, config::Role, devnet::supervisor::lay_out};
use bitdust_tests::{
    bytes::write_tree,
    network::shape,
    program,
    waiting::{PATIENCE, bounded, until},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

/// The issue allows four minutes with blocks of a second.
const DEMO_LIMIT: Duration = Duration::from_secs(300);
const LIMIT: Duration = Duration::from_secs(420);
const SUPPLIERS: usize = 8;
/// A command that can't work says so before it has started a network; loaded machines take seconds for the keys on its disk.
const REFUSAL_LIMIT: Duration = Duration::from_secs(60);

/// Exactly what a newcomer types: blocks of a second, this project's own tree, the standard ports where nobody has them.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_ends_by_itself_with_one_report_and_no_error() -> Result<()> {
    bounded(LIMIT, async {
        let scratch = tempfile::tempdir()?;
        let mut command = Command::new(program::bitdust()?);
        command.args(["devnet", "--demo", "--exit", "--json"]);
        // A devnet of the person who runs the tests may have the standard ports.
        if !standard_ports_are_free() {
            command.arg("--free-ports");
        }
        command.env("HOME", scratch.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for variable in ["BITDUST_RPC", "BITDUST_TOKEN_FILE", "BITDUST_PASSWORD", "RUST_LOG"] {
            command.env_remove(variable);
        }
        let devnet = command.kill_on_drop(true).spawn().context("starting the demo")?;
        let ended = tokio::time::timeout(DEMO_LIMIT, devnet.wait_with_output()).await;
        let output = ended.with_context(|| format!("the demo did not end within {DEMO_LIMIT:?}"))??;
        let (said, complaints) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "the demo ended with {}: {said}{complaints}", output.status);
        ensure!(said.trim_end().lines().count() == 1, "one JSON object is printed, not: {said}");
        let report: Value = serde_json::from_str(&said).with_context(|| format!("the report is no JSON: {said}"))?;
        check(&report)?;
        // It has waited for its nodes.
        let left: Vec<u64> = pids(&report)?.into_iter().filter(|pid| is_bitdust(*pid)).collect();
        ensure!(left.is_empty(), "processes {left:?} are still there");
        Ok(())
    })
    .await
}

/// Whether a whole devnet finds the ports that it takes by default.
fn standard_ports_are_free() -> bool {
    let nodes = 4 + SUPPLIERS as u16 + 1;
    [8545, 9180, 7771, 7971].into_iter().flat_map(|first| first..first + nodes).all(|port| {
        TcpListener::bind(("127.0.0.1", port)).is_ok() && std::net::UdpSocket::bind(("127.0.0.1", port)).is_ok()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_cannot_work_fails_at_once() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let net = scratch.path().join("net");
    let begun = Instant::now();
    let mut words: Vec<&OsStr> =
        ["--json", "devnet", "--demo", "--exit", "--free-ports", "--suppliers", "7", "--dir"].map(OsStr::new).to_vec();
    words.push(net.as_os_str());
    let none: [(&str, &OsStr); 0] = [];
    let said = program::run(scratch.path(), &words, &none).await?;
    let report: Value = serde_json::from_str(&said.stdout).with_context(|| format!("no JSON: {said:?}"))?;
    let error = report["error"].as_str().with_context(|| format!("no error: {said:?}"))?;
    ensure!(said.code == Some(1), "{said:?}");
    ensure!(error.contains("--suppliers") && error.contains("has 7"), "{error}");
    ensure!(begun.elapsed() < REFUSAL_LIMIT, "it took {:?} to say that seven suppliers are not eight", begun.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devnet_whose_port_is_taken_fails_and_names_the_setting() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let net = scratch.path().join("net");
    std::fs::create_dir(&net)?;
    let plan = shape(1, 0).plan(now_ms())?;
    lay_out(&net, &plan)?;
    let customer = plan.nodes.iter().find(|node| node.config.has(Role::Customer)).context("a customer")?;
    let _taken = TcpListener::bind(customer.config.p2p).context("taking the port that was free")?;
    let mut words: Vec<&OsStr> = ["--json", "devnet", "--dir"].map(OsStr::new).to_vec();
    words.push(net.as_os_str());
    let none: [(&str, &OsStr); 0] = [];
    let said = program::run(scratch.path(), &words, &none).await?;
    ensure!(said.code == Some(1), "{said:?}");
    for word in ["customer-0 ended", "config.toml, p2p", &customer.config.p2p.port().to_string()] {
        ensure!(said.stdout.contains(word), "'{word}' is not said: {said:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_every_figure_and_an_auditor_finds_the_same_pay() -> Result<()> {
    bounded(LIMIT, async {
        let scratch = tempfile::tempdir()?;
        let (home, tree) = (scratch.path(), scratch.path().join("tree"));
        write_tree(&tree)?;
        let mut devnet = Command::new(program::bitdust()?)
            .args(["--json", "devnet", "--demo", "--free-ports", "--block-time-ms", "400", "--dir"])
            .arg(home.join("net"))
            .arg("--tree")
            .arg(&tree)
            .env("HOME", home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting the demo")?;
        let mut lines = BufReader::new(devnet.stdout.take().context("the demo's output")?).lines();
        let line = tokio::time::timeout(DEMO_LIMIT, lines.next_line()).await;
        let line =
            line.with_context(|| format!("no report within {DEMO_LIMIT:?}"))??.context("the demo said nothing")?;
        let report: Value = serde_json::from_str(&line).with_context(|| format!("the report is no JSON: {line}"))?;
        ensure!(report.get("error").is_none(), "the demo failed: {line}");
        check(&report)?;

        let file = home.join("report.json");
        std::fs::write(&file, &line)?;
        audit(&report, &file).await?;
        let pids = pids(&report)?;
        end(&mut devnet).await?;
        // What was started is gone with it.
        for pid in pids {
            until(&format!("process {pid} has gone"), PATIENCE, async || Ok((!is_bitdust(pid)).then_some(()))).await?;
        }
        Ok(())
    })
    .await
}

/// All figures are there, and fit each other.
fn check(report: &Value) -> Result<()> {
    let list = |field: &str| report[field].as_array().with_context(|| format!("{field} is a list in {report}"));
    ensure!(list("nodes")?.len() == 4 + SUPPLIERS + 1, "nodes: {}", report["nodes"]);
    for node in list("nodes")? {
        for field in ["name", "role", "address", "rpc", "dir"] {
            ensure!(node[field].as_str().is_some_and(|text| !text.is_empty()), "a node without {field}: {node}");
        }
    }
    for field in ["id", "escrow", "deposits", "priceCap"] {
        ensure!(report["dataset"][field].is_string(), "the dataset's {field}: {}", report["dataset"]);
    }
    ensure!((&report["dataset"]["k"], &report["dataset"]["n"]) == (&4.into(), &8.into()), "{}", report["dataset"]);
    ensure!(list("slots")?.iter().all(|slot| slot["supplier"].is_string()), "a slot without supplier");

    let proofs = list("proofs")?;
    ensure!(proofs.len() == SUPPLIERS, "first proofs: {proofs:?}");
    ensure!(proofs.iter().all(|proof| proof["height"].as_u64() > Some(0) && proof["failed"] == 0), "{proofs:?}");

    let settled = report["settlement"]["suppliers"].as_array().context("settlement.suppliers")?;
    ensure!(settled.len() == SUPPLIERS, "settled: {settled:?}");
    for line in settled {
        let grains = |field: &str| -> Result<u128> {
            let text = line[field].as_str().with_context(|| format!("{field} of {line}"))?;
            text.parse().with_context(|| format!("{field} of {line}"))
        };
        ensure!(grains("earned")? > 0 && grains("fee")? > 0 && grains("gas")? > 0, "nothing was earned: {line}");
        // The block settles this dataset alone, and it is the first settlement.
        ensure!(
            grains("balanceAfter")? - grains("balanceBefore")? == grains("earned")?,
            "the balance says else: {line}"
        );
    }

    ensure!(list("stopped")?.len() == 4, "stopped: {}", report["stopped"]);
    let (stored, fetched) = (list("objects")?, list("fetched")?);
    ensure!(stored.len() == 2 && fetched.len() == 2, "{stored:?} {fetched:?}");
    for (stored, fetched) in stored.iter().zip(fetched) {
        ensure!(stored["sha256"] == fetched["sha256"] && stored["bytes"] == fetched["bytes"], "{stored} {fetched}");
        ensure!(fetched["fetchedBytes"].as_u64() >= fetched["bytes"].as_u64(), "fetched from nowhere: {fetched}");
    }
    ensure!(stored[1]["bytes"] == 64 << 20, "the random file: {}", stored[1]);
    // One small file of a tree doesn't cost the tree.
    let small = report["smallFile"]["fetchedBytes"].as_u64().context("smallFile.fetchedBytes")?;
    ensure!(small > 0 && small < 1 << 20, "a file of {} bytes cost {small}", report["smallFile"]["bytes"]);
    Ok(())
}

/// Runs the script that knows only receipts and the published rule, against the customer's node.
async fn audit(report: &Value, file: &Path) -> Result<()> {
    let customer = report["nodes"].as_array().and_then(|nodes| nodes.iter().find(|node| node["role"] == "customer"));
    let rpc = customer.and_then(|node| node["rpc"].as_str()).context("the customer's address")?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/earnings.py");
    let run = Command::new("python3")
        .args([script, "--json", "--rpc", rpc, "--report"])
        .arg(file)
        .kill_on_drop(true)
        .output()
        .await
        .context("starting python3, which the audit needs")?;
    let said = String::from_utf8_lossy(&run.stdout);
    ensure!(run.status.success(), "the audit differs: {said}{}", String::from_utf8_lossy(&run.stderr));
    let found: Value = serde_json::from_str(&said)?;
    ensure!(found["suppliers"].as_object().is_some_and(|suppliers| suppliers.len() == SUPPLIERS), "{found}");
    Ok(())
}

fn pids(report: &Value) -> Result<Vec<u64>> {
    let nodes = report["nodes"].as_array().context("nodes")?;
    Ok(nodes.iter().filter_map(|node| node["pid"].as_u64()).collect())
}

/// Whether a process runs and is one of ours: its number may belong to another by now.
fn is_bitdust(pid: u64) -> bool {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command).contains("bitdust")
}

/// Ctrl-C, as a person ends it. A network that was ended on purpose has not failed.
async fn end(devnet: &mut tokio::process::Child) -> Result<()> {
    let pid = devnet.id().context("the network still runs")?.to_string();
    ensure!(Command::new("kill").args(["-INT", &pid]).status().await?.success(), "kill -INT {pid}");
    let ended = tokio::time::timeout(PATIENCE, devnet.wait()).await;
    let status = ended.context("the network did not stop")??;
    ensure!(status.success(), "the network ended with {status}");
    Ok(())
}
