//! A server of one's own for a row: the program beside this one, on free ports, with the same match every time.
//!
//! Flow: `mod.rs` → [`Host::start`] → `flight.rs`.

use super::options::Options;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use transport::maps::assets_dir;

/// How long a server may take to be ready.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// Longer than any row: the match must not end in the middle.
const MATCH_SECONDS: &str = "3600";
const SCORE_LIMIT: &str = "1000";

/// A server that ends with this value.
pub(super) struct Host {
    child: Child,
    url: String,
}

impl Host {
    /// Starts a server that listens on `ip` and waits until it is ready.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn start(options: &Options, ip: &str) -> Result<Self, String> {
        let program = program()?;
        let any = format!("{ip}:0");
        let assets = assets_dir(None)?;
        let number = |n: u64| n.to_string();
        let mut child = Command::new(&program)
            .args(["--http", &any, "--udp", &any, "--quic", &any, "--tcp", &any])
            .args(["--bots", &number(u64::from(options.bots)), "--seed", &number(options.seed)])
            .args(["--snapshot-hz", &number(u64::from(options.snapshot_hz))])
            .args(["--match-seconds", MATCH_SECONDS, "--score-limit", SCORE_LIMIT, "--seats", "32"])
            .arg("--assets")
            .arg(assets)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("Could not start `{}`: {error}.", program.display()))?;
        let (said, ready) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut output = BufReader::new(output);
                let mut line = String::new();
                let _ = output.read_line(&mut line);
                let _ = said.send(line);
                // Kept open: a server must not fail for want of somebody who reads.
                let _ = output.read_to_string(&mut String::new());
            });
        }
        let mut host = Self { child, url: String::new() };
        let line = ready.recv_timeout(START_DEADLINE).unwrap_or_default();
        let told: Value =
            line.strip_prefix("ready ").and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        let http = told.get("http").and_then(Value::as_str);
        let http = http.ok_or("The server did not get ready. Start `server` by hand to see why.")?;
        host.url = format!("http://{http}");
        Ok(host)
    }

    /// Returns the lobby's address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Result<PathBuf, String> {
    let here = std::env::current_exe().map_err(|error| format!("Cannot tell where this program lies: {error}."))?;
    let program = here.with_file_name(format!("server{}", std::env::consts::EXE_SUFFIX));
    let missing = || format!("There is no `{}`. Build it with `cargo build --workspace --bins`.", program.display());
    program.is_file().then(|| program.clone()).ok_or_else(missing)
}
