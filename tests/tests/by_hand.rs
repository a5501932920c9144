//! A network begun by hand, in the words of docs/network.md: two validators, the genesis that they make together, and a
//! supplier who joins with nothing but the genesis and one address.

use std::{ffi::OsStr, path::Path};

use anyhow::{Context as _, Result, ensure};
use bitdust_node::{
    chain::now_ms,
    config::Config,
    devnet::supervisor::{DEVNET_PASSWORD, Process},
};
use bitdust_rpc::api::{LedgerClient as _, MarketClient as _, NodeClient as _};
use bitdust_tests::{
    network::{TEST_LIMIT, shape},
    program,
    waiting::{PATIENCE, bounded, until},
};
use serde_json::Value;

/// Blocks that "going on" means.
const SOME: u64 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn two_people_begin_a_chain_and_a_third_joins() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let scratch = tempfile::tempdir()?;
        let dir = scratch.path();
        // Ports that nobody has. The people are on one machine here, so each names its own.
        let nodes = shape(2, 1).plan(now_ms())?.nodes;
        let place = |index: usize| nodes.get(index).map(|node| &node.config).context("a place for everybody");
        let (ann, bob, carol) = (place(0)?, place(1)?, place(2)?);

        let made = bitdust(dir, &["init", "--dir", "ann", "--role", "validator"], &listening(ann)?).await?;
        let (anns_account, anns_address) = (text(&made, "/address")?, text(&made, "/addresses/0")?);
        bitdust(dir, &["init", "--dir", "bob", "--role", "validator"], &listening(bob)?).await?;

        let registered = ["--validator", "ann/validator.json", "--validator", "bob/validator.json"];
        let terms = [
            "--chain-id".to_owned(),
            "4711".to_owned(),
            "--block-time-ms".to_owned(),
            "250".to_owned(),
            "--balance".to_owned(),
            format!("{anns_account}=1000000"),
        ];
        let mut words = vec!["genesis", "new", "--out", "genesis.json"];
        words.extend(registered);
        let made = bitdust(dir, &words, &terms).await?;
        let named = bitdust(dir, &["genesis", "hash", "genesis.json"], &[]).await?;
        ensure!(made["id"] == named["id"], "{made} is named {named}");

        let joined = ["init", "--genesis", "genesis.json", "--dir"];
        let with = |name: &'static str| [&joined[..], &[name]].concat();
        bitdust(dir, &with("ann"), &["--validator-peer".to_owned(), meeting(bob)?]).await?;
        let known = ["--bootstrap".to_owned(), anns_address.clone()];
        let mut peers = known.to_vec();
        peers.extend(["--validator-peer".to_owned(), meeting(ann)?]);
        bitdust(dir, &with("bob"), &peers).await?;
        let mut running = start(dir, &["ann", "bob"]).await?;
        for process in &running {
            reach(process, SOME).await?;
        }

        // Carol's account has coins before her node offers space.
        let mut words = with("carol");
        words.extend(["--role", "supplier"]);
        let mut places = listening(carol)?;
        places.extend(known);
        let made = bitdust(dir, &words, &places).await?;
        let carols_account = text(&made, "/address")?;
        let from = ["--rpc".to_owned(), format!("http://{}", ann.rpc)];
        let words = ["wallet", "send", carols_account.as_str(), "2000", "--token-file", "ann/token"];
        bitdust(dir, &words, &from).await?;
        running.extend(start(dir, &["carol"]).await?);
        let client = running[1].client()?;
        until("the others see the supplier's offer", PATIENCE, async || {
            let offers = client.market_offers().await?;
            Ok(offers.iter().any(|offer| offer.supplier.to_string() == carols_account).then_some(()))
        })
        .await?;

        // All three have the same chain.
        let height = running[0].client()?.ledger_status().await?.height;
        let mut ids = Vec::new();
        for process in &running {
            reach(process, height).await?;
            let block = process.client()?.ledger_block(height).await?;
            ids.push(block.with_context(|| format!("{} has block {height}", process.name))?.id);
        }
        ensure!(ids.iter().all(|id| *id == ids[0]), "block {height} differs: {ids:?}");
        for process in &mut running {
            process.check_alive()?;
            process.stop().await;
        }
        Ok(())
    })
    .await
}

/// Runs one command in `dir` and answers what it says. Paths in the words are relative to it.
async fn bitdust(dir: &Path, words: &[&str], more: &[String]) -> Result<Value> {
    // The tests' own directory is another one.
    let whole = |word: &str| match word {
        "ann" | "bob" | "carol" | "genesis.json" | "ann/validator.json" | "bob/validator.json" | "ann/token" => {
            dir.join(word).into_os_string()
        }
        _ => OsStr::new(word).to_owned(),
    };
    let mut line = vec![OsStr::new("--json").to_owned()];
    line.extend(words.iter().map(|word| whole(word)));
    line.extend(more.iter().map(|word| OsStr::new(word).to_owned()));
    let said = program::run(dir, &line, &[("BITDUST_PASSWORD", OsStr::new(DEVNET_PASSWORD))]).await?;
    ensure!(said.code == Some(0), "{words:?} {more:?}: {said:?}");
    serde_json::from_str(&said.stdout).with_context(|| format!("{words:?} says no JSON: {said:?}"))
}

/// The options that put a node where `place` is.
fn listening(place: &Config) -> Result<Vec<String>> {
    let mut options = Vec::new();
    for (option, address) in [("--listen", place.p2p), ("--rpc-listen", place.rpc), ("--metrics-listen", place.metrics)]
    {
        options.extend([option.to_owned(), address.to_string()]);
    }
    if place.consensus.is_some() {
        options.extend(["--consensus-listen".to_owned(), meeting(place)?]);
    }
    Ok(options)
}

/// Where a validator meets the others.
fn meeting(place: &Config) -> Result<String> {
    Ok(place.consensus.as_ref().context("a validator's place")?.listen.to_string())
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("{pointer} is no text in {value}"))?.to_owned())
}

/// Starts nodes, and waits until each answers.
async fn start(dir: &Path, names: &[&str]) -> Result<Vec<Process>> {
    let mut processes = Vec::new();
    for name in names {
        let mut process = Process::load(dir, name)?;
        process.program = program::bitdust()?;
        process.spawn()?;
        processes.push(process);
    }
    for process in &mut processes {
        process.wait_until_ready().await?;
    }
    Ok(processes)
}

async fn reach(process: &Process, height: u64) -> Result<()> {
    let client = process.client()?;
    let what = format!("{} has block {height}", process.name);
    until(&what, PATIENCE, async || Ok((client.node_status().await?.height >= height).then_some(()))).await
}
