//! What Crosswire says: messages, codecs, sessions and clocks, without IO, a clock or an engine.
//!
//! Every entry point takes `now` and bytes and returns values, so that all of it runs in virtual time in tests and unchanged on the
//! server, on the desktop and in the browser. No byte from outside can panic it: the lints below deny indexing, `unwrap` and their
//! kin, and every number read is checked against its range.
//!
//! Read in this order: [`ids`], [`wire`], [`snapshot`], [`session`], then what a client makes of it: [`clock`], [`pacing`],
//! [`predict`], [`interpolate`], [`copies`]; and what the server makes of how late that is: [`rewind`]. [`grant`] and [`lobby`] and [`invite`] are how one gets in;
//! [`limits`] has every number.

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable)
)]

pub mod clock;
pub mod copies;
pub mod grant;
pub mod ids;
pub mod interpolate;
pub mod invite;
pub mod limits;
pub mod lobby;
pub mod names;
pub mod pacing;
pub mod predict;
pub mod quantile;
pub mod rewind;
pub mod scene;
pub mod session;
pub mod snapshot;
pub mod wire;

pub use ids::{CloseReason, Epoch, Lane, LinkId, MatchId, PlayerId, RoomId, SessionId, TicketId, Transport};
