//! Layers: requirements files and a `pyproject.toml` that build on each other, and locks that somebody
//! may have edited. What is read is in order, planned the same twice, and its headers read back.

#![no_main]

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fuzz::Scratch;
use instep_lock::{
    GraphFormat, Header, Input, Layer, Strategy, Upgrades, Wish, observe, plan, splits,
};
use instep_tools::Environment;
use libfuzzer_sys::fuzz_target;

/// Between two files.
const SEPARATOR: &str = "\n====\n";

const FILES: [&str; 7] =
    ["base.in", "web.in", "pyproject.toml", "base.txt", "web.txt", "group.txt", "uv.toml"];

const NO_VARIABLES: [(&str, &str); 0] = [];

thread_local! {
    static SCRATCH: Scratch = Scratch::new();
}

fuzz_target!(|text: &str| SCRATCH.with(|scratch| {
    let texts: Vec<&str> = text.splitn(FILES.len(), SEPARATOR).collect();
    for (index, name) in FILES.iter().enumerate() {
        match texts.get(index).filter(|text| !text.is_empty()) {
            Some(text) => {
                scratch.write(name, text);
            }
            // A lock that is not there is another thing than an empty one.
            None if name.ends_with(".txt") || *name == "uv.toml" => {
                let _ = fs_err::remove_file(scratch.root().join(name));
            }
            None => {
                scratch.write(name, "");
            }
        }
    }
    check(scratch.root());
}));

fn check(root: &Utf8Path) {
    let file = |name: &str| Input::File(root.join(name));
    let pyproject = root.join("pyproject.toml");
    let has_tables = fs_err::metadata(&pyproject).is_ok_and(|file| file.len() > 0);
    let mut layers = vec![layer(root, "base", file("base.in")), layer(root, "web", file("web.in"))];
    if has_tables {
        let group = Input::Group { pyproject: pyproject.clone(), group: "dev".to_owned() };
        layers.push(layer(root, "group", group));
        let extra = Some("x".to_owned());
        layers.push(layer(root, "api", Input::Project { pyproject, extra }));
    }
    let observed = match observe(root, &layers, &Environment::new(root, None, NO_VARIABLES)) {
        Ok(observed) => observed,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            let _ = error.hint();
            return;
        }
    };
    assert_eq!(observed.layers.len(), layers.len());
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for known in &observed.layers {
        assert!(known.base.keys().all(|base| seen.contains(base.as_str())), "out of order");
        seen.insert(&known.layer.name);
        let closure = observed.closure(&known.layer.name);
        assert!(!closure.contains_key(known.layer.name.as_str()), "a circle");
        if let Some(header) = &known.header {
            let printed = header.print("x.in", "instep lock");
            assert_eq!(Header::parse(&printed).as_ref(), Some(header), "{printed}");
        }
    }
    for strategy in [Strategy::Joint, Strategy::Layered] {
        let wish = Wish {
            strategy,
            tool: "uv".to_owned(),
            version: None,
            python: "3.12".to_owned(),
            platform: None,
            upgrade: Upgrades::None,
        };
        let first = plan(&observed, &wish);
        assert_eq!(first, plan(&observed, &wish));
        assert_eq!(first.layers.len(), layers.len());
    }
    for split in splits(&observed) {
        assert_ne!(split.versions, split.base_versions);
        assert!(observed.closure(&split.layer).contains_key(split.base.as_str()));
    }
    for format in [GraphFormat::Mermaid, GraphFormat::Dot] {
        assert!(observed.graph(format).lines().count() > layers.len());
    }
}

fn layer(root: &Utf8Path, name: &str, input: Input) -> Layer {
    Layer {
        name: name.to_owned(),
        input,
        output: root.join(Utf8PathBuf::from(name).with_extension("txt")),
        python: None,
        platform: None,
        hashes: true,
        conflicts: BTreeSet::new(),
    }
}
