//! The map of the room: taken from this machine, or fetched from the server's lobby if it is not here or not the same.
//!
//! A map is known by its hash. One that was fetched is kept in the user's cache folder, so it travels once. What arrives is believed only
//! if it is what the file list says (SHA-256) and what the room says ([`Map::hash`]). A broken transfer goes on where it ended; meanwhile the
//! seat is held, only nothing is flown and nothing is drawn.
//!
//! Flow: `Welcome`, [`protocol::wire::event::ServerEvent::Map`] → [`super::Player::play_on`] → lobby → [`super::Player::take_chart`] → match.

use super::Player;
use crate::lobby::{LobbyClient, LobbyError};
use crate::maps::{MAX_MAP_BYTES, MapShelf};
use crate::runtime::Handle;
use crate::runtime::JoinHandle;
use crate::runtime::sleep;
use game::Map;
use protocol::lobby::FileInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// How often a transfer is tried before it is given up.
const TRIES: u32 = 5;
/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(400);

/// How far the transfer of a map has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetching {
    /// File name of the map, without the ending.
    pub map: String,
    /// Bytes that are here.
    pub bytes: u64,
    /// Bytes in all; 0 as long as that is not known.
    pub of: u64,
}

/// A map on its way.
pub(super) struct Chart {
    map: String,
    progress: Arc<Progress>,
    answer: oneshot::Receiver<Result<Arc<Map>, String>>,
    transfer: JoinHandle,
}

/// Whatever maps a server names one after the other, one transfer at most goes on.
impl Drop for Chart {
    fn drop(&mut self) {
        self.transfer.abort();
    }
}

#[derive(Debug, Default)]
struct Progress {
    bytes: AtomicU64,
    of: AtomicU64,
}

impl Chart {
    fn begin(runtime: &Handle, lobby: LobbyClient, maps: MapShelf, name: &str, hash: u64) -> Self {
        let progress = Arc::<Progress>::default();
        let (done, answer) = oneshot::channel();
        let (map, telling) = (name.to_owned(), progress.clone());
        let transfer = runtime.spawn(async move {
            let found = fetch(&lobby, &maps, &map, hash, &telling).await;
            // Whoever left does not want it any more.
            let _ = done.send(found);
        });
        Self { map: name.to_owned(), progress, answer, transfer }
    }
}

/// Fetches the map called `name`, whose hash is to be `hash`, and keeps it.
async fn fetch(
    lobby: &LobbyClient,
    maps: &MapShelf,
    name: &str,
    hash: u64,
    progress: &Progress,
) -> Result<Arc<Map>, String> {
    let cannot = |why: &dyn std::fmt::Display| {
        format!("The map `{name}` is not on this machine and could not be fetched. {why}")
    };
    let mut bytes = Vec::new();
    let mut tries = 1;
    while let Err(error) = attempt(lobby, name, &mut bytes, progress).await {
        if tries == TRIES || !error.may_pass() {
            return Err(cannot(&error));
        }
        tries = tries.saturating_add(1);
        sleep(PAUSE).await;
    }
    let text = String::from_utf8(bytes).map_err(|_| cannot(&"What the server sent is no map."))?;
    let map = Map::parse(name, &text).map_err(|error| cannot(&error))?;
    if map.hash != hash {
        return Err(cannot(&"The server sent another map than the one it plays. Tell whoever runs it."));
    }
    maps.keep(hash, &text);
    Ok(Arc::new(map))
}

/// Why a try failed.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Lobby(#[from] LobbyError),
    #[error("The server does not offer it. Ask whoever runs it for the file.")]
    NotOffered,
    #[error("It is larger than a map may be.")]
    TooLarge,
}

impl Fault {
    /// Returns whether it may be different in a moment.
    const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Lobby(
                LobbyError::Cut { .. }
                    | LobbyError::Unreachable { .. }
                    | LobbyError::Strange { .. }
                    | LobbyError::Damaged { .. }
            )
        )
    }
}

/// Goes on where `bytes` ends.
async fn attempt(lobby: &LobbyClient, name: &str, bytes: &mut Vec<u8>, progress: &Progress) -> Result<(), Fault> {
    let wanted = format!("maps/{name}.map");
    let list = lobby.files().await?;
    let file: FileInfo = list.files.into_iter().find(|file| file.name == wanted).ok_or(Fault::NotOffered)?;
    if file.bytes > MAX_MAP_BYTES {
        return Err(Fault::TooLarge);
    }
    progress.of.store(file.bytes, Ordering::Relaxed);
    let tell = |have| progress.bytes.store(have, Ordering::Relaxed);
    Ok(lobby.file(&file, bytes, tell).await?)
}

impl Player {
    /// Plays on the map called `name` from now on, as soon as it is here.
    pub(super) fn play_on(&mut self, name: &str, hash: u64) {
        self.chart = None;
        self.map = self.maps.find(name).filter(|map| map.hash == hash).cloned().or_else(|| self.maps.kept(name, hash));
        if self.map.is_none() {
            let (runtime, lobby) = self.dialing.runtime_and_lobby();
            self.chart = Some(Chart::begin(runtime, lobby.clone(), self.maps.clone(), name, hash));
        }
    }

    /// Takes a map in that has arrived.
    pub(super) fn take_chart(&mut self) {
        let Some(chart) = &mut self.chart else { return };
        match chart.answer.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok(Ok(map)) => self.map = Some(map),
            Ok(Err(why)) => self.end(why),
            Err(TryRecvError::Closed) => self.end("The map could not be fetched. Try again.".to_owned()),
        }
        self.chart = None;
    }

    /// Returns how far the transfer of the room's map has come, while it is on its way.
    pub fn fetching(&self) -> Option<Fetching> {
        let Chart { map, progress, .. } = self.chart.as_ref()?;
        let (bytes, of) = (progress.bytes.load(Ordering::Relaxed), progress.of.load(Ordering::Relaxed));
        Some(Fetching { map: map.clone(), bytes, of })
    }
}
