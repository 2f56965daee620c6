//! When a delivery is tried again: pure arithmetic, so that a day of retries is tested in no time.
//!
//! ```text
//! attempt   1    2      3      4      5       6        7         8       9      10     11
//! after     0   5 s   15 s   45 s   2¼ min  6¾ min  20¼ min   61 min  3.0 h   9.1 h   10 h     each ± 20 %, 24 h in all
//! ```
//!
//! Flow: [`super::worker`], after a failed attempt → [`Schedule::next`] → the outbox.

use std::time::Duration;

/// How often and how soon a delivery that failed is tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Pause after the first failed attempt.
    pub first: Duration,
    /// Each pause is this many times the one before.
    pub factor: u32,
    /// No pause is longer.
    pub longest: Duration,
    /// Attempts in all; then the delivery is given up.
    pub attempts: u32,
    /// Share of a pause by which chance makes it longer or shorter, so that receivers that come back are not all called at once.
    pub jitter: f64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(5),
            factor: 3,
            longest: Duration::from_secs(36_000),
            attempts: 11,
            jitter: 0.2,
        }
    }
}

impl Schedule {
    /// Returns the pause after `attempts` failed ones, or none if that was the last. `dice` is 0 to 1.
    pub fn next(&self, attempts: u32, dice: f64) -> Option<Duration> {
        if attempts >= self.attempts {
            return None;
        }
        let times = self.factor.saturating_pow(attempts.saturating_sub(1));
        let pause = self.first.saturating_mul(times).min(self.longest);
        Some(pause.mul_f64(1.0 + self.jitter * (2.0 * dice.clamp(0.0, 1.0) - 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_day_in_all_and_then_it_is_given_up() {
        let schedule = Schedule::default();
        let pauses: Vec<u64> = (1..).map_while(|n| schedule.next(n, 0.5)).map(|pause| pause.as_secs()).collect();
        assert_eq!(pauses, [5, 15, 45, 135, 405, 1_215, 3_645, 10_935, 32_805, 36_000]);
        assert_eq!(pauses.len() as u32 + 1, schedule.attempts, "the first attempt has no pause before it");
        let hours = pauses.iter().sum::<u64>() as f64 / 3_600.0;
        assert!((23.0..25.0).contains(&hours), "{hours}");
    }

    #[test]
    fn chance_moves_a_pause_by_a_fifth_at_most() {
        let schedule = Schedule::default();
        for attempts in 1..schedule.attempts {
            let middle = schedule.next(attempts, 0.5).expect("not the last").as_secs_f64();
            for (dice, want) in [(0.0, 0.8), (1.0, 1.2), (-7.0, 0.8), (7.0, 1.2)] {
                let pause = schedule.next(attempts, dice).expect("not the last").as_secs_f64();
                assert!((pause / middle - want).abs() < 1e-9, "{attempts} {dice}");
            }
        }
        assert_eq!(schedule.next(u32::MAX, 0.5), None);
    }
}
