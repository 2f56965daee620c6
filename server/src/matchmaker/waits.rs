//! How long people have waited of late: what newcomers can expect.
//!
//! Flow: [`super::Line`] notes each wait → here → `Ticket::expected_ms`, `Queue::wait_p50_ms`.

use std::collections::VecDeque;
use std::time::Duration;

/// Waits that are remembered: enough for a 95th percentile.
const REMEMBERED: usize = 256;
/// Age at which a wait says nothing about the present any more.
const LIFETIME: Duration = Duration::from_secs(600);

/// The waits of people in recent matches.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    recent: VecDeque<(Duration, Duration)>,
    sorted: Vec<Duration>,
}

impl Waits {
    /// Notes that somebody who was placed at `now` had waited for `wait`; metrics hear of it too, where they are collected.
    pub fn note(&mut self, now: Duration, wait: Duration) {
        if self.recent.len() >= REMEMBERED {
            self.recent.pop_front();
        }
        metrics::histogram!("crosswire_match_wait_seconds").record(wait.as_secs_f64());
        self.recent.push_back((now, wait));
        self.sort();
    }

    /// Forgets what is too old.
    pub fn forget(&mut self, now: Duration) {
        let before = self.recent.len();
        self.recent.retain(|(at, _)| now.saturating_sub(*at) < LIFETIME);
        if self.recent.len() != before {
            self.sort();
        }
    }

    /// Returns the wait that a share of people stayed at or below; none if nothing is known.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = (self.sorted.len() as f64 * share).ceil() as usize;
        self.sorted.get(rank.saturating_sub(1)).copied()
    }

    /// Returns what somebody who has waited for `waited` can expect in all; none if nothing is known about so long a wait.
    pub fn expected(&self, waited: Duration) -> Option<Duration> {
        [0.5, 0.95].into_iter().filter_map(|share| self.quantile(share)).find(|wait| *wait > waited)
    }

    fn sort(&mut self) {
        self.sorted.clear();
        self.sorted.extend(self.recent.iter().map(|(_, wait)| *wait));
        self.sorted.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn the_expectation_grows_with_the_wait() {
        let mut waits = Waits::default();
        assert_eq!((waits.quantile(0.5), waits.expected(s(0))), (None, None));
        (1..=20).for_each(|n| waits.note(s(100), s(n)));
        assert_eq!((waits.quantile(0.5), waits.quantile(0.95)), (Some(s(10)), Some(s(19))));
        assert_eq!(waits.expected(s(3)), Some(s(10)));
        assert_eq!(waits.expected(s(12)), Some(s(19)));
        assert_eq!(waits.expected(s(30)), None);
        waits.forget(s(699));
        assert!(waits.quantile(0.5).is_some());
        waits.forget(s(700));
        assert_eq!(waits.quantile(0.5), None);
    }

    #[test]
    fn only_recent_ones_count() {
        let mut waits = Waits::default();
        (0..REMEMBERED as u64).for_each(|_| waits.note(s(1), s(50)));
        (0..REMEMBERED as u64).for_each(|_| waits.note(s(2), s(5)));
        assert_eq!(waits.quantile(1.0), Some(s(5)));
    }
}
