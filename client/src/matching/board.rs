//! What is known about the own ticket, and who told it first: pure, so that it can be tested without a lobby.
//!
//! Three ways tell of the same changes. The newest version counts, whoever brought it; what each way costs and how late it is stands
//! beside it. The lobby stamps a change with its own clock; how far that clock is from ours is known from the answer to opening the
//! ticket, to within half a round trip, and corrected when somebody turns out to have been told before it happened.
//!
//! Flow: [`transport::told`] → [`Board::hear`] → [`crate::menu`]'s queue page.

use protocol::{
    RoomId,
    lobby::{Queue, QueueRow, Ticket, TicketState},
};
use transport::{
    lobby::Cost,
    told::{Report, Said, Way},
};
use web_time::{Duration, Instant};

/// The own ticket, and how one heard of it.
#[derive(Debug)]
pub(crate) struct Board {
    ticket: Ticket,
    /// When [`Self::ticket`] was told.
    told: Instant,
    /// What our clock shows, in milliseconds since `start`, less what the lobby's shows.
    offset: i64,
    start: Instant,
    rows: [Row; 3],
    /// The lobby does not know the ticket any more.
    gone: Option<String>,
    /// Time that there was to accept when the proposal came.
    accept_in: Duration,
}

/// One way to be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// What it took.
    pub(crate) cost: Cost,
    /// Changes that it told of.
    pub(crate) changes: u32,
    /// Changes of which it told before the others.
    pub(crate) first: u32,
    /// How late the last change was told.
    pub(crate) late: Option<Duration>,
    /// Why it does not work at the moment.
    pub(crate) trouble: Option<String>,
    sum: Duration,
    version: u64,
}

impl Row {
    /// Returns how late changes were told on average.
    pub(crate) fn mean(&self) -> Option<Duration> {
        (self.changes > 0).then(|| self.sum / self.changes)
    }
}

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// Looking for others.
    Waiting,
    /// Others were found.
    Proposed {
        /// Time left to accept.
        left: Duration,
        /// The same as a share of all the time there was.
        share_per_mille: u16,
        /// Players who have accepted.
        accepted: u8,
        /// Players who must.
        needed: u8,
        /// We have.
        mine: bool,
    },
    /// A seat is kept for us.
    Ready(RoomId),
    /// Nothing comes of it: one sentence.
    Over(String),
}

impl Board {
    /// Returns the board of a ticket that was asked for and answered at these moments.
    pub(crate) fn new(ticket: Ticket, asked: Instant, answered: Instant) -> Self {
        let half = answered.saturating_duration_since(asked) / 2;
        let row = Row { version: ticket.version, ..Row::default() };
        let mut board = Self {
            told: answered,
            offset: millis(half).saturating_sub_unsigned(ticket.changed_ms),
            start: asked,
            rows: [row.clone(), row.clone(), row],
            gone: None,
            accept_in: Duration::ZERO,
            ticket,
        };
        board.note_deadline();
        board
    }

    /// Takes in what one way said. Returns whether it is news.
    pub(crate) fn hear(&mut self, report: Report) -> bool {
        let row = &mut self.rows[report.way.index()];
        row.cost = report.cost;
        match report.said {
            Said::Nothing => row.trouble = None,
            Said::Broken(why) => row.trouble = Some(why),
            Said::Gone(why) => {
                row.trouble = Some(why.clone());
                return self.gone.replace(why).is_none();
            }
            Said::Ticket(ticket) => {
                row.trouble = None;
                let news = ticket.version > self.ticket.version;
                if ticket.version > row.version {
                    row.version = ticket.version;
                    self.note_lateness(report.way, &ticket, report.at, news);
                }
                return self.replace(*ticket, report.at);
            }
        }
        false
    }

    /// Takes in what the lobby answered to one of our own calls. Returns whether it is news.
    pub(crate) fn replace(&mut self, ticket: Ticket, at: Instant) -> bool {
        if ticket.version <= self.ticket.version {
            return false;
        }
        (self.ticket, self.told) = (ticket, at);
        self.note_deadline();
        true
    }

    fn note_lateness(&mut self, way: Way, ticket: &Ticket, at: Instant, first: bool) {
        let shown = millis(at.saturating_duration_since(self.start)).saturating_sub_unsigned(ticket.changed_ms);
        // Nobody is told before it happens: the clocks are further apart than was thought.
        self.offset = self.offset.min(shown);
        let late = Duration::from_millis(shown.saturating_sub(self.offset).unsigned_abs());
        let row = &mut self.rows[way.index()];
        row.late = Some(late);
        row.sum += late;
        row.changes += 1;
        row.first += u32::from(first);
    }

    fn note_deadline(&mut self) {
        if let TicketState::Proposed { accept_within_ms, .. } = self.ticket.state {
            self.accept_in = self.accept_in.max(Duration::from_millis(accept_within_ms.into()));
        } else {
            self.accept_in = Duration::ZERO;
        }
    }

    /// Returns the ticket as it was told last.
    pub(crate) const fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// Returns what there is to say about one way.
    pub(crate) const fn row(&self, way: Way) -> &Row {
        &self.rows[way.index()]
    }

    /// Returns what the page shows at `now`.
    pub(crate) fn face(&self, now: Instant) -> Face {
        let age = now.saturating_duration_since(self.told);
        match &self.ticket.state {
            TicketState::Ready { room } => Face::Ready(*room),
            TicketState::Cancelled | TicketState::Declined | TicketState::Expired => {
                Face::Over(self.ticket.why.clone())
            }
            _ if self.gone.is_some() => Face::Over(self.gone.clone().unwrap_or_default()),
            TicketState::Waiting => Face::Waiting,
            TicketState::Proposed { accept_within_ms, accepted, needed, mine } => {
                let left = Duration::from_millis((*accept_within_ms).into()).saturating_sub(age);
                let share = left.as_secs_f32() / self.accept_in.as_secs_f32().max(0.001);
                Face::Proposed {
                    left,
                    share_per_mille: (share.clamp(0.0, 1.0) * 1_000.0) as u16,
                    accepted: *accepted,
                    needed: *needed,
                    mine: *mine,
                }
            }
        }
    }

    /// Returns how long the ticket has waited at `now`.
    pub(crate) fn waited(&self, now: Instant) -> Duration {
        Duration::from_millis(self.ticket.waited_ms.into()) + now.saturating_duration_since(self.told)
    }

    /// Returns how long it is at `now` until bots fill up, if they may.
    pub(crate) fn bots_in(&self, now: Instant) -> Option<Duration> {
        let left = Duration::from_millis(self.ticket.bots_in_ms?.into());
        Some(left.saturating_sub(now.saturating_duration_since(self.told)))
    }

    /// Returns the row of the queue that is our own, which has no name: of as many players, and waiting for as long.
    pub(crate) fn own_row(&self, queue: &Queue, now: Instant) -> Option<usize> {
        let waited = self.waited(now).as_millis() as i64;
        let ours =
            |row: &QueueRow| row.mode == self.ticket.mode && usize::from(row.players) == self.ticket.players.len();
        let rows = queue.rows.iter().enumerate().filter(|(_, row)| ours(row) && row.points == self.ticket.points);
        let distance = |row: &QueueRow| (i64::from(row.waited_ms) - waited).abs();
        rows.min_by_key(|(_, row)| distance(row)).filter(|(_, row)| distance(row) < SAME_WAIT_MS).map(|(at, _)| at)
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A row of the queue is at most as old as this.
const SAME_WAIT_MS: i64 = 4_000;

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{
        PlayerId,
        ids::TicketId,
        lobby::{Mode, PartyMember},
    };

    /// What the lobby's clock shows at the start: far from ours.
    const EPOCH: u64 = 1_700_000_000_000;

    fn ticket(version: u64, changed: u64, state: TicketState) -> Ticket {
        Ticket {
            id: TicketId(7),
            version,
            state,
            mode: Mode::Skirmish,
            players: vec![PartyMember { player: PlayerId(1), name: "Ada".into(), points: 1_000 }],
            points: 1_000,
            waited_ms: changed as u32,
            window_points: 100,
            expected_ms: Some(9_000),
            bots_in_ms: Some(20_000 - changed as u32),
            waiting: 1,
            why: "Alone in the queue.".into(),
            changed_ms: EPOCH + changed,
        }
    }

    fn proposed(accept_within_ms: u32, accepted: u8) -> TicketState {
        TicketState::Proposed { accept_within_ms, accepted, needed: 2, mine: false }
    }

    fn report(way: Way, at: Instant, said: Said) -> Report {
        Report { way, at, cost: Cost { calls: 1, connections: 1, sent: 100, received: 200 }, said }
    }

    fn says(way: Way, at: Instant, ticket: &Ticket) -> Report {
        report(way, at, Said::Ticket(Box::new(ticket.clone())))
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_first_to_tell_wins_and_each_is_as_late_as_it_is() {
        let start = Instant::now();
        // 10 ms there, 10 ms back.
        let mut board = Board::new(ticket(1, 10, TicketState::Waiting), start, start + ms(20));
        let news = ticket(2, 5_000, proposed(10_000, 0));
        assert!(board.hear(says(Way::Stream, start + ms(5_012), &news)));
        assert!(!board.hear(says(Way::LongPoll, start + ms(5_019), &news)), "that is known already");
        assert!(!board.hear(says(Way::Polling, start + ms(6_200), &news)));
        let late = |way: Way| board.row(way).late;
        assert_eq!([late(Way::Stream), late(Way::LongPoll)], [Some(ms(12)), Some(ms(19))]);
        assert_eq!(late(Way::Polling), Some(ms(1_200)));
        assert_eq!(Way::ALL.map(|way| board.row(way).first), [0, 0, 1]);
        assert_eq!(board.row(Way::Polling).mean(), Some(ms(1_200)));
    }

    #[test]
    fn what_was_known_from_the_start_is_not_late() {
        let start = Instant::now();
        let opened = ticket(1, 10, TicketState::Waiting);
        let mut board = Board::new(opened.clone(), start, start + ms(20));
        assert!(!board.hear(says(Way::Polling, start + ms(900), &opened)));
        assert_eq!((board.row(Way::Polling).late, board.row(Way::Polling).changes), (None, 0));
    }

    #[test]
    fn nobody_is_told_before_it_happens() {
        let start = Instant::now();
        // The answer came quickly, the question had taken its time: the clocks seem 90 ms further apart than they are.
        let mut board = Board::new(ticket(1, 190, TicketState::Waiting), start, start + ms(200));
        assert!(board.hear(says(Way::Stream, start + ms(1_010), &ticket(2, 1_000, proposed(10_000, 0)))));
        assert!(board.hear(says(Way::Stream, start + ms(2_002), &ticket(3, 2_000, proposed(9_000, 1)))));
        assert!(board.hear(says(Way::Stream, start + ms(3_005), &ticket(4, 3_000, proposed(8_000, 2)))));
        assert!(board.row(Way::Stream).late.is_some_and(|late| late <= ms(95)), "{:?}", board.row(Way::Stream));
        assert_eq!(board.row(Way::Stream).changes, 3);
    }

    #[test]
    fn a_way_that_breaks_does_not_stop_the_others() {
        let start = Instant::now();
        let mut board = Board::new(ticket(1, 0, TicketState::Waiting), start, start);
        assert!(!board.hear(report(Way::Stream, start, Said::Broken("no".into()))));
        assert_eq!(board.row(Way::Stream).trouble.as_deref(), Some("no"));
        let ready = ticket(5, 100, TicketState::Ready { room: RoomId(3) });
        assert!(board.hear(says(Way::Polling, start + ms(2_000), &ready)));
        assert_eq!(board.face(start + ms(2_000)), Face::Ready(RoomId(3)));
        assert!(!board.hear(report(Way::Stream, start, Said::Nothing)));
        assert_eq!(board.row(Way::Stream).trouble, None, "it works again");
        assert!(!board.hear(says(Way::LongPoll, start, &ticket(2, 50, TicketState::Waiting))), "old news");
    }

    #[test]
    fn a_ticket_that_the_lobby_forgot_is_over_once() {
        let start = Instant::now();
        let mut board = Board::new(ticket(1, 0, TicketState::Waiting), start, start);
        assert!(board.hear(report(Way::Polling, start, Said::Gone("Ask again.".into()))));
        assert!(!board.hear(report(Way::Stream, start, Said::Gone("Ask again.".into()))));
        assert_eq!(board.face(start), Face::Over("Ask again.".into()));
    }

    #[test]
    fn clocks_run_on_between_two_tellings() {
        let start = Instant::now();
        let mut board = Board::new(ticket(1, 0, TicketState::Waiting), start, start);
        assert_eq!(board.waited(start + ms(1_500)), ms(1_500));
        assert_eq!(board.bots_in(start + ms(1_500)), Some(ms(18_500)));
        assert_eq!(board.bots_in(start + ms(60_000)), Some(Duration::ZERO));
        board.hear(says(Way::Stream, start + ms(3_000), &ticket(2, 3_000, proposed(10_000, 0))));
        board.hear(says(Way::Stream, start + ms(5_000), &ticket(3, 5_000, proposed(8_000, 1))));
        let Face::Proposed { left, share_per_mille, accepted: 1, .. } = board.face(start + ms(8_000)) else {
            panic!("it is proposed");
        };
        assert_eq!((left, share_per_mille), (ms(5_000), 500), "half of the ten seconds that there were");
    }

    #[test]
    fn the_own_row_is_found_by_its_wait() {
        let start = Instant::now();
        let board = Board::new(ticket(1, 0, TicketState::Waiting), start, start);
        let row =
            |points, waited_ms| QueueRow { mode: Mode::Skirmish, players: 1, points, window_points: 100, waited_ms };
        let queue = Queue { rows: vec![row(1_000, 30_000), row(1_000, 9_500), row(1_200, 10_000)], ..Queue::default() };
        assert_eq!(board.own_row(&queue, start + ms(10_000)), Some(1));
        assert_eq!(board.own_row(&queue, start + ms(80_000)), None, "nobody has waited for as long");
    }
}
