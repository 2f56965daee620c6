//! The outbox on a database in memory.
//!
//! Flow: `outbox.rs` → these tests.

use super::*;
use protocol::ids::RoomId;
use protocol::lobby::LobbyEvent;

fn database() -> Connection {
    let db = Connection::open_in_memory().expect("memory");
    db.execute_batch(include_str!("../store/migrations/003_webhooks.sql")).expect("the migration is valid");
    db
}

fn event(number: u64, at_ms: u64) -> StampedEvent {
    StampedEvent { number, at_ms, event: LobbyEvent::RoomClosed { room: RoomId(7) } }
}

fn add_for(db: &mut Connection, events: &[EventKind]) -> u64 {
    write(db, |tx| add(tx, "http://x/", &events.iter().copied().collect(), &[7; KEY_BYTES], 5)).expect("room").id
}

fn write<T>(db: &mut Connection, job: impl FnOnce(&Transaction<'_>) -> Result<T>) -> T {
    let tx = db.transaction().expect("a transaction");
    let value = job(&tx).expect("the statement is right");
    tx.commit().expect("memory");
    value
}

#[test]
fn an_event_waits_for_those_who_want_it_until_they_have_it() {
    let mut db = database();
    let wants = add_for(&mut db, &[EventKind::RoomClosed, EventKind::MatchFinished]);
    let other = add_for(&mut db, &[EventKind::RoomOpened]);
    let list = list(&db).expect("read");
    assert_eq!(list.iter().map(|hook| hook.id).collect::<Vec<_>>(), [wants, other]);
    assert_eq!(list[0].events, [EventKind::RoomClosed, EventKind::MatchFinished]);

    assert_eq!(write(&mut db, |tx| put(tx, &event(1, 100), None)), (1, 0));
    let none = BTreeSet::new();
    assert_eq!(due(&db, 99, &none).expect("read"), (vec![], Some(100)), "not before it has happened");
    let (ready, _) = due(&db, 100, &none).expect("read");
    assert_eq!((ready.len(), ready[0].webhook, ready[0].attempts), (1, wants, 0));
    assert!(ready[0].body.contains(r#""event":"room.closed""#), "{}", ready[0].body);
    assert_eq!(due(&db, 100, &BTreeSet::from([wants])).expect("read"), (vec![], None), "one at a time");

    let failed = Attempt { next_ms: Some(500), error: Some("No.".into()), ..Attempt::default() };
    write(&mut db, |tx| settle(tx, ready[0].id, &failed));
    assert_eq!(due(&db, 499, &none).expect("read"), (vec![], Some(500)));
    let (again, _) = due(&db, 500, &none).expect("read");
    assert_eq!((again[0].attempts, &again[0].message_id), (1, &ready[0].message_id), "the id stays");

    write(&mut db, |tx| settle(tx, ready[0].id, &Attempt { delivered: true, status: Some(200), ..Attempt::default() }));
    assert_eq!(due(&db, u64::MAX >> 1, &none).expect("read"), (vec![], None));
    let log = log(&db, wants).expect("read").expect("it is there");
    assert_eq!((log.len(), log[0].attempts, log[0].delivered, log[0].status), (1, 2, true, Some(200)));
    assert_eq!(health(&db).expect("read")[0].delivered, 1);
}

#[test]
fn deliveries_keep_the_order_of_events() {
    let mut db = database();
    add_for(&mut db, &[EventKind::RoomClosed]);
    for number in 0..5 {
        write(&mut db, |tx| put(tx, &event(number, 100 + number), None));
    }
    for number in 0..5 {
        let (ready, _) = due(&db, 1_000, &BTreeSet::new()).expect("read");
        assert!(ready[0].body.contains(&format!(r#""number":{number},"#)), "{}", ready[0].body);
        write(&mut db, |tx| settle(tx, ready[0].id, &Attempt { delivered: true, ..Attempt::default() }));
    }
}

#[test]
fn a_receiver_that_is_far_behind_misses_what_is_new_and_a_removed_one_everything() {
    let mut db = database();
    let id = add_for(&mut db, &[EventKind::RoomClosed]);
    write(&mut db, |tx| (0..u64::from(MAX_PENDING_DELIVERIES)).try_for_each(|n| put(tx, &event(n, n), None).map(drop)));
    let events = |db: &Connection| {
        db.query_row("SELECT count(*) FROM outbox_events", [], |row| row.get::<_, u64>(0)).expect("read")
    };
    let before = events(&db);
    assert_eq!(write(&mut db, |tx| put(tx, &event(0, 0), None)), (0, 1));
    assert_eq!(events(&db), before, "what nobody gets is not written");
    assert!(write(&mut db, |tx| remove(tx, id)));
    assert!(!write(&mut db, |tx| remove(tx, id)));
    assert_eq!(due(&db, 1 << 50, &BTreeSet::new()).expect("read"), (vec![], None));
    assert_eq!(log(&db, id).expect("read"), None);
    write(&mut db, tidy);
    assert_eq!(events(&db), 0);
}

#[test]
fn what_is_over_is_forgotten_but_for_the_latest() {
    let mut db = database();
    let id = add_for(&mut db, &[EventKind::RoomClosed]);
    let over = Attempt { delivered: true, ..Attempt::default() };
    for n in 0..u64::from(WEBHOOK_LOG) + 50 {
        write(&mut db, |tx| put(tx, &event(n, n), None));
        let (ready, _) = due(&db, 1 << 50, &BTreeSet::new()).expect("read");
        write(&mut db, |tx| settle(tx, ready[0].id, &over));
    }
    write(&mut db, |tx| put(tx, &event(9, 9), None));
    assert_eq!(write(&mut db, tidy), 50);
    assert_eq!(log(&db, id).expect("read").expect("there").len(), WEBHOOK_LOG as usize);
    assert_eq!(due(&db, 1 << 50, &BTreeSet::new()).expect("read").0.len(), 1, "what waits stays");
}

#[test]
fn there_is_a_most() {
    let mut db = database();
    for _ in 0..MAX_WEBHOOKS {
        add_for(&mut db, &[EventKind::RoomClosed]);
    }
    let kinds = BTreeSet::from([EventKind::RoomClosed]);
    assert_eq!(write(&mut db, |tx| add(tx, "http://x/", &kinds, &[7; KEY_BYTES], 5)), None);
}
