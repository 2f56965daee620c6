//! The presence in a match: feeds the player's session every frame and passes on what it says.
//!
//! [`Player`] does the work (links, clock, prediction, interpolation); this is its place in the frame. Bytes are taken in first
//! and handed out last, so that nothing waits for a frame that it need not wait for.
//!
//! Flow: [`SeatGranted`] → [`Player`] → [`Told`] (events), [`Picture`] (what to draw); [`crate::input`] → [`Player`] → wire.

use crate::{
    args::Args,
    assets::Maps,
    input::{Autopilot, Stick},
    lobby::{Lobby, SeatGranted},
    picture::{FrameSystems, Picture, Source, shots},
    settings::Settings,
    state::{ENDED, Failure, NOT_JOINED, SENT_AWAY, Screen},
    weather::Sky,
};
use bevy::prelude::*;
use protocol::Transport;
use transport::player::{Entry, Player, PlayerEvent};
use web_time::{Duration, Instant};

/// Runs the presence in a match.
pub(crate) struct LinksPlugin;

impl Plugin for LinksPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Leaving>();
        app.add_message::<Told>().add_message::<LeaveMatch>().add_message::<SwitchWire>().add_message::<BestWire>();
        app.add_systems(
            Update,
            (enter, receive.run_if(resource_exists::<Match>)).chain().in_set(FrameSystems::Receive),
        );
        app.add_systems(Update, wave.in_set(FrameSystems::Receive));
        app.add_systems(
            Update,
            (leave, switch, fly).chain().run_if(resource_exists::<Match>).in_set(FrameSystems::Fly),
        );
        app.add_systems(Last, part.run_if(on_message::<AppExit>));
    }
}

/// The match that we are in, or are getting into.
#[derive(Resource)]
pub(crate) struct Match {
    /// Our presence.
    pub(crate) player: Player,
}

/// Presences that have said goodbye and need a moment for it to get out.
#[derive(Resource, Default)]
struct Leaving(Vec<(Player, Instant)>);

/// Something the session told.
#[derive(Message)]
pub(crate) struct Told(pub(crate) PlayerEvent);

/// Please give up the seat and return to the menu.
#[derive(Message)]
pub(crate) struct LeaveMatch;

/// Please drive on another wire.
#[derive(Message)]
pub(crate) struct SwitchWire(pub(crate) Transport);

/// Please drive on the best wire that works.
#[derive(Message)]
pub(crate) struct BestWire;

fn enter(
    mut granted: MessageReader<SeatGranted>,
    mut commands: Commands,
    lobby: Res<Lobby>,
    maps: Res<Maps>,
    (args, mut sky, settings): (Res<Args>, ResMut<Sky>, Res<Settings>),
    mut failure: ResMut<Failure>,
    mut next: ResMut<NextState<Screen>>,
) {
    let Some(seat) = granted.read().last() else { return };
    let maps = match &maps.0 {
        Ok(maps) => maps.clone(),
        Err(why) => {
            *failure = Failure { title: NOT_JOINED, why: why.clone(), advice: "Then try again." };
            return next.set(Screen::Failed);
        }
    };
    let entry = Entry {
        lobby: seat.lobby.clone(),
        guest: seat.guest.clone(),
        grant: seat.grant.clone(),
        maps,
        wire: seat.wire,
        first: settings.worked_on(&settings.server),
        options: args.wire_options(),
        weather: sky.station(),
    };
    let player = Player::join(lobby.runtime(), entry, Instant::now());
    sky.look(&player);
    commands.insert_resource(Match { player });
    commands.insert_resource(Autopilot::new(args.autopilot, seat.guest.player.0));
}

fn receive(
    mut the_match: ResMut<Match>,
    (screen, mut settings): (Res<State<Screen>>, ResMut<Settings>),
    mut told: MessageWriter<Told>,
    mut failure: ResMut<Failure>,
    mut next: ResMut<NextState<Screen>>,
    mut commands: Commands,
) {
    let now = Instant::now();
    the_match.player.update(now);
    while let Some(event) = the_match.player.poll_event() {
        if let PlayerEvent::Ended { why } = &event {
            let playing = *screen.get() == Screen::InMatch;
            let (title, advice) = match playing {
                _ if the_match.player.status(now).sent_away => (SENT_AWAY, ""),
                true => (ENDED, "If your seat is still kept, Reconnect puts you back into it."),
                false => (NOT_JOINED, "Try again, or choose another wire in the menu."),
            };
            *failure = Failure { title, why: why.clone(), advice };
            next.set(Screen::Failed);
            commands.remove_resource::<Match>();
        }
        if let PlayerEvent::Drives { transport, .. } = &event
            && the_match.player.is_auto()
        {
            settings.remember(*transport);
        }
        told.write(Told(event));
    }
}

/// Flies every tick that is due, hands the bytes out, and asks what to draw.
fn fly(
    mut the_match: ResMut<Match>,
    mut stick: ResMut<Stick>,
    mut autopilot: ResMut<Autopilot>,
    mut picture: ResMut<Picture>,
    screen: Res<State<Screen>>,
    mut next: ResMut<NextState<Screen>>,
) {
    let player = &mut the_match.player;
    let now = Instant::now();
    while player.due(now).is_some() {
        let command = match (autopilot.pilot(), player.view(), player.map()) {
            (Some(bot), Some(view), Some(map)) => bot.fly(view, map),
            _ => stick.take_command(),
        };
        player.fly(command);
    }
    player.flush(now);

    let Some(mut scene) = player.scene(now) else { return };
    let stopped = player.map().map(|map| shots::stop_at_walls(&mut scene.bolts, map)).unwrap_or_default();
    if *screen.get() == Screen::Connecting {
        next.set(Screen::InMatch);
    }
    if *screen.get() == Screen::InMatch {
        *picture = Picture {
            source: Source::Match,
            map: player.map().cloned(),
            scene: Some(scene),
            stopped,
            members: player.roster().clone(),
            own_aim: autopilot.pilot().is_none().then(|| stick.aim()),
        };
    }
}

fn switch(mut wanted: MessageReader<SwitchWire>, mut best: MessageReader<BestWire>, mut the_match: ResMut<Match>) {
    if best.read().last().is_some() {
        the_match.player.auto(Instant::now());
    }
    if let Some(SwitchWire(transport)) = wanted.read().last() {
        the_match.player.switch(*transport, Instant::now());
    }
}

fn leave(world: &mut World) {
    let wanted = !world.resource_mut::<Messages<LeaveMatch>>().drain().collect::<Vec<_>>().is_empty();
    if wanted && give_up_seat(world) {
        world.resource_mut::<NextState<Screen>>().set(Screen::Menu);
    }
}

/// Gives the seat up when the window is closed: others need not wait for somebody who left.
fn part(world: &mut World) {
    if give_up_seat(world) {
        // The tasks that carry the farewell end with the process; those of a page go on.
        #[cfg(not(target_family = "wasm"))]
        std::thread::sleep(FAREWELL);
    }
}

/// Gives the seat up, if there is one. Returns whether there was.
fn give_up_seat(world: &mut World) -> bool {
    let Some(Match { mut player }) = world.remove_resource::<Match>() else { return false };
    let now = Instant::now();
    player.leave(now);
    world.resource_mut::<Lobby>().leave_room();
    world.resource_mut::<Leaving>().0.push((player, now));
    true
}

/// Feeds presences that are leaving until their farewell is out.
fn wave(mut leaving: ResMut<Leaving>) {
    if leaving.0.is_empty() {
        return;
    }
    let now = Instant::now();
    leaving.0.iter_mut().for_each(|(player, _)| player.update(now));
    leaving.0.retain(|(_, since)| now.saturating_duration_since(*since) < GOODBYE);
}

/// A farewell is out after a frame or two; this is how long the process waits for it at its own end.
#[cfg(not(target_family = "wasm"))]
const FAREWELL: Duration = Duration::from_millis(100);
/// After this nobody listens to a farewell any more.
const GOODBYE: Duration = Duration::from_secs(2);
