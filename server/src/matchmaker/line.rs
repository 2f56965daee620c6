//! The queue itself: tickets, proposals, answers. Pure: `now` is passed in, as time since the matchmaker began; there is no clock, no
//! randomness and no IO in here, so that tests and the dry run play hours of it in an instant.
//!
//! ```text
//!            tick: found           all accept           opened
//! Waiting ───────────────▶ Proposed ─────────▶ Opening ────────▶ Ready
//!   ▲  │                     │   │                │
//!   │  ├─ cancel ──▶ Cancelled   └─ decline, late ┼─▶ Declined
//!   │  └─ forgotten, nobody ─────────────────────▶┴─▶ Expired
//!   └──── another one declined, was late or gave up ─┘
//! ```
//!
//! Whoever goes back keeps the time already waited, and so stands at the front again.
//!
//! Flow: `Matchmaker` → [`Line::ask`], [`Line::tick`] → [`super::gather`] → [`Line::take_openings`] → `Matchmaker` → [`Line::opened`].

use super::gather::Reason;
use super::rules::{Rules, Strength};
use super::waits::Waits;
use protocol::ids::{PlayerId, RoomId, TicketId};
use protocol::lobby::{Mode, Rating};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use thiserror::Error;

/// Somebody who wants to play.
#[derive(Clone, Debug, PartialEq)]
pub struct Player {
    /// Who.
    pub id: PlayerId,
    /// The name that others see.
    pub name: String,
    /// How strong.
    pub rating: Rating,
}

/// What a ticket asks for. It has a player at least, and [`Rules::largest`] at most.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// What to play.
    pub mode: Mode,
    /// Measured round trip to the server, ms.
    pub round_trip_ms: u16,
    /// Bots may fill up.
    pub bots: bool,
    /// Who comes, whoever asks first.
    pub players: Vec<Player>,
}

/// Why a ticket was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AskError {
    /// This player has a ticket already.
    #[error("there is a ticket already")]
    Already(PlayerId, TicketId),
    /// Too many tickets are held.
    #[error("the queue is full")]
    Full,
    /// Somebody has come or gone meanwhile.
    #[error("the party has changed")]
    PartyChanged,
}

/// Why an answer to a proposal, or a cancellation, was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// There is no such ticket, or it is not theirs.
    #[error("there is no such ticket")]
    Unknown,
    /// There is nothing to answer.
    #[error("nothing is proposed")]
    NotAsked,
    /// Everybody has accepted and the room is being opened, or it is over.
    #[error("it is too late")]
    TooLate,
}

/// A match that everybody has accepted: open a room for it and call [`Line::opened`] or [`Line::not_opened`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Which match.
    pub group: u64,
    /// What to play.
    pub mode: Mode,
    /// Everybody.
    pub players: Vec<PlayerId>,
    /// Bots fill up.
    pub bots: bool,
    /// When it was found.
    pub found: Duration,
}

/// Why a ticket is over without a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Cancelled,
    Declined,
    Forgotten,
    NobodyFound,
    NoRoom,
}

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    Grouped(u64),
    Ready(RoomId),
    Over(Ending),
}

impl Stage {
    pub(super) const fn is_live(self) -> bool {
        matches!(self, Self::Waiting | Self::Grouped(_))
    }
}

/// A ticket.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) wish: Wish,
    pub(super) strength: Strength,
    pub(super) stage: Stage,
    pub(super) asked: Duration,
    /// When somebody of it was last heard of.
    pub(super) seen: Duration,
    pub(super) version: u64,
    pub(super) changed: Duration,
    pub(super) reason: Reason,
    /// What the present version says of the queue.
    pub(super) told: (Reason, u32),
    /// When a proposal failed that somebody else spoilt.
    pub(super) returned: Option<Duration>,
}

/// Tickets that were put together.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) tickets: Vec<TicketId>,
    pub(super) players: Vec<PlayerId>,
    pub(super) accepted: BTreeSet<PlayerId>,
    pub(super) since: Duration,
    pub(super) bots: bool,
    pub(super) progress: Progress,
}

/// How far a group has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Everybody is asked.
    Asking,
    /// Everybody accepted at this time, and the room is tried for.
    Opening(Duration, Attempt),
}

/// An attempt to open a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// To be made at this time.
    Due(Duration),
    /// Made at this time; not answered yet.
    Made(Duration),
}

/// The queue.
#[derive(Clone, Debug, Default)]
pub struct Line {
    pub(super) rules: Rules,
    pub(super) entries: BTreeMap<TicketId, Entry>,
    pub(super) asking: BTreeMap<PlayerId, TicketId>,
    pub(super) groups: BTreeMap<u64, Group>,
    pub(super) waits: Waits,
    pub(super) people: BTreeMap<Mode, u32>,
    pub(super) matched: u64,
    last_group: u64,
    changed: Vec<(TicketId, u64)>,
    openings: Vec<Opening>,
}

impl Line {
    /// Returns an empty queue with `rules`.
    pub fn new(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Takes the ticket `id`, which must be new.
    ///
    /// # Errors
    /// See [`AskError`].
    pub fn ask(&mut self, now: Duration, id: TicketId, wish: Wish) -> Result<(), AskError> {
        if let Some((player, ticket)) = wish.players.iter().find_map(|p| Some((p.id, *self.asking.get(&p.id)?))) {
            return Err(AskError::Already(player, ticket));
        }
        if self.entries.len() >= self.rules.most_tickets {
            return Err(AskError::Full);
        }
        let strength = Strength::of(wish.players.iter().map(|player| player.rating), wish.round_trip_ms);
        self.asking.extend(wish.players.iter().map(|player| (player.id, id)));
        let people = self.people.entry(wish.mode).or_default();
        // Until the next beat has looked more closely.
        let reason = if *people == 0 { Reason::Alone } else { Reason::NobodyNear };
        *people += wish.players.len() as u32;
        let told = (reason, *people);
        let (stage, returned) = (Stage::Waiting, None);
        let times =
            Entry { wish, strength, stage, asked: now, seen: now, version: 1, changed: now, reason, told, returned };
        self.entries.insert(id, times);
        self.changed.push((id, 1));
        Ok(())
    }

    /// Notes that somebody asked about a ticket.
    pub fn seen(&mut self, now: Duration, id: TicketId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.seen = entry.seen.max(now);
        }
    }

    /// `player` wants the proposed match. Once more is no mistake.
    ///
    /// # Errors
    /// See [`AnswerError`].
    pub fn accept(&mut self, now: Duration, id: TicketId, player: PlayerId) -> Result<(), AnswerError> {
        let number = match self.stage_for(id, player)? {
            Stage::Grouped(number) => number,
            Stage::Ready(_) => return Ok(()),
            Stage::Waiting => return Err(AnswerError::NotAsked),
            Stage::Over(_) => return Err(AnswerError::TooLate),
        };
        self.seen(now, id);
        let group = self.groups.get_mut(&number).ok_or(AnswerError::NotAsked)?;
        if group.accepted.insert(player) {
            if group.accepted.len() == group.players.len() {
                group.progress = Progress::Opening(now, Attempt::Due(now));
            }
            let tickets = group.tickets.clone();
            tickets.iter().for_each(|ticket| self.touch(now, *ticket));
            self.send_openings(now);
        }
        Ok(())
    }

    /// `player` does not want the proposed match: the ticket leaves the queue, the others go back to its front.
    ///
    /// # Errors
    /// See [`AnswerError`].
    pub fn decline(&mut self, now: Duration, id: TicketId, player: PlayerId) -> Result<(), AnswerError> {
        match self.stage_for(id, player)? {
            Stage::Grouped(number) => self.spoil(now, number, id, Ending::Declined),
            Stage::Over(Ending::Declined) => Ok(()),
            Stage::Waiting => Err(AnswerError::NotAsked),
            Stage::Ready(_) | Stage::Over(_) => Err(AnswerError::TooLate),
        }
    }

    /// `player` gives the ticket up. Once more is no mistake.
    ///
    /// # Errors
    /// See [`AnswerError`].
    pub fn cancel(&mut self, now: Duration, id: TicketId, player: PlayerId) -> Result<(), AnswerError> {
        match self.stage_for(id, player)? {
            Stage::Waiting => self.turn(now, id, Stage::Over(Ending::Cancelled)),
            Stage::Grouped(number) => self.spoil(now, number, id, Ending::Cancelled)?,
            Stage::Over(_) => {}
            Stage::Ready(_) => return Err(AnswerError::TooLate),
        }
        Ok(())
    }

    /// The room of a group is open. Returns its tickets; none if nobody waits for this room any more.
    pub fn opened(&mut self, now: Duration, group: u64, room: RoomId) -> Vec<TicketId> {
        let Some(group) = self.groups.remove(&group) else { return Vec::new() };
        self.matched += 1;
        for id in &group.tickets {
            if let Some(entry) = self.entries.get(id) {
                let wait = group.since.saturating_sub(entry.asked);
                (0..entry.wish.players.len()).for_each(|_| self.waits.note(now, wait));
            }
            self.turn(now, *id, Stage::Ready(room));
        }
        group.tickets
    }

    /// The room of a group could not be opened now; it is tried again.
    pub fn not_opened(&mut self, now: Duration, group: u64) {
        if let Some(Group { progress: Progress::Opening(_, attempt), .. }) = self.groups.get_mut(&group) {
            *attempt = Attempt::Due(now + super::beat::RETRY);
        }
    }

    /// Returns the matches that everybody has accepted since the last call.
    pub fn take_openings(&mut self) -> Vec<Opening> {
        std::mem::take(&mut self.openings)
    }

    /// Returns tickets and their new versions, in the order of the changes since the last call.
    pub fn take_changed(&mut self) -> Vec<(TicketId, u64)> {
        std::mem::take(&mut self.changed)
    }

    /// Returns how many players look for a match, those included who are asked at the moment.
    pub fn people(&self) -> u32 {
        self.people.values().sum()
    }

    /// Returns when the match was found that the players of a ticket are asked about; none if they are not.
    pub fn found_at(&self, id: TicketId) -> Option<Duration> {
        match self.entries.get(&id)?.stage {
            Stage::Grouped(number) => self.groups.get(&number).map(|group| group.since),
            _ => None,
        }
    }

    /// Returns whether there is such a ticket, over or not.
    pub fn has(&self, id: TicketId) -> bool {
        self.entries.contains_key(&id)
    }

    /// Returns how many tickets there are, over or not.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether there is nothing that time could change.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the rules.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Puts tickets together and asks them. A single player is not asked: nobody else would be let down.
    pub(super) fn propose(&mut self, now: Duration, tickets: Vec<TicketId>, bots: bool) {
        self.last_group += 1;
        let number = self.last_group;
        let players: Vec<_> = tickets.iter().filter_map(|id| self.entries.get(id)).flat_map(Entry::ids).collect();
        let alone = players.len() == 1;
        let accepted = players.iter().copied().filter(|_| alone).collect();
        let progress = if alone { Progress::Opening(now, Attempt::Due(now)) } else { Progress::Asking };
        tickets.iter().for_each(|id| self.turn(now, *id, Stage::Grouped(number)));
        self.groups.insert(number, Group { tickets, players, accepted, since: now, bots, progress });
        if alone {
            self.send_openings(now);
        }
    }

    /// Passes on every group whose room is to be tried now.
    pub(super) fn send_openings(&mut self, now: Duration) {
        for (number, group) in &mut self.groups {
            let Progress::Opening(_, attempt) = &mut group.progress else { continue };
            match *attempt {
                Attempt::Due(at) if at <= now => *attempt = Attempt::Made(now),
                Attempt::Due(_) | Attempt::Made(_) => continue,
            }
            let mode = group.tickets.first().and_then(|id| self.entries.get(id)).map(|entry| entry.wish.mode);
            let (players, bots, found) = (group.players.clone(), group.bots, group.since);
            self.openings.push(Opening { group: *number, mode: mode.unwrap_or_default(), players, bots, found });
        }
    }

    /// Ends a proposal: the tickets in `out` are over, the others wait again.
    pub(super) fn dissolve(&mut self, now: Duration, number: u64, out: &[TicketId], ending: Ending) {
        let Some(group) = self.groups.remove(&number) else { return };
        for id in group.tickets {
            if out.contains(&id) {
                self.turn(now, id, Stage::Over(ending));
            } else {
                self.turn(now, id, Stage::Waiting);
                self.entries.entry(id).and_modify(|entry| (entry.returned, entry.seen) = (Some(now), now));
            }
        }
    }

    /// Moves a ticket on.
    pub(super) fn turn(&mut self, now: Duration, id: TicketId, stage: Stage) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let was_live = entry.stage.is_live();
        entry.stage = stage;
        if was_live && !stage.is_live() {
            for player in &entry.wish.players {
                self.asking.remove(&player.id);
            }
            if let Some(people) = self.people.get_mut(&entry.wish.mode) {
                *people = people.saturating_sub(entry.wish.players.len() as u32);
            }
        }
        self.touch(now, id);
    }

    /// Gives a ticket its next version.
    pub(super) fn touch(&mut self, now: Duration, id: TicketId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.version += 1;
        entry.changed = now;
        entry.told = (entry.reason, self.people.get(&entry.wish.mode).copied().unwrap_or(0));
        self.changed.push((id, entry.version));
    }

    fn spoil(&mut self, now: Duration, number: u64, id: TicketId, ending: Ending) -> Result<(), AnswerError> {
        if self.groups.get(&number).is_none_or(|group| group.progress != Progress::Asking) {
            return Err(AnswerError::TooLate);
        }
        self.dissolve(now, number, &[id], ending);
        Ok(())
    }

    fn stage_for(&self, id: TicketId, player: PlayerId) -> Result<Stage, AnswerError> {
        let entry = self.entries.get(&id).filter(|entry| entry.is_of(player)).ok_or(AnswerError::Unknown)?;
        Ok(entry.stage)
    }
}

impl Entry {
    /// Returns its players.
    pub(super) fn ids(&self) -> impl Iterator<Item = PlayerId> + '_ {
        self.wish.players.iter().map(|player| player.id)
    }

    /// Returns whether `player` is one of them.
    pub(super) fn is_of(&self, player: PlayerId) -> bool {
        self.ids().any(|id| id == player)
    }
}
