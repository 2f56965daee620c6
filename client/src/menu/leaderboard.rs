//! The best players, a page at a time, with one's own place always in sight.
//!
//! Flow: [`super`] → the lobby → [`Leaderboard`] → here.

use super::Parts;
use crate::{
    asked::Asked,
    lobby::{Account, Lobby},
    palette, style,
};
use bevy_egui::egui::{self, Align2, CornerRadius, Key, Painter, Rect, RichText, Sense, Spinner, Ui, pos2, vec2};
use protocol::{
    PlayerId,
    lobby::{Leaderboard, LeaderboardRow, Profile},
};

/// What the page keeps while it is open.
#[derive(Default)]
pub(super) struct Shelf {
    rows: Asked<Leaderboard>,
    /// Ourselves, for a place that is not on this page.
    own: Asked<Profile>,
    /// Players before the first row that is shown.
    first: u32,
    /// The players before the first row of [`Self::rows`].
    asked: Option<u32>,
    /// The first target has been given the keyboard.
    focused: bool,
}

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    let Parts { menu, settings, lobby, .. } = parts;
    let menu = &mut **menu;
    if menu.opened {
        menu.leaderboard = Shelf::default();
    }
    let shelf = &mut menu.leaderboard;
    match lobby.account(settings.server.trim(), settings.name.trim()) {
        Ok(account) => shelf.ask(&account, lobby),
        Err(why) => return drop(trouble(ui, &why)),
    }
    let own = shelf.own.good().cloned();
    match shelf.rows.answer() {
        None => asking(ui, settings.server.trim()),
        Some(Err(why)) => {
            let why = why.clone();
            let again = trouble(ui, &why);
            shelf.focus(&again);
            if again.clicked() {
                *shelf = Shelf::default();
            }
        }
        Some(Ok(list)) if list.total == 0 => {
            ui.label(RichText::new("Nobody has played a rated match yet.").font(style::words(style::MIDDLE)));
            ui.label(style::quiet("A match counts when two or more people play it to the end. Be the first."));
        }
        Some(Ok(list)) => {
            let list = list.clone();
            table(ui, &list, own.as_ref());
            let turned = paging(ui, shelf, &list, own.as_ref());
            shelf.focus(&turned);
        }
    }
}

impl Shelf {
    /// Gives the keyboard to the first target that there is.
    fn focus(&mut self, response: &egui::Response) {
        if !std::mem::replace(&mut self.focused, true) {
            response.request_focus();
        }
    }

    fn ask(&mut self, account: &Account, lobby: &Lobby) {
        let runtime = lobby.runtime();
        self.rows.collect();
        self.own.collect();
        if self.own.answer().is_none() {
            let account = account.clone();
            self.own.ask(runtime, async move {
                let profile = account.call(|lobby, guest| async move { lobby.me(&guest).await }).await;
                profile.map_err(|error| error.to_string())
            });
        }
        if self.asked != Some(self.first) && !self.rows.is_asking() {
            let (first, lobby) = (self.first, account.lobby.clone());
            self.asked = Some(first);
            self.rows
                .ask(runtime, async move { lobby.leaderboard(first, ROWS).await.map_err(|error| error.to_string()) });
        }
    }
}

fn asking(ui: &mut Ui, server: &str) {
    ui.horizontal(|ui| {
        ui.add(Spinner::new().size(style::LARGE).color(palette::ink(palette::ACCENT)));
        ui.label(style::quiet(format!("Asking {server} …")));
    });
}

/// Says what went wrong. Returns the button to try again.
fn trouble(ui: &mut Ui, why: &str) -> egui::Response {
    ui.label(RichText::new(why).font(style::words(style::MIDDLE)).color(palette::ink(palette::ALARM)));
    style::button(ui, "Try again")
}

fn table(ui: &mut Ui, list: &Leaderboard, own: Option<&Profile>) {
    let (head, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEAD), Sense::hover());
    let quiet = palette::ink(palette::QUIET);
    let names = [(0, "Pilot"), (1, "Points"), (2, "Matches"), (3, "Won")];
    for (column, name) in names {
        let (x, align) = place(head, column);
        ui.painter().text(pos2(x, head.center().y), align, name, style::words(style::SMALL), quiet);
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    let me = own.map(|own| own.player);
    for row in &list.rows {
        line(ui, row, me);
    }
    // As many lines on every page: the buttons below stay where they are.
    ui.add_space(ROW * (ROWS as f32 - list.rows.len() as f32).max(0.0));
    let gap = ui.allocate_exact_size(vec2(ui.available_width(), style::GRID), Sense::hover()).0;
    ui.painter().hline(gap.x_range(), gap.center().y, egui::Stroke::new(1.0, palette::ink(palette::RIM)));
    let here = list.rows.iter().any(|row| Some(row.player) == me);
    match own.map(own_row) {
        Some(Some(row)) if !here => line(ui, &row, me),
        Some(None) => {
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
            let text = "You have no place yet: play a rated match to its end.";
            let at = pos2(rect.left() + style::GRID, rect.center().y);
            ui.painter().text(at, Align2::LEFT_CENTER, text, style::words(style::SMALL), quiet);
        }
        _ => ui.add_space(ROW),
    }
    ui.spacing_mut().item_spacing.y = style::GRID;
    ui.add_space(style::GRID);
}

/// Returns the own line, if there is one.
fn own_row(own: &Profile) -> Option<LeaderboardRow> {
    Some(LeaderboardRow {
        rank: own.rank?,
        player: own.player,
        name: own.name.clone(),
        points: own.rating.points,
        matches: own.matches,
        wins: own.wins,
    })
}

fn line(ui: &mut Ui, row: &LeaderboardRow, me: Option<PlayerId>) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let painter: &Painter = ui.painter();
    let mine = Some(row.player) == me;
    if mine {
        painter.rect_filled(rect, CornerRadius::same(3), palette::faded(palette::EDGE, 0.18));
    }
    let y = rect.center().y;
    let (text, quiet) = (palette::ink(palette::TEXT), palette::ink(palette::QUIET));
    let rank = pos2(rect.left() + RANK, y);
    let medal = if row.rank <= 3 { text } else { quiet };
    painter.text(rank, Align2::RIGHT_CENTER, row.rank.to_string(), style::numbers(style::SMALL), medal);
    let (x, align) = place(rect, 0);
    let color = palette::ink(if mine { palette::OWN } else { palette::TEXT });
    let name = painter.text(pos2(x, y), align, &row.name, style::strong(style::SMALL), color);
    if mine {
        let at = pos2(name.right() + style::GRID, y);
        painter.text(at, Align2::LEFT_CENTER, "you", style::words(style::SMALL), quiet);
    }
    let numbers = [row.points.to_string(), row.matches.to_string(), row.wins.to_string()];
    for (column, number) in (1..).zip(numbers) {
        let (x, align) = place(rect, column);
        let color = if column == 1 { text } else { quiet };
        painter.text(pos2(x, y), align, number, style::numbers(style::SMALL), color);
    }
}

/// Returns where a column stands: the name's left end, the right end of numbers.
fn place(rect: Rect, column: usize) -> (f32, Align2) {
    match column {
        0 => (rect.left() + RANK + 2.0 * style::GRID, Align2::LEFT_CENTER),
        1 => (rect.right() - 144.0, Align2::RIGHT_CENTER),
        2 => (rect.right() - 64.0, Align2::RIGHT_CENTER),
        _ => (rect.right() - style::GRID, Align2::RIGHT_CENTER),
    }
}

/// Shows what is shown, and turns pages by button or key. Returns the first button.
fn paging(ui: &mut Ui, shelf: &mut Shelf, list: &Leaderboard, own: Option<&Profile>) -> egui::Response {
    let last = shelf.first + list.rows.len() as u32;
    let asking = shelf.rows.is_asking();
    let text = format!("{} to {last} of {}{}", shelf.first + 1, list.total, if asking { " …" } else { "" });
    ui.label(style::quiet(text));
    let mine = own.and_then(|own| own.rank).map(page_of);
    let mut turn = None;
    let first = ui.columns(3, |columns| {
        let mut turn_to = |ui: &mut Ui, text: &str, to: Option<u32>| {
            let button = ui.add_enabled_ui(to.is_some(), |ui| style::button(ui, text)).inner;
            turn = if button.clicked() { to } else { turn };
            button
        };
        let before = turn_to(&mut columns[0], "Higher", before(shelf.first));
        let me = turn_to(&mut columns[1], "Me", mine.filter(|page| *page != shelf.first));
        let behind = turn_to(&mut columns[2], "Lower", behind(shelf.first, list.total));
        // Whatever can be pressed first.
        [behind, me, before].into_iter().find(egui::Response::enabled)
    });
    let pressed = |key| ui.input(|input| input.key_pressed(key));
    if pressed(Key::PageDown) {
        turn = behind(shelf.first, list.total);
    } else if pressed(Key::PageUp) {
        turn = before(shelf.first);
    } else if pressed(Key::Home) {
        turn = Some(0);
    }
    shelf.first = turn.unwrap_or(shelf.first);
    first.unwrap_or_else(|| ui.label(""))
}

/// Returns the page before the one that begins behind `first` players.
fn before(first: u32) -> Option<u32> {
    (first > 0).then(|| first.saturating_sub(ROWS))
}

/// Returns the page behind it, of `total` players.
const fn behind(first: u32, total: u32) -> Option<u32> {
    let next = first.saturating_add(ROWS);
    if next < total { Some(next) } else { None }
}

/// Returns the page on which a place is.
const fn page_of(rank: u32) -> u32 {
    rank.saturating_sub(1) / ROWS * ROWS
}

/// Players on a page.
const ROWS: u32 = 10;
const HEAD: f32 = 28.0;
const ROW: f32 = 28.0;
/// Right end of the place.
const RANK: f32 = 36.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_end() {
        assert_eq!((before(0), before(10), before(4)), (None, Some(0), Some(0)));
        assert_eq!((behind(0, 10), behind(0, 11), behind(10, 20)), (None, Some(10), None));
        assert_eq!([1, 10, 11, 34].map(page_of), [0, 0, 10, 30]);
    }
}
