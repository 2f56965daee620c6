//! The rooms' end of the notice board: opens rooms that the lobby asks for, closes those that stay empty, tells how things are.
//!
//! Flow: [`crate::directory`] → [`open_rooms`]; [`publish`] → [`crate::directory`].

use super::receive::Faults;
use super::room::{Plan, Room};
use super::runner::{Heartbeat, Stopping};
use super::{Defaults, Maps};
use crate::directory::{DirectoryHost, OpenRoomError};
use crate::ops::memory_bytes;
use bevy::ecs::prelude::*;
use game::tick::TICK_HZ;
use protocol::lobby::{Health, NewRoom, RoomInfo};
use protocol::{RoomId, Transport, limits::PROTOCOL_VERSION};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tracing::info;
use transport::{Link, LinkSender};

/// How long a room that somebody opened stays open with nobody in it.
const EMPTY_ROOM_KEPT: Duration = Duration::from_secs(120);
/// Ticks between two reports of how things are.
const REPORT_EVERY: u32 = TICK_HZ;
/// Ticks between two lists of rooms.
const LIST_EVERY: u32 = TICK_HZ / 4;

/// The board and what is needed to fill it.
#[derive(Resource)]
pub struct Board {
    host: DirectoryHost,
    links: LinkSender,
    last_room: u32,
    started: Instant,
    ticks: u32,
}

impl Board {
    /// Returns an empty board.
    pub fn new(host: DirectoryHost, links: LinkSender) -> Self {
        Self { host, links, last_room: 0, started: Instant::now(), ticks: 0 }
    }

    /// Returns the room that `wish` describes, with the operator's settings where it says nothing.
    ///
    /// # Errors
    /// If its map does not exist.
    pub fn plan(
        &mut self,
        wish: NewRoom,
        defaults: &Defaults,
        maps: &Maps,
        permanent: bool,
    ) -> Result<Plan, OpenRoomError> {
        let map_name = wish.map.unwrap_or_else(|| defaults.map.clone());
        let map = maps.0.find(&map_name).cloned().ok_or_else(|| OpenRoomError::UnknownMap(map_name.clone()))?;
        self.last_room = self.last_room.saturating_add(1);
        let mut rules = defaults.rules;
        if let Some(seconds) = wish.match_seconds {
            rules.match_ticks = game::tick::ticks(seconds);
        }
        if let Some(limit) = wish.score_limit {
            rules.score_limit = limit;
        }
        Ok(Plan {
            id: RoomId(self.last_room),
            name: wish.name.unwrap_or_else(|| format!("Room {}", self.last_room)),
            map_name,
            map,
            seats: wish.seats.unwrap_or(defaults.seats),
            bots: wish.bots.unwrap_or(defaults.bots),
            rules,
            snapshot_hz: defaults.snapshot_hz,
            permanent,
            seed: rand::random(),
        })
    }
}

fn info_of(room: &Room) -> RoomInfo {
    RoomInfo {
        id: room.plan.id,
        name: room.plan.name.clone(),
        map: room.plan.map_name.clone(),
        seats: room.plan.seats,
        players: room.people() as u8,
        bots: room.bots() as u8,
        phase: room.arena.phase().kind,
        ..RoomInfo::default()
    }
}

/// Opens the room that is always there, with the operator's settings and, if they chose one, their `seed`.
///
/// # Errors
/// A sentence for the operator.
pub fn open_first_room(world: &mut World, seed: Option<u64>) -> Result<(), String> {
    let (defaults, maps) = (world.resource::<Defaults>().clone(), world.resource::<Maps>().clone());
    let wish = NewRoom { name: Some("Arena".into()), ..NewRoom::default() };
    let plan = world.resource_mut::<Board>().plan(wish, &defaults, &maps, true).map_err(|_| {
        let known: Vec<_> = maps.0.names().collect();
        format!("There is no map `{}`. Choose one with --map: {}.", defaults.map, known.join(", "))
    })?;
    let plan = Plan { seed: seed.unwrap_or(plan.seed), ..plan };
    let mut room = Room::open(plan, Instant::now());
    room.fill_with_bots();
    let info = info_of(&room);
    world.spawn(room);
    world.resource::<Board>().host.publish_rooms(vec![info]);
    Ok(())
}

/// Opens every room that somebody asks for.
pub fn open_rooms(
    mut board: ResMut<Board>,
    rooms: Query<&Room>,
    defaults: Res<Defaults>,
    maps: Res<Maps>,
    mut commands: Commands,
) {
    let mut open: Vec<RoomInfo> = rooms.iter().map(info_of).collect();
    while let Some(request) = board.host.try_next_request() {
        let planned = match open.len() < defaults.max_rooms {
            true => board.plan(request.room, &defaults, &maps, false),
            false => Err(OpenRoomError::TooMany),
        };
        let answer = planned.map(|plan| {
            let mut room = Room::open(plan, Instant::now());
            room.fill_with_bots();
            let info = info_of(&room);
            info!("opened room {} `{}` on {}", info.id.0, info.name, info.map);
            commands.spawn(room);
            open.push(info.clone());
            board.host.publish_rooms(open.clone());
            info
        });
        // Whoever asked may have gone; the room closes again when nobody comes.
        let _ = request.reply.send(answer);
    }
}

/// Closes rooms that somebody opened and nobody has used for a while.
pub fn close_empty(mut rooms: Query<(Entity, &mut Room)>, mut commands: Commands) {
    let now = Instant::now();
    for (entity, mut room) in &mut rooms {
        if room.people() > 0 || room.plan.permanent {
            room.empty_since = None;
            continue;
        }
        let since = *room.empty_since.get_or_insert(now);
        if now.saturating_duration_since(since) > EMPTY_ROOM_KEPT {
            info!("closed room {}, which was empty", room.plan.id.0);
            commands.entity(entity).despawn();
        }
    }
}

/// Tells the lobby how things are.
pub fn publish(
    mut board: ResMut<Board>,
    rooms: Query<&Room>,
    links: Query<&Link>,
    faults: Res<Faults>,
    heartbeat: Res<Heartbeat>,
    stopping: Res<Stopping>,
) {
    board.ticks = board.ticks.wrapping_add(1);
    if board.ticks % LIST_EVERY == 1 {
        board.host.publish_rooms(rooms.iter().map(info_of).collect());
    }
    if board.ticks % REPORT_EVERY == 1 || stopping.is_changed() {
        let count = |wire| links.iter().filter(|link| link.transport() == wire).count() as u32;
        board.host.publish_health(Health {
            status: if stopping.0 { "stopping" } else { "ok" }.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            protocol: PROTOCOL_VERSION,
            uptime_s: board.started.elapsed().as_secs(),
            rooms: rooms.iter().count() as u32,
            players: rooms.iter().map(|room| room.people() as u32).sum(),
            links: Transport::WIRES.map(|wire| (wire, count(wire))).to_vec(),
            tick_ms: heartbeat.meter.times(),
            overruns: heartbeat.overruns,
            violations: faults.violations,
            caught_panics: board.links.counters().peer_panics.load(Ordering::Relaxed),
            memory_bytes: memory_bytes(),
        });
    }
}
