//! The public news: every event that anybody may hear of, written down once for all who listen.
//!
//! Thousands may listen at the same time, so an event is judged and put into JSON once, and each listener is handed the same bytes. The
//! latest ones are kept, so that a listener whose connection broke can go on where it was. What happens in private rooms stays there; whoever keeps
//! a list of rooms from what they are told has the public list, whichever rooms turn private or public meanwhile.
//!
//! Flow: [`crate::events`] → [`Gazette::print`] → [`Gazette::subscribe`] → `GET /v1/events`.

use super::limits::EVENTS_KEPT;
use super::watch::frame;
use crate::directory::Directory;
use axum::body::Bytes;
use futures_util::{Stream, StreamExt, stream};
use protocol::ids::RoomId;
use protocol::lobby::{EventKind, LobbyEvent, StampedEvent};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;

/// Tells a listener that events are missing and that it should look at everything again.
const MISSED: Bytes = Bytes::from_static(b"event: missed\ndata: {}\n\n");

/// One public event, ready to be sent.
#[derive(Debug)]
struct Page {
    number: u64,
    /// None for what everybody is told, whatever they asked for.
    kind: Option<EventKind>,
    frame: Bytes,
}

/// The latest pages, and who waits for the next one.
#[derive(Debug)]
pub(super) struct Gazette {
    /// Names this run of the server: numbers begin again with each.
    run: String,
    kept: Mutex<VecDeque<Arc<Page>>>,
    sender: broadcast::Sender<Arc<Page>>,
}

impl Default for Gazette {
    fn default() -> Self {
        let run = format!("{:08x}", rand::random::<u32>());
        Self { run, kept: Mutex::default(), sender: broadcast::Sender::new(EVENTS_KEPT) }
    }
}

impl Gazette {
    /// Writes down what is public of `events`. Does not end.
    pub(super) async fn print(&self, mut events: broadcast::Receiver<Arc<StampedEvent>>, directory: Directory) {
        let (mut judge, mut last) = (Judge::new(directory), 0);
        loop {
            match events.recv().await {
                Ok(event) => {
                    last = event.number;
                    if judge.is_public(&event.event) {
                        self.publish(&event);
                    }
                }
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!("{missed} events were too fast to be told");
                    judge.look_again();
                    last += 1;
                    self.put(Page { number: last, kind: None, frame: MISSED });
                }
                Err(broadcast::error::RecvError::Closed) => return std::future::pending().await,
            }
        }
    }

    fn publish(&self, event: &StampedEvent) {
        let kind = event.event.kind();
        let id = format!("{}-{}", self.run, event.number);
        self.put(Page { number: event.number, kind: Some(kind), frame: frame(&id, kind.name(), event) });
    }

    fn put(&self, page: Page) {
        let page = Arc::new(page);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= EVENTS_KEPT {
            kept.pop_front();
        }
        kept.push_back(page.clone());
        // Nobody listening is no error.
        let _ = self.sender.send(page);
    }

    /// Returns the events of `kinds` from now on; after a break, those first that came after `last`, the id of the last one that was heard.
    /// Ends when the listener is too slow; it can come back and say where it was.
    pub(super) fn subscribe(
        &self,
        last: Option<&str>,
        kinds: BTreeSet<EventKind>,
    ) -> impl Stream<Item = Bytes> + Send + use<> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.sender.subscribe();
        let heard = last.map(|last| last.split_once('-').filter(|(run, _)| *run == self.run));
        let heard = heard.map(|own| own.and_then(|(_, number)| number.parse::<u64>().ok()));
        let missed = match heard {
            None => false,
            Some(None) => true,
            // Private events have numbers as well, so a gap is only suspected where the oldest page is far behind.
            Some(Some(number)) => {
                kept.len() >= EVENTS_KEPT && kept.front().is_some_and(|page| page.number > number.saturating_add(1))
            }
        };
        let again: Vec<_> = match heard.map(|number| number.unwrap_or(0)) {
            None => Vec::new(),
            // Places count, not numbers: a result has its number before it is stored, and is told afterwards.
            Some(last) => match kept.iter().rposition(|page| page.number == last) {
                Some(place) => kept.range(place + 1..).cloned().collect(),
                None => kept.iter().filter(|page| page.number > last).cloned().collect(),
            },
        };
        drop(kept);
        let live =
            stream::unfold(receiver, |mut receiver| async { receiver.recv().await.ok().map(|page| (page, receiver)) });
        let pages = stream::iter(again).chain(live);
        let wanted = pages.filter_map(move |page| {
            let wanted = page.kind.is_none_or(|kind| kinds.contains(&kind));
            std::future::ready(wanted.then(|| page.frame.clone()))
        });
        stream::iter(missed.then_some(MISSED)).chain(wanted)
    }
}

/// Knows what is not for everybody.
struct Judge {
    directory: Directory,
    /// Rooms that strangers know to be open. They hear of nothing in any other room.
    shown: BTreeSet<RoomId>,
}

impl Judge {
    fn new(directory: Directory) -> Self {
        let mut judge = Self { directory, shown: BTreeSet::new() };
        judge.look_again();
        judge
    }

    /// Takes over what the public list says, after events of which nothing is known.
    fn look_again(&mut self) {
        let rooms = self.directory.rooms();
        self.shown = rooms.iter().filter(|room| !room.info.private).map(|room| room.info.id).collect();
    }

    /// Returns whether strangers are to be told. A room is opened to them once and closed once, really or by turning public and private.
    fn is_public(&mut self, event: &LobbyEvent) -> bool {
        match event {
            LobbyEvent::RoomOpened { room } => !room.private && self.shown.insert(room.id),
            LobbyEvent::RoomClosed { room } => self.shown.remove(room),
            LobbyEvent::PlayerJoined { room, .. }
            | LobbyEvent::PlayerLeft { room, .. }
            | LobbyEvent::MatchStarted { room, .. } => self.shown.contains(room),
            LobbyEvent::MatchFinished { result } => !result.private,
            LobbyEvent::TicketMatched { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{RoomEntry, directory};
    use protocol::invite::InviteCode;
    use protocol::lobby::RoomInfo;

    fn closed(number: u64) -> StampedEvent {
        StampedEvent { number, at_ms: 0, event: LobbyEvent::RoomClosed { room: RoomId(1) } }
    }

    fn all() -> BTreeSet<EventKind> {
        BTreeSet::from(EventKind::ALL)
    }

    /// What a listener has been told by now.
    fn heard(stream: impl Stream<Item = Bytes>) -> Vec<String> {
        let mut stream = std::pin::pin!(stream);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::iter::from_fn(|| match stream.as_mut().poll_next(&mut context) {
            std::task::Poll::Ready(frame) => frame,
            std::task::Poll::Pending => None,
        })
        .map(|frame| String::from_utf8(frame.to_vec()).expect("text").lines().next().unwrap_or_default().to_owned())
        .collect()
    }

    #[test]
    fn a_listener_goes_on_where_it_was() {
        let gazette = Gazette::default();
        (1..=5).for_each(|number| gazette.publish(&closed(number)));
        let id = |number: u64| format!("id: {}-{number}", gazette.run);
        assert!(heard(gazette.subscribe(None, all())).is_empty(), "only what comes from now on");
        assert_eq!(heard(gazette.subscribe(Some(&id(3)[4..]), all())), [id(4), id(5)]);
        gazette.publish(&closed(7));
        gazette.publish(&closed(6));
        assert_eq!(heard(gazette.subscribe(Some(&id(7)[4..]), all())), [id(6)], "told later than it was numbered");
        let other_run = heard(gazette.subscribe(Some("0-3"), all()));
        assert_eq!(other_run[0], "event: missed");
        assert_eq!(other_run.len(), 8);
        let live = gazette.subscribe(None, all());
        gazette.publish(&closed(8));
        assert_eq!(heard(live), [id(8)]);
        let others = gazette.subscribe(Some(&id(1)[4..]), BTreeSet::from([EventKind::RoomOpened]));
        assert!(heard(others).is_empty());
        (9..1_000).for_each(|number| gazette.publish(&closed(number)));
        let late = heard(gazette.subscribe(Some(&id(3)[4..]), all()));
        assert_eq!((late[0].as_str(), late.len()), ("event: missed", EVENTS_KEPT + 1));
        let from_the_future = format!("{}-{}", gazette.run, u64::MAX);
        assert!(heard(gazette.subscribe(Some(&from_the_future), all())).is_empty());
    }

    fn info(id: u32, private: bool) -> RoomInfo {
        RoomInfo { id: RoomId(id), private, ..RoomInfo::default() }
    }

    fn opened(id: u32, private: bool) -> LobbyEvent {
        LobbyEvent::RoomOpened { room: info(id, private) }
    }

    fn left(room: u32) -> LobbyEvent {
        LobbyEvent::PlayerLeft { room: RoomId(room), player: Default::default(), name: String::new() }
    }

    fn shut(room: u32) -> LobbyEvent {
        LobbyEvent::RoomClosed { room: RoomId(room) }
    }

    /// Returns which of `events` strangers are told, beginning with the rooms `open`.
    fn told(open: &[RoomInfo], events: &[LobbyEvent]) -> Vec<bool> {
        let (directory, host, _news) = directory();
        let entry = |info: &RoomInfo| RoomEntry {
            info: info.clone(),
            code: InviteCode::from_random(u64::from(info.id.0)),
            password: None,
            reserved: vec![],
            banned: vec![],
            members: vec![],
        };
        host.publish_rooms(open.iter().map(entry).collect());
        let mut judge = Judge::new(directory);
        events.iter().map(|event| judge.is_public(event)).collect()
    }

    #[test]
    fn what_happens_in_private_rooms_stays_there() {
        let open = [info(1, false), info(2, true)];
        assert_eq!(told(&open, &[left(1), left(2), shut(2), shut(1)]), [true, false, false, true]);
        assert_eq!(told(&open, &[opened(3, true), left(3), shut(3), left(3)]), [false; 4]);
        assert_eq!(told(&open, &[left(9), shut(9)]), [false; 2], "nobody knows it");
        assert_eq!(told(&open, &[shut(1), left(1)]), [true, false], "its last word");
        let mut result = crate::store::testing::result(7, &[]);
        assert_eq!(told(&[], &[LobbyEvent::MatchFinished { result: result.clone() }]), [true]);
        result.private = true;
        assert_eq!(told(&[], &[LobbyEvent::MatchFinished { result }]), [false]);
    }

    #[test]
    fn a_room_that_turns_private_closes_to_strangers_and_opens_again() {
        let life = [
            (opened(3, false), true),
            (left(3), true),
            // Private from here on: as rooms tell it, see `RoomNews::Outside`.
            (shut(3), true),
            (left(3), false),
            (opened(3, false), true),
            (left(3), true),
            (opened(3, false), false),
            (shut(3), true),
            (shut(3), false),
        ];
        let (events, wanted): (Vec<_>, Vec<_>) = life.into_iter().unzip();
        assert_eq!(told(&[], &events), wanted);
        // Opened among friends, then public, then private until the end.
        let events = [opened(4, true), left(4), opened(4, false), left(4), shut(4), left(4), shut(4)];
        assert_eq!(told(&[], &events), [false, false, true, true, true, false, false]);
    }

    #[test]
    fn whoever_missed_events_is_told_so_and_the_judge_looks_again() {
        let (directory, host, _news) = directory();
        let mut judge = Judge::new(directory);
        let code = InviteCode::from_random(5);
        let entry =
            RoomEntry { info: info(5, false), code, password: None, reserved: vec![], banned: vec![], members: vec![] };
        host.publish_rooms(vec![entry]);
        assert!(!judge.is_public(&left(5)), "its opening was missed");
        judge.look_again();
        assert!(judge.is_public(&left(5)) && judge.is_public(&shut(5)));
        let gazette = Gazette::default();
        let few = gazette.subscribe(None, BTreeSet::from([EventKind::RoomOpened]));
        gazette.publish(&closed(1));
        gazette.put(Page { number: 2, kind: None, frame: MISSED });
        assert_eq!(heard(few), ["event: missed"], "whatever they asked for");
    }
}
