//! What can be raced, as typed on the command line.
//!
//! Flow: command line → [`Options`] → [`Options::courses`], [`Options::wires`] → `mod.rs`.

use clap::Args;
use protocol::Transport;
use std::path::PathBuf;
use transport::weather::{PRESETS, Weather};

/// The name that stands for the weathers of which figures are promised.
pub(super) const ACCEPTANCE: &str = "acceptance";
/// Those weathers: name, one line, settings.
const PROMISED: [(&str, &str, &str); 3] = [
    ("50 ms", "50 ms round trip, nothing lost.", "delay=25"),
    ("50 ms, 2 %", "50 ms round trip, 2 % of the packets lost each way.", "delay=25,loss=2"),
    (
        "100 ms, 5 %",
        "100 ms round trip, 5 % lost each way, each packet up to 10 ms earlier or later, none overtaken.",
        "delay=50,jitter=10,loss=5",
    ),
];

/// Options of `lab race`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// A server that runs already; otherwise each row gets one of its own, with the same match.
    #[arg(long, value_name = "URL", conflicts_with_all = ["real", "compare"])]
    pub server: Option<String>,
    /// Weathers by name: calm, lan, home, mobile, hotel, train, satellite, bad; or `acceptance` for those of which figures are promised
    /// [default: all by name].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub weathers: Vec<String>,
    /// One more weather, as in `delay=40,jitter=8,loss=5,burst=3`; may be given again.
    #[arg(long, value_name = "WEATHER")]
    pub weather: Vec<Weather>,
    /// Wires to race [default: all].
    #[arg(long, value_name = "WIRES", value_delimiter = ',')]
    pub wires: Vec<Transport>,
    /// Seconds per row, joining not counted.
    #[arg(long, value_name = "S", default_value = "20", value_parser = clap::value_parser!(u32).range(2..=3_600))]
    pub seconds: u32,
    /// Snapshots per second: 20, 30 or 60.
    #[arg(long, value_name = "N", default_value = "60", value_parser = snapshot_hz)]
    pub snapshot_hz: u32,
    /// Bots in the match.
    #[arg(long, value_name = "N", default_value = "6", value_parser = clap::value_parser!(u8).range(0..=24))]
    pub bots: u8,
    /// Seed of the weather, the bots, the match and the key presses.
    #[arg(long, value_name = "N", default_value = "7")]
    pub seed: u64,
    /// Fly over a link between two network namespaces, where the kernel's own TCP repeats what is lost (Linux, as root).
    #[arg(long)]
    pub real: bool,
    /// Fly every row twice, over the model and over the real link, and print both side by side.
    #[arg(long)]
    pub compare: bool,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Also write a report with plots to this HTML file.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// A weather to race in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Course {
    /// What it is called.
    pub(super) name: String,
    /// One line about it.
    pub(super) about: String,
    /// What it is.
    pub(super) weather: Weather,
}

impl Options {
    /// Returns the weathers to race in.
    ///
    /// # Errors
    /// A sentence if a name is not known.
    pub(super) fn courses(&self) -> Result<Vec<Course>, String> {
        let mut courses = Vec::new();
        for name in &self.weathers {
            match name.trim() {
                ACCEPTANCE => courses.extend(promised()?),
                name => courses.push(named(name)?),
            }
        }
        courses.extend(self.weather.iter().map(typed));
        if courses.is_empty() {
            courses = PRESETS.iter().map(|preset| course(preset.name, preset.about, preset.weather)).collect();
        }
        for course in &mut courses {
            course.weather.seed = self.seed;
        }
        Ok(courses)
    }

    /// Returns the wires to race.
    pub(super) fn wires(&self) -> Vec<Transport> {
        if self.wires.is_empty() { Transport::WIRES.to_vec() } else { self.wires.clone() }
    }
}

fn course(name: &str, about: &str, weather: Weather) -> Course {
    Course { name: name.to_owned(), about: about.to_owned(), weather }
}

fn named(name: &str) -> Result<Course, String> {
    let preset = PRESETS.iter().find(|preset| preset.name == name);
    preset.map(|preset| course(preset.name, preset.about, preset.weather)).ok_or_else(|| {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        let names = names.join(", ");
        format!("There is no weather `{name}`; there are {names} and {ACCEPTANCE}. Give settings with --weather.")
    })
}

fn typed(weather: &Weather) -> Course {
    let text = Weather { seed: Weather::SEED, ..*weather }.to_string();
    course(&text, "", *weather)
}

fn promised() -> Result<Vec<Course>, String> {
    let read = |(name, about, settings): (&str, &str, &str)| {
        settings.parse().map(|weather| course(name, about, weather)).map_err(|error| format!("{error}."))
    };
    PROMISED.into_iter().map(read).collect()
}

fn snapshot_hz(text: &str) -> Result<u32, String> {
    let hz = text.parse().ok().filter(|hz| [20, 30, 60].contains(hz));
    hz.ok_or_else(|| "choose 20, 30 or 60: the game has 60 ticks per second".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(line: &str) -> Options {
        let words = std::iter::once("race").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.options).unwrap_or_else(|error| panic!("{error}"))
    }

    fn names(line: &str) -> Vec<String> {
        options(line).courses().expect("all known").into_iter().map(|course| course.name).collect()
    }

    #[test]
    fn without_a_wish_every_preset_and_every_wire_is_raced() {
        assert_eq!(names(""), PRESETS.map(|preset| preset.name));
        assert_eq!(options("").wires(), Transport::WIRES);
    }

    #[test]
    fn weathers_are_named_or_typed_and_share_the_seed() {
        let line = "--weathers calm,acceptance --weather delay=10,loss=1 --wires quic,udp --seed 9";
        assert_eq!(names(line), ["calm", "50 ms", "50 ms, 2 %", "100 ms, 5 %", "delay=10,loss=1"]);
        assert_eq!(options(line).wires(), [Transport::Quic, Transport::Udp]);
        assert!(options(line).courses().expect("all known").iter().all(|course| course.weather.seed == 9));
    }

    #[test]
    fn an_unknown_weather_is_told_in_words() {
        let error = options("--weathers sunny").courses().expect_err("there is none");
        assert!(error.contains("`sunny`") && error.contains("mobile") && error.contains(ACCEPTANCE), "{error}");
    }
}
