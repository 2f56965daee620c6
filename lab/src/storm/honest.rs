//! The honest players: they fly over every wire while the storm blows, and must not notice.
//!
//! Flow: lobby → [`crate::pilot::Pilot`]s → [`Honest::fly`] → [`Seen`].

use crate::pilot::{Pilot, STEP, wait_step};
use crate::report::{Percentiles, Times};
use protocol::Transport;
use protocol::ids::RoomId;
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use transport::lobby::LobbyClient;
use transport::maps::MapShelf;
use transport::player::{PlayerEvent, Status};

/// How long everybody may take to get in.
const JOIN_DEADLINE: Duration = Duration::from_secs(15);
/// How long after the last one is in before anything is counted.
const SETTLE: Duration = Duration::from_millis(1_500);
/// Steps between two samples of the age of the picture.
const SAMPLE_EVERY: u32 = 2;

/// What the honest players saw.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Seen {
    /// Players that got in.
    pub connected: usize,
    /// Driving links lost, and players thrown out.
    pub disconnects: u64,
    /// Messages from the server that could not be used.
    pub decode_errors: u64,
    /// Commands flown during the storm.
    pub commands_sent: u64,
    /// Of them, executed by the server in time.
    pub commands_executed: u64,
    /// The same in percent.
    pub executed_percent: f64,
    /// Snapshots taken in.
    pub snapshots: u64,
    /// How old the picture was.
    pub snapshot_age_ms: Percentiles,
}

/// All honest players.
#[derive(Default)]
pub(super) struct Honest {
    pilots: Vec<Pilot>,
    before: Vec<Status>,
    thrown_out: u64,
    ages: Times,
    steps: u32,
}

impl Honest {
    /// Seats one player per entry of `rooms`, over every wire in turn, and waits until all see the arena.
    pub(super) async fn join(lobby: &LobbyClient, maps: &MapShelf, rooms: &[RoomId]) -> Result<Self, String> {
        let runtime = tokio::runtime::Handle::current();
        let mut joining = JoinSet::new();
        for (index, room) in rooms.iter().copied().enumerate() {
            let (lobby, maps, runtime) = (lobby.clone(), maps.clone(), runtime.clone());
            let wire = Transport::WIRES[index % Transport::WIRES.len()];
            joining.spawn(async move {
                let name = format!("Honest {index}");
                Pilot::join(&runtime, &lobby, &maps, room, &name, Some(wire), index as u64).await
            });
        }
        let mut honest = Self::default();
        while !joining.is_empty() {
            // Those who are in already must not fall asleep while the others knock.
            if let Ok(Some(joined)) = tokio::time::timeout(STEP, joining.join_next()).await {
                honest.pilots.push(joined.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?);
            }
            honest.step(Instant::now());
        }
        Ok(honest)
    }

    /// Waits until everybody sees the arena, then a little longer.
    pub(super) fn settle(&mut self) {
        let until = Instant::now() + JOIN_DEADLINE;
        let mut next = Instant::now();
        while Instant::now() < until && self.pilots.iter().any(|p| p.player.view().is_none() && !p.player.is_over()) {
            self.step(Instant::now());
            wait_step(&mut next);
        }
        self.fly(SETTLE, |_| {});
        self.ages = Times::default();
        let now = Instant::now();
        self.before = self.pilots.iter().map(|pilot| pilot.player.status(now)).collect();
    }

    /// Flies for `time` and tells `each_second` how it goes.
    pub(super) fn fly(&mut self, time: Duration, mut each_second: impl FnMut(&Self)) {
        let start = Instant::now();
        let mut next = start;
        let mut said = 0;
        while start.elapsed() < time {
            let now = Instant::now();
            self.step(now);
            self.steps = self.steps.wrapping_add(1);
            if self.steps.is_multiple_of(SAMPLE_EVERY) {
                self.pilots.iter().filter_map(|p| p.player.picture_age(now)).for_each(|age| self.ages.add(age));
            }
            if start.elapsed().as_secs() > said {
                said = start.elapsed().as_secs();
                each_second(self);
            }
            wait_step(&mut next);
        }
    }

    fn step(&mut self, now: Instant) {
        for pilot in &mut self.pilots {
            for event in pilot.update(now) {
                if let PlayerEvent::Ended { why } = event {
                    eprintln!("an honest player was thrown out: {why}");
                    self.thrown_out += 1;
                }
            }
        }
    }

    /// Returns how many fly at the moment.
    pub(super) fn flying(&self) -> usize {
        let now = Instant::now();
        self.pilots.iter().filter(|pilot| pilot.player.status(now).driving.is_some()).count()
    }

    /// Returns what they have seen since [`Self::settle`].
    pub(super) fn seen(&self) -> Seen {
        let now = Instant::now();
        let after: Vec<Status> = self.pilots.iter().map(|pilot| pilot.player.status(now)).collect();
        let grown = |field: fn(&Status) -> u64| -> u64 {
            after.iter().zip(&self.before).map(|(after, before)| field(after).saturating_sub(field(before))).sum()
        };
        let (sent, executed) = (grown(|s| s.answered), grown(|s| s.executed));
        Seen {
            connected: after.iter().filter(|status| status.driving.is_some()).count(),
            disconnects: after.iter().map(|status| status.links_lost).sum::<u64>() + self.thrown_out,
            decode_errors: after.iter().map(|status| status.decode_errors).sum(),
            commands_sent: sent,
            commands_executed: executed,
            executed_percent: (10_000.0 * executed as f64 / sent.max(1) as f64).round() / 100.0,
            snapshots: grown(|s| s.snapshots),
            snapshot_age_ms: self.ages.percentiles(),
        }
    }

    /// Says goodbye and stays long enough for it to be heard.
    pub(super) fn leave(&mut self) {
        self.pilots.iter_mut().for_each(|pilot| pilot.player.leave(Instant::now()));
        std::thread::sleep(Duration::from_millis(300));
    }
}
