//! Https for the lobby: the operator's certificate, or one that the server makes for itself.
//!
//! One that was made here is kept in the data folder, because people tell their browser once that they trust it. A start that finds
//! it about to end makes a new one.
//!
//! Flow: `--tls-cert`, `--tls-key`, `--tls-self-signed` → [`open`] → [`crate::lobby`], [`transport::ServerConfig`].

use crate::config::{Config, PublicHost};
use crate::private_file;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};
use transport::{Site, SiteFiles};

/// Names of the files in the data folder.
const CERTIFICATE_FILE: &str = "tls-cert.pem";
const KEY_FILE: &str = "tls-key.pem";
/// A certificate of ours that ends sooner is replaced.
const ENDS_SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// Returns what the lobby speaks TLS with, if the operator wants it to, and the files to follow.
///
/// # Errors
/// A sentence for the operator.
pub fn open(config: &Config, public: Option<&PublicHost>) -> Result<Option<(Site, Option<SiteFiles>)>, String> {
    if let (Some(certificate), Some(key)) = (&config.tls_cert, &config.tls_key) {
        let files = SiteFiles { certificate: certificate.clone(), key: key.clone() };
        return Ok(Some((Site::open(&files)?, Some(files))));
    }
    if !config.tls_self_signed {
        return Ok(None);
    }
    let names = names(public);
    let site = match &config.data {
        Some(folder) => kept(folder, names)?,
        None => {
            let (certificate, key) = Site::make_pem(names)?;
            Site::from_pem(&certificate, &key, &[])?
        }
    };
    Ok(Some((site, None)))
}

/// Returns the certificate in the folder, or makes one there.
fn kept(folder: &Path, names: Vec<String>) -> Result<Site, String> {
    let files = SiteFiles { certificate: folder.join(CERTIFICATE_FILE), key: folder.join(KEY_FILE) };
    if files.certificate.exists() && files.key.exists() {
        let site = Site::open(&files).map_err(|why| format!("{why} Delete both to get new ones."))?;
        if site.good_for(SystemTime::now()) > ENDS_SOON {
            let closed = private_file::close_to_others(&files.key);
            return closed.map(|()| site).map_err(|error| cannot(&files.key, &error));
        }
    }
    let (certificate, key) = Site::make_pem(names)?;
    fs::create_dir_all(folder).map_err(|error| cannot(folder, &error))?;
    for (path, text) in [(&files.certificate, &certificate), (&files.key, &key)] {
        let gone = fs::remove_file(path);
        if let Err(error) =
            gone.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
        {
            return Err(cannot(path, &error));
        }
        private_file::create(path, text).map_err(|error| cannot(path, &error))?;
    }
    Site::from_pem(&certificate, &key, &[])
}

fn cannot(path: &Path, error: &io::Error) -> String {
    format!("Cannot use `{}`: {error}. Choose another folder with --data.", path.display())
}

/// Returns what this machine is likely to be called in an address bar.
fn names(public: Option<&PublicHost>) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    names.extend(public.map(|public| public.name.clone()));
    let here = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let ips = here.into_iter().chain(public.map(|public| public.ip)).chain(own_address());
    names.extend(ips.map(|ip: IpAddr| ip.to_string()));
    names.sort();
    names.dedup();
    names
}

/// Returns this machine's address on the way to the world. Nothing is sent: the system only says which one it would take.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documentation (RFC 5737): where it would be does not matter.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn config(line: &str) -> Config {
        Config::parse_from(std::iter::once("server").chain(line.split_whitespace()))
    }

    #[test]
    fn nobody_gets_https_without_asking() {
        assert!(open(&config(""), None).expect("nothing to go wrong").is_none());
    }

    #[test]
    fn a_certificate_of_our_own_is_kept() {
        let folder = std::env::temp_dir().join(format!("crosswire-tls-{:016x}", rand::random::<u64>()));
        let config = config(&format!("--tls-self-signed --data {}", folder.display()));
        let opened = || open(&config, None);
        assert!(opened().expect("the temporary folder is writable").is_some());
        let certificate = || fs::read_to_string(folder.join(CERTIFICATE_FILE)).expect("it was made");
        let first = certificate();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(folder.join(KEY_FILE)).expect("made").permissions().mode() & 0o777, 0o600);
        }
        opened().expect("it is there").expect("asked for");
        assert_eq!(certificate(), first, "browsers were told to trust this one");
        fs::write(folder.join(KEY_FILE), "nonsense").expect("writable");
        let why = opened().expect_err("no key");
        assert!(why.contains("no private key in PEM form") && why.ends_with("Delete both to get new ones."), "{why}");
        fs::remove_file(folder.join(KEY_FILE)).expect("there");
        opened().expect("made anew").expect("asked for");
        assert_ne!(certificate(), first);
        fs::remove_dir_all(&folder).expect("ours");
    }
}
