//! What a player chose and expects to find again.
//!
//! Flow: file → [`Settings`] → [`crate::menu`], [`crate::hud`] (sliders) → [`crate::view`], [`crate::sound`] → file.

use crate::{args::Args, data};
use bevy::prelude::*;
use protocol::Transport;
use serde::{Deserialize, Serialize};
use transport::lobby::LobbyClient;

/// What a player chose.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// Name to play under.
    pub(crate) name: String,
    /// The lobby's address.
    pub(crate) server: String,
    /// Servers that were played on, the latest first.
    pub(crate) servers: Vec<String>,
    /// Wire to begin on; none tries them in turn.
    pub(crate) wire: Option<Transport>,
    /// The wire that *auto* found last, and the server that it leads to.
    pub(crate) worked: Option<(String, Transport)>,
    /// Screen shake, 0 to 1.
    pub(crate) shake: f32,
    /// Loudness, 0 to 1.
    pub(crate) volume: f32,
    /// Size of all writing, 1 is 14 px for the smallest at 1280x720.
    pub(crate) hud_scale: f32,
    /// The guided tour has introduced itself.
    pub(crate) tour_seen: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let login = ["USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
        let name = login.filter(|name| protocol::names::valid_name(name) && name != "root");
        Self {
            name: name.unwrap_or_else(|| "Pilot".to_owned()),
            server: DEFAULT_SERVER.to_owned(),
            servers: Vec::new(),
            wire: None,
            worked: None,
            shake: 0.7,
            volume: 0.7,
            hud_scale: 1.0,
            tour_seen: false,
        }
    }
}

impl Settings {
    /// Returns the wire that *auto* found the last time on `server`.
    pub(crate) fn worked_on(&self, server: &str) -> Option<Transport> {
        self.worked.as_ref().filter(|(known, _)| known == server).map(|(_, wire)| *wire)
    }

    /// Remembers that *auto* found `wire` on the present server.
    pub(crate) fn remember(&mut self, wire: Transport) {
        if self.worked_on(&self.server) != Some(wire) {
            self.worked = Some((self.server.clone(), wire));
        }
    }
}

impl Settings {
    /// Remembers that a match was played on `server`.
    pub(crate) fn played_on(&mut self, server: &str) {
        let server = plain(server);
        self.servers.retain(|known| *known != server);
        self.servers.insert(0, server);
        self.servers.truncate(MOST_SERVERS);
    }
}

/// Returns an address as `host:port`, or as it is if it is none.
pub(crate) fn plain(server: &str) -> String {
    let base = LobbyClient::new(server).map(|lobby| lobby.address().to_owned());
    base.unwrap_or_else(|_| server.trim().to_owned())
}

/// Loads and saves the settings.
pub(crate) struct SettingsPlugin;

impl Plugin for SettingsPlugin {
    fn build(&self, app: &mut App) {
        let mut settings = data::read::<Settings>(FILE).unwrap_or_default();
        settings.shake = settings.shake.clamp(0.0, 1.0);
        settings.volume = settings.volume.clamp(0.0, 1.0);
        settings.hud_scale = settings.hud_scale.clamp(*SCALES.start(), *SCALES.end());
        let saved = Saved(settings.clone());
        if let Some(args) = app.world().get_resource::<Args>() {
            settings.name = args.name.clone().unwrap_or(settings.name);
            settings.server = args.server.clone().unwrap_or(settings.server);
            settings.wire = args.transport.0.or(settings.wire);
        }
        settings.server = plain(&settings.server);
        app.insert_resource(settings).insert_resource(saved);
        // A script must not change what its user finds next time.
        app.add_systems(Last, save.run_if(|args: Res<Args>| !args.scripted()));
    }
}

/// What the file says.
#[derive(Resource)]
struct Saved(Settings);

/// Saves what has changed, once it has not changed for a moment: sliders move every frame.
fn save(settings: Res<Settings>, time: Res<Time<Real>>, mut saved: ResMut<Saved>, mut still: Local<f32>) {
    if settings.is_changed() {
        *still = 0.0;
    }
    *still += time.delta_secs();
    if *still > STILL_SECONDS && *settings != saved.0 {
        data::write(FILE, &*settings);
        saved.0 = settings.clone();
    }
}

/// Sizes of the HUD that leave room for the match in a 1280x720 window.
pub(crate) const SCALES: std::ops::RangeInclusive<f32> = 0.8..=1.4;

const FILE: &str = "settings.json";
const STILL_SECONDS: f32 = 0.5;
/// Where `make play` puts the server.
pub(crate) const DEFAULT_SERVER: &str = "127.0.0.1:8080";
/// Servers that are remembered.
const MOST_SERVERS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_servers_are_remembered_once_each() {
        let mut settings = Settings::default();
        for server in ["http://a:1", "b:2", "a:1", "c", "d", "e", "f"] {
            settings.played_on(server);
        }
        assert_eq!(settings.servers, ["f:8080", "e:8080", "d:8080", "c:8080", "a:1"]);
    }
}
