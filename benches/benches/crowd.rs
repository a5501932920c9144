//! What a crowd costs each of its players: real swarms on loopback, each with a node's meetings on top, without a chain.
//!
//! So many bots walk in circles in one place, then far apart from each other; each time, once everybody knows its neighbours,
//! for a minute:
//! - *Bytes a second*: what each bot writes to its lines to other players, with the lengths in front of messages. Not in it:
//!   what encryption, QUIC or TCP, and IP add, and what the network says beside (Kademlia, gossip, pings).
//! - *On the wire*: all bytes that passed the loopback interface meanwhile, by bot and second: everything that the former
//!   leaves out, acknowledgements too, and whatever else this machine does there. Linux only.
//! - *Neighbours*: how many others a bot has a pose of that is at most 200 ms old, as at 10 Hz, or 700 ms, as at 2 Hz.
//! - *Processor*: what all bots together used, in cores. Near the number of cores the machine is too small for the crowd,
//!   poses come late, and the other figures are too low.
//!
//! The bound is that of `bitdust_world::meeting::limits`, which counts 64 bytes for each message's way. A crowd that costs more,
//! or bots far apart that cost more than a hundredth of it, make this fail once all figures are printed. Run with
//! `scripts/bench.sh crowd`, or for other crowds with `cargo bench --profile dev --bench crowd -- 10 40`.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use bitdust_network::{Config, Handle, Limits, Multiaddr, Network};
use bitdust_node::meeting::{Meetings, presence::Presence};
use bitdust_types::params::DEVNET;
use bitdust_world::{
    ChunkPos,
    content::WorldId,
    meeting::{Input, Look, Mode, Position, Stance, limits::BYTES_PER_SECOND_MAX},
};
use k256::ecdsa::SigningKey;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

const CROWDS: [usize; 3] = [25, 50, 100];
/// For how long is measured.
const MEASURED_S: usize = 60;
/// Between two bots that come.
const COMING: Duration = Duration::from_millis(100);
/// After the last has come, or all have gone apart, and before it is measured: lines that nobody uses end after 10 s, and the
/// table is asked less and less.
const SETTLING: Duration = Duration::from_secs(45);
/// Metres that each bot of a crowd in one place has for itself, squared, and how far apart bots are that are spread.
const ROOM: f64 = 9.0;
const APART: f64 = 2000.0;
/// The most that a bot may cost which is far from all others, where as much as nothing is expected.
const APART_BYTES_PER_SECOND_MAX: usize = BYTES_PER_SECOND_MAX / 100;
/// Peers that a swarm keeps company with beside its neighbours. Fewer than a node does, since a hundred share this machine.
const PEERS_WANTED: usize = 8;

struct Bot {
    network: Handle,
    meetings: Arc<Meetings>,
    presence: Arc<Presence>,
    home: Arc<Mutex<[f64; 2]>>,
}

/// What was measured of all bots in one arrangement.
struct Cost {
    /// Bytes a second: the mean of all bots, and the most that any had in any second.
    mean: f64,
    most: u64,
    wire: Option<f64>,
    /// Means over bots and seconds.
    seen_at_10hz: f64,
    seen: f64,
    lines: f64,
    skipped: u64,
    cores: f64,
}

#[tokio::main]
async fn main() -> Result<()> {
    // `cargo bench` adds an argument of its own.
    let asked: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let crowds = if asked.is_empty() { CROWDS.to_vec() } else { asked };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "A crowd of bots on {cores} cores, {MEASURED_S} s each; the bound is {BYTES_PER_SECOND_MAX} bytes a second\n"
    );
    println!("                       bytes a second   on the     neighbours at         poses");
    println!("  bots  where            mean     most      wire   10 Hz   any   lines   dropped   cores");
    let mut failures = Vec::new();
    for count in crowds {
        let bots = gather(count).await?;
        sleep(SETTLING).await;
        let together = measure(&bots).await?;
        print(count, "one place", &together);
        for (number, bot) in bots.iter().enumerate() {
            bot.go([(number % 10) as f64 * APART, (number / 10) as f64 * APART]);
        }
        sleep(SETTLING).await;
        let apart = measure(&bots).await?;
        print(count, "spread out", &apart);
        for (what, cost, bound) in
            [("in one place", &together, BYTES_PER_SECOND_MAX), ("spread out", &apart, APART_BYTES_PER_SECOND_MAX)]
        {
            if cost.mean > bound as f64 {
                failures.push(format!("{count} bots {what} cost {:.0} bytes a second each, of {bound}", cost.mean));
            }
        }
        if together.seen < 1.0 {
            failures.push(format!("{count} bots in one place see {:.1} others each", together.seen));
        }
        for bot in &bots {
            bot.meetings.leave_all();
        }
        for bot in bots {
            bot.network.stop().await?;
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("; "));
    Ok(())
}

fn print(count: usize, place: &str, cost: &Cost) {
    let wire = cost.wire.map_or_else(|| "?".to_owned(), |bytes| format!("{bytes:.0}"));
    println!(
        "  {count:>4}  {place:<12} {:>8.0} {:>8} {wire:>9} {:>7.1} {:>5.1} {:>7.1} {:>9} {:>7.2}",
        cost.mean, cost.most, cost.seen_at_10hz, cost.seen, cost.lines, cost.skipped, cost.cores
    );
}

async fn gather(count: usize) -> Result<Vec<Bot>> {
    let mut bots: Vec<Bot> = Vec::new();
    for number in 0..count {
        // Vogel's spiral: evenly spread on a disc.
        let (radius, angle) = ((number as f64 * ROOM / std::f64::consts::PI).sqrt(), number as f64 * 2.399_963);
        let entry = bots.first().map(|first| first.network.listen_addrs()).unwrap_or_default();
        bots.push(Bot::start(number, &entry, [radius * angle.cos(), radius * angle.sin()]).await?);
        sleep(COMING).await;
    }
    Ok(bots)
}

impl Bot {
    async fn start(number: usize, entry: &[Multiaddr], home: [f64; 2]) -> Result<Bot> {
        let mut secret = [1; 32];
        secret[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
        let mut config = Config::new(secret, DEVNET);
        config.bootstrap = entry.iter().take(1).cloned().collect();
        config.limits = Limits { peers_wanted: PEERS_WANTED, ..Limits::default() };
        let (network, mut events) = Network::start(config).await?;
        tokio::spawn(async move { while events.next().await.is_some() {} });
        let meetings = Meetings::new(network.clone(), SigningKey::from_slice(&secret)?, false);
        tokio::spawn(meetings.clone().run());
        let presence = meetings.enter(WorldId([9; 32]), &format!("bot {number}"), Look::default())?;
        let home = Arc::new(Mutex::new(home));
        tokio::spawn(walk(presence.clone(), home.clone(), number));
        Ok(Bot { network, meetings, presence, home })
    }

    fn go(&self, home: [f64; 2]) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = home;
    }
}

/// 4 m/s on a circle of 1 m.
async fn walk(presence: Arc<Presence>, home: Arc<Mutex<[f64; 2]>>, number: usize) {
    let (began, mut steps) = (Instant::now(), interval(Duration::from_millis(50)));
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while presence.over().is_none() {
        steps.tick().await;
        let [x, z] = *home.lock().unwrap_or_else(PoisonError::into_inner);
        let angle = began.elapsed().as_secs_f64() * 4.0 + number as f64;
        let position = Position::from_metres(ChunkPos::new(1 << 40, 4, 4), [x + angle.cos(), 10.0, z + angle.sin()]);
        let _ = presence.act(Input::Stand(Stance { position, yaw: 0, pitch: 0, mode: Mode::Walking }));
    }
}

async fn measure(bots: &[Bot]) -> Result<Cost> {
    let skipped = || bots.iter().map(|bot| bot.meetings.stats().skipped_poses).sum::<u64>();
    let sent = || bots.iter().map(|bot| bot.meetings.stats().sent_bytes).collect::<Vec<_>>();
    let (began, processor, wire, skipped_before) = (Instant::now(), processor_s(), loopback_bytes(), skipped());
    let (first, mut last) = (sent(), sent());
    let (mut most, mut fresh, mut seen, mut lines) = (0, 0, 0, 0);
    for second in 1..=MEASURED_S {
        sleep_until(began + Duration::from_secs(second as u64)).await;
        let now = sent();
        most = now.iter().zip(&last).map(|(now, last)| now - last).chain([most]).max().unwrap_or(0);
        last = now;
        for bot in bots {
            let players = bot.presence.around(Some(u64::MAX)).players;
            fresh += players.iter().filter(|player| player.age_ms <= 200).count();
            seen += players.iter().filter(|player| player.age_ms <= 700).count();
            lines += bot.presence.lines();
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let (bots, looks) = (bots.len() as f64, (bots.len() * MEASURED_S) as f64);
    let bytes: u64 = last.iter().zip(&first).map(|(last, first)| last - first).sum();
    let wire = wire.zip(loopback_bytes()).map(|(before, after)| (after - before) as f64 / bots / seconds);
    Ok(Cost {
        mean: bytes as f64 / bots / seconds,
        most,
        wire,
        seen_at_10hz: fresh as f64 / looks,
        seen: seen as f64 / looks,
        lines: lines as f64 / looks,
        skipped: skipped() - skipped_before,
        cores: (processor_s() - processor) / seconds,
    })
}

/// Seconds of processor time that this process has used.
fn processor_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Bytes that the loopback interface has sent.
fn loopback_bytes() -> Option<u64> {
    let table = fs::read_to_string("/proc/net/dev").ok()?;
    let line = table.lines().find_map(|line| line.trim().strip_prefix("lo:"))?;
    // Eight numbers about what was received, then what was sent, bytes first.
    line.split_whitespace().nth(8).context("a ninth number").ok()?.parse().ok()
}
