//! The page that the game runs in: what it was opened with, the files that came with it, and what outlives it.
//!
//! Everything that the page has fetched before the game began lies ready in `globalThis.crosswire` (see `assets/web/game/boot.js`).
//!
//! Flow: `boot.js` ↔ here ↔ [`crate::args`], [`crate::assets`], [`crate::style`], [`crate::data`], [`crate::identity`].

mod status;

use crate::{settings::plain, sound::Chime};
use bevy::prelude::*;
use js_sys::{Function, Map, Reflect, Uint8Array};
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Storage, Window};

/// Tells the page that there is something to see, and how the game is.
pub(crate) struct WebPlugin;

impl Plugin for WebPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins(status::StatusPlugin);
        app.add_systems(Update, beckon.run_if(on_message::<Chime>)).add_systems(Last, uncover);
    }
}

/// Takes the cover off the canvas once the first frames are drawn: with the first one everything is still being made.
fn uncover(mut frames: Local<u8>) {
    *frames = frames.saturating_add(1);
    if *frames == FRAMES_COVERED
        && let Some(uncover) = function("uncover")
    {
        let _ = uncover.call0(&JsValue::UNDEFINED);
    }
}

/// Calls somebody back who looks at another tab.
fn beckon() {
    if let Some(beckon) = function("beckon") {
        let _ = beckon.call1(&JsValue::UNDEFINED, &"A match was found".into());
    }
}

/// Returns whether another tab is in front. The game gets a frame a second then.
pub(crate) fn is_hidden() -> bool {
    window().and_then(|window| window.document()).is_some_and(|document| document.hidden())
}

/// Returns a file of the assets that came with the page, such as `fonts/Inter-Regular.otf`.
pub(crate) fn file(path: &str) -> Option<Vec<u8>> {
    let files: Map = Reflect::get(&shelf()?, &"files".into()).ok()?.dyn_into().ok()?;
    files.get(&path.into()).dyn_into::<Uint8Array>().ok().map(|bytes| bytes.to_vec())
}

/// Returns the names of the files in a folder of the assets.
pub(crate) fn files_in(folder: &str) -> Vec<String> {
    let files = shelf().and_then(|shelf| Reflect::get(&shelf, &"files".into()).ok()?.dyn_into::<Map>().ok());
    let names = files.map(|files| files.keys().into_iter().flatten().filter_map(|name| name.as_string()).collect());
    let names: Vec<String> = names.unwrap_or_default();
    names.into_iter().filter_map(|name| Some(name.strip_prefix(folder)?.strip_prefix('/')?.to_owned())).collect()
}

/// Returns whether the page can fill the screen.
pub(crate) fn has_full_screen() -> bool {
    function("fullScreen").is_some()
}

/// Fills the screen with the page, or ends that.
pub(crate) fn toggle_full_screen() {
    if let Some(toggle) = function("fullScreen") {
        let _ = toggle.call0(&JsValue::UNDEFINED);
    }
}

/// Puts a text into the clipboard.
pub(crate) fn copy(text: &str) {
    if let Some(copy) = function("copy") {
        let _ = copy.call1(&JsValue::UNDEFINED, &text.into());
    }
}

/// Returns whether the page may ask for what is in the clipboard, without a key.
pub(crate) fn can_ask_for_paste() -> bool {
    function("paste").is_some()
}

/// Asks for it: [`take_fetched`] has the answer when the browser has given it.
pub(crate) fn ask_for_paste() {
    if let Some(paste) = function("paste") {
        let _ = paste.call0(&JsValue::UNDEFINED);
    }
}

/// Returns what was pasted since, once.
pub(crate) fn take_pasted() -> Option<String> {
    let text = Reflect::get(&shelf()?, &"pasted".into()).ok()?.as_string()?;
    put("pasted", &JsValue::NULL);
    Some(text)
}

/// Returns what came of asking, once: what is in the clipboard, or none if the browser keeps that to itself.
pub(crate) fn take_fetched() -> Option<Option<String>> {
    let answer = Reflect::get(&shelf()?, &"fetched".into()).ok()?;
    let text = answer.as_string();
    if text.is_none() && answer.as_bool().is_none() {
        return None;
    }
    put("fetched", &JsValue::NULL);
    Some(text)
}

/// Returns whether a server is another than the page's own, which is the only one that it may ask. Http and https are on one port.
pub(crate) fn is_elsewhere(address: &str) -> bool {
    let place = |address: &str| plain(address).trim_start_matches("https://").to_owned();
    server().is_some_and(|own| place(&own) != place(address))
}

/// Leads the browser to the page of another server, into the room of `code`.
pub(crate) fn go_to(address: &str, code: Option<&str>) {
    let Some(window) = window() else { return };
    let address = plain(address);
    let scheme = if address.contains("://") { "" } else { "http://" };
    let room = code.map(|code| format!("?room={code}")).unwrap_or_default();
    if window.location().set_href(&format!("{scheme}{address}/{room}")).is_err() {
        warn!("The browser does not go to {address}.");
    }
}

/// Returns something that the page can do.
fn function(name: &str) -> Option<Function> {
    Reflect::get(&shelf()?, &name.into()).ok()?.dyn_into().ok()
}

/// Lays something out for the page.
fn put(name: &str, value: &JsValue) {
    if let Some(shelf) = shelf() {
        let _ = Reflect::set(&shelf, &name.into(), value);
    }
}

fn shelf() -> Option<JsValue> {
    Reflect::get(&js_sys::global(), &"crosswire".into()).ok().filter(JsValue::is_object)
}

/// Returns the server that the page came from, as `host:port`.
pub(crate) fn server() -> Option<String> {
    transport::browser::Page::here().map(|page| format!("{}:{}", page.host, page.port))
}

/// Returns what the address of the page asks for, as arguments: `?room=KM7-4QX&watch` is `--code=KM7-4QX` and `--watch`.
pub(crate) fn arguments() -> Vec<String> {
    let search = window().and_then(|window| window.location().search().ok()).unwrap_or_default();
    let asked = search.trim_start_matches('?').split('&').filter_map(asked);
    asked
        .map(|(name, value)| if value.is_empty() { format!("--{name}") } else { format!("--{name}={value}") })
        .collect()
}

/// Reads one `name=value`. Only what a friend may put into a link counts.
fn asked(part: &str) -> Option<(&'static str, String)> {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    let (_, option, takes_value) = LINK_OPTIONS.into_iter().find(|(known, ..)| *known == name)?;
    if !takes_value {
        return Some((option, String::new()));
    }
    let value: String = js_sys::decode_uri_component(&value.replace('+', " ")).ok()?.into();
    (!value.is_empty()).then_some((option, value))
}

/// Plays the match of [`game::proof`] on a map that came with the page, and returns its checksum; nothing if there is no such map. For the
/// page: a browser must find what every other machine does.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "the page reaches it")]
pub fn checksum_after(map: &str, ticks: u32) -> Option<String> {
    let text = String::from_utf8(file(&format!("maps/{map}.map"))?).ok()?;
    let map = game::Map::parse(map, &text).ok()?;
    Some(format!("{:#018X}", game::proof::checksum_after(map.into(), ticks)))
}

/// Returns what was stored under a name, in this browser and for this server.
pub(crate) fn stored(name: &str) -> Option<String> {
    storage()?.get_item(name).ok()?
}

/// Stores something under a name; none takes it away. Nothing is stored where the browser does not let a page.
pub(crate) fn store(name: &str, text: Option<&str>) {
    let Some(storage) = storage() else { return };
    let stored = match text {
        Some(text) => storage.set_item(name, text),
        None => storage.remove_item(name),
    };
    if stored.is_err() {
        warn!("The browser does not let this page remember anything.");
    }
}

/// Returns the name of this tab, which stays the same when it is loaded again.
pub(crate) fn tab() -> Option<String> {
    Reflect::get(&shelf()?, &"tab".into()).ok()?.as_string()
}

/// Calls `then` when the page is left.
pub(crate) fn when_left(then: impl FnMut() + 'static) {
    let Some(window) = window() else { return };
    let then = Closure::<dyn FnMut()>::new(then);
    let _ = window.add_event_listener_with_callback("pagehide", then.as_ref().unchecked_ref());
    then.forget();
}

fn storage() -> Option<Storage> {
    window()?.local_storage().ok()?
}

fn window() -> Option<Window> {
    web_sys::window()
}

/// What a link may ask for: its name there, the option that it becomes, whether it has a value.
const LINK_OPTIONS: [(&str, &str, bool); 7] = [
    ("room", "code", true),
    ("name", "name", true),
    ("transport", "transport", true),
    ("http-poll", "http-poll", true),
    ("watch", "watch", false),
    ("quick", "quick", false),
    ("autopilot", "autopilot", false),
];
/// Frames that are drawn under the cover.
const FRAMES_COVERED: u8 = 3;
