//! The maps on this machine: where they lie, and every `*.map` there, read and checked once at start; and those that were fetched from
//! servers, kept in the user's cache folder by their hash.
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
pub(crate) const MAX_MAP_BYTES: u64 = 64 * 1024;

/// Maps by file name without the ending.
#[derive(Clone, Debug, Default)]
pub struct MapShelf {
    maps: Arc<BTreeMap<String, Arc<Map>>>,
    /// Where maps from servers are kept; none if there is no such place.
    cache: Option<PathBuf>,
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
        Ok(Self { maps: Arc::new(maps), cache: cache_dir() })
    }

    /// Takes maps that were fetched already: file names with their text. Nothing is kept: a browser keeps what it has fetched by itself.
    ///
    /// # Errors
    /// One sentence: which file has what wrong in which line, or there is none.
    pub fn read(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let mut maps = BTreeMap::new();
        for (file, text) in files {
            let map = Map::parse(&file, &text).map_err(|error| error.to_string())?;
            maps.insert(file.trim_end_matches(".map").to_owned(), Arc::new(map));
        }
        if maps.is_empty() {
            return Err("No map came with the page. Reload it.".to_owned());
        }
        Ok(Self { maps: Arc::new(maps), cache: None })
    }

    /// Returns a shelf without any map, for which those of servers are kept in the folder `cache`.
    pub fn empty(cache: PathBuf) -> Self {
        Self { maps: Arc::default(), cache: Some(cache) }
    }

    /// Returns the map with this hash if one was kept; it gets the name `name`.
    pub(crate) fn kept(&self, name: &str, hash: u64) -> Option<Arc<Map>> {
        let path = self.place(hash)?;
        let small = path.metadata().ok()?.len() <= MAX_MAP_BYTES;
        let text = small.then(|| std::fs::read_to_string(path).ok())??;
        // Somebody may have changed the file: it is believed no more than a server.
        Map::parse(name, &text).ok().filter(|map| map.hash == hash).map(Arc::new)
    }

    /// Keeps the `text` of a map. If that fails it is fetched again the next time.
    pub(crate) fn keep(&self, hash: u64, text: &str) {
        let Some(path) = self.place(hash) else { return };
        let half = path.with_extension(format!("part-{}", std::process::id()));
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        // Renamed when it is whole, so that nobody reads half a map.
        let kept = made.and_then(|()| std::fs::write(&half, text)).and_then(|()| std::fs::rename(&half, &path));
        if let Err(error) = kept {
            tracing::debug!("a map is not kept in {}: {error}", path.display());
            let _ = std::fs::remove_file(half);
        }
    }

    fn place(&self, hash: u64) -> Option<PathBuf> {
        Some(self.cache.as_ref()?.join(format!("{hash:016x}.map")))
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

/// Returns the user's folder for what can be had again, with a place for maps in it.
fn cache_dir() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || folder("HOME");
    let cache = if cfg!(target_os = "windows") {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Caches"))
    } else {
        folder("XDG_CACHE_HOME").or_else(|| home().map(|home| home.join(".cache")))
    };
    cache.map(|cache| cache.join("crosswire/maps"))
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
    fn a_map_from_a_server_is_kept_and_believed_only_if_it_is_the_same() {
        let cache = std::env::temp_dir().join(format!("crosswire-cache-{}", std::process::id()));
        let shelf = MapShelf::empty(cache.clone());
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/maps/foundry.map"));
        let text = text.expect("it is in the repository");
        let hash = Map::parse("foundry", &text).expect("it is in order").hash;
        assert!(shelf.kept("foundry", hash).is_none());
        shelf.keep(hash, &text);
        assert_eq!(shelf.kept("foundry", hash).map(|map| map.hash), Some(hash));
        std::fs::write(cache.join(format!("{hash:016x}.map")), text.replace('#', ".")).expect("it is ours");
        assert!(shelf.kept("foundry", hash).is_none(), "somebody has changed it");
        std::fs::remove_dir_all(&cache).expect("it was just made");
    }

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
