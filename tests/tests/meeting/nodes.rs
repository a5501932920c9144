//! Two people's nodes on a devnet: they enter a world through the API, see each other, speak, and part.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use bitdust_node::devnet::plan::{free_ports, player};
use bitdust_rpc::{
    Client,
    api::{MeetClient as _, NodeClient as _, WorldClient as _},
    client::{Error, Live},
    jsonrpsee::core::{
        ClientError,
        client::{ClientT, Subscription},
    },
    types::{
        meet::{Around, Gesture, Look, MeetEvent, Mode, PlayerPose, Pose},
        world::CreateWorld,
    },
};
use bitdust_tests::{
    Net,
    network::{TEST_LIMIT, shape, with_layout},
    waiting::{PATIENCE, bounded, until},
};
use bitdust_types::{
    B256,
    keys::{DEVNET_PHRASE, Phrase},
};
use bitdust_world::ChunkPos;
use tokio::{
    task::JoinHandle,
    time::{Instant, interval, sleep, timeout},
};

/// How long poses are watched.
const WATCHED: Duration = Duration::from_secs(5);
/// Metres per second.
const SPEED: f64 = 4.0;

/// A player's program: a WebSocket to its node, through which it says ten times a second where it stands.
struct Program {
    node: Client,
    live: Arc<Live>,
    peer: String,
    walking: JoinHandle<()>,
}

impl Program {
    async fn enter(node: Client, world: B256, name: &str, look: Option<Look>, speed: f64) -> Result<Program> {
        let live = Arc::new(node.live().await?);
        let entered = live.meet_enter(world, name.to_owned(), look).await?;
        ensure!(entered.account == node.node_status().await?.address && !entered.hidden, "{entered:?}");
        let walking = tokio::spawn(walk(live.clone(), world, speed));
        Ok(Program { node, live, peer: entered.peer, walking })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.walking.abort();
    }
}

/// Walks east for as long as the node takes it.
async fn walk(live: Arc<Live>, world: B256, speed: f64) {
    let (began, mut steps) = (Instant::now(), interval(Duration::from_millis(100)));
    loop {
        steps.tick().await;
        let metres = [speed * began.elapsed().as_secs_f64(), 20.0, 16.0];
        let pose = Pose { chunk: ChunkPos::new(3, 0, -2), metres, yaw: 90.0, pitch: -10.0, mode: Mode::Walking };
        if live.meet_stand(world, pose).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_players_of_two_nodes_meet_speak_and_part() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let mut net = Net::start(&shape(1, 3), with_layout(2, 3)).await?;
        let bootstrap = net.node("customer-0")?.config.bootstrap.clone();
        let ports = free_ports(1)?.pop().context("ports for the second player")?;
        net.add(&player(&Phrase::parse(DEVNET_PHRASE)?, 1, ports, &bootstrap)?)?;
        net.launch("customer-1").await?;
        net.wait_for_offers(3).await?;
        let (first, second) = (net.customer()?, net.client("customer-1")?);
        let definition = serde_json::json!({ "name": "Hollow Hills", "seed": 7 });
        let world = first.world_create(CreateWorld { definition, epochs: Some(100) }).await?.id;
        until("both know the world", PATIENCE, async || {
            Ok(second.world_list().await?.iter().any(|known| known.id == world).then_some(()))
        })
        .await?;
        what_makes_no_sense_is_refused(&first, world).await?;

        let look = Look { colours: [[200, 150, 120], [40, 20, 10], [20, 80, 160], [30, 30, 60]], figure: 1 };
        let ada = Program::enter(first, world, "Ada", Some(look), SPEED).await?;
        let bob = Program::enter(second, world, "Bob", None, 0.0).await?;
        let mut seen = bob.live.meet_watch(world).await?;
        let met = wait_for(&mut seen, |event| matches!(event, MeetEvent::Met { .. })).await?;
        let is_ada = matches!(&met, MeetEvent::Met { peer, name, look: shown, muted: false, .. }
            if *peer == ada.peer && name == "Ada" && *shown == look);
        ensure!(is_ada, "{met:?}");
        poses_glide(&mut seen, &ada, &bob).await?;
        they_speak(&mut seen, &ada, &bob, world).await?;

        ada.live.meet_leave(world).await?;
        let left = MeetEvent::Left { peer: ada.peer.clone() };
        wait_for(&mut seen, |event| *event == left).await.context("Bob sees Ada leave")?;
        // Nobody says any more where Bob stands: he leaves by himself.
        bob.walking.abort();
        let over = wait_for(&mut seen, |event| matches!(event, MeetEvent::Over { .. })).await?;
        ensure!(matches!(&over, MeetEvent::Over { reason } if reason.contains("where the player stands")), "{over:?}");
        let stats = bob.node.meet_stats().await?;
        ensure!(stats.worlds == 0 && stats.lines == 0 && stats.blamed.is_empty(), "{stats:?}");
        ensure!(stats.received_bytes > 0 && stats.sent_bytes > 0, "{stats:?}");
        net.finish().await
    })
    .await
}

/// Waits for an event, past others.
async fn wait_for(seen: &mut Subscription<Around>, wanted: impl Fn(&MeetEvent) -> bool) -> Result<MeetEvent> {
    let looking = async {
        loop {
            let around = seen.next().await.context("the subscription ended")??;
            if let Some(event) = around.events.into_iter().find(|event| wanted(event)) {
                return anyhow::Ok(event);
            }
        }
    };
    timeout(PATIENCE, looking).await.context("it has not happened")?
}

/// What Bob's program is told of Ada's walk: ten times a second, at her speed, without a step back.
async fn poses_glide(seen: &mut Subscription<Around>, ada: &Program, bob: &Program) -> Result<()> {
    let of_ada = |around: Around| around.players.into_iter().find(|player| player.peer == ada.peer);
    let next = async |seen: &mut Subscription<Around>| -> Result<PlayerPose> {
        loop {
            let around =
                timeout(PATIENCE, seen.next()).await.context("no look")?.context("the subscription ended")??;
            if let Some(player) = of_ada(around) {
                return Ok(player);
            }
        }
    };
    // A moment for the first poses: what is shown is a little behind them.
    next(seen).await?;
    sleep(Duration::from_secs(1)).await;
    let east = |player: &PlayerPose| player.pose.chunk.x as f64 * 32.0 + player.pose.metres[0];
    // What waited meanwhile is taken first.
    while timeout(Duration::from_millis(20), next(seen)).await.is_ok() {}
    let before = bob.node.meet_stats().await?.received_messages;
    let (began, mut poses) = (Instant::now(), vec![next(seen).await?]);
    while began.elapsed() < WATCHED {
        poses.push(next(seen).await?);
    }
    let seconds = began.elapsed().as_secs_f64();
    let came = (bob.node.meet_stats().await?.received_messages - before) as f64 / seconds;
    let shown = poses.len() as f64 / seconds;
    let way = east(&poses[poses.len() - 1]) - east(&poses[0]);
    println!("{came:.1} messages a second came, {shown:.1} poses a second shown, {:.2} m/s", way / seconds);
    ensure!((7.0..=18.0).contains(&came), "{came} messages a second came");
    ensure!((7.0..=11.0).contains(&shown), "{shown} poses a second are shown");
    ensure!((way / seconds - SPEED).abs() < 0.2 * SPEED, "{way} m in {seconds} s");
    for step in poses.windows(2) {
        let metres = east(&step[1]) - east(&step[0]);
        ensure!((-0.05..2.0).contains(&metres), "a step of {metres} m: {step:?}");
        ensure!(!step[1].stale && (step[1].pose.yaw - 90.0).abs() < 0.1, "{step:?}");
    }
    Ok(())
}

async fn they_speak(seen: &mut Subscription<Around>, ada: &Program, bob: &Program, world: B256) -> Result<()> {
    ada.live.meet_say(world, "Good morning!".to_owned()).await?;
    let said = wait_for(seen, |event| matches!(event, MeetEvent::Said { .. })).await?;
    let (peer, name, text) = (ada.peer.clone(), "Ada".to_owned(), "Good morning!".to_owned());
    ensure!(said == MeetEvent::Said { peer: peer.clone(), name, text }, "{said:?}");
    ada.live.meet_gesture(world, Gesture::Wave).await?;
    let waved = wait_for(seen, |event| matches!(event, MeetEvent::Gestured { .. })).await?;
    ensure!(waved == MeetEvent::Gestured { peer, gesture: Gesture::Wave }, "{waved:?}");

    // The other way round, by plain HTTP.
    let first = ada.node.meet_around(world, None).await?;
    let is_bob = |event: &MeetEvent| matches!(event, MeetEvent::Met { peer, .. } if *peer == bob.peer);
    ensure!(first.events.iter().any(is_bob) && first.players.iter().any(|player| player.peer == bob.peer), "{first:?}");
    bob.node.meet_say(world, "Morning.".to_owned()).await?;
    let mut after = first.next;
    until("Ada hears Bob", PATIENCE, async || {
        let around = ada.node.meet_around(world, Some(after)).await?;
        after = around.next;
        let heard = |event: &MeetEvent| matches!(event, MeetEvent::Said { text, .. } if text == "Morning.");
        Ok(around.events.iter().any(heard).then_some(()))
    })
    .await?;
    // Who is muted isn't heard.
    ada.node.meet_mute(world, bob.node.node_status().await?.address, true).await?;
    bob.node.meet_say(world, "Do you hear me?".to_owned()).await?;
    sleep(Duration::from_secs(1)).await;
    let around = ada.node.meet_around(world, Some(after)).await?;
    ensure!(!around.events.iter().any(|event| matches!(event, MeetEvent::Said { .. })), "{around:?}");
    Ok(())
}

/// What a program can get wrong, and what it is told.
async fn what_makes_no_sense_is_refused(node: &Client, world: B256) -> Result<()> {
    let check = |answer: Result<(), ClientError>, words: &str| -> Result<()> {
        let error = node.explain(answer.err().with_context(|| format!("it was taken, without '{words}'"))?);
        ensure!(matches!(error, Error::Failure(_)) && error.to_string().contains(words), "{error}");
        Ok(())
    };
    let nowhere = B256::repeat_byte(7);
    let name = |text: &str| text.to_owned();
    check(node.meet_enter(nowhere, name("Ada"), None).await.map(drop), "world")?;
    check(node.meet_enter(world, name(""), None).await.map(drop), "a player's name has 1 to 32 bytes")?;
    check(node.meet_enter(world, "x".repeat(33), None).await.map(drop), "a player's name has 1 to 32 bytes")?;
    check(node.meet_say(world, name("hello")).await, "enter it with meet_enter")?;
    check(node.meet_around(world, None).await.map(drop), "enter it with meet_enter")?;
    let by_post = ClientT::request::<serde_json::Value, _>(node, "meet_watch", (world,)).await;
    check(by_post.map(drop), "which needs a WebSocket")?;
    let stranger = Client::new(node.url(), None)?;
    check(stranger.meet_enter(world, name("Eve"), None).await.map(drop), "needs this node's token")?;

    node.meet_enter(world, name("Ada"), None).await?;
    check(node.meet_say(world, "x".repeat(501)).await, "1 to 500 bytes")?;
    check(node.meet_say(world, name("a\u{7}b")).await, "no control characters")?;
    let mut answer = Ok(());
    for _ in 0..10 {
        answer = node.meet_say(world, name("hello")).await;
        if answer.is_err() {
            break;
        }
    }
    check(answer, "more than one thing per second")?;
    node.meet_leave(world).await?;
    Ok(())
}
