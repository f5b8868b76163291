//! The keyring of the system: the Secret Service on the session bus, Keychain, or Credential Manager.
//!
//! What is looked for is an entry with a service and a user (the attributes `service` and `username` of the Secret
//! Service). `secret-tool store --label=LABEL service instep username tuf-root-key-password` makes one.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use instep_tools::{CancelToken, Environment};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Backend, Readiness};
use crate::error::Error;
use crate::kind::BackendKind;
use crate::password::secret;
use crate::problem::Problem;
use crate::role::Role;
use crate::settings::{Name, Purpose, Settings};

/// How often it is looked whether somebody asked to stop.
const LOOK: Duration = Duration::from_millis(25);

/// Entries of the system's keyring.
pub(crate) struct Keyring {
    service: Name,
    user: Name,
    limit: Duration,
    /// Why there can be none.
    missing: Option<&'static str>,
}

impl Keyring {
    pub(crate) fn new(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let name = |given| Name::new(BackendKind::Keyring, given, &settings.app);
        Ok(Self {
            service: name(&settings.keyring.service)?,
            user: name(&settings.keyring.user)?,
            limit: settings.keyring_time_limit,
            missing: missing(environment),
        })
    }
}

/// Why there can be no keyring: nobody on a machine without a desktop has a session bus.
fn missing(environment: &Environment) -> Option<&'static str> {
    if cfg!(any(windows, target_os = "macos")) {
        return None;
    }
    let bus = environment.var("XDG_RUNTIME_DIR").map(|folder| environment.cwd().join(folder));
    let has_bus = environment.var("DBUS_SESSION_BUS_ADDRESS").is_some()
        || bus.is_some_and(|folder| folder.join("bus").exists());
    (!has_bus).then_some("there is no session bus")
}

impl Backend for Keyring {
    fn kind(&self) -> BackendKind {
        BackendKind::Keyring
    }

    fn readiness(&self, _: &Role, _: Purpose) -> Readiness {
        match self.missing {
            Some(reason) => Readiness::Unconfigured { reason: reason.to_owned() },
            None => Readiness::Ready,
        }
    }

    fn password(&self, role: &Role, cancel: &CancelToken) -> Result<Option<SecretString>, Problem> {
        let (service, user) = (self.service.of(role), self.user.of(role));
        let (send, receive) = channel();
        let begun = Instant::now();
        // It blocks, for as long as a person thinks about the password of the keyring. Whoever does not wait for it
        // any longer leaves the thread behind: it has nothing to give then.
        std::thread::spawn(move || send.send(look_up(&service, &user)));
        loop {
            match receive.recv_timeout(LOOK) {
                Ok(answer) => return answer,
                Err(_) if cancel.is_cancelled() => return Err(Problem::Cancelled),
                Err(RecvTimeoutError::Timeout) if begun.elapsed() < self.limit => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Problem::TimedOut { limit: self.limit });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(unreachable("the thread that asked it ended"));
                }
            }
        }
    }
}

fn look_up(service: &str, user: &str) -> Result<Option<SecretString>, Problem> {
    if let Err(error) = keyring::Entry::store_status() {
        return Err(problem(error));
    }
    let entry = keyring::Entry::new(service, user).map_err(|error| problem(&error))?;
    match entry.get_password() {
        Ok(password) => Ok(Some(secret(&Zeroizing::new(password)))),
        Err(keyring::Error::NoEntry) => Ok(None),
        Err(error) => Err(problem(&error)),
    }
}

/// Without the bytes of a password, which some of these errors hold.
fn problem(error: &keyring::Error) -> Problem {
    match error {
        keyring::Error::BadEncoding(_) | keyring::Error::BadDataFormat(..) => Problem::NotText,
        keyring::Error::Ambiguous(_) => {
            unreachable("more than one entry has this service and this user")
        }
        keyring::Error::PlatformFailure(source) | keyring::Error::NoStorageAccess(source) => {
            let text = source.to_string();
            // A bus on which nobody keeps secrets, and no bus where there seemed to be one: the names of the error
            // in D-Bus and in the client of the Secret Service.
            if text.contains("ServiceUnknown") || text.contains("no secret service provider") {
                Problem::NotThere { reason: "no Secret Service is on the session bus".to_owned() }
            } else {
                unreachable(&text)
            }
        }
        error => unreachable(&error.to_string()),
    }
}

fn unreachable(reason: &str) -> Problem {
    let reason = instep_tools::redact(reason).into_owned();
    Problem::Unreachable { what: "the keyring".to_owned(), reason }
}
