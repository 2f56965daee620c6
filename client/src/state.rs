//! What the user sees: the menu, a connection being made, a match, or what went wrong.
//!
//! Flow: [`crate::menu`], [`crate::lobby`], [`crate::links`] → [`Screen`] → every system that runs on one screen only.

use bevy::prelude::*;

/// What is on the screen.
#[derive(States, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Screen {
    /// The start screen.
    #[default]
    Menu,
    /// The lobby is asked, a wire is dialled.
    Connecting,
    /// A match.
    InMatch,
    /// [`Failure`] says what happened.
    Failed,
}

/// What happened and what to do, for people.
#[derive(Resource, Clone, Debug, Default)]
pub(crate) struct Failure {
    /// What could not be done, in a few words.
    pub(crate) title: &'static str,
    /// What happened: one sentence or two.
    pub(crate) why: String,
    /// What to do about it.
    pub(crate) advice: &'static str,
}

/// A failure to get in.
pub(crate) const NOT_JOINED: &str = "Could not join";
/// No failure, but the host's wish: there is nothing to try again.
pub(crate) const SENT_AWAY: &str = "You are out of this room";
/// A failure afterwards.
pub(crate) const ENDED: &str = "The match ended here";
