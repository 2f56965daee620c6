//! `server`: reads the command line, takes the ports, then beats until it is told to stop.
//!
//! Standard output carries one line, `ready {…}` with the addresses; everything else goes to standard error.
//!
//! Flow: [`Config`] → [`Lobby`] on its runtime, [`transport::server::bind`], [`RoomsPlugin`] → [`runner::run`].

use bevy::app::App;
use clap::Parser;
use server::clerk;
use server::config::{Config, HostSource, PublicHost, Task};
use server::descriptors;
use server::directory::directory;
use server::events::Events;
use server::hooks::HookSettings;
use server::lan;
use server::lobby::{Files, Keys, Limits, Lobby, Setup, WebClient, Wires};
use server::matchmaker::Rules;
use server::operator::{Operator, Token};
use server::ops::start_log;
use server::rooms::{Defaults, RoomsPlugin, board, runner};
use server::store::Store;
use server::upnp;
use server::vitals::{Vitals, VitalsPlugin};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;
use tracing::{error, info, warn};
use transport::maps::{MapShelf, assets_dir};

fn main() -> ExitCode {
    let config = Config::parse();
    if let Some(Task::Matchmaking(options)) = &config.task {
        print!("{}", server::dry_run::report(options));
        return ExitCode::SUCCESS;
    }
    start_log();
    match serve(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

fn serve(config: &Config) -> Result<(), String> {
    let assets = assets_dir(config.assets.as_deref())?;
    let (maps, files, web) = (MapShelf::open(&assets)?, Files::index(&assets), WebClient::open(&assets));
    descriptors::raise();
    let public_host = config.resolve_public_host()?;
    let keys = match &config.data {
        Some(folder) => Keys::open(folder).map_err(|error| error.to_string())?,
        None => Keys::temporary(),
    };
    let (token, told) = match &config.data {
        Some(folder) => (Token::open(folder)?, None),
        None => {
            let (token, text) = Token::temporary();
            (token, Some(text))
        }
    };
    let store = Store::open(config.data.as_deref()).map_err(|error| error.to_string())?;
    let runtime =
        transport::runtime::runtime().map_err(|error| format!("Cannot start the network threads: {error}."))?;
    let mut lobby = Lobby::bind(config.http)?;
    if let Some(admin) = config.admin {
        lobby = lobby.with_admin(admin)?;
    }
    let (site, site_files) = server::site::open(config, public_host.as_ref())?.unzip();
    let mut wires_config = transport::ServerConfig::new(config.udp, config.quic, config.tcp);
    wires_config.netcode_key = keys.netcode_key();
    wires_config.site = site.clone();
    let (listeners, transports) =
        transport::server::bind(wires_config, runtime.handle()).map_err(|error| error.to_string())?;
    let mut wires = Wires::new(lobby.local_addr(), &listeners, public_host, site.clone());
    wires.weather = config.weather_relay;
    let forwarded = config.upnp.then(|| runtime.block_on(forward(&mut wires))).flatten();
    let mut ready = serde_json::json!({
        "http": wires.http.to_string(),
        "udp": wires.udp.to_string(),
        "quic": wires.quic.to_string(),
        "tcp": wires.tcp.to_string(),
    });
    if let Some(admin) = lobby.admin_addr() {
        ready["admin"] = admin.to_string().into();
    }

    let (directory, host, news) = directory();
    let defaults = Defaults {
        map: config.map.clone(),
        seats: config.seats,
        bots: config.bots,
        rules: game::Rules { match_ticks: game::tick::ticks(config.match_seconds), score_limit: config.score_limit },
        snapshot_hz: config.snapshot_hz,
        max_rooms: config.max_rooms as usize,
    };
    let mut app = App::new();
    app.add_plugins(RoomsPlugin::new(defaults, maps, keys.sealer(), host, listeners.links.clone()));
    app.add_plugins(transports);
    let vitals = Vitals::default();
    app.add_plugins(VitalsPlugin { vitals: vitals.clone(), links: listeners.links.clone() });
    app.finish();
    app.cleanup();
    board::open_first_room(app.world_mut(), config.seed)?;
    // Nothing can be wrong any more: whoever made a mistake reads one sentence and no more.
    if let Some(text) = told {
        info!("players and results are kept in memory only; to keep them over a restart, choose a folder with --data");
        info!("the operator's token for this run is {text} (with --data it is kept in a file instead)");
    }

    let announced = lan::announce(config, lobby.local_addr(), directory.clone(), runtime.handle());
    let (stop_lobby, stopped) = watch::channel(false);
    let events = Events::default();
    let filing = runtime.spawn(clerk::run(news, store.clone(), events.clone()));
    let hooks = HookSettings { private_networks: config.webhooks_to_private_networks, ..HookSettings::default() };
    let operator = {
        let _inside = runtime.enter();
        Operator::start(token, vitals, store.clone(), events.clone(), directory.clone(), hooks)?
    };
    let setup = Setup {
        directory,
        keys,
        links: listeners.links,
        wires,
        store,
        events,
        operator,
        files,
        web,
        limits: config.requests_per_second.map_or_else(Limits::default, Limits::with_requests),
        matchmaking: Rules::default(),
    };
    if let (Some(site), Some(files)) = (site, site_files.flatten()) {
        runtime.spawn(async move { site.follow(&files).await });
    }
    let serving = runtime.spawn(async move {
        if let Err(error) = lobby.serve(setup, stopped).await {
            error!("the lobby ended: {error}");
        }
    });
    let stop = Arc::new(AtomicBool::new(false));
    runtime.spawn(wait_for_signal(Arc::clone(&stop)));

    // One tick before anybody is called in: rooms and health are on the board from the first question on.
    app.update();
    println!("ready {ready}");
    info!("open on {ready}");
    runner::run(&mut app, &stop);
    drop(announced);
    // With the rooms the last news have been told; the clerk ends when all of it is stored.
    drop(app);
    // The lobby may be gone already; then there is nobody to tell.
    let _ = stop_lobby.send(true);
    let ending = async { tokio::join!(serving, filing) };
    let _ = runtime.block_on(async { tokio::time::timeout(std::time::Duration::from_secs(2), ending).await });
    if let Some(forwarded) = forwarded {
        runtime.block_on(forwarded.give_back());
    }
    Ok(())
}

/// Has the router let players in, and tells them its address if the operator has named none. Without such a router the server runs on.
async fn forward(wires: &mut Wires) -> Option<upnp::Forwarded> {
    let ports = upnp::Ports { tcp: [wires.http.port(), wires.tcp.port()], udp: [wires.udp.port(), wires.quic.port()] };
    match upnp::open(ports, None).await {
        Ok(forwarded) => {
            let ip = forwarded.public;
            let found = || PublicHost { name: ip.to_string(), ip, source: HostSource::Router };
            let public = wires.public_host.get_or_insert_with(found);
            info!("the router lets players in: friends on the internet join at {}:{}", public.name, wires.http.port());
            Some(forwarded)
        }
        Err(sentence) => {
            warn!("{sentence}");
            None
        }
    }
}

/// Sets `stop` at Ctrl-C or, where there is one, at a termination signal.
async fn wait_for_signal(stop: Arc<AtomicBool>) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminate.recv() => {}
                }
            }
            Err(error) => {
                error!("cannot listen for the termination signal: {error}");
                let _ = tokio::signal::ctrl_c().await;
            }
        }
    }
    #[cfg(not(unix))]
    let _ = tokio::signal::ctrl_c().await;
    stop.store(true, Ordering::Relaxed);
}
