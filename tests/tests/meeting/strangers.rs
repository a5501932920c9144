//! Peers that flood, send garbage or know nothing of the world: named and cut off, while the others go on.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bitdust_network::{Config, Handle, Multiaddr, Network, PeerId, Protocol, Stream, wire};
use bitdust_node::meeting::line::{self, Message};
use bitdust_rpc::types::meet::MeetEvent;
use bitdust_tests::{
    network::TEST_LIMIT,
    waiting::{PATIENCE, bounded, until},
};
use bitdust_types::params::DEVNET;
use bitdust_world::{
    content::WorldId,
    meeting::{self, limits::MESSAGE_BYTES_MAX},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bots::{Bot, WORLD, named, words};

/// A peer that speaks the protocol as it likes.
struct Stranger {
    network: Handle,
    id: String,
}

impl Stranger {
    async fn start(number: u8, entry: &[Multiaddr], victim: PeerId) -> Result<Stranger> {
        let mut config = Config::new([number; 32], DEVNET);
        config.bootstrap = entry.to_vec();
        let (network, mut events) = Network::start(config).await?;
        tokio::spawn(async move { while events.next().await.is_some() {} });
        until("a stranger is connected", PATIENCE, async || Ok(network.is_connected(victim).then_some(()))).await?;
        let id = network.local_peer().to_string();
        Ok(Stranger { network, id })
    }
}

/// Waits until the other side has hung up.
async fn hung_up(mut stream: Stream) -> Result<()> {
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    ended.map(drop).context("the line still stands")
}

/// What a stranger does on a line of its own, until it fails or all is said.
async fn pester(stream: &mut Stream, what: &Pest) -> Result<()> {
    match what {
        Pest::Garbage => wire::send(stream, &Message(vec![1, 200, 3, 4])).await?,
        Pest::Overlong => {
            stream.write_all(&(MESSAGE_BYTES_MAX as u32 + 1).to_le_bytes()).await?;
            stream.flush().await?;
        }
        Pest::Flood => {
            let spam = meeting::Message::Chat("spam".to_owned()).to_bytes();
            for _ in 0..2000 {
                wire::send(stream, &Message(spam.clone())).await?;
            }
        }
    }
    Ok(())
}

enum Pest {
    Garbage,
    Overlong,
    Flood,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_floods_or_sends_garbage_is_named_and_cut_off_while_others_go_on() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let mut victim = Bot::start(1, &[], [0.0; 3], |_| ()).await?;
        let mut friend = Bot::start(2, &victim.entry(), [5.0, 0.0, 0.0], |_| ()).await?;
        until("friends meet", PATIENCE, async || Ok((victim.sees(500) == 1 && friend.sees(500) == 1).then_some(())))
            .await?;
        // The first look tells who is there; what happens is told from then on.
        victim.events();
        let pests = [
            (Pest::Garbage, "unreadable message"),
            (Pest::Overlong, "a message of 2049 bytes, more than 2048"),
            (Pest::Flood, "more messages of the kind Chat than is allowed"),
        ];
        for (number, (pest, reason)) in (10..).zip(&pests) {
            let stranger = Stranger::start(number, &victim.entry(), victim.id()).await?;
            let mut stream = line::call(&stranger.network, victim.id(), WORLD).await?;
            // The flood may be cut off before its end.
            let _ = pester(&mut stream, pest).await;
            hung_up(stream).await?;
            let mut events = Vec::new();
            until("the stranger is named", PATIENCE, async || {
                events.extend(victim.events());
                let is_named = named(&events).iter().any(|(who, why)| *who == stranger.id && why.contains(reason));
                Ok(is_named.then_some(()))
            })
            .await?;
            ensure!(!events.iter().any(|event| matches!(event, MeetEvent::Left { .. })), "{events:?}");
            let blamed = victim.stats().blamed;
            ensure!(blamed.iter().any(|one| one.holder == stranger.id && one.reason.contains(reason)), "{blamed:?}");
            // It may call again, and nobody speaks to it.
            if let Ok(again) = line::call(&stranger.network, victim.id(), WORLD).await {
                hung_up(again).await?;
            }
            until("the friends see each other as before", PATIENCE, async || {
                Ok((victim.sees(500) == 1 && friend.sees(500) == 1).then_some(()))
            })
            .await?;
            stranger.network.stop().await?;
        }
        friend.say("are you all right?")?;
        until("the friend is heard", PATIENCE, async || {
            Ok((words(&victim.events()) == ["are you all right?"]).then_some(()))
        })
        .await?;
        ensure!(named(&friend.events()).is_empty(), "nobody has pestered the friend");
        friend.stop().await?;
        victim.stop().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_about_another_world_or_without_a_word_is_turned_away() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let bot = Bot::start(1, &[], [0.0; 3], |_| ()).await?;
        let stranger = Stranger::start(2, &bot.entry(), bot.id()).await?;
        let error = line::call(&stranger.network, bot.id(), WorldId([1; 32])).await.unwrap_err();
        ensure!(error.to_string().contains("is not in this world"), "{error:#}");
        // More silent callers than one peer is granted: they are hung up on at once, the others after ten seconds.
        let mut silent = Vec::new();
        for _ in 0..4 {
            silent.push(stranger.network.open(bot.id(), Protocol::MEET).await?);
        }
        for stream in silent {
            tokio::time::timeout(Duration::from_secs(30), hung_up(stream)).await??;
        }
        ensure!(bot.presence.lines() == 0, "nobody is there");
        line::call(&stranger.network, bot.id(), WORLD).await.context("a call as it should be")?;
        bot.stop().await
    })
    .await
}
