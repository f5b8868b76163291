//! GitHub's workflows and composite actions
//! ([workflow syntax](https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax)).

use crate::place::{Places, runtime_of};
use crate::problem::Reason;
use crate::syntax::shell::{Template, is_posix};
use crate::syntax::yaml::{Document, Value};
use crate::version::Runtime;

pub(crate) fn read(document: &Document<'_>, source: &str, places: &mut Places) {
    let mut reader = Reader { source, places };
    for root in document.roots() {
        reader.places.variables(root.get("env"), source);
        let shell = default_shell(root);
        for (_, job) in root.get("jobs").into_iter().flat_map(Value::entries) {
            reader.job(job, shell.as_deref());
        }
        if let Some(runs) = root.get("runs") {
            reader.steps(runs, None);
        }
    }
}

fn default_shell(value: Value<'_>) -> Option<String> {
    value.get("defaults")?.get("run")?.get("shell")?.text()
}

struct Reader<'a, 'p> {
    source: &'a str,
    places: &'p mut Places,
}

impl Reader<'_, '_> {
    fn job(&mut self, job: Value<'_>, shell: Option<&str>) {
        self.places.variables(job.get("env"), self.source);
        let container = job.get("container");
        self.image(container);
        self.image(container.and_then(|container| container.get("image")));
        for (_, service) in job.get("services").into_iter().flat_map(Value::entries) {
            self.image(service.get("image"));
        }
        if let Some(matrix) = job.get("strategy").and_then(|strategy| strategy.get("matrix")) {
            self.matrix(matrix);
        }
        let own = default_shell(job);
        let on_windows = || {
            let runs_on = job.get("runs-on")?;
            let labels = runs_on
                .text()
                .into_iter()
                .chain(runs_on.items().into_iter().filter_map(Value::text));
            let is_windows = labels.into_iter().any(|label| label.contains("windows"));
            is_windows.then(|| "pwsh".to_owned())
        };
        let shell = own.or_else(|| shell.map(str::to_owned)).or_else(on_windows);
        self.steps(job, shell.as_deref());
    }

    fn matrix(&mut self, matrix: Value<'_>) {
        for (key, value) in matrix.entries() {
            if matches!(&*key, "include" | "exclude") {
                for item in value.items() {
                    let versions = item.entries().into_iter();
                    for (_, value) in versions.filter(|(key, _)| runtime_of(key).is_some()) {
                        let reason = Reason::MatrixSpecial(key.clone());
                        self.places
                            .other
                            .extend(value.range().map(|range| (range.clone(), reason.clone())));
                        if let Some(range) = value.range() {
                            self.places.left(range, reason);
                        }
                    }
                }
            } else if runtime_of(&key) == Some(Runtime::Python) {
                self.places.matrix(Runtime::Python, value, self.source);
            }
        }
    }

    fn steps(&mut self, holder: Value<'_>, shell: Option<&str>) {
        for step in holder.get("steps").into_iter().flat_map(Value::items) {
            self.places.variables(step.get("env"), self.source);
            if let Some(run) = step.get("run") {
                let own = step.get("shell").and_then(Value::text);
                self.run(run, own.as_deref().or(shell));
            }
            for (key, value) in step.get("with").into_iter().flat_map(Value::entries) {
                let uses = step.get("uses").and_then(Value::text).unwrap_or_default();
                let is_uv = key == "version" && uses.starts_with("astral-sh/setup-uv@");
                let runtime = match key.as_str() {
                    "python-version" => Runtime::Python,
                    "uv-version" => Runtime::Uv,
                    _ if is_uv => Runtime::Uv,
                    _ => continue,
                };
                self.places.yaml_version(runtime, value, self.source);
            }
        }
    }

    fn run(&mut self, run: Value<'_>, shell: Option<&str>) {
        let (Some(script), Some(range)) = (run.scalar(), run.range()) else { return };
        // `bash -e {0}` is bash.
        let program = shell.and_then(|shell| shell.split_whitespace().next());
        match program {
            Some(program) if !is_posix(program) => self.places.other_shell(range, program),
            _ => self.places.script(script, Template::Expressions),
        }
    }

    fn image(&mut self, value: Option<Value<'_>>) {
        if let Some(name) = value.and_then(Value::scalar) {
            self.places.image(&name);
        }
    }
}
