//! Links that carry the match along while another one drives: kept open for every wire that is wished for, dialled again when they fail.
//!
//! Flow: [`super::Player::shadow`] → [`Shadows::next`] → [`super::dialing`] → session → [`super::wires`].

use super::Player;
use super::dialing::Dialled;
use super::wires::{Gauge, Role, Truth, WireReport};
use protocol::limits::SILENCE;
use protocol::{CloseReason, LinkId, Transport};
use std::collections::BTreeMap;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tracing::debug;
use web_time::{Duration, Instant};

/// Time between two attempts for one wire.
const RETRY: Duration = Duration::from_secs(2);

/// Which wires shall carry the match along, and who is on the way to it.
#[derive(Default)]
pub(super) struct Shadows {
    wished: Vec<Transport>,
    dialling: BTreeMap<Transport, oneshot::Receiver<Dialled>>,
    not_before: BTreeMap<Transport, Instant>,
}

impl Shadows {
    /// Wishes for `wires` and no others.
    pub(super) fn wish(&mut self, wires: &[Transport]) {
        self.wished = wires.to_vec();
        self.dialling.retain(|wire, _| wires.contains(wire));
        self.not_before.clear();
    }

    /// Returns whether `wire` shall carry the match along.
    pub(super) fn wants(&self, wire: Transport) -> bool {
        self.wished.contains(&wire)
    }

    /// Returns the next wire to dial, given those that have a link: not the driving one, and each at most every [`RETRY`].
    pub(super) fn next(&mut self, have: impl Fn(Transport) -> bool, now: Instant) -> Option<Transport> {
        let free = |wire: &&Transport| {
            !have(**wire) && !self.dialling.contains_key(wire) && self.not_before.get(wire).is_none_or(|at| *at <= now)
        };
        let wire = *self.wished.iter().find(free)?;
        self.not_before.insert(wire, now.checked_add(RETRY).unwrap_or(now));
        Some(wire)
    }

    /// Gives up what is being dialled; it is dialled again in its time.
    pub(super) fn forget_dials(&mut self) {
        self.dialling.clear();
        self.not_before.clear();
    }

    /// Takes note that `wire` is being dialled.
    pub(super) fn dials(&mut self, wire: Transport, answer: oneshot::Receiver<Dialled>) {
        self.dialling.insert(wire, answer);
    }

    /// Returns a link that has been dialled, or why it could not be.
    pub(super) fn poll(&mut self) -> Option<Dialled> {
        let (wire, done) = self.dialling.iter_mut().find_map(|(wire, answer)| match answer.try_recv() {
            Ok(done) => Some((*wire, done)),
            Err(TryRecvError::Closed) => Some((*wire, Err("The attempt was broken off.".to_owned()))),
            Err(TryRecvError::Empty) => None,
        })?;
        self.dialling.remove(&wire);
        Some(done)
    }
}

impl Player {
    /// Lets a link that carries the match along drive, if there is one that is not silent itself: over `wire`, or over any. Returns
    /// whether there is.
    pub(super) fn promote(&mut self, wire: Option<Transport>, now: Instant) -> bool {
        let speaks = |link: &LinkId| {
            let last = self.gauges.get(link).and_then(Gauge::last);
            last.is_some_and(|last| now.saturating_duration_since(last) < SILENCE / 2)
        };
        let fit = self.session.shadow_links().filter(|(link, by)| wire.is_none_or(|wire| wire == *by) && speaks(link));
        let strand = || self.session.strands().find(|(_, by)| wire.is_none_or(|wire| wire == *by));
        let best = fit.min_by_key(|(_, transport)| transport.code());
        // Without a driving link its strands are as good as any: they have brought whole snapshots until now.
        let best = best.or_else(|| strand().filter(|_| self.status.driving.is_none()));
        let Some((link, transport)) = best else { return false };
        self.dialing.cancel();
        self.auto.failed(now);
        self.failing_over = wire.is_none();
        self.session.attach(link, transport, now);
        true
    }

    /// Lets `wires`, and no others, carry the match along in a compact form, apart from the one that drives. See [`Self::wires`].
    pub fn shadow(&mut self, wires: &[Transport], now: Instant) {
        self.shadows.wish(wires);
        let unwished: Vec<_> =
            self.session.shadow_links().filter(|(_, wire)| !wires.contains(wire)).map(|(link, _)| link).collect();
        for link in unwished {
            self.end_shadow(link, now);
        }
    }

    /// Returns whether `link` carries the match along, in the compact form or as a strand.
    pub(super) fn is_shadow(&self, link: LinkId) -> bool {
        self.session.is_strand(link) || self.session.shadow_links().any(|(shadow, _)| shadow == link)
    }

    pub(super) fn end_shadow(&mut self, link: LinkId, now: Instant) {
        self.session.detach(link);
        self.gauges.remove(&link);
        if let Some(link) = self.links.remove(&link) {
            self.say_goodbye(link, CloseReason::Done, now);
        }
    }

    /// Keeps one shadow per wished wire, apart from the driving one.
    pub(super) fn cast_shadows(&mut self, now: Instant) {
        while let Some(dialled) = self.shadows.poll() {
            match dialled {
                Ok(link) if self.shadows.wants(link.transport()) => {
                    if self.session.shadow(link.id(), link.transport(), now) {
                        self.links.insert(link.id(), link);
                    }
                }
                Ok(_) => {}
                Err(why) => debug!("no shadow: {why}"),
            }
        }
        let Some(driving) = self.status.driving else { return };
        let twin = self.session.shadow_links().find(|(_, wire)| *wire == driving).map(|(link, _)| link);
        if let Some(twin) = twin {
            self.end_shadow(twin, now);
        }
        let shadows: Vec<_> = self.session.shadow_links().map(|(_, wire)| wire).collect();
        while let Some(wire) = self.shadows.next(|wire| wire == driving || shadows.contains(&wire), now) {
            let answer = self.dialing.dial(wire);
            self.shadows.dials(wire, answer);
        }
    }

    /// Returns what each wire is like: the driving one first, then those that carry the match along.
    pub fn wires(&self, now: Instant) -> Vec<WireReport> {
        let driving = self.session.driving().map(|(link, wire)| (link, wire, Role::Driving));
        let shadows = self.session.shadow_links().map(|(link, wire)| (link, wire, Role::Shadow));
        let report = |(id, wire, role): (LinkId, Transport, Role)| {
            let strands = self.session.strands().map(|(strand, _)| strand).filter(|_| role == Role::Driving);
            let stats = std::iter::once(id).chain(strands).filter_map(|id| Some(self.links.get(&id)?.stats()));
            let bytes = stats.fold((0, 0), |(inward, outward), s| (inward + s.wire_in, outward + s.wire_out));
            let gauge = self.gauges.get(&id).cloned().unwrap_or_default();
            Some(gauge.report((wire, role), bytes, self.snapshot_every, &self.clock, now))
        };
        driving.into_iter().chain(shadows).filter_map(report).collect()
    }

    /// Returns where the time goes from a command to its effect over the driving wire.
    pub fn truth(&self) -> Option<Truth> {
        self.flights.truth()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wire_is_dialled_when_it_is_missing_and_not_too_often() {
        let now = Instant::now();
        let mut shadows = Shadows::default();
        assert_eq!(shadows.next(|_| false, now), None);
        shadows.wish(&[Transport::Udp, Transport::Quic, Transport::Websocket]);
        let have = |wire| wire == Transport::Udp;
        assert_eq!(shadows.next(have, now), Some(Transport::Quic));
        assert_eq!(shadows.next(have, now), Some(Transport::Websocket));
        assert_eq!(shadows.next(have, now), None, "both are tried already");
        let (done, answer) = oneshot::channel();
        shadows.dials(Transport::Quic, answer);
        assert_eq!(shadows.next(have, now + RETRY), Some(Transport::Websocket), "quic is still being dialled");
        drop(done);
        assert!(shadows.poll().is_some_and(|dialled| dialled.is_err()));
        assert!(shadows.poll().is_none());
        assert_eq!(shadows.next(have, now + RETRY), Some(Transport::Quic));
        shadows.wish(&[]);
        assert_eq!(shadows.next(|_| false, now + RETRY * 3), None);
    }
}
