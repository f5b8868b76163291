use camino::Utf8PathBuf;
use proptest::prelude::*;

use super::*;
use crate::requirements::read;

/// A folder with `requirements.txt` and other files, and what they are digested to.
struct Project {
    _guard: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl Project {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        for (name, content) in files {
            let path = root.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }
        Self { _guard: guard, root }
    }

    fn digest(&self, variables: &[(&str, &str)]) -> Digest {
        let value = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        read(&self.root, Utf8Path::new("requirements.txt"), &value).unwrap().digest()
    }
}

fn digest(text: &str) -> Digest {
    digest_of_bytes(text.as_bytes())
}

fn digest_of_bytes(bytes: &[u8]) -> Digest {
    Project::new(&[("requirements.txt", bytes)]).digest(&[])
}

#[test]
fn what_means_nothing_makes_no_difference() {
    let table = [
        ("foo==1", "foo==1\n\n# comment\n  # another\n"),
        ("foo==1", "\tfoo == 1   # comment"),
        ("foo==1", "foo==1\r\n"),
        ("foo==1", "\u{feff}foo==1\n"),
        ("foo==1\nbar==2", "bar==2\nfoo==1\n"),
        ("foo==1", "foo==1\nfoo==1\nFOO==1\n"),
        ("foo-bar==1", "Foo_._Bar==1"),
        ("foo[a,b-c]", "foo[B.C, A]"),
        ("foo>=1,<2,!=1.5", "foo != 1.5, <2, >=1"),
        ("foo>=1,<2", "foo (>=1,<2)"),
        ("foo==1.0rc1", "foo==1.0.RC1"),
        ("foo==1", "foo==v1"),
        ("foo==1.0+local.1", "foo==1.0+LOCAL_1"),
        ("foo ; os_name == 'nt'", "foo;os_name==\"nt\""),
        (
            "foo ; os_name == 'nt' and sys_platform == 'x'",
            "foo;(sys_platform=='x') and (os_name=='nt')",
        ),
        ("foo ; python_version >= '3.8'", "foo ; '3.8' <= python_version"),
        ("foo ; os_name=='a' or os_name=='b'", "foo ; os_name=='b' or os_name=='a'"),
        (
            "foo==1 --hash=sha256:ab --hash=sha256:cd",
            "foo==1 \\\n  --hash sha256:CD \\\n  --hash sha256:ab",
        ),
        ("foo @ https://h/x.zip", "foo@https://user:token@h/x.zip"),
        ("foo @ https://one@h/x.zip", "foo @ https://two@h/x.zip"),
        ("--index-url https://u:one@h/simple\nfoo", "-i https://u:two@h/simple\nfoo"),
        ("--pre\n--prefer-binary\nfoo", "--prefer-binary\nfoo\n--pre"),
        ("./pkg", "pkg/"),
        ("./pkg", "pkgs/../pkg/."),
        ("-e ./pkg[x]", "--editable=\"pkg[X]\""),
        ("./pkg", ".\\pkg"),
        ("foo -C a=1 -C b=2", "foo --config-settings b=2 --config-setting=a=1"),
    ];
    for (one, other) in table {
        assert_eq!(digest(one), digest(other), "{one:?} {other:?}");
    }
}

#[test]
fn what_means_something_makes_a_difference() {
    let table = [
        ("foo==1", ""),
        ("foo==1", "bar==1"),
        ("foo==1", "foo==2"),
        ("foo==1", "foo===1"),
        ("foo==1", "foo==1.*"),
        ("foo==1", "foo~=1.0"),
        ("foo~=1.0", "foo~=1.0.0"),
        ("foo==1", "foo"),
        ("foo>=1", "foo>=1,<2"),
        ("foo", "foo[x]"),
        ("foo[x]", "foo[y]"),
        ("foo", "foo ; os_name == 'nt'"),
        ("foo ; os_name == 'nt'", "foo ; os_name != 'nt'"),
        ("foo ; python_version < '3.9'", "foo ; python_version < '3.10'"),
        ("foo ; os_name=='a' or os_name=='b'", "foo ; os_name=='a' and os_name=='b'"),
        ("foo==1 --hash=sha256:ab", "foo==1"),
        ("foo==1 --hash=sha256:ab", "foo==1 --hash=sha256:cd"),
        ("foo==1 --hash=sha256:ab", "foo==1 --hash=sha512:ab"),
        ("foo", "foo --config-settings k=v"),
        ("foo @ https://h/x.zip", "foo @ https://h/y.zip"),
        ("foo @ git+https://h/r@v1", "foo @ git+https://h/r@v2"),
        ("foo @ https://h/x.zip", "https://h/x.zip#egg=foo"),
        ("./pkg", "-e ./pkg"),
        ("./pkg", "./other"),
        ("./pkg", "../pkg"),
        ("./Pkg", "./pkg"),
        ("foo", "--pre\nfoo"),
        ("foo\n--index-url https://a", "foo\n--index-url https://b"),
        ("foo\n--index-url https://a", "foo\n--extra-index-url https://a"),
        (
            "--extra-index-url https://a\n--extra-index-url https://b",
            "--extra-index-url https://b\n--extra-index-url https://a",
        ),
        ("--no-binary :none:\n--no-binary foo", "--no-binary foo\n--no-binary :none:"),
        ("foo", "foo\n-r https://h/base.txt"),
        ("-r https://h/base.txt", "-c https://h/base.txt"),
        ("--no-binary foo", "--only-binary foo"),
        ("--no-binary foo", "--no-binary foo,bar"),
    ];
    for (one, other) in table {
        assert_ne!(digest(one), digest(other), "{one:?} {other:?}");
    }
}

#[test]
fn the_digest_is_the_same_in_every_process_and_release() {
    let text = "\
--index-url https://h/simple
Foo[b,a]>=1,<2 ; python_version >= '3.9' and (os_name == 'nt' or sys_platform == 'linux')
bar==1 --hash=sha256:ab
baz @ git+https://h/r@v1
-e ./pkg
";
    insta::assert_snapshot!(
        digest(text),
        @"blake3:9fd265a37e5bf19d5991d9ab9a60f045af7bc041924f7efe6a7e1370e88b2cd2"
    );
}

#[test]
fn the_encoding_makes_no_difference() {
    let text = "foo==1\nbar @ ./ü\n".to_owned();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_mark = [b"\xFF\xFE", utf16.as_slice()].concat();
    assert_eq!(digest_of_bytes(&utf16), digest(&text));
    assert_eq!(digest_of_bytes(&with_mark), digest(&text));
}

#[test]
fn the_file_that_a_line_stands_in_makes_no_difference_but_constraining_does() {
    let whole = Project::new(&[("requirements.txt", b"foo==1\nbar==2\n")]);
    let split = Project::new(&[
        ("requirements.txt", b"-r sub/base.txt\nfoo==1\n"),
        ("sub/base.txt", b"-r \"../sub/more reqs.txt\"\n"),
        ("sub/more reqs.txt", b"bar==2\n-r base.txt\n"),
    ]);
    let constrained =
        Project::new(&[("requirements.txt", b"foo==1\n-c c.txt\n"), ("c.txt", b"bar==2\n")]);
    assert_eq!(split.digest(&[]), whole.digest(&[]));
    assert_ne!(constrained.digest(&[]), whole.digest(&[]));
}

#[test]
fn variables_count_unless_they_are_credentials() {
    let project = Project::new(&[(
        "requirements.txt",
        b"foo==${VERSION}\n--index-url https://u:${TOKEN}@${HOST}/simple\n",
    )]);
    let digest = |version, token, host| {
        project.digest(&[("VERSION", version), ("TOKEN", token), ("HOST", host)])
    };
    let base = digest("1", "one", "h");
    assert_eq!(base, digest("1", "two", "h"));
    assert_ne!(base, digest("2", "one", "h"));
    assert_ne!(base, digest("1", "one", "i"));
}

#[test]
fn metadata_of_local_paths_counts() {
    let files = |pyproject: &'static [u8]| -> Vec<(&'static str, &'static [u8])> {
        vec![("requirements.txt", b"-e ./pkg\n"), ("pkg/pyproject.toml", pyproject)]
    };
    let base = Project::new(&files(b"[project]\nname = 'pkg'\n")).digest(&[]);
    assert_eq!(Project::new(&files(b"[project]\nname = 'pkg'\n")).digest(&[]), base);
    assert_ne!(Project::new(&files(b"[project]\nname = 'pkg2'\n")).digest(&[]), base);

    let mut with_setup = files(b"[project]\nname = 'pkg'\n");
    with_setup.push(("pkg/setup.py", b""));
    assert_ne!(Project::new(&with_setup).digest(&[]), base);
    let mut with_source = files(b"[project]\nname = 'pkg'\n");
    with_source.push(("pkg/pkg.py", b"x = 1"));
    assert_eq!(Project::new(&with_source).digest(&[]), base);

    let wheel = |content: &'static [u8]| {
        Project::new(&[("requirements.txt", b"./w/a.whl"), ("w/a.whl", content)]).digest(&[])
    };
    assert_ne!(wheel(b"one"), wheel(b"two"));
}

#[test]
fn a_path_is_the_same_absolute_and_relative_and_in_another_checkout() {
    let project = Project::new(&[("requirements.txt", b"./pkg\n")]);
    let relative = project.digest(&[]);
    let slash = if cfg!(windows) { "/" } else { "" };
    let url = format!("file://{slash}{}/pkg", project.root.as_str().replace('\\', "/"));
    for absolute in [project.root.join("pkg").to_string(), url] {
        fs_err::write(project.root.join("requirements.txt"), &absolute).unwrap();
        assert_eq!(project.digest(&[]), relative, "{absolute}");
    }
    assert_eq!(digest("./pkg"), relative);
}

#[test]
fn table_of_spelled_paths() {
    let table = [
        ("pkg", "pkg"),
        ("./a//b/../c/", "a/c"),
        ("../a", "../a"),
        ("a/../../b", "../b"),
        ("/root/of/pkg", "pkg"),
        ("/root/of", "."),
        ("/root/offset", "/root/offset"),
        ("/root/of/../other", "/root/other"),
        ("/..", "/"),
        ("a\\b", "a/b"),
    ];
    for (path, expected) in table {
        assert_eq!(spelled(path.into(), "/root/of".into()), expected, "{path}");
    }
}

/// One requirement, and another way to write it.
fn respelled() -> impl Strategy<Value = (String, String)> {
    let name = "[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,4}){0,2}";
    let version = "[1-9]?[0-9](\\.[0-9]{1,2}){0,2}";
    let marker = prop::sample::select(vec!["", "os_name == 'nt'", "python_version >= '3.9'"]);
    let spelling =
        (any::<bool>(), prop::sample::select(vec!["-", "_", ".", "--", "_."]), "[ \t]{0,3}");
    (name, version, marker, spelling).prop_map(|(name, version, marker, (upper, dash, space))| {
        let marker = if marker.is_empty() { String::new() } else { format!(" ; {marker}") };
        let plain = format!("{name}=={version}{marker}");
        let mut other = name.replace('-', dash);
        if upper {
            other = other.to_uppercase();
        }
        let other = format!("{space}{other}{space}=={space}{version}{space}{marker} # {name}");
        (plain, other)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn shuffled_and_respelled_requirements_have_one_digest(
        lines in prop::collection::vec(respelled(), 1..8),
        seed in any::<u64>(),
        ending in prop::sample::select(vec!["\n", "\r\n", "\n\n", "\n# c\n", " \\\n\n"]),
        mark in any::<bool>(),
    ) {
        let plain: Vec<_> = lines.iter().map(|(plain, _)| plain.as_str()).collect();
        let mut others: Vec<_> = lines.iter().map(|(_, other)| other.as_str()).collect();
        // A continuation would make the comment swallow the next line.
        if ending.contains('\\') {
            others = plain.clone();
        }
        others.sort_by_key(|line| Digest::of(format!("{seed}{line}").as_bytes()));
        let mut text = others.join(ending);
        text.push_str(ending);
        if mark {
            text.insert(0, '\u{feff}');
        }
        prop_assert_eq!(digest(&plain.join("\n")), digest(&text), "{}", text);

        // One digit more is another thing altogether.
        let mut changed = plain.join("\n");
        changed.push_str("\nextra==1");
        prop_assert_ne!(digest(&plain.join("\n")), digest(&changed));
    }
}
