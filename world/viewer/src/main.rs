//! The binary `bitdust-world`: reads what was typed, finds the world, runs the game, says how it ended.

use std::{fs, path::Path, process::ExitCode, sync::Arc, thread, time::Instant};

use bevy::app::AppExit;
use bitdust_viewer::{
    Start,
    args::{self, Config, Connect, Parsed},
    model::{
        bindings::Gaze,
        settings::{self, Settings, Shadows},
    },
    play::runner::Playing,
    run, script,
    shell::{devnet::Devnet, exit},
    source::{Source, local::Local, node::Node},
};
use bitdust_world::{
    r#gen::{Generator, Params},
    script::SCRIPT_BYTES_MAX,
};

/// Why nothing ran: the number to end with, and the sentence.
type Failure = (u8, String);

fn main() -> ExitCode {
    let started = Instant::now();
    let config = match args::parse(std::env::args().skip(1)) {
        Ok(Parsed::Run(config)) => *config,
        Ok(Parsed::Help) => {
            println!("{}\n\nA script's steps:\n{}", args::USAGE, script::STEPS);
            return ExitCode::SUCCESS;
        }
        Err(invalid) => {
            eprintln!("bitdust-world: {invalid}\n\n{}", args::USAGE);
            return ExitCode::from(exit::USAGE);
        }
    };
    let (start, _devnet) = match prepare(&config, started) {
        Ok(start) => start,
        Err((code, why)) => {
            eprintln!("bitdust-world: {why}");
            return ExitCode::from(code);
        }
    };
    exit::explain_missing_device();
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(start))) {
        Ok(AppExit::Success) => ExitCode::SUCCESS,
        Ok(AppExit::Error(code)) => ExitCode::from(code.get()),
        Err(panic) if exit::is_missing_device(&*panic) => ExitCode::from(exit::NO_DEVICE),
        Err(_) => ExitCode::FAILURE,
    }
}

fn prepare(config: &Config, started: Instant) -> Result<(Start, Option<Devnet>), Failure> {
    let usage = |why: String| (exit::USAGE, why);
    let playing = playing(config).map_err(usage)?;
    if let Some(path) = &config.figures {
        check_folder("--figures", path).map_err(usage)?;
    }
    let World { source, generator, devnet } = world(config)?;
    let at = config.at.or(source.info().spawn).unwrap_or_else(|| generator.spawn());
    let settings = player_settings(config);
    let start = Start {
        source,
        generator,
        at,
        gaze: Gaze::default(),
        minutes: config.minutes,
        settings,
        size: config.size,
        headless: config.headless,
        real_time: config.real_time,
        playing,
        figures: config.figures.clone().map(|file| (file, started)),
    };
    Ok((start, devnet))
}

/// The steps to play. Headless, there is always something to play, if only a last picture.
fn playing(config: &Config) -> Result<Option<Playing>, String> {
    let steps = match &config.script {
        Some(path) => script::parse(&read_script(path)?).map_err(|invalid| format!("{}: {invalid}", path.display()))?,
        None => vec![],
    };
    if let Some(path) = &config.screenshot {
        check_folder("--screenshot", path)?;
    }
    let picture = config.screenshot.as_ref().map(|path| path.display().to_string());
    let plays = config.script.is_some() || picture.is_some();
    Ok(plays.then(|| Playing::new(steps, picture)))
}

/// A file that can't be written is better known before the game than after it.
fn check_folder(option: &str, path: &Path) -> Result<(), String> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => Err(format!("{option}: there is no folder {}", folder.display())),
        _ => Ok(()),
    }
}

fn read_script(path: &Path) -> Result<String, String> {
    let fail = |why: String| format!("the script {} can't be read: {why}", path.display());
    let length = fs::metadata(path).map_err(|error| fail(error.to_string()))?.len();
    if length > SCRIPT_BYTES_MAX as u64 {
        return Err(fail("it is longer than a script may be".into()));
    }
    fs::read_to_string(path).map_err(|error| fail(error.to_string()))
}

/// Where the world comes from.
struct World {
    source: Box<dyn Source>,
    generator: Arc<Generator>,
    /// The network that was started for it: it ends when this is dropped.
    devnet: Option<Devnet>,
}

fn world(config: &Config) -> Result<World, Failure> {
    // One core is left for drawing.
    let workers = thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1));
    match &config.connect {
        Connect::Local { seed } => {
            let params = Params::default();
            let source = Local::start(*seed, params, workers).map_err(|why| (exit::USAGE, why))?;
            let generator = source.generator();
            Ok(World { source: Box::new(source), generator, devnet: None })
        }
        Connect::Node { url, token } => node(url, token.as_deref(), config, workers, None),
        Connect::Devnet { dir } => {
            let devnet = Devnet::start(dir.as_deref()).map_err(|why| (exit::NODE, why))?;
            let (url, token) = (devnet.url.clone(), devnet.token.clone());
            node(&url, Some(&token), config, workers, Some(devnet))
        }
    }
}

fn node(
    url: &str,
    token: Option<&Path>,
    config: &Config,
    workers: usize,
    devnet: Option<Devnet>,
) -> Result<World, Failure> {
    let name = player_settings(config).0.name;
    let source = Node::connect(url, token, config.world, &name, workers, config.stand_ins);
    let source = source.map_err(|why| (exit::NODE, why))?;
    let generator = source.terrain().generator();
    Ok(World { source: Box::new(source), generator, devnet })
}

/// The player's own in a window. Pictures and tests must not depend on them: they get the usual ones.
fn player_settings(config: &Config) -> (Settings, Option<std::path::PathBuf>) {
    let path = settings::usual_path().filter(|_| !config.headless);
    let mut settings = match path.as_deref().map(Settings::load) {
        Some(Ok(settings)) => settings,
        Some(Err(error)) => {
            eprintln!("bitdust-world: your settings can't be read and the usual ones are taken: {error}");
            Settings::default()
        }
        None => Settings { shadows: Shadows::Far, ..Settings::default() },
    };
    if let Some(view_m) = config.view_m {
        settings.view_m = view_m;
    }
    (settings, path)
}
