//! The pool's order, bounds and refusals.

use alloy_consensus::TxEip1559;
use alloy_primitives::TxKind;
use bitdust_types::ChainParams;
use proptest::prelude::*;

use super::*;
use crate::{
    state::Account,
    testing::{account, key, signed},
    tx::decode_and_check,
};

const RICH: U256 = U256::from_limbs([u64::MAX, u64::MAX, 0, 0]);

fn tx(from: u64, nonce: u64, fee: u128) -> CheckedTx {
    sized(from, nonce, fee, 0)
}

fn sized(from: u64, nonce: u64, fee: u128, bytes: usize) -> CheckedTx {
    let params = ChainParams::devnet(30, 1000);
    let tx = TxEip1559 {
        chain_id: params.chain_id,
        nonce,
        gas_limit: 21_000 + 40 * bytes as u64,
        max_fee_per_gas: fee,
        max_priority_fee_per_gas: fee,
        to: TxKind::Call(account(2)),
        input: vec![1; bytes].into(),
        ..TxEip1559::default()
    };
    decode_and_check(&params, &signed(&key(from), tx)).unwrap()
}

fn insert(pool: &mut Pool, tx: CheckedTx) -> Result<Inserted, Invalid> {
    pool.insert(tx, 0, RICH, 1)
}

fn order(pool: &Pool) -> Vec<(Address, u64)> {
    pool.best(1, u64::MAX, usize::MAX).iter().map(|tx| (tx.sender(), tx.nonce())).collect()
}

#[test]
fn the_best_come_first_but_nonces_keep_their_order() {
    let mut pool = Pool::default();
    for (from, nonce, fee) in [(1, 0, 10), (1, 1, 90), (3, 0, 50), (4, 0, 50), (5, 1, 99)] {
        insert(&mut pool, tx(from, nonce, fee)).unwrap();
    }
    // 3 came before 4; 1's dear second waits for its cheap first; 5 has a gap.
    assert_eq!(order(&pool), [(account(3), 0), (account(4), 0), (account(1), 0), (account(1), 1)]);
    assert_eq!(pool.pending_nonce(account(1)), Some(2));
    assert_eq!(pool.pending_nonce(account(5)), Some(0));
    assert_eq!(insert(&mut pool, tx(5, 0, 1)), Ok(Inserted::Ready));
    assert_eq!(pool.pending_nonce(account(5)), Some(2));
    assert_eq!(order(&pool).len(), 6);
    // A base fee of 60 leaves what offers at least that, and nothing behind what doesn't.
    assert!(pool.best(60, u64::MAX, usize::MAX).is_empty());
    assert_eq!(pool.best(50, u64::MAX, usize::MAX).len(), 2);
    assert_eq!(pool.best(1, 3 * 21_000, usize::MAX).len(), 3);
    let one = crate::block::tx_bytes(tx(3, 0, 50).raw().len());
    assert_eq!(pool.best(1, u64::MAX, one).len(), 1);
}

#[test]
fn refusals_say_what_to_do_and_change_nothing() {
    let mut pool = Pool::default();
    let first = tx(1, 0, 100);
    assert_eq!(insert(&mut pool, first.clone()), Ok(Inserted::Ready));
    assert_eq!(insert(&mut pool, tx(1, 5, 100)), Ok(Inserted::Waiting));
    let sender = account(1);
    let (low, cost) = (tx(1, 1, 4), U256::from(21_000) * U256::from(100));
    let cases = [
        (pool.insert(first.clone(), 0, RICH, 1), Invalid::TxKnown(first.hash())),
        (pool.insert(low, 0, RICH, 5), Invalid::TxUnderpriced { fee: 4, base_fee: 5 }),
        (pool.insert(tx(3, 6, 9), 7, RICH, 1), Invalid::TxNonceUsed { sender: account(3), nonce: 6, next: 7 }),
        (
            pool.insert(tx(1, NONCE_AHEAD_MAX, 9), 0, RICH, 1),
            Invalid::TxNonceGap { sender, nonce: NONCE_AHEAD_MAX, next: 0, max: NONCE_AHEAD_MAX },
        ),
        (
            pool.insert(tx(1, 0, 109), 0, RICH, 1),
            Invalid::TxReplacement { nonce: 0, by: first.hash(), fee: 110, tip: 110 },
        ),
        (
            pool.insert(tx(1, 1, 100), 0, cost * U256::from(3) - U256::from(1), 1),
            Invalid::TxFunds { sender, balance: cost * U256::from(3) - U256::from(1), cost: cost * U256::from(3) },
        ),
        (
            pool.insert(tx(7, 0, 100), 0, U256::ZERO, 1),
            Invalid::TxFunds { sender: account(7), balance: U256::ZERO, cost },
        ),
    ];
    for (result, verdict) in cases {
        assert_eq!(result, Err(verdict));
    }
    assert_eq!(pool.len(), 2);
    let better = tx(1, 0, 110);
    assert_eq!(insert(&mut pool, better.clone()), Ok(Inserted::Replaced(first.hash())));
    assert_eq!((pool.len(), pool.get(&first.hash()), pool.get(&better.hash())), (2, None, Some(better)));
}

#[test]
fn a_full_pool_gives_up_its_cheapest_last() {
    let mut pool = Pool::new(PoolLimits { count: 3, ..PoolLimits::default() });
    let cheap = tx(1, 1, 10);
    for tx in [tx(1, 0, 99), cheap.clone(), tx(3, 0, 20)] {
        insert(&mut pool, tx).unwrap();
    }
    assert_eq!(insert(&mut pool, tx(4, 0, 10)), Err(Invalid::PoolFull { fee: 10 }));
    insert(&mut pool, tx(4, 0, 11)).unwrap();
    assert_eq!(pool.get(&cheap.hash()), None);
    assert_eq!(order(&pool), [(account(1), 0), (account(3), 0), (account(4), 0)]);
    // A dear transaction behind a cheap one is worth what the cheap one is.
    insert(&mut pool, tx(5, 0, 50)).unwrap();
    assert_eq!(order(&pool), [(account(1), 0), (account(5), 0), (account(3), 0)]);
    let mut pool = Pool::new(PoolLimits { bytes: 1000, ..PoolLimits::default() });
    insert(&mut pool, sized(1, 0, 5, 300)).unwrap();
    insert(&mut pool, sized(3, 0, 6, 300)).unwrap();
    insert(&mut pool, sized(4, 0, 7, 400)).unwrap();
    assert_eq!(order(&pool), [(account(4), 0), (account(3), 0)]);
    assert_eq!(insert(&mut pool, sized(4, 1, 9, 990)), Err(Invalid::PoolFull { fee: 9 }));
}

#[test]
fn one_sender_has_a_share_of_its_own() {
    let mut pool = Pool::new(PoolLimits { per_sender: 4, ..PoolLimits::default() });
    for nonce in 0..4 {
        insert(&mut pool, tx(1, nonce, 10)).unwrap();
    }
    assert_eq!(insert(&mut pool, tx(1, 4, 10)), Err(Invalid::PoolSender { sender: account(1), max: 4 }));
    insert(&mut pool, tx(1, 3, 20)).unwrap();
}

#[test]
fn a_block_takes_out_what_it_included_and_what_became_impossible() {
    let mut pool = Pool::default();
    for nonce in 0..4 {
        insert(&mut pool, tx(1, nonce, 10)).unwrap();
        insert(&mut pool, tx(3, nonce, 10)).unwrap();
    }
    let cost = U256::from(210_000);
    let of = |nonce, balance| Some(Account { nonce, balance, ..Account::default() });
    // 1 sent two; 3 can only pay one more.
    let accounts = [(account(1), of(2, RICH)), (account(3), of(0, cost)), (account(9), of(5, RICH))].into();
    pool.on_block(&StateDiff { accounts, ..StateDiff::default() });
    assert_eq!(order(&pool), [(account(3), 0), (account(1), 2), (account(1), 3)]);
    let emptied = StateDiff { accounts: [(account(3), None)].into(), ..StateDiff::default() };
    pool.on_block(&emptied);
    assert_eq!(pool.of_sender(account(3)), []);
    assert_eq!((pool.len(), pool.pending_nonce(account(3))), (2, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever comes, the bounds hold, the books agree, and what `best` gives could go into a block as it stands.
    #[test]
    fn bounds_and_order_hold_whatever_comes(
        acts in prop::collection::vec((0u64..5, 0u64..8, 1u128..40, 0usize..120, 0u8..8, 0u64..60), 1..70),
        count in 1usize..12, bytes in 200usize..1500, per_sender in 1usize..6,
    ) {
        let limits = PoolLimits { count, bytes, per_sender };
        let mut pool = Pool::new(limits);
        let mut accounts = [(0u64, U256::from(3_000_000)); 5];
        for (from, nonce, fee, size, kind, balance) in acts {
            let index = from as usize;
            if kind == 0 {
                let (old, _) = accounts[index];
                accounts[index] = (old.max(nonce.min(old + 1)), U256::from(balance * 100_000));
                let (nonce, balance) = accounts[index];
                let changed = Account { nonce, balance, ..Account::default() };
                pool.on_block(&StateDiff { accounts: [(account(from), Some(changed))].into(), ..StateDiff::default() });
            } else {
                let (nonce_now, balance) = accounts[index];
                let candidate = sized(from, nonce, fee, size);
                let before = (pool.len(), pool.bytes());
                let inserted = pool.insert(candidate.clone(), nonce_now, balance, 5);
                prop_assert_eq!(inserted.is_ok(), pool.get(&candidate.hash()).is_some() && !matches!(inserted, Err(Invalid::TxKnown(_))));
                if inserted.is_err() {
                    prop_assert_eq!((pool.len(), pool.bytes()), before);
                }
            }
            prop_assert!(pool.len() <= count && pool.bytes() <= bytes, "{} txs, {} bytes", pool.len(), pool.bytes());
            let mut all = 0;
            let mut sum = 0;
            for (number, (nonce, balance)) in (0u64..).zip(accounts) {
                let waiting = pool.of_sender(account(number));
                prop_assert!(waiting.len() <= per_sender);
                prop_assert!(waiting.iter().all(|tx| tx.nonce() >= nonce));
                prop_assert!(waiting.iter().map(CheckedTx::cost).sum::<U256>() <= balance);
                all += waiting.len();
                sum += waiting.iter().map(|tx| tx.raw().len()).sum::<usize>();
            }
            prop_assert_eq!((all, sum), (pool.len(), pool.bytes()));
            let mut next: Vec<u64> = accounts.iter().map(|(nonce, _)| *nonce).collect();
            for tx in pool.best(5, u64::MAX, usize::MAX) {
                let number = (0u64..5).find(|number| account(*number) == tx.sender()).unwrap() as usize;
                prop_assert_eq!(tx.nonce(), next[number]);
                next[number] += 1;
                prop_assert!(tx.fee() >= 5);
            }
        }
    }
}
