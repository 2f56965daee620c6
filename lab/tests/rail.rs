//! Rails over real sockets: what a shooter sees under the crosshair at a round trip of 150 ms is hit with lag compensation, and is not
//! without it.

mod common;

use common::{Server, alone, command};
use serde_json::Value;

/// Shoots with compensation and without, and returns both rows.
fn shoot(server: &Server) -> (Value, Value) {
    let url = server.url();
    let weather = ["--transport", "udp", "--weather", "delay=75,jitter=4,seed=1"];
    let amount = ["--shots", "20", "--pairs", "5", "--json"];
    let output = command("lab").args(["rail", "--server", &url]).args(weather).args(amount).output();
    let output = output.expect("the bench can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = seen["rows"].as_array().expect("rows");
    let row =
        |compensated: bool| rows.iter().find(|row| row["compensated"] == compensated).expect("both kinds").clone();
    (row(true), row(false))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// How late a picture is depends on who else uses the machine, so the share of hits gets three attempts; nothing else does.
#[test]
fn what_is_seen_is_hit_at_150_ms_with_compensation_and_not_without() {
    let _turn = alone();
    let server = Server::start(&["--bots", "0", "--seats", "2"]);
    let mut shares = Vec::new();
    for _ in 0..3 {
        let (with, without) = shoot(&server);
        for row in [&with, &without] {
            assert!(number(&row["on_target"]) >= 18.0, "{row}");
            assert!(number(&row["round_trip_ms"]) >= 150.0, "{row}");
        }
        assert!((150.0..=200.0).contains(&number(&with["rewound_ms"][1])), "{with}");
        assert_eq!(number(&without["rewound_ms"][1]), 0.0, "{without}");
        let (share, share_without) = (number(&with["share"]), number(&without["share"]));
        if share >= 0.95 && share_without <= 0.5 {
            return;
        }
        shares.push((share, share_without));
    }
    panic!("with compensation and without, these shares hit: {shares:?}");
}
