//! Files that nobody wrote for a good purpose: each ends in an answer, and none in a crash. The parsers are
//! written in C, and a crash would end this test's process.

use camino::Utf8Path;
use fs_err as fs;
use instep_ci::{Error, Settings, apply, observe, plan};

#[test]
fn what_is_huge_or_deep_is_named_and_nothing_crashes() {
    let aliases = |first: &str, next: &dyn Fn(String) -> String, last: &str| {
        let rows = (1..30).map(|level| {
            let all = vec![format!("*a{}", level - 1); 9].join(", ");
            format!("a{level}: &a{level} {}\n", next(all))
        });
        [first, &rows.collect::<String>(), last].concat()
    };
    let workflow = ".github/workflows/x.yml";
    let staircase: String = (0..3000).map(|level| " ".repeat(level) + "- \n").collect();
    let table: [(&str, String, bool); 16] = [
        (workflow, "a: ".to_owned() + &"[".repeat(3_000_000), true),
        (workflow, format!("a: {}{}", "[".repeat(500_000), "]".repeat(500_000)), true),
        (workflow, staircase, true),
        (workflow, "- ".repeat(500_000) + "x", true),
        (
            workflow,
            format!("jobs: {{a: {{steps: [{{run: \"{}\"}}]}}}}", "$(".repeat(500_000)),
            true,
        ),
        (workflow, "x: y\n".repeat(100_000), true),
        (
            workflow,
            aliases("a0: &a0 [x]\n", &|all| format!("[{all}]"), "jobs: {a: {steps: *a29}}\n"),
            false,
        ),
        (
            workflow,
            aliases("a0: &a0 {x: y}\n", &|all| format!("{{<<: [{all}]}}"), "jobs: *a29\n"),
            false,
        ),
        (
            ".gitlab-ci.yml",
            aliases("a0: &a0 [x]\n", &|all| format!("[{all}]"), "j: {script: *a29}\n"),
            true,
        ),
        ("azure-pipelines.yml", aliases("a0: &a0 [x]\n", &|all| format!("[{all}]"), ""), true),
        (".devcontainer.json", "{\"a\":".repeat(100_000), true),
        (".devcontainer.json", "[".repeat(100_000), true),
        ("Makefile", "all:\n\t".to_owned() + &"$(".repeat(300_000), false),
        ("Makefile", "all:\n".to_owned() + &"\tuv sync --dev \\\n".repeat(20_000), false),
        (".devcontainer/x.sh", "cat ".to_owned() + &"<<A ".repeat(2000), false),
        (".devcontainer/x.sh", "(".repeat(200_000) + "uv sync", false),
    ];
    let settings = Settings {
        commands: [("uv".to_owned(), "uv sync".to_owned())].into(),
        python: vec!["3.12".to_owned()],
        ..Settings::default()
    };
    for (number, (name, text, is_broken)) in table.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
        let plan = plan(observe(root, &settings).unwrap(), &settings).unwrap();
        assert_eq!(!plan.broken.is_empty(), is_broken, "{number} {name}: {:?}", plan.broken);
        match apply(root, &plan) {
            Err(Error::Invalid(broken)) => assert_eq!(broken[0].path, name),
            result => assert_eq!(result.unwrap(), 0, "{number} {name}"),
        }
        assert!(fs::read(&path).unwrap() == text.as_bytes(), "{number} {name} was changed");
    }
}
