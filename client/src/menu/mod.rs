//! The start screen: who you are, where to play, over which wire, and go.
//!
//! One column over the live field, large targets, everything by keyboard or gamepad. Whoever only presses Enter is in a match a
//! second later.
//!
//! Flow: [`Settings`] → fields → [`Wish`] → [`crate::lobby`]; the panels while connecting and after a failure are in [`dialogs`].

mod dialogs;
mod gamepad;
mod open_room;
mod rooms;

use crate::{
    hud,
    lobby::{Goal, Lobby, Rooms, Wish, wish_for},
    palette,
    settings::Settings,
    state::Screen,
    style,
};
use bevy::{app::AppExit, prelude::*};
use bevy_egui::{EguiContexts, EguiPrimaryContextPass, egui};
use egui::{Align2, Area, Button, Id, Key, RichText, Sense, Stroke, Ui, vec2};
use protocol::{Transport, limits::MAX_NAME_CHARS};

/// Draws the menu.
pub(crate) struct MenuPlugin;

impl Plugin for MenuPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Menu>();
        app.add_systems(OnEnter(Screen::Menu), |mut menu: ResMut<Menu>| menu.turn_to(Page::Start));
        app.add_systems(Update, rooms::ask.run_if(in_state(Screen::Menu)));
        app.add_systems(PreUpdate, gamepad::feed.before(bevy_egui::EguiInputSet::WriteEguiEvents));
        app.add_systems(
            EguiPrimaryContextPass,
            (
                draw.run_if(in_state(Screen::Menu)),
                dialogs::connecting.run_if(in_state(Screen::Connecting)),
                dialogs::failed.run_if(in_state(Screen::Failed)),
            ),
        );
    }
}

/// Where in the menu we are.
#[derive(Resource, Default)]
struct Menu {
    page: Page,
    /// The page was just turned to; its first target has not been given the keyboard yet.
    fresh: bool,
    room: open_room::Draft,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Page {
    /// Everything.
    #[default]
    Start,
    /// Open a room of one's own.
    OpenRoom,
    /// Loudness and so on.
    Options,
}

impl Menu {
    const fn turn_to(&mut self, page: Page) {
        (self.page, self.fresh) = (page, true);
    }

    /// Gives the keyboard to the first target of a page that was just opened.
    fn focus_first(&mut self, response: &egui::Response) {
        if std::mem::take(&mut self.fresh) {
            response.request_focus();
        }
    }
}

fn draw(
    mut contexts: EguiContexts,
    mut menu: ResMut<Menu>,
    mut settings: ResMut<Settings>,
    mut wishes: MessageWriter<Wish>,
    mut exit: MessageWriter<AppExit>,
    lobby: (ResMut<Lobby>, ResMut<Rooms>, Res<crate::assets::Maps>),
) -> Result {
    let context = contexts.ctx_mut()?;
    let (mut lobby, mut rooms, maps) = lobby;
    let mut goal = None;
    if menu.page != Page::Start && context.input(|input| input.key_pressed(Key::Escape)) {
        menu.turn_to(Page::Start);
    }
    let screen = context.content_rect();
    let column = Area::new(Id::new("menu")).anchor(Align2::LEFT_CENTER, vec2(5.0 * style::GRID, 0.0));
    column.show(context, |ui| {
        style::glass().inner_margin(egui::Margin::same(3 * style::GRID as i8)).show(ui, |ui| {
            ui.set_width(COLUMN.min(screen.width() - 16.0 * style::GRID));
            title(ui);
            match menu.page {
                Page::Start => {
                    let enter = who_and_where(ui, &mut settings);
                    ui.add_space(style::GRID);
                    let quick = style::main_button(ui, "Quick play");
                    menu.focus_first(&quick);
                    if quick.clicked() || enter {
                        goal = Some(Goal::Quick);
                    }
                    ui.add_space(style::GRID);
                    goal = rooms::list(ui, &settings, &mut lobby, &mut rooms).map(Goal::Room).or(goal.take());
                    ui.add_space(style::GRID);
                    ui.columns(3, |columns| {
                        if style::button(&mut columns[0], "Open a room").clicked() {
                            menu.turn_to(Page::OpenRoom);
                        }
                        if style::button(&mut columns[1], "Options").clicked() {
                            menu.turn_to(Page::Options);
                        }
                        if style::button(&mut columns[2], "Quit").clicked() {
                            exit.write(AppExit::Success);
                        }
                    });
                }
                Page::OpenRoom => {
                    if let Some(room) = open_room::page(ui, &mut menu, &maps) {
                        goal = Some(Goal::Open(room));
                    }
                }
                Page::Options => {
                    ui.heading("Options");
                    ui.add_space(style::GRID);
                    hud::sliders(ui, &mut settings);
                    ui.add_space(style::GRID);
                    let back = style::button(ui, "Back");
                    menu.focus_first(&back);
                    if back.clicked() {
                        menu.turn_to(Page::Start);
                    }
                }
            }
        });
    });
    if let Some(goal) = goal {
        wishes.write(wish_for(&settings, goal));
    }
    Ok(())
}

fn title(ui: &mut Ui) {
    let job = egui::text::LayoutJob::single_section(
        "CROSSWIRE".to_owned(),
        egui::TextFormat {
            font_id: style::strong(style::TITLE),
            color: palette::ink(palette::TEXT),
            extra_letter_spacing: 5.0,
            ..Default::default()
        },
    );
    let name = ui.label(job);
    // The wires, crossing below the name: the product in one stroke each.
    let (rect, _) = ui.allocate_exact_size(vec2(name.rect.width(), 6.0), Sense::hover());
    let share = rect.width() / Transport::WIRES.len() as f32;
    for (index, wire) in Transport::WIRES.into_iter().enumerate() {
        let left = rect.left() + share * index as f32;
        let stroke = Stroke::new(2.0, palette::ink(palette::wire(wire)));
        ui.painter().hline(left..=left + share - 4.0, rect.center().y, stroke);
    }
    ui.label(style::quiet("One game, every wire. Switch in the middle of a match."));
    ui.add_space(style::GRID);
}

/// Shows the fields. Returns whether Enter was pressed in one of them.
fn who_and_where(ui: &mut Ui, settings: &mut ResMut<Settings>) -> bool {
    // Written back only on a change: a changed resource is saved.
    let mut draft = Settings::clone(settings);
    let enter = ui.columns(2, |columns| {
        let name = style::field(&mut columns[0], "Name", &mut draft.name, MAX_NAME_CHARS);
        let server = style::field(&mut columns[1], "Server", &mut draft.server, MAX_ADDRESS_CHARS);
        let pressed = columns[0].input(|input| input.key_pressed(Key::Enter));
        pressed && (name.lost_focus() || server.lost_focus())
    });
    if !protocol::names::valid_name(draft.name.trim()) {
        let rule = RichText::new(format!("Please note: {}.", crate::args::NAME_RULE));
        ui.label(rule.font(style::words(style::SMALL)).color(palette::ink(palette::ALARM)));
    }
    ui.label(style::quiet("Wire"));
    let choices = [None].into_iter().chain(Transport::WIRES.map(Some));
    ui.columns(1 + Transport::WIRES.len(), |columns| {
        for (ui, choice) in columns.iter_mut().zip(choices) {
            ui.spacing_mut().button_padding.x = 4.0;
            let rgb = choice.map_or(palette::TEXT, palette::wire);
            let chosen = draft.wire == choice;
            let name = choice.map_or("auto", Transport::name);
            let text = RichText::new(name).font(style::numbers(style::SMALL)).color(palette::ink(rgb));
            let size = vec2(ui.available_width(), style::TARGET - style::GRID);
            let response = ui.add_sized(size, Button::new(text).wrap_mode(egui::TextWrapMode::Extend));
            if chosen {
                let line = response.rect.bottom() - 3.0;
                let room = response.rect.shrink2(vec2(style::GRID, 0.0));
                ui.painter().hline(room.x_range(), line, Stroke::new(2.0, palette::ink(rgb)));
            }
            if response.clicked() {
                draft.wire = choice;
            }
        }
    });
    settings.set_if_neq(draft);
    enter
}

/// Width of the column's inside.
const COLUMN: f32 = 448.0;
/// Longer than any host name that people type.
const MAX_ADDRESS_CHARS: usize = 120;
