//! Choosing the tools for one environment: its Python, what installs, what compiles locks.

use std::str::FromStr;

use camino::Utf8Path;
use instep_lock::Compiler;
use instep_tools::{
    Environment as Variables, Error as ToolsError, IndexSettings, Interpreter, PythonRequest,
    Search, ToolCache, Uv, find_pip, find_pip_tools, find_python, find_uv, install_uv,
};
use instep_venv::Engine;

use crate::config::{Consent, Tool, Tools};
use crate::error::Error;
use crate::host::{Host, Question};
use crate::spec::{Source, Spec};

/// The tools that work on one environment.
#[derive(Clone, Debug)]
pub(crate) struct Toolbox {
    /// What environments are made of.
    pub(crate) python: Interpreter,
    /// What installs.
    pub(crate) engine: Engine,
    /// What compiles requirements.
    pub(crate) compiler: Compiler,
    /// What the tools see: the host's variables, and pip's index settings in uv's words.
    pub(crate) variables: Variables,
}

impl Toolbox {
    /// The name that the journal and the manifest give the tool.
    pub(crate) fn name(&self) -> &'static str {
        match &self.compiler {
            Compiler::PipTools(_) => Tool::PipTools.as_str(),
            _ => self.engine.name(),
        }
    }

    /// The version of the tool of that name.
    pub(crate) fn version(&self) -> &str {
        match &self.compiler {
            Compiler::PipTools(tools) => &tools.version,
            _ => self.engine.version(),
        }
    }
}

/// What tools are chosen for.
pub(crate) struct Choice<'a> {
    pub(crate) root: &'a Utf8Path,
    pub(crate) spec: &'a Spec,
    pub(crate) config: &'a Tools,
    pub(crate) variables: &'a Variables,
    /// The tool that the caller demands.
    pub(crate) tool: Option<Tool>,
    /// The Python that the caller demands.
    pub(crate) python: Option<&'a str>,
}

/// Chooses. Tools that were asked before are not asked again (`instep_tools::ToolCache`).
pub(crate) fn choose(choice: &Choice<'_>, host: &mut Host<'_>) -> Result<Toolbox, Error> {
    let wanted = match choice.tool {
        Some(tool) => vec![tool],
        None => choice.spec.tools.clone(),
    };
    let search = Search::new(choice.variables.clone());
    let cache = ToolCache::open(search.cache_dir.as_deref());
    let mut chooser = Chooser { choice, host, search, cache };
    let uv = if wanted.contains(&Tool::Uv) { chooser.find_uv() } else { None };
    chooser.search = chooser.search.clone().with_uv(uv.clone());
    let python = chooser.find_python()?;
    chooser.choose(&wanted, uv.as_ref(), python)
}

struct Chooser<'a, 'h, 'e> {
    choice: &'a Choice<'a>,
    host: &'h mut Host<'e>,
    search: Search,
    cache: ToolCache,
}

impl Chooser<'_, '_, '_> {
    fn notice(&mut self, message: String) {
        self.host.notice(&self.choice.spec.name, message);
    }

    fn find_uv(&mut self) -> Option<Uv> {
        let pinned = self.choice.config.uv.as_deref();
        let cancel = self.host.cancel_token();
        let found = find_uv(None, pinned, &self.search, &self.cache, &cancel);
        for notice in found.notices {
            self.notice(notice.to_string());
        }
        found.uv
    }

    fn find_python(&mut self) -> Result<Interpreter, Error> {
        let wanted = self.choice.python.or(self.choice.spec.python.as_deref());
        let request = wanted.map(PythonRequest::from_str).transpose()?;
        let cancel = self.host.cancel_token();
        Ok(find_python(request.as_ref(), &self.search, &self.cache, &cancel)?)
    }

    fn choose(
        mut self,
        wanted: &[Tool],
        uv: Option<&Uv>,
        python: Interpreter,
    ) -> Result<Toolbox, Error> {
        let mut last_error = None;
        for (place, tool) in wanted.iter().enumerate() {
            let found = match tool {
                Tool::Uv => {
                    let next = wanted.get(place + 1).copied();
                    match self.uv_or_install(uv.cloned(), &python, next)? {
                        Some(uv) => Some(self.uv(uv, &python)?),
                        None => None,
                    }
                }
                Tool::Pip => self.pip(&python, &mut last_error)?,
                Tool::PipTools => self.pip_tools(&python, &mut last_error)?,
            };
            if let Some((engine, compiler)) = found {
                let compiler = self.project_compiler(compiler, &python)?;
                let variables = self.tool_variables(&engine, &python)?;
                return Ok(Toolbox { python, engine, compiler, variables });
            }
        }
        Err(last_error.map_or_else(
            || Error::NoTool {
                tried: wanted.iter().map(|tool| tool.as_str().to_owned()).collect(),
            },
            Error::Tools,
        ))
    }

    /// The uv that was found, if it is the version that is pinned; else, with the user's consent, one
    /// that is installed into the cache.
    fn uv_or_install(
        &mut self,
        uv: Option<Uv>,
        python: &Interpreter,
        next: Option<Tool>,
    ) -> Result<Option<Uv>, Error> {
        let version = self.choice.config.uv.clone();
        let fits = |uv: &Uv| version.as_ref().is_none_or(|version| *version == uv.version);
        if uv.as_ref().is_some_and(fits) {
            return Ok(uv);
        }
        let may_install = match self.choice.config.install_uv {
            Consent::Always => true,
            Consent::Never => false,
            Consent::Ask => self.host.confirm(&Question::InstallUv { version: version.clone() }),
        };
        if may_install {
            let name = self.choice.spec.name.clone();
            self.host.notice(&name, "uv is being installed into Instep's cache");
            let cancel = self.host.cancel_token();
            let result =
                install_uv(version.as_deref(), python, &self.search, &cancel, &mut |_, _| {});
            match (result, &uv, next) {
                (Ok(installed), ..) => return Ok(Some(installed)),
                (Err(error), None, None) => return Err(error.into()),
                (Err(error), ..) if error.is_cancelled() => return Err(error.into()),
                (Err(error), ..) => self.notice(format!("uv could not be installed: {error}")),
            }
        }
        if let (None, Some(next)) = (&uv, next) {
            self.notice(format!("uv was not found, so {} is used", next.as_str()));
        }
        Ok(uv)
    }

    fn uv(&self, uv: Uv, python: &Interpreter) -> Result<(Engine, Compiler), Error> {
        let options = self.index_settings(python)?.to_uv_args(self.choice.variables);
        let engine = Engine::Uv { uv: uv.clone(), options: options.clone() };
        Ok((engine, Compiler::Uv { uv, options }))
    }

    /// What the user has told pip about indexes, for uv to follow too.
    fn index_settings(&self, python: &Interpreter) -> Result<IndexSettings, Error> {
        Ok(IndexSettings::from_pip(self.choice.variables, Some(&python.base_prefix))?)
    }

    fn pip(
        &mut self,
        python: &Interpreter,
        last_error: &mut Option<ToolsError>,
    ) -> Result<Option<(Engine, Compiler)>, Error> {
        let cancel = self.host.cancel_token();
        match find_pip(python, &self.search, &self.cache, &cancel, &mut |_, _| {}) {
            Ok(pip) => Ok(Some((Engine::Pip(pip.clone()), Compiler::Pip(pip)))),
            Err(error) if error.is_cancelled() => Err(error.into()),
            Err(error) => {
                *last_error = Some(error);
                Ok(None)
            }
        }
    }

    fn pip_tools(
        &mut self,
        python: &Interpreter,
        last_error: &mut Option<ToolsError>,
    ) -> Result<Option<(Engine, Compiler)>, Error> {
        let cancel = self.host.cancel_token();
        let Some(tools) = find_pip_tools(python, &self.search, &cancel)? else {
            self.notice("pip-tools was not found".to_owned());
            return Ok(None);
        };
        let pip = self.pip(python, last_error)?;
        Ok(pip.map(|(engine, _)| (engine, Compiler::PipTools(tools))))
    }

    /// A project that compiles its locks with pip-tools goes on doing so, unless it is told otherwise.
    fn project_compiler(
        &mut self,
        compiler: Compiler,
        python: &Interpreter,
    ) -> Result<Compiler, Error> {
        let is_told = self.choice.tool.is_some()
            || self.choice.spec.tool_is_fixed
            || self.choice.config.prefer != Tools::default().prefer;
        if is_told || !uses_pip_tools(self.choice.root, self.choice.spec) {
            return Ok(compiler);
        }
        let cancel = self.host.cancel_token();
        if let Some(tools) = find_pip_tools(python, &self.search, &cancel)? {
            return Ok(Compiler::PipTools(tools));
        }
        self.notice(format!(
            "the lock was made by pip-tools, which was not found, so {} compiles it",
            compiler.name()
        ));
        Ok(compiler)
    }

    fn tool_variables(&self, engine: &Engine, python: &Interpreter) -> Result<Variables, Error> {
        let variables = self.choice.variables.clone().with_cwd(self.choice.root.to_owned());
        if !matches!(engine, Engine::Uv { .. }) {
            return Ok(variables);
        }
        let translated = self.index_settings(python)?.to_uv_env(&variables);
        Ok(translated
            .into_iter()
            .fold(variables, |variables, (name, value)| variables.with_var(&name, value)))
    }
}

/// Whether pip-tools made the lock, or is configured in `pyproject.toml`.
fn uses_pip_tools(root: &Utf8Path, spec: &Spec) -> bool {
    let Source::Requirements { lock: Some(lock), .. } = &spec.source else { return false };
    let starts_so = instep_fs::read_text(lock).is_ok_and(|text| {
        text.lines().take(8).any(|line| {
            line.contains("autogenerated by pip-compile") || line.contains(" tool=pip-tools")
        })
    });
    starts_so
        || instep_fs::read_text(&root.join("pyproject.toml"))
            .is_ok_and(|text| text.contains("[tool.pip-tools]"))
}
