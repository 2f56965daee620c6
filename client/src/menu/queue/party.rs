//! The part of the queue page about friends: a party, its code, who is in it.
//!
//! Flow: [`crate::matching::party::PartyDesk`] → [`show`] → open, join, leave → [`Search`].

use crate::{lobby::Account, matching::Search, palette, style};
use bevy_egui::egui::{self, Align, Key, Layout, RichText, Ui};
use protocol::lobby::Party;
use tokio::runtime::Handle;

/// What the fields say.
#[derive(Default)]
pub(super) struct Draft {
    open: bool,
    code: String,
}

/// Shows the party, or how to get into one.
pub(super) fn show(ui: &mut Ui, draft: &mut Draft, search: &mut Search, account: &Account, runtime: &Handle) {
    if let Some(party) = search.party.party().cloned() {
        if members(ui, &party, account) {
            search.cancel(runtime);
            search.party.leave(runtime);
        }
        return trouble(ui, search);
    }
    if !draft.open {
        draft.open = style::button(ui, "Bring friends").clicked();
        if draft.open {
            // With friends one waits together.
            search.cancel(runtime);
        }
        return;
    }
    ui.label(RichText::new("Bring friends").font(style::strong(style::MIDDLE)));
    ui.label(style::quiet("Open a party and tell them its code, or type theirs. You are put into the same match."));
    let mut enter = None;
    ui.columns(2, |columns| {
        let field = style::field(&mut columns[0], "Code of a friend's party", &mut draft.code, MAX_CODE_CHARS);
        let pressed = field.lost_focus() && columns[0].input(|input| input.key_pressed(Key::Enter));
        columns[1].label(style::quiet(""));
        let join = columns[1].add_enabled_ui(!draft.code.trim().is_empty(), |ui| style::button(ui, "Join")).inner;
        if (join.clicked() || pressed) && !draft.code.trim().is_empty() {
            enter = Some(Some(draft.code.trim().to_owned()));
        }
    });
    if style::button(ui, "Open a party").clicked() {
        enter = Some(None);
    }
    if let Some(code) = enter {
        search.cancel(runtime);
        search.party.enter(account.clone(), code, runtime);
    }
    if search.party.is_entering() {
        ui.label(style::quiet("Asking …"));
    }
    trouble(ui, search);
}

/// Shows the code and everybody. Returns whether the party is to be left.
fn members(ui: &mut Ui, party: &Party, account: &Account) -> bool {
    let mut leave = false;
    ui.horizontal(|ui| {
        ui.vertical(|ui| {
            ui.label(style::quiet("Your party's code"));
            let code = RichText::new(&party.code).font(style::numbers(style::TITLE)).color(palette::ink(palette::OWN));
            ui.label(code);
        });
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            leave = ui.add(egui::Button::new(RichText::new("Leave").font(style::words(style::SMALL)))).clicked();
            if ui.add(egui::Button::new(RichText::new("Copy").font(style::words(style::SMALL)))).clicked() {
                ui.ctx().copy_text(party.code.clone());
            }
        });
    });
    let own = account.known().map(|guest| guest.player);
    for member in &party.members {
        ui.horizontal(|ui| {
            let color = palette::ink(if Some(member.player) == own { palette::OWN } else { palette::TEXT });
            ui.label(RichText::new(&member.name).font(style::strong(style::SMALL)).color(color));
            if member.player == party.leader {
                ui.label(style::quiet("leads"));
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(RichText::new(member.points.to_string()).font(style::numbers(style::SMALL)));
            });
        });
    }
    leave
}

fn trouble(ui: &mut Ui, search: &Search) {
    if let Some(why) = search.party.trouble() {
        ui.label(RichText::new(why).font(style::words(style::SMALL)).color(palette::ink(palette::ALARM)));
    }
}

/// A code with everything that people put between its letters.
const MAX_CODE_CHARS: usize = 16;
