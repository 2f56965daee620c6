//! The maps on this machine: every `*.map` of a folder, read and checked once at start.
//!
//! Flow: `assets/maps` → [`MapShelf`] → server rooms, client prediction and picture.

use game::Map;
use std::collections::BTreeMap;
use std::path::Path;
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
