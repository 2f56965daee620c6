//! The client's side: hears of servers on the local network, and asks each every few seconds whether it answers.
//!
//! Flow: `mdns_sd` → [`Browser`]'s thread: [`Seen`] → probes → [`Browser::servers`].

use super::LanServer;
use super::{SERVICE, tidy};
use mdns_sd::{Receiver, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent, VERIFY_TIMEOUT_DEFAULT};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

/// Time between two questions to the same server.
const ASK_EVERY: Duration = Duration::from_secs(3);
/// How soon somebody who was just heard of is asked.
const ASK_SOON: Duration = Duration::from_millis(250);
/// How long an answer may take on a local network.
const PATIENCE: Duration = Duration::from_millis(700);
/// Questions in a row without an answer after which a server is taken for gone.
const MAX_MISSED: u8 = 2;
/// Questions in a row without an answer, a minute of them, after which the network is asked whether the announcement still holds.
const DOUBTED: u8 = 20;
/// Servers that are looked after. More on one network are somebody's joke. Whoever answers keeps its place.
const MAX_SERVERS: usize = 64;
/// Addresses of one server that are tried.
const MAX_ADDRESSES: usize = 4;

/// Listens for servers on the local network until it is dropped.
#[derive(Debug)]
pub struct Browser {
    seen: Arc<Mutex<Seen>>,
    /// Ends the thread when it is dropped.
    _stop: oneshot::Sender<()>,
}

impl Browser {
    /// Begins to listen, on a thread of its own. Where that is not possible the log says so, and the list stays empty.
    pub fn start() -> Self {
        let (stop, stopped) = oneshot::channel();
        let seen = Arc::<Mutex<Seen>>::default();
        let theirs = Arc::clone(&seen);
        let browse = move || {
            if let Err(error) = listen(&theirs, stopped) {
                tracing::warn!("Servers on this network cannot be listed: {error}. Their addresses still work.");
            }
        };
        if let Err(error) = std::thread::Builder::new().name("lan".to_owned()).spawn(browse) {
            tracing::warn!("Servers on this network cannot be listed: {error}. Their addresses still work.");
        }
        Self { seen, _stop: stop }
    }

    /// Returns the servers that are there, by name and address. The nearest way to each, if it has several.
    pub fn servers(&self) -> Vec<LanServer> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).list()
    }
}

/// What has been heard, by the label of the announcement.
#[derive(Debug, Default)]
struct Seen {
    servers: BTreeMap<String, Known>,
    /// Counts announcements, to tell which of two is newer.
    heard: u64,
}

#[derive(Clone, Debug)]
struct Known {
    server: LanServer,
    /// Where it says that it is, the best first.
    addresses: Vec<SocketAddr>,
    heard: u64,
    missed: u8,
}

impl Seen {
    /// Takes an announcement, or a new one of a server that is known.
    fn hear(&mut self, label: &str, text: impl Fn(&str) -> Option<String>, addresses: Vec<SocketAddr>) {
        let Some(first) = addresses.first().copied() else { return };
        if self.servers.len() >= MAX_SERVERS && !self.servers.contains_key(label) && !self.make_room() {
            return;
        }
        let number = |key| text(key).and_then(|number| number.parse().ok()).unwrap_or_default();
        let before = self.servers.get(label);
        let addr = before.map(|known| known.server.addr).filter(|addr| addresses.contains(addr)).unwrap_or(first);
        let name = text("name").map(|name| tidy(&name)).filter(|name| !name.is_empty());
        let server = LanServer {
            name: name.unwrap_or_else(|| addr.ip().to_string()),
            addr,
            players: number("players"),
            seats: number("seats"),
            version: text("version").map(|version| tidy(&version)).unwrap_or_default(),
            protocol: text("protocol").and_then(|number| number.parse().ok()).unwrap_or_default(),
            round_trip: before.and_then(|known| known.server.round_trip),
        };
        self.heard = self.heard.saturating_add(1);
        self.servers.insert(label.to_owned(), Known { server, addresses, heard: self.heard, missed: 0 });
    }

    /// Forgets whoever has been silent for longest. Returns whether there was anybody.
    fn make_room(&mut self) -> bool {
        let silent = self.servers.iter().filter(|(_, known)| known.missed >= MAX_MISSED);
        let longest = silent.max_by_key(|(_, known)| (known.missed, std::cmp::Reverse(known.heard)));
        let label = longest.map(|(label, _)| label.clone());
        label.is_some_and(|label| self.servers.remove(&label).is_some())
    }

    fn forget(&mut self, label: &str) {
        self.servers.remove(label);
    }

    /// Notes what became of a question: where it was answered and how fast, or nothing. Returns whether there have now been so many of
    /// these that the announcement itself is in doubt, which is said once.
    fn asked(&mut self, label: &str, answer: Option<(SocketAddr, Duration)>) -> bool {
        let Some(known) = self.servers.get_mut(label) else { return false };
        match answer {
            Some((addr, round_trip)) => {
                known.missed = 0;
                (known.server.addr, known.server.round_trip) = (addr, Some(round_trip));
            }
            None => known.missed = known.missed.saturating_add(1),
        }
        known.missed == DOUBTED
    }

    /// Returns whom to ask, and where, the best way first.
    fn to_ask(&self) -> Vec<(String, Vec<SocketAddr>)> {
        let addresses = |known: &Known| known.addresses.iter().copied().take(MAX_ADDRESSES).collect();
        self.servers.iter().map(|(label, known)| (label.clone(), addresses(known))).collect()
    }

    /// Returns those that are there. Of two at the same address the older one has been replaced.
    fn list(&self) -> Vec<LanServer> {
        let mut there: Vec<_> = self.servers.values().filter(|known| known.missed < MAX_MISSED).collect();
        there.sort_by_key(|known| (known.server.addr, std::cmp::Reverse(known.heard)));
        there.dedup_by_key(|known| known.server.addr);
        there.sort_by(|a, b| (&a.server.name, a.server.addr).cmp(&(&b.server.name, b.server.addr)));
        there.into_iter().map(|known| known.server.clone()).collect()
    }
}

/// Listens until the other end of `stopped` is dropped.
fn listen(seen: &Arc<Mutex<Seen>>, stopped: oneshot::Receiver<()>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let daemon = ServiceDaemon::new().map_err(|error| error.to_string())?;
    let events = daemon.browse(SERVICE).map_err(|error| error.to_string())?;
    runtime.block_on(async {
        tokio::select! {
            _ = stopped => {}
            () = hear_all(seen, events) => {}
            () = ask_all(seen, &daemon) => {}
        }
    });
    // There is nothing to take back, so nobody waits for it.
    let _ = daemon.shutdown();
    Ok(())
}

async fn hear_all(seen: &Mutex<Seen>, events: Receiver<ServiceEvent>) {
    while let Ok(event) = events.recv_async().await {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            ServiceEvent::ServiceResolved(service) => {
                let text = |key: &str| service.get_property_val_str(key).map(str::to_owned);
                seen.hear(&service.fullname, text, addresses(&service));
            }
            ServiceEvent::ServiceRemoved(_, label) => seen.forget(&label),
            _ => {}
        }
    }
    // The daemon is gone. What was found can still be asked.
    std::future::pending::<()>().await;
}

async fn ask_all(seen: &Arc<Mutex<Seen>>, daemon: &ServiceDaemon) {
    let mut rounds = interval(ASK_SOON);
    let mut asked = BTreeMap::<String, Instant>::new();
    loop {
        rounds.tick().await;
        let due = seen.lock().unwrap_or_else(PoisonError::into_inner).to_ask();
        asked.retain(|label, _| due.iter().any(|(known, _)| known == label));
        let mut questions = JoinSet::new();
        for (label, addresses) in due {
            if asked.get(&label).is_none_or(|at| at.elapsed() >= ASK_EVERY) {
                asked.insert(label.clone(), Instant::now());
                questions.spawn(async move { (label, ask(&addresses).await) });
            }
        }
        while let Some(Ok((label, answer))) = questions.join_next().await {
            let doubted = seen.lock().unwrap_or_else(PoisonError::into_inner).asked(&label, answer);
            // If nobody stands up for it either, the daemon says that it is gone (RFC 6762, section 10.4), and a return is news to it. A
            // daemon that is busy or gone may keep it: it is not shown, and its place is free for others.
            if doubted {
                let _ = daemon.verify(label, VERIFY_TIMEOUT_DEFAULT);
            }
        }
    }
}

/// Returns the first address that answers, and how long that took. A connection takes one round trip and costs the server nothing.
async fn ask(addresses: &[SocketAddr]) -> Option<(SocketAddr, Duration)> {
    for addr in addresses {
        let began = Instant::now();
        if let Ok(Ok(_)) = timeout(PATIENCE, TcpStream::connect(addr)).await {
            return Some((*addr, began.elapsed()));
        }
    }
    None
}

/// Returns where a service is: what others on the network can use first, this very machine last. Addresses that need a zone are left
/// out, because nobody can type them.
fn addresses(service: &ResolvedService) -> Vec<SocketAddr> {
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_unicast_link_local(),
    };
    let mut found: Vec<_> = service.addresses.iter().map(ScopedIp::to_ip_addr).filter(usable).collect();
    found.sort_by_key(|ip| (ip.is_loopback(), ip.is_ipv6(), *ip));
    found.into_iter().map(|ip| SocketAddr::new(ip, service.port)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn hear(seen: &mut Seen, label: &str, text: &[(&str, &str)], addresses: &[&str]) {
        let find = |key: &str| text.iter().find(|(k, _)| *k == key).map(|(_, value)| (*value).to_owned());
        seen.hear(label, find, addresses.iter().map(|text| addr(text)).collect());
    }

    #[test]
    fn a_server_is_listed_until_it_is_silent_twice_or_says_goodbye() {
        let mut seen = Seen::default();
        let text = [("name", "Attic"), ("players", "3"), ("seats", "16"), ("protocol", "2"), ("version", "0.1.0")];
        hear(&mut seen, "a", &text, &["10.0.0.7:8080", "127.0.0.1:8080"]);
        let [server] = &seen.list()[..] else { panic!("{:?}", seen.list()) };
        assert_eq!((server.name.as_str(), server.addr, server.round_trip), ("Attic", addr("10.0.0.7:8080"), None));
        assert_eq!((server.players, server.seats, server.protocol, server.version.as_str()), (3, 16, 2, "0.1.0"));
        assert_eq!(server.same_protocol(), protocol::limits::PROTOCOL_VERSION == 2);

        seen.asked("a", Some((addr("127.0.0.1:8080"), Duration::from_millis(2))));
        assert_eq!(seen.list()[0].addr, addr("127.0.0.1:8080"), "where it answers");
        assert_eq!(seen.to_ask()[0].1, [addr("10.0.0.7:8080"), addr("127.0.0.1:8080")], "the better way may come back");
        seen.asked("a", None);
        assert_eq!(seen.list().len(), 1, "one lost packet is no goodbye");
        seen.asked("a", None);
        assert_eq!(seen.list(), []);
        seen.asked("a", Some((addr("127.0.0.1:8080"), Duration::from_millis(3))));
        assert_eq!(seen.list()[0].round_trip, Some(Duration::from_millis(3)));
        seen.forget("a");
        assert_eq!(seen.list(), []);
    }

    #[test]
    fn news_change_the_numbers_and_keep_the_way() {
        let mut seen = Seen::default();
        hear(&mut seen, "a", &[("players", "0")], &["10.0.0.7:8080", "10.1.0.7:8080"]);
        seen.asked("a", Some((addr("10.1.0.7:8080"), Duration::from_millis(1))));
        hear(&mut seen, "a", &[("players", "5")], &["10.0.0.7:8080", "10.1.0.7:8080"]);
        let server = &seen.list()[0];
        assert_eq!((server.players, server.addr), (5, addr("10.1.0.7:8080")));
        assert_eq!(server.name, "10.1.0.7", "who has no name is called by address");
        assert_eq!(server.round_trip, Some(Duration::from_millis(1)));
    }

    #[test]
    fn whoever_was_started_anew_is_listed_once() {
        let mut seen = Seen::default();
        hear(&mut seen, "z", &[("name", "old")], &["10.0.0.7:8080"]);
        hear(&mut seen, "a", &[("name", "new")], &["10.0.0.7:8080"]);
        hear(&mut seen, "b", &[("name", "Berth")], &["10.0.0.8:8080"]);
        let names: Vec<_> = seen.list().into_iter().map(|server| server.name).collect();
        assert_eq!(names, ["Berth", "new"]);
    }

    #[test]
    fn nobody_fills_the_list() {
        let mut seen = Seen::default();
        for number in 0..200 {
            hear(&mut seen, &number.to_string(), &[("players", "nonsense")], &[&format!("10.0.0.{number}:1")]);
        }
        assert_eq!(seen.list().len(), MAX_SERVERS);
        hear(&mut seen, "nowhere", &[], &[]);
        assert_eq!(seen.list().len(), MAX_SERVERS);
    }

    #[test]
    fn whoever_is_silent_makes_room_and_whoever_answers_does_not() {
        let mut seen = Seen::default();
        let label = |number: usize| format!("{number:02}");
        let come = |seen: &mut Seen, number: usize| hear(seen, &label(number), &[], &[&format!("10.0.0.{number}:1")]);
        (0..MAX_SERVERS).for_each(|number| come(&mut seen, number));
        // All but two are silent, number 7 for longest.
        for round in 0..3 {
            for number in 2..MAX_SERVERS {
                assert!(!seen.asked(&label(number), None), "{round}");
            }
        }
        seen.asked(&label(7), None);
        come(&mut seen, 90);
        assert!(!seen.servers.contains_key(&label(7)), "silent for longest");
        assert_eq!(seen.servers.len(), MAX_SERVERS);
        (100..200).for_each(|number| come(&mut seen, number));
        for number in [0, 1, 90] {
            assert!(seen.servers.contains_key(&label(number)), "{number} is there, or was never asked");
        }
        assert_eq!(seen.list().len(), MAX_SERVERS, "no place is left to the silent");
        let doubts = (0..50).filter(|_| seen.asked(&label(0), None)).count();
        assert_eq!(doubts, 1, "after a minute, once");
        seen.asked(&label(0), Some((addr("10.0.0.0:1"), Duration::from_millis(1))));
        assert_eq!((0..50).filter(|_| seen.asked(&label(0), None)).count(), 1, "and anew after an answer");
    }
}
