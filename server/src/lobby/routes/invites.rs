//! Invites: where a code leads, a seat there, and the page behind an invite link.
//!
//! A code is a secret that is short enough to be read out, so every look at one is paid for from an account that fills slowly, whether it
//! is right or wrong.
//!
//! Flow: [`super`] → here → [`crate::directory`], [`super::seats`].

use super::seats::seat_in;
use super::{Shared, pay};
use crate::directory::RoomEntry;
use crate::lobby::auth::Caller;
use crate::lobby::document::Refusals;
use crate::lobby::limits::CODE_COST;
use crate::lobby::problem::{BodyOr, Refusal, Text};
use crate::lobby::serve::Connection;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use protocol::invite::InviteCode;
use protocol::lobby::{Grant, RoomInfo, SeatWish};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The page has a look of its own, and still loads and runs nothing.
const PAGE_POLICY: (HeaderName, HeaderValue) = (
    header::CONTENT_SECURITY_POLICY,
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
);

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(room)).routes(routes!(new_seat)).routes(routes!(page))
}

/// Tells which room a code leads to.
#[utoipa::path(get, path = "/v1/invites/{code}", tag = "rooms", params(("code" = String, Path)),
    responses((status = OK, body = RoomInfo), Refusals))]
async fn room(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    Text(code): Text,
) -> Result<Json<RoomInfo>, Refusal> {
    Ok(Json(find(&shared, &connection, &code)?.1.info))
}

/// Takes a seat, or a place to watch, in the room that a code leads to.
#[utoipa::path(post, path = "/v1/invites/{code}/seats", tag = "seats", security(("player" = [])), params(("code" = String, Path)),
    request_body = Option<SeatWish>, responses((status = CREATED, body = Grant), Refusals))]
async fn new_seat(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    Text(code): Text,
    caller: Caller,
    BodyOr(wish): BodyOr<SeatWish>,
) -> Result<(StatusCode, Json<Grant>), Refusal> {
    let (_, room) = find(&shared, &connection, &code)?;
    seat_in(&shared, &connection, &caller, &room, &wish)
}

/// Takes a friend who has opened an invite link into the game, if it was built for browsers; else shows what to do with the link.
#[utoipa::path(get, path = "/join/{code}", tag = "rooms", params(("code" = String, Path)),
    responses(
        (status = OK, body = String, content_type = "text/html"),
        (status = SEE_OTHER, description = "The game is built for browsers, and begins in the room."),
        (status = NOT_FOUND, description = "The room is closed.", body = String, content_type = "text/html"),
    ))]
async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    Text(code): Text,
) -> Result<Response, Refusal> {
    match find(&shared, &connection, &code) {
        Ok((code, _)) if shared.web.is_built() => Ok(Redirect::to(&format!("/?room={code}")).into_response()),
        Ok((code, room)) => {
            let link = shared.granter.own_link(code, connection.asker());
            Ok(([PAGE_POLICY], Html(invitation(&room, &link))).into_response())
        }
        Err(Refusal::CodeUnknown) => Ok((StatusCode::NOT_FOUND, [PAGE_POLICY], Html(closed())).into_response()),
        Err(refusal) => Err(refusal),
    }
}

fn find(shared: &Shared, connection: &Connection, text: &str) -> Result<(InviteCode, RoomEntry), Refusal> {
    pay(&shared.guesses, connection.remote.ip(), CODE_COST)?;
    let code: InviteCode = text.parse().map_err(|_| Refusal::CodeUnknown)?;
    shared.directory.by_code(&code).map(|room| (code, room)).ok_or(Refusal::CodeUnknown)
}

fn invitation(room: &RoomEntry, link: &str) -> String {
    let RoomInfo { name, map, mode, players, seats, bots, locked, .. } = &room.info;
    let (name, map) = (escaped(name), escaped(map));
    let lock = if *locked { " A password is needed: ask whoever has invited you." } else { "" };
    let text = format!(
        "<p class=\"quiet\">You are invited to</p><h1>{name}</h1>\
         <p>{} on {map} · {players} of {seats} seats taken, {bots} bots.{lock}</p>\
         <p class=\"code\">{}</p>\
         <ol><li>Start Crosswire.</li>\
         <li>Put this address into the box on its first screen:<br><code>{}</code></li>\
         <li>Press Enter.</li></ol>\
         <p class=\"quiet\">The code alone will do if the server is already chosen. It is good for as long as the room is open.</p>",
        mode.name(),
        room.code,
        escaped(link),
    );
    in_page(&name, &text)
}

fn closed() -> String {
    let text = "<h1>This room is closed</h1><p>Or the code has a typing mistake. Ask whoever has invited you for a new link.</p>";
    in_page("Crosswire", text)
}

fn in_page(title: &str, text: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title} · Crosswire</title>\
         <style>body{{background:#07090f;color:#d7e0f0;font:18px/1.5 system-ui,sans-serif;max-width:34em;margin:12vh auto;\
         padding:0 1.2em}}h1{{margin:.1em 0;color:#fff}}.quiet{{color:#8492ab}}.code{{font:600 2.6em/1.2 ui-monospace,monospace;\
         color:#35d6ff;letter-spacing:.06em;margin:.5em 0}}code{{color:#35d6ff;overflow-wrap:anywhere}}li{{margin:.4em 0}}</style>\
         {text}</html>\n"
    )
}

/// Returns `text` so that a browser shows it as it is.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            _ => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ids::RoomId;

    #[test]
    fn a_name_is_shown_and_never_run() {
        let info = RoomInfo { id: RoomId(1), name: "<b onclick=\"x\">&'".into(), seats: 8, ..RoomInfo::default() };
        let code = InviteCode::from_random(5);
        let room = RoomEntry { info, code, password: None, reserved: vec![], banned: vec![], members: vec![] };
        let page = invitation(&room, "http://10.0.0.3:8080/join/ABC");
        assert!(page.contains("&lt;b onclick=&quot;x&quot;&gt;&amp;&#39;") && !page.contains("<b "), "{page}");
        assert!(page.contains(&code.to_string()) && page.contains("http://10.0.0.3:8080/join/ABC"));
        for outside in ["src=", "<script", "<link", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
