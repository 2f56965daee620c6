//! What the store promises: all or nothing, one at a time, there again after a restart, and words instead of panics.

use super::testing::{fill_disk, free_disk, person, record, result};
use super::*;
use protocol::ids::PlayerId;
use protocol::lobby::Rating;
use std::path::PathBuf;

/// A folder that is gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("crosswire-store-{:016x}", rand::random::<u64>())))
    }

    fn open(&self) -> Result<Store, StoreError> {
        Store::open(Some(&self.0))
    }

    /// Opens it as soon as the threads of the store before have let go of it.
    fn reopen(&self) -> Store {
        for _ in 0..500 {
            match self.open() {
                Err(StoreError::InUse(_)) => thread::sleep(Duration::from_millis(10)),
                opened => return opened.expect("a sound file"),
            }
        }
        panic!("the store is never closed");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn name_of(store: &Store, id: u64) -> Option<String> {
    let profile = store.read(move |connection| players::profile(connection, PlayerId(id))).await;
    profile.expect("readable").map(|profile| profile.name)
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let folder = Folder::new();
    let store = folder.open().expect("a new folder");
    let (ripley, dallas) = (person(&store, 1, "Ripley").await, person(&store, 2, "Dallas").await);
    let renamed = store.write(move |transaction| players::rename(transaction, ripley, "Ellen")).await;
    assert_eq!(renamed, Ok(true));
    let told = record(&store, result(7, &[(dallas, 2), (ripley, 1)])).await.expect("room for it");
    assert_eq!(told.standings[0].player, Some(ripley), "best first");
    drop(store);

    let store = folder.reopen();
    assert_eq!(name_of(&store, 1).await.as_deref(), Some("Ellen"));
    let stored = store.read(move |connection| matches::by_id(connection, told.id)).await.expect("readable");
    assert_eq!(stored.as_ref(), Some(&told));
    let again = record(&store, result(7, &[(dallas, 1), (ripley, 2)])).await;
    assert_eq!(again, Ok(told.clone()), "the same match counts once");
    let profile = store.read(move |connection| players::profile(connection, ripley)).await.expect("readable");
    let profile = profile.expect("there");
    assert_eq!((profile.matches, profile.wins, profile.kills, profile.deaths, profile.rank), (1, 1, 3, 2, Some(1)));
    assert_eq!(Some(profile.rating.points), told.standings[0].points_after);
}

#[tokio::test]
async fn one_server_per_folder_and_only_the_operator_reads_it() {
    let folder = Folder::new();
    let store = folder.open().expect("a new folder");
    let error = folder.open().expect_err("in use");
    assert!(error.to_string().starts_with("Another server uses"), "{error}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.0.join(FILE)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    drop(store);
    folder.reopen();
}

#[tokio::test]
async fn a_file_that_is_none_or_of_a_later_version_is_refused_in_words() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).expect("writable");
    fs::write(folder.0.join(FILE), "this is no database, only a long enough text".repeat(100)).expect("writable");
    let error = folder.open().expect_err("no database").to_string();
    assert!(error.contains("damaged") && error.contains("backup"), "{error}");

    fs::remove_file(folder.0.join(FILE)).expect("ours");
    let connection = Connection::open(folder.0.join(FILE)).expect("a new one");
    connection.pragma_update(None, "user_version", 1_000).expect("a number");
    drop(connection);
    let error = folder.open().expect_err("from the future").to_string();
    assert!(error.contains("newer version"), "{error}");
}

#[tokio::test]
async fn a_torn_page_is_noticed_at_the_start() {
    let folder = Folder::new();
    let store = folder.open().expect("a new folder");
    for id in 0..200 {
        person(&store, id, "Ripley").await;
    }
    drop(store);
    drop(folder.reopen());
    drop(folder.reopen());
    let path = folder.0.join(FILE);
    let mut bytes = fs::read(&path).expect("readable");
    let middle = bytes.len() / 2;
    bytes.iter_mut().skip(middle).take(6_000).for_each(|byte| *byte = 0xA5);
    fs::write(&path, bytes).expect("writable");
    let error = loop {
        match folder.open() {
            Err(StoreError::InUse(_)) => thread::sleep(Duration::from_millis(10)),
            opened => break opened.expect_err("damaged"),
        }
    };
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
}

#[tokio::test]
async fn a_change_that_fails_is_undone_alone() {
    let store = Store::open(None).expect("memory");
    person(&store, 1, "Ripley").await;
    let good = |id: u64| {
        let secret = [id as u8; 32];
        store.write(move |transaction| players::create(transaction, PlayerId(id), "Lambert", &secret, 1))
    };
    let half = store.write(|transaction| {
        players::rename(transaction, PlayerId(1), "Nobody")?;
        players::create(transaction, PlayerId(1), "Taken", &[9; 32], 1)
    });
    let panicking = store.write(|_| -> rusqlite::Result<()> { panic!("a job may be wrong") });
    // Joined, so that they wait together and are stored in one transaction.
    let (a, b, c, d) = tokio::join!(good(2), half, panicking, good(3));
    assert_eq!((a, d), (Ok(()), Ok(())));
    assert!(matches!(b, Err(StoreError::Refused(_))) && matches!(c, Err(StoreError::Refused(_))), "{b:?} {c:?}");
    assert_eq!(name_of(&store, 1).await.as_deref(), Some("Ripley"));
    assert_eq!(name_of(&store, 3).await.as_deref(), Some("Lambert"));
}

#[tokio::test]
async fn a_full_disk_refuses_everybody_and_hurts_nothing() {
    let folder = Folder::new();
    let store = folder.open().expect("a new folder");
    person(&store, 1, "Ripley").await;
    fill_disk(&store).await;
    let create = |id: u64| {
        store.write(move |transaction| players::create(transaction, PlayerId(id), "Kane", &[id as u8; 32], 1))
    };
    let rename = store.write(|transaction| players::rename(transaction, PlayerId(1), "Ellen"));
    let (renamed, a, b) = tokio::join!(rename, create(2), create(3));
    assert_eq!((a, b), (Err(StoreError::Full), Err(StoreError::Full)));
    let name = if renamed.is_ok() { "Ellen" } else { "Ripley" };
    assert_eq!(name_of(&store, 1).await.as_deref(), Some(name), "as it was told: {renamed:?}");
    free_disk(&store).await;
    assert_eq!(create(2).await, Ok(()));
    assert_eq!(name_of(&store, 3).await, None);
}

#[tokio::test]
async fn nobody_is_in_a_match_twice() {
    let store = Store::open(None).expect("memory");
    let (ripley, dallas) = (person(&store, 1, "Ripley").await, person(&store, 2, "Dallas").await);
    let twice = record(&store, result(1, &[(ripley, 1), (ripley, 2)])).await;
    assert!(matches!(twice, Err(StoreError::Refused(_))), "{twice:?}");
    let mut same_seat = result(2, &[(ripley, 1), (dallas, 2)]);
    same_seat.standings[1].seat = Some(0);
    let twice = record(&store, same_seat).await;
    assert!(matches!(twice, Err(StoreError::Refused(_))), "{twice:?}");
    let rating = store.read(move |connection| players::rating(connection, ripley)).await;
    assert_eq!(rating, Ok(Some(Rating::default())), "nothing of it was stored");
}

#[tokio::test]
async fn who_leaves_is_rated_as_the_last_and_remembered_as_gone() {
    let store = Store::open(None).expect("memory");
    let (ripley, dallas) = (person(&store, 1, "Ripley").await, person(&store, 2, "Dallas").await);
    let kane = person(&store, 3, "Kane").await;
    let mut left = result(7, &[(ripley, 1), (dallas, 3), (kane, 3)]);
    for gone in &mut left.standings[1..3] {
        (gone.seat, gone.left, gone.kills) = (None, true, 9);
    }
    let told = record(&store, left).await.expect("room for it");
    assert!(told.rated, "the three of them played");
    let by = |player| told.standings.iter().find(move |standing| standing.player == Some(player)).expect("they played");
    assert!(by(ripley).points_after > by(ripley).points_before, "who stays has won");
    let after = [dallas, kane].map(|player| (by(player).left, by(player).seat, by(player).points_after));
    assert_eq!(after[0], after[1], "both left at once");
    assert!(after[0].0 && after[0].1.is_none() && by(dallas).points_after < by(ripley).points_after, "{told:?}");
    let stored = store.read(|connection| matches::by_id(connection, protocol::ids::MatchId(7))).await;
    assert_eq!(stored, Ok(Some(told.clone())), "in the same order");
    let history = store.read(move |connection| matches::history(connection, Some(kane), None, 5, true)).await;
    assert_eq!(history.map(|history| history.matches), Ok(vec![told]), "nobody gets rid of it by leaving");
    let profile = store.read(move |connection| players::profile(connection, dallas)).await.expect("readable");
    assert_eq!(profile.map(|profile| (profile.matches, profile.wins, profile.kills)), Some((1, 0, 9)));
}

#[tokio::test]
async fn a_history_is_read_page_by_page() {
    let store = Store::open(None).expect("memory");
    let (ripley, dallas) = (person(&store, 1, "Ripley").await, person(&store, 2, "Dallas").await);
    for id in 1..=5 {
        record(&store, result(id, &[(ripley, 1), (dallas, 2)])).await.expect("room for it");
    }
    record(&store, result(6, &[(dallas, 1)])).await.expect("room for it");
    let page =
        |player, before, limit| store.read(move |connection| matches::history(connection, player, before, limit, true));
    let ids = |page: &protocol::lobby::History| page.matches.iter().map(|found| found.id.0).collect::<Vec<_>>();
    let first = page(Some(ripley), None, 3).await.expect("readable");
    assert_eq!((ids(&first), first.next.is_some()), (vec![5, 4, 3], true));
    let second = page(Some(ripley), first.next, 3).await.expect("readable");
    assert_eq!((ids(&second), second.next), (vec![2, 1], None));
    let all = page(None, None, 50).await.expect("readable");
    assert_eq!((ids(&all), all.next), (vec![6, 5, 4, 3, 2, 1], None));
    assert!(!all.matches[0].rated, "one person alone");
}

#[tokio::test]
async fn equal_points_share_a_rank_over_pages() {
    let store = Store::open(None).expect("memory");
    for id in 1..=5 {
        person(&store, id, "Somebody").await;
    }
    let set = store.write(|transaction| {
        transaction.execute_batch("UPDATE players SET rated = 1, points = 1000 + id / 2 WHERE id < 5")
    });
    set.await.expect("writable");
    let page = |after| store.read(move |connection| matches::leaderboard(connection, after, 2));
    let rows = |board: &protocol::lobby::Leaderboard| {
        board.rows.iter().map(|row| (row.rank, row.player.0, row.points)).collect::<Vec<_>>()
    };
    let (first, second, third) = tokio::join!(page(0), page(2), page(4));
    let (first, second, third) = (first.expect("read"), second.expect("read"), third.expect("read"));
    assert_eq!((rows(&first), first.total), (vec![(1, 4, 1_002), (2, 2, 1_001)], 4), "the fifth has no rated match");
    assert_eq!(rows(&second), [(2, 3, 1_001), (4, 1, 1_000)]);
    assert_eq!(rows(&third), []);
}

#[tokio::test]
async fn the_leaderboard_is_what_counting_everybody_says() {
    let store = Store::open(None).expect("memory");
    for id in 1..=60 {
        person(&store, id, "Somebody").await;
    }
    // Changes of every kind: first match, more points, the same again, fewer, struck off, gone.
    for round in 0..4 {
        let changed = store.write(move |transaction| {
            transaction.execute_batch(&format!(
                "UPDATE players SET rated = rated + 1, points = 1000 + (id * 7 + {round}) % 9 WHERE (id + {round}) % 3 = 0;
                 UPDATE players SET rated = 0 WHERE id % 20 = {round};
                 UPDATE players SET points = points + 1 WHERE id % 5 = {round};
                 DELETE FROM players WHERE id = 30 + {round}"
            ))
        });
        changed.await.expect("writable");
        let counted = store.read(|connection| {
            let sql = "SELECT id, points, (SELECT count(*) + 1 FROM players o WHERE o.rated > 0 AND o.points > p.points) \
                       FROM players p WHERE rated > 0 ORDER BY points DESC, id";
            let mut all = connection.prepare(sql)?;
            let rows = all.query_map([], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, i32>(1)?, row.get::<_, u32>(2)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        let counted = counted.await.expect("readable");
        assert!(counted.len() > 10, "{round}");
        for after in 0..=counted.len() {
            let page =
                store.read(move |connection| matches::leaderboard(connection, after as u32, 7)).await.expect("read");
            assert_eq!(page.total as usize, counted.len());
            let rows: Vec<_> = page.rows.iter().map(|row| (row.player.0, row.points, row.rank)).collect();
            assert_eq!(rows, counted[after..(after + 7).min(counted.len())], "{round}, {after}");
        }
        for (id, _, rank) in counted {
            let profile = store.read(move |connection| players::profile(connection, PlayerId(id))).await.expect("read");
            assert_eq!(profile.expect("there").rank, Some(rank), "{round}");
        }
    }
}
