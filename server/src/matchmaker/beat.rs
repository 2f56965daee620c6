//! What time does to the queue: matches are found, answers come too late, tickets grow old.
//!
//! Flow: `Matchmaker`, a few times per second → [`Line::tick`] → [`super::gather`] → proposals; new versions for those who watch.

use super::gather::{Candidate, Reason, gather};
use super::line::{Attempt, Ending, Entry, Line, Progress, Stage};
use protocol::ids::TicketId;
use protocol::lobby::Mode;
use std::time::Duration;

/// Time between two tries to open a room.
pub(super) const RETRY: Duration = Duration::from_secs(1);
/// An attempt that was not answered by then never will be: rooms answer within two seconds, or whoever asked them gives up.
const LOST: Duration = Duration::from_secs(5);
/// A ticket that merely waits gets a new version at most this often: news of the queue, not of the ticket.
const NEWS_EVERY: Duration = Duration::from_secs(5);

impl Line {
    /// Does what is due at `now`. Call it a few times per second while there are tickets.
    pub fn tick(&mut self, now: Duration) {
        self.expire(now);
        self.forget_attempts(now);
        self.end_proposals(now);
        Mode::ALL.into_iter().for_each(|mode| self.find_matches(now, mode));
        self.send_openings(now);
        self.tell_news(now);
        self.waits.forget(now);
    }

    /// Drops who is not there any more, found nobody, or is over and done with.
    fn expire(&mut self, now: Duration) {
        let rules = self.rules;
        self.entries.retain(|_, entry| entry.stage.is_live() || now.saturating_sub(entry.changed) < rules.kept);
        let late: Vec<(TicketId, Ending)> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.stage == Stage::Waiting)
            .filter_map(|(id, entry)| {
                let forgotten = now.saturating_sub(entry.seen) >= rules.forgotten_after;
                let too_long = now.saturating_sub(entry.asked) >= rules.longest_stay;
                let ending = if forgotten { Ending::Forgotten } else { Ending::NobodyFound };
                (forgotten || too_long).then_some((*id, ending))
            })
            .collect();
        late.into_iter().for_each(|(id, ending)| self.turn(now, id, Stage::Over(ending)));
    }

    /// Has attempts to open a room made again whose answer was lost, or they would be waited for without end.
    fn forget_attempts(&mut self, now: Duration) {
        for group in self.groups.values_mut() {
            if let Progress::Opening(_, attempt @ Attempt::Made(_)) = &mut group.progress
                && matches!(*attempt, Attempt::Made(at) if now.saturating_sub(at) >= LOST)
            {
                *attempt = Attempt::Due(now);
            }
        }
    }

    /// Ends proposals that somebody did not answer in time, and those for which no room could be had.
    fn end_proposals(&mut self, now: Duration) {
        let rules = self.rules;
        let over: Vec<(u64, Vec<TicketId>, Ending)> = self
            .groups
            .iter()
            .filter_map(|(number, group)| match group.progress {
                Progress::Asking if now.saturating_sub(group.since) >= rules.answer_within => {
                    let answered = |id: &TicketId| {
                        self.entries.get(id).is_some_and(|entry| entry.ids().all(|p| group.accepted.contains(&p)))
                    };
                    let silent = group.tickets.iter().copied().filter(|id| !answered(id)).collect();
                    Some((*number, silent, Ending::Declined))
                }
                Progress::Opening(since, Attempt::Due(_)) if now.saturating_sub(since) >= rules.open_within => {
                    Some((*number, group.tickets.clone(), Ending::NoRoom))
                }
                _ => None,
            })
            .collect();
        over.into_iter().for_each(|(number, out, ending)| self.dissolve(now, number, &out, ending));
    }

    fn find_matches(&mut self, now: Duration, mode: Mode) {
        let rules = self.rules;
        let waiting = self.entries.iter().filter(|(_, e)| e.stage == Stage::Waiting && e.wish.mode == mode);
        let (ids, candidates): (Vec<TicketId>, Vec<Candidate>) = waiting
            .map(|(id, entry)| {
                let waited = now.saturating_sub(entry.asked);
                let window = rules.window(&entry.strength, waited);
                let (people, bots) = (entry.wish.players.len() as u8, entry.wish.bots);
                (*id, Candidate { strength: entry.strength, window, people, waited, bots })
            })
            .unzip();
        let (matches, reasons) = gather(&rules, &candidates);
        for (id, reason) in ids.iter().zip(reasons) {
            self.entries.entry(*id).and_modify(|entry| entry.reason = reason);
        }
        for found in matches {
            let tickets = found.tickets.iter().filter_map(|at| ids.get(*at).copied()).collect();
            self.propose(now, tickets, found.bots);
        }
    }

    /// Gives those who wait a new version when the queue around them has changed. Whether they are alone, and what the first look at a new
    /// ticket brought, is told at once: anybody can see how many wait.
    fn tell_news(&mut self, now: Duration) {
        let people = &self.people;
        let is_stale = |entry: &Entry| {
            let present = (entry.reason, people.get(&entry.wish.mode).copied().unwrap_or(0));
            let own = entry.wish.players.len() as u32;
            let alone = |told: (Reason, u32)| told == (Reason::Alone, own);
            let urgent = entry.version == 1 || alone(present) != alone(entry.told);
            entry.told != present && (urgent || now.saturating_sub(entry.changed) >= NEWS_EVERY)
        };
        let waiting = self.entries.iter().filter(|(_, entry)| entry.stage == Stage::Waiting);
        let stale: Vec<TicketId> = waiting.filter(|(_, entry)| is_stale(entry)).map(|(id, _)| *id).collect();
        stale.into_iter().for_each(|id| self.touch(now, id));
    }
}
