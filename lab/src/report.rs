//! Distributions, and how they are printed.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::time::Duration;

/// A distribution of times, to the microsecond.
pub struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        Self(
            Histogram::new_with_bounds(1, 3_600_000_000, 3)
                .unwrap_or_else(|_| unreachable!("constant bounds are valid")),
        )
    }
}

/// Percentiles of a distribution, milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

impl Times {
    /// Adds one.
    pub fn add(&mut self, time: Duration) {
        self.0.saturating_record((time.as_micros() as u64).max(1));
    }

    /// Adds another distribution.
    pub fn merge(&mut self, other: &Self) {
        // Same bounds on both sides, so nothing can be out of range.
        let _ = self.0.add(&other.0);
    }

    /// Returns how many were added.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Returns the time, milliseconds, that `share` (0 to 1) of them do not exceed.
    pub fn at(&self, share: f64) -> f64 {
        (self.0.value_at_quantile(share) as f64 / 10.0).round() / 100.0
    }

    /// Returns the percentiles; zeros if nothing was added.
    pub fn percentiles(&self) -> Percentiles {
        if self.0.is_empty() {
            return Percentiles::default();
        }
        Percentiles { p50: self.at(0.5), p95: self.at(0.95), p99: self.at(0.99), max: self.at(1.0) }
    }
}

impl Percentiles {
    /// Returns them in one line.
    pub fn line(&self) -> String {
        format!("p50 {:>7.2}   p95 {:>7.2}   p99 {:>7.2}   max {:>7.2} ms", self.p50, self.p95, self.p99, self.max)
    }
}
