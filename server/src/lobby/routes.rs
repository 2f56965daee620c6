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

use super::auth::{self, Caller};
use super::grants::Granter;
use super::keys::Keys;
use super::limits::{Limits, MAX_BODY_BYTES, READ_COST, WRITE_COST};
use super::problem::{Body, NoBody, Number, Refusal};
use super::rate::RateLimiter;
use super::serve::Connection;
use super::{Setup, limits, link};
use crate::config::{BOTS, MATCH_SECONDS, MAX_ROOM_NAME_CHARS, SCORE_LIMIT, SEATS, valid_map_name};
use crate::directory::Directory;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Json, Router};
use protocol::grant::LinkIdentity;
use protocol::ids::{PlayerId, RoomId, SessionId};
use protocol::limits::{MAX_NAME_CHARS, MIN_NAME_CHARS};
use protocol::lobby::{Endpoints, Grant, Guest, Health, NewGuest, NewRoom, RoomInfo, RoomList};
use protocol::names::valid_name;
use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use transport::LinkSender;

/// What `GET /` shows: a friend who was given the address and opens it in a browser.
const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Crosswire</title>\
    <h1>Crosswire</h1><p>A game server is running here. To join, start the Crosswire game and enter the address of this page.\
    </p></html>\n";
/// Where a link over `http` is called.
const LINK_CALLS: &str = "/v1/link/http/{link}";
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
    directory: Directory,
    granter: Granter,
    limits: Limits,
    pub(super) http: transport::http::Host,
    pub(super) requests: Mutex<RateLimiter>,
    rooms: Mutex<RateLimiter>,
}

impl Shared {
    pub(super) fn new(setup: Setup) -> Self {
        let Setup { directory, keys, links, wires, limits } = setup;
        let granter = Granter::new(&keys, wires);
        let requests = RateLimiter::new(limits.requests, limits.local_requests, limits::COUNTED_ADDRESSES);
        let rooms = RateLimiter::new(limits.rooms, limits.local_rooms, limits::COUNTED_ADDRESSES);
        let http = transport::http::Host::new(links.clone());
        Self { keys, links, http, directory, granter, limits, requests: requests.into(), rooms: rooms.into() }
    }
}

/// Returns all routes with everything that is checked before them.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/healthz", get(health))
        .route("/v1/guests", post(new_guest))
        .route("/v1/rooms", get(rooms).post(new_room))
        .route("/v1/rooms/{room}/seats", post(new_seat))
        .route("/v1/sessions/{session}/endpoints", post(new_endpoints))
        .route("/v1/link", get(link::upgrade))
        .route(transport::http::PATH, post(link::open_http))
        .fallback(|| async { Refusal::NotFound })
        .method_not_allowed_fallback(|| async { Refusal::MethodNotAllowed })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(shared.clone(), deadline))
        .layer(from_fn_with_state(shared.clone(), account))
        .layer(from_fn(security_headers))
        // Behind the layers: calls of links have limits of their own.
        .route(LINK_CALLS, any(link::http))
        .with_state(shared)
}

async fn health(State(shared): State<Arc<Shared>>) -> Result<Json<Health>, Refusal> {
    shared.directory.health().map(Json).ok_or(Refusal::RoomsBusy)
}

async fn rooms(State(shared): State<Arc<Shared>>) -> Json<RoomList> {
    Json(RoomList { rooms: shared.directory.rooms().to_vec() })
}

async fn new_guest(
    State(shared): State<Arc<Shared>>,
    Body(wish): Body<NewGuest>,
) -> Result<(StatusCode, Json<Guest>), Refusal> {
    if !valid_name(&wish.name) {
        return Err(Refusal::Invalid(format!(
            "A name has {MIN_NAME_CHARS} to {MAX_NAME_CHARS} letters, digits, spaces or any of _ - . and begins and ends with \
             something visible."
        )));
    }
    let guest = auth::issue(&shared.keys, PlayerId::from_random(rand::random()), &wish.name);
    tracing::debug!(player = guest.player.0, name = guest.name, "new guest");
    Ok((StatusCode::CREATED, Json(guest)))
}

async fn new_room(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    caller: Caller,
    Body(wish): Body<NewRoom>,
) -> Result<(StatusCode, Json<RoomInfo>), Refusal> {
    check_room(&wish).map_err(Refusal::Invalid)?;
    pay(&shared.rooms, connection.remote.ip(), 1.0)?;
    let room = shared.directory.open_room(wish).await?;
    tracing::info!(room = room.id.0, name = room.name, by = caller.name, "room opened");
    Ok((StatusCode::CREATED, Json(room)))
}

async fn new_seat(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    caller: Caller,
    Number(id): Number<u32>,
    _: NoBody,
) -> Result<(StatusCode, Json<Grant>), Refusal> {
    let room = shared.directory.room(RoomId(id)).ok_or(Refusal::RoomUnknown(id))?;
    // Spares the player a dial. Between here and there somebody else may come or go: the room has the last word.
    if room.players >= room.seats {
        return Err(Refusal::RoomFull(id));
    }
    let grant = shared.granter.grant(&caller, room.id, connection.local.ip())?;
    Ok((StatusCode::CREATED, Json(grant)))
}

async fn new_endpoints(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    caller: Caller,
    Number(session): Number<u64>,
    _: NoBody,
) -> Result<Json<Endpoints>, Refusal> {
    let identity = LinkIdentity { player: caller.player, session: SessionId(session) };
    shared.granter.endpoints(identity, connection.local.ip()).map(Json)
}

/// Returns the sentence for the first value that is out of its limits.
fn check_room(wish: &NewRoom) -> Result<(), String> {
    let NewRoom { name, map, seats, bots, match_seconds, score_limit } = wish;
    if !name.as_deref().is_none_or(valid_room_name) {
        return Err(format!(
            "A room's name has 1 to {MAX_ROOM_NAME_CHARS} plain characters and begins and ends with something visible."
        ));
    }
    if !map.as_deref().is_none_or(valid_map_name) {
        return Err("A map's name has letters, digits, - and _ only.".to_owned());
    }
    within("A room has", "seats", *seats, SEATS)?;
    within("A room has", "bots", *bots, BOTS)?;
    within("A match lasts", "seconds", *match_seconds, MATCH_SECONDS)?;
    within("A match ends after", "kills", *score_limit, SCORE_LIMIT)
}

fn within<T: PartialOrd + Display>(
    what: &str,
    unit: &str,
    value: Option<T>,
    allowed: RangeInclusive<T>,
) -> Result<(), String> {
    if value.is_none_or(|value| allowed.contains(&value)) {
        return Ok(());
    }
    Err(format!("{what} {} to {} {unit}.", allowed.start(), allowed.end()))
}

/// Visible ASCII and inner spaces, for the same reasons as [`valid_name`].
fn valid_room_name(name: &str) -> bool {
    (1..=MAX_ROOM_NAME_CHARS).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        && !name.starts_with(' ')
        && !name.ends_with(' ')
}

/// Takes the price of a request from the account of its address.
async fn account(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Result<Response, Refusal> {
    // Every request comes through `serve`, which says where it comes from.
    let connection = request.extensions().get::<Connection>().ok_or(Refusal::Internal)?;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    pay(&shared.requests, connection.remote.ip(), if reads { READ_COST } else { WRITE_COST })?;
    Ok(next.run(request).await)
}

async fn deadline(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Result<Response, Refusal> {
    tokio::time::timeout(shared.limits.request, next.run(request)).await.map_err(|_| Refusal::Timeout)
}

async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().extend(SECURITY_HEADERS);
    response
}

pub(super) fn pay(accounts: &Mutex<RateLimiter>, peer: IpAddr, cost: f64) -> Result<(), Refusal> {
    let mut accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
    accounts.pay(peer, cost, Instant::now()).map_err(Refusal::TooOften)
}
