//! A whole statement of an account: a node answers a few thousand blocks at once and says where to go on.

use alloy_primitives::Address;
use anyhow::{Context as _, Result, ensure};
use bitdust_rpc::{
    Client,
    api::{EthClient as _, MarketClient as _},
    types::market::Statement,
};
use bitdust_types::Amount;

use super::{output, remote::explain};

/// Asks for an account's statement over `from..=to`, part by part to the end; the whole chain if nothing is named. Shows how
/// far it is unless `json` is set.
pub async fn fetch(
    client: &Client,
    address: Address,
    from: Option<u64>,
    to: Option<u64>,
    json: bool,
) -> Result<Statement> {
    let tip = client.eth_block_number().await.map_err(explain(client))?.to::<u64>();
    let first = from.unwrap_or(0);
    let progress = output::block_progress(json, to.unwrap_or(tip).min(tip).saturating_sub(first), "reading blocks");
    let statement = gather(from, async |from| {
        let part = client.market_statement(address, from, to).await.map_err(explain(client))?;
        progress.set_position(part.to_block.saturating_sub(first));
        Ok(part)
    })
    .await;
    progress.finish_and_clear();
    statement
}

/// Asks part after part, each from where the one before says, and makes one of them.
async fn gather(from: Option<u64>, mut ask: impl AsyncFnMut(Option<u64>) -> Result<Statement>) -> Result<Statement> {
    let mut whole = ask(from).await?;
    while let Some(next) = whole.next_block {
        ensure!(
            next > whole.to_block,
            "the node answered blocks up to {} and names {next} as the next: ask another node",
            whole.to_block
        );
        append(&mut whole, ask(Some(next)).await?)?;
    }
    Ok(whole)
}

/// Adds the part that comes next.
fn append(whole: &mut Statement, part: Statement) -> Result<()> {
    let add = |sum: &mut Amount, more: Amount| -> Result<()> {
        *sum = sum.checked_add(more).context("the node's sums are larger than all coins: ask another node")?;
        Ok(())
    };
    add(&mut whole.earned, part.earned)?;
    add(&mut whole.fees, part.fees)?;
    add(&mut whole.slashed, part.slashed)?;
    add(&mut whole.paid, part.paid)?;
    add(&mut whole.refunded, part.refunded)?;
    add(&mut whole.sent, part.sent)?;
    add(&mut whole.received, part.received)?;
    add(&mut whole.gas, part.gas)?;
    whole.lines.extend(part.lines);
    whole.to_block = part.to_block;
    whole.next_block = part.next_block;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(from_block: u64, to_block: u64, next_block: Option<u64>) -> Statement {
        let grains = |count| Amount::from_grains(count);
        Statement {
            address: Address::repeat_byte(1),
            from_block,
            to_block,
            lines: Vec::new(),
            earned: grains(1),
            fees: grains(2),
            slashed: grains(3),
            paid: grains(4),
            refunded: grains(5),
            sent: grains(6),
            received: grains(7),
            gas: grains(8),
            next_block,
        }
    }

    #[tokio::test]
    async fn a_statement_goes_on_to_the_last_block() {
        let mut asked = Vec::new();
        let whole = gather(Some(10), async |from| {
            asked.push(from);
            Ok(match from {
                Some(10) => part(10, 5009, Some(5010)),
                Some(5010) => part(5010, 10_009, Some(10_010)),
                _ => part(10_010, 12_000, None),
            })
        });
        let whole = whole.await.unwrap();
        assert_eq!(asked, [Some(10), Some(5010), Some(10_010)]);
        assert_eq!((whole.from_block, whole.to_block, whole.next_block), (10, 12_000, None));
        let sums = [
            whole.earned,
            whole.fees,
            whole.slashed,
            whole.paid,
            whole.refunded,
            whole.sent,
            whole.received,
            whole.gas,
        ];
        assert_eq!(sums.map(|sum| sum.grains()), [3, 6, 9, 12, 15, 18, 21, 24]);
    }

    #[tokio::test]
    async fn a_node_that_goes_round_in_circles_is_left() {
        let error = gather(None, async |_| Ok(part(0, 9, Some(9)))).await.unwrap_err().to_string();
        assert!(error.contains("up to 9 and names 9"), "{error}");
        let huge = || Statement { gas: Amount::from_grains(u128::MAX), ..part(0, 9, Some(10)) };
        let error = gather(None, async |_| Ok(huge())).await.unwrap_err().to_string();
        assert!(error.contains("larger than all coins"), "{error}");
    }
}
