//! `meet_`: this node's player among others.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, B256};
use bitdust_rpc::{
    Code, Failure,
    api::MeetServer,
    jsonrpsee::{
        PendingSubscriptionSink, SubscriptionSink,
        core::{SubscriptionResult, async_trait},
        types::ErrorObjectOwned,
    },
    types::meet::{Around, Entered, Gesture, Look, MeetStats, Pose},
};
use bitdust_world::{
    content::WorldId,
    meeting::{Input, NotSent},
};
use tokio::time::MissedTickBehavior;

use super::{Api, missing_role};
use crate::meeting::{
    Meetings, json,
    presence::{AWAY, Presence, WATCHERS_MAX},
};

/// Between two looks of somebody who watches.
const LOOK: Duration = Duration::from_millis(100);
/// How long a watcher may read nothing.
const PATIENCE: Duration = Duration::from_secs(10);

#[async_trait]
impl MeetServer for Api {
    async fn meet_enter(&self, world: B256, name: String, look: Option<Look>) -> Result<Entered, Failure> {
        let meetings = self.meetings()?;
        // A player who mistyped a world would wait in vain for company.
        self.worlds()?.info(world).map_err(|error| Failure::not_found(format!("{error:#}"), ""))?;
        let look = json::own_look(look.unwrap_or_default());
        let presence =
            meetings.enter(WorldId(world.0), &name, look).map_err(|error| Failure::params(format!("{error:#}"), ""))?;
        Ok(Entered {
            peer: self.network.local_peer().to_string(),
            account: presence.me().account,
            hidden: meetings.is_hidden(),
            away_s: AWAY.as_secs(),
        })
    }

    async fn meet_stand(&self, world: B256, pose: Pose) -> Result<(), Failure> {
        self.act(world, Input::Stand(json::stance(&pose)))
    }

    async fn meet_say(&self, world: B256, text: String) -> Result<(), Failure> {
        self.act(world, Input::Say(text))
    }

    async fn meet_gesture(&self, world: B256, gesture: Gesture) -> Result<(), Failure> {
        self.act(world, Input::Gesture(json::own_gesture(gesture)))
    }

    async fn meet_mute(&self, world: B256, account: Address, muted: bool) -> Result<(), Failure> {
        self.act(world, Input::Mute(account, muted))
    }

    async fn meet_leave(&self, world: B256) -> Result<(), Failure> {
        self.present(world)?.leave("the player left");
        Ok(())
    }

    async fn meet_around(&self, world: B256, after: Option<u64>) -> Result<Around, Failure> {
        Ok(self.present(world)?.around(after))
    }

    async fn meet_stats(&self) -> Result<MeetStats, Failure> {
        Ok(self.meetings()?.stats())
    }

    async fn meet_watch(&self, pending: PendingSubscriptionSink, world: B256) -> SubscriptionResult {
        let presence = match self.present(world) {
            Ok(presence) => presence,
            Err(failure) => {
                pending.reject(ErrorObjectOwned::from(failure)).await;
                return Ok(());
            }
        };
        let Some(_place) = presence.watch() else {
            let what = format!("{WATCHERS_MAX} programs watch this player already");
            let failure = Failure::new(Code::LimitExceeded, what, "end one of them, or poll meet_around");
            pending.reject(ErrorObjectOwned::from(failure)).await;
            return Ok(());
        };
        show(&presence, &pending.accept().await?).await;
        Ok(())
    }
}

impl Api {
    fn meetings(&self) -> Result<&Arc<Meetings>, Failure> {
        self.meetings.as_ref().ok_or_else(|| missing_role("customer", "walk in worlds"))
    }

    fn present(&self, world: B256) -> Result<Arc<Presence>, Failure> {
        let presence = self.meetings()?.presence(WorldId(world.0));
        presence.ok_or_else(|| {
            let what = format!("this node's player is not in the world {world}");
            let todo = format!("enter it with meet_enter, and stand somewhere every {} s at least", AWAY.as_secs());
            Failure::not_found(what, todo)
        })
    }

    fn act(&self, world: B256, input: Input) -> Result<(), Failure> {
        self.present(world)?.act(input).map_err(|not_sent| match not_sent {
            NotSent::TooFast => Failure::new(Code::LimitExceeded, not_sent.to_string(), ""),
            NotSent::Unsayable => Failure::params(not_sent.to_string(), ""),
        })
    }
}

/// Shows what there is to be seen until the player has left or nobody looks any more.
async fn show(presence: &Presence, sink: &SubscriptionSink) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut after, mut saw_somebody) = (None, false);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = sink.closed() => return,
        }
        let over = presence.over().is_some();
        let around = presence.around(after);
        after = Some(around.next);
        // That nobody is in sight any more is said once.
        let sees_somebody = !around.players.is_empty();
        let is_news = !around.events.is_empty() || sees_somebody || saw_somebody;
        saw_somebody = sees_somebody;
        if is_news {
            let Ok(message) = serde_json::value::to_raw_value(&around) else { return };
            if sink.send_timeout(message, PATIENCE).await.is_err() {
                return;
            }
        }
        if over {
            return;
        }
    }
}
