//! Which room somebody gets who only wants to play, and who is on the way to which.
//!
//! Between a grant and the hello on a link a seat looks free to everybody. A crowd that comes at once would all be sent to the last seat of
//! the same room, so whoever is on the way counts for a few seconds. It only steers quick joins: nobody can block a room with it.
//!
//! Flow: `POST /v1/seats` → [`Promises::choose`] → [`Promises::promise`] → grant.

use crate::directory::RoomEntry;
use protocol::ids::{PlayerId, RoomId};
use protocol::lobby::QuickJoin;
use std::time::{Duration, Instant};

/// How long somebody counts as on the way: a slow dial.
const ON_THE_WAY: Duration = Duration::from_secs(5);

/// Who is on the way where.
#[derive(Debug, Default)]
pub(super) struct Promises(Vec<(RoomId, PlayerId, Instant)>);

impl Promises {
    /// Notes that `player` was sent to `room`.
    pub(super) fn promise(&mut self, room: RoomId, player: PlayerId, now: Instant) {
        self.0.retain(|(_, of, since)| *of != player && now.saturating_duration_since(*since) < ON_THE_WAY);
        self.0.push((room, player, now));
    }

    /// Returns the room for `player`: the preferred one if they can get in, else the fullest that fits the wish, of several the oldest.
    pub(super) fn choose(
        &self,
        rooms: &[RoomEntry],
        wish: &QuickJoin,
        player: PlayerId,
        now: Instant,
    ) -> Option<RoomEntry> {
        let open =
            |room: &&RoomEntry| admits(room, player) && (room.seats(player) || self.has_place(room, player, now));
        let fits = |room: &&RoomEntry| {
            wish.mode.is_none_or(|mode| room.info.mode == mode)
                && wish.map.as_deref().is_none_or(|map| room.info.map == map)
        };
        let preferred = rooms.iter().find(|room| Some(room.info.id) == wish.prefer).filter(open);
        let crowded = |room: &&RoomEntry| (room.info.players, std::cmp::Reverse(room.info.id));
        preferred.or_else(|| rooms.iter().filter(open).filter(fits).max_by_key(crowded)).cloned()
    }

    fn has_place(&self, room: &RoomEntry, player: PlayerId, now: Instant) -> bool {
        let coming = self.0.iter().filter(|(to, who, since)| {
            let fresh = now.saturating_duration_since(*since) < ON_THE_WAY;
            *to == room.info.id && *who != player && fresh && !room.has(*who)
        });
        usize::from(room.info.players) + coming.count() < usize::from(room.info.seats)
    }
}

/// Returns whether `player` may simply walk in: whoever is inside may come back, others only through an open door.
fn admits(room: &RoomEntry, player: PlayerId) -> bool {
    let inside = room.has(player) || room.info.host == Some(player);
    let open = !room.info.private && !room.info.locked;
    let kept_for = room.reserved.is_empty() || room.reserved.contains(&player);
    (inside || open) && kept_for && !room.banned.contains(&player)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::invite::InviteCode;
    use protocol::lobby::{Member, RoomInfo};

    const ME: PlayerId = PlayerId(100);

    fn room(id: u32, players: u8) -> RoomEntry {
        let info = RoomInfo { id: RoomId(id), seats: 4, players, map: "dock".into(), ..RoomInfo::default() };
        let code = InviteCode::from_random(u64::from(id));
        let member =
            |seat| Member { player: PlayerId(u64::from(seat)), name: "x".into(), seat: Some(seat), wire: None };
        RoomEntry {
            info,
            code,
            password: None,
            reserved: vec![],
            banned: vec![],
            members: (0..players).map(member).collect(),
        }
    }

    fn chosen(promises: &Promises, rooms: &[RoomEntry], wish: &QuickJoin) -> Option<u32> {
        promises.choose(rooms, wish, ME, Instant::now()).map(|room| room.info.id.0)
    }

    fn any() -> QuickJoin {
        QuickJoin::default()
    }

    #[test]
    fn the_fullest_room_with_a_seat_is_chosen() {
        let none = Promises::default();
        assert_eq!(chosen(&none, &[room(1, 1), room(2, 3), room(3, 4), room(4, 3)], &any()), Some(2));
        assert_eq!(chosen(&none, &[room(3, 4)], &any()), None);
        assert_eq!(chosen(&none, &[], &any()), None);
        let prefer = QuickJoin { prefer: Some(RoomId(1)), ..any() };
        assert_eq!(chosen(&none, &[room(1, 1), room(2, 3)], &prefer), Some(1));
        let elsewhere = QuickJoin { map: Some("moon".into()), ..any() };
        assert_eq!(chosen(&none, &[room(1, 1)], &elsewhere), None);
    }

    #[test]
    fn closed_doors_stay_closed() {
        let none = Promises::default();
        let with = |change: fn(&mut RoomEntry)| {
            let mut room = room(1, 1);
            change(&mut room);
            chosen(&none, &[room], &QuickJoin { prefer: Some(RoomId(1)), ..any() })
        };
        assert_eq!(with(|room| room.info.private = true), None);
        assert_eq!(with(|room| room.info.locked = true), None);
        assert_eq!(with(|room| room.reserved = vec![PlayerId(7)]), None);
        assert_eq!(with(|room| room.banned = vec![ME]), None);
        let inside = |room: &mut RoomEntry| {
            (room.info.private, room.info.players) = (true, 4);
            room.members.push(Member { player: ME, name: "me".into(), seat: Some(3), wire: None });
        };
        assert_eq!(with(inside), Some(1), "a kept seat waits behind every door");
    }

    #[test]
    fn a_crowd_is_spread_over_the_seats_that_there_are() {
        let (mut promises, now) = (Promises::default(), Instant::now());
        let rooms = [room(1, 2), room(2, 1)];
        let mut sent = Vec::new();
        for player in 10..16 {
            let room = promises.choose(&rooms, &any(), PlayerId(player), now).map(|room| room.info.id);
            if let Some(room) = room {
                promises.promise(room, PlayerId(player), now);
            }
            sent.push(room.map(|room| room.0));
        }
        assert_eq!(sent, [Some(1), Some(1), Some(2), Some(2), Some(2), None]);
        let later = now + ON_THE_WAY;
        assert!(promises.choose(&rooms, &any(), ME, later).is_some(), "who never came counts no more");
    }
}
