//! What tests of the store and of those who use it share: people, results, and a disk that is full when one wants it to be.
//!
//! Flow: tests → here → [`super::Store`].

use super::{Store, matches, players};
use protocol::ids::{MatchId, PlayerId};
use protocol::lobby::{MatchResult, Mode, Standing};
use sha2::{Digest, Sha256};

/// Stores a player.
pub(crate) async fn person(store: &Store, id: u64, name: &'static str) -> PlayerId {
    let secret = Sha256::digest(id.to_le_bytes()).into();
    let made = store.write(move |transaction| players::create(transaction, PlayerId(id), name, &secret, 1)).await;
    made.expect("there is room");
    PlayerId(id)
}

/// Returns a match of the people with their places, and of a bot that came last.
pub(crate) fn result(id: u64, people: &[(PlayerId, u8)]) -> MatchResult {
    let standing = |seat: usize, player, place| Standing {
        seat: Some(seat as u8),
        player,
        name: format!("Seat {seat}"),
        place,
        kills: 3,
        deaths: 2,
        left: false,
        points_before: None,
        points_after: None,
    };
    let bot = standing(people.len(), None, people.len() as u8 + 1);
    let people = people.iter().enumerate().map(|(seat, (player, place))| standing(seat, Some(*player), *place));
    MatchResult {
        id: MatchId(id),
        room: "Dock".into(),
        mode: Mode::Skirmish,
        map: "crossfire".into(),
        started_ms: 1_000,
        ended_ms: 61_000,
        rated: false,
        private: false,
        standings: people.chain([bot]).collect(),
    }
}

/// Stores `result`.
pub(crate) async fn record(store: &Store, result: MatchResult) -> Result<MatchResult, super::StoreError> {
    store.write(move |transaction| matches::record(transaction, result)).await
}

/// Lets the database grow no more: SQLite then answers as on a full disk.
pub(crate) async fn fill_disk(store: &Store) {
    let filled = store.write(|transaction| {
        // Every table has its own page; rows go on fitting into it, a wide one does not.
        transaction.execute_batch("CREATE TABLE IF NOT EXISTS ballast (wide BLOB)")?;
        let pages: u32 = transaction.pragma_query_value(None, "page_count", |row| row.get(0))?;
        transaction.pragma_update(None, "max_page_count", pages)?;
        // The pages that are there are filled up, the last free bytes by triggers that nothing gets past.
        transaction.execute_batch(
            "CREATE TEMP TRIGGER full_players BEFORE INSERT ON players BEGIN INSERT INTO ballast VALUES (zeroblob(100000)); END;
             CREATE TEMP TRIGGER full_matches BEFORE INSERT ON matches BEGIN INSERT INTO ballast VALUES (zeroblob(100000)); END;",
        )
    });
    filled.await.expect("not full yet");
}

/// Fills the disk just before an event is put into the outbox of webhooks; all that comes before it has room.
pub(crate) async fn fill_outbox(store: &Store) {
    fill_disk(store).await;
    let moved = store.write(|transaction| {
        transaction.execute_batch(
            "DROP TRIGGER full_players; DROP TRIGGER full_matches;
             CREATE TEMP TRIGGER full_outbox BEFORE INSERT ON outbox_events BEGIN INSERT INTO ballast VALUES (zeroblob(100000)); END;",
        )
    });
    moved.await.expect("nothing has to grow for this");
}

/// Makes room again.
pub(crate) async fn free_disk(store: &Store) {
    let freed = store.write(|transaction| {
        for table in ["players", "matches", "outbox"] {
            transaction.execute_batch(&format!("DROP TRIGGER IF EXISTS full_{table}"))?;
        }
        transaction.pragma_update(None, "max_page_count", 1_000_000)
    });
    freed.await.expect("nothing has to grow for this");
}
