//! The links beneath a session: dialled and attached, read, lost, told goodbye.
//!
//! Flow: [`super::dialing`] → link → session; a link that closes → the next wire, another link, or the end.

use super::{Player, PlayerEvent, RETRY_EVERY};
use crate::{Closed, Link};
use protocol::{CloseReason, Transport};
use tracing::debug;
use web_time::{Duration, Instant};

/// How long a link that was told to close is kept so that it can say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

impl Player {
    pub(super) fn take_dialled(&mut self, now: Instant) {
        match self.dialing.poll(now) {
            Some(Ok(link)) => {
                if self.seat.is_none() {
                    let failed = self.dialing.take_failed().into_iter();
                    self.events.extend(failed.map(|(transport, why)| PlayerEvent::PassedOver { transport, why }));
                }
                self.session.attach(link.id(), link.transport(), now);
                self.links.insert(link.id(), link);
            }
            Some(Err((transport, why))) => self.failed(transport, why, now),
            None => {}
        }
    }

    /// One wire did not work: try the next of the race, or tell.
    pub(super) fn failed(&mut self, transport: Transport, why: String, now: Instant) {
        if self.dialing.go_on(now) || self.auto.failed(now) {
            return;
        }
        if !self.failing_over && self.away_since.is_none() && self.dialing.once_more(now) {
            return;
        }
        if self.failing_over {
            self.failing_over = false;
            self.retry_at = now.checked_add(RETRY_EVERY);
        } else if self.status.driving.is_some() {
            self.events.push_back(PlayerEvent::SwitchFailed { transport, why });
        } else if self.seat.is_none() {
            self.end(why);
        }
    }

    pub(super) fn read_links(&mut self, now: Instant) {
        let mut lost = Vec::new();
        for (id, link) in &self.links {
            while let Some(inbound) = link.try_recv() {
                self.strands.spoke(*id, inbound.at);
                self.status.bytes_in += inbound.bytes.len() as u64;
                if let Err(error) = self.session.handle(*id, inbound.lane, &inbound.bytes, inbound.at) {
                    debug!("a message over {} could not be used: {error}", link.transport());
                    self.status.decode_errors += 1;
                }
            }
            if let Some(closed) = link.closed() {
                lost.push((*id, closed));
            }
        }
        for (id, closed) in lost {
            if let Some(link) = self.links.remove(&id) {
                self.gauges.remove(&id);
                self.lost(&link, &closed, now);
                self.leaving.push((link, now));
            }
        }
    }

    fn lost(&mut self, link: &Link, closed: &Closed, now: Instant) {
        // What it brought before it closed was read; a refusal or a farewell among it must count first.
        while let Some(event) = self.session.poll_event() {
            self.take(event, now);
        }
        if let Closed::ByPeer(CloseReason::Kicked | CloseReason::RoomClosed) = closed {
            self.session.detach(link.id());
            self.status.sent_away = true;
            return self.end(sent_away(closed));
        }
        let driving = self.status.driving.is_some() && self.session.driving().is_some_and(|(id, _)| id == link.id());
        if self.is_shadow(link.id()) {
            return self.session.detach(link.id());
        }
        let attaching = self.session.attaches(link.id());
        let farewell = matches!(closed, Closed::ByPeer(CloseReason::ServerStopping | CloseReason::Replaced));
        if driving && !farewell && !self.stopping && self.hand_over(now) {
            return self.session.detach(link.id());
        }
        self.session.detach(link.id());
        if driving {
            self.status.links_lost += 1;
            self.events.push_back(PlayerEvent::Lost { transport: link.transport(), why: closed.to_string() });
        }
        let stopped = matches!(closed, Closed::ByPeer(CloseReason::ServerStopping)) || (driving && self.stopping);
        if stopped {
            self.end("The server was shut down. Start it again, or choose another one.".into());
        } else if matches!(closed, Closed::ByPeer(CloseReason::Replaced)) && driving && self.session.driving().is_none()
        {
            self.end("The same player took a place somewhere else, so this one was given up.".into());
        } else if !driving && (attaching || self.session.driving().is_none()) && !self.dialing.is_busy() {
            self.failed(link.transport(), closed.to_string(), now);
        }
    }

    pub(super) fn say_goodbye(&mut self, link: Link, reason: CloseReason, now: Instant) {
        self.gauges.remove(&link.id());
        link.close(reason);
        self.leaving.push((link, now));
    }

    pub(super) fn let_go(&mut self, now: Instant) {
        let gone = |(link, since): &mut (Link, Instant)| {
            link.closed().is_some() || now.saturating_duration_since(*since) >= GOODBYE
        };
        for (link, _) in self.leaving.extract_if(.., gone) {
            let stats = link.stats();
            self.closed_wire_bytes.0 += stats.wire_in;
            self.closed_wire_bytes.1 += stats.wire_out;
        }
    }

    /// Returns the bytes that all links so far have brought in and sent out, every header down to IP estimated.
    pub fn wire_bytes(&self) -> (u64, u64) {
        let open = self.links.values().chain(self.leaving.iter().map(|(link, _)| link)).map(Link::stats);
        open.fold(self.closed_wire_bytes, |(inward, outward), stats| (inward + stats.wire_in, outward + stats.wire_out))
    }
}

/// Returns what to tell somebody whose host has ended their presence.
fn sent_away(closed: &Closed) -> String {
    match closed {
        Closed::ByPeer(CloseReason::RoomClosed) => "The host has closed this room. Choose another one.".into(),
        _ => "The host has sent you away from this room. Choose another one.".into(),
    }
}
