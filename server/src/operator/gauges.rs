//! Metrics for Prometheus: what the server counts, in the words of the design, rendered as text when somebody asks.
//!
//! Nothing is measured here and no message pays for it: once a second, totals that exist anyway are copied over. Only the calls to the
//! lobby are counted one by one, by the path they matched, so that a stranger cannot invent series.
//!
//! Flow: [`crate::vitals`], [`crate::directory`], `lobby::routes` → [`Metrics`] → `GET /metrics`.

use crate::directory::Directory;
use crate::ops::{memory_bytes, process_cpu};
use crate::vitals::{Pulse, Vitals};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use protocol::Transport;
use std::sync::OnceLock;
use std::time::Duration;

/// Upper ends of the buckets for the work of a tick, seconds. A tick has 16.7 ms.
const TICK_BUCKETS: [f64; 12] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.016_7, 0.033_3, 0.1];
/// For calls to the lobby, seconds.
const HTTP_BUCKETS: [f64; 10] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0];
/// For writes to the store, seconds: each waits for the disk.
const WRITE_BUCKETS: [f64; 10] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];
/// For waits in the queue of the matchmaker, seconds.
const WAIT_BUCKETS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0];
/// A path that matched nothing.
const NO_ROUTE: &str = "none";

/// Renders the metrics. There is one set per process, whoever asks.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Starts to collect, if that has not begun yet.
    ///
    /// # Errors
    /// A sentence for the operator if something else in this process collects already.
    pub fn start() -> Result<Self, String> {
        static STARTED: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
        STARTED.get_or_init(install).clone().map(Self)
    }

    /// Returns everything in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Copies what there is once a second, for as long as the rooms live.
    pub async fn feed(self, vitals: Vitals, directory: Directory) {
        let mut beats = vitals.version();
        while beats.changed().await.is_ok() {
            if let Some(pulse) = vitals.latest() {
                note(&pulse, &directory);
            }
            self.0.run_upkeep();
        }
    }
}

fn install() -> Result<PrometheusHandle, String> {
    let no = |error| format!("Cannot collect metrics: {error}.");
    let full = |name: &str| Matcher::Full(name.to_owned());
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(full("crosswire_tick_seconds"), &TICK_BUCKETS)
        .and_then(|b| b.set_buckets_for_metric(full("crosswire_http_request_seconds"), &HTTP_BUCKETS))
        .and_then(|b| b.set_buckets_for_metric(full("crosswire_store_write_seconds"), &WRITE_BUCKETS))
        .and_then(|b| b.set_buckets_for_metric(full("crosswire_match_wait_seconds"), &WAIT_BUCKETS))
        .map_err(|error| format!("Cannot collect metrics: {error}."))?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(no)?;
    describe();
    Ok(handle)
}

fn describe() {
    describe_gauge!("crosswire_build_info", "Always 1; the version is in the label.");
    describe_gauge!("crosswire_links", "Open links by wire.");
    describe_counter!("crosswire_bytes_total", Unit::Bytes, "Bytes on each wire, with every header down to IP's.");
    describe_counter!("crosswire_messages_total", "Messages on each wire, by lane.");
    describe_histogram!("crosswire_tick_seconds", Unit::Seconds, "Work of one tick, all rooms together.");
    describe_counter!("crosswire_tick_overruns_total", "Ticks that began later than they should by a whole tick.");
    describe_gauge!("crosswire_rooms", "Open rooms.");
    describe_gauge!("crosswire_players", "Who is in the rooms.");
    describe_gauge!("crosswire_queue_waiting", "Players in the queue of the matchmaker.");
    describe_histogram!("crosswire_match_wait_seconds", Unit::Seconds, "Wait in the queue until a match was made.");
    describe_counter!("crosswire_http_requests_total", "Calls to the lobby by the path they matched.");
    describe_histogram!(
        "crosswire_http_request_seconds",
        Unit::Seconds,
        "Time to the head of the answer; calls that asked to wait are left out."
    );
    describe_counter!("crosswire_webhook_deliveries_total", "Attempts to deliver an event to a webhook.");
    describe_histogram!(
        "crosswire_store_write_seconds",
        Unit::Seconds,
        "Time to store what waits, until the disk has confirmed it."
    );
    describe_counter!("crosswire_violations_total", "Messages from peers that broke the protocol.");
    describe_counter!("crosswire_refused_total", "What the transports refused before it belonged to a link.");
    describe_gauge!("process_resident_memory_bytes", Unit::Bytes, "Resident memory.");
    describe_counter!("process_cpu_seconds_total", Unit::Seconds, "Processor time of all threads, whole seconds.");
    gauge!("crosswire_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    gauge!("crosswire_queue_waiting").set(0.0);
    for result in ["delivered", "failed", "given_up", "dropped"] {
        counter!("crosswire_webhook_deliveries_total", "result" => result).increment(0);
    }
}

fn note(pulse: &Pulse, directory: &Directory) {
    for (wire, totals) in Transport::ALL.into_iter().zip(&pulse.wires) {
        let wire = wire.name();
        gauge!("crosswire_links", "transport" => wire).set(totals.links);
        for (direction, bytes, reliable, latest) in [
            ("in", totals.bytes_in, totals.reliable_in, totals.latest_in),
            ("out", totals.bytes_out, totals.reliable_out, totals.latest_out),
        ] {
            counter!("crosswire_bytes_total", "transport" => wire, "direction" => direction).absolute(bytes);
            for (lane, messages) in [("reliable", reliable), ("latest", latest)] {
                counter!("crosswire_messages_total", "transport" => wire, "direction" => direction, "lane" => lane)
                    .absolute(messages);
            }
        }
    }
    let ticks = histogram!("crosswire_tick_seconds");
    pulse.ticks.iter().for_each(|work| ticks.record(work.as_secs_f64()));
    counter!("crosswire_tick_overruns_total").absolute(pulse.overruns);
    counter!("crosswire_violations_total").absolute(pulse.violations);
    for (what, times) in &pulse.refused {
        counter!("crosswire_refused_total", "what" => *what).absolute(*times);
    }
    let rooms = directory.rooms();
    let (people, bots, spectators) =
        rooms.iter().map(|room| &room.info).fold((0, 0, 0), |(people, bots, spectators), room| {
            (people + u32::from(room.players), bots + u32::from(room.bots), spectators + u32::from(room.spectators))
        });
    gauge!("crosswire_rooms").set(rooms.len() as f64);
    for (kind, count) in [("person", people), ("bot", bots), ("spectator", spectators)] {
        gauge!("crosswire_players", "kind" => kind).set(count);
    }
    gauge!("process_resident_memory_bytes").set(memory_bytes() as f64);
    counter!("process_cpu_seconds_total").absolute(process_cpu().unwrap_or_default().as_secs());
}

/// Notes one call to the lobby. `route` is the path as it was registered; `took` is none for calls that asked to wait.
pub fn note_call(route: Option<&str>, method: &str, status: u16, took: Option<Duration>) {
    // Only methods that somebody registered, so that a stranger cannot invent series here either.
    let method =
        ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().find(|known| *known == method).unwrap_or("other");
    let route = route.unwrap_or(NO_ROUTE).to_owned();
    if let Some(took) = took {
        histogram!("crosswire_http_request_seconds", "route" => route.clone(), "method" => method)
            .record(took.as_secs_f64());
    }
    counter!("crosswire_http_requests_total", "route" => route, "method" => method, "status" => status.to_string())
        .increment(1);
}
