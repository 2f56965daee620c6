//! What the OpenAPI document says about every route alike: how it says no, and that it may have nothing new.
//!
//! A route declares them in one line: `responses((status = OK, body = RoomList), Unchanged, Refusals)`.
//!
//! Flow: [`super::routes`] → here → `GET /v1/openapi.json`.

#![allow(dead_code, reason = "the first versioned routes are being written")]

use super::limits::MAX_WAIT_SECONDS;
use protocol::lobby::Problem;
use std::collections::BTreeMap;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses, PartialSchema, ToSchema};

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
