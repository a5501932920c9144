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

#[test]
fn a_flood_of_gapped_nonces_takes_no_ready_ones_place() {
    let limits = PoolLimits { count: 12, queued_count: 4, ..PoolLimits::default() };
    let mut pool = Pool::new(limits);
    for from in 1..=8 {
        insert(&mut pool, tx(from, 0, 2)).unwrap();
    }
    let honest = order(&pool);
    // Rich strangers whose first nonce never comes offer whatever it takes.
    let mut refused = 0;
    for from in 20..60 {
        for nonce in 1..4 {
            refused += usize::from(insert(&mut pool, tx(from, nonce, 1000 + u128::from(from * 7 % 11))).is_err());
        }
    }
    assert_eq!((order(&pool), pool.len(), pool.queued()), (honest.clone(), 12, 4));
    assert!(refused > 0);
    let poor = insert(&mut pool, tx(70, 1, 3));
    assert!(matches!(poor, Err(Invalid::PoolQueueFull { next: 0, .. })), "{poor:?}");
    // The cheapest ready one pushes them out, one after the other; then only a dearer one gets in.
    for from in 80..84 {
        assert_eq!(insert(&mut pool, tx(from, 0, 2)), Ok(Inserted::Ready));
    }
    assert_eq!((pool.len(), pool.queued()), (12, 0));
    assert_eq!(insert(&mut pool, tx(85, 0, 2)), Err(Invalid::PoolFull { fee: 2 }));
    assert!(matches!(insert(&mut pool, tx(86, 1, 99)), Err(Invalid::PoolQueueFull { .. })));
    assert!(honest.iter().all(|place| order(&pool).contains(place)));
}

#[test]
fn a_large_ready_one_pushes_out_as_many_queued_ones_as_it_takes() {
    let mut pool = Pool::new(PoolLimits { bytes: 1000, ..PoolLimits::default() });
    for nonce in 1..8 {
        insert(&mut pool, tx(1, nonce, 50)).unwrap();
    }
    let before = pool.queued();
    assert_eq!(insert(&mut pool, sized(3, 0, 2, 600)), Ok(Inserted::Ready));
    let left = pool.of_sender(account(1));
    assert!((1..before - 1).contains(&left.len()), "{} of {before} are left", left.len());
    // From the end, so that those stay which come first once the gap is filled.
    assert!(left.iter().zip(1..).all(|(tx, nonce)| tx.nonce() == nonce));
}

#[test]
fn queued_ones_have_bounds_of_their_own() {
    let limits = PoolLimits { queued_per_sender: 2, queued_count: 3, ..PoolLimits::default() };
    let mut pool = Pool::new(limits);
    insert(&mut pool, tx(1, 0, 10)).unwrap();
    for nonce in [2, 3] {
        assert_eq!(insert(&mut pool, tx(1, nonce, 10)), Ok(Inserted::Waiting));
    }
    let refused = insert(&mut pool, tx(1, 4, 99));
    assert_eq!(refused, Err(Invalid::PoolQueuedSender { sender: account(1), next: 1, max: 2 }));
    assert!(matches!(insert(&mut pool, tx(1, 3, 20)), Ok(Inserted::Replaced(_))));
    insert(&mut pool, tx(3, 1, 30)).unwrap();
    assert_eq!(insert(&mut pool, tx(4, 7, 10)), Err(Invalid::PoolQueueFull { next: 0, fee: 10 }));
    // A dearer one takes the place of the cheapest sender's last.
    assert_eq!(insert(&mut pool, tx(4, 7, 11)), Ok(Inserted::Waiting));
    assert_eq!(pool.of_sender(account(1)).iter().map(CheckedTx::nonce).collect::<Vec<_>>(), [0, 2]);
    // Filling the gap makes room: what it made ready is queued no more.
    assert_eq!(insert(&mut pool, tx(1, 1, 10)), Ok(Inserted::Ready));
    assert_eq!((pool.pending_nonce(account(1)), pool.queued()), (Some(3), 2));
    assert_eq!(insert(&mut pool, tx(1, 4, 10)), Ok(Inserted::Waiting));
}

#[test]
fn queued_ones_are_given_up_after_a_while() {
    let limits = PoolLimits { queued_blocks: 3, ..PoolLimits::default() };
    let mut pool = Pool::new(limits);
    for (from, nonce) in [(1, 0), (1, 2), (3, 1)] {
        insert(&mut pool, tx(from, nonce, 10)).unwrap();
    }
    let nothing = StateDiff::default();
    pool.on_block(&nothing);
    insert(&mut pool, tx(4, 1, 10)).unwrap();
    pool.on_block(&nothing);
    insert(&mut pool, tx(3, 0, 10)).unwrap();
    assert_eq!(pool.queued(), 2);
    pool.on_block(&nothing);
    // 1's second has waited for three blocks, 4's for two; what can run stays for as long as it takes.
    assert_eq!((pool.len(), pool.queued()), (4, 1));
    pool.on_block(&nothing);
    assert_eq!((pool.len(), pool.queued()), (3, 0));
    assert_eq!(order(&pool), [(account(1), 0), (account(3), 0), (account(3), 1)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever comes, the bounds hold, the books agree, and what `best` gives could go into a block as it stands.
    #[test]
    fn bounds_and_order_hold_whatever_comes(
        acts in prop::collection::vec((0u64..5, 0u64..8, 1u128..40, 0usize..120, 0u8..8, 0u64..60), 1..70),
        count in 1usize..12, bytes in 200usize..1500, per_sender in 1usize..6,
        queued_count in 1usize..6, queued_bytes in 100usize..700, queued_per_sender in 1usize..4, queued_blocks in 1u64..6,
    ) {
        let queued = PoolLimits { queued_count, queued_bytes, queued_per_sender, queued_blocks, ..PoolLimits::default() };
        let limits = PoolLimits { count, bytes, per_sender, ..queued };
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
                let ready = order(&pool);
                let is_queued = nonce > pool.pending_nonce(account(from)).unwrap_or(nonce_now);
                let inserted = pool.insert(candidate.clone(), nonce_now, balance, 5);
                prop_assert_eq!(inserted.is_ok(), pool.get(&candidate.hash()).is_some() && !matches!(inserted, Err(Invalid::TxKnown(_))));
                if inserted.is_err() {
                    prop_assert_eq!((pool.len(), pool.bytes()), before);
                }
                if is_queued {
                    prop_assert_eq!(order(&pool), ready, "a queued one took a ready one's place");
                }
            }
            prop_assert!(pool.len() <= count && pool.bytes() <= bytes, "{} txs, {} bytes", pool.len(), pool.bytes());
            let mut all = 0;
            let mut sum = 0;
            let mut gapped = Vec::new();
            for (number, (nonce, balance)) in (0u64..).zip(accounts) {
                let waiting = pool.of_sender(account(number));
                prop_assert!(waiting.len() <= per_sender);
                prop_assert!(waiting.iter().all(|tx| tx.nonce() >= nonce));
                prop_assert!(waiting.iter().map(CheckedTx::cost).sum::<U256>() <= balance);
                let next = pool.pending_nonce(account(number)).unwrap_or(nonce);
                let of_sender = waiting.iter().filter(|tx| tx.nonce() > next).map(|tx| tx.raw().len());
                prop_assert!(of_sender.clone().count() <= queued_per_sender);
                gapped.extend(of_sender);
                all += waiting.len();
                sum += waiting.iter().map(|tx| tx.raw().len()).sum::<usize>();
            }
            prop_assert_eq!((all, sum), (pool.len(), pool.bytes()));
            prop_assert_eq!(gapped.len(), pool.queued());
            prop_assert!(gapped.len() <= queued_count && gapped.iter().sum::<usize>() <= queued_bytes);
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
