//! How Crosswire travels: every transport with both of its ends, behind one [`Link`].
//!
//! A link has two lanes. What each transport makes of them:
//!
//! | | [`Lane::Reliable`] | [`Lane::Latest`] | head-of-line blocking | sealed by | identity before the first message |
//! |---|---|---|---|---|---|
//! | `udp` | pieces in renet's ordered channel | netcode payload of its own | Latest: no | netcode | connect token |
//! | `quic` | one stream, length before each message | DATAGRAM frame | Latest: no | TLS 1.3, pinned | none |
//! | `websocket` | binary frame, byte 0 | binary frame, byte 1 | both | nothing | none |
//! | `tcp` | frame, kind 0 | frame, kind 1 | both | nothing | none |
//! | `http` | in a body, numbered | in a body | both, and each call waits for the one before | nothing | none; a bearer after it |
//! | `webtransport` | as `quic` | as `quic` | Latest: no | TLS 1.3, pinned | none |
//! | `memory` | queue | slot | none | nothing | none |
//!
//! To add one: a file that moves bytes between a socket and a [`Driver`], a variant of [`Offer`] and of
//! [`protocol::Transport`], a line in `dial.rs`, one in `server.rs` and one in `weather/station.rs`. The conformance suite (`tests/conformance.rs`)
//! is the contract. Start with [`memory`], which is the shortest.
//!
//! On a server, let logs of `renetcode` be off: it reports every stranger's nonsense as an error of ours.
//!
//! Flow: session <-> [`Link`] <-> `link/driver.rs` <-> `udp`, `quic`, `websocket`, `tcp`, `http`, `memory` <-> sockets. Clients start at
//! [`dial`], servers at [`server::bind`].
//!
//! [`Lane::Reliable`]: protocol::Lane::Reliable
//! [`Lane::Latest`]: protocol::Lane::Latest
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]
// What only sockets need is not used in a page.
#![cfg_attr(target_family = "wasm", allow(dead_code, reason = "the same files serve both"))]

#[cfg(target_family = "wasm")]
pub mod browser;
#[cfg(not(target_family = "wasm"))]
mod counters;
#[cfg(not(target_family = "wasm"))]
pub mod crowd;
pub mod destination;
mod dial;
pub mod doctor;
mod frames;
#[cfg(not(target_family = "wasm"))]
pub mod guard;
pub mod http;
pub mod lan;
mod lanes;
pub mod link;
pub mod lobby;
pub mod maps;
pub mod memory;
pub mod player;
#[cfg(not(target_family = "wasm"))]
mod quic;
#[cfg(not(target_family = "wasm"))]
pub mod reach;
#[cfg_attr(target_family = "wasm", path = "browser/runtime.rs")]
pub mod runtime;
#[cfg(not(target_family = "wasm"))]
pub mod server;
#[cfg(not(target_family = "wasm"))]
mod site;
mod stream;
#[cfg(not(target_family = "wasm"))]
mod tcp;
mod timing;
pub mod told;
#[cfg(not(target_family = "wasm"))]
pub mod udp;
pub mod weather;
#[cfg_attr(target_family = "wasm", path = "browser/websocket.rs")]
pub mod websocket;

#[cfg(not(target_family = "wasm"))]
pub use counters::Counters;
pub use dial::{DialError, Offer, WireOptions, dial, dial_with};
pub use http::HttpMode;
pub use link::{Closed, Driver, Identity, Inbound, Link, LinkStats, Lost, SendError, Traffic, link_pair};
#[cfg(not(target_family = "wasm"))]
pub use quic::{CertificateTerm, Validity, webtransport::knock};
#[cfg(not(target_family = "wasm"))]
pub use reach::Reach;
#[cfg(not(target_family = "wasm"))]
pub use server::{BindError, LinkClosed, LinkSender, LinkSystems, Listeners, ServerConfig, TransportsPlugin};
#[cfg(not(target_family = "wasm"))]
pub use site::{Site, SiteFiles};
#[cfg(not(target_family = "wasm"))]
pub use stream::tune_tcp;
pub use timing::Timing;
pub use weather::{Weather, WeatherStation};
