//! The matches that the server is killed under: a few rooms with two people each and many bots, in which the first kill wins; and
//! pilots who come with the grants of a server that is no more.
//!
//! Flow: [`super::life`] → here → rooms of the server → results, heard of by [`super::stream`].

use super::stream::Notes;
use crate::pilot::{Field, Pilot};
use game::{PhaseKind, SeatId};
use protocol::Transport;
use protocol::ids::{PlayerId, RoomId};
use protocol::lobby::{Grant, Guest, NewRoom};
use std::collections::BTreeMap;
use std::time::Instant;
use tokio::runtime::Handle;
use transport::lobby::{LobbyClient, LobbyError};
use transport::player::PlayerEvent;

/// Rooms in which matches are played.
pub(super) const ROOMS: usize = 3;
/// People in each.
pub(super) const PEOPLE: usize = 2;
/// Seats of each; bots take what people leave.
const SEATS: u8 = 14;
/// The wires over which old grants are shown: those that carry them whatever the server's keys are.
const OLD_WAYS: [Transport; 3] = [Transport::Websocket, Transport::Tcp, Transport::Http];

/// One room and its people.
struct Table {
    room: RoomId,
    host: Guest,
    pilots: Vec<(PlayerId, Pilot)>,
    phase: PhaseKind,
}

/// All matches of one life.
pub(super) struct Matches {
    lobby: LobbyClient,
    runtime: Handle,
    notes: Notes,
    tables: Vec<Table>,
    ghosts: Vec<Pilot>,
    seats: BTreeMap<(RoomId, SeatId), PlayerId>,
    /// Old grants that were refused in words.
    pub(super) ghosts_refused: u64,
}

impl Matches {
    /// Opens the rooms and seats everybody.
    pub(super) async fn open(field: &Field, crew: &[Guest], notes: &Notes, seed: u64) -> Result<Self, LobbyError> {
        let mut tables = Vec::new();
        for (number, people) in (0_u64..).zip(crew.chunks(PEOPLE)) {
            let Some(host) = people.first() else { continue };
            let wish = NewRoom {
                name: Some("Duel".to_owned()),
                seats: Some(SEATS),
                bots: Some(SEATS - PEOPLE as u8),
                match_seconds: Some(10),
                score_limit: Some(1),
                ..NewRoom::default()
            };
            let room = field.lobby.open_room(host, &wish).await?.room.id;
            let mut pilots = Vec::new();
            for (index, guest) in people.iter().enumerate() {
                let wire = Transport::WIRES[(seed as usize + index) % Transport::WIRES.len()];
                let pilot = field.join_as(guest.clone(), room, Some(wire), seed + number).await?;
                pilots.push((guest.player, pilot));
            }
            tables.push(Table { room, host: host.clone(), pilots, phase: PhaseKind::Waiting });
        }
        Ok(Self {
            lobby: field.lobby.clone(),
            runtime: field.runtime.clone(),
            notes: notes.clone(),
            tables,
            ghosts: Vec::new(),
            seats: BTreeMap::new(),
            ghosts_refused: 0,
        })
    }

    /// Lets pilots come with the grants of the server before.
    pub(super) fn haunt(&mut self, field: &Field, grants: Vec<(Guest, Grant)>) {
        let ways = OLD_WAYS.iter().cycle();
        self.ghosts = grants
            .into_iter()
            .zip(ways)
            .map(|((guest, grant), way)| field.enter(guest, grant, Some(*way), 0))
            .collect();
    }

    /// Flies everybody who is due.
    pub(super) fn step(&mut self, now: Instant) {
        for table in &mut self.tables {
            for (player, pilot) in &mut table.pilots {
                for event in pilot.update(now) {
                    if let PlayerEvent::Seated { seat } = event {
                        let before = self.seats.insert((table.room, seat), *player);
                        if before.is_some_and(|before| before != *player) {
                            self.notes.fault(format!("seat {} of room {} was given twice", seat.0, table.room.0));
                        }
                    }
                }
            }
            let phase = table.pilots.first().and_then(|(_, pilot)| pilot.player.view()).map(|view| view.phase.kind);
            if let Some(phase) = phase.filter(|phase| *phase != table.phase) {
                table.phase = phase;
                // Nobody waits for countdowns and results here; a server that knows no such call is waited for.
                if matches!(phase, PhaseKind::Countdown | PhaseKind::Results) {
                    let (lobby, host, room) = (self.lobby.clone(), table.host.clone(), table.room);
                    self.runtime.spawn(async move { lobby.start(&host, room).await });
                }
            }
        }
        let (notes, refused) = (&self.notes, &mut self.ghosts_refused);
        self.ghosts.retain_mut(|ghost| {
            let events = ghost.update(now);
            if events.iter().any(|event| matches!(event, PlayerEvent::Seated { .. })) {
                notes.fault("a grant of the server before was good for a seat".to_owned());
            }
            let over = ghost.player.is_over();
            *refused += u64::from(over);
            !over
        });
    }
}
