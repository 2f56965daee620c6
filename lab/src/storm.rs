//! `lab storm`: nonsense at every port.

/// Options of `lab storm`.
#[derive(clap::Args, Clone, Debug)]
pub struct Options {}

/// Runs the storm.
///
/// # Errors
/// A sentence.
pub fn run(_: &Options) -> Result<(), String> {
    Ok(())
}
