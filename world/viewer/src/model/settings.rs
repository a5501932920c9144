//! What a player sets once: view distance, field of view, shadows, mouse, gamepad, name. Kept as JSON in the user's configuration.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    args::VIEW_METRES,
    model::chat::{NAME_CHARS_MAX, clean},
};

/// No honest settings file is longer.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// What a player sets once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How far chunks are drawn, in metres.
    pub view_m: u32,
    /// Vertical field of view, in degrees.
    pub fov_degrees: u32,
    /// How much shadow.
    pub shadows: Shadows,
    /// Mouse sensitivity, 10 to 300, 100 being usual.
    pub mouse_percent: u32,
    /// Pushing the mouse away looks down.
    pub mouse_inverted: bool,
    /// A gamepad counts, if there is one.
    pub gamepad: bool,
    /// Smooth edges.
    pub smooth: bool,
    /// What others see above the player's head.
    pub name: String,
}

/// How much shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shadows {
    /// None.
    Off,
    /// Near the player only.
    Near,
    /// As far as they can be told.
    Far,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            view_m: 256,
            fov_degrees: 70,
            shadows: Shadows::Far,
            mouse_percent: 100,
            mouse_inverted: false,
            gamepad: true,
            smooth: true,
            name: "walker".into(),
        }
    }
}

impl Settings {
    /// The same with every value where it may be.
    pub fn checked(mut self) -> Self {
        self.view_m = self.view_m.clamp(*VIEW_METRES.start(), *VIEW_METRES.end());
        self.fov_degrees = self.fov_degrees.clamp(40, 110);
        self.mouse_percent = self.mouse_percent.clamp(10, 300);
        self.name = clean(&self.name, NAME_CHARS_MAX);
        if self.name.is_empty() {
            self.name = Settings::default().name;
        }
        self
    }

    /// Reads them; a file that isn't there means the usual ones.
    pub fn load(path: &Path) -> io::Result<Settings> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Settings::default()),
            Err(error) => return Err(error),
            Ok(file) if file.len() > FILE_BYTES_MAX => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it is far too long for settings"));
            }
            Ok(_) => {}
        }
        Ok(serde_json::from_slice::<Settings>(&fs::read(path)?)?.checked())
    }

    /// Writes them, making the folder if need be. The old file stays whole until the new one is.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let fresh = path.with_extension("json.new");
        fs::write(&fresh, serde_json::to_vec_pretty(self)?)?;
        fs::rename(fresh, path)
    }
}

impl Shadows {
    /// The next choice, around the end.
    pub const fn next(self) -> Self {
        match self {
            Shadows::Off => Shadows::Near,
            Shadows::Near => Shadows::Far,
            Shadows::Far => Shadows::Off,
        }
    }

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Shadows::Off => "off",
            Shadows::Near => "near",
            Shadows::Far => "far",
        }
    }
}

/// Where they are kept: below `$XDG_CONFIG_HOME`, or `~/.config`. `None` for a user without a home.
pub fn usual_path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("bitdust").join("world.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_brought_back_into_range() {
        let read: Settings =
            serde_json::from_str(r#"{"view_m": 4000000, "fov_degrees": 1, "name": "\n", "shadows": "near"}"#).unwrap();
        let checked = read.checked();
        assert_eq!((checked.view_m, checked.fov_degrees, checked.shadows), (512, 40, Shadows::Near));
        assert_eq!((checked.name.as_str(), checked.mouse_percent), ("walker", 100));
    }

    #[test]
    fn settings_are_found_again() {
        let folder = std::env::temp_dir().join(format!("bitdust-world-settings-{}", std::process::id()));
        let path = folder.join("deep").join("world.json");
        assert_eq!(Settings::load(&path).unwrap(), Settings::default());
        let mine = Settings { name: "Ada".into(), shadows: Shadows::Off, view_m: 384, ..Settings::default() };
        mine.save(&path).unwrap();
        assert_eq!(Settings::load(&path).unwrap(), mine);
        fs::write(&path, "{ nonsense").unwrap();
        assert!(Settings::load(&path).is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
