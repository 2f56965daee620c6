//! Strands: more links of the driving wire where that is a stream which stalls. Snapshots and commands take turns, so that a lost segment
//! delays every fourth message instead of all that follow it.
//!
//! They are opened when the first stall is noticed and stay as long as this wire drives: a calm network costs nothing. Only `websocket`
//! has them: it is what people fall back to. `tcp` and `http` stay as plain as they are, so that what a stream does can be felt.
//!
//! Flow: [`super::wires`] (a stall) → [`Player::twine`] → [`super::dialing`] → session.

use super::Player;
use super::dialing::Dialled;
use protocol::limits::{SILENCE, STRANDS};
use protocol::{CloseReason, LinkId, Transport};
use std::collections::BTreeMap;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tracing::debug;
use web_time::{Duration, Instant};

/// Time without news that counts as a stall, on top of three intervals of snapshots: more than jitter, less than a retransmission after a
/// timeout.
const STALL: Duration = Duration::from_millis(30);
/// Time between two attempts.
const RETRY: Duration = Duration::from_secs(2);

/// Strands that are on their way.
#[derive(Default)]
pub(super) struct Strands {
    dialling: Vec<oneshot::Receiver<Dialled>>,
    not_before: Option<Instant>,
    /// The driving link has stalled.
    stalled: Option<LinkId>,
    /// When something came over each link last.
    spoke: BTreeMap<LinkId, Instant>,
}

impl Strands {
    /// Gives up what is being dialled; it is dialled again in its time.
    pub(super) fn forget_dials(&mut self) {
        self.dialling.clear();
        self.not_before = None;
    }

    /// Takes note that something came over `link`.
    pub(super) fn spoke(&mut self, link: LinkId, at: Instant) {
        self.spoke.insert(link, at);
    }

    fn silent_for(&self, link: LinkId, now: Instant) -> Option<Duration> {
        self.spoke.get(&link).map(|at| now.saturating_duration_since(*at))
    }

    fn poll(&mut self) -> Option<Dialled> {
        let mut done = None;
        self.dialling.retain_mut(|answer| {
            if done.is_none() {
                done = match answer.try_recv() {
                    Ok(dialled) => Some(dialled),
                    Err(TryRecvError::Closed) => Some(Err("The attempt was broken off.".to_owned())),
                    Err(TryRecvError::Empty) => None,
                };
                return done.is_none();
            }
            true
        });
        done
    }
}

impl Player {
    /// Opens strands beside a driving `websocket` that has stalled, and closes them when another wire drives.
    pub(super) fn twine(&mut self, now: Instant) {
        let links = &self.links;
        self.strands.spoke.retain(|link, _| links.contains_key(link));
        let wanted = self.notice_stall(now);
        if wanted {
            self.relieve(now);
        }
        while let Some(dialled) = self.strands.poll() {
            match dialled {
                Ok(link) if wanted => {
                    if self.session.strand(link.id(), link.transport(), now) {
                        self.links.insert(link.id(), link);
                    }
                }
                Ok(link) => self.say_goodbye(link, CloseReason::Done, now),
                Err(why) => debug!("no strand: {why}"),
            }
        }
        let strands: Vec<_> = self.links.keys().copied().filter(|link| self.session.is_strand(*link)).collect();
        if !wanted {
            strands.into_iter().for_each(|link| self.end_shadow(link, now));
        } else if strands.len() + self.strands.dialling.len() < STRANDS
            && self.strands.not_before.is_none_or(|at| at <= now)
        {
            let missing = STRANDS - strands.len() - self.strands.dialling.len();
            self.strands.not_before = now.checked_add(RETRY);
            let dialled: Vec<_> = (0..missing).map(|_| self.dialing.dial(Transport::Websocket)).collect();
            self.strands.dialling.extend(dialled);
        }
    }

    /// The driving link has been silent for so long that it would be replaced if it were alone, but a strand speaks: it drives from now
    /// on. Events travel over the driving link only, so they would wait as long as it does.
    fn relieve(&mut self, now: Instant) {
        let silent = |link| self.strands.silent_for(link, now);
        let Some((driving, _)) = self.session.driving().filter(|_| !self.session.is_attaching()) else { return };
        if silent(driving).is_some_and(|silent| silent >= SILENCE) {
            self.hand_over(now);
        }
    }

    /// Lets a strand that speaks drive in the place of the driving link. Returns whether there is one.
    pub(super) fn hand_over(&mut self, now: Instant) -> bool {
        let speaks = |link: &LinkId| self.strands.silent_for(*link, now).is_some_and(|silent| silent < SILENCE / 2);
        let Some((strand, wire)) = self.session.strands().find(|(link, _)| speaks(link)) else { return false };
        self.session.attach(strand, wire, now);
        self.strands.stalled = Some(strand);
        true
    }

    /// Returns whether the driving link has ever stalled and is one that strands help.
    fn notice_stall(&mut self, now: Instant) -> bool {
        let Some((link, Transport::Websocket)) = self.session.driving().filter(|_| self.netcode.strands) else {
            self.strands.stalled = None;
            return false;
        };
        let interval = Duration::from_secs_f64(f64::from(self.snapshot_every) * game::tick::TICK_SECONDS);
        let silent =
            self.gauges.get(&link).and_then(|gauge| gauge.last()).map(|last| now.saturating_duration_since(last));
        if silent.is_some_and(|silent| silent > interval * 3 + STALL) {
            self.strands.stalled = Some(link);
        }
        // While a strand is on its way to drive, it is the one that is meant.
        self.strands.stalled == Some(link) || self.strands.stalled.is_some_and(|next| self.session.attaches(next))
    }
}
