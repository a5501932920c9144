//! One node, put together: opens what is on its disk, joins the network, does what its roles say, until told to stop.

use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use bitdust_consensus::Settings;
use bitdust_ledger::Genesis;
use bitdust_network::{Events, Multiaddr, Network, RecordJudge, listen_addresses};
use bitdust_store::{
    Memory,
    chain::{ChainOptions, ChainStore},
    disk::RealDisk,
    table::{RocksTable, SlotBook},
    volume::{VolumeOptions, Volumes},
};
use bitdust_types::{Amount, B256, Root, limits::BLOCK_BYTES_MAX, params::DEVNET};
use tokio::{io::AsyncReadExt as _, task::JoinSet};

use crate::{
    api,
    chain::{
        self, Chain, Proposer, application::ValidatingChain, follow, ingress::Ingress, proposer, sender::Sender, serve,
    },
    cli::RunArgs,
    config::{Config, Role, SupplierConfig},
    customer::{self, Customer},
    genesis::{self, BEACON_REVEALS},
    home::{Home, private_dir, write_private},
    keys::{self, NodeKeys},
    meeting::Meetings,
    supplier::{OfferTerms, Parts, Supplier},
    telemetry,
    worlds::{self, Worlds, heads::HeadJudge},
};

/// Caches of the chain's database. 13 nodes of a devnet share a small machine.
const CHAIN_CACHE_BYTES: usize = 16 << 20;
/// Unwritten changes of the chain's database.
const CHAIN_BUFFER_BYTES: usize = 16 << 20;
/// How often the addresses of peers are written down.
const REMEMBER_PEERS: Duration = Duration::from_secs(20);
/// After a power cut all nodes start at once, and find each other within a few seconds.
const MEETING_MS: u64 = 10_000;
/// Between two looks at a part of the volumes: 64 MiB a minute are 90 GiB a day.
const SCRUB_PAUSE: Duration = Duration::from_secs(60);
/// Bytes per look.
const SCRUB_BYTES: u64 = 64 << 20;
/// An offer is renewed when a quarter of this is left.
const OFFER_EPOCHS: u64 = 64;
/// Entries per look at the index of blobs.
const BLOBS_PAGE: usize = 4096;

/// Runs the node of a directory until it is told to stop or can't go on.
pub async fn run(args: &RunArgs) -> Result<()> {
    telemetry::log(args.log_json)?;
    let home = Home::new(&args.dir);
    let config = Config::load(&home)?;
    let keys = keys::load(&home, &keys::password(args.password_file.as_deref())?)?;
    anyhow::ensure!(
        home.genesis().exists(),
        "{} has no genesis.json yet; put the network's there with `bitdust init --dir {} --genesis FILE`",
        args.dir.display(),
        args.dir.display()
    );
    let genesis = genesis::read(&home.genesis())?;
    telemetry::metrics(config.metrics)?;
    chain::set_clock(config.clock_ahead_ms);
    tracing::info!(name = config.name, account = %keys.account(), chain_id = genesis.params.chain_id, "starting");
    Node { home, config, keys }.run(&genesis, args.supervised).await
}

struct Node {
    home: Home,
    config: Config,
    keys: NodeKeys,
}

impl Node {
    async fn run(self, genesis: &Genesis, supervised: bool) -> Result<()> {
        let started = Instant::now();
        let memory = Memory::new(CHAIN_CACHE_BYTES, CHAIN_BUFFER_BYTES);
        let store = ChainStore::open(&self.home.chain(), &memory, ChainOptions::default())?;
        let chain = Chain::open(store, genesis)?;
        let judge = Arc::new(HeadJudge::new(chain.clone()));
        let (network, events) = self.join_network(genesis.params.chain_id, judge.clone()).await?;
        let ingress = Ingress::new(chain.clone(), network.clone());
        let sender = Arc::new(Sender::new(chain.clone(), ingress.clone(), self.keys.coin.clone()));

        // Each of these goes on until the node stops; one that ends sooner ends the node with its reason.
        let mut tasks: JoinSet<Result<()>> = JoinSet::new();
        let judging = ingress.clone();
        tasks.spawn(async move {
            judging.run(events).await;
            bail!("the peer-to-peer network stopped")
        });
        tasks.spawn(serve::serve(chain.clone(), network.clone()));
        let peers_file = self.home.clone();
        tasks.spawn(remember_peers(network.clone(), peers_file));

        let consensus = if self.config.has(Role::Validator) {
            let (consensus, proposer) = self.validate(&chain).await?;
            tasks.spawn(proposer::renew(chain.clone(), sender.clone(), proposer));
            Some(consensus)
        } else {
            let (chain, network) = (chain.clone(), network.clone());
            tasks.spawn(async move {
                follow::follow(chain, network).await;
                Ok(())
            });
            None
        };
        let supplier = match &self.config.supplier {
            Some(terms) if self.config.has(Role::Supplier) => {
                let (supplier, volumes) = self.open_supplier(terms, &memory, &chain, &sender, &ingress, &network)?;
                tasks.spawn(look_after(volumes));
                tasks.spawn(supplier.clone().run(network.clone()));
                Some(supplier)
            }
            _ => None,
        };
        let customer =
            if self.config.has(Role::Customer) { Some(self.open_customer(&chain, &sender, &network)?) } else { None };
        let worlds = match &customer {
            Some(customer) => {
                tasks.spawn(customer.clone().run());
                let worlds = Worlds::open(worlds::Parts {
                    chain: chain.clone(),
                    judge,
                    sender: sender.clone(),
                    customer: customer.clone(),
                    dir: self.home.places(),
                    cache_bytes: self.config.world.cache_bytes,
                    journal_dir: self.home.edits(),
                    shares: self.config.world.share,
                })?;
                tasks.spawn(worlds.clone().run());
                tasks.spawn(worlds.clone().spread(network.clone()));
                tasks.spawn(worlds.clone().answer_calls(network.clone()));
                tasks.spawn(worlds.clone().share(network.clone()));
                Some(worlds)
            }
            None => None,
        };
        let meetings = customer
            .is_some()
            .then(|| Meetings::new(network.clone(), self.keys.coin.clone(), self.config.network.hidden));
        if let Some(meetings) = &meetings {
            tasks.spawn(meetings.clone().run());
        }
        let shared = api::Shared {
            config: self.config.clone(),
            chain: chain.clone(),
            ingress,
            sender,
            network: network.clone(),
            customer,
            worlds,
            meetings: meetings.clone(),
            supplier,
            started,
            fetched_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            making_datasets: tokio::sync::Mutex::default(),
        };
        let server = api::serve(shared, self.home.token()).await?;
        tracing::info!(rpc = %server.local_addr(), "ready");

        let reason = tokio::select! {
            ended = tasks.join_next() => match ended {
                Some(Ok(Err(error))) => Err(error),
                Some(Ok(Ok(()))) | None => Err(anyhow!("a part of the node ended without a reason")),
                Some(Err(error)) => Err(error.into()),
            },
            fault = async { match &consensus {
                Some(consensus) => consensus.failed().await,
                None => std::future::pending().await,
            }} => Err(fault.into()),
            () = told_to_stop(supervised) => Ok(()),
        };
        tracing::info!("stopping");
        server.stop().await;
        if let Some(meetings) = meetings {
            meetings.leave_all();
        }
        if let Some(consensus) = consensus {
            consensus.stop().await?;
        }
        save_peers(&network, &self.home).await;
        network.stop().await?;
        reason
    }

    async fn join_network(
        &self,
        chain_id: u64,
        records: Arc<dyn RecordJudge>,
    ) -> Result<(bitdust_network::Handle, Events)> {
        let address = |text: &String| -> Result<Multiaddr> {
            text.parse()
                .with_context(|| format!("'{text}' is not a peer's address such as /ip4/1.2.3.4/tcp/7771/p2p/12D3…"))
        };
        let mut config = bitdust_network::Config::new(*self.keys.peer_secret(), chain_id);
        config.listen = match self.config.reachable {
            true => listen_addresses(self.config.p2p.ip(), self.config.p2p.port()),
            false => Vec::new(),
        };
        config.external =
            self.config.announce.iter().map(address).collect::<Result<_>>().context("config.toml, announce")?;
        config.records = Some(records);
        config.walled = self.config.walled;
        config.bootstrap =
            self.config.bootstrap.iter().map(address).collect::<Result<_>>().context("config.toml, bootstrap")?;
        config.known = known_peers(&self.home);
        let settings = &self.config.network;
        config.relays =
            settings.relays.iter().map(address).collect::<Result<_>>().context("config.toml, [network] relays")?;
        config.hidden = settings.hidden;
        config.relay_serve = settings.relay;
        config.limits.relay_circuits = settings.relay_circuits;
        Network::start(config).await.map_err(|error| match error {
            bitdust_network::Error::Listen { .. } => anyhow!(error).context("config.toml, p2p"),
            error => error.into(),
        })
    }

    async fn validate(&self, chain: &Arc<Chain>) -> Result<(bitdust_consensus::Handle, Arc<Proposer>)> {
        let consensus = self.config.consensus.as_ref().context("[consensus] is set for a validator")?;
        let account = self.keys.account();
        if chain.validators(chain.tip().height.0 + 1).get(account).is_none() {
            bail!("account {account} is no validator of this network; remove the role 'validator' from config.toml");
        }
        let (keys, file) = (self.keys.clone(), self.home.beacon());
        let secrets = move |number| B256::new(*keys.beacon_secret(number));
        let opened = tokio::task::spawn_blocking(move || Proposer::open(account, secrets, BEACON_REVEALS, file));
        let proposer = Arc::new(opened.await??);
        let settings = Settings {
            chain_id: chain.params().chain_id,
            listen: consensus.listen,
            peers: consensus.peers.clone(),
            wal_dir: self.home.consensus(),
            block_time: Duration::from_millis(chain.params().block_time_ms),
            moniker: self.config.name.clone(),
            signing_key: self.keys.coin.clone(),
            block_bytes_max: BLOCK_BYTES_MAX,
        };
        let application = Arc::new(ValidatingChain::new(chain.clone(), proposer.clone()));
        let started = bitdust_consensus::start(settings, application).await.map_err(|error| match error {
            bitdust_consensus::Error::Listen { .. } => anyhow!(error).context("config.toml, [consensus] listen"),
            error => error.into(),
        });
        Ok((started?, proposer))
    }

    fn open_supplier(
        &self,
        settings: &SupplierConfig,
        memory: &Memory,
        chain: &Arc<Chain>,
        sender: &Arc<Sender>,
        ingress: &Ingress,
        network: &bitdust_network::Handle,
    ) -> Result<(Arc<Supplier>, Volumes)> {
        let dir = self.home.volumes();
        private_dir(&dir)?;
        let tables = RocksTable::open(&dir.join("index"), memory)?;
        let options = VolumeOptions::new(settings.capacity_bytes);
        let disk = Arc::new(RealDisk::new(&dir)?);
        let (volumes, opened) = Volumes::open(disk, Path::new(""), Arc::new(tables.blobs), options)?;
        tracing::info!(?opened, "volumes are open");
        let mut blobs: Vec<(Root, u64)> = Vec::new();
        loop {
            let page = volumes.page(blobs.last().map(|(root, _)| *root), BLOBS_PAGE)?;
            let last = page.len() < BLOBS_PAGE;
            blobs.extend(page);
            if last {
                break;
            }
        }
        let amount = |text: &str| -> Result<Amount> { Ok(text.parse()?) };
        let terms = OfferTerms {
            price: amount(&settings.price_per_gib_epoch)?,
            egress: amount(&settings.egress_per_gib)?,
            capacity_bytes: settings.capacity_bytes,
            term_epochs_max: settings.term_epochs_max,
            collateral: amount(&settings.collateral)?,
            region: settings.region.clone(),
            operator: B256::ZERO,
            valid_heights: chain.params().epoch_blocks * OFFER_EPOCHS,
        };
        let supplier = Supplier::open(Parts {
            chain: chain.clone(),
            sender: sender.clone(),
            proofs: Arc::new(ingress.clone()),
            peer: network.local_peer().to_bytes(),
            store: Arc::new(volumes.clone()),
            notebook: Arc::new(SlotBook::new(Arc::new(tables.book))),
            blobs,
            terms,
        })?;
        Ok((supplier, volumes))
    }

    fn open_customer(
        &self,
        chain: &Arc<Chain>,
        sender: &Arc<Sender>,
        network: &bitdust_network::Handle,
    ) -> Result<Arc<Customer>> {
        private_dir(&self.home.customer())?;
        Customer::open(customer::Parts {
            chain: chain.clone(),
            sender: sender.clone(),
            dialer: Arc::new(network.clone()),
            surveyor: Arc::new(network.clone()),
            storage_secret: self.keys.storage.clone(),
            dir: self.home.customer(),
            share_loopback: chain.params().chain_id == DEVNET,
            meeting_ms: MEETING_MS,
        })
    }
}

/// Reads the volumes bit by bit to find rot before a sample does, and gives deleted space back.
async fn look_after(volumes: Volumes) -> Result<()> {
    let mut after = None;
    loop {
        tokio::time::sleep(SCRUB_PAUSE).await;
        let (volumes, from) = (volumes.clone(), after);
        let looked = tokio::task::spawn_blocking(move || {
            let compacted = volumes.compact_one()?;
            volumes.scrub(from, SCRUB_BYTES).map(|scrubbed| (compacted, scrubbed))
        });
        match looked.await? {
            Ok((compacted, scrubbed)) => {
                if let Some(compacted) = compacted {
                    tracing::info!(?compacted, "gave deleted space back");
                }
                for damage in &scrubbed.damaged {
                    tracing::error!(?damage, "a stored blob is damaged; its samples will fail until it is put again");
                }
                after = scrubbed.next;
            }
            Err(error) => tracing::error!(%error, "the volumes could not be looked after"),
        }
    }
}

/// Peers met in an earlier life; none if the file is missing or damaged, since it only saves time.
fn known_peers(home: &Home) -> Vec<Multiaddr> {
    let Ok(text) = fs::read_to_string(home.peers()) else { return Vec::new() };
    match serde_json::from_str::<Vec<String>>(&text) {
        Ok(addresses) => addresses.iter().filter_map(|address| address.parse().ok()).collect(),
        Err(error) => {
            tracing::warn!(file = %home.peers().display(), %error, "the list of known peers is damaged; starting without");
            Vec::new()
        }
    }
}

async fn remember_peers(network: bitdust_network::Handle, home: Home) -> Result<()> {
    loop {
        tokio::time::sleep(REMEMBER_PEERS).await;
        save_peers(&network, &home).await;
    }
}

async fn save_peers(network: &bitdust_network::Handle, home: &Home) {
    let Ok(peers) = network.known_peers().await else { return };
    let list: Vec<String> = peers.iter().map(ToString::to_string).collect();
    let saved =
        serde_json::to_vec(&list).map_err(anyhow::Error::from).and_then(|text| write_private(&home.peers(), &text));
    if let Err(error) = saved {
        tracing::warn!(%error, "the addresses of peers could not be written down");
    }
}

/// Ctrl-C, SIGTERM, or the end of standard input for a supervised node.
async fn told_to_stop(supervised: bool) {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    let orphaned = async {
        if !supervised {
            return std::future::pending().await;
        }
        let mut stdin = tokio::io::stdin();
        let mut byte = [0; 64];
        while matches!(stdin.read(&mut byte).await, Ok(read) if read > 0) {}
    };
    // A supervised node shares the terminal with its supervisor, which decides what Ctrl-C means.
    let interrupted = async {
        loop {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            if !supervised {
                return;
            }
        }
    };
    tokio::select! {
        () = terminated => {}
        () = orphaned => {}
        () = interrupted => {}
    }
}
