//! What a player has done in a world's content, kept between visits: one small file for each world and account.
//!
//! A file is replaced whole or not at all. One that can't be read is set aside under another name, so that the player can go
//! on and nothing is lost that somebody might still mend.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use bitdust_world::content::{Content, Play, WorldId, limits::PLAY_BYTES_MAX};

/// Where one player's progress in one world is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    path: PathBuf,
    world: WorldId,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The player's state; a newcomer's if none was kept.
    pub play: Play,
    /// What the player should know about it.
    pub word: Option<String>,
}

impl Progress {
    /// In this folder, for this world and account. Of an account only letters and digits go into the file's name.
    pub fn new(folder: &Path, world: [u8; 32], account: &str) -> Self {
        let world = WorldId(world);
        let hex: String = world.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let account: String = account.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        let account = if account.is_empty() { "nobody" } else { &account };
        Progress { path: folder.join("progress").join(format!("{hex}-{account}.play")), world }
    }

    /// Reads what was kept. What isn't this world's, or isn't readable, is set aside.
    pub fn load(&self, content: &Content) -> Found {
        let newcomer = || Play::new(self.world);
        let problem = match self.read() {
            Ok(None) => return Found { play: newcomer(), word: None },
            Ok(Some(bytes)) => match Play::decode(&bytes, content) {
                Ok(play) if play.world() == self.world => return Found { play, word: None },
                Ok(_) => "it is about another world".to_owned(),
                Err(invalid) => invalid.to_string(),
            },
            Err(error) => error.to_string(),
        };
        let aside = self.path.with_extension("broken");
        let fate = match fs::rename(&self.path, &aside) {
            Ok(()) => format!("it is kept as {}", aside.display()),
            Err(error) => format!("and it can't be moved to {}: {error}", aside.display()),
        };
        let word = format!(
            "What you did here before can't be read from {}: {problem}. You begin anew; {fate}.",
            self.path.display()
        );
        Found { play: newcomer(), word: Some(word) }
    }

    /// Keeps it. The old file stays whole until the new one is.
    ///
    /// # Errors
    /// What the file system says, with the file's name.
    pub fn save(&self, play: &Play) -> Result<(), String> {
        let fail = |error: String| format!("What you did here can't be kept in {}: {error}", self.path.display());
        let bytes = play.to_bytes().map_err(|invalid| fail(invalid.to_string()))?;
        self.write(&bytes).map_err(|error| fail(error.to_string()))
    }

    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
            Ok(file) if file.len() > PLAY_BYTES_MAX as u64 => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it is far too long"));
            }
            Ok(_) => {}
        }
        fs::read(&self.path).map(Some)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let fresh = self.path.with_extension("new");
        let mut file = fs::File::create(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(fresh, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use bitdust_world::{VoxelPos, content::Event};

    use super::*;

    const QUEST: &str = r#"{ "triggers": [
        { "name": "t", "on": { "use": [1, 0, 0] }, "then": [ { "grant": "found" } ] } ] }"#;

    /// A folder of the test's own, gone at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            Folder(std::env::temp_dir().join(format!("bitdust-progress-{name}-{}", std::process::id())))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn marks_are_found_again_by_world_and_account() {
        let folder = Folder::new("again");
        let content = Content::from_json(QUEST).unwrap();
        let mine = Progress::new(&folder.0, [7; 32], "0xAda");
        let Found { mut play, word } = mine.load(&content);
        assert_eq!(word, None);
        play.handle(&content, Event::Entered(VoxelPos::new(0, 0, 0)));
        play.handle(&content, Event::Used(VoxelPos::new(1, 0, 0)));
        mine.save(&play).unwrap();
        assert_eq!(mine.load(&content), Found { play, word: None });
        assert!(mine.load(&content).play.has_mark("found"));
        for other in [Progress::new(&folder.0, [7; 32], "0xBo"), Progress::new(&folder.0, [8; 32], "0xAda")] {
            assert!(!other.load(&content).play.has_mark("found"));
        }
    }

    #[test]
    fn a_broken_file_is_set_aside_with_a_word() {
        let folder = Folder::new("broken");
        let content = Content::from_json(QUEST).unwrap();
        let mine = Progress::new(&folder.0, [7; 32], "../../0xAda");
        mine.save(&Play::new(WorldId([7; 32]))).unwrap();
        assert!(mine.path.starts_with(&folder.0) && mine.path.ends_with(format!("{}-0xAda.play", "07".repeat(32))));
        let others = Play::new(WorldId([8; 32])).to_bytes().unwrap();
        for bytes in [b"nonsense".to_vec(), vec![0; PLAY_BYTES_MAX + 1], others] {
            fs::write(&mine.path, &bytes).unwrap();
            let Found { play, word } = mine.load(&content);
            assert_eq!(play, Play::new(WorldId([7; 32])));
            assert!(word.unwrap().contains("begin anew"));
            assert_eq!(fs::read(mine.path.with_extension("broken")).unwrap(), bytes, "nothing is lost");
            assert_eq!(mine.load(&content).word, None, "it is said once");
        }
    }
}
