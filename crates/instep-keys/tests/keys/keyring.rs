//! The keyring: a real Secret Service, `gnome-keyring-daemon`, on a session bus of its own. The address of the bus is
//! read from the process, so each test starts itself again inside one.

use std::process::{Command, Stdio};

use instep_keys::{BackendKind, Outcome};
use instep_tests::tools;
use instep_tools::Environment;

use crate::{ask, only, variables};

/// Set for the tests that run inside.
const INSIDE: &str = "INSTEP_TEST_INSIDE_A_SESSION_BUS";
const PASSWORD: &str = "kept-in-the-keyring äöü";

/// Runs a test of this program on a session bus of its own, after a script has set it up.
fn run_inside(test: &str, script: &str, config: Option<&str>) {
    let home = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = home.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    };
    let mut bus = Command::new("dbus-run-session");
    if let Some(config) = config {
        let file = home.path().join("bus.conf");
        std::fs::write(&file, config).unwrap();
        bus.arg("--config-file").arg(file);
    }
    let output = bus
        .args(["--", "sh", "-eu", "-c", &format!("{script}\nexec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(INSIDE, "1")
        .env("HOME", home.path())
        .env("XDG_DATA_HOME", folder("data"))
        .env("XDG_RUNTIME_DIR", folder("run"))
        .env("PASSWORD", PASSWORD)
        .env_remove("DISPLAY")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{why}");
}

fn environment() -> Environment {
    assert!(std::env::var(INSIDE).is_ok(), "this runs inside a session bus");
    Environment::capture().unwrap()
}

#[test]
fn the_secret_service_gives_the_password_of_a_role() {
    let needed = ["dbus-run-session", "gnome-keyring-daemon", "secret-tool"];
    if needed.iter().any(|program| tools::system(program).is_none()) {
        return;
    }
    let store = "printf word | gnome-keyring-daemon --unlock --components=secrets >/dev/null\n\
                 store() { secret-tool store --label=key service \"$1\" username \"tuf-$2-key-password\"; }\n\
                 printf %s \"$PASSWORD\" | store instep root\n\
                 printf %s \"$PASSWORD\" | store shop root-2\n\
                 printf '\\377\\376' | store instep odd";
    run_inside("keyring::inside_with_a_secret_service", store, None);
}

#[test]
#[ignore = "is run by the test above, inside a session bus"]
fn inside_with_a_secret_service() {
    let environment = environment();
    let mut settings = only(BackendKind::Keyring);
    let secrets = [PASSWORD, "kept-in-the-keyring"];
    assert_eq!(ask(&settings, &environment, "root", &secrets).found(), PASSWORD);
    assert_eq!(ask(&settings, &environment, "targets", &secrets).outcome(), &Outcome::Absent);
    assert_eq!(ask(&settings, &environment, "odd", &secrets).reason(), "the value is not UTF-8");
    settings.app = "shop".to_owned();
    settings.keyring.user = "tuf-{role}-2-key-password".to_owned();
    assert_eq!(ask(&settings, &environment, "root", &secrets).found(), PASSWORD);
}

#[test]
fn a_bus_on_which_nobody_keeps_secrets_counts_as_not_configured() {
    if tools::system("dbus-run-session").is_none() {
        return;
    }
    let config = "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
                  \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
                  <busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen>\
                  <policy context=\"default\"><allow send_destination=\"*\"/><allow eavesdrop=\"true\"/>\
                  <allow own=\"*\"/></policy></busconfig>";
    run_inside("keyring::inside_without_a_secret_service", "", Some(config));
}

#[test]
#[ignore = "is run by the test above, inside a session bus"]
fn inside_without_a_secret_service() {
    let asked = ask(&only(BackendKind::Keyring), &environment(), "root", &[PASSWORD]);
    let reason = "no Secret Service is on the session bus".to_owned();
    assert_eq!(asked.outcome(), &Outcome::Unconfigured { reason });
}

#[test]
fn without_a_session_bus_nobody_is_asked() {
    let asked = ask(&only(BackendKind::Keyring), &variables(&[]), "root", &[PASSWORD]);
    let reason = "there is no session bus".to_owned();
    assert_eq!(asked.outcome(), &Outcome::Unconfigured { reason });
}
