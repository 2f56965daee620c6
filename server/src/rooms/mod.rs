//! The rooms: a headless Bevy app in which one `update` is one tick.
//!
//! A room is an entity with its [`room::Room`]; seats are entities related to it ([`seats::SeatOf`]), each with one session; links
//! are entities that a transport spawned. The systems run in the order of the data:
//!
//! ```text
//! PreUpdate    LinkSystems::Poll   transports hand over links and messages
//!              receive             messages → sessions            [receive]
//!              greet               first messages → seats         [greet]
//!              serve_requests      the lobby's wishes and orders  [board]
//! FixedUpdate  fly                 one command per seat and tick, bots, Arena::step, on all cores   [simulate]
//! PostUpdate   tell                what happened → sessions       [simulate]
//!              attend              timeouts, chat, farewells      [seats]
//!              snapshots           views → sessions, on all cores [send]
//!              send                sessions → links               [send]
//!              LinkSystems::Flush  transports write to their sockets
//!              publish             what the lobby may know        [board]
//! ```
//!
//! Flow: transport → here → [`game::Arena`] → here → transport; [`crate::directory`] on the side.

pub mod board;
pub mod door;
pub mod greet;
pub mod orders;
pub mod receive;
pub mod record;
pub mod room;
pub mod runner;
pub mod seats;
pub mod send;
pub mod simulate;

use crate::directory::DirectoryHost;
use bevy::app::{App, FixedUpdate, Plugin, PostUpdate, PreUpdate, TaskPoolPlugin};
use bevy::ecs::prelude::*;
use bevy::ecs::schedule::{Schedules, SingleThreadedExecutor};
use bevy::time::{Fixed, Time, TimePlugin, TimeUpdateStrategy};
use game::tick::TICK_HZ;
use protocol::grant::Sealer;
use transport::maps::MapShelf;
use transport::{LinkSender, LinkSystems};

/// What every room is opened with where its founder names nothing else.
#[derive(Resource, Clone, Debug)]
pub struct Defaults {
    /// Map, by file name without the ending.
    pub map: String,
    /// Places.
    pub seats: u8,
    /// Bots in empty places.
    pub bots: u8,
    /// Rules of its matches.
    pub rules: game::Rules,
    /// Snapshots per second: 20, 30 or 60.
    pub snapshot_hz: u32,
    /// Rooms that may be open at once.
    pub max_rooms: usize,
}

/// The maps of this machine.
#[derive(Resource, Clone, Debug)]
pub struct Maps(pub MapShelf);

/// Wires the rooms. Transports come as plugins of their own.
pub struct RoomsPlugin {
    defaults: Defaults,
    maps: MapShelf,
    doorman: std::sync::Mutex<Option<(Sealer, DirectoryHost, LinkSender)>>,
}

impl RoomsPlugin {
    /// Returns the plugin of a server with these settings.
    pub const fn new(
        defaults: Defaults,
        maps: MapShelf,
        sealer: Sealer,
        host: DirectoryHost,
        links: LinkSender,
    ) -> Self {
        Self { defaults, maps, doorman: std::sync::Mutex::new(Some((sealer, host, links))) }
    }
}

impl Plugin for RoomsPlugin {
    fn build(&self, app: &mut App) {
        let taken = self.doorman.lock().ok().and_then(|mut slot| slot.take());
        if let Some((sealer, host, links)) = taken {
            app.insert_resource(greet::Doorman::new(sealer)).insert_resource(board::Board::new(host, links));
        }
        app.add_plugins((TaskPoolPlugin::default(), TimePlugin))
            .insert_resource(TimeUpdateStrategy::FixedTimesteps(1))
            .insert_resource(Time::<Fixed>::from_hz(f64::from(TICK_HZ)))
            .insert_resource(self.defaults.clone())
            .insert_resource(Maps(self.maps.clone()))
            .init_resource::<receive::LinkIndex>()
            .init_resource::<receive::Ended>()
            .init_resource::<receive::Faults>()
            .init_resource::<runner::Heartbeat>()
            .init_resource::<runner::Stopping>()
            .add_observer(receive::link_closed)
            .add_systems(
                PreUpdate,
                (receive::index_links, receive::receive, receive::detach, greet::greet, board::serve_requests)
                    .chain()
                    .after(LinkSystems::Poll),
            )
            .add_systems(FixedUpdate, (simulate::collect, simulate::fly).chain())
            .add_systems(
                PostUpdate,
                (simulate::tell, seats::attend, seats::seat_bots, send::snapshots, send::send)
                    .chain()
                    .before(LinkSystems::Flush),
            )
            .add_systems(
                PostUpdate,
                (board::settle_hosts, board::publish, board::close_empty).chain().after(LinkSystems::Flush),
            );
    }

    /// The systems form one chain, so there is nothing to run side by side but what they spread over the cores themselves; a
    /// scheduler with threads would only add its wake-ups to every tick.
    fn finish(&self, app: &mut App) {
        for (_, schedule) in app.world_mut().resource_mut::<Schedules>().iter_mut() {
            schedule.set_executor(SingleThreadedExecutor::new());
        }
    }
}
