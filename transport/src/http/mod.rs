//! The `http` transport: POST what I have, and ask what you have, with calls to the lobby's own port.
//!
//! It goes wherever a web page goes, and pays for it: what is sent waits for the answer to what was sent before, what comes waits
//! for the next question. By default the question waits at the server until there is something to say (a long poll); asked at a
//! fixed rate instead, it is the "any news?" of old, to be felt.
//!
//! ```text
//! POST   /v1/link/http                    -> {"link": 7, "bearer": "…"}
//! POST   /v1/link/http/7?latest              post | first | frames         -> seen | number | frame
//! GET    /v1/link/http/7?seen=12&wait=20000                                -> number | first | frames
//! ```
//!
//! HTTP promises little: an answer can be lost, and then nobody knows whether the call was heard. So Reliable messages are numbered
//! (`first` is the number of the first one in a body), each end says how far it has `seen`, and whatever was not seen is sent again
//! and applied once. Latest messages are not repeated: there is a newer one by then. At most two connections are open per link, one
//! for what goes up and one for what comes down. A lost packet stalls one of them; so that the picture does not stand still then, what
//! goes up brings the newest Latest message back as well, and `number` tells which of two is the newer one.
//!
//! Flow: `lib.rs` [`dial`] -> `client.rs` <-> `caller.rs` <-> HTTP <-> lobby <-> `server.rs`, [`Host`] -> `server.rs`; what bodies
//! hold is in `parcel.rs`.

#[cfg_attr(target_family = "wasm", path = "../browser/caller.rs")]
mod caller;
mod client;
mod parcel;
#[cfg(not(target_family = "wasm"))]
mod server;

pub(crate) use client::dial;
#[cfg(not(target_family = "wasm"))]
pub use server::{Held, Host, Visit};

use std::time::Duration;

/// The path of the call that opens a link; a link's own path has its number behind this.
pub const PATH: &str = "/v1/link/http";

/// The query of a post whose answer shall bring the newest Latest message.
const WANTS_LATEST: &str = "latest";

/// How a client asks for what the server has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpMode {
    /// The question waits until there is something to say.
    #[default]
    LongPoll,
    /// A question at this interval, answered at once: "any news?"
    Poll(Duration),
}
