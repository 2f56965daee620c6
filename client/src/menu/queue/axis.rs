//! The rating axis: everybody who waits as a dot, the own window as a band that widens while one waits.
//!
//! Flow: [`Board`], [`Queue`] → [`show`] → egui.

use crate::{matching::board::Board, palette, style};
use bevy_egui::egui::{Align2, Color32, CornerRadius, Painter, Pos2, Rect, Sense, Shape, Stroke, Ui, pos2, vec2};
use protocol::lobby::{Queue, QueueRow};
use web_time::Instant;

/// Draws the axis.
pub(super) fn show(ui: &mut Ui, board: &Board, queue: Option<&Queue>, now: Instant) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
    let own = queue.and_then(|queue| board.own_row(queue, now));
    let rows = queue.map_or(&[][..], |queue| &queue.rows);
    // The row of the queue is newer than the ticket, which tells only of what matters.
    let widened = own.and_then(|own| rows.get(own)).map_or(0, |row| row.window_points);
    let window = board.ticket().window_points.max(widened);
    let ease = |name: &str, value: f32| ui.ctx().animate_value_with_time(response.id.with(name), value, EASE_SECONDS);
    let axis = Axis {
        centre: board.ticket().points as f32,
        half: ease("half", half_width(window)),
        left: rect.left(),
        width: rect.width(),
    };
    let window = ease("window", window as f32);
    let painter = ui.painter().with_clip_rect(rect);
    painter.rect_filled(rect, CornerRadius::same(4), palette::faded(palette::VOID, 0.6));
    let line = rect.top() + LINE;
    draw_band(&painter, &axis, rect, line, window);
    painter.hline(rect.x_range(), line, Stroke::new(1.0, palette::ink(palette::QUIET)));
    let others = rows.iter().enumerate().filter(|(at, row)| Some(*at) != own && row.mode == board.ticket().mode);
    let others: Vec<&QueueRow> = others.map(|(_, row)| row).collect();
    draw_others(&painter, &axis, rect, line, &others, board.ticket().points, window);
    draw_own(&painter, axis.x(axis.centre), line, board.ticket().points);
    response.on_hover_text(
        "Everybody who waits, by strength: the rating without the caution that the leaderboard takes off. The band is whom \
         you may meet; it widens while you wait. A full dot is somebody whose own band reaches you too.",
    );
}

/// A piece of the scale of points.
#[derive(Clone, Copy, Debug)]
struct Axis {
    /// Points in the middle.
    centre: f32,
    /// Points from the middle to either end.
    half: f32,
    left: f32,
    width: f32,
}

impl Axis {
    /// Returns where `points` lie; those beyond an end lie at it.
    fn x(&self, points: f32) -> f32 {
        let share = ((points - self.centre) / self.half * 0.5 + 0.5).clamp(0.0, 1.0);
        self.left + share * self.width
    }

    fn shows(&self, points: f32) -> bool {
        (points - self.centre).abs() <= self.half
    }
}

/// Returns how many points the axis shows to each side: in steps, so that it is seen how the band widens.
fn half_width(window: u32) -> f32 {
    let mut half = SMALLEST_HALF;
    while (half as f32) < window as f32 * 1.25 {
        half *= 2;
    }
    half as f32
}

/// Returns whether two who wait may meet: each is in the other's window.
fn may_meet(own: i32, window: f32, other: &QueueRow) -> bool {
    let apart = own.abs_diff(other.points) as f32;
    apart <= window && apart <= other.window_points as f32
}

fn draw_band(painter: &Painter, axis: &Axis, rect: Rect, line: f32, window: f32) {
    let [from, to] = [axis.centre - window, axis.centre + window];
    let band = Rect::from_x_y_ranges(axis.x(from)..=axis.x(to), rect.top() + LABELS..=line);
    painter.rect_filled(band, CornerRadius::ZERO, palette::faded(palette::ACCENT, 0.24));
    let quiet = palette::ink(palette::QUIET);
    for (end, align) in [(from, Align2::CENTER_CENTER), (to, Align2::CENTER_CENTER)] {
        let x = axis.x(end);
        painter.vline(x, band.y_range(), Stroke::new(1.5, palette::ink(palette::ACCENT)));
        let text = format!("{:.0}", end.max(0.0));
        let at = pos2(x.clamp(rect.left() + 24.0, rect.right() - 24.0), rect.top() + LABELS * 0.5);
        painter.text(at, align, text, style::numbers(style::SMALL), quiet);
    }
    let text = format!("± {window:.0} points");
    let middle = pos2(rect.center().x, rect.top() + LABELS * 0.5);
    painter.text(middle, Align2::CENTER_CENTER, text, style::words(style::SMALL), palette::ink(palette::TEXT));
}

fn draw_others(painter: &Painter, axis: &Axis, rect: Rect, line: f32, others: &[&QueueRow], own: i32, window: f32) {
    let mut columns = std::collections::BTreeMap::<i32, u8>::new();
    let (mut below, mut above) = (0_u32, 0_u32);
    for row in others {
        if !axis.shows(row.points as f32) {
            *if row.points < own { &mut below } else { &mut above } += u32::from(row.players);
            continue;
        }
        let x = axis.x(row.points as f32);
        let height = columns.entry((x / DOT_STEP).round() as i32).or_default();
        let y = line - 8.0 - f32::from(*height) * DOT_STEP;
        *height = (*height + 1).min(MOST_STACKED);
        // A party is a larger dot.
        let radius = 3.5 + f32::from(row.players.min(5) - row.players.min(1));
        if may_meet(own, window, row) {
            painter.circle_filled(pos2(x, y), radius, palette::ink(palette::TEXT));
        } else {
            painter.circle_stroke(pos2(x, y), radius, Stroke::new(1.5, palette::ink(palette::QUIET)));
        }
    }
    let quiet = palette::ink(palette::QUIET);
    let y = line + 14.0;
    for (count, at, align, arrow) in [
        (below, pos2(rect.left() + 6.0, y), Align2::LEFT_CENTER, "‹ "),
        (above, pos2(rect.right() - 6.0, y), Align2::RIGHT_CENTER, " ›"),
    ] {
        if count > 0 {
            let text =
                if arrow.starts_with('‹') { format!("{arrow}{count} more") } else { format!("{count} more{arrow}") };
            painter.text(at, align, text, style::words(style::SMALL), quiet);
        }
    }
}

fn draw_own(painter: &Painter, x: f32, line: f32, points: i32) {
    let own: Color32 = palette::ink(palette::OWN);
    let tip = Pos2::new(x, line - 14.0);
    let hull = [tip, tip + vec2(6.0, 12.0), tip + vec2(0.0, 9.0), tip + vec2(-6.0, 12.0)];
    painter.add(Shape::convex_polygon(vec![hull[0], hull[1], hull[2]], own, Stroke::NONE));
    painter.add(Shape::convex_polygon(vec![hull[0], hull[2], hull[3]], own, Stroke::NONE));
    let text = format!("you {points}");
    painter.text(pos2(x, line + 14.0), Align2::CENTER_CENTER, text, style::words(style::SMALL), own);
}

const HEIGHT: f32 = 104.0;
/// Height of the line of labels at the top.
const LABELS: f32 = 22.0;
/// Where the axis lies below the top.
const LINE: f32 = 78.0;
const EASE_SECONDS: f32 = 0.6;
/// Points to either side that the axis shows at least.
const SMALLEST_HALF: u32 = 250;
/// Room of a dot.
const DOT_STEP: f32 = 10.0;
/// Dots above each other; more would leave the picture.
const MOST_STACKED: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::lobby::Mode;

    #[test]
    fn the_axis_keeps_the_own_rating_in_the_middle_and_the_band_inside() {
        let axis = Axis { centre: 1_000.0, half: 250.0, left: 10.0, width: 400.0 };
        assert_eq!([750.0, 1_000.0, 1_250.0].map(|points| axis.x(points)), [10.0, 210.0, 410.0]);
        assert_eq!(axis.x(5_000.0), 410.0, "what is beyond lies at the end");
        assert!(axis.shows(1_250.0) && !axis.shows(1_251.0));
        for window in [50, 200, 201, 999, 5_000] {
            assert!(half_width(window) >= window as f32 * 1.25, "{window}");
        }
        assert_eq!(half_width(0), 250.0);
    }

    #[test]
    fn both_must_reach_each_other() {
        let row =
            |points, window_points| QueueRow { mode: Mode::Skirmish, players: 1, points, window_points, waited_ms: 0 };
        assert!(may_meet(1_000, 100.0, &row(1_100, 100)));
        assert!(!may_meet(1_000, 100.0, &row(1_100, 99)), "their window is too narrow");
        assert!(!may_meet(1_000, 99.0, &row(900, 500)), "ours is");
    }
}
