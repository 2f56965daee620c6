//! The middle of the screen: countdown, result, own death, and what to know when nothing arrives.
//!
//! Large, short, and gone again: whatever stands here stands in the way.
//!
//! Flow: [`Picture`], [`Told`], [`Happened`] → [`Banner`] → [`super::canvas`].

use super::{canvas::Canvas, wire};
use crate::{
    links::{Match, Told},
    palette,
    picture::{Happened, Picture},
    style,
    weather::Sky,
};
use bevy::prelude::*;
use bevy_egui::egui::{Align2, Rect, pos2, vec2};
use game::{PhaseKind, SeatId, tick::TICK_HZ};
use protocol::{Transport, wire::event::ServerEvent};
use std::time::Duration;
use transport::player::{PlayerEvent, Status};

/// What the middle of the screen has to say.
#[derive(Resource, Default)]
pub(super) struct Banner {
    started: Option<Duration>,
    killer: Option<SeatId>,
    /// Set once the result is known; inside is who won.
    winner: Option<Option<SeatId>>,
}

/// Notes what the banner is about.
pub(super) fn note(
    mut told: MessageReader<Told>,
    mut happened: MessageReader<Happened>,
    the_match: Option<Res<Match>>,
    mut banner: ResMut<Banner>,
    time: Res<Time<Real>>,
) {
    let own = the_match.as_ref().and_then(|the_match| the_match.player.seat());
    for Told(event) in told.read() {
        match event {
            PlayerEvent::Game(ServerEvent::Kill { killer, victim, .. }) if Some(*victim) == own => {
                banner.killer = *killer;
            }
            PlayerEvent::Game(ServerEvent::Finished { winner }) => banner.winner = Some(*winner),
            _ => {}
        }
    }
    for event in happened.read() {
        if let Happened::Counted { left: 0 } = event {
            (banner.started, banner.winner) = (Some(time.elapsed()), None);
        }
    }
}

impl Banner {
    /// Draws what there is to say.
    pub(super) fn draw(&self, canvas: &Canvas, picture: &Picture, now: Duration) {
        let Some(scene) = &picture.scene else { return };
        let above = canvas.screen.center() - vec2(0.0, canvas.screen.height() * 0.22);
        let center = Align2::CENTER_CENTER;
        match scene.phase.kind {
            PhaseKind::Countdown => {
                // Each number comes in bright and fades until the next: one size, since every size is a new set of glyphs.
                let left = scene.phase_left.as_secs_f32();
                let text = left.ceil().max(1.0).to_string();
                let color = palette::faded(palette::TEXT, 0.35 + 0.65 * left.fract());
                canvas.text(above, center, &text, style::numbers(style::HUGE), color);
            }
            PhaseKind::Results => self.draw_result(canvas, picture),
            PhaseKind::Live | PhaseKind::Waiting => {
                let since = self.started.map(|at| now.saturating_sub(at).as_secs_f32());
                if let Some(age) = since.filter(|age| *age < GO_SECONDS) {
                    let color = palette::faded(palette::TEXT, 1.0 - age / GO_SECONDS);
                    canvas.text(above, center, "GO", style::strong(style::HUGE), color);
                }
                self.draw_death(canvas, picture);
            }
        }
    }

    fn draw_result(&self, canvas: &Canvas, picture: &Picture) {
        let Some(winner) = self.winner else { return };
        let own = picture.own();
        let (text, rgb) = match winner {
            Some(seat) if Some(seat) == own => ("Victory".to_owned(), palette::OWN),
            Some(seat) => (format!("{} wins", picture.name(seat)), palette::pilot(seat, own)),
            None => ("Draw".to_owned(), palette::TEXT),
        };
        let at = canvas.screen.center_top() + vec2(0.0, RESULT_TOP);
        canvas.text(at, Align2::CENTER_CENTER, &text, style::strong(style::TITLE), palette::ink(rgb));
    }

    fn draw_death(&self, canvas: &Canvas, picture: &Picture) {
        let own = picture.scene.as_ref().and_then(|scene| scene.own.as_ref());
        let Some(own) = own.filter(|own| !own.ship.alive()) else { return };
        let at = canvas.screen.center() + vec2(0.0, canvas.screen.height() * DEATH_SHARE);
        let quiet = palette::ink(palette::QUIET);
        let font = style::strong(style::LARGE);
        match self.killer {
            Some(killer) => {
                let name = palette::ink(palette::pilot(killer, Some(own.seat)));
                let pieces = [("Destroyed by ", quiet), (picture.name(killer), name)];
                canvas.line(at, Align2::CENTER_CENTER, &font, &pieces);
            }
            None => drop(canvas.text(at, Align2::CENTER_CENTER, "Destroyed", font, quiet)),
        }
        // Rounded up: as long as one waits, there is something left.
        let tenths = (u32::from(own.ship.respawn_in.max(1)) * 10).div_ceil(TICK_HZ);
        let text = format!("back in {}.{} s", tenths / 10, tenths % 10);
        canvas.text(at + vec2(0.0, 28.0), Align2::CENTER_CENTER, &text, style::numbers(style::SMALL), quiet);
    }
}

/// Says calmly, below the clock, that nothing arrives: the seat is kept, and the session is already looking for another way.
///
/// `sky` is none while it must not be told which wire is in use.
pub(super) fn draw_silence(
    canvas: &Canvas,
    status: &Status,
    (sky, by_touch): (Option<&Sky>, bool),
    clock: Option<Rect>,
) {
    let Some(silent_for) = wire::silent_for(status) else { return };
    let advice = advice(status.switching_to, sky, by_touch);
    let width = SILENCE_WIDTH.min(canvas.screen.width() - 2.0 * style::GRID);
    let top = clock.map_or(0.0, |clock| clock.bottom() + style::GRID).max(canvas.screen.top() + SILENCE_TOP);
    let rect = Rect::from_center_size(pos2(canvas.screen.center().x, top + 28.0), vec2(width, 56.0));
    canvas.glass(rect, 1.0);
    let first = format!("Nothing from the server for {:.1} s", silent_for.as_secs_f32());
    let text = palette::ink(palette::TEXT);
    canvas.text(rect.center() - vec2(0.0, 11.0), Align2::CENTER_CENTER, &first, style::words(style::MIDDLE), text);
    let quiet = palette::ink(palette::QUIET);
    canvas.text(rect.center() + vec2(0.0, 12.0), Align2::CENTER_CENTER, &advice, style::words(style::SMALL), quiet);
}

/// Returns what there is to do while nothing arrives, for keys or for fingers.
fn advice(trying: Option<Transport>, sky: Option<&Sky>, by_touch: bool) -> String {
    let Some(sky) = sky else { return "Your seat is kept.".to_owned() };
    let (another, plug) = match by_touch {
        true => ("A touch on its name tries another wire".to_owned(), "A touch on cable"),
        false => (format!("1 to {} try another wire", Transport::WIRES.len()), "F7"),
    };
    match trying {
        _ if sky.is_cut_off() => format!("The cable is out. {plug} plugs it in."),
        Some(wire) if sky.is_unplugged() => format!("Trying {wire}. {plug} plugs it in."),
        Some(wire) => format!("Trying {wire}. Your seat is kept."),
        None if sky.is_unplugged() => format!("{another}. {plug} plugs it in."),
        None => format!("Your seat is kept. {another}."),
    }
}

/// Below the clock of a wide screen.
const SILENCE_TOP: f32 = 96.0;
/// As wide as the longest advice.
const SILENCE_WIDTH: f32 = 400.0;
const GO_SECONDS: f32 = 0.9;
/// Below the middle, above the cards at the bottom.
const DEATH_SHARE: f32 = 0.12;
/// Between the clock and the table.
const RESULT_TOP: f32 = 136.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_fits_what_is_unplugged_and_what_it_is_plugged_with() {
        let mut sky = Sky::new(None);
        let by_keys = |trying, sky: &Sky| advice(trying, Some(sky), false);
        assert_eq!(by_keys(None, &sky), "Your seat is kept. 1 to 5 try another wire.");
        assert_eq!(advice(None, Some(&sky), true), "Your seat is kept. A touch on its name tries another wire.");
        sky.plug(Some(Transport::Udp), false);
        assert_eq!(by_keys(None, &sky), "1 to 5 try another wire. F7 plugs it in.");
        assert_eq!(by_keys(Some(Transport::Quic), &sky), "Trying quic. F7 plugs it in.");
        sky.plug(None, false);
        assert_eq!(by_keys(Some(Transport::Quic), &sky), "The cable is out. F7 plugs it in.");
        assert_eq!(advice(None, Some(&sky), true), "The cable is out. A touch on cable plugs it in.");
        assert_eq!(advice(Some(Transport::Quic), None, false), "Your seat is kept.", "a blind test tells nothing");
    }
}
