//! Bytes of operations, messages and bases: what was encoded comes back, what wasn't is refused, and old bytes stay readable.

use bitdust_types::Address;
use proptest::{collection::btree_map, prelude::*};

use super::{
    super::{sync::*, *},
    actors::*,
};
use crate::{
    block::{BlockId, ID_END},
    place::LocationPos,
};

fn hashes(max: usize) -> impl Strategy<Value = Vec<OpHash>> {
    proptest::collection::btree_set(any::<[u8; 32]>().prop_map(OpHash), 0..=max)
        .prop_map(|set| set.into_iter().collect())
}

fn addresses(max: usize) -> impl Strategy<Value = Vec<Address>> {
    proptest::collection::btree_set(any::<[u8; 20]>().prop_map(Address::from), 0..=max)
        .prop_map(|set| set.into_iter().collect())
}

fn body() -> impl Strategy<Value = Body> {
    let builders = prop_oneof![Just(Builders::Owner), Just(Builders::Guests), Just(Builders::Everybody)];
    prop_oneof![
        btree_map(0..voxel::VOXEL_END, 0..ID_END, 1..50)
            .prop_map(|writes| Body::Place(writes.into_iter().map(|(voxel, id)| (voxel, BlockId(id))).collect())),
        (0..voxel::VOXEL_END, "[a-zäß☃ \n]{0,60}").prop_map(|(voxel, text)| Body::Note { voxel, text }),
        (any::<u32>(), addresses(20), builders, addresses(16), hashes(5)).prop_map(
            |(term, guests, builders, compactors, lifted)| Body::Access {
                term,
                list: AccessList { guests, builders, compactors, lifted }
            }
        ),
        (any::<[u8; 20]>(), hashes(16)).prop_map(|(key, seen)| Body::Revoke { key: key.into(), seen }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let pos = any::<[i64; 3]>().prop_map(|[x, y, z]| LocationPos::new(x, y, z));
    let head = (any::<u64>(), any::<[u8; 32]>(), pos, hashes(16), 1..=u64::MAX, any::<[u8; 32]>());
    (head, body(), any::<[u8; 32]>(), any::<[u8; 33]>()).prop_map(
        |((chain, world, pos, parents, depth, access), body, left, right)| {
            let access = AccessId(access);
            let mut signature = [0; 65];
            signature[..32].copy_from_slice(&left);
            signature[32..].copy_from_slice(&right);
            Op { statement: Statement { chain, world, pos, parents, depth, access, body }, signature }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_encoded_comes_back(op in op(), heads in hashes(128), next in any::<Option<u32>>()) {
        let bytes = op.encode();
        prop_assert_eq!(Op::decode(&bytes), Ok(op));
        let have = Have { sequence: 3, ops: 9, heads: heads.clone(), anchors: heads, from: 1, is_question: true };
        for message in [Message::Have(have), Message::Ops(Batch { sequence: 1, ops: vec![bytes], next })] {
            prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn there_is_one_encoding_of_an_operation(op in op(), at in any::<prop::sample::Index>(), flip in 1..=u8::MAX) {
        let mut bytes = op.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(other) = Op::decode(&bytes) {
            prop_assert_eq!(other.encode(), bytes);
            prop_assert_ne!(other, op);
        }
    }

    #[test]
    fn garbage_is_refused_not_feared(bytes in proptest::collection::vec(any::<u8>(), 0..300), magic in 0..4_usize) {
        let mut bytes = bytes;
        let magic: &[u8] = [&b""[..], b"BDE\x01", b"BDS\x01", b"BDF\x01"][magic];
        bytes.splice(..0, magic.iter().copied());
        _ = Op::decode(&bytes);
        _ = Message::decode(&bytes);
        _ = Folded::decode(&bytes);
    }
}

#[test]
fn each_bound_of_an_operation_is_held() {
    let valid = graph(Builders::Everybody).draft(OWNER, place(1, 1)).unwrap();
    let writes = |count: u32| Body::Place((0..count).map(|voxel| (voxel, BlockId(1))).collect());
    let rising =
        |count: u16| -> Vec<OpHash> { (0..count).map(|n| OpHash([0; 32].map(|byte: u8| byte + n as u8))).collect() };
    let people =
        |count: u16| -> Vec<Address> { (0..count).map(|n| Address::left_padding_from(&n.to_be_bytes())).collect() };
    let access = |list: AccessList| Body::Access { term: 0, list };
    let largest = Op { statement: Statement { body: writes(4096), ..valid.clone() }, signature: [0; 65] };
    assert_eq!(Op::decode(&largest.encode()), Ok(largest));
    type Spoil = Box<dyn Fn(&mut Statement)>;
    let bad: Vec<(&str, Spoil)> = vec![
        ("no voxels", Box::new(move |s| s.body = writes(0))),
        ("too many voxels", Box::new(move |s| s.body = writes(4097))),
        ("a voxel twice", Box::new(|s| s.body = Body::Place(vec![(1, BlockId(1)), (1, BlockId(2))]))),
        ("a voxel outside", Box::new(|s| s.body = place(voxel::VOXEL_END, 1))),
        ("a block outside", Box::new(|s| s.body = place(1, ID_END))),
        ("17 parents", Box::new(move |s| s.parents = rising(17))),
        ("a parent twice", Box::new(|s| s.parents = vec![OpHash([1; 32]); 2])),
        ("no depth", Box::new(|s| s.depth = 0)),
        ("a long note", Box::new(|s| s.body = Body::Note { voxel: 1, text: "n".repeat(201) })),
        ("a note with bells", Box::new(|s| s.body = Body::Note { voxel: 1, text: "\u{7}".into() })),
        ("17 seen", Box::new(move |s| s.body = Body::Revoke { key: GUEST, seen: rising(17) })),
        ("257 guests", Box::new(move |s| s.body = access(AccessList { guests: people(257), ..AccessList::default() }))),
        (
            "guests unsorted",
            Box::new(move |s| s.body = access(AccessList { guests: vec![GUEST, OWNER], ..AccessList::default() })),
        ),
        (
            "17 compactors",
            Box::new(move |s| s.body = access(AccessList { compactors: people(17), ..AccessList::default() })),
        ),
    ];
    for (name, change) in bad {
        let mut statement = valid.clone();
        change(&mut statement);
        let op = Op { statement, signature: [0; 65] };
        assert!(Op::decode(&op.encode()).is_err(), "{name} from bytes");
        assert!(matches!(op.check(&Plain), Err(Invalid::Shape(_))), "{name}");
    }
    assert_eq!(Op::decode(&vec![0; limits::OP_BYTES_MAX + 1]), Err(Invalid::Size(limits::OP_BYTES_MAX + 1)));
}

#[test]
fn recorded_bytes_stay_readable() {
    let mut graph = graph(Builders::Guests);
    let first = act(&mut graph, OWNER, place(5, 2));
    act(&mut graph, OWNER, Body::Access { term: 0, list: list(Builders::Everybody) });
    act(&mut graph, STRANGER, Body::Note { voxel: 5, text: "hello".into() });
    revoke(&mut graph, STEWARD, STRANGER);
    let heads: Vec<OpHash> = graph.heads().iter().copied().collect();
    let log = graph.log().map(|op| op.hash().to_string()[2..10].to_owned()).collect::<Vec<_>>().join(" ");
    let state = graph.state_hash().to_string()[2..10].to_owned();
    graph.fold(&heads).unwrap();
    let base = graph.base().hash().to_string()[2..10].to_owned();
    assert_eq!(first.size_bytes(), 4 + 8 + 32 + 24 + 4 + 8 + 32 + 1 + 4 + 6 + 65);
    assert_eq!((log.as_str(), state.as_str(), base.as_str()), RECORDED);
}

/// First digits of the hashes of four operations, of what they amount to, and of the base they fold to.
const RECORDED: (&str, &str, &str) = ("25aef3f1 d6cd6443 f86ac3ca e010ade5", "b403f910", "d638c6b4");
