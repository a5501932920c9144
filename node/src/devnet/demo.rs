//! The demonstration: a real file and a real tree go to 8 suppliers and come back without half of them, with every figure
//! on the way. Any step that fails ends it with an error.
//!
//! Order: store → terms and escrow → first proof of each supplier → settlement → stop suppliers → get back and compare.

mod fetching;
mod proving;
mod report;
mod settling;
mod storing;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bitdust_rpc::{
    Client,
    api::{MarketClient as _, StorageClient as _},
};
use bitdust_types::Layout;

pub use report::Report;

use super::{NodeLine, plan::Shape, supervisor::Supervisor};
use crate::{
    cli::{devnet::DevnetArgs, output, remote::explain},
    config::{CustomerConfig, Role},
};

/// Bytes of the random file.
const RANDOM_BYTES: u64 = 64 << 20;
/// Suppliers have an offer on the ledger within a few blocks.
const OFFERS_PATIENCE: Duration = Duration::from_secs(120);

/// What the steps share.
struct Demo<'a> {
    network: &'a mut Supervisor,
    client: Client,
    layout: Layout,
    scratch: PathBuf,
    json: bool,
}

/// Fails at once if the network that a directory holds, or that will be laid out there, has fewer suppliers than the demo
/// stores on. Nothing is written before.
pub fn check_suppliers(dir: &Path, shape: &Shape) -> Result<()> {
    let (suppliers, needed) = match Supervisor::load(dir)? {
        Some(known) => {
            let count = |role| known.processes.iter().filter(|process| process.config.has(role)).count();
            let customer = known.processes.iter().find(|process| process.config.has(Role::Customer));
            let customer = customer.with_context(|| format!("the network in {} has no customer", dir.display()))?;
            (count(Role::Supplier), customer.config.customer.n)
        }
        None => (usize::from(shape.suppliers), CustomerConfig::default().n),
    };
    ensure!(
        suppliers >= usize::from(needed),
        "--suppliers: the demo stores on {needed} suppliers, and the network in {} has {suppliers}; ask for {needed} or more \
         of a new network",
        dir.display()
    );
    Ok(())
}

/// Runs all steps.
pub async fn run(network: &mut Supervisor, nodes: &[NodeLine], args: &DevnetArgs, json: bool) -> Result<Report> {
    let started = Instant::now();
    let customer = network.processes.iter().find(|process| process.config.has(Role::Customer));
    let customer = customer.context("the demo needs a customer")?;
    let layout = Layout::new(customer.config.customer.k, customer.config.customer.n)?;
    let (client, scratch) = (customer.client()?, network.dir.join("demo"));
    std::fs::create_dir_all(&scratch).with_context(|| format!("creating {}", scratch.display()))?;
    let mut demo = Demo { network, client, layout, scratch, json };

    demo.wait_for_offers().await?;
    let stored = storing::store(&demo, &tree(args)?).await?;
    let dataset = storing::terms(&demo, stored.dataset).await?;
    let proofs = proving::first_proofs(&demo, &dataset).await?;
    let settlement = settling::settle(&demo, &dataset).await?;
    let stopped = fetching::stop_suppliers(&mut demo, &dataset).await?;
    let fetched = fetching::fetch(&demo, &stored).await?;
    let report = Report {
        nodes: nodes.to_vec(),
        objects: stored.objects,
        dataset: dataset.info,
        slots: dataset.slots,
        proofs,
        settlement,
        stopped,
        fetched: fetched.objects,
        small_file: fetched.small,
        seconds: started.elapsed().as_secs_f64(),
    };
    demo.say(format!(
        "Done in {:.0} s: everything came back from {} of {} suppliers.",
        report.seconds,
        layout.k(),
        layout.n()
    ));
    Ok(report)
}

/// Starts the suppliers again that the demo stopped: whoever goes on with this network needs all of them to store.
pub async fn revive(network: &mut Supervisor, stopped: &[String], json: bool) -> Result<()> {
    for name in stopped {
        network.find(name)?.spawn()?;
    }
    for name in stopped {
        network.find(name)?.wait_until_ready().await?;
    }
    if !json {
        output::say(format!("{} run again.", stopped.join(", ")));
    }
    Ok(())
}

impl Demo<'_> {
    /// Tells people what happens; programs read the report.
    fn say(&self, text: impl AsRef<str>) {
        if !self.json {
            output::say(text);
        }
    }

    fn step(&self, title: &str) {
        self.say(format!("\n== {title}"));
    }

    async fn wait_for_offers(&self) -> Result<()> {
        self.step("Suppliers publish their offers on the ledger");
        let wanted = usize::from(self.layout.n());
        let deadline = Instant::now() + OFFERS_PATIENCE;
        loop {
            let offers = self.client.market_offers().await.map_err(explain(&self.client))?;
            if offers.len() >= wanted {
                let first = &offers[0];
                self.say(format!(
                    "{} offers; the first: {} per GiB and epoch, {} of disk",
                    offers.len(),
                    first.price_per_gib_epoch,
                    output::bytes(first.capacity_bytes)
                ));
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "only {} of {wanted} suppliers have an offer after {OFFERS_PATIENCE:?}; their logs are in node.log of each directory",
                offers.len()
            );
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Bytes that the customer has received from suppliers so far.
    async fn fetched_bytes(&self) -> Result<u64> {
        Ok(self.client.storage_status().await.map_err(explain(&self.client))?.fetched_bytes)
    }
}

/// The tree to store: what was asked for, or this project's own, or the current directory.
fn tree(args: &DevnetArgs) -> Result<PathBuf> {
    if let Some(tree) = &args.tree {
        return Ok(tree.clone());
    }
    let own = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    if own.join("Cargo.toml").exists() {
        return own.canonicalize().context("finding this project's tree");
    }
    std::env::current_dir().context("finding the current directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_suppliers_are_noticed_before_anything_is_laid_out() {
        let dir = tempfile::tempdir().unwrap();
        let shape = |suppliers| Shape {
            validators: 1,
            suppliers,
            players: 0,
            block_time_ms: 1000,
            epoch_blocks: 30,
            free_ports: false,
        };
        check_suppliers(dir.path(), &shape(8)).unwrap();
        let error = check_suppliers(dir.path(), &shape(7)).unwrap_err().to_string();
        assert!(error.contains("--suppliers") && error.contains("has 7"), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
