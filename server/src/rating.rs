//! How strong players are believed to be after a match: Weng and Lin's method (JMLR 12, 2011), which takes any number of sides of
//! any size in order of their places. In a free for all everybody is a side.
//!
//! Flow: [`crate::store::matches`] → [`rate`] → new ratings.

use protocol::lobby::Rating;
use skillratings::MultiTeamOutcome;
use skillratings::weng_lin::{WengLinConfig, WengLinRating, weng_lin_multi_team};

/// One side of a match: a team, or one player in a free for all.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Ratings of its members before the match.
    pub members: Vec<Rating>,
    /// Its place; the smaller the better, equal ones have drawn.
    pub place: u8,
}

/// Returns the ratings of all members of all sides after the match, in the same order.
pub fn rate(sides: &[Side]) -> Vec<Vec<Rating>> {
    let before: Vec<Vec<WengLinRating>> =
        sides.iter().map(|side| side.members.iter().map(|member| to_library(*member)).collect()).collect();
    let ranked: Vec<(&[WengLinRating], MultiTeamOutcome)> = before
        .iter()
        .zip(sides)
        .map(|(members, side)| (members.as_slice(), MultiTeamOutcome::new(usize::from(side.place))))
        .collect();
    let after = weng_lin_multi_team(&ranked, &WengLinConfig::new());
    after.into_iter().map(|side| side.into_iter().map(|r| Rating::new(r.rating, r.uncertainty)).collect()).collect()
}

fn to_library(rating: Rating) -> WengLinRating {
    WengLinRating { rating: rating.mean, uncertainty: rating.deviation }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(rating: Rating, place: u8) -> Side {
        Side { members: vec![rating], place }
    }

    #[test]
    fn the_better_place_gains_and_a_draw_of_equals_moves_nobody() {
        let first = Rating::default();
        let after = rate(&[alone(first, 2), alone(first, 1), alone(first, 3)]);
        let means: Vec<f64> = after.iter().map(|side| side[0].mean).collect();
        assert!(means[1] > means[0] && means[0] > means[2], "{means:?}");
        assert!((means[0] - 25.0).abs() < 1e-9, "the middle one of three equals stays: {means:?}");
        assert!(after.iter().all(|side| side[0].deviation < first.deviation), "everybody is better known now");

        let drawn = rate(&[alone(first, 1), alone(first, 1)]);
        assert!((drawn[0][0].mean - 25.0).abs() < 1e-9 && (drawn[1][0].mean - 25.0).abs() < 1e-9, "{drawn:?}");
    }

    #[test]
    fn a_surprise_moves_more_than_what_was_expected() {
        let (strong, weak) = (Rating::new(32.0, 3.0), Rating::new(18.0, 3.0));
        let expected = rate(&[alone(strong, 1), alone(weak, 2)])[0][0].mean - strong.mean;
        let surprise = rate(&[alone(strong, 2), alone(weak, 1)])[1][0].mean - weak.mean;
        assert!(surprise > 3.0 * expected && expected > 0.0, "{surprise} {expected}");
    }

    #[test]
    fn teams_share_what_they_win() {
        let first = Rating::default();
        let side = |place| Side { members: vec![first, first], place };
        let after = rate(&[side(1), side(2)]);
        assert_eq!(after.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        assert!(after[0].iter().all(|r| r.mean > first.mean) && after[1].iter().all(|r| r.mean < first.mean));
        assert!(rate(&[]).is_empty());
    }
}
