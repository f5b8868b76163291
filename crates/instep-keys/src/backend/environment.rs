//! A variable.

use instep_tools::{CancelToken, Environment};
use secrecy::SecretString;

use super::{Backend, Readiness};
use crate::error::Error;
use crate::kind::BackendKind;
use crate::password::secret;
use crate::problem::Problem;
use crate::role::Role;
use crate::settings::{Name, Purpose, Settings};

/// Variables, one a role.
pub(crate) struct Variable {
    name: Name,
    environment: Environment,
}

impl Variable {
    pub(crate) fn new(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let given = &settings.environment.variable;
        let name = Name::new(BackendKind::Environment, given, &settings.app)?;
        Ok(Self { name, environment: environment.clone() })
    }
}

impl Backend for Variable {
    fn kind(&self) -> BackendKind {
        BackendKind::Environment
    }

    fn readiness(&self, role: &Role, _: Purpose) -> Readiness {
        let name = self.name.of(role);
        // One that is set and empty is asked, and fails: most often it is a secret of CI that does not exist.
        match self.environment.var_os(&name) {
            Some(_) => Readiness::Ready,
            None => Readiness::Unconfigured { reason: [&name, " is not set"].concat() },
        }
    }

    fn password(&self, role: &Role, _: &CancelToken) -> Result<Option<SecretString>, Problem> {
        match self.environment.var_os(&self.name.of(role)) {
            None => Ok(None),
            Some(value) => Ok(Some(secret(value.to_str().ok_or(Problem::NotText)?))),
        }
    }
}
