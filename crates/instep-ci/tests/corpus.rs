//! Every file of the corpus, with configurations made at random: only governed bytes change, what is
//! written parses and is in step, and a second run changes nothing.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is how a failure is told")]

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use instep_ci::{Finding, Plan, Reason, Settings, State, apply, observe, plan};
use proptest::prelude::*;
use proptest::sample::subsequence;

/// The repositories of the corpus.
fn repositories() -> Vec<Utf8PathBuf> {
    let corpus = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/ci");
    let entries = corpus.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned());
    let mut all: Vec<Utf8PathBuf> = entries.filter(|path| path.is_dir()).collect();
    all.sort();
    assert!(all.len() > 15, "{all:?}");
    all
}

fn settings(commands: &[(&str, String)], python: &[&str], uv: Option<&str>) -> Settings {
    Settings {
        commands: commands.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect(),
        python: python.iter().map(|version| (*version).to_owned()).collect(),
        uv: uv.map(str::to_owned),
        include: vec!["*.sh".to_owned()],
        ..Settings::default()
    }
}

/// A configuration at random.
fn any_settings() -> impl Strategy<Value = Settings> {
    let options = |all: &'static [&'static str]| subsequence(all.to_vec(), 0..=all.len());
    let uv = options(&["--all-extras", "--dev", "--locked", "--group docs", "--python 3.13", "-q"]);
    let pip =
        options(&["-c constraints.txt", "--no-deps", "-q", "-i https://index.example/simple"]);
    let python = subsequence(vec!["3.10", "3.11", "3.12", "3.13", "3.14"], 0..=5);
    let uv_version = prop::option::of(prop::sample::select(vec!["0.9.1", "0.13.8", "0.14.0"]));
    (uv, pip, python, uv_version, any::<bool>()).prop_map(|(uv, pip, python, version, has_docs)| {
        let mut commands = vec![
            ("uv", [&["uv sync"], uv.as_slice()].concat().join(" ")),
            ("pip", [&["pip install -r requirements.txt"], pip.as_slice()].concat().join(" ")),
        ];
        if has_docs {
            commands.push(("docs", "uv sync --only-group docs --locked".to_owned()));
        }
        settings(&commands, &python, version)
    })
}

/// In memory where the system has such: what is written is flushed, file by file.
fn folder() -> tempfile::TempDir {
    let memory = Utf8Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

fn look(root: &Utf8Path, settings: &Settings) -> Plan {
    plan(observe(root, settings).unwrap(), settings).unwrap()
}

/// What is left alone, and why; without the lines, in which something else may have changed.
fn left(plan: &Plan) -> Vec<(String, String)> {
    let left = plan.findings().filter_map(|(file, finding)| match &finding.state {
        // The line of a script's error moves with what is above it.
        State::Left { reason: Reason::Script(_) } => None,
        State::Left { reason } => Some((file.path.clone(), reason.to_string())),
        _ => None,
    });
    left.collect()
}

fn is_drifted(finding: &Finding) -> bool {
    matches!(finding.state, State::Drifted { .. })
}

/// More of them in the long form of the tests.
fn cases() -> u32 {
    if std::env::var("INSTEP_TEST_LONG").is_ok_and(|long| long == "1") { 200 } else { 12 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_what_is_governed_changes_and_a_second_run_changes_nothing(settings in any_settings()) {
        for repository in repositories() {
            let folder = folder();
            let root = Utf8Path::from_path(folder.path()).unwrap();
            copy(&repository, root);
            let first = look(root, &settings);
            prop_assert!(first.broken.is_empty(), "{:?}", first.broken);
            for file in &first.files {
                let drifted: Vec<&Finding> = file.findings.iter().filter(|one| is_drifted(one)).collect();
                prop_assert_eq!(drifted.is_empty(), file.before == file.after, "{}", &file.path);
                assert_governed_only(&file.path, &file.before, &file.after, &drifted)?;
            }
            apply(root, &first).unwrap();
            let second = look(root, &settings);
            let again: Vec<String> = second.changed().map(instep_ci::FilePlan::diff).collect();
            prop_assert!(again.is_empty(), "{}: {:?}", repository, again);
            prop_assert_eq!(left(&first), left(&second), "{}", repository);
            let all = |plan: &Plan| plan.findings().count();
            prop_assert_eq!(all(&first), all(&second), "{}", repository);
        }
    }
}

/// The lines that differ are as few as what is out of step takes, and everything around them is as it was.
fn assert_governed_only(
    path: &str,
    before: &str,
    after: &str,
    drifted: &[&Finding],
) -> Result<(), TestCaseError> {
    let diff = similar::TextDiff::from_lines(before, after);
    let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    let changed = (count(similar::ChangeTag::Delete), count(similar::ChangeTag::Insert));
    // A command may go over several lines, and a matrix has one for each version.
    let most: usize = drifted.iter().map(|one| one.text.split_whitespace().count().max(6)).sum();
    prop_assert!(changed.0 <= most && changed.1 <= most, "{path}: {changed:?} of {most}");
    let first = drifted.iter().map(|finding| finding.line).min().unwrap_or(usize::MAX);
    let head = |text: &str| {
        text.lines().take(first.saturating_sub(1)).map(str::to_owned).collect::<Vec<_>>()
    };
    prop_assert_eq!(head(before), head(after), "{}", path);
    prop_assert_eq!(before.starts_with('\u{feff}'), after.starts_with('\u{feff}'), "{}", path);
    prop_assert_eq!(before.ends_with('\n'), after.ends_with('\n'), "{}", path);
    let (returns, lines) = (before.matches("\r\n").count(), before.matches('\n').count());
    if returns == 0 || returns == lines {
        // Lines end as they did.
        let (now, all) = (after.matches("\r\n").count(), after.matches('\n').count());
        prop_assert_eq!(now, if returns == 0 { 0 } else { all }, "{}", path);
    }
    // The row of a version takes its comment with it.
    let is_row =
        |line: &str| line.trim_start().trim_start_matches(['-', ' ', '"', '\'']).starts_with("3.");
    let comments = |text: &str| -> Vec<String> {
        let lines =
            text.lines().filter(|line| !is_row(line)).filter_map(|line| line.split_once(" # "));
        lines.map(|(_, comment)| comment.to_owned()).collect()
    };
    prop_assert_eq!(comments(before), comments(after), "{}", path);
    let lines = |tag| {
        let all = diff.iter_all_changes().filter(move |change| change.tag() == tag);
        all.map(|change| change.value()).filter(|line| !is_row(line)).collect::<Vec<_>>()
    };
    let (gone, new) = (lines(similar::ChangeTag::Delete), lines(similar::ChangeTag::Insert));
    let texts = || drifted.iter().map(|one| one.text.as_str());
    let becomes = || {
        drifted.iter().filter_map(|one| match &one.state {
            State::Drifted { becomes, .. } => Some(becomes.as_str()),
            _ => None,
        })
    };
    // The words that go are of what was told to be out of step, those that come of what it is to be.
    for word in without(&gone, &new) {
        prop_assert!(is_part_of(word, texts()), "{path}: {word:?} went");
    }
    for word in without(&new, &gone) {
        prop_assert!(is_part_of(word, becomes()), "{path}: {word:?} came");
    }
    Ok(())
}

/// The words of lines that others do not have.
fn without<'a>(lines: &[&'a str], others: &[&'a str]) -> Vec<&'a str> {
    let mut rest: Vec<&str> = others.iter().flat_map(|line| line.split_whitespace()).collect();
    let words = lines.iter().flat_map(|line| line.split_whitespace());
    let is_new = |word: &&str| match rest.iter().position(|known| known == word) {
        Some(at) => {
            rest.swap_remove(at);
            false
        }
        None => true,
    };
    words.filter(is_new).collect()
}

/// Whether a word holds, or is in, one of these texts; what continues a line is in all of them.
fn is_part_of<'a>(word: &str, mut texts: impl Iterator<Item = &'a str>) -> bool {
    let bare = word.trim_matches(|char: char| "'\"[](){},;\\".contains(char));
    let is_of = |text: &str| {
        let mut parts = text.split([' ', ',']).filter(|part| !part.is_empty());
        parts.any(|part| word.contains(part) || part.contains(bare))
    };
    bare.is_empty() || texts.any(is_of)
}
