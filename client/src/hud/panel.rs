//! Where panels stand and what they have in common: two docks beside the ship, a head with the key that closes it, rows on one grid.
//!
//! The ship is never further from the middle than the camera leans, so the middle stays free at every size of window; what is left
//! beside it, below the line about the wire and the feed, is for panels, one on each side.
//!
//! Flow: [`super::Panels`] → [`Dock`] → the panels → [`super::canvas`].

use super::canvas::Canvas;
use crate::{palette, style, view::camera::SHIP_SHARE};
use bevy_egui::egui::{Align2, Color32, Pos2, Rect, Stroke, Vec2, layers::ShapeIdx, pos2, vec2};

/// Which side of the ship.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Below the line about the wire: what is measured.
    Left,
    /// Below the feed: what can be changed, and what explains.
    Right,
}

/// Room for one panel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dock {
    /// The room, margins taken off.
    pub(super) room: Rect,
}

impl Dock {
    /// Returns the room on one side of the ship.
    ///
    /// It ends above `floor`, where a card may stand.
    pub(super) fn new(screen: Rect, side: Side, floor: f32) -> Self {
        let beside = screen.width() * 0.5 - screen.height() * SHIP_SHARE - MARGIN;
        let width = beside.clamp(MIN_WIDTH, MAX_WIDTH);
        let left = match side {
            Side::Left => screen.left() + MARGIN,
            Side::Right => screen.right() - MARGIN - width,
        };
        let (top, bottom) = (screen.top() + TOP, (screen.bottom() - BOTTOM).min(floor - style::GRID));
        Self { room: Rect::from_min_max(pos2(left, top), pos2(left + width, bottom.max(top))) }
    }

    /// Returns the same room, the feed's included.
    pub(super) fn to_the_top(self) -> Self {
        Self { room: Rect::from_min_max(pos2(self.room.left(), self.room.top() - TOP + MARGIN), self.room.max) }
    }

    /// Returns what is left of it below `taken`.
    pub(super) fn below(self, taken: Rect) -> Self {
        let top = self.room.top().max(taken.bottom() + style::GRID).min(self.room.bottom());
        Self { room: self.room.with_min_y(top) }
    }

    /// Draws the glass of a panel `height` points tall inside, with its head, and returns the room inside.
    pub(super) fn open(&self, canvas: &Canvas, title: &str, key: &str, height: f32) -> Rect {
        let height = (height + HEAD + PADDING).min(self.room.height());
        let rect = Rect::from_min_size(self.room.min, vec2(self.room.width(), height));
        canvas.glass(rect, 1.0);
        head(canvas, rect, title, key);
        Rect::from_min_max(rect.min + vec2(PADDING, HEAD), rect.max - Vec2::splat(PADDING))
    }

    /// Begins a panel that is as tall as what will be in it, and returns the place to give to [`Self::finish`] and the room inside.
    pub(super) fn begin(&self, canvas: &Canvas, title: &str, key: &str) -> (ShapeIdx, Rect) {
        let place = canvas.below();
        head(canvas, self.room, title, key);
        (place, Rect::from_min_max(self.room.min + vec2(PADDING, HEAD), self.room.max - Vec2::splat(PADDING)))
    }

    /// Ends a panel at the height `bottom`, and returns how far down it reaches.
    pub(super) fn finish(&self, canvas: &Canvas, place: ShapeIdx, bottom: f32) -> f32 {
        let bottom = (bottom + PADDING).min(self.room.bottom());
        canvas.glass_at(place, Rect::from_min_max(self.room.min, pos2(self.room.right(), bottom)), 1.0);
        bottom
    }

    /// Returns how tall the inside of a panel can be.
    pub(super) fn inner_height(&self) -> f32 {
        self.room.height() - HEAD - PADDING
    }

    /// Returns how wide the inside of a panel is.
    pub(super) fn inner_width(&self) -> f32 {
        self.room.width() - 2.0 * PADDING
    }
}

/// Writes a panel's name, and on the right the key that closes it.
fn head(canvas: &Canvas, rect: Rect, title: &str, key: &str) {
    let y = rect.top() + HEAD * 0.5;
    let at = pos2(rect.left() + PADDING, y);
    canvas.text(at, Align2::LEFT_CENTER, title, style::strong(style::MIDDLE), palette::ink(palette::TEXT));
    let at = pos2(rect.right() - PADDING, y);
    key_cap(canvas, at, Align2::RIGHT_CENTER, key);
}

/// Draws a key as it looks on a keyboard, and returns the room that it took.
pub(super) fn key_cap(canvas: &Canvas, at: Pos2, align: Align2, key: &str) -> Rect {
    let font = style::numbers(style::SMALL);
    let size = vec2((canvas.width(key, &font) + style::GRID).max(CAP), CAP);
    let rect = align.anchor_size(at, size);
    canvas.frame(rect, palette::ink(palette::RIM), palette::ink(palette::QUIET));
    canvas.text(rect.center(), Align2::CENTER_CENTER, key, font, palette::ink(palette::TEXT));
    rect
}

/// Draws a thin line across a panel.
pub(super) fn rule(canvas: &Canvas, inside: Rect, y: f32) {
    let stroke = Stroke::new(1.0, palette::ink(palette::RIM));
    canvas.stroke(pos2(inside.left(), y), pos2(inside.right(), y), stroke);
}

/// Draws a short thick line in a wire's colour, as legends do; hollow ones are drawn fainter.
pub(super) fn swatch(canvas: &Canvas, left: f32, y: f32, color: Color32) {
    canvas.block(Rect::from_center_size(pos2(left + 4.0, y), vec2(8.0, 8.0)), color);
}

/// Returns a count of things: `1 call`, `2 calls`.
pub(super) fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Distance of panels from the edges of the screen.
pub(super) const MARGIN: f32 = 2.0 * style::GRID;
/// Distance of what is written from the edge of a panel.
pub(super) const PADDING: f32 = 2.0 * style::GRID;
/// Height of a panel's head.
pub(super) const HEAD: f32 = 5.0 * style::GRID;
/// Height of a row of small text.
pub(super) const ROW: f32 = 3.0 * style::GRID;
/// Below the line about the wire on the left and the five lines of the feed on the right.
const TOP: f32 = 20.0 * style::GRID;
/// Above the hint in the corner.
const BOTTOM: f32 = 6.0 * style::GRID;
/// Wider, and rows are too long to follow with the eye.
const MAX_WIDTH: f32 = 55.0 * style::GRID;
/// Narrower, and no row of numbers fits.
const MIN_WIDTH: f32 = 34.0 * style::GRID;
/// Side of a key.
pub(super) const CAP: f32 = 20.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "call")), ["0 calls", "1 call", "2 calls"]);
    }

    #[test]
    fn docks_stay_off_the_ship_and_off_each_other() {
        // 1280x720, a wide screen, and 640x400 at the scale that it gets.
        for (width, height) in [(1280.0, 720.0), (2560.0, 1080.0), (914.0, 571.0)] {
            let screen = Rect::from_min_size(Pos2::ZERO, vec2(width, height));
            let [left, right] = [Side::Left, Side::Right].map(|side| Dock::new(screen, side, f32::INFINITY).room);
            let ship = Rect::from_center_size(screen.center(), Vec2::splat(2.0 * height * SHIP_SHARE - 1.0));
            assert!(!left.intersects(ship) && !right.intersects(ship), "{width}x{height}");
            assert!(screen.contains_rect(left) && screen.contains_rect(right), "{width}x{height}");
            assert!(left.height() > 350.0, "{width}x{height}: {}", left.height());
        }
    }
}
