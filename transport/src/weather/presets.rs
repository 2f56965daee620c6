//! Weather with a name, for people who want to feel a network and not to describe one.
//!
//! The figures are typical ones from public measurements of such paths, rounded; none claims to be a certain provider. `bad` is
//! the weather that the project's promises are made for.
//!
//! Flow: `parse.rs`, menus -> [`PRESETS`] -> [`Weather`].

use super::conditions::{Conditions, Tunnels, Weather};

/// Weather with a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preset {
    /// What to type.
    pub name: &'static str,
    /// One line for a menu.
    pub about: &'static str,
    /// What it is.
    pub weather: Weather,
}

/// Every named weather, from the best to the worst.
pub const PRESETS: [Preset; 8] = [
    Preset { name: "calm", about: "Nothing is changed.", weather: Weather::CALM },
    Preset {
        name: "lan",
        about: "A cable in the same house: half a millisecond.",
        weather: Weather::even(path(0.5, 0.1, 0.0, 1.0)),
    },
    Preset {
        name: "home",
        about: "Home Wi-Fi to a server nearby: 12 ms, now and then a lost packet.",
        weather: Weather::even(path(12.0, 4.0, 0.5, 1.5)),
    },
    Preset {
        name: "mobile",
        about: "A phone's network: 35 ms, restless, losses in small bursts, uplink slower than downlink.",
        weather: Weather {
            up: Conditions { rate_kbit_s: 5_000.0, ..path(40.0, 15.0, 1.0, 3.0) },
            down: Conditions { rate_kbit_s: 20_000.0, ..path(30.0, 10.0, 1.0, 3.0) },
            ..Weather::CALM
        },
    },
    Preset {
        name: "hotel",
        about: "Hotel Wi-Fi in the evening: a crowded 1 Mbit/s, 30 ms, restless, losses in bursts.",
        weather: Weather::even(Conditions { reorder_percent: 0.5, rate_kbit_s: 1_000.0, ..path(30.0, 20.0, 3.0, 4.0) }),
    },
    Preset {
        name: "train",
        about: "A fast train: 50 ms, bursts of loss, and a tunnel of 3 s every 30 s.",
        weather: Weather {
            tunnels: Some(Tunnels { every_s: 30.0, lasts_s: 3.0 }),
            ..Weather::even(path(50.0, 20.0, 3.0, 5.0))
        },
    },
    Preset {
        name: "satellite",
        about: "A geostationary satellite: 280 ms each way, steady.",
        weather: Weather {
            up: Conditions { rate_kbit_s: 3_000.0, ..path(280.0, 8.0, 0.5, 2.0) },
            down: Conditions { rate_kbit_s: 20_000.0, ..path(280.0, 8.0, 0.5, 2.0) },
            ..Weather::CALM
        },
    },
    Preset {
        name: "bad",
        about: "What the promises are made for: 40 ms each way, 8 ms jitter, 5 % loss.",
        weather: Weather::even(path(40.0, 8.0, 5.0, 1.0)),
    },
];

/// Other names of the weather that changes nothing.
pub(super) const CALM_TOO: &str = "off";

pub(super) fn named(name: &str) -> Option<Weather> {
    let name = if name == CALM_TOO { "calm" } else { name };
    PRESETS.iter().find(|preset| preset.name == name).map(|preset| preset.weather)
}

const fn path(delay_ms: f64, jitter_ms: f64, loss_percent: f64, burst: f64) -> Conditions {
    Conditions { delay_ms, jitter_ms, loss_percent, burst, ..Conditions::CALM }
}
