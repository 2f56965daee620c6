//! The start page: who you are, where to, and the way to everything else.
//!
//! One box takes whatever a friend has sent: a code, an address, a link. What it has understood is told below it, and the main button
//! does that; an empty box means the server that is set. Whoever only presses Enter is looking for a match a second later.
//!
//! Flow: box → [`Destination`] → [`Lookout`] → one line; Enter → [`super::Parts::go`], other pages.

use super::{Page, Parts, widgets};
use crate::{
    clipboard,
    lobby::{Goal, Lead, Lobby, Lookout, Pulse, milliseconds, shown},
    palette,
    settings::{self, Settings},
    style,
};
use bevy::prelude::*;
use bevy_egui::egui::{self, Id, Key, RichText, Sense, Stroke, Ui, UiBuilder, vec2};
use protocol::{
    Transport,
    limits::MAX_NAME_CHARS,
    lobby::{RoomInfo, SeatWish},
};
use transport::destination::Destination;

/// What is typed and not a setting.
#[derive(Default)]
pub(super) struct Fields {
    /// The one box.
    place: String,
    /// Password of the room that the box leads to.
    password: String,
    /// Why nothing could be pasted.
    kept: Option<&'static str>,
    /// The box shall get the keyboard.
    wanted: bool,
    /// The field for the password shall get the keyboard.
    asked: bool,
}

impl Fields {
    /// Puts into the box what somebody came with.
    pub(super) fn show(&mut self, misread: Option<String>) {
        if let Some(text) = misread {
            self.place = short(&text);
        }
    }

    /// Returns what is in the box.
    #[cfg(target_family = "wasm")]
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Gives the keyboard to the box when the page is shown next.
    pub(super) const fn want_box(&mut self) {
        self.wanted = true;
    }
}

/// What the box leads to.
struct Place {
    line: String,
    /// There is something wrong with it.
    wrong: bool,
    /// What the main button does, and what is written on it.
    action: Action,
    /// The room asks for a password.
    locked: bool,
}

#[derive(Clone)]
enum Action {
    /// Look for a match on the server that is set.
    Quick,
    /// Play on another server.
    Play(String),
    /// Take a seat in the room with this code.
    Join { server: String, code: String },
    /// Open the page of another server, in the room with this code.
    Visit { server: String, code: Option<String> },
    /// Nothing can be done with what is written.
    Nothing,
}

/// Shows the page: one column, or two beside each other where there is little height.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts, beside: bool) {
    title(ui);
    if beside {
        ui.columns(2, |columns| {
            let asked = part(&mut columns[0], "asked", |ui| ask(ui, parts));
            part(&mut columns[1], "ways", |ui| lead_on(ui, parts, asked));
        });
    } else {
        ui.label(style::quiet("One game, every wire. Switch in the middle of a match."));
        ui.add_space(style::GRID);
        let asked = part(ui, "asked", |ui| ask(ui, parts));
        part(ui, "ways", |ui| lead_on(ui, parts, asked));
    }
}

/// Adds a part of the page. What has the keyboard in it keeps that when the part comes to stand elsewhere.
fn part<T>(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui) -> T) -> T {
    ui.scope_builder(UiBuilder::new().id(Id::new(("start", name))), add).inner
}

/// Asks who somebody is and where to. Returns what the box means, and whether Enter was pressed in it.
fn ask(ui: &mut Ui, parts: &mut Parts) -> (Place, bool) {
    let mut draft = Settings::clone(&parts.settings);
    style::field(ui, "Name", &mut draft.name, MAX_NAME_CHARS);
    if !protocol::names::valid_name(draft.name.trim()) {
        widgets::alarm(ui, &format!("Please note: {}.", crate::args::NAME_RULE));
    }
    // Written back only on a change: a changed resource is saved.
    parts.settings.set_if_neq(draft);
    let mut entered = the_box(ui, parts);
    let place = understand(parts);
    widgets::told(ui, &place.line, place.wrong);
    if let Some(why) = parts.menu.start.kept {
        widgets::alarm(ui, why);
    }
    // In a place of its own: what comes and goes must not take the keyboard from what stands below.
    ui.vertical(|ui| {
        if place.locked {
            let fields = &mut parts.menu.start;
            let field = style::field(ui, "Password of the room", &mut fields.password, MAX_PASSWORD_CHARS);
            if std::mem::take(&mut fields.asked) {
                field.request_focus();
            }
            entered |= field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        }
    });
    (place, entered)
}

/// Shows the ways on.
fn lead_on(ui: &mut Ui, parts: &mut Parts, (place, entered): (Place, bool)) {
    ui.vertical(|ui| {
        if matches!(place.action, Action::Quick) {
            offer_nearby(ui, parts);
        }
    });
    main_button(ui, parts, place, entered);
    for row in LINKS {
        ui.columns(2, |columns| {
            for (ui, (page, text)) in columns.iter_mut().zip(row) {
                parts.menu.link(ui, page, text);
            }
        });
    }
    ui.columns(2, |columns| {
        parts.menu.link(&mut columns[0], Page::Options, "Options");
        // A page is left by its tab.
        if cfg!(not(target_family = "wasm")) && style::button(&mut columns[1], "Quit").clicked() {
            parts.exit.write(AppExit::Success);
        }
    });
}

/// Adds the box and a button that pastes into it. Returns whether Enter was pressed in it.
fn the_box(ui: &mut Ui, parts: &mut Parts) -> bool {
    let fields = &mut parts.menu.start;
    ui.label(style::quiet("Code, address or link"));
    ui.horizontal(|ui| {
        let pastes = clipboard::can_be_asked();
        let width = ui.available_width() - if pastes { PASTE + style::GRID } else { 0.0 };
        let response = widgets::text(ui, &mut fields.place, "KM7-4QX, 192.168.1.20 or http://…", width);
        if std::mem::take(&mut fields.wanted) {
            response.request_focus();
        }
        let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let paste = RichText::new("Paste").font(style::words(style::SMALL));
        let mut text = clipboard::late();
        if pastes && ui.add_sized(vec2(PASTE, response.rect.height()), egui::Button::new(paste)).clicked() {
            text = clipboard::text(&mut parts.clipboard).map(Ok);
            response.request_focus();
        }
        match text {
            Some(Ok(text)) => (fields.place, fields.kept) = (short(&text), None),
            Some(Err(why)) => fields.kept = Some(why),
            None => {}
        }
        entered
    })
    .inner
}

/// Returns of what came from elsewhere as much as fits into the box.
fn short(text: &str) -> String {
    text.trim().chars().take(widgets::MAX_CHARS).collect()
}

/// Returns what the box means, with what is known about that.
fn understand(parts: &mut Parts) -> Place {
    let text = parts.menu.start.place.trim().to_owned();
    let server = parts.settings.server.clone();
    let Parts { lookout, lobby, .. } = parts;
    let rests = lookout.reads(&text);
    if text.is_empty() {
        let (line, wrong) = tell_server(&server, &lookout.pulse(lobby, &server));
        let line = if wrong { format!("{line} {WHAT_TO_DO}") } else { line };
        return Place { line, wrong, action: Action::Quick, locked: false };
    }
    match Destination::parse(&text) {
        Ok(Destination::Server(server)) if is_elsewhere(&server) => away(server, None),
        Ok(Destination::Invite { server, code }) if is_elsewhere(&server) => away(server, Some(code.to_string())),
        Ok(Destination::Server(server)) => {
            let pulse = if rests { lookout.pulse(lobby, &server) } else { Pulse::Asked };
            let (line, wrong) = tell_server(&server, &pulse);
            Place { line, wrong, action: Action::Play(server), locked: false }
        }
        Ok(Destination::Code(code)) => led(lookout, lobby, rests, server, code.to_string()),
        Ok(Destination::Invite { server, code }) => led(lookout, lobby, rests, server, code.to_string()),
        Err(why) => Place { line: why, wrong: rests, action: Action::Nothing, locked: false },
    }
}

/// Returns whether a server is none that the game may ask from here: a page has only its own.
fn is_elsewhere(server: &str) -> bool {
    #[cfg(target_family = "wasm")]
    return crate::web::is_elsewhere(server);
    #[cfg(not(target_family = "wasm"))]
    {
        let _ = server;
        false
    }
}

fn away(server: String, code: Option<String>) -> Place {
    let line = format!("Another server: the page of {} opens.", shown(&server));
    Place { line, wrong: false, action: Action::Visit { server, code }, locked: false }
}

fn led(lookout: &mut Lookout, lobby: &Lobby, rests: bool, server: String, code: String) -> Place {
    let lead = if rests { lookout.lead(lobby, &server, &code) } else { Lead::Asked };
    let (line, wrong, locked) = match lead {
        Lead::Asked => (format!("Code {code}: asking {} …", shown(&server)), false, false),
        Lead::Room(room) => (tell_room(&room, &server), false, room.locked),
        Lead::Nowhere(why) => (why, true, false),
    };
    Place { line, wrong, action: Action::Join { server, code }, locked }
}

/// Returns one line about a server, and whether it is of no use.
fn tell_server(server: &str, pulse: &Pulse) -> (String, bool) {
    let at = shown(server);
    match pulse {
        Pulse::Asked => (format!("Asking {at} …"), false),
        Pulse::Here { round_trip, rooms, players } => {
            let counted = |count: u32, thing: &str| format!("{count} {thing}{}", if count == 1 { "" } else { "s" });
            let (rooms, players) = (counted(*rooms, "room"), counted(*players, "player"));
            (format!("Server {at} · {} · {rooms} · {players}", milliseconds(*round_trip)), false)
        }
        Pulse::Other => (format!("The server at {at} is of another version. Both need the same."), true),
        Pulse::Gone(why) => (why.clone(), true),
    }
}

/// Returns one line about the room that a code leads to.
fn tell_room(room: &RoomInfo, server: &str) -> String {
    let lock = if room.locked { " · needs a password" } else { "" };
    let RoomInfo { name, map, players, seats, .. } = room;
    format!("Room “{name}” on {} · {map} · {players} of {seats} seats{lock}", shown(server))
}

/// Shows servers nearby while the one that is set does not answer. The first start on a network where somebody plays takes that one.
fn offer_nearby(ui: &mut Ui, parts: &mut Parts) {
    let server = parts.settings.server.clone();
    let gone = matches!(parts.lookout.pulse(&parts.lobby, &server), Pulse::Gone(_));
    // Listening begins early, so that the list is there when it is needed.
    let nearby = parts.lookout.nearby();
    if !gone {
        return;
    }
    let never_chosen = server == settings::DEFAULT_SERVER && parts.args.server.is_none();
    if let Some(first) = nearby.first().filter(|_| never_chosen) {
        parts.settings.server = first.addr.to_string();
    }
    for near in nearby.iter().take(MOST_OFFERS) {
        if widgets::server_row(ui, near).clicked() {
            parts.settings.server = near.addr.to_string();
        }
    }
}

fn main_button(ui: &mut Ui, parts: &mut Parts, Place { action, locked, .. }: Place, entered: bool) {
    let text = match &action {
        Action::Quick => "Quick match".to_owned(),
        Action::Nothing => "Join".to_owned(),
        Action::Play(server) => format!("Play on {}", shown(server)),
        Action::Join { code, .. } => format!("Join {code}"),
        Action::Visit { server, .. } => format!("Open {}", shown(server)),
    };
    let usable = !matches!(action, Action::Nothing);
    let main = ui.add_enabled_ui(usable, |ui| style::main_button(ui, &text)).inner;
    parts.menu.focus_first(&main);
    parts.menu.focus_left(&main, Page::Queue);
    // After a click nothing has the keyboard; Enter still means what most people want.
    let idle = ui.memory(|memory| memory.focused().is_none()) && ui.input(|input| input.key_pressed(Key::Enter));
    if !(main.clicked() || entered || idle) {
        return;
    }
    if locked && parts.menu.start.password.is_empty() {
        parts.menu.start.asked = true;
        return;
    }
    let password = std::mem::take(&mut parts.menu.start.password);
    let wish = SeatWish { password: Some(password).filter(|password| !password.is_empty()), spectate: false };
    match action {
        Action::Quick => parts.menu.turn_to(Page::Queue),
        Action::Play(server) => {
            parts.settings.server = server;
            parts.go(Goal::Quick);
        }
        Action::Join { server, code } => {
            parts.settings.server = server;
            parts.go(Goal::Code(code, wish));
        }
        Action::Visit { server, code } => visit(&server, code.as_deref()),
        Action::Nothing => {}
    }
}

/// Opens the page of a server.
fn visit(server: &str, code: Option<&str>) {
    #[cfg(target_family = "wasm")]
    crate::web::go_to(server, code);
    #[cfg(not(target_family = "wasm"))]
    {
        let _ = (server, code);
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
}

const LINKS: [[(Page, &str); 2]; 2] = [
    [(Page::Rooms, "Rooms"), (Page::Friends, "Play with friends")],
    [(Page::Leaderboard, "Leaderboard"), (Page::Profile, "Profile")],
];
/// What whoever has no server can do.
const WHAT_TO_DO: &str = "`make server` starts one here, or enter a friend's address above.";
/// See [`protocol::lobby::NewRoom::password`].
pub(super) const MAX_PASSWORD_CHARS: usize = 64;
/// Width of the button that pastes.
const PASTE: f32 = 72.0;
/// More servers nearby are on their own page.
const MOST_OFFERS: usize = 2;
