//! The door: a fresh link says hello and is seated, attached to its session, or refused in words.
//!
//! The order of checks: a message came in time, it is a hello of our version, then for a proof: seal, audience, age, single use, the
//! room, a free seat; for a key: the session, the link's own identity, the epoch, the key.
//!
//! Flow: [`transport::Link`] without a seat → [`greet`] → [`super::seats::Seat`], or a refusal and the end of the link.

use super::receive::{AttachedTo, Conduct, Faults, LinkIndex};
use super::room::Room;
use super::runner::Stopping;
use super::seats::{Seat, SeatOf};
use crate::directory::RoomNews;
use bevy::ecs::prelude::*;
use protocol::grant::{LinkIdentity, Proof, ProofError, Sealer, UnixMillis, UsedProofs};
use protocol::ids::PlayerId;
use protocol::limits::HANDSHAKE_DEADLINE;
use protocol::lobby::LobbyEvent;
use protocol::session::server::{RoomFacts, ServerSession};
use protocol::wire::Kind;
use protocol::wire::hello::{Hello, Refusal, decode_hello, encode_refusal};
use protocol::{CloseReason, SessionId};
use std::collections::HashMap;
use std::time::{Instant, SystemTime};
use tracing::{debug, info};
use transport::Link;

/// Knows who may enter and who is inside.
#[derive(Resource)]
pub struct Doorman {
    sealer: Sealer,
    used: UsedProofs,
    sessions: HashMap<SessionId, Entity>,
    /// Who was given a seat in this tick, which queries see in the next one only.
    seated_now: Vec<PlayerId>,
}

impl Doorman {
    /// Returns a doorman who accepts what `sealer` sealed.
    pub fn new(sealer: Sealer) -> Self {
        Self { sealer, used: UsedProofs::default(), sessions: HashMap::new(), seated_now: Vec::new() }
    }

    /// Forgets a session that has ended.
    pub fn forget(&mut self, session: SessionId) {
        self.sessions.remove(&session);
    }

    fn admit(&mut self, sealed: &[u8], now: UnixMillis) -> Result<Proof, Refusal> {
        let proof = self.sealer.open(sealed, now).and_then(|proof| self.used.redeem(&proof, now).map(|()| proof));
        proof.map_err(|error| match error {
            ProofError::Expired | ProofError::Future => Refusal::ProofExpired,
            ProofError::Used => Refusal::ProofUsed,
            _ => Refusal::ProofAltered,
        })
    }
}

/// A link that was told to go. It may take a moment to close, in which nothing it says counts.
#[derive(Component)]
pub struct TurnedAway;

/// Links that have neither a seat nor been told to go.
type AtTheDoor = (Without<AttachedTo>, Without<TurnedAway>);

type Seated<'w, 's> = Query<'w, 's, (Entity, &'static mut Seat, &'static SeatOf)>;

/// Reads the first message of every link that has no seat yet.
#[expect(clippy::too_many_arguments, reason = "a system names all that it touches")]
pub fn greet(
    mut fresh: Query<(Entity, &Link, &mut Conduct), AtTheDoor>,
    mut seats: Seated<'_, '_>,
    mut rooms: Query<(Entity, &mut Room)>,
    links: Query<&Link>,
    index: Res<LinkIndex>,
    stopping: Res<Stopping>,
    mut doorman: ResMut<Doorman>,
    mut faults: ResMut<Faults>,
    mut commands: Commands,
) {
    let now = Instant::now();
    doorman.seated_now.clear();
    for (entity, link, mut conduct) in &mut fresh {
        if link.closed().is_some() {
            continue;
        }
        // Whoever keeps talking without saying hello is no better than whoever keeps silent.
        if now.saturating_duration_since(conduct.since) > HANDSHAKE_DEADLINE {
            link.close(CloseReason::HandshakeTimeout);
            commands.entity(entity).insert(TurnedAway);
            continue;
        }
        let Some(first) = link.try_recv() else { continue };
        let seated = match Kind::split(first.lane, &first.bytes) {
            _ if stopping.0 => Err(Refusal::Stopping),
            Ok((Kind::Hello, body)) => decode_hello(body).and_then(|hello| match hello {
                Hello::Join { proof } => {
                    let unix = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis() as u64;
                    let proof = doorman.admit(&proof, UnixMillis(unix))?;
                    join(link, proof, &mut seats, &mut rooms, &links, &index, &mut doorman, &mut commands, now)
                }
                Hello::Resume(resume) => {
                    attach(link, resume.session, &mut seats, &rooms, &doorman, |session, facts| {
                        session.resume(link.id(), link.transport(), &resume, facts)
                    })
                }
                Hello::Shadow(shadow) => {
                    attach(link, shadow.session, &mut seats, &rooms, &doorman, |session, facts| {
                        session.shadow(link.id(), link.transport(), &shadow, facts)
                    })
                }
            }),
            // A snapshot's worth of commands can overtake the hello on an unordered wire.
            Ok((Kind::Commands | Kind::ShadowCommands, _)) => continue,
            _ => Err(Refusal::NotHello),
        };
        match seated {
            Ok(seat) => {
                commands.entity(entity).insert(AttachedTo(seat));
            }
            Err(refusal) => {
                debug!("refused a {} link: {refusal:?}", link.transport());
                conduct.fault(link, &mut faults);
                // The link is about to be closed; whether the words still get through is up to it.
                let _ = link.send(protocol::Lane::Reliable, encode_refusal(refusal).into());
                link.close(CloseReason::Refused);
                commands.entity(entity).insert(TurnedAway);
            }
        }
    }
}

/// Whoever a transport itself names must be who the hello names.
fn check_identity(link: &Link, player: PlayerId, session: SessionId) -> Result<(), Refusal> {
    match link.identity().map(LinkIdentity::from_user_data) {
        Some(identity) if identity != (LinkIdentity { player, session }) => Err(Refusal::WrongIdentity),
        _ => Ok(()),
    }
}

#[expect(clippy::too_many_arguments, reason = "one step of `greet`, which has them all as parameters of a system")]
fn join(
    link: &Link,
    proof: Proof,
    seats: &mut Seated<'_, '_>,
    rooms: &mut Query<(Entity, &mut Room)>,
    links: &Query<&Link>,
    index: &LinkIndex,
    doorman: &mut Doorman,
    commands: &mut Commands<'_, '_>,
    now: Instant,
) -> Result<Entity, Refusal> {
    check_identity(link, proof.player, proof.session)?;
    if doorman.seated_now.contains(&proof.player) {
        return Err(Refusal::TooManyLinks);
    }
    let (room_entity, mut room) =
        rooms.iter_mut().find(|(_, room)| room.plan.id == proof.room && !room.closing).ok_or(Refusal::NoRoom)?;
    room.door.check(proof.player)?;
    let mine = |seat: &Seat, of: &SeatOf| of.0 == room_entity && seat.session.player() == proof.player;
    let kept = |seat: &Seat| seat.given_up.is_none() && seat.session.seat().watches() == proof.spectate;
    // Whoever flies and wants to watch, or the other way round, gives one place up for the other.
    seats.iter_mut().filter(|(_, seat, of)| mine(seat, of) && !kept(seat)).for_each(|(_, mut seat, _)| {
        seat.given_up.get_or_insert(CloseReason::Replaced);
    });
    let held = seats.iter_mut().find(|(_, seat, of)| mine(seat, of) && kept(seat));
    let begin = |seat, room: &Room| {
        let key = proof.resume_key.clone();
        let mut session = ServerSession::new(proof.session, proof.player, proof.name.clone(), seat, key, now);
        session.join(link.id(), link.transport(), &room.facts());
        session.send(&room.roster());
        session
    };
    if let Some((entity, mut seat, _)) = held {
        // The same player once more, after a crash or from another machine: the seat and its score are theirs.
        room.set_away(seat.session.seat(), false);
        let session = begin(seat.session.seat(), &room);
        let old = std::mem::replace(&mut seat.session, session);
        index.links_of(&old).filter_map(|old| links.get(old).ok()).for_each(|old| old.close(CloseReason::Replaced));
        doorman.forget(old.id());
        doorman.sessions.insert(proof.session, entity);
        info!("{} is back in room {} over {}", proof.name, room.plan.id.0, link.transport());
        leave_others(seats, room_entity, proof.player);
        return Ok(entity);
    }
    let free = if proof.spectate { room.free_place() } else { room.free_seat() }.ok_or(Refusal::RoomFull)?;
    match proof.spectate {
        true => room.watch(free, &proof.name),
        false => room.join(free, proof.player, &proof.name),
    }
    let (player, name, wire) = (proof.player, proof.name.clone(), link.transport());
    let joined = LobbyEvent::PlayerJoined { room: room.plan.id, player, name, wire };
    room.news_for_lobby.push(RoomNews::Event(joined));
    leave_others(seats, room_entity, proof.player);
    let session = begin(free, &room);
    info!("{} joined room {} over {}", proof.name, room.plan.id.0, link.transport());
    let entity = commands.spawn((Seat::new(session, now), SeatOf(room_entity))).id();
    doorman.sessions.insert(proof.session, entity);
    doorman.seated_now.push(proof.player);
    Ok(entity)
}

/// Gives up every place that `player` has in another room than `here`: nobody is in two.
fn leave_others(seats: &mut Seated<'_, '_>, here: Entity, player: PlayerId) {
    let others = seats.iter_mut().filter(|(_, seat, of)| of.0 != here && seat.session.player() == player);
    others.for_each(|(_, mut seat, _)| {
        seat.given_up.get_or_insert(CloseReason::Replaced);
    });
}

/// Lets a link of a session that exists drive, or carry the match along.
fn attach(
    link: &Link,
    session: SessionId,
    seats: &mut Seated<'_, '_>,
    rooms: &Query<(Entity, &mut Room)>,
    doorman: &Doorman,
    how: impl FnOnce(&mut ServerSession, &RoomFacts) -> Result<(), Refusal>,
) -> Result<Entity, Refusal> {
    let entity = *doorman.sessions.get(&session).ok_or(Refusal::NoSession)?;
    let (_, mut seat, of) = seats.get_mut(entity).map_err(|_| Refusal::NoSession)?;
    check_identity(link, seat.session.player(), session)?;
    let (_, room) = rooms.get(of.0).map_err(|_| Refusal::NoRoom)?;
    how(&mut seat.session, &room.facts())?;
    debug!("{} has {} at epoch {}", seat.session.name(), link.transport(), seat.session.epoch().0);
    Ok(entity)
}
