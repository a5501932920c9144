//! Short reads that share a stream: what they cost, and what becomes of them when the line breaks or falls silent.

use std::{pin::pin, sync::Arc, time::Duration};

use bitdust_market::manifest::SlabEntry;
use bitdust_proof::blob::decode_range;
use futures::{future::join_all, poll};
use tokio::time::timeout;

use super::{create, file, get, put, random, world::World};
use crate::customer::{Customer, Dataset, pipes::Short};

/// Longer than an answer that nobody needs is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A reader of a file whose bytes lie in slot 0.
struct Reader {
    world: World,
    customer: Arc<Customer>,
    dataset: Arc<Dataset>,
    entry: SlabEntry,
}

impl Reader {
    async fn new() -> Self {
        let world = World::start(4).await;
        let owner = world.customer(1);
        let dataset = create(&owner, 2, 4).await;
        let content = random(60_000, 3);
        put(&owner, dataset, vec![file("f", &content)]).await.unwrap();
        let customer = world.customer(1);
        assert_eq!(get(&customer, dataset, "f").await, content);
        let entry = customer.manifest(dataset).await.unwrap().slabs().next().unwrap().clone();
        let dataset = customer.dataset(dataset).unwrap();
        Reader { world, customer, dataset, entry }
    }

    /// Reads 700 bytes, which must be the right ones.
    async fn read(&self, number: u64) {
        let (root, len, shared) = (self.entry.roots[0], self.entry.shard_bytes(), &self.customer.shared);
        let range = 1000 * number..1000 * number + 700;
        let short = Short { root, len, range: range.clone() };
        let (bao, _) = shared.pipes.ask(shared, &self.dataset, 0, &short).await.unwrap();
        assert!(decode_range(root, len, range, &bao).is_ok(), "part {number}");
    }

    async fn read_all(&self) {
        join_all((0..50).map(|number| self.read(number))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_share_a_stream_and_a_fresh_one_when_it_breaks() {
    let reader = Reader::new().await;
    let opened = reader.world.network.dialed();
    reader.read_all().await;
    assert!(reader.world.network.dialed() <= opened + 1);

    // All lines break; the supplier is there.
    reader.world.network.kill(3);
    reader.world.network.revive(3);
    let opened = reader.world.network.dialed();
    reader.read_all().await;
    assert!(reader.world.network.dialed() <= opened + 2, "{} lines", reader.world.network.dialed() - opened);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_takes_nobody_along_but_shows_a_silent_line() {
    let reader = Reader::new().await;
    reader.read(0).await;
    {
        // Polled once, it has asked, and hardly ever has its answer already.
        let mut asking = pin!(reader.read(1));
        let _ = poll!(&mut asking);
    }
    let opened = reader.world.network.dialed();
    reader.read_all().await;
    assert_eq!(reader.world.network.dialed(), opened);

    reader.world.network.hang();
    assert!(timeout(Duration::from_millis(100), reader.read(2)).await.is_err());
    timeout(PATIENCE, reader.read_all()).await.unwrap();
    assert!(reader.world.network.dialed() <= opened + 2);
}
