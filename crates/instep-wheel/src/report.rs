//! A page about wheels: one file that needs no network and no script, for a browser of any kind.
//!
//! What the wheels hold was written by others. Everything is escaped, and the page forbids the browser to load or run
//! anything, so that it can be opened, sent and kept.

mod differences;
#[cfg(test)]
mod tests;

use std::fmt;

use camino::Utf8Path;

use self::differences::differences;
use crate::compare::{Comparison, Side, Verdict, visible};
use crate::error::Error;
use crate::noise::Noise;

const STYLE: &str = include_str!("report/page.css");

/// What a page is about.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// What stands on top.
    pub title: &'a str,
    /// What came of it, in a sentence.
    pub lead: &'a str,
    /// A section each; several have a list of contents above them.
    pub sections: Vec<Section<'a>>,
}

/// What is said of a wheel.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// The name of the file, or what else it is about.
    pub name: &'a str,
    /// What came of it, in a word or two.
    pub summary: &'a str,
    /// How that is coloured.
    pub tone: Tone,
    /// More about it.
    pub comparison: Option<&'a Comparison>,
    /// A text of several lines, as it is: what a script wrote.
    pub output: Option<&'a str>,
}

/// What something is to who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// To be looked at.
    Warn,
    /// As it should not be.
    Bad,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

impl<'a> Page<'a> {
    /// About two wheels.
    pub fn of(comparison: &'a Comparison) -> Self {
        let (summary, lead, tone) = match comparison.verdict {
            Verdict::Identical => {
                ("identical", "The two files are the same, byte for byte.", Tone::Good)
            }
            Verdict::Same => (
                "the same but for noise",
                "What is installed from the two wheels is the same. What else differs is named below.",
                Tone::Good,
            ),
            Verdict::Different => (
                "different",
                "Something that is installed differs between the two wheels.",
                Tone::Bad,
            ),
        };
        let (name, comparison) = (comparison.a.file_name.as_str(), Some(comparison));
        let section = Section { name, summary, tone, comparison, output: None };
        Self { title: "Two wheels, compared", lead, sections: vec![section] }
    }

    /// The page, in HTML.
    pub fn html(&self) -> String {
        let mut html = Html::default();
        let title = escaped(self.title);
        html.add(format_args!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
             <p class=\"lead\">{}</p>\n",
            escaped(self.lead)
        ));
        if self.sections.len() > 1 {
            contents(&mut html, &self.sections);
        }
        for (number, section) in self.sections.iter().enumerate() {
            section_of(&mut html, number, section);
        }
        html.add(format_args!(
            "<footer>Written by instep {}. Files are compared byte for byte; only what is called noise is left out.\
             </footer>\n</main>\n</body>\n</html>\n",
            env!("CARGO_PKG_VERSION")
        ));
        html.text
    }

    /// Writes the page to a file, which it replaces.
    ///
    /// # Errors
    ///
    /// [`Error::Fs`].
    pub fn write(&self, path: &Utf8Path) -> Result<(), Error> {
        Ok(instep_fs::write_unflushed(path, self.html().as_bytes())?)
    }
}

/// A page that is being written.
#[derive(Default)]
struct Html {
    text: String,
}

impl Html {
    fn add(&mut self, text: fmt::Arguments<'_>) {
        // A String takes everything.
        let _ = fmt::Write::write_fmt(&mut self.text, text);
    }
}

/// Text of somebody else, for a place between tags or in a quoted attribute.
fn escaped(text: &str) -> String {
    let text = visible(text);
    let mut safe = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Bytes, and from 1,024 on in a larger unit.
fn size(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    let (unit, name) = match bytes {
        0..KIB => return [&bytes.to_string(), " bytes"].concat(),
        KIB..MIB => (KIB, "KiB"),
        MIB..GIB => (MIB, "MiB"),
        _ => (GIB, "GiB"),
    };
    format!("{}.{:02} {name}", bytes / unit, bytes % unit * 100 / unit)
}

fn badge(section: &Section<'_>) -> String {
    let (class, summary) = (section.tone.class(), escaped(section.summary));
    format!("<span class=\"badge {class}\">{summary}</span>")
}

fn contents(html: &mut Html, sections: &[Section<'_>]) {
    html.add(format_args!("<div class=\"card\">\n<ul class=\"contents\">\n"));
    for (number, section) in sections.iter().enumerate() {
        html.add(format_args!(
            "<li><a class=\"path\" href=\"#w{number}\">{}</a> {}</li>\n",
            escaped(section.name),
            badge(section)
        ));
    }
    html.add(format_args!("</ul>\n</div>\n"));
}

fn section_of(html: &mut Html, number: usize, section: &Section<'_>) {
    html.add(format_args!(
        "<section id=\"w{number}\">\n<div class=\"verdict\"><h2 class=\"path\">{}</h2>{}</div>\n",
        escaped(section.name),
        badge(section)
    ));
    if let Some(comparison) = section.comparison {
        tally(html, comparison);
        facts(html, &comparison.a, &comparison.b);
        differences(html, &comparison.differences);
        noise(html, &comparison.noise);
    }
    if let Some(output) = section.output {
        html.add(format_args!("<div class=\"card\"><pre>"));
        for line in output.lines() {
            html.add(format_args!("<span>{} </span>", escaped(line)));
        }
        html.add(format_args!("</pre></div>\n"));
    }
    html.add(format_args!("</section>\n"));
}

fn tally(html: &mut Html, comparison: &Comparison) {
    let count = |number: usize, one: &str, more: &str| match number {
        0 => None,
        1 => Some(["1 ", one].concat()),
        number => Some([&number.to_string(), " ", more].concat()),
    };
    let parts = [
        count(comparison.differences.len(), "difference", "differences"),
        count(comparison.noise.len(), "kind of noise", "kinds of noise"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        html.add(format_args!("<p class=\"tally\">{}</p>\n", parts.join(", ")));
    }
}

fn facts(html: &mut Html, a: &Side, b: &Side) {
    let of = |side: &Side| {
        [
            escaped(side.path.as_str()),
            size(side.content.size),
            format!("<code>{}</code>", side.content.hex()),
            format!("{}, {} unpacked", side.files, size(side.files_size)),
        ]
    };
    html.add(format_args!(
        "<div class=\"card\"><table class=\"facts\">\n\
         <thead><tr><th></th><th>A</th><th>B</th></tr></thead>\n<tbody>\n"
    ));
    let names = ["Path", "Size", "SHA-256", "Files"];
    for (name, (a, b)) in names.iter().zip(of(a).iter().zip(&of(b))) {
        let class = if a == b { " class=\"same\"" } else { "" };
        html.add(format_args!(
            "<tr><th>{name}</th><td{class} data-side=\"A\">{a}</td><td{class} data-side=\"B\">{b}</td></tr>\n"
        ));
    }
    html.add(format_args!("</tbody></table></div>\n"));
}

fn noise(html: &mut Html, noise: &[Noise]) {
    if noise.is_empty() {
        return;
    }
    html.add(format_args!(
        "<h3>Noise</h3>\n<p class=\"why\">This differs, and has no effect on what is installed.</p>\n\
         <div class=\"card\"><table><tbody>\n"
    ));
    for one in noise {
        html.add(format_args!(
            "<tr><td><strong>{}</strong><div class=\"why\">{}</div>",
            one.kind.title(),
            escaped(one.kind.explanation())
        ));
        if let Some(example) = one.examples.first() {
            let path = match example.path.as_str() {
                "" => String::new(),
                path => format!("<span class=\"path\">{}</span>: ", escaped(path)),
            };
            html.add(format_args!(
                "<div class=\"example\">{path}<b>{}</b> in A, <b>{}</b> in B</div>",
                shown(&example.a),
                shown(&example.b)
            ));
        }
        html.add(format_args!("</td><td class=\"number\">{}×</td></tr>\n", one.count));
    }
    html.add(format_args!("</tbody></table></div>\n"));
}

/// A text of an example, cut where it is long.
fn shown(text: &str) -> String {
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => [&escaped(text.get(..end).unwrap_or_default()), "…"].concat(),
        None if text.is_empty() => "nothing".to_owned(),
        None => escaped(text),
    }
}
