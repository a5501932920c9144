//! Our archives against the `tar` crate in both directions, and broken ones.

use std::io::Read;

use bytes::Bytes;
use futures::{StreamExt, executor::block_on, stream};
use proptest::prelude::*;

use super::{
    read::{Entries, Entry},
    write,
};
use crate::{failure::Failure, objects::ObjectPath};

type Files = Vec<(String, Vec<u8>, u64)>;

/// Reads an archive that arrives in pieces of `piece` bytes.
fn read(archive: &[u8], piece: usize, prefix: &str) -> Result<(Files, Vec<String>), Failure> {
    let pieces: Vec<_> = archive.chunks(piece).map(|bytes| Ok(Bytes::copy_from_slice(bytes))).collect();
    let mut entries = Entries::from_tar(stream::iter(pieces).boxed(), ObjectPath::parse_prefix(prefix)?);
    block_on(async move {
        let mut files = Vec::new();
        while let Some(Entry { path, bytes, modified_ms }) = entries.next().await? {
            let mut content = Vec::new();
            while let Some(piece) = entries.chunk().await? {
                content.extend_from_slice(&piece);
            }
            assert_eq!(content.len() as u64, bytes);
            files.push((path.to_string(), content, modified_ms));
        }
        Ok((files, entries.skipped().iter().map(|skipped| skipped.path.clone()).collect()))
    })
}

fn ours(files: &Files) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, content, modified_ms) in files {
        let bytes = content.len() as u64;
        archive.extend(write::header(&ObjectPath::parse(path).unwrap(), bytes, *modified_ms));
        archive.extend(content);
        archive.extend(write::padding(bytes));
    }
    archive.extend(write::END);
    archive
}

fn theirs(files: &Files, gnu: bool) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content, modified_ms) in files {
        let mut header = if gnu { tar::Header::new_gnu() } else { tar::Header::new_ustar() };
        header.set_size(content.len() as u64);
        header.set_mtime(modified_ms / 1000);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, content.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn whole_seconds(files: &Files) -> Files {
    files.iter().map(|(path, content, ms)| (path.clone(), content.clone(), ms / 1000 * 1000)).collect()
}

fn files() -> impl Strategy<Value = Files> {
    let path = "[a-zé]{1,9}(/[a-z0-9]{1,80}){0,3}";
    let content = prop::collection::vec(any::<u8>(), 0..1500);
    prop::collection::vec((path, content, 0u64..4_000_000_000_000), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_we_write_we_read_however_it_is_cut(files in files(), piece in 1usize..2000) {
        prop_assert_eq!(read(&ours(&files), piece, "").unwrap(), (files, vec![]));
    }

    #[test]
    fn what_we_write_the_tar_crate_reads(files in files()) {
        let archive = ours(&files);
        let mut got = Vec::new();
        for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = String::from_utf8(entry.path_bytes().to_vec()).unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            got.push((path, content, entry.header().mtime().unwrap() * 1000));
        }
        prop_assert_eq!(got, whole_seconds(&files));
    }

    #[test]
    fn what_the_tar_crate_writes_we_read(files in files(), piece in 1usize..2000) {
        prop_assert_eq!(read(&theirs(&files, true), piece, "").unwrap(), (whole_seconds(&files), vec![]));
    }

    #[test]
    fn an_archive_cut_short_is_never_taken_for_a_whole_one(files in files(), cut: prop::sample::Index) {
        let archive = ours(&files);
        // One block of zeros is enough of an end mark.
        let short = &archive[..cut.index(archive.len() - 512)];
        prop_assert!(read(short, 700, "").is_err());
    }

    #[test]
    fn a_flipped_bit_in_a_header_is_noticed(files in files(), bit in 0usize..512 * 8) {
        prop_assume!(!files.is_empty());
        let mut archive = ours(&files);
        archive[bit / 8] ^= 1 << (bit % 8);
        // The two bytes after the checksum's digits are fill. A damaged header must never pass with other content.
        if let Ok((read, _)) = read(&archive, 700, "") {
            prop_assert_eq!(read, files);
        }
    }

    #[test]
    fn garbage_is_refused_without_a_panic(garbage in prop::collection::vec(any::<u8>(), 0..2048)) {
        prop_assert!(read(&garbage, 100, "").is_err());
    }
}

#[test]
fn long_names_large_sizes_and_ustar_prefixes_are_understood() {
    let long = format!("{}/{}", "d".repeat(90), "f".repeat(60));
    let files = vec![(long.clone(), vec![1, 2, 3], 5000)];
    for gnu in [true, false] {
        assert_eq!(read(&theirs(&files, gnu), 512, "").unwrap().0, files);
    }
    let header = write::header(&ObjectPath::parse("big").unwrap(), 1 << 40, 1234);
    let text = String::from_utf8_lossy(&header);
    assert!(text.contains("22 size=1099511627776\n") && text.contains("15 mtime=1.234\n"), "{text}");
    let mut archive = tar::Archive::new(header.as_slice());
    assert_eq!(archive.entries().unwrap().next().unwrap().unwrap().size(), 1 << 40);
}

#[test]
fn only_files_are_stored_and_the_rest_is_named() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_size(0);
    builder.append_data(&mut header, "dir/", [].as_slice()).unwrap();
    header.set_entry_type(tar::EntryType::Symlink);
    builder.append_link(&mut header, "dir/link", "../../etc/passwd").unwrap();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(2);
    builder.append_data(&mut header, "./dir/file", b"hi".as_slice()).unwrap();
    let (files, skipped) = read(&builder.into_inner().unwrap(), 333, "backup/").unwrap();
    assert_eq!(files, [("backup/dir/file".to_owned(), b"hi".to_vec(), 0)]);
    assert_eq!(skipped, ["dir/link"]);
}

#[test]
fn names_that_climb_out_fail_the_batch_and_are_shown() {
    for name in ["../evil", "a/../../evil", "a//b"] {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        let failure = read(&[header.as_bytes().as_slice(), &write::END].concat(), 512, "x/").unwrap_err();
        assert!(failure.message.contains(name), "{failure}");
    }
}

#[test]
fn what_follows_the_end_is_refused_unless_it_is_zeros() {
    let mut archive = ours(&vec![("a".to_owned(), vec![7], 0)]);
    archive.extend([0; 9000]);
    assert!(read(&archive, 1000, "").is_ok());
    archive.push(1);
    assert!(read(&archive, 1000, "").unwrap_err().message.contains("follows its end"));
}

/// A checksum field in GNU's binary form has no room for its mark: found by `garbage_is_refused_without_a_panic`.
#[test]
fn a_number_field_of_eight_binary_bytes_is_refused() {
    let mut block = [1; 512];
    block[148..156].copy_from_slice(&[0x80; 8]);
    assert!(read(&block, 512, "").unwrap_err().message.contains("checksum"));
}
