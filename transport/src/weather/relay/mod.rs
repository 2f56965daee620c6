//! The relays underneath the transports: real sockets on both sides, a model in the middle.
//!
//! One relay serves one link. Its door is a port on this machine that one address may come in at, usually this machine alone; it dials the
//! server as the client would have done. It runs as one task and ends when the link does.
//!
//! Flow: `station.rs` -> [`udp`] for renet and QUIC, [`tcp`] for WebSocket and TCP, [`tcp_connections`] for HTTP -> `datagram.rs`, `stream.rs`.

mod tcp;
mod udp;

pub(super) use tcp::{tcp, tcp_connections};
pub(super) use udp::udp;

use protocol::limits;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// How long a relay waits for anybody to use it, and how long it goes on without hearing from a living link: longer than a
/// transport is silent before it gives up.
const IDLE: Duration = limits::LINK_TIMEOUT.saturating_add(limits::KEEP_ALIVE);

/// Where a relay's door is, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The address of this machine at which it opens; the system chooses the port.
    pub at: IpAddr,
    /// The only address that may come in.
    pub guest: IpAddr,
    /// Whoever comes is a browser, and may need more than one connection for one link.
    pub for_a_browser: bool,
}

impl Gate {
    /// For this machine, and for nobody outside.
    pub const HERE: Self = {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self { at: here, guest: here, for_a_browser: false }
    };

    const fn any_port(self) -> SocketAddr {
        SocketAddr::new(self.at, 0)
    }

    fn lets_in(self, guest: SocketAddr) -> bool {
        guest.ip().to_canonical() == self.guest
    }
}

/// The way into a relay that is open.
#[derive(Clone, Debug)]
pub struct Door {
    /// Where to dial.
    pub address: SocketAddr,
    /// The relay behind it, which ends with the link that comes in.
    pub relay: AbortHandle,
}

/// Waits until `due`, or for ever if nothing is due.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
