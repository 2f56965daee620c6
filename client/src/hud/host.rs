//! The room, in the pause panel: how friends get in and who is there; and for its host to begin the match, change the map, and send
//! somebody away.
//!
//! The panel asks the lobby while it is open, every two seconds, and never waits for it.
//!
//! Flow: [`SeatGranted`] → [`House`] → [`draw`] ↔ `transport::lobby`.

use super::{Panel, Panels};
use crate::{
    assets::Maps,
    invite,
    lobby::{Lobby, SeatGranted},
    palette, style,
};
use bevy::prelude::*;
use bevy_egui::egui::{Align, Button, Layout, RichText, ScrollArea, Ui, vec2};
use game::PhaseKind;
use protocol::{
    PlayerId, RoomId,
    lobby::{Guest, Invite, Member, RoomChange, RoomInfo},
};
use std::{
    future::Future,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
};
use transport::lobby::{LobbyClient, LobbyError};
use transport::runtime::Handle;
use web_time::{Duration, Instant};

/// The room that we are in, as the lobby told it last.
#[derive(Resource)]
pub(crate) struct House {
    entered: Option<Entered>,
    room: Option<RoomInfo>,
    invite: Option<Invite>,
    members: Vec<Member>,
    asked: Option<Instant>,
    /// We opened it: friends are to come.
    ours: bool,
    /// What the last order came to: nothing, or why it was refused.
    complaint: Option<String>,
    /// Who is to be sent away, if the host means it, and when that was pressed.
    doubted: Option<(PlayerId, Instant)>,
    sender: Sender<(RoomId, News)>,
    inbox: Mutex<Receiver<(RoomId, News)>>,
}

#[derive(Clone)]
struct Entered {
    lobby: LobbyClient,
    guest: Guest,
    room: RoomId,
}

enum News {
    Room(Result<RoomInfo, LobbyError>),
    Invite(Result<Invite, LobbyError>),
    Members(Result<Vec<Member>, LobbyError>),
    Done(Result<(), LobbyError>),
}

impl Default for House {
    fn default() -> Self {
        let (sender, inbox) = channel();
        Self {
            entered: None,
            room: None,
            invite: None,
            members: Vec::new(),
            asked: None,
            ours: false,
            complaint: None,
            doubted: None,
            sender,
            inbox: Mutex::new(inbox),
        }
    }
}

/// Notes into which room we got.
pub(super) fn enter(mut granted: MessageReader<SeatGranted>, mut house: ResMut<House>) {
    if let Some(seat) = granted.read().last() {
        let entered = Entered { lobby: seat.lobby.clone(), guest: seat.guest.clone(), room: seat.grant.room };
        let (invite, ours) = (seat.invite.clone(), seat.invite.is_some());
        *house = House { entered: Some(entered), invite, ours, ..House::default() };
    }
}

/// What the host wants.
enum Order {
    Start,
    Map(String),
    Kick(PlayerId),
}

/// Asks for the invite while it is to be shown: it changes when somebody is sent away.
pub(super) fn follow(panels: Res<Panels>, lobby: Res<Lobby>, mut house: ResMut<House>) {
    if panels.right == Some(Panel::Invite) {
        house.keep_up(lobby.runtime());
    }
}

impl House {
    /// Returns how friends get in, once that is known.
    pub(super) const fn invite(&self) -> Option<&Invite> {
        self.invite.as_ref()
    }

    /// Returns whether we opened the room, so that friends are to come.
    pub(super) const fn is_ours(&self) -> bool {
        self.ours
    }

    /// Asks how things are, if it is time to.
    fn keep_up(&mut self, runtime: &Handle) {
        let heard: Vec<_> = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).try_iter().collect();
        for (room, news) in heard {
            if self.entered.as_ref().is_some_and(|entered| entered.room == room) {
                self.hear(news);
            }
        }
        if self.asked.is_some_and(|asked| asked.elapsed() < ASK_EVERY) {
            return;
        }
        let Some(Entered { lobby, guest, room }) = self.entered.clone() else { return };
        self.asked = Some(Instant::now());
        let (us, them, we) = (lobby.clone(), lobby.clone(), guest.clone());
        let who = guest.clone();
        self.call(runtime, async move { News::Room(us.room(Some(&who), room).await) });
        self.call(runtime, async move { News::Members(them.members(&we, room).await.map(|list| list.members)) });
        // A private room has another code after somebody was sent away.
        self.call(runtime, async move { News::Invite(lobby.invite(&guest, room).await) });
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Room(Ok(room)) => self.room = Some(room),
            News::Invite(Ok(invite)) => self.invite = Some(invite),
            News::Members(Ok(members)) => self.members = members,
            News::Done(Ok(())) => (self.complaint, self.asked) = (None, None),
            News::Done(Err(error)) => self.complaint = Some(error.to_string()),
            // It is asked again in a moment; a match does not depend on it.
            News::Room(Err(error)) | News::Invite(Err(error)) | News::Members(Err(error)) => {
                debug!("the room could not be asked about: {error}");
            }
        }
    }

    /// Returns who is sent away if it is pressed once more.
    fn doubted(&self) -> Option<PlayerId> {
        self.doubted.filter(|(_, since)| since.elapsed() < DOUBT).map(|(player, _)| player)
    }

    /// The host wants somebody sent away. Whether they mean it is asked first: there is no way back in.
    fn doubt(&mut self, player: PlayerId) -> Option<Order> {
        if self.doubted() == Some(player) {
            self.doubted = None;
            return Some(Order::Kick(player));
        }
        self.doubted = Some((player, Instant::now()));
        None
    }

    fn order(&self, runtime: &Handle, order: Order) {
        let Some(Entered { lobby, guest, room }) = self.entered.clone() else { return };
        self.call(runtime, async move {
            News::Done(match order {
                Order::Start => lobby.start(&guest, room).await,
                Order::Kick(player) => lobby.kick(&guest, room, player).await,
                Order::Map(map) => {
                    let change = RoomChange { map: Some(map), ..RoomChange::default() };
                    lobby.change_room(&guest, room, &change).await.map(drop)
                }
            })
        });
    }

    fn call(&self, runtime: &Handle, call: impl Future<Output = News> + Send + 'static) {
        let (sender, Some(room)) = (self.sender.clone(), self.entered.as_ref().map(|entered| entered.room)) else {
            return;
        };
        runtime.spawn(async move {
            // Nobody listens any more once another room was entered.
            let _ = sender.send((room, call.await));
        });
    }
}

/// What the panel is made of.
#[derive(bevy::ecs::system::SystemParam)]
pub(super) struct Room<'w> {
    house: ResMut<'w, House>,
    lobby: Res<'w, Lobby>,
    maps: Res<'w, Maps>,
}

impl Room<'_> {
    /// Returns whether there is a room to tell of.
    pub(super) fn is_known(&self) -> bool {
        self.house.entered.is_some()
    }
}

/// Draws the part of the pause panel that is about the room.
pub(super) fn draw(ui: &mut Ui, parts: &mut Room<'_>) {
    let runtime = parts.lobby.runtime().clone();
    parts.house.keep_up(&runtime);
    let house = &mut *parts.house;
    let own = house.entered.as_ref().map(|entered| entered.guest.player);
    let hosts = own.is_some() && house.room.as_ref().is_some_and(|room| room.host == own);
    ui.heading(house.room.as_ref().map_or("Room", |room| room.name.as_str()));
    if let Some(invite) = &house.invite {
        invite::card(ui, invite);
    }
    let mut order = None;
    if hosts {
        ui.add_space(style::GRID);
        let plays = house.room.as_ref().is_some_and(|room| room.phase == PhaseKind::Live);
        if style::button(ui, if plays { "Start a new match now" } else { "Start the match now" }).clicked() {
            order = Some(Order::Start);
        }
        if let (Ok(maps), Some(room)) = (&parts.maps.0, &house.room) {
            order = draw_maps(ui, maps.names(), &room.map).map(Order::Map).or(order);
        }
    }
    ui.add_space(style::GRID);
    if let Some(player) = draw_people(ui, house, own, hosts) {
        order = house.doubt(player).or(order);
    }
    if let Some(complaint) = &house.complaint {
        ui.colored_label(palette::ink(palette::ALARM), complaint);
    }
    if let Some(order) = order {
        house.order(&runtime, order);
    }
}

fn draw_maps<'a>(ui: &mut Ui, names: impl Iterator<Item = &'a str>, present: &str) -> Option<String> {
    let mut chosen = None;
    ui.label(style::quiet("Map of the next match"));
    ui.horizontal_wrapped(|ui| {
        for name in names {
            let text = RichText::new(name).font(style::words(style::SMALL));
            let button = Button::selectable(name == present, text).min_size(vec2(0.0, ROW)).frame_when_inactive(true);
            if ui.add(button).clicked() {
                chosen = Some(name.to_owned());
            }
        }
    });
    chosen
}

/// Lists who is there. Returns whom the host wants sent away.
fn draw_people(ui: &mut Ui, house: &House, own: Option<PlayerId>, hosts: bool) -> Option<PlayerId> {
    let mut pressed = None;
    let doubted = house.doubted();
    let (people, rgb) = match house.members.iter().find(|member| Some(member.player) == doubted) {
        Some(member) => (format!("Once sent away, {} cannot come back.", member.name), palette::ALARM),
        None if house.members.len() > 1 => (format!("{} people", house.members.len()), palette::QUIET),
        None => ("Nobody else is here yet.".to_owned(), palette::QUIET),
    };
    ui.label(style::quiet(people).color(palette::ink(rgb)));
    ScrollArea::vertical().max_height(PEOPLE_HEIGHT).min_scrolled_height(PEOPLE_HEIGHT).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = style::GRID * 0.5;
        for member in &house.members {
            ui.horizontal(|ui| {
                ui.set_min_height(ROW);
                let is_own = own == Some(member.player);
                let leads = house.room.as_ref().is_some_and(|room| room.host == Some(member.player));
                let (what, rgb) = match (member.seat, member.wire) {
                    (None, _) => ("watches", palette::QUIET),
                    (Some(_), None) => ("away", palette::QUIET),
                    (Some(_), Some(_)) if leads => ("host", palette::QUIET),
                    (Some(_), Some(wire)) => (wire.name(), palette::wire(wire)),
                };
                let name = RichText::new(&member.name).font(style::strong(style::SMALL));
                ui.label(name.color(palette::ink(if is_own { palette::OWN } else { palette::TEXT })));
                ui.label(style::quiet(what).color(palette::ink(rgb)));
                if hosts && !is_own {
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        let text = if doubted == Some(member.player) { "Really?" } else { "Kick" };
                        let kick = Button::new(RichText::new(text).font(style::words(style::SMALL)));
                        if ui.add(kick.min_size(vec2(KICK, ROW))).clicked() {
                            pressed = Some(member.player);
                        }
                    });
                }
            });
        }
        style::follow_focus(ui);
    });
    pressed
}

/// How often the lobby is asked while the panel is open.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// How long it counts that somebody was about to be sent away.
const DOUBT: Duration = Duration::from_secs(5);
/// Width of the button that sends somebody away.
const KICK: f32 = 84.0;
/// Height of a row in the list of people.
const ROW: f32 = 28.0;
/// Seven people; more can be scrolled to.
const PEOPLE_HEIGHT: f32 = 210.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_away_by_one_press() {
        let mut house = House::default();
        let [ada, bob] = [PlayerId(1), PlayerId(2)];
        assert!(house.doubt(ada).is_none() && house.doubt(bob).is_none(), "another row is another question");
        assert!(matches!(house.doubt(bob), Some(Order::Kick(player)) if player == bob));
        assert!(house.doubt(bob).is_none(), "the answer was given");
        house.doubted = Instant::now().checked_sub(DOUBT).map(|since| (ada, since));
        assert!(house.doubt(ada).is_none(), "the question is too old");
    }
}
