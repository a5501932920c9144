//! Whole blocks come out, whatever the order; what nobody may do is refused; memory stays bounded.

use bitdust_types::{Validator, ValidatorSet, signing};
use k256::ecdsa::SigningKey;
use malachitebft_app_channel::app::streaming::{StreamContent, StreamMessage};
use proptest::prelude::*;

use super::*;
use crate::engine::{
    part::{self, PART_BYTES},
    scheme::Keeper,
};

const CHAIN_ID: u64 = 45439;
const BLOCK_BYTES_MAX: u32 = 1024 * 1024;
const HEIGHT: u64 = 9;

fn keeper(index: u8) -> Keeper {
    Keeper { chain_id: CHAIN_ID, key: Some(SigningKey::from_slice(&[index + 1; 32]).unwrap()) }
}

fn address(index: u8) -> Address {
    signing::address_of(keeper(index).key.unwrap().verifying_key())
}

fn members(indices: &[u8]) -> Members {
    let validators = indices.iter().map(|i| Validator::new(keeper(*i).key.unwrap().verifying_key(), 1)).collect();
    Members::new(&ValidatorSet::new(validators).unwrap()).unwrap()
}

fn assembly() -> Assembly {
    Assembly::new(CHAIN_ID, BLOCK_BYTES_MAX, HEIGHT, members(&[0, 1, 2, 3]))
}

/// A block's parts from `sender`, as of `height` and `round` of the right proposer.
fn parts(sender: u8, height: u64, round: u32, block: &[u8]) -> Vec<StreamMessage<Part>> {
    let heading = Heading {
        height,
        round,
        pol_round: None,
        proposer: members(&[0, 1, 2, 3]).proposer(height, round).into(),
        sender: address(sender).into(),
        block_bytes: block.len() as u32,
    };
    part::cut(&keeper(sender), &heading, block).unwrap()
}

fn give(assembly: &mut Assembly, message: StreamMessage<Part>) -> Result<Option<Whole>, Invalid> {
    let StreamContent::Data(part) = message.content else { unreachable!("we send no bare ends") };
    assembly.add(&message.stream_id.to_bytes(), message.sequence, part)
}

/// Gives one changed part and expects a verdict.
fn refused(change: impl FnOnce(&mut StreamMessage<Part>, &mut Part)) -> Invalid {
    let mut assembly = assembly();
    let mut message = parts(0, HEIGHT, 0, &[7; 1000]).remove(0);
    let StreamContent::Data(mut part) = message.content.clone() else { unreachable!() };
    change(&mut message, &mut part);
    message.content = StreamContent::Data(part);
    let invalid = give(&mut assembly, message).expect_err("the change must be noticed");
    assert_eq!(assembly.bytes(), 0);
    invalid
}

#[test]
fn what_is_not_as_signed_is_refused() {
    let by = address(0);
    let unsigned = Invalid::PartSignature(by);
    assert_eq!(refused(|_, part| part.data[3] ^= 1), unsigned);
    assert_eq!(refused(|_, part| part.signature.0[3] ^= 1), unsigned);
    assert_eq!(refused(|_, part| part.heading.pol_round = Some(0)), unsigned);
    assert_eq!(refused(|_, part| part.heading.sender = address(1).into()), Invalid::PartSignature(address(1)));
    assert_eq!(refused(|_, part| part.heading.height += 1), unsigned);
    assert_eq!(refused(|message, _| message.sequence += 1), Invalid::PartMismatch(by));
    assert_eq!(refused(|_, part| part.heading.sender = address(9).into()), Invalid::Foreign(address(9)));
    assert!(matches!(refused(|_, part| part.heading.height += 2), Invalid::PartHeight { got: 11, working: 9 }));
    assert!(matches!(refused(|_, part| part.heading.height -= 1), Invalid::PartHeight { .. }));
    assert!(matches!(refused(|_, part| part.heading.height = u64::MAX), Invalid::PartHeight { .. }));
    assert!(matches!(refused(|_, part| part.heading.round = 17), Invalid::PartRound { got: 17, working: 0 }));
    assert!(matches!(refused(|_, part| part.heading.round = u32::MAX), Invalid::PartRound { .. }));
    assert!(matches!(refused(|_, part| part.heading.block_bytes = u32::MAX), Invalid::PartSize { .. }));
    assert!(matches!(refused(|_, part| part.heading.block_bytes = 0), Invalid::PartSize { .. }));
    assert!(matches!(refused(|_, part| part.data.push(0)), Invalid::PartSize { .. }));
    assert!(matches!(refused(|_, part| part.data.clear()), Invalid::PartSize { .. }));
    let other = (0..4).map(address).find(|a| *a != members(&[0, 1, 2, 3]).proposer(HEIGHT, 0)).unwrap();
    assert!(
        matches!(refused(|_, part| part.heading.proposer = other.into()), Invalid::PartProposer { named, .. } if named == other)
    );
}

#[test]
fn another_streams_name_or_another_chain_is_refused() {
    let mut assembly = assembly();
    let other = parts(0, HEIGHT, 0, &[8; 1000]).remove(0);
    let mut message = parts(0, HEIGHT, 0, &[7; 1000]).remove(0);
    message.stream_id = other.stream_id;
    assert_eq!(give(&mut assembly, message.clone()), Err(Invalid::PartSignature(address(0))));
    let mut elsewhere = Assembly::new(CHAIN_ID + 1, BLOCK_BYTES_MAX, HEIGHT, members(&[0, 1, 2, 3]));
    let message = parts(0, HEIGHT, 0, &[7; 1000]).remove(0);
    assert_eq!(give(&mut elsewhere, message), Err(Invalid::PartSignature(address(0))));
}

#[test]
fn a_block_comes_out_once() {
    let mut assembly = assembly();
    let message = parts(1, HEIGHT, 0, b"block").remove(0);
    let whole = give(&mut assembly, message.clone()).unwrap().unwrap();
    assert_eq!((whole.block.as_slice(), whole.heading.sender), (&b"block"[..], address(1).into()));
    assert_eq!(give(&mut assembly, message), Ok(None));
    // Passed on by another it is another stream.
    assert!(give(&mut assembly, parts(2, HEIGHT, 0, b"block").remove(0)).unwrap().is_some());
}

#[test]
fn nobody_opens_more_streams_than_needed() {
    let mut assembly = assembly();
    for block in 0..STREAMS_PER_ROUND_MAX as u8 {
        give(&mut assembly, parts(0, HEIGHT, 0, &[block; 10]).remove(0)).unwrap().unwrap();
    }
    let more = parts(0, HEIGHT, 0, &[99; 10]).remove(0);
    assert_eq!(give(&mut assembly, more), Err(Invalid::Streams { sender: address(0), max: STREAMS_PER_ROUND_MAX }));
    // Others and other rounds are not concerned.
    give(&mut assembly, parts(1, HEIGHT, 0, &[99; 10]).remove(0)).unwrap().unwrap();
    give(&mut assembly, parts(0, HEIGHT, 1, &[99; 10]).remove(0)).unwrap().unwrap();
}

#[test]
fn memory_is_bounded_and_the_greediest_pays() {
    let mut assembly = assembly();
    let block = vec![1; BLOCK_BYTES_MAX as usize];
    // An honest sender is half done.
    let mut honest = parts(1, HEIGHT, 0, &vec![2; 2 * PART_BYTES]);
    let last = honest.pop().unwrap();
    assert_eq!(give(&mut assembly, honest.pop().unwrap()), Ok(None));
    for round in 0..=ROUND_WINDOW {
        for mut stream in [parts(0, HEIGHT, round, &block), parts(0, HEIGHT + 1, round, &block)] {
            stream.pop();
            for message in stream {
                // Refusals are fine, growth is not.
                let _ = give(&mut assembly, message);
                assert!(assembly.bytes() <= OPEN_BLOCKS_MAX * BLOCK_BYTES_MAX as usize);
            }
        }
    }
    assert!(give(&mut assembly, last).unwrap().is_some(), "the honest sender's block must survive");
}

#[test]
fn heights_and_rounds_that_are_over_are_forgotten() {
    let mut assembly = assembly();
    let mut now = parts(0, HEIGHT, 0, &vec![1; 2 * PART_BYTES]);
    let mut next = parts(1, HEIGHT + 1, 0, &vec![2; 2 * PART_BYTES]);
    let mut leaver = parts(2, HEIGHT + 1, 0, &vec![3; 2 * PART_BYTES]);
    for stream in [&mut now, &mut next, &mut leaver] {
        assert_eq!(give(&mut assembly, stream.remove(0)), Ok(None));
    }
    assert_eq!(assembly.bytes(), 3 * PART_BYTES);
    assembly.advance(HEIGHT + 1, members(&[0, 1, 3]));
    assert_eq!(assembly.bytes(), PART_BYTES);
    assert!(matches!(give(&mut assembly, now.remove(0)), Err(Invalid::PartHeight { .. })));
    assert_eq!(give(&mut assembly, leaver.remove(0)), Err(Invalid::Foreign(address(2))));
    let mut early = parts(1, HEIGHT + 1, 1, &[0; 10]);
    assembly.enter_round(40);
    assert_eq!(assembly.bytes(), 0);
    assert!(matches!(give(&mut assembly, early.remove(0)), Err(Invalid::PartRound { got: 1, working: 40 })));
}

#[test]
fn contradicting_parts_close_the_stream() {
    // A sender that signs two versions of one part under one name.
    let mut assembly = assembly();
    let good = parts(0, HEIGHT, 0, &vec![1; 2 * PART_BYTES]);
    let StreamContent::Data(mut part) = good[0].content.clone() else { unreachable!() };
    part.data[0] ^= 1;
    let head = crate::sign_bytes::PartHead {
        stream: &good[0].stream_id.to_bytes(),
        height: HEIGHT,
        round: 0,
        pol_round: -1,
        proposer: part.heading.proposer.into(),
        sender: address(0),
        block_bytes: part.heading.block_bytes,
        index: 0,
    };
    part.signature = keeper(0).sign(crate::sign_bytes::part(CHAIN_ID, &head, &part.data)).unwrap();
    let other = StreamMessage::new(good[0].stream_id.clone(), 0, StreamContent::Data(part));
    assert_eq!(give(&mut assembly, good[0].clone()), Ok(None));
    assert_eq!(give(&mut assembly, other), Err(Invalid::PartMismatch(address(0))));
    assert_eq!(assembly.bytes(), 0);
    assert_eq!(give(&mut assembly, good[1].clone()), Ok(None), "the stream stays closed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_order_gives_the_block(
        bytes in 1_usize..5 * PART_BYTES,
        order in any::<u64>(),
        repeated in any::<prop::sample::Index>(),
    ) {
        let block: Vec<u8> = (0..bytes).map(|index| (index * 31 % 251) as u8).collect();
        let mut messages = parts(3, HEIGHT, 0, &block);
        let count = messages.len();
        prop_assert_eq!(count, bytes.div_ceil(PART_BYTES));
        // Some order, and one part twice.
        for index in 0..count {
            messages.swap(index, (order.rotate_left(index as u32 * 7) % count as u64) as usize);
        }
        let again = messages[repeated.index(count)].clone();
        messages.insert(repeated.index(count), again);
        let mut assembly = assembly();
        let mut out = Vec::new();
        for message in messages {
            out.extend(give(&mut assembly, message).unwrap());
        }
        prop_assert_eq!(out.len(), 1);
        prop_assert_eq!(&out[0].block, &block);
        prop_assert_eq!(assembly.bytes(), 0);
    }
}
