//! The stream of joins that the server is killed under: guests, names, rooms, seats, one after the other, many at a time; and
//! somebody who listens to results.
//!
//! Flow: [`super::life`] → here → the lobby → [`Ledger`].

use super::ledger::Ledger;
use protocol::lobby::{EventKind, Guest, LobbyEvent, NewRoom, StampedEvent};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use transport::lobby::{LobbyClient, LobbyError};

/// Guests that come at the same time.
const AT_ONCE: usize = 6;
/// Of so many guests, one opens a room.
const OPENS_A_ROOM: u64 = 400;
/// Grants that are kept to be shown to the next server.
const KEPT_GRANTS: usize = 4;
/// Pause after a refusal, so that a server in trouble is not drowned.
const PAUSE: Duration = Duration::from_millis(50);

/// What all streams of one run share.
#[derive(Clone, Default)]
pub(super) struct Notes {
    ledger: Arc<Mutex<Ledger>>,
    faults: Arc<Mutex<Vec<String>>>,
}

impl Notes {
    /// The promises.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a broken promise.
    pub(super) fn fault(&self, sentence: String) {
        eprintln!("broken: {sentence}");
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(sentence);
    }

    /// Returns every broken promise.
    pub(super) fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refused(&self, error: &LobbyError) {
        if error.status().is_some_and(|status| status >= 500) {
            self.ledger().refused += 1;
        }
    }
}

/// Starts the streams of the life `life`; they end with the returned set.
pub(super) fn start(lobby: &LobbyClient, notes: &Notes, life: u32) -> JoinSet<()> {
    let mut streams = JoinSet::new();
    for lane in 0..AT_ONCE {
        let (lobby, notes) = (lobby.clone(), notes.clone());
        streams.spawn(async move {
            for number in 0_u64.. {
                if let Err(error) = join(&lobby, &notes, life, lane, number).await {
                    notes.refused(&error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        });
    }
    let (lobby, notes) = (lobby.clone(), notes.clone());
    streams.spawn(async move {
        // It ends with the server; whatever was told until then is noted.
        let _ = listen(&lobby, &notes).await;
    });
    streams
}

/// One guest: comes, perhaps takes another name, perhaps opens a room, asks for a seat.
async fn join(lobby: &LobbyClient, notes: &Notes, life: u32, lane: usize, number: u64) -> Result<(), LobbyError> {
    let guest = lobby.guest(&format!("G{life}.{lane}.{number}")).await?;
    notes.ledger().guest(&guest);
    if number.is_multiple_of(2) {
        rename(lobby, notes, &guest, &format!("R{life}.{lane}.{number}")).await?;
    }
    let room = if number.is_multiple_of(OPENS_A_ROOM) {
        let wish = NewRoom { name: Some(format!("Room {life}.{lane}.{number}")), bots: Some(0), ..NewRoom::default() };
        let opened = lobby.open_room(&guest, &wish).await?;
        notes.ledger().rooms += 1;
        opened.room.id
    } else {
        let rooms = lobby.rooms().await?.rooms;
        let Some(room) = rooms.iter().rev().find(|room| room.players < room.seats) else { return Ok(()) };
        room.id
    };
    let grant = lobby.take_seat(&guest, room).await?;
    let mut ledger = notes.ledger();
    ledger.seats += 1;
    if ledger.grants.len() < KEPT_GRANTS {
        ledger.grants.push((guest, grant));
    }
    Ok(())
}

async fn rename(lobby: &LobbyClient, notes: &Notes, guest: &Guest, name: &str) -> Result<(), LobbyError> {
    notes.ledger().renaming(guest.player, name);
    let profile = lobby.rename(guest, name).await?;
    if profile.name != name {
        notes.fault(format!("player {} asked for the name {name} and was told {}", guest.player.0, profile.name));
    }
    notes.ledger().renamed(guest.player, name);
    Ok(())
}

async fn listen(lobby: &LobbyClient, notes: &Notes) -> Result<(), LobbyError> {
    let mut events = lobby.events(&[EventKind::MatchFinished]).await?;
    while let Some(StampedEvent { event, .. }) = events.next_as().await? {
        if let LobbyEvent::MatchFinished { result } = event
            && let Some(fault) = notes.ledger().result(result)
        {
            notes.fault(fault);
        }
    }
    Ok(())
}
