//! `ledger_`: blocks with their proofs and verdicts, certificates, epochs and the beacon.

use alloy_primitives::{B256, Bytes};
use bitdust_ledger::{beacon, tx};
use bitdust_proof::answer::SupplierProof;
use bitdust_rpc::{
    Failure,
    api::LedgerServer,
    jsonrpsee::core::async_trait,
    types::ledger::{
        CertificateInfo, CommitSignature, EpochInfo, LedgerStatus, NativeBlock, NativeProof, NativeTransaction,
        PoolInfo, Reveal, SeedInfo, ValidatorInfo,
    },
};
use bitdust_types::{Amount, Epoch};

use super::{Api, internal};

#[async_trait]
impl LedgerServer for Api {
    async fn ledger_status(&self) -> Result<LedgerStatus, Failure> {
        let tip = self.chain.tip();
        let params = self.chain.params();
        let pool = self.chain.pool_size();
        let validators = self.chain.validators(tip.height.0 + 1).as_slice().iter();
        Ok(LedgerStatus {
            chain_id: params.chain_id,
            genesis: self.chain.genesis_id(),
            height: tip.height.0,
            block_id: tip.id,
            timestamp_ms: tip.header.timestamp_ms,
            state_root: tip.state_root,
            epoch: params.epoch_of(tip.height).0,
            block_time_ms: params.block_time_ms,
            base_fee: Amount::from_grains(self.chain.next_base_fee(&tip.header).into()),
            validators: validators.map(|one| ValidatorInfo { address: one.address, power: one.power }).collect(),
            pool: PoolInfo {
                pending: pool.ready as u64,
                queued: pool.queued as u64,
                bytes: pool.bytes as u64,
                proofs: pool.proofs as u64,
            },
            syncing: self.is_behind(),
        })
    }

    async fn ledger_block(&self, height: u64) -> Result<Option<NativeBlock>, Failure> {
        self.blocking(move |api| api.native_block(height)).await
    }

    async fn ledger_raw_block(&self, height: u64) -> Result<Option<Bytes>, Failure> {
        Ok(self.chain.store().block_bytes(height).map_err(internal)?.map(Bytes::from))
    }

    async fn ledger_certificate(&self, height: u64) -> Result<Option<CertificateInfo>, Failure> {
        let Some((_, certificate)) = self.chain.decided(height).map_err(internal)? else { return Ok(None) };
        let raw = borsh::to_vec(&certificate).map_err(internal)?.into();
        let signatures = certificate.signatures.iter().map(|(validator, signature)| CommitSignature {
            validator: *validator,
            signature: Bytes::copy_from_slice(signature),
        });
        Ok(Some(CertificateInfo {
            height: certificate.height,
            round: certificate.round,
            block_id: certificate.block_id.into(),
            signatures: signatures.collect(),
            raw,
        }))
    }

    async fn ledger_epoch(&self) -> Result<EpochInfo, Failure> {
        let params = self.chain.params();
        let height = self.chain.tip().height;
        let epoch = params.epoch_of(height);
        let first = params.first_block(epoch).0;
        let seed = self.seed_of(epoch)?;
        Ok(EpochInfo {
            epoch: epoch.0,
            first_block: first,
            last_block: first + params.epoch_blocks - 1,
            height: height.0,
            window_first: first + params.window_first,
            window_last: first + params.window_last,
            window_open: params.in_proof_window(height.next()),
            samples: params.samples,
            seed,
            reveals: (params.index_in_epoch(height) + 1).min(params.reveals),
            reveals_needed: params.reveals,
        })
    }

    async fn ledger_seed(&self, epoch: u64) -> Result<SeedInfo, Failure> {
        self.blocking(move |api| {
            let params = api.chain.params();
            let first = params.first_block(Epoch(epoch)).0;
            let mut reveals = Vec::new();
            // The genesis block reveals nothing.
            for height in first.max(1)..first.saturating_add(params.reveals) {
                let Some(header) = api.chain.store().header(height).map_err(internal)? else { break };
                reveals.push(Reveal { height, proposer: header.proposer, preimage: header.reveal });
            }
            Ok(SeedInfo { epoch, seed: api.seed_of(Epoch(epoch))?, reveals_needed: params.reveals, reveals })
        })
        .await
    }
}

impl Api {
    fn seed_of(&self, epoch: Epoch) -> Result<Option<B256>, Failure> {
        beacon::seed(&self.chain.view().map_err(internal)?, epoch).map_err(internal)
    }

    /// True if the newest block is older than ten block times (and ten seconds): this node, or the chain, stands still.
    pub(super) fn is_behind(&self) -> bool {
        let age_ms = crate::chain::now_ms().saturating_sub(self.chain.tip().header.timestamp_ms);
        age_ms > (self.chain.params().block_time_ms * 10).max(10_000)
    }

    fn native_block(&self, height: u64) -> Result<Option<NativeBlock>, Failure> {
        let Some(block) = self.chain.store().block(height).map_err(internal)? else { return Ok(None) };
        let header = &block.header;
        let transactions = tx::check_all(self.chain.params(), &block.txs, &|_| None).map_err(internal)?;
        let proofs = block.proofs.iter().map(|judged| NativeProof {
            supplier: judged.prove.supplier,
            epoch: judged.prove.epoch,
            samples: SupplierProof::decode(&judged.prove.proof).map_or(0, |proof| proof.answers.len() as u16),
            failed: judged.failed.clone(),
            signature: Bytes::copy_from_slice(&judged.prove.signature),
            answers: judged.prove.proof.clone(),
        });
        Ok(Some(NativeBlock {
            height,
            id: block.id(),
            parent: header.parent,
            timestamp_ms: header.timestamp_ms,
            proposer: header.proposer,
            reveal: header.reveal,
            state_root: header.state_root,
            tx_root: header.tx_root,
            receipts_root: header.receipts_root,
            proofs_root: header.proofs_root,
            gas_used: header.gas_used,
            gas_limit: header.gas_limit,
            base_fee: Amount::from_grains(header.base_fee.into()),
            validators_hash: header.validators_hash,
            next_validators_hash: header.next_validators_hash,
            bytes: block.encode().len() as u64,
            transactions: transactions
                .iter()
                .map(|tx| NativeTransaction { hash: tx.hash(), from: tx.sender(), raw: tx.raw().clone() })
                .collect(),
            proofs: proofs.collect(),
        }))
    }
}
