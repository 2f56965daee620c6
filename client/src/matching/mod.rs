//! Looking for a match: a ticket, everything that is told about it, and the party that one comes with.
//!
//! The ticket is watched in three ways at once ([`transport::told`]); [`board`] is what is known of it, [`party`] is about friends. As soon
//! as everybody has accepted, a seat is asked for like any other.
//!
//! Flow: [`crate::menu`]'s queue page → [`Search`] → the lobby → [`Board`] → queue page; [`Face::Ready`] → [`Wish`] → [`crate::lobby`].

pub(crate) mod board;
pub(crate) mod party;
pub(crate) mod words;

use crate::{
    asked::Asked,
    lobby::{Account, Goal, Lobby, Wish, wish_for},
    settings::Settings,
    sound::Chime,
};
use bevy::{app::AppExit, prelude::*};
use board::{Board, Face};
use party::PartyDesk;
use protocol::{
    RoomId,
    ids::TicketId,
    lobby::{NewTicket, Queue, SeatWish, Ticket},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use transport::runtime::{Handle, JoinHandle};
use transport::{
    lobby::LobbyError,
    told::{self, Watch},
};
use web_time::{Duration, Instant};

/// Looks for a match.
pub(crate) struct MatchingPlugin;

impl Plugin for MatchingPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Search>();
        // In a match too: a party lives as long as somebody asks about it.
        app.add_systems(Update, advance);
        app.add_systems(Last, part.run_if(on_message::<AppExit>));
    }
}

/// The search for a match.
#[derive(Resource, Default)]
pub(crate) struct Search {
    stage: Stage,
    account: Option<Account>,
    /// Friends to play with.
    pub(crate) party: PartyDesk,
    queue: Asked<Queue>,
    queue_asked: Option<Instant>,
    answer: Asked<()>,
    /// The ticket of before is being given back.
    parting: Option<JoinHandle>,
    /// The page is open.
    attended: bool,
}

/// How far the search is.
#[derive(Default)]
enum Stage {
    /// Nobody has asked for a match.
    #[default]
    Idle,
    /// The lobby is asked for a ticket.
    Opening { opened: Asked<Opened>, unwanted: Arc<AtomicBool> },
    /// There is a ticket.
    Open {
        board: Box<Board>,
        watch: Watch,
        /// The player was told that others were found.
        found: bool,
    },
    /// Nothing came of it: one sentence.
    Over(String),
}

/// A ticket, and when it was asked for.
struct Opened {
    ticket: Ticket,
    asked: Instant,
    answered: Instant,
}

/// What the page shows.
pub(crate) enum View<'a> {
    /// Nobody has asked for a match.
    Idle,
    /// The lobby is asked for a ticket.
    Opening,
    /// There is a ticket.
    Open(&'a Board),
    /// Nothing came of it: one sentence.
    Over(&'a str),
}

/// Something that the player must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    /// Others were found.
    Found,
    /// A seat is kept.
    Ready(RoomId),
}

impl Search {
    /// Notes whether the page is open. Whoever turns to another one does not want a match any more.
    pub(crate) fn attend(&mut self, open: bool, runtime: &Handle) {
        self.attended = open;
        if !open {
            self.cancel(runtime);
        }
    }

    /// Returns what the page shows.
    pub(crate) fn view(&self) -> View<'_> {
        match &self.stage {
            Stage::Idle => View::Idle,
            Stage::Opening { .. } => View::Opening,
            Stage::Open { board, .. } => View::Open(board),
            Stage::Over(why) => View::Over(why),
        }
    }

    /// Returns who else waits, as of a moment ago.
    pub(crate) fn queue(&self) -> Option<&Queue> {
        self.queue.good()
    }

    /// Returns whether an answer to a proposal is on its way.
    pub(crate) const fn is_answering(&self) -> bool {
        self.answer.is_asking()
    }

    /// Returns why the last answer to a proposal did not arrive.
    pub(crate) fn answer_trouble(&self) -> Option<&str> {
        self.answer.answer()?.as_ref().err().map(String::as_str)
    }

    /// Asks for a match, alone or with the party. Does nothing while one is being looked for.
    pub(crate) fn begin(&mut self, account: Account, runtime: &Handle) {
        if matches!(self.stage, Stage::Opening { .. } | Stage::Open { .. }) {
            return;
        }
        let unwanted = Arc::new(AtomicBool::new(false));
        let mut opened = Asked::default();
        let (party, parting) = (self.party.code().map(str::to_owned), self.parting.take());
        let opening = open(account.clone(), party, Arc::clone(&unwanted));
        opened.ask(runtime, async move {
            // Or the lobby would find that there is a ticket already, and it would be the one that is just about to end.
            if let Some(parting) = parting {
                drop(parting.await);
            }
            opening.await
        });
        (self.account, self.answer) = (Some(account), Asked::default());
        self.stage = Stage::Opening { opened, unwanted };
    }

    /// Answers a proposal.
    pub(crate) fn answer(&mut self, accept: bool, runtime: &Handle) {
        let (Some(account), Stage::Open { board, .. }) = (self.account.clone(), &self.stage) else { return };
        let ticket = board.ticket().id;
        self.answer.ask(runtime, async move {
            let answer = account.call(|lobby, guest| async move {
                if accept { lobby.accept(&guest, ticket).await } else { lobby.decline(&guest, ticket).await }
            });
            answer.await.map_err(|error| error.to_string())
        });
    }

    /// Gives the search up and tells the lobby so.
    pub(crate) fn cancel(&mut self, runtime: &Handle) {
        match std::mem::take(&mut self.stage) {
            Stage::Opening { unwanted, .. } => unwanted.store(true, Ordering::Relaxed),
            Stage::Open { board, .. } if !told::is_over(&board.ticket().state) => {
                let (Some(account), ticket) = (self.account.clone(), board.ticket().id) else { return };
                self.party.note_ended(ticket);
                self.parting = Some(runtime.spawn(async move { give_back(&account, ticket).await }));
            }
            Stage::Open { .. } | Stage::Idle | Stage::Over(_) => {}
        }
    }

    /// Takes in what has been told since the last frame.
    fn advance(&mut self, runtime: &Handle, now: Instant) -> Option<Notice> {
        self.answer.collect();
        self.open_watch(runtime);
        let notice = self.hear(now);
        self.ask_queue(runtime, now);
        let free = matches!(self.stage, Stage::Idle | Stage::Over(_));
        if let Some(ticket) = self.party.advance(runtime, now).filter(|_| self.attended && free) {
            self.follow(ticket, runtime);
        }
        notice
    }

    /// Begins to watch a ticket that has just been opened.
    fn open_watch(&mut self, runtime: &Handle) {
        let Stage::Opening { opened, .. } = &mut self.stage else { return };
        if !opened.collect() {
            return;
        }
        let begun =
            opened.take().unwrap_or_else(|| Err(String::new())).and_then(|Opened { ticket, asked, answered }| {
                let known = self.account.as_ref().and_then(|account| Some((account.lobby.base(), account.known()?)));
                let (base, guest) = known.ok_or_else(String::new)?;
                let watch = told::watch(runtime, base, &guest, ticket.id)?;
                Ok(Stage::Open { board: Box::new(Board::new(ticket, asked, answered)), watch, found: false })
            });
        self.stage = begun.unwrap_or_else(Stage::Over);
    }

    fn hear(&mut self, now: Instant) -> Option<Notice> {
        let Stage::Open { board, watch, found } = &mut self.stage else { return None };
        while let Some(report) = watch.heard() {
            board.hear(report);
        }
        let ticket = board.ticket().id;
        // The ticket may have been there before we looked: what it says from the start is news as well.
        let notice = match board.face(now) {
            Face::Waiting => {
                *found = false;
                return None;
            }
            Face::Proposed { .. } => return (!std::mem::replace(found, true)).then_some(Notice::Found),
            Face::Ready(room) => {
                self.stage = Stage::Idle;
                Some(Notice::Ready(room))
            }
            Face::Over(why) => {
                self.stage = Stage::Over(why);
                None
            }
        };
        self.party.note_ended(ticket);
        notice
    }

    fn ask_queue(&mut self, runtime: &Handle, now: Instant) {
        self.queue.collect();
        let (Stage::Open { .. }, Some(account)) = (&self.stage, &self.account) else { return };
        if self.queue_asked.is_none_or(|asked| now.saturating_duration_since(asked) >= QUEUE_PAUSE) {
            self.queue_asked = Some(now);
            let lobby = account.lobby.clone();
            self.queue.ask(runtime, async move { lobby.queue().await.map_err(|error| error.to_string()) });
        }
    }

    /// Watches the ticket that the leader of the party has opened.
    fn follow(&mut self, ticket: TicketId, runtime: &Handle) {
        let Some(account) = self.party.account().cloned() else { return };
        let mut opened = Asked::default();
        let asker = account.clone();
        opened.ask(runtime, async move {
            let asked = Instant::now();
            let ticket = asker.call(|lobby, guest| async move { lobby.ticket(&guest, ticket).await }).await;
            Ok(Opened { ticket: ticket.map_err(|error| error.to_string())?, asked, answered: Instant::now() })
        });
        (self.account, self.answer) = (Some(account), Asked::default());
        self.stage = Stage::Opening { opened, unwanted: Arc::default() };
    }
}

/// Measures the round trip and asks for a ticket. One that is not wanted any more once it is there is given back.
async fn open(account: Account, party: Option<String>, unwanted: Arc<AtomicBool>) -> Result<Opened, String> {
    let said = |error: LobbyError| error.to_string();
    let round_trip = told::round_trip(&account.lobby).await.map_err(said)?.min(LONGEST_ROUND_TRIP);
    let wish = NewTicket { round_trip_ms: round_trip.as_millis() as u16, party, ..NewTicket::default() };
    let asked = Instant::now();
    let call = account.call(|lobby, guest| {
        let wish = wish.clone();
        async move { lobby.open_ticket(&guest, &wish).await }
    });
    let ticket = call.await.map_err(said)?;
    if unwanted.load(Ordering::Relaxed) {
        give_back(&account, ticket.id).await;
    }
    Ok(Opened { ticket, asked, answered: Instant::now() })
}

/// Tells the lobby that a ticket is not wanted. If that does not arrive, it ends by itself: nobody asks about it any more.
async fn give_back(account: &Account, ticket: TicketId) {
    drop(account.call(|lobby, guest| async move { lobby.cancel_ticket(&guest, ticket).await }).await);
}

fn advance(
    mut search: ResMut<Search>,
    lobby: Res<Lobby>,
    settings: Res<Settings>,
    mut wishes: MessageWriter<Wish>,
    mut chimes: MessageWriter<Chime>,
) {
    let notice = search.bypass_change_detection().advance(lobby.runtime(), Instant::now());
    if notice.is_some() {
        chimes.write(Chime);
    }
    if let Some(Notice::Ready(room)) = notice {
        wishes.write(wish_for(&settings, Goal::Room(room, SeatWish::default())));
    }
}

/// Gives the ticket back when the window is closed: the others should not be asked to play with somebody who left.
fn part(mut search: ResMut<Search>, lobby: Res<Lobby>) {
    if matches!(search.stage, Stage::Open { .. }) {
        search.cancel(lobby.runtime());
        // The task that carries it ends with the process; those of a page go on.
        #[cfg(not(target_family = "wasm"))]
        std::thread::sleep(FAREWELL);
    }
}

/// How often one looks who else waits.
const QUEUE_PAUSE: Duration = Duration::from_secs(1);
/// What the lobby takes at most.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(10);
/// A call to a lobby nearby is out by then.
#[cfg(not(target_family = "wasm"))]
const FAREWELL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{
        PlayerId,
        lobby::{Guest, Mode, TicketState},
    };

    /// A search that goes on with a ticket which was there already, in this state.
    fn taken_up(runtime: &Handle, state: TicketState) -> Search {
        let ticket = Ticket {
            id: TicketId(7),
            version: 4,
            state,
            mode: Mode::Skirmish,
            players: Vec::new(),
            points: 1_000,
            waited_ms: 9_000,
            window_points: 100,
            expected_ms: None,
            bots_in_ms: None,
            waiting: 1,
            why: String::new(),
            changed_ms: 0,
        };
        let guest = Guest { player: PlayerId(1), name: "Ada".to_owned(), secret: "secret".to_owned() };
        let watch = told::watch(runtime, "127.0.0.1:9", &guest, ticket.id).expect("an address");
        let now = Instant::now();
        let stage = Stage::Open { board: Box::new(Board::new(ticket, now, now)), watch, found: false };
        Search { stage, ..Search::default() }
    }

    #[test]
    fn what_a_ticket_says_from_the_start_is_noticed_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let now = Instant::now();
        let mut search = taken_up(runtime.handle(), TicketState::Waiting);
        assert_eq!(search.hear(now), None);
        let proposed = TicketState::Proposed { accept_within_ms: 9_000, accepted: 1, needed: 2, mine: false };
        let mut search = taken_up(runtime.handle(), proposed);
        assert_eq!([search.hear(now), search.hear(now)], [Some(Notice::Found), None]);
        assert!(matches!(search.stage, Stage::Open { .. }));
        let mut search = taken_up(runtime.handle(), TicketState::Ready { room: RoomId(3) });
        assert_eq!([search.hear(now), search.hear(now)], [Some(Notice::Ready(RoomId(3))), None]);
        assert!(matches!(search.stage, Stage::Idle));
    }
}
