//! A painter with the HUD's habits: text with a shadow, glass below it.
//!
//! The HUD is drawn rather than laid out: its parts have fixed places and nothing in them can be clicked.
//!
//! Flow: the parts of [`super`] → [`Canvas`] → egui's painter.

use crate::{palette, style};
use bevy_egui::egui::{
    Align2, Color32, Context, CornerRadius, FontId, Id, LayerId, Order, Painter, Pos2, Rect, Shape, Stroke, StrokeKind,
    Vec2,
    text::{LayoutJob, TextWrapping},
};

/// The whole screen, to draw on.
pub(super) struct Canvas {
    painter: Painter,
    pointer: Option<Pos2>,
    /// The screen, points.
    pub(super) screen: Rect,
    /// Points per logical pixel of the window, to place things over the field.
    pub(super) points_per_pixel: f32,
}

impl Canvas {
    pub(super) fn new(context: &Context) -> Self {
        let painter = context.layer_painter(LayerId::new(Order::Background, Id::new("hud")));
        let pointer = context.pointer_hover_pos();
        Self { painter, pointer, screen: context.content_rect(), points_per_pixel: 1.0 / context.zoom_factor() }
    }

    /// Returns where the mouse is, if it is in the window.
    pub(super) const fn pointer(&self) -> Option<Pos2> {
        self.pointer
    }

    /// Writes `text` and returns the room that it took.
    pub(super) fn text(&self, at: Pos2, align: Align2, text: &str, font: FontId, color: Color32) -> Rect {
        let shadow = Color32::BLACK.gamma_multiply(0.75 * f32::from(color.a()) / 255.0);
        self.painter.text(at + Vec2::splat(1.0), align, text, font.clone(), shadow);
        self.painter.text(at, align, text, font, color)
    }

    /// Writes `text` without a shadow, for dark letters on a bright ground.
    pub(super) fn plain(&self, at: Pos2, align: Align2, text: &str, font: FontId, color: Color32) {
        self.painter.text(at, align, text, font, color);
    }

    /// Writes pieces of different colour in one line, the whole aligned to `at`.
    pub(super) fn line(&self, at: Pos2, align: Align2, font: &FontId, pieces: &[(&str, Color32)]) -> Rect {
        let widths: Vec<f32> = pieces.iter().map(|(text, _)| self.width(text, font)).collect();
        let whole = Vec2::new(widths.iter().sum(), font.size);
        let room = align.anchor_size(at, whole);
        let mut x = room.left();
        for ((text, color), width) in pieces.iter().zip(widths) {
            self.text(Pos2::new(x, at.y), Align2([bevy_egui::egui::Align::Min, align.y()]), text, font.clone(), *color);
            x += width;
        }
        room
    }

    /// Returns how wide `text` is.
    pub(super) fn width(&self, text: &str, font: &FontId) -> f32 {
        self.painter.layout_no_wrap(text.to_owned(), font.clone(), Color32::WHITE).size().x
    }

    /// Draws a pane of glass.
    pub(super) fn glass(&self, rect: Rect, opacity: f32) {
        let glass = style::glass();
        let corner = CornerRadius::same(4);
        self.painter.rect_filled(rect, corner, glass.fill.gamma_multiply(opacity));
        let edge = Stroke::new(1.0, palette::faded(palette::RIM, opacity));
        self.painter.rect_stroke(rect, corner, edge, StrokeKind::Inside);
    }

    /// Draws `text` as a QR code.
    pub(super) fn qr(&self, rect: Rect, text: &str) {
        crate::invite::qr(&self.painter, rect, text);
    }

    /// Draws a small box with an edge, such as a key of a keyboard.
    pub(super) fn frame(&self, rect: Rect, fill: Color32, edge: Color32) {
        let corner = CornerRadius::same(3);
        self.painter.rect_filled(rect, corner, fill);
        self.painter.rect_stroke(rect, corner, Stroke::new(1.0, edge), StrokeKind::Inside);
    }

    /// Draws a plain rectangle.
    pub(super) fn block(&self, rect: Rect, color: Color32) {
        self.painter.rect_filled(rect, CornerRadius::ZERO, color);
    }

    /// Draws a straight line.
    pub(super) fn stroke(&self, from: Pos2, to: Pos2, stroke: Stroke) {
        self.painter.line_segment([from, to], stroke);
    }

    /// Draws a line through `points`.
    pub(super) fn path(&self, points: Vec<Pos2>, stroke: Stroke) {
        self.painter.line(points, stroke);
    }

    /// Draws a filled circle.
    pub(super) fn disc(&self, at: Pos2, radius: f32, color: Color32) {
        self.painter.circle_filled(at, radius, color);
    }

    /// Draws a circle.
    pub(super) fn ring(&self, at: Pos2, radius: f32, stroke: Stroke) {
        self.painter.circle_stroke(at, radius, stroke);
    }

    /// Writes `text` in as many lines as `width` asks for, from the top left corner `at`, and returns the room that it took.
    pub(super) fn paragraph(&self, at: Pos2, width: f32, text: &str, font: FontId, color: Color32) -> Rect {
        let galley = self.painter.layout(text.to_owned(), font, color, width);
        let rect = Rect::from_min_size(at, galley.size());
        self.painter.galley(at, galley, color);
        rect
    }

    /// Writes one line from `at`, its left end in the middle of its height, and cuts what is wider than `width`.
    pub(super) fn elided(&self, at: Pos2, width: f32, text: &str, font: FontId, color: Color32) {
        let mut job = LayoutJob::simple_singleline(text.to_owned(), font, color);
        job.wrap = TextWrapping::truncate_at_width(width);
        let galley = self.painter.layout_job(job);
        self.painter.galley(at - Vec2::new(0.0, galley.size().y * 0.5), galley, color);
    }

    /// Returns the same canvas, on which nothing is drawn outside `rect`.
    pub(super) fn inside(&self, rect: Rect) -> Self {
        Self { painter: self.painter.with_clip_rect(rect), ..*self }
    }

    /// Reserves a place in the drawing order for something whose size is known later.
    pub(super) fn below(&self) -> bevy_egui::egui::layers::ShapeIdx {
        self.painter.add(Shape::Noop)
    }

    /// Fills a reserved place with glass.
    pub(super) fn glass_at(&self, place: bevy_egui::egui::layers::ShapeIdx, rect: Rect, opacity: f32) {
        let glass = style::glass();
        let shape = bevy_egui::egui::epaint::RectShape::new(
            rect,
            CornerRadius::same(4),
            glass.fill.gamma_multiply(opacity),
            Stroke::new(1.0, palette::faded(palette::RIM, opacity)),
            StrokeKind::Inside,
        );
        self.painter.set(place, shape);
    }
}
