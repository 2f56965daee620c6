//! Plays the queue in virtual time: the arrivals of [`super::crowd`] ask, accept after a while or not at all, and get rooms at once.
//!
//! Flow: arrivals → [`Line`] (the very one that the server runs) → [`Made`] matches, and how long each beat took.

use super::crowd::Arrival;
use crate::matchmaker::{Line, Opening, Rules};
use protocol::ids::{PlayerId, RoomId, TicketId};
use protocol::lobby::TicketState;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Time between two beats, as on the server.
const BEAT: Duration = Duration::from_millis(250);
/// How often everybody asks about their ticket.
const ASKED_EVERY: Duration = Duration::from_secs(20);

/// A match.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// The tickets, by their place among the arrivals.
    pub(super) tickets: Vec<usize>,
    /// With bots.
    pub(super) bots: bool,
    /// When it was found.
    pub(super) found: Duration,
    /// When its room was there.
    pub(super) ready: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// Every match, in order.
    pub(super) matches: Vec<Made>,
    /// Tickets that left without one, because somebody of them did not answer.
    pub(super) left: usize,
    /// Most players that waited at once.
    pub(super) longest_line: u32,
    /// What the dearest beat cost on this machine.
    pub(super) dearest_beat: Duration,
}

struct World<'a> {
    arrivals: &'a [Arrival],
    line: Line,
    now: Duration,
    /// When the match was found that each ticket was last asked about.
    found: BTreeMap<usize, Duration>,
    /// Who accepts at which time.
    answers: BTreeMap<(Duration, PlayerId), TicketId>,
    outcome: Outcome,
}

/// Lets `arrivals` play by `rules` until all have a match or have left.
pub(super) fn play(arrivals: &[Arrival], rules: Rules) -> Outcome {
    let (line, now) = (Line::new(rules), Duration::ZERO);
    let (found, answers, outcome) = (BTreeMap::new(), BTreeMap::new(), Outcome::default());
    let mut world = World { arrivals, line, now, found, answers, outcome };
    let mut coming = arrivals.iter().enumerate().peekable();
    let mut asked = Duration::ZERO;
    while coming.peek().is_some() || world.line.people() > 0 {
        world.now += BEAT;
        while let Some((number, arrival)) = coming.next_if(|(_, arrival)| arrival.at <= world.now) {
            // Fails only if the queue is full; then somebody came in vain.
            if world.line.ask(arrival.at, TicketId(number as u64), arrival.wish.clone()).is_err() {
                world.outcome.left += 1;
            }
        }
        if world.now.saturating_sub(asked) >= ASKED_EVERY {
            asked = world.now;
            (0..arrivals.len()).for_each(|number| world.line.seen(asked, TicketId(number as u64)));
        }
        world.answer();
        world.beat();
    }
    world.outcome
}

impl World<'_> {
    fn answer(&mut self) {
        while let Some(next) = self.answers.first_entry().filter(|next| next.key().0 <= self.now) {
            let ((at, player), ticket) = next.remove_entry();
            // The match may be off meanwhile, because of somebody else.
            let _ = self.line.accept(at, ticket, player);
        }
    }

    fn beat(&mut self) {
        self.outcome.longest_line = self.outcome.longest_line.max(self.line.people());
        let began = Instant::now();
        self.line.tick(self.now);
        self.outcome.dearest_beat = self.outcome.dearest_beat.max(began.elapsed());
        for opening in self.line.take_openings() {
            let opened = self.line.opened(self.now, opening.group, RoomId(0));
            let tickets = opened.iter().map(|ticket| ticket.0 as usize).collect();
            let Opening { bots, found, .. } = opening;
            self.outcome.matches.push(Made { tickets, bots, found, ready: self.now });
        }
        for (ticket, _) in self.line.take_changed() {
            self.notice(ticket);
        }
    }

    /// Everybody of a ticket sees its new version; if a match was found, they will answer.
    fn notice(&mut self, id: TicketId) {
        let number = id.0 as usize;
        let arrival = &self.arrivals[number];
        let Some(ticket) = self.line.view(self.now, id, arrival.wish.players[0].id) else { return };
        match (ticket.state, self.line.found_at(id)) {
            (TicketState::Proposed { accepted: 0, .. }, Some(found))
                if self.found.insert(number, found) != Some(found) =>
            {
                for (player, reaction) in arrival.wish.players.iter().zip(&arrival.reactions) {
                    if let Some(reaction) = reaction {
                        self.answers.insert((found + *reaction, player.id), id);
                    }
                }
            }
            (TicketState::Declined, _) => self.outcome.left += 1,
            _ => {}
        }
    }
}
