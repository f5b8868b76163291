//! Doctor: what is wrong with an environment, and the command that mends it.

use instep_manifest::Reason;
use instep_tools::{CancelToken, Interpreter, Search, ToolCache, find_uv};
use instep_venv::{State as VenvState, layout};
use serde::Serialize;

use crate::check::CheckRequest;
use crate::config::Tool;
use crate::error::Error;
use crate::record::one_line;
use crate::workspace::Environment;

/// What `doctor` found out about one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// The environment's name.
    pub environment: String,
    /// The environment's folder.
    pub path: String,
    /// Facts that are worth knowing.
    pub facts: Vec<String>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub what: String,
    /// What mends it.
    pub mend: Option<String>,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The environment works, and may surprise.
    Warning,
    /// The environment does not work, or is not what it should be.
    Error,
}

impl Diagnosis {
    /// Whether nothing is wrong.
    pub fn is_healthy(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, severity: Severity, what: String, mend: Option<String>) {
        self.problems.push(Problem { severity, what, mend });
    }
}

impl Environment<'_> {
    /// Looks at everything: every file of every package, the interpreter (by running it), what
    /// packages require of each other, and the tools.
    pub fn doctor(&self, cancel: &CancelToken) -> Result<Diagnosis, Error> {
        let mut diagnosis = Diagnosis {
            environment: self.name().to_owned(),
            path: self.spec().path.to_string(),
            facts: Vec::new(),
            problems: Vec::new(),
        };
        self.diagnose_tools(&mut diagnosis, cancel);
        match instep_venv::observe(&self.spec().path) {
            Err(error) => {
                let mend = error.hint();
                diagnosis.problem(Severity::Error, one_line(&error.into()), mend);
                return Ok(diagnosis);
            }
            Ok(observed) => {
                diagnosis
                    .facts
                    .push(format!("{} packages are installed", observed.distributions.len()));
                if observed.state == VenvState::Ready {
                    self.diagnose_interpreter(&observed, &mut diagnosis, cancel);
                }
            }
        }
        self.diagnose_sync(&mut diagnosis)?;
        Ok(diagnosis)
    }

    fn command(&self, arguments: &str) -> String {
        ["`instep sync ", self.name(), arguments, "`"].concat()
    }

    fn diagnose_tools(&self, diagnosis: &mut Diagnosis, cancel: &CancelToken) {
        let search = Search::new(self.workspace().variables().clone());
        let cache = ToolCache::open(search.cache_dir.as_deref());
        if !self.spec().tools.contains(&Tool::Uv) {
            return;
        }
        let pinned = self.workspace().config().tools.uv.as_deref();
        let found = find_uv(None, pinned, &search, &cache, cancel);
        match found.uv {
            Some(uv) => diagnosis.facts.push(format!("uv {} at `{}`", uv.version, uv.path)),
            None => diagnosis.facts.push("uv is not there; pip does the work".to_owned()),
        }
        for notice in found.notices {
            diagnosis.problem(Severity::Warning, notice.to_string(), None);
        }
    }

    fn diagnose_interpreter(
        &self,
        observed: &instep_venv::Observed,
        diagnosis: &mut Diagnosis,
        cancel: &CancelToken,
    ) {
        let variables = self.workspace().variables();
        let path = layout::interpreter(&self.spec().path);
        // Not from the cache: the question is whether it runs today.
        match Interpreter::query(&path, variables, &ToolCache::open(None), cancel) {
            Err(error) => {
                let what = format!("its interpreter does not run: {}", one_line(&error.into()));
                diagnosis.problem(Severity::Error, what, Some(self.command(" --rebuild")));
            }
            Ok(python) => {
                diagnosis.facts.push(format!("Python {} at `{path}`", python.version));
                if let Some(config) = &observed.config
                    && config.system_site_packages()
                {
                    let what =
                        "packages of the base Python are visible in it, and no lock names them";
                    let mend = Some(self.command(" --rebuild"));
                    diagnosis.problem(Severity::Warning, what.to_owned(), mend);
                }
                for unmet in instep_venv::unmet(&observed.distributions, &python.markers) {
                    let installed = unmet.installed.as_ref().map_or_else(
                        || "which is not installed".to_owned(),
                        |version| format!("and {version} is installed"),
                    );
                    let what =
                        format!("{} requires {}, {installed}", unmet.package, unmet.requirement);
                    let mend = "change the requirements, then run `instep sync`".to_owned();
                    diagnosis.problem(Severity::Warning, what, Some(mend));
                }
            }
        }
    }

    fn diagnose_sync(&self, diagnosis: &mut Diagnosis) -> Result<(), Error> {
        let check =
            self.check_sync_needed(&CheckRequest { deep: true, ..CheckRequest::default() })?;
        for finding in check.findings {
            let arguments = match finding.reason {
                Reason::VenvInvalid => " --rebuild",
                Reason::EnvironmentDrifted => " --deep",
                _ => "",
            };
            let what = format!("{} ({})", finding.detail, finding.reason);
            diagnosis.problem(Severity::Error, what, Some(self.command(arguments)));
        }
        Ok(())
    }
}
