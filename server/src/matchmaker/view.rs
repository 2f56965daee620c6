//! What can be seen of a ticket and of the queue, in the words and types of the API.
//!
//! Flow: [`Line`] → [`Line::view`], [`Line::queue`] → `server::lobby::routes` → the player's screen.

use super::gather::Reason;
use super::line::{Ending, Entry, Group, Line, Progress, Stage};
use protocol::ids::{PlayerId, TicketId};
use protocol::lobby::{PartyMember, Queue, QueueRow, Ticket, TicketState};
use std::time::Duration;

/// Rows of the queue that are shown.
const ROWS: usize = 100;
/// How long it is said that a proposal failed.
const RETURN_TOLD: Duration = Duration::from_secs(5);

impl Line {
    /// Returns the ticket `id` as `player` sees it; none if it is not theirs. `changed_ms` counts from the matchmaker's beginning.
    pub fn view(&self, now: Duration, id: TicketId, player: PlayerId) -> Option<Ticket> {
        let entry = self.entries.get(&id).filter(|entry| entry.is_of(player))?;
        let waiting = self.people.get(&entry.wish.mode).copied().unwrap_or(0);
        let live = entry.stage.is_live();
        let waited = if live { now } else { entry.changed }.saturating_sub(entry.asked);
        let state = self.state(now, entry, player);
        let bots_in = (live && entry.wish.bots).then(|| self.rules.bots_after.saturating_sub(waited));
        let window = self.rules.window(&entry.strength, waited);
        Some(Ticket {
            id,
            version: entry.version,
            why: self.why(now, entry, &state, bots_in, waiting),
            state,
            mode: entry.wish.mode,
            players: entry.wish.players.iter().map(super::line::Player::as_member).collect(),
            points: entry.strength.points.round() as i32,
            waited_ms: ms(waited),
            window_points: window.round() as u32,
            expected_ms: self.waits.expected(waited).filter(|_| live).map(ms),
            bots_in_ms: bots_in.map(ms),
            waiting,
            changed_ms: u64::from(ms(entry.changed)),
        })
    }

    /// Returns what anybody may see of the queue.
    pub fn queue(&self, now: Duration) -> Queue {
        let mut waiting: Vec<&Entry> = self.entries.values().filter(|entry| entry.stage == Stage::Waiting).collect();
        waiting.sort_by_key(|entry| entry.asked);
        let row = |entry: &Entry| {
            let waited = now.saturating_sub(entry.asked);
            QueueRow {
                mode: entry.wish.mode,
                players: entry.wish.players.len() as u8,
                points: entry.strength.points.round() as i32,
                window_points: self.rules.window(&entry.strength, waited).round() as u32,
                waited_ms: ms(waited),
            }
        };
        Queue {
            rows: waiting.into_iter().take(ROWS).map(row).collect(),
            waiting: self.people(),
            wait_p50_ms: self.waits.quantile(0.5).map(ms),
            wait_p95_ms: self.waits.quantile(0.95).map(ms),
            matched: self.matched,
        }
    }

    fn state(&self, now: Duration, entry: &Entry, player: PlayerId) -> TicketState {
        match entry.stage {
            Stage::Waiting => TicketState::Waiting,
            Stage::Grouped(number) => self.groups.get(&number).map_or(TicketState::Waiting, |group| {
                let left = self.rules.answer_within.saturating_sub(now.saturating_sub(group.since));
                TicketState::Proposed {
                    accept_within_ms: ms(left),
                    accepted: group.accepted.len() as u8,
                    needed: group.players.len() as u8,
                    mine: group.accepted.contains(&player),
                }
            }),
            Stage::Ready(room) => TicketState::Ready { room },
            Stage::Over(Ending::Cancelled) => TicketState::Cancelled,
            Stage::Over(Ending::Declined) => TicketState::Declined,
            Stage::Over(Ending::Forgotten | Ending::NobodyFound | Ending::NoRoom) => TicketState::Expired,
        }
    }

    /// Returns the one sentence (or two short ones) for the player.
    fn why(&self, now: Duration, entry: &Entry, state: &TicketState, bots_in: Option<Duration>, people: u32) -> String {
        match (entry.stage, state) {
            (Stage::Ready(room), _) => format!("Your match is ready in room {}. Take your seat.", room.0),
            (Stage::Over(ending), _) => over(ending, entry).to_owned(),
            (Stage::Grouped(number), TicketState::Proposed { accepted, needed, mine, .. }) => {
                proposed(self.groups.get(&number), *accepted, *needed, *mine)
            }
            _ => waiting(now, entry, bots_in, people.saturating_sub(entry.wish.players.len() as u32)),
        }
    }
}

/// Says why there is no match yet, with so many `others` in the queue. Without figures that change while nothing else does: those are beside
/// it, for a screen to count on.
fn waiting(now: Duration, entry: &Entry, bots_in: Option<Duration>, others: u32) -> String {
    if entry.returned.is_some_and(|at| now.saturating_sub(at) < RETURN_TOLD) {
        return "Somebody did not accept. You are at the front of the queue again.".to_owned();
    }
    let why = match entry.reason {
        // Who is asked about a match still counts, but cannot be put together with anybody.
        Reason::Alone if others > 0 => "The others in the queue are just being asked about a match.".to_owned(),
        Reason::Alone if entry.wish.players.len() > 1 => "Only your party is in the queue.".to_owned(),
        Reason::Alone => "You are alone in the queue.".to_owned(),
        Reason::NobodyNear => "Nobody of your strength yet; the range widens while you wait.".to_owned(),
        Reason::TooFew { found } => {
            return format!("{found} players fit together. The longer you wait, the fewer a match needs.");
        }
    };
    match bots_in {
        Some(_) => format!("{why} If nobody comes, bots fill up."),
        None if entry.reason == Reason::Alone && others == 0 => format!("{why} Allow bots to play at once."),
        None => why,
    }
}

fn proposed(group: Option<&Group>, accepted: u8, needed: u8, mine: bool) -> String {
    let opening = group.is_some_and(|group| group.progress != Progress::Asking);
    match needed.saturating_sub(accepted) {
        _ if opening && needed == 1 => "Bots fill up. Your room is being opened.".to_owned(),
        _ if opening => "Everybody accepted. Your room is being opened.".to_owned(),
        _ if !mine => format!("A match of {needed} is found. Accept it, or decline."),
        1 => "You accepted. One more has to.".to_owned(),
        missing => format!("You accepted. {missing} more have to."),
    }
}

const fn over(ending: Ending, entry: &Entry) -> &'static str {
    match ending {
        Ending::Cancelled => "The search was given up. Ask again when you want to play.",
        Ending::Declined if entry.wish.players.len() > 1 => {
            "Somebody of your party declined or did not answer in time. Ask again when all are there."
        }
        Ending::Declined => "The match was declined or not answered in time. Ask again when you want to play.",
        Ending::Forgotten => "Nobody asked about this search any more, so it was dropped. Ask again.",
        Ending::NobodyFound => "Nobody was found for a long time. Ask again later, or allow bots.",
        Ending::NoRoom => "The server has no place for another match at the moment. Ask again in a minute.",
    }
}

impl super::line::Player {
    /// Returns what others may see.
    pub fn as_member(&self) -> PartyMember {
        PartyMember { player: self.id, name: self.name.clone(), points: self.rating.points }
    }
}

fn ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
