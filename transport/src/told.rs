//! Three ways to be told what becomes of a ticket, side by side: asking again and again, asking once and being answered when there is
//! news, and being told without asking. Each goes its own way to the lobby and counts what it costs.
//!
//! They are used together because comparing them is the point: the queue page shows how late each is and what it took. The first to tell
//! wins, and as long as one of them works, the player hears of the match.
//!
//! Flow: the client's queue page → [`watch`] → one task per [`Way`] → [`LobbyClient`]; [`Report`] → queue page.

use crate::lobby::{Cost, LONGEST_WAIT, LobbyClient, LobbyError, Tag};
use crate::runtime::{Handle, JoinHandle, sleep};
use protocol::ids::TicketId;
use protocol::lobby::{Guest, Ticket, TicketState};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use web_time::{Duration, Instant};

/// Pause between two questions of [`Way::Polling`].
pub const POLL_PAUSE: Duration = Duration::from_secs(2);
/// Measurements of [`round_trip`].
const PINGS: u32 = 4;
/// Pause after the first failure in a row; it doubles with each one more.
const RETRY: Duration = Duration::from_secs(1);
/// Longest pause after failures.
const LONGEST_RETRY: Duration = Duration::from_secs(8);

/// A way to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// Asks every [`POLL_PAUSE`], whether there is news or not.
    Polling,
    /// Asks, and the lobby keeps the question until there is news.
    LongPoll,
    /// Asks once, and the lobby keeps telling: server-sent events.
    Stream,
}

impl Way {
    /// Every way, the oldest first.
    pub const ALL: [Self; 3] = [Self::Polling, Self::LongPoll, Self::Stream];

    /// Returns what it is called on screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::LongPoll => "long poll",
            Self::Stream => "event stream",
        }
    }

    /// Returns its place in [`Self::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::Polling => 0,
            Self::LongPoll => 1,
            Self::Stream => 2,
        }
    }
}

/// Something that one way has to say.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which way.
    pub way: Way,
    /// When it was known here.
    pub at: Instant,
    /// What the way has taken so far.
    pub cost: Cost,
    /// What it says.
    pub said: Said,
}

/// What a way says.
#[derive(Clone, Debug)]
pub enum Said {
    /// How the ticket is now.
    Ticket(Box<Ticket>),
    /// Nothing new.
    Nothing,
    /// This way does not work at the moment, in a sentence for the player; it is tried again.
    Broken(String),
    /// The lobby has no such ticket any more, in a sentence for the player. This way ends.
    Gone(String),
}

/// Watches one ticket until it is dropped.
#[derive(Debug)]
pub struct Watch {
    reports: UnboundedReceiver<Report>,
    tasks: Vec<JoinHandle>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Watch {
    /// Returns the next thing that one of the ways has said, if there is one.
    pub fn heard(&mut self) -> Option<Report> {
        self.reports.try_recv().ok()
    }
}

/// Watches `ticket` of the lobby at `base` in every way at once.
///
/// # Errors
/// One sentence if `base` is no address of a lobby.
pub fn watch(runtime: &Handle, base: &str, guest: &Guest, ticket: TicketId) -> Result<Watch, String> {
    let (sender, reports) = unbounded_channel();
    let mut tasks = Vec::new();
    for way in Way::ALL {
        // A client of its own, so that its calls, connections and bytes are its own as well.
        let lobby = LobbyClient::new(base)?;
        let (guest, sender) = (guest.clone(), sender.clone());
        let line = Line { way, lobby, guest, ticket, seen: None, sender, over: false };
        tasks.push(runtime.spawn(line.run()));
    }
    Ok(Watch { reports, tasks })
}

/// Measures the round trip to the lobby: the best of a few questions on one connection, the first of which pays for opening it.
///
/// # Errors
/// See [`LobbyError`].
pub async fn round_trip(lobby: &LobbyClient) -> Result<Duration, LobbyError> {
    lobby.health().await?;
    let mut best = Duration::MAX;
    for _ in 0..PINGS {
        let start = Instant::now();
        lobby.health().await?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

/// One way to the lobby.
struct Line {
    way: Way,
    lobby: LobbyClient,
    guest: Guest,
    ticket: TicketId,
    seen: Option<Tag>,
    sender: UnboundedSender<Report>,
    over: bool,
}

impl Line {
    async fn run(mut self) {
        let mut retry = RETRY;
        while !self.over {
            let done = match self.way {
                Way::Polling => self.poll().await,
                Way::LongPoll => self.ask(LONGEST_WAIT).await,
                Way::Stream => self.listen().await,
            };
            match done {
                Ok(()) => retry = RETRY,
                Err(error) if error.status() == Some(NOT_FOUND) => {
                    self.say(Said::Gone(error.to_string()));
                    self.over = true;
                }
                Err(error) => {
                    self.say(Said::Broken(error.to_string()));
                    sleep(retry).await;
                    retry = retry.saturating_mul(2).min(LONGEST_RETRY);
                }
            }
        }
    }

    async fn poll(&mut self) -> Result<(), LobbyError> {
        self.ask(Duration::ZERO).await?;
        if !self.over {
            sleep(POLL_PAUSE).await;
        }
        Ok(())
    }

    async fn ask(&mut self, wait: Duration) -> Result<(), LobbyError> {
        match self.lobby.ticket_since(&self.guest, self.ticket, self.seen.as_ref(), wait).await? {
            None => self.say(Said::Nothing),
            Some(news) => {
                self.seen = news.tag;
                self.take(news.value);
            }
        }
        Ok(())
    }

    async fn listen(&mut self) -> Result<(), LobbyError> {
        let mut events = self.lobby.ticket_events(&self.guest, self.ticket).await?;
        self.say(Said::Nothing);
        while let Some(ticket) = events.next_as().await? {
            self.take(ticket);
            if self.over {
                return Ok(());
            }
        }
        // The lobby ends each stream after a while; the next one goes on from there.
        sleep(RETRY).await;
        Ok(())
    }

    fn take(&mut self, ticket: Ticket) {
        self.over = is_over(&ticket.state);
        self.say(Said::Ticket(Box::new(ticket)));
    }

    fn say(&self, said: Said) {
        let report = Report { way: self.way, at: Instant::now(), cost: self.lobby.cost(), said };
        // Nobody listens any more: the task is about to be ended.
        let _ = self.sender.send(report);
    }
}

/// Returns whether nothing more will become of a ticket in this state.
pub const fn is_over(state: &TicketState) -> bool {
    match state {
        TicketState::Waiting | TicketState::Proposed { .. } => false,
        TicketState::Ready { .. } | TicketState::Cancelled | TicketState::Declined | TicketState::Expired => true,
    }
}

/// The HTTP status for something that is not there.
const NOT_FOUND: u16 = 404;
