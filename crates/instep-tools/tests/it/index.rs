use camino::Utf8Path;
use instep_tools::{CancelToken, Error, IndexSettings, Run};

use crate::support::{any_python, environment, folder, only, real_tools};

/// What pip is told, what uv is told, and what uv is to be told then.
struct Case {
    name: &'static str,
    /// Files, each with its path below the folder of the test.
    files: &'static [(&'static str, &'static str)],
    variables: &'static [(&'static str, &'static str)],
    expected: &'static [(&'static str, &'static str)],
}

const USER: &str = "config/pip/pip.conf";
const SITE: &str = "prefix/pip.conf";
const MACHINE: &str = "etc/pip/pip.conf";

const CASES: &[Case] = &[
    Case { name: "nothing", files: &[], variables: &[], expected: &[] },
    Case {
        name: "a variable",
        files: &[],
        variables: &[("PIP_INDEX_URL", "https://u:p@one/simple")],
        expected: &[("UV_DEFAULT_INDEX", "https://u:p@one/simple")],
    },
    Case {
        name: "a variable beats every file",
        files: &[(USER, "[install]\nindex-url = https://file/simple\n")],
        variables: &[("PIP_INDEX_URL", "https://variable/simple")],
        expected: &[("UV_DEFAULT_INDEX", "https://variable/simple")],
    },
    Case {
        name: "an empty variable hides no file",
        files: &[(USER, "[global]\nindex-url = https://file/simple\n")],
        variables: &[("PIP_INDEX_URL", "")],
        expected: &[("UV_DEFAULT_INDEX", "https://file/simple")],
    },
    Case {
        name: "the user's file beats the machine's, the environment's beats both",
        files: &[
            (
                MACHINE,
                "[global]\nindex-url = https://machine/\nproxy = http://proxy:1\nclient-cert = c\n",
            ),
            (USER, "[global]\nindex-url = https://user/\nproxy = http://proxy:2\n"),
            (SITE, "[global]\nindex-url = https://site/\n"),
        ],
        variables: &[],
        expected: &[
            ("UV_DEFAULT_INDEX", "https://site/"),
            ("SSL_CLIENT_CERT", "{cwd}/c"),
            ("ALL_PROXY", "http://proxy:2"),
        ],
    },
    Case {
        name: "[install] beats [global] in whatever file",
        files: &[
            (MACHINE, "[install]\nindex-url = https://install/\n"),
            (
                SITE,
                "[global]\nindex-url = https://global/\n[freeze]\nindex-url = https://freeze/\n",
            ),
        ],
        variables: &[],
        expected: &[("UV_DEFAULT_INDEX", "https://install/")],
    },
    Case {
        name: "the legacy file counts, the new one wins",
        files: &[
            ("home/.pip/pip.conf", "[global]\nindex-url = https://legacy/\nproxy = http://p:1\n"),
            (USER, "[global]\nindex-url = https://new/\n"),
        ],
        variables: &[],
        expected: &[("UV_DEFAULT_INDEX", "https://new/"), ("ALL_PROXY", "http://p:1")],
    },
    Case {
        name: "a named file wins, and stands for the user's",
        files: &[
            (USER, "[global]\nindex-url = https://user/\nproxy = http://user:1\n"),
            (SITE, "[global]\nindex-url = https://site/\nfind-links = a\n"),
            ("named.conf", "[global]\nindex-url = https://named/\n"),
        ],
        variables: &[("PIP_CONFIG_FILE", "named.conf")],
        expected: &[("UV_DEFAULT_INDEX", "https://named/"), ("UV_FIND_LINKS", "a")],
    },
    Case {
        name: "the null device stands for no files",
        files: &[(USER, "[global]\nindex-url = https://user/\n")],
        variables: &[("PIP_CONFIG_FILE", "/dev/null")],
        expected: &[],
    },
    Case {
        name: "the file format",
        files: &[(
            USER,
            "# a comment\n; another\n[global]\nIndex_URL: https://one/?a=b:c\nextra-index-url =\n    https://two/simple\n\n    # within\n    https://three/simple\n--trusted-host = two three\n[other]\nnonsense = 1\n",
        )],
        variables: &[],
        expected: &[
            ("UV_DEFAULT_INDEX", "https://one/?a=b:c"),
            ("UV_EXTRA_INDEX_URL", "https://two/simple https://three/simple"),
            ("UV_INDEX_STRATEGY", "unsafe-best-match"),
            ("UV_INSECURE_HOST", "two three"),
        ],
    },
    Case {
        name: "uv's own variables win, each for its own",
        files: &[],
        variables: &[
            ("PIP_INDEX_URL", "https://pip/"),
            ("PIP_EXTRA_INDEX_URL", "https://pip/extra"),
            ("PIP_FIND_LINKS", "/pip /more"),
            ("PIP_TRUSTED_HOST", "pip"),
            ("UV_INDEX_URL", "https://uv/"),
            ("UV_INSECURE_HOST", "uv"),
        ],
        expected: &[
            ("UV_EXTRA_INDEX_URL", "https://pip/extra"),
            ("UV_INDEX_STRATEGY", "unsafe-best-match"),
            ("UV_FIND_LINKS", "/pip,/more"),
        ],
    },
    Case {
        name: "the user's further indexes keep the user's strategy",
        files: &[],
        variables: &[
            ("PIP_EXTRA_INDEX_URL", "https://pip/extra"),
            ("UV_INDEX", "corp=https://uv/"),
            ("PIP_FIND_LINKS", "/pip"),
            ("UV_FIND_LINKS", "/uv"),
        ],
        expected: &[],
    },
    Case {
        name: "a strategy that the user has set",
        files: &[],
        variables: &[
            ("PIP_EXTRA_INDEX_URL", "https://pip/extra"),
            ("UV_INDEX_STRATEGY", "first-index"),
        ],
        expected: &[("UV_EXTRA_INDEX_URL", "https://pip/extra")],
    },
    Case {
        name: "uv.toml of the project",
        files: &[("uv.toml", "index-url = \"https://uv/\"\n")],
        variables: &[("PIP_INDEX_URL", "https://pip/"), ("PIP_FIND_LINKS", "/pip")],
        expected: &[("UV_FIND_LINKS", "/pip")],
    },
    Case {
        name: "pyproject.toml of the project",
        files: &[("pyproject.toml", "[tool.uv.pip]\nindex-url = \"https://uv/\"\n")],
        variables: &[("PIP_INDEX_URL", "https://pip/")],
        expected: &[],
    },
    Case {
        name: "pyproject.toml without a word on uv",
        files: &[("pyproject.toml", "[tool.black]\nindex = 1\n")],
        variables: &[("PIP_INDEX_URL", "https://pip/")],
        expected: &[("UV_DEFAULT_INDEX", "https://pip/")],
    },
    Case {
        name: "uv.toml of the user",
        files: &[("config/uv/uv.toml", "[[index]]\nurl = \"https://uv/\"\n")],
        variables: &[("PIP_INDEX_URL", "https://pip/")],
        expected: &[],
    },
    Case {
        name: "certificates as requests finds them",
        files: &[],
        // Without the machine's own file, which may name some.
        variables: &[
            ("PIP_CONFIG_FILE", "/dev/null"),
            ("REQUESTS_CA_BUNDLE", "/ca.pem"),
            ("CURL_CA_BUNDLE", "/curl.pem"),
        ],
        expected: &[("SSL_CERT_FILE", "/ca.pem")],
    },
    Case {
        name: "certificates of pip, a client's among them",
        files: &[],
        variables: &[
            ("PIP_CERT", "/pip.pem"),
            ("REQUESTS_CA_BUNDLE", "/ca.pem"),
            ("PIP_CLIENT_CERT", "/me.pem"),
        ],
        expected: &[("SSL_CERT_FILE", "/pip.pem"), ("SSL_CLIENT_CERT", "/me.pem")],
    },
    Case {
        name: "certificates that the user has set for uv",
        files: &[],
        variables: &[("PIP_CERT", "/pip.pem"), ("SSL_CERT_DIR", "/certs")],
        expected: &[],
    },
    Case {
        name: "a proxy that is set for all",
        files: &[],
        variables: &[("PIP_PROXY", "http://pip:1"), ("https_proxy", "http://all:1")],
        expected: &[],
    },
];

/// Writes the files, and reads pip's settings with every place of configuration inside of `cwd`.
fn read(
    cwd: &Utf8Path,
    files: &[(&str, &str)],
    variables: &[(&str, &str)],
) -> (instep_tools::Environment, Result<IndexSettings, Error>) {
    for (path, text) in files {
        let path = cwd.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let environment = only(cwd, variables)
        .with_var("XDG_CONFIG_HOME", cwd.join("config").as_str())
        .with_var("XDG_CONFIG_DIRS", cwd.join("etc").as_str());
    let settings = IndexSettings::from_pip(&environment, Some(&cwd.join("prefix")));
    (environment, settings)
}

#[test]
fn pips_settings_are_told_to_uv() {
    // The machine's own file cannot be moved away: what it says may be told, too.
    let (_guard, empty) = folder();
    let (environment, machine) = read(&empty, &[], &[]);
    let machine = machine.unwrap().to_uv_env(&environment);
    for case in CASES {
        let (_guard, cwd) = folder();
        let (environment, settings) = read(&cwd, case.files, case.variables);
        let mut told = settings.unwrap().to_uv_env(&environment);
        let expected: Vec<(String, String)> = case
            .expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.replace("{cwd}", cwd.as_str())))
            .collect();
        told.retain(|variable| expected.contains(variable) || !machine.contains(variable));
        assert_eq!(told, expected, "{}", case.name);
    }
}

#[test]
fn a_folder_of_certificates_is_told_as_one() {
    let (_guard, cwd) = folder();
    std::fs::create_dir(cwd.join("certs")).unwrap();
    let (environment, settings) = read(&cwd, &[], &[("PIP_CERT", "certs")]);
    let told = settings.unwrap().to_uv_env(&environment);
    assert_eq!(told, [("SSL_CERT_DIR".to_owned(), cwd.join("certs").to_string())]);
}

#[test]
fn no_index_is_an_option_unless_uv_has_an_index_of_its_own() {
    let (_guard, cwd) = folder();
    let cases = [
        ("1", "", true),
        ("Yes", "", true),
        ("0", "", false),
        ("", "", false),
        ("1", "https://uv/", false),
    ];
    for (no_index, uv_index, expected) in cases {
        let variables = [("PIP_NO_INDEX", no_index), ("UV_INDEX", uv_index)];
        let (environment, settings) = read(&cwd, &[], &variables);
        let args = settings.unwrap().to_uv_args(&environment);
        assert_eq!(args == ["--no-index"], expected, "{variables:?}: {args:?}");
    }
}

#[test]
fn a_file_that_pip_would_refuse_is_refused_with_its_line() {
    let cases = [("index-url = x\n", 1), ("[global]\n\nno delimiter\n", 3), ("[global]\n= x\n", 2)];
    for (text, expected) in cases {
        let (_guard, cwd) = folder();
        let error = read(&cwd, &[(SITE, text)], &[]).1.unwrap_err();
        let Error::PipConfig { path, line, .. } = &error else { panic!("{error:?}") };
        assert_eq!((path, *line), (&cwd.join(SITE), expected), "{text}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let (_guard, cwd) = folder();
    let secret = "https://user:hunter2@host/simple";
    let settings = IndexSettings {
        index_url: Some(secret.to_owned()),
        extra_index_urls: vec![secret.to_owned()],
        find_links: vec![secret.to_owned()],
        proxy: Some(secret.to_owned()),
        ..read(&cwd, &[], &[]).1.unwrap()
    };
    let shown = format!("{settings:?}");
    assert!(!shown.contains("hunter2") && shown.contains("index_url"), "{shown}");
}

/// pip itself is asked what it goes by, so that the precedence above is pip's and not only this crate's.
#[test]
fn pip_agrees_on_what_wins() {
    let (_guard, cwd) = folder();
    let python = any_python(&environment(&cwd));
    if python.pip_version.is_none() {
        return;
    }
    // Inside of pip the environment's file is that of the Python that runs it.
    let of_pip = |case: &&Case| {
        case.files
            .iter()
            .all(|(path, _)| Utf8Path::new(path).extension() == Some("conf") && *path != SITE)
            && case.variables.iter().all(|(name, _)| name.starts_with("PIP_"))
    };
    for case in CASES.iter().filter(of_pip) {
        let (_guard, cwd) = folder();
        let (environment, settings) = read(&cwd, case.files, case.variables);
        let environment = environment.with_var("HOME", cwd.join("home").as_str());
        let script = "from pip._internal.commands import create_command\ncommand = create_command('install')\nfrom pip._internal.models.index import PyPI\noptions, _ = command.parser.parse_args([])\nprint('' if options.index_url == PyPI.simple_url else options.index_url)\nprint(' '.join(options.extra_index_urls))\nprint(' '.join(options.find_links))\nprint(options.proxy)\n";
        let output = Run::new(&python.executable, &environment)
            .args(["-c", script])
            .run(&CancelToken::new(), &mut |_, _| {})
            .unwrap();
        let settings = settings.unwrap();
        let ours = format!(
            "{}\n{}\n{}\n{}\n",
            settings.index_url.as_deref().unwrap_or_default(),
            settings.extra_index_urls.join(" "),
            settings.find_links.join(" "),
            settings.proxy.as_deref().unwrap_or_default(),
        );
        assert_eq!(ours, output.stdout, "{}", case.name);
    }
}

/// uv itself is asked to resolve what only a folder of pip's `find-links` has.
#[test]
fn uv_understands_what_it_is_told() {
    let Some(tools) = real_tools("uv_understands_what_it_is_told") else { return };
    let (_guard, cwd) = folder();
    for name in ["a", "b"] {
        let folder = cwd.join(name);
        std::fs::create_dir(&folder).unwrap();
        let wheel =
            std::fs::File::create(folder.join(format!("instep_{name}-1.0-py3-none-any.whl")));
        let mut zip = zip::ZipWriter::new(wheel.unwrap());
        for (file, text) in [
            ("METADATA", format!("Metadata-Version: 2.1\nName: instep-{name}\nVersion: 1.0\n")),
            ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned()),
            ("RECORD", String::new()),
        ] {
            let path = format!("instep_{name}-1.0.dist-info/{file}");
            zip.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut zip, text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
    }
    std::fs::write(cwd.join("wanted.in"), "instep-a\ninstep-b\n").unwrap();
    let pip = format!("{cwd}/a {cwd}/b");
    let environment = environment(&cwd)
        .with_var("PIP_FIND_LINKS", pip)
        .with_var("PIP_NO_INDEX", "1")
        .without_var("UV_FIND_LINKS");
    let settings = IndexSettings::from_pip(&environment, None).unwrap();
    let run = || {
        Run::new(tools.join("uv"), &environment)
            .args(["pip", "compile", "--no-cache", "--no-header", "--no-annotate", "wanted.in"])
            .args(settings.to_uv_args(&environment))
    };
    let cancel = CancelToken::new();
    let told = run().envs(settings.to_uv_env(&environment)).run(&cancel, &mut |_, _| {}).unwrap();
    assert_eq!(told.stdout, "instep-a==1.0\ninstep-b==1.0\n");
    // And without being told it cannot.
    run().run(&cancel, &mut |_, _| {}).unwrap_err();
}
