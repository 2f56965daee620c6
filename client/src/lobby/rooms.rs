//! The rooms of a server, as they were told last.
//!
//! Flow: [`crate::menu`] → [`Lobby::ask_rooms`] → `transport::lobby` → [`Rooms`].

use super::{Answer, Lobby, in_time, said};
use bevy::prelude::Resource;
use protocol::lobby::{RoomInfo, RoomList};
use std::time::Duration;
use transport::lobby::{LobbyClient, RoomFilter, Tag, Versioned};

/// What is known about the rooms of a server.
#[derive(Resource, Default)]
pub(crate) struct Rooms {
    /// Whose rooms these are.
    server: String,
    /// The rooms, or why there is no list.
    pub(crate) list: Option<Result<Vec<RoomInfo>, String>>,
    client: Option<LobbyClient>,
    /// The version of the list: it is only sent again if it has changed.
    tag: Option<Tag>,
    /// A call is in flight.
    asking: bool,
}

impl Rooms {
    /// Returns whose rooms these are.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    pub(super) fn take(&mut self, server: &str, list: Result<Option<Versioned<RoomList>>, String>) {
        if server != self.server {
            return;
        }
        self.asking = false;
        match list {
            Ok(Some(Versioned { value, tag })) => (self.list, self.tag) = (Some(Ok(value.rooms)), tag),
            Ok(None) => {}
            Err(why) => (self.list, self.tag) = (Some(Err(why)), None),
        }
    }

    /// Gives up what was asked for.
    pub(super) const fn forget(&mut self) {
        self.asking = false;
    }
}

impl Lobby {
    /// Asks for the rooms of a server.
    pub(crate) fn ask_rooms(&mut self, server: &str, rooms: &mut Rooms) {
        if rooms.server != server {
            *rooms = Rooms { server: server.to_owned(), ..Rooms::default() };
            match LobbyClient::new(server) {
                Ok(client) => rooms.client = Some(client),
                Err(why) => rooms.list = Some(Err(why)),
            }
        }
        let Some(client) = rooms.client.clone().filter(|_| !rooms.asking) else { return };
        rooms.asking = true;
        let (server, seen) = (server.to_owned(), rooms.tag.clone());
        self.call(async move {
            let list = async { said(client.rooms_since(&RoomFilter::default(), seen.as_ref(), Duration::ZERO).await) };
            let list = in_time(&server, list).await;
            Answer::Rooms { server, list }
        });
    }
}
