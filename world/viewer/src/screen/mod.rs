//! The screens that lie over the picture: what is always there (crosshair, hotbar, chat) and what is opened.
//!
//! A screen is a state; entering it builds its nodes, leaving it removes them. Screens show and say [`crate::play::Action`]s;
//! none of them changes the world itself.

pub mod chat;
pub mod cursor;
pub mod debug;
pub mod hud;
pub mod inventory;
pub mod journal;
pub mod land;
pub mod map;
pub mod page;
pub mod pause;
pub mod settings;
pub mod theme;
pub mod travel;

use bevy::prelude::*;

use crate::{model::settings::Settings, source::Place};

/// Which screen is open.
#[derive(States, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Screen {
    /// None: the game.
    #[default]
    Play,
    /// The menu that Escape opens.
    Pause,
    /// All blocks.
    Inventory,
    /// A line to be written.
    Chat,
    /// The map.
    Map,
    /// Places to go to.
    Travel,
    /// Quests, marks and items.
    Journal,
    /// The land that the player stands on.
    Land,
    /// Settings.
    Settings,
}

/// What lies over the picture.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hud {
    /// Anything at all.
    pub shown: bool,
    /// The panel with numbers.
    pub debug: bool,
}

/// The player's settings, and where they are kept.
#[derive(Resource, Clone, Debug)]
pub struct SettingsRes(pub Settings, pub Option<std::path::PathBuf>);

/// Claims and places with names, as the source told them last.
#[derive(Resource, Default, Clone, Debug)]
pub struct Places(pub Vec<Place>);

/// All screens.
pub struct ScreenPlugins;

impl Plugin for ScreenPlugins {
    fn build(&self, app: &mut App) {
        app.init_state::<Screen>()
            .insert_resource(Hud { shown: true, debug: false })
            .init_resource::<Places>()
            .add_plugins((
                theme::ThemePlugin,
                cursor::CursorPlugin,
                hud::HudPlugin,
                chat::ChatPlugin,
                inventory::InventoryPlugin,
                pause::PausePlugin,
                settings::SettingsPlugin,
                map::MapPlugin,
                travel::TravelPlugin,
                journal::JournalPlugin,
                land::LandPlugin,
                page::PagePlugin,
                debug::DebugPlugin,
            ));
    }
}
