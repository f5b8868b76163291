//! Plan: the actions of the [reconciler](crate::reconcile()) in the order in which they are safe, without
//! those that the other side cannot take. Pure.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::error::Error;
use crate::node::{Side, Sides};
use crate::observe::Observed;
use crate::problem::{Problem, Reason};
use crate::reconcile::{Action, Situation, ancestors, below, parent, reconcile};
use crate::scan::Found;
use crate::state::{Record, join};

/// Which sides may be written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Both.
    #[default]
    Both,
    /// The local one.
    NetworkToLocal,
    /// The network.
    LocalToNetwork,
}

impl Direction {
    /// As it is written to the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::NetworkToLocal => "network_to_local",
            Self::LocalToNetwork => "local_to_network",
        }
    }

    /// Whether a side may be written to.
    pub(crate) fn writes(self, side: Side) -> bool {
        match self {
            Self::Both => true,
            Self::NetworkToLocal => side == Side::Local,
            Self::LocalToNetwork => side == Side::Network,
        }
    }
}

/// What is to be done.
#[derive(Debug, Default)]
pub struct Plan {
    /// In the order in which it is done: what goes away, what takes another name, folders, files.
    pub actions: Vec<Action>,
    /// What is left alone, and why.
    pub problems: Vec<Problem>,
    /// The bytes of all files to copy.
    pub bytes: u64,
    /// Files and links that would be deleted, on each side.
    pub deletes: Sides<usize>,
    /// How many files and links are recorded.
    pub recorded: usize,
}

impl Plan {
    /// Whether both sides are equal, but for what is left alone.
    pub fn is_empty(&self) -> bool {
        self.actions.iter().all(|action| matches!(action, Action::Agree { .. }))
    }

    /// Files, links and folders to copy.
    pub fn copies(&self) -> usize {
        self.count(|action| matches!(action, Action::Copy { .. }))
    }

    /// What goes to the trash on either side.
    pub fn deletions(&self) -> usize {
        self.count(|action| matches!(action, Action::Delete { .. }))
    }

    /// Where both are kept.
    pub fn conflicts(&self) -> usize {
        self.count(|action| matches!(action, Action::Beside { .. }))
    }

    fn count(&self, is_one: impl Fn(&Action) -> bool) -> usize {
        self.actions.iter().filter(|action| is_one(action)).count()
    }

    /// Refuses to delete more than a share of what is recorded, or all of several, unless so many are
    /// allowed.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyDeletes`].
    pub fn guard(&self, share: f64, allowed: Option<usize>) -> Result<(), Error> {
        #[expect(clippy::cast_precision_loss, reason = "no tree has 2^52 files")]
        let limit = (self.recorded as f64 * share).max(FEW);
        for side in Side::BOTH {
            let deletes = *self.deletes.of(side);
            #[expect(clippy::cast_precision_loss, reason = "no tree has 2^52 files")]
            let is_much = deletes as f64 > limit || (deletes > 1 && deletes == self.recorded);
            if is_much && allowed.is_none_or(|allowed| deletes > allowed) {
                return Err(Error::TooManyDeletes { side, deletes, recorded: self.recorded });
            }
        }
        Ok(())
    }
}

/// So many may always be deleted.
const FEW: f64 = 10.0;

/// Decides what is to be done.
pub(crate) fn plan(observed: &Observed, direction: Direction) -> Plan {
    let situation = situation(observed);
    let base = |path: &str| observed.state.get(path).map(|record| record.entry().node());
    let planner = Planner { observed, direction, names: HashMap::new(), refused: BTreeSet::new() };
    planner.plan(reconcile(&base, &situation))
}

fn situation(observed: &Observed) -> Situation {
    let mut situation = Situation::default();
    for side in Side::BOTH {
        let scan = observed.scans.of(side);
        let changes = scan.changes.iter();
        *situation.changes.of_mut(side) =
            changes.map(|(path, found)| (path.clone(), found.as_ref().map(Found::node))).collect();
        *situation.blocked.of_mut(side) = scan.blocked.keys().cloned().collect();
    }
    situation
}

struct Planner<'a> {
    observed: &'a Observed,
    direction: Direction,
    /// The names of a folder on a side that does not tell case apart, by what they are to it.
    names: HashMap<(Side, String), HashMap<String, String>>,
    /// Paths that a side cannot take.
    refused: BTreeSet<String>,
}

impl Planner<'_> {
    fn plan(mut self, actions: Vec<Action>) -> Plan {
        let mut plan = Plan { recorded: self.observed.state.leaves(), ..Plan::default() };
        for side in Side::BOTH {
            let scan = self.observed.scans.of(side);
            plan.problems.extend(scan.blocked.iter().map(|(path, reason)| Problem {
                path: path.clone(),
                side,
                reason: reason.again(),
            }));
        }
        let mut kept = Vec::new();
        let mut open_conflicts: BTreeSet<String> = BTreeSet::new();
        for action in actions {
            if let Action::Beside { path, side } = &action
                && self.direction != Direction::Both
            {
                open_conflicts.insert(path.clone());
                let reason = Reason::Conflict;
                plan.problems.push(Problem { path: path.clone(), side: *side, reason });
                continue;
            }
            let is_open = |path: &str| open_conflicts.contains(path) || self.is_below_refused(path);
            if is_open(action.path()) || !self.may(&action) {
                continue;
            }
            if let Some(problem) = self.obstacle(&action) {
                self.refused.insert(problem.path.clone());
                plan.problems.push(problem);
                continue;
            }
            kept.push(action);
        }
        for action in &kept {
            match action {
                Action::Delete { side, .. } if self.observed.rank(action) == Rank::Remove => {
                    *plan.deletes.of_mut(*side) += 1;
                }
                _ => plan.bytes += self.observed.size(action),
            }
        }
        sort(&mut kept, &|action| self.observed.rank(action));
        plan.actions = kept;
        plan
    }

    fn may(&self, action: &Action) -> bool {
        match action {
            Action::Agree { .. } | Action::Beside { .. } => true,
            Action::Copy { from, .. } => self.direction.writes(from.other()),
            Action::Delete { side, .. } => self.direction.writes(*side),
        }
    }

    fn is_below_refused(&self, path: &str) -> bool {
        !self.refused.is_empty() && ancestors(path).any(|above| self.refused.contains(above))
    }

    /// Why the other side cannot take a copy.
    fn obstacle(&mut self, action: &Action) -> Option<Problem> {
        let Action::Copy { path, from } = action else { return None };
        let to = from.other();
        let problem = |reason| Some(Problem { path: path.clone(), side: *from, reason });
        let name = path.rsplit('/').next().unwrap_or(path);
        if !self.observed.traits.of(to).names.hold(name) {
            return problem(Reason::Name);
        }
        let is_link = matches!(self.observed.changed(*from, path), Some(Found::Link { .. }));
        if is_link && !self.observed.traits.of(to).links {
            return problem(Reason::Link);
        }
        if self.observed.traits.of(to).tells_case {
            return None;
        }
        let folder = parent(path).unwrap_or_default().to_owned();
        let key = fold(name);
        let names = self.names_of(to, folder);
        match names.get(&key) {
            Some(other) if other != name => {
                let other = other.clone();
                problem(Reason::Collides(other))
            }
            _ => {
                names.insert(key, name.to_owned());
                None
            }
        }
    }

    fn names_of(&mut self, side: Side, folder: String) -> &mut HashMap<String, String> {
        let observed = self.observed;
        self.names.entry((side, folder)).or_insert_with_key(|(_, folder)| {
            let record =
                if folder.is_empty() { observed.state.root() } else { observed.state.get(folder) };
            // What is gone on either side is going to be gone.
            let is_gone = |name: &str| {
                let path = join(folder, name);
                Side::BOTH
                    .into_iter()
                    .any(|side| matches!(observed.scans.of(side).changes.get(&path), Some(None)))
            };
            let recorded = record
                .into_iter()
                .flat_map(Record::children)
                .map(|child| child.name().to_owned())
                .filter(|name| !is_gone(name));
            let changes = &observed.scans.of(side).changes;
            let (from, to) = if folder.is_empty() {
                (Bound::Unbounded, Bound::Unbounded)
            } else {
                let (from, to) = below(folder);
                (Bound::Excluded(from), Bound::Excluded(to))
            };
            let new = changes
                .range((from, to))
                .filter(|(path, found)| {
                    found.is_some() && parent(path).unwrap_or_default() == folder
                })
                .map(|(path, _)| path.rsplit('/').next().unwrap_or(path).to_owned());
            recorded.chain(new).map(|name| (fold(&name), name)).collect()
        })
    }
}

/// What is done before what: what goes away first, the inner before the outer; then folders, the outer
/// before the inner. Within a rank, only folders depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Remove,
    RemoveFolder,
    Beside,
    MakeFolder,
    Copy,
    Agree,
}

impl Rank {
    /// `is_dir`: whether what is copied or deleted is a folder.
    pub(crate) fn of(action: &Action, is_dir: bool) -> Self {
        match action {
            Action::Delete { .. } if is_dir => Self::RemoveFolder,
            Action::Delete { .. } => Self::Remove,
            Action::Beside { .. } => Self::Beside,
            Action::Copy { .. } if is_dir => Self::MakeFolder,
            Action::Copy { .. } => Self::Copy,
            Action::Agree { .. } => Self::Agree,
        }
    }
}

/// Sorts actions so that they can be carried out one after the other.
pub(crate) fn sort(actions: &mut [Action], rank: &dyn Fn(&Action) -> Rank) {
    actions.sort_by_cached_key(|action| {
        let (rank, path) = (rank(action), action.path().to_owned());
        let inner_first = rank == Rank::RemoveFolder;
        (rank, if inner_first { usize::MAX - path.matches('/').count() } else { 0 }, path)
    });
}

/// What a name is to a file system that tells neither case nor Unicode forms apart.
fn fold(name: &str) -> String {
    // By way of upper case, since some letters have two lower ones: `σ` and `ς`. One that becomes several is
    // left as it is: `ß` is told from `ss`.
    let upper = |letter: char| {
        let mut upper = letter.to_uppercase();
        upper.next().filter(|_| upper.next().is_none()).unwrap_or(letter)
    };
    name.nfc().map(upper).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use instep_fs::Stamp;

    use super::*;
    use crate::names::Names;
    use crate::node::Content;
    use crate::scan::Scan;
    use crate::state::State;
    use crate::traits::Traits;

    fn traits(tells_case: bool, windows: bool) -> Traits {
        let (strict, executable, links, exchanges, granularity) = (true, true, true, true, 100);
        let names = Names::all(!windows);
        Traits { strict, executable, tells_case, links, exchanges, names, granularity }
    }

    /// Files that are new on the network, and what the local side can tell.
    fn observed(names: &[&str], tells_case: bool, windows: bool) -> Observed {
        let stamp = Stamp { size: 1, modified: 1, file_id: 1, changed: 1 };
        let mut network = Scan::default();
        for name in names {
            for above in ancestors(name) {
                network.changes.insert(above.to_owned(), Some(Found::Dir));
            }
            let found = Found::File { stamp, executable: false, content: Content::Unread };
            network.changes.insert((*name).to_owned(), Some(found));
        }
        Observed {
            state: State::empty(),
            scans: Sides { network, local: Scan::default() },
            traits: Sides { network: traits(true, false), local: traits(tells_case, windows) },
            started: SystemTime::UNIX_EPOCH,
            record_lost: None,
        }
    }

    fn copied(plan: &Plan) -> Vec<&str> {
        plan.actions.iter().map(Action::path).collect()
    }

    #[test]
    fn names_that_the_other_side_cannot_tell_apart_are_left_and_named() {
        let names = ["README", "Readme", "caf\u{e9}", "cafe\u{301}", "d/a", "D/b", "other"];
        let all = plan(&observed(&names, true, false), Direction::Both);
        assert!(all.problems.is_empty());
        let plan = plan(&observed(&names, false, false), Direction::Both);
        assert_eq!(copied(&plan), ["D", "D/b", "README", "cafe\u{301}", "other"]);
        let left: Vec<&str> = plan.problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(left, ["Readme", "caf\u{e9}", "d"]);
        assert!(matches!(&plan.problems[0].reason, Reason::Collides(name) if name == "README"));
    }

    #[test]
    fn a_name_that_only_changes_its_case_does_not_collide_with_itself() {
        let mut observed = observed(&["readme"], false, false);
        let stamps = Sides { network: None, local: None };
        let hash = blake3::hash(b"x");
        let entry = crate::state::Entry::File { hash, executable: false, size: 1, stamps };
        let entries = [("README".to_owned(), entry)].into();
        observed.state = State::of(observed.state.header.clone(), &entries);
        observed.scans.network.changes.insert("README".into(), None);
        let plan = plan(&observed, Direction::Both);
        assert!(plan.problems.is_empty(), "{:?}", plan.problems);
        assert_eq!(copied(&plan), ["README", "readme"]);
    }

    #[test]
    fn names_that_windows_cannot_hold_are_left_and_named() {
        let plan = plan(&observed(&["aux.txt", "d./a", "ok"], false, true), Direction::Both);
        assert_eq!(copied(&plan), ["ok"]);
        let left: Vec<&str> = plan.problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(left, ["aux.txt", "d."]);
    }

    #[test]
    fn a_share_of_deletions_is_allowed_and_a_few_always_are() {
        let plan = |recorded, deletes| Plan {
            recorded,
            deletes: Sides { network: 0, local: deletes },
            ..Plan::default()
        };
        let table = [
            (10, 9, None, true),
            (10, 10, None, false),
            (10, 10, Some(10), true),
            (1, 1, None, true),
            (12, 11, None, false),
            (100, 25, None, true),
            (100, 26, None, false),
            (100, 26, Some(26), true),
            (100, 100, Some(99), false),
        ];
        for (recorded, deletes, allowed, expected) in table {
            let found = plan(recorded, deletes).guard(0.25, allowed).is_ok();
            assert_eq!(found, expected, "{deletes} of {recorded}, {allowed:?}");
        }
    }
}
