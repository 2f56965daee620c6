//! `lab tun`: a real link to check the weather against, with the kernel's own TCP.
//!
//! Flow: command line -> [`run`]; `lab race --real`, tests -> [`Tunnel::open`].

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod link;
#[cfg(target_os = "linux")]
mod router;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Inside, Tunnel, hurry};
#[cfg(target_os = "linux")]
pub use link::{Inside, Tunnel, hurry};

use transport::weather::Counts;

/// An end of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Where the weather's `down` begins.
    Server,
    /// Where the weather's `up` begins.
    Client,
}

/// What the link has carried in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets, and what became of them.
    pub packets: Counts,
    /// Bytes of the packets handed on, IP headers included.
    pub bytes: u64,
}
