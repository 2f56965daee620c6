//! The queue in real time: beats while there are tickets, opens rooms for those who accepted, wakes those who watch.
//!
//! One lock guards queue and parties; nobody holds it across an `await`, and nobody for longer than one beat takes (milliseconds with
//! 10,000 tickets). Those who watch hold a receiver per ticket or party, so that nobody looks for them.
//!
//! Flow: routes → [`Matchmaker`] → [`Line`] → [`Directory::open_room`] → [`Line::opened`] → receivers, [`Events`].

use super::line::{AnswerError, AskError, Line, Opening, Player, Wish};
use super::parties::{Parties, PartyError};
use super::rules::Rules;
use crate::directory::{Directory, OpenRoom, OpenRoomError, Order, RoomEntry};
use crate::events::{Events, unix_ms};
use protocol::ids::{PlayerId, RoomId, TicketId};
use protocol::invite::InviteCode;
use protocol::lobby::{LobbyEvent, NewRoom, Party, Queue, Ticket};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// Time between two beats: nobody notices a quarter of a second in a queue.
const BEAT: Duration = Duration::from_millis(250);
/// How old the list of a long queue may be that strangers get.
const QUEUE_AGE: Duration = Duration::from_millis(250);
/// Tickets up to which the list is made anew for everybody who asks: it costs nothing, and agrees with what each ticket says.
const SHORT_QUEUE: usize = 256;

/// The matchmaker. Cheap to clone; ends with its last clone.
#[derive(Clone)]
pub struct Matchmaker {
    desk: Arc<Desk>,
}

struct Desk {
    state: Mutex<State>,
    wake: Arc<Notify>,
    began: Instant,
    began_ms: u64,
    directory: Directory,
    events: Events,
}

struct State {
    line: Line,
    parties: Parties,
    tickets: BTreeMap<TicketId, watch::Sender<u64>>,
    party_news: BTreeMap<InviteCode, watch::Sender<u64>>,
    queue: Option<(Duration, Queue)>,
}

impl Matchmaker {
    /// Begins. Must be called inside a tokio runtime with time.
    pub fn start(directory: Directory, events: Events, rules: Rules) -> Self {
        let (wake, began_ms) = (Arc::new(Notify::new()), unix_ms());
        let (line, parties) = (Line::new(rules), Parties::new(began_ms));
        let state = State { line, parties, tickets: BTreeMap::new(), party_news: BTreeMap::new(), queue: None };
        let (state, began) = (Mutex::new(state), Instant::now());
        let desk = Arc::new(Desk { state, wake: wake.clone(), began, began_ms, directory, events });
        tokio::spawn(beat(Arc::downgrade(&desk), wake));
        Self { desk }
    }

    /// Takes a ticket for those of `wish`.
    ///
    /// # Errors
    /// See [`AskError`].
    pub fn ask(&self, wish: Wish) -> Result<TicketId, AskError> {
        let (mut state, now) = self.desk.open();
        let id = TicketId::from_random(rand::random());
        state.line.ask(now, id, wish)?;
        self.desk.settle(&mut state);
        self.desk.wake.notify_one();
        Ok(id)
    }

    /// Takes a ticket for the party `code`, whose members are those of `wish`.
    ///
    /// # Errors
    /// See [`AskError`].
    pub fn ask_for_party(&self, code: &InviteCode, wish: Wish) -> Result<TicketId, AskError> {
        let (mut state, now) = self.desk.open();
        let members = state.parties.members(code).unwrap_or_default().iter().map(|member| member.id);
        if !members.eq(wish.players.iter().map(|player| player.id)) {
            return Err(AskError::PartyChanged);
        }
        let id = TicketId::from_random(rand::random());
        state.line.ask(now, id, wish)?;
        state.parties.waits_with(code, id);
        self.desk.settle(&mut state);
        self.desk.wake.notify_one();
        Ok(id)
    }

    /// Returns the ticket as `player` sees it, and notes that they asked; none if it is not theirs.
    pub fn ticket(&self, id: TicketId, player: PlayerId) -> Option<Ticket> {
        let (mut state, now) = self.desk.open();
        let mut ticket = state.line.view(now, id, player)?;
        state.line.seen(now, id);
        ticket.changed_ms += self.desk.began_ms;
        Some(ticket)
    }

    /// Returns what tells the versions of a ticket of `player`; none if it is not theirs. As long as it is held, the ticket is not forgotten.
    pub fn watch_ticket(&self, id: TicketId, player: PlayerId) -> Option<watch::Receiver<u64>> {
        let (mut state, now) = self.desk.open();
        let version = state.line.view(now, id, player)?.version;
        Some(state.tickets.entry(id).or_insert_with(|| watch::Sender::new(version)).subscribe())
    }

    /// `player` wants the proposed match.
    ///
    /// # Errors
    /// See [`AnswerError`].
    pub fn accept(&self, id: TicketId, player: PlayerId) -> Result<(), AnswerError> {
        self.answer(|line, now| line.accept(now, id, player))
    }

    /// `player` does not want the proposed match.
    ///
    /// # Errors
    /// See [`AnswerError`].
    pub fn decline(&self, id: TicketId, player: PlayerId) -> Result<(), AnswerError> {
        self.answer(|line, now| line.decline(now, id, player))
    }

    /// `player` gives the ticket up.
    ///
    /// # Errors
    /// See [`AnswerError`].
    pub fn cancel(&self, id: TicketId, player: PlayerId) -> Result<(), AnswerError> {
        self.answer(|line, now| line.cancel(now, id, player))
    }

    /// Returns what anybody may see of the queue.
    pub fn queue(&self) -> Queue {
        let (mut state, now) = self.desk.open();
        if state.line.len() <= SHORT_QUEUE {
            return state.line.queue(now);
        }
        match &state.queue {
            Some((at, queue)) if now.saturating_sub(*at) < QUEUE_AGE => queue.clone(),
            _ => {
                let queue = state.line.queue(now);
                state.queue = Some((now, queue.clone()));
                queue
            }
        }
    }

    /// `leader` founds a party.
    ///
    /// # Errors
    /// If there are too many.
    pub fn found_party(&self, leader: Player) -> Result<InviteCode, PartyError> {
        let code = InviteCode::from_random(rand::random());
        self.regroup(leader.id, None, |parties, now| parties.found(now, code, leader))?;
        Ok(code)
    }

    /// `player` joins a party.
    ///
    /// # Errors
    /// See [`PartyError`].
    pub fn join_party(&self, code: InviteCode, player: Player) -> Result<(), PartyError> {
        self.regroup(player.id, Some(code), |parties, now| parties.join(now, code, player))
    }

    /// `player` leaves the party `code`.
    ///
    /// # Errors
    /// If they are not in it.
    pub fn leave_party(&self, code: InviteCode, player: PlayerId) -> Result<(), PartyError> {
        self.regroup(player, None, |parties, _| match parties.of(player) {
            Some(of) if of == code => {
                parties.leave(player);
                Ok(())
            }
            _ => Err(PartyError::Unknown),
        })
    }

    /// Returns the party as `player` sees it, and notes that they asked; none if they are not in it.
    pub fn party(&self, code: &InviteCode, player: PlayerId) -> Option<Party> {
        let (mut state, now) = self.desk.open();
        state.parties.view(now, code, player)
    }

    /// Returns the members of a party, the leader first; none if there is no such party.
    pub fn members(&self, code: &InviteCode) -> Option<Vec<Player>> {
        let (state, _) = self.desk.open();
        state.parties.members(code).map(<[Player]>::to_vec)
    }

    /// Returns what tells the versions of a party of `player`; none if they are not in it. As long as it is held, the party is not forgotten.
    pub fn watch_party(&self, code: &InviteCode, player: PlayerId) -> Option<watch::Receiver<u64>> {
        let (mut state, now) = self.desk.open();
        let version = state.parties.view(now, code, player)?.version;
        Some(state.party_news.entry(*code).or_insert_with(|| watch::Sender::new(version)).subscribe())
    }

    fn answer<T>(&self, act: impl FnOnce(&mut Line, Duration) -> T) -> T {
        let (mut state, now) = self.desk.open();
        let done = act(&mut state.line, now);
        self.desk.settle(&mut state);
        done
    }

    /// Changes who is in which party. A ticket is for the people that its party had, so those of the parties concerned are given up.
    fn regroup(
        &self,
        player: PlayerId,
        joins: Option<InviteCode>,
        act: impl FnOnce(&mut Parties, Duration) -> Result<(), PartyError>,
    ) -> Result<(), PartyError> {
        let (mut state, now) = self.desk.open();
        let former = state.parties.of(player);
        if joins.is_some() && former == joins {
            return Ok(());
        }
        let concerned = former.into_iter().chain(joins);
        let stale: Vec<_> = concerned.filter_map(|code| state.parties.waiting(&code)).collect();
        act(&mut state.parties, now)?;
        for (leader, ticket) in stale {
            // One whose room is being opened, or which is over, stays as it is.
            let _ = state.line.cancel(now, ticket, leader);
        }
        self.desk.settle(&mut state);
        self.desk.wake.notify_one();
        Ok(())
    }
}

impl Desk {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Returns queue and parties, and what time it is for them.
    fn open(&self) -> (MutexGuard<'_, State>, Duration) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Read behind the lock, so that time never goes back for the queue.
        (state, self.now())
    }

    /// Passes on what a change has brought about. Call it after each.
    fn settle(self: &Arc<Self>, state: &mut State) {
        for (id, version) in state.line.take_changed() {
            if let Some(news) = state.tickets.get(&id) {
                news.send_replace(version);
            }
        }
        for (code, version) in state.parties.take_changed() {
            if let Some(news) = state.party_news.get(&code) {
                news.send_replace(version);
            }
        }
        for opening in state.line.take_openings() {
            tokio::spawn(open_room(self.clone(), opening));
        }
    }

    /// Takes in what became of an attempt to open a room. Returns a room that came too late: nobody waits for it any more.
    fn take_room(self: &Arc<Self>, opening: &Opening, opened: Result<RoomEntry, OpenRoomError>) -> Option<RoomId> {
        let (mut state, now) = self.open();
        let mut unwanted = None;
        match opened {
            Ok(entry) => {
                let (room, tickets) = (entry.info.id, state.line.opened(now, opening.group, entry.info.id));
                let players = opening.players.len() as u8;
                if tickets.is_empty() {
                    unwanted = Some(room);
                } else {
                    tracing::info!(room = room.0, players, bots = opening.bots, "match made");
                    self.events.tell(LobbyEvent::TicketMatched { tickets, room, players });
                }
            }
            Err(error) => {
                tracing::warn!("no room for a match at the moment: {error}");
                state.line.not_opened(now, opening.group);
            }
        }
        self.settle(&mut state);
        unwanted
    }

    /// Does what is due, and returns whether time can change anything more.
    fn beat(self: &Arc<Self>) -> bool {
        let (mut guard, now) = self.open();
        let state = &mut *guard;
        for (id, _) in state.tickets.iter().filter(|(_, news)| news.receiver_count() > 0) {
            state.line.seen(now, *id);
        }
        for (code, _) in state.party_news.iter().filter(|(_, news)| news.receiver_count() > 0) {
            state.parties.seen(now, code);
        }
        state.line.tick(now);
        state.parties.expire(now);
        self.settle(state);
        metrics::gauge!("crosswire_queue_waiting").set(state.line.people());
        // Those who still watch hear that there is nothing left to watch.
        state.tickets.retain(|id, news| news.receiver_count() > 0 && state.line.has(*id));
        state.party_news.retain(|code, news| news.receiver_count() > 0 && state.parties.has(code));
        !state.line.is_empty() || !state.parties.is_empty()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.wake.notify_one();
    }
}

async fn beat(desk: Weak<Desk>, wake: Arc<Notify>) {
    while let Some(more) = desk.upgrade().map(|desk| desk.beat()) {
        if more {
            tokio::time::sleep(BEAT).await;
        } else {
            wake.notified().await;
        }
    }
}

/// Has a room opened for those who accepted.
async fn open_room(desk: Arc<Desk>, opening: Opening) {
    let players = opening.players.len() as u8;
    let rules = *desk.open().0.line.rules();
    let wish = NewRoom {
        name: Some(format!("Match {}", opening.group)),
        mode: opening.mode,
        seats: Some(rules.largest.max(players)),
        bots: Some(if opening.bots { rules.ships_with_bots.saturating_sub(players) } else { 0 }),
        // Where bots fill up, others may come in their place.
        private: !opening.bots,
        ..NewRoom::default()
    };
    let reserved = if opening.bots { Vec::new() } else { opening.players.clone() };
    let opened = desk.directory.open_room(OpenRoom { wish, host: None, reserved }).await;
    let unwanted = desk.take_room(&opening, opened);
    if let Some(room) = unwanted {
        // It would close by itself, too, only later.
        let _ = desk.directory.order(Order::Close { room }).await;
    }
}
