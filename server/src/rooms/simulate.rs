//! One tick of every room: one command per seat, the bots', one step, and what it brought.
//!
//! Flow: sessions → [`collect`] → [`fly`] ([`game::Arena::step`]) → [`tell`] → sessions.

use super::record::record;
use super::room::Room;
use super::seats::{Seat, SeatOf, Seats};
use crate::events::unix_ms;
use bevy::ecs::prelude::*;
use std::time::{Duration, Instant};

/// Takes the command of the coming tick out of every session, and how far back its rail may look.
pub fn collect(mut seats: Query<(&mut Seat, &SeatOf)>, mut rooms: Query<&mut Room>) {
    for (mut seat, of) in &mut seats {
        if let Ok(mut room) = rooms.get_mut(of.0) {
            let next = room.arena.tick().next();
            let command = seat.session.command(next);
            let at = seat.session.seat();
            room.commands.set(at, command);
            room.commands.set_behind(at, seat.session.behind(next));
        }
    }
}

/// How long a room that was opened or left goes on without anybody.
const REST_AFTER: Duration = Duration::from_secs(15);

/// Lets bots choose and steps every room, on all cores. Rooms that stay empty rest: they would cost as much as others.
pub fn fly(mut rooms: Query<(&mut Room, Has<Seats>)>) {
    let now = Instant::now();
    rooms.par_iter_mut().for_each(|(mut room, visited)| {
        let fresh = |since| now.saturating_duration_since(since) < REST_AFTER;
        if visited || room.empty_since.is_some_and(fresh) {
            room.step();
        }
    });
}

/// Tells every session what happened in its room.
pub fn tell(mut rooms: Query<(&mut Room, Option<&Seats>)>, mut seats: Query<&mut Seat>) {
    for (mut room, seated) in &mut rooms {
        if !room.happened.is_empty() {
            let told = record(&mut room, unix_ms(), rand::random());
            room.news_for_lobby.extend(told);
        }
        let (news, rails) = (room.take_news(), room.rails());
        if news.is_empty() && rails.is_empty() {
            continue;
        }
        for entity in seated.into_iter().flat_map(RelationshipTarget::iter) {
            if let Ok(mut seat) = seats.get_mut(entity) {
                news.iter().for_each(|event| seat.session.send(event));
                let (own, draws) = (seat.session.seat(), seat.session.rewind().draws());
                rails.iter().filter(|(by, _)| draws && *by == own).for_each(|(_, event)| seat.session.send(event));
            }
        }
    }
}
