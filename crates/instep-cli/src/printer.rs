//! The two streams: text for people on standard error, results on standard output.

use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use indicatif::MultiProgress;

/// Where text goes, and how much of it.
#[derive(Debug)]
pub(crate) struct Printer {
    quiet: bool,
    verbose: bool,
    interactive: bool,
    bars: MultiProgress,
}

const BOLD: Style = Style::new().bold();
const RED: Style = AnsiColor::Red.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();
const DIM: Style = Style::new().dimmed();

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Bold,
    Good,
    Bad,
    Warn,
    Dim,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Bold => BOLD,
            Self::Good => GREEN,
            Self::Bad => RED,
            Self::Warn => YELLOW,
            Self::Dim => DIM,
        }
    }
}

/// Text in a tone, for a stream that drops the colours where they do not belong.
pub(crate) fn paint(tone: Tone, text: &str) -> String {
    let style = tone.style();
    format!("{style}{text}{style:#}")
}

/// Whether text on standard error may be coloured.
pub(crate) fn stderr_has_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

impl Printer {
    pub(crate) fn new(quiet: bool, verbose: bool) -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let interactive = !quiet && std::io::stderr().is_terminal() && !is_set("CI");
        Self { quiet, verbose, interactive, bars: MultiProgress::new() }
    }

    /// Whether somebody watches, so that progress can be drawn and questions asked.
    pub(crate) fn is_interactive(&self) -> bool {
        self.interactive
    }

    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// A line for people.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            self.text(text);
        }
    }

    /// A line for people that is said in any case.
    pub(crate) fn text(&self, text: &str) {
        self.bars.suspend(|| {
            // Nobody is left to tell that standard error is closed.
            let _ = writeln!(anstream::stderr(), "{text}");
        });
    }

    pub(crate) fn note(&self, text: &str) {
        self.say(&format!("{} {text}", paint(Tone::Warn, "note:")));
    }

    pub(crate) fn error(&self, text: &str) {
        self.text(&format!("{} {text}", paint(Tone::Bad, "error:")));
    }

    pub(crate) fn hint(&self, text: &str) {
        self.text(&format!("{CYAN}help:{CYAN:#} {text}"));
    }

    /// A result.
    pub(crate) fn result(&self, text: &str) {
        self.bars.suspend(|| {
            // A reader that has gone away (`instep history | head`) has seen enough.
            let _ = writeln!(anstream::stdout(), "{text}");
        });
    }

    /// A result for programs.
    pub(crate) fn json(&self, value: &impl serde::Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.result(&text),
            Err(error) => self.error(&format!("the result is not JSON: {error}")),
        }
    }
}
