//! Calls about matchmaking: tickets, the queue, parties.
//!
//! Flow: queue screen → [`LobbyClient`] → here → `server::matchmaker` → a room to take a seat in.

use super::{EventStream, LobbyClient, LobbyError, Tag, Versioned, piece};
use http::Method;
use protocol::ids::TicketId;
use protocol::lobby::{Guest, NewTicket, Party, Queue, Ticket};
use std::time::Duration;

impl LobbyClient {
    /// Asks for a match. Whoever is looking for one already goes on with the ticket that they have.
    ///
    /// # Errors
    /// See [`LobbyError`]; so for every call.
    pub async fn open_ticket(&self, guest: &Guest, wish: &NewTicket) -> Result<Ticket, LobbyError> {
        match self.post_once("/v1/tickets", Some(guest), wish).await {
            Err(error) => match error.ticket() {
                Some(present) => self.ticket(guest, present).await,
                None => Err(error),
            },
            opened => opened,
        }
    }

    /// Asks how it is going (the first way of being told: polling).
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn ticket(&self, guest: &Guest, ticket: TicketId) -> Result<Ticket, LobbyError> {
        self.get(&path(ticket), Some(guest)).await
    }

    /// Asks how it is going unless the ticket still is at `seen`; then waits at most `wait` for a change (the second way of being
    /// told: long poll). None if there is none.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn ticket_since(
        &self,
        guest: &Guest,
        ticket: TicketId,
        seen: Option<&Tag>,
        wait: Duration,
    ) -> Result<Option<Versioned<Ticket>>, LobbyError> {
        self.get_since(&path(ticket), Some(guest), seen, wait).await
    }

    /// Listens to a ticket (the third way of being told: server-sent events). Each event's data is a [`Ticket`].
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn ticket_events(&self, guest: &Guest, ticket: TicketId) -> Result<EventStream, LobbyError> {
        self.listen(&format!("{}/events", path(ticket)), Some(guest)).await
    }

    /// Accepts the match that was found.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn accept(&self, guest: &Guest, ticket: TicketId) -> Result<(), LobbyError> {
        self.tell(Method::POST, &format!("{}/accept", path(ticket)), guest).await
    }

    /// Declines the match that was found, and leaves the queue.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn decline(&self, guest: &Guest, ticket: TicketId) -> Result<(), LobbyError> {
        self.tell(Method::POST, &format!("{}/decline", path(ticket)), guest).await
    }

    /// Leaves the queue.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn cancel_ticket(&self, guest: &Guest, ticket: TicketId) -> Result<(), LobbyError> {
        self.tell(Method::DELETE, &path(ticket), guest).await
    }

    /// Asks who waits.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn queue(&self) -> Result<Queue, LobbyError> {
        self.get("/v1/queue", None).await
    }

    /// Opens a party and becomes its leader.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn open_party(&self, guest: &Guest) -> Result<Party, LobbyError> {
        self.post_once("/v1/parties", Some(guest), &serde_json::json!({})).await
    }

    /// Asks who is in a party.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn party(&self, guest: &Guest, code: &str) -> Result<Party, LobbyError> {
        self.get(&format!("/v1/parties/{}", piece(code)), Some(guest)).await
    }

    /// Asks who is in a party unless it still is at `seen`; then waits at most `wait` for a change. None if there is none.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn party_since(
        &self,
        guest: &Guest,
        code: &str,
        seen: Option<&Tag>,
        wait: Duration,
    ) -> Result<Option<Versioned<Party>>, LobbyError> {
        self.get_since(&format!("/v1/parties/{}", piece(code)), Some(guest), seen, wait).await
    }

    /// Joins a party.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn join_party(&self, guest: &Guest, code: &str) -> Result<Party, LobbyError> {
        self.post_once(&format!("/v1/parties/{}/members", piece(code)), Some(guest), &serde_json::json!({})).await
    }

    /// Leaves a party.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn leave_party(&self, guest: &Guest, code: &str) -> Result<(), LobbyError> {
        self.tell(Method::DELETE, &format!("/v1/parties/{}/members/me", piece(code)), guest).await
    }
}

fn path(ticket: TicketId) -> String {
    format!("/v1/tickets/{}", ticket.0)
}
