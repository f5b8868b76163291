//! Events as a person sees them: a moving line for each environment on a terminal, a plain line for
//! each step elsewhere; or, with `--events`, as JSON lines.

#[cfg(feature = "network")]
mod network;

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use instep::Event;
use instep::layer::Event as LayerEvent;
use instep::mirror::{Event as MirrorEvent, Side};
use instep::venv::{Activity, Event as VenvEvent, Operation, Plan, Step};

use crate::commands::count;
use crate::printer::{Printer, Tone, paint};

/// Shows events.
pub(crate) struct Progress<'a> {
    printer: &'a Printer,
    as_json: bool,
    bars: BTreeMap<String, ProgressBar>,
    /// It was said that keys are for trials.
    #[cfg(feature = "network")]
    is_trial: bool,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(printer: &'a Printer, as_json: bool) -> Self {
        Self {
            printer,
            as_json,
            bars: BTreeMap::new(),
            #[cfg(feature = "network")]
            is_trial: false,
        }
    }

    pub(crate) fn show(&mut self, event: &Event) {
        if self.as_json {
            if let Ok(line) = serde_json::to_string(event) {
                self.printer.result(&line);
            }
            return;
        }
        match event {
            Event::Waiting { environment, pid, command } => {
                let whom = match (command, pid) {
                    (Some(command), Some(pid)) => format!("`{command}` (process {pid})"),
                    _ => "another process".to_owned(),
                };
                self.step(environment, &format!("waiting for {whom}"));
            }
            Event::Notice { environment: Some(name), message } => {
                self.printer.note(&format!("{name}: {message}"));
            }
            Event::Notice { environment: None, message } => self.printer.note(message),
            Event::SyncStarted { environment, reasons, .. } => {
                let reasons: Vec<&str> = reasons.iter().map(|reason| reason.as_str()).collect();
                self.step(environment, &format!("out of step: {}", reasons.join(", ")));
            }
            Event::Tool { environment, name, version, python } => {
                self.detail(environment, &format!("{name} {version}, Python {python}"));
            }
            Event::Locking { environment, lock } => {
                self.step(environment, &format!("compiling `{lock}`"));
            }
            Event::Layers { detail } => self.layers(detail),
            Event::Mirror { mirror, detail } => self.mirror(mirror, detail),
            #[cfg(feature = "network")]
            Event::Bundle { detail } => self.bundle(detail),
            #[cfg(feature = "network")]
            Event::Key { role, attempt } => self.key(role, attempt),
            #[cfg(feature = "network")]
            Event::Wheels { detail } => self.wheels(detail),
            Event::Planned { environment, plan } => self.detail(environment, &plan_line(plan)),
            Event::Venv { environment, detail } => self.venv(environment, detail),
            Event::StepStarted { environment, step } => {
                self.step(environment, &format!("running the step `{step}`"));
            }
            Event::SyncFinished { environment, .. } => self.finish(environment),
            _ => {}
        }
    }

    /// Takes the moving lines away.
    pub(crate) fn clear(&mut self) {
        for bar in std::mem::take(&mut self.bars).into_values() {
            bar.finish_and_clear();
        }
    }

    fn layers(&mut self, event: &LayerEvent) {
        const NAME: &str = "locks";
        match event {
            LayerEvent::Resolving { layers } => {
                self.step(NAME, &format!("resolving {}", count(*layers, "layer")));
            }
            LayerEvent::Explaining => {
                self.step(NAME, "looking for the layers that cannot live together");
            }
            LayerEvent::Asking { times } => {
                if let Some(bar) = self.bar(NAME) {
                    bar.set_message(format!("asking the resolver, for the {times}. time"));
                }
            }
            LayerEvent::Compiling { layer } => self.step(layer, "compiling its lock"),
            LayerEvent::Compiled { layer } => {
                self.finish(NAME);
                self.finish(layer);
            }
            LayerEvent::Output { line } if self.printer.is_verbose() => {
                self.printer.say(&paint(Tone::Dim, &format!("  {NAME} | {line}")));
            }
            _ => {}
        }
    }

    fn mirror(&mut self, name: &str, event: &MirrorEvent) {
        match event {
            MirrorEvent::Scanning => {
                if let Some(bar) = self.bar(name) {
                    bar.set_style(spinning());
                    bar.set_message("looking at both sides");
                }
            }
            MirrorEvent::Planned { copies, bytes, deletes, conflicts } => {
                if copies + deletes + conflicts == 0 {
                    self.finish(name);
                } else if let Some(bar) = self.bar(name) {
                    bar.set_length((copies + deletes + conflicts) as u64);
                    bar.set_position(0);
                    bar.set_style(counted());
                    bar.set_message(human(*bytes));
                }
            }
            MirrorEvent::Copied { path, to, .. } => {
                self.advance(name);
                self.change(&format!("{} {path}", arrow(*to)));
            }
            MirrorEvent::Deleted { path, side } => {
                self.advance(name);
                self.change(&format!("{} {path}", paint(Tone::Bad, &format!("- {side}"))));
            }
            MirrorEvent::Conflict { path, beside } => {
                self.advance(name);
                self.printer.note(&format!("both sides changed {path}: the other one is {beside}"));
            }
            MirrorEvent::Interrupted { message, hint, .. } => {
                self.finish(name);
                self.printer.note(message);
                if let Some(hint) = hint {
                    self.printer.hint(hint);
                }
            }
            MirrorEvent::Recovered => self.printer.note("both sides are in step again"),
            MirrorEvent::Unflushed { paths } => self.printer.note(&format!(
                "the disk may not have all that was copied last: reading {} again",
                count(*paths, "path")
            )),
            MirrorEvent::RecordLost { aside } => self.printer.note(&format!(
                "the record of the mirror was damaged, and is kept as `{aside}`; both sides are compared anew, \
                 and nothing is deleted"
            )),
            _ => {}
        }
    }

    fn advance(&mut self, name: &str) {
        if let Some(bar) = self.bar(name) {
            bar.inc(1);
            if bar.length().is_some_and(|length| bar.position() >= length) {
                self.finish(name);
            }
        }
    }

    fn change(&self, text: &str) {
        if self.printer.is_verbose() {
            self.printer.say(&format!("  {text}"));
        }
    }

    fn venv(&mut self, environment: &str, event: &VenvEvent) {
        match event {
            VenvEvent::Step { step } => {
                let text = match step {
                    Step::Create => "making the environment",
                    Step::Install => "installing packages",
                    Step::Remove => "removing packages",
                    Step::Verify => "verifying",
                    Step::Swap => "taking the old environment's place",
                };
                self.step(environment, text);
            }
            VenvEvent::Package { name, activity } => {
                let verb = match activity {
                    Activity::Downloading => "downloading",
                    Activity::Building => "building",
                    Activity::Installing => "installing",
                    Activity::Removing => "removing",
                };
                if let Some(bar) = self.bar(environment) {
                    bar.set_message(format!("{verb} {name}"));
                }
            }
            VenvEvent::Progress { done, total } => {
                if let Some(bar) = self.bar(environment) {
                    bar.set_length(*total as u64);
                    bar.set_position(*done as u64);
                    bar.set_style(counted());
                }
            }
            VenvEvent::Output { line } if self.printer.is_verbose() => {
                self.printer.say(&paint(Tone::Dim, &format!("  {environment} | {line}")));
            }
            _ => {}
        }
    }

    fn step(&mut self, environment: &str, text: &str) {
        match self.bar(environment) {
            Some(bar) => {
                bar.set_style(spinning());
                bar.set_message(text.to_owned());
            }
            None => self.printer.say(&format!("{} {text}", paint(Tone::Bold, environment))),
        }
    }

    /// What is only worth a line to somebody who wants to know, or to a log.
    fn detail(&mut self, environment: &str, text: &str) {
        if self.printer.is_verbose() || !self.printer.is_interactive() {
            self.printer.say(&format!("{} {text}", paint(Tone::Bold, environment)));
        }
    }

    fn bar(&mut self, environment: &str) -> Option<&ProgressBar> {
        if !self.printer.is_interactive() {
            return None;
        }
        let bars = self.printer.bars();
        Some(self.bars.entry(environment.to_owned()).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_style(spinning());
            bar.set_prefix(environment.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        }))
    }

    fn finish(&mut self, environment: &str) {
        if let Some(bar) = self.bars.remove(environment) {
            bar.finish_and_clear();
        }
    }
}

/// Where a copy goes: up to the network, or down.
pub(crate) fn arrow(to: Side) -> String {
    paint(Tone::Good, if to == Side::Network { "^" } else { "v" })
}

/// Bytes as people read them.
pub(crate) fn human(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

fn spinning() -> ProgressStyle {
    style("{spinner:.cyan} {prefix:.bold} {wide_msg} {elapsed:.dim}")
}

fn counted() -> ProgressStyle {
    style("{spinner:.cyan} {prefix:.bold} {bar:24.cyan/dim} {pos}/{len} {wide_msg} {elapsed:.dim}")
}

#[cfg(feature = "network")]
fn in_bytes() -> ProgressStyle {
    style(
        "{spinner:.cyan} {prefix:.bold} {bar:24.cyan/dim} {bytes}/{total_bytes} {bytes_per_sec} {wide_msg} {eta:.dim}",
    )
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// A plan in one line.
pub(crate) fn plan_line(plan: &Plan) -> String {
    let counts = [
        ("to install", plan.install.len()),
        ("to change", plan.change.len()),
        ("to reinstall", plan.reinstall.len()),
        ("to remove", plan.remove.len()),
    ];
    let mut parts: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    match plan.operation {
        Operation::Create => parts.insert(0, "a new environment".to_owned()),
        Operation::Rebuild => parts.insert(0, "the environment anew".to_owned()),
        Operation::Update if parts.is_empty() => parts.push("nothing to install".to_owned()),
        Operation::Update => {}
    }
    parts.join(", ")
}
