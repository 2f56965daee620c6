//! The game for browsers: what `make web` has built, served by the server that it plays on.
//!
//! Every file but the page is named by its content, so a browser keeps it for ever; the page names them, and is asked for again each time.
//! Files were compressed when they were built, and each browser gets the smallest kind that it can unpack (RFC 9110, 12.5.3).
//!
//! Flow: `assets/web/play` → [`WebClient::open`] → `GET /`, `GET /play/{file}` → `boot.js` → the game.

use super::files::{Offered, offer};
use super::page::Page;
use axum::http::HeaderValue;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

/// Where the build is, below the assets.
const FOLDER: &str = "web/play";
/// What the build says of its files.
const LIST: &str = "files.json";
/// The page that names them.
const PAGE: &str = "page.html";
/// Kinds of compression, the smallest result first: its name in HTTP, the ending of its file.
const PACKINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

/// The game for browsers, if it was built. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct WebClient(Option<Arc<Build>>);

#[derive(Debug)]
struct Build {
    page: Page,
    files: BTreeMap<String, WebFile>,
}

/// One file, as it is and compressed.
#[derive(Debug)]
pub(super) struct WebFile {
    pub(super) kind: HeaderValue,
    plain: Arc<Offered>,
    packed: Vec<(&'static str, Arc<Offered>)>,
}

/// One line of the build's list.
#[derive(Deserialize)]
struct Listed {
    name: String,
    kind: String,
}

impl WebClient {
    /// Looks for a build in the folder `assets`. One that is not whole is as good as none, and the log says so.
    pub fn open(assets: &Path) -> Self {
        match Build::read(&assets.join(FOLDER)) {
            Ok(build) => Self(Some(Arc::new(build))),
            Err(error) if error.kind() == ErrorKind::NotFound => Self(None),
            Err(error) => {
                tracing::warn!("the game for browsers cannot be offered: {error}. Build it again with `make web`.");
                Self(None)
            }
        }
    }

    /// Returns whether there is one.
    pub fn is_built(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the page that starts it.
    pub(super) fn page(&self) -> Option<&Page> {
        self.0.as_ref().map(|build| &build.page)
    }

    /// Returns the file of that name.
    pub(super) fn find(&self, name: &str) -> Option<&WebFile> {
        self.0.as_ref()?.files.get(name)
    }
}

impl Build {
    fn read(folder: &Path) -> io::Result<Self> {
        let list = std::fs::read_to_string(folder.join(LIST))?;
        // From here on something that is missing is a broken build, not none.
        let broken = |error: io::Error| io::Error::other(error.to_string());
        let list: Vec<Listed> = serde_json::from_str(&list).map_err(io::Error::other)?;
        let html = std::fs::read_to_string(folder.join(PAGE)).map_err(broken)?;
        let files = list.into_iter().map(|listed| WebFile::read(folder, listed)).collect::<io::Result<_>>();
        Ok(Self { page: Page::of_game(&html), files: files.map_err(broken)? })
    }
}

impl WebFile {
    fn read(folder: &Path, listed: Listed) -> io::Result<(String, Self)> {
        let Listed { name, kind } = listed;
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
            return Err(io::Error::other(format!("`{name}` is not the name of a file of a build")));
        }
        let found = |file: String| {
            offer(folder.join(&file), file.clone()).map_err(|error| io::Error::other(format!("{file}: {error}")))
        };
        let plain = found(name.clone())?.ok_or_else(|| io::Error::other(format!("{name} is too large")))?;
        let mut packed = Vec::new();
        for (packing, ending) in PACKINGS {
            // What does not get smaller is not packed.
            if folder.join(format!("{name}.{ending}")).is_file()
                && let Some(file) = found(format!("{name}.{ending}"))?
            {
                packed.push((packing, Arc::new(file)));
            }
        }
        let kind = HeaderValue::from_str(&kind).map_err(io::Error::other)?;
        Ok((name, Self { kind, plain: Arc::new(plain), packed }))
    }

    /// Returns the smallest form for a browser that sends this `Accept-Encoding`, and how it is packed.
    pub(super) fn for_browser(&self, accepted: &str) -> (&Arc<Offered>, Option<&'static str>) {
        let form = self.packed.iter().find(|(packing, _)| takes(accepted, packing));
        form.map_or((&self.plain, None), |(packing, file)| (file, Some(packing)))
    }
}

/// Returns whether an `Accept-Encoding` takes what is packed so.
fn takes(accepted: &str, packing: &str) -> bool {
    accepted.split(',').any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, "q=1"));
        let refused = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0);
        name.trim().eq_ignore_ascii_case(packing) && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_says_what_it_can_unpack() {
        assert!(takes("gzip, deflate, br, zstd", "br") && takes("gzip;q=0.5, BR ; q=1", "br"));
        assert!(!takes("gzip, br;q=0", "br") && !takes("", "gzip") && !takes("brotli", "br"));
    }

    #[test]
    fn a_build_is_offered_whole_or_not_at_all() {
        let assets = std::env::temp_dir().join(format!("crosswire-web-{:016x}", rand::random::<u64>()));
        let write = |name: &str, text: &str| std::fs::write(assets.join(FOLDER).join(name), text).expect("writable");
        std::fs::create_dir_all(assets.join(FOLDER)).expect("writable");
        assert!(!WebClient::open(&assets).is_built(), "nothing was built");
        write(LIST, r#"[{"name":"a-1.wasm","kind":"application/wasm"}]"#);
        write("a-1.wasm", "plain");
        assert!(!WebClient::open(&assets).is_built(), "no page");
        write(PAGE, "<style>body{}</style>");
        write("a-1.wasm.gz", "packed");
        let client = WebClient::open(&assets);
        let file = client.find("a-1.wasm").expect("listed");
        assert_eq!(file.for_browser("br, gzip").1, Some("gzip"));
        assert_eq!((file.for_browser("br").1, file.kind.as_bytes()), (None, &b"application/wasm"[..]));
        assert!(client.find("a-1.wasm.gz").is_none() && client.find("page.html").is_none());
        write(LIST, r#"[{"name":"../secret","kind":"text/plain"}]"#);
        assert!(!WebClient::open(&assets).is_built());
        std::fs::remove_dir_all(&assets).expect("it was just made");
    }
}
