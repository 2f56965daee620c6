//! The invite beside the ship: a host who waits for friends reads out the code, or holds a phone before the screen.
//!
//! Flow: [`super::host::House`] → [`draw`] → [`super::canvas`].

use super::{
    canvas::Canvas,
    panel::{Dock, ROW},
};
use crate::{invite, palette, style};
use bevy_egui::egui::{Align2, Rect, Vec2, vec2};
use protocol::lobby::Invite;

/// Draws the panel.
pub(super) fn draw(canvas: &Canvas, dock: &Dock, invite: Option<&Invite>) {
    let side = (dock.inner_height() - CODE - 2.0 * ROW - 2.0 * style::GRID).min(dock.inner_width()).min(QR);
    let inside = dock.open(canvas, "Invite friends", "V", CODE + side + 2.0 * ROW + 2.0 * style::GRID);
    let quiet = palette::ink(palette::QUIET);
    let Some(invite) = invite else {
        canvas.text(inside.left_top(), Align2::LEFT_TOP, "Asking for the code …", style::words(style::SMALL), quiet);
        return;
    };
    let at = inside.center_top() + vec2(0.0, CODE * 0.5 - style::GRID);
    canvas.text(at, Align2::CENTER_CENTER, &invite.code, style::numbers(style::TITLE), palette::ink(palette::OWN));
    let code = Rect::from_center_size(inside.center_top() + vec2(0.0, CODE + side * 0.5), Vec2::splat(side));
    canvas.qr(code, &invite.link);
    let at = code.center_bottom() + vec2(0.0, style::GRID + ROW * 0.5);
    let link = invite::short(&invite.link);
    canvas.text(at, Align2::CENTER_CENTER, link, style::numbers(style::SMALL), palette::ink(palette::TEXT));
    let hint = "The pause panel has a button that copies the link.";
    canvas.text(at + vec2(0.0, ROW), Align2::CENTER_CENTER, hint, style::words(style::SMALL), quiet);
}

/// Height of the code.
const CODE: f32 = 56.0;
/// Side of the QR code: a phone reads it at arm's length.
const QR: f32 = 232.0;
