//! One player without a screen: the client's [`Player`], flown by the bots of the game.
//!
//! Flow: lobby → [`Field::join`] → [`Pilot::update`] every millisecond or so → what [`crate::swarm`] and [`crate::switch`] count.

use game::Bot;
use protocol::Transport;
use protocol::ids::RoomId;
use protocol::lobby::{Grant, Guest, NewRoom, RoomInfo};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use transport::WireOptions;
use transport::lobby::{LobbyClient, LobbyError};
use transport::maps::{MapShelf, assets_dir};
use transport::player::{Entry, Player, PlayerEvent};
use transport::weather::WeatherStation;

/// Time between two looks at every pilot: finer than anything that is measured.
pub const STEP: Duration = Duration::from_millis(1);
/// Skill of the bots that fly: good enough to fight, poor enough to die.
const SKILL: f32 = 0.6;
/// Seats of a room that is opened because the others are full.
const SEATS: u8 = 64;

/// A headless player.
pub struct Pilot {
    /// The client's own machinery.
    pub player: Player,
    bot: Bot,
}

/// What all pilots of one flight share.
#[derive(Clone)]
pub struct Field {
    /// Where their links live.
    pub runtime: Handle,
    /// The server's lobby.
    pub lobby: LobbyClient,
    /// The maps on this machine.
    pub maps: MapShelf,
    /// What is chosen about single wires.
    pub options: WireOptions,
    /// The weather between here and the server; none for the network as it is.
    pub weather: Option<WeatherStation>,
}

impl Field {
    /// Returns the field of the server whose lobby is at `server`, with the maps of this machine.
    ///
    /// # Errors
    /// A sentence: the address is none, or the maps cannot be read.
    pub fn open(
        runtime: &Handle,
        server: &str,
        options: WireOptions,
        weather: Option<WeatherStation>,
    ) -> Result<Self, String> {
        let (lobby, maps) = (LobbyClient::new(server)?, MapShelf::open(&assets_dir(None)?)?);
        Ok(Self { runtime: runtime.clone(), lobby, maps, options, weather })
    }

    fn calm(runtime: &Handle, lobby: &LobbyClient, maps: &MapShelf) -> Self {
        Self {
            runtime: runtime.clone(),
            lobby: lobby.clone(),
            maps: maps.clone(),
            options: WireOptions::default(),
            weather: None,
        }
    }

    /// Seats a new guest called `name` in `room`.
    ///
    /// # Errors
    /// A sentence.
    pub async fn join(
        &self,
        room: RoomId,
        name: &str,
        wire: Option<Transport>,
        seed: u64,
    ) -> Result<Pilot, LobbyError> {
        let guest = self.lobby.guest(name).await?;
        self.join_as(guest, room, wire, seed).await
    }

    /// Seats `guest` in `room`: in the same seat again if they have one there.
    ///
    /// # Errors
    /// A sentence.
    pub async fn join_as(
        &self,
        guest: Guest,
        room: RoomId,
        wire: Option<Transport>,
        seed: u64,
    ) -> Result<Pilot, LobbyError> {
        let grant = self.lobby.take_seat(&guest, room).await?;
        Ok(self.enter(guest, grant, wire, seed))
    }

    /// Seats `guest` where `grant` lets them in.
    pub fn enter(&self, guest: Guest, grant: Grant, wire: Option<Transport>, seed: u64) -> Pilot {
        let (lobby, maps, weather) = (self.lobby.clone(), self.maps.clone(), self.weather.clone());
        let entry = Entry { lobby, guest, grant, maps, wire, first: None, options: self.options, weather };
        Pilot { player: Player::join(&self.runtime, entry, Instant::now()), bot: Bot::new(seed, SKILL) }
    }
}

impl Pilot {
    /// Takes a seat in `room` as a new guest called `name`, over the network as it is.
    ///
    /// # Errors
    /// A sentence.
    pub async fn join(
        runtime: &Handle,
        lobby: &LobbyClient,
        maps: &MapShelf,
        room: RoomId,
        name: &str,
        wire: Option<Transport>,
        seed: u64,
    ) -> Result<Self, LobbyError> {
        Field::calm(runtime, lobby, maps).join(room, name, wire, seed).await
    }

    /// Takes a seat in `room` as `guest`, over the network as it is: the same seat again if they have one there.
    ///
    /// # Errors
    /// A sentence.
    pub async fn join_as(
        runtime: &Handle,
        lobby: &LobbyClient,
        maps: &MapShelf,
        guest: Guest,
        room: RoomId,
        wire: Option<Transport>,
        seed: u64,
    ) -> Result<Self, LobbyError> {
        Field::calm(runtime, lobby, maps).join_as(guest, room, wire, seed).await
    }

    /// Reads, flies every command that is due, and sends. Returns what happened.
    pub fn update(&mut self, now: Instant) -> Vec<PlayerEvent> {
        self.player.update(now);
        while self.player.due(now).is_some() {
            let command = match (self.player.view(), self.player.map()) {
                (Some(view), Some(map)) => self.bot.fly(view, map),
                _ => game::Command::default(),
            };
            self.player.fly(command);
        }
        self.player.flush(now);
        std::iter::from_fn(|| self.player.poll_event()).collect()
    }
}

/// Returns the rooms in which `clients` players find a place each, one entry per player; opens more rooms if need be.
///
/// # Errors
/// A sentence.
pub async fn places(lobby: &LobbyClient, room: Option<RoomId>, clients: usize) -> Result<Vec<RoomId>, LobbyError> {
    if let Some(room) = room {
        return Ok(vec![room; clients]);
    }
    let free = |room: &RoomInfo| usize::from(room.seats.saturating_sub(room.players));
    let rooms = lobby.rooms().await?.rooms;
    let mut places: Vec<RoomId> = rooms.iter().flat_map(|room| std::iter::repeat_n(room.id, free(room))).collect();
    while places.len() < clients {
        // Everybody leads one room at most.
        let founder = lobby.guest("Founder").await?;
        let wish = NewRoom { name: Some("Swarm".into()), seats: Some(SEATS), ..NewRoom::default() };
        let room = lobby.open_room(&founder, &wish).await?.room;
        places.extend(std::iter::repeat_n(room.id, free(&room)));
    }
    places.truncate(clients);
    Ok(places)
}

/// Sleeps until `next` and moves it on by one [`STEP`]; after a hiccup it does not hurry.
pub fn wait_step(next: &mut Instant) {
    let now = Instant::now();
    if let Some(wait) = next.checked_duration_since(now) {
        std::thread::sleep(wait);
        *next += STEP;
    } else {
        *next = now + STEP;
    }
}
