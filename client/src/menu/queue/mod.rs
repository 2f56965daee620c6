//! The queue page: a quick match, and everything that can be seen of how it is found.
//!
//! Somebody who waits wants to know why, for how long, and what changes meanwhile: one sentence, a line of time, the own rating among
//! the others' with the window that widens. Below, the three ways by which the client hears of it, and friends to bring along.
//!
//! Flow: [`crate::lobby`] → [`Search::begin`] → [`Search::view`] → here; accept, decline, cancel → [`Search`].

mod axis;
mod party;
mod proposal;
mod ways;

use super::{Menu, Page, Parts};
use crate::{
    lobby::{Account, Lobby},
    matching::{
        Search, View,
        board::{Board, Face},
        words,
    },
    palette,
    state::Screen,
    style,
};
use bevy::prelude::*;
use bevy_egui::egui::{self, Align2, CornerRadius, Rect, RichText, Sense, Ui, pos2, vec2};
use protocol::lobby::{Party, Queue};
use web_time::{Duration, Instant};

/// What the page keeps while it is open.
#[derive(Default)]
pub(super) struct Draft {
    /// A search was begun for whoever opened the page.
    begun: bool,
    /// The panel that has the keyboard's first target; another one gives it to its own.
    shown: Option<Panel>,
    party: party::Draft,
    /// The ways to be told are explained.
    explained: bool,
}

/// The parts of the page that take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Panel {
    Trouble,
    Idle,
    Friends,
    Party,
    Waiting,
    Proposed,
    Accepted,
}

impl Draft {
    /// Gives the keyboard to the first target of a panel that has just come up.
    fn focus(&mut self, panel: Panel, response: &egui::Response) {
        if self.shown.replace(panel) != Some(panel) {
            response.request_focus();
        }
    }
}

/// Tells the search whether anybody is here.
pub(super) fn attend(menu: Res<Menu>, screen: Res<State<Screen>>, lobby: Res<Lobby>, mut search: ResMut<Search>) {
    let here = *screen.get() == Screen::Menu && menu.page == Page::Queue;
    search.bypass_change_detection().attend(here, lobby.runtime());
}

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    let Parts { menu, settings, lobby, search, .. } = parts;
    let (menu, search, lobby) = (&mut **menu, &mut **search, &mut **lobby);
    if menu.opened {
        // Whoever comes from the page about friends wants them in first, and then says when to look for a match.
        let with_friends = menu.trail.last() == Some(&Page::Friends);
        menu.queue = Draft { begun: with_friends, party: party::Draft::new(with_friends), ..Draft::default() };
    }
    let draft = &mut menu.queue;
    let account = match lobby.account(settings.server.trim(), settings.name.trim()) {
        Ok(account) => account,
        Err(why) => {
            trouble(ui, draft, &why);
            return;
        }
    };
    // Who opens this page alone wants a match; with friends they say when.
    let alone = search.party.party().is_none();
    if !std::mem::replace(&mut draft.begun, true) && alone && matches!(search.view(), View::Idle | View::Over(_)) {
        search.begin(account.clone(), lobby.runtime());
    }
    match search.view() {
        View::Idle if alone && draft.party.is_open() => {}
        View::Idle => idle(ui, draft, search, &account, lobby),
        View::Opening => asking(ui),
        View::Over(why) => {
            let why = why.to_owned();
            if !search.party.leads() {
                alarm(ui, &why);
                ui.label(style::quiet(search.party.party().map_or_else(String::new, told_of_leader)));
            } else if trouble(ui, draft, &why) {
                search.begin(account.clone(), lobby.runtime());
            }
        }
        View::Open(_) => open(ui, draft, search, lobby),
    }
    let answering = matches!(search.view(), View::Open(board) if board.face(Instant::now()) != Face::Waiting);
    if !answering {
        ui.add_space(2.0 * style::GRID);
        let first = party::show(ui, &mut draft.party, search, &account, lobby.runtime());
        // Who leads a party has a button above.
        if let Some(first) = first.filter(|_| alone || !search.party.leads()) {
            draft.focus(if alone { Panel::Friends } else { Panel::Party }, &first);
        }
    }
}

fn asking(ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.add(egui::Spinner::new().size(style::LARGE).color(palette::ink(palette::ACCENT)));
        ui.label(style::quiet("Measuring the way to the server and asking for a ticket …"));
    });
}

/// Says why there is no match. Returns whether to try again.
fn trouble(ui: &mut Ui, draft: &mut Draft, why: &str) -> bool {
    alarm(ui, why);
    ui.add_space(style::GRID);
    let again = style::main_button(ui, "Look for a match again");
    draft.focus(Panel::Trouble, &again);
    again.clicked()
}

fn alarm(ui: &mut Ui, why: &str) {
    ui.label(RichText::new(why).font(style::words(style::MIDDLE)).color(palette::ink(palette::ALARM)));
}

/// Says on whom it depends that a match is looked for.
fn told_of_leader(party: &Party) -> String {
    let leader = party.members.iter().find(|member| member.player == party.leader);
    let leader = leader.map_or("Somebody else", |member| member.name.as_str());
    format!("{leader} leads. When they look for a match, it begins here by itself.")
}

/// Shows the page while nobody looks for a match.
fn idle(ui: &mut Ui, draft: &mut Draft, search: &mut Search, account: &Account, lobby: &Lobby) {
    let leads = search.party.leads();
    let text = match search.party.party() {
        None => "The lobby looks for players of your strength.".to_owned(),
        Some(_) if leads => "You lead this party. When everybody is here, look for a match.".to_owned(),
        Some(party) => told_of_leader(party),
    };
    ui.label(style::quiet(text));
    if leads {
        let find = style::main_button(ui, "Find a match");
        draft.focus(if search.party.party().is_some() { Panel::Party } else { Panel::Idle }, &find);
        if find.clicked() {
            search.begin(account.clone(), lobby.runtime());
        }
    }
}

/// Shows how the search is going.
fn open(ui: &mut Ui, draft: &mut Draft, search: &mut Search, lobby: &Lobby) {
    let View::Open(board) = search.view() else { return };
    let now = Instant::now();
    let face = board.face(now);
    if let Face::Proposed { mine, .. } = face {
        let panel = if mine { Panel::Accepted } else { Panel::Proposed };
        let answer = proposal::show(ui, search, board, &face, |target| draft.focus(panel, target));
        ways::show(ui, board, &mut draft.explained);
        if let Some(accept) = answer {
            search.answer(accept, lobby.runtime());
        }
        return;
    }
    // Two lines, whether they are needed or not: what is below must not jump.
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 2.0 * WHY_LINE), Sense::hover());
    let text = palette::ink(palette::TEXT);
    let why = ui.painter().layout(board.ticket().why.clone(), style::words(style::MIDDLE), text, rect.width());
    ui.painter().galley(rect.min, why, text);
    time_line(ui, board, search.queue(), now);
    axis::show(ui, board, search.queue(), now);
    ui.add_space(style::GRID);
    let cancel = style::button(ui, "Cancel");
    draft.focus(Panel::Waiting, &cancel);
    ui.add_space(style::GRID);
    ways::show(ui, board, &mut draft.explained);
    if cancel.clicked() {
        search.cancel(lobby.runtime());
    }
}

/// Draws how long one has waited, against how long one usually does, and when bots come.
fn time_line(ui: &mut Ui, board: &Board, queue: Option<&Queue>, now: Instant) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), TIME_HEIGHT), Sense::hover());
    let painter = ui.painter();
    let (text, quiet) = (palette::ink(palette::TEXT), palette::ink(palette::QUIET));
    let waited = board.waited(now);
    let top = rect.top() + 12.0;
    let number = style::numbers(style::LARGE);
    let clock = painter.text(pos2(rect.left(), top), Align2::LEFT_CENTER, words::clock(waited), number, text);
    let small = style::words(style::SMALL);
    let ours = board.ticket().players.len() as u32;
    // The ticket tells of what matters to it; the queue is asked every second.
    let waiting = queue.map_or(board.ticket().waiting, |queue| queue.waiting);
    let people = match waiting.saturating_sub(ours) {
        0 => "waited, nobody else in the queue".to_owned(),
        1 => "waited, 1 other in the queue".to_owned(),
        others => format!("waited, {others} others in the queue"),
    };
    let at = pos2(clock.right() + style::GRID, top + 2.0);
    painter.text(at, Align2::LEFT_CENTER, people, small.clone(), quiet);

    let expected = board.ticket().expected_ms.map(|ms| Duration::from_millis(ms.into()));
    let bots = board.bots_in(now);
    let marks = [(expected, "usually"), (bots.map(|left| waited + left), "bots at")];
    let longest = marks.iter().filter_map(|(at, _)| *at).chain([waited]).max().unwrap_or(waited);
    let x = |time: Duration| rect.left() + rect.width() * 0.94 * (time.as_secs_f32() / longest.as_secs_f32().max(1.0));
    let (line, bar) = (rect.top() + 34.0, 6.0);
    let strip = |to: f32| Rect::from_min_max(pos2(rect.left(), line - bar * 0.5), pos2(to, line + bar * 0.5));
    painter.rect_filled(strip(rect.right()), CornerRadius::same(3), palette::ink(palette::VOID));
    painter.rect_filled(strip(x(waited)), CornerRadius::same(3), palette::ink(palette::ACCENT));
    let mut taken = f32::NEG_INFINITY;
    for (time, what) in marks {
        let Some(time) = time else { continue };
        let at = x(time);
        painter.vline(at, line - 7.0..=line + 7.0, egui::Stroke::new(2.0, text));
        let label = format!("{what} {}", words::clock(time));
        let galley = painter.layout_no_wrap(label, small.clone(), quiet);
        let half = galley.size().x * 0.5;
        let mut left = (at - half).clamp(rect.left(), rect.right() - 2.0 * half);
        if left < taken {
            left = taken + style::GRID;
        }
        if left + 2.0 * half <= rect.right() + 1.0 {
            painter.galley(pos2(left, line + 9.0), galley, quiet);
            taken = left + 2.0 * half;
        }
    }
}

/// Height of a line of the sentence.
const WHY_LINE: f32 = 22.0;
const TIME_HEIGHT: f32 = 62.0;
