//! What a lobby says of itself, whichever way it was reached: its version, and the addresses that it hands out.
//!
//! Flow: `lobby.rs`, in a page `browser/doctor.rs` → [`Said`], [`seat`] → findings.

use super::{Finding, Report};
use crate::lobby::{LobbyClient, LobbyError};
use protocol::SessionId;
use protocol::limits::PROTOCOL_VERSION;
use protocol::lobby::Endpoints;
use serde::Deserialize;

/// What the doctor calls itself where it has to have a name.
const NAME: &str = "Doctor";

/// What a server says about itself, as far as it is looked at here: servers of all versions say this much.
#[derive(Deserialize)]
pub(super) struct Said {
    pub(super) version: String,
    protocol: u16,
}

impl Said {
    /// Returns whether one can play there with this program.
    pub(super) const fn is_ours(&self) -> bool {
        self.protocol == PROTOCOL_VERSION
    }

    /// Compares versions.
    pub(super) fn judge(&self) -> Finding {
        let theirs = self.protocol;
        let sentence =
            format!("The server speaks version {theirs} of the protocol, this program version {PROTOCOL_VERSION}.");
        if theirs > PROTOCOL_VERSION {
            Finding::bad("version", sentence, NEWER)
        } else if theirs < PROTOCOL_VERSION {
            Finding::bad("version", sentence, "Ask the host to update the server.")
        } else {
            Finding::good("version", format!("Both speak version {theirs} of the protocol."))
        }
    }
}

/// Asks for addresses for a new session, and returns both; none if the lobby says no, which is reported.
///
/// It is asked as for another link of a session. That there is no such session is only noticed on the wire.
pub(super) async fn seat<A>(
    client: LobbyClient,
    ask: impl FnOnce(LobbyClient, SessionId) -> A,
    report: &Report,
) -> Option<(SessionId, Endpoints)>
where
    A: Future<Output = Result<Endpoints, LobbyError>>,
{
    let session = SessionId::from_random(rand::random());
    match ask(client, session).await {
        Ok(endpoints) => Some((session, endpoints)),
        Err(error) => {
            report.add(Finding::bad("seat", error.to_string(), "Try again in a moment.")).await;
            None
        }
    }
}

/// Asks for addresses for `session` as a new guest, for [`super::examine`].
///
/// # Errors
/// See [`LobbyError`].
pub async fn as_stranger(lobby: LobbyClient, session: SessionId) -> Result<Endpoints, LobbyError> {
    let guest = lobby.guest(NAME).await?;
    lobby.endpoints(&guest, session).await
}

/// What to do about a server that is newer.
#[cfg(not(target_family = "wasm"))]
const NEWER: &str = "Update the game on this machine.";
/// What to do about a server that is newer than the page that it has once served.
#[cfg(target_family = "wasm")]
const NEWER: &str = "Load this page anew.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn whoever_is_older_is_told_to_update() {
        let judged = |protocol| Said { version: "9".into(), protocol }.judge();
        assert_eq!(judged(PROTOCOL_VERSION).verdict, Verdict::Good);
        assert_eq!(judged(PROTOCOL_VERSION + 1).advice, "Update the game on this machine.");
        assert_eq!(judged(PROTOCOL_VERSION - 1).advice, "Ask the host to update the server.");
    }
}
