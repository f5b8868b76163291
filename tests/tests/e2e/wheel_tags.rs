//! The tags that a target supports, with the reference implementation as the referee: `packaging`, by which pip goes.

use std::collections::BTreeMap;

use instep_tests::{Project, tools};
use instep_wheel::Target;

use crate::support::json;

/// Tells the tags of each target, by its own functions. What it finds out about the machine that it runs on, it is
/// told instead.
const SCRIPT: &str = r#"
import json, sys, sysconfig
from packaging import _manylinux, _musllinux, tags

def platforms(kind, version, machine):
    if kind == "win":
        return [machine]
    if kind == "macos":
        return list(tags.mac_platforms(tuple(version), machine))
    glibc = (2, version) if kind == "glibc" else (-1, -1)
    musl = _musllinux._MuslVersion(1, version) if kind == "musl" else None
    _manylinux._get_glibc_version = lambda: glibc
    _manylinux._have_compatible_abi = lambda *_: True
    _musllinux._get_musl_version = lambda _: musl
    sysconfig.get_platform = lambda: "linux-" + machine
    return list(tags._linux_platforms(is_32bit=False))

found = {}
for name, minor, abi, kind, version, machine in json.loads(sys.argv[1]):
    python, known = (3, minor), platforms(kind, version, machine)
    both = list(tags.cpython_tags(python, abis=[abi], platforms=known))
    both += tags.compatible_tags(python, f"cp3{minor}", known)
    found[name] = [str(tag) for tag in both]
print(json.dumps(found))
"#;

/// A Python, and its number and ABI.
const PYTHONS: [(&str, u8, &str); 6] = [
    ("3.7", 7, "cp37m"),
    ("3.9", 9, "cp39"),
    ("3.12", 12, "cp312"),
    ("3.12.4", 12, "cp312"),
    ("3.13t", 13, "cp313t"),
    ("3.14", 14, "cp314"),
];

/// A platform, and what the referee is told of it: a kind, a version as JSON, a machine.
const PLATFORMS: [(&str, &str, &str, &str); 17] = [
    ("linux-x86_64", "glibc", "28", "x86_64"),
    ("linux-aarch64", "glibc", "28", "aarch64"),
    ("manylinux_2_40_x86_64", "glibc", "40", "x86_64"),
    ("manylinux2014_i686", "glibc", "17", "i686"),
    ("manylinux_2_31_armv7l", "glibc", "31", "armv7l"),
    ("manylinux_2_39_riscv64", "glibc", "39", "riscv64"),
    ("linux-ppc64le", "glibc", "28", "ppc64le"),
    ("musllinux-x86_64", "musl", "2", "x86_64"),
    ("musllinux_1_1_aarch64", "musl", "1", "aarch64"),
    ("win-amd64", "win", "0", "win_amd64"),
    ("win-arm64", "win", "0", "win_arm64"),
    ("win32", "win", "0", "win32"),
    ("macos-arm64", "macos", "[13, 0]", "arm64"),
    ("macos-x86_64", "macos", "[13, 0]", "x86_64"),
    ("macos-26-arm64", "macos", "[26, 0]", "arm64"),
    ("macos-14-2-x86_64", "macos", "[14, 2]", "x86_64"),
    ("macos-10-15-x86_64", "macos", "[10, 15]", "x86_64"),
];

#[test]
fn every_target_supports_what_packaging_says_and_in_its_order() {
    let Some(python) = tools::require("python") else { return };
    let mut ours: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut questions = Vec::new();
    for (python, minor, abi) in PYTHONS {
        for (platform, kind, version, machine) in PLATFORMS {
            let target =
                Target { python: python.parse().unwrap(), platform: platform.parse().unwrap() };
            let name = format!("{python} {platform}");
            let version = json(version);
            questions.push(serde_json::json!([name, minor, abi, kind, version, machine]));
            ours.insert(name, target.tags().iter().map(ToString::to_string).collect());
        }
    }
    let project = Project::new();
    let mut command = project.command(&python);
    command.args(["-I", "-c", SCRIPT]).arg(serde_json::Value::from(questions).to_string());
    let answer = json(&project.finish(command).success().stdout);
    let theirs: BTreeMap<String, Vec<String>> = serde_json::from_value(answer).unwrap();
    assert_eq!(theirs.len(), PYTHONS.len() * PLATFORMS.len());
    for (name, tags) in &ours {
        let differs = tags.iter().zip(&theirs[name]).find(|(one, other)| one != other);
        assert_eq!(differs, None, "{name}");
        assert_eq!(tags.len(), theirs[name].len(), "{name}");
    }
}
