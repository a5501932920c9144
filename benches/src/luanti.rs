//! Luanti (Minetest, until 2024) making terrain: its server without a player, told by a mod of a few lines to emerge a volume.
//!
//! Its map generator v7 with the game `minetest`, whose biomes, ores, caves, trees and plants are what a player of it
//! sees; where that game isn't installed, the test game that comes with the server, which has less to place. Everything that
//! isn't terrain is taken from it: the map is kept in memory, nothing is saved meanwhile, one emerge thread, no player.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

/// The server's names, the newer one first, and where Debian keeps games.
const PROGRAMS: [&str; 2] = ["luantiserver", "minetestserver"];
const GAMES_DIR: &str = "/usr/games";
/// What to play, the better one first.
const GAMES: [&str; 2] = ["minetest", "devtest"];
/// How long the server may take for everything.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(100);
/// How long it may take to end afterwards. It saves what it made; nobody needs that.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Asked of the mod.
const MOD: &str = include_str!("luanti/init.lua");
/// Voxels along an edge of what the generator makes at once. Such blocks begin at 48 above a multiple of 80, as -32 is.
pub const GENERATED_EDGE: i64 = 80;

/// A server that was found.
pub struct Luanti {
    program: PathBuf,
    /// What it calls itself.
    pub version: String,
    /// What it plays.
    pub game: &'static str,
}

/// How long a volume took.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Emerged {
    /// By the clock on the wall.
    pub wall_s: f64,
    /// The time that all of the server's threads together were on a core.
    pub cpu_s: f64,
    /// Lua has no whole numbers.
    failed: f64,
}

impl Luanti {
    /// Looks for it on the `PATH` and where Debian keeps games. `None` if it isn't installed, or has no game.
    pub fn find() -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let dirs: Vec<PathBuf> = env::split_paths(&path).chain([PathBuf::from(GAMES_DIR)]).collect();
        let found = PROGRAMS.iter().flat_map(|name| dirs.iter().map(move |dir| dir.join(name)));
        let program = found.into_iter().find(|program| program.is_file())?;
        let said = |argument: &[&str]| -> Option<String> {
            let output = Command::new(&program).args(argument).env("HOME", env::temp_dir()).output().ok()?;
            // The list of games comes on standard error.
            Some(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
        };
        let version = said(&["--version"])?.lines().next()?.trim().to_owned();
        let games = said(&["--gameid", "list"])?;
        let game = GAMES.into_iter().find(|game| games.lines().any(|line| line.trim() == *game))?;
        Some(Luanti { program, version, game })
    }

    /// Emerges a volume of a fresh world; both corners are inside.
    pub async fn emerge(&self, seed: u64, from: [i64; 3], to: [i64; 3]) -> Result<Emerged> {
        let home = tempfile::Builder::new().prefix("bitdust-luanti-").tempdir().context("making a directory")?;
        let world = home.path().join("world");
        self.lay_out(home.path(), &world, seed, from, to)?;
        let log = fs::File::create(home.path().join("log")).context("making the server's log")?;
        let mut server = Command::new(&self.program)
            .env("HOME", home.path())
            .args(["--gameid", self.game, "--port", &free_port()?.to_string(), "--logfile", "", "--world"])
            .arg(&world)
            .arg("--config")
            .arg(home.path().join("server.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("sharing the server's log")?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        let answer = wait(&mut server, &world.join("emerged.json")).await;
        end(&mut server).await;
        let emerged = answer.with_context(|| {
            let log = fs::read_to_string(home.path().join("log")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(5).collect();
            format!("{} said: {}", self.program.display(), last.into_iter().rev().collect::<Vec<_>>().join(" | "))
        })?;
        ensure!(emerged.failed == 0.0, "{} blocks could not be emerged", emerged.failed);
        Ok(emerged)
    }

    fn lay_out(&self, home: &Path, world: &Path, seed: u64, from: [i64; 3], to: [i64; 3]) -> Result<()> {
        let settings = format!(
            "mg_name = v7\nfixed_map_seed = {seed}\nnum_emerge_threads = 1\nserver_announce = false\n\
             bind_address = 127.0.0.1\nserver_map_save_interval = 100000\nserver_unload_unused_data_timeout = 100000\n"
        );
        let corner = |at: [i64; 3]| format!("{{ x = {}, y = {}, z = {} }}", at[0], at[1], at[2]);
        let code = format!("local FROM, TO = {}, {}\n{MOD}", corner(from), corner(to));
        let backends = "backend = dummy\nplayer_backend = dummy\nauth_backend = files\nmod_storage_backend = dummy";
        let told = world.join("worldmods/emerge");
        fs::create_dir_all(&told).context("laying out a world for Luanti")?;
        for (path, text) in [
            (home.join("server.conf"), settings),
            (world.join("world.mt"), format!("gameid = {}\n{backends}\nload_mod_emerge = true\n", self.game)),
            (told.join("mod.conf"), "name = emerge\n".to_owned()),
            (told.join("init.lua"), code),
        ] {
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }
}

async fn wait(server: &mut Child, answer: &Path) -> Result<Emerged> {
    let start = Instant::now();
    loop {
        // The mod's file is whole or not there.
        if let Ok(text) = fs::read_to_string(answer) {
            return serde_json::from_str(&text).with_context(|| format!("the mod wrote: {text}"));
        }
        if let Some(status) = server.try_wait().context("looking after the server")? {
            bail!("the server ended too early: {status}");
        }
        ensure!(start.elapsed() < PATIENCE, "nothing came of it in {PATIENCE:?}");
        tokio::time::sleep(LOOK).await;
    }
}

async fn end(server: &mut Child) {
    let start = Instant::now();
    while start.elapsed() < END_PATIENCE {
        if let Ok(Some(_)) = server.try_wait() {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
    let _ = server.kill();
    let _ = server.wait();
}

fn free_port() -> Result<u16> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(socket.local_addr()?.port())
}
