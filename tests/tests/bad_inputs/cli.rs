//! The table of the command line: arguments, settings, files and nodes that are wrong.

use std::{ffi::OsStr, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use bitdust_node::{
    config::Config,
    devnet::{
        plan::{NodePlan, free_ports, supplier},
        supervisor::{DEVNET_PASSWORD, lay_out_node},
    },
    home::Home,
};
use bitdust_tests::{Net, program};
use bitdust_types::keys::{DEVNET_PHRASE, Phrase};

use super::Answer;

/// A row: what is wrong, the arguments, and what the error must say.
pub type Row<'a> = (&'static str, Vec<&'a str>, &'static [&'static str]);

pub async fn table(net: &Net) -> Result<Vec<Answer>> {
    let mut answers = commands(net).await?;
    answers.extend(directories(net).await?);
    Ok(answers)
}

/// Commands to a running node.
async fn commands(net: &Net) -> Result<Vec<Answer>> {
    let dir = net.dir();
    let text = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let (source, missing, empty, output) = (text("source"), text("no/such/file"), text("empty"), text("output"));
    fs::create_dir_all(&empty)?;
    let (no_token, wrong_token) = (text("no-token"), text("wrong-token"));
    fs::write(&no_token, "open sesame")?;
    fs::write(&wrong_token, "11".repeat(32))?;
    let process = |name: &str| net.supervisor.processes.iter().find(|process| process.name == name);
    let customer = process("customer-0").context("a customer")?;
    let supplier = process("supplier-0").context("a supplier")?;
    let (rpc, token) = (format!("http://{}", customer.config.rpc), customer.home.token());
    let (supplier_rpc, supplier_token) = (format!("http://{}", supplier.config.rpc), supplier.home.token());
    let supplier_token = supplier_token.to_string_lossy().into_owned();
    // The validator is down.
    let nobody = format!("http://{}", process("validator-0").context("a validator")?.config.rpc);
    let somebody = "0x00000000000000000000000000000000000000aa";
    let unknown = "77".repeat(32);

    let rows: Vec<Row<'_>> = vec![
        (
            "a path that does not exist",
            vec!["put", &missing],
            &["no/such/file", "give a file or directory that exists"],
        ),
        ("a directory without files", vec!["put", &empty, "--as", "x"], &["empty", "holds no file"]),
        (
            "a name that climbs",
            vec!["put", &source, "--as", "a/../b"],
            &["'a/../b'", "'..'", "names separated by single slashes"],
        ),
        ("k > n", vec!["put", &source, "-k", "3", "-n", "2"], &["3 of 2", "1 <= k <= n"]),
        (
            "fewer suppliers than n",
            vec!["put", &source, "-k", "2", "-n", "9"],
            &["needs 9 suppliers", "3 offer", "choose a smaller n"],
        ),
        ("a layout that is no number", vec!["put", &source, "-k", "-1"], &["-1"]),
        (
            "get of what was never stored",
            vec!["get", "nothing/here", "-o", &output],
            &["'nothing/here'", "`bitdust ls`"],
        ),
        (
            "get of an empty tree",
            vec!["get", "nothing/", "-o", &output],
            &["nothing is stored below nothing/", "`bitdust ls`"],
        ),
        (
            "a range that is none",
            vec!["get", super::STORED, "-o", &output, "--range", "5-9"],
            &["--range '5-9'", "1000+500"],
        ),
        (
            "a range beyond the end",
            vec!["get", super::STORED, "-o", &output, "--range", "999999999+5"],
            &["outside of the object", "100000 bytes", "ask for bytes within 0-99999"],
        ),
        ("stat of nothing", vec!["stat", "nothing"], &["'nothing'", "`bitdust ls`"]),
        ("rm of nothing", vec!["rm", "nothing"], &["'nothing'", "`bitdust ls`"]),
        ("verify of nothing", vec!["verify", "nothing"], &["'nothing'", "`bitdust ls`"]),
        (
            "a token that is none",
            vec!["ls", "--token-file", &no_token],
            &["no-token", "64 hexadecimal digits", "delete it and start the node"],
        ),
        (
            "a token file that is missing",
            vec!["ls", "--token-file", &missing],
            &["no/such/file", "check that it exists"],
        ),
        (
            "the token of another node",
            vec!["ls", "--token-file", &wrong_token],
            &["storage_ls", "carries another one", "the token is in the file"],
        ),
        (
            "nobody at the address",
            vec!["status", "--rpc", &nobody],
            &["no answer from the node at", "127.0.0.1", "is it running"],
        ),
        (
            "an address that is none",
            vec!["status", "--rpc", "not a url"],
            &["'not a url' can't be called", "such as http://127.0.0.1:8545"],
        ),
        (
            "a supplier asked to store",
            vec!["ls", "--rpc", &supplier_rpc, "--token-file", &supplier_token],
            &["does not store files", "'customer'"],
        ),
        ("a customer asked to sell", vec!["supplier", "status"], &["does not sell disk space", "'supplier'"]),
        ("a negative amount", vec!["wallet", "send", somebody, "--", "-1"], &["'-1' is not an amount", "such as 1.5"]),
        (
            "an amount beyond 2^128",
            vec!["wallet", "send", somebody, "999999999999999999999999"],
            &["more than the largest amount"],
        ),
        (
            "an amount below a grain",
            vec!["wallet", "send", somebody, "0.0000000000000000001"],
            &["more than 18 decimals", "one grain"],
        ),
        (
            "more coins than there are",
            vec!["wallet", "send", somebody, "99999999"],
            &["does not cover 99999999 DUST", "nothing was sent"],
        ),
        ("an address too short", vec!["wallet", "balance", "0x12"], &["0x12"]),
        ("a dataset id too short", vec!["market", "contract", "0x12"], &["'0x12'", "64 hexadecimal digits"]),
        ("a dataset that is not", vec!["market", "contract", &unknown], &["no dataset", "`bitdust market contracts`"]),
        (
            "a statement of blocks to come",
            vec!["market", "statement", "--from", "99999999"],
            &["block 99999999", "the newest block is"],
        ),
        (
            "a phrase file that is none",
            vec!["wallet", "accounts", "--phrase-file", &no_token],
            &["no-token", "BIP-39", "12, 15, 18, 21 or 24"],
        ),
        ("no such verb", vec!["plunder"], &["plunder", "--help"]),
        ("a devnet without validators", vec!["devnet", "--validators", "0"], &["--validators 0", "between 1 and 100"]),
        (
            "an epoch too short",
            vec!["devnet", "--epoch-blocks", "2"],
            &["--epoch-blocks", "epochBlocks is 2", "within 4..="],
        ),
    ];
    let settings = [("BITDUST_RPC", rpc.as_ref()), ("BITDUST_TOKEN_FILE", token.as_os_str())];
    let mut answers = Vec::new();
    for (input, arguments, must_say) in rows {
        answers.push(fail(dir, input, &arguments, &settings, must_say).await?);
    }
    Ok(answers)
}

/// Nodes' directories that `init` can't make, or that `run` can't use.
async fn directories(net: &Net) -> Result<Vec<Answer>> {
    let dir = net.dir().join("bad");
    fs::create_dir_all(&dir)?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let (genesis, torn) = (dir.join("genesis.json"), dir.join("torn.json"));
    fs::write(&genesis, &net.genesis)?;
    fs::write(&torn, &net.genesis[..net.genesis.len() / 2])?;
    let (genesis, torn, missing, fresh) =
        (text(&genesis), text(&torn), text(&dir.join("missing")), text(&dir.join("fresh")));
    let wrong_password = dir.join("wrong-password");
    fs::write(&wrong_password, "guess")?;
    let wrong_password = text(&wrong_password);

    let good = make(net, &dir, "good", |_| {})?;
    let taken = net.supervisor.processes.iter().find(|process| process.name == "customer-0").context("a customer")?;
    let taken = &taken.config;
    let metrics_taken = make(net, &dir, "metrics-taken", |config| config.metrics = taken.metrics)?;
    let rpc_taken = make(net, &dir, "rpc-taken", |config| config.rpc = taken.rpc)?;
    let p2p_taken = make(net, &dir, "p2p-taken", |config| config.p2p = taken.p2p)?;
    let no_peer = make(net, &dir, "no-peer", |config| config.bootstrap = vec!["somewhere".to_owned()])?;
    let no_key = make(net, &dir, "no-key", |_| {})?;
    fs::remove_file(Home::new(&no_key).keys().join("coin.json"))?;
    let typo = make(net, &dir, "typo", |_| {})?;
    let config = Home::new(&typo).config();
    fs::write(&config, fs::read_to_string(&config)?.replace("bootstrap", "boot_strap"))?;
    let no_genesis = make(net, &dir, "no-genesis", |_| {})?;
    fs::write(Home::new(&no_genesis).genesis(), "{}")?;

    let rows: Vec<Row<'_>> = vec![
        (
            "init over a node",
            vec!["init", "--dir", &good, "--genesis", &genesis],
            &["good is a node's directory already", "--dir"],
        ),
        (
            "init without genesis",
            vec!["init", "--dir", &fresh, "--genesis", &missing],
            &["reading the genesis file", "missing"],
        ),
        (
            "init with half a genesis",
            vec!["init", "--dir", &fresh, "--genesis", &torn],
            &["torn.json", "the genesis file can't be decoded", "at line"],
        ),
        ("run of no node", vec!["run", "--dir", &missing], &["config.toml", "`bitdust init` makes one"]),
        ("run with an unknown setting", vec!["run", "--dir", &typo], &["config.toml", "boot_strap"]),
        (
            "run with a wrong password",
            vec!["run", "--dir", &good, "--password-file", &wrong_password],
            &["coin.json", "the password is the one it was made with"],
        ),
        ("run without a key file", vec!["run", "--dir", &no_key], &["coin.json", "check that the file is whole"]),
        (
            "run with an empty genesis",
            vec!["run", "--dir", &no_genesis],
            &["genesis.json", "the genesis file can't be decoded", "missing field"],
        ),
        (
            "run with a metrics port that is taken",
            vec!["run", "--dir", &metrics_taken],
            &["serving metrics on 127.0.0.1", "Change `metrics` in config.toml"],
        ),
        (
            "run with an RPC port that is taken",
            vec!["run", "--dir", &rpc_taken],
            &["config.toml, rpc", "can't listen on 127.0.0.1", "for JSON-RPC", "choose another address"],
        ),
        (
            "run with a peer port that is taken",
            vec!["run", "--dir", &p2p_taken],
            &["config.toml, p2p", "cannot listen on", "choose another address or port"],
        ),
        (
            "run with a bootstrap that is none",
            vec!["run", "--dir", &no_peer],
            &["'somewhere' is not a peer's address", "config.toml, bootstrap"],
        ),
    ];
    let settings = [("BITDUST_PASSWORD", OsStr::new(DEVNET_PASSWORD))];
    let mut answers = Vec::new();
    for (input, arguments, must_say) in rows {
        answers.push(fail(&dir, input, &arguments, &settings, must_say).await?);
    }
    let unknown: [(&str, &OsStr); 0] = [];
    let must_say = &["--password-file", "BITDUST_PASSWORD"];
    answers.push(fail(&dir, "run without a password", &["run", "--dir", &good], &unknown, must_say).await?);
    Ok(answers)
}

/// A directory of a node that would run, but for what `change` does. Its network is of its own.
fn make(net: &Net, dir: &Path, name: &str, change: impl FnOnce(&mut Config)) -> Result<String> {
    let ports = free_ports(1)?.pop().context("ports for a node")?;
    let mut plan: NodePlan = supplier(&Phrase::parse(DEVNET_PHRASE)?, 7, ports, &[])?;
    plan.name = name.to_owned();
    change(&mut plan.config);
    lay_out_node(dir, &plan, &net.genesis)?;
    Ok(dir.join(name).to_string_lossy().into_owned())
}

/// Runs a command that must fail.
pub async fn fail(
    home: &Path,
    input: &'static str,
    arguments: &[&str],
    settings: &[(&str, &OsStr)],
    must_say: &'static [&'static str],
) -> Result<Answer> {
    let said = program::run(home, arguments, settings).await?;
    ensure!(
        said.code.is_some_and(|code| code != 0),
        "{input}: `bitdust {}` did not fail: {said:?}",
        arguments.join(" ")
    );
    Ok(Answer { input, said: format!("{}{}", said.stdout, said.stderr), must_say })
}
