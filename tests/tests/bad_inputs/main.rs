//! What people, programs and peers get wrong: tables of bad inputs, to the command line, to RPC and HTTP, to the stream
//! protocols, and about worlds. Each must be answered with an error that says what is wrong, where, and what to do; none may change
//! anything.
//!
//! The chain is halted while the tables run, so that state root, pool, balances and disks of every node must be equal
//! before and after, to the byte, and no node may have taken much memory for any of it. Then it goes on.

mod cli;
mod delegate;
mod rpc;
mod snapshot;
mod streams;
mod worlds;

use anyhow::{Result, ensure};
use bitdust_tests::{
    Net,
    bytes::write_random,
    network::{TEST_LIMIT, shape, with_layout},
    waiting::bounded,
};

use snapshot::{halted, memory_now, memory_peak, snapshot};

/// As the project's plan asks for.
const INPUTS_MIN: usize = 30;

/// Memory that a node may have taken since before the tables: the largest body that it accepts at once is 2 MiB, and a stranger's
/// stream holds a few of 64 KiB; the rest is what any busy process takes.
const MEMORY_BYTES_MAX: u64 = 128 << 20;

/// A bad input and what came back.
pub struct Answer {
    /// What was wrong with it.
    pub input: &'static str,
    /// The whole error.
    pub said: String,
    /// What the error must say.
    pub must_say: &'static [&'static str],
}

/// The file that is stored before anything goes wrong.
pub const STORED: &str = "stored";
const STORED_BYTES: usize = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_input_gets_a_clear_error_and_changes_nothing() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let mut key = None;
        let with_layout = with_layout(2, 3);
        let mut net = Net::start(&shape(1, 3), |plan| {
            with_layout(plan);
            key = plan.nodes.last().map(|node| node.keys.coin.clone());
        })
        .await?;
        let key = key.ok_or_else(|| anyhow::anyhow!("the customer's key"))?;
        net.wait_for_offers(3).await?;
        let source = net.dir().join("source");
        let hash = write_random(&source, STORED_BYTES, 1)?;
        let dataset = net.put(&source, STORED).await?.dataset;
        let contract = delegate::deploy_and_fail(&net, &key).await?;
        let world = worlds::settle(&net).await?;

        net.kill("validator-0").await?;
        halted(&net).await?;
        let before = snapshot(&net).await?;
        let idle = memory_now(&net)?;
        let mut answers = cli::table(&net).await?;
        answers.extend(rpc::table(&net, &key, contract).await?);
        answers.extend(streams::table(&net, dataset).await?);
        answers.extend(worlds::table(&net, world).await?);
        ensure!(answers.len() >= INPUTS_MIN, "only {} bad inputs", answers.len());
        let faults: Vec<String> = answers.iter().filter_map(fault).collect();
        ensure!(
            faults.is_empty(),
            "{} of {} answers are not good:\n{}",
            faults.len(),
            answers.len(),
            faults.join("\n")
        );
        streams::garbage_without_answer(&net).await?;
        net.check_alive()?;
        let after = snapshot(&net).await?;
        ensure!(before == after, "something changed:\n{before:#?}\n{after:#?}");
        for (name, most) in memory_peak(&net)? {
            let grew = most.saturating_sub(idle.get(&name).copied().unwrap_or(0));
            ensure!(grew <= MEMORY_BYTES_MAX, "{name} took {grew} bytes of memory for nonsense");
        }

        // Nothing of it has reached a pool, and the network goes on as if nothing had happened.
        net.launch("validator-0").await?;
        let height = net.height("validator-0").await?;
        net.reach("customer-0", height + 3).await?;
        ensure!(net.get(STORED).await? == hash, "the stored file came back changed");
        println!("{} bad inputs", answers.len());
        net.finish().await
    })
    .await
}

/// What an answer lacks.
fn fault(answer: &Answer) -> Option<String> {
    let Answer { input, said, must_say } = answer;
    let lacking: Vec<&&str> = must_say.iter().filter(|text| !said.contains(**text)).collect();
    if said.contains("panicked") {
        return Some(format!("- {input}: a panic: {said}"));
    }
    (!lacking.is_empty()).then(|| format!("- {input}: does not say {lacking:?}: {said}"))
}
