//! Weather as text: `bad`, `delay=40,jitter=8,loss=5,seed=7`, `mobile,down.loss=10`.
//!
//! The same text on every command line, in reports and in menus; what is printed can be typed. A mistake is answered with one
//! sentence that names the key and what it may be.
//!
//! Flow: command line -> [`Weather::from_str`] -> `station.rs`; [`Weather`] -> its `Display` -> reports.

use super::conditions::{Conditions, Tunnels, Weather};
use super::presets::{self, PRESETS};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Why a text is not weather. Whoever typed it is at fault.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WeatherError {
    /// Something that does not exist is asked for.
    #[error("there is no weather setting `{0}`; there are {keys}, each but {whole} also with `up.` or `down.` before it", keys = KEYS, whole = WHOLE)]
    Key(String),
    /// A name that no weather has.
    #[error("there is no weather `{0}`; there are {names}, or settings as in `delay=40,jitter=8,loss=5`", names = names())]
    Name(String),
    /// A value that is not a number, or one that is too small or too large.
    #[error("`{key}` is {what} from {from} to {to}{zero}, not `{value}`", zero = if *.or_zero { ", or 0 for unlimited" } else { "" })]
    Range {
        /// The key.
        key: String,
        /// What it counts.
        what: &'static str,
        /// Smallest.
        from: f64,
        /// Largest.
        to: f64,
        /// Whether zero is allowed besides.
        or_zero: bool,
        /// What was given instead.
        value: String,
    },
    /// A seed that is not a whole number.
    #[error("`seed` is a whole number from 0 to {max}, not `{0}`", max = u64::MAX)]
    Seed(String),
    /// Tunnels without an end.
    #[error("`tunnel` ({lasts} s) must be shorter than `tunnel_every` ({every} s)")]
    Tunnel {
        /// Length, seconds.
        lasts: f64,
        /// Time from one to the next, seconds.
        every: f64,
    },
}

/// One number of [`Conditions`] and its name.
struct Key {
    name: &'static str,
    what: &'static str,
    range: RangeInclusive<f64>,
    or_zero: bool,
    field: fn(&mut Conditions) -> &mut f64,
}

const DIRECTED: [Key; 7] = [
    key("delay", "one-way milliseconds", 0.0..=2_000.0, |c| &mut c.delay_ms),
    key("jitter", "milliseconds", 0.0..=500.0, |c| &mut c.jitter_ms),
    key("loss", "percent", 0.0..=100.0, |c| &mut c.loss_percent),
    key("burst", "packets lost in a row", 1.0..=100.0, |c| &mut c.burst),
    key("reorder", "percent", 0.0..=100.0, |c| &mut c.reorder_percent),
    key("dup", "percent", 0.0..=100.0, |c| &mut c.dup_percent),
    Key { or_zero: true, ..key("rate", "kbit/s", 16.0..=10_000_000.0, |c| &mut c.rate_kbit_s) },
];
const KEYS: &str = "delay, jitter, loss, burst, reorder, dup, rate, tunnel, tunnel_every and seed";
const WHOLE: &str = "the last three";
const TUNNEL_S: RangeInclusive<f64> = 0.1..=60.0;
const TUNNEL_EVERY_S: RangeInclusive<f64> = 1.0..=600.0;
/// Length of a tunnel if only their distance is given, seconds, and the other way round.
const TUNNEL_USUALLY: Tunnels = Tunnels { every_s: 30.0, lasts_s: 3.0 };

const fn key(
    name: &'static str,
    what: &'static str,
    range: RangeInclusive<f64>,
    field: fn(&mut Conditions) -> &mut f64,
) -> Key {
    Key { name, what, range, or_zero: false, field }
}

fn names() -> String {
    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    names.join(", ")
}

impl FromStr for Weather {
    type Err = WeatherError;

    /// Reads a name, settings, or a name and then settings that differ from it.
    fn from_str(text: &str) -> Result<Self, WeatherError> {
        let mut weather = Self::CALM;
        for (index, item) in text.split(',').map(str::trim).enumerate() {
            match item.split_once('=') {
                Some((key, value)) => set(&mut weather, key.trim(), value.trim())?,
                None if index == 0 => {
                    weather = presets::named(item).ok_or_else(|| WeatherError::Name(item.to_owned()))?;
                }
                None => return Err(WeatherError::Key(item.to_owned())),
            }
        }
        match weather.tunnels {
            Some(Tunnels { every_s, lasts_s }) if lasts_s >= every_s => {
                Err(WeatherError::Tunnel { lasts: lasts_s, every: every_s })
            }
            _ => Ok(weather),
        }
    }
}

fn set(weather: &mut Weather, key: &str, value: &str) -> Result<(), WeatherError> {
    match key {
        "seed" => {
            weather.seed = value.parse().map_err(|_| WeatherError::Seed(value.to_owned()))?;
        }
        "tunnel" => {
            let lasts_s = number(key, value, "seconds", &TUNNEL_S, false)?;
            weather.tunnels = Some(Tunnels { lasts_s, ..weather.tunnels.unwrap_or(TUNNEL_USUALLY) });
        }
        "tunnel_every" => {
            let every_s = number(key, value, "seconds", &TUNNEL_EVERY_S, false)?;
            weather.tunnels = Some(Tunnels { every_s, ..weather.tunnels.unwrap_or(TUNNEL_USUALLY) });
        }
        _ => {
            let (up, down, name) = match (key.strip_prefix("up."), key.strip_prefix("down.")) {
                (Some(name), _) => (true, false, name),
                (_, Some(name)) => (false, true, name),
                _ => (true, true, key),
            };
            let unknown = || WeatherError::Key(key.to_owned());
            let known = DIRECTED.iter().find(|known| known.name == name).ok_or_else(unknown)?;
            let number = number(key, value, known.what, &known.range, known.or_zero)?;
            for (direction, chosen) in [(&mut weather.up, up), (&mut weather.down, down)] {
                if chosen {
                    *(known.field)(direction) = number;
                }
            }
        }
    }
    Ok(())
}

fn number(
    key: &str,
    value: &str,
    what: &'static str,
    range: &RangeInclusive<f64>,
    or_zero: bool,
) -> Result<f64, WeatherError> {
    let number = value.parse::<f64>().ok().filter(|n| range.contains(n) || (or_zero && *n == 0.0));
    // What was zero with a sign is plain zero, so that what is printed is what was read.
    number.map(|n| n + 0.0).ok_or_else(|| WeatherError::Range {
        key: key.to_owned(),
        what,
        from: *range.start(),
        to: *range.end(),
        or_zero,
        value: value.to_owned(),
    })
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unseeded = Self { seed: Self::SEED, ..*self };
        let mut items = match PRESETS.iter().find(|preset| preset.weather == unseeded) {
            Some(preset) => vec![preset.name.to_owned()],
            None => self.items(),
        };
        if self.seed != Self::SEED {
            items.push(format!("seed={}", self.seed));
        }
        f.write_str(&items.join(","))
    }
}

impl Weather {
    /// Returns everything that differs from calm, as it is typed.
    fn items(&self) -> Vec<String> {
        let (mut up, mut down, mut calm) = (self.up, self.down, Conditions::CALM);
        let mut items = Vec::new();
        for known in &DIRECTED {
            let name = known.name;
            let (up, down) = (*(known.field)(&mut up), *(known.field)(&mut down));
            let calm = *(known.field)(&mut calm);
            if up == down {
                items.extend((up != calm).then(|| format!("{name}={up}")));
            } else {
                items.extend((up != calm).then(|| format!("up.{name}={up}")));
                items.extend((down != calm).then(|| format!("down.{name}={down}")));
            }
        }
        if let Some(Tunnels { every_s, lasts_s }) = self.tunnels {
            items.push(format!("tunnel={lasts_s},tunnel_every={every_s}"));
        }
        items
    }
}
