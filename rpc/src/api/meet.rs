//! Meeting others in a world, as this node's player: presence, poses, chat, gestures. Players' nodes speak directly to each
//! other; a caller speaks to its own node.
//!
//! Who enters stands somewhere at least once in ten seconds, or has left. Looking around is asked for (`meet_around`) or, over
//! a WebSocket, told ten times a second (`meet_watch`).

use alloy_primitives::{Address, B256};
use jsonrpsee::{core::SubscriptionResult, proc_macros::rpc};

use crate::{
    failure::Failure,
    types::meet::{Around, Entered, Gesture, Look, MeetStats, Pose},
};

/// The namespace `meet_`.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "meet"))]
#[cfg_attr(not(feature = "server"), rpc(client, namespace = "meet"))]
#[cfg_attr(all(feature = "client", feature = "server"), rpc(server, client, namespace = "meet"))]
pub trait Meet {
    /// Enters a world under a name of 1 to 32 bytes. Who is there already under the same name and look goes on; under others it
    /// leaves first.
    #[method(name = "enter")]
    async fn meet_enter(&self, world: B256, name: String, look: Option<Look>) -> Result<Entered, Failure>;

    /// Stands there now. Others are told ten times a second at most.
    #[method(name = "stand")]
    async fn meet_stand(&self, world: B256, pose: Pose) -> Result<(), Failure>;

    /// Says something to those in sight: 1 to 500 bytes, once a second on average.
    #[method(name = "say")]
    async fn meet_say(&self, world: B256, text: String) -> Result<(), Failure>;

    /// Shows something to those in sight.
    #[method(name = "gesture")]
    async fn meet_gesture(&self, world: B256, gesture: Gesture) -> Result<(), Failure>;

    /// Hears an account no longer, or hears it again.
    #[method(name = "mute")]
    async fn meet_mute(&self, world: B256, account: Address, muted: bool) -> Result<(), Failure>;

    /// Leaves a world.
    #[method(name = "leave")]
    async fn meet_leave(&self, world: B256) -> Result<(), Failure>;

    /// What there is to be seen and heard; what happened before `after`, which an earlier answer named, is left out.
    #[method(name = "around")]
    async fn meet_around(&self, world: B256, after: Option<u64>) -> Result<Around, Failure>;

    /// What meeting others has cost this node.
    #[method(name = "stats")]
    async fn meet_stats(&self) -> Result<MeetStats, Failure>;

    /// Tells what there is to be seen and heard, ten times a second while there is anything.
    #[subscription(name = "watch" => "seen", unsubscribe = "unwatch", item = Around)]
    async fn meet_watch(&self, world: B256) -> SubscriptionResult;
}
