//! Open files that this process may have: each of thousands of connections is one.
//!
//! Flow: [`crate::crowd`], [`crate::storm`] → here → the system.

/// Raises the limit as far as the system lets us. Where it does not, fewer connections get in, and the tables say so.
#[cfg(unix)]
pub(crate) fn raise() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

/// There is no such limit here.
#[cfg(not(unix))]
pub(crate) fn raise() {}
