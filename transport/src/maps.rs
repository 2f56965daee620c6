//! The maps on this machine: where they lie, and every `*.map` there, read and checked once at start.
//!
//! People start programs from the repository, from a build folder or from an unpacked archive. Each has an `assets` folder nearby, and
//! none should need an argument to find it.
//!
//! Flow: `assets/maps` → [`MapShelf`] → server rooms, client prediction and picture.

use game::Map;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest map file that is read, bytes: a map of 128 by 128 tiles with generous comments.
const MAX_MAP_BYTES: u64 = 64 * 1024;

/// Maps by file name without the ending.
#[derive(Clone, Debug, Default)]
pub struct MapShelf {
    maps: Arc<BTreeMap<String, Arc<Map>>>,
}

impl MapShelf {
    /// Reads `assets/maps`.
    ///
    /// # Errors
    /// One sentence: the folder cannot be read, holds no map, or which file has what wrong in which line.
    pub fn open(assets: &Path) -> Result<Self, String> {
        let folder = assets.join("maps");
        let unreadable = |path: &Path, error: std::io::Error| format!("Cannot read {}: {error}.", path.display());
        let entries = std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))?;
        let mut maps = BTreeMap::new();
        for entry in entries {
            let path = entry.map_err(|error| unreadable(&folder, error))?.path();
            if path.extension().is_none_or(|ending| ending != "map") {
                continue;
            }
            let size = path.metadata().map_err(|error| unreadable(&path, error))?.len();
            if size > MAX_MAP_BYTES {
                return Err(format!("{} is larger than {MAX_MAP_BYTES} bytes.", path.display()));
            }
            let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
            let map = Map::parse(&path.display().to_string(), &text).map_err(|error| error.to_string())?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            maps.insert(name, Arc::new(map));
        }
        if maps.is_empty() {
            return Err(format!(
                "There is no map in {}. Start from the project's folder or use --assets.",
                folder.display()
            ));
        }
        Ok(Self { maps: Arc::new(maps) })
    }

    /// Returns the map called `name`.
    pub fn find(&self, name: &str) -> Option<&Arc<Map>> {
        self.maps.get(name)
    }

    /// Returns every name, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.maps.keys().map(String::as_str)
    }
}

/// Returns the folder with maps and fonts: the one `given`, else `assets` here, else the nearest one above the program.
///
/// # Errors
/// A sentence if there is none.
pub fn assets_dir(given: Option<&Path>) -> Result<PathBuf, String> {
    let here = std::env::current_dir().unwrap_or_default();
    let program = std::env::current_exe().unwrap_or_default();
    find_assets(given, &here, &program)
}

fn find_assets(given: Option<&Path>, here: &Path, program: &Path) -> Result<PathBuf, String> {
    if let Some(given) = given {
        return given.is_dir().then(|| given.to_owned()).ok_or_else(|| {
            format!("There is no folder `{}`. Give the one that contains `maps` with --assets.", given.display())
        });
    }
    let places = std::iter::once(here).chain(program.ancestors().skip(1));
    places.map(|place| place.join("assets")).find(|assets| assets.join("maps").is_dir()).ok_or_else(|| {
        format!(
            "No folder `assets` with maps in `{}` or beside the program. Start in the project's folder, or give the folder \
             with --assets.",
            here.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_are_found_here_or_above_the_program() {
        let root = std::env::temp_dir().join(format!("crosswire-assets-{}", std::process::id()));
        let maps = root.join("assets/maps");
        std::fs::create_dir_all(&maps).expect("the temporary folder is writable");
        let elsewhere = root.join("elsewhere");
        let program = root.join("target/debug/server");
        assert_eq!(find_assets(None, &root, Path::new("")), Ok(root.join("assets")));
        assert_eq!(find_assets(None, &elsewhere, &program), Ok(root.join("assets")));
        assert!(find_assets(None, &elsewhere, Path::new("/nowhere/server")).is_err());
        assert!(find_assets(Some(&elsewhere), &root, &program).is_err());
        std::fs::remove_dir_all(&root).expect("it was just made");
    }
}
