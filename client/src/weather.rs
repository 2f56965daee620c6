//! The state of the network, on three keys, three buttons for fingers or three of a gamepad: worse, a lag spike, unplugged.
//!
//! Weather acts on real datagrams and byte streams below the transports, inside this process, so it needs no rights and works on
//! every system. As long as nobody has touched a key there is none: links go straight to the server. The first key puts a station in
//! between, and the driving link is dialled again through it, without a gap, as at any change of wire.
//!
//! Flow: keys, fingers, gamepads, `--weather` → [`Sky`] → [`transport::WeatherStation`] → every link; [`Sky`] → [`crate::hud`].

use crate::{
    args::Args,
    hud::{Blind, Panels},
    links::Match,
    picture::FrameSystems,
    state::Screen,
    touch::{Fingers, Spot},
};
use bevy::prelude::*;
use protocol::Transport;
use transport::WeatherStation;
use transport::player::Player;
use transport::weather::{PRESETS, Weather};
use web_time::{Duration, Instant};

/// Runs the weather keys.
pub(crate) struct WeatherPlugin;

impl Plugin for WeatherPlugin {
    fn build(&self, app: &mut App) {
        let asked = app.world().resource::<Args>().weather;
        app.insert_resource(Sky::new(asked));
        // A match that ends in this frame is gone before the screen is another.
        let plays = in_state(Screen::InMatch).and_then(resource_exists::<Match>);
        app.add_systems(Update, keys.run_if(plays).in_set(FrameSystems::Fly));
    }
}

/// What the network is like.
#[derive(Resource)]
pub(crate) struct Sky {
    /// Where it is made; none until somebody asks for some.
    station: Option<WeatherStation>,
    /// What F5 goes back to.
    favourite: Weather,
    /// There can be weather: its relays need sockets, and a page has none, so there it is for the server to offer.
    can_be: bool,
}

impl Sky {
    /// Begins with the weather that was asked for, or with none.
    pub(crate) fn new(asked: Option<Weather>) -> Self {
        let bad = PRESETS.last().map_or(Weather::CALM, |preset| preset.weather);
        let favourite = asked.filter(|w| !w.is_calm()).unwrap_or(bad);
        Self { station: asked.map(WeatherStation::new), favourite, can_be: cfg!(not(target_family = "wasm")) }
    }

    /// Notes whether there can be weather where `player` flies.
    pub(crate) fn look(&mut self, player: &Player) {
        self.can_be = player.has_weather();
    }

    /// Returns whether there can be weather at all.
    pub(crate) const fn can_be(&self) -> bool {
        self.can_be
    }

    /// Returns the station that links pass through, if any.
    pub(crate) fn station(&self) -> Option<WeatherStation> {
        self.station.clone()
    }

    /// Returns the name of the present weather; `custom` if it has none.
    pub(crate) fn name(&self) -> &'static str {
        let weather = self.weather();
        let same = |other: Weather| Weather { seed: weather.seed, ..other } == weather;
        PRESETS.iter().find(|preset| same(preset.weather)).map_or("custom", |preset| preset.name)
    }

    /// Returns the present weather.
    pub(crate) fn weather(&self) -> Weather {
        self.station.as_ref().map_or(Weather::CALM, WeatherStation::weather)
    }

    /// Returns whether the cable of `wire` is in.
    pub(crate) fn is_plugged(&self, wire: Transport) -> bool {
        self.station.as_ref().is_none_or(|station| station.is_plugged(wire))
    }

    /// Returns whether packets are changed at all.
    pub(crate) fn is_calm(&self) -> bool {
        self.station.as_ref().is_none_or(|station| station.weather().is_calm())
    }

    /// Returns whether the cable of any wire is out.
    pub(crate) fn is_unplugged(&self) -> bool {
        Transport::WIRES.into_iter().any(|wire| !self.is_plugged(wire))
    }

    /// Returns whether the cables of all wires are out.
    pub(crate) fn is_cut_off(&self) -> bool {
        Transport::WIRES.into_iter().all(|wire| !self.is_plugged(wire))
    }

    /// Changes the weather. Call [`Self::enter`] afterwards, as after every change.
    pub(crate) fn set(&mut self, weather: Weather) {
        if !weather.is_calm() {
            self.favourite = weather;
        }
        self.open().set(weather);
    }

    /// Changes to the weather that F5 changes to.
    pub(crate) fn make_bad(&mut self) {
        self.set(self.favourite);
    }

    /// Adds to the delay for a moment.
    pub(crate) fn spike(&mut self) {
        self.open().lag_spike(SPIKE, SPIKE_LASTS);
    }

    /// Plugs the cable of `wire` (none: of all) in or out.
    pub(crate) fn plug(&mut self, wire: Option<Transport>, plugged: bool) {
        let station = self.open();
        if plugged { station.plug_in(wire) } else { station.unplug(wire) }
    }

    /// Lets the links of `player` pass through the weather, if there is any.
    pub(crate) fn enter(&self, player: &mut Player) {
        if let Some(station) = &self.station {
            player.enter_weather(station, Instant::now());
        }
    }

    fn open(&mut self) -> &WeatherStation {
        self.station.get_or_insert_with(|| WeatherStation::new(Weather::CALM))
    }

    /// Bad weather on and off.
    fn toggle(&mut self) {
        self.set(if self.is_calm() { self.favourite } else { Weather::CALM });
    }

    /// The next named weather.
    fn next(&mut self) {
        let name = self.name();
        let at = PRESETS.iter().position(|preset| preset.name == name).map_or(0, |at| at + 1);
        self.set(PRESETS[at % PRESETS.len()].weather);
    }

    /// All cables out or in.
    fn pull_or_plug(&mut self) {
        self.plug(None, self.is_unplugged());
    }
}

/// F5 makes the network bad or good, Shift+F5 goes through the named weathers, F6 is a lag spike, F7 pulls the cable. For fingers there
/// are buttons; a gamepad has L1, and its cross up and down.
fn keys(
    (keys, fingers, pads): (Res<ButtonInput<KeyCode>>, Res<Fingers>, Query<&Gamepad>),
    panels: Res<Panels>,
    mut sky: ResMut<Sky>,
    mut the_match: ResMut<Match>,
    blind: Res<Blind>,
) {
    // A blind test is about one weather.
    if !sky.can_be() || blind.is_running() {
        return;
    }
    let pad = |button| !panels.take_input() && pads.iter().any(|pad| pad.just_pressed(button));
    let pressed = |key, spot, button| keys.just_pressed(key) || fingers.struck(spot) || pad(button);
    if pressed(KeyCode::F5, Spot::Weather, GamepadButton::LeftTrigger) {
        if keys.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]) { sky.next() } else { sky.toggle() }
    } else if pressed(KeyCode::F6, Spot::Spike, GamepadButton::DPadUp) {
        sky.spike();
    } else if pressed(KeyCode::F7, Spot::Cable, GamepadButton::DPadDown) {
        sky.pull_or_plug();
    } else {
        return;
    }
    sky.enter(&mut the_match.player);
}

/// What a lag spike adds to the delay, each way: enough to be felt on every wire.
pub(crate) const SPIKE: Duration = Duration::from_millis(300);
const SPIKE_LASTS: Duration = Duration::from_millis(700);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_makes_it_bad_and_good_again() {
        let mut sky = Sky::new(None);
        assert!(sky.station().is_none() && sky.is_calm());
        sky.toggle();
        assert_eq!((sky.name(), sky.is_calm()), ("bad", false));
        sky.toggle();
        assert_eq!((sky.name(), sky.is_calm()), ("calm", true));
    }

    #[test]
    fn every_named_weather_comes_by_and_stays_the_favourite() {
        let mut sky = Sky::new(None);
        let seen: Vec<_> = (0..PRESETS.len()).map(|_| (sky.next(), sky.name()).1).collect();
        assert_eq!(seen.last(), Some(&"calm"));
        assert!(PRESETS.iter().all(|preset| seen.contains(&preset.name)));
        sky.next();
        sky.toggle();
        sky.toggle();
        assert_eq!(sky.name(), "lan");
    }

    #[test]
    fn the_cable_goes_out_and_in() {
        let mut sky = Sky::new(None);
        sky.pull_or_plug();
        assert!(sky.is_unplugged() && sky.is_cut_off());
        sky.pull_or_plug();
        assert!(!sky.is_unplugged());
    }
}
