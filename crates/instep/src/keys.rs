//! Where the passwords of signing keys come from.

use instep_keys::Settings;

use crate::config::Keys;
use crate::error::Error;

/// What the configuration says.
pub(crate) fn settings(_keys: &Keys) -> Result<Settings, Error> {
    Ok(Settings::default())
}
