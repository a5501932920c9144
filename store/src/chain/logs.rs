//! Finding logs in a range of blocks. The filter in each header spares reading the receipts of blocks that can't match.

use bitdust_ledger::{Bloom, Header, Log};
use bitdust_types::{Address, B256, BlockId};

use super::ChainStore;
use crate::error::{Error, Invalid};

/// Blocks that one call looks through: each costs one read of a 600-byte header.
pub const LOG_BLOCKS_MAX: u64 = 10_000;
/// Logs that one call answers.
pub const LOGS_MAX: usize = 10_000;
/// Bytes of data in the logs that one call answers: 16 MiB are an answer of 32 MiB in hexadecimal. A single log may hold as
/// much as a block's gas pays for, so that their count alone bounds nothing.
pub const LOG_BYTES_MAX: usize = 16 << 20;

/// What to look for (`eth_getLogs`, Ethereum JSON-RPC).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// First block's height.
    pub from: u64,
    /// Last block's height; blocks that don't exist yet match nothing.
    pub to: u64,
    /// Contracts that emitted the log; empty for any.
    pub addresses: Vec<Address>,
    /// For each position the topics that match; empty for any.
    pub topics: Vec<Vec<B256>>,
}

/// A log with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLog {
    /// The block's height.
    pub height: u64,
    /// The block's id.
    pub block_id: BlockId,
    /// Hash of the transaction or proof.
    pub tx_hash: B256,
    /// Its receipt's place in the block.
    pub receipt: u32,
    /// The log's place among all logs of the block.
    pub log_index: u32,
    /// The log.
    pub log: Log,
}

/// Why logs could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The question asks for too much.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl LogFilter {
    /// Whether a log matches.
    pub fn matches(&self, log: &Log) -> bool {
        let address = self.addresses.is_empty() || self.addresses.contains(&log.address);
        let mut positions = self.topics.iter().enumerate();
        let topic = |at: usize, wanted: &Vec<B256>| match log.data.topics().get(at) {
            Some(topic) => wanted.is_empty() || wanted.contains(topic),
            // A position that is asked for must be there, whatever it holds.
            None => false,
        };
        address && positions.all(|(at, wanted)| topic(at, wanted))
    }

    /// Whether a block with this bloom filter may hold a match.
    fn may_match(&self, bloom: &Bloom) -> bool {
        let holds = |item: &[u8]| {
            let mut bits = Bloom::ZERO;
            bits.m3_2048(item);
            bloom.contains(&bits)
        };
        let addresses = self.addresses.is_empty() || self.addresses.iter().any(|address| holds(address.as_slice()));
        let mut topics = self.topics.iter().filter(|wanted| !wanted.is_empty());
        addresses && topics.all(|wanted| wanted.iter().any(|topic| holds(topic.as_slice())))
    }

    fn check(&self) -> Result<(), Invalid> {
        let (from, to) = (self.from, self.to);
        match to.checked_sub(from) {
            None => Err(Invalid::RangeBackwards { from, to }),
            Some(more) if more >= LOG_BLOCKS_MAX => Err(Invalid::RangeTooLong { from, to, max: LOG_BLOCKS_MAX }),
            Some(_) => Ok(()),
        }
    }
}

impl ChainStore {
    /// The logs that match, in order.
    ///
    /// # Errors
    /// [`Invalid`] if the range or the result is too large: at most [`LOG_BYTES_MAX`] and one block's logs are read.
    pub fn logs(&self, filter: &LogFilter) -> Result<Vec<FoundLog>, LogsError> {
        filter.check()?;
        let mut found = Vec::new();
        let mut bytes = 0;
        let Some(tip) = self.tip() else {
            return Ok(found);
        };
        for height in filter.from..=filter.to.min(tip.height) {
            let Some(header) = self.header(height)? else {
                continue;
            };
            if filter.may_match(&header.logs_bloom) {
                let before = found.len();
                self.logs_of(&header, filter, &mut found)?;
                bytes += found[before..].iter().map(|found| found.log.data.data.len()).sum::<usize>();
            }
            if found.len() > LOGS_MAX {
                return Err(Invalid::TooManyLogs { max: LOGS_MAX, height }.into());
            }
            if bytes > LOG_BYTES_MAX {
                return Err(Invalid::LogsTooLarge { max: LOG_BYTES_MAX, height }.into());
            }
        }
        Ok(found)
    }

    fn logs_of(&self, header: &Header, filter: &LogFilter, found: &mut Vec<FoundLog>) -> Result<(), Error> {
        let receipts = self.receipts(header.height)?.unwrap_or_default();
        let mut log_index = 0;
        for (receipt, place) in receipts.into_iter().zip(0u32..) {
            for log in receipt.logs {
                if filter.matches(&log) {
                    let (height, block_id, tx_hash) = (header.height, header.id(), receipt.tx_hash);
                    found.push(FoundLog { height, block_id, tx_hash, receipt: place, log_index, log });
                }
                log_index += 1;
            }
        }
        Ok(())
    }
}
