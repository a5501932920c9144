//! Packing covers every byte exactly once, wherever the source's reads are cut.

use proptest::{collection::vec, prelude::*};

use super::*;

/// Packs files of these lengths (and whether their size is known) and answers the slabs and the files.
fn pack(slab_bytes: u64, files: &[(usize, bool)], piece: usize) -> (Vec<PackedSlab>, Vec<(Vec<u8>, PackedFile)>) {
    let mut packer = Packer::new(slab_bytes);
    let (mut slabs, mut packed) = (Vec::new(), Vec::new());
    for (number, (len, known)) in files.iter().enumerate() {
        let content: Vec<u8> = (0..*len).map(|at| (at * 31 + number * 7) as u8).collect();
        packer.begin(known.then_some(*len as u64));
        for part in content.chunks(piece) {
            let mut rest = part;
            while !rest.is_empty() {
                if packer.is_ready() {
                    slabs.extend(packer.take());
                }
                let taken = packer.write(rest, 0);
                assert!(taken > 0, "a packer that isn't ready takes something");
                rest = &rest[taken..];
            }
        }
        packed.push((content, packer.end().unwrap()));
    }
    slabs.extend(packer.take());
    (slabs, packed)
}

proptest! {
    /// Pieces are exactly the file's bytes; slabs are full or cut for a reason; every slab byte belongs to one piece.
    #[test]
    fn pieces_cover_exactly(slab_bytes in 1u64..300, files in vec((0usize..1000, any::<bool>()), 0..12), piece in 1usize..400) {
        let (slabs, packed) = pack(slab_bytes, &files, piece);
        let mut covered: Vec<Vec<u8>> = slabs.iter().map(|slab| vec![0; slab.plain.len()]).collect();
        for (number, slab) in slabs.iter().enumerate() {
            prop_assert_eq!(slab.index, number as u64);
            prop_assert!(!slab.plain.is_empty() && slab.plain.len() as u64 <= slab_bytes);
        }
        for (content, file) in &packed {
            let mut back = Vec::new();
            for piece in &file.pieces {
                let range = piece.offset as usize..(piece.offset + piece.len) as usize;
                back.extend_from_slice(&slabs[piece.slab as usize].plain[range.clone()]);
                covered[piece.slab as usize][range].iter_mut().for_each(|count| *count += 1);
            }
            prop_assert_eq!(&back, content);
            prop_assert_eq!(file.bytes, content.len() as u64);
            let mut hasher = ContentHasher::default();
            hasher.update(content);
            prop_assert_eq!(file.sha256, hasher.finish());
        }
        prop_assert!(covered.iter().flatten().all(|count| *count == 1));
    }

    /// How the source cuts its reads doesn't matter.
    #[test]
    fn cuts_depend_on_the_files_alone(files in vec((0usize..1000, any::<bool>()), 0..9), a in 1usize..400, b in 1usize..400) {
        prop_assert_eq!(pack(256, &files, a), pack(256, &files, b));
    }

    /// A large file falls into the same slabs whatever was put before it: that is what makes resuming possible.
    #[test]
    fn a_large_file_is_cut_the_same_way_after_anything(before in vec((0usize..300, any::<bool>()), 0..5), len in 256usize..2000) {
        let alone = pack(256, &[(len, true)], 100).0;
        let mut files = before.clone();
        // The content depends on the number, so the file must have the number that it has alone: it goes first and last.
        files.push((len, true));
        let (slabs, packed) = pack(256, &files, 100);
        let lens = |slabs: &[PackedSlab]| slabs.iter().map(|slab| slab.plain.len()).collect::<Vec<_>>();
        let first = packed.last().unwrap().1.pieces[0];
        prop_assert_eq!(first.offset, 0);
        prop_assert_eq!(lens(&slabs[first.slab as usize..]), lens(&alone));
    }
}

#[test]
fn small_files_share_a_slab_and_wait_two_seconds() {
    let mut packer = Packer::new(1000);
    packer.begin(Some(10));
    assert_eq!(packer.due_in_ms(0), None);
    assert_eq!(packer.write(&[1; 10], 5000), 10);
    packer.end().unwrap();
    packer.begin(Some(10));
    assert_eq!(packer.write(&[2; 10], 6000), 10);
    let second = packer.end().unwrap();
    assert_eq!(second.pieces, [Piece { slab: 0, offset: 10, len: 10 }]);
    assert!(!packer.is_due(6999) && packer.is_due(7000), "two seconds after the first byte");
    assert_eq!(packer.due_in_ms(6500), Some(500));
    assert!(!packer.is_ready());
    assert_eq!(packer.take().unwrap().plain.len(), 20);
    assert!(!packer.is_due(u64::MAX) && packer.take().is_none());
}

#[test]
fn an_empty_file_has_no_pieces_and_nothing_is_written_without_one() {
    let mut packer = Packer::new(10);
    assert_eq!(packer.write(&[1], 0), 0);
    assert!(packer.end().is_none());
    packer.begin(Some(0));
    let file = packer.end().unwrap();
    assert_eq!((file.bytes, file.pieces.len()), (0, 0));
    assert!(packer.take().is_none());
}

/// A file that asks for it begins on a unit, whatever came before it.
#[test]
fn an_aligned_file_begins_on_a_unit() {
    let unit = UNIT_PLAIN_BYTES;
    for before in [0, 1, unit - 1, unit, unit + 1, 3 * unit - 1, 3 * unit] {
        let mut packer = Packer::new(3 * unit);
        packer.begin(Some(before));
        let mut rest = vec![7; before as usize];
        while !rest.is_empty() {
            let taken = packer.write(&rest, 0);
            rest.drain(..taken);
            if taken == 0 {
                packer.take();
            }
        }
        packer.end().unwrap();
        packer.begin_at(Some(5), true);
        if packer.is_ready() {
            packer.take();
        }
        assert_eq!(packer.write(b"hello", 0), 5, "after {before} bytes");
        let piece = packer.end().unwrap().pieces[0];
        assert_eq!((piece.offset % unit, piece.len), (0, 5), "after {before} bytes");
        let plain = packer.take().unwrap().plain;
        assert_eq!(plain[piece.offset as usize..], *b"hello");
    }
}
