//! Files of a repository, each by the parser of its name: reading ends, what is written parses and is in step,
//! a second run changes nothing, and where nothing is out of step no byte changes.

#![no_main]

use instep_ci::{Settings, State, apply, observe, plan};
use instep_fuzz::Scratch;
use libfuzzer_sys::fuzz_target;

/// A name for each parser.
const NAMES: [&str; 13] = [
    ".github/workflows/ci.yml",
    ".gitlab-ci.yml",
    "azure-pipelines.yml",
    ".circleci/config.yml",
    ".pre-commit-config.yaml",
    ".devcontainer.json",
    "Dockerfile",
    "Makefile",
    "justfile",
    ".devcontainer/post-create.sh",
    ".python-version",
    "pyproject.toml",
    "uv.toml",
];

thread_local! {
    static SCRATCH: Scratch = Scratch::new();
}

fn settings(which: u8) -> Settings {
    let mut settings = Settings {
        uv: Some("0.13.8".to_owned()),
        python: vec!["3.10".to_owned(), "3.12".to_owned()],
        ..Settings::default()
    };
    let commands: &[(&str, &str)] = match which % 3 {
        0 => &[("uv", "uv sync --all-extras --dev"), ("pip", "pip install -r requirements.txt")],
        1 => &[("uv", "uv sync --locked"), ("docs", "uv sync --locked --group 'a: b'")],
        _ => &[("uv", "uv sync"), ("pip", "pip install -r \"a b.txt\" -c c.txt")],
    };
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    settings.commands = commands.iter().map(owned).collect();
    settings
}

fuzz_target!(|input: (u8, u8, &str)| SCRATCH.with(|scratch| {
    let (name, which, text) = input;
    let name = NAMES[usize::from(name) % NAMES.len()];
    let settings = settings(which);
    let path = scratch.write(name, text);
    let look = || {
        let observed = observe(scratch.root(), &settings).expect("it has no patterns");
        plan(observed, &settings).expect("its commands are commands")
    };
    let first = look();
    if first.broken.is_empty() {
        let is_drifted = |state: &State| matches!(state, State::Drifted { .. });
        let drifted = first.findings().any(|(_, finding)| is_drifted(&finding.state));
        assert_eq!(drifted, !first.is_empty());
        apply(scratch.root(), &first).expect("it is a file in memory");
        let after = fs_err::read_to_string(&path).expect("it is text");
        assert!(drifted || after == text, "changed, and in step");
        let second = look();
        assert!(second.broken.is_empty(), "{after}");
        assert!(second.is_empty(), "{after}");
        assert_eq!(first.findings().count(), second.findings().count(), "{after}");
    } else {
        assert!(apply(scratch.root(), &first).is_err());
        assert_eq!(fs_err::read_to_string(&path).expect("it is text"), text);
    }
    fs_err::remove_file(path).expect("it is there");
}));
