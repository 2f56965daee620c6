//! One row of the race: a player over one wire in one weather, and an observer beside the server. Everything is written down here and
//! judged afterwards.
//!
//! The player is the client's own, steered by a bot, looked at every millisecond. If its wire fails and another one takes over, it is
//! sent back at once, and the time away is told.
//!
//! Flow: `place.rs` → [`fly`] → [`Track`] → `figures.rs`.

use super::options::Options;
use super::place::Place;
use super::presses::{Held, Press, Presses};
use super::truth::Sighting;
use crate::pilot::wait_step;
use crate::tun::hurry;
use game::{Bot, Command, Tick};
use protocol::Transport;
use std::time::{Duration, Instant};
use transport::player::{Player, PlayerEvent, Status};

/// How long joining may take: the first packets may be lost, and TCP then waits for seconds.
const JOIN_DEADLINE: Duration = Duration::from_secs(20);
/// How often joining is tried.
const JOIN_ATTEMPTS: u32 = 5;
/// How long after joining before anything is counted: clocks settle, the countdown runs.
const SETTLE: Duration = Duration::from_secs(4);
/// Presses that close to the end would not be answered any more.
const LAST_PRESS: Duration = Duration::from_millis(1_500);
/// Time between two frames. No multiple of a tick, so that every phase of it is seen.
const FRAME: Duration = Duration::from_millis(5);
/// A turn of the loop that takes longer than this is the bench's own fault, and told.
const HICCUP: Duration = Duration::from_millis(5);
/// Skill of the bot that steers: good enough to fight, poor enough to die.
const SKILL: f32 = 0.6;

/// All that was seen in a row. Times are milliseconds since the start.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// Snapshots that the observer saw.
    pub(super) observed: Vec<Sighting>,
    /// Snapshots that the player held.
    pub(super) held: Vec<Held>,
    /// Key presses that commands carried.
    pub(super) presses: Vec<Press>,
    /// How far others were drawn in the past, beyond what the path takes, frame by frame.
    pub(super) interpolation_ms: Vec<f64>,
    /// How long commands waited on the server for their tick, by the player's own reckoning, frame by frame.
    pub(super) server_ms: Vec<f64>,
    /// The player's counters over the row.
    pub(super) totals: Totals,
    /// Time for which another wire drove.
    pub(super) away_ms: f64,
    /// Turns of the bench's loop that took too long, and the longest one.
    pub(super) hiccups: u64,
    /// The longest turn of the bench's loop.
    pub(super) longest_turn_ms: f64,
    /// Length of the row.
    pub(super) length_ms: f64,
}

/// A player's counters, from the start of the row to its end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// Commands flown for ticks that a snapshot has answered.
    pub(super) commands: u64,
    /// Ticks executed with the player's own command.
    pub(super) executed: u64,
    /// The server's word differed from the prediction.
    pub(super) corrections: u64,
    /// The own ship had to be moved by more than its radius for that.
    pub(super) large_corrections: u64,
    /// Frames drawn.
    pub(super) frames: u64,
    /// Frames that lacked a snapshot.
    pub(super) underruns: u64,
    /// Driving links lost.
    pub(super) links_lost: u64,
    /// Messages that could not be used.
    pub(super) decode_errors: u64,
    /// Bytes with every header down to IP, in and out.
    pub(super) wire_bytes: (u64, u64),
    /// Bytes of messages, in and out.
    pub(super) bytes: (u64, u64),
    /// Round trip at the end, as the player measures it.
    pub(super) round_trip: Option<Duration>,
}

impl Totals {
    fn of(player: &Player, now: Instant) -> Self {
        let status = player.status(now);
        Self {
            commands: status.answered,
            executed: status.executed,
            corrections: status.corrections,
            large_corrections: status.large_corrections,
            frames: status.frames,
            underruns: status.underruns,
            links_lost: status.links_lost,
            decode_errors: status.decode_errors,
            wire_bytes: player.wire_bytes(),
            bytes: (status.bytes_in, status.bytes_out),
            round_trip: status.round_trip,
        }
    }

    fn since(self, before: &Self) -> Self {
        let grown = |(a, b): (u64, u64), (c, d): (u64, u64)| (a.saturating_sub(c), b.saturating_sub(d));
        Self {
            commands: self.commands.saturating_sub(before.commands),
            executed: self.executed.saturating_sub(before.executed),
            corrections: self.corrections.saturating_sub(before.corrections),
            large_corrections: self.large_corrections.saturating_sub(before.large_corrections),
            frames: self.frames.saturating_sub(before.frames),
            underruns: self.underruns.saturating_sub(before.underruns),
            links_lost: self.links_lost.saturating_sub(before.links_lost),
            decode_errors: self.decode_errors.saturating_sub(before.decode_errors),
            wire_bytes: grown(self.wire_bytes, before.wire_bytes),
            bytes: grown(self.bytes, before.bytes),
            round_trip: self.round_trip,
        }
    }
}

/// Flies a row.
///
/// # Errors
/// A sentence: nobody could get in, or the player was thrown out.
pub(super) fn fly(place: &Place, wire: Transport, options: &Options) -> Result<Track, String> {
    // What is measured is the wire, not who else uses this machine. Without the right to hurry, hiccups are told.
    let _ = hurry();
    let mut flight = settled(place, wire, options)?;
    flight.race(Duration::from_secs(u64::from(options.seconds)))?;
    Ok(flight.land())
}

/// Gets player and observer into the match. In the worst weathers a handshake may well fail; a person would try again.
fn settled(place: &Place, wire: Transport, options: &Options) -> Result<Flight, String> {
    let mut why = String::new();
    for _ in 0..JOIN_ATTEMPTS {
        let mut flight = Flight::begin(place, wire, options)?;
        match flight.settle() {
            Ok(()) => return Ok(flight),
            Err(sentence) => why = sentence,
        }
    }
    Err(why)
}

struct Flight {
    wire: Transport,
    observer: Player,
    player: Player,
    bot: Bot,
    presses: Presses,
    start: Instant,
    /// Whether the row has begun.
    counts: bool,
    presses_until: Duration,
    next_frame: Instant,
    away_since: Option<Instant>,
    track: Track,
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

impl Flight {
    /// Lets player and observer in.
    fn begin(place: &Place, wire: Transport, options: &Options) -> Result<Self, String> {
        Ok(Self {
            wire,
            player: place.player(wire, options.seed)?,
            observer: place.observer()?,
            bot: Bot::new(options.seed, SKILL),
            presses: Presses::new(options.seed),
            start: Instant::now(),
            counts: false,
            presses_until: Duration::MAX,
            next_frame: Instant::now(),
            away_since: None,
            track: Track::default(),
        })
    }

    /// Waits until both see the arena, then a little longer.
    fn settle(&mut self) -> Result<(), String> {
        let until = Instant::now() + JOIN_DEADLINE;
        let mut next = Instant::now();
        while self.player.view().is_none() || self.observer.view().is_none() {
            self.turn(Instant::now())?;
            if Instant::now() > until {
                let late = if self.observer.view().is_none() { "observer" } else { "player" };
                let seconds = JOIN_DEADLINE.as_secs();
                return Err(format!("The {late} over {} did not get into the match within {seconds} s.", self.wire));
            }
            wait_step(&mut next);
        }
        let until = Instant::now() + SETTLE;
        while Instant::now() < until {
            self.turn(Instant::now())?;
            wait_step(&mut next);
        }
        Ok(())
    }

    fn race(&mut self, length: Duration) -> Result<(), String> {
        let start = Instant::now();
        let moved = millis(start - std::mem::replace(&mut self.start, start));
        self.track.held.iter_mut().for_each(|held| held.at -= moved);
        self.counts = true;
        self.away_since = self.away_since.map(|_| self.start);
        self.presses_until = length.saturating_sub(LAST_PRESS);
        let before = Totals::of(&self.player, self.start);
        let (mut next, mut last) = (self.start, self.start);
        loop {
            let now = Instant::now();
            let turn = now - last;
            last = now;
            self.track.hiccups += u64::from(turn > HICCUP);
            self.track.longest_turn_ms = self.track.longest_turn_ms.max(millis(turn));
            self.turn(now)?;
            if now - self.start >= length {
                break;
            }
            wait_step(&mut next);
        }
        let now = Instant::now();
        self.track.length_ms = millis(now - self.start);
        self.track.totals = Totals::of(&self.player, now).since(&before);
        if let Some(since) = self.away_since {
            self.track.away_ms += millis(now - since);
        }
        Ok(())
    }

    /// One look at everything.
    fn turn(&mut self, now: Instant) -> Result<(), String> {
        self.observe(now);
        self.pilot(now);
        self.listen(now)?;
        self.draw(now);
        Ok(())
    }

    /// Looks at the scene as the client does, from the beginning on.
    fn draw(&mut self, now: Instant) {
        if now < self.next_frame || self.player.scene(now).is_none() {
            return;
        }
        self.next_frame = now + FRAME;
        if self.counts {
            self.track.interpolation_ms.push(millis(self.player.status(now).interpolation_delay));
            self.track.server_ms.extend(self.player.truth().map(|truth| millis(truth.server)));
        }
    }

    fn observe(&mut self, now: Instant) {
        self.observer.update(now);
        while self.observer.due(now).is_some() {
            self.observer.fly(Command::default());
        }
        self.observer.flush(now);
        while self.observer.poll_event().is_some() {}
        if let Some((tick, at, _)) = newest(&self.observer.status(now))
            && self.counts
            && self.track.observed.last().is_none_or(|last| last.tick < tick.0)
        {
            self.track.observed.push(Sighting { tick: tick.0, at: self.since_start(at) });
        }
    }

    fn pilot(&mut self, now: Instant) {
        self.player.update(now);
        let since = now.saturating_duration_since(self.start);
        if self.counts && since < self.presses_until {
            self.presses.press(since);
        }
        while let Some(tick) = self.player.due(now) {
            let command = match (self.player.view(), self.player.map()) {
                (Some(view), Some(map)) => self.bot.fly(view, map),
                _ => Command::default(),
            };
            self.player.fly(command);
            self.track.presses.extend(self.presses.carry(tick.0, since));
        }
        self.player.flush(now);
        if let Some((tick, at, executed)) = newest(&self.player.status(now))
            && self.track.held.last().is_none_or(|last| last.tick < tick.0)
        {
            let held = Held { tick: tick.0, at: self.since_start(at), executed };
            if !self.counts {
                // The row begins with the snapshot held at its start.
                self.track.held.clear();
            }
            self.track.held.push(held);
        }
    }

    fn listen(&mut self, now: Instant) -> Result<(), String> {
        while let Some(event) = self.player.poll_event() {
            match event {
                PlayerEvent::Ended { why } => return Err(why),
                PlayerEvent::Drives { transport, .. } if transport == self.wire => {
                    if let Some(since) = self.away_since.take()
                        && self.counts
                    {
                        self.track.away_ms += millis(now - since);
                    }
                }
                PlayerEvent::Drives { .. } => self.away_since = self.away_since.or(Some(now)),
                _ => {}
            }
        }
        if self.away_since.is_some() {
            self.player.switch(self.wire, now);
        }
        Ok(())
    }

    /// Milliseconds from the start to `at`; negative before it.
    fn since_start(&self, at: Instant) -> f64 {
        millis(at.saturating_duration_since(self.start)) - millis(self.start.saturating_duration_since(at))
    }

    /// Says goodbye and stays long enough for it to be heard.
    fn land(mut self) -> Track {
        let now = Instant::now();
        self.player.leave(now);
        self.observer.leave(now);
        std::thread::sleep(Duration::from_millis(150));
        self.track
    }
}

/// Returns the newest snapshot's tick, when it arrived, and the ticks executed by then.
fn newest(status: &Status) -> Option<(Tick, Instant, u64)> {
    Some((status.newest?, status.last_snapshot?, status.executed))
}
