//! The backends, each asked as it is in use: real servers where they can be had, and imitations where a real one
//! cannot be had, or cannot be told to misbehave.
//!
//! Whatever is asked goes through [`ask`], which looks for secrets in everything that comes back.

#![cfg(all(feature = "aws", feature = "azure", feature = "keyring", feature = "vault"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test, a panic is how a failure is told"
)]

mod aws;
mod azure;
#[cfg(target_os = "linux")]
mod keyring;
mod server;
mod variables;
mod vault;

use instep_keys::{Attempt, BackendKind, Error, Keys, Outcome, Password, Purpose, Settings};
use instep_tools::{CancelToken, Environment};

/// What came of asking.
struct Asked {
    result: Result<String, Error>,
    attempts: Vec<Attempt>,
}

impl Asked {
    /// The password.
    fn found(&self) -> &str {
        self.result.as_deref().unwrap()
    }

    /// Why the one backend that was asked failed.
    fn reason(&self) -> &str {
        match self.attempts.as_slice() {
            [Attempt { outcome: Outcome::Failed { reason }, .. }] => reason,
            other => panic!("{other:?}"),
        }
    }

    /// What came of asking the one backend.
    fn outcome(&self) -> &Outcome {
        match self.attempts.as_slice() {
            [attempt] => &attempt.outcome,
            other => panic!("{other:?}"),
        }
    }
}

/// Settings with one backend alone.
fn only(backend: BackendKind) -> Settings {
    Settings { order: vec![backend], ..Settings::default() }
}

/// Variables, and nothing else.
fn variables(variables: &[(&str, &str)]) -> Environment {
    Environment::new("/", None, variables.iter().copied())
}

/// Asks for a password, by `password` and by `check`, and looks for the secrets in every text of the run: attempts,
/// errors with their causes and hints, and everything's `Debug` form.
fn ask(settings: &Settings, environment: &Environment, role: &str, secrets: &[&str]) -> Asked {
    let role = role.parse().unwrap();
    let keys = Keys::new(settings, environment).unwrap();
    let cancel = CancelToken::new();
    let mut attempts = Vec::new();
    let mut tell = |attempt| attempts.push(attempt);
    let result = keys.password(&role, Purpose::Release, &mut tell, &cancel);
    let checked = keys.check(&role, Purpose::Release, &cancel).unwrap();
    let mut said = vec![
        format!("{settings:?} {settings:#?} {environment:?} {keys:?} {result:?} {result:#?}"),
        format!("{:?}", keys.list(&role, Purpose::Release)),
        serde_json::to_string(&keys.list(&role, Purpose::Release)).unwrap(),
    ];
    for attempt in attempts.iter().chain(&checked) {
        said.push(format!("{attempt} {attempt:?}"));
        said.push(serde_json::to_string(attempt).unwrap());
    }
    if let Err(error) = &result {
        said.push(format!("{error} {:?}", error.hint()));
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            said.push(format!("{error} {error:?}"));
            cause = error.source();
        }
    }
    for text in &said {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} stands in: {text}");
        }
    }
    assert_eq!(checked.len(), settings.order.len());
    assert_eq!(keys.answering(&checked), result.as_ref().ok().map(Password::backend));
    Asked { result: result.map(|password| password.expose().to_owned()), attempts }
}
