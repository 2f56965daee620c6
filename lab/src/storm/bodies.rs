//! Bad JSON at every route that takes a body: broken, cut off, of the wrong kind, too deep, too long, no text at all; from somebody whom
//! the server knows, so that it gets as far as the body.
//!
//! Which routes there are, the server's own description says. No body of these is one that any route may accept.
//!
//! Flow: `GET /v1/openapi.json` → [`routes`] → [`throw`] → the lobby → statuses in the tally.

use super::nonsense::Nonsense;
use super::tally::Port;
use super::{Pass, Storm};
use crate::plain;
use serde_json::Value;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

/// Bodies per second: each is paid for out of the same account as the honest requests from this machine.
const PER_SECOND: u32 = 700;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What these are called in the report.
pub(super) const KIND: &str = "bad body";
/// Calls of links carry bytes of their own, no JSON.
const LINKS: &str = "/v1/link";

/// A route that takes a body: method and path, with values for what is variable in it.
type Route = (String, String);

/// Throws `count` bodies, or as many as the storm lasts for.
pub(super) async fn throw(storm: Arc<Storm>, pass: Pass, count: u32) {
    let routes = match ask(&storm).await {
        Ok(routes) if !routes.is_empty() => routes,
        other => return storm.note(&format!("No bad bodies were thrown: the server tells no routes ({other:?}).")),
    };
    let mut nonsense = Nonsense::new(storm.seed, 60);
    let mut next = Instant::now();
    let mut stream = None;
    for number in 0..count {
        if storm.over() {
            return storm.note(&format!("Only {number} of {count} bad bodies were thrown: the storm was too short."));
        }
        let (method, path) = &routes[number as usize % routes.len()];
        let body = bad(&mut nonsense);
        let request = request(&storm, &pass, &mut nonsense, (method, path), &body);
        let answered = send(&storm, &mut stream, &request).await;
        storm.tally.piece(Port::Http, KIND, request.len());
        if let Some(status) = answered {
            storm.tally.status(Port::Http, KIND, status);
            if status < 400 {
                let start: String = String::from_utf8_lossy(&body).escape_debug().take(80).collect();
                storm.note(&format!("{method} {path} answered {status} to {start}"));
            }
        }
        next += Duration::from_secs(1) / PER_SECOND;
        sleep_until(next).await;
    }
}

async fn ask(storm: &Storm) -> io::Result<Vec<Route>> {
    let host = storm.http.to_string();
    let mut stream = plain::enter(&host).await?;
    let ask = format!("GET /v1/openapi.json HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.get_mut().write_all(ask.as_bytes()).await?;
    let (_, body) = timeout(PATIENCE, plain::answer(&mut stream)).await??;
    Ok(routes(&serde_json::from_slice(&body)?))
}

fn routes(document: &Value) -> Vec<Route> {
    let none = serde_json::Map::new();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap_or(&none) {
        for method in ["post", "put", "patch"].into_iter().filter(|method| item[*method].is_object()) {
            if !path.starts_with(LINKS) {
                routes.push((method.to_uppercase(), filled(path)));
            }
        }
    }
    routes
}

/// Puts a value for everything that is variable.
fn filled(path: &str) -> String {
    let fill = |part: &str| match part {
        "{code}" => "KM7-4QX".to_owned(),
        part if part.starts_with('{') => "1".to_owned(),
        part => part.to_owned(),
    };
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

/// Returns a body that is no JSON, or JSON of a kind that no route takes.
fn bad(nonsense: &mut Nonsense) -> Vec<u8> {
    const WHOLE: &[u8] =
        br#"{"name":"Somebody","map":"crossfire","mode":"skirmish","seats":8,"bots":2,"private":true}"#;
    // Not `null`: where a body may be left out, that says the same.
    const WRONG: [&[u8]; 6] = [b"true", b"-1e999", b"\"name\"", b"[[]]", b"{\"name\":[{}],\"\":{}}", b"\xFF\xFE{}\0"];
    let body = match nonsense.below(8) {
        0 => return nonsense.one_of(&WRONG).to_vec(),
        1 => b"{\"name\":".repeat(400),
        2 => b"[".repeat(4_000),
        3 => [WHOLE, b" ".repeat(5_000).as_slice()].concat(),
        4 => nonsense.exactly(200),
        5 => WHOLE[..1 + nonsense.below(WHOLE.len() - 1)].to_vec(),
        _ => nonsense.mutated(WHOLE),
    };
    // An accident may leave it whole, or mend it.
    let whole = body.len() <= 4_096 && serde_json::from_slice::<Value>(&body).is_ok_and(|value| value.is_object());
    if whole || body.is_empty() { [body.as_slice(), b"}"].concat() } else { body }
}

fn request(storm: &Storm, pass: &Pass, nonsense: &mut Nonsense, route: (&str, &str), body: &[u8]) -> Vec<u8> {
    let key =
        if nonsense.below(4) == 0 { format!("Idempotency-Key: {}\r\n", nonsense.below(50)) } else { String::new() };
    let head = format!(
        "{} {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAuthorization: Bearer {}\r\n{key}Content-Length: {}\r\n\r\n",
        route.0,
        route.1,
        storm.http,
        pass.guest.secret,
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Sends a request over the connection that is open, or over a new one. Returns the status of the answer.
async fn send(storm: &Storm, open: &mut Option<BufReader<TcpStream>>, request: &[u8]) -> Option<u16> {
    // A connection may have come to its end since the last answer; then there is one more attempt.
    for _ in 0..2 {
        let mut stream = match open.take() {
            Some(stream) => stream,
            None => {
                let stream = plain::enter(&storm.http.to_string()).await;
                storm.tally.connection(Port::Http, KIND, stream.is_ok());
                stream.ok()?
            }
        };
        // What is too long is refused before it has come to its end, so the answer counts even if not all could be said.
        let _ = stream.get_mut().write_all(request).await;
        if let Ok(Ok((head, body))) = timeout(PATIENCE, plain::answer(&mut stream)).await {
            storm.tally.answer(Port::Http, KIND, body.len());
            *open = Some(stream);
            return Some(head.status);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_come_from_the_description() {
        let document = serde_json::json!({"paths": {
            "/v1/guests": {"post": {}}, "/v1/rooms/{room}": {"get": {}, "patch": {}},
            "/v1/invites/{code}/seats": {"post": {}}, "/v1/link/http": {"post": {}}, "/healthz": {"get": {}}
        }});
        let route = |method: &str, path: &str| (method.to_owned(), path.to_owned());
        let expected =
            [route("POST", "/v1/guests"), route("POST", "/v1/invites/KM7-4QX/seats"), route("PATCH", "/v1/rooms/1")];
        let mut found = routes(&document);
        found.sort_by(|a, b| a.1.cmp(&b.1));
        assert_eq!(found, expected);
    }

    #[test]
    fn no_bad_body_is_good() {
        let mut nonsense = Nonsense::new(1, 1);
        for _ in 0..5_000 {
            let body = bad(&mut nonsense);
            let known = serde_json::from_slice::<Value>(&body).ok();
            let object = known.as_ref().and_then(Value::as_object);
            assert!(object.is_none_or(|_| body.len() > 4_096 || body.starts_with(b"{\"name\":[{}]")), "{body:?}");
        }
    }
}
