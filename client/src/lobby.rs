//! The calls to the lobby: which rooms there are, and a seat in one of them.
//!
//! The calls are asynchronous and the game is not, so each runs on a small runtime of its own and is collected, once finished, by
//! a system. An answer that nobody waits for any more is dropped: whoever went back to the menu is not thrown into a match.
//!
//! Flow: [`crate::menu`], `--quick`, Reconnect → [`Wish`] → `transport::lobby` → [`Answer`] → [`crate::links`] or
//! [`crate::state::Failure`].

use crate::{
    args::{self, Args},
    identity::Identity,
    settings::Settings,
    state::{Failure, NOT_JOINED, Screen},
};
use bevy::prelude::*;
use protocol::{
    RoomId, Transport,
    lobby::{Grant, Guest, NewRoom, RoomInfo},
    names::valid_name,
};
use std::{future::Future, time::Duration};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinSet,
    time::timeout,
};
use transport::lobby::{LobbyClient, LobbyError};

/// Asks the lobby and takes its answers in.
pub(crate) struct LobbyPlugin;

impl Plugin for LobbyPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Lobby>().init_resource::<Rooms>().add_message::<Wish>().add_message::<SeatGranted>();
        app.add_systems(Startup, join_at_once);
        app.add_systems(PreUpdate, (wish, collect).chain());
    }
}

/// Please join. The screen changes to [`Screen::Connecting`] at once.
#[derive(Message, Clone, Debug)]
pub(crate) struct Wish {
    /// The lobby's address.
    pub(crate) server: String,
    /// Name to play under.
    pub(crate) name: String,
    /// Where to.
    pub(crate) goal: Goal,
    /// Wire to begin on; none tries them in turn.
    pub(crate) wire: Option<Transport>,
}

/// Where to.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    /// Wherever a match can be had, first of all where a seat is kept.
    Quick,
    /// This room.
    Room(RoomId),
    /// A room of one's own.
    Open(NewRoom),
}

/// The lobby gave us a seat.
#[derive(Message)]
pub(crate) struct SeatGranted {
    /// The lobby that did.
    pub(crate) lobby: LobbyClient,
    /// Who we are.
    pub(crate) guest: Guest,
    /// The seat.
    pub(crate) grant: Grant,
    /// Wire to begin on.
    pub(crate) wire: Option<Transport>,
}

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

/// The calls in flight.
#[derive(Resource)]
pub(crate) struct Lobby {
    runtime: Runtime,
    calls: JoinSet<Answer>,
    /// The wish that is being fulfilled, or was the last one.
    wish: Option<Wish>,
    /// Counts wishes, so that the answer to an old one is known as such.
    number: u64,
    identity: Option<Identity>,
    calls_made: u64,
}

enum Answer {
    Rooms { server: String, list: Result<Vec<RoomInfo>, String> },
    Seat { number: u64, seat: Box<Result<(LobbyClient, Guest, Grant), String>> },
}

impl Default for Lobby {
    fn default() -> Self {
        // Two threads: the links' sockets and the lobby's calls mostly wait.
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("wire").enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("The system gave us no thread for the network: {error}"));
        Self { runtime, calls: JoinSet::new(), wish: None, number: 0, identity: None, calls_made: 0 }
    }
}

impl Lobby {
    /// Returns where the links' tasks run.
    pub(crate) fn runtime(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Returns the wish that is being fulfilled, or was the last one.
    pub(crate) const fn last_wish(&self) -> Option<&Wish> {
        self.wish.as_ref()
    }

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

    /// Lets go of whatever is being joined.
    pub(crate) const fn give_up(&mut self) {
        self.number += 1;
    }

    /// Notes that the seat was given up, so that Quick play need not return to it.
    pub(crate) fn leave_room(&mut self) {
        if let Some(identity) = &mut self.identity {
            identity.leave_room();
        }
    }

    fn join(&mut self, wish: Wish) {
        let known = self.identity.take().filter(|identity| identity.is_for(&wish.server, &wish.name));
        let identity = known.unwrap_or_else(|| Identity::take(&wish.server, &wish.name));
        let (name, guest, kept) = (identity.name.clone(), identity.guest(), identity.room());
        self.identity = Some(identity);
        self.wish = Some(wish.clone());
        self.number += 1;
        let number = self.number;
        self.call(async move {
            let seat = in_time(&wish.server, seat(&wish, name, guest, kept)).await;
            Answer::Seat { number, seat: Box::new(seat) }
        });
    }

    /// Returns how many questions the lobby was asked.
    pub(crate) const fn calls_made(&self) -> u64 {
        self.calls_made
    }

    fn call(&mut self, call: impl Future<Output = Answer> + Send + 'static) {
        self.calls_made += 1;
        self.calls.spawn_on(call, self.runtime.handle());
    }
}

/// Returns a wish for what the menu's fields say.
pub(crate) fn wish_for(settings: &Settings, goal: Goal) -> Wish {
    Wish { server: settings.server.trim().to_owned(), name: settings.name.trim().to_owned(), goal, wire: settings.wire }
}

fn join_at_once(args: Res<Args>, settings: Res<Settings>, mut wishes: MessageWriter<Wish>) {
    if let Some(room) = args.at_once() {
        wishes.write(wish_for(&settings, room.map_or(Goal::Quick, Goal::Room)));
    }
}

fn wish(
    mut wishes: MessageReader<Wish>,
    mut lobby: ResMut<Lobby>,
    mut failure: ResMut<Failure>,
    mut next: ResMut<NextState<Screen>>,
) {
    let Some(wish) = wishes.read().last() else { return };
    if valid_name(&wish.name) {
        lobby.join(wish.clone());
        next.set(Screen::Connecting);
    } else {
        let why = format!("“{}” cannot be used: {}.", wish.name, args::NAME_RULE);
        *failure = Failure { title: NOT_JOINED, why, advice: "Choose another name in the menu." };
        next.set(Screen::Failed);
    }
}

fn collect(
    mut lobby: ResMut<Lobby>,
    mut rooms: ResMut<Rooms>,
    mut granted: MessageWriter<SeatGranted>,
    mut failure: ResMut<Failure>,
    mut next: ResMut<NextState<Screen>>,
) {
    while let Some(finished) = lobby.calls.try_join_next() {
        match finished {
            Ok(Answer::Rooms { server, list }) => *rooms = Rooms { server, list: Some(list), asking: false },
            Ok(Answer::Seat { number, seat }) if number == lobby.number => match *seat {
                Ok((client, guest, grant)) => {
                    if let Some(identity) = &mut lobby.identity {
                        identity.keep(guest.clone(), grant.room);
                    }
                    let wire = lobby.wish.as_ref().and_then(|wish| wish.wire);
                    granted.write(SeatGranted { lobby: client, guest, grant, wire });
                }
                Err(why) => {
                    *failure =
                        Failure { title: NOT_JOINED, why, advice: "Check the address in the menu, or try again." };
                    next.set(Screen::Failed);
                }
            },
            Ok(Answer::Seat { .. }) => {}
            Err(error) => {
                rooms.asking = false;
                error!("A call to the lobby ended in a fault of ours: {error}");
            }
        }
    }
}

/// Gets a seat for a guest, as the one the server knows if it still does.
async fn seat(
    wish: &Wish,
    name: String,
    known: Option<Guest>,
    kept: Option<RoomId>,
) -> Result<(LobbyClient, Guest, Grant), String> {
    let lobby = LobbyClient::new(&wish.server)?;
    if let Some(guest) = known {
        match seat_as(&lobby, &guest, &wish.goal, kept).await {
            Ok(grant) => return Ok((lobby, guest, grant)),
            // The server was started anew and has forgotten everybody.
            Err(error) if forgotten(&error) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    let guest = said(lobby.guest(&name).await)?;
    let grant = said(seat_as(&lobby, &guest, &wish.goal, None).await)?;
    Ok((lobby, guest, grant))
}

async fn seat_as(lobby: &LobbyClient, guest: &Guest, goal: &Goal, kept: Option<RoomId>) -> Result<Grant, LobbyError> {
    match goal {
        Goal::Room(room) => lobby.take_seat(guest, *room).await,
        Goal::Open(new) => {
            let room = lobby.open_room(guest, new).await?;
            lobby.take_seat(guest, room.id).await
        }
        Goal::Quick => {
            let mut rooms = lobby.rooms().await?.rooms;
            rooms.retain(|room| Some(room.id) == kept || room.players < room.seats);
            // Where a seat is kept first, then where most people are.
            rooms.sort_by_key(|room| (Some(room.id) != kept, u8::MAX - room.players, room.id));
            for room in &rooms {
                match lobby.take_seat(guest, room.id).await {
                    Ok(grant) => return Ok(grant),
                    Err(error) if forgotten(&error) => return Err(error),
                    // Somebody was faster; the next room will do.
                    Err(error) => debug!("Room {} gave us no seat: {error}", room.id.0),
                }
            }
            let room = lobby.open_room(guest, &NewRoom::default()).await?;
            lobby.take_seat(guest, room.id).await
        }
    }
}

/// Returns whether the server does not know this guest any more.
fn forgotten(error: &LobbyError) -> bool {
    error.status() == Some(UNAUTHORIZED)
}

fn said<T>(answer: Result<T, LobbyError>) -> Result<T, String> {
    answer.map_err(|error| error.to_string())
}

async fn in_time<T>(server: &str, call: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = || Err(format!("The server at {server} did not answer within {} seconds.", PATIENCE.as_secs()));
    timeout(PATIENCE, call).await.unwrap_or_else(|_| late())
}

/// The HTTP status for a secret that the server does not know.
const UNAUTHORIZED: u16 = 401;
/// Longest that a player looks at a connecting screen before being told why.
const PATIENCE: Duration = Duration::from_secs(8);
