//! Finds the people for matches among all who wait: sorted by strength once, then a window slides outward from each ticket.
//!
//! The longest wait chooses first. Around a ticket, at most [`NEIGHBOURS`] free tickets are looked at, the nearest in strength first, and
//! one joins if it and everybody already there lie within each other's windows. Free neighbours are found over links that skip those
//! already placed, so 10,000 tickets cost about as much to place as to sort.
//!
//! Flow: [`super::Line::tick`] → [`gather`] → groups, and for the rest the reason why not.

use super::rules::{Rules, Strength};
use std::time::Duration;

/// Free tickets that are looked at around one: several times as many as fit into a match.
const NEIGHBOURS: usize = 48;

/// A ticket that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// What is compared.
    pub(super) strength: Strength,
    /// Half width of its window, points.
    pub(super) window: f64,
    /// Players who come with it.
    pub(super) people: u8,
    /// How long it has waited.
    pub(super) waited: Duration,
    /// Bots may fill up.
    pub(super) bots: bool,
}

/// Why a ticket is not in a match yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reason {
    /// There is nobody else.
    #[default]
    Alone,
    /// Nobody lies within the window, or within whose window this ticket lies.
    NobodyNear,
    /// So many would do, but more are waited for.
    TooFew {
        /// People, this ticket's included.
        found: u8,
    },
}

/// Tickets that shall play together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Places in the list of candidates, the one that chose first.
    pub(super) tickets: Vec<usize>,
    /// Bots fill up.
    pub(super) bots: bool,
}

/// Returns the matches that can be made now, and a reason for each candidate (without meaning for those in a match).
pub(super) fn gather(rules: &Rules, candidates: &[Candidate]) -> (Vec<Found>, Vec<Reason>) {
    let mut row = Row::new(rules, candidates);
    let mut turns: Vec<usize> = (0..candidates.len()).collect();
    turns.sort_by_key(|at| std::cmp::Reverse(candidates[*at].waited));
    let mut reasons = vec![Reason::Alone; candidates.len()];
    let mut matches = Vec::new();
    for at in turns {
        if row.is_placed(at) {
            continue;
        }
        let tickets = row.group_around(rules, at);
        let people: u8 = tickets.iter().map(|at| candidates[*at].people).sum();
        let with_people = tickets.len() > 1 && people >= rules.wanted(candidates[at].waited);
        // With two tickets or more a match without bots was possible long before.
        let with_bots = tickets.len() == 1 && candidates[at].bots && candidates[at].waited >= rules.bots_after;
        if with_people || with_bots {
            tickets.iter().for_each(|at| row.place(*at));
            matches.push(Found { tickets, bots: with_bots });
        } else {
            reasons[at] = match tickets.len() {
                1 if candidates.len() == 1 => Reason::Alone,
                1 => Reason::NobodyNear,
                _ => Reason::TooFew { found: people },
            };
        }
    }
    (matches, reasons)
}

/// The candidates by strength, and which of them are still free.
struct Row<'a> {
    candidates: &'a [Candidate],
    /// Candidates by rising strength.
    order: Vec<usize>,
    /// Where each candidate stands in `order`.
    position: Vec<usize>,
    /// Leads from position p + 1 to the nearest free one at or left of p, plus 1; 0 is the end.
    left: Vec<usize>,
    /// Leads from position p to the nearest free one at or right of p; the length is the end.
    right: Vec<usize>,
}

impl<'a> Row<'a> {
    fn new(rules: &Rules, candidates: &'a [Candidate]) -> Self {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        let (points, waited) = (|at: usize| candidates[at].strength.points, |at: usize| candidates[at].waited);
        if rules.choosy {
            order.sort_by(|a, b| points(*a).total_cmp(&points(*b)));
        } else {
            order.sort_by_key(|at| std::cmp::Reverse(waited(*at)));
        }
        let mut position = vec![0; candidates.len()];
        order.iter().enumerate().for_each(|(p, at)| position[*at] = p);
        let links = || (0..=candidates.len()).collect();
        Self { candidates, order, position, left: links(), right: links() }
    }

    fn is_placed(&self, at: usize) -> bool {
        self.right[self.position[at]] != self.position[at]
    }

    fn place(&mut self, at: usize) {
        let p = self.position[at];
        self.left[p + 1] = p;
        self.right[p] = p + 1;
    }

    /// Returns the candidate `at` and those who can play with it, as many as fit, the nearest first.
    fn group_around(&mut self, rules: &Rules, at: usize) -> Vec<usize> {
        let candidates = self.candidates;
        let near = self.neighbours(rules, at);
        let (mut group, mut people) = (vec![at], candidates[at].people);
        for other in near {
            let one = &candidates[other];
            let fits = people.saturating_add(one.people) <= rules.largest;
            if fits && group.iter().all(|member| accept_each_other(rules, &candidates[*member], one)) {
                group.push(other);
                people += one.people;
            }
            if people >= rules.largest {
                break;
            }
        }
        group
    }

    /// Returns free candidates whose strength lies within the window of `at`, the nearest first.
    fn neighbours(&mut self, rules: &Rules, at: usize) -> Vec<usize> {
        let centre = self.candidates[at];
        let p = self.position[at];
        let (mut left, mut right) = (follow(&mut self.left, p), follow(&mut self.right, p + 1));
        let mut near: Vec<(f64, usize)> = Vec::with_capacity(NEIGHBOURS);
        let far = f64::INFINITY;
        while near.len() < NEIGHBOURS {
            let apart = |at: usize| match rules.choosy {
                true => (self.candidates[at].strength.points - centre.strength.points).abs(),
                false => 0.0,
            };
            let leftward = if left > 0 { apart(self.order[left - 1]) } else { far };
            let rightward = self.order.get(right).map_or(far, |at| apart(*at));
            if leftward.min(rightward) > centre.window {
                break;
            }
            let next = if leftward < rightward {
                let next = self.order[left - 1];
                left = follow(&mut self.left, left - 1);
                next
            } else {
                let next = self.order[right];
                right = follow(&mut self.right, right + 1);
                next
            };
            near.push((rules.distance(&centre.strength, &self.candidates[next].strength), next));
        }
        near.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        near.into_iter().map(|(_, at)| at).collect()
    }
}

fn accept_each_other(rules: &Rules, a: &Candidate, b: &Candidate) -> bool {
    !rules.choosy || rules.distance(&a.strength, &b.strength) <= a.window.min(b.window)
}

/// Follows links from `at` to one that leads to itself, and shortens the way for the next time.
fn follow(links: &mut [usize], mut at: usize) -> usize {
    while links[at] != at {
        links[at] = links[links[at]];
        at = links[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(points: f64, waited_s: u64) -> Candidate {
        let strength = Strength { points, deviation: 0.0, round_trip_ms: 20 };
        let waited = Duration::from_secs(waited_s);
        let window = Rules::default().window(&strength, waited);
        Candidate { strength, window, people: 1, waited, bots: true }
    }

    #[test]
    fn eight_who_are_near_play_at_once() {
        let all: Vec<_> = (0..8).map(|n| candidate(1_000.0 + f64::from(n) * 10.0, 0)).collect();
        let (found, _) = gather(&Rules::default(), &all);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].tickets.len(), found[0].bots), (8, false));
        let (found, reasons) = gather(&Rules::default(), &all[..7]);
        assert!(found.is_empty());
        assert_eq!(reasons[3], Reason::TooFew { found: 7 });
    }

    #[test]
    fn both_sides_must_accept() {
        // One has waited long and would take anybody; the other has just come.
        let all = [candidate(1_000.0, 19), candidate(1_300.0, 0)];
        let (found, reasons) = gather(&Rules::default(), &all);
        assert!(found.is_empty());
        assert_eq!(reasons, [Reason::NobodyNear; 2]);
        let all = [candidate(1_000.0, 19), candidate(1_300.0, 11)];
        assert_eq!(gather(&Rules::default(), &all).0, [Found { tickets: vec![0, 1], bots: false }]);
    }

    #[test]
    fn bots_come_for_those_who_allow_them() {
        let rules = Rules::default();
        assert_eq!(gather(&rules, &[candidate(0.0, 19)]), (vec![], vec![Reason::Alone]));
        assert_eq!(gather(&rules, &[candidate(0.0, 20)]).0, [Found { tickets: vec![0], bots: true }]);
        assert!(gather(&rules, &[Candidate { bots: false, ..candidate(0.0, 500) }]).0.is_empty());
    }

    #[test]
    fn the_nearest_are_taken_and_the_longest_wait_chooses() {
        let mut all: Vec<_> = (0..20).map(|n| candidate(f64::from(n) * 12.0, 0)).collect();
        all[19] = candidate(19.0 * 12.0, 1);
        let (found, _) = gather(&Rules::default(), &all);
        let mut first = found[0].tickets.clone();
        first.sort_unstable();
        assert_eq!(first, (12..20).collect::<Vec<_>>());
        assert_eq!(found.len(), 2, "eight of the other twelve play too: {found:?}");
    }

    #[test]
    fn first_come_takes_them_in_order() {
        let all: Vec<_> = (0..9).map(|n| candidate(f64::from(n % 3) * 900.0, 100 - n as u64)).collect();
        let (found, _) = gather(&Rules { choosy: false, ..Rules::default() }, &all);
        assert_eq!(found[0].tickets, (0..8).collect::<Vec<_>>());
    }
}
