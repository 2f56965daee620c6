//! Lag compensation, the client's part: which tick of the others was on screen when a command was made, and how the player wants own
//! rails to be judged.
//!
//! A player reacts to the picture drawn last. Pilots without a screen never ask for one; for them it is what would be drawn now.
//!
//! Flow: [`Player::scene`] → [`Rewind::drawn`] → [`Player::flush`] → `protocol::session::client` → bundle; key →
//! [`Player::set_rewind`] → event.

use super::Player;
use game::tick::TICK_HZ;
use protocol::wire::event::ClientEvent;
use web_time::{Duration, Instant};

/// After this long a picture is not what the player looks at any more: there is no screen, or it stands still.
const DRAWN_LASTS: Duration = Duration::from_millis(100);

/// What is remembered of it.
pub(super) struct Rewind {
    /// The tick that the others were last drawn at, and when.
    drawn: Option<(f64, Instant)>,
    compensate: bool,
    draw: bool,
}

impl Default for Rewind {
    /// As the server begins: compensated, not told.
    fn default() -> Self {
        Self { drawn: None, compensate: true, draw: false }
    }
}

impl Rewind {
    /// Takes note that the others are drawn at `tick`.
    pub(super) const fn drawn(&mut self, tick: f64, now: Instant) {
        self.drawn = Some((tick, now));
    }
}

impl Player {
    /// Sets how own rails are judged: against where the others were in the own picture (`compensate`) or where they are; and whether
    /// the server tells what it traced each against (`draw`), as [`protocol::wire::event::ServerEvent::Rewound`]. It holds for as long as
    /// the seat does, whatever happens to the links.
    pub fn set_rewind(&mut self, compensate: bool, draw: bool) {
        if (self.rewind.compensate, self.rewind.draw) != (compensate, draw) {
            (self.rewind.compensate, self.rewind.draw) = (compensate, draw);
            self.tell(&ClientEvent::Rewind { compensate, draw });
        }
    }

    /// Returns how own rails are judged, as [`Self::set_rewind`] was told last.
    pub const fn rewind(&self) -> (bool, bool) {
        (self.rewind.compensate, self.rewind.draw)
    }

    /// Returns how far behind the tick of the newest command the others are drawn, if one was flown: what the server is asked to make
    /// up for.
    pub fn drawn_behind(&self) -> Option<Duration> {
        self.session.claims().map(|quarters| Duration::from_secs(1) * u32::from(quarters) / (4 * TICK_HZ))
    }

    /// Tells the session on which picture of the others the commands that are about to leave were made.
    pub(super) fn show(&mut self, now: Instant) {
        let drawn = self.rewind.drawn.filter(|(_, at)| now.saturating_duration_since(*at) <= DRAWN_LASTS);
        let tick = match drawn {
            Some((tick, _)) => tick,
            None => self.interpolator.advance(&self.clock, self.snapshot_every, now),
        };
        self.session.shows(tick);
    }
}
