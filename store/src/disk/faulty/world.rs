//! What a [`super::FaultyDisk`] remembers: files as they are and as they were when last synced, and the changes between.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

use super::Loss;

/// Sectors are written whole or not at all.
const SECTOR_BYTES: u64 = 512;
/// Space is handed out in pages.
pub(super) const PAGE_BYTES: u64 = 4096;

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) next_inode: u64,
    pub(super) dirs: BTreeSet<PathBuf>,
    pub(super) names: BTreeMap<PathBuf, u64>,
    pub(super) synced_names: BTreeMap<PathBuf, u64>,
    pub(super) unsynced_names: Vec<NameChange>,
    pub(super) capacity_bytes: u64,
    /// Changes and syncs since the disk was made: the points at which power can be cut.
    pub(super) steps: u64,
    pub(super) cut_at: Option<u64>,
    pub(super) off: bool,
    pub(super) failing_sync: Option<u64>,
    pub(super) no_holes: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) now: Vec<u8>,
    pub(super) synced: Vec<u8>,
    pub(super) unsynced: Vec<Change>,
    pub(super) pages: BTreeSet<u64>,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Length(u64),
    Zero { offset: u64, len: u64 },
}

/// One directory operation: names and what they stand for afterwards. A rename is two names in one change.
#[derive(Clone, Debug)]
pub(super) struct NameChange {
    pub(super) dir: PathBuf,
    pub(super) now: Vec<(PathBuf, Option<u64>)>,
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough to draw subsets, and it needs no crate.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn heads(&mut self) -> bool {
        self.roll() & 1 == 1
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off (test disk)")
}

impl World {
    /// Counts a change or sync; fails if the power is off or goes off here.
    pub(super) fn step(&mut self) -> io::Result<()> {
        if self.cut_at == Some(self.steps) {
            self.off = true;
        }
        self.alive()?;
        self.steps += 1;
        Ok(())
    }

    pub(super) fn alive(&self) -> io::Result<()> {
        if self.off { Err(power_is_off()) } else { Ok(()) }
    }

    pub(super) fn inode(&mut self, id: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&id).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    pub(super) fn free_pages(&self) -> u64 {
        let used: u64 = self.inodes.values().map(|inode| inode.pages.len() as u64).sum();
        (self.capacity_bytes / PAGE_BYTES).saturating_sub(used)
    }

    /// Takes the pages of a range; answers how many bytes of it have room.
    pub(super) fn take_pages(&mut self, id: u64, offset: u64, len: u64) -> io::Result<u64> {
        let mut free = self.free_pages();
        let inode = self.inode(id)?;
        let mut page = offset / PAGE_BYTES;
        while page * PAGE_BYTES < offset + len {
            if !inode.pages.contains(&page) {
                if free == 0 {
                    return Ok((page * PAGE_BYTES).saturating_sub(offset));
                }
                free -= 1;
                inode.pages.insert(page);
            }
            page += 1;
        }
        Ok(len)
    }

    pub(super) fn change_names(&mut self, dir: &Path, now: Vec<(PathBuf, Option<u64>)>) {
        let change = NameChange { dir: dir.to_owned(), now };
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    /// The world as the next start finds it.
    pub(super) fn after(&self, loss: Loss) -> World {
        let fresh = World {
            next_inode: self.next_inode,
            dirs: self.dirs.clone(),
            capacity_bytes: self.capacity_bytes,
            no_holes: self.no_holes,
            ..World::default()
        };
        if loss == Loss::Nothing {
            // The cache outlives the process, and so does the danger: what wasn't synced still isn't.
            return World {
                inodes: self.inodes.clone(),
                names: self.names.clone(),
                synced_names: self.synced_names.clone(),
                unsynced_names: self.unsynced_names.clone(),
                ..fresh
            };
        }
        let mut dice = Dice(if let Loss::Torn(seed) = loss { seed } else { 0 });
        let names = self.names_after(loss, &mut dice);
        let kept = self.inodes.iter().filter(|(id, _)| names.values().any(|named| named == *id));
        let inodes = kept.map(|(id, inode)| (*id, inode.after(loss, &mut dice))).collect();
        World { inodes, synced_names: names.clone(), names, ..fresh }
    }

    fn names_after(&self, loss: Loss, dice: &mut Dice) -> BTreeMap<PathBuf, u64> {
        match loss {
            Loss::Nothing | Loss::Everything => self.synced_names.clone(),
            Loss::Torn(_) => {
                let mut names = self.synced_names.clone();
                for change in self.unsynced_names.iter().filter(|_| dice.heads()) {
                    change.apply(&mut names);
                }
                names
            }
        }
    }

    /// Files that no name leads to give their space back (open handles are rare enough in tests to ignore).
    pub(super) fn forget_unnamed(&mut self) {
        let World { inodes, names, synced_names, unsynced_names, .. } = self;
        inodes.retain(|id, _| {
            names.values().chain(synced_names.values()).any(|named| named == id)
                || unsynced_names.iter().flat_map(|change| &change.now).any(|(_, named)| *named == Some(*id))
        });
    }
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        for (path, inode) in &self.now {
            match inode {
                Some(inode) => names.insert(path.clone(), *inode),
                None => names.remove(path),
            };
        }
    }
}

impl Inode {
    pub(super) fn change(&mut self, change: Change) {
        apply(&mut self.now, &change);
        self.unsynced.push(change);
    }

    fn after(&self, loss: Loss, dice: &mut Dice) -> Inode {
        let bytes = match loss {
            Loss::Nothing | Loss::Everything => self.synced.clone(),
            Loss::Torn(_) => {
                let mut bytes = self.synced.clone();
                for change in &self.unsynced {
                    tear(change, dice).iter().for_each(|piece| apply(&mut bytes, piece));
                }
                bytes
            }
        };
        let pages = self.pages.iter().copied().filter(|page| page * PAGE_BYTES < bytes.len() as u64).collect();
        Inode { now: bytes.clone(), synced: bytes, unsynced: Vec::new(), pages }
    }
}

/// The pieces of a change that reach the platter: all, none, or some of its sectors.
fn tear(change: &Change, dice: &mut Dice) -> Vec<Change> {
    match (dice.roll() % 4, change) {
        (0, _) => Vec::new(),
        (1, _) | (_, Change::Length(_) | Change::Zero { .. }) => vec![change.clone()],
        (_, Change::Write { offset, bytes }) => {
            let mut pieces = Vec::new();
            let mut at = 0;
            while at < bytes.len() {
                let place = offset + at as u64;
                let room = (SECTOR_BYTES - place % SECTOR_BYTES) as usize;
                let end = bytes.len().min(at + room);
                if dice.heads() {
                    pieces.push(Change::Write { offset: place, bytes: bytes[at..end].to_vec() });
                }
                at = end;
            }
            pieces
        }
    }
}

pub(super) fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, bytes: new } => {
            let (start, end) = (*offset as usize, *offset as usize + new.len());
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[start..end].copy_from_slice(new);
        }
        Change::Length(len) => bytes.resize(*len as usize, 0),
        Change::Zero { offset, len } => {
            let end = bytes.len().min((*offset + *len) as usize);
            let start = end.min(*offset as usize);
            bytes[start..end].fill(0);
        }
    }
}
