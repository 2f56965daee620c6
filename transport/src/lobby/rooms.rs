//! Calls about rooms: the list, one of one's own, invites, seats.
//!
//! Flow: [`LobbyClient`] → here → `server::lobby` → [`Grant`].

use super::{LobbyClient, LobbyError, Tag, Versioned, piece};
use http::Method;
use protocol::ids::{PlayerId, RoomId};
use protocol::lobby::{
    Grant, Guest, Invite, MemberList, Mode, NewRoom, OpenedRoom, QuickJoin, RoomChange, RoomInfo, RoomList, SeatWish,
};
use std::time::Duration;

/// Which rooms are wanted. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomFilter {
    /// Those where this is played.
    pub mode: Option<Mode>,
    /// Those on this map, by file name without the ending.
    pub map: Option<String>,
    /// Those with a free seat.
    pub free: bool,
    /// Those that need no password.
    pub unlocked: bool,
}

impl RoomFilter {
    fn path(&self) -> String {
        let mut wanted = Vec::new();
        wanted.extend(self.mode.map(|mode| format!("mode={}", mode.name())));
        wanted.extend(self.map.as_deref().map(|map| format!("map={}", piece(map))));
        wanted.extend(self.free.then(|| "free=true".to_owned()));
        wanted.extend(self.unlocked.then(|| "locked=false".to_owned()));
        let mark = if wanted.is_empty() { "" } else { "?" };
        format!("/v1/rooms{mark}{}", wanted.join("&"))
    }
}

impl LobbyClient {
    /// Lists the public rooms.
    ///
    /// # Errors
    /// See [`LobbyError`]; so for every call.
    pub async fn rooms(&self) -> Result<RoomList, LobbyError> {
        self.rooms_like(&RoomFilter::default()).await
    }

    /// Lists the public rooms that pass a filter.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn rooms_like(&self, filter: &RoomFilter) -> Result<RoomList, LobbyError> {
        self.get(&filter.path(), None).await
    }

    /// Lists the public rooms that pass a filter unless the list still is at `seen`; then waits at most `wait` for a change.
    /// None if there is none.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn rooms_since(
        &self,
        filter: &RoomFilter,
        seen: Option<&Tag>,
        wait: Duration,
    ) -> Result<Option<Versioned<RoomList>>, LobbyError> {
        self.get_since(&filter.path(), None, seen, wait).await
    }

    /// Asks about one room. A private one is only shown to those who are in it.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn room(&self, guest: Option<&Guest>, room: RoomId) -> Result<RoomInfo, LobbyError> {
        self.get(&format!("/v1/rooms/{}", room.0), guest).await
    }

    /// Opens a room and becomes its host.
    ///
    /// # Errors
    /// See [`LobbyError`]; whoever leads a room already is told which ([`LobbyError::room`]).
    pub async fn open_room(&self, guest: &Guest, room: &NewRoom) -> Result<OpenedRoom, LobbyError> {
        self.post_once("/v1/rooms", Some(guest), room).await
    }

    /// Changes a room, as its host.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn change_room(&self, guest: &Guest, room: RoomId, change: &RoomChange) -> Result<RoomInfo, LobbyError> {
        self.patch(&format!("/v1/rooms/{}", room.0), guest, change).await
    }

    /// Starts a match now, as the host.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn start(&self, guest: &Guest, room: RoomId) -> Result<(), LobbyError> {
        self.tell(Method::POST, &format!("/v1/rooms/{}/start", room.0), guest).await
    }

    /// Closes a room, as its host.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn close_room(&self, guest: &Guest, room: RoomId) -> Result<(), LobbyError> {
        self.tell(Method::DELETE, &format!("/v1/rooms/{}", room.0), guest).await
    }

    /// Sends somebody out of a room, as its host.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn kick(&self, guest: &Guest, room: RoomId, player: PlayerId) -> Result<(), LobbyError> {
        self.tell(Method::DELETE, &format!("/v1/rooms/{}/members/{}", room.0, player.0), guest).await
    }

    /// Lists who is in a room that one is in.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn members(&self, guest: &Guest, room: RoomId) -> Result<MemberList, LobbyError> {
        self.get(&format!("/v1/rooms/{}/members", room.0), Some(guest)).await
    }

    /// Asks how friends get into a room that one is in.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn invite(&self, guest: &Guest, room: RoomId) -> Result<Invite, LobbyError> {
        self.get(&format!("/v1/rooms/{}/invite", room.0), Some(guest)).await
    }

    /// Asks which room a code leads to.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn by_code(&self, code: &str) -> Result<RoomInfo, LobbyError> {
        self.get(&format!("/v1/invites/{}", piece(code)), None).await
    }

    /// Asks for a seat in a room without a password.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn take_seat(&self, guest: &Guest, room: RoomId) -> Result<Grant, LobbyError> {
        self.take_seat_as(guest, room, &SeatWish::default()).await
    }

    /// Asks for a seat with a password, or to watch.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn take_seat_as(&self, guest: &Guest, room: RoomId, wish: &SeatWish) -> Result<Grant, LobbyError> {
        self.post(&format!("/v1/rooms/{}/seats", room.0), Some(guest), wish).await
    }

    /// Asks for a seat in the room that a code leads to.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn take_seat_by_code(&self, guest: &Guest, code: &str, wish: &SeatWish) -> Result<Grant, LobbyError> {
        self.post(&format!("/v1/invites/{}/seats", piece(code)), Some(guest), wish).await
    }

    /// Asks for a seat anywhere.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn quick_join(&self, guest: &Guest, wish: &QuickJoin) -> Result<Grant, LobbyError> {
        self.post("/v1/seats", Some(guest), wish).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_become_a_query() {
        assert_eq!(RoomFilter::default().path(), "/v1/rooms");
        let all = RoomFilter { mode: Some(Mode::Skirmish), map: Some("a&b".to_owned()), free: true, unlocked: true };
        assert_eq!(all.path(), "/v1/rooms?mode=skirmish&map=ab&free=true&locked=false");
    }
}
