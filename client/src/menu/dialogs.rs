//! The two screens between menu and match: it is being tried, and it did not work.
//!
//! Both say in words what is going on and offer the way out. Enter does what most people want, Esc goes back.
//!
//! Flow: [`crate::lobby`], [`crate::links`] → [`Screen`] → here → [`Wish`] again, or the menu.

use super::{Menu, Page, start::MAX_PASSWORD_CHARS};
use crate::doctor::OpenDoctor;
use crate::{
    links::{LeaveMatch, Match},
    lobby::{Goal, Lobby, Wish},
    palette,
    state::{ENDED, Failure, NOT_JOINED, SENT_AWAY, Screen},
    style,
};
use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Align2, Area, Context, Id, Key, RichText, Ui};
use protocol::lobby::SeatWish;
use transport::player::Fetching;
use web_time::Instant;

/// Shows what is being waited for.
pub(super) fn connecting(
    mut contexts: EguiContexts,
    the_match: Option<Res<Match>>,
    mut lobby: ResMut<Lobby>,
    mut leave: MessageWriter<LeaveMatch>,
    mut next: ResMut<NextState<Screen>>,
) -> Result {
    let context = contexts.ctx_mut()?;
    let server = lobby.last_wish().map_or_else(String::new, |wish| wish.server.clone());
    let (head, detail) = match &the_match {
        None => ("Asking for a seat", format!("at {server}")),
        Some(the_match) => {
            let status = the_match.player.status(Instant::now());
            match (status.driving, status.switching_to) {
                (Some(_), _) if the_match.player.fetching().is_some() => {
                    ("Fetching the map", the_match.player.fetching().map_or_else(String::new, |map| fetched(&map)))
                }
                (Some(wire), _) => ("Taking the seat", format!("over {wire}")),
                (None, Some(wire)) => ("Connecting", format!("over {wire}")),
                (None, None) => ("Connecting", "with the server".to_owned()),
            }
        }
    };
    let mut give_up = context.input(|input| input.key_pressed(Key::Escape));
    panel(context, |ui| {
        ui.horizontal(|ui| {
            ui.heading(head);
            ui.add(egui::Spinner::new().size(style::LARGE).color(palette::ink(palette::ACCENT)));
        });
        ui.label(style::quiet(detail));
        ui.add_space(style::GRID);
        give_up |= style::button(ui, "Cancel").clicked();
    });
    if give_up {
        lobby.give_up();
        if the_match.is_some() {
            leave.write(LeaveMatch);
        }
        next.set(Screen::Menu);
    }
    Ok(())
}

/// Says how far the transfer of a map has come, such as “Foundry, 34 of 52 KiB”.
fn fetched(map: &Fetching) -> String {
    let kib = |bytes: u64| bytes.div_ceil(1_024);
    let mut letters = map.map.chars();
    let name: String = letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect();
    if map.of == 0 { name } else { format!("{name}, {} of {} KiB", kib(map.bytes), kib(map.of)) }
}

/// Shows what happened and what to do.
pub(super) fn failed(
    mut contexts: EguiContexts,
    failure: Res<Failure>,
    mut lobby: ResMut<Lobby>,
    mut wishes: MessageWriter<Wish>,
    mut doctor: MessageWriter<OpenDoctor>,
    mut pages: ResMut<Menu>,
    mut next: ResMut<NextState<Screen>>,
) -> Result {
    let context = contexts.ctx_mut()?;
    let mut menu = context.input(|input| input.key_pressed(Key::Escape));
    let (mut again, mut elsewhere, mut own_room) = (false, false, None);
    panel(context, |ui| {
        ui.heading(failure.title);
        ui.label(RichText::new(&failure.why).font(style::words(style::MIDDLE)));
        if !failure.advice.is_empty() {
            ui.label(style::quiet(failure.advice));
        }
        ui.add_space(style::GRID);
        if let Some(password) = lobby.tried_password().filter(|_| failure.title == NOT_JOINED) {
            let field = style::field(ui, "Password of the room", password, MAX_PASSWORD_CHARS);
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            if !entered && ui.memory(|memory| memory.focused().is_none()) {
                field.request_focus();
            }
            again |= entered;
            ui.add_space(style::GRID);
        }
        if failure.title == SENT_AWAY || lobby.is_shut() {
            let rooms = style::main_button(ui, "Other rooms");
            if ui.memory(|memory| memory.focused().is_none()) {
                rooms.request_focus();
            }
            elsewhere = rooms.clicked();
            menu |= style::button(ui, "Menu").clicked();
            return;
        }
        if let Some(room) = lobby.led_room() {
            let go = style::main_button(ui, "Go to your room");
            if ui.memory(|memory| memory.focused().is_none()) {
                go.request_focus();
            }
            own_room = go.clicked().then_some(room);
            menu |= style::button(ui, "Menu").clicked();
            return;
        }
        if lobby.last_wish().is_some() {
            let text = if failure.title == ENDED { "Reconnect" } else { "Try again" };
            let retry = style::main_button(ui, text);
            if ui.memory(|memory| memory.focused().is_none()) {
                retry.request_focus();
            }
            again |= retry.clicked();
        }
        let to_a_room = matches!(lobby.last_wish(), Some(Wish { goal: Goal::Room(..) | Goal::Code(..), .. }));
        if failure.title == NOT_JOINED && failure.advice.is_empty() && to_a_room {
            // The lobby has answered, so nothing is wrong with the way to it.
            elsewhere = style::button(ui, "Other rooms").clicked();
        } else if style::button(ui, &style::keyed(ui, "What is wrong?", "F8")).clicked() {
            doctor.write_default();
        }
        menu |= style::button(ui, "Menu").clicked();
    });
    if let Some(wish) = lobby.last_wish().filter(|_| again || own_room.is_some()) {
        // A room that was opened exists by now, and the seat in it is kept.
        let kept = lobby.kept_room().filter(|_| failure.title == ENDED && matches!(wish.goal, Goal::Open(_)));
        let goal = match own_room.or(kept) {
            Some(room) => Goal::Room(room, SeatWish::default()),
            None => wish.goal.clone(),
        };
        wishes.write(Wish { goal, ..wish.clone() });
    } else if menu || elsewhere {
        if elsewhere {
            pages.begin_at(Page::Rooms);
        }
        next.set(Screen::Menu);
    }
    Ok(())
}

fn panel(context: &Context, add: impl FnOnce(&mut Ui)) {
    Area::new(Id::new("dialog")).anchor(Align2::CENTER_CENTER, egui::Vec2::ZERO).show(context, |ui| {
        style::glass().inner_margin(egui::Margin::same(3 * style::GRID as i8)).show(ui, |ui| {
            ui.set_width(WIDTH);
            add(ui);
        });
    });
}

const WIDTH: f32 = 400.0;
