//! Splits the tickets of one match into two teams: as even in number and strength as can be, with parties kept together.
//!
//! A match has eight tickets at most, so all 128 ways to split are looked at.
//!
//! Flow: a match of [`super::Line`] → [`split`] → the dry run's balance of teams, and a mode with teams.

/// Tickets that can be split: more would make too many ways.
const MOST: usize = 16;

/// What counts about one ticket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Party {
    /// Players in it.
    pub people: u8,
    /// Mean strength of its players, points.
    pub points: f64,
}

/// Returns for each ticket whether it plays in the second team: the split with the smallest difference in number and, among those, in
/// summed strength. Tickets beyond the sixteenth stay in the first team.
pub fn split(tickets: &[Party]) -> Vec<bool> {
    let free = tickets.len().min(MOST).saturating_sub(1);
    let chosen = (0..1_u32 << free).min_by(|a, b| {
        let (few, weak) = imbalance(tickets, *a);
        let (other_few, other_weak) = imbalance(tickets, *b);
        few.cmp(&other_few).then(weak.total_cmp(&other_weak))
    });
    (0..tickets.len()).map(|at| in_second(chosen.unwrap_or(0), at)).collect()
}

/// Returns the differences in number and in strength of the split `mask`.
fn imbalance(tickets: &[Party], mask: u32) -> (i32, f64) {
    let (mut people, mut points) = (0, 0.0);
    for (at, ticket) in tickets.iter().enumerate() {
        let sign = if in_second(mask, at) { -1 } else { 1 };
        people += sign * i32::from(ticket.people);
        points += f64::from(sign) * f64::from(ticket.people) * ticket.points;
    }
    (people.abs(), points.abs())
}

/// The first ticket is always in the first team, so that no split is looked at twice.
fn in_second(mask: u32, at: usize) -> bool {
    (1..MOST).contains(&at) && mask >> (at - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solo(points: f64) -> Party {
        Party { people: 1, points }
    }

    #[test]
    fn strength_is_shared_evenly() {
        let split = split(&[solo(1_400.0), solo(1_000.0), solo(1_200.0), solo(800.0)]);
        assert_eq!(split, [false, true, true, false], "1,400 + 800 against 1,000 + 1,200");
    }

    #[test]
    fn parties_stay_together_and_numbers_come_first() {
        let party = Party { people: 3, points: 1_500.0 };
        let teams = split(&[party, solo(900.0), solo(900.0), solo(900.0)]);
        assert_eq!(teams, [false, true, true, true]);
        assert_eq!(split(&[]), Vec::<bool>::new());
        assert_eq!(split(&[solo(1.0)]), [false]);
    }
}
