//! What the server knows about you: name, rating and how sure it is, points over the last matches, and the matches.
//!
//! Flow: [`super`] → the lobby → [`Profile`], [`History`] → here; a new name → [`Lobby::renamed`], [`Settings`].

use super::Parts;
use crate::{
    args::NAME_RULE,
    asked::Asked,
    hud::gone_word,
    lobby::{Account, Lobby},
    matching::words,
    palette,
    settings::Settings,
    style,
};
use bevy::prelude::*;
use bevy_egui::egui::{self, Align2, CornerRadius, Key, RichText, Sense, Spinner, Stroke, Ui, pos2, vec2};
use protocol::{
    PlayerId,
    limits::MAX_NAME_CHARS,
    lobby::{Guest, History, MatchResult, Profile, Standing},
    names::valid_name,
};
use web_time::SystemTime;

/// What the page keeps while it is open.
#[derive(Default)]
pub(super) struct Shelf {
    profile: Asked<Profile>,
    page: Asked<History>,
    matches: Vec<MatchResult>,
    /// Where the matches go on; none if these are all.
    next: Option<u64>,
    /// The first matches are there.
    listed: bool,
    name: String,
    renaming: Asked<Guest>,
    /// The first target has been given the keyboard.
    focused: bool,
}

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    let Parts { menu, settings, lobby, .. } = parts;
    let (menu, lobby) = (&mut **menu, &mut **lobby);
    if menu.opened {
        menu.profile = Shelf { name: settings.name.trim().to_owned(), ..Shelf::default() };
    }
    let shelf = &mut menu.profile;
    let account = match lobby.account(settings.server.trim(), settings.name.trim()) {
        Ok(account) => account,
        Err(why) => return drop(trouble(ui, &why)),
    };
    shelf.collect(&account, lobby, settings);
    match shelf.profile.answer() {
        None => {
            ui.horizontal(|ui| {
                ui.add(Spinner::new().size(style::LARGE).color(palette::ink(palette::ACCENT)));
                ui.label(style::quiet(format!("Asking {} …", settings.server.trim())));
            });
        }
        Some(Err(why)) => {
            let why = why.clone();
            let again = trouble(ui, &why);
            shelf.focus(&again);
            if again.clicked() {
                *shelf = Shelf { name: std::mem::take(&mut shelf.name), ..Shelf::default() };
            }
        }
        Some(Ok(profile)) => {
            let profile = profile.clone();
            let field = name(ui, shelf, &profile, &account, lobby);
            rating(ui, &profile);
            course(ui, &shelf.matches, profile.player);
            history(ui, shelf, &profile, &account, lobby);
            shelf.focus(&field);
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

    fn collect(&mut self, account: &Account, lobby: &mut Lobby, settings: &mut ResMut<Settings>) {
        if self.renaming.collect()
            && let Some(guest) = self.renaming.good().cloned()
        {
            settings.name.clone_from(&guest.name);
            lobby.renamed(settings.server.trim(), guest);
            self.profile = Asked::default();
            return;
        }
        if self.page.collect()
            && let Some(Ok(page)) = self.page.take()
        {
            self.matches.extend(page.matches);
            (self.next, self.listed) = (page.next, true);
        }
        if self.profile.collect()
            && let Some(profile) = self.profile.good()
            && !self.listed
        {
            let player = profile.player;
            self.ask_matches(player, account, lobby);
        }
        if self.profile.answer().is_none() {
            let account = account.clone();
            self.profile.ask(lobby.runtime(), async move {
                let profile = account.call(|lobby, guest| async move { lobby.me(&guest).await }).await;
                profile.map_err(|error| error.to_string())
            });
        }
    }

    fn ask_matches(&mut self, player: PlayerId, account: &Account, lobby: &Lobby) {
        let (caller, before) = (account.lobby.clone(), self.next);
        self.page.ask(lobby.runtime(), async move {
            caller.history(player, before, MATCHES).await.map_err(|error| error.to_string())
        });
    }
}

/// Says what went wrong. Returns the button to try again.
fn trouble(ui: &mut Ui, why: &str) -> egui::Response {
    ui.label(RichText::new(why).font(style::words(style::MIDDLE)).color(palette::ink(palette::ALARM)));
    style::button(ui, "Try again")
}

/// Shows the name and takes another one. Returns the field.
fn name(ui: &mut Ui, shelf: &mut Shelf, profile: &Profile, account: &Account, lobby: &Lobby) -> egui::Response {
    let mut wanted = false;
    let field = ui.columns(2, |columns| {
        let field = style::field(&mut columns[0], "Name", &mut shelf.name, MAX_NAME_CHARS);
        wanted = field.lost_focus() && columns[0].input(|input| input.key_pressed(Key::Enter));
        columns[1].label(style::quiet(""));
        let fits = valid_name(shelf.name.trim()) && shelf.name.trim() != profile.name;
        let text = if shelf.renaming.is_asking() { "Saving …" } else { "Save the name" };
        wanted |= columns[1].add_enabled_ui(fits, |ui| style::button(ui, text)).inner.clicked();
        wanted &= fits;
        field
    });
    if wanted {
        let (account, name) = (account.clone(), shelf.name.trim().to_owned());
        shelf.renaming.ask(lobby.runtime(), rename(account, name));
    }
    let why = match shelf.renaming.answer() {
        _ if !valid_name(shelf.name.trim()) => Some(format!("Please note: {NAME_RULE}.")),
        Some(Err(why)) => Some(why.clone()),
        _ => None,
    };
    if let Some(why) = why {
        ui.label(RichText::new(why).font(style::words(style::SMALL)).color(palette::ink(palette::ALARM)));
    }
    field
}

/// Takes another name. Returns who we are from now on.
async fn rename(account: Account, name: String) -> Result<Guest, String> {
    let call = account.call(|lobby, guest| {
        let name = name.clone();
        async move {
            let profile = lobby.rename(&guest, &name).await?;
            Ok(Guest { name: profile.name, ..guest })
        }
    });
    call.await.map_err(|error| error.to_string())
}

fn rating(ui: &mut Ui, profile: &Profile) {
    ui.horizontal(|ui| {
        let points = profile.rating.points.to_string();
        ui.label(RichText::new(points).font(style::numbers(style::TITLE)).color(palette::ink(palette::OWN)));
        ui.vertical(|ui| {
            let rank = profile.rank.map_or("points".to_owned(), |rank| format!("points, {} here", words::place(rank)));
            ui.label(RichText::new(rank).font(style::words(style::MIDDLE)));
            let Profile { matches, wins, kills, deaths, .. } = profile;
            ui.label(style::quiet(format!("{matches} matches, {wins} won · {kills} kills, {deaths} deaths")));
        });
    });
    ui.label(style::quiet(words::certainty(&profile.rating, profile.matches)));
}

/// Draws the points after each of the last rated matches as a line.
fn course(ui: &mut Ui, matches: &[MatchResult], player: PlayerId) {
    let points = points_over(matches, player);
    if points.len() < 2 {
        return;
    }
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), COURSE), Sense::hover());
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(4), palette::faded(palette::VOID, 0.6));
    let (low, high) = points.iter().fold((i32::MAX, i32::MIN), |(low, high), p| (low.min(*p), high.max(*p)));
    let inside = rect.shrink2(vec2(12.0, 20.0)).with_max_x(rect.right() - 64.0);
    let span = (high - low).max(1) as f32;
    let steps = (points.len() - 1) as f32;
    let corners: Vec<_> = points
        .iter()
        .enumerate()
        .map(|(index, points)| {
            let x = inside.left() + inside.width() * index as f32 / steps;
            pos2(x, inside.bottom() - inside.height() * (points - low) as f32 / span)
        })
        .collect();
    let quiet = palette::ink(palette::QUIET);
    let small = style::numbers(style::SMALL);
    for (points, y) in [(high, inside.top()), (low, inside.bottom())] {
        painter.hline(inside.x_range(), y, Stroke::new(1.0, palette::ink(palette::RIM)));
        let at = pos2(rect.right() - 8.0, y);
        painter.text(at, Align2::RIGHT_CENTER, points.to_string(), small.clone(), quiet);
    }
    for corner in &corners {
        painter.circle_filled(*corner, 2.5, palette::ink(palette::OWN));
    }
    painter.line(corners, Stroke::new(2.0, palette::ink(palette::OWN)));
}

/// Returns the points before the first and after each rated match, oldest first.
fn points_over(matches: &[MatchResult], player: PlayerId) -> Vec<i32> {
    let rated = matches.iter().rev().filter_map(|result| {
        let own = own(result, player)?;
        Some((own.points_before?, own.points_after?))
    });
    let mut points = Vec::new();
    for (before, after) in rated {
        if points.is_empty() {
            points.push(before);
        }
        points.push(after);
    }
    points
}

fn own(result: &MatchResult, player: PlayerId) -> Option<&Standing> {
    result.standings.iter().find(|standing| standing.player == Some(player))
}

fn history(ui: &mut Ui, shelf: &mut Shelf, profile: &Profile, account: &Account, lobby: &Lobby) {
    ui.add_space(style::GRID);
    ui.label(RichText::new("Matches").font(style::strong(style::MIDDLE)));
    match shelf.page.answer() {
        Some(Err(why)) => {
            let text = RichText::new(why).font(style::words(style::SMALL));
            ui.label(text.color(palette::ink(palette::ALARM)));
        }
        _ if !shelf.listed => drop(ui.label(style::quiet("Asking …"))),
        _ if shelf.matches.is_empty() => {
            ui.label(style::quiet("None yet. Each match that you play is listed here."));
        }
        _ => {}
    }
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as u64);
    ui.spacing_mut().item_spacing.y = 0.0;
    for result in &shelf.matches {
        row(ui, result, profile.player, now);
    }
    ui.spacing_mut().item_spacing.y = style::GRID;
    if shelf.next.is_some() && style::button(ui, "Older ones").clicked() {
        shelf.ask_matches(profile.player, account, lobby);
    }
}

/// Shows one match: place, map, kills and deaths, what it did to the rating, and when it was.
fn row(ui: &mut Ui, result: &MatchResult, player: PlayerId, now_ms: u64) {
    let Some(own) = own(result, player) else { return };
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let (painter, y) = (ui.painter(), rect.center().y);
    let (text, quiet) = (palette::ink(palette::TEXT), palette::ink(palette::QUIET));
    let place = format!("{} of {}", words::place(own.place.into()), result.standings.len());
    let color = if own.place == 1 { palette::ink(palette::OWN) } else { text };
    let small = style::words(style::SMALL);
    painter.text(pos2(rect.left(), y), Align2::LEFT_CENTER, place, style::strong(style::SMALL), color);
    let map = match gone_word(own) {
        "" => result.map.clone(),
        word => format!("{} · {word}", result.map),
    };
    painter.text(pos2(rect.left() + 88.0, y), Align2::LEFT_CENTER, map, small.clone(), quiet);
    let score = format!("{} : {}", own.kills, own.deaths);
    painter.text(pos2(rect.right() - 200.0, y), Align2::CENTER_CENTER, score, style::numbers(style::SMALL), text);
    let change = own.points_before.zip(own.points_after).map(|(before, after)| after - before);
    let (change, font, color) = match change {
        Some(change) => (words::change(change), style::numbers(style::SMALL), palette::ink(palette::change(change))),
        None => ("not rated".to_owned(), small.clone(), quiet),
    };
    painter.text(pos2(rect.right() - 80.0, y), Align2::RIGHT_CENTER, change, font, color);
    painter.text(rect.right_center(), Align2::RIGHT_CENTER, words::ago(result.ended_ms, now_ms), small, quiet);
}

/// Matches that are asked for at once.
const MATCHES: u32 = 20;
const COURSE: f32 = 96.0;
const ROW: f32 = 26.0;

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{ids::MatchId, lobby::Mode};

    fn result(points: Option<(i32, i32)>) -> MatchResult {
        let standing = |player, points: Option<(i32, i32)>| Standing {
            seat: Some(0),
            player,
            name: "Ada".into(),
            place: 1,
            kills: 3,
            deaths: 1,
            left: false,
            points_before: points.map(|(before, _)| before),
            points_after: points.map(|(_, after)| after),
        };
        MatchResult {
            id: MatchId(1),
            room: "Room".into(),
            mode: Mode::Skirmish,
            map: "crossfire".into(),
            started_ms: 0,
            ended_ms: 0,
            rated: points.is_some(),
            private: false,
            standings: vec![standing(None, None), standing(Some(PlayerId(7)), points)],
        }
    }

    #[test]
    fn the_line_has_the_points_from_the_oldest_match_to_the_latest() {
        let matches = [result(Some((1_020, 1_013))), result(None), result(Some((1_000, 1_020)))];
        assert_eq!(points_over(&matches, PlayerId(7)), [1_000, 1_020, 1_013]);
        assert_eq!(points_over(&matches, PlayerId(8)), [0_i32; 0], "somebody else's");
        assert_eq!(points_over(&[], PlayerId(7)), [0_i32; 0]);
    }
}
