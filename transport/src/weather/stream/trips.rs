//! Round trips of a modelled TCP connection, and how long its sender waits for news (RFC 6298 and 8985, with Linux's floor).
//!
//! Flow: `stream.rs`: acknowledgement -> [`Trips::add`]; timer -> [`Trips::timeout`], [`Trips::probe`].

use std::time::Duration;

/// Linux's floor for the part of the timeout that is not the round trip, and what a lone probe waits for a late acknowledgement.
const MIN_RTO: Duration = Duration::from_millis(200);
/// The longest timeout.
const MAX_RTO: Duration = Duration::from_secs(120);

/// Measured round trips.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trips {
    smoothed: Duration,
    deviation: Duration,
    /// The shortest one so far.
    pub(super) shortest: Duration,
}

impl Trips {
    pub(super) fn new(first: Duration) -> Self {
        Self { smoothed: first, deviation: first.mul_f64(0.5), shortest: first }
    }

    pub(super) fn add(&mut self, trip: Duration) {
        let weigh =
            |old: Duration, new: Duration, weight: f64| old.mul_f64(1.0 - weight).saturating_add(new.mul_f64(weight));
        self.deviation = weigh(self.deviation, self.smoothed.abs_diff(trip), 0.25);
        self.smoothed = weigh(self.smoothed, trip, 0.125);
        self.shortest = self.shortest.min(trip);
    }

    /// Returns after how long without news everything counts as lost, that many timeouts after the first one.
    pub(super) fn timeout(&self, backoff: u32) -> Duration {
        let once = self.smoothed.saturating_add(self.deviation.saturating_mul(4).max(MIN_RTO));
        once.saturating_mul(1_u32.checked_shl(backoff).unwrap_or(u32::MAX)).min(MAX_RTO)
    }

    /// Returns after how long the last segment is sent once more to provoke news.
    pub(super) fn probe(&self, alone: bool) -> Duration {
        self.smoothed.saturating_mul(2).saturating_add(if alone { MIN_RTO } else { Duration::ZERO })
    }

    /// Returns how much later than expected a segment may be before it counts as lost, as long as nothing else is amiss.
    pub(super) fn reordering(&self) -> Duration {
        self.shortest.mul_f64(0.25).min(self.smoothed)
    }
}
