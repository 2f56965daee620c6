//! The rules of the house, held by a test: who may depend on whom, what may be in the lock file, and what a source file looks like.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who may use whom, in code that ships.
const MAY_USE: [(&str, &[&str]); 6] = [
    ("game", &[]),
    ("protocol", &["game"]),
    ("transport", &["game", "protocol"]),
    ("server", &["game", "protocol", "transport"]),
    ("client", &["game", "protocol", "transport"]),
    ("lab", &["game", "protocol", "transport"]),
];
/// What the crates without IO and clock never see, nor anything that begins like it.
const WORLDLY: [&str; 12] =
    ["axum", "bevy", "ehttp", "hyper", "quinn", "renet", "rustls", "socket2", "tokio", "tower", "tracing", "winit"];
/// Crates of which two versions would not understand each other, or double the build.
const ONCE: [&str; 9] = ["bevy_app", "bevy_ecs", "bevy_egui", "egui", "quinn", "renet", "renetcode", "rustls", "tokio"];
/// Lines that a source file may have.
const MAX_LINES: usize = 600;

fn root() -> PathBuf {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
    lab.parent().expect("lab lies in the workspace").to_owned()
}

/// Returns every crate of the workspace with its dependencies: name, kind (none, dev, build), whether by path.
fn dependencies() -> BTreeMap<String, Vec<(String, Option<String>, bool)>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().expect("cargo can be started");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .map(|package| {
            let all = package["dependencies"].as_array().expect("dependencies").iter();
            let all = all.map(|d| (text(&d["name"]).expect("a name"), text(&d["kind"]), d["path"].is_string()));
            (text(&package["name"]).expect("a name"), all.collect())
        })
        .collect()
}

/// Returns every file below the crates' folders whose name ends in `ending`.
fn files(ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = MAY_USE.iter().map(|(name, _)| root().join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder").flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() && name != "target" {
                folders.push(path);
            } else if name.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no {ending} found");
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn dependencies_point_one_way() {
    let all = dependencies();
    let members: BTreeSet<&str> = all.keys().map(String::as_str).collect();
    assert_eq!(members, MAY_USE.map(|(name, _)| name).into_iter().collect(), "a crate that this test does not know");
    for (name, allowed) in MAY_USE {
        for (other, kind, by_path) in &all[name] {
            let inside = members.contains(other.as_str());
            assert_eq!(
                *by_path, inside,
                "{name} -> {other}: our own crates come by path, all others from the registry"
            );
            let bench = name == "lab" && kind.as_deref() == Some("dev");
            assert!(!inside || bench || allowed.contains(&other.as_str()), "{name} must not depend on {other}");
        }
    }
}

#[test]
fn the_pure_crates_see_no_engine_no_socket_and_no_clock() {
    let all = dependencies();
    for name in ["game", "protocol"] {
        for (other, ..) in &all[name] {
            let worldly = WORLDLY.iter().any(|worldly| other.starts_with(worldly));
            assert!(!worldly, "{name} must not depend on {other}");
        }
    }
    let pure = files(".rs").into_iter().filter(|path| {
        let inside = path.strip_prefix(root()).expect("inside");
        inside.starts_with("game/src") || inside.starts_with("protocol/src")
    });
    for path in pure {
        let text = read(&path);
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
        for clock in ["Instant::now", "SystemTime::now", "UdpSocket", "TcpStream", "std::fs", "std::thread"] {
            assert!(!shipped.contains(clock), "{} uses {clock}", path.display());
        }
    }
}

#[test]
fn crates_that_must_be_there_once_are_there_once() {
    let lock = read(&root().join("Cargo.lock"));
    for name in ONCE {
        let line = format!("name = \"{name}\"");
        assert_eq!(lock.lines().filter(|l| **l == line).count(), 1, "versions of {name} in Cargo.lock");
    }
}

#[test]
fn every_source_file_says_what_it_is_and_can_be_read_in_one_go() {
    for path in files(".rs") {
        let text = read(&path);
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines; {MAX_LINES} are the most", path.display());
        assert!(text.starts_with("//! "), "{} does not begin with what it is", path.display());
    }
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let marks =
        [["TO", "DO"], ["FIX", "ME"], ["unimple", "mented!"], ["to", "do!("], ["XX", "X"]].map(|part| part.concat());
    for path in files(".rs").into_iter().chain(files(".toml")) {
        for (number, line) in (1..).zip(read(&path).lines()) {
            let found = marks.iter().find(|mark| line.contains(mark.as_str()));
            assert!(found.is_none(), "{}:{number}: {line}", path.display());
        }
    }
}

#[test]
fn every_map_can_be_played() {
    let shelf = transport::maps::MapShelf::open(&root().join("assets")).expect("all maps are in order");
    let names: Vec<&str> = shelf.names().collect();
    assert!(names.contains(&"crossfire"), "the map that the server plays by default; found {names:?}");
}

#[test]
fn every_crate_takes_versions_and_lints_from_the_workspace() {
    for (name, _) in MAY_USE {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} has lints of its own");
        let pinned = manifest.lines().find(|line| line.contains("version = \""));
        assert_eq!(pinned, None, "{name} pins a version; versions are written in the workspace only");
    }
}
