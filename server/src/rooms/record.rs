//! What is to be known of a match when it is over: when it began, and how everybody stood at its end.
//!
//! Flow: [`super::simulate::tell`] shows it what each step brought → [`RoomNews`] → [`crate::directory`].

use super::door::Door;
use super::room::Room;
use crate::directory::RoomNews;
use game::{GameEvent, PhaseKind, SeatId};
use protocol::ids::{MatchId, PlayerId};
use protocol::lobby::{LobbyEvent, MatchResult, Mode, Standing};

/// A match that is being played.
#[derive(Clone, Copy, Debug)]
pub struct UnderWay {
    /// Which.
    pub id: MatchId,
    /// When it went live, Unix milliseconds.
    pub started_ms: u64,
}

/// Looks at what the last step brought and returns what the lobby should hear of it. `random` names the match that may begin.
pub(super) fn record(room: &mut Room, now_ms: u64, random: u64) -> Vec<RoomNews> {
    let mut news = Vec::new();
    for at in 0..room.happened.len() {
        match room.happened.get(at) {
            Some(GameEvent::Phase(phase)) => match phase.kind {
                PhaseKind::Live => news.extend(begin(room, now_ms, random)),
                // It was broken off: too few are left, or the host has begun another.
                PhaseKind::Waiting | PhaseKind::Countdown => room.under_way = None,
                PhaseKind::Results => {}
            },
            Some(GameEvent::Finished { .. }) => news.extend(end(room, now_ms)),
            _ => {}
        }
    }
    news
}

fn begin(room: &mut Room, now_ms: u64, random: u64) -> Option<RoomNews> {
    let id = MatchId::from_random(random);
    room.under_way = Some(UnderWay { id, started_ms: now_ms });
    let players = u8::try_from(room.people()).unwrap_or(u8::MAX);
    let started = LobbyEvent::MatchStarted { id, room: room.plan.id, map: room.plan.map_name.clone(), players };
    (players > 0).then_some(RoomNews::Event(started))
}

fn end(room: &mut Room, now_ms: u64) -> Option<RoomNews> {
    let UnderWay { id, started_ms } = room.under_way.take()?;
    let standings = standings(room);
    let people = standings.iter().filter(|standing| standing.player.is_some()).count();
    let result = MatchResult {
        id,
        room: room.plan.name.clone(),
        mode: Mode::Skirmish,
        map: room.plan.map_name.clone(),
        started_ms,
        ended_ms: now_ms,
        // The store knows how many must have played for it to count.
        rated: false,
        private: is_among_friends(&room.door),
        standings,
    };
    (people > 0).then_some(RoomNews::Finished(result))
}

/// Returns whether nobody else is to hear of what is played there. The matchmaker's rooms are in no list, but their results are for all.
const fn is_among_friends(door: &Door) -> bool {
    door.private && door.reserved.is_empty()
}

/// Everybody in the order of the game's own scoreboard: most kills first, then fewest deaths. Who has the same of both shares a place.
fn standings(room: &Room) -> Vec<Standing> {
    let mut rows: Vec<(SeatId, Option<PlayerId>, String, u16, u16)> = room
        .seated()
        .filter_map(|(seat, name, player)| {
            let ship = room.arena.ship(seat)?;
            Some((seat, player, name.to_owned(), ship.score, ship.deaths))
        })
        .collect();
    rows.sort_by_key(|(seat, _, _, kills, deaths)| (u16::MAX - kills, *deaths, *seat));
    let place = |kills: u16, deaths: u16| {
        let better = rows.iter().take_while(|row| (row.3, row.4) != (kills, deaths)).count();
        u8::try_from(better + 1).unwrap_or(u8::MAX)
    };
    let placed = rows.iter().map(|(seat, player, name, kills, deaths)| Standing {
        seat: seat.0,
        player: *player,
        name: name.clone(),
        place: place(*kills, *deaths),
        kills: *kills,
        deaths: *deaths,
        points_before: None,
        points_after: None,
    });
    placed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::invite::InviteCode;
    use std::time::Instant;

    #[test]
    fn what_friends_play_stays_there() {
        let mut door = Door::new(InviteCode::from_random(7), Some(PlayerId(1)), Instant::now());
        assert!(!is_among_friends(&door));
        door.private = true;
        assert!(is_among_friends(&door));
        door.reserved = vec![PlayerId(1), PlayerId(2)];
        assert!(!is_among_friends(&door), "the matchmaker's");
    }
}
