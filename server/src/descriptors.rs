//! Open files that the process may have: each connection is one, and the usual limit of 1,024 is meant for programs without any.
//!
//! Flow: `main` → here → the system.

/// Raises the limit as far as the system lets us without asking an administrator. Where it does not, the present one stays, and the
/// lobby waits when it is reached.
#[cfg(unix)]
pub fn raise() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
}

/// There is no such limit here.
#[cfg(not(unix))]
pub fn raise() {}
