//! The description of all this: the OpenAPI document, and a page to read it with and try it out.
//!
//! The page is Swagger UI from this very program, so it needs nothing from outside. It cannot live with the policy of all other answers
//! (it sets styles while it runs), so it has one of its own, as tight as it can be.
//!
//! Flow: [`super`] → here → a developer's browser, code generators.

use super::Shared;
use crate::lobby::document::Refusals;
use crate::lobby::problem::{Number, Refusal};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use std::sync::{Arc, LazyLock};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::Config;

/// What the page may do: run the scripts of this server, and call it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// How the page is set up: our document, no bar for others, and nobody outside who is asked whether it is valid.
static PAGE: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/v1/openapi.json").use_base_layout().validator_url("none")));

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(document))
        .routes(routes!(docs))
        .routes(routes!(docs_page))
        .routes(routes!(docs_file))
}

/// This document: OpenAPI 3.1 in JSON.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "server",
    responses((status = OK, content_type = "application/json", body = Object), Refusals))]
async fn document(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let document = shared.document.get().cloned().ok_or(Refusal::Internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], document).into_response())
}

/// Leads to the page that shows this document.
#[utoipa::path(get, path = "/docs", tag = "server", responses((status = PERMANENT_REDIRECT, description = "To `/docs/`."), Refusals))]
async fn docs() -> Redirect {
    Redirect::permanent("/docs/")
}

/// The page that shows this document.
#[utoipa::path(get, path = "/docs/", tag = "server", responses((status = OK, content_type = "text/html", body = String), Refusals))]
async fn docs_page() -> Result<Response, Refusal> {
    file("index.html")
}

/// What that page is made of.
#[utoipa::path(get, path = "/docs/{file}", tag = "server", params(("file" = String, Path)),
    responses((status = OK, content_type = "*/*", body = String), Refusals))]
async fn docs_file(Number(name): Number<String>) -> Result<Response, Refusal> {
    file(&name)
}

fn file(name: &str) -> Result<Response, Refusal> {
    let found = utoipa_swagger_ui::serve(name, PAGE.clone()).map_err(|error| {
        tracing::error!("the page of the documentation: {error}");
        Refusal::Internal
    })?;
    let found = found.ok_or(Refusal::NotFound)?;
    let kind = HeaderValue::from_str(&found.content_type).map_err(|_| Refusal::Internal)?;
    let mut response = found.bytes.into_owned().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    if found.gzpipped {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}
