//! What hosts, the operator and the matchmaker order: send somebody away, change the room, begin the match, close.
//!
//! Flow: [`crate::directory`] → [`super::board::serve_requests`] → here → [`Room`], [`Seat`]s, which [`super::seats::attend`] clears.

use super::Maps;
use super::record::break_off;
use super::room::Room;
use super::seats::Seat;
use crate::directory::{Order, OrderError};
use crate::events::unix_ms;
use crate::password::Password;
use bevy::ecs::prelude::*;
use protocol::CloseReason;
use protocol::invite::InviteCode;
use protocol::lobby::RoomChange;
use tracing::info;

/// Carries out `order` in its room, in which `inside` are.
///
/// # Errors
/// See [`OrderError`]; nothing has changed then.
pub(super) fn obey(
    order: &Order,
    room: &mut Room,
    inside: &[Entity],
    seats: &mut Query<&mut Seat>,
    maps: &Maps,
) -> Result<(), OrderError> {
    match order {
        Order::Kick { player, .. } => {
            // Where everybody can walk in, another code would only lock out those who were invited.
            let code = if room.door.private { InviteCode::from_random(rand::random()) } else { room.door.code };
            room.door.ban(*player, code);
            send_away(seats, inside, CloseReason::Kicked, |seat| seat.session.player() == *player);
            info!("player {} was sent away from room {}", player.0, room.plan.id.0);
        }
        Order::Change { change, .. } => alter(room, change, maps)?,
        Order::Start { .. } if room.arena.seated().count() < game::MIN_SHIPS => return Err(OrderError::TooFew),
        Order::Start { .. } => {
            // Before the scores are gone.
            let result = break_off(room, unix_ms());
            room.news_for_lobby.extend(result);
            room.arena.restart();
        }
        Order::Close { .. } if room.plan.permanent => return Err(OrderError::Permanent),
        Order::Close { .. } => {
            let result = break_off(room, unix_ms());
            room.news_for_lobby.extend(result);
            room.closing = true;
            send_away(seats, inside, CloseReason::RoomClosed, |_| true);
            info!("room {} was closed by order", room.plan.id.0);
        }
    }
    Ok(())
}

fn send_away(seats: &mut Query<&mut Seat>, inside: &[Entity], why: CloseReason, whom: impl Fn(&Seat) -> bool) {
    for entity in inside {
        if let Ok(mut seat) = seats.get_mut(*entity)
            && whom(&seat)
        {
            seat.given_up.get_or_insert(why);
        }
    }
}

fn alter(room: &mut Room, change: &RoomChange, maps: &Maps) -> Result<(), OrderError> {
    let RoomChange { name, map, bots, private, password } = change;
    if let Some(name) = map {
        let map = maps.0.find(name).ok_or_else(|| OrderError::UnknownMap(name.clone()))?;
        room.change_map(name, map);
    }
    if let Some(name) = name {
        room.plan.name.clone_from(name);
    }
    if let Some(bots) = bots {
        room.plan.bots = *bots;
    }
    if let Some(private) = private {
        room.door.private = *private;
    }
    if let Some(password) = password {
        room.door.password = (!password.is_empty()).then(|| Password::new(password, rand::random()));
    }
    Ok(())
}
