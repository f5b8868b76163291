use std::fmt::Write;

use proptest::prelude::*;

use super::*;

fn value(name: &str) -> Option<String> {
    match name {
        "TOKEN" => Some("t0k/en".to_owned()),
        "VERSION" => Some("1.2".to_owned()),
        _ => None,
    }
}

fn parsed(text: &str) -> Result<Vec<Line>, Error> {
    parse(text, Utf8Path::new("requirements.txt"), &value)
}

fn rendered(text: &str) -> Vec<String> {
    parsed(text).unwrap().iter().map(|line| format!("{:?}", line.kind)).collect()
}

#[test]
fn table_of_odd_lines() {
    let table: [(&str, &[&str]); 44] = [
        // Nothing at all.
        ("", &[]),
        ("\u{c}\n\t \r\n# a==1\n", &[]),
        // Names, extras, versions.
        ("Foo.Bar__baz", &["foo-bar-baz"]),
        ("foo [Bar, baz] == 1.0\n", &["foo[bar,baz]==1.0"]),
        ("foo[B,a.c]>=1 , <2", &["foo[a-c,b]<2,>=1"]),
        ("foo (>=1,<2)", &["foo<2,>=1"]),
        ("foo===1.0", &["foo===1.0"]),
        ("foo==1.*", &["foo==1.*"]),
        ("foo==${VERSION}", &["foo==1.2"]),
        ("foo-bar==1", &["foo-bar==1"]),
        ("\tfoo==1\t# why", &["foo==1"]),
        // Continuations.
        (
            "foo==1 \\\n    --hash=sha256:ab \\\n    --hash=sha256:CD",
            &["foo==1 --hash=sha256:ab --hash=sha256:cd"],
        ),
        ("foo==1 \\\r\n\t--hash=sha256:ab\r\n", &["foo==1 --hash=sha256:ab"]),
        ("foo==1 \\\n# pip-compile's\nbar==2", &["foo==1", "bar==2"]),
        ("foo\\\n==1", &["foo==1"]),
        ("foo==1\x0cbar==2", &["foo==1", "bar==2"]),
        // Markers.
        ("foo==1;python_version<'3.9'", &["foo==1 ; python_full_version < '3.9'"]),
        (
            "foo ; os_name == \"nt\" or sys_platform == 'a/b'",
            &["foo ; sys_platform == 'a/b' or os_name == 'nt'"],
        ),
        ("foo ; extra == 'x' --hash=sha256:ab", &["foo ; extra == 'x' --hash=sha256:ab"]),
        // URLs.
        ("foo @ https://h/f.zip#sha256=ab", &["foo @ https://h/f.zip#sha256=ab"]),
        (
            "foo[x]@git+ssh://git@h/r.git@v1 ; os_name == 'nt' # why",
            &["foo[x] @ git+ssh://h/r.git@v1 ; os_name == 'nt'"],
        ),
        ("foo @ https://user:${TOKEN}@h/f.zip", &["foo @ https://user:t0k/en@h/f.zip"]),
        ("foo @ ./local dir/foo", &["foo @ local:local dir/foo"]),
        ("foo @ file:///a%20b", &["foo @ local:/a b"]),
        (
            "https://h/foo-1.0-py3-none-any.whl#sha256=ab",
            &["foo @ https://h/foo-1.0-py3-none-any.whl#sha256=ab"],
        ),
        ("git+https://h/r@main#egg=Foo[x]", &["foo[x] @ git+https://h/r@main#egg=Foo"]),
        // Paths.
        (".", &[" @ local:"]),
        ("./pkgs/foo[x] ; os_name == 'nt'", &["[x] @ local:pkgs/foo ; os_name == 'nt'"]),
        ("../a b/foo.tar.gz --hash=sha256:ab", &[" @ local:../a b/foo.tar.gz --hash=sha256:ab"]),
        ("wheels/Foo-1.0-py3-none-any.whl", &["foo @ local:wheels/Foo-1.0-py3-none-any.whl"]),
        (".\\pkgs\\foo", &[" @ local:pkgs/foo"]),
        ("foo.zip", &[" @ local:foo.zip"]),
        // Editables.
        ("-e .", &["--editable  @ local:"]),
        ("-e.", &["--editable  @ local:"]),
        ("--editable=./foo[a,b]", &["--editable [a,b] @ local:foo"]),
        (
            "-e \"./with space\" --config-settings k=v",
            &["--editable  @ local:with space --config-settings=k=v"],
        ),
        (
            "-e git+https://h/r.git@abc#egg=Foo.Bar&subdirectory=s",
            &["--editable foo-bar @ git+https://h/r.git@abc#egg=Foo.Bar&subdirectory=s"],
        ),
        (
            "-e foo @ file:///a ; python_version > \"3.8\"",
            &["--editable foo @ local:/a ; python_full_version >= '3.9'"],
        ),
        (
            "foo --config-settings=\"--x=y z\" --global-option=\"-q\"",
            &["foo --config-settings=--x=y z --global-option=-q"],
        ),
        // Other files.
        (
            "-r base.txt\n-rother.txt\n--requirement 'with space.txt'",
            &["--requirement base.txt", "--requirement other.txt", "--requirement with space.txt"],
        ),
        ("-c https://u:p@h/c.txt", &["--constraint https://h/c.txt"]),
        // Options.
        (
            "-i https://a/simple --extra-index-url=https://b/simple --pre",
            &["--index-url https://a/simple", "--extra-index-url https://b/simple", "--pre"],
        ),
        ("--no-binary :all:\n-f ./wheels", &["--no-binary :all:", "--find-links ./wheels"]),
        ("--index-url https://u:${NOT_SET}@h/s", &["--index-url https://h/s"]),
    ];
    for (text, expected) in table {
        assert_eq!(rendered(text), expected, "{text:?}");
    }
}

#[test]
fn lines_know_their_place_and_their_variables() {
    let text =
        "# head\nfoo==1 \\\n  --hash=sha256:ab # tail\n\n--pre --index-url https://${TOKEN}@h\n";
    let lines = parsed(text).unwrap();
    let found: Vec<_> =
        lines.iter().map(|line| (line.number, line.text.as_str(), line.variables.len())).collect();
    let options = "--pre --index-url https://${TOKEN}@h";
    assert_eq!(
        found,
        [(2, "foo==1 \\\n  --hash=sha256:ab # tail", 0), (5, options, 1), (5, options, 1),]
    );
    for line in &lines {
        assert_eq!(&text[line.span.clone()], line.text);
    }
}

#[test]
fn errors_say_what_and_where() {
    let texts = [
        "ok==1\nfoo=1\n",
        "foo==1.0.x",
        "foo>=1,",
        "foo- ==1",
        "foo[bar-]",
        "foo[ ok, bar_ ]==1",
        "\u{feff}foo",
        "é==1",
        "foo ; python_version = '3'",
        "foo ; pyton_version == '3'",
        "foo ; os_name == 'nt",
        "./a ; pyton_version == '3'",
        "a/b[c,-d]",
        "first==1\r\n  bar==1 \\\r\n    --hash=md5 \\\r\n    --hash=sha256:ab\r\n",
        "naïve==1 --hash=sha256:xyz",
        "--hash=sha256:ab",
        "foo -e .",
        "-r",
        "-q",
        "-e \"./a ; x",
        "-e \"./a[-]\"",
        "--pre foo",
        "foo @ https://me:secret@h/x.zip -q",
        "foo==${VERSION}.x # ${TOKEN}",
        "foo ; ${TOKEN} == '3'",
        "foo ; ${VERSION} == python_version and nonsense == '1'",
        "-e foo @ https://h ; nonsense",
        "foo bar",
        "foo @",
    ];
    let mut report = String::new();
    for text in texts {
        match parsed(text) {
            Err(Error::Requirement { line, column, length, source_line, problem, .. }) => {
                writeln!(report, "{line}:{column}: {problem}\n  {source_line}").unwrap();
                let indent = " ".repeat(2 + column - 1);
                writeln!(report, "{indent}{}\n", "^".repeat(length)).unwrap();
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
    insta::assert_snapshot!(report);
}

#[test]
fn the_error_names_the_file_and_has_a_hint() {
    let error = parsed("foo=1").unwrap_err();
    assert!(error.to_string().starts_with("requirements.txt:1:4: "), "{error}");
    assert!(error.hint().unwrap().contains("name>=1.2"));
}

#[test]
fn values_of_variables_are_not_in_errors() {
    for text in
        ["foo==${TOKEN}", "foo ; ${TOKEN} == '1'", "foo ; os_name ${TOKEN}", "./a[${TOKEN}]"]
    {
        let error = parsed(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("t0k"), "{error:?}");
    }
}

#[test]
fn secrets_are_not_in_debug_output() {
    let text =
        "--index-url https://u:hidden@h\nfoo @ https://hidden@h/x\n-e git+https://hidden@h/r\n";
    let lines = parsed(text).unwrap();
    for line in lines {
        assert!(!format!("{:?}", line.kind).contains("hidden"), "{:?}", line.kind);
    }
}

/// What lines are made of, so that random ones get far into the parser.
fn piece() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "foo",
        "A",
        "-",
        "_",
        ".",
        "[",
        "]",
        ",",
        "==",
        ">=",
        "~=",
        "===",
        "!",
        "1.0",
        ".*",
        "+",
        ";",
        " ",
        "  ",
        "\t",
        "python_version",
        "os_name",
        "extra",
        "'3.8'",
        "\"",
        "'",
        "@",
        "https://h/x",
        "https://u:p@h",
        "git+",
        "file:",
        "#",
        "#egg=",
        "\\",
        "\\\n",
        "\n",
        "\r",
        "\x0c",
        "--hash=",
        "--hash sha256:ab",
        "-e ",
        "-r ",
        "-c",
        "-i",
        "--pre",
        "--",
        "${TOKEN}",
        "${",
        "}",
        "(",
        ")",
        " in ",
        " not in ",
        " and ",
        " or ",
        "é",
        "\u{2028}",
        "/",
        "C:\\",
        ".whl",
        "sha256:",
        "\0",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(piece(), 0..14)) {
        let text = pieces.concat();
        match parsed(&text) {
            Ok(lines) => {
                for line in lines {
                    prop_assert_eq!(text.get(line.span.clone()), Some(line.text.as_str()));
                }
            }
            Err(Error::Requirement { line, column, length, source_line, .. }) => {
                prop_assert!(line >= 1 && column >= 1 && length >= 1);
                let width = source_line.chars().count();
                prop_assert!(column <= width + 1, "{} of {}", column, width);
                prop_assert!(column - 1 + length <= width.max(column), "{}+{}", column, length);
            }
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}
