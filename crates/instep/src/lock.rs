//! The lock of requirements files: whether it is current, and compiling it.

use camino::{Utf8Path, Utf8PathBuf};
use instep_lock::{Compile, Compiler, Header, Upgrade, compile, minor};
use instep_manifest::Digest;

use crate::error::Error;
use crate::event::Event;
use crate::host::Host;
use crate::sources;
use crate::toolbox::Toolbox;

/// What is to be locked.
pub(crate) struct Locking<'a> {
    pub(crate) root: &'a Utf8Path,
    pub(crate) environment: &'a str,
    pub(crate) files: &'a [Utf8PathBuf],
    pub(crate) lock: &'a Utf8Path,
    pub(crate) inputs: Digest,
    pub(crate) upgrade: &'a Upgrade,
    pub(crate) toolbox: &'a Toolbox,
    pub(crate) scratch: &'a Utf8Path,
}

/// The text of a lock that is current, compiled if need be. `None`: the one that is there is.
pub(crate) fn refresh(locking: &Locking<'_>, host: &mut Host<'_>) -> Result<Option<String>, Error> {
    let previous =
        if locking.lock.exists() { Some(instep_fs::read_text(locking.lock)?) } else { None };
    let wanted = header(locking.inputs, locking.toolbox);
    let is_current = previous
        .as_deref()
        .and_then(Header::parse)
        .is_some_and(|header| header.covers(&wanted, &locking.toolbox.python.platform_tag));
    if is_current && *locking.upgrade == Upgrade::None {
        return Ok(None);
    }
    host.tell(Event::Locking {
        environment: locking.environment.to_owned(),
        lock: sources::show(locking.root, locking.lock),
    });
    let shown: Vec<Utf8PathBuf> = locking
        .files
        .iter()
        .map(|file| Utf8PathBuf::from(sources::show(locking.root, file)))
        .collect();
    let job = Compile {
        sources: &shown,
        previous: previous.as_deref(),
        upgrade: locking.upgrade,
        python: &locking.toolbox.python,
        python_version: &wanted.python,
        platform: None,
        hashes: true,
        variables: &locking.toolbox.variables,
        working_dir: locking.root,
        scratch: locking.scratch,
    };
    let cancel = host.cancel_token();
    let body = compile(&locking.toolbox.compiler, &job, &cancel, &mut |line| {
        host.tell(Event::Venv {
            environment: locking.environment.to_owned(),
            detail: instep_venv::Event::Output { line: line.to_owned() },
        });
    })?;
    let sources: Vec<&str> = shown.iter().map(|source| source.as_str()).collect();
    Ok(Some([wanted.print(&sources.join(" and "), "instep sync"), body].concat()))
}

fn header(inputs: Digest, toolbox: &Toolbox) -> Header {
    let is_universal = matches!(toolbox.compiler, Compiler::Uv { .. });
    Header {
        inputs,
        tool: toolbox.compiler.name().to_owned(),
        version: None,
        strategy: None,
        python: minor(&toolbox.python.version),
        platform: (!is_universal).then(|| toolbox.python.platform_tag.clone()),
        options: None,
        base: None,
        pins: None,
    }
}
