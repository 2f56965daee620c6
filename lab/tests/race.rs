//! `lab race` from end to end: the real programs fly a short row, and what comes out is whole and plausible.
//!
//! Flow: `lab race` → its own server → JSON, report.

mod common;

use common::{alone, output_of};
use serde_json::Value;

fn number(value: &Value, path: &str) -> f64 {
    let found = path.split('.').fold(value, |value, key| &value[key]);
    found.as_f64().unwrap_or_else(|| panic!("no {path} in {value}"))
}

#[test]
fn a_short_race_in_calm_weather_is_plausible_and_leaves_a_report() {
    let _turn = alone();
    let report = std::env::temp_dir().join(format!("crosswire-race-{}.html", std::process::id()));
    let file = report.to_string_lossy().into_owned();
    let line = ["race", "--seconds", "3", "--wires", "udp", "--weathers", "calm", "--json", "--report", &file];
    let output = output_of("lab", &line);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let race: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = race["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 1, "{race}");
    let row = &rows[0];
    assert_eq!((row["wire"].as_str(), row["course"].as_str()), (Some("udp"), Some("calm")));
    // Over loopback the picture is from nothing to one tick old; a busy machine may add to that, but the median stays.
    assert!((5.0..14.0).contains(&number(row, "picture_age_ms.p50")), "{row}");
    assert!((-0.5..3.0).contains(&number(row, "downlink_least_ms")), "{row}");
    assert!(number(row, "snapshots") > 100.0, "{row}");
    // Every press waits for a command, travels, and is executed before its effect is seen.
    let presses = &row["presses"];
    assert!(number(presses, "pressed") > 3.0, "{row}");
    assert!(number(presses, "applied_ms.p50") <= number(presses, "confirmed_ms.p50") + 0.5, "{row}");
    assert!((5.0..60.0).contains(&number(presses, "applied_ms.p50")), "{row}");
    assert!((0.0..20.0).contains(&number(presses, "wait_ms")), "{row}");
    assert!(number(row, "executed") > 0.8 * number(row, "commands") && number(row, "commands") > 120.0, "{row}");
    assert!((2_000.0..20_000.0).contains(&number(row, "wire_in_s")), "{row}");
    let page = std::fs::read_to_string(&report).expect("a report");
    let _ = std::fs::remove_file(&report);
    assert!(page.contains("<svg") && page.contains("calm") && page.trim_end().ends_with("</html>"));
}

#[test]
fn what_cannot_be_raced_is_refused_in_words() {
    for (line, word) in [
        (vec!["race", "--weathers", "sunny"], "There is no weather `sunny`"),
        (vec!["race", "--wires", "pigeon"], "pigeon"),
        (vec!["race", "--weathers", "calm", "--server", "127.0.0.1:9", "--seconds", "2"], "127.0.0.1:9"),
    ] {
        let output = output_of("lab", &line);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(word), "{line:?}: {errors}");
    }
}
