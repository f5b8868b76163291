//! One fixed password, for trials.

use instep_tools::CancelToken;
use secrecy::SecretString;

use super::{Backend, Readiness};
use crate::kind::BackendKind;
use crate::password::secret;
use crate::problem::Problem;
use crate::role::Role;
use crate::settings::Purpose;

/// No secret: it stands in the documentation.
const PASSWORD: &str = "instep-development-only";

/// The password that everybody knows.
pub(crate) struct Development;

impl Backend for Development {
    fn kind(&self) -> BackendKind {
        BackendKind::Development
    }

    fn readiness(&self, _: &Role, purpose: Purpose) -> Readiness {
        match purpose {
            Purpose::Trial => Readiness::Ready,
            Purpose::Release => Readiness::Refused {
                reason: "everybody knows the development password, so nothing is released with it"
                    .to_owned(),
            },
        }
    }

    fn password(&self, _: &Role, _: &CancelToken) -> Result<Option<SecretString>, Problem> {
        Ok(Some(secret(PASSWORD)))
    }

    fn warning(&self) -> Option<&'static str> {
        Some(
            "this is the development password, which everybody knows: whoever has the key file can sign \
             with it",
        )
    }
}
