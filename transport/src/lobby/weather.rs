//! Calls about weather: a page asks the server to make it.
//!
//! Flow: [`crate::WeatherStation`] → here → `server::lobby`.

use super::{CALL_DEADLINE, Call, LobbyClient, LobbyError, MAX_ANSWER_BYTES};
use http::Method;
use protocol::Transport;
use protocol::lobby::{Door, Guest, NewDoor, WeatherOrder};

impl LobbyClient {
    /// Says what the network of a guest is to be like.
    ///
    /// # Errors
    /// See [`LobbyError`]; 403 where the operator does not want it.
    pub async fn order_weather(&self, guest: &Guest, order: &WeatherOrder) -> Result<(), LobbyError> {
        let body = Some(serde_json::to_vec(order).unwrap_or_default());
        let call = Call { guest: Some(guest), body, ..Call::to(Method::PUT, "/v1/players/me/weather") };
        let answer = self.fetch(call).await?;
        // Read to its end, so that the connection can be used again.
        answer.whole(MAX_ANSWER_BYTES, CALL_DEADLINE).await.map(drop).map_err(|broken| self.broken(broken))
    }

    /// Asks for a way through that weather, for one link over `wire`.
    ///
    /// # Errors
    /// See [`LobbyError`]; 409 before any weather was ordered.
    pub async fn open_door(&self, guest: &Guest, wire: Transport) -> Result<Door, LobbyError> {
        self.post("/v1/players/me/weather/doors", Some(guest), &NewDoor { wire }).await
    }
}
