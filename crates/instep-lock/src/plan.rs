//! Plan: which locks are not current, and why. Pure: no file is read, and no tool is asked.

use std::collections::{BTreeMap, BTreeSet};

use instep_manifest::Digest;
use pep508_rs::PackageName;
use serde::Serialize;

use crate::compile::Upgrade;
use crate::header::{Header, is_first};
use crate::layer::Strategy;
use crate::observe::{Known, Link, Observed};
use crate::pins;

/// What locks are wanted.
#[derive(Clone, Debug)]
pub struct Wish {
    /// How layers are resolved.
    pub strategy: Strategy,
    /// The tool that compiles: `uv`, `pip-tools` or `pip`.
    pub tool: String,
    /// Its version; `None` where it is not known without asking it: then any will do.
    pub version: Option<String>,
    /// The minor version of Python of layers that name none.
    pub python: String,
    /// The platform of a tool that compiles for one only; `None` for uv.
    pub platform: Option<String>,
    /// Which pins may move.
    pub upgrade: Upgrades,
}

/// Which pins may move without having to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Upgrades {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// All of these layers.
    Layers(BTreeSet<String>),
    /// Those of these packages.
    Packages(Vec<PackageName>),
}

impl From<Upgrade> for Upgrades {
    fn from(upgrade: Upgrade) -> Self {
        match upgrade {
            Upgrade::None => Self::None,
            Upgrade::All => Self::All,
            Upgrade::Packages(names) => Self::Packages(names),
        }
    }
}

/// What is to be compiled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// How.
    pub strategy: Strategy,
    /// Every layer, those that others build on first.
    pub layers: Vec<LayerPlan>,
}

/// What is to be done about one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerPlan {
    /// Its name.
    pub name: String,
    /// Its lock, relative to the root where it is inside.
    pub lock: String,
    /// Why it is not current; empty where it is.
    pub stale: BTreeSet<Stale>,
    /// Whether it is to be compiled if it is not.
    #[serde(skip)]
    pub is_selected: bool,
}

/// Why a lock is not current.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stale {
    /// There is none.
    LockMissing,
    /// It does not say what it was compiled from: another tool wrote it.
    LockForeign,
    /// Its pins are not those that were compiled.
    LockEdited,
    /// The requirements have changed.
    InputsChanged,
    /// Another tool, or another version of it, is to compile it.
    ToolChanged,
    /// Something else is asked of the tool: strategy, digests, layers that conflict.
    OptionsChanged,
    /// It is for another Python.
    PythonChanged,
    /// It is for another platform.
    PlatformChanged,
    /// A lock that it builds on has changed.
    BaseChanged,
    /// It has other versions than the locks of other layers, so they were not compiled together.
    NotTogether,
    /// An upgrade is asked for.
    Upgrade,
}

impl Stale {
    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::LockMissing => "there is no lock yet",
            Self::LockForeign => "the lock was not compiled by Instep",
            Self::LockEdited => "the lock was edited",
            Self::InputsChanged => "the requirements have changed",
            Self::ToolChanged => "it was compiled by another tool, or another version",
            Self::OptionsChanged => "the options have changed",
            Self::PythonChanged => "it is for another Python",
            Self::PlatformChanged => "it is for another platform",
            Self::BaseChanged => "a lock that it builds on has changed",
            Self::NotTogether => "it was not compiled together with the locks of other layers",
            Self::Upgrade => "an upgrade is asked for",
        }
    }
}

impl Plan {
    /// Whether every lock that is selected is current.
    pub fn is_empty(&self) -> bool {
        self.layers.iter().all(|layer| !layer.is_selected || layer.stale.is_empty())
    }
}

/// Plans.
pub fn plan(observed: &Observed, wish: &Wish) -> Plan {
    let mut digests: BTreeMap<&str, Option<Digest>> = BTreeMap::new();
    let mut stale_layers: BTreeSet<&str> = BTreeSet::new();
    let mut layers = Vec::with_capacity(observed.layers.len());
    for known in &observed.layers {
        let name = known.layer.name.as_str();
        let pins = known.pins;
        let mut stale = match (&known.header, pins) {
            (None, None) => BTreeSet::from([Stale::LockMissing]),
            (None, Some(_)) => BTreeSet::from([Stale::LockForeign]),
            (Some(header), pins) => {
                let base = base(observed, known, &digests);
                differences(known, header, pins, &header_of(observed, known, wish, base))
            }
        };
        // Where each is compiled by itself, what changes below may change what is above.
        let stands_on_stale = wish.strategy == Strategy::Layered
            && known.base.keys().any(|base| stale_layers.contains(base.as_str()));
        if stands_on_stale && stale.is_empty() {
            stale.insert(Stale::BaseChanged);
        }
        if upgrades(wish, known) {
            stale.insert(Stale::Upgrade);
        }
        if !stale.is_empty() {
            stale_layers.insert(name);
        }
        digests.insert(name, pins);
        layers.push(LayerPlan {
            name: name.to_owned(),
            lock: observed.show(&known.layer.output),
            stale,
            is_selected: true,
        });
    }
    if wish.strategy == Strategy::Joint {
        for place in strangers(observed) {
            if let Some(layer) = layers.get_mut(place) {
                layer.stale.insert(Stale::NotTogether);
            }
        }
    }
    Plan { strategy: wish.strategy, layers }
}

/// Layers that pin a package to no version that another one has too: a joint resolution has one
/// version of everything, or some that all have in common, but for layers that conflict. So does a
/// merge of two branches, or a kill between two writes, come to light.
fn strangers(observed: &Observed) -> BTreeSet<usize> {
    let mut pinned: BTreeMap<&str, Vec<(usize, BTreeSet<&str>)>> = BTreeMap::new();
    for (place, known) in observed.layers.iter().enumerate() {
        // A lock of another tool is found stale for that.
        let text = known.lock.as_deref().filter(|_| known.header.is_some()).unwrap_or_default();
        for (name, version) in pins::quick_versions(text) {
            let layers = pinned.entry(name).or_default();
            match layers.last_mut() {
                Some((last, versions)) if *last == place => {
                    versions.insert(version);
                }
                _ => layers.push((place, BTreeSet::from([version]))),
            }
        }
    }
    let may_differ = |one: usize, other: usize| {
        let names = |place: usize| observed.layers.get(place).map(|known| &known.layer);
        let (Some(one), Some(other)) = (names(one), names(other)) else { return false };
        !one.conflicts.is_empty() || !other.conflicts.is_empty()
    };
    let mut found = BTreeSet::new();
    for layers in pinned.values() {
        let Some(((first, versions), rest)) = layers.split_first() else { continue };
        for (place, others) in rest {
            if versions.is_disjoint(others) && !may_differ(*first, *place) {
                found.extend([*first, *place]);
            }
        }
    }
    found
}

fn upgrades(wish: &Wish, known: &Known) -> bool {
    match &wish.upgrade {
        Upgrades::None => false,
        Upgrades::All => true,
        Upgrades::Layers(names) => names.contains(&known.layer.name),
        Upgrades::Packages(names) => known.lock.as_deref().is_some_and(|text| {
            let pinned = pins::versions(text);
            names.iter().any(|name| pinned.contains_key(name))
        }),
    }
}

fn differences(
    known: &Known,
    there: &Header,
    pins: Option<Digest>,
    wanted: &Header,
) -> BTreeSet<Stale> {
    let version_differs = wanted.version.is_some() && there.version != wanted.version;
    let found = [
        (Stale::LockEdited, there.pins != pins || !known.lock.as_deref().is_none_or(is_first)),
        (Stale::InputsChanged, there.inputs != known.inputs),
        (Stale::ToolChanged, there.tool != wanted.tool || version_differs),
        (
            Stale::OptionsChanged,
            there.options != wanted.options || there.strategy != wanted.strategy,
        ),
        (Stale::PythonChanged, there.python != wanted.python),
        (Stale::PlatformChanged, there.platform != wanted.platform),
        (Stale::BaseChanged, there.base != wanted.base),
    ];
    found.into_iter().filter_map(|(stale, differs)| differs.then_some(stale)).collect()
}

/// The digest of the locks that a layer builds on, near and far.
pub(crate) fn base(
    observed: &Observed,
    known: &Known,
    digests: &BTreeMap<&str, Option<Digest>>,
) -> Option<Digest> {
    if known.base.is_empty() {
        return None;
    }
    let mut parts: Vec<String> = Vec::new();
    for name in observed.closure(&known.layer.name).into_keys() {
        let digest = digests.get(name).copied().flatten();
        parts.push(
            [name, "=", &digest.map_or_else(String::new, |digest| digest.to_string())].concat(),
        );
    }
    Some(Digest::of_parts(parts.iter().map(String::as_bytes)))
}

/// The header that a layer's lock should have, but for its pins.
pub(crate) fn header_of(
    observed: &Observed,
    known: &Known,
    wish: &Wish,
    base: Option<Digest>,
) -> Header {
    let layer = &known.layer;
    let mut options = layer.options();
    if wish.tool == "uv" {
        options.extend(observed.settings.map(|digest| digest.to_string()));
    }
    for (name, link) in &known.base {
        let word = if *link == Link::Includes { " -r" } else { " -c" };
        options.push([name.as_str(), word].concat());
    }
    Header {
        inputs: known.inputs,
        tool: wish.tool.clone(),
        version: wish.version.clone(),
        strategy: Some(wish.strategy),
        python: layer.python.clone().unwrap_or_else(|| wish.python.clone()),
        platform: layer.platform.clone().or_else(|| wish.platform.clone()),
        options: Some(Digest::of_parts(options.iter().map(String::as_bytes))),
        base,
        pins: None,
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;
    use instep_tools::Environment;

    use super::*;
    use crate::layer::{Input, Layer};
    use crate::observe::observe;

    /// A layer in a folder of its own that builds on one in the folder above.
    fn layers(root: &Utf8Path) -> Vec<Layer> {
        let layer = |name: &str, folder: &str| Layer {
            name: name.to_owned(),
            input: Input::File(root.join(folder).join([name, ".in"].concat())),
            output: root.join(folder).join([name, ".txt"].concat()),
            python: None,
            platform: None,
            hashes: true,
            conflicts: BTreeSet::new(),
        };
        vec![layer("base", "all"), layer("web", "all/deep")]
    }

    #[test]
    fn headers_are_the_same_bytes_on_every_platform() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        fs_err::create_dir_all(root.join("all/deep")).unwrap();
        fs_err::create_dir_all(root.join("libs/one")).unwrap();
        fs_err::write(root.join("common.in"), "tool\n").unwrap();
        fs_err::write(root.join("all/base.in"), "leaf\r\n-e ./libs/one\r\n").unwrap();
        fs_err::write(root.join("all/deep/web.in"), "-c ../base.txt\n-r ../../common.in\napp\n")
            .unwrap();
        let variables = Environment::new(root, None, std::iter::empty::<(&str, &str)>());
        let observed = observe(root, &layers(root), &variables).unwrap();
        let wish = Wish {
            strategy: Strategy::Joint,
            tool: "uv".to_owned(),
            version: Some("0.13.9".to_owned()),
            python: "3.12".to_owned(),
            platform: None,
            upgrade: Upgrades::None,
        };
        let mut text = String::new();
        for known in &observed.layers {
            let base = base(&observed, known, &BTreeMap::new());
            let header = header_of(&observed, known, &wish, base);
            text.push_str(&header.print(&observed.show(known.layer.input.path()), "instep lock"));
        }
        let expected = "\
# Compiled by Instep from all/base.in: change that, then run `instep lock`.
# instep: inputs=blake3:c5a11e7a5d8aa87d8fc3de381ca5b5063fff7f3a297d9eb94a7d9fc1a9616abc tool=uv@0.13.9 \
strategy=joint python=3.12 \
options=blake3:f8c13309fb8989786e78f02d1a256349079b4842da62845fab0e57d9583cc6ed
# Compiled by Instep from all/deep/web.in: change that, then run `instep lock`.
# instep: inputs=blake3:3cb5fa19688cc1e457b04a7b88bf5c8bf80b09df18521b1ace005d73b9800d38 tool=uv@0.13.9 \
strategy=joint python=3.12 \
options=blake3:ca195a1202080290dd56b90caaa33c4a9cc82a5e50d27aa8c82ad54fbd7a9232 \
base=blake3:af0099824ea36493efef12d877d56436de70853f71a08ba5564b7466bb7a6b4a
";
        assert_eq!(text, expected);
    }
}
