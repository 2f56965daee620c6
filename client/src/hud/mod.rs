//! What is written over a match: the wire, time and score, who shot whom, what was said, and panels on keys.
//!
//! A tired player must be able to read it at a glance, so it says little, always at the same place, and gets out of the way:
//! lines fade, panels open on a key and close on the same key. Each part is a file; this one has what they share.
//!
//! Flow: [`crate::picture`], [`crate::links::Told`] → here → egui.

mod banner;
mod canvas;
mod chat;
mod feed;
mod names;
mod pause;
mod scoreboard;
mod wire;

pub(crate) use pause::sliders;

use crate::{
    links::Match,
    picture::{FrameSystems, Picture},
    state::Screen,
};
use bevy::{
    prelude::*,
    window::{CursorOptions, PrimaryWindow},
};
use bevy_egui::{EguiContexts, EguiPrimaryContextPass};
use canvas::Canvas;

/// Draws the HUD and reads its keys.
pub(crate) struct HudPlugin;

impl Plugin for HudPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Panels>()
            .init_resource::<feed::Feed>()
            .init_resource::<chat::Chat>()
            .init_resource::<wire::Toast>()
            .init_resource::<banner::Banner>()
            .add_systems(OnEnter(Screen::InMatch), clear)
            .add_systems(OnExit(Screen::InMatch), show_cursor)
            .add_systems(
                Update,
                (keys, hide_cursor)
                    .chain()
                    .run_if(in_state(Screen::InMatch))
                    .after(FrameSystems::Receive)
                    .before(FrameSystems::Sample),
            )
            .add_systems(Update, (feed::note, chat::note, wire::note, banner::note).in_set(FrameSystems::Show))
            .add_systems(
                EguiPrimaryContextPass,
                (draw, chat::draw, pause::draw)
                    .chain()
                    .run_if(in_state(Screen::InMatch).and_then(resource_exists::<Match>)),
            );
    }
}

/// Which panels are open.
#[derive(Resource, Default)]
pub(crate) struct Panels {
    /// The scoreboard.
    pub(crate) scores: bool,
    /// The line for chat.
    pub(crate) chat: bool,
    /// The pause panel. The match goes on.
    pub(crate) pause: bool,
}

impl Panels {
    /// Returns whether keys and mouse belong to a panel.
    pub(crate) const fn take_input(&self) -> bool {
        self.chat || self.pause
    }
}

fn clear(
    mut panels: ResMut<Panels>,
    mut feed: ResMut<feed::Feed>,
    mut chat: ResMut<chat::Chat>,
    mut toast: ResMut<wire::Toast>,
    mut banner: ResMut<banner::Banner>,
) {
    *panels = Panels::default();
    *feed = feed::Feed::default();
    *chat = chat::Chat::default();
    *toast = wire::Toast::default();
    *banner = banner::Banner::default();
}

/// Opens and closes panels. Esc always closes what is open first.
fn keys(keys: Res<ButtonInput<KeyCode>>, pads: Query<&Gamepad>, mut panels: ResMut<Panels>) {
    panels.scores = !panels.take_input()
        && (keys.pressed(KeyCode::Tab) || pads.iter().any(|pad| pad.pressed(GamepadButton::Select)));
    if keys.just_pressed(KeyCode::Escape) || pads.iter().any(|pad| pad.just_pressed(GamepadButton::Start)) {
        let was_open = panels.take_input();
        panels.chat = false;
        panels.pause = !was_open;
    } else if keys.any_just_pressed([KeyCode::Enter, KeyCode::NumpadEnter]) && !panels.take_input() {
        panels.chat = true;
    }
}

/// The crosshair takes the cursor's place, unless there is something to click on.
fn hide_cursor(panels: Res<Panels>, mut cursor: Single<&mut CursorOptions, With<PrimaryWindow>>) {
    let visible = panels.take_input();
    if cursor.visible != visible {
        cursor.visible = visible;
    }
}

fn show_cursor(mut cursor: Single<&mut CursorOptions, With<PrimaryWindow>>) {
    cursor.visible = true;
}

/// Draws what cannot be clicked.
fn draw(
    mut contexts: EguiContexts,
    the_match: Res<Match>,
    picture: Res<Picture>,
    panels: Res<Panels>,
    parts: (Res<feed::Feed>, Res<wire::Toast>, Res<banner::Banner>, Res<crate::weather::Sky>),
    view: (Res<crate::view::camera::Eye>, Single<&Window, With<PrimaryWindow>>),
    time: Res<Time<Real>>,
) -> Result {
    let context = contexts.ctx_mut()?;
    let canvas = Canvas::new(context);
    let now = time.elapsed();
    let status = the_match.player.status(std::time::Instant::now());
    let (feed, toast, banner, sky) = parts;
    let (eye, window) = view;
    names::draw(&canvas, &picture, &eye, &window);
    if !panels.take_input() {
        names::draw_crosshair(&canvas, &picture);
    }
    wire::draw(&canvas, &status, &sky, &toast, now);
    scoreboard::draw_summary(&canvas, &picture);
    feed.draw(&canvas, now);
    banner.draw(&canvas, &picture, &status, now);
    if panels.scores || scoreboard::is_due(&picture) {
        scoreboard::draw(&canvas, &picture);
    }
    Ok(())
}
