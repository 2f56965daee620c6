//! How a player's connection is, in numbers: for the HUD's one-liner and the lab's tables.

use game::Tick;
use protocol::Transport;
use protocol::wire::snapshot::Header;
use web_time::{Duration, Instant};

/// How a player's connection is.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The wire in use.
    pub driving: Option<Transport>,
    /// The room's host has ended our presence: there is no way back into this room.
    pub sent_away: bool,
    /// The wire that is being dialled.
    pub switching_to: Option<Transport>,
    /// Smoothed round trip, the server's holding time not counted.
    pub round_trip: Option<Duration>,
    /// Smoothed deviation of the round trip.
    pub jitter: Duration,
    /// Ticks by which own commands run ahead of the server.
    pub lead_ticks: f32,
    /// How often the server's word about the own ship differed from the prediction.
    pub corrections: u64,
    /// How often the own ship had to be moved by more than its radius for that.
    pub large_corrections: u64,
    /// The farthest that it had to be moved, tiles.
    pub largest_correction: f32,
    /// Frames for which a scene was asked.
    pub frames: u64,
    /// Frames that lacked a snapshot, so that others had to move on by guess.
    pub underruns: u64,
    /// How far behind the arriving tick others are shown, the time between snapshots counted.
    pub interpolation_delay: Duration,
    /// How often the own ship died, came back or was put somewhere.
    pub resets: u64,
    /// Epoch of the driving link.
    pub epoch: u32,
    /// Snapshots taken in.
    pub snapshots: u64,
    /// Every snapshot comes twice, because the wire loses enough.
    pub twice: bool,
    /// Tick of the newest snapshot.
    pub newest: Option<Tick>,
    /// When the newest snapshot arrived at the socket.
    pub last_snapshot: Option<Instant>,
    /// Commands flown.
    pub commands: u64,
    /// Commands flown for ticks that the newest snapshot covers: those that the server has had its chance to execute.
    pub answered: u64,
    /// Ticks up to the newest snapshot that the server executed with our own command.
    pub executed: u64,
    /// Bytes of messages read; headers are not counted.
    pub bytes_in: u64,
    /// Bytes of messages sent; headers are not counted.
    pub bytes_out: u64,
    /// Messages from the server that could not be used.
    pub decode_errors: u64,
    /// How often a driving link was lost.
    pub links_lost: u64,
    /// Events that came again over another link and were dropped.
    pub repeated_events: u64,
}

impl Status {
    pub(super) fn saw(&mut self, tick: Tick, header: &Header, arrived: Instant) {
        self.snapshots += 1;
        self.newest = Some(tick);
        self.last_snapshot = Some(arrived);
        // The wire carries the low 16 bits; the rest follows because it only rises.
        let low = self.executed as u16;
        self.executed += u64::from(header.executed.wrapping_sub(low));
    }
}
