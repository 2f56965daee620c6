//! Over the field: names below ships, and the crosshair.
//!
//! Flow: [`Picture`] through [`Eye`] → here → [`super::canvas`].

use super::canvas::Canvas;
use crate::{
    palette,
    picture::{Picture, readiness},
    style,
    view::camera::Eye,
};
use bevy::{math::Vec2, window::Window};
use bevy_egui::egui::{Align2, Stroke, pos2, vec2};
use game::ship::RAIL_WAIT_TICKS;

/// Writes everybody's name below their ship, except the player's own.
pub(super) fn draw(canvas: &Canvas, picture: &Picture, eye: &Eye, window: &Window) {
    let own = picture.own();
    for pilot in picture.pilots().iter().filter(|pilot| pilot.health > 0 && Some(pilot.seat) != own) {
        let at = eye.to_screen(window, pilot.pos - Vec2::Y * NAME_TILES) * canvas.points_per_pixel;
        let at = pos2(at.x, at.y);
        if !canvas.screen.expand(NAME_ROOM).contains(at) {
            continue;
        }
        let away = picture.members.get(&pilot.seat).is_some_and(|member| member.away);
        let rgb = if away { palette::QUIET } else { palette::pilot(pilot.seat, own) };
        let name = picture.name(pilot.seat);
        let text = if away { format!("{name} (away)") } else { name.to_owned() };
        canvas.text(at, Align2::CENTER_TOP, &text, style::words(style::SMALL), palette::faded(rgb, 0.8));
    }
}

/// Draws the crosshair: four strokes that close up when the rail is ready.
pub(super) fn draw_crosshair(canvas: &Canvas, picture: &Picture) {
    let Some(own) = picture.scene.as_ref().and_then(|scene| scene.own.as_ref()) else { return };
    let Some(at) = canvas.pointer() else { return };
    let ready = readiness(own.ship.rail_wait, RAIL_WAIT_TICKS);
    let gap = 5.0 + 5.0 * (1.0 - ready);
    let stroke = Stroke::new(1.5, palette::faded(palette::OWN, if ready >= 1.0 { 0.95 } else { 0.6 }));
    for along in [vec2(1.0, 0.0), vec2(-1.0, 0.0), vec2(0.0, 1.0), vec2(0.0, -1.0)] {
        canvas.stroke(at + along * gap, at + along * (gap + 7.0), stroke);
    }
    canvas.stroke(at - vec2(0.75, 0.0), at + vec2(0.75, 0.0), stroke);
}

/// Below the health arc.
const NAME_TILES: f32 = 0.92;
/// Names of ships that are just off the screen still reach into it, points.
const NAME_ROOM: f32 = 60.0;
