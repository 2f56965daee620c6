//! What makes a distant match feel near, each part with a switch, and how it adapts to the wire in use.
//!
//! Switched off, each part does the honest naive thing: commands are stamped with the tick that the server is believed to execute now
//! and come late; the own ship answers a key when the server's word comes back; corrections jump; others are drawn where the newest
//! snapshot has them, and jerk. What is off goes on working unseen, so nothing jumps when it is switched on again.
//!
//! Flow: snapshots → [`Player::heed`]; input → [`Player::fly`] → [`Player::bundle`] → links; all of it → [`Player::scene`] → screen.

use super::{Player, Status};
use game::{Tick, View};
use protocol::LinkId;
use protocol::limits::BUNDLE_COMMANDS;
use protocol::predict::Outcome;
use protocol::scene::{Scene, compose, compose_unpredicted};
use protocol::wire::event::ClientEvent;
use protocol::wire::snapshot::Header;
use web_time::Instant;

/// Which parts of the netcode are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Netcode {
    /// Commands leave so early that they arrive shortly before their tick.
    pub pacing: bool,
    /// The own ship flies at once, without waiting for the server.
    pub prediction: bool,
    /// The picture glides over corrections.
    pub smoothing: bool,
    /// Others are drawn between two snapshots, slightly in the past.
    pub interpolation: bool,
    /// The server judges the rail by what its shooter saw.
    pub compensation: bool,
    /// A `websocket` that stalls gets strands: more links that share its work.
    pub strands: bool,
    /// Over `udp` and `quic`, where enough is lost, every snapshot comes twice.
    pub copies: bool,
}

impl Default for Netcode {
    fn default() -> Self {
        Self {
            pacing: true,
            prediction: true,
            smoothing: true,
            interpolation: true,
            compensation: true,
            strands: true,
            copies: true,
        }
    }
}

/// Bundles on a stream: nothing is lost there, but one that still waits for the socket is replaced by the next.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    link: Option<LinkId>,
    /// How often the link has replaced one.
    replaced: u64,
    /// Commands that the newest bundle carried for the first time, and those before it that may never have left.
    newest: usize,
    held: usize,
}

impl Player {
    /// Returns which parts of the netcode are on.
    pub const fn netcode(&self) -> Netcode {
        self.netcode
    }

    /// Switches parts of the netcode on and off.
    pub fn set_netcode(&mut self, netcode: Netcode) {
        self.netcode = netcode;
        self.pacer.pace(netcode.pacing);
        self.predictor.smooth(netcode.smoothing);
        if !netcode.copies {
            self.forgo_copies();
        }
        let (_, draw) = self.rewind();
        self.set_rewind(netcode.compensation, draw);
    }

    /// Another wire drives: what was learned of the old one is no guide any more.
    pub(super) fn forget_path(&mut self) {
        self.clock.path_changed();
        self.pacer.path_changed();
        self.interpolator.path_changed();
        self.forgo_copies();
    }

    fn forgo_copies(&mut self) {
        if self.copies.path_changed() {
            self.status.twice = false;
            self.tell(&ClientEvent::Copies(false));
        }
    }

    /// Asks for two copies of every snapshot, or for one again, as the wire calls for.
    fn weigh_copies(&mut self, tick: Tick, arrived: Instant) {
        if self.session.driving().is_some_and(|(_, wire)| wire.is_of_datagrams())
            && self.netcode.copies
            && let Some(twice) = self.copies.heard(tick, self.session.heard(), self.snapshot_every, arrived)
        {
            self.status.twice = twice;
            self.tell(&ClientEvent::Copies(twice));
        }
    }

    /// Lets clock, pacer, interpolator and predictor learn from a snapshot.
    pub(super) fn heed(&mut self, view: &View, header: &Header, arrived: Instant) {
        let round_trip = self.session.round_trip(header.echo, arrived);
        self.clock.observe(view.tick, arrived, round_trip);
        self.interpolator.observe(&self.clock, view.tick, arrived);
        if let Some((echo, sent)) = header.echo.zip(self.session.sent(header, arrived)) {
            self.pacer.report(&self.clock, echo.margin, sent);
        }
        self.weigh_copies(view.tick, arrived);
        if let Some(map) = &self.map
            && self.predictor.reconcile(view, map) == Outcome::Reset
        {
            self.status.resets += 1;
        }
    }

    /// Sends what was flown, with as many repetitions as the wire calls for.
    pub(super) fn bundle(&mut self, now: Instant) {
        let Some((link, transport)) = self.session.driving() else { return };
        let repeat = if transport.is_of_datagrams() {
            self.pacer.repetitions()
        } else {
            let replaced = self.links.get(&link).map_or(0, |link| link.stats().latest_replaced);
            self.waiting.repeat(link, replaced, self.session.fresh())
        };
        self.session.repeat(repeat);
        self.session.send_commands(now);
    }

    /// Returns what to draw at `now`.
    pub fn scene(&mut self, now: Instant) -> Option<Scene> {
        // Nothing can be drawn while the map is on its way.
        self.map.as_ref()?;
        let seconds = self.drawn.replace(now).map_or(0.0, |then| now.saturating_duration_since(then).as_secs_f32());
        let smooth = self.interpolator.advance(&self.clock, self.snapshot_every, now);
        let own_tick = self.pacer.phase().unwrap_or(smooth);
        let flown = self.predictor.tick().map_or(own_tick, |tick| f64::from(tick.0));
        let own_pos = self.predictor.position(seconds, (own_tick - flown).clamp(0.0, 1.0) as f32);
        let snapshots = self.session.snapshots();
        let newest = snapshots.newest().map_or(Tick(0), |view| view.tick);
        let shown = if self.netcode.interpolation { smooth } else { f64::from(newest.0) };
        self.rewind.drawn(shown, now);
        self.shown = Some(shown);
        if self.netcode.prediction {
            compose(snapshots, shown, &self.predictor, own_pos, own_tick)
        } else {
            compose_unpredicted(snapshots, shown)
        }
    }

    /// Adds to `status` what the parts of the netcode know.
    pub(super) fn describe(&self, status: &mut Status, now: Instant) {
        let corrections = self.predictor.corrections();
        status.round_trip = self.clock.round_trip();
        status.jitter = self.clock.jitter();
        status.lead_ticks = self.pacer.ahead(&self.clock, now) as f32;
        status.corrections = corrections.count;
        status.large_corrections = corrections.large;
        status.largest_correction = corrections.largest;
        (status.frames, status.underruns) = self.interpolator.underruns();
        status.interpolation_delay = self.interpolator.delay();
    }
}

impl Waiting {
    /// Returns how many commands the next bundle over `link` repeats, which carries `fresh` new ones: those of the bundle before, and
    /// those that it repeated, if that took the place of one that still waited.
    fn repeat(&mut self, link: LinkId, replaced: u64, fresh: usize) -> usize {
        let same = self.link.replace(link) == Some(link);
        let took_a_place = same && replaced > std::mem::replace(&mut self.replaced, replaced);
        self.held = if took_a_place { self.held + self.newest } else { self.newest }.min(BUNDLE_COMMANDS);
        self.newest = fresh;
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_repeats_only_what_may_never_have_left() {
        let (mut waiting, link) = (Waiting::default(), LinkId(1));
        let sent: Vec<_> = [(0, 1), (0, 1), (0, 2), (1, 1), (2, 1), (3, 1), (3, 1), (3, 1)]
            .map(|(replaced, fresh)| waiting.repeat(link, replaced, fresh))
            .into();
        // Three bundles were replaced one after the other: the last of them carried all five commands.
        assert_eq!(sent, [0, 1, 1, 3, 4, 5, 1, 1]);
        assert_eq!(waiting.repeat(LinkId(2), 0, 1), 1, "another link has replaced nothing yet");
    }
}
