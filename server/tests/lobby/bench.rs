//! A lobby on a free port of this machine, a thread that plays the rooms, and an HTTP client that can also misbehave.
//!
//! The client is written by hand, because no good one can be talked into sending half a request.
//!
//! Flow: `lobby.rs` → here → `server::lobby`.

use protocol::ids::RoomId;
use protocol::invite::InviteCode;
use protocol::lobby::{Guest, Health, Problem, RoomInfo};
use serde::de::DeserializeOwned;
use server::clerk;
use server::directory::{DirectoryHost, OpenRoomError, OrderError, Request, RoomEntry, directory};
use server::events::Events;
use server::hooks::HookSettings;
use server::lobby::{Files, Keys, Limits, Lobby, Setup, WebClient, Wires};
use server::matchmaker::Rules;
use server::operator::{Operator, Token};
use server::store::Store;
use server::vitals::Vitals;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use transport::{Listeners, ServerConfig, Site, TransportsPlugin};

/// Rooms that the stand-in has open at most: the first, one more, and a full one.
const MOST_ROOMS: usize = 3;
/// Longer than any answer takes, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running lobby. Stops when dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) keys: Keys,
    pub(crate) listeners: Listeners,
    pub(crate) events: Events,
    pub(crate) token: String,
    pub(crate) vitals: Vitals,
    pub(crate) store: Store,
    pub(crate) plugin: Option<TransportsPlugin>,
    pub(crate) rooms: Arc<Mutex<DirectoryHost>>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) serving: tokio::task::JoinHandle<std::io::Result<()>>,
    pub(crate) runtime: Runtime,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn entry(info: RoomInfo) -> RoomEntry {
    let code = InviteCode::from_random(u64::from(info.id.0));
    RoomEntry { info, code, password: None, reserved: vec![], banned: vec![], members: vec![] }
}

pub(crate) fn room(id: u32, players: u8) -> RoomInfo {
    let phase = game::view::PhaseKind::Waiting;
    RoomInfo {
        id: RoomId(id),
        name: format!("Room {id}"),
        map: "crossfire".into(),
        seats: 8,
        players,
        phase,
        ..RoomInfo::default()
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(Keys::temporary(), Limits::default())
    }

    pub(crate) fn with(keys: Keys, limits: Limits) -> Self {
        Self::with_store(keys, limits, Store::open(None).unwrap())
    }

    /// With a listener of the operator's own.
    pub(crate) fn with_admin() -> Self {
        let lobby = Lobby::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let lobby = lobby.with_admin("127.0.0.1:0".parse().unwrap()).unwrap();
        Self::with_lobby(
            lobby,
            Keys::temporary(),
            Limits::default(),
            Store::open(None).unwrap(),
            Rules::default(),
            None,
        )
    }

    /// With a certificate.
    pub(crate) fn with_site(site: Site, limits: Limits) -> Self {
        let (lobby, store) = (Lobby::bind("127.0.0.1:0".parse().unwrap()).unwrap(), Store::open(None).unwrap());
        Self::with_lobby(lobby, Keys::temporary(), limits, store, Rules::default(), Some(site))
    }

    pub(crate) fn with_store(keys: Keys, limits: Limits, store: Store) -> Self {
        Self::by_rules(keys, limits, store, Rules::default())
    }

    pub(crate) fn by_rules(keys: Keys, limits: Limits, store: Store, matchmaking: Rules) -> Self {
        Self::with_lobby(Lobby::bind("127.0.0.1:0".parse().unwrap()).unwrap(), keys, limits, store, matchmaking, None)
    }

    fn with_lobby(
        lobby: Lobby,
        keys: Keys,
        limits: Limits,
        store: Store,
        matchmaking: Rules,
        site: Option<Site>,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (directory, host, news) = directory();
        let rooms = Arc::new(Mutex::new(host));
        rooms.lock().unwrap().publish_rooms(vec![entry(room(1, 0)), entry(room(2, 8))]);
        rooms.lock().unwrap().publish_health(Health { status: "ok".into(), rooms: 2, ..Health::default() });
        let stand_in = Arc::downgrade(&rooms);
        thread::spawn(move || {
            while let Some(rooms) = stand_in.upgrade() {
                answer_requests(&mut rooms.lock().unwrap());
                drop(rooms);
                thread::sleep(Duration::from_millis(2));
            }
        });
        let (addr, admin) = (lobby.local_addr(), lobby.admin_addr());
        let free = || "127.0.0.1:0".parse().unwrap();
        let config = ServerConfig {
            netcode_key: keys.netcode_key(),
            site: site.clone(),
            ..ServerConfig::new(free(), free(), free())
        };
        let (listeners, plugin) = transport::server::bind(config, runtime.handle()).unwrap();
        let wires = Wires::new(addr, &listeners, None, site);
        let links = listeners.links.clone();
        let (stop, stopped) = watch::channel(false);
        let events = Events::default();
        let (token, token_text) = Token::temporary();
        let vitals = Vitals::default();
        let operator = {
            let _inside = runtime.enter();
            let hooks = HookSettings { private_networks: true, ..HookSettings::default() };
            Operator::start(token, vitals.clone(), store.clone(), events.clone(), directory.clone(), hooks).unwrap()
        };
        let (s, e) = (store.clone(), events.clone());
        let files = Files::index(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets"));
        let setup = Setup {
            directory,
            keys: keys.clone(),
            links,
            wires,
            store: s,
            events: e,
            operator,
            files,
            web: WebClient::default(),
            limits,
            matchmaking,
        };
        let serving = runtime.spawn(lobby.serve(setup, stopped));
        runtime.spawn(clerk::run(news, store.clone(), events.clone()));
        Self {
            addr,
            admin,
            keys,
            listeners,
            events,
            store,
            token: token_text,
            vitals,
            plugin: Some(plugin),
            rooms,
            stop,
            serving,
            runtime,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None, None)
    }

    pub(crate) fn post(&self, path: &str, bearer: Option<&str>, json: &str) -> Answer {
        self.call("POST", path, bearer, Some(("application/json", json)))
    }

    pub(crate) fn call(&self, method: &str, path: &str, bearer: Option<&str>, body: Option<(&str, &str)>) -> Answer {
        let bearer = bearer.map(|secret| format!("Authorization: Bearer {secret}\r\n")).unwrap_or_default();
        let (kind, body) = body.unwrap_or_default();
        let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let length = body.len();
        let lines = format!("Host: x\r\nConnection: close\r\n{bearer}{kind}Content-Length: {length}\r\n");
        self.raw(&format!("{method} {path} HTTP/1.1\r\n{lines}\r\n{body}"))
    }

    /// Sends `text` as it is and returns what comes until the connection ends.
    pub(crate) fn raw(&self, text: &str) -> Answer {
        self.raw_at(self.addr, text)
    }

    pub(crate) fn raw_at(&self, addr: SocketAddr, text: &str) -> Answer {
        let mut stream = connect(addr);
        stream.write_all(text.as_bytes()).unwrap();
        read_answer(stream)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.addr)
    }

    pub(crate) fn guest(&self, name: &str) -> Guest {
        let answer = self.post("/v1/guests", None, &format!(r#"{{"name":"{name}"}}"#));
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }
}

impl Answer {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns the problem, after checking that it is told as RFC 9457 wants it.
    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: Problem = self.json();
        assert_eq!(problem.status, self.status);
        assert!(problem.detail.ends_with(['.', '?']) && !problem.title.is_empty(), "{problem:?}");
        problem
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads until the end of the connection. A reset after the answer is not the answer's fault.
pub(crate) fn read_answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    while let Ok(read @ 1..) = stream.read(&mut piece) {
        bytes.extend_from_slice(&piece[..read]);
    }
    parse(&String::from_utf8(bytes).unwrap())
}

/// Reads one answer and leaves the connection open.
pub(crate) fn read_one(stream: &mut TcpStream) -> Answer {
    let mut text = String::new();
    let mut byte = [0];
    let length = |text: &str| text.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok());
    while text.split_once("\r\n\r\n").is_none_or(|(head, body)| body.len() < length(head).unwrap_or(0)) {
        stream.read_exact(&mut byte).unwrap();
        text.push(char::from(byte[0]));
    }
    parse(&text)
}

pub(crate) fn parse(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

fn answer_requests(host: &mut DirectoryHost) {
    let mut open = vec![entry(room(1, 0)), entry(room(2, 8))];
    while let Some(request) = host.try_next_request() {
        let (wish, reserved, reply) = match request {
            Request::Open { room, reply } => (room.wish, room.reserved, reply),
            Request::Order { reply, .. } => {
                let _ = reply.send(Err(OrderError::UnknownRoom));
                continue;
            }
        };
        let answer = match wish.map.as_deref() {
            Some("moon") => Err(OpenRoomError::UnknownMap("moon".into())),
            Some("crowd") => Err(OpenRoomError::TooMany),
            _ => {
                let name = wish.name.unwrap_or_default();
                let info = RoomInfo { name, seats: wish.seats.unwrap_or(16), private: wish.private, ..room(3, 0) };
                Ok(RoomEntry { reserved, ..entry(info) })
            }
        };
        if let Ok(opened) = &answer {
            open.push(opened.clone());
            open.truncate(MOST_ROOMS);
            host.publish_rooms(open.clone());
        }
        let _ = reply.send(answer);
    }
}
