//! The HTTP half of a WebSocket: which requests are upgraded, and the answer.
//!
//! A browser sends the page's origin with the request, and any page may try: one that is not ours is refused before the
//! upgrade. Native clients send none. There are no cookies, so a page has nothing to abuse beyond that.
//!
//! Flow: HTTP server -> [`upgrade_response`] -> answer -> `hyper::upgrade::on` -> `websocket.rs`, `accept`.

use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, ORIGIN, UPGRADE};
use hyper::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION};
use hyper::http::HeaderValue;
use hyper::{Method, Request, Response, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Why a request does not become a link, for the HTTP server to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// The body of the answer: one sentence.
    pub why: &'static str,
}

/// The only version of the WebSocket protocol.
const VERSION: &str = "13";

/// Returns the answer that upgrades `request` to a WebSocket, or why there is none.
pub fn upgrade_response<B>(request: &Request<B>) -> Result<Response<()>, Refusal> {
    let headers = request.headers();
    let asks = request.method() == Method::GET
        && lists(headers, &CONNECTION, "upgrade")
        && lists(headers, &UPGRADE, "websocket")
        && text(headers, &SEC_WEBSOCKET_VERSION) == Some(VERSION);
    if !asks {
        return Err(Refusal {
            status: StatusCode::UPGRADE_REQUIRED,
            why: "This address speaks WebSocket, version 13.",
        });
    }
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY) else {
        return Err(Refusal { status: StatusCode::BAD_REQUEST, why: "The request has no Sec-WebSocket-Key." });
    };
    if !origin_ok(headers) {
        return Err(Refusal { status: StatusCode::FORBIDDEN, why: "This page may not open a connection here." });
    }
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
    let bad_key = Refusal { status: StatusCode::BAD_REQUEST, why: "The Sec-WebSocket-Key cannot be used." };
    answer.insert(SEC_WEBSOCKET_ACCEPT, accept.map_err(|_| bad_key)?);
    Ok(response)
}

/// Returns whether the page that asks, if it is a page, was served from here.
pub(crate) fn origin_ok(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Some((_, authority)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else { return false };
    text(headers, &HOST).is_some_and(|host| host.eq_ignore_ascii_case(authority))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a comma-separated header contains `word`.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|entry| entry.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl FnOnce(&mut HeaderMap)) -> Result<Response<()>, Refusal> {
        let mut request = Request::new(());
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("play.example:7777"));
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("WebSocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        change(headers);
        upgrade_response(&request)
    }

    #[test]
    fn answers_with_the_key_of_the_standards_example() {
        let response = request(|_| {}).unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn only_our_own_pages_may_ask() {
        let origin = |origin: &'static str| {
            request(|headers| {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            })
        };
        assert!(origin("http://play.example:7777").is_ok());
        for foreign in ["http://evil.example", "http://play.example", "null", "https://play.example:7777.evil.example"]
        {
            assert_eq!(origin(foreign).unwrap_err().status, StatusCode::FORBIDDEN, "{foreign}");
        }
    }

    #[test]
    fn a_plain_request_is_told_what_to_do() {
        for missing in [CONNECTION, UPGRADE, SEC_WEBSOCKET_VERSION] {
            let refused = request(|headers| {
                headers.remove(missing);
            });
            assert_eq!(refused.unwrap_err().status, StatusCode::UPGRADE_REQUIRED);
        }
        let refused = request(|headers| {
            headers.remove(SEC_WEBSOCKET_KEY);
        });
        assert_eq!(refused.unwrap_err().status, StatusCode::BAD_REQUEST);
    }
}
