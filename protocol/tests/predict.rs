//! A client that predicts from what the wire brought reaches the server's state exactly, whenever nobody else had a hand in it.

mod support;

use game::{Aim, Arena, Bot, Buttons, Command, Commands, Map, Phase, Rules, SeatId, Ship, Tick};
use proptest::prelude::*;
use protocol::Lane;
use protocol::limits::MAX_COMMAND_LEAD;
use protocol::predict::{Outcome, Predictor};
use protocol::session::commands::CommandQueue;
use protocol::snapshot::{Ring, Waiting, decode, encode};
use protocol::wire::Kind;
use protocol::wire::reader::BitReader;
use protocol::wire::snapshot::Header;
use std::collections::BTreeMap;
use std::sync::Arc;
use support::oracle::{Flight, Flights, moved};
use support::shipped;

const SEAT: SeatId = SeatId(5);

fn command() -> impl Strategy<Value = Command> {
    (any::<[i8; 2]>(), 0..4_096_u16, 0..8_u8).prop_map(|(thrust, aim, buttons)| Command {
        thrust,
        aim: Aim(aim),
        buttons: Buttons(buttons),
    })
}

/// Commands that are held for a while, as people hold keys.
fn flight_plan() -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec((command(), 1..40_usize), 10..40)
        .prop_map(|held| held.into_iter().flat_map(|(command, ticks)| std::iter::repeat_n(command, ticks)).collect())
}

/// A seat among bots, its client some ticks ahead, and a lossy path of snapshots from one to the other.
struct Match {
    arena: Arena,
    bots: Vec<(SeatId, Bot)>,
    flights: Flights,
    sent: Ring,
    on_their_way: BTreeMap<(u32, u32), Vec<u8>>,
    held: Ring,
    predictor: Predictor,
    flown: BTreeMap<Tick, Command>,
    base: (Tick, Phase),
    exact: u32,
    demanded: u32,
}

impl Match {
    fn new(map: Arc<Map>, bots: u8, seed: u64) -> Self {
        let mut arena = Arena::new(map, Rules { match_ticks: 400, score_limit: 5 }, seed);
        let bots: Vec<_> = (10..10 + bots).map(|n| (SeatId(n), Bot::new(seed ^ u64::from(n), 0.7))).collect();
        bots.iter().for_each(|(seat, _)| arena.join(*seat));
        arena.join(SEAT);
        Self {
            arena,
            bots,
            flights: Flights::default(),
            sent: Ring::default(),
            on_their_way: BTreeMap::new(),
            held: Ring::default(),
            predictor: Predictor::default(),
            flown: BTreeMap::new(),
            base: (Tick(0), Phase::default()),
            exact: 0,
            demanded: 0,
        }
    }

    fn fly(&mut self, tick: Tick, command: Command) {
        self.flown.insert(tick, command);
        self.predictor.fly(tick, command, self.arena.map());
    }

    /// Runs the server's next tick; its snapshot arrives `delay` ticks later, or never.
    fn step(&mut self, delay: Option<u32>) {
        let next = self.arena.tick().next();
        let mut commands = Commands::default();
        for (seat, bot) in &mut self.bots {
            commands.set(*seat, bot.fly(&self.arena.view(Some(*seat)), self.arena.map()));
        }
        let command = self.flown.get(&next).copied().unwrap_or_default();
        commands.set(SEAT, command);
        let before = *self.arena.ship(SEAT).unwrap();
        self.arena.step(&commands, &mut Vec::new());
        let after = self.arena.ship(SEAT).unwrap();
        let flight = Flight::new(command, true, self.arena.phase(), before, after, self.arena.map());
        self.flights.note(next, flight);
        let acknowledged = self.held.newest().map_or(Tick(0), |view| view.tick);
        let baseline = self.sent.baseline(acknowledged, next).cloned();
        let view = self.arena.view(Some(SEAT));
        let (bytes, held) = encode(Header::default(), baseline.as_deref(), &view, &mut Waiting::default());
        self.sent.push(Arc::new(held));
        if let Some(delay) = delay {
            self.on_their_way.insert((next.0 + delay, next.0), bytes);
        }
        while let Some(first) = self.on_their_way.first_entry().filter(|first| first.key().0 <= next.0) {
            let bytes = first.remove();
            self.receive(&bytes);
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        let (_, body) = Kind::split(Lane::Latest, bytes).unwrap();
        let mut reader = BitReader::new(body);
        let header = Header::read(&mut reader).unwrap();
        if self.held.newest().is_some_and(|newest| newest.tick >= header.tick) {
            return;
        }
        let baseline = self.held.find(header.tick.minus(u32::from(header.age))).cloned();
        let view = Arc::new(decode(&header, reader, baseline.as_deref()).unwrap());
        self.held.push(Arc::clone(&view));
        let outcome = self.predictor.reconcile(&view, self.arena.map());
        if self.base.0 > Tick(0) && self.flights.must_be_exact(self.base, view.tick, &self.flown) {
            assert_eq!(outcome, Outcome::Exact, "{:?} from {:?}", view.tick, self.base);
            self.demanded += 1;
        }
        self.exact += u32::from(outcome == Outcome::Exact);
        self.base = (view.tick, view.phase);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_future_of_an_untouched_ship_is_known_exactly(
        map in prop::sample::select(vec!["crossfire", "foundry"]),
        plan in flight_plan(),
        bots in 0..6_u8,
        lead in 1..=MAX_COMMAND_LEAD,
        delays in prop::collection::vec(prop::option::weighted(0.8, 0..12_u32), 1..200),
        seed: u64,
    ) {
        let mut game = Match::new(shipped(map), bots, seed);
        let mut delays = delays.into_iter().cycle();
        game.step(Some(0));
        for (tick, command) in (2..).map(Tick).zip(&plan) {
            game.fly(tick, *command);
            if tick.0 > lead + 1 {
                game.step(delays.next().unwrap());
            }
        }
        // The server comes to where the client has long been.
        let (base, last) = (game.base, Tick(plan.len() as u32 + 1));
        let predicted = *game.predictor.ship().unwrap();
        while game.arena.tick() < last {
            game.step(None);
        }
        if game.flights.must_be_exact(base, last, &game.flown) {
            prop_assert_eq!(moved(&predicted), moved(game.arena.ship(SEAT).unwrap()));
        }
        // Alone, nothing but the stages of a match can come as a surprise.
        if bots == 0 {
            prop_assert!(game.demanded + 5 >= game.exact && game.exact > 0, "{} of {}", game.demanded, game.exact);
        }
    }

    #[test]
    fn ticks_that_were_left_out_are_flown_as_the_server_flies_them(
        plan in flight_plan(),
        present in prop::collection::vec(prop::bool::weighted(0.7), 1..300),
        seed: u64,
    ) {
        let mut game = Match::new(shipped("crossfire"), 0, seed);
        game.step(Some(0));
        let mut queue = CommandQueue::default();
        let mut present = present.into_iter().cycle();
        let mut server = *game.predictor.ship().unwrap();
        let mut last = Tick(1);
        for (tick, command) in (2..).map(Tick).zip(plan) {
            if !present.next().unwrap() {
                continue;
            }
            game.predictor.fly(tick, command, game.arena.map());
            queue.insert(last, tick, command);
            for executed in last.next().0..=tick.0 {
                game::ship::advance(&mut server, queue.take(Tick(executed)), game.arena.map());
            }
            last = tick;
            prop_assert_eq!(game.predictor.ship(), Some(&server), "at {:?}", tick);
        }
    }
}

#[test]
fn a_whole_match_among_bots_is_mostly_predicted_exactly() {
    for map in ["crossfire", "foundry"] {
        let mut game = Match::new(shipped(map), 4, 11);
        let mut pilot = Bot::new(3, 1.0);
        game.step(Some(0));
        for tick in 2..=6_000 {
            let view = game.held.newest().cloned();
            let command = view.map_or_else(Command::default, |view| pilot.fly(&view, game.arena.map()));
            game.fly(Tick(tick), command);
            if tick > 8 {
                game.step((tick % 7 > 0).then_some(3 + tick % 4));
            }
        }
        assert!(game.demanded > 3_000, "{map}: {} demanded, {} exact", game.demanded, game.exact);
        assert!(u64::from(game.demanded) + game.predictor.corrections().count < 6_000);
    }
}

#[test]
fn a_correction_glides_and_a_new_life_does_not() {
    let mut game = Match::new(shipped("crossfire"), 0, 1);
    game.step(Some(0));
    let mut view = (**game.held.newest().unwrap()).clone();
    let map = Arc::clone(game.arena.map());
    let predictor = &mut game.predictor;
    let there = predictor.position(0.0, 0.0).unwrap();
    predictor.fly(Tick(2), Command::default(), &map);
    // The server says: one tile to the right. The picture stays for now, and is there soon.
    let put = |view: &mut game::View, tick, ship: fn(&mut Ship)| {
        view.tick = Tick(tick);
        ship(&mut view.own.as_mut().unwrap().1);
    };
    put(&mut view, 2, |ship| ship.pos.x += 512);
    assert_eq!(predictor.reconcile(&view, &map), Outcome::Corrected(1.0));
    assert!((predictor.position(0.0, 0.0).unwrap()[0] - there[0]).abs() < 1e-3);
    assert!((predictor.position(0.5, 0.0).unwrap()[0] - there[0] - 1.0).abs() < 0.01);
    assert_eq!((predictor.corrections().count, predictor.corrections().large), (1, 1));
    assert_eq!(predictor.corrections().largest, 1.0);
    predictor.fly(Tick(3), Command::default(), &map);
    put(&mut view, 3, |ship| ship.pos.x += 512 * 8);
    assert_eq!(predictor.reconcile(&view, &map), Outcome::Reset);
    assert!((predictor.position(0.0, 0.0).unwrap()[0] - there[0] - 9.0).abs() < 1e-3);
    // A tick that was not predicted, and none at all.
    put(&mut view, 9, |_| {});
    assert_eq!(predictor.reconcile(&view, &map), Outcome::Unknown);
    let ship = *predictor.ship().unwrap();
    predictor.fly(Tick(7), Command { thrust: [127, 0], ..Command::default() }, &map);
    assert_eq!(predictor.ship(), Some(&ship), "a tick that is over is not flown again");
    view.own = None;
    assert_eq!(predictor.reconcile(&view, &map), Outcome::Unknown);
    assert_eq!((predictor.position(0.1, 0.5), predictor.ship(), predictor.corrections().count), (None, None, 1));
}

/// What `docs/PROTOCOL.md` prints of a flight, so that another implementation of the rules can be compared with this one.
#[test]
fn a_flight_is_as_printed() {
    let map = shipped("crossfire");
    let pos = game::Point { x: 1_280, y: 1_280 };
    let mut ship = Ship { pos, health: 100, ..Ship::default() };
    let mut states = Vec::new();
    for tick in 1..=100_u32 {
        let (thrust, aim, buttons) = match tick {
            1..=30 => ([127, 0], 1_024, 0),
            31..=60 => ([-128, 60], 3_000, 1),
            61..=75 => ([-127, -127], 5_000, 6),
            _ => ([0, 0], 0, 0),
        };
        game::ship::advance(&mut ship, Command { thrust, aim: Aim(aim), buttons: Buttons(buttons) }, &map);
        if [1, 10, 30, 31, 45, 60, 61, 66, 71, 75, 80, 100].contains(&tick) {
            let numbers =
                [tick as u16, ship.pos.x as u16, ship.pos.y as u16, ship.vel.x as u16, ship.vel.y as u16, ship.aim.0];
            states.extend(numbers.into_iter().flat_map(u16::to_le_bytes));
            states.extend([ship.bolt_wait, ship.rail_wait, ship.dash_wait, ship.dash_left, ship.shield]);
        }
    }
    let hex: String = states.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/flight.hex");
    if std::env::var("GOLDEN").as_deref() == Ok("write") {
        let rows: String = hex.as_bytes().chunks(34).map(|row| format!("{}\n", String::from_utf8_lossy(row))).collect();
        std::fs::write(
            &path,
            format!("# a flight on the map crossfire, see docs/PROTOCOL.md, one state per line\n{rows}"),
        )
        .unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let printed: String = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(hex, printed, "the rules of flight have changed");
}
