//! Who we are at one server, for every call that needs somebody.
//!
//! The server is asked for a guest only when one is needed, and again when it has forgotten the one we were: it may have been started
//! anew without its data.
//!
//! Flow: [`super::Lobby::account`] → [`Account::call`] → `transport::lobby`; a new guest → [`Identity`] → file.

use crate::identity::Identity;
use protocol::{RoomId, lobby::Guest};
use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use transport::lobby::{LobbyClient, LobbyError};

/// Who we are at one server. Clones are the same person.
#[derive(Clone)]
pub(crate) struct Account {
    /// The server.
    pub(crate) lobby: LobbyClient,
    identity: Arc<Mutex<Identity>>,
    /// Two calls at once must not become two persons.
    door: Arc<tokio::sync::Mutex<()>>,
}

impl Account {
    pub(super) fn new(lobby: LobbyClient, identity: Identity) -> Self {
        Self { lobby, identity: Arc::new(Mutex::new(identity)), door: Arc::default() }
    }

    /// Returns whether this is who plays as `name` at `server`.
    pub(super) fn is_for(&self, server: &str, name: &str) -> bool {
        self.identity().is_for(server, name)
    }

    /// Returns who the server took us for the last time, if it ever did.
    pub(crate) fn known(&self) -> Option<Guest> {
        self.identity().guest()
    }

    /// Returns the room in which a seat may be waiting.
    pub(super) fn room(&self) -> Option<RoomId> {
        self.identity().room()
    }

    /// Remembers the room in which our seat is; none once it was given up.
    pub(super) fn sit_in(&self, room: Option<RoomId>) {
        self.identity().sit_in(room);
    }

    /// Makes a call as somebody whom the server knows.
    ///
    /// # Errors
    /// Those of the call, and of becoming somebody.
    pub(crate) async fn call<T, C>(&self, call: impl Fn(LobbyClient, Guest) -> C + Send) -> Result<T, LobbyError>
    where
        C: Future<Output = Result<T, LobbyError>> + Send,
    {
        let guest = self.guest(None).await?;
        match call(self.lobby.clone(), guest.clone()).await {
            Err(error) if error.status() == Some(UNAUTHORIZED) => {
                let guest = self.guest(Some(&guest)).await?;
                call(self.lobby.clone(), guest).await
            }
            done => done,
        }
    }

    /// Returns who we are, or becomes somebody unless that is another one than `forgotten`.
    async fn guest(&self, forgotten: Option<&Guest>) -> Result<Guest, LobbyError> {
        let _alone = self.door.lock().await;
        if let Some(guest) = self.known().filter(|guest| Some(guest) != forgotten) {
            return Ok(guest);
        }
        let name = self.identity().name.clone();
        let guest = self.lobby.guest(&name).await?;
        self.identity().keep(guest.clone());
        Ok(guest)
    }

    fn identity(&self) -> MutexGuard<'_, Identity> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The HTTP status for a secret that the server does not know.
const UNAUTHORIZED: u16 = 401;
