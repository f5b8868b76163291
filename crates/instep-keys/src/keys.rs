//! One backend after the other.

use std::time::Instant;

use instep_tools::{CancelToken, Environment};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::attempt::{Attempt, Outcome};
use crate::backend::{self, Backend, Readiness};
use crate::error::Error;
use crate::kind::BackendKind;
use crate::password::Password;
use crate::problem::{LONGEST_PASSWORD, Problem};
use crate::role::Role;
use crate::settings::{OnFailure, Purpose, Settings};

/// Where passwords of keys come from.
pub struct Keys {
    backends: Vec<Box<dyn Backend>>,
    on_failure: OnFailure,
}

/// A backend in the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Listed {
    /// Which.
    pub backend: BackendKind,
    /// Whether it can be asked.
    #[serde(flatten)]
    pub readiness: Readiness,
}

/// What came of asking, with the value or the reason still in it.
enum Answer {
    Found(SecretString),
    Failed(Problem),
    Nothing,
}

impl Keys {
    /// The backends of the settings, which see these variables. Asks none of them.
    ///
    /// # Errors
    ///
    /// [`Error::Twice`] and [`Error::Name`].
    pub fn new(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let mut backends = Vec::with_capacity(settings.order.len());
        for (at, &kind) in settings.order.iter().enumerate() {
            if settings.order.iter().take(at).any(|before| *before == kind) {
                return Err(Error::Twice { backend: kind });
            }
            backends.push(backend::of(kind, settings, environment)?);
        }
        Ok(Self { backends, on_failure: settings.on_failure })
    }

    /// The password of a role's key, of the first backend that has it. One that is not configured is skipped; one that
    /// is and fails ends the search, unless the settings say to go on. `tell` gets every attempt as it ends.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`], [`Error::NoPassword`], [`Error::Cancelled`].
    pub fn password(
        &self,
        role: &Role,
        purpose: Purpose,
        tell: &mut dyn FnMut(Attempt),
        cancel: &CancelToken,
    ) -> Result<Password, Error> {
        let mut attempts = Vec::with_capacity(self.backends.len());
        for backend in &self.backends {
            let (attempt, answer) = ask(backend.as_ref(), role, purpose, cancel)?;
            tell(attempt.clone());
            match answer {
                Answer::Found(value) => return Ok(Password::new(value, backend.kind())),
                Answer::Failed(source) if self.on_failure == OnFailure::Stop => {
                    return Err(Error::Failed {
                        role: role.clone(),
                        backend: backend.kind(),
                        source,
                    });
                }
                Answer::Failed(_) | Answer::Nothing => attempts.push(attempt),
            }
        }
        Err(Error::NoPassword { role: role.clone(), attempts })
    }

    /// Asks every backend, also those behind one that answers, and keeps no value.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`].
    pub fn check(
        &self,
        role: &Role,
        purpose: Purpose,
        cancel: &CancelToken,
    ) -> Result<Vec<Attempt>, Error> {
        let backends = self.backends.iter().map(AsRef::as_ref);
        backends.map(|backend| Ok(ask(backend, role, purpose, cancel)?.0)).collect()
    }

    /// Whose password would be used after such attempts: the first that has it, if nothing before it ends the search.
    pub fn answering(&self, attempts: &[Attempt]) -> Option<BackendKind> {
        let ends = |attempt: &&Attempt| match attempt.outcome {
            Outcome::Found => true,
            Outcome::Failed { .. } => self.on_failure == OnFailure::Stop,
            _ => false,
        };
        let last = attempts.iter().find(ends)?;
        (last.outcome == Outcome::Found).then_some(last.backend)
    }

    /// The backends in their order, and whether each can be asked for a role. Asks none of them.
    pub fn list(&self, role: &Role, purpose: Purpose) -> Vec<Listed> {
        let listed = |backend: &dyn Backend| Listed {
            backend: backend.kind(),
            readiness: backend.readiness(role, purpose),
        };
        self.backends.iter().map(AsRef::as_ref).map(listed).collect()
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let order: Vec<BackendKind> = self.backends.iter().map(|backend| backend.kind()).collect();
        formatter
            .debug_struct("Keys")
            .field("order", &order)
            .field("on_failure", &self.on_failure)
            .finish_non_exhaustive()
    }
}

/// Asks one backend.
///
/// # Errors
///
/// [`Error::Cancelled`].
fn ask(
    backend: &dyn Backend,
    role: &Role,
    purpose: Purpose,
    cancel: &CancelToken,
) -> Result<(Attempt, Answer), Error> {
    if cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    let begun = Instant::now();
    let (outcome, answer) = match backend.readiness(role, purpose) {
        Readiness::Unconfigured { reason } => (Outcome::Unconfigured { reason }, Answer::Nothing),
        Readiness::Refused { reason } => (Outcome::Refused { reason }, Answer::Nothing),
        Readiness::NotCompiled => (Outcome::NotCompiled, Answer::Nothing),
        Readiness::Ready => match backend.password(role, cancel).and_then(accept) {
            Ok(Some(value)) => (Outcome::Found, Answer::Found(value)),
            Ok(None) => (Outcome::Absent, Answer::Nothing),
            Err(Problem::Cancelled) => return Err(Error::Cancelled),
            Err(Problem::NotThere { reason }) => {
                (Outcome::Unconfigured { reason }, Answer::Nothing)
            }
            Err(problem) => (Outcome::Failed { reason: problem.told() }, Answer::Failed(problem)),
        },
    };
    let warning = backend.warning().filter(|_| outcome == Outcome::Found);
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok((Attempt { backend: backend.kind(), outcome, duration_ms, warning }, answer))
}

/// A value that can be a password.
fn accept(value: Option<SecretString>) -> Result<Option<SecretString>, Problem> {
    match &value {
        Some(text) if text.expose_secret().is_empty() => Err(Problem::Empty),
        Some(text) if text.expose_secret().len() > LONGEST_PASSWORD => Err(Problem::TooLong),
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    //! The order and what ends it, with backends that are imitated: the real ones are asked in `tests/`.

    use instep_tools::{CancelToken, Environment};
    use secrecy::SecretString;

    use super::Keys;
    use crate::backend::{Backend, Readiness};
    use crate::password::secret;
    use crate::{
        Attempt, BackendKind, Error, OnFailure, Outcome, Problem, Purpose, Role, Settings,
    };

    /// What an imitated backend does.
    #[derive(Clone, Copy, Debug)]
    enum Does {
        Have(&'static str),
        HaveNone,
        Fail,
        NotBeConfigured,
        TurnOutNotThere,
        NotBeCompiled,
        Cancel,
    }

    struct Fake(BackendKind, Does);

    impl Backend for Fake {
        fn kind(&self) -> BackendKind {
            self.0
        }

        fn readiness(&self, _: &Role, _: Purpose) -> Readiness {
            match self.1 {
                Does::NotBeConfigured => Readiness::Unconfigured { reason: "no name".to_owned() },
                Does::NotBeCompiled => Readiness::NotCompiled,
                _ => Readiness::Ready,
            }
        }

        fn password(
            &self,
            _: &Role,
            cancel: &CancelToken,
        ) -> Result<Option<SecretString>, Problem> {
            match self.1 {
                Does::Have(value) => Ok(Some(secret(value))),
                Does::HaveNone => Ok(None),
                Does::Fail => {
                    Err(Problem::Status { what: "the secret", status: 500, code: String::new() })
                }
                Does::TurnOutNotThere => Err(Problem::NotThere { reason: "no bus".to_owned() }),
                Does::Cancel => {
                    cancel.cancel();
                    Err(Problem::Cancelled)
                }
                Does::NotBeConfigured | Does::NotBeCompiled => unreachable!("it is not ready"),
            }
        }
    }

    fn keys(what: &[Does], on_failure: OnFailure) -> Keys {
        let kinds = BackendKind::ALL.into_iter();
        let fake = |(kind, does): (BackendKind, &Does)| -> Box<dyn Backend> {
            Box::new(Fake(kind, *does))
        };
        Keys { backends: kinds.zip(what).map(fake).collect(), on_failure }
    }

    fn ask(keys: &Keys, purpose: Purpose) -> (Result<String, Error>, Vec<Attempt>) {
        let role = "root".parse().unwrap();
        let mut attempts = Vec::new();
        let mut tell = |attempt| attempts.push(attempt);
        let result = keys.password(&role, purpose, &mut tell, &CancelToken::new());
        let checked = keys.check(&role, purpose, &CancelToken::new());
        // Whoever would answer by a check is who answers.
        if let Ok(checked) = checked {
            let backend = result.as_ref().ok().map(super::Password::backend);
            assert_eq!(keys.answering(&checked), backend);
        }
        (result.map(|password| password.expose().to_owned()), attempts)
    }

    fn short(attempts: &[Attempt]) -> Vec<&'static str> {
        let name = |attempt: &Attempt| match attempt.outcome {
            Outcome::Found => "found",
            Outcome::Absent => "absent",
            Outcome::Unconfigured { .. } => "unconfigured",
            Outcome::Failed { .. } => "failed",
            Outcome::NotCompiled => "not compiled",
            Outcome::Refused { .. } => "refused",
        };
        attempts.iter().map(name).collect()
    }

    #[test]
    fn backends_are_asked_in_their_order_until_one_has_the_password_or_fails() {
        use Does::{Fail, Have, HaveNone, NotBeCompiled, NotBeConfigured, TurnOutNotThere};
        use OnFailure::{GoOn, Stop};
        type Row = (
            &'static [Does],
            OnFailure,
            Result<&'static str, &'static str>,
            &'static [&'static str],
        );
        let table: &[Row] = &[
            (&[Have("a"), Have("b")], Stop, Ok("a"), &["found"]),
            (&[HaveNone, Have("b")], Stop, Ok("b"), &["absent", "found"]),
            (&[NotBeConfigured, Have("b")], Stop, Ok("b"), &["unconfigured", "found"]),
            (&[NotBeCompiled, Have("b")], Stop, Ok("b"), &["not compiled", "found"]),
            (&[TurnOutNotThere, Have("b")], Stop, Ok("b"), &["unconfigured", "found"]),
            (&[Fail, Have("b")], Stop, Err("failed"), &["failed"]),
            (&[Fail, Have("b")], GoOn, Ok("b"), &["failed", "found"]),
            (&[Have(""), Have("b")], Stop, Err("failed"), &["failed"]),
            (&[Have(""), Have("b")], GoOn, Ok("b"), &["failed", "found"]),
            (&[HaveNone, Fail, Have("c")], Stop, Err("failed"), &["absent", "failed"]),
            (&[Have("a"), Fail], Stop, Ok("a"), &["found"]),
            (&[Fail, Fail], GoOn, Err("none"), &["failed", "failed"]),
            (&[HaveNone, NotBeConfigured], Stop, Err("none"), &["absent", "unconfigured"]),
            (&[], Stop, Err("none"), &[]),
        ];
        for (what, on_failure, wanted, tried) in table {
            let (result, attempts) = ask(&keys(what, *on_failure), Purpose::Release);
            let result = result.as_deref().map_err(|error| match error {
                Error::Failed { .. } => "failed",
                Error::NoPassword { .. } => "none",
                _ => "other",
            });
            assert_eq!(&result, wanted, "{what:?} {on_failure:?}");
            assert_eq!(&short(&attempts), tried, "{what:?} {on_failure:?}");
        }
    }

    #[test]
    fn a_check_asks_everybody_also_behind_one_that_answers_or_fails() {
        let keys = keys(&[Does::Have("a"), Does::Fail, Does::HaveNone], OnFailure::Stop);
        let role = "root".parse().unwrap();
        let attempts = keys.check(&role, Purpose::Release, &CancelToken::new()).unwrap();
        assert_eq!(short(&attempts), ["found", "failed", "absent"]);
    }

    #[test]
    fn a_password_that_is_longer_than_any_is_refused() {
        let long: &'static str = "x".repeat(crate::problem::LONGEST_PASSWORD + 1).leak();
        let (result, _) = ask(&keys(&[Does::Have(long)], OnFailure::Stop), Purpose::Release);
        assert!(matches!(result, Err(Error::Failed { source: Problem::TooLong, .. })));
        let (_, fits) = long.split_at(1);
        let (result, _) = ask(&keys(&[Does::Have(fits)], OnFailure::Stop), Purpose::Release);
        assert_eq!(result.unwrap(), fits);
    }

    #[test]
    fn nobody_is_asked_once_the_host_asked_to_stop() {
        let willing = keys(&[Does::Have("a")], OnFailure::GoOn);
        let keys = keys(&[Does::Cancel, Does::Have("b")], OnFailure::GoOn);
        let role = "root".parse().unwrap();
        let cancel = CancelToken::new();
        let mut attempts = Vec::new();
        let mut tell = |attempt| attempts.push(attempt);
        for keys in [&keys, &willing] {
            let result = keys.password(&role, Purpose::Trial, &mut tell, &cancel);
            assert!(result.unwrap_err().is_cancelled());
        }
        assert_eq!(attempts, []);
    }

    #[test]
    fn the_development_password_is_used_for_a_trial_with_a_warning_and_never_for_a_release() {
        let environment = Environment::new("/", None, Vec::<(String, String)>::new());
        let order = vec![BackendKind::Environment, BackendKind::Development];
        let settings = Settings { order, ..Settings::default() };
        let keys = Keys::new(&settings, &environment).unwrap();
        let (result, attempts) = ask(&keys, Purpose::Trial);
        assert!(!result.unwrap().is_empty());
        assert!(attempts[1].to_string().contains("WARNING"), "{}", attempts[1]);
        let (result, attempts) = ask(&keys, Purpose::Release);
        assert!(matches!(result, Err(Error::NoPassword { .. })));
        assert_eq!(short(&attempts), ["unconfigured", "refused"]);
    }

    #[test]
    fn a_backend_that_stands_in_the_order_twice_is_refused() {
        let environment = Environment::new("/", None, Vec::<(String, String)>::new());
        let order = vec![BackendKind::File, BackendKind::Environment, BackendKind::File];
        let settings = Settings { order, ..Settings::default() };
        let error = Keys::new(&settings, &environment).unwrap_err();
        assert!(matches!(error, Error::Twice { backend: BackendKind::File }));
    }

    #[test]
    fn a_variable_that_is_set_and_empty_fails_and_one_that_is_not_is_skipped() {
        let environment = Environment::new("/", None, [("TUF_ROOT_KEY_PASSWORD", "")]);
        let order = vec![BackendKind::Environment];
        let settings = Settings { order, ..Settings::default() };
        let keys = Keys::new(&settings, &environment).unwrap();
        let (result, _) = ask(&keys, Purpose::Release);
        assert!(matches!(result, Err(Error::Failed { source: Problem::Empty, .. })));
        let role = "targets".parse().unwrap();
        let attempts = keys.check(&role, Purpose::Release, &CancelToken::new()).unwrap();
        assert_eq!(short(&attempts), ["unconfigured"]);
    }
}
