//! A file of checksummed frames that only grows: the ground under [`crate::journal`] and [`crate::table::LogTable`].
//!
//! ```text
//! file  = kind (8 bytes) frame*
//! frame = "BDF1" len:u32 synced:u64 crc:u32 payload        (integers little-endian)
//! crc   = CRC-32 (IEEE 802.3) of offset:u64 len synced payload
//! ```
//! `synced` is how much of the file was known to be durable when the frame was written. That tells two damages apart at
//! open: a *torn tail* (never acknowledged) is cut off and logged; a bad frame *below* what a later frame calls durable
//! is *rot*, and opening fails, because going on would silently lose what was acknowledged. Rot in the very last synced
//! frame can't be told from a torn tail.
//!
//! **Invariant:** a file under its final name has a good head: it is written as `NAME.new`, synced, then renamed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    disk::{Disk, File},
    error::Error,
};

const FRAME_MAGIC: [u8; 4] = *b"BDF1";
const KIND_BYTES: u64 = 8;
const FRAME_HEAD_BYTES: usize = 4 + 4 + 8 + 4;
/// Longest payload: an index batch that deletes a whole slot's 2^20 roots of 41 bytes is 41 MiB.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// An open file of frames.
#[derive(Debug)]
pub(crate) struct Frames {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    kind: [u8; 8],
    file: Arc<dyn File>,
    end: u64,
    synced: u64,
    broken: bool,
}

impl Frames {
    /// Opens the file, or creates it if it is missing. Answers the payloads in the order they were appended.
    pub(crate) fn open(disk: Arc<dyn Disk>, path: &Path, kind: [u8; 8]) -> Result<(Self, Vec<Vec<u8>>), Error> {
        let dir = parent(path);
        disk.create_dir_all(dir).map_err(|error| Error::io("create the directory", dir, error))?;
        let names = disk.list(dir).map_err(|error| Error::io("list", dir, error))?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !names.iter().any(|other| other == name) {
            let file = write_whole(&*disk, path, kind, &[])?;
            return Ok((Self::new(disk, path, kind, file, KIND_BYTES), Vec::new()));
        }
        let file = disk.open(path).map_err(|error| Error::io("open", path, error))?;
        let (payloads, end) = replay(&*file, path, kind)?;
        // After kill -9 all of this may be in the page cache only, the name included. What is replayed is acted upon, so
        // it must not vanish in a later power cut.
        file.sync().map_err(|error| Error::io("sync", path, error))?;
        disk.sync_dir(dir).map_err(|error| Error::io("sync the directory of", path, error))?;
        Ok((Self::new(disk, path, kind, file, end), payloads))
    }

    fn new(disk: Arc<dyn Disk>, path: &Path, kind: [u8; 8], file: Arc<dyn File>, end: u64) -> Self {
        Frames { disk, path: path.to_owned(), kind, file, end, synced: end, broken: false }
    }

    /// The file's length in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.end
    }

    /// Appends a frame. It is durable after the next [`Frames::sync`]. On an error the file is as it was.
    pub(crate) fn append(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.usable()?;
        let frame = encode(self.end, self.synced, payload);
        if let Err(error) = self.file.write_at(self.end, &frame) {
            // A partial frame would be taken for a torn tail, but only if nothing follows it: cut it off.
            if self.file.set_len(self.end).is_err() {
                self.broken = true;
            }
            return Err(Error::io("append to", &self.path, error));
        }
        self.end += frame.len() as u64;
        Ok(())
    }

    /// Makes every frame so far durable.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        self.usable()?;
        if self.synced == self.end {
            return Ok(());
        }
        if let Err(error) = self.file.sync() {
            // What reached the disk is unknown and a second sync would prove nothing.
            self.broken = true;
            return Err(Error::io("sync", &self.path, error));
        }
        self.synced = self.end;
        Ok(())
    }

    /// Replaces all frames by these, at once and durably. On an error the old frames stand.
    pub(crate) fn rewrite(&mut self, payloads: &[Vec<u8>]) -> Result<(), Error> {
        self.usable()?;
        // From the rename on, which of the two files a crash leaves is unknown until the directory is synced, so nothing
        // may be appended to either if that fails.
        self.broken = true;
        match write_whole(&*self.disk, &self.path, self.kind, payloads) {
            Ok(file) => {
                self.end = file.len().map_err(|error| Error::io("measure", &self.path, error))?;
                self.synced = self.end;
                self.file = file;
                self.broken = false;
                Ok(())
            }
            Err((error, renamed)) => {
                self.broken = renamed;
                Err(error)
            }
        }
    }

    fn usable(&self) -> Result<(), Error> {
        if self.broken { Err(Error::Broken { place: self.path.clone() }) } else { Ok(()) }
    }
}

impl From<(Error, bool)> for Error {
    fn from((error, _): (Error, bool)) -> Self {
        error
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Writes a file under its final name, whole or not at all. The error says whether the rename was already done.
fn write_whole(
    disk: &dyn Disk,
    path: &Path,
    kind: [u8; 8],
    payloads: &[Vec<u8>],
) -> Result<Arc<dyn File>, (Error, bool)> {
    let draft = path.with_extension("new");
    // A draft left by a crash is nobody's; usually there is none.
    let _ = disk.remove(&draft);
    let file = disk.create(&draft).map_err(|error| (Error::io("create", &draft, error), false))?;
    let fill = || {
        file.write_at(0, &kind)?;
        let mut end = KIND_BYTES;
        for payload in payloads {
            let frame = encode(end, 0, payload);
            file.write_at(end, &frame)?;
            end += frame.len() as u64;
        }
        file.sync()
    };
    if let Err(error) = fill() {
        let _ = disk.remove(&draft);
        return Err((Error::io("write", &draft, error), false));
    }
    disk.rename(&draft, path).map_err(|error| (Error::io("rename to", path, error), false))?;
    disk.sync_dir(parent(path)).map_err(|error| (Error::io("sync the directory of", path, error), true))?;
    Ok(file)
}

fn encode(offset: u64, synced: u64, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() <= PAYLOAD_BYTES_MAX, "a frame of {} bytes is above the bound", payload.len());
    let mut frame = Vec::with_capacity(FRAME_HEAD_BYTES + payload.len());
    frame.extend_from_slice(&FRAME_MAGIC);
    frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    frame.extend_from_slice(&synced.to_le_bytes());
    frame.extend_from_slice(&checksum(offset, synced, payload).to_le_bytes());
    frame.extend_from_slice(payload);
    frame
}

fn checksum(offset: u64, synced: u64, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&offset.to_le_bytes());
    crc.update(&(payload.len() as u32).to_le_bytes());
    crc.update(&synced.to_le_bytes());
    crc.update(payload);
    crc.finalize()
}

/// The frame at `at`, if a good one is there: what it calls durable, and its payload.
fn decode(bytes: &[u8], at: usize) -> Option<(u64, &[u8])> {
    let head = bytes.get(at..at.checked_add(FRAME_HEAD_BYTES)?)?;
    if head[..4] != FRAME_MAGIC {
        return None;
    }
    let len = u32::from_le_bytes(head[4..8].try_into().ok()?) as usize;
    let synced = u64::from_le_bytes(head[8..16].try_into().ok()?);
    let crc = u32::from_le_bytes(head[16..20].try_into().ok()?);
    let start = at + FRAME_HEAD_BYTES;
    let payload = bytes.get(start..start.checked_add(len)?)?;
    (checksum(at as u64, synced, payload) == crc).then_some((synced, payload))
}

fn replay(file: &dyn File, path: &Path, kind: [u8; 8]) -> Result<(Vec<Vec<u8>>, u64), Error> {
    let io = |action| move |error| Error::io(action, path, error);
    let len = file.len().map_err(io("measure"))?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    file.read_at(0, &mut bytes).map_err(io("read"))?;
    if bytes.get(..8) != Some(&kind) {
        let what = format!("it doesn't begin with '{}'", String::from_utf8_lossy(&kind));
        return Err(Error::Foreign { place: path.to_owned(), what });
    }
    let mut at = KIND_BYTES as usize;
    let mut payloads = Vec::new();
    while let Some((_, payload)) = decode(&bytes, at) {
        payloads.push(payload.to_vec());
        at += FRAME_HEAD_BYTES + payload.len();
    }
    if at < bytes.len() {
        let later =
            (at + 1..bytes.len()).find_map(|next| decode(&bytes, next).filter(|(synced, _)| *synced > at as u64));
        if later.is_some() {
            let what = "a record that had been synced can't be read, records behind it can; restore the file from a \
                        backup, or move it away to begin a new one"
                .to_owned();
            return Err(Error::Rot { place: path.to_owned(), offset: at as u64, what });
        }
        tracing::warn!(
            file = %path.display(), offset = at, bytes = bytes.len() - at,
            "cut off a torn tail: it was being written when the machine stopped and had not been acknowledged"
        );
        file.set_len(at as u64).map_err(io("cut the torn tail of"))?;
    }
    Ok((payloads, at as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_the_published_bytes_and_binds_its_place() {
        let frame = encode(8, 8, b"hello");
        let expected = b"BDF1\x05\0\0\0\x08\0\0\0\0\0\0\0\x42\xf3\x5b\x9bhello";
        assert_eq!(frame, expected);
        let file = [&[0; 8], frame.as_slice()].concat();
        assert_eq!(decode(&file, 8), Some((8, &b"hello"[..])));
        assert_eq!(decode(&frame, 0), None, "a frame that was copied elsewhere");
        for at in 8..file.len() {
            let mut file = file.clone();
            file[at] ^= 0x40;
            assert_eq!(decode(&file, 8), None, "flipped byte {at}");
        }
    }
}
