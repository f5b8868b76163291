//! Reconcile: what both sides last agreed on, and what each has become, to what is to be done. Pure.
//!
//! For a path, `b` is what is recorded, `n` what the network has, `l` what is local. A side *changed*
//! where it differs from `b`; times are no difference.
//!
//! | law | case | outcome |
//! | --- | --- | --- |
//! | 1 | `n` = `l` | in step, however it came about |
//! | 2 | `l` = `b` | the network's change is carried to the local side, a deletion included |
//! | 3 | `n` = `b` | the local change is carried to the network, a deletion included |
//! | 4 | both changed, one is gone | a change wins over a deletion: what is there is kept, and carried over |
//! | 5 | both changed, a folder against something else | the folder stays; the other takes a name beside it |
//! | 6 | both changed, to the same content, and one may be executed | it may be on both |
//! | 7 | both changed, neither a folder | both are kept: the one modified last under its name, the other one beside it |
//! | 8 | a folder is to be removed, and something in it stays | the folder stays too, on both sides |
//! | 9 | a folder is to be replaced, and something in it stays | as law 5 |
//! | 10 | a side could not be looked at, at a path or above it | nothing is done there |
//! | 11 | a folder is to be removed or replaced, and a side could not be looked at below it | it stays as it is |
//!
//! *Beside it* is the name with `.conflict-SIDE-DIGITS` before its ending: the side that it comes from,
//! and the first digits of its content's hash, so that a run that is repeated after a crash makes the
//! same name, and the same conflict makes one copy.
//!
//! The laws are symmetric: with the sides swapped, the outcome is swapped.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::node::{Content, Node, Side, Sides, is_same};

/// What is at paths at which something differs from the record; `None` where nothing is any more.
pub type Changes = BTreeMap<String, Option<Node>>;

/// What is known of both sides.
#[derive(Clone, Debug, Default)]
pub struct Situation {
    /// What differs from the record.
    pub changes: Sides<Changes>,
    /// Paths at and below which a side could not be looked at.
    pub blocked: Sides<BTreeSet<String>>,
}

/// What is to be done at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Both sides have the same, or neither has anything: the record follows.
    Agree {
        /// Where.
        path: String,
    },
    /// What one side has is to be on the other.
    Copy {
        /// Where.
        path: String,
        /// The side that has it.
        from: Side,
    },
    /// What one side has goes to its trash, since the other one deleted it. A folder is empty then.
    Delete {
        /// Where.
        path: String,
        /// The side that has it.
        side: Side,
    },
    /// What one side has takes another name, on both sides: the other side has something else there.
    Beside {
        /// Where it is.
        path: String,
        /// The side that has it.
        side: Side,
    },
}

impl Action {
    /// Where.
    pub fn path(&self) -> &str {
        match self {
            Self::Agree { path }
            | Self::Copy { path, .. }
            | Self::Delete { path, .. }
            | Self::Beside { path, .. } => path,
        }
    }
}

/// What becomes of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Agree,
    /// What this side has, a deletion included.
    Take(Side),
    /// What this side has stays, what the other one has goes beside it.
    Clash(Side),
}

/// Decides. `base` is what is recorded at a path.
pub fn reconcile(base: &dyn Fn(&str) -> Option<Node>, situation: &Situation) -> Vec<Action> {
    let one = Reconciler { base, situation };
    let mut fates = BTreeMap::new();
    for path in one.paths() {
        if !one.is_blocked(path) {
            fates.insert(path, one.fate(path));
        }
    }
    one.keep_folders(&mut fates);
    one.actions(&fates)
}

struct Reconciler<'a> {
    base: &'a dyn Fn(&str) -> Option<Node>,
    situation: &'a Situation,
}

impl<'a> Reconciler<'a> {
    fn paths(&self) -> BTreeSet<&'a str> {
        let changes = &self.situation.changes;
        changes.network.keys().chain(changes.local.keys()).map(String::as_str).collect()
    }

    fn has(&self, side: Side, path: &str) -> Option<Node> {
        match self.situation.changes.of(side).get(path) {
            Some(node) => node.clone(),
            None => (self.base)(path),
        }
    }

    /// Law 10.
    fn is_blocked(&self, path: &str) -> bool {
        Side::BOTH.into_iter().any(|side| {
            let blocked = self.situation.blocked.of(side);
            let above = || ancestors(path).any(|above| blocked.contains(above));
            !blocked.is_empty() && (blocked.contains(path) || above())
        })
    }

    /// Laws 1 to 7.
    fn fate(&self, path: &str) -> Fate {
        let [network, local] = Side::BOTH.map(|side| self.has(side, path));
        let base = (self.base)(path);
        if is_same(network.as_ref(), local.as_ref()) {
            return Fate::Agree;
        }
        if is_same(local.as_ref(), base.as_ref()) {
            return Fate::Take(Side::Network);
        }
        if is_same(network.as_ref(), base.as_ref()) {
            return Fate::Take(Side::Local);
        }
        match (&network, &local) {
            (None, _) => Fate::Take(Side::Local),
            (_, None) => Fate::Take(Side::Network),
            (Some(Node::Dir), _) => Fate::Clash(Side::Network),
            (_, Some(Node::Dir)) => Fate::Clash(Side::Local),
            (Some(network), Some(local)) => match more_executable(network, local) {
                Some(side) => Fate::Take(side),
                None => Fate::Clash(last(network, local)),
            },
        }
    }

    /// Laws 8, 9 and 11, from the bottom up, so that a folder that stays keeps those above it.
    fn keep_folders(&self, fates: &mut BTreeMap<&'a str, Fate>) {
        let mut kept: BTreeSet<&str> = BTreeSet::new();
        let paths: Vec<&'a str> = fates.keys().copied().collect();
        for path in paths.into_iter().rev() {
            let Some(fate) = fates.get(path).copied() else { continue };
            let mut stays = match fate {
                Fate::Agree => self.has(Side::Local, path).is_some(),
                Fate::Take(side) => self.has(side, path).is_some(),
                Fate::Clash(_) => true,
            };
            let removes_folder =
                |side: Side| self.has(side.other(), path).is_some_and(|node| node.is_dir());
            if let Fate::Take(side) = fate
                && removes_folder(side)
                && Side::BOTH
                    .into_iter()
                    .any(|side| holds_any(self.situation.blocked.of(side), path))
            {
                fates.remove(path);
                continue;
            }
            if let Fate::Take(side) = fate
                && removes_folder(side)
                && holds(&kept, path)
            {
                let has_other = self.has(side, path).is_some();
                let fate =
                    if has_other { Fate::Clash(side.other()) } else { Fate::Take(side.other()) };
                fates.insert(path, fate);
                stays = true;
            }
            if stays {
                kept.insert(path);
            }
        }
    }

    fn actions(&self, fates: &BTreeMap<&'a str, Fate>) -> Vec<Action> {
        let mut actions = Vec::new();
        for (path, fate) in fates {
            let path = (*path).to_owned();
            match *fate {
                Fate::Agree => actions.push(Action::Agree { path }),
                Fate::Take(from) if self.has(from, &path).is_some() => {
                    actions.push(Action::Copy { path, from });
                }
                Fate::Take(from) => actions.push(Action::Delete { path, side: from.other() }),
                Fate::Clash(stays) => {
                    actions.push(Action::Beside { path: path.clone(), side: stays.other() });
                    actions.push(Action::Copy { path, from: stays });
                }
            }
        }
        actions
    }
}

/// The side that may execute a file of which both have the same content.
fn more_executable(network: &Node, local: &Node) -> Option<Side> {
    match (network, local) {
        (
            Node::File { content: Content::Hash(one), executable: there, .. },
            Node::File { content: Content::Hash(other), executable: here, .. },
        ) if one == other && there != here => {
            Some(if *there { Side::Network } else { Side::Local })
        }
        _ => None,
    }
}

/// The side of which the node keeps its name: the one modified last; where the times are equal, the
/// content decides, so that it is not the side that does.
fn last(network: &Node, local: &Node) -> Side {
    let key = |node| (Node::modified(node), order(node));
    if key(network) > key(local) { Side::Network } else { Side::Local }
}

/// What tells nodes of one time apart.
fn order(node: &Node) -> (&str, [u8; 32], bool) {
    match node {
        Node::File { content: Content::Hash(hash), executable, .. } => {
            ("", *hash.as_bytes(), *executable)
        }
        Node::File { content: Content::Unread, executable, .. } => ("", [0; 32], *executable),
        Node::Link { target, .. } => (target, [0; 32], false),
        Node::Dir => ("", [0; 32], false),
    }
}

/// The paths above one, the nearest first.
pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(parent(path), |path| parent(path))
}

/// The path of the folder that a path is in; `None` in the root.
pub(crate) fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

/// The bounds of the paths below one, both excluded: `0` is what follows `/`.
pub(crate) fn below(path: &str) -> (String, String) {
    ([path, "/"].concat(), [path, "0"].concat())
}

fn holds(paths: &BTreeSet<&str>, path: &str) -> bool {
    let (from, to) = below(path);
    let range = (Bound::Excluded(from.as_str()), Bound::Excluded(to.as_str()));
    paths.range::<str, _>(range).next().is_some()
}

fn holds_any(paths: &BTreeSet<String>, path: &str) -> bool {
    let (from, to) = below(path);
    let range = (Bound::Excluded(from.as_str()), Bound::Excluded(to.as_str()));
    paths.range::<str, _>(range).next().is_some()
}

#[cfg(test)]
mod tests;
