//! Reads an archive while it arrives: entry by entry, piece by piece, in constant memory.
//!
//! The sender is not trusted: names are checked as any object's path, extension headers and the number of entries are
//! bounded, and an archive that ends too early is an error, so that half a batch is never taken for a whole one.

use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use super::{BLOCK, checksum, field, padding};
use crate::{
    failure::{Code, Failure},
    objects::{ByteStream, ObjectPath, Skipped},
};

/// Files in one batch: with a path of 100 bytes each, a listing of them is 100 MiB.
pub const ENTRIES_MAX: u64 = 1 << 20;
/// Bytes of an extension header: a path of 4 KiB and a link of 4 KiB fit with everything GNU tar adds.
pub const EXTENSION_BYTES_MAX: u64 = 64 * 1024;
/// Entries named in the report of what was left out.
pub const SKIPPED_MAX: usize = 100;
/// Bytes that may follow the end mark: GNU tar fills up 10 KiB, some tape tools 1 MiB.
const TRAILER_BYTES_MAX: usize = 1 << 20;

/// One file of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is to be stored, the batch's prefix included.
    pub path: ObjectPath,
    /// How many bytes [`Entries::chunk`] will give.
    pub bytes: u64,
    /// Milliseconds since 1970.
    pub modified_ms: u64,
}

/// The files of a batch, in the order they arrive. The same path may come twice; then the later one counts.
pub struct Entries {
    body: ByteStream,
    prefix: ObjectPath,
    /// Arrived and not yet consumed.
    buffer: BytesMut,
    /// Bytes of the current file that are still to come, and the zeros after them.
    file_left: u64,
    padding_left: u64,
    seen: u64,
    ended: bool,
    skipped: Vec<Skipped>,
}

/// What extension headers say about the next entry.
#[derive(Default)]
struct Extension {
    path: Option<String>,
    bytes: Option<u64>,
    modified_ms: Option<u64>,
    sparse: bool,
}

impl Entries {
    /// The files of a tar archive, to be stored under `prefix`.
    pub fn from_tar(body: ByteStream, prefix: ObjectPath) -> Self {
        Entries {
            body,
            prefix,
            buffer: BytesMut::new(),
            file_left: 0,
            padding_left: 0,
            seen: 0,
            ended: false,
            skipped: Vec::new(),
        }
    }

    /// Goes to the next file, past whatever was not read of this one. `None` at the archive's proper end.
    pub async fn next(&mut self) -> Result<Option<Entry>, Failure> {
        while self.chunk().await?.is_some() {}
        let mut extension = Extension::default();
        while !self.ended {
            let block = self.block().await?;
            if block.iter().all(|byte| *byte == 0) {
                self.finish().await?;
                break;
            }
            let header = Header::read(&block, self.seen)?;
            match header.kind {
                b'x' => self.pax(&header, &mut extension).await?,
                b'L' => extension.path = Some(text(&self.extension(&header).await?, "a long name")?),
                _ => {
                    self.seen += 1;
                    if self.seen > ENTRIES_MAX {
                        let what = format!("the archive has more than {ENTRIES_MAX} entries");
                        return Err(Failure::new(Code::LimitExceeded, what, "send it in several batches"));
                    }
                    if let Some(entry) = self.entry(&header, std::mem::take(&mut extension)).await? {
                        return Ok(Some(entry));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The next piece of the current file; `None` when it is complete.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.file_left == 0 {
            self.skip(self.padding_left).await?;
            self.padding_left = 0;
            return Ok(None);
        }
        while self.buffer.is_empty() {
            self.more().await?;
        }
        // No more than the buffer holds, so it fits a usize.
        let take = self.file_left.min(self.buffer.len() as u64);
        self.file_left -= take;
        Ok(Some(self.buffer.split_to(take as usize).freeze()))
    }

    /// What was left out so far, at most [`SKIPPED_MAX`] of it.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Decides what a header stands for: a file to hand out, or something to pass over.
    async fn entry(&mut self, header: &Header, extension: Extension) -> Result<Option<Entry>, Failure> {
        let name = match extension.path {
            Some(path) => path,
            None => header.name()?,
        };
        let bytes = extension.bytes.unwrap_or(header.bytes);
        let is_file = matches!(header.kind, b'0' | 0 | b'7') && !name.ends_with('/') && !extension.sparse;
        self.file_left = bytes;
        self.padding_left = padding(bytes.min(u64::MAX - BLOCK as u64));
        if is_file {
            let below = ObjectPath::parse(name.trim_start_matches("./").trim_start_matches('/'))?;
            let modified_ms = extension.modified_ms.unwrap_or(header.modified_ms);
            return Ok(Some(Entry { path: self.prefix.join(&below)?, bytes, modified_ms }));
        }
        let reason = match header.kind {
            _ if extension.sparse => "a sparse file; store it with 'tar' without --sparse",
            b'1' => "a hard link; its bytes are stored under its other name",
            b'2' => "a symbolic link",
            b'3' | b'4' | b'6' => "a device or pipe",
            b'S' => "a sparse file; store it with 'tar' without --sparse",
            // Directories are implied by paths; headers for all entries ('g') and long links ('K') concern no file.
            b'5' | b'g' | b'K' | b'0' | 0 | b'7' => "",
            _ => "of a kind that holds no file",
        };
        if !reason.is_empty() && self.skipped.len() < SKIPPED_MAX {
            self.skipped.push(Skipped { path: name, reason: reason.to_owned() });
        }
        while self.chunk().await?.is_some() {}
        Ok(None)
    }

    /// Reads a pax header: lines of `length key=value`.
    async fn pax(&mut self, header: &Header, into: &mut Extension) -> Result<(), Failure> {
        let data = self.extension(header).await?;
        let mut rest = data.as_slice();
        while !rest.is_empty() {
            let (key, value, after) =
                pax_record(rest).ok_or_else(|| broken("an extended header is malformed", self.seen))?;
            match key {
                b"path" => into.path = Some(text(value, "a path")?),
                b"size" => {
                    into.bytes = Some(decimal(value).ok_or_else(|| broken("a size is no number", self.seen))?);
                }
                b"mtime" => into.modified_ms = milliseconds(value),
                _ if key.starts_with(b"GNU.sparse.") => into.sparse = true,
                _ => {}
            }
            rest = after;
        }
        Ok(())
    }

    /// The data of an extension header, without the zeros that GNU tar ends names with.
    async fn extension(&mut self, header: &Header) -> Result<Vec<u8>, Failure> {
        if header.bytes > EXTENSION_BYTES_MAX {
            return Err(broken("an extended header has more than 64 KiB", self.seen));
        }
        let mut data = Vec::new();
        self.file_left = header.bytes;
        self.padding_left = padding(header.bytes);
        while let Some(piece) = self.chunk().await? {
            data.extend_from_slice(&piece);
        }
        while data.last() == Some(&0) {
            data.pop();
        }
        Ok(data)
    }

    /// After the first block of zeros only zeros may come.
    async fn finish(&mut self) -> Result<(), Failure> {
        self.ended = true;
        let mut trailer = 0;
        loop {
            trailer += self.buffer.len();
            if trailer > TRAILER_BYTES_MAX || self.buffer.iter().any(|byte| *byte != 0) {
                return Err(broken("something follows its end; join archives with 'tar --concatenate'", self.seen));
            }
            self.buffer.clear();
            match self.body.next().await {
                Some(piece) => self.buffer.extend_from_slice(&piece?),
                None => return Ok(()),
            }
        }
    }

    async fn block(&mut self) -> Result<[u8; BLOCK], Failure> {
        while self.buffer.len() < BLOCK {
            self.more().await?;
        }
        let mut block = [0; BLOCK];
        block.copy_from_slice(&self.buffer.split_to(BLOCK));
        Ok(block)
    }

    async fn skip(&mut self, mut bytes: u64) -> Result<(), Failure> {
        while bytes > 0 {
            while self.buffer.is_empty() {
                self.more().await?;
            }
            let take = bytes.min(self.buffer.len() as u64);
            let _ = self.buffer.split_to(take as usize);
            bytes -= take;
        }
        Ok(())
    }

    /// Waits for more bytes. An empty buffer takes the piece over instead of copying it, where the piece allows it.
    async fn more(&mut self) -> Result<(), Failure> {
        match self.body.next().await {
            Some(piece) => {
                let piece = piece?;
                if self.buffer.is_empty() {
                    self.buffer = BytesMut::from(piece);
                } else {
                    self.buffer.extend_from_slice(&piece);
                }
                Ok(())
            }
            None => Err(broken("it ends in the middle", self.seen)),
        }
    }
}

/// The fields of a header block that matter here.
struct Header {
    kind: u8,
    bytes: u64,
    modified_ms: u64,
    raw_name: Vec<u8>,
    seen: u64,
}

impl Header {
    fn read(block: &[u8; BLOCK], seen: u64) -> Result<Self, Failure> {
        if number(&block[field::CHECKSUM]) != Some(checksum(block)) {
            return Err(broken("a header's checksum is wrong, so this is no tar archive or a damaged one", seen));
        }
        let kind = block[field::TYPE];
        let mut raw_name = Vec::new();
        // Only POSIX archives continue the name in a second field; GNU's keep other things there.
        if &block[field::MAGIC][..6] == b"ustar\0" {
            raw_name.extend_from_slice(until_zero(&block[field::PREFIX]));
            if !raw_name.is_empty() {
                raw_name.push(b'/');
            }
        }
        raw_name.extend_from_slice(until_zero(&block[field::NAME]));
        // Links and directories have no data, whatever their size field says.
        let bytes = match kind {
            b'1'..=b'6' => 0,
            _ => number(&block[field::SIZE]).ok_or_else(|| broken("a size is no number", seen))?,
        };
        // A time before 1970 or none is no reason to refuse a file.
        let modified_ms = number(&block[field::MTIME]).unwrap_or(0).saturating_mul(1000);
        Ok(Header { kind, bytes, modified_ms, raw_name, seen })
    }

    fn name(&self) -> Result<String, Failure> {
        text(&self.raw_name, &format!("the name of entry {}", self.seen))
    }
}

fn broken(why: &str, seen: u64) -> Failure {
    Failure::new(
        Code::InvalidInput,
        format!("the tar archive can't be read after {seen} entries: {why}"),
        "nothing was stored; make it with 'tar -c' and send all of it",
    )
}

fn text(bytes: &[u8], what: &str) -> Result<String, Failure> {
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        let shown = String::from_utf8_lossy(bytes).chars().take(80).collect::<String>();
        Failure::params(format!("{what} in the archive is not UTF-8: '{shown}'"), "rename the file and send it again")
    })
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits between blanks and zeros, or, if the first bit is set, GNU's big-endian binary. `None` if negative or
/// too large.
fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        let (above, last) = bytes.split_at(bytes.len().saturating_sub(8));
        // The mark may be the only byte above the last eight; in a shorter field there is no room for it.
        let plain = above.first() == Some(&0x80) && above[1..].iter().all(|byte| *byte == 0);
        return plain.then(|| last.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    let text = std::str::from_utf8(bytes).ok()?.trim_matches(|c| c == ' ' || c == '\0');
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn decimal(bytes: &[u8]) -> Option<u64> {
    let digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    if digits { std::str::from_utf8(bytes).ok()?.parse().ok() } else { None }
}

/// `seconds[.fraction]` in milliseconds; `None` for a time before 1970.
fn milliseconds(bytes: &[u8]) -> Option<u64> {
    let (whole, fraction) = bytes.split_at(bytes.iter().position(|byte| *byte == b'.').unwrap_or(bytes.len()));
    let digit =
        |at: usize| fraction.get(at).filter(|byte| byte.is_ascii_digit()).map_or(0, |byte| u64::from(byte - b'0'));
    decimal(whole)?.checked_mul(1000)?.checked_add(digit(1) * 100 + digit(2) * 10 + digit(3))
}

/// Splits one `length key=value\n` off; the length counts the whole record.
fn pax_record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = data.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&data[..blank])?).ok()?;
    let record = data.get(blank + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &data[length..]))
}
