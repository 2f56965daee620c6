//! The blind test on the screen: the names of the wires are hidden, a round is flown, a guess is asked for, and in the end it is said
//! what the score is worth.
//!
//! While it runs no key changes wire or weather, nothing on the screen has a wire's name or colour, and no sound tells a switch.
//!
//! Flow: B → [`Blind`] → [`rules`] → [`SwitchWire`]; [`rules::Result`] → the panel.

mod rules;

use super::{
    Panel, Panels,
    canvas::Canvas,
    panel::{self, Dock, ROW},
    telemetry::Telemetry,
};
use crate::{
    links::{BestWire, Match, SwitchWire},
    palette,
    picture::Picture,
    style,
    weather::Sky,
};
use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Align2, Area, Button, Id, Pos2, Rect, RichText, pos2, vec2};
use game::PhaseKind;
use protocol::Transport;
use rules::{ROUND_SECONDS, ROUNDS, Stage, Test};
use transport::{
    Weather,
    player::{Player, Status},
};
use web_time::Instant;

/// The test, if there is one.
#[derive(Resource, Default)]
pub(crate) struct Blind {
    test: Option<Test>,
    before: Before,
    /// The wire that drove before and shall drive again, until when that is tried.
    back: Option<(Transport, f64)>,
    /// The last wish for a wire, so that it is not repeated every frame.
    wished: Option<(Transport, f64)>,
    asked: bool,
}

/// What was so before a test, and is so again after it.
#[derive(Default)]
struct Before {
    /// The weather, if the test changed it.
    weather: Option<Weather>,
    wire: Option<Transport>,
    /// The wire was chosen by itself.
    auto: bool,
    left: Option<Panel>,
    right: Option<Panel>,
    ghosts: bool,
}

impl Blind {
    /// Returns whether names and colours of wires must not be seen.
    pub(crate) fn is_running(&self) -> bool {
        self.test.as_ref().is_some_and(|test| test.stage() != Stage::Done)
    }

    /// Returns whether there is a result to show.
    pub(super) fn has_result(&self) -> bool {
        self.test.is_some() && !self.is_running()
    }

    /// Begins a test, under bad weather unless there is some already; `panels` are put away until it ends.
    pub(super) fn begin(&mut self, sky: &mut Sky, panels: &mut Panels, player: &Player, now: f64) {
        let status = player.status(Instant::now());
        let test = Test::begin(&Transport::WIRES, now.to_bits(), now);
        let before = Before {
            weather: sky.is_calm().then_some(Weather::CALM),
            wire: status.driving,
            auto: player.is_auto(),
            left: panels.left,
            right: panels.right,
            ghosts: panels.ghosts,
        };
        *panels = Panels::default();
        *self = Self { test, before, ..Self::default() };
        if sky.is_calm() {
            sky.make_bad();
        }
    }

    /// Ends the test before its time: all is as it was, and there is no result.
    pub(super) fn stop(&mut self, sky: &mut Sky, panels: &mut Panels, now: f64) {
        self.test = None;
        self.restore(sky, panels, now);
    }

    /// Puts the result away.
    pub(super) fn close(&mut self, panels: &mut Panels) {
        self.test = None;
        if panels.right == Some(Panel::Result) {
            panels.right = self.before.right.take();
        }
    }

    /// Makes weather, wire, panels and ghosts what they were before the test.
    fn restore(&mut self, sky: &mut Sky, panels: &mut Panels, now: f64) {
        if let Some(weather) = self.before.weather.take() {
            sky.set(weather);
        }
        panels.hands = false;
        (panels.left, panels.right, panels.ghosts) = (self.before.left, self.before.right, self.before.ghosts);
        self.back = self.before.wire.map(|wire| (wire, now + BACK_SECONDS));
        (self.wished, self.asked) = (None, false);
    }

    /// Returns the wire to go back to after a test, as long as it does not drive and nothing else has been asked for.
    fn way_back(&mut self, now: f64, status: &Status) -> Option<Transport> {
        let (wire, until) = self.back?;
        let there = status.driving == Some(wire) && status.switching_to.is_none_or(|to| to == wire);
        if there || now > until {
            self.back = None;
            return None;
        }
        self.wish(wire, now)
    }

    /// Returns `wire`, unless that has just been wished for.
    fn wish(&mut self, wire: Transport, now: f64) -> Option<Transport> {
        let due = self.wished.is_none_or(|(last, at)| last != wire || now - at > WISH_SECONDS);
        self.wished = if due { Some((wire, now)) } else { self.wished };
        due.then_some(wire)
    }
}

/// Goes on with the test.
pub(super) fn advance(
    mut blind: ResMut<Blind>,
    mut panels: ResMut<Panels>,
    (mut sky, mut the_match): (ResMut<Sky>, ResMut<Match>),
    (keys, picture): (Res<ButtonInput<KeyCode>>, Res<Picture>),
    telemetry: Res<Telemetry>,
    (mut wanted, mut best): (MessageWriter<SwitchWire>, MessageWriter<BestWire>),
) {
    let now = telemetry.now;
    let blind = &mut *blind;
    let Some(test) = blind.test.as_mut().filter(|test| test.stage() != Stage::Done) else {
        if blind.back.is_some() {
            if keys.any_just_pressed(WIRE_KEYS) {
                // The player knows better by now.
                blind.back = None;
            }
            wanted.write_batch(blind.way_back(now, &telemetry.status).map(SwitchWire));
            if blind.back.is_none() && std::mem::take(&mut blind.before.auto) && !keys.any_just_pressed(WIRE_KEYS) {
                best.write(BestWire);
            }
        }
        return;
    };
    sky.enter(&mut the_match.player);
    let wire = test.advance(now, telemetry.status.driving, flies(&picture));
    let asking = test.stage() == Stage::Asking;
    match wire {
        Some(wire) => drop(wanted.write_batch(blind.wish(wire, now).map(SwitchWire))),
        None => blind.wished = None,
    }
    if asking != blind.asked {
        (blind.asked, panels.hands) = (asking, asking);
    }
    let Some(test) = &mut blind.test else { return };
    if asking {
        let digit = GUESS_KEYS.iter().position(|codes| keys.any_just_pressed(codes.iter().copied()));
        if let Some(index) = digit {
            test.guess(index, now);
        }
    }
    if test.stage() == Stage::Done {
        blind.restore(&mut sky, &mut panels, now);
        sky.enter(&mut the_match.player);
        panels.right = Some(Panel::Result);
    }
}

/// Returns whether there is a wire to be felt: the match is on, and the own ship is alive.
fn flies(picture: &Picture) -> bool {
    picture.scene.as_ref().is_some_and(|scene| {
        scene.phase.kind == PhaseKind::Live && scene.own.as_ref().is_some_and(|own| own.ship.alive())
    })
}

/// Draws the line that tells how far the test is, or the question.
pub(super) fn draw(
    mut contexts: EguiContexts,
    mut blind: ResMut<Blind>,
    (telemetry, picture): (Res<Telemetry>, Res<Picture>),
    mut fresh: Local<bool>,
) -> Result {
    let context = contexts.ctx_mut()?;
    let now = telemetry.now;
    let Some(test) = blind.test.as_mut().filter(|test| test.stage() != Stage::Done) else { return Ok(()) };
    if test.stage() != Stage::Asking {
        *fresh = true;
        draw_progress(&Canvas::new(context), test, flies(&picture));
        return Ok(());
    }
    let mut guess = None;
    let wires = test.wires().to_vec();
    Area::new(Id::new("blind")).anchor(Align2::CENTER_BOTTOM, vec2(0.0, -panel::MARGIN)).show(context, |ui| {
        style::glass().show(ui, |ui| {
            ui.set_width(QUESTION_WIDTH.min(ui.ctx().content_rect().width() - 6.0 * style::GRID));
            ui.label(
                RichText::new(format!("Round {} of {ROUNDS}: which wire was that?", test.round()))
                    .font(style::strong(style::MIDDLE)),
            );
            ui.columns(wires.len(), |columns| {
                for (index, (ui, wire)) in columns.iter_mut().zip(&wires).enumerate() {
                    ui.spacing_mut().button_padding.x = 4.0;
                    let key = if style::by_touch(ui.ctx()) { String::new() } else { format!("{} ", index + 1) };
                    let text = RichText::new(format!("{key}{wire}")).font(style::numbers(style::SMALL));
                    let size = vec2(ui.available_width(), style::row(ui, style::TARGET));
                    let button = ui.add_sized(size, Button::new(text).wrap_mode(egui::TextWrapMode::Extend));
                    if index == 0 && std::mem::take(&mut *fresh) {
                        button.request_focus();
                    }
                    guess = button.clicked().then_some(index).or(guess);
                }
            });
            let end = if style::by_touch(ui.ctx()) { "The menu" } else { "Esc" };
            ui.label(style::quiet(format!("The match goes on. A guess is an answer too. {end} ends the test.")));
        });
    });
    if let Some(index) = guess {
        test.guess(index, now);
    }
    Ok(())
}

fn draw_progress(canvas: &Canvas, test: &Test, flying: bool) {
    let (text, share) = match test.stage() {
        Stage::Playing(flown) => {
            let left = (ROUND_SECONDS - flown).max(0.0);
            let text = if flying { format!("{left:.0} s") } else { "waits".to_owned() };
            (text, (1.0 - left / ROUND_SECONDS) as f32)
        }
        _ => ("next wire …".to_owned(), 0.0),
    };
    let size = vec2(PROGRESS_WIDTH, 7.0 * style::GRID);
    let rect = Rect::from_center_size(canvas.screen.center_bottom() - vec2(0.0, panel::MARGIN + size.y * 0.5), size);
    canvas.glass(rect, 1.0);
    let inside = rect.shrink(panel::PADDING);
    let title = format!("Blind test, round {} of {ROUNDS}: fly, dodge, shoot", test.round());
    let (y, color) = (rect.top() + 22.0, palette::ink(palette::TEXT));
    canvas.text(pos2(inside.left(), y), Align2::LEFT_CENTER, &title, style::words(style::SMALL), color);
    canvas.text(pos2(inside.right(), y), Align2::RIGHT_CENTER, &text, style::numbers(style::SMALL), color);
    let bar = Rect::from_min_size(pos2(inside.left(), rect.bottom() - 16.0), vec2(inside.width(), 4.0));
    canvas.block(bar, palette::ink(palette::RIM));
    canvas.block(Rect::from_min_size(bar.min, vec2(bar.width() * share, 4.0)), palette::ink(palette::ACCENT));
}

/// Draws how the test ended.
pub(super) fn draw_result(canvas: &Canvas, dock: &Dock, blind: &Blind) {
    let Some(test) = &blind.test else { return };
    let result = test.result();
    let (font, quiet) = (style::words(style::SMALL), palette::ink(palette::QUIET));
    let (place, inside) = dock.begin(canvas, "Blind test: result", "B");
    let text = palette::ink(palette::TEXT);
    let score = format!("{} of {}", result.score, result.rounds);
    let big = canvas.text(inside.left_top(), Align2::LEFT_TOP, &score, style::numbers(style::CLOCK), text);
    let chance = format!("chance alone: {:.1}", result.by_chance);
    let at = pos2(inside.right(), big.center().y);
    canvas.text(at, Align2::RIGHT_CENTER, &chance, style::numbers(style::SMALL), quiet);
    let percent = result.luck * 100.0;
    let digits = if percent < 10.0 { 1 } else { 0 };
    let luck = format!(
        "Somebody who only guesses gets {} or more right in {percent:.digits$} of 100 tests. {}",
        result.score,
        result.verdict()
    );
    let said = canvas.paragraph(pos2(inside.left(), big.bottom() + 4.0), inside.width(), &luck, font.clone(), text);
    let table =
        draw_table(canvas, pos2(inside.left(), said.bottom() + style::GRID), inside.width(), test.wires(), &result);
    let mut note = "Rows: what it was. Columns: your guess. Streams (websocket, tcp, http) feel much alike.".to_owned();
    if result.again > 0 {
        note.push_str(&format!(" Played again because the wire did not hold: {}.", result.again));
    }
    let said = canvas.paragraph(pos2(inside.left(), table + 4.0), inside.width(), &note, font, quiet);
    dock.finish(canvas, place, said.bottom());
}

/// Draws how often each wire was taken for which, and returns how far down that reaches.
fn draw_table(canvas: &Canvas, from: Pos2, width: f32, wires: &[Transport], result: &rules::Result) -> f32 {
    let (font, quiet) = (style::words(style::SMALL), palette::ink(palette::QUIET));
    let column = (width - TRUTH_WIDTH) / wires.len() as f32;
    let cell = |index: usize, y: f32| pos2(from.x + TRUTH_WIDTH + column * (index as f32 + 0.5), y);
    let mut y = from.y + ROW * 0.5;
    for (index, wire) in wires.iter().enumerate() {
        let name = if *wire == Transport::Websocket { "ws" } else { wire.name() };
        canvas.text(cell(index, y), Align2::CENTER_CENTER, name, font.clone(), palette::ink(palette::wire(*wire)));
    }
    for truth in wires {
        y += ROW;
        let color = palette::ink(palette::wire(*truth));
        canvas.text(pos2(from.x, y), Align2::LEFT_CENTER, truth.name(), font.clone(), color);
        for (index, guess) in wires.iter().enumerate() {
            let at = cell(index, y);
            if truth == guess {
                let room = Rect::from_center_size(at, vec2(4.0 * style::GRID, ROW - 4.0));
                canvas.block(room, palette::faded(palette::EDGE, 0.25));
            }
            let (text, color) = match result.table.get(&(*truth, *guess)) {
                Some(count) => (count.to_string(), palette::ink(palette::TEXT)),
                None => ("·".to_owned(), quiet),
            };
            canvas.text(at, Align2::CENTER_CENTER, &text, style::numbers(style::SMALL), color);
        }
    }
    y + ROW * 0.5
}

/// The keys of the guesses, in the order of the wires.
const GUESS_KEYS: [[KeyCode; 2]; 5] = [
    [KeyCode::Digit1, KeyCode::Numpad1],
    [KeyCode::Digit2, KeyCode::Numpad2],
    [KeyCode::Digit3, KeyCode::Numpad3],
    [KeyCode::Digit4, KeyCode::Numpad4],
    [KeyCode::Digit5, KeyCode::Numpad5],
];
/// A wish that was not heard (a switch was under way) is made again.
const WISH_SECONDS: f64 = 1.0;
/// For so long the wire that drove before a test is asked for.
const BACK_SECONDS: f64 = 6.0;
/// Keys with which the player chooses a wire.
const WIRE_KEYS: [KeyCode; 9] = [
    KeyCode::Digit0,
    KeyCode::Digit1,
    KeyCode::Digit2,
    KeyCode::Digit3,
    KeyCode::Digit4,
    KeyCode::Digit5,
    KeyCode::F1,
    KeyCode::F2,
    KeyCode::F3,
];
const QUESTION_WIDTH: f32 = 560.0;
const PROGRESS_WIDTH: f32 = 440.0;
/// Room for the name of the wire that it was.
const TRUTH_WIDTH: f32 = 84.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_test_all_is_as_it_was() {
        let before = Before {
            weather: Some(Weather::CALM),
            wire: Some(Transport::Udp),
            left: Some(Panel::Graph),
            right: Some(Panel::Map),
            ghosts: true,
            ..Before::default()
        };
        let mut blind = Blind { test: Test::begin(&Transport::WIRES, 1, 0.0), before, ..Blind::default() };
        let (mut sky, mut panels) = (Sky::new(None), Panels::default());
        sky.make_bad();
        blind.stop(&mut sky, &mut panels, 10.0);
        assert!(!blind.is_running() && !blind.has_result() && sky.is_calm());
        assert_eq!((panels.left, panels.right, panels.ghosts), (Some(Panel::Graph), Some(Panel::Map), true));

        let over = |wire| Status { driving: Some(wire), ..Status::default() };
        assert_eq!(blind.way_back(10.1, &over(Transport::Http)), Some(Transport::Udp));
        assert_eq!(blind.way_back(10.2, &over(Transport::Http)), None, "asked for already");
        assert_eq!(blind.way_back(11.3, &over(Transport::Http)), Some(Transport::Udp));
        assert_eq!(blind.way_back(11.4, &over(Transport::Udp)), None);
        assert_eq!(blind.way_back(15.0, &over(Transport::Quic)), None, "later changes are the player's");
    }
}
