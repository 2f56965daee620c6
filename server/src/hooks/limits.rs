//! Every limit on webhooks, each with its reason.
//!
//! Flow: [`super`] and all its parts → here.

use std::time::Duration;

/// Webhooks that may be registered: an operator has a handful of services, and every event is written once for each.
pub(super) const MAX_WEBHOOKS: usize = 32;
/// Longest address, characters: what common servers take.
pub(super) const MAX_WEBHOOK_URL: usize = 2_000;
/// Deliveries that may wait for one webhook. A receiver that is so far behind misses what is new; about 20 MB at most.
pub(super) const MAX_PENDING_DELIVERIES: u32 = 10_000;
/// Deliveries that are over and kept for each webhook's log.
pub(super) const WEBHOOK_LOG: u32 = 100;
/// Time for one attempt, from the look-up of the name to the status line.
pub(super) const ATTEMPT_DEADLINE: Duration = Duration::from_secs(5);
/// Time for the look-up of a name at registration: less than a request may take.
pub(super) const LOOK_UP_DEADLINE: Duration = Duration::from_secs(3);
/// Attempts in flight, all webhooks together; each has one at most, so that a slow receiver delays nobody else.
pub(super) const FLIGHTS: usize = 8;
/// Largest head of an answer, bytes. Its body is not read.
pub(super) const MAX_ANSWER_HEAD: usize = 16 * 1024;
/// Characters kept of what went wrong.
pub(super) const MAX_ERROR_CHARS: usize = 200;
/// Pause after the store has refused a write, because the disk is full for example.
pub(super) const STORE_PAUSE: Duration = Duration::from_secs(1);
/// Longest sleep between two looks into the outbox.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Settled deliveries between two clean-ups of the outbox.
pub(super) const TIDY_EVERY: u32 = 500;
