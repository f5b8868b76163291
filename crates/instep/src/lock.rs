//! The lock of requirements files: whether it is current, and compiling it.

use camino::{Utf8Path, Utf8PathBuf};
use instep_lock::{Compile, Compiler, Upgrade, compile};
use instep_manifest::Digest;

use crate::error::Error;
use crate::event::Event;
use crate::host::Host;
use crate::sources;
use crate::toolbox::Toolbox;

/// What a lock says of itself, in its second line:
/// `# instep: inputs=blake3:... tool=uv python=3.12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The digest of the requirements that it was compiled from.
    inputs: Digest,
    /// The tool that compiled it.
    tool: String,
    /// The minor version of Python that it was compiled for, and holds from.
    python: String,
    /// The platform that it was compiled for; `None`: every one.
    platform: Option<String>,
}

const MARK: &str = "# instep: ";

impl Header {
    fn of(inputs: Digest, toolbox: &Toolbox) -> Self {
        let is_universal = matches!(toolbox.compiler, Compiler::Uv { .. });
        Self {
            inputs,
            tool: toolbox.compiler.name().to_owned(),
            python: minor(&toolbox.python.version),
            platform: (!is_universal).then(|| toolbox.python.platform_tag.clone()),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().take(3).find_map(|line| line.strip_prefix(MARK))?;
        let value = |key: &str| {
            line.split_whitespace()
                .filter_map(|word| word.split_once('='))
                .find_map(|(name, value)| (name == key).then(|| value.to_owned()))
        };
        Some(Self {
            inputs: value("inputs")?.parse().ok()?,
            tool: value("tool")?,
            python: value("python")?,
            platform: value("platform"),
        })
    }

    fn print(&self, root: &Utf8Path, sources: &[Utf8PathBuf]) -> String {
        let sources: Vec<String> =
            sources.iter().map(|source| sources::show(root, source)).collect();
        let platform =
            self.platform.as_ref().map_or(String::new(), |tag| format!(" platform={tag}"));
        format!(
            "# Compiled by Instep from {}: change that, then run `instep sync`.\n\
             {MARK}inputs={} tool={} python={}{platform}\n",
            sources.join(" and "),
            self.inputs,
            self.tool,
            self.python,
        )
    }

    /// Whether a lock with this header does for `wanted`.
    fn covers(&self, wanted: &Self) -> bool {
        let python_fits = match &self.platform {
            None => numbers(&self.python) <= numbers(&wanted.python),
            Some(_) => self.python == wanted.python,
        };
        // A universal lock does on any platform; one for a platform does only there.
        let platform_fits = self.platform.is_none()
            || wanted.platform.is_none()
            || self.platform == wanted.platform;
        self.inputs == wanted.inputs && python_fits && platform_fits
    }
}

fn minor(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').filter_map(|part| part.parse().ok()).collect()
}

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
    let wanted = Header::of(locking.inputs, locking.toolbox);
    let is_current =
        previous.as_deref().and_then(Header::parse).is_some_and(|header| header.covers(&wanted));
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
    Ok(Some([wanted.print(locking.root, locking.files), body].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(python: &str, platform: Option<&str>) -> Header {
        Header {
            inputs: Digest::of(b"x"),
            tool: "uv".into(),
            python: python.into(),
            platform: platform.map(str::to_owned),
        }
    }

    #[test]
    fn a_header_reads_back() {
        for platform in [None, Some("linux_x86_64")] {
            let header = header("3.12", platform);
            let text = header.print(Utf8Path::new("/p"), &["/p/requirements.txt".into()]);
            assert_eq!(Header::parse(&text), Some(header));
        }
        assert_eq!(Header::parse("six==1.0\n"), None);
    }

    #[test]
    fn a_lock_does_where_it_was_made_for() {
        let table = [
            (header("3.11", None), header("3.13", None), true),
            (header("3.11", None), header("3.11", Some("linux_x86_64")), true),
            (header("3.13", None), header("3.9", None), false),
            (header("3.11", Some("linux_x86_64")), header("3.11", Some("linux_x86_64")), true),
            (header("3.11", Some("linux_x86_64")), header("3.12", Some("linux_x86_64")), false),
            (header("3.11", Some("linux_x86_64")), header("3.11", Some("win_amd64")), false),
        ];
        for (there, wanted, expected) in table {
            assert_eq!(there.covers(&wanted), expected, "{there:?} {wanted:?}");
        }
        let other = Header { inputs: Digest::of(b"y"), ..header("3.11", None) };
        assert!(!other.covers(&header("3.11", None)));
    }
}
