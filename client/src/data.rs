//! Small files that outlive the program: settings and identities.
//!
//! Nothing in the game depends on them. A folder that cannot be written only means that nothing is remembered. A page has the browser's
//! storage instead.
//!
//! Flow: [`crate::settings`], [`crate::identity`] ↔ here ↔ the user's data folder.

use serde::{Serialize, de::DeserializeOwned};
#[cfg(not(target_family = "wasm"))]
use std::{env, fs, path::PathBuf};

/// Returns the folder for this user's files, as the system has it.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn dir() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = if cfg!(windows) {
        set("APPDATA")
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|home| home.join("Library").join("Application Support"))
    } else {
        set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local").join("share")))
    };
    base.map(|base| base.join("crosswire"))
}

/// Reads a file, if it is there and makes sense.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn read<T: DeserializeOwned>(name: &str) -> Option<T> {
    let text = fs::read_to_string(dir()?.join(name)).ok()?;
    serde_json::from_str(&text).ok()
}

/// Writes a file whole or not at all.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn write(name: &str, value: &impl Serialize) {
    let Some(dir) = dir() else { return };
    let Ok(text) = serde_json::to_string_pretty(value) else { return };
    let (file, draft) = (dir.join(name), dir.join(format!("{name}.{}", std::process::id())));
    let written =
        fs::create_dir_all(&dir).and_then(|()| fs::write(&draft, text)).and_then(|()| fs::rename(&draft, file));
    if let Err(error) = written {
        bevy::log::warn!("Could not save {name} in {}: {error}.", dir.display());
    }
}

/// Reads what was stored, if it is there and makes sense.
#[cfg(target_family = "wasm")]
pub(crate) fn read<T: DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_str(&crate::web::stored(&place(name))?).ok()
}

/// Stores something.
#[cfg(target_family = "wasm")]
pub(crate) fn write(name: &str, value: &impl Serialize) {
    crate::web::store(&place(name), serde_json::to_string(value).ok().as_deref());
}

/// Returns where in the browser's storage a file is.
#[cfg(target_family = "wasm")]
fn place(name: &str) -> String {
    format!("crosswire/{name}")
}
