//! What is written over a match: the wire, time and score, who shot whom, what was said, and panels on keys.
//!
//! A tired player must be able to read it at a glance, so it says little, always at the same place, and gets out of the way:
//! lines fade, panels open on a key and close on the same key. Each part is a file; this one has what they share.
//!
//! Flow: [`crate::picture`], [`crate::links::Told`], [`telemetry`] → here → egui.

mod banner;
mod blind;
mod canvas;
mod chat;
mod feed;
mod graph;
mod help;
mod host;
mod invite;
mod keys;
mod map;
mod names;
mod netcode;
mod pane;
mod panel;
mod pause;
mod results;
mod scoreboard;
mod telemetry;
mod thumbs;
mod tour;
mod truth;
mod watch;
mod weather;
mod wire;

pub(crate) use blind::Blind;
pub(crate) use keys::{Panel, Panels};
pub(crate) use netcode::Switches;
pub(crate) use pause::sliders;
pub(crate) use results::gone_word;
pub(crate) use telemetry::Telemetry;

use crate::{
    links::Match,
    picture::{FrameSystems, Picture},
    state::Screen,
    touch::Fingers,
    view::watch::Watched,
};
use bevy::{
    prelude::*,
    window::{CursorOptions, PrimaryWindow},
};
use bevy_egui::{EguiContexts, EguiPrimaryContextPass, egui::Rect};
use canvas::Canvas;
use keys::{Action, Pressed};
use pane::{pane, touch};
use panel::{Dock, Side};

/// Draws the HUD and reads its keys.
pub(crate) struct HudPlugin;

impl Plugin for HudPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Panels>()
            .init_resource::<feed::Feed>()
            .init_resource::<chat::Chat>()
            .init_resource::<wire::Toast>()
            .init_resource::<banner::Banner>()
            .init_resource::<Telemetry>()
            .init_resource::<results::Results>()
            .init_resource::<Switches>()
            .init_resource::<Blind>()
            .init_resource::<tour::Tour>()
            .init_resource::<host::House>()
            .add_message::<Pressed>()
            .add_systems(OnEnter(Screen::InMatch), (clear, tour::begin))
            .add_systems(OnExit(Screen::InMatch), show_cursor)
            .add_systems(
                Update,
                (keys::read, (keys::act, netcode::keys).run_if(resource_exists::<Match>), hide_cursor)
                    .chain()
                    .run_if(in_state(Screen::InMatch))
                    .after(FrameSystems::Receive)
                    .before(FrameSystems::Sample),
            )
            .add_systems(
                Update,
                (telemetry::watch, (keys::shadow, blind::advance, tour::advance).run_if(resource_exists::<Match>))
                    .chain()
                    .run_if(in_state(Screen::InMatch))
                    .in_set(FrameSystems::Compare),
            )
            .add_systems(Update, results::fetch.run_if(in_state(Screen::InMatch)).in_set(FrameSystems::Show))
            .add_systems(Update, (host::enter, host::follow).chain().in_set(FrameSystems::Receive))
            .add_systems(Update, (feed::note, chat::note, wire::note, banner::note).in_set(FrameSystems::Show))
            .add_systems(
                EguiPrimaryContextPass,
                (
                    draw,
                    chat::draw,
                    pause::draw,
                    weather::draw,
                    netcode::draw,
                    tour::draw,
                    blind::draw,
                    pane::draw_closers,
                )
                    .chain()
                    .run_if(in_state(Screen::InMatch).and_then(resource_exists::<Match>)),
            );
    }
}

/// What a match leaves behind on the screen.
#[derive(bevy::ecs::system::SystemParam)]
struct Traces<'w> {
    panels: ResMut<'w, Panels>,
    feed: ResMut<'w, feed::Feed>,
    chat: ResMut<'w, chat::Chat>,
    toast: ResMut<'w, wire::Toast>,
    banner: ResMut<'w, banner::Banner>,
    telemetry: ResMut<'w, Telemetry>,
    blind: ResMut<'w, Blind>,
    results: ResMut<'w, results::Results>,
    house: Res<'w, host::House>,
}

fn clear(mut traces: Traces) {
    let inviting = traces.house.is_ours();
    *traces.panels = Panels { right: inviting.then_some(Panel::Invite), inviting, ..Panels::default() };
    *traces.feed = feed::Feed::default();
    *traces.chat = chat::Chat::default();
    traces.toast.enter();
    *traces.banner = banner::Banner::default();
    *traces.telemetry = Telemetry::default();
    *traces.blind = Blind::default();
    *traces.results = results::Results::default();
}

/// The crosshair takes the cursor's place, unless there is something to click on.
fn hide_cursor(
    panels: Res<Panels>,
    watched: Res<Watched>,
    mut cursor: Single<&mut CursorOptions, With<PrimaryWindow>>,
) {
    let visible = panels.take_input() || panels.pointer || watched.seat.is_some();
    if cursor.visible != visible {
        cursor.visible = visible;
    }
}

fn show_cursor(mut cursor: Single<&mut CursorOptions, With<PrimaryWindow>>) {
    cursor.visible = true;
}

/// What is drawn but cannot be clicked.
#[derive(bevy::ecs::system::SystemParam)]
struct Parts<'w, 's> {
    picture: Res<'w, Picture>,
    feed: Res<'w, feed::Feed>,
    toast: Res<'w, wire::Toast>,
    banner: Res<'w, banner::Banner>,
    sky: Res<'w, crate::weather::Sky>,
    telemetry: Res<'w, Telemetry>,
    switches: Res<'w, Switches>,
    blind: Res<'w, Blind>,
    results: Res<'w, results::Results>,
    house: Res<'w, host::House>,
    eye: Res<'w, crate::view::camera::Eye>,
    watched: Res<'w, Watched>,
    window: Single<'w, 's, &'static Window, With<PrimaryWindow>>,
    time: Res<'w, Time<Real>>,
}

/// Draws what cannot be clicked.
fn draw(mut contexts: EguiContexts, parts: Parts, mut panels: ResMut<Panels>, mut fingers: ResMut<Fingers>) -> Result {
    let canvas = Canvas::new(contexts.ctx_mut()?);
    let Parts { picture, telemetry, blind, sky, .. } = &parts;
    let (status, now) = (&telemetry.status, parts.time.elapsed());
    names::draw(&canvas, picture, &parts.eye, &parts.window);
    if !panels.take_input() && !panels.pointer {
        names::draw_crosshair(&canvas, picture);
    }
    let table = (panels.scores || scoreboard::is_due(picture)) && !panels.pause;
    panels.covered = table || panels.pause;
    panels.pointer = false;
    let silent = wire::silent_for(status).is_some();
    let by_touch = fingers.seen();
    let line = if blind.is_running() {
        wire::draw_blind(&canvas, sky, by_touch)
    } else {
        let mut ghosts: Vec<_> =
            telemetry.wires.iter().filter(|report| report.ghost.is_some()).map(|report| report.transport).collect();
        ghosts.sort_unstable();
        let ghosts = if panels.ghosts { &ghosts[..] } else { &[] };
        wire::draw(&canvas, status, sky, ghosts, parts.switches.truth, by_touch)
    };
    // Wire and weather would tell.
    let buttons =
        if blind.is_running() { Vec::new() } else { thumbs::draw_buttons(&canvas, &fingers, status, sky, line) };
    let corner = buttons.iter().fold(line, |corner, (_, button)| corner.union(*button));
    let clock = scoreboard::draw_summary(&canvas, picture, corner);
    if !blind.is_running() && !silent && !panels.covered {
        wire::draw_toast(&canvas, &parts.toast, clock, now);
    }
    watch::draw(&canvas, picture, &parts.watched, by_touch);
    // All keys need all the room on that side.
    if panels.right != Some(Panel::Help) || panels.covered {
        parts.feed.draw(&canvas, thumbs::feed_corner(&canvas, &fingers, corner, clock), now);
    }
    // Large words would shine through the table that is held open.
    if !panels.pause && (!panels.scores || scoreboard::is_due(picture)) {
        parts.banner.draw(&canvas, picture, now);
    }
    let told = Some(&**sky).filter(|_| !blind.is_running());
    banner::draw_silence(&canvas, status, (told, by_touch), clock);
    // No panel opens during a blind test, and whoever has no keys has a button.
    if !blind.is_running() && !by_touch {
        help::draw_hint(&canvas);
    }
    panels.left_bottom = 0.0;
    if table {
        scoreboard::draw(&canvas, picture, &parts.results);
    } else if !panels.pause {
        if panels.inviting && picture.members.values().filter(|member| !member.bot).count() > 1 {
            panels.inviting = false;
            panels.right = panels.right.filter(|panel| *panel != Panel::Invite);
        }
        if panels.right == Some(Panel::Invite) {
            invite::draw(&canvas, &Dock::new(canvas.screen, Side::Right, panels.floor), parts.house.invite());
        }
        draw_docks(&canvas, &mut panels, telemetry, (blind, sky, by_touch), corner);
    }
    thumbs::draw(&canvas, &mut fingers, picture, (&*panels, &*parts.watched), (clock, buttons));
    Ok(())
}

/// Draws the panels beside the ship that cannot be clicked. `corner` is taken by the wire and the weather.
fn draw_docks(
    canvas: &Canvas,
    panels: &mut Panels,
    telemetry: &Telemetry,
    (blind, sky, by_touch): (&Blind, &crate::weather::Sky, bool),
    corner: Rect,
) {
    let [left, right] = [Side::Left, Side::Right].map(|side| Dock::new(canvas.screen, side, panels.floor));
    let left = left.below(corner);
    // There are fewer keys to explain to fingers, and the button for the menu is up there.
    let tall = panels.right == Some(Panel::Help) && !by_touch;
    let right = if tall { right.to_the_top() } else { right };
    panels.heads = [left, right].map(|dock| dock.room.right_top());
    if !panels.chat {
        panels.left_bottom = match panels.left {
            Some(Panel::Graph) => graph::draw(canvas, &left, telemetry, (panels.ghosts, by_touch)),
            Some(Panel::Truth) => truth::draw(canvas, &left, telemetry),
            _ => 0.0,
        };
    }
    match panels.right {
        Some(Panel::Map) => map::draw(canvas, &right, telemetry),
        Some(Panel::Help) => help::draw(canvas, &right, (sky, by_touch)),
        Some(Panel::Result) => blind::draw_result(canvas, &right, blind),
        _ => {}
    }
}
