//! Ranges against a table and against a second, plain definition of what they mean.

use proptest::prelude::*;

use super::*;

fn check(header: &str, bytes: u64, expected: Option<(u64, u64)>) {
    let got = part(Some(header), bytes).map(|part| part.bounds(bytes)).ok();
    assert_eq!(got, expected, "'{header}' of {bytes} bytes");
}

#[test]
fn the_table_of_ranges() {
    check("bytes=0-0", 10, Some((0, 1)));
    check("bytes=2-5", 10, Some((2, 6)));
    check("bytes=2-", 10, Some((2, 10)));
    check("bytes=-3", 10, Some((7, 10)));
    check("bytes=-30", 10, Some((0, 10)));
    check("bytes=9-100", 10, Some((9, 10)));
    check("Bytes = 0-1", 10, Some((0, 10)));
    check("BYTES=0-1", 10, Some((0, 2)));
    check("bytes=0-18446744073709551615", 10, Some((0, 10)));
    check("bytes=0-99999999999999999999999", 10, Some((0, 10)));
    // Outside: 416.
    check("bytes=10-", 10, None);
    check("bytes=10-12", 10, None);
    check("bytes=-0", 10, None);
    check("bytes=0-", 0, None);
    check("bytes=-5", 0, None);
    check("bytes=99999999999999999999999-", 10, None);
    // Not understood: the whole.
    for header in [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-2",
        "bytes=a-b",
        "bytes=0-1,3-4",
        "items=0-1",
        "bytes=+1-2",
        "bytes=--1",
        "bytes=1-2-3",
        "bytes=0x1-2",
        "bytes=1 - 2",
    ] {
        check(header, 10, Some((0, 10)));
        assert_eq!(part(Some(header), 10).unwrap(), Part::Whole);
    }
    assert_eq!(part(None, 10).unwrap(), Part::Whole);
    assert_eq!(part(Some("bytes=0-9"), 10).unwrap(), Part::Bytes { start: 0, end: 10 });
}

proptest! {
    /// The bytes that a range selects are those that RFC 9110 says, one by one.
    #[test]
    fn a_range_selects_the_bytes_it_names(bytes in 0u64..40, first in prop::option::of(0u64..50), last in prop::option::of(0u64..50)) {
        let text = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
        let header = format!("bytes={}-{}", text(first), text(last));
        let selects = |i: u64| match (first, last) {
            (Some(first), Some(last)) => first <= i && i <= last,
            (Some(first), None) => first <= i,
            (None, Some(count)) => i + count >= bytes,
            (None, None) => true,
        };
        let understood = !matches!((first, last), (Some(first), Some(last)) if last < first) && (first, last) != (None, None);
        let wanted: Vec<u64> = (0..bytes).filter(|i| !understood || selects(*i)).collect();
        match part(Some(&header), bytes) {
            Ok(part) => {
                let (start, end) = part.bounds(bytes);
                prop_assert_eq!((start..end).collect::<Vec<_>>(), wanted);
                prop_assert_eq!(part == Part::Whole, !understood);
            }
            Err(failure) => {
                prop_assert_eq!(failure.code, Code::RangeNotSatisfiable);
                prop_assert!(wanted.is_empty());
            }
        }
    }

    /// Whatever the header, the answer lies within the object.
    #[test]
    fn no_header_reaches_outside(header in "(bytes=)?[0-9a-z,= -]{0,24}", bytes: u64) {
        if let Ok(part) = part(Some(&header), bytes) {
            let (start, end) = part.bounds(bytes);
            prop_assert!(start <= end && end <= bytes);
        }
    }
}
