//! The rooms' end of the notice board: opens rooms that the lobby asks for, closes those that stay
//! empty, tells how things are.
//!
//! Flow: [`crate::directory`] → [`serve_requests`] ([`super::orders`]); [`publish`] → [`crate::directory`].

use super::door::Door;
use super::orders::obey;
use super::receive::Faults;
use super::room::{Plan, Room};
use super::runner::{Heartbeat, Stopping};
use super::seats::{Seat, Seats};
use super::{Defaults, Maps};
use crate::directory::{DirectoryHost, OpenRoom, OpenRoomError, OrderError, Request, RoomEntry, RoomNews};
use crate::ops::memory_bytes;
use crate::password::Password;
use bevy::ecs::prelude::*;
use game::tick::TICK_HZ;
use protocol::invite::InviteCode;
use protocol::lobby::{Health, LobbyEvent, Member, Mode, NewRoom, RoomInfo};
use protocol::{PlayerId, RoomId, Transport, limits::PROTOCOL_VERSION};
use std::collections::BTreeMap;
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

    /// Tells the lobby of a room that has just been opened, which is `entry` among `open`.
    fn opened(&self, entry: &RoomEntry, open: Vec<RoomEntry>) {
        self.host.publish_rooms(open);
        self.host.tell(RoomNews::Event(LobbyEvent::RoomOpened { room: entry.info.clone() }));
    }
}

/// Rooms and who is in them.
type Houses<'w, 's> = Query<'w, 's, (Entity, &'static mut Room, Option<&'static Seats>)>;

/// Returns everything that the lobby may know of a room. Who is on the way out is not in it any more.
fn entry_of<'a>(room: &Room, seats: impl Iterator<Item = &'a Seat>) -> RoomEntry {
    let mut members: Vec<Member> = seats.filter(|seat| seat.given_up.is_none()).map(Seat::member).collect();
    members.sort_by_key(|member| (member.seat.is_none(), member.seat, member.player));
    let count = |seated| members.iter().filter(|member| member.seat.is_some() == seated).count() as u8;
    let Door { code, private, password, reserved, banned, host, .. } = room.door.clone();
    let info = RoomInfo {
        id: room.plan.id,
        name: room.plan.name.clone(),
        mode: Mode::Skirmish,
        map: room.plan.map_name.clone(),
        seats: room.plan.seats,
        players: count(true),
        bots: room.bots() as u8,
        spectators: count(false),
        phase: room.arena.phase().kind,
        private,
        locked: password.is_some(),
        host,
    };
    RoomEntry { info, code, password, reserved, banned, members }
}

fn entries<'a>(
    rooms: impl Iterator<Item = (Entity, &'a Room, Option<&'a Seats>)>,
    seats: &Query<&mut Seat>,
) -> Vec<RoomEntry> {
    let inside = |seated: Option<&'a Seats>| {
        seated.into_iter().flat_map(RelationshipTarget::iter).filter_map(|seat| seats.get(seat).ok())
    };
    rooms.filter(|(_, room, _)| !room.closing).map(|(_, room, seated)| entry_of(room, inside(seated))).collect()
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
    let now = Instant::now();
    let mut room = Room::open(plan, Door::new(InviteCode::from_random(rand::random()), None, now), now);
    room.fill_with_bots();
    let entry = entry_of(&room, std::iter::empty());
    world.spawn(room);
    world.resource::<Board>().opened(&entry, vec![entry.clone()]);
    Ok(())
}

/// Opens every room that somebody asks for, and carries out orders.
pub fn serve_requests(
    mut board: ResMut<Board>,
    mut rooms: Houses<'_, '_>,
    mut seats: Query<&mut Seat>,
    defaults: Res<Defaults>,
    maps: Res<Maps>,
    mut commands: Commands,
) {
    let mut fresh: Vec<RoomEntry> = Vec::new();
    let mut answers = Vec::new();
    while let Some(request) = board.host.try_next_request() {
        match request {
            Request::Open { room, reply } => {
                if let Some(host) = room.host {
                    make_place(host, &mut rooms, &seats);
                }
                let mut open = entries(rooms.iter(), &seats);
                open.extend(fresh.iter().cloned());
                let answer = may_open(&room, &open, defaults.max_rooms)
                    .and_then(|()| open_room(&mut board, room, &defaults, &maps, &open));
                let answer = answer.map(|room| {
                    let entry = entry_of(&room, std::iter::empty());
                    info!("opened room {} `{}` on {}", entry.info.id.0, entry.info.name, entry.info.map);
                    commands.spawn(room);
                    open.push(entry.clone());
                    fresh.push(entry.clone());
                    board.opened(&entry, open);
                    entry
                });
                answers.push((reply, answer));
            }
            Request::Order { order, reply } => {
                let found = rooms.iter_mut().find(|(_, room, _)| room.plan.id == order.room() && !room.closing);
                let done = found.ok_or(OrderError::UnknownRoom).and_then(|(_, mut room, seated)| {
                    let inside: Vec<Entity> = seated.into_iter().flat_map(RelationshipTarget::iter).collect();
                    let private = room.door.private;
                    obey(&order, &mut room, &inside, &mut seats, &maps)?;
                    let entry = entry_of(&room, inside.iter().filter_map(|seat| seats.get(*seat).ok()));
                    if entry.info.private != private {
                        // Among its other news, so that strangers hear of those before and after what they should.
                        room.news_for_lobby.push(RoomNews::Outside(seen_from_outside(&entry.info)));
                    }
                    Ok(entry)
                });
                if done.is_ok() {
                    let mut open = entries(rooms.iter(), &seats);
                    open.extend(fresh.iter().cloned());
                    board.host.publish_rooms(open);
                }
                let _ = reply.send(done);
            }
        }
    }
    // Only now, so that nobody orders anything of a room that is there from the next tick on. Whoever asked may have gone; the room closes
    // again when nobody comes.
    for (reply, answer) in answers {
        let _ = reply.send(answer);
    }
}

/// Returns what strangers see of a room that has just turned private or public.
fn seen_from_outside(room: &RoomInfo) -> LobbyEvent {
    match room.private {
        true => LobbyEvent::RoomClosed { room: room.id },
        false => LobbyEvent::RoomOpened { room: room.clone() },
    }
}

/// Closes the room that `host` leads, if it is empty and they have left it or never came: it would only be in the way of their next one.
fn make_place(host: PlayerId, rooms: &mut Houses<'_, '_>, seats: &Query<&mut Seat>) {
    let now = Instant::now();
    for (_, mut room, seated) in rooms.iter_mut().filter(|(_, room, _)| room.door.is_left_by(host, now)) {
        let mut inside = seated.into_iter().flat_map(RelationshipTarget::iter);
        if inside.all(|seat| seats.get(seat).is_ok_and(|seat| seat.given_up.is_some())) {
            room.closing = true;
        }
    }
}

/// Decides whether a room may be opened beside those that are `open`. It is decided here, because here one comes after the other.
fn may_open(asked: &OpenRoom, open: &[RoomEntry], max_rooms: usize) -> Result<(), OpenRoomError> {
    let led = asked.host.and_then(|host| open.iter().find(|room| room.info.host == Some(host)));
    if let Some(RoomEntry { info, .. }) = led {
        return Err(OpenRoomError::Leads(info.id, info.name.clone()));
    }
    let ordinary = open.iter().filter(|room| room.reserved.is_empty()).count();
    let for_ordinary = max_rooms.saturating_sub(kept_for_matches(max_rooms));
    let fits = open.len() < max_rooms && (!asked.reserved.is_empty() || ordinary < for_ordinary);
    if fits { Ok(()) } else { Err(OpenRoomError::TooMany) }
}

/// Returns how many of `max_rooms` are for those whom the matchmaker has put together: a quarter, whoever else opens rooms.
fn kept_for_matches(max_rooms: usize) -> usize {
    if max_rooms < 2 { 0 } else { (max_rooms / 4).max(1) }
}

fn open_room(
    board: &mut Board,
    asked: OpenRoom,
    defaults: &Defaults,
    maps: &Maps,
    open: &[RoomEntry],
) -> Result<Room, OpenRoomError> {
    let OpenRoom { mut wish, host, reserved } = asked;
    let (private, password) = (wish.private, wish.password.take());
    let plan = board.plan(wish, defaults, maps, false)?;
    let now = Instant::now();
    let mut door = Door::new(fresh_code(open), host, now);
    door.private = private;
    door.password = password.map(|text| Password::new(&text, rand::random()));
    door.reserved = reserved;
    let mut room = Room::open(plan, door, now);
    room.fill_with_bots();
    Ok(room)
}

/// Returns a code that leads into none of the `open` rooms.
fn fresh_code(open: &[RoomEntry]) -> InviteCode {
    loop {
        let code = InviteCode::from_random(rand::random());
        if open.iter().all(|room| room.code != code) {
            return code;
        }
    }
}

/// Sees to it that every room that is led has a host who is there, and that nobody leads two.
pub fn settle_hosts(mut rooms: Query<(&mut Room, Option<&Seats>)>, seats: Query<&Seat>) {
    let now = Instant::now();
    let led = rooms.iter().filter(|(room, _)| !room.closing);
    let mut leads: BTreeMap<PlayerId, RoomId> =
        led.filter_map(|(room, _)| Some((room.door.host?, room.plan.id))).collect();
    for (mut room, seated) in &mut rooms {
        if room.door.host.is_none() {
            continue;
        }
        let inside = seated.into_iter().flat_map(RelationshipTarget::iter).filter_map(|seat| seats.get(seat).ok());
        let (mut flying, mut watching) = (Vec::<(PlayerId, Instant)>::new(), Vec::new());
        for seat in inside.filter(|seat| seat.given_up.is_none()) {
            match seat.session.seat().watches() {
                true => watching.push(seat.session.player()),
                false => flying.push((seat.session.player(), seat.since)),
            }
        }
        let id = room.plan.id;
        flying.retain(|(player, _)| leads.get(player).is_none_or(|led| *led == id));
        room.door.settle(&flying, &watching, now);
        leads.extend(room.door.host.map(|host| (host, id)));
    }
}

/// Closes rooms that were told to close, and those that somebody opened and nobody has used for a while.
pub fn close_empty(mut rooms: Houses<'_, '_>, board: Res<Board>, mut commands: Commands) {
    let now = Instant::now();
    for (entity, mut room, seats) in &mut rooms {
        let inside = seats.map_or(0, |seats| seats.iter().count());
        if !room.closing && (inside > 0 || room.plan.permanent) {
            room.empty_since = None;
            continue;
        }
        let since = *room.empty_since.get_or_insert(now);
        let unused = now.saturating_duration_since(since) > EMPTY_ROOM_KEPT;
        if inside == 0 && (room.closing || unused) {
            info!("closed room {}, which was empty", room.plan.id.0);
            room.news_for_lobby.drain(..).for_each(|news| board.host.tell(news));
            board.host.tell(RoomNews::Event(LobbyEvent::RoomClosed { room: room.plan.id }));
            commands.entity(entity).despawn();
        }
    }
}

/// Tells the lobby how things are.
pub fn publish(
    mut board: ResMut<Board>,
    mut rooms: Houses<'_, '_>,
    seats: Query<&mut Seat>,
    links: Query<&Link>,
    faults: Res<Faults>,
    heartbeat: Res<Heartbeat>,
    stopping: Res<Stopping>,
) {
    board.ticks = board.ticks.wrapping_add(1);
    // Who has come or gone is known at once: a host may want to act on it.
    let mut news = false;
    for (_, mut room, _) in rooms.iter_mut().filter(|(_, room, _)| !room.news_for_lobby.is_empty()) {
        news = true;
        room.news_for_lobby.drain(..).for_each(|news| board.host.tell(news));
    }
    if news || board.ticks % LIST_EVERY == 1 {
        board.host.publish_rooms(entries(rooms.iter(), &seats));
    }
    if board.ticks % REPORT_EVERY == 1 || stopping.is_changed() {
        let count = |wire| links.iter().filter(|link| link.transport() == wire).count() as u32;
        board.host.publish_health(Health {
            status: if stopping.0 { "stopping" } else { "ok" }.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            protocol: PROTOCOL_VERSION,
            uptime_s: board.started.elapsed().as_secs(),
            rooms: rooms.iter().count() as u32,
            players: rooms.iter().map(|(_, room, _)| room.people() as u32).sum(),
            links: Transport::ALL.map(|wire| (wire, count(wire))).to_vec(),
            tick_ms: heartbeat.meter.times(),
            overruns: heartbeat.overruns,
            violations: faults.violations,
            caught_panics: board.links.counters().peer_panics.load(Ordering::Relaxed),
            memory_bytes: memory_bytes(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: PlayerId = PlayerId(1);

    fn entry(id: u32, host: Option<PlayerId>, reserved: &[PlayerId]) -> RoomEntry {
        let info = RoomInfo { id: RoomId(id), name: format!("Room {id}"), host, ..RoomInfo::default() };
        let code = InviteCode::from_random(u64::from(id));
        RoomEntry { info, code, password: None, reserved: reserved.to_vec(), banned: vec![], members: vec![] }
    }

    fn asked(host: Option<PlayerId>, reserved: &[PlayerId]) -> OpenRoom {
        OpenRoom { host, reserved: reserved.to_vec(), ..OpenRoom::default() }
    }

    #[test]
    fn everybody_leads_one_room_at_most() {
        let open = [entry(1, None, &[]), entry(2, Some(ADA), &[])];
        let leads = OpenRoomError::Leads(RoomId(2), "Room 2".into());
        assert_eq!(may_open(&asked(Some(ADA), &[]), &open, 32), Err(leads));
        assert_eq!(may_open(&asked(Some(PlayerId(2)), &[]), &open, 32), Ok(()));
        assert_eq!(may_open(&asked(None, &[]), &open, 32), Ok(()), "quick joins open rooms that nobody leads");
        assert_eq!(may_open(&asked(None, &[ADA]), &open, 32), Ok(()), "so does the matchmaker");
    }

    #[test]
    fn a_quarter_of_the_rooms_is_kept_for_matches() {
        assert_eq!([1, 2, 3, 4, 8, 32].map(kept_for_matches), [0, 1, 1, 1, 2, 8]);
        let (ordinary, matched) = (asked(Some(ADA), &[]), asked(None, &[ADA]));
        let mut open: Vec<_> = (1..=6).map(|id| entry(id, None, &[])).collect();
        assert_eq!(may_open(&ordinary, &open, 8), Err(OpenRoomError::TooMany));
        assert_eq!(may_open(&matched, &open, 8), Ok(()));
        open.extend((7..=8).map(|id| entry(id, None, &[ADA])));
        assert_eq!(may_open(&matched, &open, 8), Err(OpenRoomError::TooMany), "all rooms are open");
        let busy: Vec<_> = (1..=5).map(|id| entry(id, None, &[ADA])).collect();
        assert_eq!(may_open(&ordinary, &busy, 8), Ok(()), "matches do not use up what is for everybody");
        assert_eq!(may_open(&ordinary, &[], 1), Ok(()));
    }
}
