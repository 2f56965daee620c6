//! The clerk: takes what the rooms tell, has finished matches rated and stored, and passes everything on.
//!
//! Nobody hears of a result before it is stored. It is stored in one transaction with what webhooks are to be told of it, so that no moment
//! is left in which a crash could take the one and leave the other. While the store cannot (a full disk), results wait here and everything
//! else goes on.
//!
//! Flow: rooms → [`RoomNews`] → [`run`] → [`crate::store::matches`] and [`crate::hooks`] → [`Events`].

use crate::directory::RoomNews;
use crate::events::Events;
use crate::hooks;
use crate::store::{Store, matches};
use protocol::lobby::{LobbyEvent, MatchResult, StampedEvent};
use rusqlite::Transaction;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::interval;
use tracing::{error, warn};

/// Results that may wait for the store: what 32 rooms finish in some hours.
const MOST_WAITING: usize = 4_096;
/// Pause between two attempts to store.
const RETRY: Duration = Duration::from_secs(2);

/// Works until the rooms are gone; then tries once more to store what is left.
pub async fn run(news: UnboundedReceiver<RoomNews>, store: Store, events: Events) {
    Clerk { store, events, waiting: VecDeque::new() }.work(news, RETRY).await;
}

struct Clerk {
    store: Store,
    events: Events,
    waiting: VecDeque<MatchResult>,
}

impl Clerk {
    async fn work(mut self, mut news: UnboundedReceiver<RoomNews>, retry: Duration) {
        let mut again = interval(retry);
        loop {
            tokio::select! {
                next = news.recv() => match next {
                    Some(RoomNews::Event(event)) => self.events.tell(event),
                    Some(RoomNews::Outside(event)) => self.events.tell_strangers(event),
                    Some(RoomNews::Finished(result)) => {
                        self.keep(result);
                        self.store_waiting().await;
                    }
                    None => break,
                },
                _ = again.tick(), if !self.waiting.is_empty() => self.store_waiting().await,
            }
        }
        self.store_waiting().await;
        if !self.waiting.is_empty() {
            error!("{} results of matches were never stored", self.waiting.len());
        }
    }

    fn keep(&mut self, result: MatchResult) {
        if self.waiting.len() >= MOST_WAITING && self.waiting.pop_front().is_some() {
            error!("the oldest result that waited to be stored is lost: too many wait");
        }
        self.waiting.push_back(result);
    }

    /// Stores what waits, oldest first, until something cannot be stored at the moment.
    async fn store_waiting(&mut self) {
        while let Some(result) = self.waiting.front().cloned() {
            let (id, events) = (result.id.0, self.events.clone());
            match self.store.write(move |transaction| file(transaction, result, &events)).await {
                Ok((event, missed)) => {
                    hooks::note_missed(missed);
                    self.events.tell_stamped(event);
                }
                Err(trouble) if trouble.may_pass() => {
                    warn!("the result of match {id} waits: {trouble}");
                    return;
                }
                Err(trouble) => error!("the result of match {id} is lost: {trouble}"),
            }
            self.waiting.pop_front();
        }
    }
}

/// Stores a result together with what webhooks are to be told of it. Returns the event, and how many webhooks are too far behind for it.
/// A result that is there already (because the answer to the first attempt was lost) has its event in the outbox since then.
fn file(
    transaction: &Transaction<'_>,
    result: MatchResult,
    events: &Events,
) -> rusqlite::Result<(StampedEvent, usize)> {
    let known = matches::by_id(transaction, result.id)?.is_some();
    let result = matches::record(transaction, result)?;
    let event = events.stamp(LobbyEvent::MatchFinished { result });
    let missed = if known { 0 } else { hooks::write_down(transaction, &event)? };
    Ok((event, missed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::{HookSettings, Hooks};
    use crate::store::testing::{fill_disk, fill_outbox, free_disk, person, result};
    use protocol::ids::{MatchId, RoomId};
    use protocol::lobby::{Delivery, EventKind, NewWebhook};
    use tokio::sync::mpsc::unbounded_channel;

    /// Webhooks that hear of `events`, and one of them that nobody answers.
    async fn hooks(store: &Store, events: &Events) -> (Hooks, u64) {
        let settings = HookSettings { private_networks: true, ..HookSettings::default() };
        let hooks = Hooks::start(store.clone(), events, settings);
        let wish = NewWebhook { url: "http://127.0.0.1:9/".into(), events: EventKind::ALL.into() };
        let id = hooks.register(wish).await.expect("allowed").webhook.id;
        (hooks, id)
    }

    fn results(log: &[Delivery]) -> usize {
        log.iter().filter(|delivery| delivery.event == EventKind::MatchFinished).count()
    }

    #[tokio::test]
    async fn a_result_and_its_place_in_the_outbox_are_one() {
        let store = Store::open(None).expect("memory");
        let ripley = person(&store, 1, "Ripley").await;
        // These webhooks hear of nothing, so what they have to tell was written by the clerk.
        let (hooks, id) = hooks(&store, &Events::default()).await;
        let (tell, news) = unbounded_channel();
        let events = Events::default();
        let mut heard = events.listen();
        let clerk = Clerk { store: store.clone(), events, waiting: VecDeque::new() };
        let working = tokio::spawn(clerk.work(news, Duration::from_millis(20)));

        fill_outbox(&store).await;
        tell.send(RoomNews::Finished(result(7, &[(ripley, 1)]))).expect("the clerk listens");
        tell.send(RoomNews::Event(LobbyEvent::RoomClosed { room: RoomId(3) })).expect("the clerk listens");
        heard.recv().await.expect("told");
        let by_id = |connection: &rusqlite::Connection| matches::by_id(connection, MatchId(7));
        assert_eq!(store.read(by_id).await.expect("readable"), None, "without its event it is not stored");

        free_disk(&store).await;
        let told = heard.recv().await.expect("told");
        assert_eq!(told.event.kind(), EventKind::MatchFinished);
        assert!(store.read(by_id).await.expect("readable").is_some());
        assert_eq!(results(&hooks.log(id).await.expect("readable").expect("registered")), 1);
        tell.send(RoomNews::Finished(result(7, &[(ripley, 1)]))).expect("the clerk listens");
        drop(tell);
        working.await.expect("the clerk ends with the rooms");
        let log = hooks.log(id).await.expect("readable").expect("registered");
        assert_eq!(results(&log), 1, "however often it is tried");
    }

    #[tokio::test]
    async fn a_result_is_not_written_down_a_second_time_by_those_who_hear_of_it() {
        let store = Store::open(None).expect("memory");
        let ripley = person(&store, 1, "Ripley").await;
        let events = Events::default();
        let (hooks, id) = hooks(&store, &events).await;
        let (tell, news) = unbounded_channel();
        tell.send(RoomNews::Finished(result(7, &[(ripley, 1)]))).expect("open");
        tell.send(RoomNews::Event(LobbyEvent::RoomClosed { room: RoomId(3) })).expect("open");
        drop(tell);
        run(news, store, events).await;
        // Events are written down in order: with the second one there, the first has been dealt with.
        let log = loop {
            let log = hooks.log(id).await.expect("readable").expect("registered");
            if log.iter().any(|delivery| delivery.event == EventKind::RoomClosed) {
                break log;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!((results(&log), log.len()), (1, 2), "{log:?}");
    }

    #[tokio::test]
    async fn a_result_waits_for_the_disk_and_nothing_else_does() {
        let store = Store::open(None).expect("memory");
        let (ripley, dallas) = (person(&store, 1, "Ripley").await, person(&store, 2, "Dallas").await);
        let events = Events::default();
        let mut heard = events.listen();
        let (tell, news) = unbounded_channel();
        let clerk = Clerk { store: store.clone(), events, waiting: VecDeque::new() };
        let working = tokio::spawn(clerk.work(news, Duration::from_millis(20)));

        fill_disk(&store).await;
        tell.send(RoomNews::Finished(result(7, &[(ripley, 1), (dallas, 2)]))).expect("the clerk listens");
        tell.send(RoomNews::Event(LobbyEvent::RoomClosed { room: RoomId(3) })).expect("the clerk listens");
        let first = heard.recv().await.expect("told");
        assert_eq!(first.event, LobbyEvent::RoomClosed { room: RoomId(3) }, "a result that is not stored is not told");

        free_disk(&store).await;
        let LobbyEvent::MatchFinished { result: told } = heard.recv().await.expect("told").event.clone() else {
            panic!("not the result");
        };
        assert!(told.rated && told.standings[0].points_after > told.standings[0].points_before, "{told:?}");
        let stored = store.read(|connection| matches::by_id(connection, MatchId(7))).await.expect("readable");
        assert_eq!(stored, Some(told));
        drop(tell);
        working.await.expect("the clerk ends with the rooms");
    }

    #[tokio::test]
    async fn a_result_that_can_never_be_stored_stops_nothing() {
        let store = Store::open(None).expect("memory");
        let ripley = person(&store, 1, "Ripley").await;
        let events = Events::default();
        let mut heard = events.listen();
        let (tell, news) = unbounded_channel();
        tell.send(RoomNews::Finished(result(7, &[(ripley, 1), (ripley, 2)]))).expect("open");
        tell.send(RoomNews::Finished(result(8, &[(ripley, 1)]))).expect("open");
        drop(tell);
        run(news, store, events).await;
        let LobbyEvent::MatchFinished { result: told } = heard.recv().await.expect("told").event.clone() else {
            panic!("not a result");
        };
        assert_eq!((told.id, told.rated, told.standings[0].points_after), (MatchId(8), false, None));
    }
}
