//! The user's own index, with a password: honoured by each tool, and written nowhere.

use instep_tests::{Index, Project};

use crate::support::{Engine, family, packages, set};

const PASSWORD: &str = "hunter2-s3cret";

/// Every file below the project that holds the password.
fn files_with_password(project: &Project) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![project.root().to_owned(), project.cache()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = folder.read_dir_utf8() else { continue };
        for entry in entries.filter_map(Result::ok) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.into_path());
            } else if let Ok(bytes) = std::fs::read(entry.path()) {
                let text = String::from_utf8_lossy(&bytes);
                if text.contains(PASSWORD) {
                    found.push(entry.path().to_string());
                }
            }
        }
    }
    found
}

#[test]
fn an_index_with_a_password_is_used_and_never_written_down() {
    for engine in [Engine::Uv, Engine::Pip] {
        let Some(project) = engine.project() else { return };
        family(&project);
        let index = Index::of(&project.wheels()).password("joe", PASSWORD).start();
        let project = project.index(&index);
        project.write("requirements.txt", "tool==1.0\n");
        let outcome = project.run(["sync", "--verbose"]).success();
        assert_eq!(packages(&project), set(&[("tool", "1.0")]), "{engine:?}");
        assert!(index.requests().iter().any(|request| request.credentials.is_some()));
        assert!(!outcome.stderr.contains(PASSWORD), "{engine:?}");
        let outcome = project.run(["sync", "--rebuild", "--events"]).success();
        assert!(!outcome.stdout.contains(PASSWORD), "{engine:?}");
        project.write("requirements.txt", "tool==1.0\nno-such-package\n");
        let outcome = project.run(["sync", "--json"]).exit(2);
        assert!(!outcome.stderr.contains(PASSWORD), "{engine:?}: {}", outcome.stderr);
        assert!(!outcome.stdout.contains(PASSWORD), "{engine:?}");
        assert_eq!(files_with_password(&project), Vec::<String>::new(), "{engine:?}");
    }
}

#[test]
fn an_index_named_in_the_requirements_is_used_and_not_in_the_lock() {
    for engine in [Engine::Uv, Engine::Pip] {
        let Some(project) = engine.project() else { return };
        family(&project);
        let index = Index::of(&project.wheels()).password("joe", PASSWORD).start();
        let project =
            project.without(&["PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_OFFLINE", "UV_FIND_LINKS"]);
        let bare = index.url_without_password();
        let url = bare.replace("://", "://joe:${INDEX_PASSWORD}@");
        let project = project.variable("INDEX_PASSWORD", PASSWORD);
        project.write("requirements.txt", format!("--index-url {url}\ntool==1.0\n"));
        project.run(["sync"]).success();
        assert_eq!(packages(&project), set(&[("tool", "1.0")]), "{engine:?}");
        let lock = project.read("requirements-lock.txt");
        assert!(!lock.contains("127.0.0.1"), "{engine:?}: {lock}");
        assert_eq!(files_with_password(&project), Vec::<String>::new(), "{engine:?}");
        project.run(["check"]).success();
    }
}
