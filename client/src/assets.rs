//! Where maps and fonts lie.
//!
//! People start the game from the repository, from a build folder or from an unpacked archive. Each has an `assets` folder
//! nearby, and none should need an argument to find it.
//!
//! Flow: [`crate::args`] → [`AssetDir`] → [`Maps`] → [`crate::backdrop`], [`crate::links`]; → [`crate::style`] (fonts).

#[cfg(target_family = "wasm")]
use crate::web;
use bevy::prelude::Resource;
use std::io;
use std::path::Path;
#[cfg(not(target_family = "wasm"))]
use std::path::PathBuf;
use transport::maps::MapShelf;
#[cfg(not(target_family = "wasm"))]
use transport::maps::assets_dir;

/// The maps that are there, or one sentence on why there are none. Only matches need them, so the menu opens without.
#[derive(Resource, Clone, Debug)]
pub(crate) struct Maps(pub(crate) Result<MapShelf, String>);

/// Where maps and fonts are read from: the folder that has both in it; in a browser, what came with the page.
#[derive(Resource, Clone, Debug)]
pub(crate) struct AssetDir(#[cfg(not(target_family = "wasm"))] PathBuf);

#[cfg(not(target_family = "wasm"))]
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

    /// Reads a file below the folder.
    pub(crate) fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.0.join(path))
    }
}

#[cfg(target_family = "wasm")]
impl AssetDir {
    /// Returns what came with the page.
    pub(crate) const fn find(_: Option<&Path>) -> Self {
        Self()
    }

    /// Reads the maps.
    pub(crate) fn maps(&self) -> Maps {
        let text = |name: &String| String::from_utf8(web::file(&format!("maps/{name}"))?).ok();
        let files = web::files_in("maps").into_iter().filter_map(|name| Some((name.clone(), text(&name)?)));
        Maps(MapShelf::read(files))
    }

    /// Takes a file.
    pub(crate) fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        web::file(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
