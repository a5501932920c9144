//! What was typed, parsed into what is meant.
//!
//! Parsed by hand: the command line has a dozen options, and an argument parser belongs to `node` alone. Every error names the
//! argument, what is wrong with it, and what would be right.

use std::path::PathBuf;

use bitdust_world::VoxelPos;
use thiserror::Error;

use crate::model::sky::{DAY_MINUTES, parse_clock};

/// Shown by `--help` and below every error.
pub const USAGE: &str = "\
usage: bitdust-world [options]

  --node URL         the API of the node that knows the world, such as http://127.0.0.1:8545
  --token FILE       where that node wrote its token; without it you can look but not build
  --world ID         the world's id, 64 hexadecimal digits; without it the node's first world
  --devnet           start a network on this machine and walk in its world
  --dir DIR          with --devnet: keep that network here; one that is here already goes on
  --seed N           without a node: the terrain of this seed, alone (default 1)
  --at X,Y,Z         where to begin, in metres (default: the world's spawn)
  --time HH:MM       the time of day to begin with (default 10:00)
  --view METRES      how far chunks are drawn, 64 to 512 (default 256); the far terrain goes on for kilometres
  --size WxH         of the window or the picture, in pixels (default 1280x720)
  --headless         draw without a window, on any Vulkan device, software included
  --real-time        with --headless: time passes as on the clock, instead of 20 frames to the second
  --no-stand-ins     show nothing in place of what others built until it is here, instead of bare terrain
  --script FILE      play what the file says, line by line
  --screenshot FILE  when the script is done (or everything visible is there), write a PNG and leave
  --figures FILE     when leaving, write what the run cost as JSON: first picture, frame times, memory
  --help             this text";

/// How far chunks may be drawn, in metres.
pub const VIEW_METRES: std::ops::RangeInclusive<u32> = 64..=512;
/// The widest and tallest picture, in pixels: what every Vulkan device can draw into.
pub const SIZE_MAX: u32 = 4096;

/// What is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the world comes from.
    pub connect: Connect,
    /// The world's id; the node's first if `None`.
    pub world: Option<[u8; 32]>,
    /// Where to begin; the world's spawn if `None`.
    pub at: Option<VoxelPos>,
    /// Minutes since midnight to begin with.
    pub minutes: u32,
    /// How far chunks are drawn, in metres; the player's setting if `None`.
    pub view_m: Option<u32>,
    /// Of the window or picture, in pixels.
    pub size: (u32, u32),
    /// Draw without a window.
    pub headless: bool,
    /// Without a window, let time pass as on the clock.
    pub real_time: bool,
    /// Show bare terrain where what others built is late.
    pub stand_ins: bool,
    /// What to play.
    pub script: Option<PathBuf>,
    /// Where the last picture goes.
    pub screenshot: Option<PathBuf>,
    /// Where the figures go.
    pub figures: Option<PathBuf>,
}

/// Where the world comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connect {
    /// The generator on this machine, nobody else.
    Local {
        /// The terrain's seed.
        seed: u64,
    },
    /// A node's API.
    Node {
        /// Such as `http://127.0.0.1:8545`.
        url: String,
        /// Where the node wrote its token.
        token: Option<PathBuf>,
    },
    /// A network started for the occasion.
    Devnet {
        /// Where it is kept; gone at the end if `None`.
        dir: Option<PathBuf>,
    },
}

/// What was typed makes no sense.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Invalid {
    /// An option nobody knows.
    #[error("there is no option {0:?}")]
    Unknown(String),
    /// An option stands last without what should follow.
    #[error("{0} wants {1} after it")]
    Missing(&'static str, &'static str),
    /// What follows an option can't be read.
    #[error("{option} wants {wants}, not {got:?}")]
    Value {
        /// The option.
        option: &'static str,
        /// What it wants.
        wants: &'static str,
        /// What it got.
        got: String,
    },
    /// Two options exclude each other.
    #[error("{0} and {1} exclude each other")]
    Clash(&'static str, &'static str),
    /// An option makes sense only with another.
    #[error("{0} makes sense only with {1}")]
    Needs(&'static str, &'static str),
}

/// What `parse` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The text asked for by `--help`.
    Help,
    /// Something to run.
    Run(Box<Config>),
}

/// Parses the arguments after the program's name.
pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Parsed, Invalid> {
    let mut arguments = arguments.into_iter();
    let (mut node, mut token, mut seed, mut devnet, mut dir) = (None, None, None, false, None);
    let mut config = Config {
        connect: Connect::Devnet { dir: None },
        world: None,
        at: None,
        minutes: 10 * 60,
        view_m: None,
        size: (1280, 720),
        headless: false,
        real_time: false,
        stand_ins: true,
        script: None,
        screenshot: None,
        figures: None,
    };
    while let Some(argument) = arguments.next() {
        let (name, mut inline) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        let mut value = |option: &'static str, wants: &'static str| {
            inline.take().or_else(|| arguments.next()).ok_or(Invalid::Missing(option, wants))
        };
        match name.as_str() {
            "--help" | "-h" => return Ok(Parsed::Help),
            "--node" => node = Some(read(&mut value, "--node", "a URL that begins with http://", node_url)?),
            "--token" => token = Some(PathBuf::from(value("--token", "a file")?)),
            "--world" => config.world = Some(read(&mut value, "--world", "64 hexadecimal digits", id)?),
            "--seed" => {
                seed = Some(read(&mut value, "--seed", "a whole number from 0 to 2^64 - 1", |s| s.parse().ok())?)
            }
            "--at" => config.at = Some(read(&mut value, "--at", "three whole numbers, such as 10,80,-300", position)?),
            "--time" => config.minutes = read(&mut value, "--time", "a time of day, such as 17:30", parse_clock)?,
            "--view" => config.view_m = Some(read(&mut value, "--view", "metres from 64 to 512", view)?),
            "--size" => config.size = read(&mut value, "--size", "a size up to 4096x4096, such as 1280x720", size)?,
            "--script" => config.script = Some(PathBuf::from(value("--script", "a file")?)),
            "--screenshot" => config.screenshot = Some(PathBuf::from(value("--screenshot", "a file")?)),
            "--figures" => config.figures = Some(PathBuf::from(value("--figures", "a file")?)),
            "--dir" => dir = Some(PathBuf::from(value("--dir", "a folder")?)),
            "--headless" => config.headless = true,
            "--real-time" => config.real_time = true,
            "--no-stand-ins" => config.stand_ins = false,
            "--devnet" => devnet = true,
            _ => return Err(Invalid::Unknown(name)),
        }
    }
    debug_assert!(config.minutes < DAY_MINUTES);
    config.connect = match (node, devnet, seed) {
        (Some(_), true, _) => return Err(Invalid::Clash("--node", "--devnet")),
        (Some(_), _, Some(_)) => return Err(Invalid::Clash("--node", "--seed")),
        (None, true, Some(_)) => return Err(Invalid::Clash("--devnet", "--seed")),
        (Some(url), false, None) => Connect::Node { url, token },
        (None, true, None) => Connect::Devnet { dir: dir.take() },
        (None, false, _) if token.is_some() => return Err(Invalid::Needs("--token", "--node")),
        (None, false, _) if config.world.is_some() => return Err(Invalid::Needs("--world", "--node")),
        (None, false, seed) => Connect::Local { seed: seed.unwrap_or(1) },
    };
    if dir.is_some() {
        return Err(Invalid::Needs("--dir", "--devnet"));
    }
    if config.headless && config.script.is_none() && config.screenshot.is_none() {
        return Err(Invalid::Needs("--headless", "--script or --screenshot"));
    }
    if config.real_time && !config.headless {
        return Err(Invalid::Needs("--real-time", "--headless"));
    }
    Ok(Parsed::Run(Box::new(config)))
}

fn read<T>(
    value: &mut impl FnMut(&'static str, &'static str) -> Result<String, Invalid>,
    option: &'static str,
    wants: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Invalid> {
    let got = value(option, wants)?;
    parse(&got).ok_or(Invalid::Value { option, wants, got })
}

fn node_url(text: &str) -> Option<String> {
    let host = text.strip_prefix("http://")?;
    (!host.is_empty() && !host.starts_with('/')).then(|| text.trim_end_matches('/').to_owned())
}

fn id(text: &str) -> Option<[u8; 32]> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut id = [0; 32];
    for (byte, digits) in id.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(id)
}

/// Three whole numbers with commas between them.
pub fn position(text: &str) -> Option<VoxelPos> {
    let mut numbers = text.split(',').map(|number| number.trim().parse().ok());
    let (x, y, z) = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(VoxelPos::new(x, y, z))
}

fn view(text: &str) -> Option<u32> {
    text.parse().ok().filter(|metres| VIEW_METRES.contains(metres))
}

fn size(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    let edge = |text: &str| text.parse().ok().filter(|edge| (16..=SIZE_MAX).contains(edge));
    Some((edge(width)?, edge(height)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Config, String> {
        match parse(line.split_whitespace().map(str::to_owned)) {
            Ok(Parsed::Run(config)) => Ok(*config),
            Ok(Parsed::Help) => Err("help".into()),
            Err(invalid) => Err(invalid.to_string()),
        }
    }

    #[test]
    fn a_sensible_line_is_understood() {
        let config = run("--seed 7 --at -10,80,9223372036854775807 --time 17:30 --view=384 --size 320x180").unwrap();
        assert_eq!(config.connect, Connect::Local { seed: 7 });
        assert_eq!(config.at, Some(VoxelPos::new(-10, 80, i64::MAX)));
        assert_eq!((config.minutes, config.view_m, config.size), (17 * 60 + 30, Some(384), (320, 180)));
        let config = run("--node http://127.0.0.1:8545/ --token t --headless --screenshot a.png").unwrap();
        assert_eq!(
            config.connect,
            Connect::Node { url: "http://127.0.0.1:8545".into(), token: Some(PathBuf::from("t")) }
        );
        assert!(config.stand_ins && !config.real_time);
        let config = run("--headless --script s --real-time --no-stand-ins").unwrap();
        assert!(config.real_time && !config.stand_ins);
        assert_eq!(run("--devnet").unwrap().connect, Connect::Devnet { dir: None });
        let config = run("--devnet --dir net --figures a.json").unwrap();
        assert_eq!(config.connect, Connect::Devnet { dir: Some(PathBuf::from("net")) });
        assert_eq!(config.figures, Some(PathBuf::from("a.json")));
        assert_eq!(run("").unwrap().connect, Connect::Local { seed: 1 });
    }

    #[test]
    fn nonsense_is_named() {
        let check = |line: &str, part: &str| {
            let error = run(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        };
        check("--help", "help");
        check("--fly", "no option \"--fly\"");
        check("--seed", "--seed wants");
        check("--seed -3", "-3");
        check("--at 1,2", "10,80,-300");
        check("--at 1,2,3,4", "10,80,-300");
        check("--time 25:00", "17:30");
        check("--view 9999", "64 to 512");
        check("--size 320", "1280x720");
        check("--size 320x99999", "4096");
        check("--world abc --node http://a", "64 hexadecimal");
        check("--node ftp://a", "http://");
        check("--node http://a --devnet", "exclude each other");
        check("--node http://a --seed 1", "exclude each other");
        check("--token t", "--node");
        check("--dir net", "--devnet");
        check("--figures", "a file");
        check("--headless", "--screenshot");
        check("--real-time", "--headless");
    }
}
