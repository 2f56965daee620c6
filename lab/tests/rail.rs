//! Rails over real sockets: what a shooter sees under the crosshair at a round trip of 150 ms is hit with lag compensation, and is not
//! without it.

mod common;

use common::{Server, alone, output_of};
use serde_json::Value;

#[test]
fn what_is_seen_is_hit_at_150_ms_with_compensation_and_not_without() {
    let _turn = alone();
    let server = Server::start(&["--bots", "0", "--seats", "2"]);
    let weather = "delay=75,jitter=4,seed=1";
    let url = server.url();
    let arguments = [
        "rail",
        "--server",
        &url,
        "--transport",
        "udp",
        "--weather",
        weather,
        "--shots",
        "20",
        "--pairs",
        "5",
        "--json",
    ];
    let output = output_of("lab", &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let row = |compensated: bool| {
        let rows = seen["rows"].as_array().expect("rows");
        rows.iter().find(|row| row["compensated"] == compensated).expect("both kinds").clone()
    };
    let number = |row: &Value, key: &str| row[key].as_f64().unwrap_or_else(|| panic!("no {key} in {row}"));
    let (with, without) = (row(true), row(false));
    for row in [&with, &without] {
        assert!(number(row, "on_target") >= 18.0, "{row}");
        assert!(number(row, "round_trip_ms") >= 150.0, "{row}");
    }
    assert!(number(&with, "share") >= 0.95, "{with}");
    assert!(number(&without, "share") <= 0.5, "{without}");
    assert!(with["rewound_ms"][1].as_f64().is_some_and(|most| most > 150.0 && most <= 200.0), "{with}");
    assert_eq!(without["rewound_ms"][1], 0.0, "{without}");
}
