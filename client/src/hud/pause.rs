//! The pause panel: resume, settings, leave. The match goes on below it; nobody can stop a server.
//!
//! Flow: Esc → [`draw`] → [`Settings`], [`LeaveMatch`].

use super::{Action, Panel, Panels, Pressed, host};
use crate::{
    links::LeaveMatch,
    palette,
    settings::{SCALES, Settings},
    style,
    touch::Fingers,
    weather::Sky,
};
use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Align, Align2, Area, Id, Layout, ScrollArea, Slider, Ui};

/// Draws the panel while it is open.
pub(super) fn draw(
    mut contexts: EguiContexts,
    mut panels: ResMut<Panels>,
    mut settings: ResMut<Settings>,
    mut leave: MessageWriter<LeaveMatch>,
    mut pressed: MessageWriter<Pressed>,
    (mut room, sky, fingers): (host::Room, Res<Sky>, Res<Fingers>),
    mut was_open: Local<bool>,
) -> Result {
    let opened = !std::mem::replace(&mut *was_open, panels.pause);
    if !panels.pause {
        return Ok(());
    }
    let context = contexts.ctx_mut()?;
    let screen = context.content_rect().shrink(3.0 * style::GRID);
    // On a phone that is held upright both columns stand one below the other, and what does not fit is scrolled.
    let beside = screen.width() >= 2.0 * COLUMN + 3.0 * style::GRID;
    let layout = if beside { Layout::left_to_right(Align::Min) } else { Layout::top_down(Align::Min) };
    Area::new(Id::new("pause")).anchor(Align2::CENTER_CENTER, egui::Vec2::ZERO).show(context, |ui| {
        // Nothing of the match shines through, wherever it lies.
        style::glass().fill(palette::ink(palette::GLASS)).show(ui, |ui| {
            let height = screen.height() - 2.0 * style::GRID;
            ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
                ui.with_layout(layout, |ui| {
                    ui.vertical(|ui| {
                        ui.set_width(COLUMN.min(screen.width()));
                        let resume =
                            choices(ui, &mut panels, (&mut settings, &sky, fingers.seen()), &mut leave, &mut pressed);
                        if opened {
                            resume.request_focus();
                        }
                    });
                    if room.is_known() {
                        ui.add_space(3.0 * style::GRID);
                        ui.vertical(|ui| {
                            ui.set_width(COLUMN.min(screen.width()));
                            host::draw(ui, &mut room);
                        });
                    }
                });
                style::follow_focus(ui);
            });
        });
    });
    Ok(())
}

/// Adds what is always there, and returns the button that goes on with the match.
fn choices(
    ui: &mut Ui,
    panels: &mut Panels,
    (settings, sky, by_touch): (&mut ResMut<Settings>, &Sky, bool),
    leave: &mut MessageWriter<LeaveMatch>,
    pressed: &mut MessageWriter<Pressed>,
) -> egui::Response {
    ui.heading("Pause");
    ui.label(style::quiet("The match goes on."));
    ui.add_space(style::GRID);
    let resume = style::main_button(ui, "Resume");
    if resume.clicked() {
        panels.pause = false;
    }
    ui.add_space(style::GRID);
    sliders(ui, settings);
    ui.add_space(style::GRID);
    let there: Vec<_> = ACTIONS.into_iter().filter(|(_, _, action)| action.is_there(sky)).collect();
    for row in there.chunks(3) {
        ui.columns(3, |columns| {
            for (ui, (name, key, action)) in columns.iter_mut().zip(row) {
                let size = egui::vec2(ui.available_width(), style::row(ui, style::TARGET - style::GRID));
                ui.spacing_mut().button_padding.x = 4.0;
                let text = egui::RichText::new(*name).font(style::words(style::SMALL));
                let key = egui::RichText::new(*key).font(style::numbers(style::SMALL));
                let key = key.color(palette::ink(palette::ACCENT));
                let button = if by_touch { egui::Button::new(text) } else { egui::Button::new((text, key)) };
                if ui.add_sized(size, button).clicked() {
                    panels.pause = false;
                    // Fingers press a panel and fly at once: they need no hands taken from the ship. Keys and gamepads do.
                    let by_finger = by_touch && ui.input(|input| input.pointer.any_released());
                    pressed.write(Pressed { action: *action, by_hand: !by_finger });
                }
            }
        });
    }
    ui.add_space(style::GRID);
    if style::button(ui, "Leave the match").clicked() {
        panels.pause = false;
        leave.write(LeaveMatch);
    }
    resume
}

/// Adds the settings that can be felt at once. Also used by the menu.
pub(crate) fn sliders(ui: &mut Ui, settings: &mut ResMut<Settings>) {
    // Written back only on a change: a changed resource is saved.
    let mut draft = Settings::clone(settings);
    let mut slider = |name: &str, value: &mut f32, range: std::ops::RangeInclusive<f32>| {
        ui.horizontal(|ui| {
            let row = style::row(ui, style::TARGET - style::GRID);
            ui.spacing_mut().interact_size.y = row;
            let (rect, _) = ui.allocate_exact_size(egui::vec2(NAME_WIDTH, row), egui::Sense::hover());
            let font = style::words(style::SMALL);
            ui.painter().text(rect.left_center(), Align2::LEFT_CENTER, name, font, palette::ink(palette::QUIET));
            ui.spacing_mut().slider_width = ui.available_width() - VALUE_WIDTH;
            let percent = |value: f64, _| format!("{:.0} %", value * 100.0);
            let parse = |text: &str| text.trim_end_matches(['%', ' ']).parse::<f64>().ok().map(|value| value / 100.0);
            ui.add(Slider::new(value, range).custom_formatter(percent).custom_parser(parse));
        });
    };
    slider("Volume", &mut draft.volume, 0.0..=1.0);
    slider("Screen shake", &mut draft.shake, 0.0..=1.0);
    slider("Text size", &mut draft.hud_scale, SCALES);
    settings.set_if_neq(draft);
}

/// Everything that has a key, for those who have none.
const ACTIONS: [(&str, &str, Action); 11] = [
    ("Net graph", "N", Action::Open(Panel::Graph)),
    ("Truth", "T", Action::Open(Panel::Truth)),
    ("Protocol map", "M", Action::Open(Panel::Map)),
    ("Weather", "K", Action::Open(Panel::Weather)),
    ("Netcode", "J", Action::Open(Panel::Netcode)),
    ("Ghosts", "G", Action::Ghosts),
    ("Guided tour", "L", Action::Tour),
    ("Blind test", "B", Action::Blind),
    ("Help", "H", Action::Open(Panel::Help)),
    ("Chat", "Enter", Action::Chat),
    ("Full screen", "F11", Action::FullScreen),
];
/// Width of what is always there, and of what is about the room.
const COLUMN: f32 = 400.0;
/// Room for the name of a setting.
const NAME_WIDTH: f32 = 104.0;
/// Room for its value, right of the slider.
const VALUE_WIDTH: f32 = 96.0;
