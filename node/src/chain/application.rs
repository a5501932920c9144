//! The chain as the consensus engine sees it: each call does its work on a blocking thread.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes};
use anyhow::Result;
use async_trait::async_trait;
use bitdust_consensus::{Application, Certificate, Error};
use bitdust_types::{BlockId, ValidatorSet};

use super::{Chain, Proposer};

/// A validator's chain.
#[derive(Clone)]
pub struct ValidatingChain {
    chain: Arc<Chain>,
    proposer: Arc<Proposer>,
}

impl ValidatingChain {
    /// Joins a chain with what is needed to propose on it.
    pub fn new(chain: Arc<Chain>, proposer: Arc<Proposer>) -> Self {
        ValidatingChain { chain, proposer }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        task: impl Into<String>,
        work: impl FnOnce(&Chain, &Proposer) -> Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let ValidatingChain { chain, proposer } = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&chain, &proposer)).await;
        let task = task.into();
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Error::application(task, format!("{error:#}"))),
            Err(error) => Err(Error::application(task, error)),
        }
    }
}

#[async_trait]
impl Application for ValidatingChain {
    async fn tip(&self) -> Result<u64, Error> {
        Ok(self.chain.tip().height.0)
    }

    async fn validators(&self, height: u64) -> Result<ValidatorSet, Error> {
        Ok(self.chain.validators(height).clone())
    }

    async fn propose(&self, height: u64, round: u32) -> Result<(B256, Bytes), Error> {
        self.blocking(format!("propose block {height}"), move |chain, proposer| {
            let (id, bytes) = chain.propose(proposer, height, round)?;
            Ok((id.into(), bytes.into()))
        })
        .await
    }

    async fn check(&self, height: u64, round: u32, _: Address, bytes: Bytes) -> Result<(B256, bool), Error> {
        self.blocking(format!("check block {height}"), move |chain, _| {
            let (id, valid) = chain.check(height, round, &bytes)?;
            Ok((id.into(), valid))
        })
        .await
    }

    async fn undecided(&self, id: B256) -> Result<Option<Bytes>, Error> {
        self.blocking("read an undecided block", move |chain, _| {
            Ok(chain.undecided(BlockId::from(id))?.map(Bytes::from))
        })
        .await
    }

    async fn commit(&self, certificate: Certificate) -> Result<(), Error> {
        self.blocking(format!("commit block {}", certificate.height), move |chain, _| chain.commit(&certificate)).await
    }

    async fn decided(&self, height: u64) -> Result<Option<(Bytes, Certificate)>, Error> {
        self.blocking(format!("read block {height}"), move |chain, _| {
            Ok(chain.decided(height)?.map(|(bytes, certificate)| (bytes.into(), certificate)))
        })
        .await
    }

    async fn history_min(&self) -> Result<u64, Error> {
        Ok(1)
    }
}
