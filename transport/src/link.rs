//! One live connection over one transport, cut in two: [`Link`] in the hands of the session, [`Driver`] in the hands of
//! the transport.
//!
//! Everything above a socket sees only [`Link`], so a session can change wires without knowing which wires there are. The
//! two halves share bounded queues and no thread: [`Link`] never blocks and never waits, and works in any Bevy system; a
//! driver may be an async task (`quic`, `websocket`, the client's `udp`), a Bevy system (the server's `udp`) or nothing at
//! all (`memory`).
//!
//! Flow: session -> [`Link::send`] -> `link/queues.rs` -> [`Driver`] -> socket -> [`Driver::deliver`] -> `link/queues.rs`
//! -> [`Link::try_recv`] -> session.

mod driver;
mod queues;

pub use driver::Driver;

use bevy::prelude::Component;
use bytes::Bytes;
use protocol::{CloseReason, Lane, LinkId, Transport, limits};
use queues::State;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use web_time::{Duration, Instant};

/// What a transport can prove about a peer before the first message: the user data of a netcode connect token.
pub type Identity = [u8; 256];

/// One end of a link.
///
/// Guarantees:
/// - the bytes of a message arrive whole and unchanged, or not at all;
/// - `Reliable` messages arrive once and in order, for as long as the link lives, and before the news of a close;
/// - [`Inbound::at`] is the moment at which the socket was read, not the moment of the frame that asks;
/// - what waits here never exceeds [`limits::LINK_BYTES`] each way;
/// - dropping it closes it with [`CloseReason::Done`].
///
/// Does not guarantee: that the peer is alive, who the player is, or any order between the lanes or across two links.
#[derive(Component)]
pub struct Link {
    shared: Arc<Shared>,
    pump: Option<Arc<dyn Pump>>,
}

/// Moves bytes at once, for the transport that has no task of its own.
pub(crate) trait Pump: Send + Sync {
    /// Moves what can be moved.
    fn pump(&self);
}

/// A message that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// When the socket was read.
    pub at: Instant,
    /// How it was sent.
    pub lane: Lane,
    /// The message.
    pub bytes: Bytes,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The link has ended or is about to.
    #[error("the connection is closed")]
    Closed,
    /// More Reliable bytes wait than a link may hold. The link closes with [`CloseReason::SlowReader`].
    #[error("the other side does not read fast enough")]
    Full,
    /// Longer than [`limits::MAX_LATEST_BYTES`] or [`limits::MAX_RELIABLE_BYTES`]. Our own fault; nothing was sent.
    #[error("the message is too big")]
    TooBig,
}

/// How a link ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The other end closed it.
    ByPeer(CloseReason),
    /// This end closed it.
    ByUs(CloseReason),
    /// Nobody closed it; it ended.
    Lost(Lost),
    /// The other end sent what no honest peer sends.
    Violation(&'static str),
}

/// How a link can end without anybody closing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// The task that moved its bytes is gone: we are shutting down, or broken.
    Abandoned,
    /// The operating system or the peer's cut it off.
    Reset,
    /// The other end did not read what it was sent.
    SlowReader,
    /// Nothing came for too long.
    TimedOut,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByPeer(reason) => write!(f, "The other side closed the connection: {reason}."),
            Self::ByUs(reason) => write!(f, "We closed the connection: {reason}."),
            Self::Lost(lost) => lost.fmt(f),
            Self::Violation(what) => write!(f, "The other side broke the protocol: {what}."),
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Abandoned => "The connection was abandoned on this side.",
            Self::Reset => "The connection was cut off.",
            Self::SlowReader => "The other side did not read what it was sent.",
            Self::TimedOut => "Nothing was heard from the other side for too long.",
        })
    }
}

/// Messages and their payload bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages.
    pub messages: u64,
    /// Bytes of those messages, without any header.
    pub bytes: u64,
}

/// What has gone over a link so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Reliable messages that have arrived.
    pub reliable_in: Traffic,
    /// Reliable messages that the transport has taken.
    pub reliable_out: Traffic,
    /// Latest messages that have arrived.
    pub latest_in: Traffic,
    /// Latest messages that the transport has taken.
    pub latest_out: Traffic,
    /// Bytes received with every header down to IP's; an estimate where the kernel does the framing.
    pub wire_in: u64,
    /// Bytes sent with every header down to IP's; an estimate where the kernel does the framing.
    pub wire_out: u64,
    /// Latest messages that a newer one replaced before they were sent.
    pub latest_replaced: u64,
    /// Latest messages that arrived and were thrown away because nobody read.
    pub inbound_dropped: u64,
    /// Bytes that wait here now, both ways.
    pub queued_bytes: usize,
    /// The transport's own opinion of the round trip.
    pub rtt: Option<Duration>,
}

pub(crate) struct Shared {
    id: LinkId,
    transport: Transport,
    peer: Option<SocketAddr>,
    identity: Option<Box<Identity>>,
    state: Mutex<State>,
    /// Every Latest message is to be sent twice, where the wire is one of datagrams.
    twice: AtomicBool,
    /// To the driver: a Latest message waits.
    latest: Notify,
    /// To the driver: a Reliable message waits.
    reliable: Notify,
    /// To the driver: please close.
    close: Notify,
    /// To the driver: there is room in the inbound queue again.
    room: Notify,
    /// To the session: something has arrived or the link has ended.
    arrived: Notify,
}

impl Shared {
    /// Poisoning is ignored: every critical section leaves the queues whole at each step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the two halves of one end of a new link.
pub fn link_pair(transport: Transport, peer: Option<SocketAddr>, identity: Option<Box<Identity>>) -> (Link, Driver) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let shared = Arc::new(Shared {
        id: LinkId(NEXT.fetch_add(1, Ordering::Relaxed)),
        transport,
        peer,
        identity,
        state: Mutex::default(),
        twice: AtomicBool::new(false),
        latest: Notify::new(),
        reliable: Notify::new(),
        close: Notify::new(),
        room: Notify::new(),
        arrived: Notify::new(),
    });
    (Link { shared: Arc::clone(&shared), pump: None }, Driver::new(shared))
}

impl Link {
    /// Lets `pump` move bytes whenever this end has been used.
    pub(crate) fn pumped_by(mut self, pump: Arc<dyn Pump>) -> Self {
        self.pump = Some(pump);
        self
    }

    /// Returns the link's name in this process.
    pub fn id(&self) -> LinkId {
        self.shared.id
    }

    /// Returns the kind of wire.
    pub fn transport(&self) -> Transport {
        self.shared.transport
    }

    /// Returns the peer's address at the time of the handshake, where there is one.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.shared.peer
    }

    /// Returns what the transport itself proves about the peer: for `udp` the user data of the connect token.
    pub fn identity(&self) -> Option<&Identity> {
        self.shared.identity.as_deref()
    }

    /// Hands a message to the transport. Never blocks.
    ///
    /// A Latest message replaces one that is still unsent. A Reliable one that no longer fits closes the link.
    pub fn send(&self, lane: Lane, bytes: Bytes) -> Result<(), SendError> {
        let limit = match lane {
            Lane::Latest => limits::MAX_LATEST_BYTES,
            Lane::Reliable => limits::MAX_RELIABLE_BYTES,
        };
        if bytes.len() > limit {
            return Err(SendError::TooBig);
        }
        let sent = self.shared.state().push_out(lane, bytes);
        match (sent, lane) {
            (Ok(()), Lane::Latest) => self.shared.latest.notify_one(),
            (Ok(()), Lane::Reliable) => self.shared.reliable.notify_one(),
            (Err(_), _) => self.wake_for_close(),
        }
        self.pump();
        sent
    }

    /// Sets whether every Latest message is sent twice from now on. Only wires of datagrams (`udp`, `quic`) heed it: the other end gets
    /// the message once or twice, and must not mind.
    pub fn set_twice(&self, twice: bool) {
        self.shared.twice.store(twice, Ordering::Relaxed);
    }

    /// Takes the oldest message that has arrived.
    pub fn try_recv(&self) -> Option<Inbound> {
        let (inbound, made_room) = self.shared.state().pop_in();
        if made_room {
            self.shared.room.notify_one();
            self.pump();
        }
        inbound
    }

    /// Waits for the next message. Returns `None` when the link has ended and everything was read.
    ///
    /// For one waiter at a time.
    pub async fn recv(&self) -> Option<Inbound> {
        loop {
            if let Some(inbound) = self.try_recv() {
                return Some(inbound);
            }
            if self.closed().is_some() {
                return self.try_recv();
            }
            self.shared.arrived.notified().await;
        }
    }

    /// Returns what has gone over the link so far.
    pub fn stats(&self) -> LinkStats {
        self.shared.state().stats()
    }

    /// Asks for the end: no more is taken, what waits on the Reliable lane is still delivered if that goes quickly, the
    /// other end is told `reason`. [`Link::closed`] says when it has happened.
    pub fn close(&self, reason: CloseReason) {
        self.shared.state().ask_close(reason, false);
        self.wake_for_close();
        self.pump();
    }

    /// Returns how the link ended, if it has. What had arrived before can still be read.
    pub fn closed(&self) -> Option<Closed> {
        self.shared.state().closed()
    }

    fn wake_for_close(&self) {
        self.shared.close.notify_one();
        self.shared.reliable.notify_one();
    }

    fn pump(&self) {
        if let Some(pump) = &self.pump {
            pump.pump();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close(CloseReason::Done);
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({} {:?}, peer {:?}, {:?})", self.transport(), self.id(), self.peer(), self.closed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Link, Driver) {
        link_pair(Transport::Memory, None, None)
    }

    #[test]
    fn a_latest_message_replaces_an_unsent_one() {
        let (link, driver) = pair();
        link.send(Lane::Latest, Bytes::from_static(b"old")).unwrap();
        link.send(Lane::Latest, Bytes::from_static(b"new")).unwrap();
        assert_eq!(driver.take_latest().as_deref(), Some(&b"new"[..]));
        assert_eq!(driver.take_latest(), None);
        let stats = link.stats();
        assert_eq!((stats.latest_replaced, stats.latest_out.messages), (1, 1));
    }

    #[test]
    fn a_reliable_backlog_closes_the_link() {
        let (link, driver) = pair();
        let big = Bytes::from(vec![0; limits::MAX_RELIABLE_BYTES]);
        for _ in 0..limits::LINK_BYTES / limits::MAX_RELIABLE_BYTES {
            link.send(Lane::Reliable, big.clone()).unwrap();
        }
        assert_eq!(link.send(Lane::Reliable, big.clone()), Err(SendError::Full));
        assert_eq!(link.send(Lane::Reliable, Bytes::new()), Err(SendError::Closed));
        assert_eq!(driver.close_asked(), Some(CloseReason::SlowReader));
        assert!(driver.hurried());
        driver.finish(Closed::ByUs(CloseReason::SlowReader));
        assert_eq!(link.closed(), Some(Closed::Lost(Lost::SlowReader)));
    }

    #[test]
    fn too_big_is_refused_and_costs_nothing() {
        let (link, _driver) = pair();
        let at_limit = Bytes::from(vec![0; limits::MAX_LATEST_BYTES]);
        let over = Bytes::from(vec![0; limits::MAX_LATEST_BYTES + 1]);
        assert_eq!(link.send(Lane::Latest, at_limit), Ok(()));
        assert_eq!(link.send(Lane::Latest, over), Err(SendError::TooBig));
        let over = Bytes::from(vec![0; limits::MAX_RELIABLE_BYTES + 1]);
        assert_eq!(link.send(Lane::Reliable, over), Err(SendError::TooBig));
        assert_eq!(link.closed(), None);
    }

    #[test]
    fn unread_latest_messages_push_out_the_oldest_and_never_a_reliable_one() {
        let (link, driver) = pair();
        let now = Instant::now();
        driver.deliver(now, Lane::Reliable, Bytes::from_static(b"kept"));
        let many = u32::try_from(limits::LINK_INBOUND_MESSAGES).unwrap() * 2;
        for n in 0..many {
            driver.deliver(now, Lane::Latest, Bytes::copy_from_slice(&n.to_le_bytes()));
        }
        assert!(driver.has_room());
        assert_eq!(link.try_recv().unwrap().bytes, &b"kept"[..]);
        let rest: Vec<u32> = std::iter::from_fn(|| link.try_recv())
            .map(|m| u32::from_le_bytes(m.bytes.as_ref().try_into().unwrap()))
            .collect();
        assert_eq!(rest.len(), limits::LINK_INBOUND_MESSAGES - 1);
        assert_eq!(rest.last(), Some(&(many - 1)));
        assert!(rest.is_sorted());
        assert_eq!(link.stats().inbound_dropped, u64::from(many) + 1 - limits::LINK_INBOUND_MESSAGES as u64);
    }

    #[test]
    fn unread_reliable_messages_ask_the_transport_to_wait() {
        let (link, driver) = pair();
        let big = Bytes::from(vec![0; limits::MAX_RELIABLE_BYTES]);
        while driver.has_room() {
            driver.deliver(Instant::now(), Lane::Reliable, big.clone());
        }
        assert!(link.stats().queued_bytes <= limits::LINK_BYTES);
        link.try_recv().unwrap();
        assert!(driver.has_room());
    }

    #[test]
    fn a_lost_driver_ends_the_link() {
        let (link, driver) = pair();
        drop(driver);
        assert_eq!(link.closed(), Some(Closed::Lost(Lost::Abandoned)));
        assert_eq!(link.send(Lane::Latest, Bytes::new()), Err(SendError::Closed));
    }
}
