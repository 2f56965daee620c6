//! What the OpenAPI document says about the lobby as a whole, and about every route alike: how it says no, that it may have nothing new,
//! that it can be retried.
//!
//! A route declares refusals in one line: `responses((status = OK, body = RoomList), Unchanged, Refusals)`. Nobody can forget them:
//! [`complete`] adds what is missing.
//!
//! Flow: [`super::routes`] → here → `GET /v1/openapi.json`.

use super::idempotency;
use super::limits::MAX_WAIT_SECONDS;
use super::link::CALLS;
use axum::http::StatusCode;
use protocol::lobby::{Problem, StampedEvent};
use std::collections::BTreeMap;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses, Modify, OpenApi, PartialSchema, ToSchema};

/// The document before the routes are added to it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Crosswire lobby",
        description = "Everything around a match: who somebody is, rooms, seats, matchmaking, results, files. The match itself travels \
            over the links that a seat's grant describes.\n\nEvery refusal is a problem (RFC 9457) whose `detail` is a sentence for the \
            player. What has a version says so by its `ETag`; with `If-None-Match` and `?wait=25` an answer comes when there is another.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This server.")),
    tags(
        (name = "server", description = "How the server is, and this document."),
        (name = "players", description = "Who somebody is, and what is known about them."),
        (name = "rooms", description = "Where matches are played."),
        (name = "seats", description = "Places in a room, and the ways to them."),
        (name = "matchmaking", description = "Tickets, parties and the queue."),
        (name = "results", description = "What remains of matches."),
        (name = "events", description = "What happens, as it happens."),
        (name = "files", description = "Maps and whatever else a client may lack."),
        (name = "links", description = "Connections of a match that share the lobby's port. For the game, not for the browser."),
        (name = "operator", description = "Console, metrics, webhooks. Needs the operator's token."),
    ),
    components(schemas(Problem, StampedEvent)),
    modifiers(&Bearers),
)]
pub(super) struct Document;

/// The three kinds of bearers.
struct Bearers;

impl Modify for Bearers {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        for (name, whose) in [
            ("player", "The `secret` of `POST /v1/guests`."),
            ("operator", "The token in the operator's data folder, or in the log."),
            ("link", "The `bearer` of `POST /v1/link/http`."),
        ] {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(whose)).build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
    }
}

/// Describes the calls of an `http` link: one handler serves every method, because a wrong one counts against the link.
fn link_calls() -> PathItem {
    let number = ParameterBuilder::new()
        .name("link")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("Number of the link."))
        .schema(Some(u64::schema()))
        .build();
    let bytes = || ContentBuilder::new().schema(Some(Vec::<u8>::schema())).build();
    let call = |id: &str, summary: &str| {
        let seen = ResponseBuilder::new().description("What the other side has to say.");
        let gone = ResponseBuilder::new().description("The link is over; the body says why.");
        OperationBuilder::new()
            .tag("links")
            .operation_id(Some(id))
            .summary(Some(summary))
            .parameter(number.clone())
            .security(SecurityRequirement::new("link", Vec::<String>::new()))
            .response("200", seen.content("application/octet-stream", bytes()))
            .response("410", gone.content("application/octet-stream", bytes()))
    };
    let body = RequestBodyBuilder::new().content("application/octet-stream", bytes()).build();
    let say = call("say", "Says something over a link").request_body(Some(body)).build();
    let mut item = PathItem::new(HttpMethod::Get, call("ask", "Asks what there is on a link").build());
    item.merge_operations(PathItem::new(HttpMethod::Post, say));
    item
}

/// Adds to every operation what holds for all: every refusal, and that some can be retried without doing a thing twice.
pub(super) fn complete(openapi: &mut utoipa::openapi::OpenApi) {
    openapi.paths.paths.insert(CALLS.to_owned(), link_calls());
    for (path, item) in &mut openapi.paths.paths {
        let post = item.post.as_mut();
        if let Some(post) = post.filter(|_| idempotency::covers(path)) {
            post.parameters.get_or_insert_default().push(RefOr::T(retry_key()));
        }
        let operations = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
            ("patch", &mut item.patch),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            // The names of functions repeat from file to file.
            operation.operation_id = Some(name_of(method, path));
            if method == "get" && path.starts_with("/v1/") {
                offer_version(operation);
            }
            let declared = &mut operation.responses.responses;
            declared.iter_mut().for_each(|(status, response)| describe(status, response));
            Refusals::responses().into_iter().for_each(|(status, response)| {
                declared.entry(status).or_insert(response);
            });
        }
    }
}

/// OpenAPI wants a description of every answer. Where the body says it all, the status has to do.
fn describe(status: &str, response: &mut RefOr<Response>) {
    let RefOr::T(response) = response else { return };
    if response.description.is_empty() {
        let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
        response.description = status.and_then(|status| status.canonical_reason()).unwrap_or("An answer").to_owned();
    }
}

/// Returns a name such as `get_v1_rooms_room`.
fn name_of(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let page = if path.ends_with('/') { Some("page") } else { None };
    std::iter::once(method).chain(words).chain(page).collect::<Vec<_>>().join("_")
}

/// Declares what [`super::watch::print`] adds to every answer in JSON.
fn offer_version(operation: &mut Operation) {
    let Some(RefOr::T(answer)) = operation.responses.responses.get_mut("200") else { return };
    if !answer.content.contains_key("application/json") {
        return;
    }
    let tag = HeaderBuilder::new().schema(Some(String::schema())).description(Some("The version.")).build();
    answer.headers.entry("ETag".to_owned()).or_insert(tag.into());
    for (status, response) in Unchanged::responses() {
        operation.responses.responses.entry(status).or_insert(response);
    }
    let parameters = operation.parameters.get_or_insert_default();
    let known = Versions::parameter();
    let declared = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(other) if other.name == known.name);
    if !parameters.iter().any(declared) {
        parameters.push(RefOr::T(known));
    }
}

fn retry_key() -> Parameter {
    let key = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[!-~]+$"))
        .min_length(Some(1))
        .max_length(Some(idempotency::MAX_KEY_BYTES));
    ParameterBuilder::new()
        .name(idempotency::KEY)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The same key, caller and body again give the same answer, and nothing is done twice."))
        .schema(Some(key))
        .build()
}

/// Every status with which a request can be refused, and when. The text of the refusal itself says more.
const REFUSALS: [(&str, &str); 14] = [
    ("400", "The request could not be read."),
    ("401", "No bearer, or one that is not known here."),
    ("403", "Not allowed for this caller."),
    ("404", "There is no such thing, or not any more."),
    ("405", "This path does not know this method."),
    ("408", "The request took too long."),
    ("409", "It does not fit what is the case now."),
    ("413", "The body is too large."),
    ("415", "The body must be `application/json`."),
    ("422", "A value is out of its limits."),
    ("429", "Too many requests; `Retry-After` says when to come back."),
    ("431", "The head of the request is too large."),
    ("500", "A fault of the server."),
    ("503", "Not at the moment; try again."),
];

/// Declares every refusal, as RFC 9457 wants it.
#[derive(Debug)]
pub(super) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        REFUSALS.iter().map(|(status, when)| ((*status).to_owned(), refusal(status, when).into())).collect()
    }
}

fn refusal(status: &str, when: &str) -> Response {
    let response = ResponseBuilder::new().description(when);
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let response = match status {
        // The head is refused before any route is known, so there is no sentence.
        "431" => response,
        _ => response.content("application/problem+json", problem),
    };
    let text = |what: &str| HeaderBuilder::new().schema(Some(String::schema())).description(Some(what)).build();
    match status {
        "401" => response.header("WWW-Authenticate", text("`Bearer`.")),
        "409" => response.header("Location", text("The caller's own room or ticket that is in the way, if one is.")),
        "429" | "503" => response.header("Retry-After", text("Seconds after which it makes sense to ask again.")),
        _ => response,
    }
    .build()
}

/// Declares `304 Not Modified`, for whatever has a version.
#[derive(Debug)]
pub(super) struct Unchanged;

impl IntoResponses for Unchanged {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let tag = HeaderBuilder::new().schema(Some(String::schema())).description(Some("The version.")).build();
        let response = ResponseBuilder::new().description("The caller has the present version.").header("ETag", tag);
        BTreeMap::from([("304".to_owned(), response.build().into())])
    }
}

/// Declares `If-None-Match` and `?wait=`, for whatever can be waited for: `params(Waiting)`.
#[derive(Debug)]
pub(super) struct Waiting;

impl IntoParams for Waiting {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let seconds = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0))
            .maximum(Some(MAX_WAIT_SECONDS));
        let wait = ParameterBuilder::new()
            .name("wait")
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(
                "Answer when there is another version than that in `If-None-Match`, or after so many seconds.",
            ))
            .schema(Some(seconds));
        Vec::from([wait.build(), Versions::parameter()])
    }
}

/// Declares `If-None-Match`, for whatever has a version but is not waited for: `params(Versions)`.
#[derive(Debug)]
pub(super) struct Versions;

impl Versions {
    fn parameter() -> Parameter {
        ParameterBuilder::new()
            .name("If-None-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The `ETag` of the version that the caller has."))
            .schema(Some(String::schema()))
            .build()
    }
}

impl IntoParams for Versions {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Vec::from([Self::parameter()])
    }
}
