//! How the tables come to be, step by step: a file of any earlier version becomes one of this version when it is opened.
//!
//! The number of steps that a file has gone through is its `user_version`. Steps are never changed once released, only added.
//!
//! Flow: [`super::Store::open`] → here.

use rusqlite::{Connection, TransactionBehavior};

/// Every step, in order.
const STEPS: &[&str] = &[
    include_str!("migrations/001_players.sql"),
    include_str!("migrations/002_matches.sql"),
    include_str!("migrations/003_webhooks.sql"),
    include_str!("migrations/004_leavers.sql"),
    include_str!("migrations/005_ladder.sql"),
];

/// What `user_version` says after all of them.
const VERSION: i64 = STEPS.len() as i64;

/// Brings the tables up to date, all steps or none. Writes even if there is nothing to do, so that a disk that cannot be
/// written to is noticed at the start. Returns false, without a change, if the file comes from a later version.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if done > VERSION {
        return Ok(false);
    }
    for (_, step) in (0..).zip(STEPS).filter(|(number, _)| *number >= done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_gone_once_and_later_versions_left_alone() {
        let mut connection = Connection::open_in_memory().expect("memory");
        assert_eq!(migrate(&mut connection), Ok(true));
        assert_eq!(migrate(&mut connection), Ok(true), "nothing left to do");
        connection.pragma_update(None, "user_version", VERSION + 1).expect("a number");
        assert_eq!(migrate(&mut connection), Ok(false));
    }

    #[test]
    fn a_file_of_an_earlier_version_keeps_what_is_in_it() {
        let mut connection = Connection::open_in_memory().expect("memory");
        connection.execute_batch(STEPS[0]).expect("the first step stands alone");
        connection.pragma_update(None, "user_version", 1).expect("a number");
        let player = "INSERT INTO players (id, name, secret_sha256, since_ms, mean, deviation, points) \
                      VALUES (7, 'Ripley', zeroblob(32), 1, 25.0, 8.0, 1000)";
        connection.execute(player, []).expect("a player");
        assert_eq!(migrate(&mut connection), Ok(true));
        let name: String = connection.query_row("SELECT name FROM players", [], |row| row.get(0)).expect("still there");
        assert_eq!(name, "Ripley");
        let matches: u32 = connection.query_row("SELECT count(*) FROM matches", [], |row| row.get(0)).expect("new");
        assert_eq!(matches, 0);
    }

    #[test]
    fn standings_of_before_say_that_nobody_left() {
        let mut connection = Connection::open_in_memory().expect("memory");
        connection.pragma_update(None, "foreign_keys", true).expect("as in a server");
        STEPS[..3].iter().try_for_each(|step| connection.execute_batch(step)).expect("three steps");
        connection.pragma_update(None, "user_version", 3).expect("a number");
        let old = "INSERT INTO players (id, name, secret_sha256, since_ms, mean, deviation, points)
                       VALUES (7, 'Ripley', zeroblob(32), 1, 25.0, 8.0, 1000);
                   INSERT INTO matches VALUES (1, 5, 'Dock', 'skirmish', 'crossfire', 1, 2, 0, 0);
                   INSERT INTO standings VALUES (1, 0, 7, 'Ripley', 1, 3, 2, NULL, NULL);
                   INSERT INTO standings VALUES (1, 1, NULL, 'Ada', 2, 2, 3, NULL, NULL);";
        connection.execute_batch(old).expect("a match of before");
        assert_eq!(migrate(&mut connection), Ok(true));
        let kept = "SELECT count(*), sum(\"left\"), sum(kills) FROM standings WHERE match = 1";
        let kept = connection.query_row(kept, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        assert_eq!(kept, Ok((2_u32, 0_u32, 5_u32)));
        let again =
            connection.execute("INSERT INTO standings VALUES (1, 1, NULL, 'Boole', 3, 0, 0, NULL, NULL, 0)", []);
        assert!(again.is_err(), "no seat twice");
        let gone = "INSERT INTO standings VALUES (1, NULL, NULL, 'Cantor', 3, 0, 0, NULL, NULL, 1)";
        assert!((0..2).all(|_| connection.execute(gone, []).is_ok()), "who is gone has no seat");
    }

    #[test]
    fn whoever_was_rated_before_there_was_a_ladder_is_on_it() {
        let mut connection = Connection::open_in_memory().expect("memory");
        STEPS[..3].iter().for_each(|step| connection.execute_batch(step).expect("as it was"));
        connection.pragma_update(None, "user_version", 3).expect("a number");
        let players = "INSERT INTO players (id, name, secret_sha256, since_ms, mean, deviation, points, rated) VALUES \
                       (1, 'A', randomblob(32), 1, 25, 8, 1040, 2), (2, 'B', randomblob(32), 1, 25, 8, 1040, 1), \
                       (3, 'C', randomblob(32), 1, 25, 8, 960, 1), (4, 'D', randomblob(32), 1, 25, 8, 1000, 0)";
        connection.execute(players, []).expect("players");
        assert_eq!(migrate(&mut connection), Ok(true));
        let rungs: String = connection
            .query_row("SELECT group_concat(points || ':' || players) FROM ladder", [], |row| row.get(0))
            .expect("a ladder");
        assert_eq!(rungs, "960:1,1040:2");
    }
}
