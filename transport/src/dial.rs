//! The client's entrance: an [`Offer`] from the lobby becomes a [`Link`], or a sentence that says why not.
//!
//! Flow: grant -> [`Offer`] -> [`dial`] -> `udp/client.rs`, `quic.rs`, `quic/webtransport.rs`, `websocket.rs`, `tcp.rs` or `http/client.rs`
//! -> [`Link`].

#[cfg(target_family = "wasm")]
use crate::browser::webtransport;
use crate::http::HttpMode;
use crate::link::Link;
#[cfg(not(target_family = "wasm"))]
use crate::quic::{self, webtransport};
#[cfg(not(target_family = "wasm"))]
use crate::udp::{self, TokenError};
use crate::{Timing, http, websocket};
use ::http::Uri;
use protocol::Transport;
use protocol::lobby::{Endpoints, WebtransportEndpoint};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// Where a room can be reached over one transport, and what to show there.
#[derive(Clone, PartialEq, Eq)]
pub enum Offer {
    /// Over `udp`.
    Udp {
        /// A netcode connect token as bytes. It contains the server's addresses.
        token: Vec<u8>,
        /// Where to dial instead, for whoever knows better.
        server: Option<SocketAddr>,
    },
    /// Over `quic`.
    Quic {
        /// Where to dial.
        addr: SocketAddr,
        /// SHA-256 of the only certificate that is accepted.
        certificate_sha256: [u8; 32],
    },
    /// Over `websocket`.
    Websocket {
        /// `ws://host:port/v1/link`.
        url: String,
    },
    /// Over `tcp`.
    Tcp {
        /// Where to dial.
        addr: SocketAddr,
        /// Whether Nagle's algorithm stays on, at both ends: to feel what it costs.
        nagle: bool,
    },
    /// Over `webtransport`.
    Webtransport {
        /// `https://host:port/v1/link`.
        url: String,
        /// SHA-256 of the only certificate that is accepted.
        certificate_sha256: [u8; 32],
        /// Host names under which a browser trusts the server without it.
        signed_for: Vec<String>,
    },
    /// Over `http`.
    Http {
        /// `http://host:port/v1/link/http`.
        url: String,
        /// How to ask for what the server has.
        mode: HttpMode,
    },
}

/// What a player may choose about a wire besides which one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireOptions {
    /// `tcp`: leave Nagle's algorithm on.
    pub nagle: bool,
    /// `http`: how to ask for what the server has.
    pub http: HttpMode,
}

impl Offer {
    /// Returns what the lobby's `endpoints` offer over `wire`.
    pub fn over(wire: Transport, endpoints: Endpoints, options: WireOptions) -> Self {
        let Endpoints { udp, quic, websocket, tcp, http, webtransport, .. } = endpoints;
        let offer = match wire {
            Transport::Udp | Transport::Memory => Self::Udp { token: udp.token, server: Some(udp.addr) },
            Transport::Quic => Self::Quic { addr: quic.addr, certificate_sha256: quic.certificate_sha256 },
            Transport::Websocket => Self::Websocket { url: websocket.url },
            Transport::Tcp => Self::Tcp { addr: tcp.addr, nagle: options.nagle },
            Transport::Http => Self::Http { url: http.url, mode: options.http },
            Transport::Webtransport => {
                let WebtransportEndpoint { url, certificate_sha256, signed_for } = webtransport;
                Self::Webtransport { url, certificate_sha256, signed_for }
            }
        };
        #[cfg(target_family = "wasm")]
        let offer = crate::browser::at_page(offer);
        offer
    }

    /// Returns the kind of wire.
    pub fn transport(&self) -> Transport {
        match self {
            Self::Udp { .. } => Transport::Udp,
            Self::Quic { .. } => Transport::Quic,
            Self::Websocket { .. } => Transport::Websocket,
            Self::Tcp { .. } => Transport::Tcp,
            Self::Http { .. } => Transport::Http,
            Self::Webtransport { .. } => Transport::Webtransport,
        }
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A token holds keys, which must not reach a log.
        match self {
            Self::Udp { server, .. } => write!(f, "Offer(udp, {server:?})"),
            Self::Quic { addr, .. } => write!(f, "Offer(quic, {addr})"),
            Self::Websocket { url } => write!(f, "Offer(websocket, {url})"),
            Self::Tcp { addr, nagle } => write!(f, "Offer(tcp, {addr}, nagle {nagle})"),
            Self::Http { url, mode } => write!(f, "Offer(http, {url}, {mode:?})"),
            Self::Webtransport { url, .. } => write!(f, "Offer(webtransport, {url})"),
        }
    }
}

/// Why a link could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// What was offered is not an address. The lobby's fault.
    #[error("`{0}` is not an address that can be dialled.")]
    Address(String),
    /// The server is not the one that the lobby meant: somebody is in between, or it was started anew.
    #[error("The server at {0} is not the one that the lobby promised. Ask the lobby again.")]
    Certificate(SocketAddr),
    /// The server's certificate is not good any more: the server does not renew it, or a clock is wrong.
    #[error("The certificate of the server at {server} expired {} ago. Restart the server, and check both clocks.", rough(*.since))]
    Expired {
        /// Where.
        server: SocketAddr,
        /// For how long it has not been good.
        since: Duration,
    },
    /// Encryption could not be set up on this machine. Our own fault.
    #[error("Encryption could not be set up: {0}.")]
    Crypto(Box<dyn std::error::Error + Send + Sync>),
    /// The server has no place left.
    #[error("The server at {to} takes no more connections over {transport}. Try again in a moment.")]
    Full {
        /// Over which wire.
        transport: Transport,
        /// Where.
        to: String,
    },
    /// An HTTP server answered, but not with a link.
    #[error("{url} answered {status} instead of opening a connection. Is this a Crosswire server?")]
    Http {
        /// Where.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// This machine could not send or receive.
    #[error("This machine could not open the connection: {0}.")]
    Local(std::io::Error),
    /// Nothing came back in time.
    #[error("No answer over {transport} from {to} within {} s. Is {} blocked?", .after.as_secs_f32(), .blocked)]
    NoAnswer {
        /// Over which wire.
        transport: Transport,
        /// From where.
        to: String,
        /// How long we waited.
        after: Duration,
        /// What somebody on the way may not let through.
        blocked: &'static str,
    },
    /// The machine is there, and nobody listens.
    #[error("Nobody listens at {to} for {transport}. Is the server running?")]
    Refused {
        /// Over which wire.
        transport: Transport,
        /// Where.
        to: String,
    },
    /// The ticket is of no use. The lobby's fault, or that of whoever changed it on the way.
    #[cfg(not(target_family = "wasm"))]
    #[error("{0}. Ask the lobby for a new one.")]
    Token(#[from] TokenError),
    /// The browser does not say more.
    #[cfg(target_family = "wasm")]
    #[error("No webtransport to {0}: UDP is blocked on the way, or the certificate there is not the promised one.")]
    Browser(String),
    /// The server does not make the weather that the link was to pass: its own sentence.
    #[cfg(target_family = "wasm")]
    #[error("{0}")]
    Weather(String),
    /// WebTransport is for secure contexts only.
    #[cfg(target_family = "wasm")]
    #[error("This page did not come over https, so it has no webtransport.")]
    Insecure,
    /// Nor has every browser it there.
    #[cfg(target_family = "wasm")]
    #[error("This browser has no webtransport. Update it, or play over websocket.")]
    Unknown,
    /// A page has no such socket.
    #[cfg(target_family = "wasm")]
    #[error("A browser cannot fly over {0}.")]
    Missing(Transport),
}

impl DialError {
    pub(crate) fn address(to: impl fmt::Display) -> Self {
        Self::Address(to.to_string())
    }

    /// Returns whether the server may have shown another certificate than the one that was promised.
    pub(crate) const fn is_of_the_certificate(&self) -> bool {
        #[cfg(target_family = "wasm")]
        return matches!(self, Self::Browser(_));
        #[cfg(not(target_family = "wasm"))]
        return matches!(self, Self::Certificate(_));
    }

    pub(crate) fn certificate(server: SocketAddr) -> Self {
        Self::Certificate(server)
    }

    pub(crate) fn full(transport: Transport, to: impl fmt::Display) -> Self {
        Self::Full { transport, to: to.to_string() }
    }

    pub(crate) fn http(url: &str, status: u16) -> Self {
        Self::Http { url: url.to_owned(), status }
    }

    pub(crate) fn no_answer(transport: Transport, to: impl fmt::Display, after: Duration) -> Self {
        let blocked = if transport.is_of_datagrams() { "UDP" } else { "the way there" };
        Self::NoAnswer { transport, to: to.to_string(), after, blocked }
    }

    /// Names `offer` as the place that was dialled, for whoever dialled something in front of it.
    pub(crate) fn towards(self, offer: &Offer) -> Self {
        let there = match offer {
            Offer::Udp { server, .. } => server.map(|server| server.to_string()),
            Offer::Quic { addr, .. } | Offer::Tcp { addr, .. } => Some(addr.to_string()),
            Offer::Websocket { url } | Offer::Http { url, .. } | Offer::Webtransport { url, .. } => Some(url.clone()),
        };
        match (self, there) {
            (Self::Full { transport, .. }, Some(to)) => Self::Full { transport, to },
            (Self::Http { status, .. }, Some(url)) => Self::Http { url, status },
            (Self::NoAnswer { transport, after, blocked, .. }, Some(to)) => {
                Self::NoAnswer { transport, to, after, blocked }
            }
            (Self::Refused { transport, .. }, Some(to)) => Self::Refused { transport, to },
            (Self::Certificate(relay), _) => match offer {
                Offer::Quic { addr, .. } => Self::Certificate(*addr),
                _ => Self::Certificate(relay),
            },
            (Self::Expired { since, .. }, _) if let Offer::Quic { addr, .. } = offer => {
                Self::Expired { server: *addr, since }
            }
            (other, _) => other,
        }
    }

    pub(crate) fn refused(transport: Transport, to: impl fmt::Display) -> Self {
        Self::Refused { transport, to: to.to_string() }
    }
}

/// Opens a link, within [`protocol::limits::HANDSHAKE_DEADLINE`]. Needs a tokio runtime, on which the link then lives.
///
/// That a link is open does not mean that the server lets us in: on all transports but `udp` the first message decides.
pub async fn dial(offer: Offer) -> Result<Link, DialError> {
    dial_with(offer, Timing::default()).await
}

/// Opens a link with other than the usual patience.
pub async fn dial_with(offer: Offer, timing: Timing) -> Result<Link, DialError> {
    match offer {
        #[cfg(target_family = "wasm")]
        Offer::Udp { .. } | Offer::Quic { .. } | Offer::Tcp { .. } => Err(DialError::Missing(offer.transport())),
        #[cfg(not(target_family = "wasm"))]
        Offer::Udp { token, server } => udp::client::dial(&token, server, timing).await,
        #[cfg(not(target_family = "wasm"))]
        Offer::Quic { addr, certificate_sha256 } => quic::dial(addr, certificate_sha256, timing).await,
        Offer::Websocket { url } => websocket::dial(&url, timing).await,
        #[cfg(not(target_family = "wasm"))]
        Offer::Tcp { addr, nagle } => crate::tcp::dial(addr, nagle, timing).await,
        Offer::Http { url, mode } => http::dial(&url, mode, timing).await,
        #[cfg(not(target_family = "wasm"))]
        Offer::Webtransport { url, certificate_sha256, .. } => {
            webtransport::dial(&url, certificate_sha256, timing).await
        }
        #[cfg(target_family = "wasm")]
        Offer::Webtransport { url, certificate_sha256, signed_for } => {
            let host = parts(&url, "https").map(|(host, ..)| host).unwrap_or_default();
            let signed = signed_for.iter().any(|name| protocol::lobby::covers(name, &host));
            webtransport::dial(&url, (!signed).then_some(certificate_sha256), timing).await
        }
    }
}

/// Returns a length of time as people say it: the largest unit that fits, rounded down.
pub(crate) fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(24 * 3600, "day"), (3600, "hour"), (60, "minute")];
    let fits = units.into_iter().find(|(each, _)| seconds >= *each).unwrap_or((1, "second"));
    let count = seconds.checked_div(fits.0).unwrap_or_default();
    format!("{count} {}{}", fits.1, if count == 1 { "" } else { "s" })
}

/// Returns host, port and path of an address with that scheme.
pub(crate) fn parts(url: &str, scheme: &str) -> Option<(String, u16, String)> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host().filter(|_| uri.scheme_str() == Some(scheme))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let usual = if scheme == "https" { 443 } else { 80 };
    Some((host, uri.port_u16().unwrap_or(usual), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_apart() {
        let apart = |host: &str, port, path: &str| Some((host.to_owned(), port, path.to_owned()));
        assert_eq!(parts("ws://example.org:8080/v1/link", "ws"), apart("example.org", 8080, "/v1/link"));
        assert_eq!(parts("http://[::1]/v1/link?x=1", "http"), apart("::1", 80, "/v1/link?x=1"));
        assert_eq!(parts("http://example.org/", "ws"), None);
        assert_eq!(parts("nonsense", "ws"), None);
    }

    #[test]
    fn errors_are_sentences_with_a_next_step() {
        let error = DialError::no_answer(Transport::Udp, "192.0.2.1:5000", Duration::from_secs(3));
        assert_eq!(error.to_string(), "No answer over udp from 192.0.2.1:5000 within 3 s. Is UDP blocked?");
        let error =
            DialError::Expired { server: "192.0.2.1:5001".parse().unwrap(), since: Duration::from_secs(90_000) };
        assert_eq!(
            error.to_string(),
            "The certificate of the server at 192.0.2.1:5001 expired 1 day ago. Restart the server, and check both clocks."
        );
        let error = DialError::Token(TokenError::Malformed);
        assert_eq!(error.to_string(), "the ticket for UDP cannot be read. Ask the lobby for a new one.");
    }
}
