//! Where maps and fonts lie.
//!
//! People start the game from the repository, from a build folder or from an unpacked archive. Each has an `assets` folder
//! nearby, and none should need an argument to find it.
//!
//! Flow: [`crate::args`] → [`AssetDir`] → [`Maps`] → [`crate::backdrop`], [`crate::links`]; → [`crate::style`] (fonts).

use bevy::prelude::Resource;
use std::path::{Path, PathBuf};
use transport::maps::{MapShelf, assets_dir};

/// The maps that are there, or one sentence on why there are none. Only matches need them, so the menu opens without.
#[derive(Resource, Clone, Debug)]
pub(crate) struct Maps(pub(crate) Result<MapShelf, String>);

/// The folder that has `maps` and `fonts` in it.
#[derive(Resource, Clone, Debug)]
pub(crate) struct AssetDir(pub(crate) PathBuf);

impl AssetDir {
    /// Returns the folder that was asked for, else `assets` here, else beside the executable or any folder above it. Whether it
    /// exists is found out by whoever reads from it.
    pub(crate) fn find(asked: Option<&Path>) -> Self {
        Self(assets_dir(asked).unwrap_or_else(|_| asked.unwrap_or(Path::new("assets")).to_owned()))
    }

    /// Reads the maps.
    pub(crate) fn maps(&self) -> Maps {
        Maps(MapShelf::open(&self.0))
    }
}
