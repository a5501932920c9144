//! The operating system's disk below one directory.
//!
//! Files are created with mode 0600: journals hold keys. `sync` is `fdatasync`, which writes the length as well when it
//! is needed to read the data back (POSIX.1-2017, `fdatasync`: "synchronized I/O data integrity completion").

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::{Disk, File};

/// A directory of the operating system.
#[derive(Debug, Clone)]
pub struct RealDisk {
    root: PathBuf,
}

#[derive(Debug)]
struct RealFile {
    file: fs::File,
}

impl RealDisk {
    /// The disk below `root`, which is created if it is missing.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        make_root(&root)?;
        Ok(RealDisk { root })
    }

    fn place(&self, path: &Path) -> io::Result<PathBuf> {
        let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} leaves the directory {}", path.display(), self.root.display()),
            ));
        }
        Ok(self.root.join(path))
    }

    fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        options
    }
}

/// Creates a node's directory and makes its name durable as far as the directory above may be opened; a node that can't
/// read its parent directory still works.
pub(crate) fn make_root(root: &Path) -> io::Result<()> {
    fs::create_dir_all(root)?;
    let above = root.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above.and_then(|above| fs::File::open(above).ok()) {
        above.sync_all()?;
    }
    Ok(())
}

impl Disk for RealDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut place = self.place(dir)?;
        fs::create_dir_all(&place)?;
        // Each new name lies in its parent: sync up to and including the root.
        loop {
            fs::File::open(&place)?.sync_all()?;
            if place == self.root || !place.pop() {
                return Ok(());
            }
        }
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = Self::options().create_new(true).open(self.place(path)?)?;
        Ok(Arc::new(RealFile { file }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = Self::options().open(self.place(path)?)?;
        Ok(Arc::new(RealFile { file }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.place(dir)?)? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(self.place(from)?, self.place(to)?)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(self.place(path)?)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(self.place(dir)?)?.sync_all()
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let space = rustix::fs::statvfs(self.place(dir)?)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }
}

impl File for RealFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buf, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        #[cfg(target_os = "linux")]
        match rustix::io::retry_on_intr(|| {
            rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::empty(), offset, len)
        }) {
            Ok(()) => return Ok(()),
            // Some file systems can't; then the write itself will meet the full disk.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
        let end = offset.saturating_add(len);
        if self.file.metadata()?.len() < end { self.file.set_len(end) } else { Ok(()) }
    }

    fn punch(&self, offset: u64, len: u64) -> io::Result<bool> {
        if len == 0 {
            return Ok(true);
        }
        #[cfg(target_os = "linux")]
        {
            let flags = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
            match rustix::io::retry_on_intr(|| rustix::fs::fallocate(&self.file, flags, offset, len)) {
                Ok(()) => Ok(true),
                Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(false),
                Err(error) => Err(error.into()),
            }
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = offset;
            Ok(false)
        }
    }

    fn allocated(&self) -> io::Result<u64> {
        // st_blocks counts units of 512 bytes whatever the file system's block is (POSIX leaves it open, Linux and the
        // BSDs agree).
        Ok(self.file.metadata()?.blocks().saturating_mul(512))
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_the_owners_and_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(dir.path().join("node")).unwrap();
        disk.create_dir_all(Path::new("a/b")).unwrap();
        let file = disk.create(Path::new("a/b/c")).unwrap();
        file.write_at(10, b"bytes").unwrap();
        file.sync().unwrap();
        assert_eq!(disk.create(Path::new("a/b/c")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let mode = fs::metadata(dir.path().join("node/a/b/c")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        disk.rename(Path::new("a/b/c"), Path::new("a/b/d")).unwrap();
        disk.sync_dir(Path::new("a/b")).unwrap();
        assert_eq!(disk.list(Path::new("a/b")).unwrap(), ["d"]);
        let mut found = [0; 6];
        disk.open(Path::new("a/b/d")).unwrap().read_at(9, &mut found).unwrap();
        assert_eq!(&found, b"\0bytes");
        for outside in ["../c", "/etc/passwd", "a/../../c"] {
            assert_eq!(disk.open(Path::new(outside)).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{outside}");
        }
    }

    #[test]
    fn holes_read_as_zeros_and_give_space_back() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(dir.path()).unwrap();
        let file = disk.create(Path::new("a")).unwrap();
        file.allocate(0, 1 << 20).unwrap();
        file.write_at(0, &vec![7; 1 << 20]).unwrap();
        file.sync().unwrap();
        let before = file.allocated().unwrap();
        let punched = file.punch(4096, 1 << 19).unwrap();
        file.sync().unwrap();
        let mut byte = [0];
        file.read_at(5000, &mut byte).unwrap();
        // Where the file system can't punch holes nothing has changed.
        assert_eq!(byte, if punched { [0] } else { [7] });
        assert!(!punched || file.allocated().unwrap() < before);
        assert_eq!(file.len().unwrap(), 1 << 20);
        assert!(disk.free_bytes(Path::new("")).unwrap() > 0);
    }
}
