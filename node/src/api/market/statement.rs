//! `market_statement`: what an account earned, lost and paid, line by line, read from the logs and transactions of a range of
//! blocks. Coins that a contract moves by itself leave no trace in either, unless the Market is the contract.
//!
//! Everything here is in public receipts, so anybody can hold it against `docs/market-rule.md`.

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolEventInterface as _;
use bitdust_ledger::{Log, Receipt, market::IMarket::IMarketEvents, receipt::ReceiptKind};
use bitdust_rpc::{
    Failure,
    types::market::{LineKind, Statement, StatementLine},
};
use bitdust_types::{Amount, DatasetId, U256, system};

use super::super::{eth::decoded, internal};
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
        let receipts = chain.store().receipts(height).map_err(internal)?.unwrap_or_default();
        // What a transaction carries is in the block alone, which is read only if the account has part in one.
        let block = match receipts.iter().any(|receipt| book.concerns(receipt)) {
            true => chain.store().block(height).map_err(internal)?,
            false => None,
        };
        for receipt in receipts {
            let raw = block.as_ref().and_then(|block| block.txs.get(receipt.index as usize));
            book.enter(height, &receipt, raw)?;
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

    /// Whether a receipt is of a transaction by the account or to it, which may carry coins.
    fn concerns(&self, receipt: &Receipt) -> bool {
        let mine = receipt.from == self.address || receipt.to == Some(self.address);
        mine && receipt.kind == ReceiptKind::Transaction
    }

    /// Enters what a receipt tells, with the transaction that it is of.
    fn enter(&mut self, height: u64, receipt: &Receipt, raw: Option<&Bytes>) -> Result<(), Failure> {
        let transaction = (receipt.kind == ReceiptKind::Transaction).then_some(receipt.tx_hash);
        let blank = |kind| StatementLine {
            height,
            transaction,
            kind,
            counterparty: None,
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
        // The Market's own logs tell what became of coins that were sent to it.
        if self.concerns(receipt)
            && receipt.success
            && receipt.to != Some(system::MARKET)
            && let Some(raw) = raw
        {
            let value = amount(decoded(raw)?.value())?;
            let line = |kind, counterparty| StatementLine { counterparty, gross: value, net: value, ..blank(kind) };
            if value > Amount::ZERO && receipt.from == self.address {
                self.lines.push(line(LineKind::Sent, receipt.to.or(receipt.contract_address)));
            }
            if value > Amount::ZERO && receipt.to == Some(self.address) {
                self.lines.push(line(LineKind::Received, Some(receipt.from)));
            }
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
            sent: sum(LineKind::Sent, |line| line.net),
            received: sum(LineKind::Received, |line| line.net),
            gas: sum(LineKind::Gas, |line| line.net),
            next_block,
            lines: self.lines,
        }
    }
}

fn amount(grains: U256) -> Result<Amount, Failure> {
    Amount::try_from(grains).map_err(|error| Failure::internal(format!("the ledger names an amount: {error}")))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, TxKind};
    use bitdust_types::keccak256;
    use k256::ecdsa::SigningKey;

    use super::*;
    use crate::chain::sender::{UnsignedCall, sign_call};

    const ME: Address = Address::repeat_byte(1);
    const OTHER: Address = Address::repeat_byte(2);

    /// What a transaction with so many grains makes of the account's book.
    fn lines(from: Address, to: TxKind, value: u64, success: bool) -> Vec<(LineKind, u128, Option<Address>)> {
        let key = SigningKey::from_slice(keccak256(b"anybody").as_slice()).unwrap();
        let call = UnsignedCall {
            chain_id: 1,
            nonce: 0,
            gas: 21_000,
            base_fee: 1,
            to: to.to().copied().unwrap_or_default(),
            value: U256::from(value),
            input: Bytes::new(),
        };
        let raw = sign_call(&key, &call).unwrap();
        let receipt = Receipt {
            tx_hash: B256::repeat_byte(9),
            index: 0,
            kind: ReceiptKind::Transaction,
            from,
            to: to.to().copied(),
            contract_address: to.is_create().then_some(OTHER),
            success,
            gas_used: 21_000,
            cumulative_gas: 21_000,
            effective_gas_price: 2,
            logs: Vec::new(),
            output: Bytes::new(),
        };
        let mut book = Book::new(ME, 0);
        book.enter(7, &receipt, book.concerns(&receipt).then_some(&raw)).unwrap();
        let statement = book.close(7, None);
        let of = |kind| statement.lines.iter().filter(move |line| line.kind == kind).map(|line| line.net.grains());
        assert_eq!(statement.sent.grains(), of(LineKind::Sent).sum::<u128>());
        assert_eq!(statement.received.grains(), of(LineKind::Received).sum::<u128>());
        statement.lines.iter().map(|line| (line.kind, line.net.grains(), line.counterparty)).collect()
    }

    #[test]
    fn transfers_are_lines_of_both_ends() {
        let gas = (LineKind::Gas, 42_000, None);
        let (to_me, to_other) = (TxKind::Call(ME), TxKind::Call(OTHER));
        assert_eq!(lines(ME, to_other, 5, true), [gas, (LineKind::Sent, 5, Some(OTHER))]);
        assert_eq!(lines(OTHER, to_me, 5, true), [(LineKind::Received, 5, Some(OTHER))]);
        let (sent, received) = ((LineKind::Sent, 5, Some(ME)), (LineKind::Received, 5, Some(ME)));
        assert_eq!(lines(ME, to_me, 5, true), [gas, sent, received]);
        assert_eq!(lines(ME, TxKind::Create, 5, true), [gas, (LineKind::Sent, 5, Some(OTHER))]);
        // What failed moved nothing, and what goes to the Market is told by its logs.
        assert_eq!(lines(ME, to_other, 5, false), [gas]);
        assert_eq!(lines(ME, to_other, 0, true), [gas]);
        assert_eq!(lines(ME, TxKind::Call(system::MARKET), 5, true), [gas]);
        assert_eq!(lines(OTHER, to_other, 5, true), []);
    }
}
