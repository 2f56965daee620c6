//! `lab weigh`: what the module of the game for browsers weighs by part, so that whoever wants it smaller knows where to look.
//!
//! A function counts to the crate that wrote it, wherever it was made: what is generic, as most of Bevy's is, is made once more for every
//! type that it is used with. Clearing a value away counts to the value's crate.
//!
//! Flow: `client.wasm` as the compiler leaves it, with the names of its functions → [`parts`] → brotli → a table.

use crate::pack;
use clap::Args;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use wasmparser::{BinaryReaderError, KnownCustom, Name, Parser, Payload, TypeRef};

/// The parts and the crates that make each of them; a star stands for any ending. The first that fits counts.
const PARTS: [(&str, &[&str]); 11] = [
    ("this game", &["client", "game", "protocol", "transport"]),
    ("ECS, schedules and systems", &["bevy_app", "bevy_ecs", "bevy_state", "bevy_tasks", "bevy_time"]),
    ("types at run time, serde", &["bevy_reflect", "erased_serde", "ron", "serde*"]),
    ("sound", &["bevy_audio", "cpal", "hound", "rodio"]),
    ("windows and input", &["accesskit*", "bevy_a11y", "bevy_gilrs", "bevy_input*", "bevy_win*", "gilrs*", "winit"]),
    (
        "panels and text (egui)",
        &[
            "bevy_egui",
            "ecolor",
            "egui",
            "emath",
            "epaint",
            "fearless_simd",
            "font_types",
            "harfrust",
            "kurbo",
            "read_fonts",
            "skrifa",
            "vello*",
        ],
    ),
    ("Bevy's renderer and assets", &["bevy*", "encase", "glam", "image", "png"]),
    ("shader compiler (naga)", &["aho_corasick", "codespan_reporting", "data_encoding", "naga*", "pp_rs", "regex*"]),
    ("graphics (wgpu)", &["glow", "wgpu*"]),
    ("the browser's interfaces", &["js_sys", "wasm_bindgen*", "web_sys", "xwt*"]),
    ("Rust's own library", &["alloc", "compiler_builtins", "core", "hashbrown", "std"]),
];
/// What no part asks for, and functions without a crate.
const OTHERS: &str = "other crates";
/// What is not code: texts, tables and shaders.
const DATA: &str = "data";
/// Functions that wasm-bindgen reads and takes out.
const DESCRIPTIONS: &str = "__wbindgen_describe";
/// Crates that are named beside their part.
const NAMED: usize = 3;

/// Options of `lab weigh`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The module as the compiler has built it, before wasm-bindgen takes the names out.
    #[arg(value_name = "MODULE")]
    module: PathBuf,
    /// Compress quickly instead of well.
    #[arg(long)]
    quick: bool,
}

/// Everything of one part.
#[derive(Default)]
struct Part {
    bytes: Vec<u8>,
    functions: usize,
    /// Bytes by crate.
    crates: BTreeMap<String, usize>,
}

/// Weighs a module and prints a table.
///
/// # Errors
/// A sentence if it cannot be read or has no names.
pub fn run(options: &Options) -> Result<(), String> {
    let module = pack::read(&options.module)?;
    let shown = options.module.display();
    let parts = parts(&module).map_err(|error| format!("{shown} is no module that can be read: {error}."))?;
    if !parts.keys().any(|part| PARTS.iter().any(|(name, _)| name == part)) {
        return Err(format!("{shown} has no names. Weigh the module from before wasm-bindgen."));
    }
    let mut rows = std::thread::scope(|scope| {
        let compress = |part: &Part| pack::brotli(&part.bytes, options.quick).map_or(0, |packed| packed.len());
        let started: Vec<_> =
            parts.iter().map(|(name, part)| (*name, part, scope.spawn(move || compress(part)))).collect();
        started
            .into_iter()
            .map(|(name, part, packed)| (name, part, packed.join().unwrap_or_default()))
            .collect::<Vec<_>>()
    });
    rows.sort_by_key(|(_, _, packed)| std::cmp::Reverse(*packed));
    println!("{:<28} {:>11} {:>11} {:>10}  of it", "part", "bytes", "brotli", "functions");
    for (name, part, packed) in &rows {
        println!("{name:<28} {:>11} {packed:>11} {:>10}  {}", part.bytes.len(), part.functions, part.largest());
    }
    let sum = |of: fn(&(&str, &Part, usize)) -> usize| rows.iter().map(of).sum::<usize>();
    let (bytes, packed) = (sum(|(_, part, _)| part.bytes.len()), sum(|(_, _, packed)| *packed));
    println!("{:<28} {bytes:>11} {packed:>11} {:>10}", "together", sum(|(_, part, _)| part.functions));
    Ok(())
}

impl Part {
    fn add(&mut self, owner: &str, body: &[u8]) {
        self.bytes.extend(body);
        self.functions += 1;
        *self.crates.entry(owner.to_owned()).or_default() += body.len();
    }

    /// Names the largest crates in it.
    fn largest(&self) -> String {
        let mut crates: Vec<_> = self.crates.iter().filter(|(name, _)| !name.is_empty()).collect();
        crates.sort_by_key(|(_, bytes)| std::cmp::Reverse(**bytes));
        let percent = |bytes: usize| 100 * bytes / self.bytes.len().max(1);
        let named = crates.iter().take(NAMED).map(|(name, bytes)| format!("{name} {} %", percent(**bytes)));
        named.collect::<Vec<_>>().join(", ")
    }
}

/// Takes a module apart. Tables of the module itself, a twentieth of it, count to nobody.
fn parts(module: &[u8]) -> Result<BTreeMap<&'static str, Part>, BinaryReaderError> {
    let mut parts = BTreeMap::<&str, Part>::new();
    let (mut imported, mut bodies, mut names) = (0_u32, Vec::new(), HashMap::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(module.get(body.range()).unwrap_or_default()),
            Payload::DataSection(data) => {
                parts.entry(DATA).or_default().bytes.extend(module.get(data.range()).unwrap_or_default());
            }
            Payload::CustomSection(section) => {
                let KnownCustom::Name(sections) = section.as_known() else { continue };
                for section in sections {
                    let Name::Function(functions) = section? else { continue };
                    for function in functions {
                        let function = function?;
                        names.insert(function.index, function.name);
                    }
                }
            }
            _ => {}
        }
    }
    for (index, body) in (imported..).zip(bodies) {
        let name = names.get(&index).copied().unwrap_or_default();
        if name.starts_with(DESCRIPTIONS) {
            continue;
        }
        let name = format!("{:#}", rustc_demangle::demangle(name));
        let owner = owner(&name);
        parts.entry(part_of(owner)).or_default().add(owner, body);
    }
    Ok(parts)
}

/// Returns the crate that wrote a function, by its demangled name: that of the first path in it, since type parameters and primitives
/// have none.
fn owner(name: &str) -> &str {
    let value = name.strip_prefix("core::ptr::drop_in_place").map_or(name, |value| value.trim_start_matches("::"));
    let word = |before: &str| before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    let words =
        value.match_indices("::").filter_map(|(at, _)| value.get(..at).and_then(|before| before.get(word(before)..)));
    words.into_iter().find(|word| !word.is_empty()).unwrap_or_default()
}

fn part_of(owner: &str) -> &'static str {
    let fits = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(start) => owner.starts_with(start),
        None => owner == *pattern,
    };
    PARTS.iter().find(|(_, crates)| crates.iter().any(fits)).map_or(OTHERS, |(part, _)| part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_counts_to_who_wrote_it() {
        for (name, crate_) in [
            ("bevy_ecs::world::World::spawn", "bevy_ecs"),
            ("<bevy_ecs::query::Query<D,F> as core::fmt::Debug>::fmt", "bevy_ecs"),
            ("<&T as core::fmt::Debug>::fmt", "core"),
            ("<[T] as alloc::slice::SpecCloneIntoVec<T,A>>::clone_into", "alloc"),
            ("core::ptr::drop_in_place<alloc::vec::Vec<u8>>", "alloc"),
            ("core::ptr::drop_in_place::<egui::Context>", "egui"),
            ("memcpy", ""),
        ] {
            assert_eq!(owner(name), crate_, "{name}");
        }
        assert_eq!(
            ["bevy_ecs", "bevy_mesh", "bevy_window", "regex_syntax", "std", ""].map(part_of),
            [
                "ECS, schedules and systems",
                "Bevy's renderer and assets",
                "windows and input",
                "shader compiler (naga)",
                "Rust's own library",
                OTHERS
            ]
        );
    }

    #[test]
    fn bodies_are_found_by_their_names() {
        let section = |id: u8, body: &[u8]| [&[id, body.len() as u8], body].concat();
        let module = [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, &[1, 0x60, 0, 0]),
            // One imported function, `a.b`, comes before our two.
            section(2, &[1, 1, b'a', 1, b'b', 0, 0]),
            section(3, &[2, 0, 0]),
            section(10, &[2, 2, 0, 0x0B, 3, 0, 0x01, 0x0B]),
            section(0, b"\x04name\x01\x23\x02\x01\x12game::step::flight\x02\x0cegui::paint_"),
        ];
        let parts = parts(&module.concat());
        let sizes = |part: &str| parts.as_ref().ok().and_then(|parts| parts.get(part)).map(|part| part.bytes.len());
        assert_eq!((sizes("this game"), sizes("panels and text (egui)")), (Some(2), Some(3)));
    }
}
