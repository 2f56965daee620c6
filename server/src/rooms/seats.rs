//! Seats of people: their session, their links, and what they say and want besides flying.
//!
//! Flow: [`super::greet`] spawns → [`attend`] → room news; despawned when given up, taken over or kept long enough.

use super::greet::Doorman;
use super::receive::LinkIndex;
use super::record::leaves;
use super::room::Room;
use crate::directory::RoomNews;
use crate::events::unix_ms;
use crate::matchmaker::Rules;
use bevy::ecs::prelude::*;
use protocol::CloseReason;
use protocol::limits::{CHAT_BURST, CHAT_PER_SECOND};
use protocol::lobby::{LobbyEvent, Member};
use protocol::names::clean_chat;
use protocol::session::bucket::TokenBucket;
use protocol::session::server::{ServerSession, SessionEvent};
use protocol::wire::event::{ClientEvent, ServerEvent};
use std::time::{Duration, Instant};
use tracing::{debug, info};
use transport::Link;

/// How long those who accepted a match may take to come: the life of a grant.
const OTHERS_AWAITED: Duration = Duration::from_secs(30);

/// The room that a seat belongs to.
#[derive(Component)]
#[relationship(relationship_target = Seats)]
pub struct SeatOf(pub Entity);

/// The seats of people in a room. They go with it.
#[derive(Component, Default)]
#[relationship_target(relationship = SeatOf, linked_spawn)]
pub struct Seats(Vec<Entity>);

/// A person's place in a room.
#[derive(Component)]
pub struct Seat {
    /// Their session.
    pub session: ServerSession,
    /// Allowance of chat lines.
    chat: TokenBucket,
    /// The session was given up, and why its links are closed; the seat goes away at the end of this tick.
    pub given_up: Option<CloseReason>,
    /// Since when it has been theirs.
    pub since: Instant,
}

impl Seat {
    /// Returns the seat of `session`.
    pub fn new(session: ServerSession, now: Instant) -> Self {
        Self { session, chat: TokenBucket::new(CHAT_PER_SECOND, CHAT_BURST, now), given_up: None, since: now }
    }
}

impl Seat {
    /// Returns what the lobby may know of them.
    pub fn member(&self) -> Member {
        let session = &self.session;
        Member {
            player: session.player(),
            name: session.name().to_owned(),
            seat: Some(session.seat()).filter(|seat| !seat.watches()).map(|seat| seat.0),
            wire: session.driving().map(|(_, wire)| wire),
        }
    }
}

/// Looks after every session: what is due, what they said, who left.
pub fn attend(
    mut seats: Query<(Entity, &mut Seat, &SeatOf)>,
    mut rooms: Query<&mut Room>,
    links: Query<&Link>,
    index: Res<LinkIndex>,
    mut doorman: ResMut<Doorman>,
    mut commands: Commands,
) {
    let now = Instant::now();
    for (entity, mut seat, of) in &mut seats {
        let Ok(mut room) = rooms.get_mut(of.0) else { continue };
        seat.session.handle_timeout(now);
        while let Some(event) = seat.session.poll_event() {
            obey(&mut seat, &mut room, event, now);
        }
        while let Some(close) = seat.session.poll_close() {
            if let Some(link) = index.find(close.link).and_then(|entity| links.get(entity).ok()) {
                link.close(close.reason);
            }
        }
        if let Some(reason) = seat.given_up {
            index
                .links_of(&seat.session)
                .filter_map(|entity| links.get(entity).ok())
                .for_each(|link| link.close(reason));
            doorman.forget(seat.session.id());
            // Before the ship is gone, and its score with it.
            let (at, kicked) = (seat.session.seat(), reason == CloseReason::Kicked);
            let result = leaves(&mut room, at, kicked, unix_ms(), rand::random());
            room.news_for_lobby.extend(result);
            room.leave(at);
            let (player, name) = (seat.session.player(), seat.session.name().to_owned());
            let left = LobbyEvent::PlayerLeft { room: room.plan.id, player, name };
            room.news_for_lobby.push(RoomNews::Event(left));
            commands.entity(entity).despawn();
        }
    }
}

fn obey(seat: &mut Seat, room: &mut Room, event: SessionEvent, now: Instant) {
    let at = seat.session.seat();
    let name = seat.session.name();
    match event {
        SessionEvent::Client(ClientEvent::Chat(line)) => {
            if seat.chat.take(now)
                && let Some(line) = clean_chat(&line)
            {
                room.announce(ServerEvent::Chat { seat: at, line });
            }
        }
        SessionEvent::Client(ClientEvent::Rewind { compensate, draw }) => seat.session.set_rewind(compensate, draw),
        SessionEvent::Client(ClientEvent::Copies(twice)) => seat.session.set_twice(twice),
        SessionEvent::Client(ClientEvent::Leave) => {
            info!("{name} left room {}", room.plan.id.0);
            seat.given_up = Some(CloseReason::Done);
        }
        SessionEvent::Away if seat.given_up.is_some() => {}
        SessionEvent::Away => {
            info!("{name} lost all links; the seat is kept");
            room.set_away(at, true);
        }
        SessionEvent::Back => room.set_away(at, false),
        SessionEvent::Expired => {
            info!("{name} did not come back; the seat is free again");
            seat.given_up = Some(CloseReason::Done);
        }
        SessionEvent::Overflow => {
            debug!("{name} left too many events unread");
            seat.given_up = Some(CloseReason::SlowReader);
        }
    }
}

/// Keeps as many bots as are wished for and find room. Who waits in vain for those whom the matchmaker found gets company, too.
pub fn seat_bots(mut rooms: Query<&mut Room>) {
    let now = Instant::now();
    for mut room in &mut rooms {
        let alone = (1..game::MIN_SHIPS).contains(&room.people());
        if alone && room.plan.bots == 0 && !room.door.reserved.is_empty() && room.door.age(now) > OTHERS_AWAITED {
            info!("nobody else came to room {}; bots do", room.plan.id.0);
            room.plan.bots = Rules::default().ships_with_bots.saturating_sub(1);
        }
        room.fill_with_bots();
    }
}
