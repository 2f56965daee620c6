//! The two tasks behind webhooks: one writes events into the outbox, one carries out what is due.
//!
//! Each webhook has one attempt in flight at most. So a receiver hears things in order for as long as it answers, and a dead one costs
//! one waiting thread, whatever has piled up for it.
//!
//! Flow: `crate::events` → [`record`] → outbox → [`deliver`] → [`super::send`] → outbox.

use super::limits::{FLIGHTS, LOOK_EVERY, STORE_PAUSE, TIDY_EVERY};
use super::note_missed;
use super::outbox::{self, Attempt, Due};
use super::schedule::Schedule;
use super::send::{Answer, Sender};
use crate::events::unix_ms;
use crate::store::Store;
use protocol::lobby::{EventKind, StampedEvent};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Writes every event down for those who want it, for as long as there are events. Those of finished matches are in the outbox already.
///
/// While the disk is full it waits with the event in hand; what comes meanwhile waits in the hub, which has room for about a thousand.
pub(super) async fn record(store: Store, mut events: broadcast::Receiver<Arc<StampedEvent>>, wake: Arc<Notify>) {
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!("{missed} events were not written down for webhooks: the store is too slow");
                count("dropped", missed);
                continue;
            }
            Err(broadcast::error::RecvError::Closed) => return,
        };
        if event.event.kind() != EventKind::MatchFinished {
            let put = persist(&store, move |tx| outbox::put(tx, &event, None)).await;
            let (queued, missed) = put.unwrap_or_default();
            note_missed(missed);
            if queued == 0 {
                continue;
            }
        }
        wake.notify_one();
    }
}

/// Carries out deliveries, now and for ever.
pub(super) async fn deliver(store: Store, sender: Sender, schedule: Schedule, wake: Arc<Notify>) {
    let (mut flights, mut busy, mut settled) = (JoinSet::new(), BTreeSet::new(), 0_u32);
    loop {
        let pause = match look(&store, &busy).await {
            Some((ready, next_ms)) => {
                for due in ready.into_iter().take(FLIGHTS.saturating_sub(flights.len())) {
                    busy.insert(due.webhook);
                    flights.spawn(attempt(store.clone(), sender.clone(), schedule, due));
                }
                next_ms.map_or(LOOK_EVERY, |at| Duration::from_millis(at.saturating_sub(unix_ms())).min(LOOK_EVERY))
            }
            None => STORE_PAUSE,
        };
        tokio::select! {
            Some(landed) = flights.join_next() => {
                // A flight that panicked would keep its webhook busy for ever, so it takes the whole list down with it.
                match landed {
                    Ok(webhook) => drop(busy.remove(&webhook)),
                    Err(error) => {
                        tracing::error!("a delivery broke off: {error}");
                        flights.shutdown().await;
                        busy.clear();
                    }
                }
                settled += 1;
                if settled >= TIDY_EVERY {
                    settled = 0;
                    persist(&store, outbox::tidy).await;
                }
            }
            () = wake.notified() => {}
            () = sleep(pause) => {}
        }
    }
}

async fn look(store: &Store, busy: &BTreeSet<u64>) -> Option<(Vec<Due>, Option<u64>)> {
    let busy = busy.clone();
    let looked = store.read(move |db| outbox::due(db, unix_ms(), &busy)).await;
    looked.inspect_err(|error| tracing::warn!("cannot look into the outbox of webhooks: {error}")).ok()
}

/// Makes one attempt and notes how it went. Returns whose it was.
async fn attempt(store: Store, sender: Sender, schedule: Schedule, due: Due) -> u64 {
    let answer = sender.send(&due, unix_ms() / 1_000).await;
    let outcome = judge(&answer, due.attempts + 1, schedule, unix_ms(), rand::random());
    let result = match (&outcome.delivered, &outcome.next_ms) {
        (true, _) => "delivered",
        (false, Some(_)) => "failed",
        (false, None) => "given_up",
    };
    count(result, 1);
    if !outcome.delivered {
        let why = outcome.error.as_deref().unwrap_or_default();
        tracing::debug!(webhook = due.webhook, attempts = due.attempts + 1, "a delivery did not arrive: {why}");
    }
    // Until this is written the webhook stays busy: the receiver must not get twice what it has acknowledged.
    persist(&store, move |tx| outbox::settle(tx, due.id, &outcome)).await;
    due.webhook
}

/// Decides what an answer means for the delivery. `dice` is 0 to 1.
pub(super) fn judge(answer: &Answer, attempts: u32, schedule: Schedule, now_ms: u64, dice: f64) -> Attempt {
    let status = answer.as_ref().ok().copied();
    if status.is_some_and(|status| (200..300).contains(&status)) {
        return Attempt { delivered: true, status, ..Attempt::default() };
    }
    let (error, last) = match answer {
        Ok(410) => ("The receiver says that it is gone for good (410).".to_owned(), true),
        Ok(status) => (format!("The receiver answered {status} instead of 2xx."), false),
        Err(sentence) => (sentence.clone(), false),
    };
    let pause = schedule.next(attempts, dice).filter(|_| !last);
    let next_ms = pause.map(|pause| now_ms.saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)));
    Attempt { delivered: false, next_ms, status, error: Some(error) }
}

/// Writes until it is written: the disk may be full for a while. Returns none if that will never help.
async fn persist<T: Send + 'static>(
    store: &Store,
    job: impl Fn(&rusqlite::Transaction<'_>) -> rusqlite::Result<T> + Clone + Send + 'static,
) -> Option<T> {
    loop {
        match store.write(job.clone()).await {
            Ok(value) => return Some(value),
            Err(error) if error.may_pass() => tracing::warn!("cannot write to the outbox of webhooks yet: {error}"),
            Err(error) => {
                tracing::error!("cannot write to the outbox of webhooks: {error}");
                return None;
            }
        }
        sleep(STORE_PAUSE).await;
    }
}

pub(super) fn count(result: &'static str, times: u64) {
    metrics::counter!("crosswire_webhook_deliveries_total", "result" => result).increment(times);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_decides_what_happens_next() {
        let schedule = Schedule::default();
        let judge = |answer: Answer, attempts| judge(&answer, attempts, schedule, 1_000, 0.5);
        for status in [200, 201, 204, 299] {
            let attempt = judge(Ok(status), 1);
            assert!(attempt.delivered && attempt.next_ms.is_none() && attempt.error.is_none(), "{status}");
        }
        for answer in [Ok(199), Ok(301), Ok(404), Ok(500), Err("No.".to_owned())] {
            let attempt = judge(answer.clone(), 1);
            assert_eq!((attempt.delivered, attempt.next_ms, attempt.status), (false, Some(6_000), answer.ok()));
            assert!(attempt.error.is_some_and(|error| error.ends_with('.')));
        }
        assert_eq!(judge(Ok(500), 2).next_ms, Some(16_000));
        assert_eq!(judge(Ok(500), schedule.attempts).next_ms, None, "given up");
        assert_eq!(judge(Ok(410), 1).next_ms, None, "the receiver does not want it any more");
    }
}
