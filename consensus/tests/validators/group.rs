//! A group of validators that can be stopped and started one by one.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    time::{Duration, Instant},
};

use bitdust_consensus::{Error, Handle, Settings};
use bitdust_types::{Validator, ValidatorSet};
use k256::ecdsa::SigningKey;
use tempfile::TempDir;

use crate::{chain::Chain, log};

pub const CHAIN_ID: u64 = 45439;
const DEADLINE: Duration = Duration::from_secs(240);

pub struct Group {
    pub validators: ValidatorSet,
    pub chains: Vec<Chain>,
    pub running: Vec<Option<Handle>>,
    keys: Vec<SigningKey>,
    addresses: Vec<SocketAddr>,
    block_time: Duration,
    dir: TempDir,
}

/// Ports that nobody listens on at this moment, chosen by the system.
pub fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

impl Group {
    /// `seed` tells groups apart, so that the names in their logs differ. Nobody runs yet.
    pub fn new(seed: u8, count: usize) -> Self {
        Self::with_filler(seed, count, 100)
    }

    pub fn with_filler(seed: u8, count: usize, filler_bytes: usize) -> Self {
        log::record();
        let keys: Vec<_> = (0..count as u8)
            .map(|index| {
                let mut secret = [seed; 32];
                secret[31] = index + 1;
                SigningKey::from_slice(&secret).unwrap()
            })
            .collect();
        let validators: Vec<_> = keys.iter().map(|key| Validator::new(key.verifying_key(), 10)).collect();
        let set = ValidatorSet::new(validators.clone()).unwrap();
        let chains =
            validators.iter().map(|validator| Chain::new(validator.address, set.clone(), filler_bytes)).collect();
        Group {
            validators: set,
            chains,
            running: (0..count).map(|_| None).collect(),
            keys,
            addresses: free_addresses(count),
            block_time: Duration::from_millis(100),
            dir: TempDir::new().unwrap(),
        }
    }

    pub fn settings(&self, index: usize) -> Settings {
        let peers = self.addresses.iter().enumerate().filter(|(other, _)| *other != index);
        Settings {
            chain_id: CHAIN_ID,
            listen: self.addresses[index],
            peers: peers.map(|(_, address)| *address).collect(),
            wal_dir: self.dir.path().join(index.to_string()),
            block_time: self.block_time,
            moniker: format!("v{index}"),
            signing_key: self.keys[index].clone(),
            block_bytes_max: 4 * 1024 * 1024,
        }
    }

    pub fn peer_id(&self, index: usize) -> String {
        bitdust_consensus::peer_id(&self.keys[index]).unwrap()
    }

    pub async fn try_start(&self, index: usize) -> Result<Handle, Error> {
        bitdust_consensus::start(self.settings(index), Arc::new(self.chains[index].clone())).await
    }

    pub async fn start(&mut self, index: usize) {
        assert!(self.running[index].is_none());
        self.running[index] = Some(self.try_start(index).await.unwrap());
    }

    pub async fn start_all(&mut self) {
        for index in 0..self.keys.len() {
            self.start(index).await;
        }
    }

    pub async fn stop(&mut self, index: usize) {
        self.running[index].take().unwrap().stop().await.unwrap();
    }

    /// Drops the validator in the middle of whatever it does. Its socket may stay open for a while, as the process lives
    /// on, so it returns on another port; only for a validator that nobody has to find.
    pub fn kill(&mut self, index: usize) {
        drop(self.running[index].take().unwrap());
        self.addresses[index] = free_addresses(1)[0];
    }

    pub async fn stop_all(&mut self) {
        for index in 0..self.keys.len() {
            if self.running[index].is_some() {
                self.stop(index).await;
            }
        }
    }

    pub fn heights(&self) -> Vec<u64> {
        self.chains.iter().map(Chain::height).collect()
    }

    /// Waits until all of these validators have a block at `height`.
    pub async fn reach(&self, height: u64, who: &[usize]) {
        self.wait_for(&format!("{who:?} to reach {height}"), |group| {
            who.iter().all(|i| group.chains[*i].height() >= height)
        })
        .await;
    }

    pub async fn wait_for(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            for (index, handle) in self.running.iter().enumerate() {
                if let Some(fault) = handle.as_ref().and_then(Handle::fault) {
                    panic!("waiting for {what}: validator {index} failed: {fault}");
                }
            }
            assert!(start.elapsed() < DEADLINE, "waiting for {what}: heights {:?}", self.heights());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All have the same blocks as far as they have them, each after its parent, each with its own valid certificate, and
    /// nobody was seen to sign two things.
    pub fn assert_agreement(&self) {
        for validator in self.validators.as_slice() {
            let named = format!("validator={}", validator.address);
            assert!(
                !log::says(&["voted twice", &named]) && !log::says(&["proposed two blocks", &named]),
                "{named} equivocated"
            );
        }
        let top = self.heights().into_iter().max().unwrap();
        for height in 1..=top {
            let mut ids = Vec::new();
            for chain in &self.chains {
                let Some((block, certificate)) = chain.block(height) else { continue };
                certificate.verify(CHAIN_ID, &self.validators).unwrap();
                assert_eq!((block.height, certificate.height), (height, height));
                if height > 1 {
                    assert_eq!(block.parent, chain.block(height - 1).unwrap().1.block_id.0, "parent of {height}");
                }
                ids.push(certificate.block_id);
            }
            assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]), "fork at height {height}: {ids:?}");
        }
    }
}
