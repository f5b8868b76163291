//! The backends that ask nobody: a variable, and a file.

use instep_keys::{BackendKind, Outcome};

use crate::{ask, only, variables};

const PASSWORD: &str = "correct horse battery staple";

#[test]
fn a_variable_of_the_role_is_the_password() {
    let environment = variables(&[("TUF_RELEASE_2_KEY_PASSWORD", PASSWORD)]);
    let settings = only(BackendKind::Environment);
    assert_eq!(ask(&settings, &environment, "release-2", &[PASSWORD]).found(), PASSWORD);
    let asked = ask(&settings, &environment, "root", &[PASSWORD]);
    assert!(matches!(asked.outcome(), Outcome::Unconfigured { .. }));
    assert!(asked.result.unwrap_err().hint().unwrap().contains("TUF_ROOT_KEY_PASSWORD"));
}

#[test]
fn the_name_of_the_variable_can_be_another() {
    let mut settings = only(BackendKind::Environment);
    settings.environment.variable = "{app}_{ROLE}".to_owned();
    let environment = variables(&[("instep_ROOT", PASSWORD)]);
    assert_eq!(ask(&settings, &environment, "root", &[PASSWORD]).found(), PASSWORD);
}

#[test]
#[cfg(unix)]
fn a_file_of_the_role_is_the_password_if_nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tuf-root");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode));
    let mut settings = only(BackendKind::File);
    let environment = variables(&[]);
    assert!(matches!(
        ask(&settings, &environment, "root", &[PASSWORD]).outcome(),
        Outcome::Unconfigured { .. }
    ));
    settings.file.path = folder.path().join("tuf-{role}").to_str().map(Into::into);
    mode(0o600).unwrap();
    assert_eq!(ask(&settings, &environment, "root", &[PASSWORD]).found(), PASSWORD);
    assert_eq!(ask(&settings, &environment, "targets", &[PASSWORD]).outcome(), &Outcome::Absent);
    mode(0o644).unwrap();
    let asked = ask(&settings, &environment, "root", &[PASSWORD]);
    assert!(asked.reason().contains("(mode 644)"), "{}", asked.reason());
    assert!(matches!(asked.result, Err(instep_keys::Error::Failed { .. })));
}
