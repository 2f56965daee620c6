//! How friends get into a room: a code to read out, a link to send, a QR code to point a phone at.
//!
//! Flow: [`Invite`] → [`card`] in the pause panel, [`qr`] beside the ship while a host waits for friends.

use crate::{clipboard, palette, style};
use bevy_egui::egui::{self, Color32, Painter, Rect, RichText, Sense, Ui, Vec2, pos2, vec2};
use protocol::lobby::Invite;
use qrcode::{Color, EcLevel, QrCode};
use std::sync::Arc;

/// Adds code, link and QR code of a room, with a button that copies the link.
pub(crate) fn card(ui: &mut Ui, invite: &Invite) {
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(QR_SIDE), Sense::hover());
        qr(ui.painter(), rect, &invite.link);
        ui.vertical(|ui| {
            ui.label(style::quiet("Friends get in with this code"));
            ui.label(RichText::new(&invite.code).font(style::numbers(CODE_SIZE)).color(palette::ink(palette::OWN)));
            // In two lines: the code at the end must not be what is cut off.
            let link = short(&invite.link);
            let (host, path) = link.split_at(link.find('/').unwrap_or(link.len()));
            ui.spacing_mut().item_spacing.y = 0.0;
            for line in [host, path] {
                let line = RichText::new(line).font(style::numbers(style::SMALL)).color(palette::ink(palette::QUIET));
                ui.add(egui::Label::new(line).truncate());
            }
            ui.add_space(style::GRID);
            let copied = egui::Id::new(("copied", &invite.link));
            let now = ui.input(|input| input.time);
            let fresh = ui.data(|data| data.get_temp::<f64>(copied)).is_some_and(|at| now - at < COPIED_SECONDS);
            if style::button(ui, if fresh { "Copied" } else { "Copy link" }).clicked() {
                clipboard::copy(ui.ctx(), &invite.link);
                ui.data_mut(|data| data.insert_temp(copied, now));
            }
        });
    });
}

/// Returns a link without what goes without saying, for showing only.
pub(crate) fn short(link: &str) -> &str {
    link.trim_start_matches("http://").trim_start_matches("https://")
}

/// Draws `text` as a QR code that fills `rect`: dark on light, with the quiet zone around it that readers ask for.
pub(crate) fn qr(painter: &Painter, rect: Rect, text: &str) {
    let id = egui::Id::new(("qr", text));
    // Worked out once: there are a few hundred dots, and it is drawn every frame.
    let dots = painter.ctx().data_mut(|data| {
        let dots: &mut Arc<Option<Dots>> = data.get_temp_mut_or_insert_with(id, || Arc::new(Dots::of(text)));
        Arc::clone(dots)
    });
    let Some(dots) = &*dots else { return };
    painter.rect_filled(rect, egui::CornerRadius::same(4), palette::ink(PAPER));
    // Whole pixels: a reader does not forgive dots of different sizes.
    let pixel = painter.ctx().pixels_per_point();
    let side = ((rect.width() * pixel / dots.across() as f32).floor() / pixel).max(1.0 / pixel);
    let origin = (rect.center() - Vec2::splat(side * dots.across() as f32 * 0.5)).to_vec2();
    let origin = (origin * pixel).round() / pixel;
    for (y, row) in dots.rows().enumerate() {
        // One rectangle per run of dark dots.
        let mut x = 0;
        while x < row.len() {
            let run = row[x..].iter().take_while(|dark| **dark).count();
            if run > 0 {
                let place = vec2((x + QUIET_ZONE) as f32, (y + QUIET_ZONE) as f32) * side + origin;
                let size = vec2(run as f32 * side, side);
                painter.rect_filled(
                    Rect::from_min_size(pos2(place.x, place.y), size),
                    egui::CornerRadius::ZERO,
                    Color32::BLACK,
                );
            }
            x += run.max(1);
        }
    }
}

/// A QR code as dark and light dots.
struct Dots {
    width: usize,
    dark: Vec<bool>,
}

impl Dots {
    /// Returns the code for `text`; none if it is too long for any.
    fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let dark = code.to_colors().into_iter().map(|color| color == Color::Dark).collect();
        Some(Self { width: code.width(), dark })
    }

    /// Returns how many dots it has on a side, quiet zone included.
    const fn across(&self) -> usize {
        self.width + 2 * QUIET_ZONE
    }

    fn rows(&self) -> impl Iterator<Item = &[bool]> {
        self.dark.chunks(self.width)
    }
}

/// Side of the QR code in a panel, points.
const QR_SIDE: f32 = 168.0;
/// Size of the code: to be read out across a room.
const CODE_SIZE: f32 = 34.0;
/// Light dots around a QR code (ISO/IEC 18004).
const QUIET_ZONE: usize = 4;
/// What a QR code is written on: not quite white, since nothing on this screen is.
const PAPER: palette::Rgb = [0xE6, 0xEB, 0xF5];
/// How long a button says that it has copied.
const COPIED_SECONDS: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_fits_a_code_that_phones_read_from_a_screen() {
        let dots = Dots::of("http://192.168.100.200:8080/join/KM7-4QX").expect("short enough");
        // Version 3: 29 dots, 5 pixels each in the smallest window.
        assert_eq!(dots.width, 29);
        assert_eq!(dots.rows().count(), 29);
        // The three finder patterns, and the light lines around them.
        let row = |y: usize| dots.rows().nth(y).expect("a row");
        assert!(row(0)[..7].iter().all(|dark| *dark) && !row(0)[7] && row(28)[..7].iter().all(|dark| *dark));
    }
}
