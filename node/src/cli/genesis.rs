//! `bitdust genesis`: files with which networks begin.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

use alloy_primitives::Address;
use anyhow::{Context as _, Result, bail};
use bitdust_ledger::{Genesis, genesis::GenesisBlock};
use bitdust_types::{Amount, BlockId};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::output;
use crate::{chain::now_ms, genesis};

/// `bitdust genesis`.
#[derive(Subcommand)]
pub enum GenesisVerb {
    /// Make the file with which a network begins.
    New(NewArgs),
    /// What a genesis file says.
    Show {
        /// The file.
        file: PathBuf,
    },
    /// The network's name: the id of the block that a genesis file makes.
    Hash {
        /// The file.
        file: PathBuf,
    },
}

/// `bitdust genesis new`.
#[derive(Args)]
pub struct NewArgs {
    /// The file to make.
    #[arg(long)]
    pub out: PathBuf,
    /// The network's EIP-155 chain id: a number that no other network of yours has.
    #[arg(long)]
    pub chain_id: u64,
    /// A validator's registration: the file validator.json that `bitdust init --role validator` has made. Once for each validator.
    #[arg(long = "validator", value_name = "FILE", required = true)]
    pub validators: Vec<PathBuf>,
    /// An account and its first coins, in DUST. Once for each account; nobody else ever gets coins out of nothing.
    #[arg(long = "balance", value_name = "ACCOUNT=DUST", required = true, value_parser = balance)]
    pub balances: Vec<(Address, Amount)>,
    /// Aimed time between blocks in milliseconds.
    #[arg(long, default_value_t = 1000)]
    pub block_time_ms: u64,
    /// Blocks in an epoch, in which every supplier proves and is paid once.
    #[arg(long, default_value_t = 30)]
    pub epoch_blocks: u64,
    /// Time of the first block in milliseconds since 1970; now by default.
    #[arg(long)]
    pub time_ms: Option<u64>,
}

/// What a file says, and what follows from it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: BlockId,
    supply: Amount,
    #[serde(flatten)]
    genesis: Genesis,
}

#[derive(Serialize)]
struct Named {
    id: BlockId,
}

#[derive(Serialize)]
struct Written {
    file: PathBuf,
    id: BlockId,
}

/// Runs the verb.
pub fn run(verb: &GenesisVerb, json: bool) -> Result<()> {
    match verb {
        GenesisVerb::New(args) => {
            let genesis = args.genesis(now_ms())?;
            let id = genesis.id()?;
            write_new(&args.out, &genesis)?;
            output::show(json, &Written { file: args.out.clone(), id }, |written| {
                format!(
                    "Network: {id}\nWritten to {file}. Every node of the network is made with the same file: bitdust init \
                     --genesis {file}",
                    file = written.file.display()
                )
            })
        }
        GenesisVerb::Show { file } => {
            let (genesis, built) = genesis::read_built(file)?;
            output::show(json, &Shown::new(genesis, &built), Shown::text)
        }
        GenesisVerb::Hash { file } => {
            let (_, built) = genesis::read_built(file)?;
            output::show(json, &Named { id: built.header.id() }, |named| named.id.to_string())
        }
    }
}

impl NewArgs {
    /// The genesis that is asked for. `now_ms` is its time unless another is named.
    fn genesis(&self, now_ms: u64) -> Result<Genesis> {
        let mut params = genesis::params(&genesis::devnet()?.params, self.epoch_blocks, self.block_time_ms);
        params.chain_id = self.chain_id;
        let validators =
            self.validators.iter().map(|file| genesis::read_registration(file)).collect::<Result<Vec<_>>>()?;
        let mut alloc = BTreeMap::new();
        for (account, amount) in &self.balances {
            if alloc.insert(*account, *amount).is_some() {
                bail!("--balance {account}: named twice; write the sum once");
            }
        }
        genesis::make(params, self.time_ms.unwrap_or(now_ms), validators, alloc)
    }
}

impl Shown {
    fn new(genesis: Genesis, built: &GenesisBlock) -> Self {
        Shown { id: built.header.id(), supply: built.supply, genesis }
    }

    fn text(&self) -> String {
        let Genesis { params, timestamp_ms, validators, alloc } = &self.genesis;
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let facts = output::table(&[
            row("network", self.id.to_string()),
            row("chain id", params.chain_id.to_string()),
            row("begins", format!("{timestamp_ms} ms after 1970")),
            row("block time", format!("{} ms", params.block_time_ms)),
            row(
                "epoch",
                format!(
                    "{} blocks: the seed from the first {}, proofs of {} samples in blocks {} to {}",
                    params.epoch_blocks, params.reveals, params.samples, params.window_first, params.window_last
                ),
            ),
            row("gas", format!("{} per block, each {} grains or more", params.gas_limit, params.base_fee_min)),
            row("coins", format!("{} in {} accounts", self.supply, alloc.len())),
        ]);
        let mut powers = vec![row("validator", "power".to_owned())];
        powers.extend(validators.iter().map(|one| row(&one.address.to_string(), one.power.to_string())));
        let mut coins = vec![row("account", "coins".to_owned())];
        coins.extend(alloc.iter().map(|(account, amount)| row(&account.to_string(), amount.to_string())));
        format!("{facts}\n\n{}\n\n{}", output::table(&powers), output::table(&coins))
    }
}

/// Writes the file, and never over another: somebody's network may have begun with it.
fn write_new(path: &Path, genesis: &Genesis) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .with_context(|| format!("making {}; a genesis file is never written over", path.display()))?;
    let written = file.write_all(genesis.to_json().as_bytes()).and_then(|()| file.sync_all());
    written.with_context(|| format!("writing {}", path.display()))
}

/// Reads `ACCOUNT=DUST`.
fn balance(text: &str) -> Result<(Address, Amount), String> {
    let (account, amount) = text.split_once('=').ok_or("write the account, '=' and the coins, such as 0x70…C8=1000")?;
    let account = account.trim().parse().map_err(|error| format!("'{account}' is no account: {error}"))?;
    let amount = amount.parse().map_err(|error| format!("{error}"))?;
    Ok((account, amount))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bitdust_types::keys::{DEVNET_PHRASE, Phrase};

    use super::*;
    use crate::keys::NodeKeys;

    const RICH: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

    /// Arguments for a network of as many validators, whose registrations are written to `dir`.
    fn arguments(dir: &Path, validators: u32, balances: &[&str]) -> NewArgs {
        let phrase = Phrase::parse(DEVNET_PHRASE).unwrap();
        let file = |index: u32| {
            let own = genesis::registration(&NodeKeys::devnet(&phrase, index).unwrap());
            let path = dir.join(format!("{index}.json"));
            fs::write(&path, genesis::registration_text(&own).unwrap()).unwrap();
            path
        };
        NewArgs {
            out: dir.join("genesis.json"),
            chain_id: 4711,
            validators: (0..validators).map(file).collect(),
            balances: balances.iter().map(|text| balance(text).unwrap()).collect(),
            block_time_ms: 2000,
            epoch_blocks: 60,
            time_ms: None,
        }
    }

    #[test]
    fn a_new_file_holds_what_was_asked_for_and_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let args = arguments(dir.path(), 2, &[&format!("{RICH}=1.5")]);
        run(&GenesisVerb::New(args), true).unwrap();
        let file = dir.path().join("genesis.json");
        let (made, built) = genesis::read_built(&file).unwrap();
        assert_eq!((made.params.chain_id, made.params.block_time_ms, made.params.epoch_blocks), (4711, 2000, 60));
        assert_eq!((made.validators.len(), built.supply), (2, "1.5 DUST".parse().unwrap()));
        let shown = Shown::new(made.clone(), &built);
        let text = shown.text();
        for word in [RICH, "1.5 DUST in 1 accounts", "4711", &built.header.id().to_string()] {
            assert!(text.contains(word), "{word} is missing in:\n{text}");
        }
        let json = serde_json::to_value(&shown).unwrap();
        assert_eq!((&json["params"]["chainId"], &json["supply"]), (&4711.into(), &"1500000000000000000".into()));

        let again = arguments(dir.path(), 1, &[&format!("{RICH}=1")]);
        let words = format!("{:#}", run(&GenesisVerb::New(again), true).unwrap_err());
        assert!(words.contains("never written over"), "{words}");
        assert_eq!(genesis::read(&file).unwrap(), made);
    }

    #[test]
    fn what_makes_no_network_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let twice = arguments(dir.path(), 1, &[&format!("{RICH}=1"), &format!("{RICH}=2")]);
        assert!(twice.genesis(1).unwrap_err().to_string().contains("named twice"));
        let short = NewArgs { epoch_blocks: 1, ..arguments(dir.path(), 1, &[&format!("{RICH}=1")]) };
        assert!(short.genesis(1).unwrap_err().to_string().contains("epochBlocks"));
        let mut same = arguments(dir.path(), 1, &[&format!("{RICH}=1")]);
        same.validators.push(same.validators[0].clone());
        assert!(same.genesis(1).unwrap_err().to_string().contains("listed twice"));
        for text in ["", "0x12=1", RICH, &format!("{RICH}=much")] {
            assert!(balance(text).is_err(), "{text}");
        }
    }
}
