//! Players and results over real HTTP on loopback: what is told of them, in which pages, and what is refused.
//!
//! Flow: `lobby/bench.rs` starts a lobby → these tests tell it of matches as rooms do → `server::clerk` → `server::lobby`.

#[path = "lobby/bench.rs"]
#[allow(dead_code, reason = "shared with the lobby's own tests, which need more of it")]
mod bench;

use bench::Server;
use protocol::ids::MatchId;
use protocol::lobby::{Guest, History, Leaderboard, LobbyEvent, MatchResult, Mode, Profile, Standing};
use server::directory::RoomNews;
use std::time::Duration;

/// Returns a match in which `people` took the places 1, 2, …
fn finished(id: u64, people: &[&Guest]) -> MatchResult {
    let standings = (0..).zip(people).map(|(seat, guest)| Standing {
        seat: Some(seat),
        player: Some(guest.player),
        name: guest.name.clone(),
        place: seat + 1,
        kills: 5 - u16::from(seat),
        deaths: 2,
        left: false,
        points_before: None,
        points_after: None,
    });
    MatchResult {
        id: MatchId(id),
        room: "Dock".into(),
        mode: Mode::Skirmish,
        map: "crossfire".into(),
        started_ms: 1_000,
        ended_ms: 61_000,
        rated: false,
        private: false,
        standings: standings.collect(),
    }
}

/// Tells the server of a finished match, as a room does, and waits until everybody may hear of it.
fn play(server: &Server, result: MatchResult) -> MatchResult {
    let mut heard = server.events.listen();
    server.rooms.lock().unwrap().tell(RoomNews::Finished(result));
    let told = server.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), heard.recv()).await });
    match told.unwrap().unwrap().event.clone() {
        LobbyEvent::MatchFinished { result } => result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_match_moves_ratings_and_is_remembered() {
    let server = Server::start();
    let (ripley, dallas, kane) = (server.guest("Ripley"), server.guest("Dallas"), server.guest("Kane"));
    let me = |guest: &Guest| server.call("GET", "/v1/players/me", Some(&guest.secret), None).json::<Profile>();
    let before = me(&ripley);
    assert_eq!((before.rating.points, before.rank, before.matches), (1_000, None, 0));

    let told = play(&server, finished(7, &[&ripley, &dallas]));
    assert!(told.rated);
    assert_eq!(server.get("/v1/matches/7").json::<MatchResult>(), told, "what was told is what is stored");
    let after = me(&ripley);
    assert_eq!((after.rank, after.matches, after.wins, after.kills, after.deaths), (Some(1), 1, 1, 5, 2));
    assert_eq!(Some(after.rating.points), told.standings[0].points_after);
    assert!(after.rating.points > 1_000 && me(&dallas).rating.points < after.rating.points);

    let alone = play(&server, finished(8, &[&kane]));
    assert!(!alone.rated && me(&kane).rating.points == 1_000 && me(&kane).matches == 1);
    let board: Leaderboard = server.get("/v1/leaderboard").json();
    assert_eq!(board.rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["Ripley", "Dallas"]);
    assert_eq!((board.total, board.rows[0].rank, board.rows[0].matches, board.rows[0].wins), (2, 1, 1, 1));
    let second: Leaderboard = server.get("/v1/leaderboard?after=1&limit=1").json();
    assert_eq!((second.rows[0].name.as_str(), second.rows[0].rank), ("Dallas", 2));

    let history = format!("/v1/players/{}/matches", ripley.player.0);
    assert_eq!(server.get(&history).json::<History>().matches, [told]);
    let latest: History = server.get("/v1/matches?limit=1").json();
    assert_eq!((latest.matches[0].id, latest.next.is_some()), (MatchId(8), true));
    let older: History = server.get(&format!("/v1/matches?before={}", latest.next.unwrap())).json();
    assert_eq!((older.matches.len(), older.next), (1, None));
}

#[test]
fn another_name_keeps_everything_else() {
    let server = Server::start();
    let guest = server.guest("Ripley");
    let patch =
        |secret: Option<&str>, json| server.call("PATCH", "/v1/players/me", secret, Some(("application/json", json)));
    let renamed: Profile = patch(Some(&guest.secret), r#"{"name":"Ellen"}"#).json();
    assert_eq!((renamed.player, renamed.name.as_str()), (guest.player, "Ellen"));
    let seen: Profile = server.get(&format!("/v1/players/{}", guest.player.0)).json();
    assert_eq!(seen, renamed);
    assert_eq!(patch(Some(&guest.secret), r#"{"name":"x"}"#).status, 422);
    assert_eq!(patch(None, r#"{"name":"Ellen"}"#).status, 401);
}

#[test]
fn what_is_not_there_or_too_much_is_refused_in_words() {
    let server = Server::start();
    let guest = server.guest("Ripley");
    let history = format!("/v1/players/{}/matches", guest.player.0);
    assert_eq!(server.get(&history).json::<History>(), History::default(), "known, but nothing yet");
    for (status, path) in [
        (404, "/v1/players/99".to_owned()),
        (404, "/v1/players/99/matches".to_owned()),
        (404, "/v1/players/18446744073709551615".to_owned()),
        (404, "/v1/matches/99".to_owned()),
        (404, "/v1/matches/first".to_owned()),
        (422, "/v1/leaderboard?limit=0".to_owned()),
        (422, "/v1/leaderboard?limit=51".to_owned()),
        (422, "/v1/leaderboard?after=4294967295".to_owned()),
        (422, "/v1/matches?before=18446744073709551615".to_owned()),
        (400, "/v1/leaderboard?after=-1".to_owned()),
        (422, format!("{history}?limit=51")),
        (400, format!("{history}?limit=many")),
        (401, "/v1/players/me".to_owned()),
    ] {
        let answer = server.get(&path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        answer.problem();
    }
    assert_eq!(server.get("/v1/leaderboard?after=1000000").json::<Leaderboard>(), Leaderboard::default());
    assert_eq!(server.get("/v1/matches?before=9007199254740992").status, 200);
}

#[test]
fn a_store_that_fails_is_told_in_words_and_costs_nobody_who_is_known() {
    let server = Server::start();
    let guest = server.guest("Ripley");
    // Every statement needs a page, and there is to be none: SQLite answers as on a full disk.
    let fill = "CREATE TABLE ballast (wide BLOB);
        CREATE TEMP TRIGGER full BEFORE INSERT ON players BEGIN INSERT INTO ballast VALUES (zeroblob(100000)); END;
        PRAGMA max_page_count = 1;";
    server.runtime.block_on(server.store.write(move |transaction| transaction.execute_batch(fill))).unwrap();
    let refused = server.post("/v1/guests", None, r#"{"name":"Dallas"}"#);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")), "{refused:?}");
    assert!(refused.problem().detail.contains("cannot be stored"), "{refused:?}");
    assert_eq!(server.post("/v1/rooms/1/seats", Some(&guest.secret), "").status, 201, "those who are known go on");
}
