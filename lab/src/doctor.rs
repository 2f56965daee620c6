//! `lab doctor`: says in words why somebody cannot play on a server, and what to do.
//!
//! Flow: command line → [`transport::doctor::examine`] → a table, or JSON.

use clap::Args;
use transport::doctor::{Finding, Verdict, as_stranger, examine};

/// Options of `lab doctor`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The server's address, as the player typed it: a host, host:port or http://host:port.
    #[arg(value_name = "URL")]
    server: String,
    /// Print the findings as one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Examines a server and prints what was found, each finding as soon as it is there.
///
/// # Errors
/// A sentence if something keeps players from playing, or the network threads cannot be started.
pub fn run(options: &Options) -> Result<(), String> {
    let runtime =
        transport::runtime::runtime().map_err(|error| format!("Cannot start the network threads: {error}."))?;
    let findings = runtime.block_on(async {
        let mut arriving = examine(runtime.handle(), &options.server, as_stranger);
        let mut findings: Vec<Finding> = Vec::new();
        while let Some(finding) = arriving.recv().await {
            if !options.json {
                println!("{finding}");
            }
            findings.push(finding);
        }
        findings
    });
    if options.json {
        println!("{}", serde_json::to_string(&findings).map_err(|error| error.to_string())?);
    }
    match findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count() {
        0 => Ok(()),
        1 => Err("One thing keeps players from playing on this server.".to_owned()),
        count => Err(format!("{count} things keep players from playing on this server.")),
    }
}
