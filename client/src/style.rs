//! Type, sizes and the look of panels and widgets.
//!
//! One humanist face for words and one fixed-width face for numbers, two sizes of text, an 8 px grid, dark glass. Everything that
//! is written on the screen goes through here, so that it stays that way.
//!
//! Flow: `assets/fonts` → [`StylePlugin`] → [`crate::menu`], [`crate::hud`].

use crate::{assets::AssetDir, hud::Panels, palette, settings::Settings, state::Screen, touch::Fingers};
use bevy::{asset::AssetEventSystems, prelude::*, window::PrimaryWindow};
use bevy_egui::{EguiContexts, EguiPostUpdateSet, EguiPreUpdateSet, egui};
use egui::{
    Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Frame, Id, Margin, RichText, Stroke,
    TextStyle, Ui,
    style::{Selection, WidgetVisuals},
};
use std::sync::Arc;

/// Unit of all distances in panels, points.
pub(crate) const GRID: f32 = 8.0;
/// Height of everything that can be pressed: easy to hit, also with a thumbstick.
pub(crate) const TARGET: f32 = 40.0;
/// Size of most text; the smallest there is.
pub(crate) const SMALL: f32 = 14.0;
/// Size of what is pressed.
pub(crate) const MIDDLE: f32 = 16.0;
/// Size of what matters.
pub(crate) const LARGE: f32 = 20.0;
/// Size of the clock, which is read from the corner of the eye.
pub(crate) const CLOCK: f32 = 26.0;
/// Size of the name of the game and of who won it.
pub(crate) const TITLE: f32 = 44.0;
/// Size of the countdown.
pub(crate) const HUGE: f32 = 88.0;

/// Dresses egui.
pub(crate) struct StylePlugin;

impl Plugin for StylePlugin {
    fn build(&self, app: &mut App) {
        // Between the birth of egui's context and its first pass: a pass with a font that is not there yet would panic.
        app.add_systems(
            PreUpdate,
            (dress, scale).chain().after(EguiPreUpdateSet::InitContexts).before(EguiPreUpdateSet::ProcessInput),
        );
        // Otherwise the renderer hears of new characters a frame after they are written, and they blink.
        app.configure_sets(PostUpdate, EguiPostUpdateSet::PostProcessOutput.before(AssetEventSystems));
    }
}

/// Returns the face for words.
pub(crate) const fn words(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// Returns the face for words that matter.
pub(crate) fn strong(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(STRONG.into()))
}

/// Returns the face for numbers: they do not dance when they change.
pub(crate) const fn numbers(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

/// Returns quiet small text.
pub(crate) fn quiet(text: impl Into<String>) -> RichText {
    RichText::new(text).font(words(SMALL)).color(palette::ink(palette::QUIET))
}

/// Returns the frame of a panel: dark glass with a thin edge.
pub(crate) fn glass() -> Frame {
    let [r, g, b] = palette::GLASS;
    Frame::NONE
        .fill(Color32::from_rgba_unmultiplied(r, g, b, palette::GLASS_ALPHA))
        .stroke(Stroke::new(1.0, palette::ink(palette::RIM)))
        .corner_radius(CORNER)
        .inner_margin(Margin::same(2 * GRID as i8))
}

/// Adds a button as wide as there is room.
pub(crate) fn button(ui: &mut Ui, text: &str) -> egui::Response {
    let size = egui::vec2(ui.available_width(), TARGET);
    ui.add_sized(size, egui::Button::new(RichText::new(text).font(strong(MIDDLE))))
}

/// Adds the one button of a screen that most people want.
pub(crate) fn main_button(ui: &mut Ui, text: &str) -> egui::Response {
    let size = egui::vec2(ui.available_width(), TARGET + GRID);
    let text = RichText::new(text).font(strong(LARGE));
    ui.scope(|ui| {
        if !ui.is_enabled() {
            // Dark writing on what is dark then could not be read.
            return ui.add_sized(size, egui::Button::new(text));
        }
        let text = text.color(palette::ink(palette::VOID));
        let widgets = &mut ui.visuals_mut().widgets;
        for (state, rgb) in [
            (&mut widgets.inactive, palette::ACCENT),
            (&mut widgets.hovered, palette::OWN),
            (&mut widgets.active, palette::OWN),
        ] {
            state.weak_bg_fill = palette::ink(rgb);
            state.bg_stroke = Stroke::new(1.0, palette::ink(rgb));
        }
        widgets.active.bg_stroke = Stroke::new(2.0, palette::ink(palette::TEXT));
        ui.add_sized(size, egui::Button::new(text))
    })
    .inner
}

/// Adds a field for one line of text, with its name above.
pub(crate) fn field(ui: &mut Ui, name: &str, text: &mut String, limit: usize) -> egui::Response {
    ui.label(quiet(name));
    let filter = egui::EventFilter { horizontal_arrows: true, ..Default::default() };
    ui.add(
        egui::TextEdit::singleline(text)
            .font(words(MIDDLE))
            .char_limit(limit)
            .event_filter(filter)
            .margin(Margin::symmetric(GRID as i8 + 4, GRID as i8 + 2))
            .desired_width(ui.available_width()),
    )
}

/// Scrolls to what has just got the keyboard, if it is in `ui`, the inside of a scroll area: whoever moves by keys must see where they are.
pub(crate) fn follow_focus(ui: &Ui) {
    let focused = ui.memory(|memory| memory.focused());
    let followed = ui.id().with("followed");
    let before = ui.data_mut(|data| std::mem::replace(data.get_temp_mut_or_default::<Option<Id>>(followed), focused));
    // Only when it moves: the wheel may go elsewhere meanwhile.
    let Some(focused) = focused.filter(|_| before != focused).and_then(|id| ui.ctx().read_response(id)) else { return };
    if focused.layer_id == ui.layer_id() && ui.min_rect().contains_rect(focused.rect) {
        ui.scroll_to_rect(focused.rect.expand(GRID), None);
    }
}

fn dress(mut contexts: EguiContexts, assets: Res<AssetDir>, mut dressed: Local<bool>) {
    if *dressed {
        return;
    }
    let Ok(context) = contexts.ctx_mut() else { return };
    context.set_fonts(fonts(&assets));
    context.global_style_mut(restyle);
    context.options_mut(|options| options.zoom_with_keyboard = false);
    *dressed = true;
}

/// Scales the HUD with the window, so that it takes the same share of a large screen, and by what the player chose.
fn scale(
    mut contexts: EguiContexts,
    settings: Res<Settings>,
    (screen, panels, fingers): (Res<State<Screen>>, Res<Panels>, Res<Fingers>),
    window: Query<&Window, With<PrimaryWindow>>,
) {
    let (Ok(context), Ok(window)) = (contexts.ctx_mut(), window.single()) else { return };
    let in_match = *screen.get() == Screen::InMatch;
    let width = if in_match { DESIGN_WIDTH } else { MENU_WIDTH };
    let least = match (fingers.seen(), in_match && !panels.pause) {
        (false, _) => MIN_FIT,
        (true, true) => MIN_FIT_TOUCH,
        // What is pressed by fingers is as large as they are, as far as a column of it fits.
        (true, false) => (window.width() / TOUCH_COLUMN).clamp(MIN_FIT, FINGER / TARGET),
    };
    let fitted = (window.height() / DESIGN_HEIGHT).min(window.width() / width).clamp(least, MAX_FIT);
    context.set_zoom_factor(fitted * settings.hud_scale);
    context.data_mut(|data| data.insert_temp(Id::new(BY_TOUCH), fingers.seen()));
}

/// Returns whether fingers play: then no key is written anywhere.
pub(crate) fn by_touch(context: &egui::Context) -> bool {
    context.data(|data| data.get_temp(Id::new(BY_TOUCH))).unwrap_or_default()
}

/// Returns how tall something to press is that is `usual` points tall for a mouse: what fingers press is as large as they are.
pub(crate) fn row(ui: &Ui, usual: f32) -> f32 {
    if by_touch(ui.ctx()) { usual.max(FINGER / ui.ctx().zoom_factor()) } else { usual }
}

/// Returns a text for something to press with the key that does the same.
pub(crate) fn keyed(ui: &Ui, text: &str, key: &str) -> String {
    if by_touch(ui.ctx()) { text.to_owned() } else { format!("{text} ({key})") }
}

/// Returns the faces; what is missing is replaced by what egui brings along on the desktop.
fn fonts(assets: &AssetDir) -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let fallback = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    fonts.families.insert(FontFamily::Name(STRONG.into()), fallback);
    for file in FACES {
        match assets.read(&format!("fonts/{file}")) {
            Ok(bytes) => drop(fonts.font_data.insert(file.to_owned(), Arc::new(FontData::from_owned(bytes)))),
            Err(error) => warn!("{file} could not be read ({error}); another face is used."),
        }
    }
    let [words, strong, numbers, signs] = FACES;
    for (family, face) in
        [(FontFamily::Proportional, words), (FontFamily::Name(STRONG.into()), strong), (FontFamily::Monospace, numbers)]
    {
        // Where a face lacks a sign, the next one is asked.
        let there = [face, words, signs].into_iter().filter(|face| fonts.font_data.contains_key(*face));
        fonts.families.entry(family).or_default().splice(0..0, there.map(str::to_owned));
    }
    fonts
}

fn restyle(style: &mut egui::Style) {
    use palette::{EDGE, GLASS, OWN, QUIET, RIM, TEXT, VOID, ink};
    style.text_styles = [
        (TextStyle::Small, words(SMALL)),
        (TextStyle::Body, words(SMALL)),
        (TextStyle::Button, words(SMALL)),
        (TextStyle::Heading, strong(LARGE)),
        (TextStyle::Monospace, numbers(SMALL)),
    ]
    .into();
    let spacing = &mut style.spacing;
    spacing.item_spacing = egui::vec2(GRID, GRID);
    spacing.button_padding = egui::vec2(2.0 * GRID, GRID);
    spacing.interact_size = egui::vec2(TARGET, TARGET - GRID);
    spacing.slider_width = 160.0;
    spacing.scroll = egui::style::ScrollStyle::solid();

    let visuals = &mut style.visuals;
    *visuals = egui::Visuals::dark();
    visuals.override_text_color = Some(ink(TEXT));
    visuals.panel_fill = ink(GLASS);
    visuals.window_fill = ink(GLASS);
    visuals.window_stroke = Stroke::new(1.0, ink(RIM));
    visuals.extreme_bg_color = ink(VOID);
    visuals.text_edit_bg_color = Some(ink(VOID));
    visuals.weak_text_color = Some(ink(QUIET));
    visuals.selection = Selection { bg_fill: palette::faded(EDGE, 0.35), stroke: Stroke::new(1.5, ink(TEXT)) };
    visuals.slider_trailing_fill = true;
    let widget = |fill: palette::Rgb, stroke: palette::Rgb, width: f32| WidgetVisuals {
        bg_fill: ink(fill),
        weak_bg_fill: ink(fill),
        bg_stroke: Stroke::new(width, ink(stroke)),
        corner_radius: CornerRadius::same(CORNER),
        fg_stroke: Stroke::new(1.5, ink(TEXT)),
        expansion: 0.0,
    };
    visuals.widgets.noninteractive = widget(GLASS, RIM, 1.0);
    visuals.widgets.inactive = widget(RAISED, RIM, 1.0);
    visuals.widgets.hovered = widget(LIT, EDGE, 1.0);
    // egui draws what has the keyboard's attention as active: it must be seen from across the room.
    visuals.widgets.active = widget(LIT, TEXT, 1.5);
    visuals.widgets.open = widget(LIT, EDGE, 1.0);
    // The handle of a slider has no other edge than this.
    visuals.widgets.inactive.fg_stroke.color = ink(QUIET);
    visuals.widgets.active.fg_stroke = Stroke::new(3.0, ink(OWN));
}

const STRONG: &str = "strong";
/// Where egui keeps whether fingers play.
const BY_TOUCH: &str = "by touch";
/// Files of the faces: for words, for words that matter, for numbers, and for what none of those has: emoji.
const FACES: [&str; 4] =
    ["Inter-Regular.otf", "Inter-SemiBold.otf", "JetBrainsMono-Regular.ttf", "NotoEmoji-Regular.ttf"];
/// Radius of corners: crisp, but no needle.
const CORNER: u8 = 4;
/// Buttons, a little above the glass.
const RAISED: palette::Rgb = [0x18, 0x20, 0x30];
/// Buttons that are pointed at.
const LIT: palette::Rgb = [0x20, 0x2B, 0x42];
/// Window that the sizes are meant for.
const DESIGN_WIDTH: f32 = 1_280.0;
const DESIGN_HEIGHT: f32 = 720.0;
/// The menu is one column, with some of the field beside it: a narrow window need not make it smaller.
const MENU_WIDTH: f32 = 800.0;
/// Below this nothing could be read any more; panels then drop what matters least.
const MIN_FIT: f32 = 0.7;
/// The same on the screen of a phone, which is small but near.
const MIN_FIT_TOUCH: f32 = 0.8;
/// Height of what a finger meets, logical pixels.
pub(crate) const FINGER: f32 = 44.0;
/// Width of a column of the menu or of the pause panel with its margins.
const TOUCH_COLUMN: f32 = 480.0;
/// Beyond this nothing grows any more.
const MAX_FIT: f32 = 2.5;
