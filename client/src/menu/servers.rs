//! Servers: those on this network, those played on before, and the one on this machine.
//!
//! Flow: [`crate::lobby::Lookout`], [`Settings::servers`] → rows → [`Settings::server`].
//!
//! [`Settings::servers`]: crate::settings::Settings::servers
//! [`Settings::server`]: crate::settings::Settings::server

use super::{Parts, widgets};
use crate::{
    lobby::{Pulse, milliseconds, shown},
    settings::DEFAULT_SERVER,
    style,
};
use bevy_egui::egui::Ui;

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    let mut chosen = None;
    let nearby = parts.lookout.nearby();
    widgets::part(ui, "On this network");
    if nearby.is_empty() {
        ui.label(style::quiet("Listening … A server that a friend starts here appears by itself."));
    }
    for near in &nearby {
        let row = widgets::server_row(ui, near);
        parts.menu.focus_first_once(&row);
        if row.clicked() {
            chosen = Some(near.addr.to_string());
        }
    }
    ui.add_space(style::GRID);
    widgets::part(ui, "Played on before");
    let mut known = parts.settings.servers.clone();
    if !known.iter().any(|server| server == DEFAULT_SERVER) {
        known.push(DEFAULT_SERVER.to_owned());
    }
    for server in known {
        let (people, time) = match parts.lookout.pulse(&parts.lobby, &server) {
            Pulse::Asked => (String::new(), "…".to_owned()),
            Pulse::Here { round_trip, players, .. } => (players.to_string(), milliseconds(round_trip)),
            Pulse::Other => (String::new(), "other version".to_owned()),
            Pulse::Gone(_) => (String::new(), "no answer".to_owned()),
        };
        let (name, address) =
            if server == DEFAULT_SERVER { ("This machine", shown(&server)) } else { (shown(&server), "") };
        let row = widgets::place_row(ui, name, address, &people, &time);
        parts.menu.focus_first_once(&row);
        if row.clicked() {
            chosen = Some(server);
        }
    }
    ui.add_space(style::GRID);
    ui.label(style::quiet("Any other address goes into the box of the start page."));
    if let Some(server) = chosen {
        parts.settings.server = server;
        parts.menu.return_done();
    }
}
