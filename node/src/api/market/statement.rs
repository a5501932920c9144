//! `market_statement`: what an account earned, lost and paid, line by line, read from the logs of a range of blocks.
//!
//! Everything here is in public receipts, so anybody can hold it against `docs/market-rule.md`.

use alloy_primitives::Address;
use alloy_sol_types::SolEventInterface as _;
use bitdust_ledger::{Log, Receipt, market::IMarket::IMarketEvents, receipt::ReceiptKind};
use bitdust_rpc::{
    Failure,
    types::market::{LineKind, Statement, StatementLine},
};
use bitdust_types::{Amount, DatasetId, U256, system};

use super::super::internal;
use crate::chain::Chain;

/// Blocks that one statement covers; the answer says where to go on.
const BLOCKS_MAX: u64 = 5_000;
/// Lines of one statement.
const LINES_MAX: usize = 10_000;

/// The statement of an account over `from..=to`; the whole chain if nothing is named, cut after [`BLOCKS_MAX`].
pub(super) fn statement(
    chain: &Chain,
    address: Address,
    from: Option<u64>,
    to: Option<u64>,
) -> Result<Statement, Failure> {
    let tip = chain.tip().height.0;
    let from = from.unwrap_or(0);
    let last = to.unwrap_or(tip).min(tip);
    if from > last {
        return Err(Failure::params(format!("block {from} comes after {last}"), format!("the newest block is {tip}")));
    }
    let mut book = Book::new(address, from);
    let mut height = from;
    while height <= last && height < from + BLOCKS_MAX && book.lines.len() < LINES_MAX {
        for receipt in chain.store().receipts(height).map_err(internal)?.unwrap_or_default() {
            book.enter(height, &receipt)?;
        }
        height += 1;
    }
    let next = (height <= last).then_some(height);
    Ok(book.close(height - 1, next))
}

/// A statement in the making.
struct Book {
    address: Address,
    from: u64,
    lines: Vec<StatementLine>,
}

impl Book {
    fn new(address: Address, from: u64) -> Self {
        Book { address, from, lines: Vec::new() }
    }

    fn enter(&mut self, height: u64, receipt: &Receipt) -> Result<(), Failure> {
        let transaction = (receipt.kind == ReceiptKind::Transaction).then_some(receipt.tx_hash);
        let blank = |kind| StatementLine {
            height,
            transaction,
            kind,
            dataset: None,
            slot: None,
            from_epoch: None,
            to_epoch: None,
            proven_epochs: 0,
            failed_epochs: 0,
            rate: Amount::ZERO,
            bytes: 0,
            gross: Amount::ZERO,
            fee: Amount::ZERO,
            net: Amount::ZERO,
        };
        if transaction.is_some() && receipt.from == self.address {
            let paid = u128::from(receipt.gas_used).saturating_mul(receipt.effective_gas_price);
            let paid = Amount::from_grains(paid);
            self.lines.push(StatementLine { gross: paid, net: paid, ..blank(LineKind::Gas) });
        }
        for log in receipt.logs.iter().filter(|log| log.address == system::MARKET) {
            self.lines.extend(self.line(&blank, log)?);
        }
        Ok(())
    }

    /// The line that a log of the Market makes, if it concerns the account.
    fn line(&self, blank: &dyn Fn(LineKind) -> StatementLine, log: &Log) -> Result<Option<StatementLine>, Failure> {
        let Ok(event) = IMarketEvents::decode_log(log) else { return Ok(None) };
        let whole = |kind, value| -> Result<StatementLine, Failure> {
            let value = amount(value)?;
            Ok(StatementLine { gross: value, net: value, ..blank(kind) })
        };
        let mine = |who: Address| who == self.address;
        let line = match event.data {
            IMarketEvents::Settled(log) if mine(log.supplier) => StatementLine {
                dataset: Some(DatasetId(log.dataset.0)),
                slot: Some(log.slot),
                from_epoch: Some(log.fromEpoch),
                to_epoch: Some(log.toEpoch),
                proven_epochs: log.provenEpochs,
                failed_epochs: log.failedEpochs,
                rate: Amount::from_grains(log.rate),
                bytes: log.bytesHeld,
                gross: amount(log.paid)?,
                fee: amount(log.fee)?,
                net: amount(log.paid.saturating_sub(log.fee))?,
                ..blank(LineKind::Settled)
            },
            // A failure that frees the slot is told by the slot's release, with the same coins.
            IMarketEvents::SampleFailed(log) if mine(log.supplier) && !log.freed => StatementLine {
                dataset: Some(DatasetId(log.dataset.0)),
                slot: Some(log.slot),
                from_epoch: Some(log.epoch),
                ..whole(LineKind::Slashed, log.slashed)?
            },
            IMarketEvents::SlotFreed(log) if mine(log.supplier) && !log.penalty.is_zero() => StatementLine {
                dataset: Some(DatasetId(log.dataset.0)),
                slot: Some(log.slot),
                from_epoch: Some(log.epoch),
                ..whole(LineKind::Slashed, log.penalty)?
            },
            IMarketEvents::CollateralDeposited(log) if mine(log.supplier) => whole(LineKind::CollateralIn, log.amount)?,
            IMarketEvents::CollateralWithdrawn(log) if mine(log.supplier) => {
                whole(LineKind::CollateralOut, log.amount)?
            }
            IMarketEvents::DatasetCreated(log) if mine(log.payer) => {
                StatementLine { dataset: Some(DatasetId(log.dataset.0)), ..whole(LineKind::Deposited, log.escrow)? }
            }
            IMarketEvents::Funded(log) if mine(log.from) => {
                StatementLine { dataset: Some(DatasetId(log.dataset.0)), ..whole(LineKind::Deposited, log.amount)? }
            }
            IMarketEvents::Ended(log) if mine(log.payer) => {
                StatementLine { dataset: Some(DatasetId(log.dataset.0)), ..whole(LineKind::Refunded, log.refund)? }
            }
            _ => return Ok(None),
        };
        Ok(Some(line))
    }

    fn close(self, to_block: u64, next_block: Option<u64>) -> Statement {
        let sum = |kind: LineKind, of: fn(&StatementLine) -> Amount| {
            let of_kind = self.lines.iter().filter(|line| line.kind == kind);
            // Grains of one account never exceed the supply, which fits.
            of_kind.fold(Amount::ZERO, |sum, line| sum.checked_add(of(line)).unwrap_or(sum))
        };
        Statement {
            address: self.address,
            from_block: self.from,
            to_block,
            earned: sum(LineKind::Settled, |line| line.net),
            fees: sum(LineKind::Settled, |line| line.fee),
            slashed: sum(LineKind::Slashed, |line| line.net),
            paid: sum(LineKind::Deposited, |line| line.net),
            refunded: sum(LineKind::Refunded, |line| line.net),
            gas: sum(LineKind::Gas, |line| line.net),
            next_block,
            lines: self.lines,
        }
    }
}

fn amount(grains: U256) -> Result<Amount, Failure> {
    Amount::try_from(grains).map_err(|error| Failure::internal(format!("a log of the Market: {error}")))
}
