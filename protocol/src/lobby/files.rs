//! Files by the hash of their content: maps and what else a client may lack.
//!
//! Flow: `assets` → `server::lobby` → [`FileList`] → `GET /v1/files/{sha256}` → the client's cache, checked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One file that can be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileInfo {
    /// Path below the assets folder, such as `maps/crossfire.map`.
    pub name: String,
    /// SHA-256 of its content, 64 hexadecimal digits: goes behind the path, as `/v1/files/9f86…`.
    pub sha256: String,
    /// Length.
    pub bytes: u64,
}

/// Answer to `GET /v1/files`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileList {
    /// By name.
    pub files: Vec<FileInfo>,
}
