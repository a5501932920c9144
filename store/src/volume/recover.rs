//! Opening the volumes after whatever happened.
//!
//! The fault first: a crash between "volume synced" and "index synced" leaves whole records that no index entry names; a
//! crash before that leaves any part of a record, in any order of its sectors. Both lie behind the last record that
//! was ever indexed in their file. The cure: walk the records there by their headers, adopt those that are whole *and hash to their root*
//! (checksums alone would trust bytes that a customer chose), and cut off the rest.
//!
//! An indexed record is never dropped here, even if its file is gone: the supplier has promised it, and must hear from
//! every read of it that it is lost.

use std::path::Path;

use bitdust_types::Root;

use super::{
    check::{self, Fault},
    file_name, index,
    record::{self, ALIGN, FOOTER_BYTES, HEAD_BYTES, HEADER_BYTES, Place},
    space::Space,
    volume_number,
};
use crate::{
    disk::{Disk, File},
    error::Error,
    table::{Batch, Table},
};

/// What opening the volumes found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Blobs held.
    pub blobs: u64,
    /// Blobs that were whole on disk but not in the index, and now are.
    pub adopted: Vec<Root>,
    /// Bytes of unfinished records that were cut off.
    pub cut_bytes: u64,
    /// Volume files that are short, unreadable or gone although the index names records in them.
    pub damaged: Vec<String>,
}

/// What stands behind the last indexed record of a file.
struct Tail {
    whole: Vec<(Root, Place)>,
    /// The first byte behind everything worth keeping.
    end: u64,
    /// Whether some of it couldn't be read: then nothing may be cut.
    unreadable: bool,
}

pub(super) fn recover(disk: &dyn Disk, dir: &Path, table: &dyn Table) -> Result<(Space, Opened), Error> {
    disk.create_dir_all(dir).map_err(|error| Error::io("create the directory", dir, error))?;
    let mut space = Space::default();
    let mut opened = Opened::default();
    read_index(table, &mut space)?;
    let names = disk.list(dir).map_err(|error| Error::io("list", dir, error))?;
    let numbers: Vec<u32> = names.iter().filter_map(|name| volume_number(name)).collect();
    recover_missing(disk, dir, table, &numbers, &mut space, &mut opened)?;
    for number in numbers {
        recover_volume(disk, dir, table, number, &mut space, &mut opened)?;
    }
    let last = space.volumes.iter().filter(|(_, volume)| !volume.closed).map(|(number, _)| *number).next_back();
    space.set_active(last);
    opened.blobs = space.usage(0).blobs;
    Ok((space, opened))
}

fn read_index(table: &dyn Table, space: &mut Space) -> Result<(), Error> {
    index::each(table, |_, place| space.remember(&place))?;
    for (number, mark) in index::marks(table)? {
        let volume = space.volumes.entry(number).or_default();
        volume.mark = volume.mark.max(mark);
        volume.end = volume.end.max(mark);
        space.next_volume = space.next_volume.max(number.saturating_add(1));
    }
    // Until its file is seen to be sound, a volume takes no records.
    space.volumes.values_mut().for_each(|volume| volume.closed = true);
    Ok(())
}

/// Volumes that the index names and whose files aren't there: reported if blobs are lost with them, else forgotten.
fn recover_missing(
    disk: &dyn Disk,
    dir: &Path,
    table: &dyn Table,
    numbers: &[u32],
    space: &mut Space,
    opened: &mut Opened,
) -> Result<(), Error> {
    let mut batch = Batch::new();
    space.volumes.retain(|number, volume| {
        if numbers.binary_search(number).is_ok() {
            return true;
        }
        if volume.live_records == 0 {
            index::delete_mark(&mut batch, *number);
            return false;
        }
        let file = dir.join(file_name(*number)).display().to_string();
        tracing::error!(file, "a volume with blobs in it is gone; its blobs will be answered with an error");
        opened.damaged.push(file);
        true
    });
    if !batch.is_empty() {
        // The files must be gone for good before their marks are.
        disk.sync_dir(dir).map_err(|error| Error::io("sync the directory", dir, error))?;
        table.apply(batch)?;
    }
    Ok(())
}

fn recover_volume(
    disk: &dyn Disk,
    dir: &Path,
    table: &dyn Table,
    number: u32,
    space: &mut Space,
    opened: &mut Opened,
) -> Result<(), Error> {
    let path = dir.join(file_name(number));
    let io = |action| {
        let path = path.clone();
        move |error| Error::io(action, &path, error)
    };
    space.next_volume = space.next_volume.max(number.saturating_add(1));
    let file = space.file(disk, dir, number)?;
    let len = file.len().map_err(io("measure"))?;
    let indexed_end = space.volumes.get(&number).map_or(HEAD_BYTES, |volume| volume.end.max(HEAD_BYTES));
    let tail = read_tail(&*file, number, indexed_end, len);
    let held = space.volumes.get(&number).map_or(0, |volume| volume.live_records) + tail.whole.len() as u64;
    if held == 0 && !tail.unreadable {
        opened.cut_bytes += len.saturating_sub(indexed_end);
        space.remove(number);
        disk.remove(&path).and_then(|()| disk.sync_dir(dir)).map_err(io("remove the empty volume"))?;
        return Ok(());
    }
    let sound = has_head(&*file, number) && len >= indexed_end && !tail.unreadable;
    if !sound {
        tracing::error!(
            file = %path.display(), bytes = len, indexed = indexed_end,
            "a volume is damaged: its blobs stay listed, and those that can't be read will be answered with an error"
        );
        opened.damaged.push(path.display().to_string());
    } else if tail.end < len {
        tracing::warn!(
            file = %path.display(), offset = tail.end, bytes = len - tail.end,
            "cut off records that were being written when the machine stopped; nobody was promised them"
        );
        opened.cut_bytes += len - tail.end;
        file.set_len(tail.end).map_err(io("cut the torn tail of"))?;
    }
    adopt(&*file, table, &tail, space, opened).map_err(|error| error.unwrap_or_else(|error| io("sync")(error)))?;
    let volume = space.volumes.entry(number).or_default();
    volume.end = volume.end.max(tail.end);
    volume.closed = !sound;
    Ok(())
}

/// Enters the whole records of a tail in the index: first the file is synced, since what a killed process wrote may be
/// in the page cache only.
fn adopt(
    file: &dyn File,
    table: &dyn Table,
    tail: &Tail,
    space: &mut Space,
    opened: &mut Opened,
) -> Result<(), Result<Error, std::io::Error>> {
    file.sync().map_err(Err)?;
    let mut batch = Batch::new();
    let mut places = std::collections::BTreeMap::new();
    for (root, place) in &tail.whole {
        // A record that the index already has elsewhere was about to replace it; the old one is as good.
        if index::find(table, *root).map_err(Ok)?.is_none() {
            index::put(&mut batch, *root, place);
            places.insert(*root, *place);
        }
    }
    for (volume, mark) in space.marks_with(places.values()) {
        index::put_mark(&mut batch, volume, mark);
    }
    table.apply(batch).map_err(Ok)?;
    for (root, place) in places {
        space.remember(&place);
        opened.adopted.push(root);
    }
    Ok(())
}

fn has_head(file: &dyn File, number: u32) -> bool {
    let mut head = vec![0; HEAD_BYTES as usize];
    file.read_at(0, &mut head).is_ok() && record::is_head(&head, number)
}

/// What stands at a place where a record may begin.
enum Step {
    /// No header: rot, or a piece of a torn record. The next record begins at some page boundary.
    Nothing,
    /// A header whose record isn't whole, with its region.
    Unfinished(u64),
    /// A whole record.
    Whole(Root, Place),
    /// The disk can't be read.
    Unreadable,
}

fn read_tail(file: &dyn File, number: u32, from: u64, len: u64) -> Tail {
    let mut tail = Tail { whole: Vec::new(), end: from, unreadable: false };
    let mut at = from;
    while at.saturating_add(HEADER_BYTES + FOOTER_BYTES) <= len {
        match read_record(file, number, at, len) {
            Step::Nothing => at += ALIGN,
            Step::Unfinished(region) => at += region,
            Step::Whole(root, place) => {
                at = place.end();
                tail.whole.push((root, place));
                tail.end = at;
            }
            Step::Unreadable => {
                tail.unreadable = true;
                at += ALIGN;
            }
        }
    }
    tail
}

fn read_record(file: &dyn File, number: u32, at: u64, len: u64) -> Step {
    let header = match check::header(file, number, at) {
        Ok(Some(header)) if at.saturating_add(header.region) <= len => header,
        Ok(_) | Err(Fault::Rot(_)) => return Step::Nothing,
        Err(Fault::Disk(..)) => return Step::Unreadable,
    };
    let footer = match check::footer(file, &header) {
        Ok(Some(footer)) => footer,
        Ok(None) | Err(Fault::Rot(_)) => return Step::Unfinished(header.region),
        Err(Fault::Disk(..)) => return Step::Unreadable,
    };
    match check::whole(file, footer.root, &footer.place) {
        Ok(()) => Step::Whole(footer.root, footer.place),
        Err(Fault::Rot(_)) => Step::Unfinished(header.region),
        Err(Fault::Disk(..)) => Step::Unreadable,
    }
}
