//! Who may come into a room, and who leads it.
//!
//! Flow: [`super::board`] opens → [`super::greet`] asks [`Door::check`]; [`super::board`] lets [`Door::settle`] choose the next host.

use crate::password::Password;
use protocol::ids::PlayerId;
use protocol::invite::InviteCode;
use protocol::wire::hello::Refusal;
use std::time::{Duration, Instant};

/// How long a room waits for the one who opened it before somebody else may lead: the life of a grant, and a slow dial.
const HOST_AWAITED: Duration = Duration::from_secs(45);

/// The door of one room.
#[derive(Clone, Debug)]
pub struct Door {
    /// What leads in.
    pub code: InviteCode,
    /// It is in no list.
    pub private: bool,
    /// What the lobby asks everybody but the host for.
    pub password: Option<Password>,
    /// The only ones who may sit here; empty for everybody.
    pub reserved: Vec<PlayerId>,
    /// Who was sent away.
    pub banned: Vec<PlayerId>,
    /// Who leads. Always none in a room that nobody opened to lead it.
    pub host: Option<PlayerId>,
    opened: Instant,
    /// Somebody may lead here.
    led: bool,
    /// The host has been here.
    seen: bool,
}

impl Door {
    /// Returns an open door.
    pub const fn new(code: InviteCode, host: Option<PlayerId>, now: Instant) -> Self {
        Self {
            code,
            private: false,
            password: None,
            reserved: Vec::new(),
            banned: Vec::new(),
            host,
            opened: now,
            led: host.is_some(),
            seen: false,
        }
    }

    /// Returns whether `player` may be here at all. The password was the lobby's business.
    ///
    /// # Errors
    /// [`Refusal::Kicked`] or [`Refusal::Reserved`].
    pub fn check(&self, player: PlayerId) -> Result<(), Refusal> {
        if self.banned.contains(&player) {
            return Err(Refusal::Kicked);
        }
        if !self.reserved.is_empty() && !self.reserved.contains(&player) {
            return Err(Refusal::Reserved);
        }
        Ok(())
    }

    /// Keeps `player` out from now on. They know the present code, and could come back under another name: `code` replaces it.
    pub fn ban(&mut self, player: PlayerId, code: InviteCode) {
        if !self.banned.contains(&player) {
            self.banned.push(player);
        }
        self.host = self.host.filter(|host| *host != player);
        self.code = code;
    }

    /// Returns whether `player` leads here and is not awaited: they have been here, or have not come for too long. If nobody is here now, they
    /// have given the room up.
    pub fn is_left_by(&self, player: PlayerId, now: Instant) -> bool {
        self.host == Some(player) && (self.seen || self.age(now) >= HOST_AWAITED)
    }

    /// Returns how long ago the room was opened.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.opened)
    }

    /// Chooses the next host if the present one has left for good or never came: who has been seated longest. `seated` are those who
    /// have a seat, with the time since when; `watching` are the others who are here.
    pub fn settle(&mut self, seated: &[(PlayerId, Instant)], watching: &[PlayerId], now: Instant) {
        if !self.led {
            return;
        }
        let is_host = |player: &PlayerId| self.host == Some(*player);
        if watching.iter().any(is_host) || seated.iter().any(|(player, _)| is_host(player)) {
            self.seen = true;
            return;
        }
        let awaited = self.host.is_some() && !self.seen && now.saturating_duration_since(self.opened) < HOST_AWAITED;
        if !awaited && let Some((next, _)) = seated.iter().min_by_key(|(_, since)| *since) {
            self.host = Some(*next);
            self.seen = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: PlayerId = PlayerId(1);
    const BEN: PlayerId = PlayerId(2);
    const CLEO: PlayerId = PlayerId(3);

    fn door(now: Instant) -> Door {
        Door::new(InviteCode::from_random(7), Some(ADA), now)
    }

    #[test]
    fn whoever_was_sent_away_stays_out() {
        let mut door = door(Instant::now());
        assert_eq!(door.check(BEN), Ok(()));
        let (first, second) = (door.code, InviteCode::from_random(8));
        door.ban(BEN, second);
        door.ban(BEN, second);
        assert_eq!((door.check(BEN), door.banned.len()), (Err(Refusal::Kicked), 1));
        assert_eq!(door.check(CLEO), Ok(()));
        assert!(first != second && door.code == second, "the code that they know leads nowhere");
        door.ban(ADA, second);
        assert_eq!(door.host, None, "who was sent away leads no more");
        let now = Instant::now();
        door.settle(&[(CLEO, now)], &[], now);
        assert_eq!(door.host, Some(CLEO));
    }

    #[test]
    fn a_reserved_room_takes_nobody_else() {
        let mut door = door(Instant::now());
        door.reserved = vec![ADA, BEN];
        assert_eq!((door.check(BEN), door.check(CLEO)), (Ok(()), Err(Refusal::Reserved)));
    }

    #[test]
    fn the_longest_seated_inherits() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut door = door(start);
        assert!(!door.is_left_by(ADA, at(3)), "she has not come yet");
        assert!(door.is_left_by(ADA, start + HOST_AWAITED), "she will not come any more");
        door.settle(&[(BEN, at(2)), (ADA, at(3))], &[], at(4));
        assert_eq!(door.host, Some(ADA), "the host is here");
        assert!(door.is_left_by(ADA, at(4)) && !door.is_left_by(BEN, at(4)));
        door.settle(&[(BEN, at(2))], &[ADA], at(5));
        assert_eq!(door.host, Some(ADA), "and may watch");
        door.settle(&[(CLEO, at(4)), (BEN, at(2))], &[], at(6));
        assert_eq!(door.host, Some(BEN));
        door.settle(&[(CLEO, at(4)), (BEN, at(2)), (ADA, at(7))], &[], at(8));
        assert_eq!(door.host, Some(BEN), "coming back changes nothing");
        door.settle(&[], &[], at(9));
        assert_eq!(door.host, Some(BEN), "an empty room keeps its last one");
    }

    #[test]
    fn a_host_on_the_way_is_awaited() {
        let start = Instant::now();
        let mut door = door(start);
        door.settle(&[(BEN, start)], &[], start + Duration::from_secs(10));
        assert_eq!(door.host, Some(ADA));
        door.settle(&[(BEN, start)], &[], start + HOST_AWAITED);
        assert_eq!(door.host, Some(BEN));
    }

    #[test]
    fn a_room_without_host_never_gets_one() {
        let start = Instant::now();
        let mut door = Door::new(InviteCode::from_random(7), None, start);
        door.settle(&[(BEN, start)], &[], start + HOST_AWAITED);
        assert_eq!(door.host, None);
    }
}
