//! A node that follows the chain believes nobody: whoever serves it a forged block or certificate is named in its log and
//! shut out, and it still gets the chain from an honest node.
//!
//! Each liar is a peer of its own, and they are all that the follower meets at first.

use anyhow::{Context as _, Result, ensure};
use bitdust_consensus::Certificate;
use bitdust_ledger::Block;
use bitdust_network::{Config, Handle, Multiaddr, Network, PeerId, Protocol, wire};
use bitdust_node::{
    chain::serve::{Follow, Served},
    devnet::plan::{free_ports, supplier},
};
use bitdust_rpc::api::{LedgerClient as _, NodeClient as _};
use bitdust_tests::{
    Net,
    network::{TEST_LIMIT, shape},
    waiting::{PATIENCE, bounded, until},
};
use bitdust_types::{
    B256,
    keys::{DEVNET_PHRASE, Phrase, account_of},
    params::DEVNET,
    signing,
};
use k256::ecdsa::SigningKey;

/// Blocks to show honest and forged ones of.
const BLOCKS: u64 = 4;
/// A node that has no role and only follows.
const FOLLOWER: &str = "follower";

/// A lie: what a liar serves, and a part of what the follower says of it.
struct Lie {
    name: &'static str,
    served: Served,
    said: &'static str,
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_blocks_and_certificates_are_refused_and_their_server_is_shut_out() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let mut key = None;
        let mut net = Net::start(&shape(1, 0), |plan| key = Some(plan.nodes[0].keys.coin.clone())).await?;
        let key = key.context("the validator's key")?;
        net.reach("validator-0", BLOCKS).await?;
        let lies = lies(&honest(&net, 1).await?, &honest(&net, 2).await?, &key)?;
        net.kill("validator-0").await?;

        // The follower knows the liars, and an honest node that is down.
        let mut liars = Vec::new();
        for (number, lie) in (1..).zip(&lies) {
            liars.push(Liar::start(number, lie.served.clone()).await?);
        }
        let mut bootstrap: Vec<String> = liars.iter().map(|liar| liar.address.to_string()).collect();
        bootstrap.extend(net.node("customer-0")?.config.bootstrap.clone());
        let ports = free_ports(1)?.pop().context("ports for the follower")?;
        let mut follower = supplier(&Phrase::parse(DEVNET_PHRASE)?, 0, ports, &bootstrap)?;
        follower.name = FOLLOWER.to_owned();
        follower.config.name = FOLLOWER.to_owned();
        follower.config.roles.clear();
        follower.config.supplier = None;
        net.add(&follower)?;
        net.launch(FOLLOWER).await?;

        for (lie, liar) in lies.iter().zip(&liars) {
            let peer = liar.handle.local_peer().to_string();
            let line = until(&format!("the lie '{}' is found out", lie.name), PATIENCE, async || {
                let log = net.log(FOLLOWER)?;
                Ok(log.lines().find(|line| line.contains("shut out") && line.contains(&peer)).map(str::to_owned))
            })
            .await?;
            ensure!(line.contains(lie.said), "the lie '{}' was refused for another reason: {line}", lie.name);
        }
        ensure!(net.height(FOLLOWER).await? == 0, "the follower took a block of a liar");
        let honest_id = net.client(FOLLOWER)?.node_status().await?.peer_id.parse::<PeerId>()?;
        for (lie, liar) in lies.iter().zip(&liars) {
            until(&format!("the server of '{}' is cut off", lie.name), PATIENCE, async || {
                Ok((!liar.handle.is_connected(honest_id)).then_some(()))
            })
            .await?;
            ensure!(liar.handle.open(honest_id, Protocol::BLOCKS).await.is_err(), "'{}' came back in", lie.name);
        }

        // The honest node returns, and the follower gets the chain from it.
        net.launch("validator-0").await?;
        let height = net.height("validator-0").await?.max(BLOCKS);
        net.reach(FOLLOWER, height).await?;
        let (ours, theirs) = (net.client(FOLLOWER)?, net.client("validator-0")?);
        for height in 1..=height {
            let (ours, theirs) = (ours.ledger_block(height).await?, theirs.ledger_block(height).await?);
            ensure!(ours.is_some() && ours == theirs, "block {height} differs: {ours:?} {theirs:?}");
        }
        net.finish().await
    })
    .await
}

/// A block of the chain, with its certificate.
async fn honest(net: &Net, height: u64) -> Result<(Block, Certificate)> {
    let client = net.client("validator-0")?;
    let bytes = client.ledger_raw_block(height).await?.with_context(|| format!("block {height}"))?;
    let certificate = client.ledger_certificate(height).await?.with_context(|| format!("certificate {height}"))?;
    Ok((Block::decode(&bytes)?, Certificate::decode(&certificate.raw)?))
}

fn lies(first: &(Block, Certificate), second: &(Block, Certificate), key: &SigningKey) -> Result<Vec<Lie>> {
    let (block, certificate) = first;
    let changed = |change: &dyn Fn(&mut Block)| {
        let mut block = block.clone();
        change(&mut block);
        block
    };
    let stranger = SigningKey::from_slice(&[7; 32])?;
    let later = changed(&|block| block.header.timestamp_ms += 1);
    let wrong_root = changed(&|block| block.header.state_root = B256::repeat_byte(1));
    let wrong_reveal = changed(&|block| block.header.reveal = B256::repeat_byte(2));
    let mut torn = certificate.clone();
    torn.signatures[0].1[40] ^= 1;
    let unsigned = Certificate { signatures: Vec::new(), ..certificate.clone() };
    let served = |block: &Block, certificate: &Certificate| Served::Block {
        bytes: block.encode(),
        certificate: certificate.clone(),
    };
    let lie = |name, served, said| Lie { name, served, said };
    Ok(vec![
        lie(
            "bytes that are no block",
            Served::Block { bytes: vec![7; 99], certificate: certificate.clone() },
            "decoded",
        ),
        lie("another block under an honest certificate", served(&later, certificate), "the certificate is for"),
        lie("a certificate by a stranger", served(&later, &signed(&later, &stranger)?), "is no validator"),
        lie("a torn signature", served(block, &torn), "is not for this height, round and block"),
        lie("a certificate without votes", served(block, &unsigned), "more than two thirds are needed"),
        lie("a block with a false state root, duly signed", served(&wrong_root, &signed(&wrong_root, key)?), "state"),
        lie("a wrong preimage, duly signed", served(&wrong_reveal, &signed(&wrong_reveal, key)?), "is no preimage"),
        lie("the second block first", served(&second.0, &second.1), "block 2 instead of 1"),
    ])
}

/// A certificate that the only validator could have signed.
fn signed(block: &Block, key: &SigningKey) -> Result<Certificate> {
    let (height, block_id) = (block.header.height, B256::from(block.id()));
    let signature = signing::sign(key, Certificate::precommit_hash(DEVNET, height, 0, block_id))?;
    Ok(Certificate { height, round: 0, block_id, signatures: vec![(account_of(key), signature)] })
}

/// A peer that answers whoever follows it with a lie.
struct Liar {
    handle: Handle,
    address: Multiaddr,
}

impl Liar {
    async fn start(number: u8, served: Served) -> Result<Self> {
        let (handle, mut events) = Network::start(Config::new([number; 32], DEVNET)).await?;
        tokio::spawn(async move { while events.next().await.is_some() {} });
        let mut incoming = handle.accept(Protocol::BLOCKS)?;
        tokio::spawn(async move {
            while let Some(mut stream) = incoming.next().await {
                let served = served.clone();
                tokio::spawn(async move {
                    // Whatever fails here is the follower hanging up, which is what the test is about.
                    let Ok(Follow { .. }) = wire::recv(&mut stream, 64).await else { return };
                    let _ = wire::send(&mut stream, &served).await;
                    let _ = wire::recv_or_end::<Follow, _>(&mut stream, 64, PATIENCE).await;
                });
            }
        });
        let listen = handle.listen_addrs();
        let tcp = listen.iter().map(ToString::to_string).find(|address| address.contains("/tcp/"));
        let address = format!("{}/p2p/{}", tcp.context("a TCP address")?, handle.local_peer()).parse()?;
        Ok(Liar { handle, address })
    }
}
