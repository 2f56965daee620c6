//! The outbox: what is still to be told to whom, as SQL. Every function runs inside one transaction or one reading of the store.
//!
//! An event and its deliveries are written together, and a delivery leaves the outbox only after the receiver has answered. So a
//! crash at any moment repeats a delivery at worst, with the same id.
//!
//! Flow: [`super`] → [`add`], [`list`], [`remove`], [`log`]; [`super::worker`] → [`put`] → [`due`] → [`settle`].

use super::limits::{MAX_PENDING_DELIVERIES, MAX_WEBHOOKS, WEBHOOK_LOG};
use super::sign::KEY_BYTES;
use protocol::lobby::{Delivery, EventKind, StampedEvent, Webhook, WebhookHealth};
use rusqlite::{Connection, OptionalExtension, Result, Row, Transaction, params};
use std::collections::BTreeSet;

/// A delivery whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) id: u64,
    pub(super) webhook: u64,
    pub(super) url: String,
    pub(super) key: [u8; KEY_BYTES],
    /// As it travels: the same at every attempt.
    pub(super) message_id: String,
    pub(super) body: String,
    pub(super) attempts: u32,
}

/// How an attempt went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attempt {
    /// The receiver has it.
    pub(super) delivered: bool,
    /// When to try again, Unix milliseconds; none for never.
    pub(super) next_ms: Option<u64>,
    /// What the receiver answered.
    pub(super) status: Option<u16>,
    /// What went wrong.
    pub(super) error: Option<String>,
}

/// Registers a webhook. Returns none if there are as many as there may be.
pub(super) fn add(
    tx: &Transaction<'_>,
    url: &str,
    events: &BTreeSet<EventKind>,
    key: &[u8; KEY_BYTES],
    now_ms: u64,
) -> Result<Option<Webhook>> {
    let there: usize = tx.query_row("SELECT count(*) FROM webhooks", [], |row| row.get(0))?;
    if there >= MAX_WEBHOOKS {
        return Ok(None);
    }
    let salt = format!("{:08x}", rand::random::<u32>());
    let names: String = events.iter().map(|kind| format!("{},", kind.name())).collect();
    tx.execute(
        "INSERT INTO webhooks (url, events, key, salt, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![url, format!(",{names}"), key, salt, now_ms],
    )?;
    let id = tx.last_insert_rowid().unsigned_abs();
    Ok(Some(Webhook { id, url: url.to_owned(), events: events.iter().copied().collect(), created_ms: now_ms }))
}

/// Returns every webhook, by rising number.
pub(super) fn list(db: &Connection) -> Result<Vec<Webhook>> {
    let mut found = db.prepare_cached("SELECT id, url, events, created_ms FROM webhooks ORDER BY id")?;
    found.query_map([], webhook)?.collect()
}

/// Returns one webhook.
pub(super) fn find(db: &Connection, id: u64) -> Result<Option<Webhook>> {
    db.query_row("SELECT id, url, events, created_ms FROM webhooks WHERE id = ?1", [id], webhook).optional()
}

fn webhook(row: &Row<'_>) -> Result<Webhook> {
    let names: String = row.get(2)?;
    let named = |kind: &EventKind| names.split(',').any(|name| name == kind.name());
    let events = EventKind::ALL.into_iter().filter(named).collect();
    Ok(Webhook { id: row.get(0)?, url: row.get(1)?, events, created_ms: row.get(3)? })
}

/// Forgets a webhook and all that it has not been told. Returns whether there was one.
pub(super) fn remove(tx: &Transaction<'_>, id: u64) -> Result<bool> {
    tx.execute("DELETE FROM deliveries WHERE webhook = ?1", [id])?;
    Ok(tx.execute("DELETE FROM webhooks WHERE id = ?1", [id])? > 0)
}

/// Writes `event` down with one delivery for every webhook that wants it, or for `only` one whatever it wants. Returns how many there
/// are, and how many webhooks are so far behind that they miss it. An event that nobody gets is not written.
///
/// # Errors
/// Those of SQLite, and of an event that does not become JSON, which none of ours does.
pub(super) fn put(tx: &Transaction<'_>, event: &StampedEvent, only: Option<u64>) -> Result<(usize, usize)> {
    let body =
        serde_json::to_string(event).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let kind = event.event.kind().name();
    let wanted: Vec<u64> = match only {
        Some(id) => vec![id],
        None => {
            let mut found = tx.prepare_cached("SELECT id FROM webhooks WHERE instr(events, ?1) > 0 ORDER BY id")?;
            found.query_map([format!(",{kind},")], |row| row.get(0))?.collect::<Result<_>>()?
        }
    };
    let mut behind =
        tx.prepare_cached("SELECT count(*) >= ?2 FROM deliveries WHERE webhook = ?1 AND next_ms IS NOT NULL")?;
    let mut ready = Vec::new();
    for id in &wanted {
        if !behind.query_row(params![id, MAX_PENDING_DELIVERIES], |row| row.get::<_, bool>(0))? {
            ready.push(id);
        }
    }
    let missed = wanted.len() - ready.len();
    if ready.is_empty() {
        return Ok((0, missed));
    }
    tx.execute("INSERT INTO outbox_events (kind, at_ms, body) VALUES (?1, ?2, ?3)", params![kind, event.at_ms, body])?;
    let row = tx.last_insert_rowid();
    let mut put = tx.prepare_cached("INSERT INTO deliveries (webhook, event, next_ms) VALUES (?1, ?2, ?3)")?;
    for id in &ready {
        put.execute(params![id, row, event.at_ms])?;
    }
    Ok((ready.len(), missed))
}

/// Returns the next delivery of every webhook that is not `busy`, if its time has come; and when the next one's will come.
pub(super) fn due(db: &Connection, now_ms: u64, busy: &BTreeSet<u64>) -> Result<(Vec<Due>, Option<u64>)> {
    let mut ids = db.prepare_cached("SELECT id FROM webhooks ORDER BY id")?;
    let ids: Vec<u64> = ids.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
    let mut first = db.prepare_cached(
        "SELECT d.id, d.webhook, w.url, w.key, w.salt, e.body, d.attempts, d.next_ms
         FROM deliveries d JOIN webhooks w ON w.id = d.webhook JOIN outbox_events e ON e.id = d.event
         WHERE d.webhook = ?1 AND d.next_ms IS NOT NULL ORDER BY d.next_ms, d.id LIMIT 1",
    )?;
    let (mut ready, mut next_ms) = (Vec::new(), None::<u64>);
    for id in ids.iter().filter(|id| !busy.contains(id)) {
        let Some((delivery, at_ms)) = first.query_row([id], read_due).optional()? else { continue };
        if at_ms <= now_ms {
            ready.push(delivery);
        } else {
            next_ms = Some(next_ms.map_or(at_ms, |soonest| soonest.min(at_ms)));
        }
    }
    Ok((ready, next_ms))
}

fn read_due(row: &Row<'_>) -> Result<(Due, u64)> {
    let (id, salt): (u64, String) = (row.get(0)?, row.get(4)?);
    let due = Due {
        id,
        webhook: row.get(1)?,
        url: row.get(2)?,
        key: row.get(3)?,
        message_id: format!("msg_{salt}_{id}"),
        body: row.get(5)?,
        attempts: row.get(6)?,
    };
    Ok((due, row.get(7)?))
}

/// Notes how an attempt went.
pub(super) fn settle(tx: &Transaction<'_>, id: u64, attempt: &Attempt) -> Result<()> {
    tx.execute(
        "UPDATE deliveries SET attempts = attempts + 1, delivered = ?2, next_ms = ?3, status = ?4, error = ?5 WHERE id = ?1",
        params![id, attempt.delivered, attempt.next_ms, attempt.status, attempt.error],
    )?;
    Ok(())
}

/// Returns the latest deliveries of a webhook, newest first; none if there is no such webhook.
pub(super) fn log(db: &Connection, webhook: u64) -> Result<Option<Vec<Delivery>>> {
    if find(db, webhook)?.is_none() {
        return Ok(None);
    }
    let mut found = db.prepare_cached(
        "SELECT d.id, e.kind, d.attempts, e.at_ms, d.next_ms, d.delivered, d.status, d.error
         FROM deliveries d JOIN outbox_events e ON e.id = d.event WHERE d.webhook = ?1 ORDER BY d.id DESC LIMIT ?2",
    )?;
    let rows = found.query_map(params![webhook, WEBHOOK_LOG], |row| {
        let kind: String = row.get(1)?;
        let kind = EventKind::ALL.into_iter().find(|known| known.name() == kind);
        Ok(kind
            .map(|event| (event, row.get(0), row.get(2), row.get(3), row.get(4), row.get(5), row.get(6), row.get(7))))
    })?;
    let mut deliveries = Vec::new();
    for row in rows {
        // A kind that this version no longer knows is not shown.
        if let Some((event, id, attempts, at_ms, next_ms, delivered, status, error)) = row? {
            deliveries.push(Delivery {
                id: id?,
                event,
                attempts: attempts?,
                at_ms: at_ms?,
                next_ms: next_ms?,
                delivered: delivered?,
                status: status?,
                error: error?,
            });
        }
    }
    Ok(Some(deliveries))
}

/// Returns how each webhook is doing, by rising number.
pub(super) fn health(db: &Connection) -> Result<Vec<WebhookHealth>> {
    let mut found = db.prepare_cached(
        "SELECT w.id, w.url,
            (SELECT count(*) FROM deliveries d WHERE d.webhook = w.id AND d.next_ms IS NOT NULL),
            (SELECT count(*) FROM deliveries d WHERE d.webhook = w.id AND d.delivered),
            (SELECT count(*) FROM deliveries d WHERE d.webhook = w.id AND d.next_ms IS NULL AND NOT d.delivered),
            (SELECT d.error FROM deliveries d WHERE d.webhook = w.id AND d.attempts > 0 ORDER BY d.id DESC LIMIT 1)
         FROM webhooks w ORDER BY w.id",
    )?;
    let rows = found.query_map([], |row| {
        Ok(WebhookHealth {
            id: row.get(0)?,
            url: row.get(1)?,
            pending: row.get(2)?,
            delivered: row.get(3)?,
            given_up: row.get(4)?,
            error: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// Forgets deliveries that are over, but for the latest of each webhook, and events that nobody waits for.
pub(super) fn tidy(tx: &Transaction<'_>) -> Result<usize> {
    tx.execute(
        "DELETE FROM deliveries WHERE next_ms IS NULL AND id NOT IN (
            SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY webhook ORDER BY id DESC) AS rank FROM deliveries WHERE next_ms IS NULL)
            WHERE rank <= ?1)",
        [WEBHOOK_LOG],
    )?;
    tx.execute("DELETE FROM outbox_events WHERE id NOT IN (SELECT event FROM deliveries)", [])
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
