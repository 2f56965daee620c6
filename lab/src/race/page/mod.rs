//! The race as one HTML file: no script, nothing from outside, so that it can be sent to anybody and opened anywhere.
//!
//! Flow: `mod.rs` → [`write`] → `words.rs`, `plots.rs` → `svg.rs`.

mod plots;
mod svg;
mod words;

use super::Race;
use super::figures::Row;
use super::table::{AGREE_WITHIN, difference};
use std::fmt::Write;
use svg::{colour, escape};

const STYLE: &str = include_str!("style.css");

/// Returns the whole page.
pub(super) fn write(race: &Race) -> String {
    let groups = race.by_course();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Crosswire: one match, every wire</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n"
    );
    let _ = writeln!(
        page,
        "<header><p class=\"brand\">Crosswire · lab race</p><h1>One match, every wire</h1>\n<p class=\"lead\">The same player flies the \
         same match over each wire, in the same weather, and presses the same keys. What differs is the wire.</p>\n\
         <p class=\"how\">{} s per row · {} snapshots per second · {} bots · seed {}</p>{}</header>",
        race.seconds,
        race.snapshot_hz,
        race.bots,
        race.seed,
        legend(race)
    );
    let _ = writeln!(
        page,
        "<section class=\"card wide\"><h2>How old the picture gets</h2>\n<p>The age of the newest picture that a player holds, exceeded \
         1 % of the time. Further left is fresher.</p>\n{}</section>",
        plots::overview(&groups)
    );
    groups.iter().for_each(|rows| weather(&mut page, rows));
    comparison(&mut page, race);
    promises(&mut page, race);
    page.push_str(include_str!("about.html"));
    page.push_str("</main></body></html>\n");
    page
}

fn legend(race: &Race) -> String {
    let mut wires: Vec<&str> = Vec::new();
    for row in &race.rows {
        if !wires.contains(&row.wire.as_str()) {
            wires.push(&row.wire);
        }
    }
    let item = |wire: &&str| format!("<li><i style=\"background:{}\"></i>{}</li>", colour(wire), escape(wire));
    format!("<ul class=\"legend\">{}</ul>", wires.iter().map(item).collect::<String>())
}

fn weather(page: &mut String, rows: &[&Row]) {
    let Some(first) = rows.first() else { return };
    let real = if first.link == "real" { " <small>over a real link</small>" } else { "" };
    let _ = writeln!(page, "<section class=\"card\"><h2>{}{real}</h2>", escape(&first.course));
    let _ = writeln!(page, "<p class=\"how\">{} <code>{}</code></p>", escape(&first.about), escape(&first.weather));
    let story: String = words::story(rows).iter().map(|said| format!("{} ", escape(said))).collect();
    let _ = writeln!(page, "<p class=\"story\">{}</p>", story.trim());
    let _ = writeln!(page, "<div class=\"plots\">");
    for (title, plot) in [
        ("How often the picture was older than …", plots::tail(rows)),
        ("Picture age as it went", plots::timelines(rows)),
        ("From key press to effect, mean", plots::parts(rows)),
        ("On the wire, all headers counted", plots::bytes(rows)),
    ] {
        let _ = writeln!(page, "<figure><figcaption>{title}</figcaption>{plot}</figure>");
    }
    let _ = writeln!(page, "</div>");
    table(page, rows);
    let _ = writeln!(page, "</section>");
}

fn table(page: &mut String, rows: &[&Row]) {
    page.push_str(
        "<div class=\"scroll\"><table><thead><tr><th>wire</th><th>picture age<br>p50 / p95 / p99</th><th>stalls<br>longest</th>\
         <th>key → applied<br>p50 / p99</th><th>key → seen<br>p50 / p99</th><th>late<br>presses</th><th>interpolation<br>mean / guessed</th>\
         <th>corrections<br>per minute</th><th>commands<br>executed</th></tr></thead><tbody>\n",
    );
    for row in rows {
        let (age, presses, shown) = (row.picture_age_ms, row.presses, row.interpolation);
        let cells = [
            format!("{:.1} / {:.1} / <b>{:.1}</b> ms", age.p50, age.p95, age.p99),
            format!("{} · {:.0} ms", row.stalls.count, row.stalls.longest_ms),
            format!("{:.1} / {:.1} ms", presses.applied_ms.p50, presses.applied_ms.p99),
            format!("{:.1} / {:.1} ms", presses.confirmed_ms.p50, presses.confirmed_ms.p99),
            format!("{} of {}", presses.late, presses.pressed),
            format!("{:.1} ms / {:.2} %", shown.mean_ms, shown.underruns * 100.0),
            format!("{:.1}", row.corrections as f64 * 60.0 / row.seconds.max(0.001)),
            format!("{:.2} %", row.executed_share() * 100.0),
        ];
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        let _ = writeln!(page, "<tr><th style=\"color:{}\">{}</th>{cells}</tr>", colour(&row.wire), escape(&row.wire));
    }
    page.push_str("</tbody></table></div>\n");
}

fn comparison(page: &mut String, race: &Race) {
    let pairs = race.pairs();
    if pairs.is_empty() {
        return;
    }
    page.push_str(
        "<section class=\"card wide\"><h2>Model and real link side by side</h2>\n<p>Picture age over the weather inside the process, and \
         over two network namespaces where the kernel’s own TCP repeats what is lost. Differences of more than a fifth are marked.</p>\n\
         <div class=\"scroll\"><table><thead><tr><th>weather</th><th>wire</th><th>p50</th><th>p95</th><th>p99</th></tr></thead><tbody>\n",
    );
    for (model, real) in pairs {
        let (m, r) = (model.picture_age_ms, real.picture_age_ms);
        let cell = |(model, real): (f64, f64)| {
            let off = difference(model, real);
            let class = if off.abs() > AGREE_WITHIN { " class=\"off\"" } else { "" };
            format!("<td{class}>{model:.1} · {real:.1} ms ({:+.0} %)</td>", off * 100.0)
        };
        let cells: String = [(m.p50, r.p50), (m.p95, r.p95), (m.p99, r.p99)].into_iter().map(cell).collect();
        let _ = writeln!(
            page,
            "<tr><th>{}</th><th style=\"color:{}\">{}</th>{cells}</tr>",
            escape(&model.course),
            colour(&model.wire),
            escape(&model.wire)
        );
    }
    page.push_str("</tbody></table></div></section>\n");
}

fn promises(page: &mut String, race: &Race) {
    if race.promises.is_empty() {
        return;
    }
    page.push_str("<section class=\"card wide\"><h2>Promises</h2><div class=\"scroll\"><table><tbody>\n");
    for verdict in &race.promises {
        let (class, word) = if verdict.kept { ("kept", "✓ kept") } else { ("off", "✗ missed") };
        let _ = writeln!(
            page,
            "<tr><th>{}</th><td>{:.1}</td><td>at most {}</td><td class=\"{class}\">{word}</td></tr>",
            escape(&verdict.what),
            verdict.measured,
            verdict.goal
        );
    }
    page.push_str("</tbody></table></div></section>\n");
}

#[cfg(test)]
mod tests {
    use super::super::figures::Plot;
    use super::*;

    fn race() -> Race {
        let row = |wire: &str, link: &str| Row {
            course: "<b>&\"storm\"".into(),
            weather: "delay=1".into(),
            link: link.into(),
            wire: wire.into(),
            seconds: 2.0,
            plot: Plot { ages: vec![(0.0, 20.0), (0.5, 30.0), (0.999, 90.0)], timeline: vec![20.0, 90.0, 30.0] },
            ..Row::default()
        };
        let rows = vec![row("udp", "model"), row("websocket", "model"), row("udp", "real")];
        Race { seconds: 2, snapshot_hz: 60, bots: 3, seed: 7, rows, promises: Vec::new() }
    }

    #[test]
    fn the_page_is_whole_and_asks_for_nothing() {
        let page = write(&race());
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
        for outside in ["<script", "src=", "http://", "https://", "@import", "url("] {
            assert!(!page.contains(outside), "the page has `{outside}`");
        }
        for tag in ["section", "table", "tr", "figure", "svg", "div", "p"] {
            let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn names_from_outside_cannot_become_markup() {
        let page = write(&race());
        assert!(!page.contains("<b>&\"storm\"") && page.contains("&lt;b&gt;&amp;&quot;storm&quot;"));
    }

    #[test]
    fn every_row_is_drawn_in_its_colour_and_compared() {
        let page = write(&race());
        assert!(page.contains(colour("udp")) && page.contains(colour("websocket")));
        assert!(page.contains("Model and real link side by side"));
        assert!(!write(&Race { rows: Vec::new(), ..race() }).contains("side by side"));
    }
}
