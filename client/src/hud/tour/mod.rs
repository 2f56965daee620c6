//! The guided tour: seven cards at the bottom of the screen, from “HTTP is a letter” to “QUIC is both”.
//!
//! It opens by itself in somebody's first match, notices what the player does, and is never in the way: the match goes on, the card
//! can be closed with its key, and L or the pause panel bring it back.
//!
//! Flow: [`Telemetry`], [`Panels`], [`Switches`] → [`stops`] → the card → [`SwitchWire`], [`Sky`].

mod stops;

use super::{Panel, Panels, keys::Action, netcode::Switches, panel, telemetry::Telemetry};
use crate::{
    args::Args,
    links::{Match, SwitchWire},
    palette,
    settings::Settings,
    style,
    touch::Fingers,
    weather::Sky,
};
use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Align, Align2, Area, Button, Id, Label, Layout, RichText, Ui, vec2};
use protocol::Transport;
use stops::{Facts, Offer, Progress, STOPS, Stop};

/// Where in the tour the player is.
#[derive(Resource, Default)]
pub(crate) struct Tour {
    /// The card is shown.
    pub(super) open: bool,
    stop: usize,
    progress: Progress,
}

/// Opens the card in somebody's first match.
pub(super) fn begin(mut tour: ResMut<Tour>, settings: Res<Settings>, args: Res<Args>, sky: Res<Sky>) {
    // In a page it waits to be asked for: a phone has no room for a card that nobody wanted.
    let by_itself = cfg!(not(target_family = "wasm"));
    tour.open = by_itself && Action::Tour.is_there(&sky) && !settings.tour_seen && !args.scripted();
}

/// Notices what has been done, and reads the keys.
pub(super) fn advance(
    mut tour: ResMut<Tour>,
    mut settings: ResMut<Settings>,
    (keys, panels): (Res<ButtonInput<KeyCode>>, Res<Panels>),
    (telemetry, switches, sky): (Res<Telemetry>, Res<Switches>, Res<Sky>),
) {
    if !tour.open {
        return;
    }
    if !settings.tour_seen {
        settings.tour_seen = true;
    }
    let facts = Facts {
        now: telemetry.now,
        driving: telemetry.status.driving,
        bad: !sky.is_calm(),
        unplugged: sky.is_unplugged(),
        map: panels.right == Some(Panel::Map),
        graph: panels.left == Some(Panel::Graph),
        prediction: switches.netcode.prediction,
    };
    let stop = tour.stop;
    tour.progress.notice(stop, &facts);
    if !panels.take_input() {
        if keys.just_pressed(KeyCode::Period) {
            tour.stop = (stop + 1).min(STOPS.len() - 1);
        } else if keys.just_pressed(KeyCode::Comma) {
            tour.stop = stop.saturating_sub(1);
        }
    }
}

/// What the card changes.
#[derive(bevy::ecs::system::SystemParam)]
pub(super) struct Hands<'w> {
    panels: ResMut<'w, Panels>,
    switches: ResMut<'w, Switches>,
    sky: ResMut<'w, Sky>,
    the_match: ResMut<'w, Match>,
    wanted: MessageWriter<'w, SwitchWire>,
}

/// Draws the card.
pub(super) fn draw(
    mut contexts: EguiContexts,
    mut tour: ResMut<Tour>,
    mut hands: Hands,
    (blind, fingers): (Res<super::blind::Blind>, Res<Fingers>),
    telemetry: Res<Telemetry>,
) -> Result {
    hands.panels.floor = f32::INFINITY;
    if !tour.open || blind.is_running() || hands.panels.chat || hands.panels.pause {
        return Ok(());
    }
    let context = contexts.ctx_mut()?;
    let Some(stop) = STOPS.get(tour.stop) else { return Ok(()) };
    let screen = context.content_rect();
    let card = Card {
        stop,
        number: tour.stop,
        done: tour.progress.is_done(tour.stop),
        // In a low window there is no room for a panel above a whole card.
        brief: screen.height() < LOW && hands.panels.sides().contains(&true),
        fresh: std::mem::take(&mut hands.panels.fresh) && hands.panels.hands,
        by_touch: fingers.seen(),
    };
    let shown =
        Area::new(Id::new("tour")).anchor(Align2::CENTER_BOTTOM, vec2(0.0, -panel::MARGIN)).show(context, |ui| {
            let frame = style::glass().inner_margin(egui::Margin::symmetric(16, 10));
            let answer = frame.show(ui, |ui| {
                ui.set_width(WIDTH.min(screen.width() - 6.0 * style::GRID));
                card.show(ui)
            });
            answer.inner
        });
    super::touch(context, &shown.response, &mut hands.panels);
    hands.panels.floor = shown.response.rect.top();
    match shown.inner {
        Some(Answer::Back) => tour.stop = tour.stop.saturating_sub(1),
        Some(Answer::Next) => tour.stop += 1,
        Some(Answer::Offer) => accept(stop.offer.1, &mut hands, &telemetry),
        Some(Answer::Close) => (tour.open, hands.panels.hands) = (false, false),
        None => {}
    }
    Ok(())
}

/// One stop as it is shown.
struct Card {
    stop: &'static Stop,
    number: usize,
    done: bool,
    brief: bool,
    fresh: bool,
    /// There are no keys.
    by_touch: bool,
}

/// What was pressed on a card.
#[derive(Clone, Copy)]
enum Answer {
    Back,
    Next,
    Offer,
    Close,
}

impl Card {
    fn show(&self, ui: &mut Ui) -> Option<Answer> {
        ui.spacing_mut().item_spacing.y = 4.0;
        let (mark, rgb) = if self.done { ("✔ Done:", palette::PICKUP) } else { ("Try:", palette::ACCENT) };
        let keys = if self.by_touch { String::new() } else { format!("  Keys: {}.", self.stop.keys) };
        let task = RichText::new(format!("{mark} {}{keys}", self.stop.task)).font(style::words(style::SMALL));
        let task = task.color(palette::ink(rgb));
        let title = RichText::new(self.stop.title).font(style::strong(style::MIDDLE));
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(style::quiet(format!("tour {} of {}", self.number + 1, STOPS.len())));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Label::new(if self.brief { task.clone() } else { title }).truncate());
                });
            });
        });
        if self.brief {
            return None;
        }
        ui.label(RichText::new(self.stop.text).font(style::words(style::SMALL)));
        ui.label(task);
        let mut answer = None;
        ui.horizontal(|ui| {
            ui.spacing_mut().button_padding = vec2(8.0, 2.0);
            ui.spacing_mut().interact_size.y = style::row(ui, 28.0);
            let mut press = |ui: &mut Ui, text: &str, means: Answer| {
                let button = ui.add(Button::new(RichText::new(text).font(style::words(style::SMALL))));
                answer = button.clicked().then_some(means).or(answer);
                button
            };
            let offer = press(ui, self.stop.offer.0, Answer::Offer);
            if self.fresh {
                offer.request_focus();
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                press(ui, &style::keyed(ui, "Close", "L"), Answer::Close);
                if self.number + 1 < STOPS.len() {
                    press(ui, &style::keyed(ui, "Next", "."), Answer::Next);
                }
                if self.number > 0 {
                    press(ui, &style::keyed(ui, "Back", ","), Answer::Back);
                }
            });
        });
        answer
    }
}

/// Does for the player what a stop asks for.
fn accept(offer: Offer, hands: &mut Hands, telemetry: &Telemetry) {
    match offer {
        Offer::Map => hands.panels.right = Some(Panel::Map),
        Offer::Graph => {
            hands.panels.left = Some(Panel::Graph);
            let other = Transport::WIRES.into_iter().find(|wire| Some(*wire) != telemetry.status.driving);
            hands.wanted.write_batch(other.map(SwitchWire));
        }
        Offer::Fly(wire, bad) => {
            if bad && hands.sky.is_calm() {
                hands.sky.make_bad();
                hands.sky.enter(&mut hands.the_match.player);
            }
            hands.wanted.write(SwitchWire(wire));
        }
        Offer::Prediction => {
            let on = hands.switches.netcode.prediction;
            hands.switches.netcode.prediction = !on;
        }
        Offer::Unplug => {
            if let Some(wire) = telemetry.status.driving {
                hands.sky.plug(Some(wire), false);
                hands.sky.enter(&mut hands.the_match.player);
            }
        }
    }
}

const WIDTH: f32 = 560.0;
/// Lower windows have room for a card or a panel.
const LOW: f32 = 640.0;
