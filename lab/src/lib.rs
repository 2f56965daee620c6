//! The bench: headless players in any number, and what they measure.
//!
//! [`pilot`] is one player without a screen; [`swarm`] flies many, [`switch`] one that changes its wire over and over, [`race`]
//! measures what each wire does in each weather, [`storm`] throws nonsense at a server while honest pilots fly. [`tun`] is a real link with weather on it. [`report`] prints.

pub mod pilot;
pub mod race;
pub mod report;
pub mod storm;
pub mod swarm;
pub mod switch;
pub mod tun;
