//! Calls for files: maps and what else a client may lack, by the hash of their content.
//!
//! Flow: [`FileInfo`] of the list → [`LobbyClient::file`] → bytes whose hash was checked.

use super::Broken;
use super::{CALL_DEADLINE, Call, LobbyClient, LobbyError, piece};
use crate::runtime::timeout;
use http::Method;
use protocol::lobby::{FileInfo, FileList};
use sha2::{Digest, Sha256};

/// Largest file that is fetched, bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// The HTTP status for a part of a file.
const PARTIAL: u16 = 206;

impl LobbyClient {
    /// Lists the files that can be fetched.
    ///
    /// # Errors
    /// See [`LobbyError`]; so for every call.
    pub async fn files(&self) -> Result<FileList, LobbyError> {
        self.get("/v1/files", None).await
    }

    /// Fetches a file into `bytes` and checks its hash. What `bytes` holds at the beginning is taken for the file's first part, and
    /// what has arrived stays there after a failure, so that another try goes on from there. `progress` is told how many bytes there are.
    ///
    /// # Errors
    /// See [`LobbyError`]; [`LobbyError::Damaged`] empties `bytes`.
    pub async fn file(
        &self,
        file: &FileInfo,
        bytes: &mut Vec<u8>,
        mut progress: impl FnMut(u64),
    ) -> Result<(), LobbyError> {
        if file.bytes > MAX_FILE_BYTES {
            return Err(self.broken(Broken::Strange));
        }
        if (bytes.len() as u64) < file.bytes {
            let from = Some(bytes.len() as u64).filter(|from| *from > 0);
            let path = format!("/v1/files/{}", piece(&file.sha256));
            let mut answer = self.fetch(Call { from, accept: "*/*", ..Call::to(Method::GET, &path) }).await?;
            if answer.status != PARTIAL {
                bytes.clear();
            }
            while let Some(piece) = timeout(CALL_DEADLINE, answer.body.next())
                .await
                .unwrap_or(Err(Broken::Silent))
                .map_err(|broken| self.broken(broken))?
            {
                bytes.extend_from_slice(&piece);
                if bytes.len() as u64 > file.bytes {
                    break;
                }
                progress(bytes.len() as u64);
            }
        }
        if hex(&Sha256::digest(&bytes)) == file.sha256.to_ascii_lowercase() {
            return Ok(());
        }
        bytes.clear();
        Err(LobbyError::Damaged { name: file.name.clone() })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
