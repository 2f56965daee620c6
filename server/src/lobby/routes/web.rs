//! What a browser is shown: the game, if it was built; else a page that says what this is.
//!
//! Flow: [`super`] → here → [`crate::lobby::web`], [`crate::lobby::page`].

use super::Shared;
use super::files::FOR_EVER;
use crate::lobby::document::{Refusals, Unchanged, Versions};
use crate::lobby::files::Piece;
use crate::lobby::page::{ABOUT, LANDING, PUBLIC_ABOUT, PUBLIC_LANDING, Page};
use crate::lobby::problem::{Number, Refusal};
use crate::lobby::serve::Connection;
use crate::lobby::watch::{ETag, Seen};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::{Authority, PathAndQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(page)).routes(routes!(about)).routes(routes!(file))
}

/// The same routes, with pages that do not lead to the console.
pub(super) fn public_routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(public_page)).routes(routes!(public_about)).routes(routes!(file))
}

/// The game, if it was built for browsers; else says what this is. `?room=` takes an invite code. Leads to the same over https where the
/// server has a certificate that browsers trust.
#[utoipa::path(get, path = "/", tag = "server", operation_id = "landing",
    responses((status = OK, content_type = "text/html", body = String), (status = TEMPORARY_REDIRECT), Refusals))]
async fn page(State(shared): State<Arc<Shared>>, visit: Request) -> Response {
    game_or(&shared, &visit, &LANDING)
}

/// The same, without the way to the console.
#[utoipa::path(get, path = "/", tag = "server", operation_id = "landing",
    responses((status = OK, content_type = "text/html", body = String), (status = TEMPORARY_REDIRECT), Refusals))]
async fn public_page(State(shared): State<Arc<Shared>>, visit: Request) -> Response {
    game_or(&shared, &visit, &PUBLIC_LANDING)
}

/// Says what this is.
#[utoipa::path(get, path = "/about", tag = "server", operation_id = "about",
    responses((status = OK, content_type = "text/html", body = String), Refusals))]
async fn about() -> Response {
    ABOUT.answer()
}

/// The same, without the way to the console.
#[utoipa::path(get, path = "/about", tag = "server", operation_id = "about",
    responses((status = OK, content_type = "text/html", body = String), Refusals))]
async fn public_about() -> Response {
    PUBLIC_ABOUT.answer()
}

fn game_or(shared: &Shared, visit: &Request, landing: &Page) -> Response {
    let here = authority(visit);
    match (better(shared, visit), shared.web.page()) {
        (Some(better), _) => Redirect::temporary(&better).into_response(),
        (None, Some(game)) => {
            let local = visit.extensions().get::<Connection>().map(|connection| connection.local.ip().to_canonical());
            game.answer_at(here.as_ref().map(Authority::host), local.is_some_and(|local| local.is_ipv6()))
        }
        (None, None) => landing.answer(),
    }
}

/// Returns what somebody calls this server.
fn authority(visit: &Request) -> Option<Authority> {
    visit.headers().get(header::HOST)?.to_str().ok()?.parse().ok()
}

/// Returns the same page over https, where a browser has every wire, if it would trust us there. Who came through a proxy that speaks
/// https for us has it already.
fn better(shared: &Shared, visit: &Request) -> Option<String> {
    let authority = authority(visit)?;
    let proxied = visit.headers().get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let connection = visit.extensions().get::<Connection>()?;
    if connection.secure || proxied || !shared.granter.wires().are_signed_for(authority.host()) {
        return None;
    }
    // A request may name the whole address instead of the path.
    let path = visit.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    Some(over_https(&authority, path, connection.local.port()))
}

/// Returns where `path` is over https for whoever has reached us at `port` and calls us `authority`. One port speaks both, and whoever names
/// none means 80; unless something in between maps ports, and then https has its own.
fn over_https(authority: &Authority, path: &str, port: u16) -> String {
    let port = if authority.port().is_none() && port == 80 { ":80" } else { "" };
    format!("https://{authority}{port}{path}")
}

/// A part of the game for browsers, packed as the browser likes it.
#[utoipa::path(get, path = "/play/{file}", tag = "server", params(("file" = String, Path), Versions),
    responses((status = OK, content_type = "*/*", body = Vec<u8>), Unchanged, Refusals))]
async fn file(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    Number(name): Number<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let file = shared.web.find(&name).ok_or(Refusal::FileUnknown)?;
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (form, packing) = file.for_browser(accepted);
    let tag = ETag::hash(&form.info.sha256);
    let common = [
        (header::ETAG, tag.value()),
        (header::CACHE_CONTROL, FOR_EVER),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if tag.is_seen(&Seen::of(&headers)) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let piece = Piece::open(form, &(0..form.info.bytes), connection.pulse).await?;
    let mut response = (common, Body::from_stream(piece.stream())).into_response();
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, file.kind.clone());
    head.insert(header::CONTENT_LENGTH, form.info.bytes.into());
    if let Some(packing) = packing {
        head.insert(header::CONTENT_ENCODING, HeaderValue::from_static(packing));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_where_http_was() {
        let led = |authority: &str, port| over_https(&authority.parse().expect("an authority"), "/?room=KM7-4QX", port);
        assert_eq!(led("play.example", 80), "https://play.example:80/?room=KM7-4QX", "443 is nobody's");
        assert_eq!(led("play.example", 8080), "https://play.example/?room=KM7-4QX", "a router maps the ports");
        assert_eq!(led("play.example:8080", 8080), "https://play.example:8080/?room=KM7-4QX");
    }
}
