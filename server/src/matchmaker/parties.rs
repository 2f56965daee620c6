//! Parties: friends who look for a match together. Pure, like the queue.
//!
//! Who found a party leads it and asks for matches; when the leader goes, the next one in line leads. A party is known by a code, has at
//! most [`MOST_MEMBERS`] members and is forgotten when nobody has asked about it for [`FORGOTTEN_AFTER`]. Everybody is in one party at most:
//! whoever joins another has left the former.
//!
//! Flow: `POST /v1/parties` → [`Parties`] → the members of a [`super::Wish`].

use super::line::Player;
use protocol::ids::{PlayerId, TicketId};
use protocol::invite::InviteCode;
use protocol::lobby::Party;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most members: half a match, so that there is somebody to play against.
pub const MOST_MEMBERS: usize = 4;
/// Parties that are held at once.
const MOST_PARTIES: usize = 5_000;
/// A party that nobody asked about for this long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// Why somebody is not in a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartyError {
    /// There is no such party.
    Unknown,
    /// It has as many members as it may.
    Full,
    /// No more parties can be held.
    TooMany,
}

/// All parties.
#[derive(Clone, Debug, Default)]
pub struct Parties {
    parties: BTreeMap<InviteCode, Members>,
    of: BTreeMap<PlayerId, InviteCode>,
    changed: Vec<(InviteCode, u64)>,
    last_version: u64,
}

#[derive(Clone, Debug)]
struct Members {
    /// The leader first; never empty.
    players: Vec<Player>,
    ticket: Option<TicketId>,
    seen: Duration,
    version: u64,
}

impl Parties {
    /// Returns no parties. Versions count from `first_version`: the time of day keeps apart what different runs of a server count.
    pub fn new(first_version: u64) -> Self {
        Self { last_version: first_version, ..Self::default() }
    }

    /// `leader` founds a party with the `code`, which has to be a new one.
    ///
    /// # Errors
    /// If too many parties are held, or the code is taken.
    pub fn found(&mut self, now: Duration, code: InviteCode, leader: Player) -> Result<(), PartyError> {
        if self.parties.len() >= MOST_PARTIES || self.parties.contains_key(&code) {
            return Err(PartyError::TooMany);
        }
        self.leave(leader.id);
        self.of.insert(leader.id, code);
        self.parties.insert(code, Members { players: vec![leader], ticket: None, seen: now, version: 0 });
        self.touch(code);
        Ok(())
    }

    /// `player` joins. Once more is no mistake.
    ///
    /// # Errors
    /// If there is no such party, or it is full.
    pub fn join(&mut self, now: Duration, code: InviteCode, player: Player) -> Result<(), PartyError> {
        let party = self.parties.get(&code).ok_or(PartyError::Unknown)?;
        if party.players.iter().any(|member| member.id == player.id) {
            return Ok(());
        }
        if party.players.len() >= MOST_MEMBERS {
            return Err(PartyError::Full);
        }
        self.leave(player.id);
        self.of.insert(player.id, code);
        if let Some(party) = self.parties.get_mut(&code) {
            party.seen = now;
            party.players.push(player);
        }
        self.touch(code);
        Ok(())
    }

    /// `player` leaves the party that they are in, if any; an empty one is forgotten.
    pub fn leave(&mut self, player: PlayerId) {
        let Some(code) = self.of.remove(&player) else { return };
        if let Some(party) = self.parties.get_mut(&code) {
            party.players.retain(|member| member.id != player);
        }
        self.touch(code);
        self.parties.retain(|_, party| !party.players.is_empty());
    }

    /// Returns the code of the party that `player` is in.
    pub fn of(&self, player: PlayerId) -> Option<InviteCode> {
        self.of.get(&player).copied()
    }

    /// Returns the members, the leader first.
    pub fn members(&self, code: &InviteCode) -> Option<&[Player]> {
        self.parties.get(code).map(|party| party.players.as_slice())
    }

    /// Returns the leader, and the ticket that the party asked for last.
    pub fn waiting(&self, code: &InviteCode) -> Option<(PlayerId, TicketId)> {
        let party = self.parties.get(code)?;
        Some((party.players.first()?.id, party.ticket?))
    }

    /// Notes the ticket that the party waits with.
    pub fn waits_with(&mut self, code: &InviteCode, ticket: TicketId) {
        if let Some(party) = self.parties.get_mut(code) {
            party.ticket = Some(ticket);
            self.touch(*code);
        }
    }

    /// Returns the party as `player` sees it; none if they are not in it.
    pub fn view(&mut self, now: Duration, code: &InviteCode, player: PlayerId) -> Option<Party> {
        let party =
            self.parties.get_mut(code).filter(|party| party.players.iter().any(|member| member.id == player))?;
        party.seen = now;
        Some(Party {
            code: code.to_string(),
            version: party.version,
            leader: party.players.first()?.id,
            members: party.players.iter().map(Player::as_member).collect(),
            ticket: party.ticket,
        })
    }

    /// Notes that somebody asked about a party.
    pub fn seen(&mut self, now: Duration, code: &InviteCode) {
        if let Some(party) = self.parties.get_mut(code) {
            party.seen = now;
        }
    }

    /// Forgets parties that nobody asks about.
    pub fn expire(&mut self, now: Duration) {
        self.parties.retain(|_, party| now.saturating_sub(party.seen) < FORGOTTEN_AFTER);
        let parties = &self.parties;
        self.of.retain(|_, code| parties.contains_key(code));
    }

    /// Returns parties and their new versions, in the order of the changes since the last call.
    pub fn take_changed(&mut self) -> Vec<(InviteCode, u64)> {
        std::mem::take(&mut self.changed)
    }

    /// Returns whether there is a party with this code.
    pub fn has(&self, code: &InviteCode) -> bool {
        self.parties.contains_key(code)
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parties.is_empty()
    }

    fn touch(&mut self, code: InviteCode) {
        self.last_version += 1;
        if let Some(party) = self.parties.get_mut(&code) {
            party.version = self.last_version;
            self.changed.push((code, self.last_version));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::lobby::Rating;

    const NOW: Duration = Duration::ZERO;

    fn player(id: u64) -> Player {
        let rating = Rating { mean: 25.0, deviation: 25.0 / 3.0, points: 1_000 };
        Player { id: PlayerId(id), name: format!("Player {id}"), rating }
    }

    fn code(n: u64) -> InviteCode {
        InviteCode::from_random(n)
    }

    fn party_of(parties: &mut Parties, player: u64) -> Option<Vec<u64>> {
        let code = parties.of(PlayerId(player))?;
        let party = parties.view(NOW, &code, PlayerId(player))?;
        assert_eq!(party.leader, party.members[0].player);
        Some(party.members.iter().map(|member| member.player.0).collect())
    }

    #[test]
    fn friends_come_and_go() {
        let mut parties = Parties::new(7);
        assert_eq!(parties.found(NOW, code(1), player(1)), Ok(()));
        assert_eq!(parties.found(NOW, code(1), player(9)), Err(PartyError::TooMany), "the code is taken");
        (2..=4).for_each(|id| assert_eq!(parties.join(NOW, code(1), player(id)), Ok(())));
        assert_eq!(parties.join(NOW, code(1), player(5)), Err(PartyError::Full));
        assert_eq!(parties.join(NOW, code(1), player(2)), Ok(()), "again is no mistake");
        assert_eq!(parties.join(NOW, code(2), player(5)), Err(PartyError::Unknown));
        assert_eq!(party_of(&mut parties, 3), Some(vec![1, 2, 3, 4]));
        assert_eq!(parties.view(NOW, &code(1), PlayerId(5)), None, "strangers see nothing");
        let versions: Vec<_> = parties.take_changed().into_iter().map(|(_, version)| version).collect();
        assert_eq!(versions, [8, 9, 10, 11]);
        parties.leave(PlayerId(1));
        assert_eq!(party_of(&mut parties, 2), Some(vec![2, 3, 4]), "the next one leads");
        assert_eq!(party_of(&mut parties, 1), None);
    }

    #[test]
    fn everybody_is_in_one_party_at_most() {
        let mut parties = Parties::default();
        parties.found(NOW, code(1), player(1)).expect("a new code");
        parties.found(NOW, code(2), player(2)).expect("a new code");
        parties.join(NOW, code(2), player(1)).expect("there is a place");
        assert_eq!(party_of(&mut parties, 1), Some(vec![2, 1]));
        assert!(!parties.has(&code(1)), "an empty party is forgotten");
    }

    #[test]
    fn parties_are_forgotten() {
        let mut parties = Parties::default();
        parties.found(NOW, code(1), player(1)).expect("a new code");
        parties.expire(FORGOTTEN_AFTER - Duration::from_secs(1));
        assert!(parties.has(&code(1)));
        parties.expire(FORGOTTEN_AFTER);
        assert!(parties.is_empty() && parties.of(PlayerId(1)).is_none());
    }
}
