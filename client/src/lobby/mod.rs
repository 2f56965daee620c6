//! The calls to the lobby: which rooms there are, and a seat in one of them.
//!
//! The calls are asynchronous and the game is not, so each runs on a small runtime of its own and is collected, once finished, by
//! a system. An answer that nobody waits for any more is dropped: whoever went back to the menu is not thrown into a match.
//!
//! Flow: [`crate::menu`], the command line, Reconnect → [`Wish`] → [`joining`] → [`Answer`] → [`crate::links`] or
//! [`crate::state::Failure`].

mod account;
mod joining;
mod lookout;
mod rooms;

pub(crate) use account::Account;
pub(crate) use lookout::{Lead, Lookout, Pulse, milliseconds, shown};
pub(crate) use rooms::Rooms;

use crate::{
    args::{self, Args},
    identity::Identity,
    settings::Settings,
    state::{Failure, NOT_JOINED, Screen},
};
use bevy::prelude::*;
use joining::{Seat, seat};
use protocol::{
    RoomId, Transport,
    lobby::{Grant, Guest, Invite, NewRoom, RoomList, SeatWish},
    names::valid_name,
};
use std::{future::Future, time::Duration};
use tokio::sync::oneshot::{self, error::TryRecvError};
use transport::{
    lobby::{LobbyClient, LobbyError, Versioned},
    runtime::{Handle, Runtime, runtime, timeout},
};

/// Asks the lobby and takes its answers in.
pub(crate) struct LobbyPlugin;

impl Plugin for LobbyPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Lobby>().init_resource::<Rooms>().init_resource::<Lookout>();
        app.add_message::<Wish>().add_message::<SeatGranted>();
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
    Room(RoomId, SeatWish),
    /// The room that this code leads to.
    Code(String, SeatWish),
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
    /// How friends get in, if we opened the room.
    pub(crate) invite: Option<Invite>,
}

/// The calls in flight.
#[derive(Resource)]
pub(crate) struct Lobby {
    runtime: Runtime,
    calls: Vec<oneshot::Receiver<Answer>>,
    /// The wish that is being fulfilled, or was the last one.
    wish: Option<Wish>,
    /// Counts wishes, so that the answer to an old one is known as such.
    number: u64,
    account: Option<Account>,
    /// The room that we lead already, if that is why we could not open another one.
    led: Option<RoomId>,
    /// The room that we wanted into is gone, or not for us.
    shut: bool,
    calls_made: u64,
}

enum Answer {
    Rooms { server: String, list: Result<Option<Versioned<RoomList>>, String> },
    Seat { number: u64, seat: Box<Result<(Account, Seat), Denied>> },
}

/// Why there is no seat.
struct Denied {
    /// One sentence.
    why: String,
    /// What to do about it, unless the sentence says so.
    advice: &'static str,
    /// The room asks for a password, or for another one.
    locked: bool,
    /// We lead this room already.
    led: Option<RoomId>,
    /// The room is gone, or not for us: trying again does not help.
    shut: bool,
}

impl From<String> for Denied {
    fn from(why: String) -> Self {
        Self { why, advice: UNREACHED, locked: false, led: None, shut: false }
    }
}

impl From<LobbyError> for Denied {
    fn from(error: LobbyError) -> Self {
        let (why, led) = (error.to_string(), error.room());
        let locked = matches!(&error, LobbyError::Refused(problem) if problem.asks_password());
        let advice = if error.status().is_some() { "" } else { UNREACHED };
        let shut = !locked && matches!(error.status(), Some(FORBIDDEN | NOT_FOUND));
        Self { why, advice, locked, led, shut }
    }
}

impl Default for Lobby {
    fn default() -> Self {
        let runtime = runtime().unwrap_or_else(|error| panic!("The system gave us no thread for the network: {error}"));
        Self { runtime, calls: Vec::new(), wish: None, number: 0, account: None, led: None, shut: false, calls_made: 0 }
    }
}

impl Lobby {
    /// Returns where the links' tasks run, and calls whose answers are collected elsewhere.
    pub(crate) fn runtime(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Returns the wish that is being fulfilled, or was the last one.
    pub(crate) const fn last_wish(&self) -> Option<&Wish> {
        self.wish.as_ref()
    }

    /// Returns the room that we lead already, if that is why we could not open another one.
    pub(crate) const fn led_room(&self) -> Option<RoomId> {
        self.led
    }

    /// Returns whether the room that we wanted into is gone, or not for us.
    pub(crate) const fn is_shut(&self) -> bool {
        self.shut
    }

    /// Returns the password that was tried at the last door, to be mended.
    pub(crate) const fn tried_password(&mut self) -> Option<&mut String> {
        match &mut self.wish {
            Some(Wish { goal: Goal::Room(_, wish) | Goal::Code(_, wish), .. }) => wish.password.as_mut(),
            _ => None,
        }
    }

    /// Returns who plays as `name` at `server`: the same person for the same two as long as no others are asked for.
    ///
    /// # Errors
    /// One sentence if `server` is no address.
    pub(crate) fn account(&mut self, server: &str, name: &str) -> Result<Account, String> {
        if let Some(account) = self.account.as_ref().filter(|account| account.is_for(server, name)) {
            return Ok(account.clone());
        }
        let lobby = LobbyClient::new(server)?;
        // Let go of the old one first: it may be the same file.
        self.account = None;
        let account = Account::new(lobby, Identity::take(server, name));
        self.account = Some(account.clone());
        Ok(account)
    }

    /// Notes that the door we stood at asks for a password; there is one to be typed from now on, if it was not so before.
    fn ask_password(&mut self) {
        if let Some(Wish { goal: Goal::Room(_, wish) | Goal::Code(_, wish), .. }) = &mut self.wish {
            wish.password.get_or_insert_default();
        }
    }

    /// Lets go of whatever is being joined.
    pub(crate) const fn give_up(&mut self) {
        self.number += 1;
    }

    /// Returns the room in which a seat may be waiting for us.
    pub(crate) fn kept_room(&self) -> Option<RoomId> {
        self.account.as_ref()?.room()
    }

    /// Notes that the seat was given up, so that nobody need return to it.
    pub(crate) fn leave_room(&mut self) {
        if let Some(account) = &self.account {
            account.sit_in(None);
        }
    }

    /// Notes that the server calls us by another name from now on; the settings must say the same. Nobody is who we were any more.
    pub(crate) fn renamed(&mut self, server: &str, guest: Guest) {
        let Some(old) = self.account.take() else { return };
        old.forget();
        let mut identity = Identity::take(server, &guest.name);
        identity.keep(guest);
        self.account = Some(Account::new(old.lobby, identity));
    }

    fn join(&mut self, wish: Wish) {
        let account = self.account(&wish.server, &wish.name);
        (self.wish, self.led, self.shut) = (Some(wish.clone()), None, false);
        self.number += 1;
        let number = self.number;
        self.call(async move {
            let seat = async {
                let account = account?;
                let seat = seat(&account, &wish.goal).await?;
                Ok((account, seat))
            };
            Answer::Seat { number, seat: Box::new(in_time(&wish.server, seat).await) }
        });
    }

    /// Returns how many questions the lobby was asked.
    pub(crate) const fn calls_made(&self) -> u64 {
        self.calls_made
    }

    /// Takes the answers that have come; an error for a call that will never have one.
    fn answers(&mut self) -> Vec<Result<Answer, TryRecvError>> {
        let mut answers = Vec::new();
        self.calls.retain_mut(|call| match call.try_recv() {
            Err(TryRecvError::Empty) => true,
            finished => {
                answers.push(finished);
                false
            }
        });
        answers
    }

    fn call(&mut self, call: impl Future<Output = Answer> + Send + 'static) {
        self.calls_made += 1;
        let (done, answer) = oneshot::channel();
        self.calls.push(answer);
        // Nobody may want to know any more.
        self.runtime.handle().spawn(async move { drop(done.send(call.await)) });
    }
}

/// Returns a wish for what the menu's fields say.
pub(crate) fn wish_for(settings: &Settings, goal: Goal) -> Wish {
    Wish { server: settings.server.trim().to_owned(), name: settings.name.trim().to_owned(), goal, wire: settings.wire }
}

fn join_at_once(args: Res<Args>, settings: Res<Settings>, mut wishes: MessageWriter<Wish>) {
    if let Some(goal) = args.at_once() {
        wishes.write(wish_for(&settings, goal));
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
    (mut rooms, mut settings): (ResMut<Rooms>, ResMut<Settings>),
    mut granted: MessageWriter<SeatGranted>,
    mut failure: ResMut<Failure>,
    mut next: ResMut<NextState<Screen>>,
) {
    for finished in lobby.answers() {
        match finished {
            Ok(Answer::Rooms { server, list }) => rooms.take(&server, list),
            Ok(Answer::Seat { number, seat }) if number == lobby.number => match *seat {
                Ok((account, Seat { guest, grant, invite })) => {
                    account.sit_in(Some(grant.room));
                    settings.played_on(account.lobby.base());
                    let wire = lobby.wish.as_ref().and_then(|wish| wish.wire);
                    granted.write(SeatGranted { lobby: account.lobby, guest, grant, wire, invite });
                }
                Err(Denied { why, advice, locked, led, shut }) => {
                    if locked {
                        lobby.ask_password();
                    }
                    (lobby.led, lobby.shut) = (led, shut);
                    *failure = Failure { title: NOT_JOINED, why, advice };
                    next.set(Screen::Failed);
                }
            },
            Ok(Answer::Seat { .. }) => {}
            Err(_) => {
                rooms.forget();
                error!("A call to the lobby ended in a fault of ours.");
            }
        }
    }
}

fn said<T>(answer: Result<T, LobbyError>) -> Result<T, String> {
    answer.map_err(|error| error.to_string())
}

async fn in_time<T, E: From<String>>(server: &str, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let late = || Err(format!("The server at {server} did not answer within {} seconds.", PATIENCE.as_secs()).into());
    timeout(PATIENCE, call).await.unwrap_or_else(|_| late())
}

/// What to do when a server cannot be spoken with.
const UNREACHED: &str = "Check the address in the menu, or let the doctor look.";
/// The HTTP statuses for a door that stays closed, and for one that is not there.
const FORBIDDEN: u16 = 403;
const NOT_FOUND: u16 = 404;
/// Longest that a player looks at a connecting screen before being told why.
const PATIENCE: Duration = Duration::from_secs(8);
