//! How many segments of a modelled TCP connection may be on their way while it mends a loss.
//!
//! A game sends less than any window of an undisturbed connection, so there is none then. While losses are mended there is, and a
//! small one: after BBR, as Linux has it (`net/ipv4/tcp_bbr.c`). For one round trip an acknowledgement lets out as many segments as
//! have arrived, no more; then it lets out twice as many, and four may always be on their way; after a timeout, one. That is what
//! turns a second loss in a row into a timeout when the round trip is short, because nothing more may be sent that could prove it.
//!
//! Flow: `stream.rs`: acknowledgement, loss, timeout -> [`Window`] -> [`Window::room`].

use web_time::Instant;

/// Segments that may always be on their way once the first round trip of mending is over.
const LEAST: usize = 4;

/// The window of a sender.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    phase: Phase,
    size: usize,
    /// Since when an acknowledgement lets out no more than has arrived; until something sent later is acknowledged.
    conserving: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is amiss.
    Open,
    /// Something was lost; over when everything up to this segment is acknowledged.
    Recovery { until: u64, heard: bool },
    /// A timeout has struck; over as above.
    Loss { until: u64 },
}

/// What an acknowledgement says.
#[derive(Clone, Copy, Debug)]
pub(super) struct News {
    /// When the newest segment that it acknowledges was sent.
    pub(super) sent: Instant,
    /// Segments that it acknowledges.
    pub(super) arrived: usize,
    /// Segments that it proves to be lost.
    pub(super) lost: usize,
    /// Segments that are still on their way, without those.
    pub(super) flying: usize,
}

impl Window {
    pub(super) const OPEN: Self = Self { phase: Phase::Open, size: usize::MAX, conserving: None };

    /// Returns whether nothing is amiss.
    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Returns how many segments may be sent while `flying` are on their way.
    pub(super) const fn room(&self, flying: usize) -> usize {
        self.size.saturating_sub(flying)
    }

    /// Everything before segment `oldest` is acknowledged.
    pub(super) fn advance(&mut self, oldest: u64) {
        let (Phase::Recovery { until, .. } | Phase::Loss { until }) = self.phase else { return };
        if oldest > until {
            *self = Self::OPEN;
        }
    }

    /// Something was lost; `newest` is the newest segment sent.
    pub(super) fn mend(&mut self, newest: u64) {
        if self.is_open() {
            self.phase = Phase::Recovery { until: newest, heard: false };
        }
    }

    /// A timeout has struck, and `flying` segments may still arrive.
    pub(super) fn collapse(&mut self, newest: u64, flying: usize) {
        *self = Self { phase: Phase::Loss { until: newest }, size: flying.saturating_add(1), conserving: None };
    }

    /// An acknowledgement has come.
    pub(super) fn hear(&mut self, now: Instant, news: News) {
        let conserved = news.flying.saturating_add(news.arrived);
        match &mut self.phase {
            Phase::Open => {}
            Phase::Recovery { heard, .. } if !*heard => {
                *heard = true;
                self.conserving = Some(now);
                self.size = conserved;
            }
            Phase::Recovery { .. } | Phase::Loss { .. } => {
                self.size = self.size.saturating_sub(news.lost).max(1);
                self.conserving = self.conserving.filter(|since| news.sent < *since);
                self.size = match self.conserving {
                    Some(_) => self.size.max(conserved),
                    None => self.size.saturating_add(news.arrived).max(LEAST),
                };
            }
        }
    }
}
