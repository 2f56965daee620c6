//! The heartbeat: one `app.update()` per tick, at absolute deadlines.
//!
//! Tick *n* is due at start + *n* / 60 s, whatever the ones before took, so nothing drifts. A tick that comes late is made up for; if
//! the machine stood still for more than [`MAX_BEHIND`] ticks, the schedule is moved instead of hurrying through them.
//!
//! Flow: `main` → [`run`] → `App::update` → … → the next deadline.

use super::room::Room;
use super::seats::Seat;
use crate::ops::TickMeter;
use bevy::app::App;
use bevy::ecs::prelude::*;
use game::tick::TICK_HZ;
use protocol::CloseReason;
use protocol::wire::event::ServerEvent;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tracing::{info, warn};
use transport::Link;

/// Ticks that are made up for; more are skipped.
const MAX_BEHIND: u32 = 5;
/// Ticks for which clients can hear that the server stops before their links are closed (0.25 s).
const FAREWELL_TICKS: u32 = 15;
/// Ticks for which closing links may take to tell their peers (1 s).
const CLOSING_TICKS: u32 = 60;

/// When ticks are due, and what their work cost.
#[derive(Resource, Debug)]
pub struct Heartbeat {
    /// Due time of the tick before the present one.
    pub previous: Instant,
    /// Work of the last minute's ticks.
    pub meter: TickMeter,
    /// Ticks that began later than they should by a whole tick.
    pub overruns: u64,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { previous: Instant::now(), meter: TickMeter::default(), overruns: 0 }
    }
}

/// Set once the server is shutting down.
#[derive(Resource, Default)]
pub struct Stopping(pub bool);

/// Runs the app until `stop` is set, then says goodbye to everybody.
pub fn run(app: &mut App, stop: &AtomicBool) {
    let mut schedule = Schedule { start: Instant::now(), ticks: 0 };
    while !stop.load(Ordering::Relaxed) {
        schedule.beat(app);
    }
    info!("stopping: telling everybody");
    app.world_mut().resource_mut::<Stopping>().0 = true;
    let world = app.world_mut();
    world.query::<&mut Room>().iter_mut(world).for_each(|mut room| room.announce(ServerEvent::Stopping));
    for _ in 0..FAREWELL_TICKS {
        schedule.beat(app);
    }
    let world = app.world_mut();
    world.query::<&Link>().iter(world).for_each(|link| link.close(CloseReason::ServerStopping));
    for _ in 0..CLOSING_TICKS {
        schedule.beat(app);
        let world = app.world_mut();
        if world.query::<&Link>().iter(world).next().is_none() {
            break;
        }
    }
    let world = app.world_mut();
    let seated = world.query::<&Seat>().iter(world).count();
    info!("stopped; {seated} seats were taken");
}

struct Schedule {
    start: Instant,
    ticks: u32,
}

impl Schedule {
    fn deadline(&self, tick: u32) -> Instant {
        let nanos = u64::from(tick) * 1_000_000_000 / u64::from(TICK_HZ);
        self.start + Duration::from_nanos(nanos)
    }

    /// Waits for the next deadline, then updates the app once.
    fn beat(&mut self, app: &mut App) {
        let due = self.deadline(self.ticks + 1);
        let now = Instant::now();
        if let Some(wait) = due.checked_duration_since(now) {
            std::thread::sleep(wait);
        } else if now - due > Duration::from_secs(1) / TICK_HZ {
            app.world_mut().resource_mut::<Heartbeat>().overruns += 1;
            if now - due > Duration::from_secs(1) * MAX_BEHIND / TICK_HZ {
                warn!("{} ms behind; the schedule moves on", (now - due).as_millis());
                self.start += now - due;
            }
        }
        self.ticks += 1;
        let began = Instant::now();
        app.update();
        let mut heartbeat = app.world_mut().resource_mut::<Heartbeat>();
        heartbeat.previous = self.deadline(self.ticks);
        heartbeat.meter.record(began.elapsed());
    }
}
