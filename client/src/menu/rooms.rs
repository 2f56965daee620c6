//! The list of rooms: what is going on where, and one press to be there.
//!
//! Flow: timer, Refresh → [`Lobby::ask_rooms`] → [`Rooms`] → here → [`crate::lobby::Goal::Room`].

use super::Parts;
use crate::{
    lobby::{Goal, Lobby, Rooms},
    palette,
    settings::Settings,
    style,
};
use bevy::prelude::*;
use bevy_egui::egui::{self, Align2, Button, RichText, ScrollArea, Sense, Ui, vec2};
use game::PhaseKind;
use protocol::{
    RoomId,
    lobby::{RoomInfo, SeatWish},
};

/// Asks for the rooms from time to time, and when the address has been changed and left alone for a moment.
pub(super) fn ask(
    settings: Res<Settings>,
    mut lobby: ResMut<Lobby>,
    mut rooms: ResMut<Rooms>,
    time: Res<Time<Real>>,
    mut typed: Local<(String, f32)>,
    mut since: Local<f32>,
) {
    let server = settings.server.trim();
    *since += time.delta_secs();
    typed.1 += time.delta_secs();
    if typed.0 != server {
        *typed = (server.to_owned(), 0.0);
    }
    let new = rooms.server != server && typed.1 > TYPING_SECONDS;
    if !server.is_empty() && (new || *since > REFRESH_SECONDS) {
        *since = 0.0;
        lobby.ask_rooms(server, &mut rooms);
    }
}

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    let chosen = list(ui, &parts.settings, &mut parts.lobby, &mut parts.rooms);
    if let Some(room) = chosen {
        parts.go(Goal::Room(room, SeatWish::default()));
    }
}

/// Shows the list. Returns the room that was chosen.
fn list(ui: &mut Ui, settings: &Settings, lobby: &mut Lobby, rooms: &mut Rooms) -> Option<RoomId> {
    let server = settings.server.trim();
    let known = (rooms.server == server).then(|| rooms.list.clone()).flatten();
    ui.horizontal(|ui| {
        ui.label(RichText::new("Rooms").font(style::strong(style::MIDDLE)));
        if let Some(Ok(list)) = &known {
            ui.label(style::quiet(list.len().to_string()));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let refresh = ui.add(Button::new(style::quiet("Refresh")).frame_when_inactive(false));
            if refresh.clicked() {
                lobby.ask_rooms(server, rooms);
            }
        });
    });
    let mut chosen = None;
    let area =
        ScrollArea::vertical().max_height(LIST_HEIGHT).min_scrolled_height(LIST_HEIGHT).auto_shrink([false, false]);
    area.show(ui, |ui| match known {
        None => drop(ui.label(style::quiet(format!("Asking {server} …")))),
        Some(Err(why)) => {
            let text = RichText::new(why).font(style::words(style::SMALL)).color(palette::ink(palette::ALARM));
            ui.label(text);
            ui.label(style::quiet(
                "`make server` starts one on this machine. A friend's address goes into Server above.",
            ));
        }
        Some(Ok(list)) if list.is_empty() => {
            ui.label(style::quiet("Nobody has opened a room yet. Quick play opens one."));
        }
        Some(Ok(list)) => {
            ui.spacing_mut().item_spacing.y = 4.0;
            for room in &list {
                if row(ui, room).clicked() {
                    chosen = Some(room.id);
                }
            }
        }
    });
    chosen
}

/// Shows one room as a wide button: its name, its map, how full it is, what it is doing.
fn row(ui: &mut Ui, room: &RoomInfo) -> egui::Response {
    let full = room.players >= room.seats;
    let size = vec2(ui.available_width() - style::GRID, ROW);
    let (rect, response) = ui.allocate_exact_size(size, if full { Sense::hover() } else { Sense::click() });
    let visuals = *ui.style().interact(&response);
    let painter = ui.painter();
    painter.rect(rect, visuals.corner_radius, visuals.weak_bg_fill, visuals.bg_stroke, egui::StrokeKind::Inside);
    let (text, quiet) = (palette::ink(palette::TEXT), palette::ink(palette::QUIET));
    let small = style::words(style::SMALL);
    let middle = rect.center().y;
    let at = |x: f32| egui::pos2(x, middle);
    let left = rect.left() + 1.5 * style::GRID;
    let right = rect.right() - 1.5 * style::GRID;
    let inside = painter.with_clip_rect(egui::Rect::from_x_y_ranges(left..=right - 208.0, rect.y_range()));
    let name = inside.text(at(left), Align2::LEFT_CENTER, &room.name, style::strong(style::SMALL), text);
    inside.text(at(name.right() + style::GRID), Align2::LEFT_CENTER, &room.map, small.clone(), quiet);
    let phase = match room.phase {
        PhaseKind::Waiting => "waiting",
        PhaseKind::Countdown => "starting",
        PhaseKind::Live => "playing",
        PhaseKind::Results => "results",
    };
    painter.text(at(right), Align2::RIGHT_CENTER, if full { "full" } else { phase }, small.clone(), quiet);
    let bots = match room.bots {
        0 => String::new(),
        1 => "+1 bot ".to_owned(),
        bots => format!("+{bots} bots"),
    };
    painter.text(at(right - 72.0), Align2::RIGHT_CENTER, bots, small, quiet);
    let people = format!("{}/{}", room.players, room.seats);
    painter.text(at(right - 144.0), Align2::RIGHT_CENTER, people, style::numbers(style::SMALL), text);
    response
}

/// Four rooms; more are scrolled to.
const LIST_HEIGHT: f32 = 4.0 * (ROW + 4.0);
const ROW: f32 = style::TARGET;
const REFRESH_SECONDS: f32 = 3.0;
/// Somebody who types is not asked for after every letter.
const TYPING_SECONDS: f32 = 0.5;
