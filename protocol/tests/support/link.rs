//! A simulated link: two directions with delay, jitter and loss, and an end that each side learns of in its own time.
//!
//! Reliable messages arrive all and in order as long as the link lives; Latest ones may be lost and overtake each other. A link that
//! is cut carries nothing any more, whatever was under way included, and does not say so.
//!
//! Flow: `support::world` → [`Wire::send`] → time passes → [`Wire::arrived`].

use bytes::Bytes;
use game::rng::Rng;
use protocol::{Lane, Transport};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a path does to messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Least time on the way.
    pub(crate) delay: Duration,
    /// Most time on top of it; each message has its own.
    pub(crate) jitter: Duration,
    /// Share of Latest messages that are lost, per mille.
    pub(crate) loss: u32,
}

impl Weather {
    pub(crate) const fn new(delay_ms: u64, jitter_ms: u64, loss: u32) -> Self {
        Self { delay: Duration::from_millis(delay_ms), jitter: Duration::from_millis(jitter_ms), loss }
    }
}

/// One way.
#[derive(Clone, Debug)]
struct Way {
    weather: Weather,
    under_way: BTreeMap<(Instant, u64), (Lane, Bytes)>,
    last_reliable: Instant,
    count: u64,
}

impl Way {
    fn new(weather: Weather, now: Instant) -> Self {
        Self { weather, under_way: BTreeMap::new(), last_reliable: now, count: 0 }
    }

    fn due(&self, now: Instant, rng: &mut Rng) -> Instant {
        let jitter = self.weather.jitter.mul_f64(f64::from(rng.unit_f32()));
        now + self.weather.delay + jitter
    }

    fn send(&mut self, lane: Lane, bytes: Bytes, now: Instant, rng: &mut Rng) {
        let mut due = self.due(now, rng);
        let lost = rng.below(1_000) < self.weather.loss;
        match lane {
            Lane::Latest if lost => return,
            Lane::Latest => {}
            Lane::Reliable => {
                // A reliable lane repeats what is lost: it comes later, and everything behind it waits.
                if lost {
                    due += self.weather.delay * 2 + Duration::from_millis(20);
                }
                due = due.max(self.last_reliable);
                self.last_reliable = due;
            }
        }
        self.count += 1;
        self.under_way.insert((due, self.count), (lane, bytes));
    }
}

/// Which end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client's.
    Client,
    /// The server's.
    Server,
}

/// One link.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    /// Whose it is.
    pub(crate) client: usize,
    pub(crate) transport: Transport,
    up: Way,
    down: Way,
    cut: bool,
    /// When each end learns that it is over.
    client_learns: Option<Instant>,
    server_learns: Option<Instant>,
}

impl Wire {
    pub(crate) fn new(client: usize, transport: Transport, up: Weather, down: Weather, now: Instant) -> Self {
        let (up, down) = (Way::new(up, now), Way::new(down, now));
        Self { client, transport, up, down, cut: false, client_learns: None, server_learns: None }
    }

    /// Sends from one end. A link that is over swallows it.
    pub(crate) fn send(&mut self, from: End, lane: Lane, bytes: Bytes, now: Instant, rng: &mut Rng) {
        if !self.cut {
            self.way_from(from).send(lane, bytes, now, rng);
        }
    }

    /// Takes the next message that has arrived at one end.
    pub(crate) fn arrived(&mut self, at: End, now: Instant) -> Option<(Instant, Lane, Bytes)> {
        let way = match at {
            End::Client => &mut self.down,
            End::Server => &mut self.up,
        };
        let first = way.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((due, _), (lane, bytes)) = first.remove_entry();
        Some((due, lane, bytes))
    }

    /// Cuts the link: nothing arrives any more, and each end learns of it in its own time.
    pub(crate) fn cut(&mut self, client_learns: Instant, server_learns: Instant) {
        self.cut = true;
        self.up.under_way.clear();
        self.down.under_way.clear();
        self.client_learns.get_or_insert(client_learns);
        self.server_learns.get_or_insert(server_learns);
    }

    /// Closes the link from one end, which knows at once. The other learns of it behind the last Reliable message.
    pub(crate) fn close(&mut self, from: End, now: Instant, rng: &mut Rng) {
        let way = self.way_from(from);
        let due = way.due(now, rng).max(way.last_reliable);
        let (ours, theirs) = match from {
            End::Client => (&mut self.client_learns, &mut self.server_learns),
            End::Server => (&mut self.server_learns, &mut self.client_learns),
        };
        *ours = None;
        if !self.cut {
            theirs.get_or_insert(due);
        }
    }

    /// Returns whether one end learns by `now` that the link is over. Tells it once.
    pub(crate) fn learns(&mut self, at: End, now: Instant) -> bool {
        let learns = match at {
            End::Client => &mut self.client_learns,
            End::Server => &mut self.server_learns,
        };
        learns.take_if(|at| *at <= now).is_some()
    }

    pub(crate) const fn is_cut(&self) -> bool {
        self.cut
    }

    /// Changes what the path does from now on.
    pub(crate) fn set_weather(&mut self, up: Weather, down: Weather) {
        (self.up.weather, self.down.weather) = (up, down);
    }

    fn way_from(&mut self, from: End) -> &mut Way {
        match from {
            End::Client => &mut self.up,
            End::Server => &mut self.down,
        }
    }
}
