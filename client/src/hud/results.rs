//! What a match did to the ratings: asked of the lobby once the result is out, and shown in the table beside places and kills.
//!
//! The room tells scores at once; the lobby has to store the match and rate it first, so it is asked until the newest match in the own
//! history is another one than before.
//!
//! Flow: phase of [`Picture`], [`Lobby`] → [`Results`] → [`super::scoreboard`].

use crate::{
    asked::Asked,
    lobby::{Account, Lobby},
    picture::Picture,
};
use bevy::prelude::*;
use game::{PhaseKind, SeatId};
use protocol::{
    ids::MatchId,
    lobby::{MatchResult, Standing},
};
use std::time::Duration;

/// What is known about the match that has just ended.
#[derive(Resource, Default)]
pub(super) struct Results {
    newest: Asked<Option<MatchResult>>,
    /// The newest match of before.
    before: Before,
    result: Option<MatchResult>,
    /// When the result was asked for first, and last.
    since: Option<[Duration; 2]>,
    gave_up: bool,
}

/// The newest match of before the one that is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Before {
    /// Not asked yet.
    #[default]
    Unknown,
    /// It was this one, if any.
    Known(Option<MatchId>),
}

/// How far the rating of the match is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rated<'a> {
    /// It is not known yet.
    Asking,
    /// It cannot be known.
    Unknown,
    /// The result.
    Result(&'a MatchResult),
}

impl Results {
    /// Returns how far the rating is.
    pub(super) const fn rated(&self) -> Rated<'_> {
        match &self.result {
            Some(result) => Rated::Result(result),
            None if self.gave_up => Rated::Unknown,
            None => Rated::Asking,
        }
    }

    /// Takes in the newest match. Returns whether it is the one that has just ended.
    fn take(&mut self, newest: Option<MatchResult>) -> bool {
        let id = newest.as_ref().map(|result| result.id);
        let known = std::mem::replace(&mut self.before, Before::Known(id));
        if known == Before::Unknown || known == Before::Known(id) {
            return false;
        }
        self.result = newest;
        true
    }

    fn ask(&mut self, account: Account, lobby: &Lobby) {
        self.newest.ask(lobby.runtime(), async move {
            let call = account.call(|lobby, guest| async move { lobby.history(guest.player, None, 1).await });
            call.await.map(|history| history.matches.into_iter().next()).map_err(|error| error.to_string())
        });
    }
}

/// Returns how somebody in this seat did.
pub(super) fn standing(result: &MatchResult, seat: SeatId) -> Option<&Standing> {
    result.standings.iter().find(|standing| standing.seat == Some(seat.0))
}

/// Returns those who played the match but were not there any more at its end, the best first.
pub(super) fn gone(result: &MatchResult) -> impl Iterator<Item = &Standing> {
    result.standings.iter().filter(|standing| standing.seat.is_none())
}

/// Returns why somebody who is in a result was not there any more at its end, in a word or two; nothing if they were.
pub(crate) const fn gone_word(standing: &Standing) -> &'static str {
    match standing.seat {
        Some(_) => "",
        None if standing.left => "left",
        None => "sent away",
    }
}

/// Returns what a match did to somebody's points; none if it was not rated.
pub(super) fn change(standing: &Standing) -> Option<i32> {
    Some(standing.points_after? - standing.points_before?)
}

/// Returns points before and after of the player with this seat.
pub(super) fn own_points(result: &MatchResult, seat: SeatId) -> Option<(i32, i32)> {
    let own = standing(result, seat)?;
    Some((own.points_before?, own.points_after?))
}

/// Asks for the result once it is out.
pub(super) fn fetch(
    mut results: ResMut<Results>,
    mut lobby: ResMut<Lobby>,
    picture: Res<Picture>,
    time: Res<Time<Real>>,
) {
    let results = results.bypass_change_detection();
    let now = time.elapsed();
    if results.newest.collect()
        && let Some(Ok(newest)) = results.newest.take()
    {
        results.take(newest);
    }
    let Some(wish) = lobby.last_wish().cloned() else { return };
    let phase = picture.scene.as_ref().map(|scene| scene.phase.kind);
    let over = phase == Some(PhaseKind::Results);
    if !over {
        (results.result, results.since, results.gave_up) = (None, None, false);
        if matches!(phase, Some(PhaseKind::Waiting | PhaseKind::Countdown)) {
            // The match before may have been broken off and count all the same: what was there before the next one is asked in it.
            results.before = Before::Unknown;
            return;
        }
        if results.before != Before::Unknown {
            return;
        }
    }
    // Who only watches has no result; who is not in the match yet has none either.
    if picture.own().is_none() || results.result.is_some() {
        return;
    }
    let [since, last] = results.since.unwrap_or([now, Duration::ZERO]);
    results.gave_up = over && now.saturating_sub(since) > PATIENCE;
    if results.gave_up || now.saturating_sub(last) < PAUSE {
        return;
    }
    results.since = Some([if over { since } else { now }, now]);
    if let Ok(account) = lobby.account(&wish.server, &wish.name) {
        results.ask(account, &lobby);
    }
}

/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(600);
/// A lobby that has not stored the match by then has other worries.
const PATIENCE: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{PlayerId, lobby::Mode};

    fn result(id: u64) -> MatchResult {
        let standing = |seat, player, points: Option<(i32, i32)>| Standing {
            seat: Some(seat),
            player,
            name: "Ada".into(),
            place: seat + 1,
            kills: 3,
            deaths: 1,
            left: false,
            points_before: points.map(|(before, _)| before),
            points_after: points.map(|(_, after)| after),
        };
        MatchResult {
            id: MatchId(id),
            room: "Room".into(),
            mode: Mode::Skirmish,
            map: "crossfire".into(),
            started_ms: 0,
            ended_ms: 0,
            rated: true,
            private: false,
            standings: vec![standing(0, Some(PlayerId(7)), Some((1_000, 1_012))), standing(1, None, None)],
        }
    }

    #[test]
    fn only_a_match_that_was_not_there_before_is_the_one_that_ended() {
        let mut results = Results::default();
        assert!(!results.take(Some(result(1))), "that was before we came");
        assert_eq!(results.rated(), Rated::Asking);
        assert!(!results.take(Some(result(1))), "it is not stored yet");
        assert!(results.take(Some(result(2))));
        assert!(matches!(results.rated(), Rated::Result(result) if result.id == MatchId(2)));
        results.result = None;
        assert!(!results.take(Some(result(2))), "the next match has not ended");
        let mut first = Results::default();
        assert!(!first.take(None) && first.take(Some(result(1))), "the very first match of somebody");
    }

    #[test]
    fn who_is_gone_has_no_seat_and_a_word_that_says_why() {
        let mut result = result(1);
        assert_eq!((gone(&result).count(), gone_word(&result.standings[0])), (0, ""));
        (result.standings[0].seat, result.standings[0].left) = (None, true);
        assert_eq!(gone(&result).map(gone_word).collect::<Vec<_>>(), ["left"]);
        result.standings[0].left = false;
        assert_eq!(gone(&result).map(gone_word).collect::<Vec<_>>(), ["sent away"]);
        assert_eq!(standing(&result, SeatId(0)), None, "the seat may be somebody else's");
    }

    #[test]
    fn changes_are_told_by_seat() {
        let result = result(1);
        assert_eq!(own_points(&result, SeatId(0)), Some((1_000, 1_012)));
        let change_of = |seat| standing(&result, SeatId(seat)).and_then(change);
        assert_eq!([change_of(0), change_of(1), change_of(5)], [Some(12), None, None], "bots have no rating");
        assert_eq!(own_points(&result, SeatId(1)), None);
    }
}
