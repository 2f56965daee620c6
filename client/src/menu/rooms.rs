//! The list of rooms: what is going on where, and one press to be there.
//!
//! Flow: timer → [`Lobby::ask_rooms`] → [`Rooms`] → here → [`Goal::Room`].

use super::{Menu, Page, Parts, widgets};
use crate::{
    lobby::{Goal, Lobby, Rooms, shown},
    palette,
    settings::Settings,
    style,
};
use bevy::prelude::*;
use bevy_egui::egui::{self, Align2, Button, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use game::PhaseKind;
use protocol::{
    RoomId,
    lobby::{RoomInfo, SeatWish},
};

/// Which rooms are shown, and the one whose password is being typed.
#[derive(Default)]
pub(super) struct Choice {
    free: bool,
    unlocked: bool,
    map: Option<String>,
    locked: Option<Locked>,
}

/// A locked room at whose door we stand.
struct Locked {
    room: RoomId,
    spectate: bool,
    password: String,
    /// The field has not had the keyboard yet.
    fresh: bool,
}

/// Asks for the rooms from time to time while they are looked at.
pub(super) fn ask(
    menu: Res<Menu>,
    settings: Res<Settings>,
    mut lobby: ResMut<Lobby>,
    mut rooms: ResMut<Rooms>,
    time: Res<Time<Real>>,
    mut since: Local<f32>,
) {
    *since += time.delta_secs();
    let new = rooms.server() != settings.server;
    if menu.page == Page::Rooms && (new || *since > REFRESH_SECONDS) {
        *since = 0.0;
        lobby.ask_rooms(&settings.server, &mut rooms);
    }
}

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    let server = parts.settings.server.clone();
    ui.horizontal(|ui| {
        ui.label(style::quiet("On"));
        ui.label(RichText::new(shown(&server)).font(style::numbers(style::SMALL)));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let refresh = ui.add(Button::new(style::quiet("Refresh")).frame_when_inactive(false));
            if refresh.clicked() {
                parts.lobby.ask_rooms(&server, &mut parts.rooms);
            }
        });
    });
    let known = (parts.rooms.server() == server).then(|| parts.rooms.list.clone()).flatten();
    // A page may ask no server but its own.
    let others = cfg!(not(target_family = "wasm"));
    ui.columns(if others { 2 } else { 1 }, |columns| {
        if others {
            let other = parts.menu.link(&mut columns[0], Page::Servers, "Other servers");
            if matches!(known, Some(Err(_))) {
                parts.menu.focus_first_once(&other);
            }
        }
        if let Some(last) = columns.last_mut() {
            let create = parts.menu.link(last, Page::Create, "Create a room");
            if !others && matches!(known, Some(Err(_))) {
                parts.menu.focus_first_once(&create);
            }
        }
    });
    filters(ui, parts);
    let height = (ui.clip_rect().bottom() - ui.cursor().top() - style::GRID).max(LEAST_LIST);
    ScrollArea::vertical().id_salt("rooms").max_height(height).auto_shrink([false, false]).show(ui, |ui| {
        match known {
            None => drop(ui.label(style::quiet(format!("Asking {} …", shown(&server))))),
            Some(Err(why)) => {
                widgets::alarm(ui, &why);
                if others {
                    let advice = "`make server` starts one on this machine. Other servers are one press away.";
                    ui.label(style::quiet(advice));
                }
            }
            Some(Ok(list)) => show(ui, parts, &list),
        }
        style::follow_focus(ui);
    });
}

fn filters(ui: &mut Ui, parts: &mut Parts) {
    let maps: Vec<String> = parts.maps.0.iter().flat_map(|shelf| shelf.names()).map(str::to_owned).collect();
    let choice = &mut parts.menu.choice;
    ui.columns(3, |columns| {
        let map = choice.map.clone();
        if widgets::choice(&mut columns[0], map.as_deref().unwrap_or("any map"), map.is_some()).clicked() {
            // Through all maps, then any again.
            let next = map.map_or(0, |map| maps.iter().position(|name| *name == map).map_or(maps.len(), |at| at + 1));
            choice.map = maps.get(next).cloned();
        }
        widgets::switch(&mut columns[1], "free seat", &mut choice.free);
        widgets::switch(&mut columns[2], "no password", &mut choice.unlocked);
    });
}

impl Choice {
    fn passes(&self, room: &RoomInfo) -> bool {
        (!self.free || room.players < room.seats)
            && (!self.unlocked || !room.locked)
            && self.map.as_ref().is_none_or(|map| *map == room.map)
    }
}

fn show(ui: &mut Ui, parts: &mut Parts, list: &[RoomInfo]) {
    ui.spacing_mut().item_spacing.y = 4.0;
    let shown: Vec<_> = list.iter().filter(|room| parts.menu.choice.passes(room)).collect();
    if shown.is_empty() {
        let text = if list.is_empty() { "Nobody has opened a room yet." } else { "No room is like that." };
        ui.label(style::quiet(text));
    }
    // Taken once: every row is as wide as the first.
    let width = ui.available_width() - WATCH - style::GRID;
    if !shown.is_empty() {
        head(ui, width);
    }
    for room in shown {
        let asked = ui.horizontal(|ui| {
            let join = row(ui, room, width);
            parts.menu.focus_first_once(&join);
            ui.spacing_mut().button_padding.x = style::GRID;
            let text = RichText::new("Watch").font(style::words(style::SMALL));
            let watch = ui.add_sized(vec2(WATCH, style::TARGET), Button::new(text));
            (join.clicked(), watch.clicked())
        });
        let (join, watch) = asked.inner;
        if !(join || watch) {
            door(ui, parts, room.id);
        } else if room.locked {
            let password = String::new();
            parts.menu.choice.locked = Some(Locked { room: room.id, spectate: watch, password, fresh: true });
        } else {
            parts.go(Goal::Room(room.id, SeatWish { password: None, spectate: watch }));
        }
    }
}

/// Names the columns.
fn head(ui: &mut Ui, width: f32) {
    let (rect, _) = ui.allocate_exact_size(vec2(width, HEAD), Sense::hover());
    let (quiet, right) = (palette::ink(palette::QUIET), rect.right() - widgets::ROW_MARGIN);
    for (x, text) in [(right - PEOPLE, "players"), (right - BOTS, "bots")] {
        ui.painter().text(pos2(x, rect.center().y), Align2::RIGHT_CENTER, text, style::words(style::SMALL), quiet);
    }
}

/// Asks for the password of a locked room, below its row.
fn door(ui: &mut Ui, parts: &mut Parts, room: RoomId) {
    let Some(locked) = parts.menu.choice.locked.as_mut().filter(|locked| locked.room == room) else { return };
    let mut open = false;
    ui.horizontal(|ui| {
        let width = ui.available_width() - WATCH - style::GRID;
        let field = widgets::text(ui, &mut locked.password, "Password", width);
        if std::mem::take(&mut locked.fresh) {
            field.request_focus();
        }
        open = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        ui.spacing_mut().button_padding.x = style::GRID;
        let text = RichText::new("Enter").font(style::words(style::SMALL));
        open |= ui.add_sized(vec2(WATCH, style::TARGET), Button::new(text)).clicked();
    });
    let wish = SeatWish { password: Some(locked.password.clone()), spectate: locked.spectate };
    if open {
        parts.menu.choice.locked = None;
        parts.go(Goal::Room(room, wish));
    }
}

/// Shows one room as a wide button: its name, its map, how full it is, what it is doing.
fn row(ui: &mut Ui, room: &RoomInfo, width: f32) -> egui::Response {
    let full = room.players >= room.seats;
    let (response, inside) = widgets::row(ui, width, !full);
    let (text, quiet) = (palette::ink(palette::TEXT), palette::ink(palette::QUIET));
    let small = style::words(style::SMALL);
    let at = |x: f32| pos2(x, inside.center().y);
    let (left, right) = (inside.left(), inside.right());
    let painter = ui.painter();
    let name_room = Rect::from_x_y_ranges(left..=right - FACTS, inside.y_range());
    let clipped = painter.with_clip_rect(name_room);
    let mut x = left;
    if room.locked {
        padlock(painter, pos2(x + 5.0, inside.center().y));
        x += 18.0;
    }
    let name = clipped.text(at(x), Align2::LEFT_CENTER, &room.name, style::strong(style::SMALL), text);
    clipped.text(at(name.right() + style::GRID), Align2::LEFT_CENTER, &room.map, small.clone(), quiet);
    let phase = match room.phase {
        _ if full => "full",
        PhaseKind::Waiting => "waiting",
        PhaseKind::Countdown => "starting",
        PhaseKind::Live => "playing",
        PhaseKind::Results => "results",
    };
    painter.text(at(right), Align2::RIGHT_CENTER, phase, small.clone(), quiet);
    let bots = if room.bots == 0 { String::new() } else { format!("+{}", room.bots) };
    painter.text(at(right - BOTS), Align2::RIGHT_CENTER, bots, style::numbers(style::SMALL), quiet);
    let people = format!("{}/{}", room.players, room.seats);
    painter.text(at(right - PEOPLE), Align2::RIGHT_CENTER, people, style::numbers(style::SMALL), text);
    let watching = if room.spectators == 0 { String::new() } else { format!(", {} watching", room.spectators) };
    response.on_hover_text(format!("{} of {} seats, {} bots{watching}", room.players, room.seats, room.bots))
}

/// Draws a small closed lock.
fn padlock(painter: &egui::Painter, center: egui::Pos2) {
    let color = palette::ink(palette::QUIET);
    let body = Rect::from_center_size(center + vec2(0.0, 2.5), vec2(10.0, 7.0));
    painter.rect_filled(body, 1, color);
    let shackle = Rect::from_center_size(center - vec2(0.0, 2.0), vec2(6.0, 7.0));
    painter.rect_stroke(shackle, 3, Stroke::new(1.5, color), StrokeKind::Inside);
}

/// Room for one row at least, however small the window.
const LEAST_LIST: f32 = 2.0 * style::TARGET;
/// Width of the button that only watches.
const WATCH: f32 = 72.0;
/// Room for people, bots and phase.
const FACTS: f32 = 168.0;
/// How far from the right the column of bots ends.
const BOTS: f32 = 72.0;
/// How far from the right the column of people ends.
const PEOPLE: f32 = 116.0;
/// Height of the names of the columns.
const HEAD: f32 = 20.0;
const REFRESH_SECONDS: f32 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_leave_out_what_is_not_wanted() {
        let open = RoomInfo { map: "crossfire".to_owned(), seats: 2, players: 1, ..RoomInfo::default() };
        let full = RoomInfo { players: 2, ..open.clone() };
        let locked = RoomInfo { locked: true, map: "foundry".to_owned(), ..open.clone() };
        let passing = |choice: Choice| [&open, &full, &locked].map(|room| choice.passes(room));
        assert_eq!(passing(Choice::default()), [true, true, true]);
        assert_eq!(passing(Choice { free: true, ..Choice::default() }), [true, false, true]);
        assert_eq!(passing(Choice { unlocked: true, ..Choice::default() }), [true, true, false]);
        assert_eq!(passing(Choice { map: Some("foundry".to_owned()), ..Choice::default() }), [false, false, true]);
    }
}
