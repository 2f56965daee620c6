//! What is to be known of a match when it is over: when it began, and how everybody did who played it, whether they stayed or not.
//!
//! Nobody gets out of a result: who leaves is in it, behind all who stayed; who was sent away keeps what they had; and a match that is
//! broken off counts as it stands, once there was [`ENOUGH`] of it.
//!
//! Flow: [`super::simulate::tell`] shows it what each step brought, [`super::seats`] who leaves, [`super::orders`] what is broken off →
//! [`RoomNews`] → [`crate::directory`].

#[cfg(test)]
mod tests;

use super::door::Door;
use super::room::Room;
use crate::directory::RoomNews;
use game::{GameEvent, MAX_SEATS, PhaseKind, SeatId, Tick, tick};
use protocol::ids::{MatchId, PlayerId};
use protocol::lobby::{LobbyEvent, MatchResult, Mode, Standing};
use std::collections::BTreeMap;

/// Ticks of play from which on a match that is broken off is a result; also what somebody must have played to be in one if they were sent
/// away, or came late and left again. In less nothing is decided.
pub(super) const ENOUGH: u32 = tick::ticks(30);
/// People of whom one match takes note. More than that are only counted if they are there at its end.
const MOST_PEOPLE: usize = 2 * MAX_SEATS;

/// A match that is being played.
#[derive(Clone, Debug)]
pub struct UnderWay {
    id: MatchId,
    /// When it went live, Unix milliseconds.
    started_ms: u64,
    began: Tick,
    /// The room was private then.
    private: bool,
    people: BTreeMap<PlayerId, Person>,
}

/// Somebody who plays it, or did.
#[derive(Clone, Debug)]
struct Person {
    came: Tick,
    /// What they did with ships that they have left.
    kills: u16,
    deaths: u16,
    /// None as long as they are there.
    gone: Option<Gone>,
}

#[derive(Clone, Debug)]
struct Gone {
    name: String,
    at: Tick,
    /// Not by their own will.
    kicked: bool,
}

impl UnderWay {
    fn begin(room: &Room, now_ms: u64, random: u64) -> Self {
        let (id, began) = (MatchId::from_random(random), room.arena.tick());
        let private = is_among_friends(&room.door);
        let mut under_way = Self { id, started_ms: now_ms, began, private, people: BTreeMap::new() };
        room.seated().filter_map(|(_, _, player)| player).for_each(|player| under_way.came(player, began));
        under_way
    }

    /// Notes that `player` has got a ship at `now`. Who comes back goes on with what they had.
    pub(super) fn came(&mut self, player: PlayerId, now: Tick) {
        if self.people.len() < MOST_PEOPLE || self.people.contains_key(&player) {
            let new = Person { came: now, kills: 0, deaths: 0, gone: None };
            self.people.entry(player).or_insert(new).gone = None;
        }
    }
}

impl Gone {
    /// Returns whether they belong in the result of a match that began at `began`, to which they `came`.
    const fn counts(&self, came: Tick, began: Tick) -> bool {
        let from_the_start = came.0 == began.0;
        self.at.since(came) >= ENOUGH || (from_the_start && !self.kicked)
    }
}

/// Looks at what the last step brought and returns what the lobby should hear of it. `random` names the match that may begin.
pub(super) fn record(room: &mut Room, now_ms: u64, random: u64) -> Vec<RoomNews> {
    let mut news = Vec::new();
    for at in 0..room.happened.len() {
        match room.happened.get(at) {
            Some(GameEvent::Phase(phase)) => match phase.kind {
                PhaseKind::Live => news.extend(begin(room, now_ms, random)),
                // Too few are left.
                PhaseKind::Waiting => news.extend(break_off(room, now_ms)),
                // Whoever had it begun again has had the one before broken off: its scores are gone by now.
                PhaseKind::Countdown => room.under_way = None,
                PhaseKind::Results => {}
            },
            Some(GameEvent::Finished { .. }) => news.extend(end(room, now_ms)),
            _ => {}
        }
    }
    news
}

/// Notes that whoever sits in `seat` is about to leave it, `kicked` or by their own will. Returns the result if they are the last one: what
/// the bots go on with is another match, for those who may come. `random` names it.
pub(super) fn leaves(room: &mut Room, seat: SeatId, kicked: bool, now_ms: u64, random: u64) -> Option<RoomNews> {
    let (_, name, player) = room.seated().find(|(at, _, _)| *at == seat)?;
    let (name, player, at) = (name.to_owned(), player?, room.arena.tick());
    let (kills, deaths) = room.arena.ship(seat).map(|ship| (ship.score, ship.deaths))?;
    let person = room.under_way.as_mut()?.people.get_mut(&player)?;
    person.kills = person.kills.saturating_add(kills);
    person.deaths = person.deaths.saturating_add(deaths);
    person.gone = Some(Gone { name, at, kicked });
    if room.people() > 1 {
        return None;
    }
    let private = room.under_way.as_ref().is_some_and(|under_way| under_way.private);
    let news = break_off(room, now_ms);
    let next =
        UnderWay { id: MatchId::from_random(random), started_ms: now_ms, began: at, private, people: BTreeMap::new() };
    room.under_way = Some(next);
    news
}

/// Ends the match under way, if there is one, before its time. Returns its result, if there was enough of it.
pub(super) fn break_off(room: &mut Room, now_ms: u64) -> Option<RoomNews> {
    let under_way = room.under_way.take()?;
    let enough = room.arena.tick().since(under_way.began) >= ENOUGH;
    if enough { result(room, &under_way, now_ms) } else { None }
}

fn begin(room: &mut Room, now_ms: u64, random: u64) -> Option<RoomNews> {
    let under_way = UnderWay::begin(room, now_ms, random);
    let id = under_way.id;
    room.under_way = Some(under_way);
    let players = u8::try_from(room.people()).unwrap_or(u8::MAX);
    let started = LobbyEvent::MatchStarted { id, room: room.plan.id, map: room.plan.map_name.clone(), players };
    (players > 0).then_some(RoomNews::Event(started))
}

fn end(room: &mut Room, now_ms: u64) -> Option<RoomNews> {
    let under_way = room.under_way.take()?;
    result(room, &under_way, now_ms)
}

fn result(room: &Room, under_way: &UnderWay, now_ms: u64) -> Option<RoomNews> {
    let standings = placed(rows(room, under_way));
    let people = || standings.iter().filter(|standing| standing.player.is_some());
    // Who was alone with bots and left has let nobody down, and has no result.
    let counts = people().any(|standing| standing.seat.is_some()) || people().count() > 1;
    let UnderWay { id, started_ms, private, .. } = *under_way;
    let result = MatchResult {
        id,
        room: room.plan.name.clone(),
        mode: Mode::Skirmish,
        map: room.plan.map_name.clone(),
        started_ms,
        ended_ms: now_ms,
        // The store knows how many must have played for it to count.
        rated: false,
        private,
        standings,
    };
    counts.then_some(RoomNews::Finished(result))
}

/// Returns whether nobody else is to hear of what is played there. The matchmaker's rooms are in no list, but their results are for all.
const fn is_among_friends(door: &Door) -> bool {
    door.private && door.reserved.is_empty()
}

/// How somebody did.
#[derive(Clone, Debug)]
struct Row {
    /// None for who is not there any more.
    seat: Option<SeatId>,
    player: Option<PlayerId>,
    name: String,
    kills: u16,
    deaths: u16,
    /// When they left by their own will.
    left: Option<Tick>,
}

impl Row {
    /// Sorts the best first. Those who stayed and those who were sent away stand as on the game's own scoreboard: most kills, then fewest
    /// deaths. Behind them are those who left, the earlier the worse: staying must never be the worse choice.
    const fn key(&self) -> (u16, u16, u32) {
        match self.left {
            None => (u16::MAX - self.kills, self.deaths, 0),
            Some(at) => (u16::MAX, u16::MAX, u32::MAX - at.0),
        }
    }
}

fn rows(room: &Room, under_way: &UnderWay) -> Vec<Row> {
    let there = room.seated().filter_map(|(seat, name, player)| {
        let ship = room.arena.ship(seat)?;
        let before = player.and_then(|player| under_way.people.get(&player));
        if before.is_some_and(|person| person.gone.is_some()) {
            // On the way out: among the others.
            return None;
        }
        let (kills, deaths) = before.map_or((0, 0), |person| (person.kills, person.deaths));
        let (kills, deaths) = (ship.score.saturating_add(kills), ship.deaths.saturating_add(deaths));
        Some(Row { seat: Some(seat), player, name: name.to_owned(), kills, deaths, left: None })
    });
    let gone = under_way.people.iter().filter_map(|(player, person)| {
        let gone = person.gone.as_ref().filter(|gone| gone.counts(person.came, under_way.began))?;
        let Person { kills, deaths, .. } = *person;
        let left = (!gone.kicked).then_some(gone.at);
        Some(Row { seat: None, player: Some(*player), name: gone.name.clone(), kills, deaths, left })
    });
    there.chain(gone).collect()
}

/// Gives everybody a place, best first. Equals share one.
fn placed(mut rows: Vec<Row>) -> Vec<Standing> {
    rows.sort_by_key(|row| (row.key(), row.seat, row.player));
    let place = |row: &Row| {
        let better = rows.iter().take_while(|other| other.key() != row.key()).count();
        u8::try_from(better + 1).unwrap_or(u8::MAX)
    };
    let placed = rows.iter().map(|row| Standing {
        seat: row.seat.map(|seat| seat.0),
        player: row.player,
        name: row.name.clone(),
        place: place(row),
        kills: row.kills,
        deaths: row.deaths,
        left: row.left.is_some(),
        points_before: None,
        points_after: None,
    });
    placed.collect()
}
