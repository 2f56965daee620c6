//! A panel that can be clicked, without taking the keyboard from the ship.
//!
//! Flow: [`Dock`] → [`pane`] → egui; the mouse over it → [`Panels::pointer`] → [`crate::input`].

use super::{
    Blind, Panel, Panels,
    panel::{CAP, Dock, HEAD, PADDING},
};
use crate::{palette, style, touch::Fingers};
use bevy::prelude::{Res, ResMut, Result};
use bevy_egui::{
    EguiContexts,
    egui::{
        Align, Align2, Area, Context, CornerRadius, Id, Layout, Margin, Order, Painter, Rect, Response, RichText,
        ScrollArea, Sense, Stroke, StrokeKind, Ui, Vec2, pos2, style::ScrollStyle, vec2,
    },
};

/// Shows a panel in `dock`; what does not fit is scrolled. `add` is told whether to mark the first thing to press.
pub(super) fn pane(
    context: &Context,
    dock: &Dock,
    title: &str,
    key: &str,
    panels: &mut Panels,
    add: impl FnOnce(&mut Ui, bool),
) {
    let fresh = std::mem::take(&mut panels.fresh) && panels.hands;
    let shown = Area::new(Id::new(title)).fixed_pos(dock.room.min).show(context, |ui| {
        style::glass().inner_margin(Margin::symmetric(PADDING as i8, 0)).show(ui, |ui| {
            // The edge takes a point on each side.
            let width = dock.inner_width() - 2.0;
            ui.set_width(width);
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.allocate_ui_with_layout(vec2(width, HEAD), Layout::left_to_right(Align::Center), |ui| {
                ui.set_height(HEAD);
                ui.label(RichText::new(title).font(style::strong(style::MIDDLE)));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let (rect, _) = ui.allocate_exact_size(Vec2::splat(CAP), Sense::hover());
                    key_cap(ui.painter(), rect, key);
                });
            });
            let height = dock.inner_height();
            ui.spacing_mut().scroll = ScrollStyle::floating();
            let shown = ScrollArea::vertical().max_height(height).show(ui, |ui| {
                add(ui, fresh);
                style::follow_focus(ui);
            });
            let below = shown.content_size.y - shown.state.offset.y - shown.inner_rect.height();
            if below > 1.0 {
                tell_of_more(ui.painter(), shown.inner_rect);
            }
            ui.add_space(PADDING);
        });
    });
    touch(context, &shown.response, panels);
}

/// Writes at the lower edge of what is shown that there is more below.
fn tell_of_more(painter: &Painter, shown: Rect) {
    let strip = Rect::from_min_max(pos2(shown.left(), shown.bottom() - MORE), shown.right_bottom());
    painter.rect_filled(strip, CornerRadius::ZERO, palette::ink(palette::GLASS));
    painter.hline(strip.x_range(), strip.top(), Stroke::new(1.0, palette::ink(palette::EDGE)));
    let color = palette::ink(palette::ACCENT);
    let text = painter.text(strip.center(), Align2::CENTER_CENTER, "more: scroll", style::words(style::SMALL), color);
    for x in [text.left() - 14.0, text.right() + 14.0] {
        let tip = pos2(x, strip.center().y + 2.5);
        let sides = [vec2(-5.0, -5.0), vec2(0.0, 0.0), vec2(5.0, -5.0)];
        painter.line(sides.map(|side| tip + side).to_vec(), Stroke::new(1.5, color));
    }
}

/// Height of the strip that tells of more.
const MORE: f32 = 2.5 * style::GRID;

/// Draws a key as it looks on a keyboard.
pub(super) fn key_cap(painter: &Painter, rect: Rect, key: &str) {
    let edge = Stroke::new(1.0, palette::ink(palette::QUIET));
    painter.rect(rect, CornerRadius::same(3), palette::ink(palette::RIM), edge, StrokeKind::Inside);
    let color = palette::ink(palette::TEXT);
    painter.text(rect.center(), Align2::CENTER_CENTER, key, style::numbers(style::SMALL), color);
}

/// Puts something to press over the key in the head of each open panel, for whoever has no keys.
pub(super) fn draw_closers(
    mut contexts: EguiContexts,
    mut panels: ResMut<Panels>,
    mut blind: ResMut<Blind>,
    fingers: Res<Fingers>,
) -> Result {
    if !fingers.seen() || panels.covered || panels.chat {
        return Ok(());
    }
    let context = contexts.ctx_mut()?;
    let (open, finger) = (panels.sides(), style::FINGER / context.zoom_factor());
    for (side, head) in panels.heads.into_iter().enumerate().filter(|(side, _)| open[*side]) {
        // What a finger meets reaches over the edges of the panel, and not below its head.
        let corner = head + vec2(style::GRID - finger, HEAD - finger);
        let area = Area::new(Id::new(("close", side))).order(Order::Foreground).fixed_pos(corner);
        let pressed = area.show(context, |ui| {
            let (_, response) = ui.allocate_exact_size(Vec2::splat(finger), Sense::click());
            let middle = head + vec2(-PADDING - CAP * 0.5, HEAD * 0.5);
            key_cap(ui.painter(), Rect::from_center_size(middle, Vec2::splat(HEAD - style::GRID)), "×");
            response.clicked()
        });
        if pressed.inner && side == 1 && panels.right == Some(Panel::Result) {
            blind.close(&mut panels);
        } else if pressed.inner {
            panels.close(side);
        }
    }
    Ok(())
}

/// Notes whether the mouse is on what was shown; and without hands nothing there keeps the keyboard, since Space and Enter fly.
pub(super) fn touch(context: &Context, shown: &Response, panels: &mut Panels) {
    let over = context.pointer_hover_pos().is_some_and(|at| shown.rect.contains(at));
    panels.pointer |= over || context.egui_is_using_pointer();
    if !panels.take_input()
        && let Some(focused) = context.memory(|memory| memory.focused())
    {
        context.memory_mut(|memory| memory.surrender_focus(focused));
    }
}
