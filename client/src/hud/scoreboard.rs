//! Time and score at the top, and the whole table while Tab is held or the result is out.
//!
//! Flow: [`Picture`] → here → [`super::canvas`].

use super::{
    canvas::Canvas,
    results::{self, Rated, Results},
};
use crate::{
    matching::words,
    palette,
    picture::{Picture, Pilot},
    style,
};
use bevy_egui::egui::{Align2, Pos2, Rect, pos2, vec2};
use game::{PhaseKind, SeatId};
use protocol::lobby::Standing;

/// Draws time, stage, own score and the leader's at the top centre; below `beside`, what stands at the top left, where there is no room for
/// both. Returns the room taken.
pub(super) fn draw_summary(canvas: &Canvas, picture: &Picture, beside: Rect) -> Option<Rect> {
    let scene = picture.scene.as_ref()?;
    let narrow = beside.right() > canvas.screen.center().x - NARROWEST * 0.5;
    let above = if narrow { beside.bottom() - style::GRID } else { canvas.screen.top() };
    let middle = if narrow { beside.center().x } else { canvas.screen.center().x };
    let top = pos2(middle, above + if narrow { 1.5 } else { 2.0 } * style::GRID);
    let seconds = scene.phase_left.as_secs_f32().ceil() as u32;
    let clock = match scene.phase.kind {
        PhaseKind::Waiting => "–:––".to_owned(),
        PhaseKind::Countdown | PhaseKind::Live | PhaseKind::Results => format!("{}:{:02}", seconds / 60, seconds % 60),
    };
    let place = canvas.below();
    let hurry = scene.phase.kind == PhaseKind::Live && seconds <= HURRY_SECONDS;
    let color = palette::ink(if hurry { palette::ALARM } else { palette::TEXT });
    let clock = canvas.text(top + vec2(0.0, 8.0), Align2::CENTER_TOP, &clock, style::numbers(style::CLOCK), color);
    let below = Pos2::new(top.x, clock.bottom() + 2.0);

    let pilots = ranked(picture);
    let own = picture.own();
    let mine = pilots.iter().find(|pilot| Some(pilot.seat) == own);
    let rival = pilots.iter().find(|pilot| Some(pilot.seat) != own);
    let quiet = palette::ink(palette::QUIET);
    let instead = match scene.phase.kind {
        PhaseKind::Waiting => Some("waiting for a second ship"),
        // The table says the rest.
        PhaseKind::Results => Some("until the next match"),
        PhaseKind::Countdown | PhaseKind::Live => None,
    };
    let row = if let Some(text) = instead {
        canvas.text(below, Align2::CENTER_TOP, text, style::words(style::SMALL), quiet)
    } else {
        let mut pieces = Vec::new();
        if let Some(mine) = mine {
            pieces.push((format!("you {}", mine.score), palette::ink(palette::OWN)));
        }
        if let Some(rival) = rival {
            let lead = mine.is_none_or(|mine| rival.score >= mine.score);
            let word = if lead && rival.score > 0 { "leads" } else { "next" };
            if mine.is_some() {
                pieces.push(("   ·   ".to_owned(), quiet));
            }
            pieces.push((format!("{} ", picture.name(rival.seat)), palette::ink(palette::pilot(rival.seat, own))));
            pieces.push((format!("{word} "), quiet));
            pieces.push((rival.score.to_string(), palette::ink(palette::TEXT)));
        }
        let pieces: Vec<_> = pieces.iter().map(|(text, color)| (text.as_str(), *color)).collect();
        canvas.line(below, Align2::CENTER_TOP, &style::words(style::SMALL), &pieces)
    };
    // In a narrow window the panes stand below each other, as wide as the first.
    let least = if narrow { beside.width() * 0.5 } else { 60.0 + 2.0 * style::GRID };
    let half = (row.width() * 0.5 + 2.0 * style::GRID).max(least);
    let bottom = below.y + style::SMALL + style::GRID + 4.0;
    let pane = Rect::from_min_max(pos2(top.x - half, top.y), pos2(top.x + half, bottom));
    canvas.glass_at(place, pane, 1.0);
    Some(pane)
}

/// Returns whether the table is to be shown without being asked for.
pub(super) fn is_due(picture: &Picture) -> bool {
    picture.scene.as_ref().is_some_and(|scene| scene.phase.kind == PhaseKind::Results)
}

/// Draws the table; once the match is over with what it did to the ratings.
pub(super) fn draw(canvas: &Canvas, picture: &Picture, results: &Results) {
    let pilots = ranked(picture);
    let places = places(&pilots);
    let own = picture.own();
    let rated = is_due(picture).then(|| results.rated());
    let gone: Vec<&Standing> = match &rated {
        Some(Rated::Result(result)) => results::gone(result).collect(),
        _ => Vec::new(),
    };
    let foot = if rated.is_some() { FOOT } else { 0.0 };
    let room = ((canvas.screen.height() - ABOVE_AND_BELOW - foot) / ROW).max(1.0) as usize;
    let shown = pilots.len().min(room);
    let gone = &gone[..gone.len().min(room - shown)];
    let height = HEAD + ROW * (shown + gone.len()) as f32 + 2.0 * style::GRID + foot;
    let middle = canvas.screen.center() + vec2(0.0, 3.0 * style::GRID);
    let rect = Rect::from_center_size(middle, vec2(WIDTH, height));
    canvas.glass(rect, 1.0);
    let columns = Columns::new(rect, rated.is_some());
    let quiet = palette::ink(palette::QUIET);
    let head = rect.top() + HEAD * 0.5 + 2.0;
    let rating = if rated.is_some() { "Rating" } else { "" };
    for (x, align, text) in [
        (columns.name, Align2::LEFT_CENTER, "Pilot"),
        (columns.kills, Align2::RIGHT_CENTER, "Kills"),
        (columns.deaths, Align2::RIGHT_CENTER, "Deaths"),
        (columns.rating, Align2::RIGHT_CENTER, rating),
    ] {
        canvas.text(pos2(x, head), align, text, style::words(style::SMALL), quiet);
    }
    for (index, (pilot, place)) in pilots.iter().zip(places).take(shown).enumerate() {
        let y = rect.top() + HEAD + ROW * (index as f32 + 0.5);
        if Some(pilot.seat) == own {
            let row = Rect::from_center_size(pos2(rect.center().x, y), vec2(WIDTH - 2.0, ROW));
            canvas.block(row, palette::faded(palette::EDGE, 0.18));
        }
        draw_row(canvas, picture, pilot, place, &columns, y);
        if let Some(Rated::Result(result)) = &rated
            && let Some(change) = results::standing(result, pilot.seat).and_then(results::change)
        {
            draw_change(canvas, change, pos2(columns.rating, y));
        }
    }
    for (index, standing) in (shown..).zip(gone) {
        draw_gone(canvas, standing, &columns, rect.top() + HEAD + ROW * (index as f32 + 0.5));
    }
    if let Some(rated) = rated {
        let at = pos2(rect.center().x, rect.bottom() - FOOT * 0.5 - 2.0);
        let font = style::words(style::SMALL);
        canvas.text(at, Align2::CENTER_CENTER, &verdict(&rated, own), font, palette::ink(palette::TEXT));
    }
    draw_watchers(canvas, picture, rect);
}

fn draw_change(canvas: &Canvas, change: i32, at: Pos2) {
    let color = palette::ink(palette::change(change));
    canvas.text(at, Align2::RIGHT_CENTER, &words::change(change), style::numbers(style::MIDDLE), color);
}

/// Draws the row of somebody who played but was not there any more at the end, quietly.
fn draw_gone(canvas: &Canvas, standing: &Standing, columns: &Columns, y: f32) {
    let quiet = palette::ink(palette::QUIET);
    for (x, value) in [
        (columns.place, standing.place.to_string()),
        (columns.kills, standing.kills.to_string()),
        (columns.deaths, standing.deaths.to_string()),
    ] {
        canvas.text(pos2(x, y), Align2::RIGHT_CENTER, &value, style::numbers(style::MIDDLE), quiet);
    }
    let (at, font) = (pos2(columns.name, y), style::strong(style::MIDDLE));
    let name = canvas.text(at, Align2::LEFT_CENTER, &standing.name, font, quiet);
    let (at, word) = (pos2(name.right() + style::GRID, y), results::gone_word(standing));
    canvas.text(at, Align2::LEFT_CENTER, word, style::words(style::SMALL), quiet);
    if let Some(change) = results::change(standing) {
        draw_change(canvas, change, pos2(columns.rating, y));
    }
}

/// Names those who only watch, below the table.
fn draw_watchers(canvas: &Canvas, picture: &Picture, table: Rect) {
    let watching: Vec<&str> =
        picture.members.iter().filter(|(seat, _)| seat.watches()).map(|(_, member)| member.name.as_str()).collect();
    if !watching.is_empty() {
        let text = format!("watching: {}", watching.join(", "));
        let at = table.left_bottom() + vec2(3.0 * style::GRID, 2.0 * style::GRID);
        canvas.elided(at, table.width(), &text, style::words(style::SMALL), palette::ink(palette::QUIET));
    }
}

/// Returns what the match did to the own rating, in words.
fn verdict(rated: &Rated, own: Option<SeatId>) -> String {
    let Some(own) = own else { return "You watched this match.".to_owned() };
    match rated {
        Rated::Asking => "Your rating is being worked out …".to_owned(),
        Rated::Unknown => "The server has not told your rating; see your profile later.".to_owned(),
        Rated::Result(result) if result.private => "Not rated: this match was among friends.".to_owned(),
        Rated::Result(result) if !result.rated => "Not rated: that takes two people.".to_owned(),
        Rated::Result(result) => match results::own_points(result, own) {
            Some((before, after)) => format!("Your rating: {before} → {after} points"),
            None => "Not rated for you: you came when it was over.".to_owned(),
        },
    }
}

/// Where the columns of the table are.
struct Columns {
    place: f32,
    name: f32,
    kills: f32,
    deaths: f32,
    rating: f32,
}

impl Columns {
    /// The last one is only there once there are ratings.
    fn new(rect: Rect, rated: bool) -> Self {
        let (left, right) = (rect.left() + 3.0 * style::GRID, rect.right() - 3.0 * style::GRID);
        let deaths = if rated { right - 96.0 } else { right };
        Self { place: left + 20.0, name: left + 36.0, kills: deaths - 80.0, deaths, rating: right }
    }
}

fn draw_row(canvas: &Canvas, picture: &Picture, pilot: &Pilot, place: usize, columns: &Columns, y: f32) {
    let color = palette::ink(palette::pilot(pilot.seat, picture.own()));
    let quiet = palette::ink(palette::QUIET);
    let number = |x: f32, value: String, color| {
        canvas.text(pos2(x, y), Align2::RIGHT_CENTER, &value, style::numbers(style::MIDDLE), color);
    };
    number(columns.place, place.to_string(), quiet);
    let at = pos2(columns.name, y);
    let name = canvas.text(at, Align2::LEFT_CENTER, picture.name(pilot.seat), style::strong(style::MIDDLE), color);
    let member = picture.members.get(&pilot.seat);
    let tag = match member {
        Some(member) if member.away => "away",
        Some(member) if member.bot => "bot",
        _ if Some(pilot.seat) == picture.own() => "you",
        _ => "",
    };
    canvas.text(pos2(name.right() + style::GRID, y), Align2::LEFT_CENTER, tag, style::words(style::SMALL), quiet);
    number(columns.kills, pilot.score.to_string(), palette::ink(palette::TEXT));
    number(columns.deaths, pilot.deaths.to_string(), quiet);
}

/// Returns the place of each of those who are ranked: whoever did alike shares one.
fn places(ranked: &[Pilot]) -> Vec<usize> {
    let did = |pilot: &Pilot| (pilot.score, pilot.deaths);
    ranked.iter().map(|pilot| 1 + ranked.iter().take_while(|better| did(better) != did(pilot)).count()).collect()
}

/// Returns everybody, the best first.
pub(super) fn ranked(picture: &Picture) -> Vec<Pilot> {
    let mut pilots = picture.pilots();
    pilots.sort_by_key(|pilot| (u16::MAX - pilot.score, pilot.deaths, pilot.seat));
    pilots
}

/// The last seconds are counted in another colour.
/// Room for time and score: less is needed only when nobody has scored.
const NARROWEST: f32 = 240.0;
const HURRY_SECONDS: u32 = 10;
const WIDTH: f32 = 520.0;
const HEAD: f32 = 40.0;
const ROW: f32 = 32.0;
/// Height of the line about the own rating.
const FOOT: f32 = 32.0;
/// Where clock, result and chat are; in a crowd the rest of the table is far behind anyway.
const ABOVE_AND_BELOW: f32 = 272.0;

#[cfg(test)]
mod tests {
    use super::*;
    use bevy::math::Vec2;

    #[test]
    fn equals_share_a_place() {
        let pilot = |score, deaths| Pilot {
            seat: SeatId(0),
            pos: Vec2::ZERO,
            vel: Vec2::ZERO,
            aim: 0.0,
            health: 0,
            dashing: false,
            shielded: false,
            score,
            deaths,
        };
        let ranked = [pilot(5, 1), pilot(5, 2), pilot(5, 2), pilot(1, 0)];
        assert_eq!(places(&ranked), [1, 2, 2, 4]);
    }

    #[test]
    fn the_verdict_says_what_is_known() {
        assert!(verdict(&Rated::Asking, Some(SeatId(0))).contains("worked out"));
        assert!(verdict(&Rated::Unknown, Some(SeatId(0))).contains("profile"));
        assert_eq!(verdict(&Rated::Asking, None), "You watched this match.");
    }
}
