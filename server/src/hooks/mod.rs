//! Webhooks: other services are called when something happens here, signed, and again until they have answered.
//!
//! ```text
//! events ─▶ record ─▶ outbox (in the store) ─▶ deliver ─▶ POST, signed ─▶ receiver
//!                          ▲                       │
//!                          └── not 2xx: later ◀────┘
//! ```
//!
//! Nothing is told that is not written down first, so a crash loses nothing that was; it may repeat the one that was on its way, with the
//! same `webhook-id`. Results of matches are written down by the clerk, together with the result itself ([`write_down`]); everything else
//! by a task that hears of it a moment after it has happened.
//!
//! Flow: [`crate::clerk`] → [`write_down`]; `lobby::routes::webhooks` → [`Hooks`] → [`outbox`]; [`worker`] → [`send`] with [`sign`],
//! [`target`] and [`schedule`].

mod limits;
mod outbox;
mod schedule;
mod send;
mod sign;
mod target;
mod worker;

pub use schedule::Schedule;

use crate::events::{Events, unix_ms};
use crate::store::{Store, StoreError};
use limits::LOOK_UP_DEADLINE;
use protocol::ids::RoomId;
use protocol::lobby::{
    Delivery, EventKind, LobbyEvent, NewWebhook, StampedEvent, Webhook, WebhookCreated, WebhookHealth,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use target::{Gate, Target};
use thiserror::Error;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Puts `event` into the outbox as part of the caller's transaction, for all webhooks that want it. Returns how many of them are so far
/// behind that they miss it, for [`note_missed`]. They are told once the event is told ([`Events::tell_stamped`]).
///
/// # Errors
/// Those of the database.
pub(crate) fn write_down(tx: &rusqlite::Transaction<'_>, event: &StampedEvent) -> rusqlite::Result<usize> {
    outbox::put(tx, event, None).map(|(_, missed)| missed)
}

/// Tells the operator that so many webhooks miss an event.
pub(crate) fn note_missed(webhooks: usize) {
    if webhooks > 0 {
        tracing::warn!("{webhooks} webhooks are so far behind that they miss an event");
        worker::count("dropped", webhooks as u64);
    }
}

/// Why a webhook was not registered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HookError {
    /// Something about the wish is not allowed. A sentence for the operator.
    #[error("{0}")]
    Invalid(String),
    /// There are as many as there may be.
    #[error(
        "{} webhooks are registered, which is the limit. Remove one that is no longer needed.",
        limits::MAX_WEBHOOKS
    )]
    TooMany,
    /// The store does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an operator chooses about webhooks.
#[derive(Clone, Copy, Debug, Default)]
pub struct HookSettings {
    /// Addresses of private networks may be called, this machine's own included.
    pub private_networks: bool,
    /// When deliveries are tried again.
    pub schedule: Schedule,
}

/// The webhooks of this server. Cheap to clone; the tasks end with the last copy.
#[derive(Clone)]
pub struct Hooks {
    store: Store,
    gate: Gate,
    wake: Arc<Notify>,
    _tasks: Arc<JoinSet<()>>,
}

impl Hooks {
    /// Starts telling. Must run inside a tokio runtime with time.
    pub fn start(store: Store, events: &Events, settings: HookSettings) -> Self {
        let gate = Gate { open: settings.private_networks };
        let wake = Arc::<Notify>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(worker::record(store.clone(), events.listen(), wake.clone()));
        tasks.spawn(worker::deliver(store.clone(), send::Sender::new(gate), settings.schedule, wake.clone()));
        Self { store, gate, wake, _tasks: Arc::new(tasks) }
    }

    /// Registers a webhook. Its key is told here and never again.
    ///
    /// # Errors
    /// See [`HookError`].
    pub async fn register(&self, wish: NewWebhook) -> Result<WebhookCreated, HookError> {
        let events: BTreeSet<EventKind> = wish.events.into_iter().collect();
        if events.is_empty() {
            let all = EventKind::ALL.map(EventKind::name).join(", ");
            return Err(HookError::Invalid(format!("Name at least one event: {all}.")));
        }
        let target = Target::parse(&wish.url).map_err(HookError::Invalid)?;
        let gate = self.gate;
        let look_up = tokio::task::spawn_blocking(move || gate.look_up(&target));
        let slow = || HookError::Invalid("The name server did not answer in time. Try again.".to_owned());
        let looked_up = tokio::time::timeout(LOOK_UP_DEADLINE, look_up).await.map_err(|_| slow())?;
        looked_up.map_err(|_| slow())?.map_err(HookError::Invalid)?;
        let key = rand::random();
        let url = wish.url;
        let added = self.store.write(move |tx| outbox::add(tx, &url, &events, &key, unix_ms())).await?;
        let webhook = added.ok_or(HookError::TooMany)?;
        // Not its address: that of a chat service is a secret.
        tracing::info!(webhook = webhook.id, "webhook registered");
        Ok(WebhookCreated { webhook, secret: sign::told(&key) })
    }

    /// Returns every webhook, by rising number.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn list(&self) -> Result<Vec<Webhook>, StoreError> {
        self.store.read(outbox::list).await
    }

    /// Returns one webhook, if there is one of that number.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn find(&self, id: u64) -> Result<Option<Webhook>, StoreError> {
        self.store.read(move |db| outbox::find(db, id)).await
    }

    /// Forgets a webhook and what it has not been told yet. Returns whether there was one.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn remove(&self, id: u64) -> Result<bool, StoreError> {
        self.store.write(move |tx| outbox::remove(tx, id)).await
    }

    /// Returns the latest deliveries, newest first, or none if there is no such webhook.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn log(&self, id: u64) -> Result<Option<Vec<Delivery>>, StoreError> {
        self.store.read(move |db| outbox::log(db, id)).await
    }

    /// Sends an event that never happened (room 0 was closed), so that an operator sees whether it arrives. Returns whether there is such
    /// a webhook.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn test(&self, id: u64) -> Result<bool, StoreError> {
        let event = LobbyEvent::RoomClosed { room: RoomId(0) };
        let event = StampedEvent { number: 0, at_ms: unix_ms(), event };
        let job = move |tx: &rusqlite::Transaction<'_>| match outbox::find(tx, id)? {
            Some(_) => outbox::put(tx, &event, Some(id)).map(|_| true),
            None => Ok(false),
        };
        let there = self.store.write(job).await?;
        self.wake.notify_one();
        Ok(there)
    }

    /// Returns how every webhook is doing, by rising number.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn health(&self) -> Result<Vec<WebhookHealth>, StoreError> {
        self.store.read(outbox::health).await
    }
}
