//! A server of one's own: the program beside this one, started and stopped as often as a tool wants.
//!
//! Flow: [`crate::race`], [`crate::kill`] → [`Host::start`] → the `server` program.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use transport::maps::assets_dir;

/// How long a server may take to be ready.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// Its sockets, as the line `ready {…}` and its options name them.
pub const SOCKETS: [&str; 4] = ["http", "udp", "quic", "tcp"];

/// A server that ends with this value.
pub struct Host {
    child: Child,
    addresses: [String; 4],
}

impl Host {
    /// Starts a server whose sockets (see [`SOCKETS`]) have these addresses, and waits until it is ready. Its log goes to `log`.
    ///
    /// # Errors
    /// A sentence.
    pub fn start<A: AsRef<OsStr>>(
        addresses: &[String; 4],
        arguments: impl IntoIterator<Item = A>,
        log: Stdio,
    ) -> Result<Self, String> {
        let program = program()?;
        let mut command = Command::new(&program);
        for (socket, address) in SOCKETS.iter().zip(addresses) {
            command.args([format!("--{socket}"), address.clone()]);
        }
        let mut child = command
            .args(arguments)
            .arg("--assets")
            .arg(assets_dir(None)?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
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
        let mut host = Self { child, addresses: Default::default() };
        let line = ready.recv_timeout(START_DEADLINE).unwrap_or_default();
        let told: Value =
            line.strip_prefix("ready ").and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        for (socket, address) in SOCKETS.iter().zip(&mut host.addresses) {
            let found = told.get(socket).and_then(Value::as_str);
            found.ok_or("The server did not get ready. Start `server` by hand to see why.")?.clone_into(address);
        }
        Ok(host)
    }

    /// Returns where its sockets are, in the order of [`SOCKETS`].
    pub fn addresses(&self) -> &[String; 4] {
        &self.addresses
    }

    /// Returns the lobby's address.
    pub fn url(&self) -> String {
        format!("http://{}", self.addresses[0])
    }

    /// Ends it at once, without a warning: `SIGKILL` where there are signals.
    pub fn kill(self) {
        drop(self);
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
