//! What weather is made of: seven numbers per direction, tunnels, and a seed.
//!
//! The numbers are those that people who measure networks use, so that a weather can be written down, compared with a real path
//! and given to another tool. All are independent of the transport.
//!
//! Flow: `parse.rs`, `presets.rs` -> [`Weather`] -> `sky.rs` -> `path.rs`.

/// The network in one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// One-way delay, milliseconds, 0 to 2,000.
    pub delay_ms: f64,
    /// Each packet's delay differs from [`Self::delay_ms`] by up to this, evenly spread; milliseconds, 0 to 500. Never below zero,
    /// and never so that packets overtake each other: a packet that is slow holds up those behind it, as in a queue.
    pub jitter_ms: f64,
    /// Packets lost in the long run, percent, 0 to 100.
    pub loss_percent: f64,
    /// Mean number of packets lost in a row, 1 to 100; 1 is independent loss. Gilbert's model (a good state that loses nothing and a
    /// bad one that loses everything), with [`Self::loss_percent`] kept. Independent loss of p has a mean run of 1 / (1 - p)
    /// already, so nothing below that can be had.
    pub burst: f64,
    /// Packets that take a detour and are overtaken, percent, 0 to 100.
    pub reorder_percent: f64,
    /// Packets that arrive twice, percent, 0 to 100. TCP's receiver throws a second copy away unseen.
    pub dup_percent: f64,
    /// Bits per second in thousands, headers down to IP included; 0 is unlimited, otherwise 16 to 10,000,000.
    pub rate_kbit_s: f64,
}

/// A road with tunnels: no packet gets through while one is being passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tunnels {
    /// Seconds from the beginning of one tunnel to that of the next, 1 to 600.
    pub every_s: f64,
    /// Seconds that each one lasts, 0.1 to 60, and shorter than [`Self::every_s`].
    pub lasts_s: f64,
}

/// The state of the emulated network.
///
/// Its text form is read and written by [`std::str::FromStr`] and [`std::fmt::Display`]: `bad`, or
/// `delay=40,jitter=8,loss=5,burst=3,seed=7`, or `mobile,down.loss=10`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// From the client to the server.
    pub up: Conditions,
    /// From the server to the client.
    pub down: Conditions,
    /// Outages that come back, in both directions.
    pub tunnels: Option<Tunnels>,
    /// Where the dice begin. The same seed gives the same fate to the same packets, on every wire.
    pub seed: u64,
}

impl Conditions {
    /// A path that changes nothing.
    pub const CALM: Self = Self {
        delay_ms: 0.0,
        jitter_ms: 0.0,
        loss_percent: 0.0,
        burst: 1.0,
        reorder_percent: 0.0,
        dup_percent: 0.0,
        rate_kbit_s: 0.0,
    };

    /// Returns the share of packets lost, 0 to 1.
    pub(super) fn loss(&self) -> f64 {
        self.loss_percent / 100.0
    }
}

impl Weather {
    /// Nothing happens to any packet.
    pub const CALM: Self = Self::even(Conditions::CALM);
    /// The seed of whoever names none.
    pub const SEED: u64 = 1;

    /// Makes weather that is the same in both directions.
    pub const fn even(conditions: Conditions) -> Self {
        Self { up: conditions, down: conditions, tunnels: None, seed: Self::SEED }
    }

    /// Returns whether nothing happens to any packet.
    pub fn is_calm(&self) -> bool {
        Self { seed: Self::SEED, ..*self } == Self::CALM
    }
}

impl Default for Conditions {
    fn default() -> Self {
        Self::CALM
    }
}

impl Default for Weather {
    fn default() -> Self {
        Self::CALM
    }
}
