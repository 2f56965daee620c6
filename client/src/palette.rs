//! Every colour of the client, once.
//!
//! A wire has one colour everywhere it is mentioned, so that a player learns it without a legend. Pilots use other hues, and a
//! hull shape besides, so that nobody has to tell colours apart to tell ships apart.
//!
//! Flow: `docs` and the art direction → here → [`crate::view`] (linear light), [`crate::hud`] and [`crate::menu`] (egui).

use bevy::{color::LinearRgba, math::Vec3, prelude::Color};
use bevy_egui::egui::Color32;
use game::SeatId;
use protocol::Transport;

/// A colour as designers write it: sRGB, eight bits each.
pub(crate) type Rgb = [u8; 3];

/// What lies behind everything.
pub(crate) const VOID: Rgb = [0x0B, 0x0E, 0x14];
/// The faint grid that gives motion a reference.
pub(crate) const GRID: Rgb = [0x14, 0x1B, 0x27];
/// The inside of walls: a shade below the floor, so that open space reads as lit.
pub(crate) const WALL: Rgb = [0x07, 0x09, 0x0E];
/// The edge of walls.
pub(crate) const EDGE: Rgb = [0x5C, 0x7C, 0xFA];
/// Panels, drawn at [`GLASS_ALPHA`].
pub(crate) const GLASS: Rgb = [0x0F, 0x14, 0x20];
/// Opacity of panels: 88 %, dark enough to read on, clear enough to see somebody come.
pub(crate) const GLASS_ALPHA: u8 = 224;
/// The 1 px edge of panels.
pub(crate) const RIM: Rgb = [0x26, 0x31, 0x46];
/// Words.
pub(crate) const TEXT: Rgb = [0xE6, 0xEB, 0xF5];
/// Words that can wait.
pub(crate) const QUIET: Rgb = [0x8F, 0x9B, 0xB3];
/// What asks for attention, always together with words.
pub(crate) const ALARM: Rgb = [0xFF, 0x8A, 0x65];
/// The one thing to press.
pub(crate) const ACCENT: Rgb = [0x6C, 0x8C, 0xFF];
/// The player's own ship: nearly white, since nothing may be brighter.
pub(crate) const OWN: Rgb = [0xC8, 0xEC, 0xFF];
/// Health lying around.
pub(crate) const PICKUP: Rgb = [0xA8, 0xF0, 0xC6];
/// Health that is nearly gone.
pub(crate) const LOW_HEALTH: Rgb = [0xFF, 0x5A, 0x4D];

/// Hues of the other pilots. None is the hue of a wire, and neighbours in the list differ in lightness too.
pub(crate) const PILOTS: [Rgb; 8] = [
    [0xFF, 0x5D, 0x73],
    [0xB0, 0x8C, 0xFF],
    [0xC6, 0xF5, 0x5A],
    [0xFF, 0x9A, 0xE6],
    [0x6E, 0x7B, 0xFF],
    [0xFF, 0xC2, 0x9E],
    [0x5C, 0xF2, 0xE3],
    [0xE0, 0x52, 0xC4],
];

/// Returns the colour of a wire.
pub(crate) const fn wire(transport: Transport) -> Rgb {
    match transport {
        Transport::Udp => [0x56, 0xB4, 0xE9],
        Transport::Quic => [0x2E, 0xD3, 0xA0],
        Transport::Websocket => [0xE6, 0x9F, 0x00],
        Transport::Tcp => [0xF0, 0xE4, 0x42],
        Transport::Http => [0xD5, 0x5E, 0x00],
        Transport::Webtransport => [0xCC, 0x79, 0xA7],
        Transport::Memory => [0x9A, 0xA4, 0xB2],
    }
}

/// Returns the colour of whoever sits in `seat`, as seen from the seat `own`.
pub(crate) fn pilot(seat: SeatId, own: Option<SeatId>) -> Rgb {
    if Some(seat) == own { OWN } else { PILOTS[usize::from(seat.0) % PILOTS.len()] }
}

/// Returns the colour as linear light, for the field.
pub(crate) fn light([r, g, b]: Rgb) -> Vec3 {
    let linear = LinearRgba::from(Color::srgb_u8(r, g, b));
    Vec3::new(linear.red, linear.green, linear.blue)
}

/// Returns the colour for egui.
pub(crate) const fn ink([r, g, b]: Rgb) -> Color32 {
    Color32::from_rgb(r, g, b)
}

/// Returns the colour for egui at `opacity`, 0 to 1.
pub(crate) fn faded(rgb: Rgb, opacity: f32) -> Color32 {
    ink(rgb).gamma_multiply(opacity.clamp(0.0, 1.0))
}

/// Returns the colour of a change of points; its sign is told by letters as well.
pub(crate) const fn change(points: i32) -> Rgb {
    match points {
        0 => QUIET,
        1.. => PICKUP,
        ..0 => ALARM,
    }
}
