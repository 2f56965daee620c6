//! What only the operator sees: who they are, how everything is, and who else is told.
//!
//! Flow: `main` → [`Operator::start`] → `lobby::routes::{console, health, webhooks}`.

pub mod gauges;
mod token;

pub use gauges::Metrics;
pub use token::{FILE as TOKEN_FILE, Token};

use crate::directory::Directory;
use crate::events::{Events, unix_ms};
use crate::hooks::{HookSettings, Hooks};
use crate::store::Store;
use crate::vitals::Vitals;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long it is taken for granted that the store still takes what it is given: asking means writing.
const PROBE_LIFETIME: Duration = Duration::from_secs(2);
/// How long a write may take before the store counts as stuck.
const PROBE_DEADLINE: Duration = Duration::from_secs(2);

/// Everything behind the operator's routes. Cheap to clone.
#[derive(Clone)]
pub struct Operator {
    /// Who may.
    pub token: Token,
    /// The pulse of the rooms.
    pub vitals: Vitals,
    /// What is counted.
    pub metrics: Metrics,
    /// Who else is told.
    pub hooks: Hooks,
    /// What happens, private rooms included.
    pub events: Events,
    store: Store,
    probe: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl Operator {
    /// Starts webhooks and metrics. Must run inside a tokio runtime with time.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn start(
        token: Token,
        vitals: Vitals,
        store: Store,
        events: Events,
        directory: Directory,
        hooks: HookSettings,
    ) -> Result<Self, String> {
        let metrics = Metrics::start()?;
        tokio::spawn(metrics.clone().feed(vitals.clone(), directory));
        let hooks = Hooks::start(store.clone(), &events, hooks);
        Ok(Self { token, vitals, metrics, hooks, events, store, probe: Arc::default() })
    }

    /// Returns whether the store takes what it is given, after trying it if the last try is too old.
    pub async fn can_store(&self) -> bool {
        let mut probe = self.probe.lock().await;
        if let Some((at, verdict)) = *probe
            && at.elapsed() < PROBE_LIFETIME
        {
            return verdict;
        }
        let began = Instant::now();
        let written =
            self.store.write(|tx| tx.execute("INSERT OR REPLACE INTO probe (id, at_ms) VALUES (1, ?1)", [unix_ms()]));
        let verdict = matches!(tokio::time::timeout(PROBE_DEADLINE, written).await, Ok(Ok(_)));
        metrics::histogram!("crosswire_store_write_seconds").record(began.elapsed().as_secs_f64());
        *probe = Some((Instant::now(), verdict));
        verdict
    }
}
