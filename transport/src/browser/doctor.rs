//! What the doctor looks at in a page before it dials: what `doctor/lobby.rs` is elsewhere. The machine was found, or there would be no page.
//!
//! Flow: [`super::examine`] → [`reach`] → [`Reached`] → `doctor/wires.rs`.

use super::greeting::{Said, seat};
use super::{Finding, Report};
use crate::browser::{Page, webtransport};
use crate::lobby::{LobbyClient, LobbyError};
use protocol::SessionId;
use protocol::lobby::{Endpoints, Problem};

/// A lobby that answers as one of ours.
pub(super) struct Reached {
    page: Page,
    /// Whom the endpoints are for.
    pub(super) session: SessionId,
    /// What it hands out.
    pub(super) endpoints: Endpoints,
}

impl Reached {
    /// Returns the lobby's port.
    pub(super) const fn port(&self) -> u16 {
        self.page.port
    }
}

/// Goes as far as it can get, and reports on every step.
pub(super) async fn reach<A>(
    server: &str,
    ask: impl FnOnce(LobbyClient, SessionId) -> A,
    report: &Report,
) -> Option<Reached>
where
    A: Future<Output = Result<Endpoints, LobbyError>>,
{
    let (client, page) = (LobbyClient::new(server).ok()?, Page::here()?);
    report.add(context()).await;
    let Ok((said, _)) = client.greet().await else {
        let sentence = format!("Nothing comes back from {}.", client.authority());
        report
            .add(Finding::bad(
                "lobby",
                sentence,
                "Ask the host whether the server still runs, then load this page anew.",
            ))
            .await;
        return None;
    };
    let said: Said = match serde_json::from_slice(&said) {
        Ok(said) => said,
        Err(_) => {
            let problem = serde_json::from_slice(&said).map(|problem: Problem| problem.detail);
            let sentence =
                problem.unwrap_or_else(|_| "Another program answers there, not a Crosswire server.".to_owned());
            report.add(Finding::bad("lobby", sentence, "Try again in a moment.")).await;
            return None;
        }
    };
    let answers = format!("A Crosswire server of version {} answers at {}.", said.version, client.authority());
    report.add(Finding::good("lobby", answers)).await;
    report.add(said.judge()).await;
    if !said.is_ours() {
        return None;
    }
    let (session, endpoints) = seat(client, ask, report).await?;
    Some(Reached { page, session, endpoints })
}

/// Says what the page may do, which depends on the way that it came.
fn context() -> Finding {
    match (webtransport::is_there(), webtransport::is_secure()) {
        (true, _) => Finding::good("page", "It may use every wire that browsers have."),
        (false, true) => Finding::warn(
            "page",
            "This browser has no WebTransport, although the page is a secure context.",
            "Update the browser, or play over websocket.",
        ),
        (false, false) => Finding::warn(
            "page",
            "It came without https, so the browser gives it no WebTransport.",
            "Ask the host to start the server with --tls-self-signed, and open the address with https:// in front.",
        ),
    }
}
