//! Where maps and fonts lie.
//!
//! People start the game from the repository, from a build folder or from an unpacked archive. Each has an `assets` folder
//! nearby, and none should need an argument to find it.
//!
//! Flow: [`crate::args`] → [`AssetDir`] → [`Maps`] → [`crate::backdrop`], [`crate::links`]; → [`crate::style`] (fonts).

use bevy::prelude::Resource;
use std::path::{Path, PathBuf};
use transport::maps::MapShelf;

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
        if let Some(dir) = asked {
            return Self(dir.to_owned());
        }
        let executable = std::env::current_exe().unwrap_or_default();
        let beside = executable.ancestors().skip(1).map(|dir| dir.join(NAME));
        let found = std::iter::once(PathBuf::from(NAME)).chain(beside).find(|dir| dir.join("maps").is_dir());
        Self(found.unwrap_or_else(|| PathBuf::from(NAME)))
    }

    /// Reads the maps.
    pub(crate) fn maps(&self) -> Maps {
        Maps(MapShelf::open(&self.0))
    }
}

const NAME: &str = "assets";
