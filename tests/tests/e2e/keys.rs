//! `instep keys`: who would be asked for a password, who would answer, and the password where it is wanted.

#[cfg(target_os = "linux")]
use instep_tests::tools;
use instep_tests::{Outcome, Project, VaultServer};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse \u{1b}[1mbattery äöü";

/// A project whose keys come from a variable, and then from nowhere but the development password.
fn project() -> Project {
    let project = Project::new();
    project.write("instep.toml", "[keys]\norder = [\"environment\", \"vault\", \"development\"]\n");
    project
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Each backend and what came of it.
fn outcomes(check: &Value) -> Vec<(&str, &str)> {
    let attempts = check["attempts"].as_array().unwrap();
    attempts
        .iter()
        .map(|attempt| (attempt["backend"].as_str().unwrap(), attempt["outcome"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_check_says_who_would_answer_and_exits_with_1_where_nobody_would() {
    let project = project();
    let outcome = project.run(["keys", "check", "root", "--release"]).exit(1);
    assert!(outcome.stderr.contains("nobody answers"), "{}", outcome.stderr);
    let check = json(&project.run(["keys", "check", "root", "--json"]).success());
    assert_eq!(check["answers"], "development");
    let wanted =
        [("environment", "unconfigured"), ("vault", "unconfigured"), ("development", "found")];
    assert_eq!(outcomes(&check), wanted);
    let outcome = project.run(["keys", "check", "root"]).success();
    assert!(outcome.stderr.contains("everybody knows"), "no warning: {}", outcome.stderr);

    let project = project.variable("TUF_ROOT_KEY_PASSWORD", PASSWORD);
    let outcome = project.run(["keys", "check", "root", "--release"]).success();
    assert!(outcome.stderr.contains("environment answers"), "{}", outcome.stderr);
    project.run(["keys", "check", "Root"]).exit(2);
}

#[test]
fn one_that_is_configured_and_fails_is_named_and_stops_the_search_unless_told_otherwise() {
    let project = project().variable("VAULT_ADDR", "http://127.0.0.1:1");
    let outcome = project.run(["keys", "check", "targets"]).exit(1);
    assert!(outcome.stdout.contains("failed: there is no login"), "{}", outcome.stdout);
    let outcome = project.run(["keys", "get", "targets"]).exit(2);
    assert!(outcome.stderr.contains("`vault` failed"), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    project.write(
        "instep.toml",
        "[keys]\norder = [\"vault\", \"development\"]\non-failure = \"go-on\"\n",
    );
    let check = json(&project.run(["keys", "check", "targets", "--json"]).success());
    assert_eq!(outcomes(&check), [("vault", "failed"), ("development", "found")]);
}

#[test]
fn a_password_goes_into_a_pipe_as_it_is_and_stands_nowhere_else() {
    let project =
        project().variable("TUF_ROOT_KEY_PASSWORD", PASSWORD).variable("RUST_LOG", "trace");
    let outcome = project.run(["keys", "get", "root", "--verbose"]).success();
    assert_eq!(outcome.stdout, format!("{PASSWORD}\n"));
    assert!(!outcome.stderr.contains("battery"), "{}", outcome.stderr);
    for words in [
        &["keys", "check", "root", "--verbose"][..],
        &["keys", "check", "root", "--json"],
        &["keys", "list"],
        &["keys", "list", "--json"],
    ] {
        let outcome = project.run(words).success();
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(!said.contains("battery"), "{said}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_password_goes_to_a_terminal_only_where_that_is_asked_for() {
    // It gives what it runs a terminal, and writes down what stands there.
    let Some(script) = tools::system("script") else { return };
    let project = project().variable("TUF_ROOT_KEY_PASSWORD", "on-the-screen");
    let run = |words: &str| {
        let mut command = project.command(&script);
        let line = format!("'{}' keys get root {words}", instep_tests::instep());
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        project.finish(command)
    };
    let outcome = run("").exit(2);
    assert!(!outcome.stdout.contains("on-the-screen"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("--show"), "no hint: {}", outcome.stdout);
    assert!(run("--show").success().stdout.contains("on-the-screen"));
}

#[test]
fn the_list_has_every_key_and_everybody_in_the_order_and_asks_nobody() {
    let project = project();
    project.write(
        "instep.toml",
        "[keys]\norder = [\"vault\", \"environment\", \"file\"]\n[bundle.trust]\nroot-role.keys = [\"ada\", \"eve\"]\n",
    );
    // Nobody listens there: whoever asked would wait, or fail.
    let project =
        project.variable("VAULT_ADDR", "http://127.0.0.1:1").variable("TUF_ADA_KEY_PASSWORD", "x");
    let listing = json(&project.run(["keys", "list", "--json"]).success());
    let names: Vec<&Value> =
        listing["keys"].as_array().unwrap().iter().map(|key| &key["role"]).collect();
    assert_eq!(names, ["ada", "eve", "targets", "snapshot", "timestamp"]);
    let backends = &listing["keys"][0]["backends"];
    assert_eq!(backends[0], json!({ "backend": "vault", "state": "ready" }));
    assert_eq!(backends[1], json!({ "backend": "environment", "state": "ready" }));
    assert_eq!(backends[2]["state"], "unconfigured");
    let outcome = project.run(["keys", "list"]).success();
    assert!(outcome.stdout.contains("configured for ada"), "{}", outcome.stdout);
}

#[test]
fn a_vault_answers_the_command_as_it_is_configured() {
    let Some(server) = VaultServer::start() else { return };
    server.put("shop/root", "{\"word\": \"by-vault\"}");
    let project = project().variable("VAULT_TOKEN", server.token());
    let address = server.address();
    project.write(
        "instep.toml",
        format!(
            "[keys]\norder = [\"vault\"]\napp = \"shop\"\n[keys.vault]\naddress = \"{address}\"\n\
             path = \"{{app}}/{{role}}\"\nfield = \"word\"\n"
        ),
    );
    let outcome = project.run(["keys", "get", "root", "--verbose"]).success();
    assert_eq!(outcome.stdout, "by-vault\n");
    assert!(outcome.stderr.contains("vault: found"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains(server.token()), "{}", outcome.stderr);
}
