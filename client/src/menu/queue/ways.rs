//! The three ways to be told, side by side: what each costs and how late it is.
//!
//! Flow: [`Board::row`] → [`show`] → egui.

use crate::{
    matching::{board::Board, words},
    palette, style,
};
use bevy_egui::egui::{Align, Align2, Button, CornerRadius, Layout, Rect, RichText, Sense, Ui, pos2, vec2};
use transport::told::Way;

/// Draws the table. `explained` is whether the explanation is open; its button turns it.
pub(super) fn show(ui: &mut Ui, board: &Board, explained: &mut bool) {
    ui.horizontal(|ui| {
        ui.label(RichText::new("Three ways to be told").font(style::strong(style::SMALL)));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let text = if *explained { "Hide" } else { "Explain" };
            if ui.add(Button::new(style::quiet(text)).frame_when_inactive(false)).clicked() {
                *explained = !*explained;
            }
        });
    });
    let (head, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let quiet = palette::ink(palette::QUIET);
    for (text, column) in ["told after", "calls", "conns", "bytes"].into_iter().zip(columns(head)) {
        ui.painter().text(pos2(column, head.center().y), Align2::RIGHT_CENTER, text, style::words(style::SMALL), quiet);
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    for way in Way::ALL {
        row(ui, board, way);
    }
    ui.spacing_mut().item_spacing.y = style::GRID;
    if *explained {
        ui.add_space(style::GRID);
        for (way, text) in Way::ALL.into_iter().zip(EXPLANATIONS) {
            ui.horizontal_wrapped(|ui| {
                let name = RichText::new(way.name()).font(style::strong(style::SMALL)).color(palette::ink(colour(way)));
                ui.label(name);
                ui.label(style::quiet(text));
            });
        }
    }
}

fn row(ui: &mut Ui, board: &Board, way: Way) {
    let told = board.row(way);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let (painter, y) = (ui.painter(), rect.center().y);
    let (text, quiet) = (palette::ink(palette::TEXT), palette::ink(palette::QUIET));
    let swatch = Rect::from_center_size(pos2(rect.left() + 4.0, y), vec2(8.0, 8.0));
    painter.rect_filled(swatch, CornerRadius::ZERO, palette::ink(colour(way)));
    let name = pos2(rect.left() + 16.0, y);
    let name =
        painter.text(name, Align2::LEFT_CENTER, way.name(), style::words(style::SMALL), palette::ink(colour(way)));
    let [late, calls, connections, bytes] = columns(rect);
    if told.trouble.is_some() {
        let at = pos2(name.right() + style::GRID, y);
        painter.text(
            at,
            Align2::LEFT_CENTER,
            "does not get through",
            style::words(style::SMALL),
            palette::ink(palette::ALARM),
        );
    } else {
        let number = told.late.map_or_else(|| "–".to_owned(), words::late);
        let first = told.first > 0 && Way::ALL.iter().all(|other| board.row(*other).first <= told.first);
        painter.text(
            pos2(late, y),
            Align2::RIGHT_CENTER,
            number,
            style::numbers(style::SMALL),
            if first { text } else { quiet },
        );
    }
    let cost = told.cost;
    // A browser does not say how many it has opened.
    let opened = if cost.connections == 0 { "–".to_owned() } else { cost.connections.to_string() };
    let numbers = [(calls, cost.calls.to_string()), (connections, opened)];
    for (column, number) in numbers.into_iter().chain([(bytes, words::bytes(cost.sent + cost.received))]) {
        painter.text(pos2(column, y), Align2::RIGHT_CENTER, number, style::numbers(style::SMALL), quiet);
    }
    response.on_hover_text(hover(board, way));
}

/// Returns what the row says when it is pointed at.
fn hover(board: &Board, way: Way) -> String {
    let told = board.row(way);
    if let Some(why) = &told.trouble {
        return format!("{why} It is tried again; the other ways go on.");
    }
    let Some(mean) = told.mean() else {
        return format!("{}. No change so far.", EXPLANATIONS[way.index()].trim_end_matches('.'));
    };
    let (changes, first) = (told.changes, told.first);
    format!(
        "Told of {changes} changes, {} after they happened on average, {first} times before the others.",
        words::late(mean)
    )
}

/// Returns the colour of a way: all are HTTP, so they share its hue, and differ in lightness.
const fn colour(way: Way) -> palette::Rgb {
    match way {
        Way::Polling => [0xB0, 0x6A, 0x3C],
        Way::LongPoll => palette::wire(protocol::Transport::Http),
        Way::Stream => [0xFF, 0xA8, 0x66],
    }
}

/// Returns the right ends of the columns of numbers.
fn columns(rect: Rect) -> [f32; 4] {
    [236.0, 156.0, 92.0, 0.0].map(|from_right: f32| rect.right() - from_right)
}

/// What each way is, in the order of [`Way::ALL`].
const EXPLANATIONS: [&str; 3] = [
    "asks every 2 seconds, whether there is news or not. Simple, works everywhere, one second late on average.",
    "asks, and the lobby keeps the question until there is news. At once, but each change costs a call.",
    "asks once, and the lobby keeps telling over the same answer. At once, and a change costs only its own bytes.",
];
const ROW: f32 = 22.0;
