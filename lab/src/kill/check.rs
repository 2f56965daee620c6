//! Whether every promise was kept: looks into a copy of the file with SQLite itself, and asks the next server.
//!
//! The copy is what a crash would leave to anybody: database and write-ahead log, without the server's help.
//!
//! Flow: [`super::life`] → [`file`] after each kill, [`server`] after each start → broken promises in [`Notes`].

use super::ledger::Known;
use super::stream::Notes;
use protocol::ids::{MatchId, PlayerId};
use protocol::lobby::{Guest, MatchResult, Mode, Rating, Standing, base64_bytes};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use skillratings::MultiTeamOutcome;
use skillratings::weng_lin::{WengLinConfig, WengLinRating, weng_lin_multi_team};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use transport::lobby::LobbyClient;

/// What the server calls its database.
const FILES: [&str; 2] = ["crosswire.db", "crosswire.db-wal"];

/// A row of the table of players.
struct Row {
    name: String,
    secret_sha256: Vec<u8>,
    mean: f64,
    deviation: f64,
    points: i32,
    rated: u32,
    matches: u32,
    kills: u32,
}

/// Everything in the file.
struct Stored {
    players: BTreeMap<PlayerId, Row>,
    /// In the order in which they were stored.
    matches: Vec<MatchResult>,
}

/// Compares the file in `data` with every promise of all lives. `copy` is a folder to work in.
///
/// # Errors
/// A sentence, if the file cannot be read at all.
pub(super) fn file(data: &Path, copy: &Path, notes: &Notes) -> Result<(), String> {
    let io = |error: std::io::Error| format!("Cannot copy the database: {error}.");
    // What an earlier copy left must not heal this one.
    let _ = fs::remove_dir_all(copy);
    fs::create_dir_all(copy).map_err(io)?;
    for name in FILES.iter().filter(|name| data.join(name).exists()) {
        fs::copy(data.join(name), copy.join(name)).map_err(io)?;
    }
    let stored = read(&copy.join(FILES[0])).map_err(|error| format!("Cannot read the database: {error}."))?;
    let stored = stored.map_err(|fault| notes.fault(fault)).ok();
    let Some(stored) = stored else { return Ok(()) };
    check_guests(&stored, notes);
    check_results(&stored, notes);
    check_ratings(&stored, notes);
    Ok(())
}

/// Reads everything. An inner error is a fault in the file.
fn read(path: &Path) -> rusqlite::Result<Result<Stored, String>> {
    let connection = Connection::open(path)?;
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if sound != "ok" {
        return Ok(Err(format!("the file is damaged: {sound}")));
    }
    if connection.prepare("PRAGMA foreign_key_check")?.exists([])? {
        return Ok(Err("something in the file points nowhere".to_owned()));
    }
    let mut select = connection
        .prepare("SELECT id, name, secret_sha256, mean, deviation, points, rated, matches, kills FROM players")?;
    let players = select.query_map([], |row| {
        let found = Row {
            name: row.get(1)?,
            secret_sha256: row.get(2)?,
            mean: row.get(3)?,
            deviation: row.get(4)?,
            points: row.get(5)?,
            rated: row.get(6)?,
            matches: row.get(7)?,
            kills: row.get(8)?,
        };
        Ok((PlayerId(row.get::<_, i64>(0)?.unsigned_abs()), found))
    })?;
    let players = players.collect::<rusqlite::Result<_>>()?;
    Ok(Ok(Stored { players, matches: read_matches(&connection)? }))
}

fn read_matches(connection: &Connection) -> rusqlite::Result<Vec<MatchResult>> {
    let mut standings: BTreeMap<i64, Vec<Standing>> = BTreeMap::new();
    let mut select = connection.prepare(
        "SELECT match, seat, player, name, place, kills, deaths, \"left\", points_before, points_after FROM standings \
         ORDER BY match, place, seat, player",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let player: Option<i64> = row.get(2)?;
        standings.entry(row.get(0)?).or_default().push(Standing {
            seat: row.get(1)?,
            player: player.map(|id| PlayerId(id.unsigned_abs())),
            name: row.get(3)?,
            place: row.get(4)?,
            kills: row.get(5)?,
            deaths: row.get(6)?,
            left: row.get(7)?,
            points_before: row.get(8)?,
            points_after: row.get(9)?,
        });
    }
    let mut select = connection
        .prepare("SELECT number, id, room, map, started_ms, ended_ms, rated, private FROM matches ORDER BY number")?;
    let matches = select.query_map([], |row| {
        Ok(MatchResult {
            id: MatchId(row.get::<_, i64>(1)?.unsigned_abs()),
            room: row.get(2)?,
            mode: Mode::Skirmish,
            map: row.get(3)?,
            started_ms: row.get::<_, i64>(4)?.unsigned_abs(),
            ended_ms: row.get::<_, i64>(5)?.unsigned_abs(),
            rated: row.get(6)?,
            private: row.get(7)?,
            standings: standings.remove(&row.get(0)?).unwrap_or_default(),
        })
    })?;
    matches.collect()
}

/// Everybody is there, under a name that they may have, and known by the secret that they were given. Which name it is, is settled now.
fn check_guests(stored: &Stored, notes: &Notes) {
    let mut faults = Vec::new();
    for (id, known) in &mut notes.ledger().guests {
        let Some(row) = stored.players.get(id) else {
            faults.push(format!("player {} ({}) was promised and is not stored", id.0, known.guest.name));
            continue;
        };
        if !known.names.contains(&row.name) {
            faults.push(format!("player {} is called {} and not one of {:?}", id.0, row.name, known.names));
        }
        if hash(&known.guest).is_none_or(|hash| hash != row.secret_sha256) {
            faults.push(format!("player {} has another secret than was promised", id.0));
        }
        known.names = BTreeSet::from([row.name.clone()]);
    }
    faults.into_iter().for_each(|fault| notes.fault(fault));
}

fn hash(guest: &Guest) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Secret(#[serde(with = "base64_bytes")] [u8; 32]);
    let Secret(bytes) = serde_json::from_value(Value::String(guest.secret.clone())).ok()?;
    Some(Sha256::digest(bytes).to_vec())
}

/// Every result that was told is there as it was told, and in no match is anybody or a seat twice.
fn check_results(stored: &Stored, notes: &Notes) {
    let by_id: BTreeMap<MatchId, &MatchResult> = stored.matches.iter().map(|found| (found.id, found)).collect();
    let mut faults = Vec::new();
    for (id, told) in &notes.ledger().results {
        match by_id.get(id) {
            None => faults.push(format!("match {} was told and is not stored", id.0)),
            Some(found) if **found != *told => {
                faults.push(format!("match {} was told as {told:?} and is stored as {found:?}", id.0));
            }
            Some(_) => {}
        }
    }
    for found in &stored.matches {
        let seats: Vec<u8> = found.standings.iter().filter_map(|standing| standing.seat).collect();
        let taken: BTreeSet<u8> = seats.iter().copied().collect();
        let people: Vec<PlayerId> = found.standings.iter().filter_map(|standing| standing.player).collect();
        let different: BTreeSet<PlayerId> = people.iter().copied().collect();
        if taken.len() != seats.len() || different.len() != people.len() {
            faults.push(format!("in match {} a seat or a person is there twice: {:?}", found.id.0, found.standings));
        }
    }
    faults.into_iter().for_each(|fault| notes.fault(fault));
}

/// Ratings and sums follow from the stored matches, in the order in which they were stored.
fn check_ratings(stored: &Stored, notes: &Notes) {
    let first = WengLinRating { rating: Rating::FIRST_MEAN, uncertainty: Rating::FIRST_DEVIATION };
    let mut ratings: BTreeMap<PlayerId, WengLinRating> = BTreeMap::new();
    let mut sums: BTreeMap<PlayerId, (u32, u32, u32)> = BTreeMap::new();
    for found in &stored.matches {
        let people: Vec<(PlayerId, &Standing)> =
            found.standings.iter().filter_map(|standing| Some((standing.player?, standing))).collect();
        for (player, standing) in &people {
            let (matches, rated, kills) = sums.entry(*player).or_default();
            (*matches, *rated, *kills) =
                (*matches + 1, *rated + u32::from(found.rated), *kills + u32::from(standing.kills));
        }
        if found.rated != (people.len() >= 2) {
            notes.fault(format!("match {} of {} people counts wrongly", found.id.0, people.len()));
        }
        if !found.rated {
            continue;
        }
        let before: Vec<[WengLinRating; 1]> =
            people.iter().map(|(player, _)| [ratings.get(player).copied().unwrap_or(first)]).collect();
        let ranked: Vec<(&[WengLinRating], MultiTeamOutcome)> = before
            .iter()
            .zip(&people)
            .map(|(side, (_, standing))| (side.as_slice(), MultiTeamOutcome::new(usize::from(standing.place))))
            .collect();
        let after = weng_lin_multi_team(&ranked, &WengLinConfig::new());
        for (((player, standing), [before]), after) in people.iter().zip(&before).zip(after.into_iter().flatten()) {
            let points = (Some(points(*before)), Some(points(after)));
            if (standing.points_before, standing.points_after) != points {
                notes.fault(format!("in match {} the points of player {} are wrong", found.id.0, player.0));
            }
            ratings.insert(*player, after);
        }
    }
    for (player, row) in &stored.players {
        let rating = ratings.get(player).copied().unwrap_or(first);
        if (row.mean, row.deviation, row.points) != (rating.rating, rating.uncertainty, points(rating)) {
            notes.fault(format!("the rating of player {} does not follow from the matches", player.0));
        }
        if (row.matches, row.rated, row.kills) != sums.get(player).copied().unwrap_or_default() {
            notes.fault(format!("the sums of player {} do not follow from the matches", player.0));
        }
    }
}

fn points(rating: WengLinRating) -> i32 {
    Rating::new(rating.rating, rating.uncertainty).points
}

/// Asks the server that has just been started about the promises of the one before.
pub(super) async fn server(lobby: &LobbyClient, guests: &[Known], results: &[MatchResult], notes: &Notes) {
    for Known { guest, names } in guests {
        match lobby.me(guest).await {
            Ok(profile) if profile.player == guest.player && names.contains(&profile.name) => {}
            other => notes.fault(format!("player {} ({names:?}) is told {other:?}", guest.player.0)),
        }
    }
    for told in results {
        match lobby.match_result(told.id).await {
            Ok(found) if found == *told => {}
            other => notes.fault(format!("match {} was told as {told:?}, then as {other:?}", told.id.0)),
        }
    }
}

#[cfg(test)]
mod tests;
