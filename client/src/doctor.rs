//! F8, on every screen: what is wrong with the connection, and what to do. Findings appear one by one, and can be copied for a friend.
//!
//! Flow: F8, the failure dialog → [`OpenDoctor`] → `transport::doctor::examine` → [`Doctor`] → the panel.

use crate::{clipboard, hud::Panels, lobby::Lobby, palette, settings::Settings, state::Screen, style};
use bevy::{input::InputSystems, prelude::*};
use bevy_egui::{
    EguiContexts, EguiInput, EguiPreUpdateSet, EguiPrimaryContextPass,
    egui::{self, Align2, Area, Context, Event, Id, Key, Margin, Order, RichText, ScrollArea, Ui, vec2},
};
use protocol::names::valid_name;
use std::fmt::Write;
use tokio::sync::mpsc::{Receiver, error::TryRecvError};
use transport::doctor::{Finding, Verdict, as_stranger, examine};

/// Shows the doctor.
pub(crate) struct DoctorPlugin;

impl Plugin for DoctorPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Doctor>().add_message::<OpenDoctor>();
        app.add_systems(PreUpdate, keys.after(InputSystems));
        app.add_systems(
            PreUpdate,
            keep_escape.after(EguiPreUpdateSet::ProcessInput).before(EguiPreUpdateSet::BeginPass),
        );
        app.add_systems(Update, open);
        app.add_systems(EguiPrimaryContextPass, draw);
    }
}

/// Please open the doctor.
#[derive(Message, Default)]
pub(crate) struct OpenDoctor;

/// What the doctor does and has found.
#[derive(Resource, Default)]
pub(crate) struct Doctor {
    open: bool,
    /// The panel was just opened; no button of it has the keyboard yet.
    fresh: bool,
    /// Esc was pressed to close the panel, and means nothing else in this frame.
    escaped: bool,
    server: String,
    /// Who plays there.
    name: String,
    findings: Vec<Finding>,
    /// Findings to come; none once all are there.
    arriving: Option<Receiver<Finding>>,
    copied: bool,
}

impl Doctor {
    /// Returns all findings once they are there, as long as the panel shows them.
    #[cfg(target_family = "wasm")]
    pub(crate) fn findings(&self) -> Option<&[Finding]> {
        (self.open && self.arriving.is_none()).then_some(&self.findings[..])
    }

    /// Examines `server` as whoever plays there as `name`: the doctor needs somebody, and that need not be one more guest.
    fn examine(&mut self, server: String, name: String, lobby: &mut Lobby) {
        let account = lobby.account(&server, &name).ok().filter(|_| valid_name(&name));
        let runtime = lobby.runtime().clone();
        self.arriving = Some(match account {
            Some(account) => examine(&runtime, &server, move |_, session| async move {
                account.call(|lobby, guest| async move { lobby.endpoints(&guest, session).await }).await
            }),
            None => examine(&runtime, &server, as_stranger),
        });
        (self.server, self.name, self.copied) = (server, name, false);
        self.findings.clear();
    }

    fn close(&mut self, panels: &mut Panels) {
        (self.open, panels.hands) = (false, false);
        // Whoever does not wait for the rest stops it.
        self.arriving = None;
    }

    fn collect(&mut self) {
        let Some(arriving) = &mut self.arriving else { return };
        loop {
            match arriving.try_recv() {
                Ok(finding) => self.findings.push(finding),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => break,
            }
        }
        self.arriving = None;
    }
}

/// Opens and closes the panel by key.
fn keys(
    mut keys: ResMut<ButtonInput<KeyCode>>,
    mut doctor: ResMut<Doctor>,
    mut panels: ResMut<Panels>,
    mut opens: MessageWriter<OpenDoctor>,
) {
    doctor.escaped = doctor.open && keys.clear_just_pressed(KeyCode::Escape);
    match (doctor.open, keys.just_pressed(KeyCode::F8)) {
        (true, f8) if f8 || doctor.escaped => doctor.close(&mut panels),
        (false, true) => {
            opens.write_default();
        }
        _ => {}
    }
}

/// Keeps the Esc that closed the panel from closing what lies below it.
fn keep_escape(doctor: Res<Doctor>, mut inputs: Query<&mut EguiInput>) {
    if doctor.escaped {
        for mut input in &mut inputs {
            input.events.retain(|event| !matches!(event, Event::Key { key: Key::Escape, .. }));
        }
    }
}

/// Opens the panel and begins.
fn open(
    mut opens: MessageReader<OpenDoctor>,
    mut doctor: ResMut<Doctor>,
    mut panels: ResMut<Panels>,
    (mut lobby, settings): (ResMut<Lobby>, Res<Settings>),
    screen: Res<State<Screen>>,
) {
    if opens.read().count() == 0 {
        return;
    }
    // In the menu it is the server of the field; elsewhere the one that was asked for, whatever the field says by now.
    let asked = lobby.last_wish().filter(|_| *screen.get() != Screen::Menu);
    let (server, name) = asked.map_or((&settings.server, &settings.name), |wish| (&wish.server, &wish.name));
    let (server, name) = (server.trim().to_owned(), name.trim().to_owned());
    (doctor.open, doctor.fresh) = (true, true);
    // Keys go to the panel: the ship drifts on.
    panels.hands = *screen.get() == Screen::InMatch;
    doctor.examine(server, name, &mut lobby);
}

fn draw(
    mut contexts: EguiContexts,
    mut doctor: ResMut<Doctor>,
    mut panels: ResMut<Panels>,
    mut lobby: ResMut<Lobby>,
) -> Result {
    if !doctor.open {
        return Ok(());
    }
    doctor.collect();
    let context = contexts.ctx_mut()?;
    match panel(context, &mut doctor) {
        Some(Pressed::Again) => {
            let (server, name) = (doctor.server.clone(), doctor.name.clone());
            doctor.examine(server, name, &mut lobby);
        }
        Some(Pressed::Copy) => {
            clipboard::copy(context, &report(&doctor.server, &doctor.findings));
            doctor.copied = true;
        }
        Some(Pressed::Close) => doctor.close(&mut panels),
        None => {}
    }
    Ok(())
}

/// A button of the panel.
enum Pressed {
    Again,
    Copy,
    Close,
}

fn panel(context: &Context, doctor: &mut Doctor) -> Option<Pressed> {
    let screen = context.content_rect();
    let width = WIDTH.min(screen.width() - 8.0 * style::GRID);
    let area = Area::new(Id::new("doctor")).order(Order::Foreground).anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0));
    let shown = area.show(context, |ui| {
        let glass = style::glass().fill(palette::ink(palette::GLASS)).inner_margin(Margin::same(3 * style::GRID as i8));
        glass.show(ui, |ui| {
            ui.set_width(width);
            head(ui, doctor);
            let height = (screen.height() - BESIDE_LIST).max(10.0 * style::GRID);
            // It grows with what is found, however little room there was a frame ago.
            let list = ScrollArea::vertical().max_height(height).min_scrolled_height(height);
            list.auto_shrink([false, true]).stick_to_bottom(true).show(ui, |ui| {
                for finding in &doctor.findings {
                    line(ui, finding);
                }
            });
            ui.add_space(style::GRID);
            buttons(ui, doctor)
        })
    });
    shown.inner.inner
}

/// Shows whom it is about and how it stands.
fn head(ui: &mut Ui, doctor: &Doctor) {
    ui.horizontal(|ui| {
        ui.heading("Doctor");
        ui.label(style::quiet(format!("examines {}", doctor.server)));
        if doctor.arriving.is_some() {
            ui.add(egui::Spinner::new().size(style::MIDDLE).color(palette::ink(palette::ACCENT)));
        }
    });
    let text =
        if doctor.arriving.is_some() { "Looking at one thing after the other …" } else { summary(&doctor.findings) };
    ui.label(RichText::new(text).font(style::words(style::MIDDLE)));
    ui.add_space(style::GRID);
}

fn buttons(ui: &mut Ui, doctor: &mut Doctor) -> Option<Pressed> {
    let put_away = style::keyed(ui, "Close", "F8");
    ui.columns(3, |columns| {
        let again = style::button(&mut columns[0], "Run again").clicked();
        let copy = style::button(&mut columns[1], if doctor.copied { "Copied" } else { "Copy report" }).clicked();
        let close = style::button(&mut columns[2], &put_away);
        if std::mem::take(&mut doctor.fresh) {
            close.request_focus();
        }
        match (again, copy, close.clicked()) {
            (true, _, _) => Some(Pressed::Again),
            (_, true, _) => Some(Pressed::Copy),
            (_, _, true) => Some(Pressed::Close),
            _ => None,
        }
    })
}

/// Shows one finding: the verdict as a word and a colour, what was looked at, the sentence, and the advice below it.
fn line(ui: &mut Ui, finding: &Finding) {
    let color = match finding.verdict {
        Verdict::Good => palette::PICKUP,
        Verdict::Warn => palette::ALARM,
        Verdict::Bad => palette::LOW_HEALTH,
    };
    ui.horizontal_top(|ui| {
        let cell = |ui: &mut Ui, width: f32, text: RichText| {
            ui.allocate_ui_with_layout(
                vec2(width, style::MIDDLE),
                egui::Layout::left_to_right(egui::Align::Min),
                |ui| {
                    ui.set_width(width);
                    ui.label(text);
                },
            );
        };
        let verdict = RichText::new(finding.verdict.name()).font(style::numbers(style::SMALL));
        cell(ui, VERDICT, verdict.color(palette::ink(color)));
        // A wire has its colour everywhere.
        let what = style::quiet(&finding.what);
        let wire = finding.what.parse().map(palette::wire);
        cell(ui, WHAT, wire.map_or(what.clone(), |rgb| what.color(palette::ink(rgb))));
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.label(&finding.sentence);
            if !finding.advice.is_empty() {
                ui.label(RichText::new(&finding.advice).color(palette::ink(color)));
            }
        });
    });
}

/// Returns what all findings together mean.
fn summary(findings: &[Finding]) -> &'static str {
    match findings.iter().map(|finding| finding.verdict).max() {
        Some(Verdict::Bad) => "Something keeps you from playing here. The red lines say what to do.",
        Some(Verdict::Warn) => "You can play here. The orange lines say what could be better.",
        Some(Verdict::Good) | None => "Nothing is wrong.",
    }
}

/// Returns the findings as text for a friend.
fn report(server: &str, findings: &[Finding]) -> String {
    let mut text = format!("Crosswire doctor, {server}\n");
    for finding in findings {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{finding}");
    }
    text
}

/// Width of the panel's inside.
const WIDTH: f32 = 720.0;
/// Height of everything but the list.
const BESIDE_LIST: f32 = 230.0;
/// Room for the verdict.
const VERDICT: f32 = 40.0;
/// Room for what was looked at.
const WHAT: f32 = 104.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(verdict: Verdict) -> Finding {
        let (what, sentence) = ("udp".to_owned(), "UDP is blocked.".to_owned());
        Finding { what, verdict, sentence, advice: "Open port 5000.".to_owned() }
    }

    #[test]
    fn the_worst_finding_decides() {
        assert_eq!(summary(&[]), "Nothing is wrong.");
        assert!(summary(&[finding(Verdict::Good), finding(Verdict::Warn)]).starts_with("You can play"));
        assert!(summary(&[finding(Verdict::Bad), finding(Verdict::Warn)]).starts_with("Something keeps"));
    }

    #[test]
    fn a_report_can_be_sent_to_a_friend() {
        let text = report("host:8080", &[finding(Verdict::Warn)]);
        assert!(text.starts_with("Crosswire doctor, host:8080\nwarn  udp "), "{text}");
        assert!(text.trim_end().ends_with("-> Open port 5000."), "{text}");
    }
}
