//! The list of rooms: what everybody looks at, so the most often asked for of all answers.
//!
//! Without a filter it is the same for all, so it is put into JSON once per change and handed out as it is.
//!
//! Flow: [`super`] → here → [`crate::directory`].

use super::Shared;
use crate::directory::RoomEntry;
use crate::lobby::document::{Refusals, Unchanged, Waiting};
use crate::lobby::problem::{Query, Refusal};
use crate::lobby::watch::{ETag, Versioned, Watcher, versioned_headers};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use protocol::lobby::{Mode, RoomList};
use serde::Deserialize;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(rooms))
}

/// Which rooms are wished for.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Those with this mode.
    mode: Option<Mode>,
    /// Those on this map, by file name without the ending.
    map: Option<String>,
    /// Those with a free seat, or those without.
    free: Option<bool>,
    /// Those that need a password, or those that need none.
    locked: Option<bool>,
}

impl Filter {
    fn passes(&self, entry: &RoomEntry) -> bool {
        let room = &entry.info;
        !room.private
            && self.mode.is_none_or(|mode| mode == room.mode)
            && self.map.as_ref().is_none_or(|map| *map == room.map)
            && self.free.is_none_or(|free| free == entry.is_free())
            && self.locked.is_none_or(|locked| locked == room.locked)
    }

    fn list(&self, rooms: &[RoomEntry]) -> RoomList {
        RoomList { rooms: rooms.iter().filter(|room| self.passes(room)).map(|room| room.info.clone()).collect() }
    }
}

/// The whole list in JSON, with its version, and who waits for the next one.
#[derive(Debug)]
pub(in crate::lobby) struct Listed {
    json: Mutex<Option<(u64, Bytes)>>,
    changes: watch::Sender<()>,
}

impl Default for Listed {
    fn default() -> Self {
        Self { json: Mutex::default(), changes: watch::Sender::new(()) }
    }
}

impl Listed {
    /// Wakes everybody who waits whenever the list has changed: waking thousands takes a while, which the rooms do not have. Does not end.
    pub(in crate::lobby) async fn follow(&self, mut versions: watch::Receiver<u64>) {
        while versions.changed().await.is_ok() {
            self.changes.send_replace(());
        }
        std::future::pending::<()>().await;
    }

    /// Returns the list of `version`, which is made if another one is kept.
    fn json(&self, version: u64, make: impl FnOnce() -> RoomList) -> Bytes {
        let mut kept = self.json.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((of, json)) if *of == version => json.clone(),
            _ => {
                let json = Bytes::from(serde_json::to_vec(&make()).unwrap_or_default());
                *kept = Some((version, json.clone()));
                json
            }
        }
    }
}

/// Lists the public rooms.
#[utoipa::path(get, path = "/v1/rooms", tag = "rooms", params(Filter, Waiting),
    responses((status = OK, body = RoomList, headers(("ETag" = String, description = "The version."))), Unchanged, Refusals))]
async fn rooms(
    State(shared): State<Arc<Shared>>,
    watcher: Watcher,
    Query(filter): Query<Filter>,
) -> Result<Response, Refusal> {
    let versions = shared.directory.listed();
    let tag = |_: &()| ETag::version(*versions.borrow());
    let change = watcher.when_changed(&mut shared.listed.changes.subscribe(), tag).await?;
    if filter != Filter::default() {
        return Ok(change.answer(|| filter.list(&shared.directory.rooms())).into_response());
    }
    if !change.news {
        return Ok(Versioned::<()>::Same(change.tag).into_response());
    }
    // Read before the list, so that what is kept under it is never older.
    let version = *versions.borrow();
    let json = shared.listed.json(version, || filter.list(&shared.directory.rooms()));
    Ok((versioned_headers(&change.tag), [(header::CONTENT_TYPE, "application/json")], json).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_wait_are_woken_by_somebody_else_than_the_rooms() {
        let listed = Listed::default();
        let (sender, versions) = watch::channel(7);
        let mut waiting = listed.changes.subscribe();
        let mut following = std::pin::pin!(listed.follow(versions));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(following.as_mut().poll(&mut context).is_pending());
        assert!(!waiting.has_changed().expect("it lives"));
        sender.send_replace(8);
        assert!(!waiting.has_changed().expect("it lives"), "the rooms go on at once");
        assert!(following.as_mut().poll(&mut context).is_pending());
        assert!(waiting.has_changed().expect("it lives"));
        waiting.mark_unchanged();
        drop(sender);
        assert!(following.as_mut().poll(&mut context).is_pending(), "nothing to follow any more");
    }

    #[test]
    fn a_list_is_made_once_per_version() {
        let listed = Listed::default();
        let first = listed.json(7, RoomList::default);
        assert_eq!(first, r#"{"rooms":[]}"#);
        assert_eq!(listed.json(7, || panic!("it is kept")), first);
        let mut made = false;
        listed.json(8, || {
            made = true;
            RoomList::default()
        });
        assert!(made);
    }
}
