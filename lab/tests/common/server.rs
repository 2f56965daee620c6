//! The real programs, started as a user starts them.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use transport::lobby::LobbyClient;

/// How long a server may take to be ready.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// Ports that are free, on this machine only.
const ANY_PORT: &str = "127.0.0.1:0";

/// Returns the path of a program of this workspace, which lies beside the tests' folder.
pub(crate) fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("a test knows where it is");
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let found = here.ancestors().skip(2).take(2).map(|folder| folder.join(&name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("there is no program `{name}` above {}: build the workspace first", here.display()))
}

/// Returns the folder of the workspace, in which every program is started: there are the assets.
pub(crate) fn workspace() -> &'static Path {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
    lab.parent().expect("lab lies in the workspace")
}

/// Returns a command that starts a program of this workspace without a display.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(program(name));
    command.current_dir(workspace()).stdin(Stdio::null()).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command
}

/// Runs a program of this workspace to its end, for at most 60 s.
pub(crate) fn output_of(name: &str, arguments: &[&str]) -> Output {
    let mut child = command(name)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let (out, err) = (read_all(out), read_all(err));
    let status = wait(&mut child, Duration::from_secs(60));
    let status = status.unwrap_or_else(|| {
        let _ = child.kill();
        panic!("{name} {arguments:?} does not end");
    });
    Output { status, stdout: out.join().unwrap_or_default(), stderr: err.join().unwrap_or_default() }
}

fn read_all(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).map(|_| all).unwrap_or_default()
    })
}

/// Waits for the end of a process.
fn wait(child: &mut Child, most: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + most;
    while Instant::now() < until {
        if let Some(status) = child.try_wait().expect("our own child") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// A server of one's own. It is killed when this is dropped, and then shows its log if the test has failed.
pub(crate) struct Server {
    child: Child,
    ready: Value,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server with free ports and waits until it is ready.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_on(ANY_PORT, arguments)
    }

    /// The same for everybody who reaches the address `on`.
    pub(crate) fn start_on(on: &str, arguments: &[&str]) -> Self {
        let mut child = command("server")
            .args(["--http", on, "--udp", on, "--quic", on, "--tcp", on])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server can be started");
        let log = Arc::new(Mutex::new(String::new()));
        let (writing, errors) = (Arc::clone(&log), BufReader::new(child.stderr.take().expect("piped")));
        let reader = std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                let mut log = writing.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        let (said, ready) = mpsc::channel();
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = output.read_line(&mut line);
            let _ = said.send(line);
            // Kept open: a server must not fail for want of somebody who reads.
            let _ = output.read_to_string(&mut String::new());
        });
        let mut server = Self { child, ready: Value::Null, log, reader: Some(reader) };
        let line = ready.recv_timeout(START_DEADLINE).unwrap_or_else(|_| panic!("the server is not ready in time"));
        let json = line.strip_prefix("ready ").unwrap_or_else(|| panic!("`{line}` instead of `ready {{…}}`"));
        server.ready = serde_json::from_str(json).expect("JSON after `ready`");
        server
    }

    /// Returns the address of one of its sockets: `http`, `udp`, `quic` or `tcp`.
    pub(crate) fn address(&self, socket: &str) -> String {
        self.ready[socket].as_str().unwrap_or_else(|| panic!("no {socket} in {}", self.ready)).to_owned()
    }

    /// Returns the lobby's address as a URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address("http"))
    }

    /// Returns a client of its lobby.
    pub(crate) fn lobby(&self) -> LobbyClient {
        LobbyClient::new(&self.url()).expect("an address of ours")
    }

    /// Returns its log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks it to stop, as an operator or a service manager does.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status();
        assert!(sent.expect("there is a shell").success(), "the signal could not be sent");
    }

    /// Waits until it has ended.
    pub(crate) fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        wait(&mut self.child, within)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if std::thread::panicking() {
            eprintln!("--- the server's log ---\n{}---", self.log());
        }
    }
}
