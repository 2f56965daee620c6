//! The doctor: finds out why somebody cannot play on a server, and says in words what to do about it.
//!
//! It does what a client does, step by step, and looks closely at each: find the machine, reach the lobby, compare versions and clocks,
//! get addresses, and then really dial every wire and say hello with a session that does not exist. The refusal proves that bytes go
//! both ways. Whatever goes wrong becomes a [`Finding`]: a verdict, one sentence, one piece of advice.
//!
//! In a page the way to the lobby is the browser's business, so the doctor looks at the page instead (`browser/doctor.rs`).
//!
//! Flow: `lab doctor`, the client's F8 → [`examine`] → `lobby.rs` → `wires.rs`, `network.rs` → findings, one after the other.

mod greeting;
#[cfg_attr(target_family = "wasm", path = "../browser/doctor.rs")]
mod lobby;
#[cfg(not(target_family = "wasm"))]
mod network;
mod wires;

pub use greeting::as_stranger;

#[cfg(not(target_family = "wasm"))]
use crate::lan::Browser;
use crate::lobby::{LobbyClient, LobbyError};
use crate::runtime::Handle;
use protocol::SessionId;
use protocol::lobby::Endpoints;
use serde::Serialize;
use std::fmt;
#[cfg(not(target_family = "wasm"))]
use std::time::Duration;
use tokio::sync::mpsc;
#[cfg(not(target_family = "wasm"))]
use tokio::time::{Instant, sleep_until};

/// How long servers on this network may take to be heard.
#[cfg(not(target_family = "wasm"))]
const LISTEN: Duration = Duration::from_secs(3);
/// More findings than an examination has.
const MOST_FINDINGS: usize = 32;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// One can play, but it should be looked at.
    Warn,
    /// This keeps somebody from playing.
    Bad,
}

impl Verdict {
    /// Returns the word for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in one or two words.
    pub what: String,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found, in one sentence.
    pub sentence: String,
    /// What to do about it, in one sentence; empty if there is nothing to do.
    pub advice: String,
}

impl Finding {
    fn good(what: &str, sentence: impl Into<String>) -> Self {
        Self { what: what.to_owned(), verdict: Verdict::Good, sentence: sentence.into(), advice: String::new() }
    }

    fn warn(what: &str, sentence: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.to_owned(), verdict: Verdict::Warn, sentence: sentence.into(), advice: advice.into() }
    }

    fn bad(what: &str, sentence: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Bad, ..Self::warn(what, sentence, advice) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<4}  {:<14}  {}", self.verdict.name(), self.what, self.sentence)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, "\n{:22}-> {}", "", self.advice) }
    }
}

/// Examines `server` (as [`crate::lobby::LobbyClient::new`] reads it), and sends each finding when it is there. Ends when the channel is
/// closed, from either end. Runs on `runtime` and takes a few seconds.
///
/// `ask` asks the lobby for addresses for this session, as whoever the caller is to it: [`as_stranger`] for somebody who is nobody yet.
/// It is called once, and only if the lobby is of this version.
pub fn examine<A>(
    runtime: &Handle,
    server: &str,
    ask: impl FnOnce(LobbyClient, SessionId) -> A + Send + 'static,
) -> mpsc::Receiver<Finding>
where
    A: Future<Output = Result<Endpoints, LobbyError>> + Send + 'static,
{
    let (findings, receiver) = mpsc::channel(MOST_FINDINGS);
    let server = server.to_owned();
    runtime.spawn(async move {
        let report = Report(findings.clone());
        tokio::select! {
            () = all(&server, ask, &report) => {}
            // Nobody reads the rest.
            () = findings.closed() => {}
        }
    });
    receiver
}

/// Where findings go.
struct Report(mpsc::Sender<Finding>);

impl Report {
    async fn add(&self, finding: Finding) {
        // If nobody listens any more, the examination ends anyhow.
        let _ = self.0.send(finding).await;
    }
}

async fn all<A>(server: &str, ask: impl FnOnce(LobbyClient, SessionId) -> A + Send, report: &Report)
where
    A: Future<Output = Result<Endpoints, LobbyError>> + Send,
{
    #[cfg(not(target_family = "wasm"))]
    let (browser, heard) = (Browser::start(), Instant::now().checked_add(LISTEN));
    let reached = lobby::reach(server, ask, report).await;
    if let Some(reached) = &reached {
        wires::dial_all(reached, report).await;
    }
    #[cfg(not(target_family = "wasm"))]
    {
        if let Some(addr) = reached.as_ref().map(|reached| reached.lobby) {
            report.add(network::link(addr).await).await;
            report.add(network::this_machine(addr).await).await;
        }
        if let Some(heard) = heard {
            sleep_until(heard).await;
        }
        report.add(network::others(&browser.servers())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_its_advice_another() {
        let finding = Finding::good("version", "Both speak version 2.");
        assert_eq!(finding.to_string(), "good  version         Both speak version 2.");
        let finding = Finding::bad("udp", "UDP is blocked.", "Open port 5000.");
        assert_eq!(
            finding.to_string(),
            "bad   udp             UDP is blocked.\n                      -> Open port 5000."
        );
        assert!(Verdict::Good < Verdict::Warn && Verdict::Warn < Verdict::Bad);
    }
}
