//! Whether what is installed fits together, as `pip check` asks.

use std::collections::BTreeMap;
use std::str::FromStr;

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, PackageName, VersionOrUrl};
use serde::Serialize;

use crate::distribution::Distribution;
use crate::metadata::Metadata;

/// A requirement of an installed package that the environment does not meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unmet {
    /// Who requires.
    pub package: PackageName,
    /// What it requires, as its metadata says.
    pub requirement: String,
    /// The version that is installed; `None`: nothing is.
    pub installed: Option<String>,
}

/// The requirements of `distributions` that are not met, for the interpreter that `markers`
/// describe. Extras are not looked at: metadata does not record which were asked for.
pub fn unmet(
    distributions: &BTreeMap<PackageName, Distribution>,
    markers: &MarkerEnvironment,
) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    for (name, distribution) in distributions {
        let Ok(text) = instep_fs::read_text(&distribution.metadata_path()) else { continue };
        for requirement in Metadata::parse(&text).requires_dist {
            if !requirement.evaluate_markers(markers, &[]) {
                continue;
            }
            let installed = distributions.get(&requirement.name);
            let met = installed.is_some_and(|found| match &requirement.version_or_url {
                Some(VersionOrUrl::VersionSpecifier(specifiers)) => {
                    // A version that PEP 440 cannot read is given the benefit of the doubt.
                    Version::from_str(&found.version)
                        .map_or(true, |version| specifiers.contains(&version))
                }
                _ => true,
            });
            if !met {
                unmet.push(Unmet {
                    package: name.clone(),
                    requirement: requirement.to_string(),
                    installed: installed.map(|found| found.version.clone()),
                });
            }
        }
    }
    unmet
}
