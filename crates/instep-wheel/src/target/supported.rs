//! The tags that an interpreter supports, in the order in which an installer prefers them.

use std::collections::HashMap;

use super::{PythonVersion, Target};
use crate::tag::Tag;

/// The last Python whose ABI has an `m` behind its version.
const LAST_PYMALLOC: u8 = 7;
/// The first Python that the stable ABI was there for (PEP 384).
const FIRST_STABLE_ABI: u8 = 2;

/// The tags of a `CPython` on these platforms: its own ABI, the stable ABI, no ABI, the stable ABI of earlier
/// versions, and then what is in Python alone
/// ([platform compatibility tags](https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/)).
///
/// The free-threaded build has a stable ABI of its own, `abi3t` (PEP 803).
pub(super) fn tags(python: PythonVersion, platforms: &[String]) -> Vec<Tag> {
    let minor = python.minor();
    let own = format!("cp3{minor}");
    let abi = match (python.is_free_threaded(), minor) {
        (true, _) => format!("{own}t"),
        (false, ..=LAST_PYMALLOC) => format!("{own}m"),
        (false, _) => own.clone(),
    };
    let stable = if python.is_free_threaded() { "abi3t" } else { "abi3" };
    let mut tags = Vec::new();
    let mut add = |python: &str, abi: &str, platforms: &[String]| {
        tags.extend(platforms.iter().map(|platform| Tag {
            python: python.to_owned(),
            abi: abi.to_owned(),
            platform: platform.clone(),
        }));
    };
    add(&own, &abi, platforms);
    add(&own, stable, platforms);
    add(&own, "none", platforms);
    for earlier in (FIRST_STABLE_ABI..minor).rev() {
        add(&format!("cp3{earlier}"), stable, platforms);
    }
    let any = ["any".to_owned()];
    for version in versions(minor) {
        add(&version, "none", platforms);
    }
    add(&own, "none", &any);
    for version in versions(minor) {
        add(&version, "none", &any);
    }
    tags
}

/// `py312`, `py3`, `py311`, ..., `py30`.
fn versions(minor: u8) -> impl Iterator<Item = String> {
    let earlier = (0..minor).rev().map(|minor| format!("py3{minor}"));
    [format!("py3{minor}"), "py3".to_owned()].into_iter().chain(earlier)
}

/// The tags of a target, to be looked up.
pub(crate) struct Supported {
    places: HashMap<Tag, usize>,
}

impl Supported {
    pub(crate) fn of(target: Target) -> Self {
        let tags = target.tags().into_iter().enumerate();
        Self { places: tags.map(|(place, tag)| (tag, place)).collect() }
    }

    /// How far down the list the best of these tags stands; `None` where the target supports none of them.
    pub(crate) fn place(&self, tags: &[Tag]) -> Option<usize> {
        tags.iter().filter_map(|tag| self.places.get(tag)).min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(python: &str, platform: &str, tag: &str) -> Option<usize> {
        let target =
            Target { python: python.parse().unwrap(), platform: platform.parse().unwrap() };
        let parts: Vec<&str> = tag.split('-').collect();
        Supported::of(target).place(&Tag::expand([parts[0], parts[1], parts[2]], 100).unwrap())
    }

    #[test]
    fn what_fits_is_found_and_what_does_not_is_not() {
        let table = [
            ("3.12", "linux-x86_64", "cp312-cp312-manylinux_2_28_x86_64", true),
            ("3.12", "linux-x86_64", "cp312-cp312-manylinux_2_34_x86_64", false),
            ("3.12", "manylinux_2_34_x86_64", "cp312-cp312-manylinux_2_34_x86_64", true),
            ("3.12", "linux-x86_64", "cp312-cp312-manylinux1_x86_64", true),
            ("3.12", "linux-aarch64", "cp312-cp312-manylinux1_aarch64", false),
            ("3.12", "linux-x86_64", "cp312-cp312-musllinux_1_1_x86_64", false),
            ("3.12", "musllinux-x86_64", "cp312-cp312-musllinux_1_1_x86_64", true),
            ("3.12", "musllinux-x86_64", "cp312-cp312-manylinux2014_x86_64", false),
            ("3.12", "linux-x86_64", "cp37-abi3-manylinux2014_x86_64", true),
            ("3.12", "linux-x86_64", "cp313-abi3-manylinux2014_x86_64", false),
            ("3.13t", "linux-x86_64", "cp37-abi3-manylinux2014_x86_64", false),
            ("3.13t", "linux-x86_64", "cp313-cp313-manylinux2014_x86_64", false),
            ("3.13t", "linux-x86_64", "cp313-cp313t-manylinux2014_x86_64", true),
            ("3.13t", "linux-x86_64", "py3-none-any", true),
            ("3.12", "win-amd64", "cp312-cp312-win32", false),
            ("3.12", "win-amd64", "py2.py3-none-win_amd64", true),
            ("3.12", "macos-arm64", "cp312-cp312-macosx_10_9_universal2", true),
            ("3.12", "macos-arm64", "cp312-cp312-macosx_10_9_x86_64", false),
            ("3.12", "macos-x86_64", "cp312-cp312-macosx_10_9_x86_64", true),
            ("3.12", "macos-arm64", "cp312-cp312-macosx_14_0_arm64", false),
            ("3.12", "macos-14-arm64", "cp312-cp312-macosx_14_0_arm64", true),
            ("3.12", "linux-x86_64", "py31-none-any", true),
            ("3.12", "linux-x86_64", "py313-none-any", false),
            ("3.12", "linux-x86_64", "py2-none-any", false),
        ];
        for (python, platform, tag, expected) in table {
            let found = place(python, platform, tag);
            assert_eq!(found.is_some(), expected, "{tag} for {python} on {platform}");
        }
    }

    #[test]
    fn the_nearer_tag_is_the_better_one() {
        let ordered = [
            "cp312-cp312-manylinux_2_28_x86_64",
            "cp312-cp312-manylinux_2_17_x86_64",
            "cp312-abi3-manylinux_2_17_x86_64",
            "cp312-none-manylinux_2_17_x86_64",
            "cp39-abi3-manylinux_2_17_x86_64",
            "py3-none-manylinux_2_17_x86_64",
            "cp312-none-any",
            "py312-none-any",
            "py3-none-any",
            "py30-none-any",
        ];
        let places: Vec<usize> =
            ordered.iter().map(|tag| place("3.12", "linux-x86_64", tag).unwrap()).collect();
        assert!(places.is_sorted(), "{places:?}");
        let best =
            place("3.12", "linux-x86_64", "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64");
        assert_eq!(best, Some(places[1]));
    }
}
