//! Ghosts: where each wire sees the own ship, as a hollow outline in the wire's colour; and where the server last said that it is, in white.
//!
//! A wire that lags behind is seen to lag behind. All point where the ship points, so that only the places differ. They are drawn below the ships and hide nothing.
//!
//! Flow: [`Telemetry`], [`Picture`] → [`draw`] → [`super::ink`].

use super::{
    ink::{Ink, Pen},
    ships::DART,
};
use crate::{
    hud::{Blind, Panels, Switches, Telemetry},
    palette::{self, Rgb},
    picture::{Picture, Source},
};
use bevy::{ecs::system::SystemParam, math::Vec2, prelude::*};
use game::Ship;

/// What is known of other places at which the own ship is.
#[derive(SystemParam)]
pub(super) struct Known<'w> {
    telemetry: Res<'w, Telemetry>,
    panels: Res<'w, Panels>,
    blind: Res<'w, Blind>,
    switches: Res<'w, Switches>,
}

/// Draws the ghosts that are wished for.
pub(super) fn draw(ink: &mut Ink, picture: &Picture, known: &Known) {
    let own = picture.own();
    let pilots = picture.pilots();
    let Some(ship) = pilots.iter().find(|pilot| Some(pilot.seat) == own && pilot.health > 0) else { return };
    if picture.source != Source::Match || known.blind.is_running() {
        return;
    }
    if known.panels.ghosts {
        for report in &known.telemetry.wires {
            if let Some(at) = report.ghost {
                outline(ink, at.into(), ship.aim, palette::wire(report.transport));
            }
        }
    }
    let truth = picture.scene.as_ref().and_then(|scene| scene.truth);
    if let Some(truth) = truth.filter(|_| known.switches.truth) {
        outline(ink, truth.pos.into(), ship.aim, palette::TEXT);
    }
}

/// Draws a hollow ship.
fn outline(ink: &mut Ink, at: Vec2, aim: f32, rgb: Rgb) {
    let turn = Vec2::from_angle(aim);
    let points: Vec<Vec2> = DART.iter().map(|point| at + turn.rotate(Vec2::from(*point)) * Ship::RADIUS).collect();
    ink.line(&points, true, Pen::neon(palette::light(rgb), LINE).glowing(0.08, 0.25).faded(0.9));
}

const LINE: f32 = 0.05;
