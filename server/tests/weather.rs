//! Weather that is made in the server for players in a browser: it is real, it is theirs alone, and it opens nothing to anybody else.
//!
//! Flow: `lobby/bench.rs` starts a lobby → these tests → `server::lobby` → a relay → the same server.

#[path = "lobby/bench.rs"]
#[allow(dead_code, reason = "shared with the lobby's own tests, which need more of it")]
mod bench;

use bench::{Answer, Server};
use protocol::Transport;
use protocol::lobby::{Door, WeatherOrder};
use std::time::{Duration, Instant};
use transport::lobby::LobbyClient;
use transport::{DialError, HttpMode, Link, Offer, dial};

const DOORS: &str = "/v1/players/me/weather/doors";
/// One way; there and back a connection takes twice that.
const DELAY: Duration = Duration::from_millis(60);

fn order(server: &Server, secret: &str, weather: &str) -> Answer {
    let body = format!(r#"{{"weather":"{weather}"}}"#);
    server.call("PUT", "/v1/players/me/weather", Some(secret), Some(("application/json", &body)))
}

fn door(server: &Server, secret: &str, wire: &str) -> Answer {
    server.post(DOORS, Some(secret), &format!(r#"{{"wire":"{wire}"}}"#))
}

fn link(server: &Server, offer: Offer) -> Result<Link, DialError> {
    server.runtime.block_on(dial(offer))
}

#[test]
fn links_through_a_door_meet_the_weather() {
    let server = Server::start();
    let guest = server.guest("Ripley");
    assert_eq!(order(&server, &guest.secret, &format!("delay={}", DELAY.as_millis())).status, 204);
    for wire in ["websocket", "http", "webtransport"] {
        let Door { port } = door(&server, &guest.secret, wire).json();
        let offer = match wire {
            "websocket" => Offer::Websocket { url: format!("ws://127.0.0.1:{port}/v1/link") },
            "http" => Offer::Http { url: format!("http://127.0.0.1:{port}/v1/link/http"), mode: HttpMode::LongPoll },
            _ => Offer::Webtransport {
                url: format!("https://127.0.0.1:{port}/v1/link"),
                certificate_sha256: server.listeners.certificate_sha256(),
                signed_for: Vec::new(),
            },
        };
        let began = Instant::now();
        let opened = link(&server, offer).unwrap_or_else(|error| panic!("{wire}: {error}"));
        assert!(began.elapsed() >= 2 * DELAY, "{wire} was open after {:?}", began.elapsed());
        assert!(opened.closed().is_none(), "{wire}");
    }
}

#[test]
fn a_client_orders_it_in_two_calls() {
    let server = Server::start();
    let guest = server.guest("Ripley");
    let lobby = LobbyClient::new(&server.addr.to_string()).unwrap();
    let order = WeatherOrder { weather: "bad".into(), spike: None, unplugged: vec![Transport::Http] };
    server.runtime.block_on(async {
        let early = lobby.open_door(&guest, Transport::Websocket).await.unwrap_err();
        assert_eq!(early.status(), Some(409));
        lobby.order_weather(&guest, &order).await.unwrap();
        assert_ne!(lobby.open_door(&guest, Transport::Websocket).await.unwrap().port, 0);
    });
}

#[test]
fn what_is_no_weather_is_refused_in_words_and_changes_nothing() {
    let server = Server::start();
    let guest = server.guest("Ripley");
    for (weather, word) in [("soup", "soup"), ("delay=9000", "delay"), ("", "weather")] {
        let refused = order(&server, &guest.secret, weather);
        assert_eq!(refused.status, 422, "{weather}");
        assert!(refused.problem().detail.contains(word), "{weather}: {}", refused.body);
    }
    assert_eq!(door(&server, &guest.secret, "http").status, 409, "nothing was ordered yet");
    assert_eq!(order(&server, &guest.secret, "bad").status, 204);
    assert_eq!(door(&server, &guest.secret, "udp").status, 422, "no browser has it");
    assert_eq!(door(&server, &guest.secret, "pigeon").status, 400);
    assert_eq!(door(&server, "nobody", "http").status, 401);
    let doors: Vec<_> = (0..33).map(|_| door(&server, &guest.secret, "http").status).collect();
    assert_eq!((&doors[..32], doors[32]), (&[201; 32][..], 409), "there is an end to it");
}

#[test]
fn a_page_of_this_server_may_come_through_and_no_other() {
    let server = Server::start();
    let guest = server.guest("Ripley");
    order(&server, &guest.secret, "calm");
    let ask = |method: &str, origin: &str, more: &str| {
        let Door { port } = door(&server, &guest.secret, "http").json();
        let head = format!("{method} /v1/link/http HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin}\r\n{more}");
        server.raw_at(([127, 0, 0, 1], port).into(), &format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n"))
    };
    let page = format!("http://{}", server.addr);
    let first = ask("OPTIONS", &page, "Access-Control-Request-Method: POST\r\n");
    assert_eq!((first.status, first.header("access-control-allow-origin")), (204, Some(page.as_str())));
    assert!(first.header("access-control-allow-headers").is_some_and(|names| names.contains("authorization")));
    let opened = ask("POST", &page, "");
    assert_eq!((opened.status, opened.header("access-control-allow-origin")), (201, Some(page.as_str())));
    for foreign in ["http://evil.example", "http://127.0.0.1:1", "http://localhost", "null"] {
        let refused = ask("POST", foreign, "");
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None), "{foreign}");
    }
    let Door { port } = door(&server, &guest.secret, "websocket").json();
    let upgrade = |origin: &str| {
        let head = format!("GET /v1/link HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin}\r\n");
        server.raw(&format!(
            "{head}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ))
    };
    assert_eq!(upgrade("http://evil.example").status, 403);
}
