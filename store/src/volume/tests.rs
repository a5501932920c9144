//! The promises of [`super`] on a disk that keeps none but its own: power cut at every step, torn writes, full disks, rot.

mod crash;

use std::sync::{Arc, Barrier};

use super::*;
use crate::{
    disk::{FaultyDisk, Loss, RealDisk},
    table::{LogTable, RocksTable},
};
use bitdust_proof::blob::{BlobHasher, Outboard};

const DIR: &str = "volumes";

fn options() -> VolumeOptions {
    VolumeOptions { capacity_bytes: 1 << 30, volume_bytes: 256 << 10, keep_free_bytes: 0 }
}

fn open_with(disk: &FaultyDisk, options: VolumeOptions) -> Result<(Volumes, Opened), Error> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let index = LogTable::open(Arc::clone(&disk), Path::new("index/blobs"))?;
    Volumes::open(disk, Path::new(DIR), Arc::new(index), options)
}

fn open(disk: &FaultyDisk) -> (Volumes, Opened) {
    open_with(disk, options()).unwrap()
}

/// Bytes that differ from blob to blob.
fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

fn hash(bytes: &[u8]) -> (Root, Outboard) {
    let mut hasher = BlobHasher::new();
    hasher.update(bytes);
    let (root, _, outboard) = hasher.finish();
    (root, outboard)
}

fn stage(volumes: &Volumes, bytes: &[u8]) -> Result<Staged, BlobError> {
    let (root, outboard) = hash(bytes);
    let mut writer = volumes.put_begin(bytes.len() as u64)?;
    for part in bytes.chunks(5000) {
        writer.write(part)?;
    }
    writer.finish(root, outboard.as_bytes())
}

fn put(volumes: &Volumes, bytes: &[u8]) -> Result<Root, BlobError> {
    let staged = stage(volumes, bytes)?;
    let root = staged.root();
    volumes.persist(vec![staged])?;
    Ok(root)
}

fn read(volumes: &Volumes, root: Root) -> Result<Vec<u8>, BlobError> {
    let len = volumes.len(root)?.ok_or(BlobError::Missing(root))?;
    let mut bytes = vec![0; len as usize];
    volumes.read_at(root, 0, &mut bytes)?;
    Ok(bytes)
}

fn place(volumes: &Volumes, root: Root) -> (PathBuf, Place) {
    let place = volumes.inner.find(root).unwrap().unwrap();
    (volumes.inner.path(place.volume), place)
}

#[test]
fn blobs_come_back_whole_and_by_range() {
    let disk = FaultyDisk::new(64 << 20);
    let (volumes, _) = open(&disk);
    for (seed, len) in [0, 1, 1000, 16384, 16385, 300_000, 70_000].into_iter().enumerate() {
        let data = bytes(seed as u64, len);
        let root = put(&volumes, &data).unwrap();
        assert_eq!(volumes.len(root).unwrap(), Some(len as u64));
        assert_eq!(volumes.outboard(root).unwrap(), hash(&data).1.as_bytes());
        volumes.verify(root).unwrap();
        for (from, to) in [(0, len), (len / 3, len / 2), (len, len), (len.saturating_sub(1), len), (0, len.min(1))] {
            let mut part = vec![0; to - from];
            volumes.read_at(root, from as u64, &mut part).unwrap();
            assert_eq!(part, data[from..to], "{from}..{to} of {len}");
        }
        let beyond = volumes.read_at(root, len as u64, &mut [0]);
        assert!(matches!(beyond, Err(BlobError::OutOfRange { want: 1, .. })));
        assert!(matches!(volumes.read_at(root, u64::MAX, &mut [0]), Err(BlobError::OutOfRange { .. })));
    }
    assert_eq!(volumes.usage().blobs, 7);
}

#[test]
fn nothing_is_served_before_it_is_persisted() {
    let disk = FaultyDisk::new(64 << 20);
    let (volumes, _) = open(&disk);
    let data = bytes(1, 50_000);
    let staged = stage(&volumes, &data).unwrap();
    let root = staged.root();
    assert!(!volumes.contains(root).unwrap());
    assert!(matches!(volumes.read_at(root, 0, &mut [0]), Err(BlobError::Missing(_))));
    assert_eq!(volumes.usage().pending_bytes, 50_000);
    drop(staged);
    assert_eq!(volumes.usage(), Usage { capacity_bytes: 1 << 30, ..Usage::default() });
    drop(volumes);
    let (volumes, opened) = open(&disk.restart(Loss::Nothing));
    assert_eq!((opened.blobs, volumes.contains(root).unwrap()), (0, false));
}

#[test]
fn wrong_lengths_are_refused_and_leave_nothing() {
    let disk = FaultyDisk::new(64 << 20);
    let (volumes, _) = open(&disk);
    let (root, outboard) = hash(&[7; 10]);
    let mut writer = volumes.put_begin(10).unwrap();
    assert!(matches!(writer.write(&[7; 11]), Err(BlobError::WrongLength { announced: 10, got: 11 })));
    writer.write(&[7; 9]).unwrap();
    let short = writer.finish(root, outboard.as_bytes());
    assert!(matches!(short, Err(BlobError::WrongLength { announced: 10, got: 9 })));
    let huge = volumes.put_begin(BLOB_BYTES_MAX + 1).err();
    assert!(matches!(huge, Some(BlobError::TooLarge { .. })));
    assert_eq!(volumes.usage().pending_bytes, 0);
}

#[test]
fn deleting_frees_space_and_files() {
    let disk = FaultyDisk::new(64 << 20);
    let (volumes, _) = open(&disk);
    let free = disk.free_bytes(Path::new("")).unwrap();
    let roots: Vec<Root> = (0..12).map(|seed| put(&volumes, &bytes(seed, 60_000)).unwrap()).collect();
    assert!(disk.list(Path::new(DIR)).unwrap().len() >= 3);
    volumes.delete(&roots[..11]).unwrap();
    volumes.delete(&roots[..2]).unwrap();
    assert_eq!(disk.list(Path::new(DIR)).unwrap().len(), 1);
    assert_eq!(volumes.usage().live_bytes, 60_000);
    assert_eq!(read(&volumes, roots[11]).unwrap(), bytes(11, 60_000));
    let used = free - disk.free_bytes(Path::new("")).unwrap();
    assert!(used < 100_000, "{used} bytes are still in use");
    drop(volumes);
    let (volumes, opened) = open(&disk.restart(Loss::Everything));
    assert_eq!((opened.blobs, opened.adopted.len()), (1, 0));
    assert_eq!(read(&volumes, roots[11]).unwrap(), bytes(11, 60_000));
}

#[test]
fn a_full_capacity_and_a_full_disk_say_so_and_leave_nothing() {
    let disk = FaultyDisk::new(600 << 10);
    let (volumes, _) = open_with(&disk, VolumeOptions { capacity_bytes: 400_000, ..options() }).unwrap();
    let roots: Vec<Root> = (0..4).map(|seed| put(&volumes, &bytes(seed, 90_000)).unwrap()).collect();
    let refused = put(&volumes, &bytes(9, 50_000)).unwrap_err();
    assert!(matches!(refused, BlobError::CapacityReached { wanted: 50_000, free: 40_000, .. }), "{refused}");
    drop(volumes);
    let (volumes, _) = open(&disk.restart(Loss::Everything));
    let before = volumes.usage();
    let refused = put(&volumes, &bytes(9, 250_000)).unwrap_err();
    assert!(matches!(refused, BlobError::DiskFull { .. }), "{refused}");
    assert_eq!(volumes.usage(), before);
    for (seed, root) in roots.iter().enumerate() {
        assert_eq!(read(&volumes, *root).unwrap(), bytes(seed as u64, 90_000));
    }
    volumes.delete(&roots[..3]).unwrap();
    put(&volumes, &bytes(9, 250_000)).unwrap();
}

#[test]
fn an_index_that_meets_a_full_disk_acknowledges_nothing() {
    let disk = FaultyDisk::new(64 << 20);
    let (volumes, _) = open(&disk);
    let kept = put(&volumes, &bytes(1, 30_000)).unwrap();
    // Fill the index's last page, so that the next batch needs a new one.
    let staged: Vec<Staged> = (10..90).map(|seed| stage(&volumes, &bytes(seed, 10)).unwrap()).collect();
    let lost = staged[0].root();
    disk.set_capacity(0);
    let refused = volumes.persist(staged).unwrap_err();
    assert!(matches!(refused, BlobError::DiskFull { .. }), "{refused}");
    assert!(!volumes.contains(lost).unwrap());
    disk.set_capacity(64 << 20);
    let later = put(&volumes, &bytes(2, 30_000)).unwrap();
    drop(volumes);
    let (volumes, _) = open(&disk.restart(Loss::Everything));
    assert_eq!(read(&volumes, kept).unwrap(), bytes(1, 30_000));
    assert_eq!(read(&volumes, later).unwrap(), bytes(2, 30_000));
}

#[test]
fn a_failed_sync_acknowledges_nobody_in_that_file() {
    let disk = FaultyDisk::new(64 << 20);
    let (volumes, _) = open(&disk);
    let kept = put(&volumes, &bytes(1, 30_000)).unwrap();
    let first = stage(&volumes, &bytes(2, 30_000)).unwrap();
    let second = stage(&volumes, &bytes(3, 30_000)).unwrap();
    let (first_root, second_root) = (first.root(), second.root());
    disk.fail_sync(0);
    assert!(volumes.persist(vec![first]).is_err());
    // The system dropped the second blob's bytes with the first's: a second sync would succeed and prove nothing.
    assert!(volumes.persist(vec![second]).is_err());
    let later = put(&volumes, &bytes(4, 30_000)).unwrap();
    drop(volumes);
    let (volumes, _) = open(&disk.restart(Loss::Everything));
    assert_eq!(read(&volumes, kept).unwrap(), bytes(1, 30_000));
    assert_eq!(read(&volumes, later).unwrap(), bytes(4, 30_000));
    assert!(!volumes.contains(first_root).unwrap() && !volumes.contains(second_root).unwrap());
}

#[test]
fn rot_is_found_and_named_by_file_byte_and_root() {
    let disk = FaultyDisk::new(64 << 20);
    let (volumes, _) = open(&disk);
    let roots: Vec<Root> = (0..3).map(|seed| put(&volumes, &bytes(seed, 50_000)).unwrap()).collect();
    let (path, at) = place(&volumes, roots[1]);
    disk.rot(&path, at.data_at() + 20_000, 0x10);
    let named = |error: BlobError| match error {
        BlobError::Rot { root, place, offset } => (root, PathBuf::from(place), offset),
        other => panic!("{other}"),
    };
    let expected = (roots[1], path, at.data_at() + 16_384);
    assert_eq!(named(read(&volumes, roots[1]).unwrap_err()), expected);
    assert_eq!(named(volumes.verify(roots[1]).unwrap_err()), expected);
    // What shares no checksum with the flipped bit is still served.
    let mut part = vec![0; 10_000];
    volumes.read_at(roots[1], 0, &mut part).unwrap();
    volumes.read_at(roots[1], 35_000, &mut part).unwrap();
    assert_eq!(part, bytes(1, 50_000)[35_000..45_000]);
    let scrubbed = volumes.scrub(None, u64::MAX).unwrap();
    assert_eq!((scrubbed.blobs, scrubbed.bytes, scrubbed.next), (3, 150_000, None));
    assert_eq!(scrubbed.damaged.into_iter().map(named).collect::<Vec<_>>(), [expected]);
    // Putting the blob again heals it.
    put(&volumes, &bytes(1, 50_000)).unwrap();
    assert!(volumes.scrub(None, u64::MAX).unwrap().damaged.is_empty());
    assert_eq!(volumes.usage().blobs, 3);
}

#[test]
fn rot_in_any_part_of_a_record_is_found() {
    for part in ["header", "data", "sums", "outboard", "footer"] {
        let disk = FaultyDisk::new(64 << 20);
        let (volumes, _) = open(&disk);
        let root = put(&volumes, &bytes(1, 50_000)).unwrap();
        let (path, at) = place(&volumes, root);
        let offset = match part {
            "header" => at.offset + 9,
            "data" => at.data_at() + 49_999,
            "sums" => at.sums_at() + 1,
            "outboard" => at.sums_at() + 16 + 5,
            _ => at.footer_at() + 30,
        };
        disk.rot(&path, offset, 1);
        assert!(matches!(volumes.verify(root), Err(BlobError::Rot { .. })), "{part}");
    }
}

#[test]
fn scrubbing_goes_on_where_it_stopped() {
    let disk = FaultyDisk::new(64 << 20);
    let (volumes, _) = open(&disk);
    for seed in 0..10 {
        put(&volumes, &bytes(seed, 1000)).unwrap();
    }
    let (mut after, mut blobs) = (None, 0);
    for _ in 0..20 {
        let done = volumes.scrub(after, 2500).unwrap();
        blobs += done.blobs;
        after = done.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((blobs, after), (10, None));
}

#[test]
fn a_lost_index_is_rebuilt_from_the_volumes() {
    let disk = FaultyDisk::new(64 << 20);
    let (volumes, _) = open(&disk);
    let roots: Vec<Root> = (0..8).map(|seed| put(&volumes, &bytes(seed, 60_000)).unwrap()).collect();
    volumes.delete(&roots[..2]).unwrap();
    let (path, at) = place(&volumes, roots[3]);
    drop(volumes);
    disk.rot(&path, at.offset + 9, 1);
    disk.remove(Path::new("index/blobs")).unwrap();
    let (volumes, opened) = open(&disk.restart(Loss::Nothing));
    // Deleted blobs are holes; the one whose header rotted can't be found, those behind it can.
    assert_eq!(opened.adopted.len(), 5);
    for seed in [2, 4, 5, 6, 7] {
        assert_eq!(read(&volumes, roots[seed]).unwrap(), bytes(seed as u64, 60_000));
    }
}

#[test]
fn a_record_forged_inside_a_blob_is_not_adopted() {
    let disk = FaultyDisk::new(64 << 20);
    let (volumes, _) = open(&disk);
    // A customer stores bytes that look like a record at the place where they will lie in the file.
    let (at, len) = (2 * record::ALIGN, 100);
    let region = record::region_bytes(len);
    let header = record::Header { volume: 0, offset: at, len, region };
    let data = vec![5; len as usize];
    let sums = crc32fast::hash(&data).to_le_bytes();
    let fake = Place { volume: 0, offset: at, region, len, outboard_len: 0, tables_crc: crc32fast::hash(&sums) };
    let lie = Root([0xee; 32]);
    let mut forged = vec![0; region as usize];
    let mut set = |at: usize, bytes: &[u8]| forged[at..at + bytes.len()].copy_from_slice(bytes);
    set(0, &header.encode());
    set(64, &data);
    set(164, &sums);
    set((region - record::FOOTER_BYTES) as usize, &record::Footer { root: lie, place: fake }.encode());
    let lead = (at - record::HEAD_BYTES - record::HEADER_BYTES) as usize;
    let blob = [vec![1; lead], forged, vec![1; 20_000]].concat();
    let root = put(&volumes, &blob).unwrap();
    let (path, outer) = place(&volumes, root);
    assert_eq!(outer.offset, record::HEAD_BYTES);
    drop(volumes);
    disk.rot(&path, outer.offset + 9, 1);
    disk.remove(Path::new("index/blobs")).unwrap();
    let (volumes, opened) = open(&disk.restart(Loss::Nothing));
    assert_eq!(opened.adopted, []);
    assert!(!volumes.contains(lie).unwrap());
}

#[test]
fn a_volume_that_is_gone_is_reported_and_its_blobs_fail_by_name() {
    let disk = FaultyDisk::new(64 << 20);
    let (volumes, _) = open(&disk);
    let roots: Vec<Root> = (0..8).map(|seed| put(&volumes, &bytes(seed, 60_000)).unwrap()).collect();
    let (path, _) = place(&volumes, roots[0]);
    drop(volumes);
    disk.remove(&path).unwrap();
    let (volumes, opened) = open(&disk.restart(Loss::Nothing));
    assert_eq!(opened.damaged, [path.display().to_string()]);
    let error = read(&volumes, roots[0]).unwrap_err();
    assert!(matches!(&error, BlobError::Rot { root, place, .. } if *root == roots[0] && *place == opened.damaged[0]));
    assert_eq!(read(&volumes, roots[7]).unwrap(), bytes(7, 60_000));
    put(&volumes, &bytes(20, 60_000)).unwrap();
    volumes.delete(&roots).unwrap();
    assert_eq!(volumes.usage().blobs, 1);
}

#[test]
fn compaction_moves_what_lives_and_removes_the_file() {
    let disk = FaultyDisk::new(64 << 20).without_holes();
    let (volumes, _) = open(&disk);
    let roots: Vec<Root> = (0..9).map(|seed| put(&volumes, &bytes(seed, 60_000)).unwrap()).collect();
    let gone: Vec<Root> = [0, 1, 2, 4, 5, 6].map(|at| roots[at]).to_vec();
    volumes.delete(&gone).unwrap();
    let mut moved = 0;
    while let Some(done) = volumes.compact_one().unwrap() {
        assert!(done.damaged.is_empty());
        moved += done.moved;
    }
    // Four blobs fit a volume: one was left in each of the first two, the third is the active one.
    assert_eq!(moved, 2);
    assert_eq!(disk.list(Path::new(DIR)).unwrap().len(), 1);
    drop(volumes);
    let (volumes, opened) = open(&disk.restart(Loss::Everything));
    assert_eq!((opened.blobs, opened.adopted.len()), (3, 0));
    for at in [3, 7, 8] {
        assert_eq!(read(&volumes, roots[at]).unwrap(), bytes(at as u64, 60_000));
    }
    for root in gone {
        assert!(!volumes.contains(root).unwrap());
    }
}

#[test]
fn readers_never_see_a_hole() {
    let disk = FaultyDisk::new(256 << 20);
    let (volumes, _) = open(&disk);
    let start = Barrier::new(5);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (volumes, start) = (&volumes, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..150 {
                    let data = bytes(round % 7 + 10 * thread, 20_000);
                    let root = put(volumes, &data).unwrap();
                    if round % 3 != 0 {
                        volumes.delete(&[root]).unwrap();
                    }
                }
            });
        }
        for _ in 0..3 {
            scope.spawn(|| {
                start.wait();
                for round in 0..600 {
                    let data = bytes(round % 7 + 10 * (round % 2), 20_000);
                    match read(&volumes, hash(&data).0) {
                        Ok(found) => assert!(found == data, "round {round}"),
                        Err(BlobError::Missing(_)) => {}
                        Err(other) => panic!("round {round}: {other}"),
                    }
                }
            });
        }
    });
    assert_eq!(volumes.usage().pending_bytes, 0);
    assert!(volumes.scrub(None, u64::MAX).unwrap().damaged.is_empty());
}

#[test]
fn a_real_disk_with_rocksdb_keeps_blobs_over_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let disk = Arc::new(RealDisk::new(dir.path()).unwrap());
        let tables = RocksTable::open(&dir.path().join("index"), &crate::Memory::default()).unwrap();
        let options = VolumeOptions { capacity_bytes: 1 << 30, volume_bytes: 4 << 20, keep_free_bytes: 0 };
        Volumes::open(disk, Path::new(DIR), Arc::new(tables.blobs), options).unwrap()
    };
    let (volumes, _) = open();
    let staged: Vec<Staged> = (0..5).map(|seed| stage(&volumes, &bytes(seed, 1_500_000)).unwrap()).collect();
    let roots: Vec<Root> = staged.iter().map(Staged::root).collect();
    volumes.persist(staged).unwrap();
    volumes.delete(&roots[1..2]).unwrap();
    drop(volumes);
    let (volumes, opened) = open();
    assert_eq!(opened, Opened { blobs: 4, ..Opened::default() });
    for seed in [0, 2, 3, 4] {
        assert_eq!(read(&volumes, roots[seed]).unwrap(), bytes(seed as u64, 1_500_000));
    }
    assert!(volumes.scrub(None, u64::MAX).unwrap().damaged.is_empty());
    // A second process on the same index is told so.
    let busy = RocksTable::open(&dir.path().join("index"), &crate::Memory::default()).err().unwrap().to_string();
    assert!(busy.contains("stop that node first"), "{busy}");
}
