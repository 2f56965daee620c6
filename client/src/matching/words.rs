//! How times, points and ratings are written: short, with a unit, and the same on every page.
//!
//! Flow: queue, results, profile and leaderboard → here → egui.

use protocol::lobby::Rating;
use std::time::Duration;

/// Returns minutes and seconds, as `0:07`.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Returns how late something was told: `12 ms`, `1.2 s`.
pub(crate) fn late(time: Duration) -> String {
    match time.as_millis() {
        0 => "< 1 ms".to_owned(),
        ms @ ..1_000 => format!("{ms} ms"),
        ms => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
    }
}

/// Returns a number of bytes: `640 B`, `3.4 kB`.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        ..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{}.{} kB", count / 1_000, count % 1_000 / 100),
        _ => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// Returns a change of points with its sign, as shape and as letter: `▲ +12`, `▼ −7`, `± 0`.
pub(crate) fn change(points: i32) -> String {
    match points {
        0 => "± 0".to_owned(),
        1.. => format!("▲ +{points}"),
        ..0 => format!("▼ −{}", points.unsigned_abs()),
    }
}

/// Returns a place: `1st`, `2nd`, `11th`.
pub(crate) fn place(place: u32) -> String {
    let ending = match (place % 100, place % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{place}{ending}")
}

/// Returns how sure the rating is, in plain words.
pub(crate) fn certainty(rating: &Rating, matches: u32) -> String {
    let give_or_take = (rating.deviation * POINTS_PER_UNIT).round();
    match rating.deviation {
        _ if matches == 0 => "No rated match yet. Everybody begins at 1000.".to_owned(),
        6.0.. => format!("A first guess, give or take {give_or_take}. Every match moves it a lot."),
        3.0.. => format!("Getting clearer, give or take {give_or_take}. A match still moves it visibly."),
        _ => format!("Well known, give or take {give_or_take}. A match moves it a little."),
    }
}

/// Returns how long ago something was: `just now`, `5 min ago`, `3 h ago`, `2 d ago`.
pub(crate) fn ago(then_ms: u64, now_ms: u64) -> String {
    match now_ms.saturating_sub(then_ms) / 60_000 {
        0 => "just now".to_owned(),
        minutes @ ..60 => format!("{minutes} min ago"),
        minutes @ ..1_440 => format!("{} h ago", minutes / 60),
        minutes => format!("{} d ago", minutes / 1_440),
    }
}

/// Points of a rating per unit of skill, see [`Rating::points`].
const POINTS_PER_UNIT: f64 = 40.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(clock(Duration::from_millis(67_900)), "1:07");
        let texts = [0, 12, 999, 1_260].map(|ms| late(Duration::from_millis(ms)));
        assert_eq!(texts, ["< 1 ms", "12 ms", "999 ms", "1.2 s"]);
        assert_eq!([640, 3_460, 2_500_000].map(bytes), ["640 B", "3.4 kB", "2.5 MB"]);
        let ago = [0, 59_999, 60_000, 7_200_000, 200_000_000].map(|age| ago(1_000, 1_000 + age));
        assert_eq!(ago, ["just now", "just now", "1 min ago", "2 h ago", "2 d ago"]);
        assert_eq!(super::ago(2_000, 1_000), "just now", "the lobby's clock is ahead");
    }

    #[test]
    fn points_say_their_sign_twice() {
        assert_eq!([12, 0, -7].map(change), ["▲ +12", "± 0", "▼ −7"]);
        let places = [1, 2, 3, 4, 11, 12, 21, 102, 111].map(place);
        assert_eq!(places, ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "102nd", "111th"]);
    }

    #[test]
    fn a_rating_says_how_sure_it_is() {
        let words = |deviation, matches| certainty(&Rating { mean: 25.0, deviation, points: 1_000 }, matches);
        assert!(words(25.0 / 3.0, 0).starts_with("No rated match yet"));
        assert_eq!(words(7.0, 2), "A first guess, give or take 280. Every match moves it a lot.");
        assert!(words(4.0, 9).starts_with("Getting clearer"));
        assert!(words(1.5, 99).starts_with("Well known"));
    }
}
