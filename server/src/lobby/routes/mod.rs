//! Every path of the lobby, in one place: who may call it, what it costs, what it answers.
//!
//! ```text
//! GET  /                                   -> the game for browsers, or a page that says what this is
//! GET  /about, /play/{file}                -> that page; what the game is made of
//! GET  /healthz, /readyz                   -> Health
//! GET  /join/{code}                        -> a page that tells a friend how to join
//! GET  /v1/rooms                           -> RoomList        ?mode= ?map= ?free= ?locked= ?wait=
//! POST /v1/guests                NewGuest  -> Guest      201
//! GET  /v1/players/me                      -> Profile          bearer
//! PATCH /v1/players/me           Rename    -> Profile          bearer
//! GET  /v1/players/{player}                -> Profile
//! GET  /v1/players/{player}/matches        -> History
//! GET  /v1/matches                         -> History
//! GET  /v1/matches/{match}                 -> MatchResult
//! GET  /v1/leaderboard                     -> Leaderboard
//! POST /v1/rooms                 NewRoom   -> OpenedRoom 201   bearer
//! GET  /v1/rooms/{room}                    -> RoomInfo         ?wait=; a private one: bearer of a member
//! PATCH /v1/rooms/{room}       RoomChange  -> RoomInfo   200   bearer of the host
//! DELETE /v1/rooms/{room}                  ->            204   bearer of the host
//! POST /v1/rooms/{room}/start              ->            204   bearer of the host
//! GET  /v1/rooms/{room}/members            -> MemberList 200   bearer of a member
//! DELETE /v1/rooms/{room}/members/{player} ->            204   bearer of the host
//! GET  /v1/rooms/{room}/invite             -> Invite     200   bearer of a member
//! POST /v1/rooms/{room}/seats    SeatWish  -> Grant      201   bearer
//! GET  /v1/invites/{code}                  -> RoomInfo
//! POST /v1/invites/{code}/seats  SeatWish  -> Grant      201   bearer
//! POST /v1/seats                 QuickJoin -> Grant      201   bearer
//! POST /v1/tickets               NewTicket -> Ticket     201   bearer
//! GET  /v1/tickets/{ticket}                -> Ticket           bearer of a member; ?wait=
//! GET  /v1/tickets/{ticket}/events         -> server-sent events    bearer of a member
//! POST /v1/tickets/{ticket}/accept         -> Ticket           bearer of a member
//! POST /v1/tickets/{ticket}/decline        -> Ticket           bearer of a member
//! DELETE /v1/tickets/{ticket}              ->            204   bearer of a member
//! GET  /v1/queue                           -> Queue
//! POST /v1/parties                         -> Party      201   bearer
//! GET  /v1/parties/{code}                  -> Party            bearer of a member; ?wait=
//! POST /v1/parties/{code}/members          -> Party      201   bearer
//! DELETE /v1/parties/{code}/members/me     ->            204   bearer of a member
//! POST /v1/sessions/{id}/endpoints         -> Endpoints  200   bearer
//! PUT  /v1/players/me/weather WeatherOrder ->            204   bearer
//! POST /v1/players/me/weather/doors NewDoor -> Door      201   bearer
//! GET  /v1/files                           -> FileList
//! GET  /v1/files/{sha256}                  -> the file         Range, HEAD
//! GET  /v1/openapi.json, /docs             -> what all this is
//! GET  /v1/events                          -> server-sent events
//! GET  /v1/link                            -> WebSocket
//! GET  /console                            -> a page                the token is asked for there
//! GET  /v1/console                         -> server-sent events    operator's token
//! GET  /metrics                            -> Prometheus' text      operator's token
//! GET  /v1/webhooks…                       -> see `webhooks`        operator's token
//! POST /v1/link/http                       -> HttpLink   201
//! POST /v1/link/http/{link}                -> what was seen         the link's bearer
//! GET  /v1/link/http/{link}                -> what there is         the link's bearer
//! ```
//!
//! The order of checks is: account of the address, path and method, bearer, body, values; for the calls of a link its bearer comes
//! first, because nobody else pays for those who play. Handlers do no more than that: what a
//! room is, the rooms know.
//!
//! With `--admin`, what is the operator's is on a listener of its own ([`admin_router`]) and nowhere else.
//!
//! Flow: [`super::serve`] → here → [`super::auth`], [`crate::directory`], [`super::grants`], [`super::link`].

mod console;
mod docs;
mod events;
mod files;
mod health;
mod invites;
mod lead;
mod parties;
mod players;
mod results;
mod room_list;
mod rooms;
mod seats;
mod tickets;
mod weather;
mod web;
mod webhooks;

use super::auth::Guests;
use super::document::{Document, complete};
use super::files::Files;
use super::gazette::Gazette;
use super::grants::Granter;
use super::idempotency::{self, Replays};
use super::limits::{Limits, MAX_BODY_BYTES, READ_COST, WRITE_COST};
use super::problem::Refusal;
use super::promises::Promises;
use super::rate::RateLimiter;
use super::serve::Connection;
use super::watch::{self, Watchers};
use super::weather::{Relays, through};
use super::web::WebClient;
use super::{Setup, limits, link};
use crate::directory::Directory;
use crate::matchmaker::Matchmaker;
use crate::operator::{Operator, gauges};
use crate::store::Store;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;
use transport::LinkSender;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// Sent with every answer but those of links (OWASP REST security): nothing here is to be cached, framed, sniffed or run, unless the
/// route says otherwise.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// What all requests share.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) guests: Guests,
    pub(super) links: LinkSender,
    pub(super) directory: Directory,
    pub(super) granter: Granter,
    pub(super) limits: Limits,
    pub(super) watchers: Watchers,
    pub(super) gazette: Gazette,
    pub(super) files: Files,
    pub(super) web: WebClient,
    pub(super) replays: Replays,
    /// The OpenAPI document.
    document: OnceLock<Bytes>,
    pub(super) listed: room_list::Listed,
    pub(super) operator: Operator,
    pub(super) matchmaker: Matchmaker,
    pub(super) weather: Relays,
    pub(super) http: transport::http::Host,
    pub(super) requests: Mutex<RateLimiter>,
    rooms: Mutex<RateLimiter>,
    /// Accounts for guesses at codes and passwords.
    guesses: Mutex<RateLimiter>,
    promises: tokio::sync::Mutex<Promises>,
    newcomers: Mutex<RateLimiter>,
}

impl Shared {
    pub(super) fn new(setup: Setup) -> Self {
        let Setup { directory, keys, links, wires, store, events, operator, files, web, limits, matchmaking } = setup;
        let matchmaker = Matchmaker::start(directory.clone(), events, matchmaking);
        let (weather, granter) = (Relays::new(wires.weather), Granter::new(&keys, wires));
        let requests = RateLimiter::new(limits.requests, limits.local_requests, limits::COUNTED_ADDRESSES);
        let rooms = RateLimiter::new(limits.rooms, limits.local_rooms, limits::COUNTED_ADDRESSES);
        let http = transport::http::Host::new(links.clone());
        let watchers = Watchers::new(limits.watchers, limits.watchers_per_address);
        let gazette = Gazette::default();
        let guesses = RateLimiter::new(limits.guesses, limits.local_guesses, limits::COUNTED_ADDRESSES).into();
        let newcomers = RateLimiter::new(limits.newcomers, limits.local_newcomers, limits::COUNTED_ADDRESSES).into();
        let (requests, rooms, promises) = (requests.into(), rooms.into(), tokio::sync::Mutex::default());
        let guests = Guests::new(store.clone());
        let (replays, document, listed) = Default::default();
        Self {
            store,
            guests,
            links,
            http,
            directory,
            granter,
            limits,
            watchers,
            gazette,
            files,
            web,
            replays,
            document,
            listed,
            operator,
            matchmaker,
            weather,
            requests,
            rooms,
            guesses,
            promises,
            newcomers,
        }
    }
}

/// Returns every route of the public listener with its description, those that begin a link as given; those of the operator only if they
/// have no listener of their own.
fn described(links: OpenApiRouter<Arc<Shared>>, with_operator: bool) -> OpenApiRouter<Arc<Shared>> {
    let routes = OpenApiRouter::with_openapi(Document::openapi())
        .merge(docs::routes())
        .merge(events::routes())
        .merge(files::routes())
        .merge(players::routes())
        .merge(results::routes())
        .merge(room_list::routes())
        .merge(rooms::routes())
        .merge(lead::routes())
        .merge(invites::routes())
        .merge(seats::routes())
        .merge(tickets::routes())
        .merge(parties::routes())
        .merge(health::routes())
        .merge(weather::routes())
        .merge(links);
    if with_operator {
        routes.merge(web::routes()).merge(operator_routes())
    } else {
        routes.merge(web::public_routes())
    }
}

/// Returns the document as it is sent.
fn written(mut document: utoipa::openapi::OpenApi) -> String {
    complete(&mut document);
    // Fails for no document; an empty one would be noticed by the tests.
    document.to_pretty_json().unwrap_or_default()
}

/// Returns all routes with everything that is checked before them; those of the operator only if they have no listener of their own.
pub(super) fn router(shared: &Arc<Shared>, with_operator: bool) -> Router {
    let through = from_fn_with_state(shared.clone(), through);
    let (routes, document) = described(link::routes().layer(through.clone()), with_operator).split_for_parts();
    let _ = shared.document.set(written(document).into());
    // Behind the layers: calls of links have limits of their own.
    checked(routes, shared).merge(link::calls().layer(through)).with_state(shared.clone())
}

/// Returns the routes of the operator's own listener, with everything that is checked before them.
pub(super) fn admin_router(shared: &Arc<Shared>) -> Router {
    let (routes, _document) = OpenApiRouter::new().merge(health::routes()).merge(operator_routes()).split_for_parts();
    checked(routes.route("/", get(console::page)), shared).with_state(shared.clone())
}

fn operator_routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().merge(console::routes()).merge(webhooks::routes())
}

fn checked(routes: Router<Arc<Shared>>, shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    routes
        .fallback(|| async { Refusal::NotFound })
        .method_not_allowed_fallback(|| async { Refusal::MethodNotAllowed })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(shared.clone(), around))
}

/// What is done around every answer. One layer for everything: each is a handful of allocations per request.
async fn around(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let call = Call::of(&request);
    let personal = request.headers().contains_key(header::AUTHORIZATION);
    let mut response = checked_answer(shared, request, next).await.into_response();
    if personal {
        // What was told to somebody in particular is kept by nobody else.
        response.headers_mut().remove(header::CACHE_CONTROL);
    }
    for (name, value) in SECURITY_HEADERS {
        // Where the route has not said otherwise.
        response.headers_mut().entry(name).or_insert(value);
    }
    call.note(&response);
    response
}

async fn checked_answer(shared: Arc<Shared>, request: Request, next: Next) -> Result<Response, Refusal> {
    // Every request comes through `serve`, which says where it comes from.
    let connection = request.extensions().get::<Connection>().cloned().ok_or(Refusal::Internal)?;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    pay(&shared.requests, connection.remote.ip(), if reads { READ_COST } else { WRITE_COST })?;
    let limit = shared.limits.request;
    let answering = async {
        let printer = watch::Printer::of(&request);
        printer.print(idempotency::once(shared, request, next).await.into_response()).await
    };
    let mut answering = pin!(answering);
    // Ends what takes too long, except for those who wait because they asked to.
    loop {
        match tokio::time::timeout(limit, answering.as_mut()).await {
            Ok(response) => return Ok(response),
            Err(_) if connection.pulse.is_watching() => {}
            Err(_) => return Err(Refusal::Timeout),
        }
    }
}

/// A call that is counted by the path that it matched.
struct Call {
    route: Option<MatchedPath>,
    method: Method,
    waits: bool,
    began: Instant,
}

impl Call {
    fn of(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().cloned();
        let waits = request.uri().query().is_some_and(|query| query.contains("wait="));
        Self { route, method: request.method().clone(), waits, began: Instant::now() }
    }

    fn note(self, response: &Response) {
        let took = Some(self.began.elapsed()).filter(|_| !self.waits);
        let route = self.route.as_ref().map(MatchedPath::as_str);
        gauges::note_call(route, self.method.as_str(), response.status().as_u16(), took);
    }
}

pub(super) fn pay(accounts: &Mutex<RateLimiter>, peer: IpAddr, cost: f64) -> Result<(), Refusal> {
    let mut accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
    accounts.pay(peer, cost, Instant::now()).map_err(Refusal::TooOften)
}

#[cfg(test)]
mod tests;
