//! What a bench may choose about single wires: the same options on every tool that flies.
//!
//! Flow: command line → [`WireArgs`] → [`crate::pilot::Field`] → the player's links.

use clap::Args;
use std::time::Duration;
use transport::{HttpMode, WireOptions};

/// Options about single wires.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct WireArgs {
    /// tcp: leave Nagle's algorithm on, at both ends, to see what it costs.
    #[arg(long)]
    pub nagle: bool,
    /// http: ask for news at this interval instead of waiting for it, 10 to 500 ms (a wire that is silent for longer counts as dead).
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(10..=500))]
    pub http_poll: Option<u64>,
}

impl WireArgs {
    /// Returns them as the links take them.
    pub const fn options(self) -> WireOptions {
        let http = match self.http_poll {
            Some(interval) => HttpMode::Poll(Duration::from_millis(interval)),
            None => HttpMode::LongPoll,
        };
        WireOptions { nagle: self.nagle, http }
    }
}
