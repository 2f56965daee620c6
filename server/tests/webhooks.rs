//! Webhooks against real receivers on loopback: bad days, restarts, a kill in the middle, and addresses that nobody may call.
//!
//! The signature is checked by an HMAC written out here, from the definition in RFC 2104, not by the code that made it.
//!
//! Flow: these tests → `server::hooks` → a receiver in a thread → these tests.

#[path = "lobby/bench.rs"]
#[allow(dead_code, reason = "shared with the lobby's own tests, which need more of it")]
mod bench;

use base64::{Engine, engine::general_purpose::STANDARD};
use bench::Server;
use protocol::ids::RoomId;
use protocol::lobby::{Delivery, DeliveryList, EventKind, LobbyEvent, NewWebhook, WebhookCreated, WebhookList};
use server::events::Events;
use server::hooks::{HookSettings, Hooks, Schedule};
use server::store::Store;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
/// Long enough for a delivery that must not come to come.
const QUIET: Duration = Duration::from_millis(700);
/// Retries at the pace of a test.
const QUICK: Schedule = Schedule {
    first: Duration::from_millis(100),
    factor: 2,
    longest: Duration::from_secs(1),
    attempts: 8,
    jitter: 0.2,
};

/// A folder that is gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("crosswire-hooks-{:016x}", rand::random::<u64>())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A call that a receiver got.
#[derive(Clone, Debug)]
struct Call {
    head: BTreeMap<String, String>,
    body: String,
    /// What was answered; 0 for a connection that was closed without a word.
    answered: u16,
}

impl Call {
    fn id(&self) -> &str {
        &self.head["webhook-id"]
    }

    fn number(&self) -> u64 {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["number"].as_u64().unwrap()
    }

    fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let text = format!("{}.{}.{}", self.id(), self.head["webhook-timestamp"], self.body);
        self.head["webhook-signature"] == format!("v1,{}", STANDARD.encode(hmac_sha256(&key, text.as_bytes())))
    }
}

/// H((K ⊕ opad) ‖ H((K ⊕ ipad) ‖ text)), RFC 2104.
fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|b| b ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

/// What a receiver does with a call: the status to answer, or 0 to close the connection. It knows how often it has seen the id before.
type Manners = Box<dyn Fn(&Call, usize) -> u16 + Send>;

/// A receiver on loopback.
struct Receiver {
    addr: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Receiver {
    fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let seen = calls.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let Some(mut call) = read_call(&mut stream) else { continue };
                let mut seen = seen.lock().unwrap();
                let before = seen.iter().filter(|other| other.id() == call.id()).count();
                call.answered = manners(&call, before);
                if call.answered != 0 {
                    let location = "Location: http://127.0.0.1:9/elsewhere\r\n";
                    let answer = format!(
                        "HTTP/1.1 {} X\r\n{location}Content-Length: 0\r\nConnection: close\r\n\r\n",
                        call.answered
                    );
                    let _ = stream.get_mut().write_all(answer.as_bytes());
                }
                seen.push(call);
            }
        });
        Self { addr, calls }
    }

    fn url(&self) -> String {
        format!("http://{}/hooks?from=crosswire", self.addr)
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    fn accepted(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.answered / 100 == 2).collect()
    }
}

fn read_call(stream: &mut BufReader<TcpStream>) -> Option<Call> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    assert!(line.starts_with("POST /hooks?from=crosswire HTTP/1.1"), "{line}");
    let mut head = BTreeMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        head.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; head.get("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some(Call { head, body: String::from_utf8(body).unwrap(), answered: 0 })
}

/// A server's webhooks without the rest of it.
struct Host {
    events: Events,
    hooks: Hooks,
    runtime: Runtime,
}

impl Host {
    fn start(folder: &Path, settings: HookSettings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        // The one before may still be closing its files.
        let store = until("the folder is free", || Store::open(Some(folder)).ok());
        let events = Events::default();
        let hooks = {
            let _inside = runtime.enter();
            Hooks::start(store, &events, settings)
        };
        Self { events, hooks, runtime }
    }

    fn register(&self, url: &str) -> WebhookCreated {
        let wish = NewWebhook { url: url.to_owned(), events: vec![EventKind::RoomClosed] };
        self.runtime.block_on(self.hooks.register(wish)).unwrap()
    }

    fn close_room(&self, room: u32) {
        self.events.tell(LobbyEvent::RoomClosed { room: RoomId(room) });
    }

    fn log(&self, id: u64) -> Vec<Delivery> {
        self.runtime.block_on(self.hooks.log(id)).unwrap().unwrap()
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn quick() -> HookSettings {
    HookSettings { private_networks: true, schedule: QUICK }
}

#[test]
fn a_receiver_that_fails_twice_gets_each_event_once_in_the_end_even_over_a_restart() {
    let folder = Folder::new();
    let receiver = Receiver::start(Box::new(|_, before| [500, 0, 204][before.min(2)]));
    let host = Host::start(&folder.0, quick());
    let created = host.register(&receiver.url());
    (1..=6).for_each(|room| host.close_room(room));
    until("every event was tried", || (receiver.calls().iter().map(Call::number).max() == Some(6)).then_some(()));
    drop(host);

    let host = Host::start(&folder.0, quick());
    until("every event arrived", || (receiver.accepted().len() >= 6).then_some(()));
    thread::sleep(QUIET);
    let accepted = receiver.accepted();
    let mut numbers: Vec<u64> = accepted.iter().map(Call::number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6], "each once");
    let mut by_id = BTreeMap::<String, Vec<Call>>::new();
    receiver.calls().into_iter().for_each(|call| by_id.entry(call.id().to_owned()).or_default().push(call));
    assert_eq!(by_id.len(), 6, "an id for each event, the same at every attempt");
    for calls in by_id.values() {
        assert_eq!(calls.iter().map(|call| call.answered).collect::<Vec<_>>(), [500, 0, 204]);
        assert!(
            calls.iter().all(|call| call.body == calls[0].body && call.is_signed_with(&created.secret)),
            "{calls:?}"
        );
        let forged = Call { body: calls[0].body.replace("room.closed", "room.opened"), ..calls[0].clone() };
        assert!(!forged.is_signed_with(&created.secret));
        assert_eq!(calls[0].head["content-type"], "application/json");
    }
    let log =
        until("the last is noted", || Some(host.log(created.webhook.id)).filter(|log| log.iter().all(|d| d.delivered)));
    // An attempt that the restart cut short is not in the log.
    let tried = |attempts| (2..=3).contains(&attempts);
    assert!(
        log.len() == 6 && log.iter().all(|d| tried(d.attempts) && d.status == Some(204) && d.next_ms.is_none()),
        "{log:?}"
    );
}

#[test]
fn a_healthy_receiver_hears_everything_in_order_while_another_is_dead() {
    let folder = Folder::new();
    let receiver = Receiver::start(Box::new(|_, _| 200));
    // A port that was free a moment ago refuses connections.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let host = Host::start(&folder.0, quick());
    let dead = host.register(&format!("http://{dead}/"));
    host.register(&receiver.url());
    (1..=40).for_each(|room| host.close_room(room));
    until("everything arrived", || (receiver.accepted().len() >= 40).then_some(()));
    assert_eq!(receiver.calls().iter().map(Call::number).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
    let log = until("the dead one was tried", || {
        Some(host.log(dead.webhook.id)).filter(|log| log.iter().any(|d| d.attempts > 0))
    });
    let tried = log.iter().find(|d| d.attempts > 0).unwrap();
    assert_eq!((tried.delivered, tried.status), (false, None));
    assert!(tried.error.as_deref().is_some_and(|error| error.contains("refused")), "{tried:?}");
}

#[test]
fn a_redirect_is_not_followed_and_what_is_gone_is_given_up() {
    let folder = Folder::new();
    let receiver = Receiver::start(Box::new(|call, _| if call.number() == 1 { 307 } else { 410 }));
    let host = Host::start(&folder.0, HookSettings { schedule: Schedule { attempts: 2, ..QUICK }, ..quick() });
    let id = host.register(&receiver.url()).webhook.id;
    host.close_room(1);
    host.close_room(2);
    let log = until("both were given up", || {
        Some(host.log(id)).filter(|log| log.len() == 2 && log.iter().all(|d| d.next_ms.is_none()))
    });
    assert!(log.iter().all(|d| !d.delivered), "{log:?}");
    assert_eq!(log.iter().map(|d| (d.attempts, d.status)).collect::<Vec<_>>(), [(1, Some(410)), (2, Some(307))]);
}

#[test]
fn a_private_address_is_not_called_even_if_it_was_registered_before() {
    let folder = Folder::new();
    let receiver = Receiver::start(Box::new(|_, _| 200));
    let host = Host::start(&folder.0, quick());
    let id = host.register(&receiver.url()).webhook.id;
    drop(host);
    let host = Host::start(&folder.0, HookSettings { private_networks: false, ..quick() });
    let wish = NewWebhook { url: "http://localhost/".into(), events: vec![EventKind::RoomClosed] };
    let refused = host.runtime.block_on(host.hooks.register(wish)).unwrap_err().to_string();
    assert!(refused.contains("--webhooks-to-private-networks"), "{refused}");
    host.close_room(1);
    let log = until("it was tried", || Some(host.log(id)).filter(|log| log.first().is_some_and(|d| d.attempts > 0)));
    assert!(
        log[0].error.as_deref().is_some_and(|error| error.contains("not an address of the public internet")),
        "{log:?}"
    );
    assert!(receiver.calls().is_empty(), "nothing reached it");
}

#[test]
fn only_the_operator_registers_and_sees_what_was_delivered() {
    let server = Server::start();
    let receiver = Receiver::start(Box::new(|_, _| 200));
    let token = server.token.clone();
    let wish = format!(r#"{{"url":"{}","events":["room.closed","match.finished"]}}"#, receiver.url());
    let guest = server.guest("Ripley").secret;
    for bearer in [None, Some("nonsense"), Some(guest.as_str())] {
        for (method, path) in [("POST", "/v1/webhooks"), ("GET", "/v1/webhooks"), ("DELETE", "/v1/webhooks/1")] {
            let answer = server.call(method, path, bearer, Some(("application/json", &wish)));
            assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
            assert!(answer.problem().detail.contains("admin.token"));
        }
    }
    let answer = server.post("/v1/webhooks", Some(&token), &wish);
    assert_eq!(answer.status, 201, "{answer:?}");
    let created: WebhookCreated = answer.json();
    let path = format!("/v1/webhooks/{}", created.webhook.id);
    let get = |path: &str| server.call("GET", path, Some(&token), None);
    assert_eq!(get("/v1/webhooks").json::<WebhookList>().webhooks, std::slice::from_ref(&created.webhook));
    assert!(!get(&path).body.contains("whsec_"), "the key is told once");

    assert_eq!(server.post(&format!("{path}/test"), Some(&token), "").status, 202);
    server.events.tell(LobbyEvent::RoomClosed { room: RoomId(3) });
    until("both arrived", || (receiver.accepted().len() >= 2).then_some(()));
    assert!(receiver.accepted().iter().all(|call| call.is_signed_with(&created.secret)));
    let log = until("both are noted", || {
        let list: DeliveryList = get(&format!("{path}/deliveries")).json();
        Some(list.deliveries).filter(|log| log.len() == 2 && log.iter().all(|d| d.delivered))
    });
    assert!(log[0].id > log[1].id, "newest first");

    for (status, body) in [
        (422, r#"{"url":"http://127.0.0.1/","events":[]}"#),
        (422, r#"{"url":"ftp://127.0.0.1/","events":["room.closed"]}"#),
        (422, r#"{"url":"http://nobody.invalid/","events":["room.closed"]}"#),
        (400, r#"{"url":"http://127.0.0.1/","events":["room.exploded"]}"#),
        (400, r#"{"url":"http://127.0.0.1/","events":["room.closed"],"secret":"x"}"#),
    ] {
        let answer = server.post("/v1/webhooks", Some(&token), body);
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        answer.problem();
    }
    assert_eq!(server.call("DELETE", &path, Some(&token), None).status, 204);
    for (method, path) in [("DELETE", path.clone()), ("GET", path.clone()), ("GET", format!("{path}/deliveries"))] {
        assert_eq!(server.call(method, &path, Some(&token), None).status, 404, "{method} {path}");
    }
    (0..32).for_each(|_| assert_eq!(server.post("/v1/webhooks", Some(&token), &wish).status, 201));
    assert_eq!(server.post("/v1/webhooks", Some(&token), &wish).status, 409);
}

/// The program itself, with a data folder.
struct Program {
    child: Child,
    addr: String,
}

impl Program {
    fn start(folder: &Path) -> Self {
        let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets");
        let mut child = Command::new(env!("CARGO_BIN_EXE_server"))
            .args(["--http", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--quic", "127.0.0.1:0", "--tcp", "127.0.0.1:0"])
            .args(["--bots", "0", "--no-lan", "--webhooks-to-private-networks", "--assets", assets, "--data"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(line.strip_prefix("ready ").unwrap()).unwrap();
        Self { child, addr: ready["http"].as_str().unwrap().to_owned() }
    }

    fn post(&self, path: &str, bearer: &str, body: &str) -> serde_json::Value {
        let url = format!("http://{}{path}", self.addr);
        let call = ureq::post(&url).header("authorization", format!("Bearer {bearer}"));
        let mut answer = call.header("content-type", "application/json").send(body).unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_that_is_killed_delivers_when_it_is_back() {
    let folder = Folder::new();
    let healthy = Arc::new(Mutex::new(false));
    let now = healthy.clone();
    let receiver = Receiver::start(Box::new(move |_, _| if *now.lock().unwrap() { 200 } else { 503 }));
    let program = Program::start(&folder.0);
    let token = std::fs::read_to_string(folder.0.join("admin.token")).unwrap();
    let wish = format!(r#"{{"url":"{}","events":["room.opened"]}}"#, receiver.url());
    let created = program.post("/v1/webhooks", token.trim(), &wish);
    let guest = program.post("/v1/guests", "", r#"{"name":"Ripley"}"#);
    program.post("/v1/rooms", guest["secret"].as_str().unwrap(), r#"{"name":"Friday"}"#);
    until("the first attempt has failed", || (!receiver.calls().is_empty()).then_some(()));
    // SIGKILL: nothing of it runs any more.
    drop(program);
    *healthy.lock().unwrap() = true;

    let program = Program::start(&folder.0);
    // The server's own room was opened anew, too, and may be told first.
    let friday = || receiver.accepted().into_iter().find(|call| call.body.contains("Friday"));
    let arrived = until("it arrived", friday);
    assert!(arrived.is_signed_with(created["secret"].as_str().unwrap()));
    let told = receiver.calls().into_iter().filter(|call| call.body.contains("Friday"));
    let ids: Vec<_> = told.map(|call| call.id().to_owned()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "a repetition can be told by its id: {ids:?}");
    thread::sleep(QUIET);
    assert_eq!(receiver.accepted().iter().filter(|call| call.body.contains("Friday")).count(), 1);
    drop(program);
}
