//! Who is in a result and at which place, in virtual time: those who stay, leave, come back, come late or are sent away.
//!
//! Flow: a room without links, in which bots fly everybody's ship → [`record`], [`leaves`], [`break_off`] → standings.

use super::*;
use crate::rooms::room::Plan;
use game::{Bot, Map, Rules};
use protocol::ids::RoomId;
use protocol::invite::InviteCode;
use std::sync::Arc;
use std::time::Instant;

const ADA: PlayerId = PlayerId(1);
const BEN: PlayerId = PlayerId(2);
const CLEO: PlayerId = PlayerId(3);
const START_MS: u64 = 1_000;

/// A room, what it has told, and a bot at every stick.
struct Hall {
    room: Room,
    told: Vec<RoomNews>,
    sticks: BTreeMap<SeatId, Bot>,
}

impl Hall {
    /// Opens a room for `people` and goes on to the first tick of their match.
    fn live(bots: u8, people: &[PlayerId]) -> Self {
        Self::with(bots, people, |_| {})
    }

    fn with(bots: u8, people: &[PlayerId], change: impl FnOnce(&mut Door)) -> Self {
        let mut rows = vec!["#".repeat(14)];
        rows.extend((0..12).map(|row| if row % 4 == 0 { "#S..........S#" } else { "#............#" }.to_owned()));
        rows.push("#".repeat(14));
        let text = format!("crosswire-map 1\nname Hall\nsize 14 14\n{}\n", rows.join("\n"));
        let plan = Plan {
            id: RoomId(1),
            name: "Hall".into(),
            map_name: "hall".into(),
            map: Arc::new(Map::parse("hall.map", &text).expect("a map")),
            seats: 6,
            bots,
            rules: Rules { match_ticks: tick::ticks(60), score_limit: 0 },
            snapshot_hz: 30,
            permanent: false,
            seed: 7,
        };
        let now = Instant::now();
        let mut door = Door::new(InviteCode::from_random(7), None, now);
        change(&mut door);
        let mut hall = Self { room: Room::open(plan, door, now), told: Vec::new(), sticks: BTreeMap::new() };
        for player in people {
            hall.join(*player);
        }
        hall.room.fill_with_bots();
        while hall.room.under_way.is_none() {
            hall.pass(1);
        }
        hall.told.clear();
        hall
    }

    fn join(&mut self, player: PlayerId) -> SeatId {
        let seat = self.room.free_seat().expect("a seat");
        self.room.join(seat, player, &format!("P{}", player.0));
        self.sticks.insert(seat, Bot::new(player.0, 1.0));
        seat
    }

    fn seat(&self, player: PlayerId) -> Option<SeatId> {
        self.room.seated().find(|(_, _, who)| *who == Some(player)).map(|(seat, _, _)| seat)
    }

    fn score(&self, player: PlayerId) -> (u16, u16) {
        let ship = self.seat(player).and_then(|seat| self.room.arena.ship(seat)).expect("they fly");
        (ship.score, ship.deaths)
    }

    fn go(&mut self, player: PlayerId, kicked: bool) {
        let seat = self.seat(player).expect("they are there");
        self.told.extend(leaves(&mut self.room, seat, kicked, START_MS, 9));
        self.room.leave(seat);
        self.sticks.remove(&seat);
        self.room.fill_with_bots();
    }

    fn pass(&mut self, seconds: u32) {
        for _ in 0..tick::ticks(seconds) {
            for (seat, bot) in &mut self.sticks {
                let command = bot.fly(&self.room.arena.view(Some(*seat)), &self.room.plan.map);
                self.room.commands.set(*seat, command);
            }
            self.room.step();
            let random = u64::from(self.room.arena.tick().0) << 32;
            let news = record(&mut self.room, START_MS, random);
            self.told.extend(news);
        }
    }

    /// Returns the results that were told.
    fn results(&self) -> Vec<&MatchResult> {
        let finished = self.told.iter().filter_map(|news| match news {
            RoomNews::Finished(result) => Some(result),
            RoomNews::Event(_) | RoomNews::Outside(_) => None,
        });
        finished.collect()
    }

    /// Returns how somebody did in the one result there is.
    fn standing(&self, player: PlayerId) -> Option<&Standing> {
        let [result] = self.results()[..] else { panic!("one result: {:?}", self.told) };
        result.standings.iter().find(|standing| standing.player == Some(player))
    }
}

#[test]
fn who_stays_to_the_end_is_in_the_result_and_who_comes_late_too() {
    let mut hall = Hall::live(1, &[ADA, BEN]);
    hall.pass(50);
    hall.join(CLEO);
    hall.pass(11);
    let result = hall.results()[0];
    assert_eq!((result.standings.len(), result.private, result.rated), (4, false, false));
    assert!(result.standings.iter().all(|standing| !standing.left && standing.seat.is_some()));
    let sorted = result.standings.is_sorted_by_key(|standing| (u16::MAX - standing.kills, standing.deaths));
    assert!(sorted && result.standings[0].kills > 0, "{result:?}");
    assert!(hall.standing(CLEO).is_some());
}

#[test]
fn who_leaves_is_behind_all_who_stay_with_the_score_they_had() {
    let mut hall = Hall::live(2, &[ADA, BEN, CLEO]);
    hall.pass(20);
    let had = hall.score(ADA);
    hall.go(ADA, false);
    hall.pass(5);
    hall.go(BEN, false);
    hall.pass(36);
    let ada = hall.standing(ADA).expect("she played");
    assert_eq!((ada.kills, ada.deaths, ada.left, ada.seat), (had.0, had.1, true, None));
    let ben = hall.standing(BEN).expect("he played");
    let worst =
        hall.results()[0].standings.iter().filter(|standing| !standing.left).map(|standing| standing.place).max();
    assert!(Some(ben.place) > worst && ada.place > ben.place, "the earlier the worse: {:?}", hall.results());
    assert!(hall.standing(CLEO).is_some_and(|cleo| !cleo.left));
}

#[test]
fn who_is_sent_away_keeps_the_place_of_their_score() {
    let mut hall = Hall::live(0, &[ADA, BEN, CLEO]);
    hall.pass(40);
    let best = [ADA, BEN, CLEO].into_iter().max_by_key(|player| {
        let (kills, deaths) = hall.score(*player);
        (kills, std::cmp::Reverse(deaths))
    });
    let best = best.expect("three");
    let had = hall.score(best);
    assert!(had.0 > 0, "somebody has hit");
    hall.go(best, true);
    let news = break_off(&mut hall.room, START_MS);
    hall.told.extend(news);
    let standing = hall.standing(best).expect("they played");
    assert_eq!((standing.place, standing.kills, standing.left, standing.seat), (1, had.0, false, None));
}

#[test]
fn who_is_sent_away_at_once_has_lost_nothing() {
    let mut hall = Hall::live(0, &[ADA, BEN, CLEO]);
    hall.pass(10);
    hall.go(CLEO, true);
    hall.pass(51);
    assert_eq!(hall.standing(CLEO), None);
    assert!(hall.standing(ADA).is_some());
}

#[test]
fn leaving_and_coming_back_mends_nothing_and_costs_nothing() {
    let mut hall = Hall::live(1, &[ADA, BEN]);
    hall.pass(40);
    let had = hall.score(ADA);
    assert!(had.0 + had.1 > 0, "something has happened");
    hall.go(ADA, false);
    hall.pass(1);
    hall.join(ADA);
    hall.pass(20);
    let more = hall.score(ADA);
    let ada = hall.standing(ADA).expect("she is there");
    assert_eq!((ada.kills, ada.deaths, ada.left), (had.0 + more.0, had.1 + more.1, false));
    let people = hall.results()[0].standings.iter().filter(|standing| standing.player.is_some()).count();
    assert_eq!(people, 2, "nobody is there twice");
}

#[test]
fn who_only_looked_in_is_not_in_it() {
    let mut hall = Hall::live(1, &[ADA, BEN]);
    hall.pass(5);
    hall.join(CLEO);
    hall.pass(10);
    hall.go(CLEO, false);
    hall.pass(46);
    assert_eq!(hall.standing(CLEO), None);
    let mut hall = Hall::live(1, &[ADA, BEN]);
    hall.pass(5);
    hall.join(CLEO);
    hall.pass(31);
    hall.go(CLEO, false);
    hall.pass(25);
    assert!(hall.standing(CLEO).is_some_and(|cleo| cleo.left), "half a minute is more than a look");
}

#[test]
fn a_duel_that_is_left_is_won_by_who_stays_unless_it_had_hardly_begun() {
    let mut hall = Hall::live(0, &[ADA, BEN]);
    hall.pass(28);
    hall.go(BEN, false);
    hall.pass(1);
    assert!(hall.results().is_empty() && hall.room.under_way.is_none(), "nothing was decided");
    let mut hall = Hall::live(0, &[ADA, BEN]);
    hall.pass(31);
    hall.go(BEN, false);
    hall.pass(1);
    let places = [ADA, BEN].map(|player| hall.standing(player).map(|standing| (standing.place, standing.left)));
    assert_eq!(places, [Some((1, false)), Some((2, true))]);
}

#[test]
fn a_match_that_is_broken_off_counts_as_it_stands() {
    let mut hall = Hall::live(1, &[ADA, BEN]);
    hall.pass(31);
    let had = hall.score(BEN);
    let news = break_off(&mut hall.room, START_MS);
    hall.told.extend(news);
    hall.room.arena.restart();
    hall.pass(2);
    assert_eq!(hall.standing(BEN).map(|ben| (ben.kills, ben.deaths, ben.left)), Some((had.0, had.1, false)));
    assert!(hall.room.under_way.is_none(), "the next one counts down");
    assert_eq!(break_off(&mut hall.room, START_MS), None, "nothing is under way");
    hall.pass(3);
    assert_eq!(break_off(&mut hall.room, START_MS), None, "it had hardly begun");
}

#[test]
fn when_everybody_leaves_the_last_one_is_the_best_of_them() {
    let mut hall = Hall::live(2, &[ADA, BEN]);
    hall.pass(31);
    hall.go(ADA, false);
    hall.pass(2);
    hall.go(BEN, false);
    let [ada, ben] = [ADA, BEN].map(|player| hall.standing(player).expect("they played").clone());
    assert!(ada.left && ben.left && ben.place < ada.place, "{:?}", hall.told);
    hall.pass(5);
    hall.join(CLEO);
    hall.pass(25);
    let results = hall.results();
    assert_eq!(results.len(), 2, "what the bots went on with is Cleo's");
    assert_ne!(results[0].id, results[1].id);
    assert!(results[1].standings.iter().all(|standing| standing.player.is_none_or(|player| player == CLEO)));
    let mut alone = Hall::live(2, &[ADA]);
    alone.pass(31);
    alone.go(ADA, false);
    assert!(alone.results().is_empty(), "nobody was let down");
}

#[test]
fn the_door_at_the_beginning_decides_who_hears_of_it() {
    let mut hall = Hall::live(0, &[ADA, BEN]);
    hall.room.door.private = true;
    hall.pass(61);
    assert!(!hall.results()[0].private, "it was open to all when it began");
    let mut hall = Hall::with(0, &[ADA, BEN], |door| door.private = true);
    hall.room.door.private = false;
    hall.pass(61);
    assert!(hall.results()[0].private);
    let mut hall = Hall::with(0, &[ADA, BEN], |door| (door.private, door.reserved) = (true, vec![ADA, BEN]));
    hall.pass(61);
    assert!(!hall.results()[0].private, "the matchmaker's");
}

#[test]
fn equals_share_a_place_and_those_who_left_are_last_whatever_they_did() {
    let row = |player, kills, deaths, left: Option<u32>| Row {
        seat: left.is_none().then_some(SeatId(player as u8)),
        player: Some(PlayerId(player)),
        name: String::new(),
        kills,
        deaths,
        left: left.map(Tick),
    };
    let rows = vec![
        row(1, 9, 0, Some(100)),
        row(2, 0, 9, None),
        row(3, 4, 2, None),
        row(4, 4, 2, None),
        row(5, 0, 0, Some(200)),
        row(6, 7, 7, Some(200)),
    ];
    let places: Vec<_> = placed(rows).iter().map(|standing| (standing.player.map(|p| p.0), standing.place)).collect();
    assert_eq!(places, [(Some(3), 1), (Some(4), 1), (Some(2), 3), (Some(5), 4), (Some(6), 4), (Some(1), 6)]);
}

#[test]
fn a_match_takes_note_of_so_many_people() {
    let mut hall = Hall::live(0, &[ADA, BEN]);
    let under_way = hall.room.under_way.as_mut().expect("it is live");
    (10..1_000).for_each(|player| under_way.came(PlayerId(player), Tick(1)));
    under_way.came(ADA, Tick(2));
    assert_eq!(under_way.people.len(), MOST_PEOPLE);
}
