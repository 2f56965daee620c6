//! `lab pack`: makes of a build for browsers what the server offers: every file named by its content, compressed in two ways, and a page
//! that names them.
//!
//! Flow: `make web` → here → `assets/web/play` → `server::lobby::web` → a browser.

use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What browsers run, and what they are told that it is.
const SCRIPT: &str = "text/javascript; charset=utf-8";
const MODULE: &str = "application/wasm";
/// Files of the assets that the game needs from the first moment, by folder and ending.
const NEEDED: [(&str, &str, &str); 3] =
    [("fonts", "otf", "font/otf"), ("fonts", "ttf", "font/ttf"), ("maps", "map", "text/plain; charset=utf-8")];
/// Hexadecimal digits of a hash in a file's name.
const HASH_DIGITS: usize = 16;
/// Brotli at its strongest; the window is the largest that every browser takes (RFC 7932, 9.1).
const BROTLI_QUALITY: u32 = 11;
const BROTLI_WINDOW: u32 = 24;
const BROTLI_BUFFER: usize = 64 * 1024;

/// Options of `lab pack`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Folder with `client.js` and `client_bg.wasm`, as wasm-bindgen writes them.
    #[arg(value_name = "BUILD")]
    build: PathBuf,
    /// The assets, in which the packed files go to `web/play`.
    #[arg(long, value_name = "DIR", default_value = "assets")]
    assets: PathBuf,
    /// Compress quickly instead of well, while trying things out.
    #[arg(long)]
    quick: bool,
}

/// A file as the server lists it.
#[derive(Serialize)]
struct Listed {
    name: String,
    kind: &'static str,
}

/// What the page tells its script.
#[derive(Serialize)]
struct Build {
    script: String,
    pulse: String,
    module: Part,
    files: Vec<Needed>,
}

#[derive(Serialize)]
struct Part {
    name: String,
    bytes: usize,
}

#[derive(Serialize)]
struct Needed {
    path: String,
    #[serde(flatten)]
    part: Part,
}

/// Packs a build and prints what each part of it weighs.
///
/// # Errors
/// A sentence if something is missing or cannot be written.
pub fn run(options: &Options) -> Result<(), String> {
    let play = options.assets.join("web").join("play");
    // Whatever an earlier build has left there must not be offered any more.
    match fs::remove_dir_all(&play) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot("empty", &play, &error)),
        _ => fs::create_dir_all(&play).map_err(|error| cannot("make", &play, &error))?,
    }
    let mut packer = Packer { play: &play, quick: options.quick, listed: Vec::new(), weights: Weights::default() };
    let game = options.assets.join("web").join("game");
    let module = packer.pack(&options.build.join("client_bg.wasm"), MODULE)?;
    let script = packer.pack(&options.build.join("client.js"), SCRIPT)?.name;
    let boot = packer.pack(&game.join("boot.js"), SCRIPT)?.name;
    let pulse = packer.pack(&game.join("pulse.js"), SCRIPT)?.name;
    let files = packer.pack_needed(&options.assets)?;
    let build = serde_json::to_string(&Build { script, pulse, module, files }).map_err(|error| error.to_string())?;
    let page = read(&game.join("page.html"))?;
    let page = String::from_utf8(page).map_err(|_| "The page is not text.".to_owned())?;
    let page =
        page.replace("{{boot}}", &boot).replace("{{build}}", &build.replace('&', "&amp;").replace('"', "&quot;"));
    write(&play.join("page.html"), page.as_bytes())?;
    let list = serde_json::to_string_pretty(&packer.listed).map_err(|error| error.to_string())?;
    // Last, because a folder with a list counts as a build.
    write(&play.join("files.json"), list.as_bytes())?;
    packer.weights.print();
    Ok(())
}

struct Packer<'a> {
    play: &'a Path,
    quick: bool,
    listed: Vec<Listed>,
    weights: Weights,
}

impl Packer<'_> {
    /// Takes a file in under the name of its content.
    fn pack(&mut self, file: &Path, kind: &'static str) -> Result<Part, String> {
        let content = read(file)?;
        let digest = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let name = format!("{}-{}.{}", text(file.file_stem()), &digest[..HASH_DIGITS], text(file.extension()));
        write(&self.play.join(&name), &content)?;
        let packed = [("br", brotli(&content, self.quick)), ("gz", self.gzip(&content))].map(|(ending, packed)| {
            let packed = packed.map_err(|error| format!("Cannot compress {}: {error}.", file.display()))?;
            // What does not get smaller is sent as it is.
            if packed.len() < content.len() {
                write(&self.play.join(format!("{name}.{ending}")), &packed)?;
            }
            Ok::<_, String>(packed.len().min(content.len()))
        });
        let [brotli, gzip] = packed;
        self.weights.rows.push((text(file.file_name()), content.len(), brotli?, gzip?));
        self.listed.push(Listed { name: name.clone(), kind });
        Ok(Part { name, bytes: content.len() })
    }

    fn pack_needed(&mut self, assets: &Path) -> Result<Vec<Needed>, String> {
        let mut needed = Vec::new();
        for (folder, ending, kind) in NEEDED {
            let dir = assets.join(folder);
            let entries = fs::read_dir(&dir).map_err(|error| cannot("read", &dir, &error))?;
            let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            files.retain(|file| file.extension().is_some_and(|found| found == ending));
            files.sort();
            for file in files {
                let part = self.pack(&file, kind)?;
                let path = format!("{folder}/{}", file.file_name().unwrap_or_default().to_string_lossy());
                needed.push(Needed { path, part });
            }
        }
        Ok(needed)
    }

    fn gzip(&self, content: &[u8]) -> io::Result<Vec<u8>> {
        let level = if self.quick { Compression::fast() } else { Compression::best() };
        let mut packed = GzEncoder::new(Vec::new(), level);
        packed.write_all(content)?;
        packed.finish()
    }
}

/// Bytes of each file: as it is, with brotli, with gzip.
#[derive(Default)]
struct Weights {
    rows: Vec<(String, usize, usize, usize)>,
}

impl Weights {
    fn print(&self) {
        println!("{:<28} {:>12} {:>12} {:>12}", "file", "bytes", "brotli", "gzip");
        let sum = self.rows.iter().fold((0, 0, 0), |sum, row| (sum.0 + row.1, sum.1 + row.2, sum.2 + row.3));
        let total = ("together".to_owned(), sum.0, sum.1, sum.2);
        for (name, bytes, brotli, gzip) in self.rows.iter().chain([&total]) {
            println!("{name:<28} {bytes:>12} {brotli:>12} {gzip:>12}");
        }
    }
}

/// Compresses as browsers unpack it.
pub(crate) fn brotli(content: &[u8], quick: bool) -> io::Result<Vec<u8>> {
    let quality = if quick { 5 } else { BROTLI_QUALITY };
    let mut packed = brotli::CompressorWriter::new(Vec::new(), BROTLI_BUFFER, quality, BROTLI_WINDOW);
    packed.write_all(content)?;
    packed.flush()?;
    Ok(packed.into_inner())
}

pub(crate) fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| cannot("read", file, &error))
}

fn write(file: &Path, content: &[u8]) -> Result<(), String> {
    fs::write(file, content).map_err(|error| cannot("write", file, &error))
}

fn cannot(what: &str, file: &Path, error: &io::Error) -> String {
    format!("Cannot {what} {}: {error}.", file.display())
}
