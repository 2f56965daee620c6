//! Bottom centre, for those who only watch: whose ship they look at, and how to look at another.
//!
//! Flow: [`Watched`] → here → [`super::canvas`].

use super::canvas::Canvas;
use crate::{palette, picture::Picture, style, view::watch::Watched};
use bevy_egui::egui::{Align2, Rect, vec2};

/// Draws the line, if somebody is being watched.
pub(super) fn draw(canvas: &Canvas, picture: &Picture, watched: &Watched, by_touch: bool) {
    let Some(seat) = watched.seat else { return };
    let quiet = palette::ink(palette::QUIET);
    let leads = if watched.by_hand { "" } else { ", who leads" };
    let name = palette::ink(palette::pilot(seat, None));
    let first = [("Watching ", quiet), (picture.name(seat), name), (leads, quiet)];
    let keys = match (by_touch, watched.by_hand) {
        (true, _) => "tap left or right: another ship",
        (false, true) => "← → another ship   ·   Space the leader",
        (false, false) => "← → another ship",
    };
    let (large, small) = (style::words(style::MIDDLE), style::words(style::SMALL));
    let width = first.iter().map(|(text, _)| canvas.width(text, &large)).sum::<f32>().max(canvas.width(keys, &small));
    let bottom = canvas.screen.center_bottom() - vec2(0.0, 2.0 * style::GRID);
    let size = vec2(width + 4.0 * style::GRID, HEIGHT);
    let room = Rect::from_min_size(bottom - vec2(size.x * 0.5, size.y), size);
    canvas.glass(room, 1.0);
    canvas.line(room.center_top() + vec2(0.0, style::GRID), Align2::CENTER_TOP, &large, &first);
    canvas.text(room.center_bottom() - vec2(0.0, style::GRID), Align2::CENTER_BOTTOM, keys, small, quiet);
}

/// Two lines with a margin.
const HEIGHT: f32 = 56.0;
