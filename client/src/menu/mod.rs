//! The menu: pages of one column over the live field, large targets, everything by keyboard or gamepad.
//!
//! Each page is a file with a `page` function; [`Page`] is turned to with [`Menu::turn_to`]. Arrows, Tab and the pad's cross move, Enter
//! and A press, Esc and B go back. The first target of a page has the keyboard when it opens, and coming back finds the one that was
//! left.
//!
//! Flow: [`Settings`], [`crate::lobby`] → pages → [`Wish`] → [`crate::lobby`]; the panels while connecting and after a failure are in
//! [`dialogs`].

mod create;
mod dialogs;
mod friends;
mod gamepad;
mod leaderboard;
mod options;
mod paste;
mod profile;
mod queue;
mod rooms;
mod start;

use crate::{
    assets::Maps,
    lobby::{Goal, Lobby, Rooms, Wish, wish_for},
    palette,
    settings::Settings,
    state::Screen,
    style,
};
use bevy::{app::AppExit, ecs::system::SystemParam, input::InputSystems, prelude::*};
use bevy_egui::{EguiContexts, EguiInputSet, EguiPrimaryContextPass, egui};
use egui::{Align2, Area, Button, Id, Key, RichText, ScrollArea, Ui, vec2};

/// Draws the menu.
pub(crate) struct MenuPlugin;

impl Plugin for MenuPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Menu>();
        app.add_systems(OnEnter(Screen::Menu), |mut menu: ResMut<Menu>| menu.begin());
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

/// A page of the menu.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Page {
    /// Who you are, where to, and the way to everything else.
    #[default]
    Start,
    /// Quick match: waiting for others, watched.
    Queue,
    /// The rooms of the server, and servers nearby.
    Rooms,
    /// The ways to play with somebody you know.
    Friends,
    /// A room of one's own.
    Create,
    /// The best players.
    Leaderboard,
    /// What is known about you.
    Profile,
    /// Loudness and so on.
    Options,
}

impl Page {
    /// Returns what is written at the top; nothing for the start page, which has the name of the game.
    const fn title(self) -> &'static str {
        match self {
            Self::Start => "",
            Self::Queue => "Quick match",
            Self::Rooms => "Rooms",
            Self::Friends => "Play with friends",
            Self::Create => "Create a room",
            Self::Leaderboard => "Leaderboard",
            Self::Profile => "Profile",
            Self::Options => "Options",
        }
    }
}

/// Where in the menu we are.
#[derive(Resource, Default)]
struct Menu {
    page: Page,
    /// The pages that lead here.
    trail: Vec<Page>,
    /// The page that was gone back from; its button gets the keyboard.
    left: Option<Page>,
    /// The page was just turned to: this is its first frame.
    opened: bool,
    start: start::Fields,
    create: create::Draft,
}

impl Menu {
    /// Begins at the start page.
    fn begin(&mut self) {
        self.trail.clear();
        (self.page, self.left, self.opened) = (Page::Start, None, true);
    }

    /// Opens a page.
    fn turn_to(&mut self, page: Page) {
        self.trail.push(self.page);
        (self.page, self.left, self.opened) = (page, None, true);
    }

    /// Goes back to the page before.
    fn back(&mut self) {
        let before = self.trail.pop().unwrap_or_default();
        (self.page, self.left, self.opened) = (before, Some(self.page), true);
    }

    /// Gives the keyboard to the first target of a page that was just opened.
    fn focus_first(&self, response: &egui::Response) {
        if self.opened && self.left.is_none() {
            response.request_focus();
        }
    }

    /// Adds a button that opens a page.
    fn link(&mut self, ui: &mut Ui, page: Page, text: &str) {
        let button = style::button(ui, text);
        if self.opened && self.left == Some(page) {
            button.request_focus();
        }
        if button.clicked() {
            self.turn_to(page);
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
    wishes: MessageWriter<'w, Wish>,
    exit: MessageWriter<'w, AppExit>,
}

impl Parts<'_> {
    /// Joins on the server that is set.
    fn go(&mut self, goal: Goal) {
        self.wishes.write(wish_for(&self.settings, goal));
    }
}

fn draw(mut contexts: EguiContexts, mut parts: Parts) -> Result {
    let context = contexts.ctx_mut()?;
    let page = parts.menu.page;
    let first = parts.menu.opened;
    if page != Page::Start && context.input(|input| input.key_pressed(Key::Escape)) {
        parts.menu.back();
        return Ok(());
    }
    let screen = context.content_rect().shrink2(vec2(5.0 * style::GRID, 2.0 * style::GRID));
    Area::new(Id::new("menu")).anchor(Align2::LEFT_CENTER, vec2(5.0 * style::GRID, 0.0)).show(context, |ui| {
        style::glass().inner_margin(egui::Margin::same(3 * style::GRID as i8)).show(ui, |ui| {
            // In a small window, or with large text, the column is scrolled.
            let height = screen.height() - 6.0 * style::GRID;
            let area = ScrollArea::vertical().id_salt(page.title()).max_height(height).min_scrolled_height(height);
            area.show(ui, |ui| {
                ui.set_width(COLUMN.min(screen.width() - 6.0 * style::GRID));
                if page != Page::Start {
                    head(ui, page, &mut parts.menu);
                }
                match page {
                    Page::Start => start::page(ui, &mut parts),
                    Page::Queue => queue::page(ui, &mut parts),
                    Page::Rooms => rooms::page(ui, &mut parts),
                    Page::Friends => friends::page(ui, &mut parts),
                    Page::Create => create::page(ui, &mut parts),
                    Page::Leaderboard => leaderboard::page(ui, &mut parts),
                    Page::Profile => profile::page(ui, &mut parts),
                    Page::Options => options::page(ui, &mut parts),
                }
            });
        });
    });
    if first && parts.menu.page == page {
        parts.menu.opened = false;
    }
    Ok(())
}

/// Adds the name of a page and the way back.
fn head(ui: &mut Ui, page: Page, menu: &mut Menu) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(page.title()).font(style::strong(style::CLOCK)));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let text = RichText::new("Back").font(style::words(style::SMALL));
            let key = RichText::new("Esc").font(style::numbers(style::SMALL)).color(palette::ink(palette::ACCENT));
            let size = vec2(9.0 * style::GRID, style::TARGET - style::GRID);
            if ui.add(Button::new((text, key)).min_size(size)).clicked() {
                menu.back();
            }
        });
    });
    ui.add_space(style::GRID);
}

/// Width of the column's inside.
const COLUMN: f32 = 448.0;
