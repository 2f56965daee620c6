//! Scripts: save a picture, end after a while, and fail loudly when there is nothing to see.
//!
//! A test, a build machine or somebody who writes a manual starts the client without a person in front of it. It then behaves
//! like a program: it does what it was told, ends, and its exit code says whether it worked.
//!
//! Flow: [`Args`] → here → PNG, [`AppExit`].

use crate::{
    args::Args,
    state::{Failure, Screen},
};
use bevy::{
    app::AppExit,
    prelude::*,
    render::view::screenshot::{Screenshot, ScreenshotCaptured, save_to_disk},
};
use std::time::Duration;

/// Follows the script.
pub(crate) struct ScreenshotPlugin;

impl Plugin for ScreenshotPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Script>();
        app.add_systems(OnEnter(Screen::InMatch), |mut script: ResMut<Script>, time: Res<Time<Real>>| {
            script.playing_since.get_or_insert(time.elapsed());
        });
        app.add_systems(Update, (shoot, end, fail).run_if(|args: Res<Args>| args.scripted()));
    }
}

/// How far the script is.
#[derive(Resource, Default)]
struct Script {
    playing_since: Option<Duration>,
    shooting: bool,
    saved: bool,
}

fn shoot(mut commands: Commands, args: Res<Args>, time: Res<Time<Real>>, mut script: ResMut<Script>) {
    let Some(file) = args.screenshot.clone().filter(|_| !script.shooting) else { return };
    let now = time.elapsed();
    // Without a match to wait for, the menu is what is to be seen.
    let since = if args.at_once().is_some() { script.playing_since } else { Some(Duration::ZERO) };
    let settled = since.is_some_and(|since| now.saturating_sub(since) >= SETTLE);
    let last_moment = args.exit_after.is_some_and(|end| now + SAVE >= end);
    if settled || last_moment {
        script.shooting = true;
        commands.spawn(Screenshot::primary_window()).observe(save_to_disk(file)).observe(saved);
    }
}

fn saved(_: On<ScreenshotCaptured>, mut script: ResMut<Script>) {
    script.saved = true;
}

fn end(args: Res<Args>, time: Res<Time<Real>>, script: Res<Script>, mut exit: MessageWriter<AppExit>) {
    let done = match args.exit_after {
        Some(end) => time.elapsed() >= end,
        None => script.saved,
    };
    if done {
        let missing = args.screenshot.as_ref().filter(|file| !file.exists());
        if let Some(file) = missing {
            eprintln!("No picture could be saved as {}.", file.display());
        }
        exit.write(if missing.is_some() { AppExit::error() } else { AppExit::Success });
    }
}

fn fail(screen: Res<State<Screen>>, failure: Res<Failure>, mut exit: MessageWriter<AppExit>) {
    if screen.is_changed() && *screen.get() == Screen::Failed {
        eprintln!("{}", failure.why);
        exit.write(AppExit::error());
    }
}

/// By then the camera has settled and something has been shot at.
const SETTLE: Duration = Duration::from_secs(6);
/// Time that a picture needs before the end.
const SAVE: Duration = Duration::from_secs(1);
