//! The part of the queue page about friends: a party, its code, who is in it.
//!
//! Flow: [`crate::matching::party::PartyDesk`] → [`show`] → open, join, leave → [`Search`].

use crate::{
    clipboard,
    lobby::Account,
    matching::{Search, View},
    palette, style,
};
use bevy_egui::egui::{Align, Button, Key, Label, Layout, Response, RichText, Ui};
use protocol::lobby::Party;
use transport::runtime::Handle;

/// What the fields say.
#[derive(Default)]
pub(super) struct Draft {
    open: bool,
    code: String,
}

impl Draft {
    /// Returns empty fields; `open` shows them at once.
    pub(super) fn new(open: bool) -> Self {
        Self { open, ..Self::default() }
    }

    /// Returns whether the ways into a party are shown.
    pub(super) const fn is_open(&self) -> bool {
        self.open
    }
}

/// Shows the party, or how to get into one. Returns the target that the keyboard belongs to, if it is here.
pub(super) fn show(
    ui: &mut Ui,
    draft: &mut Draft,
    search: &mut Search,
    account: &Account,
    runtime: &Handle,
) -> Option<Response> {
    let searching = matches!(search.view(), View::Opening | View::Open(_));
    let mut first = None;
    if let Some(party) = search.party.party().cloned() {
        let leave = if searching { companions(ui, &party) } else { members(ui, &party, account, &mut first) };
        if leave {
            search.cancel(runtime);
            search.party.leave(runtime);
        }
    } else if draft.open {
        first = Some(form(ui, draft, search, account, runtime));
    } else {
        draft.open = style::button(ui, "Bring friends").clicked();
        if draft.open {
            // With friends one waits together.
            search.cancel(runtime);
        }
    }
    if let Some(why) = search.party.trouble() {
        ui.label(RichText::new(why).font(style::words(style::SMALL)).color(palette::ink(palette::ALARM)));
    }
    first
}

/// Shows the ways into a party, and the one without. Returns the target that the keyboard belongs to.
fn form(ui: &mut Ui, draft: &mut Draft, search: &mut Search, account: &Account, runtime: &Handle) -> Response {
    ui.label(style::quiet("Open a party and tell your friends its code. You are put into the same match."));
    let mut enter = None;
    let open = style::main_button(ui, "Open a party");
    if open.clicked() {
        enter = Some(None);
    }
    ui.add_space(style::GRID);
    ui.columns(2, |columns| {
        let field = style::field(&mut columns[0], "Or a friend has told you theirs", &mut draft.code, MAX_CODE_CHARS);
        let pressed = field.lost_focus() && columns[0].input(|input| input.key_pressed(Key::Enter));
        columns[1].label(style::quiet(""));
        let join = columns[1].add_enabled_ui(!draft.code.trim().is_empty(), |ui| style::button(ui, "Join")).inner;
        if (join.clicked() || pressed) && !draft.code.trim().is_empty() {
            enter = Some(Some(draft.code.trim().to_owned()));
        }
    });
    ui.add_space(style::GRID);
    if style::button(ui, "Look for a match alone").clicked() {
        draft.open = false;
        search.begin(account.clone(), runtime);
    }
    if let Some(code) = enter {
        search.cancel(runtime);
        search.party.enter(account.clone(), code, runtime);
    }
    if search.party.is_entering() {
        ui.label(style::quiet("Asking …"));
    }
    open
}

/// Shows the code and everybody. Returns whether the party is to be left; `copy` becomes the button that copies the code.
fn members(ui: &mut Ui, party: &Party, account: &Account, copy: &mut Option<Response>) -> bool {
    let mut leave = false;
    ui.horizontal(|ui| {
        ui.vertical(|ui| {
            ui.label(style::quiet("Your party's code"));
            let code = RichText::new(&party.code).font(style::numbers(style::TITLE)).color(palette::ink(palette::OWN));
            ui.label(code);
        });
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            leave = ui.add(Button::new(RichText::new("Leave").font(style::words(style::SMALL)))).clicked();
            let button = ui.add(Button::new(RichText::new("Copy code").font(style::words(style::SMALL))));
            if button.clicked() {
                clipboard::copy(ui.ctx(), &party.code);
            }
            *copy = Some(button);
        });
    });
    ui.spacing_mut().interact_size.y = ROW;
    let own = account.known().map(|guest| guest.player);
    for member in &party.members {
        ui.horizontal(|ui| {
            let color = palette::ink(if Some(member.player) == own { palette::OWN } else { palette::TEXT });
            ui.label(RichText::new(&member.name).font(style::strong(style::SMALL)).color(color));
            if member.player == party.leader {
                ui.label(style::quiet("leads"));
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(style::quiet("points"));
                ui.label(RichText::new(member.points.to_string()).font(style::numbers(style::SMALL)));
            });
        });
    }
    if party.members.len() == 1 {
        ui.label(style::quiet("Nobody else is here yet. Tell a friend the code."));
    }
    leave
}

/// Shows in one line with whom one looks for a match. Returns whether the party is to be left.
fn companions(ui: &mut Ui, party: &Party) -> bool {
    let names: Vec<_> = party.members.iter().map(|member| member.name.as_str()).collect();
    let mut leave = false;
    ui.horizontal(|ui| {
        ui.label(RichText::new("Party").font(style::strong(style::SMALL)));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            leave = ui.add(Button::new(RichText::new("Leave").font(style::words(style::SMALL)))).clicked();
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(style::quiet(names.join(", "))).truncate());
            });
        });
    });
    leave
}

/// A code with everything that people put between its letters.
const MAX_CODE_CHARS: usize = 16;
/// Height of a member's row.
const ROW: f32 = 22.0;
