//! The files that a client may lack: maps, fonts, sounds, each known by the SHA-256 of its content.
//!
//! They are looked through once, at the start. A file that is changed on disk later is not sent any more until the next start, because its
//! name would be a lie. Reading goes piece by piece on threads that may wait for a disk, so a large file costs no memory.
//!
//! Flow: `assets` → [`Files::index`] → [`super::routes`] → [`Piece`] → the client, which checks the hash.

use super::keys::hex;
use super::problem::Refusal;
use super::watch::Pulse;
use axum::body::Bytes;
use futures_util::{Stream, stream};
use http_range_header::parse_range_header;
use protocol::lobby::{FileInfo, FileList};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::task::spawn_blocking;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Files that are offered at most, and the largest, bytes: more is not what this folder is for.
const MOST_FILES: usize = 1_000;
const LARGEST_FILE: u64 = 64 * 1024 * 1024;
/// Folders below the assets that hold what a client may lack.
const FOLDERS: [&str; 5] = ["maps", "fonts", "sounds", "shaders", "images"];

/// One file.
#[derive(Debug)]
pub(super) struct Offered {
    pub(super) info: FileInfo,
    path: PathBuf,
    changed: Option<SystemTime>,
}

/// All files. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Index>);

#[derive(Debug, Default)]
struct Index {
    /// By hash.
    files: BTreeMap<String, Arc<Offered>>,
    list: FileList,
    version: String,
}

impl Files {
    /// Looks through the folder `assets`. What cannot be read is not offered, and the log says so.
    pub fn index(assets: &Path) -> Self {
        let mut found: Vec<Offered> = Vec::new();
        for folder in FOLDERS {
            let Ok(entries) = std::fs::read_dir(assets.join(folder)) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                // Links may lead anywhere, and hidden files are somebody's own.
                if name.starts_with('.') || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                    continue;
                }
                match offer(entry.path(), format!("{folder}/{name}")) {
                    Ok(Some(file)) => found.push(file),
                    Ok(None) => tracing::warn!("{} is too large to be offered to players", entry.path().display()),
                    Err(error) => tracing::warn!("{} cannot be read: {error}", entry.path().display()),
                }
            }
        }
        found.sort_by(|a, b| a.info.name.cmp(&b.info.name));
        found.truncate(MOST_FILES);
        let list = FileList { files: found.iter().map(|file| file.info.clone()).collect() };
        let mut version = Sha256::new();
        list.files.iter().for_each(|file| version.update(format!("{} {}\n", file.sha256, file.name)));
        let files = found.into_iter().map(|file| (file.info.sha256.clone(), Arc::new(file))).collect();
        Self(Arc::new(Index { files, list, version: hex(&version.finalize()) }))
    }

    /// Returns every file, by name.
    pub(super) fn list(&self) -> FileList {
        self.0.list.clone()
    }

    /// Returns what changes with the list.
    pub(super) fn version(&self) -> &str {
        &self.0.version
    }

    /// Returns the file with this hash.
    pub(super) fn find(&self, sha256: &str) -> Option<&Arc<Offered>> {
        self.0.files.get(sha256)
    }
}

/// Reads a file's hash; none if it is too large.
pub(super) fn offer(path: PathBuf, name: String) -> io::Result<Option<Offered>> {
    let mut file = File::open(&path)?;
    let metadata = file.metadata()?;
    if metadata.len() > LARGEST_FILE {
        return Ok(None);
    }
    let mut hash = Sha256::new();
    let bytes = io::copy(&mut file, &mut hash)?;
    let info = FileInfo { name, sha256: hex(&hash.finalize()), bytes };
    Ok(Some(Offered { info, path, changed: metadata.modified().ok() }))
}

/// What of a file is wished for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    All,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that are not there.
    Nothing,
}

impl Wanted {
    /// Reads the header `Range` for a file of `bytes`. One that is no range, or is several, is as good as none (RFC 9110, 14.2).
    pub(super) fn read(range: Option<&str>, bytes: u64) -> Self {
        let Some(ranges) = range.and_then(|range| parse_range_header(range).ok()) else { return Self::All };
        if ranges.ranges.len() != 1 {
            return Self::All;
        }
        match ranges.validate(bytes).ok().as_deref() {
            Some([part]) if *part.start() < bytes => Self::Part(*part.start()..part.end().saturating_add(1).min(bytes)),
            _ => Self::Nothing,
        }
    }
}

/// A part of a file on its way out.
pub(super) struct Piece {
    file: File,
    left: u64,
    pulse: Arc<Pulse>,
}

impl Piece {
    /// Opens `part` of `file`. Whoever reads it keeps `pulse` going.
    ///
    /// # Errors
    /// If the file is not what it was any more.
    pub(super) async fn open(file: &Arc<Offered>, part: &Range<u64>, pulse: Arc<Pulse>) -> Result<Self, Refusal> {
        let (offered, start) = (file.clone(), part.start);
        let opened = spawn_blocking(move || -> io::Result<Option<File>> {
            let mut file = File::open(&offered.path)?;
            let metadata = file.metadata()?;
            if metadata.len() != offered.info.bytes || metadata.modified().ok() != offered.changed {
                return Ok(None);
            }
            file.seek(SeekFrom::Start(start)).map(|_| Some(file))
        });
        match opened.await {
            Ok(Ok(Some(file))) => Ok(Self { file, left: part.end.saturating_sub(part.start), pulse }),
            Ok(Ok(None)) => Err(Refusal::FileUnknown),
            Ok(Err(error)) => {
                tracing::warn!("{} cannot be read any more: {error}", file.path.display());
                Err(Refusal::FileUnknown)
            }
            Err(_) => Err(Refusal::Internal),
        }
    }

    /// Returns its bytes as they are read. A file that ends too early breaks the answer off, so that nobody takes it for whole.
    pub(super) fn stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        stream::try_unfold(self, |mut piece| async move {
            if piece.left == 0 {
                return Ok(None);
            }
            // Whoever does not read is not asked for more, so this is a sign that somebody does.
            piece.pulse.beat();
            spawn_blocking(move || {
                let mut bytes = vec![0; PIECE_BYTES.min(usize::try_from(piece.left).unwrap_or(PIECE_BYTES))];
                piece.file.read_exact(&mut bytes)?;
                piece.left = piece.left.saturating_sub(bytes.len() as u64);
                Ok(Some((Bytes::from(bytes), piece)))
            })
            .await
            .map_err(io::Error::other)?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        for (range, want) in [
            ("bytes=0-9", Wanted::Part(0..10)),
            ("bytes=90-", Wanted::Part(90..100)),
            ("bytes=-10", Wanted::Part(90..100)),
            ("bytes=50-1000", Wanted::Part(50..100)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=9-3", Wanted::Nothing),
            ("bytes=0-1,5-6", Wanted::All),
            ("lines=0-9", Wanted::All),
            ("bytes=x", Wanted::All),
        ] {
            assert_eq!(Wanted::read(Some(range), 100), want, "{range}");
        }
        assert_eq!(Wanted::read(None, 100), Wanted::All);
        assert_eq!(Wanted::read(Some("bytes=0-"), 0), Wanted::Nothing);
    }

    #[test]
    fn what_is_there_is_offered_by_its_hash() {
        let assets = std::env::temp_dir().join(format!("crosswire-files-{:016x}", rand::random::<u64>()));
        std::fs::create_dir_all(assets.join("maps")).expect("writable");
        std::fs::write(assets.join("maps/a.map"), "abc").expect("writable");
        std::fs::write(assets.join("maps/.hidden"), "abc").expect("writable");
        std::fs::write(assets.join("secret.txt"), "abc").expect("writable");
        let files = Files::index(&assets);
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
        let info = FileInfo { name: "maps/a.map".into(), sha256: sha256.clone(), bytes: 3 };
        assert_eq!(files.list().files, [info], "and nothing else: FIPS 180-2, appendix B.1, has the hash");
        assert!(files.find(&sha256).is_some() && files.find("00").is_none());
        std::fs::remove_dir_all(&assets).expect("it was just made");
    }
}
