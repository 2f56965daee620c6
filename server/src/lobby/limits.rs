//! Every limit on what HTTP may bring in, each with its reason. What belongs to the wire of the game is in `protocol::limits`.
//!
//! Stalling is the cheapest attack on a server, so every wait has an end: for the head of a request, for its body and answer,
//! and for a connection as a whole. Counting happens per address, because an address is all that a stranger has.
//!
//! Flow: [`super::Setup`] → here → [`super::serve`], [`super::rate`].

use super::rate::Rate;
use std::time::Duration;

/// Largest head of a request, bytes: a browser sends about 1 KiB.
pub(super) const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Lines in the head of a request: a browser sends about 15.
pub(super) const MAX_HEADERS: usize = 32;
/// Largest body of a request, bytes: the largest honest one is a wish for a room, about 200.
pub(super) const MAX_BODY_BYTES: usize = 4 * 1024;
/// Connections that may wait to be accepted: a full house joining at once.
pub(super) const BACKLOG: i32 = 1_024;
/// Time that open requests get to finish when a connection or the server ends.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// Pause after the system refused to accept a connection, because it ran out of descriptors or memory.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// Time from our `101 Switching Protocols` to a link.
pub(super) const UPGRADE_DEADLINE: Duration = Duration::from_secs(3);
/// How often it is looked whether the link that a connection carries still lives, or a connection without one has become too old.
pub(super) const LINK_WATCH: Duration = Duration::from_secs(1);
/// Addresses that are counted at the same time: 4 MiB at most. The rest share one account.
pub(super) const COUNTED_ADDRESSES: usize = 32 * 1024;

/// Longest wait for a change that can be asked for, seconds: below the 30 s after which home routers and proxies give up a silent call.
pub(super) const MAX_WAIT_SECONDS: u64 = 25;
/// Time between two signs of life on a stream of events.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);
/// Public events that a stream can be given again after a break.
pub(super) const EVENTS_KEPT: usize = 256;

/// Price of a request that only reads, of those that an account is paid in.
pub(super) const READ_COST: f64 = 1.0;
/// Price of a request that makes us sign or seal something.
pub(super) const WRITE_COST: f64 = 3.0;
/// Price of a look at an invite code, of those that an account for guesses is paid in.
pub(super) const CODE_COST: f64 = 1.0;
/// Price of a password that was tried: people choose shorter ones than our codes.
pub(super) const PASSWORD_COST: f64 = 3.0;

/// The limits that a test or an operator may want to change.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for the head of a request, the wait for the next one on an open connection included.
    pub head: Duration,
    /// Time for the body of a request and its answer.
    pub request: Duration,
    /// Life of a connection that never becomes a link and carries none, however busy: somebody who does not read answers is gone then, too.
    /// It begins anew with everything that is watched on it, and with every message that a stream of events could write.
    pub connection_life: Duration,
    /// Connections in all. One that has become a link, or carries one, no longer counts here.
    pub connections: usize,
    /// Requests that wait for a change or hear of events, all together. Each also counts as a connection.
    pub watchers: usize,
    /// Such requests of one address; the machine itself is exempt.
    pub watchers_per_address: usize,
    /// Connections of one address; the machine itself is exempt, so that a local swarm can join.
    pub connections_per_address: usize,
    /// Requests of one address.
    pub requests: Rate,
    /// Requests of this machine: 500 bots that join at once pay about 4,000.
    pub local_requests: Rate,
    /// Guests that one address may become: they are kept for ever.
    pub newcomers: Rate,
    /// Guests that this machine may become.
    pub local_newcomers: Rate,
    /// Rooms that one address may open.
    pub rooms: Rate,
    /// Rooms that this machine may open.
    pub local_rooms: Rate,
    /// Invite codes and passwords that one address may try.
    pub guesses: Rate,
    /// Those that this machine may try.
    pub local_guesses: Rate,
}

impl Limits {
    /// Returns the usual limits, but with `per_second` requests per second for one address, and as many more at once in proportion. What
    /// this machine may do never becomes less.
    pub fn with_requests(per_second: u32) -> Self {
        let usual = Self::default();
        let factor = f64::from(per_second) / usual.requests.per_second;
        let requests = Rate { per_second: f64::from(per_second), burst: usual.requests.burst * factor.max(1.0) };
        let local_requests =
            if requests.per_second > usual.local_requests.per_second { requests } else { usual.local_requests };
        Self { requests, local_requests, ..usual }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            request: Duration::from_secs(5),
            connection_life: Duration::from_secs(60),
            // A quarter is left to those who do not watch.
            connections: 8_192,
            watchers: 6_144,
            watchers_per_address: 64,
            connections_per_address: 128,
            // Sixteen friends behind one router, who join together (8 each) and then look at the list every two seconds.
            requests: Rate { per_second: 20.0, burst: 150.0 },
            local_requests: Rate { per_second: 5_000.0, burst: 10_000.0 },
            // A school class at once, then one every five seconds: less than 1 GB of guests per address in ten years.
            newcomers: Rate { per_second: 0.2, burst: 40.0 },
            local_newcomers: Rate { per_second: 5_000.0, burst: 10_000.0 },
            rooms: Rate { per_second: 0.1, burst: 3.0 },
            local_rooms: Rate { per_second: 20.0, burst: 100.0 },
            // Sixteen friends behind one router look at a code and take it; then one guess in two seconds: with 32 rooms open, a code is
            // found after 20 months.
            guesses: Rate { per_second: 0.5, burst: 48.0 },
            local_guesses: Rate { per_second: 50.0, burst: 500.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_can_let_others_ask_more_often() {
        let usual = Limits::default();
        let same = Limits::with_requests(20);
        assert_eq!((same.requests, same.local_requests), (usual.requests, usual.local_requests));
        let few = Limits::with_requests(2);
        assert_eq!(
            few.requests,
            Rate { per_second: 2.0, burst: usual.requests.burst },
            "friends can still join together"
        );
        assert_eq!(few.local_requests, usual.local_requests, "the machine itself is not slowed down");
        let many = Limits::with_requests(100_000);
        assert_eq!(many.requests, Rate { per_second: 100_000.0, burst: 750_000.0 });
        assert_eq!(many.local_requests, many.requests);
    }
}
