//! Which keys sign for what, and for how long.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use camino::Utf8PathBuf;
use instep_keys::Role;

use super::problem::TrustProblem;
use super::role::TopRole;

/// Who signs for a top-level role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSettings {
    /// Names of the key files: `keys/NAME.pem`.
    pub keys: Vec<Role>,
    /// How many of them have to sign.
    pub threshold: NonZeroU64,
    /// For how many days what they sign is good.
    pub days: u32,
}

impl RoleSettings {
    /// One key of the role's own name; a root is good for 365 days, targets and snapshot for 180, a timestamp for 90.
    pub fn of(role: TopRole) -> Self {
        let days = match role {
            TopRole::Root => 365,
            TopRole::Targets | TopRole::Snapshot => 180,
            TopRole::Timestamp => 90,
        };
        // The names of the four are names of keys.
        let keys = role.as_str().parse().into_iter().collect();
        Self { keys, threshold: NonZeroU64::MIN, days }
    }
}

/// Who signs for bundles, and where the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustSettings {
    /// The trust folder.
    pub folder: Utf8PathBuf,
    /// Says whose keys the others are. Kept offline by who can.
    pub root: RoleSettings,
    /// Says what is in a bundle.
    pub targets: RoleSettings,
    /// Says which targets belong to which version.
    pub snapshot: RoleSettings,
    /// Says which version is the newest.
    pub timestamp: RoleSettings,
}

impl TrustSettings {
    /// One key a role, in `folder`.
    pub fn new(folder: Utf8PathBuf) -> Self {
        Self {
            folder,
            root: RoleSettings::of(TopRole::Root),
            targets: RoleSettings::of(TopRole::Targets),
            snapshot: RoleSettings::of(TopRole::Snapshot),
            timestamp: RoleSettings::of(TopRole::Timestamp),
        }
    }

    /// Those of one role.
    pub fn role(&self, role: TopRole) -> &RoleSettings {
        match role {
            TopRole::Root => &self.root,
            TopRole::Targets => &self.targets,
            TopRole::Snapshot => &self.snapshot,
            TopRole::Timestamp => &self.timestamp,
        }
    }

    /// Whether a root can be made of them.
    ///
    /// # Errors
    ///
    /// [`TrustProblem::KeyTwice`], [`TrustProblem::TooFewKeys`].
    pub fn check(&self) -> Result<(), TrustProblem> {
        for role in TopRole::ALL {
            let RoleSettings { keys, threshold, .. } = self.role(role);
            let mut names = BTreeSet::new();
            if let Some(key) = keys.iter().find(|key| !names.insert(*key)) {
                return Err(TrustProblem::KeyTwice { role, key: key.clone() });
            }
            let (found, needed) = (keys.len(), threshold.get());
            if u64::try_from(found).is_ok_and(|found| found < needed) {
                return Err(TrustProblem::TooFewKeys { role, found, needed });
            }
        }
        Ok(())
    }
}
