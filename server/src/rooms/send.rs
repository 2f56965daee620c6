//! What sessions have to say, to their links.
//!
//! Flow: [`game::Arena::view`] → [`snapshots`] → sessions → [`send`] → [`transport::Link`].

use super::receive::LinkIndex;
use super::room::Room;
use super::seats::{Seat, SeatOf};
use bevy::ecs::prelude::*;
use std::time::Instant;
use transport::Link;

/// Writes a snapshot for every seat whose turn it is, on all cores. Neighbouring seats take turns, so that ticks cost the same.
pub fn snapshots(mut seats: Query<(&mut Seat, &SeatOf)>, rooms: Query<&Room>) {
    let now = Instant::now();
    seats.par_iter_mut().for_each(|(mut seat, of)| {
        let Ok(room) = rooms.get(of.0) else { return };
        let at = seat.session.seat();
        let turn = room.arena.tick().0.wrapping_add(u32::from(at.0));
        if turn.is_multiple_of(u32::from(room.snapshot_every())) && seat.session.driving().is_some() {
            seat.session.snapshot(&room.arena.view(Some(at)), now);
        }
    });
}

/// Hands every message to its link.
pub fn send(mut seats: Query<&mut Seat>, links: Query<&Link>, index: Res<LinkIndex>) {
    for mut seat in &mut seats {
        while let Some(transmit) = seat.session.poll_transmit() {
            if let Some(link) = index.find(transmit.link).and_then(|entity| links.get(entity).ok()) {
                link.set_twice(seat.session.twice(transmit.link));
                // A link that cannot take it is closed or closing; its end comes as an event.
                let _ = link.send(transmit.lane, transmit.bytes);
            }
        }
    }
}
