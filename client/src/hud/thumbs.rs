//! What is there for fingers: two sticks, the rail, the dash, the buttons for the menu, the wires and the weather. The time is a button
//! as well; what can be pressed has a bright edge.
//!
//! Sizes are logical pixels, not points: thumbs do not grow with the writing.
//!
//! Flow: [`super::canvas`], [`Picture`] → here → [`Fingers`] (what is where), egui's painter.

use super::{Panels, canvas::Canvas, wire};
use crate::{
    palette,
    picture::{Picture, readiness},
    style,
    touch::{Fingers, RIM, Side, Spot},
    view::watch::Watched,
    weather::{SPIKE, Sky},
};
use bevy::math::{Rect as Place, Vec2 as Pixels};
use bevy_egui::egui::{Align2, Color32, Pos2, Rect, Stroke, Vec2, pos2, vec2};
use game::ship::{DASH_WAIT_TICKS, RAIL_WAIT_TICKS};
use protocol::Transport;
use transport::player::Status;

/// Returns the top right corner of the feed: beside the button for the menu, if there is one. On a narrow screen, where time stands below
/// the wire, it goes below both, and below what is said there now and then.
pub(super) fn feed_corner(canvas: &Canvas, fingers: &Fingers, wire: Rect, time: Option<Rect>) -> Pos2 {
    let below = time.filter(|time| time.top() > wire.bottom()).map_or(0.0, |time| time.bottom() + SAID);
    let taken = if fingers.seen() && below == 0.0 { (MARGIN + BUTTON) * canvas.points_per_pixel } else { 0.0 };
    pos2(canvas.screen.right() - taken, canvas.screen.top() + below) + vec2(-2.0, 2.0) * style::GRID
}

/// Draws all that and says where it is. `time` and `buttons` are there already.
pub(super) fn draw(
    canvas: &Canvas,
    fingers: &mut Fingers,
    picture: &Picture,
    (panels, watched): (&Panels, &Watched),
    (time, buttons): (Option<Rect>, Vec<(Spot, Rect)>),
) {
    if !fingers.seen() {
        return;
    }
    let pixel = canvas.points_per_pixel;
    let mut spots = Vec::new();
    let menu = Rect::from_min_size(
        canvas.screen.right_top() + vec2(-MARGIN - BUTTON, MARGIN) * pixel,
        Vec2::splat(BUTTON * pixel),
    );
    draw_menu(canvas, menu, fingers.holds(Spot::Pause));
    spots.push((Spot::Pause, menu));
    let flies = !panels.take_input() && watched.seat.is_none() && picture.own().is_some();
    if !panels.take_input() {
        for (spot, pane) in time.map(|time| (Spot::Scores, time)).into_iter().chain(buttons) {
            let pressed = fingers.holds(spot);
            canvas.frame(pane, Color32::TRANSPARENT, edge(pressed));
            spots.push((spot, pane.expand2((Vec2::splat(LEAST * pixel) - pane.size()).max(Vec2::ZERO) * 0.5)));
        }
        if watched.seat.is_some() {
            let (left, right) = canvas.screen.split_left_right_at_fraction(0.5);
            spots.extend([(Spot::Before, left), (Spot::Next, right)]);
        }
    }
    if flies && !panels.covered {
        let corner = canvas.screen.right_bottom();
        // What an open panel lies upon cannot be seen; sticks are wherever there is no panel.
        let [left, right] = panels.sides();
        for (spot, name, up, ready) in weapons(picture).into_iter().filter(|_| !right) {
            let at = corner - vec2(WEAPON_RIGHT, up) * pixel;
            draw_weapon(canvas, at, name, ready, fingers.holds(spot));
            spots.push((spot, Rect::from_center_size(at, Vec2::splat(2.0 * WEAPON * pixel))));
        }
        let rest = canvas.screen.left_bottom() + vec2(REST_SIDE, -REST_UP) * pixel;
        draw_stick(canvas, fingers, Side::Left, Some(rest).filter(|_| !left));
        let rest = corner - vec2(REST_SIDE + WEAPONS_WIDTH, REST_UP) * pixel;
        draw_stick(canvas, fingers, Side::Right, Some(rest).filter(|_| !right));
    }
    let pixels = |point: Pos2| Pixels::new(point.x, point.y) / pixel;
    let placed = spots.into_iter().map(|(spot, rect)| (spot, Place::from_corners(pixels(rect.min), pixels(rect.max))));
    fingers.lay_out(placed.collect(), flies);
}

/// Draws the wires in a row below the pane of the wire, and what the weather is like in another. Returns where to press for which.
pub(super) fn draw_buttons(
    canvas: &Canvas,
    fingers: &Fingers,
    status: &Status,
    sky: &Sky,
    pane: Rect,
) -> Vec<(Spot, Rect)> {
    if !fingers.seen() {
        return Vec::new();
    }
    let widths = Transport::WIRES.map(|wire| canvas.width(wire.name(), &style::numbers(style::SMALL)));
    let row = row_below(canvas, pane, &widths);
    let mut spots = Vec::new();
    for (wire, rect) in Transport::WIRES.into_iter().zip(row) {
        canvas.glass(rect, 1.0);
        wire::draw_name(canvas, rect.center(), Align2::CENTER_CENTER, wire, status);
        spots.push((Spot::Wire(wire), rect));
    }
    if sky.can_be() {
        let above = spots.iter().fold(pane, |above, (_, button)| above.union(*button));
        spots.extend(draw_weather(canvas, sky, above));
    }
    spots
}

/// Returns the places of buttons in a row below `above`, as wide as that, if each needs so much width.
fn row_below(canvas: &Canvas, above: Rect, widths: &[f32]) -> Vec<Rect> {
    let gap = style::GRID * 0.5;
    let count = widths.len() as f32;
    let spare = (above.width() - widths.iter().sum::<f32>() - (count - 1.0) * gap) / count;
    let mut corner = above.left_bottom() + vec2(0.0, gap);
    let place = |width: &f32| {
        let rect = Rect::from_min_size(corner, vec2(width + spare, LEAST * canvas.points_per_pixel));
        corner.x = rect.right() + gap;
        rect
    };
    widths.iter().map(place).collect()
}

fn draw_weather(canvas: &Canvas, sky: &Sky, above: Rect) -> Vec<(Spot, Rect)> {
    let spike = format!("{} ms", SPIKE.as_millis());
    let plugged = !sky.is_unplugged();
    let buttons = [
        (Spot::Weather, "weather", sky.name(), sky.is_calm()),
        (Spot::Spike, "lag spike", &spike, true),
        (Spot::Cable, "cable", if plugged { "in" } else { "out" }, plugged),
    ];
    let mut spots = Vec::new();
    for ((spot, name, value, usual), rect) in buttons.into_iter().zip(row_below(canvas, above, &[0.0; 3])) {
        canvas.glass(rect, 1.0);
        let line = |up, text, font, rgb| {
            canvas.text(rect.center() + vec2(0.0, up), Align2::CENTER_CENTER, text, font, palette::ink(rgb));
        };
        line(-style::GRID, name, style::words(style::SMALL), palette::QUIET);
        line(style::GRID, value, style::numbers(style::SMALL), if usual { palette::TEXT } else { palette::ALARM });
        spots.push((spot, rect));
    }
    spots
}

/// Returns what stands at the right thumb: name, height above the lower edge (logical pixels), and how far it is loaded, 0 to 1.
fn weapons(picture: &Picture) -> [(Spot, &'static str, f32, f32); 2] {
    let own = picture.scene.as_ref().and_then(|scene| scene.own.as_ref());
    let loaded = |left: u8, whole| if own.is_some_and(|own| own.ship.alive()) { readiness(left, whole) } else { 0.0 };
    let (rail, dash) = own.map_or((0, 0), |own| (own.ship.rail_wait, own.ship.dash_wait));
    [
        (Spot::Rail, "RAIL", RAIL_UP, loaded(rail, RAIL_WAIT_TICKS)),
        (Spot::Dash, "DASH", DASH_UP, loaded(dash, DASH_WAIT_TICKS)),
    ]
}

/// Returns the edge of what can be pressed.
fn edge(pressed: bool) -> Color32 {
    palette::faded(if pressed { palette::OWN } else { palette::ACCENT }, if pressed { 1.0 } else { 0.7 })
}

fn draw_menu(canvas: &Canvas, rect: Rect, pressed: bool) {
    canvas.glass(rect, 1.0);
    canvas.frame(rect, Color32::TRANSPARENT, edge(pressed));
    let (half, step) = (rect.width() * 0.2, rect.height() * 0.15);
    for row in [-1.0, 0.0, 1.0] {
        let middle = rect.center() + vec2(0.0, row * step);
        let stroke = Stroke::new(2.0, palette::ink(palette::TEXT));
        canvas.stroke(middle - vec2(half, 0.0), middle + vec2(half, 0.0), stroke);
    }
}

/// Draws a round button that fills up from below as it is loaded.
fn draw_weapon(canvas: &Canvas, at: Pos2, name: &str, ready: f32, pressed: bool) {
    let radius = WEAPON * canvas.points_per_pixel;
    let is_ready = ready >= 1.0;
    canvas.disc(at, radius, palette::faded(palette::GLASS, 0.6));
    let level = at.y + radius * (1.0 - 2.0 * ready);
    let filled = Rect::from_min_max(pos2(at.x - radius, level), at + Vec2::splat(radius));
    canvas.inside(filled).disc(at, radius, palette::faded(palette::OWN, if pressed { 0.4 } else { 0.16 }));
    canvas.ring(at, radius, Stroke::new(1.5, palette::faded(palette::OWN, if is_ready { 0.9 } else { 0.35 })));
    let color = palette::faded(palette::TEXT, if is_ready { 1.0 } else { 0.55 });
    canvas.text(at, Align2::CENTER_CENTER, name, style::strong(style::SMALL), color);
}

/// Draws a stick where its finger holds it, or faintly where a thumb would rest.
fn draw_stick(canvas: &Canvas, fingers: &Fingers, side: Side, rest: Option<Pos2>) {
    let pixel = canvas.points_per_pixel;
    let rim = RIM * pixel;
    let Some((middle, at)) = fingers.stick(side) else {
        let Some(rest) = rest else { return };
        canvas.ring(rest, rim, Stroke::new(1.5, palette::faded(palette::TEXT, 0.22)));
        let word = if side == Side::Left { "fly" } else { "aim, fire" };
        canvas.text(rest, Align2::CENTER_CENTER, word, style::words(style::SMALL), palette::faded(palette::TEXT, 0.45));
        return;
    };
    let [middle, at] = [middle, at].map(|point| pos2(point.x, point.y) * pixel);
    let fires = side == Side::Right && fingers.fires();
    let rgb = if fires { palette::ALARM } else { palette::OWN };
    canvas.ring(middle, rim, Stroke::new(1.5, palette::faded(rgb, 0.6)));
    canvas.disc(at, KNOB * pixel, palette::faded(rgb, 0.35));
    canvas.ring(at, KNOB * pixel, Stroke::new(1.5, palette::faded(rgb, 0.9)));
}

/// Room for what is said below the time of a narrow screen: a changed wire, or that nothing arrives.
const SAID: f32 = 7.0 * style::GRID;
/// From the edges of the screen.
const MARGIN: f32 = 8.0;
/// Side of the button for the menu.
const BUTTON: f32 = 48.0;
/// Nothing that a finger has to meet is smaller.
const LEAST: f32 = style::FINGER;
/// Radius of what fires.
const WEAPON: f32 = 32.0;
/// From the right edge to its middle.
const WEAPON_RIGHT: f32 = 48.0;
/// From the lower edge to the middle of each.
const DASH_UP: f32 = 56.0;
const RAIL_UP: f32 = 144.0;
/// Room for both, beside the right stick.
const WEAPONS_WIDTH: f32 = 60.0;
/// Where a thumb rests, from the side and from the lower edge.
const REST_SIDE: f32 = 96.0;
const REST_UP: f32 = 96.0;
/// Radius of what a finger moves.
const KNOB: f32 = 24.0;
