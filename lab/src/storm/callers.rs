//! Honest requests to the lobby while it is under attack: the list of rooms, a new guest, a seat; each time over a new connection, as a
//! newcomer has.
//!
//! Flow: lobby ↔ [`call`] → [`Called`].

use super::{Pass, Storm};
use crate::report::{Percentiles, Times};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use transport::lobby::{LobbyClient, LobbyError};

/// Time between two visits.
const PAUSE: Duration = Duration::from_millis(30);

/// What honest requests met.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Called {
    /// Time to the list of rooms, a new connection included.
    pub list_ms: Percentiles,
    /// Time to become somebody.
    pub guest_ms: Percentiles,
    /// Time to be granted a seat.
    pub seat_ms: Percentiles,
    /// How many there were.
    pub requests: u64,
    /// Of them, refused or not answered.
    pub failed: u64,
}

impl Called {
    /// Returns the time, milliseconds, that 99 of 100 requests of each kind did not exceed.
    pub fn p99_ms(&self) -> f64 {
        [self.list_ms, self.guest_ms, self.seat_ms].into_iter().map(|kind| kind.p99).fold(0.0, f64::max)
    }
}

/// Calls until the storm is over.
pub(super) async fn call(storm: Arc<Storm>, pass: Pass) -> Called {
    let (mut list, mut guest, mut seat, mut called) =
        (Times::default(), Times::default(), Times::default(), Called::default());
    while !storm.over() {
        let Ok(lobby) = LobbyClient::new(storm.lobby.base()) else { break };
        time(&storm, &mut called, &mut list, lobby.rooms()).await;
        time(&storm, &mut called, &mut guest, lobby.guest("Caller")).await;
        time(&storm, &mut called, &mut seat, lobby.take_seat(&pass.guest, pass.room)).await;
        sleep(PAUSE).await;
    }
    Called { list_ms: list.percentiles(), guest_ms: guest.percentiles(), seat_ms: seat.percentiles(), ..called }
}

async fn time<T>(
    storm: &Storm,
    called: &mut Called,
    times: &mut Times,
    request: impl Future<Output = Result<T, LobbyError>>,
) {
    let begun = Instant::now();
    let answer = request.await;
    times.add(begun.elapsed());
    called.requests += 1;
    if let Err(error) = answer {
        called.failed += 1;
        if called.failed == 1 {
            storm.note(&format!("The first honest request that failed: {error}"));
        }
    }
}
