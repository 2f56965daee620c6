//! The checker can fail: every kind of loss in a file that was whole a moment ago is noticed, and named.
//!
//! Flow: the server's own migrations → a file that keeps every promise → one thing is taken from it → [`super::file`] complains.

use super::*;
use rusqlite::params;
use std::path::PathBuf;

const SCHEMA: [&str; 3] = [
    include_str!("../../../../server/src/store/migrations/001_players.sql"),
    include_str!("../../../../server/src/store/migrations/002_matches.sql"),
    include_str!("../../../../server/src/store/migrations/004_leavers.sql"),
];
/// A folder of its own per test, gone in the end.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn guest(number: u8) -> Guest {
    // A letter carries six bits, so this one stands for the upper ones of the first byte.
    let secret = format!("{}{}", char::from(b'A' + number), "A".repeat(42));
    Guest { player: PlayerId(u64::from(number)), name: format!("Guest {number}"), secret }
}

/// What the secret of [`guest`] stands for.
fn secret(number: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = number << 2;
    bytes
}

fn result() -> MatchResult {
    let standing = |seat: u8, before, after| Standing {
        seat: Some(seat),
        player: Some(PlayerId(u64::from(seat) + 1)),
        name: format!("Guest {}", seat + 1),
        place: seat + 1,
        kills: 5,
        deaths: 2,
        left: false,
        points_before: Some(before),
        points_after: Some(after),
    };
    let (won, lost) = after();
    let first = points(WengLinRating::new());
    MatchResult {
        id: MatchId(77),
        room: "Dock".to_owned(),
        mode: Mode::Skirmish,
        map: "crossfire".to_owned(),
        started_ms: 1_000,
        ended_ms: 2_000,
        rated: true,
        private: false,
        standings: vec![standing(0, first, points(won)), standing(1, first, points(lost))],
    }
}

/// What the first match makes of its winner and its loser.
fn after() -> (WengLinRating, WengLinRating) {
    let new = [WengLinRating::new()];
    let sides = [(new.as_slice(), MultiTeamOutcome::new(1)), (new.as_slice(), MultiTeamOutcome::new(2))];
    let after = weng_lin_multi_team(&sides, &WengLinConfig::new());
    (after[0][0], after[1][0])
}

/// Stores two guests and their match as the server does.
fn store(path: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    SCHEMA.iter().try_for_each(|schema| connection.execute_batch(schema))?;
    let told = result();
    let (won, lost) = after();
    for ((number, standing), rating) in (1..).zip(&told.standings).zip([won, lost]) {
        let player = standing.player.map(|player| player.0.cast_signed());
        connection.execute(
            "INSERT INTO players (id, name, secret_sha256, since_ms, mean, deviation, points, rated, matches, kills) \
             VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, 1, 1, ?7)",
            params![
                player,
                standing.name,
                Sha256::digest(secret(number)).as_slice(),
                rating.rating,
                rating.uncertainty,
                points(rating),
                standing.kills
            ],
        )?;
    }
    connection.execute(
        "INSERT INTO matches (number, id, room, mode, map, started_ms, ended_ms, rated, private) VALUES (1, ?1, ?2, 'skirmish', ?3, 1000, 2000, 1, 0)",
        params![told.id.0.cast_signed(), told.room, told.map],
    )?;
    for s in &told.standings {
        connection.execute(
            "INSERT INTO standings VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                s.seat,
                s.player.map(|player| player.0.cast_signed()),
                s.name,
                s.place,
                s.kills,
                s.deaths,
                s.points_before,
                s.points_after,
                s.left
            ],
        )?;
    }
    Ok(())
}

/// Makes a file that keeps every promise, does `harm` to it, and returns what the checker says.
fn complaints(test: &str, harm: &str) -> Vec<String> {
    let place = Place(std::env::temp_dir().join(format!("crosswire-check-{test}-{}", std::process::id())));
    let (data, notes) = (place.0.join("data"), Notes::default());
    fs::create_dir_all(&data).expect("a folder");
    store(&data.join(FILES[0])).expect("stored");
    for number in [1, 2] {
        notes.ledger().guest(&guest(number));
    }
    assert_eq!(notes.ledger().result(result()), None);
    file(&data, &place.0.join("copy"), &notes).expect("readable");
    assert_eq!(notes.faults(), Vec::<String>::new(), "nothing is lost yet");
    Connection::open(data.join(FILES[0])).and_then(|file| file.execute_batch(harm)).expect(harm);
    file(&data, &place.0.join("copy"), &notes).expect("readable");
    notes.faults()
}

#[test]
fn a_lost_guest_is_noticed() {
    let said =
        complaints("guest", "PRAGMA foreign_keys = OFF; DELETE FROM standings; DELETE FROM players WHERE id = 2");
    assert!(said.iter().any(|fault| fault == "player 2 (Guest 2) was promised and is not stored"), "{said:?}");
}

#[test]
fn a_lost_or_changed_result_is_noticed() {
    let lost = complaints("match", "PRAGMA foreign_keys = OFF; DELETE FROM standings; DELETE FROM matches");
    assert!(lost.iter().any(|fault| fault == "match 77 was told and is not stored"), "{lost:?}");
    assert!(lost.iter().any(|fault| fault.contains("does not follow from the matches")), "{lost:?}");
    let changed = complaints("kills", "UPDATE standings SET kills = 6 WHERE seat = 0");
    assert!(changed[0].starts_with("match 77 was told as"), "{changed:?}");
    let half = complaints("half", "DELETE FROM standings WHERE seat = 1");
    assert!(half.iter().any(|fault| fault.contains("of 1 people counts wrongly")), "{half:?}");
}

#[test]
fn what_does_not_fit_together_is_noticed() {
    for (test, harm, complaint) in [
        ("rating", "UPDATE players SET mean = mean + 1 WHERE id = 1", "the rating of player 1 does not follow"),
        ("sums", "UPDATE players SET kills = 9 WHERE id = 2", "the sums of player 2 do not follow"),
        ("secret", "UPDATE players SET secret_sha256 = zeroblob(32) WHERE id = 1", "player 1 has another secret"),
        ("name", "UPDATE players SET name = 'Nobody' WHERE id = 1", "player 1 is called Nobody"),
        (
            "orphan",
            "PRAGMA foreign_keys = OFF; DELETE FROM players WHERE id = 2",
            "something in the file points nowhere",
        ),
        (
            "twice",
            "CREATE TABLE more AS SELECT * FROM standings; DROP TABLE standings; ALTER TABLE more RENAME TO standings; \
             INSERT INTO standings SELECT * FROM standings WHERE seat = 0",
            "in match 77 a seat or a person is there twice",
        ),
    ] {
        let said = complaints(test, harm);
        assert!(said.iter().any(|fault| fault.contains(complaint)), "{test}: {said:?}");
    }
}
