//! What a supplier has earned, recomputed from the ledger's receipts and the published rule alone.
//!
//! The Market pays a slot at each settlement for the epochs that were proved since the last one:
//!
//! ```text
//! price(rate, bytes, epochs) = floor(rate × bytes × epochs / 2^30)
//! gross = extra × price(rate before, bytes before, 1) + price(rate, bytes, proven − extra − failed)
//! fee   = floor(gross / 100)
//! paid  = gross − fee
//! ```
//!
//! `extra` is 1 if the epoch in which the last settlement happened was proved after it: that epoch's samples were drawn
//! from the list as it stood at its start, so it is paid at the rate and bytes from before. `gross` never exceeds the slot's
//! deposit. This module does that arithmetic and nothing else; it reads no chain.

use bitdust_types::{Address, Amount, DatasetId};

/// The share of each settled payment that goes to the holders of shares: one hundredth.
pub const FEE_DIVISOR: u128 = 100;

/// What was proved between two settlements of one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Rate since the earlier settlement, per GiB and epoch.
    pub rate: Amount,
    /// Bytes since the earlier settlement.
    pub bytes: u64,
    /// Rate at the start of the epoch in which the earlier settlement happened.
    pub rate_before: Amount,
    /// Bytes at the start of that epoch.
    pub bytes_before: u64,
    /// Whether that epoch was proved after the earlier settlement, and not before it.
    pub extra: bool,
    /// Epochs proved, that one included.
    pub proven: u64,
    /// Epochs in which a sample of this slot failed, that one not included.
    pub failed: u64,
    /// Whether a sample of this slot failed in that epoch.
    pub extra_failed: bool,
    /// Unspent deposit of the slot before this settlement.
    pub deposit: Amount,
}

/// What a span is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Earned {
    /// Taken from the deposit.
    pub gross: Amount,
    /// To the holders of shares.
    pub fee: Amount,
    /// To the supplier.
    pub paid: Amount,
}

/// The rule of the module's documentation. `None` if a product doesn't fit 128 bits, which the Market refuses to enter.
pub fn earned(span: &Span) -> Option<Earned> {
    let extra = u64::from(span.extra);
    let first =
        if span.extra && !span.extra_failed { span.rate_before.price(span.bytes_before, 1)? } else { Amount::ZERO };
    let epochs = span.proven.saturating_sub(extra).saturating_sub(span.failed);
    let gross = first.checked_add(span.rate.price(span.bytes, epochs)?)?.min(span.deposit);
    let fee = Amount::from_grains(gross.grains() / FEE_DIVISOR);
    Some(Earned { gross, fee, paid: gross.checked_sub(fee)? })
}

/// One `Settled` log of the Market, as far as a statement needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Dataset.
    pub dataset: DatasetId,
    /// Slot.
    pub slot: u16,
    /// Who was paid.
    pub supplier: Address,
    /// To the supplier.
    pub paid: Amount,
    /// To the holders of shares.
    pub fee: Amount,
    /// Epochs paid for.
    pub proven_epochs: u64,
    /// Epochs not paid for because a sample failed.
    pub failed_epochs: u64,
}

/// Sums over a supplier's settlements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// To the supplier.
    pub paid: Amount,
    /// To the holders of shares.
    pub fees: Amount,
    /// Settlements counted.
    pub settlements: u64,
    /// Slot-epochs paid for.
    pub proven_epochs: u64,
    /// Slot-epochs not paid for because a sample failed.
    pub failed_epochs: u64,
}

/// Adds up one supplier's settlements. `None` if the sum doesn't fit 128 bits.
pub fn statement<'a>(supplier: Address, logs: impl IntoIterator<Item = &'a Settled>) -> Option<Statement> {
    let mut sum = Statement::default();
    for log in logs.into_iter().filter(|log| log.supplier == supplier) {
        sum.paid = sum.paid.checked_add(log.paid)?;
        sum.fees = sum.fees.checked_add(log.fee)?;
        sum.settlements += 1;
        sum.proven_epochs = sum.proven_epochs.checked_add(log.proven_epochs)?;
        sum.failed_epochs = sum.failed_epochs.checked_add(log.failed_epochs)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use bitdust_types::amount::GIB;

    use super::*;

    fn grains(grains: u128) -> Amount {
        Amount::from_grains(grains)
    }

    #[test]
    fn cases_computed_by_hand() {
        let base = Span { rate: grains(1000), bytes: GIB, proven: 3, deposit: grains(1 << 60), ..Span::default() };
        let check = |span: Span, gross: u128| {
            let earned = earned(&span).unwrap();
            assert_eq!(earned.gross.grains(), gross, "{span:?}");
            assert_eq!(earned.fee.grains(), gross / 100, "{span:?}");
            assert_eq!(earned.paid.grains() + earned.fee.grains(), gross, "{span:?}");
        };
        check(base, 3000);
        check(Span { failed: 1, ..base }, 2000);
        // The epoch of the earlier settlement is paid for what was held at its start: nothing, for a new slot.
        check(Span { extra: true, ..base }, 2000);
        check(Span { extra: true, rate_before: grains(500), bytes_before: GIB, ..base }, 2500);
        check(Span { extra: true, extra_failed: true, rate_before: grains(500), bytes_before: GIB, ..base }, 2000);
        check(Span { deposit: grains(2999), ..base }, 2999);
        check(Span { bytes: GIB - 1, proven: 1, ..base }, 999);
        check(Span { proven: 0, ..base }, 0);
    }

    #[test]
    fn a_statement_counts_one_supplier() {
        let log = |who, paid| Settled {
            dataset: DatasetId([1; 32]),
            slot: 0,
            supplier: Address::repeat_byte(who),
            paid: grains(paid),
            fee: grains(paid / 100),
            proven_epochs: 2,
            failed_epochs: 1,
        };
        let logs = [log(1, 100), log(2, 1000), log(1, 300)];
        let sum = statement(Address::repeat_byte(1), &logs).unwrap();
        assert_eq!((sum.paid.grains(), sum.fees.grains(), sum.settlements, sum.failed_epochs), (400, 4, 2, 2));
        assert_eq!(statement(Address::repeat_byte(1), &[log(1, u128::MAX), log(1, 1)]), None);
    }
}
