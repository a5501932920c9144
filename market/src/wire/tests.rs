//! Every message decodes to what was encoded, and garbage to an error.

use proptest::{collection::vec, prelude::*};

use super::*;

fn root() -> impl Strategy<Value = Root> {
    any::<[u8; 32]>().prop_map(Root)
}

fn slot_root() -> impl Strategy<Value = SlotRoot> {
    any::<[u8; 32]>().prop_map(SlotRoot)
}

fn signature() -> impl Strategy<Value = SignatureBytes> {
    vec(any::<u8>(), 65).prop_map(|bytes| bytes.try_into().unwrap())
}

fn address() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address::new)
}

fn blob() -> impl Strategy<Value = BlobRef> {
    (root(), 1..=BLOB_BYTES_MAX).prop_map(|(root, len)| BlobRef { root, len })
}

fn commit() -> impl Strategy<Value = Commit> {
    let lists = (vec(any::<u32>(), 0..9), vec(blob(), 0..9));
    (any::<u32>(), slot_root(), slot_root(), lists, any::<u64>(), any::<u128>()).prop_map(
        |(base, base_root, root, (mut removed, added), bytes, rate)| {
            removed.sort_unstable();
            removed.dedup();
            Commit {
                base_number: u64::from(base),
                base_root,
                number: u64::from(base) + 1,
                removed,
                added,
                root,
                bytes,
                rate: Amount::from_grains(rate),
            }
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    let token = (any::<u64>(), signature()).prop_map(|(valid_until, signature)| AccessToken { valid_until, signature });
    prop_oneof![
        (any::<[u8; 32]>(), any::<u16>(), proptest::option::of(token)).prop_map(|(id, slot, access)| Request::Open {
            dataset: DatasetId(id),
            slot,
            access
        }),
        Just(Request::Inventory),
        vec(root(), 0..20).prop_map(|roots| Request::Has { roots }),
        (any::<u64>(), slot_root(), any::<u32>()).prop_map(|(number, root, from)| Request::ListAt {
            number,
            root,
            from
        }),
        blob().prop_map(|blob| Request::Put { root: blob.root, len: blob.len }),
        commit().prop_map(Request::Commit),
        (root(), any::<u32>(), 1..=READ_BYTES_MAX).prop_map(|(root, start, len)| Request::Read {
            root,
            start: u64::from(start),
            end: u64::from(start) + len
        }),
    ]
}

fn hold() -> impl Strategy<Value = SignedHold> {
    let numbers = (any::<u16>(), any::<u64>(), any::<u64>(), any::<u128>(), any::<u64>());
    (any::<[u8; 32]>(), numbers, slot_root(), address(), signature()).prop_map(
        |(id, (slot, number, bytes, rate, valid_until), root, supplier, signature)| SignedHold {
            dataset: DatasetId(id),
            slot,
            number,
            bytes,
            root,
            rate: Amount::from_grains(rate),
            valid_until,
            supplier,
            signature,
        },
    )
}

fn response() -> impl Strategy<Value = Response> {
    let list = (any::<u64>(), slot_root(), any::<u64>(), any::<u32>(), any::<bool>())
        .prop_map(|(number, root, bytes, blobs, held)| KeptList { number, root, bytes, blobs, held });
    prop_oneof![
        (address(), any::<u64>()).prop_map(|(supplier, height)| Response::Opened { supplier, height }),
        vec(list, 0..9).prop_map(|lists| Response::Inventory { lists }),
        vec(any::<u8>(), 0..40).prop_map(|bitmap| Response::Has { bitmap }),
        vec(blob(), 0..9).prop_map(|blobs| Response::List { total: blobs.len() as u32, blobs }),
        Just(Response::Ready),
        Just(Response::AlreadyHeld),
        Just(Response::Stored),
        hold().prop_map(Response::Committed),
        (1..=BLOB_BYTES_MAX, vec(any::<u8>(), 0..99)).prop_map(|(len, bao)| Response::Slice { len, bao }),
        ".{0,2000}".prop_map(|text| Response::Refused(Refusal::new(Code::Full, text))),
    ]
}

proptest! {
    #[test]
    fn requests_come_back_as_they_were(request in request()) {
        let bytes = borsh::to_vec(&request).unwrap();
        prop_assert_eq!(Request::decode(&bytes).unwrap(), request);
    }

    #[test]
    fn responses_come_back_as_they_were(response in response()) {
        let bytes = borsh::to_vec(&response).unwrap();
        prop_assert_eq!(Response::decode(&bytes).unwrap(), response);
    }

    #[test]
    fn garbage_is_refused_or_reads_back_the_same(bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(request) = Request::decode(&bytes) {
            prop_assert_eq!(borsh::to_vec(&request).unwrap(), bytes.clone());
        }
        if let Ok(response) = Response::decode(&bytes) {
            prop_assert_eq!(borsh::to_vec(&response).unwrap(), bytes);
        }
    }

    #[test]
    fn a_cut_or_lengthened_request_is_no_request(request in request(), cut in any::<prop::sample::Index>(), more in any::<u8>()) {
        let mut bytes = borsh::to_vec(&request).unwrap();
        let at = cut.index(bytes.len());
        prop_assert!(Request::decode(&bytes[..at]).is_err());
        bytes.push(more);
        prop_assert!(Request::decode(&bytes).is_err());
    }

    #[test]
    fn bitmaps_keep_their_bits(bits in vec(any::<bool>(), 0..100)) {
        let bitmap = pack_bitmap(bits.iter().copied());
        for (index, expected) in bits.iter().enumerate() {
            prop_assert_eq!(bit(&bitmap, index), *expected);
        }
        prop_assert!(!bit(&bitmap, bits.len().next_multiple_of(8)));
    }
}

#[test]
fn a_huge_announced_list_costs_nothing() {
    // Variant 2 is `Has`; the count says 2^32 - 1 roots, and none follow.
    let error = Request::decode(&[2, 0xff, 0xff, 0xff, 0xff]).unwrap_err();
    assert!(matches!(error, Invalid::Bytes(_)), "{error}");
}

#[test]
fn what_exceeds_its_bound_is_named() {
    let commit = |change: fn(&mut Commit)| {
        let mut commit = Commit {
            base_number: 1,
            base_root: SlotRoot([0; 32]),
            number: 2,
            removed: vec![1, 2],
            added: vec![BlobRef { root: Root([1; 32]), len: 1 }],
            root: SlotRoot([0; 32]),
            bytes: 1,
            rate: Amount::ZERO,
        };
        change(&mut commit);
        Request::Commit(commit)
    };
    let root = Root([0; 32]);
    let cases: Vec<(Request, &str)> = vec![
        (Request::Has { roots: vec![root; HAS_ROOTS_MAX + 1] }, "number of roots is 16385, above the limit of 16384"),
        (Request::Put { root, len: 0 }, "at least one byte"),
        (Request::Put { root, len: BLOB_BYTES_MAX + 1 }, "blob length is 41943041"),
        (Request::Read { root, start: 5, end: 5 }, "empty"),
        (Request::Read { root, start: 6, end: 5 }, "empty"),
        (Request::Read { root, start: 0, end: READ_BYTES_MAX + 1 }, "bytes to read at once is 1048577"),
        (commit(|commit| commit.removed = vec![2, 1]), "must rise"),
        (commit(|commit| commit.removed = vec![1, 1]), "must rise"),
        (commit(|commit| commit.number = 1), "above its base"),
        (commit(|commit| commit.added[0].len = 0), "length of an added blob is 0"),
        (commit(|commit| commit.added = vec![commit.added[0]; LIST_PAGE_MAX + 1]), "number of added blobs is 32769"),
    ];
    for (request, text) in cases {
        let bytes = borsh::to_vec(&request).unwrap();
        let error = Request::decode(&bytes).unwrap_err().to_string();
        assert!(error.contains(text), "'{error}' should contain '{text}'");
    }
    commit(|_| ()).check().unwrap();
}

#[test]
fn a_refusal_never_outgrows_its_bound_and_stays_text() {
    let refusal = Refusal::new(Code::Busy, "ä".repeat(TEXT_BYTES_MAX));
    assert_eq!(refusal.text.len(), TEXT_BYTES_MAX);
    Response::Refused(refusal).check().unwrap();
    assert_eq!(Refusal::new(Code::Full, "why").to_string(), "no room: why");
}

#[test]
fn the_encoding_is_the_published_one() {
    // A change here breaks every node that is out there.
    let request = Request::Put { root: Root([0xab; 32]), len: 0x0102 };
    let mut expected = vec![4];
    expected.extend([0xab; 32]);
    expected.extend([2, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(borsh::to_vec(&request).unwrap(), expected);
    let refused = Response::Refused(Refusal::new(Code::NotHeld, "x"));
    assert_eq!(borsh::to_vec(&refused).unwrap(), [9, 16, 1, 0, 0, 0, b'x']);
}

#[test]
fn slices_fit_their_bound() {
    let len = BLOB_BYTES_MAX;
    for start in [0, 1, 16 * 1024 - 1, len - READ_BYTES_MAX] {
        let most = bitdust_proof::blob::encoded_range_bytes_max(len, &(start..start + READ_BYTES_MAX));
        assert!(most <= SLICE_BYTES_MAX as u64, "{most} bytes from {start}");
    }
}
