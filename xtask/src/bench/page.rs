//! `docs/benchmarks.md`: one section a bench, between two markers.

use std::fmt::Write as _;

use camino::Utf8PathBuf;

use super::hyperfine::{Candidate, Measured};
use super::peers::Bench;
use crate::error::Error;
use crate::run::output;
use crate::workspace::Workspace;

pub(super) struct Page {
    path: Utf8PathBuf,
}

/// What a bench found.
pub(super) struct Section<'a> {
    /// The markers' name, and the task's.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) text: String,
    pub(super) tables: &'a [Table],
}

/// What was measured side by side.
pub(super) struct Table {
    /// What stands above it, where there are several.
    pub(super) title: &'static str,
    pub(super) candidates: Vec<Candidate>,
    /// The first is what the others are compared with.
    pub(super) measured: Vec<Measured>,
}

const NEW: &str = "\
# Benchmarks

Each section is written by the command that it names, and by nobody else.

<!-- bench check -->
<!-- /bench check -->

<!-- bench sync -->
<!-- /bench sync -->

<!-- bench lock -->
<!-- /bench lock -->

<!-- bench mirror -->
<!-- /bench mirror -->

<!-- bench mirror-large -->
<!-- /bench mirror-large -->

<!-- bench ci -->
<!-- /bench ci -->

<!-- bench wheels -->
<!-- /bench wheels -->
";

impl Page {
    pub(super) fn of(workspace: &Workspace) -> Self {
        Self { path: workspace.root.join("docs").join("benchmarks.md") }
    }

    /// Replaces the section and prints it.
    pub(super) fn write(&self, bench: &Bench, section: &Section) -> Result<(), Error> {
        let there =
            if self.path.exists() { fs_err::read_to_string(&self.path)? } else { NEW.to_owned() };
        let text = section.render(&circumstances(bench, &section.runs())?);
        let page = replaced(&there, section.name, &text)
            .ok_or_else(|| Error::Markers { path: self.path.clone(), name: section.name })?;
        println!("{text}");
        if let Some(folder) = self.path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        Ok(fs_err::write(&self.path, page)?)
    }
}

impl Section<'_> {
    /// How often everything was run: what takes long, less often.
    fn runs(&self) -> String {
        let runs =
            || self.tables.iter().flat_map(|table| &table.measured).map(|one| one.times.len());
        match (runs().min().unwrap_or_default(), runs().max().unwrap_or_default()) {
            (least, most) if least == most => most.to_string(),
            (least, most) => format!("{least} to {most}"),
        }
    }

    fn render(&self, circumstances: &str) -> String {
        // A String takes everything.
        let mut text = format!("## {}\n\n{}\n", self.title, self.text);
        for table in self.tables {
            if !table.title.is_empty() {
                let _ = writeln!(text, "\n{}:", table.title);
            }
            let own = table.measured.first().map_or(1.0, |first| first.median);
            text.push_str(
                "\n| command | median | least and most | times the first |\n\
                 | --- | ---: | ---: | ---: |\n",
            );
            for row in &table.measured {
                let (least, most) = (shown(row.min), shown(row.max));
                let ratio = row.median / own;
                let median = shown(row.median);
                let _ =
                    writeln!(text, "| {} | {median} | {least}, {most} | {ratio:.2} |", row.name);
            }
        }
        let _ = writeln!(text, "\n{circumstances}\n\nMeasured by `cargo xtask {}`:\n", self.name);
        text.push_str("```console\n");
        for candidate in self.tables.iter().flat_map(|table| &table.candidates) {
            let _ = writeln!(text, "$ {}", candidate.command);
        }
        text.push_str("```\n");
        text
    }
}

/// Milliseconds below one second, seconds above.
fn shown(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.2} ms", seconds * 1000.0) } else { format!("{seconds:.2} s") }
}

/// The page with the text between the two markers of this name; `None` without them.
fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = page.split_once(&open)?;
    let (_, after) = rest.split_once(&close)?;
    Some(format!("{before}{open}\n{text}\n{close}{after}"))
}

/// The machine and the versions.
fn circumstances(bench: &Bench, runs: &str) -> Result<String, Error> {
    let versions = [
        bench.ask("instep", &["--version"])?,
        bench.ask("uv", &["--version"])?.split(" (").next().unwrap_or_default().to_owned(),
        format!("pip {}", version_of(bench, "pip/bin/python", "pip")),
        format!("pip-tools {}", version_of(bench, "python", "pip-tools")),
        bench.ask("instep/.venv/bin/python", &["--version"])?,
        bench.ask("hyperfine", &["--version"])?,
    ];
    let versions: Vec<&str> =
        versions.iter().map(String::as_str).filter(|text| !text.ends_with(' ')).collect();
    Ok(format!(
        "{runs} runs each with `hyperfine -N`, on {}. {}.",
        machine().unwrap_or_else(|_| std::env::consts::OS.into()),
        versions.join(", ")
    ))
}

/// The version of a package in the environment of a Python; nothing where it is not there.
fn version_of(bench: &Bench, python: &str, package: &str) -> String {
    let ask = format!("import importlib.metadata as m; print(m.version('{package}'))");
    bench.ask(python, &["-c", &ask]).unwrap_or_default()
}

fn machine() -> Result<String, Error> {
    let cpus = fs_err::read_to_string("/proc/cpuinfo")?;
    let models = || cpus.lines().filter_map(|line| line.strip_prefix("model name"));
    let model = models().next().unwrap_or("unknown").trim_start_matches(['\t', ' ', ':']);
    let kernel = output(std::process::Command::new("uname").args(["-sr"]))?;
    Ok(format!("{} × {model}, {}", models().count(), kernel.trim()))
}

#[cfg(test)]
mod tests {
    use super::{NEW, replaced, shown};

    #[test]
    fn a_section_replaces_its_own_text_only() {
        let once = replaced(NEW, "bench check", "first\n").unwrap();
        let twice = replaced(&once, "bench check", "second\n").unwrap();
        assert!(!twice.contains("first"));
        assert_eq!(twice.matches("second").count(), 1);
        assert!(twice.contains("<!-- bench sync -->\n<!-- /bench sync -->"));
        assert_eq!(replaced("no markers", "bench check", "x"), None);
    }

    #[test]
    fn times_have_a_unit_that_suits_them() {
        assert_eq!(shown(0.002_348), "2.35 ms");
        assert_eq!(shown(2.3), "2.30 s");
    }
}
