//! Weather that does not stay: every named kind in turn, for long flights.
//!
//! Flow: `--changing SECONDS` → [`Changing::update`] → [`WeatherStation`] → every link.

use std::time::{Duration, Instant};
use transport::WeatherStation;
use transport::weather::PRESETS;

/// Goes through the presets, calm included, for ever.
pub struct Changing {
    station: WeatherStation,
    every: Duration,
    next: Instant,
    at: usize,
}

impl Changing {
    /// Begins with the weather that `station` has, and changes it `every` so often.
    pub fn new(station: WeatherStation, every: Duration, now: Instant) -> Self {
        Self { station, every, next: now + every, at: 0 }
    }

    /// Changes the weather if it is time. Returns the name of the new one.
    pub fn update(&mut self, now: Instant) -> Option<&'static str> {
        if now < self.next {
            return None;
        }
        self.next += self.every;
        let preset = &PRESETS[self.at % PRESETS.len()];
        self.at += 1;
        self.station.set(preset.weather);
        Some(preset.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use transport::Weather;

    #[test]
    fn every_named_weather_has_its_time() {
        let (now, every) = (Instant::now(), Duration::from_secs(10));
        let station = WeatherStation::new(Weather::CALM);
        let mut changing = Changing::new(station.clone(), every, now);
        assert_eq!(changing.update(now), None);
        for (turn, preset) in (1..).zip(PRESETS.iter().chain(PRESETS.iter())) {
            assert_eq!(changing.update(now + every * turn), Some(preset.name));
            assert_eq!(station.weather(), preset.weather);
            assert_eq!(changing.update(now + every * turn), None);
        }
    }
}
