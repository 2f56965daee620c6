//! The bench: headless players in any number, and what they measure.
//!
//! [`pilot`] is one player without a screen; [`swarm`] flies many, [`switch`] one that changes its wire over and over, [`unplug`] one whose
//! cables are pulled, [`rail`] shoots at what it sees, [`race`] measures what each wire does in each weather; the weather may be
//! [`changing`]. [`storm`] throws nonsense at a server while honest pilots fly; [`kill`] kills it and checks its memory, [`crowd`] waits at its lobby by the thousand. [`host`] is a
//! server of one's own. [`tun`] is a real link with weather on it. [`doctor`] says why somebody cannot play on a server.
//! [`pack`] makes of a build for browsers what a server offers, and [`weigh`] says what is in it. [`report`] prints.

pub mod changing;
pub mod crowd;
mod descriptors;
pub mod doctor;
pub mod host;
pub mod kill;
pub mod pack;
pub mod pilot;
mod plain;
pub mod race;
pub mod rail;
pub mod report;
pub mod storm;
pub mod swarm;
pub mod switch;
pub mod tun;
pub mod unplug;
pub mod weigh;
pub mod wires;
