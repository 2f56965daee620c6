//! The rules of the blind test, without a screen: ten rounds, a wire at random in each, and what the score is worth.
//!
//! A round counts only if the wire that was drawn has driven for all of it; otherwise it is played again. Only time in which one flies
//! is counted: whoever waits for the next round or to come back feels no wire. What was drawn does not depend on earlier rounds, so the
//! same wire may come twice.
//!
//! Flow: clock, driving wire, guesses → [`Test`] → wire to switch to, [`Result`].

use protocol::Transport;
use std::collections::BTreeMap;

/// Rounds of a test.
pub(crate) const ROUNDS: usize = 10;
/// Seconds of play before a guess.
pub(crate) const ROUND_SECONDS: f64 = 8.0;
/// A wire that has not taken over after this many seconds is left out of the rest of the test.
const SWITCH_SECONDS: f64 = 6.0;

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stage {
    /// The wire of the round is taking over, since this second.
    Switching(f64),
    /// The player flies, and has for so many seconds.
    Playing(f64),
    /// The player is asked.
    Asking,
    /// All rounds are played.
    Done,
}

/// A test under way or finished.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    wires: Vec<Transport>,
    /// Those that still can be drawn.
    working: Vec<Transport>,
    rounds: Vec<(Transport, Transport)>,
    drawn: Transport,
    stage: Stage,
    dice: u64,
    again: u32,
    /// When the test was last gone on with.
    last: f64,
}

impl Test {
    /// Begins a test over `wires`; none with fewer than two, between which there is nothing to guess.
    pub(crate) fn begin(wires: &[Transport], seed: u64, now: f64) -> Option<Self> {
        let (first, _) = wires.first().zip(wires.get(1))?;
        let mut test = Self {
            wires: wires.to_vec(),
            working: wires.to_vec(),
            rounds: Vec::new(),
            drawn: *first,
            stage: Stage::Done,
            dice: seed,
            again: 0,
            last: now,
        };
        test.draw(now);
        Some(test)
    }

    /// Goes on at second `now` with `driving` in use, and with a ship that flies or does not. Returns the wire to switch to, if one is
    /// wanted.
    pub(crate) fn advance(&mut self, now: f64, driving: Option<Transport>, flying: bool) -> Option<Transport> {
        let right = driving == Some(self.drawn);
        let passed = now - std::mem::replace(&mut self.last, now);
        match self.stage {
            Stage::Switching(_) if right => self.stage = Stage::Playing(0.0),
            Stage::Switching(since) if now - since > SWITCH_SECONDS => {
                // Fewer than two working wires leave nothing to guess: then the same one is waited for.
                if self.working.len() > 2 {
                    self.working.retain(|wire| *wire != self.drawn);
                }
                self.draw(now);
            }
            Stage::Playing(_) | Stage::Asking if !right => {
                self.again += 1;
                self.draw(now);
            }
            Stage::Playing(flown) if flown >= ROUND_SECONDS => self.stage = Stage::Asking,
            Stage::Playing(flown) if flying => self.stage = Stage::Playing(flown + passed),
            _ => {}
        }
        (matches!(self.stage, Stage::Switching(_)) && !right).then_some(self.drawn)
    }

    /// Takes the guess of this round. Returns whether it was asked for.
    pub(crate) fn guess(&mut self, index: usize, now: f64) -> bool {
        let Some(guess) = self.wires.get(index).filter(|_| self.stage == Stage::Asking) else { return false };
        self.rounds.push((self.drawn, *guess));
        if self.rounds.len() < ROUNDS {
            self.draw(now);
        } else {
            self.stage = Stage::Done;
        }
        true
    }

    /// Draws the wire of the next round.
    fn draw(&mut self, now: f64) {
        // splitmix64: small, and good enough for a guessing game.
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.dice;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        let index = (bits % self.working.len().max(1) as u64) as usize;
        self.drawn = self.working.get(index).copied().unwrap_or(self.drawn);
        self.stage = Stage::Switching(now);
    }

    /// Returns what is going on.
    pub(crate) const fn stage(&self) -> Stage {
        self.stage
    }

    /// Returns the number of the present round, from 1.
    pub(crate) fn round(&self) -> usize {
        (self.rounds.len() + 1).min(ROUNDS)
    }

    /// Returns what can be guessed.
    pub(crate) fn wires(&self) -> &[Transport] {
        &self.wires
    }

    /// Returns how it ended.
    pub(crate) fn result(&self) -> Result {
        let score = self.rounds.iter().filter(|(truth, guess)| truth == guess).count();
        let chance = 1.0 / self.wires.len().max(1) as f64;
        let mut table = BTreeMap::new();
        for round in &self.rounds {
            *table.entry(*round).or_insert(0) += 1;
        }
        Result {
            rounds: self.rounds.len(),
            score,
            by_chance: self.rounds.len() as f64 * chance,
            luck: at_least(score, self.rounds.len(), chance),
            table,
            again: self.again,
        }
    }
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Result {
    /// Rounds played.
    pub(crate) rounds: usize,
    /// Right guesses.
    pub(crate) score: usize,
    /// Right guesses that pure chance gives in the mean.
    pub(crate) by_chance: f64,
    /// Probability that pure chance does at least as well, 0 to 1.
    pub(crate) luck: f64,
    /// How often a wire (first) was taken for another (second).
    pub(crate) table: BTreeMap<(Transport, Transport), u32>,
    /// Rounds that were played again because the wire did not hold.
    pub(crate) again: u32,
}

impl Result {
    /// Returns what the score says, in words that claim no more than it does.
    pub(crate) fn verdict(&self) -> &'static str {
        if self.luck < 0.01 {
            "You can tell: chance alone hardly ever does that."
        } else if self.luck < 0.05 {
            "You probably can tell; chance would rarely do as well."
        } else if (self.score as f64) > self.by_chance {
            "Better than chance, but luck may do this too. Try again."
        } else {
            "No better than guessing: under this weather the wires felt alike to you."
        }
    }
}

/// Returns the probability of at least `k` successes in `n` tries of probability `p`.
fn at_least(k: usize, n: usize, p: f64) -> f64 {
    let choose = |r: usize| (0..r).fold(1.0, |product, i| product * (n - i) as f64 / (i + 1) as f64);
    let exactly = |r: usize| choose(r) * p.powi(r as i32) * (1.0 - p).powi((n - r) as i32);
    (k..=n).map(exactly).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIRES: [Transport; 3] = [Transport::Udp, Transport::Quic, Transport::Websocket];

    /// Plays a whole test; `answer` sees the wire in use.
    fn play(seed: u64, answer: impl Fn(Transport) -> Transport) -> Test {
        let mut test = Test::begin(&WIRES, seed, 0.0).expect("three wires");
        let mut driving = Some(Transport::Udp);
        let mut now = 0.0;
        while test.stage() != Stage::Done {
            now += 0.5;
            driving = test.advance(now, driving, true).or(driving);
            if test.stage() == Stage::Asking {
                let guess = answer(driving.expect("set above"));
                let index = WIRES.iter().position(|wire| *wire == guess).expect("one of them");
                assert!(test.guess(index, now));
            }
            assert!(now < 500.0, "it ends");
        }
        test
    }

    #[test]
    fn whoever_knows_gets_ten_and_whoever_always_says_the_same_gets_its_share() {
        let all = play(7, |wire| wire).result();
        assert_eq!((all.rounds, all.score), (10, 10));
        assert!(all.luck < 0.000_1, "{}", all.luck);
        let (mut right, mut seen) = (0, BTreeMap::new());
        for seed in 0..60 {
            let result = play(seed, |_| Transport::Quic).result();
            right += result.score;
            result.table.keys().for_each(|(truth, _)| *seen.entry(*truth).or_insert(0) += 1);
        }
        assert!((160..=240).contains(&right), "{right} of 600 instead of about 200");
        assert_eq!(seen.len(), 3, "every wire is drawn");
    }

    #[test]
    fn a_round_lasts_its_time_and_is_played_again_when_the_wire_changes() {
        let mut test = Test::begin(&WIRES, 1, 0.0).expect("three wires");
        let drawn = test.advance(0.1, None, true).expect("nothing drives yet");
        assert_eq!(test.advance(1.0, Some(drawn), true), None);
        assert_eq!(test.stage(), Stage::Playing(0.0));
        assert!(!test.guess(0, 2.0), "nobody asked");
        let other = WIRES.into_iter().find(|wire| *wire != drawn);
        test.advance(3.0, other, true);
        assert!(matches!(test.stage(), Stage::Switching(_) | Stage::Playing(_)));
        assert_eq!((test.round(), test.result().again), (1, 1));
    }

    #[test]
    fn only_time_in_which_one_flies_is_counted() {
        let mut test = Test::begin(&WIRES, 1, 0.0).expect("three wires");
        let drawn = test.advance(0.0, None, false);
        for second in 0..=60_u32 {
            test.advance(f64::from(second), drawn, second % 10 == 0);
        }
        assert_eq!(test.stage(), Stage::Playing(6.0), "one second of ten");
        for second in 61..=63_u32 {
            test.advance(f64::from(second), drawn, true);
        }
        assert_eq!(test.stage(), Stage::Asking);
    }

    #[test]
    fn a_wire_that_does_not_work_is_left_out() {
        let mut test = Test::begin(&WIRES, 3, 0.0).expect("three wires");
        let dead = test.advance(0.0, None, true).expect("one is wanted");
        let mut now = 0.0;
        for _ in 0..200 {
            now += 1.0;
            let wanted = test.advance(now, None, true);
            assert!(now < 10.0 || wanted != Some(dead), "it is not tried for ever");
        }
    }

    #[test]
    fn one_wire_alone_is_no_test() {
        assert!(Test::begin(&WIRES[..1], 1, 0.0).is_none());
    }

    #[test]
    fn the_probability_is_the_binomial_one() {
        for (k, expected) in [(0, 1.0), (1, 0.892_626), (5, 0.032_793), (10, 0.000_000_1)] {
            let found = at_least(k, 10, 0.2);
            assert!((found - expected).abs() < 0.000_01, "{k}: {found}");
        }
    }

    #[test]
    fn the_verdict_claims_no_more_than_the_score_says() {
        let verdict =
            |score| Result { score, luck: at_least(score, 10, 0.2), ..play(1, |wire| wire).result() }.verdict();
        assert!(verdict(8).starts_with("You can tell"));
        assert!(verdict(5).starts_with("You probably"));
        let middling = Result { score: 3, luck: 0.32, by_chance: 2.0, ..play(1, |wire| wire).result() };
        assert!(middling.verdict().starts_with("Better than chance, but"));
        let low = Result { score: 1, luck: 0.89, by_chance: 2.0, ..middling };
        assert!(low.verdict().starts_with("No better"));
    }
}
