//! The start screen: who you are, where to play, over which wire, and go.
//!
//! One column over the live field, large targets, everything by keyboard or gamepad. Whoever only presses Enter is in a match a
//! second later.
//!
//! Flow: [`Settings`] → fields → [`Wish`] → [`crate::lobby`]; the panels while connecting and after a failure are in [`dialogs`].

mod dialogs;
mod gamepad;
mod open_room;
mod paste;
mod rooms;

use crate::{
    assets::Maps,
    hud,
    lobby::{Goal, Lobby, Rooms, Wish, wish_for},
    palette,
    settings::Settings,
    state::Screen,
    style,
};
use bevy::{app::AppExit, ecs::system::SystemParam, input::InputSystems, prelude::*};
use bevy_egui::{EguiContexts, EguiInputSet, EguiPrimaryContextPass, egui};
use egui::{Align2, Area, Button, Id, Key, RichText, ScrollArea, Sense, Stroke, Ui, vec2};
use protocol::{Transport, limits::MAX_NAME_CHARS};

/// Draws the menu.
pub(crate) struct MenuPlugin;

impl Plugin for MenuPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Menu>();
        app.add_systems(OnEnter(Screen::Menu), |mut menu: ResMut<Menu>| menu.turn_to(Page::Start));
        app.add_systems(Update, rooms::ask.run_if(in_state(Screen::Menu)));
        app.add_systems(
            PreUpdate,
            (gamepad::feed, paste::feed).after(InputSystems).before(EguiInputSet::WriteEguiEvents),
        );
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

/// What the pages show and change.
#[derive(SystemParam)]
struct Parts<'w> {
    menu: ResMut<'w, Menu>,
    settings: ResMut<'w, Settings>,
    lobby: ResMut<'w, Lobby>,
    rooms: ResMut<'w, Rooms>,
    maps: Res<'w, Maps>,
    exit: MessageWriter<'w, AppExit>,
}

fn draw(mut contexts: EguiContexts, mut parts: Parts, mut wishes: MessageWriter<Wish>) -> Result {
    let context = contexts.ctx_mut()?;
    if parts.menu.page != Page::Start && context.input(|input| input.key_pressed(Key::Escape)) {
        parts.menu.turn_to(Page::Start);
    }
    let screen = context.content_rect().shrink2(vec2(5.0 * style::GRID, 2.0 * style::GRID));
    let mut goal = None;
    Area::new(Id::new("menu")).anchor(Align2::LEFT_CENTER, vec2(5.0 * style::GRID, 0.0)).show(context, |ui| {
        style::glass().inner_margin(egui::Margin::same(3 * style::GRID as i8)).show(ui, |ui| {
            // In a small window, or with large text, the column is scrolled.
            let height = screen.height() - 6.0 * style::GRID;
            ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
                ui.set_width(COLUMN.min(screen.width() - 6.0 * style::GRID));
                title(ui);
                goal = match parts.menu.page {
                    Page::Start => start_page(ui, &mut parts),
                    Page::OpenRoom => open_room::page(ui, &mut parts.menu, &parts.maps).map(Goal::Open),
                    Page::Options => {
                        options_page(ui, &mut parts);
                        None
                    }
                };
            });
        });
    });
    if let Some(goal) = goal {
        wishes.write(wish_for(&parts.settings, goal));
    }
    Ok(())
}

/// Shows everything that most people need. Returns where they want to go.
fn start_page(ui: &mut Ui, parts: &mut Parts) -> Option<Goal> {
    // After a click nothing has the keyboard; Enter still means what most people want.
    let idle = ui.memory(|memory| memory.focused().is_none());
    let enter = who_and_where(ui, &mut parts.settings) || idle && ui.input(|input| input.key_pressed(Key::Enter));
    ui.add_space(style::GRID);
    let quick = style::main_button(ui, "Quick play");
    parts.menu.focus_first(&quick);
    ui.add_space(style::GRID);
    let room = rooms::list(ui, &parts.settings, &mut parts.lobby, &mut parts.rooms);
    ui.add_space(style::GRID);
    ui.columns(3, |columns| {
        if style::button(&mut columns[0], "Open a room").clicked() {
            parts.menu.turn_to(Page::OpenRoom);
        }
        if style::button(&mut columns[1], "Options").clicked() {
            parts.menu.turn_to(Page::Options);
        }
        if style::button(&mut columns[2], "Quit").clicked() {
            parts.exit.write(AppExit::Success);
        }
    });
    room.map(Goal::Room).or_else(|| (quick.clicked() || enter).then_some(Goal::Quick))
}

fn options_page(ui: &mut Ui, parts: &mut Parts) {
    ui.heading("Options");
    ui.add_space(style::GRID);
    hud::sliders(ui, &mut parts.settings);
    ui.add_space(style::GRID);
    let back = style::button(ui, "Back");
    parts.menu.focus_first(&back);
    if back.clicked() {
        parts.menu.turn_to(Page::Start);
    }
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
    let choices: Vec<_> = [None].into_iter().chain(Transport::WIRES.map(Some)).collect();
    for row in choices.chunks(WIRES_PER_ROW) {
        ui.columns(WIRES_PER_ROW, |columns| {
            for (ui, choice) in columns.iter_mut().zip(row) {
                choose_wire(ui, *choice, &mut draft.wire);
            }
        });
    }
    settings.set_if_neq(draft);
    enter
}

fn choose_wire(ui: &mut Ui, choice: Option<Transport>, wire: &mut Option<Transport>) {
    ui.spacing_mut().button_padding.x = 4.0;
    let rgb = choice.map_or(palette::TEXT, palette::wire);
    let name = choice.map_or("auto", Transport::name);
    let text = RichText::new(name).font(style::numbers(style::SMALL)).color(palette::ink(rgb));
    let size = vec2(ui.available_width(), style::TARGET - style::GRID);
    let response = ui.add_sized(size, Button::new(text).wrap_mode(egui::TextWrapMode::Extend));
    if *wire == choice {
        let line = response.rect.bottom() - 3.0;
        let room = response.rect.shrink2(vec2(style::GRID, 0.0));
        ui.painter().hline(room.x_range(), line, Stroke::new(2.0, palette::ink(rgb)));
    }
    if response.clicked() {
        *wire = choice;
    }
}

/// Choices of wire side by side: a name needs this much room.
const WIRES_PER_ROW: usize = 3;

/// Width of the column's inside.
const COLUMN: f32 = 448.0;
/// Longer than any host name that people type.
const MAX_ADDRESS_CHARS: usize = 120;
