//! How high must a level be so that something exceeds it only for a small share of the time? The one estimate behind the lead of
//! commands and behind the delay of the picture.
//!
//! What is watched is a [`Tooth`]: a value that jumps to a peak, stays or falls evenly, and lasts for a while. The age of the newest
//! snapshot is such a saw turned round (it grows until the next one comes); so is the lateness of commands behind a stall. [`Recent`]
//! keeps the teeth of the last seconds and answers the question exactly, by bisection, without assuming any distribution: delays are
//! not normal, and on a stream they come in stalls (for why mean and deviation mislead there see Fiedler, "Snapshot interpolation",
//! and the playout delay of audio: Ramjee et al., "Adaptive playout mechanisms for packetized audio applications", INFOCOM 1994).
//!
//! Flow: `pacing`, `interpolate` → [`Recent::add`] → [`Recent::level`] → `pacing`, `interpolate`.

use std::collections::VecDeque;
use web_time::{Duration, Instant};

/// Halvings of the bisection: a range of a thousand ticks down to less than a microsecond.
const HALVINGS: u32 = 32;

/// A value that falls evenly from `peak` to `peak - fall` while `width` passes. All three in the same unit or not, as the caller likes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tooth {
    /// Where it begins.
    pub peak: f64,
    /// By how much it falls; 0 for a value that stays.
    pub fall: f64,
    /// How long it lasts: its weight.
    pub width: f64,
}

impl Tooth {
    /// Returns for how long it is above `level`.
    fn above(&self, level: f64) -> f64 {
        let over = self.peak - level;
        if over <= 0.0 {
            0.0
        } else if over >= self.fall {
            self.width
        } else {
            self.width * over / self.fall
        }
    }
}

/// The teeth of the last while.
#[derive(Clone, Debug)]
pub struct Recent {
    span: Duration,
    teeth: VecDeque<(Instant, Tooth)>,
}

impl Recent {
    /// Returns a memory of `span`.
    pub const fn new(span: Duration) -> Self {
        Self { span, teeth: VecDeque::new() }
    }

    /// Adds what ended at `at` and forgets what is older than the span. What is no number is not added.
    pub fn add(&mut self, at: Instant, tooth: Tooth) {
        if [tooth.peak, tooth.fall, tooth.width].into_iter().all(f64::is_finite) && tooth.width > 0.0 {
            self.teeth.push_back((at, tooth));
        }
        while self.teeth.front().is_some_and(|(then, _)| at.saturating_duration_since(*then) > self.span) {
            self.teeth.pop_front();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.teeth.clear();
    }

    /// Returns the lowest level that was exceeded for at most `share` (0 to 1) of the time, `growing` counted as well: a tooth that has
    /// not ended yet. None if nothing was watched.
    pub fn level(&self, share: f64, growing: Option<Tooth>) -> Option<f64> {
        let teeth = || self.teeth.iter().map(|(_, tooth)| *tooth).chain(growing);
        let allowed = teeth().map(|tooth| tooth.width).sum::<f64>() * share;
        let mut low = teeth().map(|tooth| tooth.peak - tooth.fall).reduce(f64::min)?;
        let mut high = teeth().map(|tooth| tooth.peak).reduce(f64::max)?;
        // Only what reaches above the middle matters, and that is little: the rest is left out of every further halving.
        let mut left: Vec<Tooth> = teeth().collect();
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if left.iter().map(|tooth| tooth.above(middle)).sum::<f64>() > allowed {
                low = middle;
                left.retain(|tooth| tooth.peak > middle);
            } else {
                high = middle;
            }
        }
        Some(high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(peak: f64) -> Tooth {
        Tooth { peak, fall: 0.0, width: 1.0 }
    }

    #[test]
    fn nothing_watched_means_no_level() {
        let mut recent = Recent::new(Duration::from_secs(1));
        assert_eq!(recent.level(0.01, None), None);
        recent.add(Instant::now(), flat(f64::NAN));
        assert_eq!(recent.level(0.01, None), None);
        assert_eq!(recent.level(0.01, Some(flat(2.0))), Some(2.0));
    }

    #[test]
    fn flat_teeth_give_the_quantile_of_their_peaks() {
        let (now, mut recent) = (Instant::now(), Recent::new(Duration::from_secs(10)));
        (1..=1_000).for_each(|peak| recent.add(now, flat(f64::from(peak))));
        for (share, level) in [(0.0, 1_000.0), (0.01, 990.0), (0.5, 500.0)] {
            assert!((recent.level(share, None).unwrap() - level).abs() < 1e-3, "{share}");
        }
    }

    #[test]
    fn a_saw_is_above_a_level_for_part_of_each_tooth() {
        let (now, mut recent) = (Instant::now(), Recent::new(Duration::from_secs(10)));
        // 98 short teeth and one of twice the length: a snapshot in fifty is lost.
        (0..98).for_each(|_| recent.add(now, Tooth { peak: 1.0, fall: 1.0, width: 1.0 }));
        recent.add(now, Tooth { peak: 2.0, fall: 2.0, width: 2.0 });
        assert!((recent.level(0.005, None).unwrap() - 1.5).abs() < 1e-6, "half a tick of a hundred may be late");
        assert!((recent.level(0.01, None).unwrap() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_old_is_forgotten() {
        let (now, mut recent) = (Instant::now(), Recent::new(Duration::from_secs(5)));
        recent.add(now, flat(9.0));
        recent.add(now + Duration::from_secs(4), flat(1.0));
        assert!((recent.level(0.0, None).unwrap() - 9.0).abs() < 1e-6);
        recent.add(now + Duration::from_secs(6), flat(1.0));
        assert!((recent.level(0.0, None).unwrap() - 1.0).abs() < 1e-6);
        recent.clear();
        assert_eq!(recent.level(0.0, None), None);
    }
}
