//! The few pieces of SVG that the plots are made of: scales, paths, text that cannot break out of its place.
//!
//! Flow: `plots.rs` → here → `page/mod.rs`.

use std::fmt::Write;

/// Colours of the house.
pub(super) const GRID: &str = "#1B2536";
/// Words beside plots.
pub(super) const FAINT: &str = "#8793A6";

/// Returns the one colour that a wire has everywhere.
pub(super) fn colour(wire: &str) -> &'static str {
    match wire {
        "udp" => "#56B4E9",
        "quic" => "#2ED3A0",
        "websocket" => "#E69F00",
        "webtransport" => "#CC79A7",
        "tcp" => "#F0E442",
        "http" => "#D55E00",
        _ => "#9AA4B2",
    }
}

/// Returns `text` as it may stand in HTML and SVG, in attributes too.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// Maps values to pixels along one axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
    log: bool,
}

impl Scale {
    /// Even steps from `from` at pixel `start` to `to` at pixel `end`.
    pub(super) const fn linear(from: f64, to: f64, start: f64, end: f64) -> Self {
        Self { from, to, start, end, log: false }
    }

    /// Even steps for even factors. `from` and `to` are above zero.
    pub(super) const fn log(from: f64, to: f64, start: f64, end: f64) -> Self {
        Self { from, to, start, end, log: true }
    }

    /// Returns the pixel of `value`, held within the plot.
    pub(super) fn at(&self, value: f64) -> f64 {
        let turn = |v: f64| if self.log { v.max(1e-9).ln() } else { v };
        let (from, to) = (turn(self.from), turn(self.to));
        let share = if to == from { 0.0 } else { (turn(value) - from) / (to - from) };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }
}

/// Returns round numbers at about `count` places from zero up to `to`.
pub(super) fn ticks(to: f64, count: u32) -> Vec<f64> {
    let rough = to / f64::from(count.max(1));
    if !rough.is_finite() || rough <= 0.0 {
        return vec![0.0];
    }
    let unit = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * unit).find(|step| *step >= rough);
    let step = step.unwrap_or(unit);
    let places = (0..=100).map(|n| f64::from(n) * step);
    places.take_while(|place| *place <= to * 1.000_001).collect()
}

/// Returns a number as people write it: no more digits than it needs.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 || v == v.round() => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}").trim_end_matches(".0").to_owned(),
        _ => format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}

/// A drawing under way.
pub(super) struct Drawing(String);

impl Drawing {
    /// Begins a drawing of that size that screen readers call `title`.
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let title = escape(title);
        Self(format!(
            "<svg viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>\n"
        ))
    }

    /// Draws a straight line.
    pub(super) fn line(&mut self, [x, y]: [f64; 2], [to_x, to_y]: [f64; 2], colour: &str) {
        self.add(format_args!(
            "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{to_x:.1}\" y2=\"{to_y:.1}\" stroke=\"{colour}\"/>"
        ));
    }

    /// Draws a line through all points.
    pub(super) fn path(&mut self, points: &[[f64; 2]], colour: &str) {
        let d = way(points);
        self.add(format_args!(
            "<path d=\"{d}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-linejoin=\"round\"/>"
        ));
    }

    /// Fills the area between the points and the line at `base`.
    pub(super) fn area(&mut self, points: &[[f64; 2]], base: f64, colour: &str) {
        let (Some([first, _]), Some([last, _])) = (points.first(), points.last()) else { return };
        let d = way(points);
        self.add(format_args!(
            "<path d=\"{d}L{last:.1} {base:.1}L{first:.1} {base:.1}Z\" fill=\"{colour}\" fill-opacity=\".75\"/>"
        ));
    }

    /// Draws a filled box.
    pub(super) fn bar(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], colour: &str, opacity: f64) {
        self.add(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"2\" fill=\"{colour}\" fill-opacity=\"{opacity}\"/>",
            width.max(0.0)
        ));
    }

    /// Draws a dot.
    pub(super) fn dot(&mut self, [x, y]: [f64; 2], radius: f64, colour: &str) {
        self.add(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\" stroke=\"#0F1420\" stroke-width=\"1.5\"/>"
        ));
    }

    /// Writes words; `anchor` is start, middle or end, `class` a class of the page.
    pub(super) fn text(&mut self, [x, y]: [f64; 2], anchor: &str, class: &str, colour: &str, words: &str) {
        let words = escape(words);
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\" fill=\"{colour}\">{words}</text>"
        ));
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{element}");
    }

    /// Ends the drawing.
    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

fn way(points: &[[f64; 2]]) -> String {
    let mut d = String::with_capacity(points.len() * 14);
    for (index, [x, y]) in points.iter().enumerate() {
        let _ = write!(d, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' });
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out() {
        assert_eq!(escape("<script>\"a\" & 'b'"), "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;");
        let mut drawing = Drawing::new(10.0, 10.0, "</title><script>");
        drawing.text([0.0, 0.0], "start", "", FAINT, "<b>");
        let svg = drawing.finish();
        assert!(!svg.contains("<script>") && !svg.contains("<b>"), "{svg}");
    }

    #[test]
    fn scales_map_ends_to_ends_and_hold_what_lies_outside() {
        let linear = Scale::linear(0.0, 200.0, 50.0, 450.0);
        assert_eq!([0.0, 100.0, 200.0, 300.0].map(|v| linear.at(v)), [50.0, 250.0, 450.0, 450.0]);
        let log = Scale::log(1.0, 100.0, 0.0, 10.0);
        assert!((log.at(10.0) - 5.0).abs() < 1e-9 && log.at(0.0) == 0.0);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(100.0, 5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(0.5, 4), [0.0, 0.2, 0.4]);
        assert_eq!(ticks(0.0, 4), [0.0]);
        assert!((4..=8).contains(&ticks(1_234.0, 6).len()));
    }

    #[test]
    fn a_path_goes_through_its_points() {
        assert_eq!(way(&[[0.0, 1.0], [2.5, 3.25]]), "M0.0 1.0L2.5 3.2");
        let mut drawing = Drawing::new(10.0, 10.0, "");
        drawing.area(&[[0.0, 1.0], [2.0, 3.0]], 9.0, "#fff");
        assert!(drawing.finish().contains("M0.0 1.0L2.0 3.0L2.0 9.0L0.0 9.0Z"));
    }

    #[test]
    fn every_wire_has_a_colour_of_its_own() {
        let wires = protocol::Transport::WIRES.map(|wire| colour(wire.name()));
        assert!(wires.iter().all(|colour| *colour != super::colour("?")), "{wires:?}");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([123.4, 12.34, 1.234, 5.0, 0.5, 10.04].map(short), ["123", "12.3", "1.23", "5", "0.5", "10"]);
    }
}
