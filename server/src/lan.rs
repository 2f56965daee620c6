//! Shows this server in the lists of players on the same network, with how many are on it.
//!
//! Flow: `main` → [`announce`] → [`transport::lan::Announcer`] ← [`crate::directory`], every two seconds.

use crate::config::Config;
use crate::directory::Directory;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tracing::{debug, info, warn};
use transport::lan::Announcer;

/// How often the numbers in the lists are brought up to date.
const NEWS_EVERY: Duration = Duration::from_secs(2);

/// Says goodbye when it is dropped.
#[derive(Debug)]
pub struct Announced {
    /// The task has only a weak one, so that dropping this says goodbye.
    _announcer: Arc<Announcer>,
    news: AbortHandle,
}

impl Drop for Announced {
    fn drop(&mut self) {
        self.news.abort();
    }
}

/// Announces the server whose lobby listens on `lobby`, unless the operator does not want it or nobody else could reach it. That it
/// does not work is a warning in the log.
pub fn announce(config: &Config, lobby: SocketAddr, directory: Directory, runtime: &Handle) -> Option<Announced> {
    if config.no_lan || lobby.ip().is_loopback() {
        return None;
    }
    let name = config.lan_name.clone().or_else(machine_name).unwrap_or_default();
    match Announcer::start(&name, env!("CARGO_PKG_VERSION"), lobby) {
        Ok(announcer) => {
            info!("players on this network see the server as `{}`", announcer.name());
            let announcer = Arc::new(announcer);
            let news = runtime.spawn(tell(Arc::downgrade(&announcer), directory)).abort_handle();
            Some(Announced { _announcer: announcer, news })
        }
        Err(sentence) => {
            warn!("{sentence}");
            None
        }
    }
}

async fn tell(announcer: Weak<Announcer>, directory: Directory) {
    let mut rounds = tokio::time::interval(NEWS_EVERY);
    loop {
        rounds.tick().await;
        let Some(announcer) = announcer.upgrade() else { return };
        let rooms = directory.rooms();
        let players = rooms.iter().map(|room| u32::from(room.info.players)).sum();
        let seats = rooms.iter().map(|room| u32::from(room.info.seats)).sum();
        if let Err(sentence) = announcer.tell(players, seats) {
            debug!("{sentence}");
        }
    }
}

/// Returns what this machine is called, without its domain.
fn machine_name() -> Option<String> {
    let from_kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let asked = || Command::new("hostname").output().ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let name = from_kernel.or_else(asked)?;
    let name = name.trim().split('.').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_a_name() {
        let name = machine_name().expect("this machine is called something");
        assert!(!name.is_empty() && !name.contains(['.', '\n']), "{name}");
    }
}
