//! Eight real swarms in one place: they see each other within the bounds, hear each other, and part.

use std::time::Duration;

use anyhow::{Result, ensure};
use bitdust_rpc::types::meet::MeetEvent;
use bitdust_tests::{
    network::TEST_LIMIT,
    waiting::{PATIENCE, bounded, until},
};
use bitdust_world::meeting::{Gesture, Input, limits::BYTES_PER_SECOND_MAX};
use futures::future::try_join_all;

use crate::bots::{Bot, words};

const BOTS: usize = 8;
/// For how long poses are counted.
const COUNTED: Duration = Duration::from_secs(5);

async fn bots() -> Result<Vec<Bot>> {
    let first = Bot::start(1, &[], [0.0; 3], |_| ()).await?;
    let entry = first.entry();
    let others = (2..=BOTS as u8).map(|number| {
        let entry = &entry;
        async move { Bot::start(number, entry, [f64::from(number) * 3.0, 0.0, 0.0], |_| ()).await }
    });
    let mut bots = vec![first];
    bots.extend(try_join_all(others).await?);
    Ok(bots)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn players_in_one_place_see_and_hear_each_other_and_part() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let mut bots = bots().await?;
        until("everybody sees everybody moving", PATIENCE, async || {
            Ok(bots.iter().all(|bot| bot.sees(500) == BOTS - 1).then_some(()))
        })
        .await?;
        poses_come_at_their_pace(&bots).await?;

        bots.iter_mut().for_each(|bot| drop(bot.events()));
        for turn in ["one", "two", "three"] {
            bots[0].say(turn)?;
        }
        bots[1].presence.act(Input::Gesture(Gesture::Bow))?;
        for bot in bots.iter_mut().skip(2) {
            let mut heard = Vec::new();
            until("it has heard all of it", PATIENCE, async || {
                heard.extend(bot.events());
                Ok((heard.len() >= 4).then_some(()))
            })
            .await?;
            ensure!(words(&heard) == ["one", "two", "three"], "{heard:?}");
            let bows = heard.iter().filter(|event| matches!(event, MeetEvent::Gestured { .. })).count();
            ensure!(bows == 1, "{heard:?}");
        }

        // One walks out of the place: the lines to it end, and what is said is heard by those who stayed only.
        let mut gone = bots.pop().expect("there are eight");
        gone.go([5000.0, 0.0, 0.0]);
        until("the lines to the one who left have ended", PATIENCE, async || {
            let apart = gone.presence.lines() == 0 && bots.iter().all(|bot| !bot.knows(&gone));
            Ok(apart.then_some(()))
        })
        .await?;
        let mut left = gone.events();
        bots[0].say("who is still here?")?;
        until("somebody has heard it", PATIENCE, async || {
            Ok((words(&bots[1].events()) == ["who is still here?"]).then_some(()))
        })
        .await?;
        left.extend(gone.events());
        ensure!(!words(&left).contains(&"who is still here?"), "{left:?}");
        until("the others see each other as before", PATIENCE, async || {
            Ok(bots.iter().all(|bot| bot.sees(500) == BOTS - 2).then_some(()))
        })
        .await?;

        // And one leaves the world.
        let quitter = bots.pop().expect("there are seven");
        quitter.presence.leave("enough");
        until("it is gone for the others", Duration::from_secs(5), async || {
            Ok(bots.iter().all(|bot| !bot.knows(&quitter)).then_some(()))
        })
        .await?;
        for bot in bots.into_iter().chain([gone, quitter]) {
            ensure!(bot.stats().blamed.is_empty(), "{:?}", bot.stats());
            bot.stop().await?;
        }
        Ok(())
    })
    .await
}

async fn poses_come_at_their_pace(bots: &[Bot]) -> Result<()> {
    let before: Vec<_> = bots.iter().map(Bot::stats).collect();
    tokio::time::sleep(COUNTED).await;
    for (bot, before) in bots.iter().zip(before) {
        let after = bot.stats();
        let per_second = |now: u64, then: u64| (now - then) as f64 / COUNTED.as_secs_f64();
        let poses = per_second(after.sent_poses + after.skipped_poses, before.sent_poses + before.skipped_poses);
        let aimed = 10.0 * (BOTS - 1) as f64;
        // A busy machine ticks late and so less often; never more often.
        ensure!((aimed * 0.6..=aimed * 1.1).contains(&poses), "{poses} poses a second to {} others", BOTS - 1);
        let bytes = per_second(after.sent_bytes, before.sent_bytes);
        ensure!(bytes < BYTES_PER_SECOND_MAX as f64, "{bytes} bytes a second");
        let came = per_second(after.received_messages, before.received_messages);
        ensure!(came > aimed * 0.6, "{came} messages came a second");
    }
    Ok(())
}
