//! `pylock.toml`: whatever it says, each package becomes one requirement on a line of its own, since
//! a tool that cannot read the lock itself is given those lines.

#![no_main]

use camino::Utf8Path;
use instep_manifest::requirements::{Line, LineKind, parse};
use instep_venv::pylock;
use instep_venv::{Origin, WantedPackage};
use libfuzzer_sys::fuzz_target;
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder};

fuzz_target!(|text: &str| {
    let path = Utf8Path::new("/project/pylock.toml");
    let wanted = match pylock::parse(text, path, &markers()) {
        Ok(wanted) => wanted,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(wanted.unnamed.is_empty());
    for (name, package) in &wanted.packages {
        assert_eq!(package.name.as_ref(), Some(name));
        check_package(package);
    }
    for option in &wanted.options {
        let line = only_line(option);
        let LineKind::Option { name, value: Some(_) } = &line.kind else {
            panic!("{option:?} became {line:?}")
        };
        assert_eq!(name, "--extra-index-url");
    }
});

fn check_package(package: &WantedPackage) {
    let line = only_line(&package.line);
    assert!(line.variables.is_empty(), "{:?} names variables", package.line);
    let (hashes, settings) = match &line.kind {
        LineKind::Requirement { requirement, hashes, settings } => {
            assert_eq!(Some(&requirement.name), package.name.as_ref());
            assert!(requirement.marker.is_true() && requirement.extras.is_empty());
            (hashes, settings)
        }
        LineKind::Editable { place, hashes, settings } => {
            assert!(matches!(package.origin, Origin::Path { editable: true, .. }));
            assert!(place.marker.is_true() && place.extras.is_empty(), "{place:?}");
            (hashes, settings)
        }
        other => panic!("{:?} became {other:?}", package.line),
    };
    assert_eq!(hashes.is_empty(), !package.hashed);
    assert!(settings.is_empty(), "{:?} became {line:?}", package.line);
}

/// The one line that a text is.
fn only_line(text: &str) -> Line {
    // Before and behind it stand others.
    let file = ["first==1\n", text, "\nlast==1\n"].concat();
    let lines = parse(&file, Utf8Path::new("lock.txt"), &|_| None)
        .unwrap_or_else(|error| panic!("{text:?} is no line: {error:?}"));
    let [_, line, _] = lines.try_into().unwrap_or_else(|lines| panic!("{text:?} became {lines:?}"));
    line
}

fn markers() -> MarkerEnvironment {
    MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: "3.12.1",
        os_name: "posix",
        platform_machine: "x86_64",
        platform_python_implementation: "CPython",
        platform_release: "6.1",
        platform_system: "Linux",
        platform_version: "#1 SMP",
        python_full_version: "3.12.1",
        python_version: "3.12",
        sys_platform: "linux",
    })
    .expect("these are versions")
}
