//! `lab`: the bench. Every tool here flies with the very sessions and transports that the client uses.
//!
//! Flow: command line → [`swarm`], [`switch`], [`unplug`], [`rail`], [`race`], [`storm`], [`crowd`], [`kill`], [`tun`], [`doctor`], [`pack`],
//! [`weigh`] → [`report`].

use clap::{Parser, Subcommand};
use lab::{crowd, doctor, kill, pack, race, rail, storm, swarm, switch, tun, unplug, weigh};
use std::process::ExitCode;

/// Crosswire's bench: measures and tortures a running server.
#[derive(Parser)]
#[command(version, about = "Crosswire's bench: measures and tortures a running server.")]
struct Arguments {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Subcommand)]
enum Tool {
    /// Flies hundreds of headless players, steered by bots, and reports what they saw.
    Swarm(swarm::Options),
    /// Flies one player that changes its wire over and over, and checks that nothing is lost on the way.
    Switch(switch::Options),
    /// Flies the same match over every wire in every weather, and shows side by side what each makes of it.
    Race(race::Options),
    /// Pulls cables under a playing player, and measures how long it takes until the match goes on over another wire.
    Unplug(unplug::Options),
    /// Lets pairs shoot at each other, with lag compensation and without, and counts whether rails hit what their shooters saw.
    Rail(rail::Options),
    /// Throws random and mutated bytes at every port while honest players play, and checks that nobody notices.
    Storm(storm::Options),
    /// Waits for news at the lobby, thousands at once, while a match is flown, and measures how late they come.
    Crowd(crowd::Options),
    /// Kills a server of its own over and over while players join and matches end, and checks that nothing promised is lost.
    Kill(kill::Options),
    /// Opens a real link with weather on it, for the kernel's own TCP (Linux, root).
    Tun(tun::Options),
    /// Says in words why somebody cannot play on a server, and what to do.
    Doctor(doctor::Options),
    /// Packs a build for browsers, so that the server can offer it.
    Pack(pack::Options),
    /// Says what the module of a build for browsers weighs by part.
    Weigh(weigh::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().tool {
        Tool::Swarm(options) => swarm::run(&options),
        Tool::Switch(options) => switch::run(&options),
        Tool::Race(options) => race::run(&options),
        Tool::Unplug(options) => unplug::run(&options),
        Tool::Rail(options) => rail::run(&options),
        Tool::Storm(options) => storm::run(&options),
        Tool::Crowd(options) => crowd::run(&options),
        Tool::Kill(options) => kill::run(&options),
        Tool::Tun(options) => tun::run(&options),
        Tool::Doctor(options) => doctor::run(&options),
        Tool::Pack(options) => pack::run(&options),
        Tool::Weigh(options) => weigh::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}
