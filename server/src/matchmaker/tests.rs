//! The queue in virtual time: what becomes of tickets, and what holds whatever people do.
//!
//! Flow: scripts and chance → [`Line`] → states, sentences, invariants.

use super::line::Stage;
use super::{AnswerError, AskError, Line, Player, Rules, Strength, Wish};
use proptest::prelude::*;
use protocol::ids::{PlayerId, RoomId, TicketId};
use protocol::lobby::{Mode, Rating, Ticket, TicketState};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(250);

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A queue with its clock.
struct World {
    line: Line,
    now: Duration,
    rooms: u32,
    /// Whether rooms can be had.
    open: bool,
    /// Whether nobody ever hears what became of those that were asked for.
    lost: bool,
}

impl World {
    fn new() -> Self {
        Self { line: Line::new(Rules::default()), now: s(100), rooms: 0, open: true, lost: false }
    }

    fn wish(people: &[u64], mean: f64) -> Wish {
        let rating = Rating::new(mean, 1.5);
        let players =
            people.iter().map(|id| Player { id: PlayerId(*id), name: format!("Player {id}"), rating }).collect();
        Wish { mode: Mode::Skirmish, round_trip_ms: 20, bots: true, players }
    }

    /// Asks for a ticket with the number of its first player.
    fn ask(&mut self, people: &[u64], mean: f64) {
        self.ask_for(Self::wish(people, mean)).expect("they may");
    }

    fn ask_for(&mut self, wish: Wish) -> Result<(), AskError> {
        let id = TicketId(wish.players[0].id.0);
        self.line.ask(self.now, id, wish)
    }

    /// Lets time pass; everybody asks about their tickets meanwhile.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += TICK;
            let ids: Vec<_> = self.line.entries.keys().copied().collect();
            ids.into_iter().for_each(|id| self.line.seen(self.now, id));
            self.beat();
        }
    }

    fn beat(&mut self) {
        self.line.tick(self.now);
        self.open_rooms();
    }

    fn open_rooms(&mut self) {
        for opening in self.line.take_openings() {
            if self.lost {
                continue;
            }
            if self.open {
                self.rooms += 1;
                self.line.opened(self.now, opening.group, RoomId(self.rooms));
            } else {
                self.line.not_opened(self.now, opening.group);
            }
        }
    }

    fn see(&self, id: u64) -> Ticket {
        self.line.view(self.now, TicketId(id), PlayerId(id)).expect("it is theirs")
    }

    fn accept(&mut self, ticket: u64, player: u64) {
        self.line.accept(self.now, TicketId(ticket), PlayerId(player)).expect("it is proposed");
        self.open_rooms();
    }
}

#[test]
fn two_are_found_accept_and_get_a_room() {
    let mut world = World::new();
    world.ask(&[1], 25.0);
    world.pass(s(1));
    assert_eq!(world.see(1).why, "You are alone in the queue. If nobody comes, bots fill up.");
    world.ask(&[2], 25.5);
    world.pass(s(3));
    assert_eq!(world.see(1).why, "2 players fit together. The longer you wait, the fewer a match needs.");
    world.pass(s(4));
    let ticket = world.see(1);
    assert!(matches!(ticket.state, TicketState::Proposed { accepted: 0, needed: 2, mine: false, .. }), "{ticket:?}");
    assert_eq!(ticket.why, "A match of 2 is found. Accept it, or decline.");
    world.accept(1, 1);
    world.accept(1, 1);
    assert_eq!(world.see(1).why, "You accepted. One more has to.");
    let before = world.see(2).version;
    world.accept(2, 2);
    assert_eq!(world.see(1).state, TicketState::Ready { room: RoomId(1) });
    assert_eq!(world.see(2).state, TicketState::Ready { room: RoomId(1) });
    assert!(world.see(2).version > before);
    assert_eq!(world.line.queue(world.now).wait_p50_ms, Some(7_000));
}

#[test]
fn the_lone_get_bots_without_being_asked() {
    let mut world = World::new();
    world.ask(&[1], 25.0);
    world.pass(s(20) - TICK);
    assert_eq!(world.see(1).state, TicketState::Waiting);
    world.pass(TICK);
    assert_eq!(world.see(1).state, TicketState::Ready { room: RoomId(1) });
    // A party is asked: its members may have gone.
    world.ask(&[2, 3], 25.0);
    world.pass(s(20));
    assert!(matches!(world.see(2).state, TicketState::Proposed { needed: 2, .. }));
}

#[test]
fn whoever_declines_leaves_and_the_others_keep_their_place() {
    let mut world = World::new();
    (1..=3).for_each(|id| world.ask(&[id], 25.0));
    world.pass(s(7));
    assert_eq!(world.line.decline(world.now, TicketId(2), PlayerId(2)), Ok(()));
    assert_eq!(world.see(2).state, TicketState::Declined);
    assert_eq!(world.see(1).state, TicketState::Waiting);
    assert_eq!(world.see(1).why, "Somebody did not accept. You are at the front of the queue again.");
    assert_eq!(world.see(1).waited_ms, 7_000);
    world.pass(s(1));
    assert!(
        matches!(world.see(1).state, TicketState::Proposed { needed: 2, .. }),
        "they have waited long enough for two"
    );
}

#[test]
fn whoever_does_not_answer_has_declined() {
    let mut world = World::new();
    (1..=2).for_each(|id| world.ask(&[id], 25.0));
    world.pass(s(8));
    world.accept(1, 1);
    world.pass(s(10));
    assert_eq!(world.see(1).state, TicketState::Waiting);
    assert_eq!(world.see(2).state, TicketState::Declined);
    assert_eq!(world.line.accept(world.now, TicketId(2), PlayerId(2)), Err(AnswerError::TooLate));
    world.line.ask(world.now, TicketId(77), World::wish(&[2], 25.0)).expect("who is back may ask again");
}

#[test]
fn a_search_can_be_given_up_at_any_time_but_the_last() {
    let mut world = World::new();
    (1..=3).for_each(|id| world.ask(&[id], 25.0));
    assert_eq!(world.line.cancel(world.now, TicketId(3), PlayerId(3)), Ok(()));
    assert_eq!(world.see(3).state, TicketState::Cancelled);
    assert_eq!(world.line.cancel(world.now, TicketId(3), PlayerId(3)), Ok(()), "again is no mistake");
    world.pass(s(8));
    assert_eq!(world.line.cancel(world.now, TicketId(2), PlayerId(2)), Ok(()));
    assert_eq!(world.see(1).state, TicketState::Waiting);
    world.pass(s(12));
    assert!(matches!(world.see(1).state, TicketState::Ready { .. }));
    assert_eq!(world.line.cancel(world.now, TicketId(1), PlayerId(1)), Err(AnswerError::TooLate));
}

#[test]
fn strangers_neither_see_nor_answer() {
    let mut world = World::new();
    (1..=2).for_each(|id| world.ask(&[id], 25.0));
    world.pass(s(8));
    assert_eq!(world.line.view(world.now, TicketId(1), PlayerId(2)), None);
    for answer in [Line::accept, Line::decline, Line::cancel] {
        assert_eq!(answer(&mut world.line, world.now, TicketId(1), PlayerId(2)), Err(AnswerError::Unknown));
        assert_eq!(answer(&mut world.line, world.now, TicketId(9), PlayerId(9)), Err(AnswerError::Unknown));
    }
    assert_eq!(world.line.accept(world.now, TicketId(1), PlayerId(1)), Ok(()));
}

#[test]
fn one_ticket_per_player() {
    let mut world = World::new();
    world.ask(&[1, 2], 25.0);
    let again = world.line.ask(world.now, TicketId(77), World::wish(&[3, 2], 25.0));
    assert_eq!(again, Err(AskError::Already(PlayerId(2), TicketId(1))));
    world.line.cancel(world.now, TicketId(1), PlayerId(2)).expect("any member may");
    world.line.ask(world.now, TicketId(77), World::wish(&[3, 2], 25.0)).expect("now they may");
}

#[test]
fn the_forgotten_and_those_who_find_nobody_expire() {
    let mut world = World::new();
    let alone = |id| Wish { bots: false, ..World::wish(&[id], 25.0) };
    world.ask_for(alone(1)).expect("they may");
    (0..239).for_each(|_| {
        world.now += TICK;
        world.beat();
    });
    assert_eq!(world.see(1).state, TicketState::Waiting);
    world.now += TICK;
    world.beat();
    assert_eq!(world.see(1).state, TicketState::Expired);
    assert!(world.see(1).why.contains("Nobody asked"), "{}", world.see(1).why);
    world.ask_for(alone(2)).expect("they may");
    world.pass(s(600));
    assert_eq!(world.see(2).state, TicketState::Expired);
    assert!(world.see(2).why.contains("allow bots"), "{}", world.see(2).why);
    world.pass(s(60));
    assert!(world.line.is_empty(), "what is over is forgotten");
}

#[test]
fn a_room_that_cannot_be_had_is_tried_for_a_while() {
    let mut world = World::new();
    world.open = false;
    world.ask(&[1], 25.0);
    world.pass(s(25));
    assert_eq!(world.see(1).why, "Bots fill up. Your room is being opened.");
    world.open = true;
    world.pass(s(1));
    assert_eq!(world.see(1).state, TicketState::Ready { room: RoomId(1) });
    world.open = false;
    world.ask(&[2], 25.0);
    world.pass(s(51));
    assert_eq!(world.see(2).state, TicketState::Expired);
    assert!(world.see(2).why.contains("no place"), "{}", world.see(2).why);
}

#[test]
fn an_attempt_that_was_lost_is_made_again_and_not_without_end() {
    let mut world = World::new();
    world.lost = true;
    world.ask(&[1], 25.0);
    world.pass(s(22));
    assert_eq!(world.see(1).why, "Bots fill up. Your room is being opened.");
    world.lost = false;
    world.pass(s(2));
    assert!(matches!(world.see(1).state, TicketState::Proposed { .. }), "an answer may still come");
    world.pass(s(1));
    assert_eq!(world.see(1).state, TicketState::Ready { room: RoomId(1) });
    world.lost = true;
    world.ask(&[2], 25.0);
    world.pass(s(20 + 36));
    assert_eq!(world.see(2).state, TicketState::Expired);
    assert!(world.see(2).why.contains("no place"), "{}", world.see(2).why);
    assert!(world.line.opened(world.now, 2, RoomId(9)).is_empty(), "nobody waits for it any more");
}

#[test]
fn nobody_is_called_alone_beside_others() {
    let mut world = World::new();
    let agree = |world: &World, id| {
        let (ticket, queue) = (world.see(id), world.line.queue(world.now));
        assert_eq!(ticket.waiting, queue.waiting);
        assert_eq!(ticket.why.contains("alone"), queue.waiting == 1, "{ticket:?} {queue:?}");
        ticket.version
    };
    world.ask(&[1], 25.0);
    world.pass(s(1));
    assert_eq!(agree(&world, 1), 1);
    world.ask(&[2], 90.0);
    agree(&world, 2);
    world.pass(TICK);
    assert_eq!((agree(&world, 1), agree(&world, 2)), (2, 1), "told at once");
    world.line.cancel(world.now, TicketId(2), PlayerId(2)).expect("they may");
    world.pass(TICK);
    assert_eq!(agree(&world, 1), 3, "and so is that one is alone again");
    world.ask(&[3], 25.0);
    world.pass(s(7));
    assert!(matches!(world.see(1).state, TicketState::Proposed { .. }));
    world.ask(&[4], 25.0);
    world.pass(TICK);
    agree(&world, 4);
    assert!(world.see(4).why.starts_with("The others in the queue are just being asked"), "{}", world.see(4).why);
}

#[test]
fn news_of_the_queue_are_versions_but_not_too_many() {
    let mut world = World::new();
    world.ask(&[1], 25.0);
    world.pass(s(6));
    assert_eq!(world.see(1).version, 1, "nothing has changed");
    world.ask(&[2], 60.0);
    world.pass(TICK);
    assert_eq!((world.see(1).version, world.see(1).waiting), (2, 2));
    world.ask(&[3], 90.0);
    world.pass(s(4));
    assert_eq!(world.see(1).version, 2);
    world.pass(s(1));
    assert_eq!(world.see(1).version, 3);
}

/// What somebody does at some time.
#[derive(Clone, Debug)]
enum Act {
    Ask { people: usize, mean: f64, round_trip_ms: u16, bots: bool },
    Accept(u64),
    Decline(u64),
    Cancel(u64),
    Wait(u64),
    Rooms(bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (1..5_usize, 0.0..50.0_f64, 0..400_u16, any::<bool>())
            .prop_map(|(people, mean, round_trip_ms, bots)| Act::Ask { people, mean, round_trip_ms, bots }),
        6 => (0..60_u64).prop_map(Act::Accept),
        1 => (0..60_u64).prop_map(Act::Decline),
        1 => (0..60_u64).prop_map(Act::Cancel),
        3 => (1..20_u64).prop_map(Act::Wait),
        1 => any::<bool>().prop_map(Act::Rooms),
    ]
}

/// Checks what must hold at any time.
fn check(world: &World, asked: &BTreeSet<TicketId>) {
    let line = &world.line;
    let mut grouped = BTreeSet::new();
    for (number, group) in &line.groups {
        let people: u8 = group.tickets.iter().map(|id| line.entries[id].wish.players.len() as u8).sum();
        assert!(people <= line.rules.largest && !group.tickets.is_empty());
        for id in &group.tickets {
            assert!(grouped.insert(*id), "{id:?} is in two matches");
            assert_eq!(line.entries[id].stage, Stage::Grouped(*number));
        }
        if group.since == world.now && !group.bots {
            assert!(group.tickets.len() > 1);
            within_windows(world, &group.tickets);
        }
    }
    let mut people = 0;
    let mut players = BTreeMap::new();
    for (id, entry) in &line.entries {
        assert!(asked.contains(id));
        assert_eq!(matches!(entry.stage, Stage::Grouped(_)), grouped.contains(id));
        if entry.stage.is_live() {
            people += entry.wish.players.len() as u32;
            for player in entry.ids() {
                assert_eq!(players.insert(player, *id), None, "{player:?} waits twice");
            }
        }
    }
    assert_eq!(line.asking, players);
    assert_eq!(line.people.values().sum::<u32>(), people);
}

fn within_windows(world: &World, tickets: &[TicketId]) {
    let rules = &world.line.rules;
    let window = |id: &TicketId| {
        let entry = &world.line.entries[id];
        let strength: Strength = entry.strength;
        (strength, rules.window(&strength, world.now - entry.asked))
    };
    for a in tickets {
        for b in tickets {
            let ((a, wide), (b, also)) = (window(a), window(b));
            assert!(rules.distance(&a, &b) <= wide.min(also));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_people_do(acts in prop::collection::vec(act(), 1..120)) {
        let mut world = World::new();
        let (mut asked, mut next) = (BTreeSet::new(), 0_u64);
        for act in acts {
            match act {
                Act::Ask { people, mean, round_trip_ms, bots } => {
                    let people: Vec<u64> = (next..).take(people).collect();
                    next += people.len() as u64;
                    asked.insert(TicketId(people[0]));
                    world.ask_for(Wish { round_trip_ms, bots, ..World::wish(&people, mean) }).expect("they are new");
                }
                // Numbers that are no first player of a ticket are strangers and must be refused.
                Act::Accept(id) => {
                    let _ = world.line.accept(world.now, TicketId(id), PlayerId(id));
                }
                Act::Decline(id) => {
                    let _ = world.line.decline(world.now, TicketId(id), PlayerId(id));
                }
                Act::Cancel(id) => {
                    let _ = world.line.cancel(world.now, TicketId(id), PlayerId(id));
                }
                Act::Rooms(open) => world.open = open,
                Act::Wait(ticks) => (0..ticks).for_each(|_| {
                    world.pass(TICK);
                    check(&world, &asked);
                }),
            }
            check(&world, &asked);
        }
        // From now on nobody else comes, rooms can be had, and all accept whatever is proposed: it must come to an end for everybody who
        // takes bots, within the wait for bots and the one proposal that may just run out.
        world.open = true;
        let live: Vec<TicketId> =
            world.line.entries.iter().filter(|(_, e)| e.stage.is_live() && e.wish.bots).map(|(id, _)| *id).collect();
        let rules = *world.line.rules();
        let bound = rules.bots_after + rules.answer_within + s(2);
        let end = world.now + bound;
        while world.now < end {
            world.pass(TICK);
            let proposed: Vec<_> = world.line.groups.values().map(|g| (g.tickets.clone(), g.players.clone())).collect();
            for (tickets, players) in proposed {
                for (id, player) in tickets.iter().flat_map(|id| players.iter().map(move |player| (id, player))) {
                    let _ = world.line.accept(world.now, *id, *player);
                }
            }
            world.open_rooms();
            check(&world, &asked);
        }
        for id in live {
            let stage = world.line.entries.get(&id).map(|entry| entry.stage);
            prop_assert!(stage.is_none_or(|stage| !stage.is_live()), "{id:?} is still {stage:?}");
        }
    }
}
