//! Every way in which the matchmaker says no, as a sentence for the player.
//!
//! Flow: [`super::routes`] (tickets, parties) → here → [`super::problem`] → the client's screen.

use super::problem::Refusal;
use crate::matchmaker::{AnswerError, AskError, MOST_MEMBERS, PartyError};
use axum::http::StatusCode;
use protocol::ids::{PlayerId, TicketId};
use thiserror::Error;

/// Why the matchmaker refused something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum MatchRefusal {
    /// The ticket is gone, never was, or belongs to others.
    #[error("This search is over. Ask again for a match.")]
    TicketUnknown,
    /// The caller waits already, with this ticket.
    #[error("You are looking for a match already. Give that search up first.")]
    Waiting(TicketId),
    /// One of the caller's party waits already.
    #[error("Somebody of your party is looking for a match already. They have to give that search up first.")]
    MemberWaiting,
    /// Too many tickets.
    #[error("Too many are looking for a match at the moment. Join one of the open rooms, or try again in a minute.")]
    QueueFull,
    /// Accept or decline what?
    #[error("There is no match to answer at the moment. Wait until one is found.")]
    NothingProposed,
    /// The room is being opened, or it is over.
    #[error("It is too late for that: the match is made or the search is over.")]
    TooLate,
    /// No such party, or the caller is not in it.
    #[error("There is no such party, or you are not in it. Check the code, or open a party of your own.")]
    PartyUnknown,
    /// It has as many members as it may.
    #[error("This party is full: {MOST_MEMBERS} can play together. Open another one.")]
    PartyFull,
    /// Too many parties.
    #[error("No more parties can be opened at the moment. Try again in a minute.")]
    TooManyParties,
    /// Somebody has come or gone while the leader asked.
    #[error("Somebody joined or left your party just now. Ask again.")]
    PartyChanged,
    /// Only the leader asks.
    #[error("Only the leader of a party can look for a match. Ask them, or leave the party.")]
    NotLeader,
}

impl MatchRefusal {
    /// Returns the status and the title.
    pub(super) const fn kind(self) -> (StatusCode, &'static str) {
        match self {
            Self::TicketUnknown => (StatusCode::NOT_FOUND, "Unknown ticket"),
            Self::Waiting(_) | Self::MemberWaiting => (StatusCode::CONFLICT, "In the queue already"),
            Self::QueueFull => (StatusCode::SERVICE_UNAVAILABLE, "Queue full"),
            Self::NothingProposed => (StatusCode::CONFLICT, "Nothing to answer"),
            Self::TooLate => (StatusCode::CONFLICT, "Too late"),
            Self::PartyUnknown => (StatusCode::NOT_FOUND, "Unknown party"),
            Self::PartyFull => (StatusCode::CONFLICT, "Party full"),
            Self::TooManyParties => (StatusCode::SERVICE_UNAVAILABLE, "Too many parties"),
            Self::PartyChanged => (StatusCode::CONFLICT, "Party changed"),
            Self::NotLeader => (StatusCode::FORBIDDEN, "Not the leader"),
        }
    }

    /// Returns why `caller`'s ticket was not taken.
    pub(super) fn of_ask(error: AskError, caller: PlayerId) -> Self {
        match error {
            AskError::Already(player, ticket) if player == caller => Self::Waiting(ticket),
            AskError::Already(..) => Self::MemberWaiting,
            AskError::Full => Self::QueueFull,
            AskError::PartyChanged => Self::PartyChanged,
        }
    }

    /// Returns where the caller's present ticket is, so that a client that lost it finds it again.
    pub(super) fn location(self) -> Option<String> {
        match self {
            Self::Waiting(ticket) => Some(format!("/v1/tickets/{}", ticket.0)),
            _ => None,
        }
    }
}

impl From<MatchRefusal> for Refusal {
    fn from(refusal: MatchRefusal) -> Self {
        Self::Match(refusal)
    }
}

impl From<AnswerError> for Refusal {
    fn from(error: AnswerError) -> Self {
        Self::Match(match error {
            AnswerError::Unknown => MatchRefusal::TicketUnknown,
            AnswerError::NotAsked => MatchRefusal::NothingProposed,
            AnswerError::TooLate => MatchRefusal::TooLate,
        })
    }
}

impl From<PartyError> for Refusal {
    fn from(error: PartyError) -> Self {
        Self::Match(match error {
            PartyError::Unknown => MatchRefusal::PartyUnknown,
            PartyError::Full => MatchRefusal::PartyFull,
            PartyError::TooMany => MatchRefusal::TooManyParties,
        })
    }
}
