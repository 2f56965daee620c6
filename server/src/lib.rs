//! The host: everything of the server but its `main`, so that tests and the bench can start one in their own process.

pub mod config;
pub mod directory;
pub mod events;
pub mod lan;
pub mod lobby;
pub mod ops;
pub mod rooms;
pub mod upnp;
