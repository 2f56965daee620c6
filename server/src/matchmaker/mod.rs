//! The matchmaker: puts those who ask together, asks them, and has a room opened for them. `docs/MATCHMAKING.md` says by which rules.
//!
//! The queue itself is pure ([`Line`]); the dry run plays the same code with 10,000 players in virtual time.
//!
//! Flow: `server::lobby::routes::tickets` → here → [`crate::directory`] → [`crate::events`].

mod beat;
mod desk;
mod gather;
mod line;
mod parties;
mod rules;
pub mod teams;
mod view;
mod waits;

pub use desk::Matchmaker;
pub use gather::Reason;
pub use line::{AnswerError, AskError, Line, Opening, Player, Wish};
pub use parties::{MOST_MEMBERS, Parties, PartyError};
pub use rules::{POINTS_PER_UNIT, Rules, Strength};
pub use waits::Waits;

#[cfg(test)]
mod tests;
