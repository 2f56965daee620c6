//! Time and score at the top, and the whole table while Tab is held or the result is out.
//!
//! Flow: [`Picture`] → here → [`super::canvas`].

use super::canvas::Canvas;
use crate::{
    palette,
    picture::{Picture, Pilot},
    style,
};
use bevy_egui::egui::{Align2, Pos2, Rect, pos2, vec2};
use game::PhaseKind;

/// Draws time, stage, own score and the leader's at the top centre.
pub(super) fn draw_summary(canvas: &Canvas, picture: &Picture) {
    let Some(scene) = &picture.scene else { return };
    let top = canvas.screen.center_top() + vec2(0.0, 2.0 * style::GRID);
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
    let row = if scene.phase.kind == PhaseKind::Waiting {
        canvas.text(below, Align2::CENTER_TOP, "waiting for a second ship", style::words(style::SMALL), quiet)
    } else {
        let mut pieces = Vec::new();
        if let Some(mine) = mine {
            pieces.push((format!("you {}", mine.score), palette::ink(palette::OWN)));
        }
        if let Some(rival) = rival {
            let lead = mine.is_none_or(|mine| rival.score >= mine.score);
            let word = if lead && rival.score > 0 { "leads" } else { "next" };
            pieces.push(("   ·   ".to_owned(), quiet));
            pieces.push((format!("{} ", picture.name(rival.seat)), palette::ink(palette::pilot(rival.seat, own))));
            pieces.push((format!("{word} "), quiet));
            pieces.push((rival.score.to_string(), palette::ink(palette::TEXT)));
        }
        let pieces: Vec<_> = pieces.iter().map(|(text, color)| (text.as_str(), *color)).collect();
        canvas.line(below, Align2::CENTER_TOP, &style::words(style::SMALL), &pieces)
    };
    let half = (row.width() * 0.5).max(60.0) + 2.0 * style::GRID;
    let bottom = below.y + style::SMALL + style::GRID + 4.0;
    canvas.glass_at(place, Rect::from_min_max(pos2(top.x - half, top.y), pos2(top.x + half, bottom)));
}

/// Returns whether the table is to be shown without being asked for.
pub(super) fn is_due(picture: &Picture) -> bool {
    picture.scene.as_ref().is_some_and(|scene| scene.phase.kind == PhaseKind::Results)
}

/// Draws the table.
pub(super) fn draw(canvas: &Canvas, picture: &Picture) {
    let pilots = ranked(picture);
    let own = picture.own();
    let room = (canvas.screen.height() - ABOVE_AND_BELOW) / ROW;
    let shown = pilots.len().min(room.max(1.0) as usize);
    let height = HEAD + ROW * shown as f32 + 2.0 * style::GRID;
    let middle = canvas.screen.center() + vec2(0.0, 3.0 * style::GRID);
    let rect = Rect::from_center_size(middle, vec2(WIDTH, height));
    canvas.glass(rect, 1.0);
    let left = rect.left() + 3.0 * style::GRID;
    let right = rect.right() - 3.0 * style::GRID;
    let quiet = palette::ink(palette::QUIET);
    let head = rect.top() + HEAD * 0.5 + 2.0;
    for (x, align, text) in [
        (left, Align2::LEFT_CENTER, "Pilot"),
        (right - COLUMN, Align2::RIGHT_CENTER, "Kills"),
        (right, Align2::RIGHT_CENTER, "Deaths"),
    ] {
        canvas.text(pos2(x, head), align, text, style::words(style::SMALL), quiet);
    }
    for (index, pilot) in pilots.iter().take(shown).enumerate() {
        let y = rect.top() + HEAD + ROW * (index as f32 + 0.5);
        let mine = Some(pilot.seat) == own;
        if mine {
            let row = Rect::from_center_size(pos2(rect.center().x, y), vec2(WIDTH - 2.0, ROW));
            canvas.block(row, palette::faded(palette::EDGE, 0.18));
        }
        draw_row(canvas, picture, pilot, [left, right - COLUMN, right], y);
    }
    let watching: Vec<&str> =
        picture.members.iter().filter(|(seat, _)| seat.watches()).map(|(_, member)| member.name.as_str()).collect();
    if !watching.is_empty() {
        let text = format!("watching: {}", watching.join(", "));
        canvas.elided(
            pos2(left, rect.bottom() + 2.0 * style::GRID),
            rect.width(),
            &text,
            style::words(style::SMALL),
            quiet,
        );
    }
}

fn draw_row(canvas: &Canvas, picture: &Picture, pilot: &Pilot, [left, kills, deaths]: [f32; 3], y: f32) {
    let color = palette::ink(palette::pilot(pilot.seat, picture.own()));
    let quiet = palette::ink(palette::QUIET);
    let name =
        canvas.text(pos2(left, y), Align2::LEFT_CENTER, picture.name(pilot.seat), style::strong(style::MIDDLE), color);
    let member = picture.members.get(&pilot.seat);
    let tag = match member {
        Some(member) if member.away => "away",
        Some(member) if member.bot => "bot",
        _ if Some(pilot.seat) == picture.own() => "you",
        _ => "",
    };
    canvas.text(pos2(name.right() + style::GRID, y), Align2::LEFT_CENTER, tag, style::words(style::SMALL), quiet);
    let number = |x: f32, value: u16, color| {
        canvas.text(pos2(x, y), Align2::RIGHT_CENTER, &value.to_string(), style::numbers(style::MIDDLE), color);
    };
    number(kills, pilot.score, palette::ink(palette::TEXT));
    number(deaths, pilot.deaths, quiet);
}

/// Returns everybody, the best first.
pub(super) fn ranked(picture: &Picture) -> Vec<Pilot> {
    let mut pilots = picture.pilots();
    pilots.sort_by_key(|pilot| (u16::MAX - pilot.score, pilot.deaths, pilot.seat));
    pilots
}

/// The last seconds are counted in another colour.
const HURRY_SECONDS: u32 = 10;
const WIDTH: f32 = 480.0;
const HEAD: f32 = 40.0;
const ROW: f32 = 32.0;
const COLUMN: f32 = 88.0;
/// Where clock, result and chat are; in a crowd the rest of the table is far behind anyway.
const ABOVE_AND_BELOW: f32 = 272.0;
