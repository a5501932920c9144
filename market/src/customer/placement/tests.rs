//! Who gets a slot, who is refused and why.

use proptest::{collection::vec, prelude::*};

use super::*;

fn candidate(number: u8) -> Candidate {
    Candidate {
        account: Address::repeat_byte(number),
        operator: B256::ZERO,
        region: "eu".to_owned(),
        price: Amount::from_grains(100),
        capacity_free_bytes: 1 << 40,
        collateral_free: Amount::from_grains(1 << 60),
        term_epochs_max: 100,
        addresses: vec![IpAddr::from([10, 0, number, 1])],
        proven_epochs: 10,
        missed_epochs: 0,
        latency_ms: Some(20),
        kib_per_second: None,
    }
}

fn policy() -> Policy {
    Policy {
        // The lots of accounts 1, 2 and 3 rise.
        dataset: rising(),
        price_cap: Amount::from_grains(1000),
        slot_bytes: 1 << 30,
        term_epochs: 50,
        regions: BTreeSet::new(),
        share_loopback: false,
    }
}

fn rising() -> DatasetId {
    let datasets = (0..=u8::MAX).map(|byte| DatasetId([byte; 32]));
    let lots = |dataset: &DatasetId| [1, 2, 3].map(|number| lot(dataset, &Address::repeat_byte(number)));
    datasets.into_iter().find(|dataset| lots(dataset).is_sorted()).unwrap()
}

fn chosen(candidates: &[Candidate], policy: &Policy, slots: u16) -> Result<Vec<u8>, Unplaced> {
    let slots: Vec<u16> = (0..slots).collect();
    let placed = place(&slots, &[], candidates, policy, &Failures::default(), 0)?;
    Ok(placed.iter().map(|placement| placement.supplier.0[0]).collect())
}

#[test]
fn the_score_prefers_what_it_says() {
    let better = |change: fn(&mut Candidate)| {
        let mut worse = candidate(1);
        change(&mut worse);
        // Account 1 would win a tie.
        assert_eq!(chosen(&[worse.clone(), candidate(2)], &policy(), 1).unwrap(), [2], "{worse:?}");
    };
    better(|worse| worse.price = Amount::from_grains(101));
    better(|worse| worse.missed_epochs = 1);
    better(|worse| worse.proven_epochs = 2);
    better(|worse| worse.latency_ms = Some(40));
    better(|worse| worse.latency_ms = None);
    better(|worse| worse.kib_per_second = Some(100));
    assert_eq!(chosen(&[candidate(2), candidate(1)], &policy(), 1).unwrap(), [1], "ties go to the lower lot");
}

#[test]
fn equals_take_turns_at_every_slot() {
    let candidates: Vec<Candidate> = (1..=8).map(candidate).collect();
    let mut counts = [[0; 8]; 4];
    for number in 0..800_u64 {
        let dataset = DatasetId(bitdust_types::U256::from(number).to_be_bytes());
        let policy = Policy { dataset, ..policy() };
        let who = chosen(&candidates, &policy, 4).unwrap();
        assert_eq!(chosen(&candidates, &policy, 4).unwrap(), who);
        who.iter().enumerate().for_each(|(slot, account)| counts[slot][usize::from(*account) - 1] += 1);
    }
    // A hundred each, with a standard deviation of 9.
    assert!(counts.as_flattened().iter().all(|count| (60..140).contains(count)), "{counts:?}");
    // The best are chosen first, whatever their lots.
    let mut better = candidates;
    better[4..].iter_mut().for_each(|candidate| candidate.latency_ms = Some(10));
    let mut who = chosen(&better, &policy(), 4).unwrap();
    who.sort_unstable();
    assert_eq!(who, [5, 6, 7, 8]);
}

#[test]
fn failures_are_remembered_and_fade() {
    let mut failures = Failures::default();
    let who = Address::repeat_byte(1);
    failures.note(who, 0);
    let place_at = |failures: &Failures, now_ms| {
        place(&[0], &[], &[candidate(1), candidate(2)], &policy(), failures, now_ms).unwrap()[0].supplier
    };
    assert_eq!(place_at(&failures, 1), Address::repeat_byte(2));
    assert_eq!(failures.weight(who, FAILURE_HALF_LIFE_MS), 500);
    assert_eq!(place_at(&failures, 20 * FAILURE_HALF_LIFE_MS), who, "after three hours it is as good as new");
    failures.note(who, 2);
    assert_eq!(failures.weight(who, 2), 2000);
    failures.forgive(who);
    assert_eq!(failures.weight(who, 2), 1000);
    let bytes = borsh::to_vec(&failures).unwrap();
    assert_eq!(borsh::from_slice::<Failures>(&bytes).unwrap(), failures);
    for number in 0..=FAILURES_MAX as u64 {
        failures.note(Address::from_word(B256::from(bitdust_types::U256::from(number))), 3);
    }
    assert_eq!(failures.0.len(), FAILURES_MAX);
    assert_eq!(failures.weight(who, 3), 0, "the oldest is forgotten");
}

#[test]
fn a_shared_operator_or_network_gets_one_slot() {
    let mut same = vec![candidate(1), candidate(2), candidate(3)];
    same[0].operator = B256::repeat_byte(1);
    same[1].operator = B256::repeat_byte(1);
    assert_eq!(chosen(&same, &policy(), 2).unwrap(), [1, 3]);
    let unplaced = chosen(&same, &policy(), 3).unwrap_err();
    assert_eq!((unplaced.needed, unplaced.found), (3, 2));
    assert!(unplaced.to_string().contains("operator"), "{unplaced}");

    for (a, b, clash) in [
        ("10.0.0.1", "10.0.0.200", true),
        ("10.0.0.1", "10.0.1.1", false),
        ("2001:db8:1::1", "2001:db8:1:ffff::1", true),
        ("2001:db8:1::1", "2001:db8:2::1", false),
        ("10.0.0.1", "::ffff:10.0.0.9", true),
        ("127.0.0.1", "127.0.0.1", true),
    ] {
        let mut pair = vec![candidate(1), candidate(2)];
        pair[0].addresses = vec![a.parse().unwrap()];
        pair[1].addresses = vec![b.parse().unwrap()];
        assert_eq!(chosen(&pair, &policy(), 2).is_err(), clash, "{a} and {b}");
    }
    let mut pair = vec![candidate(1), candidate(2)];
    pair.iter_mut().for_each(|candidate| candidate.addresses = vec![IpAddr::from([127, 0, 0, 1])]);
    assert_eq!(chosen(&pair, &Policy { share_loopback: true, ..policy() }, 2).unwrap(), [1, 2]);
}

#[test]
fn those_that_dont_fit_are_refused_with_the_reason() {
    /// Makes a candidate unfit.
    type Spoil = fn(&mut Candidate);
    let cases: [(Spoil, &str); 5] = [
        (|candidate| candidate.price = Amount::from_grains(1001), "cap"),
        (|candidate| candidate.term_epochs_max = 49, "terms of 49"),
        (|candidate| candidate.capacity_free_bytes = (1 << 30) - 1, "bytes free"),
        (|candidate| candidate.collateral_free = Amount::from_grains(9_999), "collateral"),
        (|candidate| candidate.region = "moon".to_owned(), "moon"),
    ];
    for (change, reason) in cases {
        let mut unfit = candidate(1);
        change(&mut unfit);
        let policy = Policy { regions: BTreeSet::from(["eu".to_owned()]), ..policy() };
        let unplaced = chosen(&[unfit], &policy, 1).unwrap_err();
        assert!(unplaced.refused[0].1.contains(reason), "{unplaced}");
    }
    let mut fits = candidate(1);
    fits.collateral_free = Amount::from_grains(10_000);
    assert_eq!(chosen(&[fits], &policy(), 1).unwrap(), [1]);
}

#[test]
fn holders_of_other_slots_count() {
    let placed =
        place(&[5], &[candidate(1)], &[candidate(1), candidate(2)], &policy(), &Failures::default(), 0).unwrap();
    assert_eq!((placed[0].slot, placed[0].supplier), (5, Address::repeat_byte(2)));
}

proptest! {
    /// No two slots of one placement share an account, an operator or a network, whatever there is to choose from.
    #[test]
    fn no_two_slots_share_a_fate(numbers in vec((any::<u8>(), 0u8..6, 0u8..6, 1u128..1000), 0..20), slots in 1u16..6) {
        let candidates: Vec<Candidate> = numbers
            .iter()
            .map(|(number, operator, network, price)| Candidate {
                operator: B256::repeat_byte(*operator),
                addresses: vec![IpAddr::from([10, 0, *network, *number])],
                price: Amount::from_grains(*price),
                ..candidate(*number)
            })
            .collect();
        if let Ok(placed) = chosen(&candidates, &policy(), slots) {
            prop_assert_eq!(placed.len(), usize::from(slots));
            let find = |number: &u8| candidates.iter().filter(|candidate| candidate.account.0[0] == *number).collect::<Vec<_>>();
            let accounts: BTreeSet<u8> = placed.iter().copied().collect();
            prop_assert_eq!(accounts.len(), placed.len());
            // Candidates with the same account may differ; then it is unknown which of them was chosen.
            let known: Vec<&Candidate> = placed.iter().map(find).filter(|found| found.len() == 1).map(|found| found[0]).collect();
            for (index, one) in known.iter().enumerate() {
                for other in &known[..index] {
                    prop_assert!(one.operator.is_zero() || one.operator != other.operator);
                    prop_assert_ne!(one.addresses[0].to_string().split('.').nth(2).map(str::to_owned), other.addresses[0].to_string().split('.').nth(2).map(str::to_owned));
                }
            }
        }
    }
}
