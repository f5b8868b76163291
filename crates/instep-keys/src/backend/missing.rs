//! A backend whose feature is off.

use instep_tools::CancelToken;
use secrecy::SecretString;

use super::{Backend, Readiness};
use crate::kind::BackendKind;
use crate::problem::Problem;
use crate::role::Role;
use crate::settings::Purpose;

/// Stands in the order where a backend would that this program was built without.
pub(crate) struct Missing(pub(crate) BackendKind);

impl Backend for Missing {
    fn kind(&self) -> BackendKind {
        self.0
    }

    fn readiness(&self, _: &Role, _: Purpose) -> Readiness {
        Readiness::NotCompiled
    }

    fn password(&self, _: &Role, _: &CancelToken) -> Result<Option<SecretString>, Problem> {
        Ok(None)
    }
}
