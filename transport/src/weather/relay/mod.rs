//! The relays underneath the transports: real sockets on both sides, a model in the middle.
//!
//! One relay serves one link. Its door is a port on this machine that nobody else can reach; it dials the server as the client
//! would have done. It runs as one task and ends when the link does.
//!
//! Flow: `station.rs` -> [`udp`] for renet and QUIC, [`tcp`] for WebSocket and TCP, [`tcp_connections`] for HTTP -> `datagram.rs`, `stream.rs`.

mod tcp;
mod udp;

pub(super) use tcp::{tcp, tcp_connections};
pub(super) use udp::udp;

use protocol::limits;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// How long a relay waits for anybody to use it, and how long it goes on without hearing from a living link: longer than a
/// transport is silent before it gives up.
const IDLE: Duration = limits::LINK_TIMEOUT.saturating_add(limits::KEEP_ALIVE);

/// Any free port of this machine, for nobody outside.
fn door() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// Waits until `due`, or for ever if nothing is due.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
