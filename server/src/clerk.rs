//! The clerk: takes what the rooms tell, has finished matches rated and stored, and passes everything on.
//!
//! Nobody hears of a result before it is stored. While the store cannot (a full disk), results wait here and everything else goes on.
//!
//! Flow: rooms → [`RoomNews`] → [`run`] → [`crate::store::matches`] → [`Events::tell`].

use crate::directory::RoomNews;
use crate::events::Events;
use crate::store::{Store, matches};
use protocol::lobby::{LobbyEvent, MatchResult};
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
            let id = result.id.0;
            match self.store.write(move |transaction| matches::record(transaction, result)).await {
                Ok(result) => self.events.tell(LobbyEvent::MatchFinished { result }),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{fill_disk, free_disk, person, result};
    use protocol::ids::{MatchId, RoomId};
    use tokio::sync::mpsc::unbounded_channel;

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
