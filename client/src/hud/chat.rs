//! Bottom left: what was said, and the line to say something.
//!
//! Flow: [`Told`] → [`Chat`] → egui; the line → [`transport::player::Player::say`].

use super::{Panels, canvas::Canvas};
use crate::{
    links::{Match, Told},
    palette, style,
    touch::Fingers,
};
use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Align2, Area, Id, Key, Margin, TextEdit, pos2};
use protocol::{limits::MAX_CHAT_CHARS, wire::event::ServerEvent};
use std::{collections::VecDeque, time::Duration};
use transport::player::PlayerEvent;

/// What was said, oldest first, and what is being written.
#[derive(Resource, Default)]
pub(super) struct Chat {
    lines: VecDeque<Line>,
    draft: String,
    /// The line was open in the frame before.
    was_open: bool,
}

struct Line {
    who: String,
    rgb: palette::Rgb,
    text: String,
    at: Duration,
}

/// Notes what is said.
pub(super) fn note(
    mut told: MessageReader<Told>,
    the_match: Option<Res<Match>>,
    mut chat: ResMut<Chat>,
    time: Res<Time<Real>>,
) {
    let Some(the_match) = the_match else { return told.clear() };
    for Told(event) in told.read() {
        let PlayerEvent::Game(ServerEvent::Chat { seat, line }) = event else { continue };
        let who = the_match.player.roster().get(seat).map_or("somebody", |member| member.name.as_str());
        let rgb = palette::pilot(*seat, the_match.player.seat());
        chat.lines.push_back(Line { who: who.to_owned(), rgb, text: line.clone(), at: time.elapsed() });
        while chat.lines.len() > LINES {
            chat.lines.pop_front();
        }
    }
}

/// Draws what was said, and the line to write in while it is open.
pub(super) fn draw(
    mut contexts: EguiContexts,
    mut chat: ResMut<Chat>,
    mut panels: ResMut<Panels>,
    mut the_match: ResMut<Match>,
    (time, fingers): (Res<Time<Real>>, Res<Fingers>),
) -> Result {
    let context = contexts.ctx_mut()?;
    let canvas = Canvas::new(context);
    let font = style::words(style::SMALL);
    let left = canvas.screen.left() + 2.0 * style::GRID;
    let mut y = canvas.screen.bottom() - 2.0 * style::GRID - style::TARGET - style::GRID;
    for line in chat.lines.iter().rev() {
        let age = time.elapsed().saturating_sub(line.at).as_secs_f32();
        let fade = ((LINE_SECONDS - age) / FADE_SECONDS).clamp(0.0, 1.0);
        let opacity = if panels.chat { 1.0 } else { fade };
        if opacity > 0.0 {
            let who = format!("{}  ", line.who);
            let pieces = [
                (who.as_str(), palette::faded(line.rgb, opacity)),
                (line.text.as_str(), palette::faded(palette::TEXT, opacity)),
            ];
            canvas.line(pos2(left, y), Align2::LEFT_BOTTOM, &font, &pieces);
        }
        y -= 22.0;
        // A panel on this side goes before old lines.
        if y - style::SMALL < panels.left_bottom {
            break;
        }
    }
    if panels.chat {
        write(context, &canvas, &mut chat, &mut panels, &mut the_match, fingers.seen());
    } else {
        chat.draft.clear();
        chat.was_open = false;
    }
    Ok(())
}

fn write(
    context: &egui::Context,
    canvas: &Canvas,
    chat: &mut Chat,
    panels: &mut Panels,
    the_match: &mut Match,
    by_touch: bool,
) {
    let at = pos2(canvas.screen.left() + 2.0 * style::GRID, canvas.screen.bottom() - 2.0 * style::GRID - style::TARGET);
    let hint = if by_touch { "Say something." } else { "Say something. Enter sends, Esc closes." };
    Area::new(Id::new("chat")).fixed_pos(at).show(context, |ui| {
        style::glass().inner_margin(Margin::same(4)).show(ui, |ui| {
            ui.horizontal(|ui| {
                let field = ui.add(
                    TextEdit::singleline(&mut chat.draft)
                        .hint_text(hint)
                        .font(style::words(style::SMALL))
                        .char_limit(MAX_CHAT_CHARS)
                        .margin(Margin::symmetric(8, 6))
                        .desired_width(CHAT_WIDTH.min(canvas.screen.width() - SEND)),
                );
                // The keyboards that phones show tell a page of no Enter.
                let pressed = by_touch && ui.button("Send").clicked();
                let sent = pressed || (field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)));
                if sent {
                    if let Some(line) = protocol::names::clean_chat(&chat.draft) {
                        the_match.player.say(&line);
                    }
                    chat.draft.clear();
                    panels.chat = false;
                } else if !chat.was_open || !field.has_focus() {
                    // After the field has been shown: the Enter that opened it must not send an empty line at once.
                    field.request_focus();
                    chat.was_open = true;
                }
            });
        });
    });
}

/// What fits above the line without reaching into the fight.
const LINES: usize = 7;
const LINE_SECONDS: f32 = 10.0;
const FADE_SECONDS: f32 = 1.5;
const CHAT_WIDTH: f32 = 400.0;
/// Room that a narrow screen keeps for the button beside the line.
const SEND: f32 = 120.0;
