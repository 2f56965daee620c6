//! Results in the store: a match, who was there, and what it did to their ratings, all in one transaction or not at all.
//!
//! Flow: [`crate::clerk`] → [`record`] → tables `matches`, `standings`, `players` → [`history`], [`leaderboard`] → [`crate::lobby`].

use super::players::rating;
use super::{id_in, id_out};
use crate::rating::{Side, rate};
use protocol::ids::{MatchId, PlayerId};
use protocol::lobby::{History, Leaderboard, LeaderboardRow, MatchResult, Mode, Rating, Standing};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// People who must have played a match for it to be rated, those who left included.
const RATED_FROM: usize = 2;
/// What a match is read from, see [`read_match`].
const MATCH_COLUMNS: &str = "number, id, room, mode, map, started_ms, ended_ms, rated, private";

/// Rates and stores a finished match. Returns it as it is stored: with points, if it is rated. One that is stored already is
/// returned as it is there, and changes nothing.
///
/// # Errors
/// Those of the database; a person or a seat that is there twice, and somebody whom the store does not know, are among them.
pub fn record(connection: &Connection, mut result: MatchResult) -> rusqlite::Result<MatchResult> {
    if let Some(stored) = by_id(connection, result.id)? {
        return Ok(stored);
    }
    result.standings.sort_by_key(|standing| (standing.place, standing.seat, standing.player));
    let ratings = rate_people(connection, &mut result)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO matches (id, room, mode, map, started_ms, ended_ms, rated, private) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    let MatchResult { id, room, mode, map, started_ms, ended_ms, rated, private, .. } = &result;
    insert.execute(params![
        id_in(id.0),
        room,
        mode.name(),
        map,
        id_in(*started_ms),
        id_in(*ended_ms),
        rated,
        private
    ])?;
    let number = connection.last_insert_rowid();
    for standing in &result.standings {
        insert_standing(connection, number, standing)?;
        add_up(connection, standing, result.rated)?;
    }
    for (player, rating) in ratings {
        let mut update =
            connection.prepare_cached("UPDATE players SET mean = ?, deviation = ?, points = ? WHERE id = ?")?;
        update.execute(params![rating.mean, rating.deviation, rating.points, id_in(player.0)])?;
    }
    Ok(result)
}

/// Decides whether the match counts, writes points before and after into it, and returns the new ratings.
fn rate_people(connection: &Connection, result: &mut MatchResult) -> rusqlite::Result<Vec<(PlayerId, Rating)>> {
    let mut people = Vec::new();
    for standing in &mut result.standings {
        (standing.points_before, standing.points_after) = (None, None);
        if let Some(player) = standing.player {
            let before = rating(connection, player)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            people.push((standing, player, before));
        }
    }
    result.rated = !result.private && people.len() >= RATED_FROM;
    if !result.rated {
        return Ok(Vec::new());
    }
    let sides: Vec<Side> =
        people.iter().map(|(standing, _, before)| Side { members: vec![*before], place: standing.place }).collect();
    let after = rate(&sides).into_iter().flatten();
    let rated = people.into_iter().zip(after).map(|((standing, player, before), after)| {
        (standing.points_before, standing.points_after) = (Some(before.points), Some(after.points));
        (player, after)
    });
    Ok(rated.collect())
}

fn insert_standing(connection: &Connection, number: i64, standing: &Standing) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO standings (match, seat, player, name, place, kills, deaths, \"left\", points_before, points_after) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    let Standing { seat, player, name, place, kills, deaths, left, points_before, points_after } = standing;
    let player = player.map(|player| id_in(player.0));
    let row = params![number, seat, player, name, place, kills, deaths, left, points_before, points_after];
    insert.execute(row).map(drop)
}

/// Adds a match to what its player has done in all of them.
fn add_up(connection: &Connection, standing: &Standing, rated: bool) -> rusqlite::Result<()> {
    let Some(player) = standing.player else { return Ok(()) };
    let mut update = connection.prepare_cached(
        "UPDATE players SET matches = matches + 1, wins = wins + ?2, kills = kills + ?3, deaths = deaths + ?4, \
         rated = rated + ?5, rated_wins = rated_wins + ?6 WHERE id = ?1",
    )?;
    let won = standing.place == 1;
    update.execute(params![id_in(player.0), won, standing.kills, standing.deaths, rated, won && rated]).map(drop)
}

/// Returns one match, or none if it is not stored.
///
/// # Errors
/// Those of the database.
pub fn by_id(connection: &Connection, id: MatchId) -> rusqlite::Result<Option<MatchResult>> {
    let sql = format!("SELECT {MATCH_COLUMNS} FROM matches WHERE id = ?");
    let mut select = connection.prepare_cached(&sql)?;
    let Some((number, mut found)) = select.query_row([id_in(id.0)], read_match).optional()? else { return Ok(None) };
    found.standings = standings(connection, number)?;
    Ok(Some(found))
}

/// Returns at most `limit` matches, latest first: those of `player`, or everybody's. `before` is what the page before said comes next.
/// Those of private rooms are left out unless `private`.
///
/// # Errors
/// Those of the database.
pub fn history(
    connection: &Connection,
    player: Option<PlayerId>,
    before: Option<u64>,
    limit: u8,
    private: bool,
) -> rusqlite::Result<History> {
    let before = before.map_or(i64::MAX, id_in);
    let player = player.map(|player| id_in(player.0));
    let source = match player {
        Some(_) => "standings CROSS JOIN matches ON number = match WHERE player = ?3 AND match < ?1",
        None => "matches WHERE ?3 IS NULL AND number < ?1",
    };
    let sql = format!("SELECT {MATCH_COLUMNS} FROM {source} AND private <= ?4 ORDER BY number DESC LIMIT ?2");
    let mut select = connection.prepare_cached(&sql)?;
    // One more than asked for tells whether there is another page.
    let rows = select.query_map(params![before, i64::from(limit) + 1, player, private], read_match)?;
    let mut found = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let more = found.len() > usize::from(limit);
    found.truncate(usize::from(limit));
    let next = found.last().filter(|_| more).and_then(|(number, _)| u64::try_from(*number).ok());
    let mut matches = Vec::with_capacity(found.len());
    for (number, mut result) in found {
        result.standings = standings(connection, number)?;
        matches.push(result);
    }
    Ok(History { matches, next })
}

/// Returns at most `limit` rated players, best first, without the first `after`. However many there are, and wherever the page is: those
/// before it are not counted one by one, but by points, on the ladder.
///
/// # Errors
/// Those of the database.
pub fn leaderboard(connection: &Connection, after: u32, limit: u8) -> rusqlite::Result<Leaderboard> {
    let mut count = connection.prepare_cached("SELECT coalesce(sum(players), 0) FROM ladder")?;
    let total = count.query_row([], |row| row.get(0))?;
    let Some((points, above)) = rung(connection, after)? else { return Ok(Leaderboard { rows: Vec::new(), total }) };
    let mut select = connection.prepare_cached(
        "SELECT id, name, points, rated, rated_wins FROM players WHERE rated > 0 AND points <= ?1 \
         ORDER BY points DESC, id LIMIT ?2 OFFSET ?3",
    )?;
    let rows = select.query_map(params![points, limit, after.saturating_sub(above)], |row| {
        Ok(LeaderboardRow {
            rank: 0,
            player: PlayerId(id_out(row, 0)?),
            name: row.get(1)?,
            points: row.get(2)?,
            matches: row.get(3)?,
            wins: row.get(4)?,
        })
    })?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut before = (points, above.saturating_add(1));
    for (row, place) in rows.iter_mut().zip(after.saturating_add(1)..) {
        if row.points != before.0 {
            before = (row.points, place);
        }
        row.rank = before.1;
    }
    Ok(Leaderboard { rows, total })
}

/// Returns the points of whoever comes after the `after` best, and how many players have more; none if there are no more.
fn rung(connection: &Connection, after: u32) -> rusqlite::Result<Option<(i32, u32)>> {
    let mut rungs = connection.prepare_cached("SELECT points, players FROM ladder ORDER BY points DESC")?;
    let mut rungs = rungs.query([])?;
    let mut above = 0_u32;
    while let Some(row) = rungs.next()? {
        let with_them = above.saturating_add(row.get(1)?);
        if with_them > after {
            return Ok(Some((row.get(0)?, above)));
        }
        above = with_them;
    }
    Ok(None)
}

fn read_match(row: &Row<'_>) -> rusqlite::Result<(i64, MatchResult)> {
    let mode: String = row.get(3)?;
    let mode = Mode::ALL.into_iter().find(|known| known.name() == mode);
    let unknown = || rusqlite::Error::InvalidColumnType(3, "mode".to_owned(), Type::Text);
    let result = MatchResult {
        id: MatchId(id_out(row, 1)?),
        room: row.get(2)?,
        mode: mode.ok_or_else(unknown)?,
        map: row.get(4)?,
        started_ms: id_out(row, 5)?,
        ended_ms: id_out(row, 6)?,
        rated: row.get(7)?,
        private: row.get(8)?,
        standings: Vec::new(),
    };
    Ok((row.get(0)?, result))
}

/// Returns who played, best first.
fn standings(connection: &Connection, number: i64) -> rusqlite::Result<Vec<Standing>> {
    let mut select = connection.prepare_cached(
        "SELECT seat, player, name, place, kills, deaths, \"left\", points_before, points_after FROM standings \
         WHERE match = ? ORDER BY place, seat, player",
    )?;
    let rows = select.query_map([number], |row| {
        let player: Option<i64> = row.get(1)?;
        Ok(Standing {
            seat: row.get(0)?,
            player: player.map(|id| PlayerId(id.unsigned_abs())),
            name: row.get(2)?,
            place: row.get(3)?,
            kills: row.get(4)?,
            deaths: row.get(5)?,
            left: row.get(6)?,
            points_before: row.get(7)?,
            points_after: row.get(8)?,
        })
    })?;
    rows.collect()
}
