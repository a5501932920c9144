//! A modified client among honest players: whatever it sends changes nothing, it is named and shut out where no honest node
//! could have sent the like, and the honest go on.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bitdust_network::Protocol;
use bitdust_node::worlds::exchange::wire::{Answer, Turn};
use bitdust_rpc::{
    Client,
    api::{MarketClient as _, WorldClient as _},
    types::world::MayBuild,
};
use bitdust_tests::{
    Net,
    network::{TEST_LIMIT, shape, with_layout},
    waiting::{PATIENCE, bounded, until},
};
use bitdust_types::{Address, B256, DatasetId, Root, keys::account_of, params::DEVNET};
use bitdust_world::{
    block,
    edits::{Body, Graph, OpHash, Statement},
    location::{Head, HeadRecord, head_key},
};
use k256::ecdsa::SigningKey;

use super::{HOME, agree, arrive, build, client::Stranger, newcomer, settle};

/// What an intruder does in a talk.
enum Act {
    Bring(Vec<u8>),
    Say(Turn),
    Blurt(Vec<u8>),
}

/// What is wrong, what is done, and a part of what the node says of it.
type Row = (&'static str, Act, &'static str);

/// The players, the one whose right is taken away among them.
struct Scene {
    net: Net,
    owner: Client,
    guest: Client,
    world: B256,
    dataset: DatasetId,
    owners_account: Address,
    guests_account: Address,
    outcast: SigningKey,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modified_client_changes_nothing_and_is_shut_out() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let scene = Scene::set().await?;
        scene.misconduct_in_a_talk().await?;
        scene.edits_without_a_past().await?;
        scene.edits_of_a_revoked_key().await?;
        scene.misconduct_in_gossip().await?;
        scene.false_heads().await?;
        scene.an_entrusted_guest_is_no_owner().await?;
        // The honest go on as if nothing had been.
        let before = scene.state().await?;
        build(&scene.owner, scene.world, (0, 40), &[block::STONE_BRICK; 4]).await?;
        build(&scene.guest, scene.world, (4, 40), &[block::GLASS; 4]).await?;
        let after = agree(&[&scene.owner, &scene.guest], scene.world, before.1 + 2).await?;
        ensure!(after.state != before.0, "nothing was built");
        scene.net.finish().await
    })
    .await
}

impl Scene {
    async fn set() -> Result<Self> {
        let mut net = Net::start(&shape(1, 4), with_layout(2, 4)).await?;
        net.wait_for_offers(4).await?;
        let bootstrap = net.node("customer-0")?.config.bootstrap.clone();
        let guest = newcomer(1, &bootstrap)?;
        let outcast = newcomer(3, &bootstrap)?.keys.coin;
        let accounts = [guest.keys.account(), account_of(&outcast)];
        net.add(&guest)?;
        let owner = net.customer()?;
        let (world, dataset) = settle(&owner, &accounts).await?;
        let owners_account = arrive(&owner, world).await?.claim.context("the place is claimed")?.owner;
        net.launch("customer-1").await?;
        let guest = net.client("customer-1")?;
        arrive(&guest, world).await?;
        build(&owner, world, (0, 1), &[block::STONE_BRICK; 5]).await?;
        agree(&[&owner, &guest], world, 2).await?;
        build(&guest, world, (0, 2), &[block::GLASS; 5]).await?;
        agree(&[&owner, &guest], world, 3).await?;
        Ok(Scene { net, owner, guest, world, dataset, owners_account, guests_account: accounts[0], outcast })
    }

    /// What both see, and how many edits both know.
    async fn state(&self) -> Result<(B256, u64)> {
        until("both players see the same", PATIENCE, async || {
            let owner = self.owner.world_location(self.world, HOME).await?;
            let guest = self.guest.world_location(self.world, HOME).await?;
            let is_same = (owner.state, owner.edits) == (guest.state, guest.edits);
            Ok(is_same.then_some((owner.state, owner.edits)))
        })
        .await
    }

    async fn stranger(&self, secret: u8) -> Result<Stranger> {
        let mut stranger = Stranger::come(&self.net, "customer-0", secret, self.world, self.owners_account).await?;
        stranger.learn().await?;
        Ok(stranger)
    }

    /// What no honest node sends ends a talk and the acquaintance.
    async fn misconduct_in_a_talk(&self) -> Result<()> {
        let before = self.state().await?;
        let graph = self.stranger(100).await?.graph;
        let nobody = SigningKey::from_slice(&[9; 32])?;
        let good = statement(&graph, account_of(&self.outcast), 0)?;
        let sign =
            |statement: &Statement, key: &SigningKey| -> Result<Vec<u8>> { Ok(statement.clone().sign(key)?.encode()) };
        let too_deep = Statement { depth: good.depth + 5, ..good.clone() };
        let elsewhere = Statement { pos: HOME.offset(0, 0, 1), ..good.clone() };
        let mut torn = sign(&good, &self.outcast)?;
        torn.truncate(torn.len() - 1);
        let head = Turn { head: Some(vec![7; 100]), ..Turn::default() };
        let garbage = Turn { messages: vec![b"BDS\x01 garbage".to_vec()], ..Turn::default() };
        let flood = Turn { messages: vec![Vec::new(); 3], ..Turn::default() };
        let rows: Vec<Row> = vec![
            ("an account without the right", Act::Bring(sign(&good, &nobody)?), "has no right to build"),
            ("a depth that its parents don't have", Act::Bring(sign(&too_deep, &self.outcast)?), "says its depth is"),
            (
                "an edit of another place",
                Act::Bring(sign(&elsewhere, &self.outcast)?),
                "another chain, world or location",
            ),
            ("a torn edit", Act::Bring(torn), "the peer sent an operation that everybody refuses"),
            ("no edit at all", Act::Bring(vec![7; 50]), "no magic 'BDE'"),
            ("a head of garbage", Act::Say(head), "no location's head"),
            ("a message of garbage", Act::Say(garbage), "not a message about edits"),
            ("too many messages", Act::Say(flood), "more than two messages"),
            ("no frame", Act::Blurt([&8_u32.to_le_bytes()[..], b"garbage!"].concat()), "does not decode"),
            ("a frame of 4 GiB", Act::Blurt(u32::MAX.to_le_bytes().to_vec()), "over the limit"),
        ];
        for (number, (what, act, said)) in (101..).zip(rows) {
            let stranger = self.stranger(number).await?;
            match act {
                Act::Bring(op) => drop(stranger.bring(vec![op]).await?),
                Act::Say(turn) => drop(stranger.say(turn).await?),
                Act::Blurt(bytes) => stranger.blurt(&bytes).await?,
            }
            self.is_shut_out(&stranger, what, said).await?;
            stranger.network.stop().await?;
        }
        ensure!(self.state().await? == before, "a client that broke the rules has changed the place");
        Ok(())
    }

    async fn is_shut_out(&self, stranger: &Stranger, what: &str, said: &str) -> Result<()> {
        let peer = stranger.network.local_peer().to_string();
        let line = until(&format!("who sent {what} is shut out"), PATIENCE, async || {
            let log = self.net.log("customer-0")?;
            Ok(log.lines().find(|line| line.contains("shut out") && line.contains(&peer)).map(str::to_owned))
        })
        .await?;
        ensure!(line.contains(said), "{what} was refused for another reason: {line}");
        let blamed = self.owner.world_stats().await?.blamed;
        ensure!(blamed.iter().any(|blamed| blamed.holder == peer), "{what}: {peer} is not named in {blamed:?}");
        until(&format!("who sent {what} is cut off"), PATIENCE, async || {
            Ok((!stranger.network.is_connected(stranger.node)).then_some(()))
        })
        .await?;
        ensure!(stranger.network.open(stranger.node, Protocol::EDITS).await.is_err(), "who sent {what} came back in");
        Ok(())
    }

    /// An edit on parents that nobody has may be honest: it waits, counts for nothing, and is no reason for a ban.
    async fn edits_without_a_past(&self) -> Result<()> {
        let before = self.state().await?;
        let stranger = self.stranger(120).await?;
        let mut forged = statement(&stranger.graph, account_of(&self.outcast), 1)?;
        forged.parents = vec![OpHash([5; 32])];
        let answer = stranger.bring(vec![forged.sign(&self.outcast)?.encode()]).await?;
        ensure!(matches!(answer, Some(Answer::Turn(_))), "an edit that has to wait ended the talk: {answer:?}");
        ensure!(self.state().await? == before, "an edit without its past counts");
        ensure!(stranger.network.is_connected(stranger.node), "an edit that has to wait was taken for an offence");
        stranger.network.stop().await?;
        Ok(())
    }

    /// What a revoked key signs outside of what the revoker had seen is taken in, passed on, and dropped by everyone.
    async fn edits_of_a_revoked_key(&self) -> Result<()> {
        let (state, edits) = self.state().await?;
        let stranger = self.stranger(121).await?;
        let late = statement(&stranger.graph, account_of(&self.outcast), 2)?.sign(&self.outcast)?.encode();
        self.owner.world_revoke(self.world, HOME, account_of(&self.outcast)).await?;
        let answer = stranger.bring(vec![late]).await?;
        ensure!(matches!(answer, Some(Answer::Turn(_))), "{answer:?}");
        let after = agree(&[&self.owner, &self.guest], self.world, edits + 2).await?;
        ensure!(after.state == state, "an edit of a revoked key counts");
        stranger.network.stop().await?;
        Ok(())
    }

    /// A guest who may write the dataset can't replace the place; once revoked it writes nothing more, until it is let in again.
    async fn an_entrusted_guest_is_no_owner(&self) -> Result<()> {
        let account = self.guests_account;
        let writers = async || -> Result<Vec<Address>> {
            let dataset = self.owner.market_dataset(self.dataset).await?.context("the dataset")?;
            Ok(dataset.writers.into_iter().map(|writer| writer.writer).collect())
        };
        ensure!(writers().await?.contains(&account), "{account} is not entrusted with the dataset");
        let (state, edits) = self.state().await?;
        let refused =
            self.guest.world_save(self.world, HOME).await.err().context("a guest made a version")?.to_string();
        ensure!(refused.contains("who makes its versions"), "{refused}");
        let same = self.owner.world_location(self.world, HOME).await?;
        ensure!((same.state, same.sequence) == (state, 0), "a guest has replaced the place");

        self.owner.world_revoke(self.world, HOME, account).await?;
        ensure!(!writers().await?.contains(&account), "a revoked guest still writes the dataset");
        agree(&[&self.owner, &self.guest], self.world, edits + 1).await?;
        let build_there = || build(&self.guest, self.world, (8, 40), &[block::GLASS]);
        let refused = build_there().await.err().context("a revoked guest builds")?;
        ensure!(format!("{refused:#}").contains("let in again"), "{refused:#}");

        let guests = vec![account, account_of(&self.outcast)];
        self.owner.world_access(self.world, HOME, MayBuild::Guests, guests, None).await?;
        ensure!(writers().await?.contains(&account), "who is let in again is not entrusted again");
        agree(&[&self.owner, &self.guest], self.world, edits + 2).await?;
        build_there().await?;
        agree(&[&self.owner, &self.guest], self.world, edits + 3).await?;
        Ok(())
    }

    /// The same lies in the place's gossip: whoever passes them on is named, and shut out after a few.
    async fn misconduct_in_gossip(&self) -> Result<()> {
        let before = self.state().await?;
        let stranger = self.stranger(122).await?;
        let _joined = stranger.join().await?;
        let peer = stranger.network.local_peer().to_string();
        let nobody = SigningKey::from_slice(&[9; 32])?;
        let mut step = 0;
        until("who gossips edits without the right is shut out", PATIENCE, async || {
            // Different each time, since what is known is not told again.
            step += 1;
            let op = statement(&stranger.graph, self.owners_account, step)?.sign(&nobody)?.encode();
            stranger.gossip(op).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            let log = self.net.log("customer-0")?;
            let is_named = log.lines().any(|line| line.contains("gossip rejected") && line.contains(&peer));
            Ok((is_named && !stranger.network.is_connected(stranger.node)).then_some(()))
        })
        .await?;
        let blamed = self.owner.world_stats().await?.blamed;
        let reason = blamed.iter().find(|blamed| blamed.holder == peer).map(|blamed| blamed.reason.as_str());
        ensure!(reason.is_some_and(|reason| reason.contains("has no right to build")), "{peer} in {blamed:?}");
        ensure!(self.state().await? == before, "an edit that was gossiped without the right counts");
        stranger.network.stop().await?;
        Ok(())
    }

    /// A head counts only if a writer signed it and the ledger bears it out: nobody keeps another.
    async fn false_heads(&self) -> Result<()> {
        let before = self.state().await?;
        let stranger = self.stranger(123).await?;
        let key = head_key(&self.world.0, HOME).0;
        let revision = self.owner.market_dataset(self.dataset).await?.context("the dataset")?.revision;
        let (world, pos, dataset) = (self.world.0, HOME, self.dataset);
        let record = HeadRecord {
            world,
            pos,
            dataset,
            revision,
            sequence: 0,
            manifest: Root::default(),
            segments: 9,
            newest: Root([7; 32]),
        };
        let lies = [
            record.clone().sign(DEVNET, &SigningKey::from_slice(&[9; 32])?)?.encode(),
            HeadRecord { revision: u64::MAX, ..record }.sign(DEVNET, &self.outcast)?.encode(),
            vec![7; 242],
        ];
        for lie in &lies {
            until("the nodes near the key are told a lie", PATIENCE, async || {
                let told = stranger.network.put_record(key, lie.clone().into()).await?;
                Ok((told > 0).then_some(()))
            })
            .await?;
        }
        stranger.network.forget_record(key).await?;
        // It believes everything, so it finds what the others keep.
        let found = until("the nodes near the key keep the place's head", PATIENCE, async || {
            let found = stranger.network.get_records(key).await?;
            Ok((!found.is_empty()).then_some(found))
        })
        .await?;
        for bytes in found {
            ensure!(lies.iter().all(|lie| *lie != bytes), "a false head is kept");
            let head = Head::decode(&bytes)?;
            let signer = head.verify(DEVNET, &|_| true)?;
            ensure!(head.record.revision <= revision && head.record.segments > 0, "{head:?} by {signer}");
        }
        ensure!(self.state().await? == before, "a false head changed what is seen");
        stranger.network.stop().await?;
        Ok(())
    }
}

/// An edit that an account with the right to build could sign, at a voxel of its own.
fn statement(graph: &Graph, account: Address, voxel: u32) -> Result<Statement> {
    Ok(graph.draft(account, Body::Place(vec![(1000 + voxel, block::RED_BLOCK)]))?)
}
