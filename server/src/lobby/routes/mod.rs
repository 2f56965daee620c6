//! Every path of the lobby, in one place: who may call it, what it costs, what it answers.
//!
//! ```text
//! GET  /                                   -> a page that says what this is
//! GET  /healthz                            -> Health
//! GET  /v1/rooms                           -> RoomList
//! POST /v1/guests                NewGuest  -> Guest      201
//! POST /v1/rooms                 NewRoom   -> RoomInfo   201   bearer
//! POST /v1/rooms/{room}/seats              -> Grant      201   bearer
//! POST /v1/sessions/{id}/endpoints         -> Endpoints  200   bearer
//! GET  /v1/events                          -> server-sent events
//! GET  /v1/link                            -> WebSocket
//! POST /v1/link/http                       -> HttpLink   201
//! POST /v1/link/http/{link}                -> what was seen         the link's bearer
//! GET  /v1/link/http/{link}                -> what there is         the link's bearer
//! ```
//!
//! The order of checks is: account of the address, path and method, bearer, body, values; for the calls of a link its bearer comes
//! first, because nobody else pays for those who play. Handlers do no more than that: what a
//! room is, the rooms know.
//!
//! Flow: [`super::serve`] → here → [`super::auth`], [`crate::directory`], [`super::grants`], [`super::link`].

mod docs;
mod events;
mod files;
mod guests;
mod health;
mod room_list;
mod rooms;
mod seats;

use super::document::{Document, complete};
use super::files::Files;
use super::gazette::Gazette;
use super::grants::Granter;
use super::idempotency::{self, Replays};
use super::keys::Keys;
use super::limits::{Limits, MAX_BODY_BYTES, READ_COST, WRITE_COST};
use super::problem::Refusal;
use super::rate::RateLimiter;
use super::serve::Connection;
use super::watch::Watchers;
use super::{Setup, limits, link};
use crate::directory::Directory;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;
use transport::LinkSender;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// Sent with every answer but those of links (OWASP REST security): nothing here is to be cached, framed, sniffed or run.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// What all requests share.
pub(super) struct Shared {
    pub(super) keys: Keys,
    pub(super) links: LinkSender,
    pub(super) directory: Directory,
    pub(super) granter: Granter,
    pub(super) limits: Limits,
    pub(super) watchers: Watchers,
    pub(super) gazette: Gazette,
    pub(super) files: Files,
    pub(super) replays: Replays,
    /// The OpenAPI document.
    document: OnceLock<Bytes>,
    listed: room_list::Listed,
    pub(super) http: transport::http::Host,
    pub(super) requests: Mutex<RateLimiter>,
    rooms: Mutex<RateLimiter>,
}

impl Shared {
    pub(super) fn new(setup: Setup) -> Self {
        let Setup { directory, keys, links, wires, limits, files, events: _ } = setup;
        let granter = Granter::new(&keys, wires);
        let requests = RateLimiter::new(limits.requests, limits.local_requests, limits::COUNTED_ADDRESSES);
        let rooms = RateLimiter::new(limits.rooms, limits.local_rooms, limits::COUNTED_ADDRESSES);
        let http = transport::http::Host::new(links.clone());
        let watchers = Watchers::new(limits.watchers, limits.watchers_per_address);
        let gazette = Gazette::default();
        let (requests, rooms) = (requests.into(), rooms.into());
        let (replays, document, listed) = Default::default();
        #[rustfmt::skip]
        let shared = Self {
            keys, links, http, directory, granter, limits, watchers, gazette, files, replays, document, listed, requests, rooms,
        };
        shared
    }
}

/// Returns every route that is described where it is written: all of them, but for the calls of links.
fn described() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(docs::routes())
        .merge(events::routes())
        .merge(files::routes())
        .merge(health::routes())
        .merge(guests::routes())
        .merge(room_list::routes())
        .merge(rooms::routes())
        .merge(seats::routes())
        .merge(link::routes())
}

/// Returns the document as it is sent.
fn written(mut document: utoipa::openapi::OpenApi) -> String {
    complete(&mut document);
    // Fails for no document; an empty one would be noticed by the tests.
    document.to_pretty_json().unwrap_or_default()
}

/// Returns all routes with everything that is checked before them.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let (described, document) = described().split_for_parts();
    let _ = shared.document.set(written(document).into());
    described
        .fallback(|| async { Refusal::NotFound })
        .method_not_allowed_fallback(|| async { Refusal::MethodNotAllowed })
        .layer(from_fn_with_state(shared.clone(), idempotency::once))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(shared.clone(), deadline))
        .layer(from_fn_with_state(shared.clone(), account))
        .layer(from_fn(security_headers))
        // Behind the layers: calls of links have limits of their own.
        .merge(link::calls())
        .with_state(shared.clone())
}

/// Takes the price of a request from the account of its address.
async fn account(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Result<Response, Refusal> {
    // Every request comes through `serve`, which says where it comes from.
    let connection = request.extensions().get::<Connection>().ok_or(Refusal::Internal)?;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    pay(&shared.requests, connection.remote.ip(), if reads { READ_COST } else { WRITE_COST })?;
    Ok(next.run(request).await)
}

/// Ends what takes too long, except for those who wait because they asked to.
async fn deadline(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Result<Response, Refusal> {
    let connection = request.extensions().get::<Connection>().cloned().ok_or(Refusal::Internal)?;
    let mut answering = pin!(next.run(request));
    loop {
        match tokio::time::timeout(shared.limits.request, answering.as_mut()).await {
            Ok(response) => return Ok(response),
            Err(_) if connection.pulse.is_watching() => {}
            Err(_) => return Err(Refusal::Timeout),
        }
    }
}

/// Adds them where the route has not said otherwise.
async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

pub(super) fn pay(accounts: &Mutex<RateLimiter>, peer: IpAddr, cost: f64) -> Result<(), Refusal> {
    let mut accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
    accounts.pay(peer, cost, Instant::now()).map_err(Refusal::TooOften)
}

#[cfg(test)]
mod tests;
