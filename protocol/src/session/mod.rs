//! Sessions: one player's presence in a room, as state machines without IO that outlive links.
//!
//! Both ends speak the same five verbs, as quinn's core does: `handle` a message, `handle_timeout`, `poll_timeout`,
//! `poll_transmit`, `poll_event`. Switching wires, failing over and reconnecting are one operation:
//!
//! ```text
//! client                                              server
//!   dial a link, hello (epoch + 1, key proof)  ─────▶   verify, advance the key, drive the new link
//!   keep flying on the old link                 ◀─────   welcome, unacknowledged events again, snapshots on both links
//!   first snapshot on the new link: it drives   ─────▶   first commands on the new link: the old one only drains
//!   close the old link after a grace            ─────▶   close it too
//! ```
//!
//! * Acknowledgements name ticks and event numbers, never packets of a link, so changing links loses nothing.
//! * Events carry a number per session ([`mail`]); whatever is not acknowledged is sent again on the new link and applied once.
//! * Any other links may *shadow*: they carry the same match in a compact form ([`crate::wire::shadow`]), so that both ends know what
//!   each wire would have felt like. A shadow that is told to resume drives at once: it need not be dialled any more.
//! * If the new link dies before it drives, both ends simply go on with the old one.

pub mod bucket;
pub mod client;
pub mod commands;
pub mod mail;
pub mod server;
mod shadow;

use crate::ids::{CloseReason, Lane, LinkId};
use crate::wire::DecodeError;
use bytes::Bytes;
use thiserror::Error;

/// A message that wants to go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Over which link.
    pub link: LinkId,
    /// How it must arrive.
    pub lane: Lane,
    /// The message.
    pub bytes: Bytes,
}

/// What the peer did wrong. Never our fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PeerError {
    /// Bytes that are no message.
    #[error("undecodable message: {0}")]
    Decode(#[from] DecodeError),
    /// An event's number leaves a gap.
    #[error("an event is missing")]
    Gap,
    /// A message that has no place in this direction or at this moment.
    #[error("unexpected message")]
    Unexpected,
}

/// A link that should be closed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseLink {
    /// Which.
    pub link: LinkId,
    /// Why.
    pub reason: CloseReason,
}
