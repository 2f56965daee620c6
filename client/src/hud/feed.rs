//! Top right: who shot whom, who came and who went. Five lines, fading.
//!
//! Flow: [`Told`] → [`Feed`] → [`super::canvas`].

use super::canvas::Canvas;
use crate::{
    links::{Match, Told},
    palette, style,
};
use bevy::prelude::*;
use bevy_egui::egui::{Align2, Pos2, Rect, pos2, vec2};
use game::{SeatId, Weapon};
use protocol::wire::event::ServerEvent;
use std::{collections::VecDeque, time::Duration};
use transport::player::PlayerEvent;

/// The lines, oldest first.
#[derive(Resource, Default)]
pub(super) struct Feed {
    lines: VecDeque<Line>,
}

struct Line {
    /// Pieces with their colours.
    pieces: Vec<(String, palette::Rgb)>,
    /// It is about this player.
    own: bool,
    at: Duration,
}

/// Writes what is told into the feed.
pub(super) fn note(
    mut told: MessageReader<Told>,
    the_match: Option<Res<Match>>,
    mut feed: ResMut<Feed>,
    time: Res<Time<Real>>,
) {
    let Some(the_match) = the_match else { return told.clear() };
    let own = the_match.player.seat();
    let who = |seat: SeatId| {
        let name = the_match.player.roster().get(&seat).map_or("somebody", |member| member.name.as_str());
        (name.to_owned(), palette::pilot(seat, own))
    };
    let fact = |seat: SeatId, what: &str| vec![who(seat), (format!(" {what}"), palette::QUIET)];
    for Told(event) in told.read() {
        let PlayerEvent::Game(event) = event else { continue };
        let (pieces, about) = match event {
            ServerEvent::Kill { killer, victim, weapon, .. } => {
                let mark = match weapon {
                    Weapon::Bolt => "  ››  ",
                    Weapon::Rail => "  ——  ",
                };
                let mark = (mark.to_owned(), palette::QUIET);
                let pieces = match killer {
                    Some(killer) => vec![who(*killer), mark, who(*victim)],
                    None => vec![mark, who(*victim)],
                };
                (pieces, Some(*victim) == own || (killer.is_some() && *killer == own))
            }
            ServerEvent::Joined { seat, member } if !member.bot => {
                let name = (member.name.clone(), palette::pilot(*seat, own));
                let what = if seat.watches() { " watches" } else { " joined" };
                (vec![name, (what.to_owned(), palette::QUIET)], false)
            }
            ServerEvent::Away { seat } => (fact(*seat, "is away, the seat is kept"), false),
            ServerEvent::Back { seat } => (fact(*seat, "is back"), false),
            ServerEvent::Map { map, .. } => (vec![(format!("Now on {map}"), palette::TEXT)], false),
            ServerEvent::Stopping => (vec![("The server is shutting down".to_owned(), palette::ALARM)], true),
            _ => continue,
        };
        feed.lines.push_back(Line { pieces, own: about, at: time.elapsed() });
        while feed.lines.len() > LINES {
            feed.lines.pop_front();
        }
    }
}

impl Feed {
    /// Draws the lines that have not faded, from their top right `corner` down.
    pub(super) fn draw(&self, canvas: &Canvas, corner: Pos2, now: Duration) {
        let font = style::words(style::SMALL);
        let Pos2 { x: right, mut y } = corner;
        for line in &self.lines {
            let age = now.saturating_sub(line.at).as_secs_f32();
            let opacity = ((LINE_SECONDS - age) / FADE_SECONDS).clamp(0.0, 1.0);
            if opacity <= 0.0 {
                continue;
            }
            let pieces: Vec<_> =
                line.pieces.iter().map(|(text, rgb)| (text.as_str(), palette::faded(*rgb, opacity))).collect();
            let width: f32 = pieces.iter().map(|(text, _)| canvas.width(text, &font)).sum();
            let row =
                Rect::from_min_size(pos2(right - width - 2.0 * style::GRID, y), vec2(width + 2.0 * style::GRID, ROW));
            canvas.glass(row, opacity * if line.own { 1.0 } else { 0.7 });
            if line.own {
                let mark = Rect::from_min_size(row.right_top() - vec2(2.0, 0.0), vec2(2.0, ROW));
                canvas.block(mark, palette::faded(palette::OWN, opacity));
            }
            canvas.line(row.right_center() - vec2(style::GRID, 0.0), Align2::RIGHT_CENTER, &font, &pieces);
            y += ROW + 4.0;
        }
    }
}

/// As many as can be read in a fight.
const LINES: usize = 5;
const ROW: f32 = 24.0;
const LINE_SECONDS: f32 = 6.0;
const FADE_SECONDS: f32 = 1.0;
