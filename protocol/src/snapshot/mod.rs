//! Snapshots as differences: what was held ([`ring`]) and what changed since ([`delta`]).

pub mod delta;
pub mod ring;

pub use delta::{Waiting, decode, encode};
pub use ring::Ring;
