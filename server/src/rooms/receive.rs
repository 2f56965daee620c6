//! Messages from links to their sessions, with everything that a peer can do wrong counted.
//!
//! The order of checks per message: allowance of the link, kind and lane, decoding, meaning. What fails is dropped and counted; a link
//! that fails [`MAX_VIOLATIONS`] times is closed. Peers' faults are logged at debug level only.
//!
//! Flow: [`transport::Link`] → [`receive`] → [`protocol::session::server::ServerSession::handle`].

use super::room::Room;
use super::runner::Heartbeat;
use super::seats::{Seat, SeatOf};
use bevy::ecs::prelude::*;
use protocol::limits::{INBOUND_BURST, INBOUND_PER_SECOND, MAX_VIOLATIONS};
use protocol::session::bucket::TokenBucket;
use protocol::session::server::{Beat, ServerSession};
use protocol::wire::Kind;
use protocol::{CloseReason, LinkId};
use std::collections::HashMap;
use std::time::Instant;
use tracing::debug;
use transport::{Closed, Link, LinkClosed};

/// Entities of links by their name.
#[derive(Resource, Default)]
pub struct LinkIndex(HashMap<LinkId, Entity>);

impl LinkIndex {
    /// Returns the entity of a link that is open.
    pub fn find(&self, link: LinkId) -> Option<Entity> {
        self.0.get(&link).copied()
    }

    /// Returns the entities of all links of a session.
    pub fn links_of<'a>(&'a self, session: &'a ServerSession) -> impl Iterator<Item = Entity> + 'a {
        session.links().filter_map(|link| self.find(link))
    }
}

/// What peers did wrong, since the start.
#[derive(Resource, Default)]
pub struct Faults {
    /// Messages that broke the protocol.
    pub violations: u64,
    /// Messages beyond a link's allowance.
    pub flooded: u64,
}

/// A link's allowance and its record.
#[derive(Component)]
pub struct Conduct {
    /// Messages that it may still bring in.
    pub allowance: TokenBucket,
    /// Messages that broke the protocol.
    pub violations: u32,
    /// When it was opened.
    pub since: Instant,
}

/// The seat that a link was attached to.
#[derive(Component)]
pub struct AttachedTo(pub Entity);

/// Gives every new link its place in the index.
pub fn index_links(fresh: Query<(Entity, &Link), Added<Link>>, mut index: ResMut<LinkIndex>, mut commands: Commands) {
    let now = Instant::now();
    for (entity, link) in &fresh {
        index.0.insert(link.id(), entity);
        let allowance = TokenBucket::new(INBOUND_PER_SECOND, INBOUND_BURST, now);
        commands.entity(entity).insert(Conduct { allowance, violations: 0, since: now });
    }
}

/// Links that ended since the last look.
#[derive(Resource, Default)]
pub struct Ended(Vec<(Entity, Closed)>);

/// Takes note that a link is gone. What it brought before is read first, so that a farewell counts.
pub fn link_closed(closed: On<LinkClosed>, mut ended: ResMut<Ended>) {
    ended.0.push((closed.entity, closed.closed));
}

/// Tells sessions that links of theirs are gone: they may go on with another, or wait.
pub fn detach(
    mut ended: ResMut<Ended>,
    links: Query<(&Link, Option<&AttachedTo>)>,
    mut seats: Query<&mut Seat>,
    mut index: ResMut<LinkIndex>,
) {
    for (entity, closed) in ended.0.drain(..) {
        let Ok((link, attached)) = links.get(entity) else { continue };
        index.0.remove(&link.id());
        if let Some(mut seat) = attached.and_then(|to| seats.get_mut(to.0).ok()) {
            debug!("{} link of {} ended: {closed}", link.transport(), seat.session.name());
            seat.session.detach(link.id(), Instant::now());
        }
    }
}

/// Hands every message of every attached link to its session.
pub fn receive(
    mut links: Query<(&Link, &AttachedTo, &mut Conduct)>,
    mut seats: Query<(&mut Seat, &SeatOf)>,
    rooms: Query<&Room>,
    heartbeat: Res<Heartbeat>,
    mut faults: ResMut<Faults>,
) {
    for (link, to, mut conduct) in &mut links {
        let Ok((mut seat, of)) = seats.get_mut(to.0) else {
            link.close(CloseReason::Done);
            continue;
        };
        let Ok(room) = rooms.get(of.0) else { continue };
        let beat = Beat { tick: room.arena.tick(), at: heartbeat.previous };
        while let Some(inbound) = link.try_recv() {
            if !conduct.allowance.take(inbound.at) {
                faults.flooded += 1;
                continue;
            }
            let heard = match Kind::split(inbound.lane, &inbound.bytes) {
                Ok((Kind::Hello, _)) => {
                    seat.session.promote(link.id(), link.transport(), &inbound.bytes, &room.facts())
                }
                _ => seat.session.handle(link.id(), inbound.lane, &inbound.bytes, inbound.at, beat),
            };
            if let Err(error) = heard {
                debug!("{} from {}: {error}", link.transport(), seat.session.name());
                conduct.fault(link, &mut faults);
            }
        }
    }
}

impl Conduct {
    /// Counts a violation and closes a link that has too many.
    pub fn fault(&mut self, link: &Link, faults: &mut Faults) {
        faults.violations += 1;
        self.violations += 1;
        if self.violations == MAX_VIOLATIONS {
            link.close(CloseReason::Violation);
        }
    }
}
