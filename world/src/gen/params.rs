//! What a world's creator may choose about its terrain. Whole numbers only, each with its bounds.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Parameters of the terrain. Together with the seed and [`GENERATOR_VERSION`](super::GENERATOR_VERSION) they say what
/// stands at every place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Size of continents: log2 of metres, 10 to 15.
    pub continent: u8,
    /// More land (up to 500) or more sea (down to −500), in thousandths.
    pub land: i16,
    /// Height of mountains and hills in percent, 0 to 200.
    pub relief: u16,
    /// Warmer or colder, −1,000 to 1,000 thousandths.
    pub temperature: i16,
    /// Wetter or drier, −1,000 to 1,000 thousandths.
    pub moisture: i16,
    /// Width of caves in percent, 0 (none) to 200.
    pub caves: u16,
    /// Ores in percent, 0 to 400.
    pub ores: u16,
    /// Density of trees and plants in percent, 0 to 200.
    pub plants: u16,
    /// How many of the places that could bear a village do, in thousandths, 0 to 1,000.
    pub villages: u16,
    /// Where bedrock begins, in metres, −512 to −64.
    pub floor: i16,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            continent: 12,
            land: 0,
            relief: 100,
            temperature: 0,
            moisture: 0,
            caves: 100,
            ores: 100,
            plants: 100,
            villages: 800,
            floor: -320,
        }
    }
}

/// Why no world can be made of some parameters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Invalid {
    /// One of them is out of its bounds.
    #[error("terrain parameter `{name}` is {value}; choose a value from {least} to {most}")]
    OutOfBounds {
        /// The field of [`Params`].
        name: &'static str,
        /// What it was.
        value: i64,
        /// The least it may be.
        least: i64,
        /// The most it may be.
        most: i64,
    },
}

impl Params {
    /// Whether every parameter is within its bounds.
    ///
    /// # Errors
    /// Names the first that isn't.
    pub fn check(&self) -> Result<(), Invalid> {
        let bounds: [(&'static str, i64, i64, i64); 10] = [
            ("continent", self.continent.into(), 10, 15),
            ("land", self.land.into(), -500, 500),
            ("relief", self.relief.into(), 0, 200),
            ("temperature", self.temperature.into(), -1000, 1000),
            ("moisture", self.moisture.into(), -1000, 1000),
            ("caves", self.caves.into(), 0, 200),
            ("ores", self.ores.into(), 0, 400),
            ("plants", self.plants.into(), 0, 200),
            ("villages", self.villages.into(), 0, 1000),
            ("floor", self.floor.into(), -512, -64),
        ];
        for (name, value, least, most) in bounds {
            if value < least || value > most {
                return Err(Invalid::OutOfBounds { name, value, least, most });
            }
        }
        Ok(())
    }
}
