//! The notice board between the lobby and the rooms: the only thing that the two halves of the server share.
//!
//! The rooms live in a Bevy app on a thread that must never wait; the lobby lives in an async runtime with many tasks. So the
//! rooms pin up what there is to know, the lobby reads it, and what the lobby can ask for (a new room, an order to an old
//! one) goes through a short queue that the rooms look at once per tick. News of joins and results go the other way. No lock is held
//! across an `await`, and nobody holds one for longer than it takes to copy a list.
//!
//! Flow: rooms ([`DirectoryHost`]) → here → [`crate::lobby`] ([`Directory`]).

use crate::events::unix_ms;
use crate::password::Password;
use protocol::ids::{PlayerId, RoomId};
use protocol::invite::InviteCode;
use protocol::lobby::{Health, LobbyEvent, MatchResult, Member, NewRoom, RoomChange, RoomInfo};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

/// Requests that may wait: the rooms look 60 times per second, so a longer queue means that they are stuck.
const WAITING_REQUESTS: usize = 64;
/// How long somebody waits for the rooms to do as asked: reading a map takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(2);
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
    /// They lead this room of this name already. The asker's to mend.
    #[error("they lead room {} already", .0.0)]
    Leads(RoomId, String),
    /// As many rooms are open as the operator allows.
    #[error("no more rooms may be opened")]
    TooMany,
    /// There is no map of that name. The asker's mistake.
    #[error("there is no map `{0}`")]
    UnknownMap(String),
}

/// Why an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OrderError {
    /// The rooms did not answer in time. Ours.
    #[error("the rooms are busy")]
    Busy,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Stopping,
    /// The room is closed, or never was.
    #[error("there is no such room")]
    UnknownRoom,
    /// The room may not be closed: it is the server's own.
    #[error("the room is the server's own")]
    Permanent,
    /// A match needs two ships.
    #[error("a match needs two ships")]
    TooFew,
    /// There is no map of that name. The asker's mistake.
    #[error("there is no map `{0}`")]
    UnknownMap(String),
}

/// A wish for a room, every value within its limits; the map may not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenRoom {
    /// What it is to be like.
    pub wish: NewRoom,
    /// Who may kick, change the map and start. None for a room that nobody leads.
    pub host: Option<PlayerId>,
    /// The only ones who may sit there; empty for everybody.
    pub reserved: Vec<PlayerId>,
}

/// What a host, the operator or the matchmaker may order. Whether the asker may, the asker's side has checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Remove somebody, and keep them out until the room closes. Somebody who is not there is only kept out.
    Kick {
        /// From where.
        room: RoomId,
        /// Whom.
        player: PlayerId,
    },
    /// Change the room; every value within its limits, the map may not exist.
    Change {
        /// Which.
        room: RoomId,
        /// What.
        change: RoomChange,
    },
    /// Begin the match now: end the wait and the countdown, or end the match under way and begin another.
    Start {
        /// Where.
        room: RoomId,
    },
    /// Send everybody away and close the room.
    Close {
        /// Which.
        room: RoomId,
    },
}

impl Order {
    /// Returns the room that it is about.
    pub const fn room(&self) -> RoomId {
        match self {
            Self::Kick { room, .. } | Self::Change { room, .. } | Self::Start { room } | Self::Close { room } => *room,
        }
    }
}

/// Something that the lobby wants of the rooms, and where to send the answer. Publish the rooms first: guests come at once.
#[derive(Debug)]
pub enum Request {
    /// Open a room.
    Open {
        /// What it is to be like.
        room: OpenRoom,
        /// Takes the answer.
        reply: oneshot::Sender<Result<RoomEntry, OpenRoomError>>,
    },
    /// Do something to a room.
    Order {
        /// What.
        order: Order,
        /// Takes the room as it is afterwards, or as it was when it was closed.
        reply: oneshot::Sender<Result<RoomEntry, OrderError>>,
    },
}

impl Request {
    fn is_given_up(&self) -> bool {
        match self {
            Self::Open { reply, .. } => reply.is_closed(),
            Self::Order { reply, .. } => reply.is_closed(),
        }
    }
}

/// Everything that the lobby may know of an open room. Not for strangers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomEntry {
    /// What everybody may know, if it is not private.
    pub info: RoomInfo,
    /// What leads in.
    pub code: InviteCode,
    /// What everybody but its host must say to get in.
    pub password: Option<Password>,
    /// The only ones who may sit there; empty for everybody.
    pub reserved: Vec<PlayerId>,
    /// Who was sent away.
    pub banned: Vec<PlayerId>,
    /// Who is there, by rising seat, spectators last.
    pub members: Vec<Member>,
}

impl RoomEntry {
    /// Returns whether `player` is in the room, those included whose seat is kept.
    pub fn has(&self, player: PlayerId) -> bool {
        self.members.iter().any(|member| member.player == player)
    }

    /// Returns whether `player` has a seat here, rather than only watches.
    pub fn seats(&self, player: PlayerId) -> bool {
        self.members.iter().any(|member| member.player == player && member.seat.is_some())
    }

    /// Returns whether a person can get a seat.
    pub const fn is_free(&self) -> bool {
        self.info.players < self.info.seats
    }
}

/// Something that happened in a room, for the lobby to store and pass on.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomNews {
    /// To be passed on as it is.
    Event(LobbyEvent),
    /// For strangers alone: a room has been taken out of the public list, which looks to them as if it were closed, or put into it.
    Outside(LobbyEvent),
    /// A match is over: to be rated, stored, then passed on. Its points are still none.
    Finished(MatchResult),
}

/// The lobby's side. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Directory {
    board: Arc<Board>,
    requests: mpsc::Sender<Request>,
}

/// The rooms' side. There is one.
#[derive(Debug)]
pub struct DirectoryHost {
    board: Arc<Board>,
    requests: mpsc::Receiver<Request>,
    news: mpsc::UnboundedSender<RoomNews>,
}

#[derive(Debug)]
struct Board {
    rooms: RwLock<Arc<[RoomEntry]>>,
    version: watch::Sender<u64>,
    listed: watch::Sender<u64>,
    health: RwLock<Option<(Instant, Health)>>,
}

/// Returns both sides of an empty directory, and what brings the rooms' news.
pub fn directory() -> (Directory, DirectoryHost, mpsc::UnboundedReceiver<RoomNews>) {
    let version = || watch::Sender::new(unix_ms());
    let board = Board { rooms: RwLock::default(), version: version(), listed: version(), health: RwLock::default() };
    let board = Arc::new(board);
    let (sender, receiver) = mpsc::channel(WAITING_REQUESTS);
    // Unbounded, because the rooms must never wait; a room has a handful of news per minute.
    let (news, told) = mpsc::unbounded_channel();
    (Directory { board: board.clone(), requests: sender }, DirectoryHost { board, requests: receiver, news }, told)
}

impl Directory {
    /// Returns every open room, private ones included, by rising id.
    pub fn rooms(&self) -> Arc<[RoomEntry]> {
        self.board.rooms.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns one room, if it is open.
    pub fn room(&self, id: RoomId) -> Option<RoomEntry> {
        let rooms = self.rooms();
        let at = rooms.binary_search_by_key(&id, |room| room.info.id).ok()?;
        rooms.get(at).cloned()
    }

    /// Returns the room that `code` leads into, if it is open.
    pub fn by_code(&self, code: &InviteCode) -> Option<RoomEntry> {
        self.rooms().iter().find(|room| room.code == *code).cloned()
    }

    /// Returns a number that rises whenever anything in [`Self::rooms`] changes, and can be waited for. It begins with the time of day, so
    /// that two runs of the server do not give one number to different lists.
    pub fn version(&self) -> watch::Receiver<u64> {
        self.board.version.subscribe()
    }

    /// As [`Self::version`], but rises only when the public list changes: what everybody may know of rooms that are not private.
    pub fn listed(&self) -> watch::Receiver<u64> {
        self.board.listed.subscribe()
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
    pub async fn open_room(&self, room: OpenRoom) -> Result<RoomEntry, OpenRoomError> {
        self.open_room_within(DEADLINE, room).await
    }

    async fn open_room_within(&self, deadline: Duration, room: OpenRoom) -> Result<RoomEntry, OpenRoomError> {
        let (reply, answer) = oneshot::channel();
        let answer = self.ask(deadline, Request::Open { room, reply }, answer).await;
        answer.unwrap_or_else(|unheard| {
            Err(match unheard {
                Unheard::Busy => OpenRoomError::Busy,
                Unheard::Stopping => OpenRoomError::Stopping,
            })
        })
    }

    /// Has something done to a room. Whether the asker may, and the values of a change, must have been checked. Waits as
    /// [`Self::open_room`] does. Returns the room as it is afterwards, or as it was when it was closed.
    ///
    /// # Errors
    /// See [`OrderError`].
    pub async fn order(&self, order: Order) -> Result<RoomEntry, OrderError> {
        let (reply, answer) = oneshot::channel();
        let answer = self.ask(DEADLINE, Request::Order { order, reply }, answer).await;
        answer.unwrap_or_else(|unheard| {
            Err(match unheard {
                Unheard::Busy => OrderError::Busy,
                Unheard::Stopping => OrderError::Stopping,
            })
        })
    }

    async fn ask<T>(&self, deadline: Duration, request: Request, answer: oneshot::Receiver<T>) -> Result<T, Unheard> {
        self.requests.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Unheard::Busy,
            mpsc::error::TrySendError::Closed(_) => Unheard::Stopping,
        })?;
        match tokio::time::timeout(deadline, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(Unheard::Stopping),
            Err(_) => Err(Unheard::Busy),
        }
    }
}

/// Why the rooms did not answer.
enum Unheard {
    Busy,
    Stopping,
}

impl DirectoryHost {
    /// Replaces the list of open rooms.
    pub fn publish_rooms(&self, mut rooms: Vec<RoomEntry>) {
        rooms.sort_by_key(|room| room.info.id);
        let mut shown = self.board.rooms.write().unwrap_or_else(PoisonError::into_inner);
        if **shown == *rooms {
            return;
        }
        let public = |rooms: &[RoomEntry]| -> Vec<RoomInfo> {
            rooms.iter().filter(|room| !room.info.private).map(|room| room.info.clone()).collect()
        };
        let listed = public(&shown) != public(&rooms);
        *shown = rooms.into();
        drop(shown);
        self.board.version.send_modify(|version| *version += 1);
        if listed {
            self.board.listed.send_modify(|version| *version += 1);
        }
    }

    /// Replaces the report. One is good for 5 s, so publish one every second.
    pub fn publish_health(&self, health: Health) {
        *self.board.health.write().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), health));
    }

    /// Passes news on. Never waits.
    pub fn tell(&self, news: RoomNews) {
        // Nobody listens while the server stops.
        let _ = self.news.send(news);
    }

    /// Returns the oldest request that somebody still waits for. Never blocks.
    pub fn try_next_request(&mut self) -> Option<Request> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).find(|request| !request.is_given_up())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::view::PhaseKind;

    fn entry(id: u32) -> RoomEntry {
        let phase = PhaseKind::Waiting;
        let info =
            RoomInfo { id: RoomId(id), name: "Dock".into(), map: "m".into(), seats: 16, phase, ..RoomInfo::default() };
        let code = InviteCode::from_random(u64::from(id));
        RoomEntry { info, code, password: None, reserved: vec![], banned: vec![], members: vec![] }
    }

    #[test]
    fn what_is_published_is_read_in_order() {
        let (directory, host, _news) = directory();
        assert!(directory.rooms().is_empty() && directory.health().is_none());
        host.publish_rooms(vec![entry(7), entry(2)]);
        assert_eq!(directory.rooms().iter().map(|r| r.info.id.0).collect::<Vec<_>>(), [2, 7]);
        assert_eq!(directory.room(RoomId(7)), Some(entry(7)));
        assert_eq!(directory.room(RoomId(3)), None);
        assert_eq!(directory.by_code(&entry(2).code), Some(entry(2)));
        assert_eq!(directory.by_code(&entry(3).code), None);
        host.publish_health(Health { rooms: 2, ..Health::default() });
        assert_eq!(directory.health().map(|h| h.rooms), Some(2));
    }

    #[test]
    fn the_version_rises_with_changes_only() {
        let (directory, host, _news) = directory();
        let version = directory.version();
        let first = *version.borrow();
        host.publish_rooms(vec![entry(7)]);
        host.publish_rooms(vec![entry(7)]);
        assert_eq!(*version.borrow(), first + 1);
        let listed = directory.listed();
        let first_list = *listed.borrow();
        let members = vec![Member { player: PlayerId(4), name: "Ada".into(), seat: Some(0), wire: None }];
        host.publish_rooms(vec![RoomEntry { members, ..entry(7) }]);
        assert_eq!((*version.borrow(), *listed.borrow()), (first + 2, first_list), "strangers see nothing new");
        let mut private = entry(8);
        private.info.private = true;
        host.publish_rooms(vec![entry(7), private]);
        assert_eq!(*listed.borrow(), first_list);
        host.publish_rooms(vec![entry(7), entry(8)]);
        assert_eq!(*listed.borrow(), first_list + 1);
    }

    #[test]
    fn news_come_in_their_order_and_never_wait() {
        let (_directory, host, mut news) = directory();
        let closed = |id| RoomNews::Event(LobbyEvent::RoomClosed { room: RoomId(id) });
        (0..1_000).for_each(|id| host.tell(closed(id)));
        assert_eq!(news.try_recv(), Ok(closed(0)));
        assert_eq!(news.try_recv(), Ok(closed(1)));
        drop(news);
        host.tell(closed(2));
    }

    async fn next(host: &mut DirectoryHost) -> Request {
        loop {
            match host.try_next_request() {
                Some(request) => return request,
                None => tokio::task::yield_now().await,
            }
        }
    }

    #[tokio::test]
    async fn a_room_is_opened_by_the_host() {
        let (directory, mut host, _news) = directory();
        let asked = tokio::spawn(async move { directory.open_room(OpenRoom::default()).await });
        let Request::Open { reply, .. } = next(&mut host).await else { panic!("a wish for a room") };
        reply.send(Ok(entry(1))).expect("somebody waits");
        assert_eq!(asked.await.expect("no panic"), Ok(entry(1)));
    }

    #[tokio::test]
    async fn an_order_is_carried_out_by_the_host() {
        let (directory, mut host, _news) = directory();
        let asked = tokio::spawn(async move { directory.order(Order::Start { room: RoomId(4) }).await });
        let Request::Order { order, reply } = next(&mut host).await else { panic!("an order") };
        assert_eq!(order.room(), RoomId(4));
        reply.send(Err(OrderError::UnknownRoom)).expect("somebody waits");
        assert_eq!(asked.await.expect("no panic"), Err(OrderError::UnknownRoom));
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let (directory, mut host, _news) = directory();
        let asked = directory.open_room_within(Duration::from_millis(5), OpenRoom::default());
        assert_eq!(asked.await, Err(OpenRoomError::Busy));
        assert!(host.try_next_request().is_none(), "a request that was given up is not carried out");
        drop(host);
        assert_eq!(directory.open_room(OpenRoom::default()).await, Err(OpenRoomError::Stopping));
        assert_eq!(directory.order(Order::Close { room: RoomId(1) }).await, Err(OrderError::Stopping));
    }

    #[tokio::test]
    async fn a_full_queue_is_told_at_once() {
        let (directory, _host, _news) = directory();
        let waiting: Vec<_> = (0..WAITING_REQUESTS)
            .map(|_| {
                let directory = directory.clone();
                tokio::spawn(async move { directory.open_room(OpenRoom::default()).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(directory.open_room(OpenRoom::default()).await, Err(OpenRoomError::Busy));
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
