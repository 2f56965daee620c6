//! The host: everything of the server but its `main`, so that tests and the bench can start one in their own process.

pub mod clerk;
pub mod config;
pub mod descriptors;
pub mod directory;
pub mod dry_run;
pub mod events;
pub mod hooks;
pub mod lan;
pub mod lobby;
pub mod matchmaker;
pub mod operator;
pub mod ops;
pub mod password;
mod private_file;
pub mod rating;
pub mod rooms;
pub mod site;
pub mod store;
pub mod upnp;
pub mod vitals;
