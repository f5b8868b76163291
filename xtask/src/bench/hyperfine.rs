//! Measuring whole processes, without a shell between: `hyperfine -N`.

use std::process::Command;

use serde::Deserialize;

use super::peers::Bench;
use crate::error::Error;
use crate::run::{run, which};

/// A command line to measure.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// What the page calls it.
    pub(super) name: String,
    /// As hyperfine splits it into words.
    pub(super) command: String,
    /// Run before each measured run.
    pub(super) prepare: Option<String>,
}

/// What was measured.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Measured {
    #[serde(rename = "command")]
    pub(super) name: String,
    /// Seconds.
    pub(super) median: f64,
    /// Seconds.
    pub(super) min: f64,
    /// Seconds.
    pub(super) max: f64,
    /// Seconds, of each run.
    pub(super) times: Vec<f64>,
}

#[derive(Deserialize)]
struct Export {
    results: Vec<Measured>,
}

/// Measures the candidates one after the other in the bench's folder.
pub(super) fn measure(
    bench: &Bench,
    warmup: u32,
    runs: u32,
    candidates: &[Candidate],
) -> Result<Vec<Measured>, Error> {
    if which("hyperfine").is_none() {
        let why = "install it, from Debian's package hyperfine for example".into();
        return Err(Error::Missing { what: "hyperfine".into(), why });
    }
    let export = bench.folder.join("hyperfine.json");
    let mut command = bench.command("hyperfine");
    command.args(["-N", "--style", "basic", "--export-json", export.as_str()]);
    command.args(["--warmup", &warmup.to_string(), "--runs", &runs.to_string()]);
    for candidate in candidates {
        if let Some(prepare) = &candidate.prepare {
            command.args(["--prepare", prepare]);
        }
        command.args(["--command-name", &candidate.name, &candidate.command]);
    }
    // What the preparation left for the disk would be written while the first candidate is measured.
    if which("sync").is_some() {
        run(&mut Command::new("sync"))?;
    }
    run(&mut command)?;
    let text = fs_err::read_to_string(&export)?;
    let export: Export = serde_json::from_str(&text)
        .map_err(|source| Error::Json { command: "hyperfine".into(), source })?;
    Ok(export.results)
}

/// Measures the candidates in turns, so that what the machine does meanwhile (the file system writes what was copied
/// before) is the same for each: `rounds` times all of them, `runs` runs each.
pub(super) fn measure_in_turns(
    bench: &Bench,
    rounds: u32,
    runs: u32,
    candidates: &[Candidate],
) -> Result<Vec<Measured>, Error> {
    let mut all = measure(bench, 1, runs, candidates)?;
    for _ in 1..rounds {
        for (sum, more) in all.iter_mut().zip(measure(bench, 1, runs, candidates)?) {
            sum.times.extend(more.times);
        }
    }
    for measured in &mut all {
        measured.summarise();
    }
    Ok(all)
}

impl Measured {
    /// The median and the ends of its times.
    fn summarise(&mut self) {
        let mut times = self.times.clone();
        times.sort_by(f64::total_cmp);
        let middle = times.len() / 2;
        let upper = times.get(middle).copied().unwrap_or_default();
        let lower = times.get(middle.saturating_sub(1)).copied().unwrap_or_default();
        self.median =
            if times.len().is_multiple_of(2) { f64::midpoint(lower, upper) } else { upper };
        self.min = times.first().copied().unwrap_or_default();
        self.max = times.last().copied().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::Measured;

    #[test]
    fn times_of_several_rounds_have_one_median() {
        for (times, median) in [(vec![3.0, 1.0, 2.0], 2.0), (vec![4.0, 1.0, 2.0, 3.0], 2.5)] {
            let name = "x".to_owned();
            let mut measured = Measured { name, median: 0.0, min: 0.0, max: 0.0, times };
            measured.summarise();
            assert!((measured.median - median).abs() < 1e-9);
            assert!((measured.min - 1.0).abs() < 1e-9 && measured.max > median);
        }
    }
}
