//! The rooms of a server, as they were told last.
//!
//! Flow: [`crate::menu`] → [`Lobby::ask_rooms`] → `transport::lobby` → [`Rooms`].

use super::{Answer, Lobby, in_time, said};
use bevy::prelude::Resource;
use protocol::lobby::RoomInfo;
use transport::lobby::LobbyClient;

/// What is known about the rooms of a server.
#[derive(Resource, Default)]
pub(crate) struct Rooms {
    /// Whose rooms these are.
    pub(crate) server: String,
    /// The rooms, or why there is no list.
    pub(crate) list: Option<Result<Vec<RoomInfo>, String>>,
    /// A call is in flight.
    pub(crate) asking: bool,
}

impl Lobby {
    /// Asks for the rooms of a server.
    pub(crate) fn ask_rooms(&mut self, server: &str, rooms: &mut Rooms) {
        if rooms.asking {
            return;
        }
        rooms.asking = true;
        let server = server.to_owned();
        self.call(async move {
            let list = async { said(LobbyClient::new(&server)?.rooms().await).map(|list| list.rooms) };
            let list = in_time(&server, list).await;
            Answer::Rooms { server, list }
        });
    }
}
