//! Links that carry the match along, in a virtual world: what they tell is true of their own wire, they cost little, and one of them
//! takes over the drive at once.

mod support;

use bytes::Bytes;
use protocol::grant::ResumeKey;
use protocol::limits::{SHADOWS_PER_SESSION, STRANDS};
use protocol::session::client::ClientSession;
use protocol::session::server::SessionEvent;
use protocol::wire::Kind;
use protocol::wire::hello::{Hello, Refusal, Shadow, decode_refusal, encode_hello};
use protocol::{Epoch, Lane, LinkId, Transport};
use std::time::{Duration, Instant};
use support::link::Weather;
use support::world::World;

const CALM: Weather = Weather::new(20, 0, 0);
const SLOW: Weather = Weather::new(90, 0, 0);
const LOSSY: Weather = Weather::new(20, 0, 300);

fn world(seed: u64) -> World {
    let mut world = World::new("crossfire", 3, seed);
    world.add_player();
    world.dial(0, Transport::Udp, CALM, CALM);
    world.run(1_000);
    world
}

#[test]
fn every_shadow_tells_of_its_own_wire() {
    let mut world = world(1);
    let quic = world.dial_shadow(0, Transport::Quic, SLOW, SLOW);
    let web = world.dial_shadow(0, Transport::Websocket, CALM, CALM);
    world.run(3_000);
    let player = &world.players[0];
    let of = |link: LinkId| player.shown.iter().filter(move |(from, ..)| *from == link);
    for (link, round_trip, least_margin, most_margin) in [(quic, 180, -300, -40), (web, 40, 0, 40)] {
        let count = of(link).count();
        assert!(count > 70, "{count} snapshots in three seconds at 30 per second");
        let trips: Vec<Duration> = of(link).filter_map(|(_, _, trip)| *trip).collect();
        let off = |trip: &Duration| trip.abs_diff(Duration::from_millis(round_trip));
        assert!(trips.len() > 60 && trips.iter().all(|trip| off(trip) < Duration::from_millis(3)), "{trips:?}");
        // Commands are timed for the driving wire: over a slower one they would have come too late.
        let margins: Vec<i16> = of(link).filter_map(|(_, shown, _)| Some(shown.echo?.margin / 4)).collect();
        assert!(margins.iter().all(|ms| (least_margin..=most_margin).contains(ms)), "{margins:?}");
    }
    let own = |tick| player.session.snapshots().iter().find(|view| view.tick == tick)?.own;
    let known: Vec<_> = of(web).filter_map(|(_, shown, _)| Some((shown.own?, own(shown.tick)?.1.pos))).collect();
    assert!(known.len() > 10, "{} ticks are known over both wires", known.len());
    assert!(known.iter().all(|(shadow, driving)| shadow == driving), "the same match over both");
    world.assert_plays(0);
}

#[test]
fn a_shadow_that_loses_much_disturbs_nobody() {
    let mut world = world(2);
    world.chatter = 20;
    let link = world.dial_shadow(0, Transport::Quic, LOSSY, LOSSY);
    world.run(3_000);
    let shown = world.players[0].shown.len();
    assert!((40..80).contains(&shown), "{shown} of 90 snapshots at 30 % loss");
    world.cut(link, Duration::from_millis(500));
    world.run(1_000);
    world.chatter = 0;
    world.run(500);
    world.assert_plays(0);
    assert_eq!((world.players[0].times_away, world.players[0].drove.len()), (0, 1));
    assert_eq!(world.seated(0).session.links().count(), 1);
}

#[test]
fn a_shadow_takes_over_within_a_round_trip() {
    for seed in 0..20 {
        let mut world = world(seed);
        world.chatter = 20;
        let shadow = world.dial_shadow(0, Transport::Websocket, CALM, CALM);
        world.run(500);
        // The driving link falls silent and nobody is told.
        let driving = world.players[0].session.driving().unwrap().0;
        world.cut(driving, Duration::from_secs(3_600));
        world.run(seed * 10);
        let now = world.now;
        world.players[0].session.attach(shadow, Transport::Websocket, now);
        // There and back, and the wait for the next snapshot.
        world.run(40 + 35);
        assert_eq!(world.players[0].session.driving(), Some((shadow, Transport::Websocket)));
        world.chatter = 0;
        world.run(1_500);
        world.assert_plays(0);
        assert_eq!(world.seated(0).session.links().count(), 1, "the silent link is closed after its grace");
    }
}

#[test]
fn a_shadow_cannot_outlive_its_right() {
    let mut world = world(3);
    let session = world.players[0].id;
    let (_, _, key) = world.room.grant(1, world.now);
    let hello = |epoch, number, key: &ResumeKey| {
        let shadow = Shadow { session, epoch: Epoch(epoch), number, whole: false, key_proof: [0; 32] };
        let key_proof = key.prove_shadow(&shadow, Transport::Quic);
        Bytes::from(encode_hello(&Hello::Shadow(Shadow { key_proof, ..shadow })))
    };
    let mut link = 1_000;
    let mut said = |world: &mut World, hello: &Bytes| {
        link += 1;
        let (link, now) = (LinkId(link), world.now);
        world.room.handle(link, Transport::Quic, Lane::Reliable, hello, now);
        world.room.attend(now);
        std::iter::from_fn(|| world.room.poll_transmit()).filter(|sent| sent.link == link).last().map(|sent| sent.bytes)
    };
    let refused = |answer: &Option<Bytes>| {
        let (kind, body) = Kind::split(Lane::Reliable, answer.as_ref().unwrap()).unwrap();
        (kind == Kind::Refusal).then(|| decode_refusal(body).unwrap())
    };
    assert_eq!(refused(&said(&mut world, &hello(2, 1, &key.advanced(1)))), Some(Refusal::KeyUsed), "a later epoch");
    assert_eq!(refused(&said(&mut world, &hello(1, 1, &key.advanced(1)))), Some(Refusal::KeyUsed), "another key");
    let first = hello(1, 1, &key);
    assert_eq!(refused(&said(&mut world, &first)), None);
    assert_eq!(refused(&said(&mut world, &first)), Some(Refusal::KeyUsed), "heard before");
    assert_eq!(refused(&said(&mut world, &hello(1, 0, &key))), Some(Refusal::KeyUsed), "they count from 1");
    for number in (2..=SHADOWS_PER_SESSION as u32).rev() {
        assert_eq!(refused(&said(&mut world, &hello(1, number, &key))), None);
    }
    let more = SHADOWS_PER_SESSION as u32 + 1;
    assert_eq!(refused(&said(&mut world, &hello(1, more, &key))), Some(Refusal::TooManyLinks));
    for link in 1_001..1_020 {
        world.room.detach(LinkId(link), world.now);
    }
    assert_eq!(refused(&said(&mut world, &hello(1, 80, &key))), None);
    assert_eq!(refused(&said(&mut world, &hello(1, more, &key))), Some(Refusal::KeyUsed), "too far behind");
}

#[test]
fn strands_share_the_work_so_that_one_that_stalls_delays_its_share_alone() {
    let mut world = world(5);
    world.chatter = 20;
    let strands: Vec<_> = (0..STRANDS)
        .map(|_| {
            let link = world.dial_link(0, Transport::Udp, CALM, CALM);
            assert!(world.players[0].session.strand(link, Transport::Udp, world.now));
            link
        })
        .collect();
    world.run(500);
    assert_eq!(world.players[0].session.strands().count(), STRANDS);
    // A stalled stream in its purest form: nothing comes over one of four any more.
    world.cut(strands[1], Duration::from_secs(3_600));
    world.players[0].longest_gap = Duration::ZERO;
    let since = world.tick();
    world.run(4_000);
    let gap = world.players[0].longest_gap;
    assert!(gap < Duration::from_millis(70), "one of four snapshots is missing, never two in a row: {gap:?}");
    let (own, all) = world.seated(0).executed_since(since);
    assert!(own * 100 >= all * 99, "bundles repeat what the stalled strand did not bring: {own} of {all}");
    world.chatter = 0;
    world.run(500);
    world.assert_plays(0);
    assert!(world.players[0].shown.is_empty(), "no compact form over strands");
}

#[test]
fn strands_end_with_the_drive_of_their_link() {
    let mut world = world(6);
    for _ in 0..STRANDS {
        let link = world.dial_link(0, Transport::Udp, CALM, CALM);
        assert!(world.players[0].session.strand(link, Transport::Udp, world.now));
    }
    world.run(500);
    assert_eq!(world.seated(0).session.links().count(), 1 + STRANDS);
    world.players[0].longest_gap = Duration::ZERO;
    world.dial(0, Transport::Quic, CALM, CALM);
    world.run(1_500);
    assert_eq!(world.seated(0).session.links().count(), 1, "the strands and the old link are closed");
    // Until the first bundle over the new link every snapshot travels over both links, one of which has a share of it only.
    assert!(world.players[0].longest_gap < Duration::from_millis(180), "{:?}", world.players[0].longest_gap);
    world.assert_plays(0);
}

#[test]
fn a_strand_that_takes_over_from_a_lost_link_is_no_news_for_the_room() {
    let mut world = world(8);
    let strand = world.dial_link(0, Transport::Udp, CALM, CALM);
    assert!(world.players[0].session.strand(strand, Transport::Udp, world.now));
    world.run(500);
    let (driving, _) = world.players[0].session.driving().unwrap();
    world.cut(driving, Duration::ZERO);
    world.run(5);
    let now = world.now;
    world.players[0].session.attach(strand, Transport::Udp, now);
    world.run(1_500);
    assert_eq!(world.players[0].session.driving().map(|(link, _)| link), Some(strand));
    assert_eq!(world.seated(0).reports, [SessionEvent::Back], "only the join");
    // Nobody takes over: after a moment the room is told.
    world.cut(strand, Duration::ZERO);
    world.run(1_500);
    assert_eq!(world.seated(0).reports, [SessionEvent::Back, SessionEvent::Away]);
}

#[test]
fn a_change_that_did_not_come_about_does_not_forbid_shadows() {
    let mut world = world(7);
    // The server hears the hello; its answer and the link are lost.
    let lost = world.dial(0, Transport::Quic, CALM, CALM);
    world.run(21);
    world.cut(lost, Duration::from_millis(200));
    world.run(1_000);
    assert_eq!(world.seated(0).session.driving().map(|(_, wire)| wire), Some(Transport::Udp));
    world.dial_shadow(0, Transport::Websocket, CALM, CALM);
    world.run(1_000);
    assert!(world.players[0].no_shadow.is_empty() && world.players[0].shown.len() > 20);
}

#[test]
fn a_shadow_that_is_refused_or_unanswered_is_told_and_changes_nothing() {
    let mut world = world(4);
    // Another wire takes over while the wish is under way: it is of an epoch whose link is gone.
    world.dial(0, Transport::Websocket, CALM, CALM);
    world.run(10);
    let slowest = Weather::new(900, 0, 0);
    world.dial_shadow(0, Transport::Quic, slowest, slowest);
    world.run(2_500);
    assert_eq!(world.players[0].no_shadow, [Transport::Quic]);
    let lost = world.dial_shadow(0, Transport::Quic, CALM, CALM);
    world.cut(lost, Duration::from_secs(3_600));
    world.run(4_000);
    assert_eq!(world.players[0].no_shadow, [Transport::Quic; 2]);
    world.assert_plays(0);
}

#[test]
fn nothing_shadows_before_something_drives() {
    let now = Instant::now();
    let mut session = ClientSession::new(protocol::SessionId(1), vec![1], ResumeKey([1; 32]), now);
    assert!(!session.shadow(LinkId(1), Transport::Udp, now));
    assert!(session.poll_transmit().is_none());
}
