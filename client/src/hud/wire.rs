//! Top left: which wire drives and how it does, in the wire's colour; below it the keys that change it, and those for the weather.
//!
//! `udp 52±3 ms [2]` reads: on udp, 52 ms there and back, give or take 3, and commands are sent for two ticks ahead of the server.
//!
//! Flow: [`Status`] and [`Told`] → here → [`super::canvas`].

use super::canvas::Canvas;
use crate::{links::Told, palette, style, weather::Sky};
use bevy::prelude::*;
use bevy_egui::egui::{Align2, Color32, Pos2, Rect, Stroke, Vec2, pos2, vec2};
use protocol::{Transport, limits::SILENCE};
use std::time::Duration;
use transport::player::{PlayerEvent, Status};

/// The last thing to say about the wire.
#[derive(Resource, Default)]
pub(super) struct Toast {
    said: Option<(String, palette::Rgb, Duration)>,
    /// Whether a wire has driven before: the first one is no switch.
    driven: bool,
    /// It is about how we got in, which is over before there is anything to see.
    joining: bool,
}

impl Toast {
    /// A match comes into view: what was said in the one before does not matter any more.
    pub(super) fn enter(&mut self) {
        let said = self.said.take().filter(|_| self.joining);
        *self = Self { said, ..Self::default() };
    }
}

/// Notes changes of the wire.
pub(super) fn note(mut told: MessageReader<Told>, mut toast: ResMut<Toast>, time: Res<Time<Real>>) {
    for Told(event) in told.read() {
        let (text, rgb) = match event {
            PlayerEvent::Drives { transport, gap } => {
                let switched = std::mem::replace(&mut toast.driven, true);
                match gap {
                    Some(gap) => {
                        (format!("switched to {transport} in {} ms", gap.as_millis()), palette::wire(*transport))
                    }
                    None if switched => (format!("switched to {transport}"), palette::wire(*transport)),
                    None => continue,
                }
            }
            PlayerEvent::PassedOver { why, .. } => (why.clone(), palette::ALARM),
            PlayerEvent::SwitchFailed { transport, why } => {
                (format!("{transport} could not take over: {why}"), palette::ALARM)
            }
            _ => continue,
        };
        toast.joining = matches!(event, PlayerEvent::PassedOver { .. });
        toast.said = Some((text, rgb, time.elapsed()));
    }
}

/// Draws that there is nothing to be known about the wire, while a blind test runs.
pub(super) fn draw_blind(canvas: &Canvas, sky: &Sky, by_touch: bool) -> Rect {
    let place = canvas.below();
    let corner = canvas.screen.left_top() + vec2(MARGIN, MARGIN);
    let inside = corner + vec2(PADDING, PADDING);
    let quiet = palette::ink(palette::QUIET);
    let line = canvas.text(inside, Align2::LEFT_TOP, "which wire?", style::numbers(style::LARGE), quiet);
    let end = if by_touch { "the menu" } else { "Esc" };
    let text = format!("blind test · weather: {} · {end} ends it", sky.name());
    let at = pos2(inside.x, line.bottom() + 6.0);
    let below = canvas.text(at, Align2::LEFT_TOP, &text, style::words(style::SMALL), quiet);
    let right = below.right().max(corner.x + MIN_WIDTH) + PADDING;
    let pane = Rect::from_min_max(corner, pos2(right, below.bottom() + PADDING));
    canvas.glass_at(place, pane, 1.0);
    pane
}

/// Draws the line, the wires and the weather with the keys that change them (for fingers there are buttons instead), and which ghost is
/// which. Returns the room taken.
pub(super) fn draw(
    canvas: &Canvas,
    status: &Status,
    sky: &Sky,
    ghosts: &[Transport],
    truth: bool,
    by_touch: bool,
) -> Rect {
    let place = canvas.below();
    let corner = canvas.screen.left_top() + vec2(MARGIN, MARGIN);
    let inside = corner + vec2(PADDING, PADDING);
    let (text, rgb) = summary(status, silent_for(status));
    let line = canvas.text(inside, Align2::LEFT_TOP, &text, style::numbers(style::LARGE), palette::ink(rgb));
    let mut space = line;
    if !by_touch {
        space = space.union(draw_names(canvas, pos2(inside.x, line.bottom() + 6.0), status));
        if sky.can_be() {
            space = space.union(draw_weather(canvas, pos2(inside.x, space.bottom() + style::GRID), sky));
        }
    }
    let legend = draw_legend(canvas, pos2(inside.x, space.bottom() + style::GRID - 2.0), ghosts, truth);
    let space = legend.map_or(space, |legend| space.union(legend));
    let least = corner.x + if by_touch { TOUCH_WIDTH } else { MIN_WIDTH };
    let pane = Rect::from_min_max(corner, pos2(space.right().max(least), space.bottom() + 2.0) + Vec2::splat(PADDING));
    canvas.glass_at(place, pane, 1.0);
    pane
}

/// Draws the wires with the keys that change them, and returns the room taken.
fn draw_names(canvas: &Canvas, from: Pos2, status: &Status) -> Rect {
    // In a small window the row must not reach the clock.
    let gap = if canvas.screen.width() < ROOMY { style::GRID } else { 2.0 * style::GRID };
    let mut x = from.x;
    for (index, wire) in Transport::WIRES.into_iter().enumerate() {
        let (key, font) = (format!("{} ", index + 1), style::numbers(style::SMALL));
        let key = canvas.text(pos2(x, from.y), Align2::LEFT_TOP, &key, font, palette::ink(palette::QUIET));
        x = draw_name(canvas, pos2(key.right(), from.y), Align2::LEFT_TOP, wire, status).right() + gap;
    }
    Rect::from_min_max(from, pos2(x - gap, from.y + style::SMALL))
}

/// Draws the name of a wire as it stands with it, and returns the room taken.
pub(super) fn draw_name(canvas: &Canvas, at: Pos2, align: Align2, wire: Transport, status: &Status) -> Rect {
    let drives = status.driving == Some(wire);
    let coming = status.switching_to == Some(wire);
    let shade = palette::faded(palette::wire(wire), if drives || coming { 1.0 } else { 0.85 });
    let name = canvas.text(at, align, wire.name(), style::numbers(style::SMALL), shade);
    if drives || coming {
        // An underline besides the brightness: a full one drives, a dotted one is on its way.
        underline(canvas, name, shade, coming && !drives);
    }
    name
}

/// Draws what was said last, below the clock.
pub(super) fn draw_toast(canvas: &Canvas, toast: &Toast, clock: Option<Rect>, now: Duration) {
    if let Some((text, rgb, said)) = &toast.said {
        let age = now.saturating_sub(*said).as_secs_f32();
        let opacity = ((TOAST_SECONDS - age) / FADE_SECONDS).clamp(0.0, 1.0);
        if opacity > 0.0 {
            let font = style::words(style::MIDDLE);
            let room = TOAST_WIDTH.min(canvas.screen.width() - 2.0 * MARGIN - 2.0 * PADDING);
            let width = (canvas.width(text, &font) + 1.0).min(room);
            let top = clock.map_or(0.0, |clock| clock.bottom() + style::GRID).max(canvas.screen.top() + TOAST_TOP);
            let place = canvas.below();
            let color = palette::faded(*rgb, opacity);
            let at = pos2(canvas.screen.center().x - width * 0.5, top + 6.0);
            let rect = canvas.paragraph(at, width, text, font, color).expand2(vec2(PADDING, 6.0));
            canvas.glass_at(place, rect, opacity);
            canvas.block(Rect::from_min_size(rect.min, vec2(2.0, rect.height())), color);
        }
    }
}

/// Draws which outline is whose, if any are drawn. Returns the space taken.
fn draw_legend(canvas: &Canvas, from: Pos2, ghosts: &[Transport], truth: bool) -> Option<Rect> {
    let names = ghosts.iter().map(|wire| (wire.name(), palette::wire(*wire)));
    let server = truth.then_some(("server", palette::TEXT));
    let font = style::numbers(style::SMALL);
    let (mut x, mut space) = (from.x, None::<Rect>);
    // In a small window the colours alone have to do; they are named in the row of keys.
    let roomy = canvas.screen.width() > ROOMY;
    for (name, rgb) in names.chain(server) {
        let name = if roomy || name == "server" { name } else { "" };
        let color = palette::ink(rgb);
        let middle = from.y + style::SMALL * 0.5 + 2.0;
        let nose = [vec2(10.0, 0.0), vec2(0.0, 5.0), vec2(3.0, 0.0), vec2(0.0, -5.0), vec2(10.0, 0.0)];
        canvas.path(nose.map(|point| pos2(x, middle) + point).to_vec(), Stroke::new(1.25, color));
        let text = canvas.text(pos2(x + 14.0, from.y), Align2::LEFT_TOP, name, font.clone(), color);
        space = Some(space.map_or(text, |space| space.union(text)));
        x = text.right() + style::GRID + 4.0;
    }
    space
}

/// Draws the keys that change the weather; what is not as the network made it stands out. Returns the space taken.
fn draw_weather(canvas: &Canvas, from: Pos2, sky: &Sky) -> Rect {
    let font = style::numbers(style::SMALL);
    let (calm, plugged) = (sky.is_calm(), !sky.is_unplugged());
    let (quiet, loud) = (palette::ink(palette::QUIET), palette::ink(palette::ALARM));
    let mut space = Rect::from_min_size(from, vec2(0.0, 0.0));
    let mut x = from.x;
    // In a small window the name alone has to do.
    let roomy = canvas.screen.width() > ROOMY;
    for (key, name, usual) in [
        (if roomy { "F5 weather: " } else { "F5 " }, sky.name(), calm),
        ("F6 ", "lag spike", true),
        ("F7 ", if plugged { "unplug" } else { "unplugged" }, plugged),
    ] {
        let key = canvas.text(pos2(x, from.y), Align2::LEFT_TOP, key, font.clone(), quiet);
        let shade = if usual { quiet } else { loud };
        let name = canvas.text(pos2(key.right(), from.y), Align2::LEFT_TOP, name, font.clone(), shade);
        if !usual {
            underline(canvas, name, shade, false);
        }
        space = space.union(name);
        x = name.right() + if roomy { 2.0 * style::GRID } else { style::GRID };
    }
    space
}

/// Returns for how long nothing has come, once that is longer than usual.
pub(super) fn silent_for(status: &Status) -> Option<Duration> {
    status.last_snapshot.map(|last| last.elapsed()).filter(|silent| *silent > SILENCE)
}

/// Returns the one line that says it all, and its colour.
fn summary(status: &Status, silent: Option<Duration>) -> (String, palette::Rgb) {
    let Some(wire) = status.driving else {
        let text = status.switching_to.map_or_else(|| "no wire".to_owned(), |wire| format!("dialling {wire} …"));
        return (text, palette::QUIET);
    };
    if let Some(silent) = silent {
        // What was measured before says nothing about now.
        return (format!("{wire} no answer {:.1} s", silent.as_secs_f32()), palette::ALARM);
    }
    let text = match status.round_trip {
        Some(round_trip) => {
            let milliseconds = |time: Duration| time.as_secs_f32() * 1_000.0;
            let (time, jitter) = (milliseconds(round_trip), milliseconds(status.jitter));
            // On one machine or a LAN the first decimal is what there is to see.
            let digits = usize::from(time < FINE_BELOW_MS);
            format!("{wire} {time:.digits$}±{jitter:.digits$} ms [{:.0}]", status.lead_ticks)
        }
        None => format!("{wire} – ms"),
    };
    (text, palette::wire(wire))
}

fn underline(canvas: &Canvas, name: Rect, color: Color32, dotted: bool) {
    let (y, stroke) = (name.bottom() + 1.0, Stroke::new(1.5, color));
    if !dotted {
        return canvas.stroke(pos2(name.left(), y), pos2(name.right(), y), stroke);
    }
    let mut x = name.left();
    while x < name.right() {
        canvas.stroke(pos2(x, y), pos2((x + 3.0).min(name.right()), y), stroke);
        x += 6.0;
    }
}

const MARGIN: f32 = 2.0 * style::GRID;
const PADDING: f32 = style::GRID + 2.0;
/// Wide enough for most lines, so that the panel does not breathe with the numbers.
const MIN_WIDTH: f32 = 272.0;
/// Wide enough for buttons with the names of all wires below it.
const TOUCH_WIDTH: f32 = 312.0;
/// Round trips below this are shown with a decimal.
const FINE_BELOW_MS: f32 = 9.95;
/// Points of width from which everything has its name.
const ROOMY: f32 = 1_000.0;
/// Below the clock.
const TOAST_TOP: f32 = 96.0;
/// Longer sentences are broken: beside it stand the panes of both upper corners.
const TOAST_WIDTH: f32 = 480.0;
/// How long a toast stays.
const TOAST_SECONDS: f32 = 4.0;
const FADE_SECONDS: f32 = 0.6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_wire_round_trip_jitter_and_lead() {
        let ms = Duration::from_millis;
        let mut status = Status { driving: Some(Transport::Udp), ..Status::default() };
        let text = |status: &Status| summary(status, None).0;
        assert_eq!(text(&status), "udp – ms");
        (status.round_trip, status.jitter, status.lead_ticks) = (Some(ms(52)), ms(3), 2.2);
        assert_eq!(text(&status), "udp 52±3 ms [2]");
        let silent = summary(&status, Some(ms(5_230)));
        assert_eq!(silent, ("udp no answer 5.2 s".to_owned(), palette::ALARM));
        (status.driving, status.switching_to) = (None, Some(Transport::Quic));
        assert_eq!(text(&status), "dialling quic …");
    }
}
