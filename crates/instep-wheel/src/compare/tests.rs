//! Wheels that differ in one thing, and in two.

use std::io::{Cursor, Write};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use camino::Utf8PathBuf;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256, Sha512};
use zip::write::{ExtendedFileOptions, FileOptions};
use zip::{DateTime, System, ZipWriter};

use super::*;
use crate::noise::Noise;

const INIT: &str = "demo/__init__.py";
const TOOL: &str = "demo/tool.py";
const DATA: &str = "demo/data.bin";
const METADATA: &str = "demo-1.0.dist-info/METADATA";
const WHEEL: &str = "demo-1.0.dist-info/WHEEL";
const ENTRY_POINTS: &str = "demo-1.0.dist-info/entry_points.txt";
const RECORD: &str = "demo-1.0.dist-info/RECORD";

/// A wheel to be.
#[derive(Clone)]
struct Build {
    file_name: &'static str,
    files: Vec<(String, Vec<u8>)>,
    /// Of each file, by its name.
    options: fn(&str, Options) -> Options,
    record: fn(String) -> String,
    comment: &'static str,
    is_streamed: bool,
    bytes: fn(&mut Vec<u8>),
}

type Options = FileOptions<'static, 'static, ExtendedFileOptions>;

impl Build {
    fn new() -> Self {
        let files = [
            (INIT, "__version__ = '1.0'\n"),
            (TOOL, "def main():\n    print('it runs')\n\n\nmain()\n"),
            (DATA, "\0\x01\x02\x03"),
            (
                METADATA,
                "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: one\n\
                 Requires-Dist: two\n\nWords.\n",
            ),
            (
                WHEEL,
                "Wheel-Version: 1.0\nGenerator: some 1.0\nRoot-Is-Purelib: true\n\
                 Tag: py3-none-any\n",
            ),
            (ENTRY_POINTS, "[console_scripts]\ndemo = demo.tool:main\n"),
        ];
        Self {
            file_name: "demo-1.0-py3-none-any.whl",
            files: files.map(|(name, text)| (name.to_owned(), text.into())).into(),
            options: |_, options| options,
            record: |text| text,
            comment: "",
            is_streamed: false,
            bytes: |_| {},
        }
    }

    /// Replaces a part of a file.
    fn edit(&mut self, name: &str, from: &str, to: &str) {
        let (_, content) = self.files.iter_mut().find(|(other, _)| other == name).unwrap();
        let text = String::from_utf8(content.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        *content = text.replace(from, to).into();
    }

    fn add(&mut self, name: &str, content: &str) {
        self.files.push((name.into(), content.into()));
    }

    fn right_record(&self) -> String {
        let row = |(name, content): &(String, Vec<u8>)| {
            let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
            format!("{name},sha256={digest},{}\n", content.len())
        };
        let files = self.files.iter().filter(|(name, _)| !name.ends_with('/'));
        let record = self.files.iter().find_map(|(name, _)| name.strip_suffix("METADATA"));
        let mut rows: Vec<String> = files.map(row).collect();
        rows.push(format!("{}RECORD,,\n", record.unwrap()));
        rows.sort();
        rows.concat()
    }

    fn zip(&self) -> Vec<u8> {
        fn write<W: Write + std::io::Seek>(build: &Build, writer: &mut ZipWriter<W>) {
            let record = (build.record)(build.right_record());
            let stem = build.files.iter().find_map(|(name, _)| name.strip_suffix("METADATA"));
            let name = [stem.unwrap(), "RECORD"].concat();
            let record = [(name, record.into_bytes())];
            for (name, content) in build.files.iter().chain(&record) {
                // The same on every system.
                let options = Options::default().system(System::Unix);
                let options = options.last_modified_time(DateTime::default());
                let options = (build.options)(name, options.unix_permissions(0o644));
                if name.ends_with('/') {
                    writer.add_directory(name.as_str(), options).unwrap();
                } else {
                    writer.start_file(name.as_str(), options).unwrap();
                    writer.write_all(content).unwrap();
                }
            }
            writer.set_comment(build.comment).unwrap();
        }
        let mut bytes = if self.is_streamed {
            let mut writer = ZipWriter::new_stream(Vec::new());
            write(self, &mut writer);
            writer.finish().unwrap().into_inner()
        } else {
            let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
            write(self, &mut writer);
            writer.finish().unwrap().into_inner()
        };
        (self.bytes)(&mut bytes);
        bytes
    }
}

/// Compares what these two builds come to.
fn compared(a: &Build, b: &Build) -> Result<Comparison, Error> {
    let guard = tempfile::tempdir().unwrap();
    let folder = Utf8PathBuf::try_from(guard.path().to_owned()).unwrap();
    let write = |name: &str, build: &Build| {
        let folder = folder.join(name);
        fs_err::create_dir(&folder).unwrap();
        let path = folder.join(build.file_name);
        fs_err::write(&path, build.zip()).unwrap();
        Wheel::open(&path)
    };
    compare(&write("a", a)?, &write("b", b)?)
}

fn changed(changes: &[fn(&mut Build)]) -> Build {
    let mut build = Build::new();
    for change in changes {
        change(&mut build);
    }
    build
}

fn kinds(noise: &[Noise]) -> Vec<NoiseKind> {
    noise.iter().map(|noise| noise.kind).collect()
}

/// Paths, and what differs at them, as the JSON calls it.
fn told(comparison: &Comparison) -> Vec<(String, String)> {
    let kind = |difference: &Difference| {
        let json = serde_json::to_value(difference).unwrap();
        (difference.path.clone(), json["kind"].as_str().unwrap().to_owned())
    };
    comparison.differences.iter().map(kind).collect()
}

fn tool_changes(build: &mut Build) {
    build.edit(TOOL, "it runs", "it does not");
}

fn tool_is_executable(build: &mut Build) {
    build.options = |name, options| {
        let options = options.system(System::Dos);
        options.unix_permissions(if name == TOOL { 0o755 } else { 0o644 })
    };
}

/// A kind of noise: a change that is nothing but that, and a change that has it and something material beside it,
/// which is found at this path as this kind.
type Case = (NoiseKind, fn(&mut Build), fn(&mut Build), (&'static str, &'static str));

const CASES: &[Case] = &[
    (
        NoiseKind::Timestamps,
        |build| {
            build.options = |_, options| {
                options
                    .last_modified_time(DateTime::from_date_and_time(2024, 2, 3, 4, 5, 6).unwrap())
            };
        },
        tool_changes,
        (TOOL, "text"),
    ),
    (NoiseKind::EntryOrder, |build| build.files.swap(0, 2), tool_changes, (TOOL, "text")),
    (
        NoiseKind::Compression,
        |build| {
            build.options = |_, options| options.compression_level(Some(1));
        },
        tool_changes,
        (TOOL, "text"),
    ),
    (
        NoiseKind::HostSystem,
        |build| build.options = |_, options| options.system(System::Dos),
        tool_is_executable,
        (TOOL, "mode"),
    ),
    (
        NoiseKind::Permissions,
        |build| build.options = |_, options| options.unix_permissions(0o664),
        |build| {
            build.options =
                |name, options| options.unix_permissions(if name == TOOL { 0o711 } else { 0o664 });
        },
        (TOOL, "mode"),
    ),
    (
        NoiseKind::ExtraFields,
        |build| {
            build.options = |_, options| options.with_alignment(64);
        },
        tool_changes,
        (TOOL, "text"),
    ),
    (NoiseKind::Comments, |build| build.comment = "built at night", tool_changes, (TOOL, "text")),
    (NoiseKind::DataDescriptors, |build| build.is_streamed = true, tool_changes, (TOOL, "text")),
    (
        NoiseKind::FolderEntries,
        |build| build.add("demo/", ""),
        |build| build.add("demo/empty/", ""),
        ("demo/empty/", "onlyInB"),
    ),
    (
        NoiseKind::RecordOrder,
        |build| {
            build.record = |text| text.lines().rev().map(|line| [line, "\n"].concat()).collect();
        },
        |build| {
            build.record = |text| {
                let content = "def main():\n    print('it runs')\n\n\nmain()\n";
                let digest = URL_SAFE_NO_PAD.encode(Sha512::digest(content));
                let row = format!("{TOOL},sha512={digest},{}", content.len());
                let lines = text
                    .lines()
                    .rev()
                    .map(|line| if line.starts_with(TOOL) { row.clone() } else { line.to_owned() });
                lines.map(|line| [&line, "\n"].concat()).collect()
            };
        },
        (RECORD, "record"),
    ),
    (
        NoiseKind::RecordFormat,
        |build| build.record = |text| text.replace(INIT, "\"demo/__init__.py\""),
        |build| {
            build.record = |text| {
                let rows = text.lines().map(|line| match line.rsplit_once(',') {
                    Some((row, _)) if row.starts_with(TOOL) => [row, ",\n"].concat(),
                    _ => [line, "\n"].concat(),
                });
                rows.collect::<String>().replace(INIT, "\"demo/__init__.py\"")
            };
        },
        (RECORD, "record"),
    ),
    (
        NoiseKind::GeneratorLine,
        |build| build.edit(WHEEL, "some 1.0", "other 2.0"),
        |build| build.edit(WHEEL, "Root-Is-Purelib: true", "Root-Is-Purelib: false"),
        (WHEEL, "metadata"),
    ),
    (
        NoiseKind::LineEndings,
        |build| build.edit(METADATA, "\n", "\r\n"),
        |build| build.edit(METADATA, "Requires-Dist: two", "Requires-Dist: three"),
        (METADATA, "metadata"),
    ),
    (
        NoiseKind::FileName,
        |build| build.file_name = "Demo-1.0-py3-none-any.whl",
        |build| build.file_name = "Demo-1.0-2-py3-none-any.whl",
        ("demo-1.0-py3-none-any.whl", "fileName"),
    ),
    (
        NoiseKind::Container,
        // The version that is needed to read the first entry.
        |build| build.bytes = |bytes| bytes[4] = 45,
        tool_changes,
        (TOOL, "text"),
    ),
];

#[test]
fn each_kind_of_noise_is_named_and_is_not_material() {
    assert_eq!(CASES.iter().map(|case| case.0).collect::<Vec<_>>(), NoiseKind::ALL);
    for (kind, noise, ..) in CASES {
        let comparison = compared(&Build::new(), &changed(&[*noise])).unwrap();
        assert_eq!(comparison.verdict, Verdict::Same, "{kind:?}: {comparison:#?}");
        assert!(comparison.is_reproducible);
        assert_eq!(kinds(&comparison.noise), [*kind], "{:#?}", comparison.noise);
        let noise = &comparison.noise[0];
        assert!(noise.count >= noise.examples.len() && !noise.examples.is_empty(), "{noise:?}");
        assert!(noise.examples.iter().all(|example| example.a != example.b), "{noise:?}");
    }
}

#[test]
fn a_real_change_next_to_noise_is_found() {
    for (kind, noise, real, found) in CASES {
        let comparison = compared(&Build::new(), &changed(&[*noise, *real])).unwrap();
        assert_eq!(comparison.verdict, Verdict::Different, "{kind:?}");
        assert!(!comparison.is_reproducible);
        let found = (found.0.to_owned(), found.1.to_owned());
        assert_eq!(told(&comparison), [found], "{kind:?}: {comparison:#?}");
    }
}

/// What it is, both builds, and where it is found.
type Hidden = (&'static str, fn(&mut Build), fn(&mut Build), &'static str);

const HIDDEN: &[Hidden] = &[
    (
        "a line that goes on behind the generator",
        |_| {},
        |build| {
            build.edit(WHEEL, "some 1.0\n", "some 1.0\n Tag: py2-none-any\n");
        },
        WHEEL,
    ),
    (
        "a tag behind a CR in the generator's line",
        |_| {},
        |build| {
            build.edit(WHEEL, "some 1.0\n", "some 1.0\rTag: py2-none-any\n");
        },
        WHEEL,
    ),
    (
        "a generator below the headers",
        |build| build.edit(WHEEL, "-any\n", "-any\n\nGenerator: one\n"),
        |build| build.edit(WHEEL, "-any\n", "-any\n\nGenerator: other\n"),
        WHEEL,
    ),
    (
        "a CR alone in METADATA",
        |_| {},
        |build| {
            build.edit(METADATA, "two\n", "two\rRequires-Dist: three\n");
        },
        METADATA,
    ),
    (
        "a CR alone among other line endings",
        |build| build.edit(METADATA, "\n", "\r\n"),
        |build| {
            build.edit(METADATA, "\n", "\r\n");
            build.edit(METADATA, "one\r\n", "one\r");
        },
        METADATA,
    ),
    ("an empty folder", |build| build.add("demo/empty/", ""), |_| {}, "demo/empty/"),
    (
        "a tag of the file name",
        |_| {},
        |build| build.file_name = "demo-1.0-py2.py3-none-any.whl",
        "demo-1.0-py3-none-any.whl",
    ),
    (
        "the order of headers",
        |_| {},
        |build| {
            build.edit(
                METADATA,
                "Requires-Dist: one\nRequires-Dist: two",
                "Requires-Dist: two\nRequires-Dist: one",
            );
        },
        METADATA,
    ),
    ("the end of METADATA", |_| {}, |build| build.edit(METADATA, "Words.\n", "Words."), METADATA),
    ("line endings of a module", |_| {}, |build| build.edit(TOOL, "\n", "\r\n"), TOOL),
    (
        "an entry point",
        |_| {},
        |build| {
            build.edit(ENTRY_POINTS, "\n", "\r\n");
            build.edit(ENTRY_POINTS, "main", "other");
        },
        ENTRY_POINTS,
    ),
    (
        "set-user-ID",
        |_| {},
        |build| {
            build.options = |name, options| {
                options
                    .external_attributes((0o100_644 | if name == TOOL { 0o4000 } else { 0 }) << 16)
            };
        },
        TOOL,
    ),
    // pip looks at the type of a file, uv does not.
    (
        "the type of a file that is executable",
        tool_is_executable,
        |build| {
            build.options = |name, options| match name {
                TOOL => options.system(System::Dos).external_attributes(0o000_755 << 16),
                _ => options.system(System::Dos).unix_permissions(0o644),
            };
        },
        TOOL,
    ),
    (
        "RECORD lists itself no more",
        |_| {},
        |build| {
            build.record = |text| text.replace("demo-1.0.dist-info/RECORD,,\n", "");
        },
        RECORD,
    ),
    (
        "a file of the name of a folder",
        |build| build.add("demo/it/", ""),
        |build| {
            build.add("demo/it", "");
        },
        "demo/it/",
    ),
];

#[test]
fn what_hides_next_to_noise_is_found() {
    for (name, a, b, path) in HIDDEN {
        let comparison = compared(&changed(&[*a]), &changed(&[*b])).unwrap();
        assert_eq!(comparison.verdict, Verdict::Different, "{name}: {comparison:#?}");
        let paths: Vec<String> = told(&comparison).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, [*path], "{name}: {comparison:#?}");
    }
}

#[test]
fn a_wheel_is_identical_to_itself() {
    let comparison = compared(&Build::new(), &Build::new()).unwrap();
    assert_eq!(comparison.verdict, Verdict::Identical);
    assert!(comparison.is_reproducible && comparison.noise.is_empty());
    assert!(comparison.differences.is_empty());
    assert_eq!(comparison.a.content, comparison.b.content);
    assert_eq!((comparison.a.files, comparison.a.content.size > 0), (7, true));
}

#[test]
fn each_difference_says_what_it_is() {
    let b = changed(&[tool_changes, |build| {
        build.files.remove(0);
        build.add("demo/new.py", "");
        build.edit(METADATA, "Requires-Dist: one", "Requires-Dist: one>=2");
        build.edit(METADATA, "Words", "Other words");
        build.edit(WHEEL, "py3-none-any", "py2-none-any");
        build.edit(DATA, "\x02", "\x04");
    }]);
    let mut comparison = serde_json::to_value(compared(&Build::new(), &b).unwrap()).unwrap();
    for side in ["a", "b"] {
        comparison[side]["path"] = "[PATH]".into();
        comparison[side]["sha256"] = "[DIGEST]".into();
        comparison[side]["size"] = "[SIZE]".into();
    }
    insta::assert_json_snapshot!(comparison);
}

#[test]
fn what_two_versions_have_in_common_is_compared() {
    let b = changed(&[|build| {
        build.file_name = "demo-1.1-py3-none-any.whl";
        build.edit(METADATA, "Version: 1.0", "Version: 1.1");
        build.add("demo-1.1.data/scripts/run", "b");
        for (name, _) in &mut build.files {
            *name = name.replace("demo-1.0", "demo-1.1");
        }
    }]);
    let a = changed(&[|build| build.add("demo-1.0.data/scripts/run", "a")]);
    let expected = [
        ("demo-1.0-py3-none-any.whl", "fileName"),
        ("demo-1.0.data/scripts/run", "text"),
        ("demo-1.0.dist-info", "folderName"),
        (METADATA, "metadata"),
    ];
    let expected = expected.map(|(path, kind)| (path.to_owned(), kind.to_owned()));
    let comparison = compared(&a, &b).unwrap();
    assert_eq!(told(&comparison), expected, "{comparison:#?}");
    assert!(comparison.noise.is_empty(), "{:#?}", comparison.noise);
}

#[test]
fn a_long_diff_is_cut_and_a_large_text_is_told_by_its_digest() {
    let lines = |word: &str, count: usize| {
        (0..count).map(|at| [word, &at.to_string(), "\n"].concat()).collect::<String>()
    };
    let build = |word: &str| {
        let mut build = Build::new();
        build.add("demo/long.txt", &lines(word, 20_000));
        build.add("demo/large.txt", &lines(word, 200_000));
        build
    };
    let comparison = compared(&build("one"), &build("two")).unwrap();
    let changes: Vec<&Change> = comparison.differences.iter().map(|one| &one.change).collect();
    let [Change::Binary { a, .. }, Change::Text { diff, .. }] = changes[..] else {
        panic!("{changes:#?}");
    };
    assert!(a.size > LARGEST_DIFFED);
    assert!(diff.is_cut && diff.text.len() <= 64 << 10 && diff.text.starts_with("@@ -1,20000"));
}

#[test]
fn a_wheel_that_is_refused_is_not_compared() {
    let broken = changed(&[|build| build.record = |text| text.replace(TOOL, "demo/absent.py")]);
    for (a, b) in [(&Build::new(), &broken), (&broken, &Build::new()), (&broken, &broken)] {
        assert!(matches!(compared(a, b), Err(Error::Refused { .. })));
    }
}

#[test]
fn what_moves_a_cursor_is_shown_escaped() {
    let table = [
        ("plain \"text\" 'with' a\\b\ttab, é and 日本", None),
        ("\u{1b}[2Jgone\r", Some(r"\u{1b}[2Jgone\r")),
        ("to\u{202e}txet", Some(r"to\u{202e}txet")),
        ("zero\u{200b}width", Some(r"zero\u{200b}width")),
    ];
    for (text, shown) in table {
        assert_eq!(visible(text), shown.unwrap_or(text));
    }
}

/// A difference of which the sides are swapped.
fn swapped(kind: &str) -> &str {
    match kind {
        "onlyInA" => "onlyInB",
        "onlyInB" => "onlyInA",
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn comparing_is_symmetric(one in 0..CASES.len(), other in 0..CASES.len(), is_real: bool) {
        let of = |at: usize, is_real: bool| {
            let (_, noise, real, _) = CASES[at];
            changed(&[noise, if is_real { real } else { |_| {} }])
        };
        let (a, b) = (of(one, is_real), of(other, false));
        let there = compared(&a, &b).unwrap();
        let back = compared(&b, &a).unwrap();
        prop_assert_eq!(there.verdict, back.verdict);
        let there_kinds = there.noise.iter().map(|noise| (noise.kind, noise.count));
        let back_kinds = back.noise.iter().map(|noise| (noise.kind, noise.count));
        prop_assert!(there_kinds.eq(back_kinds), "{:#?} {:#?}", there.noise, back.noise);
        let there_kinds: Vec<String> = told(&there).into_iter().map(|(_, kind)| kind).collect();
        let back_kinds: Vec<String> =
            told(&back).iter().map(|(_, kind)| swapped(kind).to_owned()).collect();
        prop_assert_eq!(there_kinds, back_kinds);
    }

    #[test]
    fn an_edit_of_any_byte_is_found(file in 0..6_usize, at: prop::sample::Index, bits in 1..=255_u8) {
        let mut b = Build::new();
        let (name, content) = &mut b.files[file];
        let at = at.index(content.len());
        content[at] ^= bits;
        let name = name.clone();
        let text = String::from_utf8_lossy(&Build::new().files[file].1).into_owned();
        let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let is_generator = text[line..].starts_with("Generator: ");
        match compared(&Build::new(), &b) {
            // METADATA and WHEEL have to name the package and a version that is known.
            Err(Error::Refused { entry, .. }) => prop_assert_eq!(entry, Some(name)),
            Err(error) => prop_assert!(false, "{}", error),
            Ok(comparison) if is_generator && comparison.verdict == Verdict::Same => {
                prop_assert_eq!(kinds(&comparison.noise), [NoiseKind::GeneratorLine]);
            }
            Ok(comparison) => {
                prop_assert_eq!(comparison.verdict, Verdict::Different);
                prop_assert_eq!(told(&comparison).len(), 1);
                prop_assert_eq!(&comparison.differences[0].path, &name);
            }
        }
    }
}
