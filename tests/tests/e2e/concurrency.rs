//! Two at once: one works, the others wait, say for whom, and find nothing to do.

use std::process::{Child, Stdio};

use instep_tests::Project;

use crate::support::{ENGINES, assert_tidy, family, journal, json, packages};

fn start(project: &Project) -> Child {
    let mut command = project.instep(["sync", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn of_eight_syncs_one_works_and_seven_find_nothing_to_do() {
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        family(&project);
        project.write("requirements.txt", "app\ntool\n");
        let children: Vec<Child> = (0..8).map(|_| start(&project)).collect();
        let mut outcomes = Vec::new();
        let mut waited = 0;
        for child in children {
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{engine:?}: {stderr}");
            waited += usize::from(stderr.contains("waiting for `instep sync default`"));
            let result = json(&String::from_utf8(output.stdout).unwrap());
            outcomes.push(result["environments"][0]["outcome"].as_str().unwrap().to_owned());
        }
        let worked = outcomes.iter().filter(|outcome| *outcome == "synced").count();
        assert_eq!((worked, outcomes.len()), (1, 8), "{engine:?}: {outcomes:?}");
        assert!(waited >= 1, "{engine:?}: nobody said for whom it waits");
        assert_eq!(packages(&project).len(), 4);
        assert_eq!(journal(&project).len(), 2, "one start and one end");
        assert_tidy(&project);
    }
}
