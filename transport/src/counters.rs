//! Counts of what was refused before it belonged to any link: the faults of strangers, and the rare ones of ours.
//!
//! Peers can make a server see any amount of nonsense, so nonsense is counted, not logged line by line.
//!
//! Flow: `udp/server.rs`, `udp/socket.rs`, `quic.rs`, `websocket.rs`, `tcp.rs`, `http/` -> here -> whoever shows metrics.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters since the start of the server. They only grow.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: AtomicU64,)*
        }

        impl Counters {
            /// Returns every counter with its name, in the order in which metrics list them.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.load(Ordering::Relaxed)),)*]
            }
        }
    };
}

counters! {
    /// Connections that ended in the handshake: no answer, no greeting, nonsense.
    handshakes_failed,
    /// Connections refused because too many were in their handshake.
    handshakes_refused,
    /// Panics of a library while it handled one peer's bytes. Should stay zero; each closed one link.
    peer_panics,
    /// Datagrams that do not have the shape of a netcode packet.
    udp_malformed,
    /// Datagrams dropped because the queue to the next tick was full.
    udp_overrun,
    /// Datagrams of one connected peer beyond its share of a tick.
    udp_peer_flood,
    /// Well-formed datagrams from addresses without a connection that do not open one.
    udp_strangers,
    /// Datagrams from addresses without a connection that sent too many.
    udp_throttled,
    /// Authenticated payloads that no client of ours sends.
    udp_violations,
}

impl Counters {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
