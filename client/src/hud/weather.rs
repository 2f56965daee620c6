//! The weather panel: named weathers, a slider for everything that a network can do wrong, and cables to pull. All act at once.
//!
//! Flow: K, mouse → [`Sky`] → every link; [`Sky`] → the panel.

use super::{
    Panel, Panels, pane,
    panel::{Dock, Side},
};
use crate::{links::Match, palette, style, weather::Sky};
use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Align2, Button, RichText, Sense, Slider, Ui, vec2};
use protocol::Transport;
use std::ops::RangeInclusive;
use transport::{
    Weather,
    weather::{Conditions, PRESETS},
};

/// Which way the sliders work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// Uplink and downlink together.
    #[default]
    Both,
    /// From here to the server.
    Up,
    /// From the server to here.
    Down,
}

/// Draws the panel.
pub(super) fn draw(
    mut contexts: EguiContexts,
    mut panels: ResMut<Panels>,
    mut sky: ResMut<Sky>,
    mut the_match: ResMut<Match>,
    mut way: Local<Way>,
) -> Result {
    if panels.right != Some(Panel::Weather) || panels.covered {
        return Ok(());
    }
    let context = contexts.ctx_mut()?;
    let dock = Dock::new(context.content_rect(), Side::Right, panels.floor);
    let before = (sky.weather(), cables(&sky));
    pane(context, &dock, "Weather", "K", &mut panels, |ui, fresh| {
        ui.spacing_mut().button_padding = vec2(6.0, 4.0);
        ui.spacing_mut().interact_size.y = style::row(ui, ROW);
        ui.spacing_mut().item_spacing = vec2(style::GRID, 4.0);
        named(ui, &mut sky, fresh);
        buttons(ui, &mut sky);
        ways(ui, &mut way);
        sliders(ui, &mut sky, *way);
        ui.label(style::quiet(
            "Datagrams are delayed and lost. Streams (websocket, tcp, http) wait as TCP would for what is lost.",
        ));
    });
    if before != (sky.weather(), cables(&sky)) {
        sky.enter(&mut the_match.player);
    }
    Ok(())
}

fn cables(sky: &Sky) -> Vec<bool> {
    Transport::WIRES.into_iter().map(|wire| sky.is_plugged(wire)).collect()
}

fn named(ui: &mut Ui, sky: &mut Sky, fresh: bool) {
    let size = vec2((ui.available_width() - 3.0 * style::GRID) / 4.0, ui.spacing().interact_size.y);
    for (index, row) in PRESETS.chunks(4).enumerate() {
        ui.horizontal(|ui| {
            for preset in row {
                let here = sky.name() == preset.name;
                let text = RichText::new(preset.name).font(style::words(style::SMALL));
                let button = ui.add_sized(size, Button::new(text).selected(here)).on_hover_text(preset.about);
                if fresh && index == 0 && preset.name == "calm" {
                    button.request_focus();
                }
                if button.clicked() {
                    sky.set(preset.weather);
                }
            }
        });
    }
}

fn ways(ui: &mut Ui, way: &mut Way) {
    ui.horizontal(|ui| {
        for (choice, name) in [(Way::Both, "both ways"), (Way::Up, "uplink"), (Way::Down, "downlink")] {
            let text = RichText::new(name).font(style::words(style::SMALL));
            if ui.add(Button::new(text).selected(*way == choice)).clicked() {
                *way = choice;
            }
        }
    });
}

/// A number of the weather: its name, its unit, its range, and where it is.
type Dial = (&'static str, &'static str, RangeInclusive<f64>, fn(&mut Conditions) -> &mut f64);

const DIALS: [Dial; 6] = [
    ("delay", "ms", 0.0..=300.0, |sky| &mut sky.delay_ms),
    ("jitter", "ms", 0.0..=100.0, |sky| &mut sky.jitter_ms),
    ("loss", "%", 0.0..=30.0, |sky| &mut sky.loss_percent),
    ("burst", "in a row", 1.0..=20.0, |sky| &mut sky.burst),
    ("reorder", "%", 0.0..=20.0, |sky| &mut sky.reorder_percent),
    ("twice", "%", 0.0..=20.0, |sky| &mut sky.dup_percent),
];

fn sliders(ui: &mut Ui, sky: &mut Sky, way: Way) {
    let mut weather = sky.weather();
    for (name, unit, range, of) in DIALS {
        let mut shown = if way == Way::Down { weather.down } else { weather.up };
        let before = *of(&mut shown);
        let mut value = before;
        let text = if unit == "in a row" { format!("{value:.1} {unit}") } else { format!("{value:5.1} {unit}") };
        slide(ui, name, &text, |ui| drop(ui.add(Slider::new(&mut value, range).show_value(false))));
        if value != before {
            turn(&mut weather, way, of, (value * 10.0).round() / 10.0);
        }
    }
    let shown = if way == Way::Down { weather.down } else { weather.up };
    let before = RATES.iter().rposition(|rate| *rate == 0.0 || shown.rate_kbit_s > 0.0 && *rate <= shown.rate_kbit_s);
    let mut step = before.filter(|_| shown.rate_kbit_s > 0.0).unwrap_or(RATES.len() - 1);
    let was = step;
    let text =
        if shown.rate_kbit_s == 0.0 { "no limit".to_owned() } else { format!("{:.0} kbit/s", shown.rate_kbit_s) };
    slide(ui, "rate", &text, |ui| drop(ui.add(Slider::new(&mut step, 0..=RATES.len() - 1).show_value(false))));
    if step != was {
        turn(&mut weather, way, |sky| &mut sky.rate_kbit_s, RATES[step]);
    }
    if weather != sky.weather() {
        sky.set(weather);
    }
}

/// Changes one number of the weather, in the chosen direction or in both.
fn turn(weather: &mut Weather, way: Way, of: fn(&mut Conditions) -> &mut f64, value: f64) {
    if way != Way::Down {
        *of(&mut weather.up) = value;
    }
    if way != Way::Up {
        *of(&mut weather.down) = value;
    }
}

fn slide(ui: &mut Ui, name: &str, value: &str, add: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(NAME, ui.spacing().interact_size.y), Sense::hover());
        let quiet = palette::ink(palette::QUIET);
        ui.painter().text(rect.left_center(), Align2::LEFT_CENTER, name, style::words(style::SMALL), quiet);
        ui.spacing_mut().slider_width = ui.available_width() - VALUE;
        add(ui);
        let (rect, _) =
            ui.allocate_exact_size(vec2(ui.available_width(), ui.spacing().interact_size.y), Sense::hover());
        let text = palette::ink(palette::TEXT);
        ui.painter().text(rect.right_center(), Align2::RIGHT_CENTER, value, style::numbers(style::SMALL), text);
    });
}

fn buttons(ui: &mut Ui, sky: &mut Sky) {
    let small = |text: &str| RichText::new(text).font(style::words(style::SMALL));
    let share = |ui: &Ui, count: usize| {
        let gaps = (count - 1) as f32 * style::GRID;
        vec2((ui.available_width() - gaps) / count as f32, ui.spacing().interact_size.y)
    };
    let half = share(ui, 2);
    ui.horizontal(|ui| {
        if ui.add_sized(half, Button::new(small("Lag spike"))).clicked() {
            sky.spike();
        }
        let out = sky.is_unplugged();
        if ui.add_sized(half, Button::new(small(if out { "Plug all in" } else { "Unplug all" }))).clicked() {
            sky.plug(None, out);
        }
    });
    ui.label(style::quiet("Cables, press to pull one or plug it in:"));
    let in_a_row = if ui.available_width() > ROOMY { Transport::WIRES.len() } else { 3 };
    let size = share(ui, in_a_row);
    for row in Transport::WIRES.chunks(in_a_row) {
        ui.horizontal(|ui| {
            ui.spacing_mut().button_padding.x = 2.0;
            for wire in row {
                let plugged = sky.is_plugged(*wire);
                // Struck out besides the colour: this cable is out.
                let text = if plugged { small(wire.name()) } else { small(wire.name()).strikethrough() };
                let text = text.color(palette::ink(if plugged { palette::wire(*wire) } else { palette::ALARM }));
                let about = if plugged { "Pull this cable" } else { "Plug this cable in" };
                let button = ui.add_sized(size, Button::new(text).selected(!plugged)).on_hover_text(about);
                if button.clicked() {
                    sky.plug(Some(*wire), !plugged);
                }
            }
        });
    }
}

/// What the rate's slider snaps to, kbit/s; the last is no limit.
const RATES: [f64; 9] = [64.0, 128.0, 256.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 20_000.0, 0.0];
const ROW: f32 = 3.5 * style::GRID;
const NAME: f32 = 64.0;
const VALUE: f32 = 112.0;
/// Wide enough for the cables of all wires beside each other.
const ROOMY: f32 = 380.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slider_turns_both_ways_or_one() {
        let mut weather = Weather::CALM;
        turn(&mut weather, Way::Both, |sky| &mut sky.loss_percent, 5.0);
        turn(&mut weather, Way::Up, |sky| &mut sky.delay_ms, 40.0);
        turn(&mut weather, Way::Down, |sky| &mut sky.jitter_ms, 8.0);
        assert_eq!((weather.up.loss_percent, weather.down.loss_percent), (5.0, 5.0));
        assert_eq!((weather.up.delay_ms, weather.down.delay_ms), (40.0, 0.0));
        assert_eq!((weather.up.jitter_ms, weather.down.jitter_ms), (0.0, 8.0));
    }

    #[test]
    fn what_the_sliders_can_say_can_also_be_written_on_the_command_line() {
        for (name, _, range, of) in DIALS {
            for value in [*range.start(), *range.end()] {
                let mut weather = Weather::CALM;
                turn(&mut weather, Way::Both, of, value);
                let again: Result<Weather, _> = weather.to_string().parse();
                assert_eq!(again.ok(), Some(weather), "{name} {value}");
            }
        }
    }
}
