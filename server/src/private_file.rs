//! Files that hold a secret: readable by the operator alone.
//!
//! Flow: [`crate::lobby::Keys`], [`crate::operator::Token`], [`crate::site`] → here → the data folder.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// Writes a file that is not there yet, closed to others from its first moment.
///
/// # Errors
/// If it is there already, or the system does not allow it.
pub(crate) fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Takes away what others may do with a file: a copy tool or an editor may have given it to them.
///
/// # Errors
/// If it is not there, or the system does not allow it.
#[cfg(unix)]
pub(crate) fn close_to_others(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = std::fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        tracing::warn!("{} could be read by other users of this machine; it no longer can", path.display());
        permissions.set_mode(0o600);
        std::fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

/// Takes away what others may do with a file, where the system knows how.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub(crate) fn close_to_others(_: &Path) -> io::Result<()> {
    Ok(())
}
