//! The clips, made of sines and noise at start.
//!
//! Short and dry: no file to ship, no licence to mind, and every event keeps to a register of its own.
//!
//! Flow: [`Clip::wav`] → [`super`].

use game::rng::Rng;
use std::f32::consts::TAU;

/// What a sound is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clip {
    Bolt,
    Spark,
    Rail,
    Hit,
    Death,
    Spawn,
    Dash,
    Pickup,
    Count,
    Start,
    Finish,
    Switch,
    Chime,
}

/// One voice of a clip.
#[derive(Clone, Copy)]
struct Voice {
    /// Begins and ends at these pitches, Hz.
    pitch: [f32; 2],
    /// Share of noise, 0 to 1.
    noise: f32,
    /// Seconds of silence before it.
    wait: f32,
    /// Seconds to half of its loudness.
    half_life: f32,
    loudness: f32,
}

impl Clip {
    pub(super) const ALL: [Self; 13] = [
        Self::Bolt,
        Self::Spark,
        Self::Rail,
        Self::Hit,
        Self::Death,
        Self::Spawn,
        Self::Dash,
        Self::Pickup,
        Self::Count,
        Self::Start,
        Self::Finish,
        Self::Switch,
        Self::Chime,
    ];

    /// Returns how long it is.
    pub(super) const fn seconds(self) -> f32 {
        match self {
            Self::Bolt | Self::Spark | Self::Count => 0.12,
            Self::Hit | Self::Dash => 0.2,
            Self::Pickup | Self::Switch | Self::Spawn | Self::Start => 0.4,
            Self::Rail => 0.6,
            Self::Death | Self::Finish | Self::Chime => 0.9,
        }
    }

    /// Returns it as the bytes of a WAV file: 16 bit, one channel.
    pub(super) fn wav(self) -> Vec<u8> {
        let samples = self.samples();
        let bytes = (samples.len() * 2) as u32;
        let mut wav = Vec::with_capacity(44 + samples.len() * 2);
        wav.extend(b"RIFF");
        wav.extend((36 + bytes).to_le_bytes());
        wav.extend(b"WAVEfmt ");
        wav.extend(16_u32.to_le_bytes());
        for field in [1_u16, 1] {
            wav.extend(field.to_le_bytes());
        }
        wav.extend(RATE.to_le_bytes());
        wav.extend((RATE * 2).to_le_bytes());
        for field in [2_u16, 16] {
            wav.extend(field.to_le_bytes());
        }
        wav.extend(b"data");
        wav.extend(bytes.to_le_bytes());
        wav.extend(samples.into_iter().flat_map(i16::to_le_bytes));
        wav
    }

    fn samples(self) -> Vec<i16> {
        let length = (self.seconds() * RATE as f32) as usize;
        let mut sum = vec![0.0_f32; length];
        for (index, voice) in self.voices().iter().enumerate() {
            voice.add_to(&mut sum, index as u64);
        }
        let end = FADE_SECONDS * RATE as f32;
        let fade = |i: usize| ((length - i) as f32 / end).min(1.0);
        // Soft clipping instead of wrap-around, should voices add up.
        sum.into_iter().enumerate().map(|(i, s)| ((s * fade(i)).tanh() * f32::from(i16::MAX)) as i16).collect()
    }

    fn voices(self) -> Vec<Voice> {
        let voice = |from: f32, to: f32, noise: f32, half_life: f32, loudness: f32| Voice {
            pitch: [from, to],
            noise,
            wait: 0.0,
            half_life,
            loudness,
        };
        let note = |pitch: f32, wait: f32| Voice { wait, ..voice(pitch, pitch, 0.0, 0.06, 0.5) };
        match self {
            Self::Bolt => vec![voice(1_500.0, 480.0, 0.08, 0.022, 0.7)],
            Self::Spark => vec![voice(3_200.0, 1_800.0, 0.75, 0.012, 0.6)],
            Self::Rail => vec![
                voice(2_600.0, 90.0, 0.1, 0.07, 0.9),
                voice(110.0, 45.0, 0.0, 0.13, 0.9),
                voice(900.0, 300.0, 0.9, 0.035, 0.8),
            ],
            Self::Hit => vec![voice(320.0, 140.0, 0.35, 0.035, 1.0), voice(1_100.0, 700.0, 0.0, 0.012, 0.4)],
            Self::Death => vec![
                voice(190.0, 38.0, 0.1, 0.16, 1.0),
                voice(600.0, 120.0, 0.95, 0.12, 0.7),
                voice(1_400.0, 200.0, 0.2, 0.05, 0.4),
            ],
            Self::Spawn => vec![voice(260.0, 780.0, 0.03, 0.11, 0.6), voice(390.0, 1_170.0, 0.0, 0.09, 0.3)],
            Self::Dash => vec![voice(240.0, 620.0, 0.8, 0.05, 0.8)],
            Self::Pickup => vec![note(660.0, 0.0), note(880.0, 0.07), note(1_320.0, 0.14)],
            Self::Count => vec![voice(740.0, 740.0, 0.0, 0.03, 0.6)],
            Self::Start => vec![voice(1_110.0, 1_110.0, 0.0, 0.09, 0.7), voice(555.0, 555.0, 0.0, 0.09, 0.4)],
            Self::Finish => vec![note(523.0, 0.0), note(659.0, 0.12), note(784.0, 0.24), note(1_046.0, 0.36)],
            Self::Switch => vec![note(587.0, 0.0), note(784.0, 0.09)],
            Self::Chime => vec![note(784.0, 0.0), note(1_175.0, 0.14), note(784.0, 0.42), note(1_175.0, 0.56)],
        }
    }
}

impl Voice {
    fn add_to(&self, sum: &mut [f32], seed: u64) {
        let mut rng = Rng::new(seed);
        let mut turns = 0.0_f32;
        let start = (self.wait * RATE as f32) as usize;
        let length = sum.len().saturating_sub(start).max(1) as f32;
        for (i, sample) in sum.iter_mut().skip(start).enumerate() {
            let seconds = i as f32 / RATE as f32;
            // The pitch falls quickly first, as everything that was struck does.
            let share = 1.0 - (1.0 - i as f32 / length).powi(3);
            turns = (turns + (self.pitch[0] + (self.pitch[1] - self.pitch[0]) * share) / RATE as f32).fract();
            let tone = (turns * TAU).sin();
            let noise = rng.unit_f32() * 2.0 - 1.0;
            let attack = (seconds / ATTACK_SECONDS).min(1.0);
            let decay = 0.5_f32.powf(seconds / self.half_life);
            *sample += (tone * (1.0 - self.noise) + noise * self.noise) * attack * decay * self.loudness;
        }
    }
}

/// Samples per second: enough for the highest voice, half the memory of studio quality.
const RATE: u32 = 32_000;
/// Short enough to be a strike, long enough not to click.
const ATTACK_SECONDS: f32 = 0.002;
/// The end is faded so that it does not click.
const FADE_SECONDS: f32 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rail_is_the_loudest_and_nothing_is_silent() {
        let power = |clip: Clip| -> f64 { clip.samples().iter().map(|s| f64::from(*s).powi(2)).sum() };
        let rail = power(Clip::Rail);
        for clip in Clip::ALL {
            assert!(power(clip) > 0.0, "{clip:?}");
            assert!(clip == Clip::Rail || clip == Clip::Death || power(clip) < rail, "{clip:?}");
        }
    }

    #[test]
    fn clips_are_numbered_as_they_are_listed() {
        for (index, clip) in Clip::ALL.into_iter().enumerate() {
            assert_eq!(clip as usize, index);
        }
    }
}
