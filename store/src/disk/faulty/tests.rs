//! That the test double is as bad as it says.

use super::*;

fn file(disk: &FaultyDisk) -> Arc<dyn File> {
    let file = disk.create(Path::new("a")).unwrap();
    file.write_at(0, &[1; 2000]).unwrap();
    file.sync().unwrap();
    file
}

#[test]
fn a_file_without_a_synced_name_is_gone() {
    let disk = FaultyDisk::new(1 << 20);
    file(&disk);
    assert!(disk.restart(Loss::Everything).open(Path::new("a")).is_err());
}

#[test]
fn unsynced_bytes_are_dropped_or_torn() {
    let disk = FaultyDisk::new(1 << 20);
    let file = file(&disk);
    disk.sync_dir(Path::new("")).unwrap();
    file.write_at(0, &[2; 2000]).unwrap();
    let read = |loss| disk.restart(loss).bytes(Path::new("a")).unwrap();
    assert_eq!(read(Loss::Everything), vec![1; 2000]);
    assert_eq!(read(Loss::Nothing), vec![2; 2000]);
    let torn: Vec<_> = (0..50).map(|seed| read(Loss::Torn(seed))).collect();
    assert!(torn.iter().any(|bytes| bytes.contains(&1) && bytes.contains(&2)));
}

#[test]
fn a_failed_sync_never_writes() {
    let disk = FaultyDisk::new(1 << 20);
    let file = file(&disk);
    disk.sync_dir(Path::new("")).unwrap();
    file.write_at(0, &[2; 2000]).unwrap();
    disk.fail_sync(0);
    assert!(file.sync().is_err());
    file.sync().unwrap();
    assert_eq!(disk.restart(Loss::Everything).bytes(Path::new("a")).unwrap(), vec![1; 2000]);
}

#[test]
fn a_full_disk_says_so() {
    let disk = FaultyDisk::new(8192);
    let file = file(&disk);
    assert_eq!(file.allocate(4096, 8192).unwrap_err().kind(), io::ErrorKind::StorageFull);
    file.set_len(2000).unwrap();
    file.allocate(4096, 4096).unwrap();
    assert_eq!(file.write_at(8192, &[0]).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(file.punch(4096, 4096).unwrap());
    file.write_at(8192, &[0]).unwrap();
}
