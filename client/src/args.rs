//! The command line.
//!
//! Everything here can be chosen in the menu as well; the command line is for shortcuts, scripts and tests. A mistake is answered
//! with one sentence, since whoever made it is looking for that sentence.
//!
//! Flow: the shell → [`Args`] → [`crate::menu`] (what the fields say), [`crate::lobby`] (`--quick`), [`crate::screenshot`].

use crate::lobby::Goal;
use bevy::prelude::Resource;
use clap::Parser;
#[cfg(not(target_family = "wasm"))]
use clap::error::ErrorKind;
use protocol::{RoomId, Transport, invite::InviteCode, lobby::SeatWish};
use std::{path::PathBuf, process::ExitCode, time::Duration};
use transport::{HttpMode, Weather, WireOptions, destination::Destination};

/// Crosswire: a fast top-down arena in which the wire can be switched in the middle of a match.
#[derive(Parser, Resource, Clone, Debug)]
#[command(name = "client", version, after_help = KEYS)]
pub(crate) struct Args {
    /// Address of the server's lobby, as `host`, `host:port` or `http://host:port`; or an invite link, which is followed at once.
    #[arg(long, value_name = "ADDRESS|LINK")]
    pub(crate) server: Option<String>,
    /// Name that others see: 2 to 16 letters, digits, spaces, `_`, `-` or `.`.
    #[arg(long, value_parser = name)]
    pub(crate) name: Option<String>,
    /// Wire to play on: auto, udp, quic, websocket, tcp or http.
    #[arg(long, value_name = "WIRE", default_value = "auto", value_parser = wire)]
    pub(crate) transport: Wire,
    /// On tcp, leave Nagle's algorithm on at both ends, to feel what it costs.
    #[arg(long)]
    pub(crate) nagle: bool,
    /// On http, ask for news at this interval instead of waiting for it, 10 to 500 ms.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(10..=500))]
    pub(crate) http_poll: Option<u64>,
    /// Room to join at once.
    #[arg(long, value_name = "ID")]
    pub(crate) room: Option<u32>,
    /// Invite code of the room to join at once, such as KM7-4QX.
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<InviteCode>,
    /// Only watch, with --room, --code or an invite link.
    #[arg(long)]
    pub(crate) watch: bool,
    /// Join the first match that has a place, without the menu.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Weather on the way to the server: calm, lan, home, mobile, hotel, train, satellite, bad, or settings such as
    /// `delay=40,jitter=8,loss=5`.
    #[arg(long, value_name = "WEATHER")]
    pub(crate) weather: Option<Weather>,
    /// Let a bot fly.
    #[arg(long)]
    pub(crate) autopilot: bool,
    /// Save a picture of the window as PNG after a few seconds, then end (or go on until --exit-after).
    #[arg(long, value_name = "FILE")]
    pub(crate) screenshot: Option<PathBuf>,
    /// End after this time.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) exit_after: Option<Duration>,
    /// Folder with maps and fonts. Found without this beside the program or above it.
    #[arg(long, value_name = "DIR")]
    pub(crate) assets: Option<PathBuf>,
    /// What somebody came with instead of a code.
    #[arg(skip)]
    pub(crate) misread: Option<String>,
}

/// The wire that was asked for; none is auto.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wire(pub(crate) Option<Transport>);

impl Args {
    /// Reads the command line, or says what is wrong with it (or what there is) and returns the exit code.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn read() -> Result<Self, ExitCode> {
        Self::try_parse().map(Self::follow).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                print!("{error}");
                ExitCode::SUCCESS
            }
            _ => {
                let text = error.to_string();
                let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("wrong arguments");
                eprintln!(
                    "{}. `client --help` lists what there is.",
                    line.trim_start_matches("error: ").trim_end_matches('.')
                );
                ExitCode::from(WRONG_ARGUMENTS)
            }
        })
    }

    /// Reads what the address of the page asks for. What of it makes no sense is left out; a code that is none is shown to whoever came with
    /// it.
    #[cfg(target_family = "wasm")]
    pub(crate) fn read() -> Result<Self, ExitCode> {
        let server = crate::web::server().map(|server| format!("--server={server}"));
        let mut line: Vec<String> = std::iter::once("crosswire".to_owned()).chain(server).collect();
        let mut misread = None;
        for argument in crate::web::arguments() {
            line.push(argument);
            if Self::try_parse_from(&line).is_err() {
                let left_out = line.pop();
                let code = left_out.and_then(|left_out| left_out.strip_prefix("--code=").map(str::to_owned));
                // What makes sense after all leads elsewhere, and nobody has asked for that.
                misread = code.filter(|code| Destination::parse(code).is_err()).or(misread);
            }
        }
        let args = Self::try_parse_from(line).map(|args| Self { misread, ..args });
        args.map(Self::follow).map_err(|_| ExitCode::from(WRONG_ARGUMENTS))
    }

    /// Takes an invite link apart, if one was given for the server.
    fn follow(mut self) -> Self {
        if let Some(Ok(Destination::Invite { server, code })) = self.server.as_deref().map(Destination::parse) {
            (self.server, self.code) = (Some(server), Some(code));
        }
        self
    }

    /// Returns what was chosen about single wires.
    pub(crate) const fn wire_options(&self) -> WireOptions {
        let http = match self.http_poll {
            Some(interval) => HttpMode::Poll(Duration::from_millis(interval)),
            None => HttpMode::LongPoll,
        };
        WireOptions { nagle: self.nagle, http }
    }

    /// Returns where to go without the menu, if that was said.
    pub(crate) fn at_once(&self) -> Option<Goal> {
        let wish = SeatWish { spectate: self.watch, ..SeatWish::default() };
        match (&self.code, self.room) {
            (Some(code), _) => Some(Goal::Code(code.to_string(), wish)),
            (None, Some(room)) => Some(Goal::Room(RoomId(room), wish)),
            (None, None) => self.quick.then_some(Goal::Quick),
        }
    }

    /// Returns whether nobody is there to read an error on the screen.
    pub(crate) const fn scripted(&self) -> bool {
        self.screenshot.is_some() || self.exit_after.is_some()
    }
}

fn name(text: &str) -> Result<String, String> {
    if protocol::names::valid_name(text) { Ok(text.to_owned()) } else { Err(NAME_RULE.to_owned()) }
}

fn wire(text: &str) -> Result<Wire, String> {
    let wire = || text.parse().map(|wire| Wire(Some(wire)));
    if text == "auto" { Ok(Wire(None)) } else { wire().map_err(|error: String| format!("{error}, auto")) }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|_| "this is not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "a number of seconds is 0 or more".to_owned())
}

/// What a name may be, for people.
pub(crate) const NAME_RULE: &str = "a name has 2 to 16 letters, digits, spaces, _, - or .";

/// The exit code that shells expect for a wrong command line.
const WRONG_ARGUMENTS: u8 = 2;

const KEYS: &str = "\
Keys: WASD or arrows fly, mouse aims, left button bolt, right button rail, Space or Shift dash,
1 udp, 2 quic, 3 websocket, 4 tcp, 5 http, 0 the best that works (F1 to F3 too), F5 bad network (Shift+F5: another kind), F6 lag spike, F7 unplug,
Tab scores, Enter chat, Esc pause. Gamepads work too.";
