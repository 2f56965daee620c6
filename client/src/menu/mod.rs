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
mod profile;
mod queue;
mod rooms;
mod servers;
mod start;
mod widgets;

use crate::{
    args::Args,
    assets::Maps,
    full_screen::ToggleFullScreen,
    lobby::{Goal, Lobby, Lookout, Rooms, Wish, wish_for},
    matching::Search,
    palette,
    settings::Settings,
    state::Screen,
    style,
};
use bevy::{app::AppExit, clipboard::Clipboard, ecs::system::SystemParam, input::InputSystems, prelude::*};
use bevy_egui::{EguiContexts, EguiInputSet, EguiPrimaryContextPass, egui};
use egui::{Align2, Area, Button, Id, Key, RichText, ScrollArea, Ui, vec2};

/// Draws the menu.
pub(crate) struct MenuPlugin;

impl Plugin for MenuPlugin {
    fn build(&self, app: &mut App) {
        let misread = app.world().get_resource::<Args>().and_then(|args| args.misread.clone());
        app.init_resource::<Menu>();
        app.world_mut().resource_mut::<Menu>().start.show(misread);
        app.add_systems(OnEnter(Screen::Menu), |mut menu: ResMut<Menu>| menu.begin());
        app.add_systems(Update, rooms::ask.run_if(in_state(Screen::Menu)));
        app.add_systems(PreUpdate, gamepad::feed.after(InputSystems).before(EguiInputSet::WriteEguiEvents));
        app.add_systems(
            EguiPrimaryContextPass,
            (
                draw.run_if(in_state(Screen::Menu)),
                dialogs::connecting.run_if(in_state(Screen::Connecting)),
                dialogs::failed.run_if(in_state(Screen::Failed)),
            ),
        );
        app.add_systems(Update, queue::attend);
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
    /// The rooms of the server.
    Rooms,
    /// Servers nearby, and those of before.
    Servers,
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
            Self::Servers => "Servers",
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
pub(crate) struct Menu {
    page: Page,
    /// The pages that lead here.
    trail: Vec<Page>,
    /// The page that was gone back from; its button gets the keyboard.
    left: Option<Page>,
    /// Another page was turned to in this frame; it is shown from the next one on.
    turned: bool,
    /// The page to turn to when the menu begins, other than the start page.
    bound: Option<Page>,
    /// This is the first frame of the page.
    opened: bool,
    /// Nothing on this page has had the keyboard yet: its first target comes later than the page.
    unfocused: bool,
    choice: rooms::Choice,
    start: start::Fields,
    create: create::Draft,
    queue: queue::Draft,
    leaderboard: leaderboard::Shelf,
    profile: profile::Shelf,
}

impl Menu {
    /// Returns what is in the box of the start page.
    #[cfg(target_family = "wasm")]
    pub(crate) fn typed(&self) -> &str {
        self.start.place()
    }

    /// Begins at the start page, or where it was said to.
    fn begin(&mut self) {
        self.trail.clear();
        self.show(Page::Start, None);
        if let Some(page) = self.bound.take() {
            self.turn_to(page);
        }
    }

    /// Lets the menu begin at a page; from there it goes back to the start page.
    const fn begin_at(&mut self, page: Page) {
        self.bound = Some(page);
    }

    /// Opens a page.
    fn turn_to(&mut self, page: Page) {
        self.trail.push(self.page);
        self.show(page, None);
    }

    /// Goes back to the page before.
    fn back(&mut self) {
        let before = self.trail.pop().unwrap_or_default();
        self.show(before, Some(self.page));
    }

    /// Goes back because there is nothing left to do here: the page before begins anew, with its first target.
    fn return_done(&mut self) {
        let before = self.trail.pop().unwrap_or_default();
        self.show(before, None);
    }

    const fn show(&mut self, page: Page, left: Option<Page>) {
        (self.page, self.left) = (page, left);
        (self.turned, self.unfocused) = (true, left.is_none());
    }

    /// Gives the keyboard to the first target of a page that was just opened.
    fn focus_first(&mut self, response: &egui::Response) {
        if self.opened {
            self.focus_first_once(response);
        }
    }

    /// Gives the keyboard to the first target of a page, which may come later than the page, unless the player has moved on.
    fn focus_first_once(&mut self, response: &egui::Response) {
        // Once another page was turned to, it is that page's turn.
        if !self.turned
            && std::mem::take(&mut self.unfocused)
            && (self.opened || response.ctx.memory(|memory| memory.focused().is_none()))
        {
            response.request_focus();
        }
    }

    /// Gives the keyboard to what led to the page that was gone back from.
    fn focus_left(&self, response: &egui::Response, page: Page) {
        if self.opened && self.left == Some(page) {
            response.request_focus();
        }
    }

    /// Adds a button that opens a page.
    fn link(&mut self, ui: &mut Ui, page: Page, text: &str) -> egui::Response {
        let button = style::button(ui, text);
        self.focus_left(&button, page);
        if button.clicked() {
            self.turn_to(page);
        }
        button
    }
}

/// What the pages show and change.
#[derive(SystemParam)]
struct Parts<'w> {
    menu: ResMut<'w, Menu>,
    settings: ResMut<'w, Settings>,
    lobby: ResMut<'w, Lobby>,
    rooms: ResMut<'w, Rooms>,
    lookout: ResMut<'w, Lookout>,
    search: ResMut<'w, Search>,
    clipboard: ResMut<'w, Clipboard>,
    args: Res<'w, Args>,
    maps: Res<'w, Maps>,
    wishes: MessageWriter<'w, Wish>,
    full_screen: MessageWriter<'w, ToggleFullScreen>,
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
    if parts.menu.page != Page::Start && context.input(|input| input.key_pressed(Key::Escape)) {
        parts.menu.back();
    }
    parts.menu.opened = std::mem::take(&mut parts.menu.turned);
    let page = parts.menu.page;
    let screen = context.content_rect();
    // Where there is little height the start page takes the width.
    let beside = page == Page::Start && screen.height() < START_HEIGHT && screen.width() >= TWO_COLUMNS;
    let margin = if beside { 2.0 } else { 5.0 } * style::GRID;
    let screen = screen.shrink2(vec2(margin, 2.0 * style::GRID));
    Area::new(Id::new("menu")).anchor(Align2::LEFT_CENTER, vec2(margin, 0.0)).show(context, |ui| {
        style::glass().inner_margin(egui::Margin::same(3 * style::GRID as i8)).show(ui, |ui| {
            // In a small window, or with large text, the column is scrolled.
            let height = screen.height() - 6.0 * style::GRID;
            // The bar for scrolling needs some, too.
            let width = screen.width() - 8.0 * style::GRID;
            let area = ScrollArea::vertical().id_salt(page.title()).max_height(height).min_scrolled_height(height);
            area.show(ui, |ui| {
                ui.set_width(if beside { 2.0 * COLUMN } else { COLUMN }.min(width));
                if page != Page::Start {
                    head(ui, page, &mut parts.menu);
                }
                match page {
                    Page::Start => start::page(ui, &mut parts, beside),
                    Page::Queue => queue::page(ui, &mut parts),
                    Page::Rooms => rooms::page(ui, &mut parts),
                    Page::Servers => servers::page(ui, &mut parts),
                    Page::Friends => friends::page(ui, &mut parts),
                    Page::Create => create::page(ui, &mut parts),
                    Page::Leaderboard => leaderboard::page(ui, &mut parts),
                    Page::Profile => profile::page(ui, &mut parts),
                    Page::Options => options::page(ui, &mut parts),
                }
                style::follow_focus(ui);
            });
        });
    });
    Ok(())
}

/// Adds the name of a page and the way back.
fn head(ui: &mut Ui, page: Page, menu: &mut Menu) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(page.title()).font(style::strong(style::CLOCK)));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let text = RichText::new("Back").font(style::words(style::SMALL));
            let key = if style::by_touch(ui.ctx()) { "" } else { "Esc" };
            let key = RichText::new(key).font(style::numbers(style::SMALL)).color(palette::ink(palette::ACCENT));
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
/// Height of the start page in one column, with all around it.
const START_HEIGHT: f32 = 560.0;
/// Narrower, and two columns would be of no use.
const TWO_COLUMNS: f32 = 640.0;
