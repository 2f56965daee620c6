//! Calls about people: becoming somebody, profile, history, leaderboard.
//!
//! Flow: [`LobbyClient`] → here → `server::lobby`.

use super::{LobbyClient, LobbyError};
use protocol::ids::{MatchId, PlayerId};
use protocol::lobby::{Guest, History, Leaderboard, MatchResult, NewGuest, Profile, Rename};

impl LobbyClient {
    /// Becomes somebody.
    ///
    /// # Errors
    /// See [`LobbyError`]; so for every call.
    pub async fn guest(&self, name: &str) -> Result<Guest, LobbyError> {
        self.post_once("/v1/guests", None, &NewGuest { name: name.to_owned() }).await
    }

    /// Asks what is known about oneself.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn me(&self, guest: &Guest) -> Result<Profile, LobbyError> {
        self.get("/v1/players/me", Some(guest)).await
    }

    /// Takes another name.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn rename(&self, guest: &Guest, name: &str) -> Result<Profile, LobbyError> {
        self.patch("/v1/players/me", guest, &Rename { name: name.to_owned() }).await
    }

    /// Asks what is known about a player.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn profile(&self, player: PlayerId) -> Result<Profile, LobbyError> {
        self.get(&format!("/v1/players/{}", player.0), None).await
    }

    /// Lists a player's matches, the latest first: at most `limit`, those before `before` ([`History::next`]) if it is given.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn history(&self, player: PlayerId, before: Option<u64>, limit: u32) -> Result<History, LobbyError> {
        let before = before.map_or_else(String::new, |before| format!("&before={before}"));
        self.get(&format!("/v1/players/{}/matches?limit={limit}{before}", player.0), None).await
    }

    /// Asks how a match ended.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn match_result(&self, id: MatchId) -> Result<MatchResult, LobbyError> {
        self.get(&format!("/v1/matches/{}", id.0), None).await
    }

    /// Lists the best players: at most `limit`, those behind the first `after`.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn leaderboard(&self, after: u32, limit: u32) -> Result<Leaderboard, LobbyError> {
        self.get(&format!("/v1/leaderboard?after={after}&limit={limit}"), None).await
    }
}
