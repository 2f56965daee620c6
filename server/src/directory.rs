//! The notice board between the lobby and the rooms: the only thing that the two halves of the server share.
//!
//! The rooms live in a Bevy app on a thread that must never wait; the lobby lives in an async runtime with many tasks. So the
//! rooms pin up what there is to know, the lobby reads it, and the one thing the lobby can ask for (a new room) goes through
//! a short queue that the rooms look at once per tick. No lock is held across an `await`, and nobody holds one for longer
//! than it takes to copy a list.
//!
//! Flow: rooms ([`DirectoryHost`]) → here → [`crate::lobby`] ([`Directory`]).

use protocol::ids::RoomId;
use protocol::lobby::{Health, LobbyEvent, MatchResult, NewRoom, RoomInfo};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

/// Requests for a room that may wait: the rooms look 60 times per second, so a longer queue means that they are stuck.
const WAITING_REQUESTS: usize = 16;
/// How long somebody waits for a room to be opened: reading a map takes milliseconds.
const OPEN_ROOM_DEADLINE: Duration = Duration::from_secs(2);
/// Age at which the rooms' last report stops counting: they report every second.
const HEALTH_LIFETIME: Duration = Duration::from_secs(5);

/// Why a room was not opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenRoomError {
    /// The rooms did not answer in time. Ours.
    #[error("the rooms are busy")]
    Busy,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Stopping,
    /// As many rooms are open as the operator allows.
    #[error("no more rooms may be opened")]
    TooMany,
    /// There is no map of that name. The asker's mistake.
    #[error("there is no map `{0}`")]
    UnknownMap(String),
}

/// A wish for a room, and where to send the answer.
#[derive(Debug)]
pub struct RoomRequest {
    /// What is wished, every value within its limits; the map may not exist.
    pub room: NewRoom,
    /// Takes the answer. Publish the room first: its guests come at once.
    pub reply: oneshot::Sender<Result<RoomInfo, OpenRoomError>>,
}

/// Something that happened in a room, for the lobby to store and pass on.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomNews {
    /// To be passed on as it is.
    Event(LobbyEvent),
    /// A match was played to the end by at least one person: to be rated, stored, then passed on. Its points are still none.
    Finished(MatchResult),
}

/// The lobby's side. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Directory {
    board: Arc<Board>,
    requests: mpsc::Sender<RoomRequest>,
}

/// The rooms' side. There is one.
#[derive(Debug)]
pub struct DirectoryHost {
    board: Arc<Board>,
    requests: mpsc::Receiver<RoomRequest>,
}

#[derive(Debug, Default)]
struct Board {
    rooms: RwLock<Arc<[RoomInfo]>>,
    health: RwLock<Option<(Instant, Health)>>,
}

/// Returns both sides of an empty directory.
pub fn directory() -> (Directory, DirectoryHost) {
    let board = Arc::<Board>::default();
    let (sender, receiver) = mpsc::channel(WAITING_REQUESTS);
    (Directory { board: board.clone(), requests: sender }, DirectoryHost { board, requests: receiver })
}

impl Directory {
    /// Returns every open room, by rising id.
    pub fn rooms(&self) -> Arc<[RoomInfo]> {
        self.board.rooms.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns one room, if it is open.
    pub fn room(&self, id: RoomId) -> Option<RoomInfo> {
        let rooms = self.rooms();
        let at = rooms.binary_search_by_key(&id, |room| room.id).ok()?;
        rooms.get(at).cloned()
    }

    /// Returns the rooms' latest report, or none if they have been silent for so long that it says nothing.
    pub fn health(&self) -> Option<Health> {
        let latest = self.board.health.read().unwrap_or_else(PoisonError::into_inner).clone();
        latest.filter(|(at, _)| at.elapsed() < HEALTH_LIFETIME).map(|(_, health)| health)
    }

    /// Asks for a room. `room` must have been checked.
    ///
    /// - Waits two seconds at most.
    /// - A request that was given up is not carried out later, except if the rooms had taken it already.
    ///
    /// # Errors
    /// See [`OpenRoomError`].
    pub async fn open_room(&self, room: NewRoom) -> Result<RoomInfo, OpenRoomError> {
        self.open_room_within(OPEN_ROOM_DEADLINE, room).await
    }

    async fn open_room_within(&self, deadline: Duration, room: NewRoom) -> Result<RoomInfo, OpenRoomError> {
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(RoomRequest { room, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => OpenRoomError::Busy,
            mpsc::error::TrySendError::Closed(_) => OpenRoomError::Stopping,
        })?;
        match tokio::time::timeout(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(OpenRoomError::Stopping),
            Err(_) => Err(OpenRoomError::Busy),
        }
    }
}

impl DirectoryHost {
    /// Replaces the list of open rooms.
    pub fn publish_rooms(&self, mut rooms: Vec<RoomInfo>) {
        rooms.sort_by_key(|room| room.id);
        *self.board.rooms.write().unwrap_or_else(PoisonError::into_inner) = rooms.into();
    }

    /// Replaces the report. One is good for 5 s, so publish one every second.
    pub fn publish_health(&self, health: Health) {
        *self.board.health.write().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), health));
    }

    /// Returns the oldest request that somebody still waits for. Never blocks.
    pub fn try_next_request(&mut self) -> Option<RoomRequest> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).find(|request| !request.reply.is_closed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::view::PhaseKind;

    fn info(id: u32) -> RoomInfo {
        let phase = PhaseKind::Waiting;
        RoomInfo { id: RoomId(id), name: "Dock".into(), map: "m".into(), seats: 16, phase, ..RoomInfo::default() }
    }

    #[test]
    fn what_is_published_is_read_in_order() {
        let (directory, host) = directory();
        assert!(directory.rooms().is_empty() && directory.health().is_none());
        host.publish_rooms(vec![info(7), info(2)]);
        assert_eq!(directory.rooms().iter().map(|r| r.id.0).collect::<Vec<_>>(), [2, 7]);
        assert_eq!(directory.room(RoomId(7)), Some(info(7)));
        assert_eq!(directory.room(RoomId(3)), None);
        host.publish_health(Health { rooms: 2, ..Health::default() });
        assert_eq!(directory.health().map(|h| h.rooms), Some(2));
    }

    #[tokio::test]
    async fn a_room_is_opened_by_the_host() {
        let (directory, mut host) = directory();
        let asked = tokio::spawn(async move { directory.open_room(NewRoom::default()).await });
        let request = loop {
            match host.try_next_request() {
                Some(request) => break request,
                None => tokio::task::yield_now().await,
            }
        };
        request.reply.send(Ok(info(1))).expect("somebody waits");
        assert_eq!(asked.await.expect("no panic"), Ok(info(1)));
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let (directory, mut host) = directory();
        let asked = directory.open_room_within(Duration::from_millis(5), NewRoom::default());
        assert_eq!(asked.await, Err(OpenRoomError::Busy));
        assert!(host.try_next_request().is_none(), "a request that was given up is not carried out");
        drop(host);
        assert_eq!(directory.open_room(NewRoom::default()).await, Err(OpenRoomError::Stopping));
    }

    #[tokio::test]
    async fn a_full_queue_is_told_at_once() {
        let (directory, _host) = directory();
        let waiting: Vec<_> = (0..WAITING_REQUESTS)
            .map(|_| {
                let directory = directory.clone();
                tokio::spawn(async move { directory.open_room(NewRoom::default()).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(directory.open_room(NewRoom::default()).await, Err(OpenRoomError::Busy));
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
