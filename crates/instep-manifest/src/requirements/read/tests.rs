use super::*;

struct Project {
    _guard: tempfile::TempDir,
    root: Utf8PathBuf,
}

fn project(files: &[(&str, &str)]) -> Project {
    let guard = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    for (name, content) in files {
        let path = root.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    }
    Project { _guard: guard, root }
}

impl Project {
    fn read(&self, file: &str) -> Result<Requirements, Error> {
        read(&self.root, Utf8Path::new(file), &|name| (name == "SET").then(|| "1.0".to_owned()))
    }

    fn names(&self, paths: impl IntoIterator<Item = Utf8PathBuf>) -> Vec<String> {
        paths
            .into_iter()
            .map(|path| path.strip_prefix(&self.root).unwrap().as_str().replace('\\', "/"))
            .collect()
    }
}

#[test]
fn includes_are_followed_from_the_file_they_stand_in() {
    let project = project(&[
        ("reqs/dev.txt", "-r base.txt\ndev==1\n-c ../constraints.txt\n"),
        ("reqs/base.txt", "base==1\n-r ../shared/more.txt\n"),
        ("shared/more.txt", "more==1\n"),
        ("constraints.txt", "limit==1\n-r shared/more.txt\n-c shared/tight.txt\n"),
        ("shared/tight.txt", "tight==1\n"),
    ]);
    let found = project.read("reqs/dev.txt").unwrap();
    let lines: Vec<_> =
        found.entries.iter().map(|entry| (entry.line.text.as_str(), entry.constraint)).collect();
    assert_eq!(
        lines,
        [
            ("-r base.txt", false),
            ("base==1", false),
            ("-r ../shared/more.txt", false),
            ("more==1", false),
            ("dev==1", false),
            ("-c ../constraints.txt", false),
            ("limit==1", true),
            // Read already, and not for its constraints here: the innermost option decides.
            ("-r shared/more.txt", true),
            ("-c shared/tight.txt", true),
            ("tight==1", true),
        ]
    );
    let files = found.files.iter().map(|file| file.canonicalize_utf8().unwrap());
    let root = project.root.canonicalize_utf8().unwrap();
    let files: Vec<_> =
        files.map(|file| file.strip_prefix(&root).unwrap().as_str().replace('\\', "/")).collect();
    assert_eq!(
        files,
        ["reqs/dev.txt", "reqs/base.txt", "shared/more.txt", "constraints.txt", "shared/tight.txt"]
    );
}

#[test]
fn files_that_include_each_other_are_read_once() {
    let project = project(&[
        ("a.txt", "-r sub/../b.txt\na==1\n"),
        ("b.txt", "-r ./a.txt\n-r b.txt\nb==1\n-c a.txt\n"),
        ("sub/x", ""),
    ]);
    let found = project.read("a.txt").unwrap();
    let count = |text: &str| found.entries.iter().filter(|entry| entry.line.text == text).count();
    // Once for what it asks for, and once for what it constrains.
    assert_eq!((count("a==1"), count("b==1")), (2, 1));
    assert_eq!(found.files.len(), 2);
}

#[test]
fn what_is_missing_is_named_with_the_line_that_wants_it() {
    let project = project(&[("a.txt", "\n-r sub/b.txt\n"), ("sub/b.txt", "x\ny\n-c c.txt\n")]);
    let root = &project.root;
    match project.read("a.txt") {
        Err(Error::MissingInclude { path, from, line }) => {
            assert_eq!(path, root.join("sub/c.txt"));
            assert_eq!((from, line), (root.join("sub/b.txt"), 3));
        }
        other => panic!("{other:?}"),
    }
    match project.read("none.txt") {
        Err(error @ Error::MissingFile { .. }) => {
            assert!(error.to_string().contains("none.txt") && error.hint().is_some());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_in_an_included_file_names_that_file() {
    let project = project(&[("a.txt", "-r b.txt"), ("b.txt", "ok\nfoo=1\n")]);
    match project.read("a.txt") {
        Err(Error::Requirement { path, line: 2, .. }) => {
            assert_eq!(path, project.root.join("b.txt"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn urls_are_not_followed() {
    let project = project(&[("a.txt", "-r https://h/base.txt\n-c http://h/c.txt\n")]);
    let found = project.read("a.txt").unwrap();
    assert_eq!((found.entries.len(), found.files.len()), (2, 1));
}

#[test]
fn local_files_are_those_that_say_what_a_package_asks_for() {
    let project = project(&[
        (
            "a.txt",
            "-e ./pkg\nother @ file:./other\nwheels/a-1-py3-none-any.whl\nfoo==1\n./gone.zip\n",
        ),
        ("pkg/pyproject.toml", "x"),
        ("wheels/a-1-py3-none-any.whl", "zip"),
        ("other/setup.py", "x"),
    ]);
    let found = project.read("a.txt").unwrap();
    let there = found.local_files.iter().filter(|file| file.digest.is_some());
    let there = project.names(there.map(|file| file.path.clone()));
    let mut there: Vec<_> = there.iter().map(|name| name.replace("./", "")).collect();
    there.sort();
    assert_eq!(there, ["other/setup.py", "pkg/pyproject.toml", "wheels/a-1-py3-none-any.whl"]);
    // What could come to be there is watched as well.
    let absent = found.local_files.iter().filter(|file| file.digest.is_none()).count();
    assert_eq!(absent, 2 + 2 + 3);
}

#[test]
fn variables_are_recorded_by_digest_whether_set_or_not() {
    let project =
        project(&[("a.txt", "-r b.txt\nfoo==${SET}"), ("b.txt", "# ${NO}\nbar # x\n-f ${UNSET}")]);
    let found = project.read("a.txt").unwrap();
    let expected = BTreeMap::from([
        ("SET".to_owned(), Digest::of(b"1.0")),
        ("UNSET".to_owned(), Digest::of(b"")),
    ]);
    assert_eq!(found.variables, expected);
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    let project = project(&[]);
    fs_err::write(project.root.join("a.txt"), b"ok\n\xFF\xFF\xFF").unwrap();
    let error = project.read("a.txt").unwrap_err();
    assert!(matches!(error, Error::File(instep_fs::Error::NotText { line: 2, .. })), "{error:?}");
}
