//! AWS Secrets Manager: moto's server, and an imitation for what that one never does.

use std::time::Duration;

use instep_keys::{BackendKind, Outcome, Settings};
use instep_tests::AwsServer;
use instep_tools::Environment;

use crate::server::{Answer, Server};
use crate::{ask, only, variables};

const PASSWORD: &str = "kept-at-aws äöü";
const KEY: &str = "the/secret+access+key+of+a+test";
const SESSION: &str = "the-token-of-a-role";

fn settings() -> Settings {
    only(BackendKind::Aws)
}

fn environment(address: &str) -> Environment {
    variables(&[
        ("TUF_AWS_SECRET_NAME", "signing"),
        ("AWS_ENDPOINT_URL", address),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", KEY),
        ("AWS_SESSION_TOKEN", SESSION),
    ])
}

#[test]
fn the_field_of_a_role_in_a_secret_is_the_password() {
    let Some(server) = AwsServer::start() else { return };
    let fields = r#"{"root_key_password": "kept-at-aws äöü", "empty_key_password": "", "odd_key_password": 7}"#;
    server.put("signing", fields);
    server.put("text", "kept-at-aws");
    let secrets = ["kept-at-aws", KEY, SESSION];
    let environment = environment(&server.address());

    assert_eq!(ask(&settings(), &environment, "root", &secrets).found(), PASSWORD);
    assert_eq!(ask(&settings(), &environment, "targets", &secrets).outcome(), &Outcome::Absent);
    let asked = ask(&settings(), &environment, "empty", &secrets);
    assert_eq!(asked.reason(), "the value is empty");
    let asked = ask(&settings(), &environment, "odd", &secrets);
    assert!(asked.reason().ends_with("its field for this role is no text"), "{}", asked.reason());

    let environment = environment.with_var("TUF_AWS_SECRET_NAME", "text");
    let asked = ask(&settings(), &environment, "root", &secrets);
    assert!(asked.reason().ends_with("it is no JSON"), "{}", asked.reason());
    let environment = environment.with_var("TUF_AWS_SECRET_NAME", "nothing");
    let asked = ask(&settings(), &environment, "root", &secrets);
    assert!(asked.reason().ends_with(" ResourceNotFoundException"), "{}", asked.reason());
}

#[test]
fn the_names_of_the_settings_are_used_where_no_variable_says_otherwise() {
    let Some(server) = AwsServer::start() else { return };
    server.put("shop/signing", r#"{"root": "word"}"#);
    let mut settings = settings();
    settings.aws.secret_name = Some("shop/signing".to_owned());
    settings.aws.field = "{role}".to_owned();
    let environment = environment(&server.address()).without_var("TUF_AWS_SECRET_NAME");
    let environment = environment
        .with_var("AWS_ENDPOINT_URL_SECRETS_MANAGER", server.address())
        .with_var("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .with_var("AWS_DEFAULT_REGION", "eu-central-1")
        .without_var("AWS_REGION");
    assert_eq!(ask(&settings, &environment, "root", &[KEY]).found(), "word");
    settings.aws.secret_name = None;
    let asked = ask(&settings, &environment, "root", &[KEY]);
    assert!(matches!(asked.outcome(), Outcome::Unconfigured { .. }));
}

#[test]
fn what_aws_should_not_answer_is_named_and_not_shown() {
    type Make = fn() -> Answer;
    let table: &[(&str, Make)] = &[
        ("longer than any answer should be", || Answer::Endless),
        ("no answer within 400 ms", || Answer::Silence),
        ("cannot reach 127.0.0.1", || Answer::Nothing),
        ("not what the service sends", || Answer::json(200, "<p>s3cret</p>")),
        ("it is no text", || Answer::json(200, r#"{"SecretBinary": "czNjcmV0"}"#)),
        ("it is no JSON", || Answer::json(200, r#"{"SecretString": "s3cret"}"#)),
        ("answered 500", || Answer::json(500, r#"{"__type": "s3cret", "message": "s3cret"}"#)),
        ("answered 400 AccessDeniedException", || {
            Answer::json(400, r#"{"__type": "AccessDeniedException", "message": "s3cret"}"#)
        }),
    ];
    for (wanted, answer) in table {
        let answer = *answer;
        let server = Server::plain(move |_| answer());
        let mut settings = settings();
        if wanted.contains("400 ms") {
            settings.time_limit = Duration::from_millis(400);
        }
        let asked =
            ask(&settings, &environment(&server.address()), "root", &["s3cret", KEY, SESSION]);
        assert!(asked.reason().contains(wanted), "{wanted}: {}", asked.reason());
        assert_eq!(server.seen().len(), 2, "it was asked more than once, and once to check");
    }
}
