use std::fmt::Write as _;

use pep508_rs::MarkerTree;
use proptest::prelude::*;
use url::Url;

use super::*;

fn target(text: &str) -> Target {
    let (python, platform) = text.split_once(' ').unwrap();
    Target { python: python.parse().unwrap(), platform: platform.parse().unwrap() }
}

/// `NAME [HASH] [!] [PYTHON]`: its digest, withdrawn or not, the Pythons that it is for.
fn file(text: &str) -> IndexFile {
    let mut words = text.split(' ');
    let name = words.next().unwrap().to_owned();
    let mut file = IndexFile {
        url: Url::parse("https://h/").unwrap().join(&name).unwrap(),
        name,
        hashes: BTreeMap::new(),
        size: None,
        requires_python: None,
        yanked: None,
    };
    for word in words {
        match word {
            "!" => file.yanked = Some("broken".into()),
            word if word.starts_with(['<', '>']) => file.requires_python = Some(word.into()),
            word => {
                file.hashes.insert("sha256".into(), word.into());
            }
        }
    }
    file
}

/// `NAME==VERSION [HASH..] [; MARKER]`.
fn package(text: &str) -> LockedPackage {
    let (pin, marker) = text.split_once(';').unwrap_or((text, ""));
    let mut words = pin.split_whitespace();
    let (name, version) = words.next().unwrap().split_once("==").unwrap();
    let marker = if marker.is_empty() { MarkerTree::TRUE } else { marker.parse().unwrap() };
    LockedPackage {
        label: name.into(),
        name: Some(name.parse().unwrap()),
        version: Some(version.parse().unwrap()),
        marker,
        hashes: words.map(|hash| ["sha256:", hash].concat()).collect(),
        origin: Origin::Index,
    }
}

/// What is planned, in lines: `FILE for TARGET, ..`, and `PACKAGE has REASON for TARGET, ..: AVAILABLE`.
fn shown(plan: &Plan) -> String {
    let names = |targets: &[Target]| {
        let names: Vec<String> =
            targets.iter().map(|target| format!("{} {}", target.python, target.platform)).collect();
        names.join(", ")
    };
    let mut text = String::new();
    for file in &plan.files {
        writeln!(text, "{} for {}", file.file.name, names(&file.targets)).unwrap();
    }
    for missing in &plan.missing {
        let reason = serde_json::to_value(missing.reason).unwrap();
        let (reason, targets) = (reason.as_str().unwrap(), names(&missing.targets));
        writeln!(
            text,
            "{} has {reason} for {targets}: {}",
            missing.package,
            missing.available.join(" ")
        )
        .unwrap();
    }
    text
}

#[track_caller]
fn check(packages: &[&str], targets: &[&str], offered: &[&str], expected: &str) {
    let packages: Vec<LockedPackage> = packages.iter().map(|text| package(text)).collect();
    let targets: Vec<Target> = targets.iter().map(|text| target(text)).collect();
    let mut offers: BTreeMap<PackageName, Vec<IndexFile>> = BTreeMap::new();
    for text in offered {
        let name = text.split('-').next().unwrap();
        offers.entry(PackageName::new(name.to_owned()).unwrap()).or_default().push(file(text));
    }
    let expected: Vec<&str> =
        expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let plan = plan(&packages, &targets, &offers);
    assert_eq!(shown(&plan).lines().map(str::trim).collect::<Vec<_>>(), expected);
}

const LINUX: &str = "3.12 linux-x86_64";
const WINDOWS: &str = "3.12 win-amd64";

#[test]
fn a_file_that_serves_several_targets_is_there_once() {
    check(
        &["a==1", "b==1"],
        &[LINUX, WINDOWS, "3.13 linux-x86_64", LINUX],
        &[
            "a-1-py3-none-any.whl",
            "b-1-cp312-cp312-manylinux_2_17_x86_64.whl",
            "b-1-cp313-cp313-manylinux_2_17_x86_64.whl",
            "b-1-cp311-abi3-win_amd64.whl",
        ],
        "a-1-py3-none-any.whl for 3.12 linux-x86_64, 3.12 win-amd64, 3.13 linux-x86_64
         b-1-cp311-abi3-win_amd64.whl for 3.12 win-amd64
         b-1-cp312-cp312-manylinux_2_17_x86_64.whl for 3.12 linux-x86_64
         b-1-cp313-cp313-manylinux_2_17_x86_64.whl for 3.13 linux-x86_64",
    );
}

#[test]
fn the_best_wheel_is_the_one_that_pip_takes() {
    // Each: the files, and the one that is taken.
    let table: [(&[&str], &str); 8] = [
        (
            &["a-1-py3-none-any.whl", "a-1-cp312-cp312-manylinux_2_17_x86_64.whl"],
            "a-1-cp312-cp312-manylinux_2_17_x86_64.whl",
        ),
        (
            &[
                "a-1-cp312-cp312-manylinux2014_x86_64.whl",
                "a-1-cp312-cp312-manylinux_2_28_x86_64.whl",
            ],
            "a-1-cp312-cp312-manylinux_2_28_x86_64.whl",
        ),
        (
            &["a-1-2-py3-none-any.whl", "a-1-10-py3-none-any.whl", "a-1-py3-none-any.whl"],
            "a-1-10-py3-none-any.whl",
        ),
        (&["a-1-py3-none-any.whl", "a-1+cpu-py3-none-any.whl"], "a-1+cpu-py3-none-any.whl"),
        (&["a-1-cp312-none-any.whl !", "a-1-py3-none-any.whl"], "a-1-py3-none-any.whl"),
        (&["a-1-py3-none-any.whl !"], "a-1-py3-none-any.whl"),
        (&["a-1-cp312-none-any.whl <3.12", "a-1-py3-none-any.whl"], "a-1-py3-none-any.whl"),
        (&["A-1.0.0-py3-none-any.whl", "a-2-py3-none-any.whl"], "A-1.0.0-py3-none-any.whl"),
    ];
    for (files, taken) in table {
        check(&["a==1"], &[LINUX], files, &format!("{taken} for {LINUX}"));
    }
}

#[test]
fn what_is_missing_is_named_with_why_and_what_there_is() {
    let table: [(&str, &[&str], &str); 7] = [
        ("a==1", &[], "a has no_package for 3.12 linux-x86_64:"),
        (
            "a==1",
            &["a-2-py3-none-any.whl", "a-10.tar.gz", "a-nonsense.txt"],
            "a has no_version for 3.12 linux-x86_64: 10 2",
        ),
        ("a==1", &["a-1.tar.gz"], "a has only_source for 3.12 linux-x86_64: a-1.tar.gz"),
        (
            "a==1",
            &["a-1.zip", "a-1-cp312-cp312-win_amd64.whl"],
            "a has no_match for 3.12 linux-x86_64: a-1-cp312-cp312-win_amd64.whl a-1.zip",
        ),
        (
            "a==1",
            &["a-1-py3-none-any.whl >=3.13"],
            "a has requires_python for 3.12 linux-x86_64: a-1-py3-none-any.whl",
        ),
        (
            "a==1 cc dd",
            &["a-1-py3-none-any.whl bb"],
            "a has not_in_lock for 3.12 linux-x86_64: a-1-py3-none-any.whl",
        ),
        ("a==1+cpu", &["a-1-py3-none-any.whl"], "a has no_version for 3.12 linux-x86_64: 1"),
    ];
    for (pin, files, expected) in table {
        check(&[pin], &[LINUX], files, expected);
    }
}

#[test]
fn the_targets_of_what_is_missing_are_told_together() {
    check(
        &["a==1", "b==1"],
        &[LINUX, WINDOWS],
        &["a-1.tar.gz", "b-1-cp312-cp312-win_amd64.whl"],
        "b-1-cp312-cp312-win_amd64.whl for 3.12 win-amd64
         a has only_source for 3.12 linux-x86_64, 3.12 win-amd64: a-1.tar.gz
         b has no_match for 3.12 linux-x86_64: b-1-cp312-cp312-win_amd64.whl",
    );
}

#[test]
fn only_what_a_marker_holds_for_is_needed() {
    check(
        &[
            "a==1; sys_platform == 'win32'",
            "b==1; python_version < '3.13'",
            "b==2; python_version >= '3.13'",
            "c==1; sys_platform == 'darwin'",
        ],
        &[LINUX, WINDOWS, "3.13 win-amd64"],
        &["a-1-py3-none-any.whl", "b-1-py3-none-any.whl", "b-2-py3-none-any.whl"],
        "a-1-py3-none-any.whl for 3.12 win-amd64, 3.13 win-amd64
         b-1-py3-none-any.whl for 3.12 linux-x86_64, 3.12 win-amd64
         b-2-py3-none-any.whl for 3.13 win-amd64",
    );
}

#[test]
fn of_two_indexes_with_the_same_name_the_one_that_the_lock_means_counts() {
    let other = "https://other/a-1-py3-none-any.whl";
    let mut second = file("a-1-py3-none-any.whl bb");
    second.url = Url::parse(other).unwrap();
    let offers =
        BTreeMap::from([("a".parse().unwrap(), vec![file("a-1-py3-none-any.whl aa"), second])]);
    let targets = [target(LINUX)];
    let found = plan(&[package("a==1 bb")], &targets, &offers);
    assert_eq!(found.files[0].file.url.as_str(), other);
    assert_eq!(found.files[0].hashes, ["sha256:bb"]);
    let found = plan(&[package("a==1")], &targets, &offers);
    assert_eq!(found.files[0].file.url.as_str(), "https://h/a-1-py3-none-any.whl");
    assert_eq!(found.files[0].hashes, ["sha256:aa"]);
}

#[test]
fn a_digest_that_the_index_does_not_tell_is_left_to_the_download() {
    check(
        &["a==1 bb"],
        &[LINUX],
        &["a-1-py3-none-any.whl"],
        "a-1-py3-none-any.whl for 3.12 linux-x86_64",
    );
}

#[test]
fn a_page_that_lists_what_is_not_of_the_package_is_read_without_it() {
    let listed = ["b-1-py3-none-any.whl", "a-b-1.tar.gz", "a-1.tar.gz"].map(file).to_vec();
    let found = plan(
        &[package("a==1")],
        &[target(LINUX)],
        &BTreeMap::from([("a".parse().unwrap(), listed)]),
    );
    assert_eq!(shown(&found), "a has only_source for 3.12 linux-x86_64: a-1.tar.gz\n");
}

#[test]
fn two_entries_that_want_other_bytes_by_the_same_name_do_not_get_each_others() {
    let two = ["aa", "bb"].map(|digits| {
        let mut package = package("a==1");
        package.origin = Origin::Files(vec![file(&format!("a-1-py3-none-any.whl {digits}"))]);
        package
    });
    let found = plan(&two, &[target(LINUX)], &BTreeMap::new());
    assert_eq!(
        shown(&found),
        "a-1-py3-none-any.whl for 3.12 linux-x86_64\n\
         a has not_in_lock for 3.12 linux-x86_64: a-1-py3-none-any.whl\n"
    );
    assert_eq!(found.files[0].hashes, ["sha256:aa"]);
}

#[test]
fn a_name_that_is_more_than_a_file_name_is_not_taken() {
    for name in [
        "a-1-1/../../x-py3-none-any.whl",
        "a-1-py3-none-any.x/y.whl",
        "a-1-py3-none-any.x:y.whl",
        "a-1-1\u{1b}[2J-py3-none-any.whl",
        "a-1-py3-none-any.x\\y.whl",
    ] {
        name.parse::<FileName>().unwrap();
        let mut hostile = file("a-1-py3-none-any.whl");
        name.clone_into(&mut hostile.name);
        let offers = BTreeMap::from([("a".parse().unwrap(), vec![hostile])]);
        let found = plan(&[package("a==1")], &[target(LINUX)], &offers);
        assert_eq!(shown(&found), "a has no_package for 3.12 linux-x86_64: \n", "{name}");
    }
}

#[test]
fn what_the_lock_names_itself_is_taken_from_there_and_the_rest_from_nowhere() {
    let mut named = package("a==1");
    named.origin = Origin::Files(vec![file("a-1-py3-none-any.whl aa")]);
    let mut elsewhere = package("b==1");
    elsewhere.origin = Origin::Elsewhere;
    let mut nameless = elsewhere.clone();
    nameless.name = None;
    nameless.version = None;
    nameless.label = "-e ./here".into();
    let offers = BTreeMap::from([("b".parse().unwrap(), vec![file("b-1-py3-none-any.whl")])]);
    let found = plan(&[named, elsewhere, nameless], &[target(LINUX)], &offers);
    assert_eq!(
        shown(&found),
        "a-1-py3-none-any.whl for 3.12 linux-x86_64\n\
         -e ./here has not_from_index for 3.12 linux-x86_64: \n\
         b has not_from_index for 3.12 linux-x86_64: \n"
    );
}

#[test]
fn source_distributions_of_every_age_are_known() {
    let table = [
        ("a_b-1.0.tar.gz", "a-b", Some("1.0")),
        ("a-b-1.0.zip", "a-b", Some("1.0")),
        ("A.B-1.0rc1.tar.bz2", "a-b", Some("1.0rc1")),
        ("a-b-1.0-1.tar.gz", "a-b", Some("1.0.post1")),
        ("a-1.0.tar.gz", "a-b", None),
        ("a-b-1.0.exe", "a-b", None),
        ("a-b-one.tar.gz", "a-b", None),
    ];
    for (file, name, expected) in table {
        let found = source_version(Some(&name.parse().unwrap()), file);
        assert_eq!(found.map(|version| version.to_string()).as_deref(), expected, "{file}");
    }
}

proptest! {
    /// The first two laws at the top of the file, and the third.
    #[test]
    fn every_package_is_served_or_missing_for_every_target_and_no_file_is_there_twice(
        pins in prop::collection::vec((0..3_u8, 1..3_u8, 0..4_u8, 0..3_u8), 0..6),
        files in prop::collection::vec((0..3_u8, 1..3_u8, 0..5_u8, 0..3_u8, 0..3_u8), 0..20),
        chosen in prop::collection::vec(0..4_usize, 1..5),
    ) {
        const MARKERS: [&str; 4] = [
            "",
            "; sys_platform == 'win32'",
            "; python_version < '3.13'",
            "; sys_platform != 'win32' and python_version >= '3.13'",
        ];
        const TAGS: [&str; 5] = [
            "py3-none-any",
            "cp312-cp312-manylinux_2_17_x86_64",
            "cp38-abi3-win_amd64",
            "cp313-cp313-win_amd64",
            "py2-none-any",
        ];
        const HASHES: [&str; 3] = ["", " aa", " bb"];
        const TARGETS: [&str; 4] = [LINUX, WINDOWS, "3.13 win-amd64", "3.13 linux-x86_64"];
        let packages: Vec<LockedPackage> = pins
            .iter()
            .map(|(name, version, marker, hash)| {
                let (hash, marker) = (HASHES[usize::from(*hash)], MARKERS[usize::from(*marker)]);
                package(&format!("p{name}=={version}{hash}{marker}"))
            })
            .collect();
        let mut offers: BTreeMap<PackageName, Vec<IndexFile>> = BTreeMap::new();
        for (name, version, tag, hash, index) in files {
            let tag = TAGS[usize::from(tag)];
            let mut file =
                file(&format!("p{name}-{version}-{tag}.whl{}", HASHES[usize::from(hash)]));
            file.url = Url::parse(&format!("https://h{index}/{}", file.name)).unwrap();
            offers.entry(format!("p{name}").parse().unwrap()).or_default().push(file);
        }
        let targets: Vec<Target> = chosen.iter().map(|at| target(TARGETS[*at])).collect();
        let plan = plan(&packages, &targets, &offers);

        let mut names: Vec<&str> = plan.files.iter().map(|one| one.file.name.as_str()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        prop_assert_eq!(names.len(), count, "a file is there twice");

        for package in &packages {
            for target in &targets {
                let is_served = plan.files.iter().any(|one| {
                    Some(&one.package) == package.name.as_ref()
                        && Some(&one.version) == package.version.as_ref()
                        && one.targets.contains(target)
                });
                let is_missing = plan.missing.iter().any(|one| {
                    one.package == package.label
                        && one.version == package.version
                        && one.targets.contains(target)
                });
                let is_needed = target.holds(&package.marker);
                prop_assert!(!is_needed || is_served || is_missing, "{} for {target}", package.label);
            }
        }
        for one in &plan.files {
            prop_assert!(!one.targets.is_empty());
            prop_assert!(is_allowed(&one.hashes, &one.file), "{} is not in the lock", one.file.name);
        }
    }
}
