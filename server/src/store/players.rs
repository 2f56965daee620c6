//! Players in the store: made once, found by what only they know, renamed, looked at.
//!
//! Flow: [`crate::lobby`] → [`super::Store::write`] or [`super::Store::read`] with these → the table `players`.

use super::{id_in, id_out};
use protocol::ids::PlayerId;
use protocol::lobby::{Profile, Rating};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// SHA-256 of the secret by which a player is recognised. The secret itself is never stored.
pub type SecretHash = [u8; 32];

/// Stores a new player.
///
/// # Errors
/// Those of the database; a number or a secret that is taken is one.
pub fn create(
    connection: &Connection,
    player: PlayerId,
    name: &str,
    secret: &SecretHash,
    now_ms: u64,
) -> rusqlite::Result<()> {
    let Rating { mean, deviation, points } = Rating::default();
    let mut insert = connection.prepare_cached(
        "INSERT INTO players (id, name, secret_sha256, since_ms, mean, deviation, points) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    insert.execute(params![id_in(player.0), name, secret, id_in(now_ms), mean, deviation, points]).map(drop)
}

/// Returns who has the secret with this hash, and the name that others see.
///
/// # Errors
/// Those of the database.
pub fn by_secret(connection: &Connection, secret: &SecretHash) -> rusqlite::Result<Option<(PlayerId, String)>> {
    let mut select = connection.prepare_cached("SELECT id, name FROM players WHERE secret_sha256 = ?")?;
    select.query_row([secret], |row| Ok((PlayerId(id_out(row, 0)?), row.get(1)?))).optional()
}

/// Gives a player another name. Returns false if there is no such player.
///
/// # Errors
/// Those of the database.
pub fn rename(connection: &Connection, player: PlayerId, name: &str) -> rusqlite::Result<bool> {
    let mut update = connection.prepare_cached("UPDATE players SET name = ? WHERE id = ?")?;
    Ok(update.execute(params![name, id_in(player.0)])? == 1)
}

/// Returns how strong a player is believed to be, or none if there is no such player.
///
/// # Errors
/// Those of the database.
pub fn rating(connection: &Connection, player: PlayerId) -> rusqlite::Result<Option<Rating>> {
    let mut select = connection.prepare_cached("SELECT mean, deviation FROM players WHERE id = ?")?;
    select.query_row([id_in(player.0)], |row| Ok(Rating::new(row.get(0)?, row.get(1)?))).optional()
}

/// Returns what anybody may know about a player, or none if there is no such player.
///
/// # Errors
/// Those of the database.
pub fn profile(connection: &Connection, player: PlayerId) -> rusqlite::Result<Option<Profile>> {
    let mut select = connection.prepare_cached(
        "SELECT id, name, mean, deviation, rated, matches, wins, kills, deaths, since_ms, points FROM players WHERE id = ?",
    )?;
    let found = select.query_row([id_in(player.0)], |row| Ok((read_profile(row)?, row.get(4)?, row.get(10)?)));
    let Some((mut profile, rated, points)) = found.optional()? else { return Ok(None) };
    let rated: u32 = rated;
    if rated > 0 {
        profile.rank = Some(rank(connection, points)?);
    }
    Ok(Some(profile))
}

fn read_profile(row: &Row<'_>) -> rusqlite::Result<Profile> {
    Ok(Profile {
        player: PlayerId(id_out(row, 0)?),
        name: row.get(1)?,
        rating: Rating::new(row.get(2)?, row.get(3)?),
        rank: None,
        matches: row.get(5)?,
        wins: row.get(6)?,
        kills: row.get(7)?,
        deaths: row.get(8)?,
        since_ms: id_out(row, 9)?,
    })
}

/// Returns the place in the leaderboard of whoever has so many points.
fn rank(connection: &Connection, points: i32) -> rusqlite::Result<u32> {
    let mut better = connection.prepare_cached("SELECT coalesce(sum(players), 0) + 1 FROM ladder WHERE points > ?")?;
    better.query_row([points], |row| row.get(0))
}
