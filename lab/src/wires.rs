//! What a bench may choose about single wires: the same options on every tool that flies.
//!
//! Flow: command line → [`WireArgs`] → [`crate::pilot::Field`] → the player's links.

use clap::Args;
use transport::WireOptions;

/// Options about single wires.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct WireArgs {
    /// tcp: leave Nagle's algorithm on, at both ends, to see what it costs.
    #[arg(long)]
    pub nagle: bool,
}

impl WireArgs {
    /// Returns them as the links take them.
    pub const fn options(self) -> WireOptions {
        WireOptions { nagle: self.nagle }
    }
}
