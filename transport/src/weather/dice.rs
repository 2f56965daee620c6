//! What chance decides about one packet.
//!
//! Every packet takes the same number of throws whatever the weather is, so that turning one setting does not change which packets
//! another one hits, and the same packets meet the same fate on every wire. SplitMix64 (Steele, Lea, Flood: "Fast Splittable
//! Pseudorandom Number Generators", 2014): eight bytes of state, good enough for weather.
//!
//! Flow: seed -> [`Dice::throw`] -> `path.rs`.

use super::conditions::Conditions;

/// SplitMix64's increment: 2^64 over the golden ratio.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of random numbers, and whether the path is in its bad state.
#[derive(Clone, Debug)]
pub(super) struct Dice {
    state: u64,
    /// Whether the packet before this one was lost; none before the first one.
    losing: Option<bool>,
}

/// What happens to one packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fate {
    /// It does not arrive.
    pub(super) lost: bool,
    /// Which part of the jitter it gets, -1 to 1.
    pub(super) jitter: f64,
    /// It takes a detour.
    pub(super) reordered: bool,
    /// It arrives twice.
    pub(super) doubled: bool,
}

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self { state: seed, losing: None }
    }

    /// Decides about the next packet.
    pub(super) fn throw(&mut self, conditions: &Conditions) -> Fate {
        let [loss, jitter, reorder, dup] = [(); 4].map(|()| self.next());
        Fate {
            lost: self.loses(loss, conditions),
            jitter: 2.0 * jitter - 1.0,
            reordered: reorder < conditions.reorder_percent / 100.0,
            doubled: dup < conditions.dup_percent / 100.0,
        }
    }

    /// Gilbert's model. In the bad state every packet is lost, in the good one none. With loss p and mean run b, the bad state is
    /// left with 1/b and entered with p / (b (1 - p)), so that the share of time in it is p. At b = 1 / (1 - p) both ways of being
    /// lost are equally likely, which is independent loss: no shorter runs exist without dependence of another kind.
    fn loses(&mut self, throw: f64, conditions: &Conditions) -> bool {
        let loss = conditions.loss();
        let good = 1.0 - loss;
        let lost = if good <= 0.0 {
            true
        } else {
            let burst = conditions.burst.max(1.0 / good);
            match self.losing {
                None => throw < loss,
                Some(true) => throw < 1.0 - 1.0 / burst,
                Some(false) => throw < loss / (burst * good),
            }
        };
        self.losing = Some(lost);
        lost
    }

    /// Returns a number from 0 to below 1.
    fn next(&mut self) -> f64 {
        self.state = self.state.wrapping_add(GAMMA);
        // The upper 53 bits fill a double's fraction.
        (mix(self.state) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Makes a seed out of two numbers such that near ones give seeds that are far apart.
pub(super) const fn mix_seeds(seed: u64, with: u64) -> u64 {
    mix(mix(seed.wrapping_add(GAMMA)) ^ with.wrapping_mul(GAMMA))
}

const fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of SplitMix64 from seed 0, as published with it.
    #[test]
    fn the_generator_is_splitmix64() {
        let mut state = 0_u64;
        let numbers = [(); 3].map(|()| {
            state = state.wrapping_add(GAMMA);
            mix(state)
        });
        assert_eq!(numbers, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]);
    }

    #[test]
    fn one_setting_does_not_change_what_another_one_hits() {
        let calm = Conditions { loss_percent: 20.0, ..Conditions::CALM };
        let busy = Conditions { jitter_ms: 9.0, reorder_percent: 30.0, dup_percent: 30.0, ..calm };
        let lost = |conditions: Conditions| {
            let mut dice = Dice::new(5);
            (0..1_000).map(|_| dice.throw(&conditions).lost).collect::<Vec<_>>()
        };
        assert_eq!(lost(calm), lost(busy));
    }
}
