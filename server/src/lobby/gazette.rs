//! The public news: every event that anybody may hear of, written down once for all who listen.
//!
//! Thousands may listen at the same time, so an event is judged and put into JSON once, and each listener is handed the same bytes. The
//! latest ones are kept, so that a listener whose connection broke can go on where it was. What happens in private rooms stays there.
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
    kind: EventKind,
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
        let mut judge = Judge { directory, private: BTreeSet::new() };
        loop {
            match events.recv().await {
                Ok(event) if judge.is_public(&event.event) => self.publish(&event),
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!("{missed} events were too fast to be told");
                }
                Err(broadcast::error::RecvError::Closed) => return std::future::pending().await,
            }
        }
    }

    fn publish(&self, event: &StampedEvent) {
        let kind = event.event.kind();
        let id = format!("{}-{}", self.run, event.number);
        let page = Arc::new(Page { number: event.number, kind, frame: frame(&id, kind.name(), event) });
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
        let wanted =
            pages.filter_map(move |page| std::future::ready(kinds.contains(&page.kind).then(|| page.frame.clone())));
        stream::iter(missed.then_some(MISSED)).chain(wanted)
    }
}

/// Knows what is not for everybody.
struct Judge {
    directory: Directory,
    /// Rooms that were private when they were last seen: once closed, nobody else can tell.
    private: BTreeSet<RoomId>,
}

impl Judge {
    fn is_public(&mut self, event: &LobbyEvent) -> bool {
        match event {
            LobbyEvent::RoomOpened { room } => {
                if room.private {
                    self.private.insert(room.id);
                }
                !room.private
            }
            LobbyEvent::RoomClosed { room } => {
                let open = self.is_open_to_all(*room);
                self.private.remove(room);
                open
            }
            LobbyEvent::PlayerJoined { room, .. }
            | LobbyEvent::PlayerLeft { room, .. }
            | LobbyEvent::MatchStarted { room, .. } => self.is_open_to_all(*room),
            LobbyEvent::MatchFinished { result } => !result.private,
            LobbyEvent::TicketMatched { .. } => true,
        }
    }

    /// A host may have changed the room since it was opened, so it is looked at for as long as it is there.
    fn is_open_to_all(&mut self, room: RoomId) -> bool {
        match self.directory.room(room) {
            Some(entry) if entry.info.private => drop(self.private.insert(room)),
            Some(_) => drop(self.private.remove(&room)),
            None => {}
        }
        !self.private.contains(&room)
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

    #[test]
    fn what_happens_in_private_rooms_stays_there() {
        let (directory, host, _news) = directory();
        let mut judge = Judge { directory, private: BTreeSet::new() };
        let secret = RoomInfo { id: RoomId(2), private: true, ..RoomInfo::default() };
        let entry = |info: &RoomInfo| RoomEntry {
            info: info.clone(),
            code: InviteCode::from_random(u64::from(info.id.0)),
            password: None,
            reserved: vec![],
            banned: vec![],
            members: vec![],
        };
        host.publish_rooms(vec![entry(&RoomInfo { id: RoomId(1), ..RoomInfo::default() }), entry(&secret)]);
        let left =
            |room| LobbyEvent::PlayerLeft { room: RoomId(room), player: Default::default(), name: String::new() };
        assert!(judge.is_public(&left(1)) && !judge.is_public(&left(2)));
        assert!(!judge.is_public(&LobbyEvent::RoomOpened { room: secret.clone() }));
        let hidden = RoomInfo { id: RoomId(3), private: true, ..RoomInfo::default() };
        assert!(judge.is_public(&LobbyEvent::RoomOpened { room: RoomInfo { private: false, ..hidden.clone() } }));
        host.publish_rooms(vec![entry(&secret), entry(&hidden)]);
        assert!(!judge.is_public(&left(3)), "its host has taken it out of the list");
        host.publish_rooms(vec![]);
        for room in [2, 3] {
            assert!(!judge.is_public(&left(room)), "its last word");
            assert!(!judge.is_public(&LobbyEvent::RoomClosed { room: RoomId(room) }));
        }
        assert!(judge.is_public(&LobbyEvent::RoomClosed { room: RoomId(1) }));
        assert!(judge.private.is_empty(), "closed rooms are forgotten");
    }
}
