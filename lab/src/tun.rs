//! `lab tun`: a real link to check the weather against, with the kernel's own TCP.
//!
//! Flow: command line -> [`run`]; `lab race --real`, tests -> [`Tunnel::open`].

mod ages;
pub mod compare;
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

use clap::{Args, Subcommand};
use transport::weather::Counts;

/// Options of `lab tun`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, Subcommand)]
enum What {
    /// Compares how old messages are over the kernel's TCP and over the weather's model of it.
    Compare(compare::Options),
}

/// Does what was asked for.
///
/// # Errors
/// A sentence: no link can be opened, or what was asked for failed.
pub fn run(options: &Options) -> Result<(), String> {
    match &options.what {
        What::Compare(options) => compare::run(options),
    }
}

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
