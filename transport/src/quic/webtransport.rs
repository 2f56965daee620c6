//! The `webtransport` transport: `quic` as a browser speaks it, over HTTP/3 (draft-ietf-webtrans-http3) and on the same UDP port.
//!
//! What a page may open is decided here, before anything else: the path is that of the WebSocket, and the page must have been served
//! from this host. Behind that there is no difference to `quic`: one stream with the same preamble, and datagrams.
//!
//! Flow: `dial.rs` [`dial`], or `quic.rs` accept -> [`is_spoken`] -> [`welcome`] -> `quic.rs`.

use super::{connect, open, start};
use crate::dial::parts;
use crate::link::Link;
use crate::{DialError, Timing, websocket};
use protocol::Transport;
use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, Endpoint};
use std::net::{IpAddr, SocketAddr};
use tokio::net::lookup_host;
use tokio::time::timeout;
use url::Url;
use web_transport_quinn::http::{HeaderMap, StatusCode, header::ORIGIN};
use web_transport_quinn::proto::ConnectRequest;
use web_transport_quinn::{Request, Session};

/// How a client says in the handshake that it speaks HTTP/3.
pub(super) const ALPN: &[u8] = web_transport_quinn::ALPN.as_bytes();
/// Streams that HTTP/3 itself needs in one direction: control, both halves of QPACK, and one of no meaning (RFC 9114, 6.2).
pub(super) const UNI_STREAMS: u32 = 4;
/// The request's stream, and ours.
pub(super) const BIDI_STREAMS: u32 = 2;

/// Opens a link at an `https://` address to a server whose certificate has this hash.
pub(crate) async fn dial(url: &str, certificate_sha256: [u8; 32], timing: Timing) -> Result<Link, DialError> {
    let (host, port, _) = parts(url, "https").ok_or_else(|| DialError::address(url))?;
    let server = resolve(&host, port).await.ok_or_else(|| DialError::address(url))?;
    let request = ConnectRequest::new(url.parse::<Url>().map_err(|_| DialError::address(url))?);
    let (endpoint, connection) = connect(server, certificate_sha256, ALPN, timing).await?;
    let asked = timeout(timing.handshake, Session::connect(connection, request)).await;
    let asked = asked.map_err(|_| DialError::no_answer(Transport::Webtransport, server, timing.handshake))?;
    let session = asked.map_err(|_| DialError::refused(Transport::Webtransport, server))?;
    let opened = open(Transport::Webtransport, session, server, timing).await?;
    Ok(start(opened, endpoint, server, timing))
}

/// Opens a connection that claims to speak HTTP/3, on which nothing was said yet, and the socket below it: for whoever wants to say
/// what no client of ours does.
///
/// # Errors
/// See [`DialError`].
pub async fn knock(
    server: SocketAddr,
    certificate_sha256: [u8; 32],
    timing: Timing,
) -> Result<(Endpoint, Connection), DialError> {
    connect(server, certificate_sha256, ALPN, timing).await
}

/// Returns the address of a host, if it has one.
pub(crate) async fn resolve(host: &str, port: u16) -> Option<SocketAddr> {
    lookup_host((host, port)).await.ok()?.next()
}

/// Returns whether the client speaks HTTP/3.
pub(super) fn is_spoken(connection: &Connection) -> bool {
    let handshake = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    handshake.and_then(|handshake| handshake.protocol).is_some_and(|protocol| protocol == ALPN)
}

/// Answers the request that opens a session. None if it asks for something else, or may not.
pub(super) async fn welcome(connection: Connection) -> Option<Session> {
    let request = Request::accept(connection).await.ok()?;
    let status = match () {
        () if request.url.path() != websocket::PATH => StatusCode::NOT_FOUND,
        () if !may_ask(&request.headers, request.url.host_str()) => StatusCode::FORBIDDEN,
        () => return request.ok().await.ok(),
    };
    let connection = request.conn().clone();
    request.reject(status).await.ok()?;
    // The answer is read before the connection goes with its last handle.
    connection.closed().await;
    None
}

/// Returns whether the page that asks, if it is a page, was served from this host. Its port is that of HTTP, so it is another one.
fn may_ask(headers: &HeaderMap, host: Option<&str>) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let page = origin.to_str().ok().and_then(|origin| origin.parse::<Url>().ok());
    page.is_some_and(|page| {
        let page = page.host_str();
        page.is_some() && (page == host || page.is_some_and(is_this_machine) && host.is_some_and(is_this_machine))
    })
}

/// Returns whether a host is the machine that asks, whatever it calls itself: browsers take `localhost` for IPv6 first, and we may have none.
fn is_this_machine(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use web_transport_quinn::http::HeaderValue;

    #[test]
    fn only_pages_of_this_host_may_ask() {
        let asks = |origin: &'static str, host| {
            may_ask(&HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]), Some(host))
        };
        assert!(may_ask(&HeaderMap::new(), Some("play.example")), "no page");
        assert!(asks("http://play.example:8080", "play.example") && asks("https://[::1]:8080", "[::1]"));
        assert!(asks("http://localhost:8080", "127.0.0.1") && asks("http://127.0.0.1", "[::1]"));
        assert!(!asks("http://localhost:8080", "192.168.1.5") && !asks("http://192.168.1.5", "127.0.0.1"));
        for foreign in ["http://evil.example", "null", "", "http://play.example.evil.example", "data:text/html,x"] {
            assert!(!asks(foreign, "play.example"), "{foreign}");
        }
    }
}
