//! What can be seen from the start screen: servers nearby, how a server is, which room a code leads to.
//!
//! Pages ask for what they show, every frame; here it is decided when somebody is really called: about something that is being typed
//! once the typing has rested. An answer is good for a few seconds.
//!
//! Flow: pages of [`crate::menu`] → [`Lookout`] → `transport::lobby`, `transport::lan` → pages.

use super::Lobby;
use bevy::prelude::Resource;
use protocol::{limits::PROTOCOL_VERSION, lobby::RoomInfo};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
};
#[cfg(not(target_family = "wasm"))]
use transport::lan::Browser;
use transport::lan::LanServer;
use transport::lobby::{LobbyClient, LobbyError};
use web_time::{Duration, Instant};

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// It was asked and has not answered yet.
    Asked,
    /// It is there.
    Here {
        /// The best of the last few.
        round_trip: Duration,
        /// Open rooms, private ones included.
        rooms: u32,
        /// People in them.
        players: u32,
    },
    /// It is there, but is of another version.
    Other,
    /// It is not there, or is something else: one sentence.
    Gone(String),
}

/// Which room a code leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    /// The server was asked and has not answered yet.
    Asked,
    /// This one.
    Room(RoomInfo),
    /// None: one sentence.
    Nowhere(String),
}

/// What can be seen from the start screen.
#[derive(Resource)]
pub(crate) struct Lookout {
    #[cfg(not(target_family = "wasm"))]
    browser: Option<Browser>,
    servers: BTreeMap<String, Server>,
    /// By server and code.
    codes: BTreeMap<(String, String), (Instant, Lead)>,
    typing: Typing,
    send: Sender<News>,
    news: Mutex<Receiver<News>>,
}

struct Server {
    client: LobbyClient,
    asked: Instant,
    /// Its answer is awaited.
    waiting: bool,
    pulse: Pulse,
}

enum News {
    Pulse(String, Pulse),
    Code((String, String), Lead),
}

impl Default for Lookout {
    fn default() -> Self {
        let (send, news) = channel();
        let (servers, codes, typing) = (BTreeMap::new(), BTreeMap::new(), Typing::default());
        Self {
            #[cfg(not(target_family = "wasm"))]
            browser: None,
            servers,
            codes,
            typing,
            send,
            news: Mutex::new(news),
        }
    }
}

/// What is in a box that is typed into: half an address is another address, and nobody is to be asked about it.
#[derive(Debug, Default)]
struct Typing {
    text: String,
    changed: Option<Instant>,
}

impl Typing {
    /// Notes what is in the box at `now`. Returns whether it has been that for a while.
    fn rests(&mut self, text: &str, now: Instant) -> bool {
        if self.text != text {
            text.clone_into(&mut self.text);
            self.changed = Some(now);
        }
        self.changed.is_none_or(|changed| now.saturating_duration_since(changed) >= REST)
    }
}

impl Lookout {
    /// A page cannot listen for servers.
    #[cfg(target_family = "wasm")]
    #[expect(clippy::unused_self, reason = "elsewhere it is used")]
    pub(crate) fn nearby(&mut self) -> Vec<LanServer> {
        Vec::new()
    }

    /// Returns the servers on this network that speak as we do. The first call begins to listen for them.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn nearby(&mut self) -> Vec<LanServer> {
        let mut servers = self.browser.get_or_insert_with(Browser::start).servers();
        servers.retain(LanServer::same_protocol);
        servers
    }

    /// Returns how a server is, and asks it from time to time.
    pub(crate) fn pulse(&mut self, lobby: &Lobby, server: &str) -> Pulse {
        self.take_news();
        let known = match self.servers.entry(server.to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => match LobbyClient::new(server) {
                Ok(client) => {
                    place.insert(Server { client, asked: Instant::now(), waiting: false, pulse: Pulse::Asked })
                }
                Err(why) => return Pulse::Gone(why),
            },
        };
        let due = known.pulse == Pulse::Asked || known.asked.elapsed() > AGAIN;
        if due && !known.waiting {
            (known.asked, known.waiting) = (Instant::now(), true);
            let (client, server, send) = (known.client.clone(), server.to_owned(), self.send.clone());
            lobby.runtime().spawn(async move {
                let pulse = feel(&client).await;
                // Nobody wants to know if the window was closed.
                let _ = send.send(News::Pulse(server, pulse));
            });
        }
        known.pulse.clone()
    }

    /// Notes what is in the box of the start page. Returns whether what it leads to may be asked about; until then it is as if it were
    /// being asked.
    pub(crate) fn reads(&mut self, text: &str) -> bool {
        self.typing.rests(text, Instant::now())
    }

    /// Returns which room a code leads to, and asks its server once in a while.
    pub(crate) fn lead(&mut self, lobby: &Lobby, server: &str, code: &str) -> Lead {
        self.take_news();
        let key = (server.to_owned(), code.to_owned());
        if let Some((asked, lead)) = self.codes.get(&key)
            && (*lead == Lead::Asked || asked.elapsed() < CODE_AGAIN)
        {
            return lead.clone();
        }
        let client = match LobbyClient::new(server) {
            Ok(client) => client,
            Err(why) => return Lead::Nowhere(why),
        };
        let send = self.send.clone();
        let before = self.codes.remove(&key).map_or(Lead::Asked, |(_, lead)| lead);
        self.codes.insert(key.clone(), (Instant::now(), before.clone()));
        lobby.runtime().spawn(async move {
            let lead = match client.by_code(&key.1).await {
                Ok(room) => Lead::Room(room),
                Err(error) => Lead::Nowhere(error.to_string()),
            };
            let _ = send.send(News::Code(key, lead));
        });
        before
    }

    fn take_news(&mut self) {
        let news = self.news.get_mut().unwrap_or_else(PoisonError::into_inner);
        while let Ok(news) = news.try_recv() {
            match news {
                News::Pulse(server, pulse) => {
                    if let Some(known) = self.servers.get_mut(&server) {
                        (known.pulse, known.waiting) = (pulse, false);
                    }
                }
                News::Code(key, lead) => drop(self.codes.insert(key, (Instant::now(), lead))),
            }
        }
    }
}

/// Asks a server how it is. The second question goes over a connection that is there, so its time is the round trip.
async fn feel(client: &LobbyClient) -> Pulse {
    let mut best = Duration::MAX;
    let mut last = None;
    for _ in 0..2 {
        let asked = Instant::now();
        match client.health().await {
            Ok(health) => last = Some(health),
            Err(LobbyError::Unreachable { .. }) => {
                return Pulse::Gone(format!("No server answers at {}.", shown(client.base())));
            }
            Err(error) => return Pulse::Gone(error.to_string()),
        }
        best = best.min(asked.elapsed());
    }
    match last {
        Some(health) if health.protocol == PROTOCOL_VERSION => {
            Pulse::Here { round_trip: best, rooms: health.rooms, players: health.players }
        }
        _ => Pulse::Other,
    }
}

/// Returns an address as people read it: without what goes without saying.
pub(crate) fn shown(server: &str) -> &str {
    let server = server.trim().trim_end_matches('/');
    match server.strip_prefix("https://") {
        Some(secure) => secure.strip_suffix(":443").unwrap_or(secure),
        None => {
            let plain = server.trim_start_matches("http://");
            plain.strip_suffix(":8080").unwrap_or(plain)
        }
    }
}

/// Returns a time as players read it.
pub(crate) fn milliseconds(time: Duration) -> String {
    if time < Duration::from_millis(1) { "<1 ms".to_owned() } else { format!("{} ms", time.as_millis()) }
}

/// How long a pulse is good for.
const AGAIN: Duration = Duration::from_secs(3);
/// Whoever types on does so sooner than this.
const REST: Duration = Duration::from_millis(400);
/// How long a code is: asking for codes is dear, and rooms do not change that fast.
const CODE_AGAIN: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_about_half_an_address() {
        let (mut typing, start) = (Typing::default(), Instant::now());
        assert!(typing.rests("", start), "an empty box need not rest");
        let at = |ms: u64| start + Duration::from_millis(ms);
        // A letter every 150 ms, as people type.
        for (index, text) in ["1", "10", "10.", "10.0", "10.0.", "10.0.0", "10.0.0.", "10.0.0.7"].iter().enumerate() {
            assert!(!typing.rests(text, at(150 * index as u64)), "{text}");
        }
        assert!(!typing.rests("10.0.0.7", at(1_449)));
        assert!(typing.rests("10.0.0.7", at(1_450)));
        assert!(!typing.rests("10.0.0.70", at(1_460)), "one letter more is another address");
    }

    #[test]
    fn addresses_are_shown_short() {
        assert_eq!(shown("http://192.168.1.20:8080/"), "192.168.1.20");
        assert_eq!(shown("https://arena.example:443"), "arena.example");
        assert_eq!(shown("attic.local:9000"), "attic.local:9000");
    }
}
