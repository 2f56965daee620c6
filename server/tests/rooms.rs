//! Real rooms behind a real lobby: codes, passwords, hosts, filters and versions, each as a stranger, a friend and a host see them.
//!
//! Nobody takes a link here: what happens to those who do is tested over real wires in `lab/tests/rooms.rs`.
//!
//! Flow: a room's systems on a thread + a lobby on loopback → these tests.

#[path = "lobby/bench.rs"]
#[allow(dead_code, reason = "shared with the lobby's own tests, which need more of it")]
mod bench;

use bench::{Answer, read_answer};
use bevy::app::App;
use protocol::lobby::{EventKind, Grant, Guest, Invite, LobbyEvent, Member, OpenedRoom, RoomInfo, RoomList};
use server::directory::{Directory, OpenRoom, Order, OrderError, RoomNews, directory};
use server::events::Events;
use server::hooks::HookSettings;
use server::lobby::{Files, Keys, Limits, Lobby, Rate, Setup, WebClient, Wires};
use server::matchmaker::Rules;
use server::operator::{Operator, Token};
use server::rooms::{Defaults, RoomsPlugin, board, runner};
use server::store::Store;
use server::vitals::Vitals;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc::UnboundedReceiver, watch};
use transport::ServerConfig;
use transport::maps::MapShelf;

/// A whole server without its command line.
struct House {
    addr: SocketAddr,
    directory: Directory,
    news: UnboundedReceiver<RoomNews>,
    stop: Arc<AtomicBool>,
    rooms: Option<JoinHandle<()>>,
    runtime: Runtime,
    _stop_lobby: watch::Sender<bool>,
}

impl House {
    fn open() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets");
        let maps = MapShelf::open(&assets).unwrap();
        let keys = Keys::temporary();
        let (directory, host, news) = directory();
        let free = || "127.0.0.1:0".parse().unwrap();
        let config = ServerConfig { netcode_key: keys.netcode_key(), ..ServerConfig::new(free(), free(), free()) };
        let (listeners, transports) = transport::server::bind(config, runtime.handle()).unwrap();
        let lobby = Lobby::bind(free()).unwrap();
        let addr = lobby.local_addr();
        let wires = Wires::new(addr, &listeners, None, None);
        let defaults = Defaults {
            map: "crossfire".into(),
            seats: 4,
            bots: 2,
            rules: game::Rules { match_ticks: game::tick::ticks(60), score_limit: 20 },
            snapshot_hz: 30,
            max_rooms: 8,
        };
        let (links, sealer) = (listeners.links.clone(), keys.sealer());
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, plugin) = (stop.clone(), RoomsPlugin::new(defaults, maps, sealer, host, links.clone()));
        let (ready, waiting) = std::sync::mpsc::channel();
        let rooms = std::thread::spawn(move || {
            let mut app = App::new();
            app.add_plugins(plugin);
            app.add_plugins(transports);
            app.finish();
            app.cleanup();
            board::open_first_room(app.world_mut(), Some(1)).unwrap();
            app.update();
            ready.send(()).unwrap();
            runner::run(&mut app, &stopped);
        });
        waiting.recv().unwrap();
        let (stop_lobby, stopped) = watch::channel(false);
        let (store, events) = (Store::open(None).unwrap(), Events::default());
        let operator = {
            let _inside = runtime.enter();
            let (token, hooks) = (Token::temporary().0, HookSettings::default());
            Operator::start(token, Vitals::default(), store.clone(), events.clone(), directory.clone(), hooks).unwrap()
        };
        let setup = Setup {
            directory: directory.clone(),
            keys,
            links,
            wires,
            store,
            events,
            operator,
            files: Files::index(&assets),
            web: WebClient::default(),
            limits,
            matchmaking: Rules::default(),
        };
        runtime.spawn(lobby.serve(setup, stopped));
        Self { addr, directory, news, stop, rooms: Some(rooms), runtime, _stop_lobby: stop_lobby }
    }

    fn call(&self, method: &str, path: &str, by: Option<&Guest>, json: &str, lines: &str) -> Answer {
        let bearer = by.map(|guest| format!("Authorization: Bearer {}\r\n", guest.secret)).unwrap_or_default();
        let kind = if json.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let head = format!("Host: x\r\nConnection: close\r\n{bearer}{kind}{lines}Content-Length: {}\r\n", json.len());
        let mut stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        stream.write_all(format!("{method} {path} HTTP/1.1\r\n{head}\r\n{json}").as_bytes()).unwrap();
        read_answer(stream)
    }

    fn get(&self, path: &str, by: Option<&Guest>) -> Answer {
        self.call("GET", path, by, "", "")
    }

    fn post(&self, path: &str, by: &Guest, json: &str) -> Answer {
        self.call("POST", path, Some(by), json, "")
    }

    fn guest(&self, name: &str) -> Guest {
        self.call("POST", "/v1/guests", None, &format!(r#"{{"name":"{name}"}}"#), "").json()
    }

    fn room(&self, by: &Guest, json: &str) -> OpenedRoom {
        let answer = self.post("/v1/rooms", by, json);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    fn listed(&self, query: &str) -> Vec<u32> {
        self.get(&format!("/v1/rooms{query}"), None).json::<RoomList>().rooms.iter().map(|room| room.id.0).collect()
    }

    fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < Duration::from_secs(10), "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.rooms.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_none_or(|ended| ended.is_ok()), "the rooms ended in a panic");
    }
}

fn kinds(house: &mut House) -> Vec<EventKind> {
    std::iter::from_fn(|| house.news.try_recv().ok())
        .filter_map(|news| match news {
            RoomNews::Event(event) => Some(event.kind()),
            RoomNews::Outside(_) | RoomNews::Finished(_) => None,
        })
        .collect()
}

#[test]
fn a_private_room_is_there_for_those_with_its_code() {
    let house = House::open();
    let (host, friend) = (house.guest("Host"), house.guest("Friend"));
    let opened = house.room(&host, r#"{"name":"Back room","private":true}"#);
    let path = format!("/v1/rooms/{}", opened.room.id.0);
    assert!(opened.room.private && opened.room.host == Some(host.player));
    assert_eq!(house.listed(""), [1], "only the server's own room is listed");
    for stranger in [None, Some(&friend)] {
        assert_eq!(house.get(&path, stranger).status, 404);
    }
    for (method, path) in
        [("POST", format!("{path}/seats")), ("POST", format!("{path}/start")), ("GET", format!("{path}/invite"))]
    {
        assert_eq!(house.call(method, &path, Some(&friend), "", "").status, 404, "{path}");
    }
    assert_eq!(house.get(&path, Some(&host)).json::<RoomInfo>().name, "Back room");
    assert_eq!(house.get(&format!("{path}/invite"), Some(&host)).json::<Invite>(), opened.invite);

    let code = opened.invite.code.to_lowercase().replace('-', "%20");
    assert_eq!(house.get(&format!("/v1/invites/{code}"), None).json::<RoomInfo>().id, opened.room.id);
    let seat = house.post(&format!("/v1/invites/{code}/seats"), &friend, "");
    assert_eq!(seat.status, 201, "{seat:?}");
    assert_eq!(seat.json::<Grant>().room, opened.room.id);
    let page = house.get(&format!("/join/{}", opened.invite.code), None);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.body.contains("Back room") && page.body.contains(&opened.invite.link), "{page:?}");
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
    let wrong = house.get("/join/ZZZ-ZZZ", None);
    assert!(wrong.status == 404 && wrong.body.contains("closed"), "{wrong:?}");
}

#[test]
fn a_password_is_asked_of_everybody_but_the_host_and_never_shown() {
    let house = House::open();
    let (host, friend) = (house.guest("Host"), house.guest("Friend"));
    let opened = house.room(&host, r#"{"password":"Nostromo"}"#);
    let path = format!("/v1/rooms/{}/seats", opened.room.id.0);
    assert!(opened.room.locked);
    let refused = |json: &str| {
        let answer = house.post(&path, &friend, json);
        (answer.status, answer.problem().title)
    };
    assert_eq!(refused(""), (403, "Password needed".into()));
    assert_eq!(refused(r#"{"password":"nostromo"}"#), (403, "Wrong password".into()));
    assert_eq!(house.post(&path, &friend, r#"{"password":"Nostromo"}"#).status, 201);
    assert_eq!(house.post(&path, &friend, r#"{"password":"Nostromo","spectate":true}"#).status, 201);
    assert_eq!(house.post(&path, &host, "").status, 201);
    let by_code = format!("/v1/invites/{}/seats", opened.invite.code);
    assert_eq!(house.post(&by_code, &friend, "").status, 403, "a code does not open a locked room");
    assert!(!house.get("/v1/rooms", None).body.contains("ostromo"));
    let open = house.call("PATCH", &format!("/v1/rooms/{}", opened.room.id.0), Some(&host), r#"{"password":""}"#, "");
    assert!(!open.json::<RoomInfo>().locked);
    assert_eq!(house.post(&path, &friend, "").status, 201);
}

#[test]
fn guessing_is_expensive_whether_right_or_wrong() {
    let few = Rate { per_second: 0.01, burst: 4.0 };
    let house = House::with(Limits { guesses: few, local_guesses: few, ..Limits::default() });
    let (host, friend) = (house.guest("Host"), house.guest("Friend"));
    let opened = house.room(&host, r#"{"password":"Nostromo"}"#);
    let path = format!("/v1/rooms/{}/seats", opened.room.id.0);
    assert_eq!(house.post(&path, &friend, r#"{"password":"x"}"#).status, 403);
    let late = house.post(&path, &friend, r#"{"password":"Nostromo"}"#);
    assert!(late.status == 429 && late.header("retry-after").is_some(), "{late:?}");
    assert_eq!(house.get("/v1/invites/ZZZ-ZZZ", None).status, 404);
    assert_eq!(house.get(&format!("/v1/invites/{}", opened.invite.code), None).status, 429);
    assert_eq!(house.get(&format!("/join/{}", opened.invite.code), None).status, 429);
    assert_eq!(house.get("/v1/rooms", None).status, 200, "everything else goes on");
}

#[test]
fn the_list_is_filtered() {
    let house = House::open();
    let host = house.guest("Host");
    let locked = house.room(&host, r#"{"password":"x","map":"crossfire"}"#).room.id.0;
    let other_map = house.directory.rooms()[0].info.map.clone();
    assert_eq!(other_map, "crossfire");
    assert_eq!(house.listed(""), [1, locked]);
    assert_eq!(house.listed("?locked=false"), [1]);
    assert_eq!(house.listed("?locked=true"), [locked]);
    assert_eq!(house.listed("?free=true&mode=skirmish&map=crossfire"), [1, locked]);
    assert!(house.listed("?free=false").is_empty() && house.listed("?map=moon").is_empty());
    assert_eq!(house.get("/v1/rooms?mode=chess", None).status, 400);
}

#[test]
fn a_host_leads_and_nobody_else() {
    let mut house = House::open();
    let (host, friend) = (house.guest("Host"), house.guest("Friend"));
    let opened = house.room(&host, r#"{"bots":2}"#);
    let path = format!("/v1/rooms/{}", opened.room.id.0);
    for (method, path, json) in
        [("PATCH", path.clone(), r#"{"bots":1}"#), ("POST", format!("{path}/start"), ""), ("DELETE", path.clone(), "")]
    {
        let refused = house.call(method, &path, Some(&friend), json, "");
        assert_eq!((refused.status, refused.problem().title), (403, "Not the host".into()), "{path}");
        assert_eq!(house.call(method, &path, None, json, "").status, 401);
    }
    let changed = house.call("PATCH", &path, Some(&host), r#"{"name":"Cellar","bots":3,"private":true}"#, "");
    let changed: RoomInfo = changed.json();
    assert_eq!((changed.name.as_str(), changed.private), ("Cellar", true));
    house.until("three bots", |house| house.directory.room(opened.room.id).is_some_and(|room| room.info.bots == 3));
    assert_eq!(house.call("PATCH", &path, Some(&host), r#"{"map":"moon"}"#, "").status, 422);
    assert_eq!(house.post(&format!("{path}/start"), &host, "").status, 204);
    let live = |house: &House| {
        house.directory.room(opened.room.id).is_some_and(|room| room.info.phase == game::PhaseKind::Live)
    };
    house.until("the countdown is cut short", live);
    let kick = format!("{path}/members/{}", friend.player.0);
    assert_eq!(house.call("DELETE", &kick, Some(&host), "", "").status, 404, "who is not there cannot be sent away");
    let own = format!("{path}/members/{}", host.player.0);
    assert_eq!(house.call("DELETE", &own, Some(&host), "", "").status, 422);
    assert_eq!(house.call("DELETE", &path, Some(&host), "", "").status, 204);
    assert_eq!(house.get(&path, Some(&host)).status, 404);
    house.until("the room is gone", |house| house.directory.rooms().len() == 1);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(kinds(&mut house), [EventKind::RoomOpened, EventKind::RoomOpened, EventKind::RoomClosed]);
}

#[test]
fn a_change_of_privacy_is_told_to_strangers_alone() {
    let mut house = House::open();
    let host = house.guest("Host");
    let room = house.room(&host, r#"{"bots":0}"#).room.id;
    let path = format!("/v1/rooms/{}", room.0);
    for change in [r#"{"private":true}"#, r#"{"private":true,"name":"Cellar"}"#, r#"{"private":false}"#] {
        assert_eq!(house.call("PATCH", &path, Some(&host), change, "").status, 200);
    }
    let mut outside = Vec::new();
    let until = Instant::now() + Duration::from_secs(5);
    while outside.len() < 2 && Instant::now() < until {
        match house.news.try_recv() {
            Ok(RoomNews::Outside(event)) => outside.push(event),
            Ok(_) => {}
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    let [LobbyEvent::RoomClosed { room: closed }, LobbyEvent::RoomOpened { room: opened }] = &outside[..] else {
        panic!("{outside:?}");
    };
    assert_eq!((*closed, opened.id, opened.name.as_str(), opened.private), (room, room, "Cellar", false));
}

#[test]
fn everybody_leads_one_room_at_most() {
    let house = House::open();
    let (host, friend) = (house.guest("Host"), house.guest("Friend"));
    let first = house.room(&host, r#"{"name":"Back room","private":true}"#).room.id.0;
    let refused = house.post("/v1/rooms", &host, "{}");
    assert_eq!((refused.status, refused.header("location")), (409, Some(format!("/v1/rooms/{first}").as_str())));
    let problem = refused.problem();
    assert!(problem.title == "Leads a room already" && problem.detail.contains("`Back room`"), "{problem:?}");
    assert_eq!(house.call("DELETE", &format!("/v1/rooms/{first}"), Some(&host), "", "").status, 204);
    house.room(&host, "{}");
    // Two at once: it is not a matter of luck.
    let answers = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..6).map(|_| scope.spawn(|| house.post("/v1/rooms", &friend, "{}").status)).collect();
        let mut answers: Vec<_> = asked.into_iter().map(|asked| asked.join().unwrap()).collect();
        answers.sort_unstable();
        answers
    });
    assert_eq!(answers, [201, 409, 409, 409, 409, 409]);
}

#[test]
fn whoever_opens_rooms_leaves_some_for_matches() {
    let house = House::open();
    let people: Vec<Guest> = (0..7).map(|n| house.guest(&format!("P{n}"))).collect();
    let opened = people.iter().map(|guest| house.post("/v1/rooms", guest, "{}"));
    let answers: Vec<_> = opened.map(|answer| answer.status).collect();
    assert_eq!(answers, [201, 201, 201, 201, 201, 409, 409], "six of eight, the server's own among them");
    let matched = |seats: usize| {
        let asked = OpenRoom { reserved: vec![people[seats].player], ..OpenRoom::default() };
        house.runtime.block_on(house.directory.open_room(asked)).map(|_| ())
    };
    let full = Err(server::directory::OpenRoomError::TooMany);
    assert_eq!([matched(5), matched(6), matched(5)], [Ok(()), Ok(()), full]);
}

#[test]
fn a_match_needs_two_ships_and_the_servers_own_room_stays() {
    let house = House::open();
    let host = house.guest("Host");
    let alone = house.room(&host, r#"{"bots":0}"#).room.id;
    let refused = house.post(&format!("/v1/rooms/{}/start", alone.0), &host, "");
    assert_eq!((refused.status, refused.problem().title), (409, "Too few ships".into()));
    let first = house.directory.rooms()[0].info.id;
    let order = |order| house.runtime.block_on(house.directory.order(order));
    assert_eq!(order(Order::Close { room: first }), Err(OrderError::Permanent));
    assert_eq!(order(Order::Start { room: protocol::RoomId(99) }), Err(OrderError::UnknownRoom));
}

#[test]
fn a_reserved_room_seats_only_those_it_is_for() {
    let house = House::open();
    let (one, two) = (house.guest("One"), house.guest("Two"));
    let asked = OpenRoom { reserved: vec![one.player], ..OpenRoom::default() };
    let room = house.runtime.block_on(house.directory.open_room(asked)).unwrap();
    let path = format!("/v1/rooms/{}/seats", room.info.id.0);
    assert_eq!(house.post(&path, &one, "").status, 201);
    let refused = house.post(&path, &two, "");
    assert_eq!((refused.status, refused.problem().title), (403, "Reserved room".into()));
    assert_eq!(house.post("/v1/seats", &two, "{}").json::<Grant>().room, house.directory.rooms()[0].info.id);
}

#[test]
fn quick_join_finds_a_room_and_opens_one_when_all_are_full() {
    let house = House::open();
    let people: Vec<Guest> = (0..9).map(|n| house.guest(&format!("P{n}"))).collect();
    let rooms: Vec<u32> =
        people.iter().map(|guest| house.post("/v1/seats", guest, "{}").json::<Grant>().room.0).collect();
    assert_eq!(rooms, [1, 1, 1, 1, 2, 2, 2, 2, 3], "four seats each, counted before anybody has arrived");
    let host = house.guest("Host");
    let locked = house.room(&host, r#"{"password":"x"}"#).room.id;
    let prefers = format!(r#"{{"prefer":{}}}"#, locked.0);
    assert_eq!(house.post("/v1/seats", &host, &prefers).json::<Grant>().room, locked, "the host needs no password");
    assert_ne!(house.post("/v1/seats", &people[0], &prefers).json::<Grant>().room, locked);
    assert_eq!(house.post("/v1/seats", &people[0], r#"{"map":"moon"}"#).status, 422);
}

#[test]
fn lists_and_rooms_have_versions_that_can_be_waited_for() {
    let house = House::open();
    let host = house.guest("Host");
    // A match that does not start by itself, so that nothing else changes.
    let room = house.room(&host, r#"{"bots":0,"private":true}"#).room.id;
    let path = format!("/v1/rooms/{}", room.0);
    let first = house.get(&path, Some(&host));
    let tag = first.header("etag").expect("a version").to_owned();
    let seen = format!("If-None-Match: {tag}\r\n");
    let same = house.call("GET", &path, Some(&host), "", &seen);
    assert_eq!((same.status, same.body.as_str(), same.header("etag")), (304, "", Some(tag.as_str())));
    let began = Instant::now();
    assert_eq!(house.call("GET", &format!("{path}?wait=1"), Some(&host), "", &seen).status, 304);
    assert!(began.elapsed() >= Duration::from_millis(900));
    let changed = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| house.call("GET", &format!("{path}?wait=20"), Some(&host), "", &seen));
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(house.call("PATCH", &path, Some(&host), r#"{"name":"New"}"#, "").status, 200);
        waiting.join().unwrap()
    });
    assert_eq!((changed.status, changed.json::<RoomInfo>().name.as_str()), (200, "New"));
    let list = house.get("/v1/rooms", None);
    let seen = format!("If-None-Match: {}\r\n", list.header("etag").expect("a version"));
    let opened = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let deadline = Instant::now() + Duration::from_secs(20);
            let mut seen = seen.clone();
            // The first room's own match changes the list as well.
            while Instant::now() < deadline {
                let answer = house.call("GET", "/v1/rooms?wait=10&locked=true", None, "", &seen);
                if answer.status == 200 && !answer.json::<RoomList>().rooms.is_empty() {
                    return true;
                }
                seen = format!("If-None-Match: {}\r\n", answer.header("etag").expect("a version"));
            }
            false
        });
        house.room(&house.guest("Other"), r#"{"password":"x"}"#);
        waiting.join().unwrap()
    });
    assert!(opened, "somebody who waits for a locked room hears of one");
}

#[test]
fn members_are_told_to_members() {
    let house = House::open();
    let (host, friend) = (house.guest("Host"), house.guest("Friend"));
    let path = format!("/v1/rooms/{}/members", house.room(&host, "{}").room.id.0);
    let list = house.get(&path, Some(&host));
    assert_eq!(list.json::<protocol::lobby::MemberList>().members, Vec::<Member>::new());
    assert_eq!(house.get(&path, Some(&friend)).status, 403);
    let first = house.directory.rooms()[0].clone();
    assert!(first.members.is_empty() && first.info.host.is_none());
    let opened =
        |event: &LobbyEvent| matches!(event, LobbyEvent::RoomOpened { room } if room.host == Some(host.player));
    let mut house = house;
    let told: Vec<_> = std::iter::from_fn(|| house.news.try_recv().ok()).collect();
    assert!(told.iter().any(|news| matches!(news, RoomNews::Event(event) if opened(event))), "{told:?}");
}
