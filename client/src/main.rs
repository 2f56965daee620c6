//! The player's screen: a Bevy app that shows a menu, joins a match over whichever wire, and draws it.
//!
//! Nothing is decided here. The server simulates, `transport` and `protocol` predict and interpolate; this crate asks for the
//! picture of now, draws it, and hands over what the player wants.
//!
//! Flow: command line → plugins below, in the order in which data passes through a frame.

mod args;
mod asked;
mod assets;
mod backdrop;
#[cfg_attr(target_family = "wasm", path = "web/clipboard.rs")]
mod clipboard;
mod data;
#[cfg(not(target_family = "wasm"))]
mod display;
mod doctor;
mod full_screen;
mod hud;
mod identity;
mod input;
mod invite;
mod links;
mod lobby;
mod matching;
mod menu;
mod palette;
mod picture;
#[cfg(not(target_family = "wasm"))]
mod screenshot;
mod settings;
mod sound;
mod state;
mod style;
mod touch;
mod view;
mod weather;
#[cfg(target_family = "wasm")]
mod web;

use bevy::{
    app::AppExit,
    audio::AudioPlugin,
    log::LogPlugin,
    prelude::*,
    window::{PresentMode, WindowResizeConstraints, WindowResolution},
    winit::WinitSettings,
};
use std::{num::NonZero, process::ExitCode};

fn main() -> ExitCode {
    let args = match args::Args::read() {
        Ok(args) => args,
        Err(code) => return code,
    };
    #[cfg(not(target_family = "wasm"))]
    {
        display::explain_panics();
        if !display::present() {
            return ExitCode::from(display::NO_DISPLAY);
        }
    }
    let assets = assets::AssetDir::find(args.assets.as_deref());
    let mut app = App::new();
    app.insert_resource(assets.maps()).insert_resource(assets).insert_resource(args);
    // A match goes on while another window is in front.
    app.insert_resource(WinitSettings::continuous());
    app.add_plugins((engine(), bevy_egui::EguiPlugin::default()));
    app.init_state::<state::Screen>().init_resource::<state::Failure>();
    app.add_plugins((
        settings::SettingsPlugin,
        style::StylePlugin,
        clipboard::ClipboardPlugin,
        touch::TouchPlugin,
        full_screen::FullScreenPlugin,
        menu::MenuPlugin,
        lobby::LobbyPlugin,
        matching::MatchingPlugin,
        links::LinksPlugin,
    ));
    app.add_plugins((
        weather::WeatherPlugin,
        input::InputPlugin,
        backdrop::BackdropPlugin,
        picture::PicturePlugin,
        view::ViewPlugin,
        sound::SoundPlugin,
        hud::HudPlugin,
        doctor::DoctorPlugin,
    ));
    #[cfg(not(target_family = "wasm"))]
    app.add_plugins(screenshot::ScreenshotPlugin);
    #[cfg(target_family = "wasm")]
    app.add_plugins(web::WebPlugin);
    match app.run() {
        AppExit::Success => ExitCode::SUCCESS,
        AppExit::Error(code) => ExitCode::from(code.get()),
    }
}

/// Returns Bevy with our window and a quiet log: what a player should know is on the screen.
fn engine() -> bevy::app::PluginGroupBuilder {
    let window = Window {
        title: "Crosswire".to_owned(),
        name: Some("crosswire".to_owned()),
        resolution: WindowResolution::new(1_280, 720),
        resize_constraints: smallest(),
        present_mode: PresentMode::AutoVsync,
        // A second frame in the queue would be a frame of delay that no wire can win back.
        desired_maximum_frame_latency: NonZero::new(1),
        // In a page: which canvas, as large as the page, and no key or click of the game's is the browser's as well.
        canvas: Some("#game".to_owned()),
        fit_canvas_to_parent: true,
        prevent_default_event_handling: true,
        ..default()
    };
    let engine = DefaultPlugins
        .set(WindowPlugin { primary_window: Some(window), ..default() })
        .set(LogPlugin { filter: LOG_FILTER.to_owned(), ..default() });
    if sound::audible() { engine } else { engine.disable::<AudioPlugin>() }
}

/// Returns the smallest window in which everything has its place. A page takes what there is: a phone is smaller.
fn smallest() -> WindowResizeConstraints {
    if cfg!(target_family = "wasm") {
        return WindowResizeConstraints::default();
    }
    WindowResizeConstraints { min_width: 640.0, min_height: 400.0, ..default() }
}

/// A browser's console belongs to the page's own faults. That a page that did not come over https has no gamepads is none.
#[cfg(target_family = "wasm")]
const LOG_FILTER: &str = "error,client=info,gilrs_core=off";
/// Audio and input libraries complain about missing devices at a level that scares people.
#[cfg(not(target_family = "wasm"))]
const LOG_FILTER: &str = "warn,client=info,renet=error,renetcode=off,wgpu=error,naga=error,winit=error,bevy_winit=error,gilrs=error,gilrs_core=error,alsa=error";
