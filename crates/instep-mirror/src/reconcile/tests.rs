//! The laws, on trees that are texts: `a:1` is a file with the content 1, `a:1x` one that may be executed,
//! `a:1~5` one that was modified at 5, `a@t` a link to `t`, `a/` a folder. `a!network:1` is what the
//! network had at `a`, kept beside it.

use proptest::prelude::*;

use super::*;
use crate::plan::{Rank, sort};

type Tree = BTreeMap<String, Node>;

fn tree(text: &str) -> Tree {
    let mut tree = Tree::new();
    for word in text.split_whitespace() {
        let (word, modified) = word.split_once('~').unwrap_or((word, "0"));
        let modified = modified.parse().unwrap();
        let (path, node) = if let Some((path, target)) = word.split_once('@') {
            (path, Node::Link { target: target.into(), modified })
        } else if let Some((path, content)) = word.split_once(':') {
            let (content, executable) = match content.strip_suffix('x') {
                Some(content) => (content, true),
                None => (content, false),
            };
            let content = Content::Hash(blake3::hash(content.as_bytes()));
            (path, Node::File { content, executable, modified })
        } else {
            (word.trim_end_matches('/'), Node::Dir)
        };
        for above in ancestors(path) {
            tree.insert(above.to_owned(), Node::Dir);
        }
        tree.insert(path.to_owned(), node);
    }
    tree
}

fn changes(base: &Tree, now: &Tree) -> Changes {
    let paths: BTreeSet<&String> = base.keys().chain(now.keys()).collect();
    paths
        .into_iter()
        .filter(|path| !is_same(base.get(*path), now.get(*path)))
        .map(|path| (path.clone(), now.get(path).cloned()))
        .collect()
}

/// Both sides, and what went to the trash.
#[derive(Clone, Debug)]
struct World {
    sides: Sides<Tree>,
    trash: Vec<Node>,
    conflicts: usize,
}

impl World {
    fn new(network: &Tree, local: &Tree) -> Self {
        let sides = Sides { network: network.clone(), local: local.clone() };
        Self { sides, trash: Vec::new(), conflicts: 0 }
    }

    /// What a plan does to trees, with everything that it must not do refused.
    fn sync(mut self, base: &Tree) -> Self {
        let situation = Situation {
            changes: Sides {
                network: changes(base, &self.sides.network),
                local: changes(base, &self.sides.local),
            },
            ..Situation::default()
        };
        let mut actions = reconcile(&|path| base.get(path).cloned(), &situation);
        let before = self.sides.clone();
        sort(&mut actions, &|action| {
            let (Action::Copy { path, from: side } | Action::Delete { path, side }) = action else {
                return Rank::of(action, false);
            };
            Rank::of(action, before.of(*side).get(path).is_some_and(Node::is_dir))
        });
        for action in &actions {
            self.act(action);
        }
        self
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Agree { .. } => {}
            Action::Copy { path, from } => {
                let node = self.sides.of(*from).get(path).cloned().expect("something to copy");
                self.put(from.other(), path, node);
            }
            Action::Delete { path, side } => self.remove(*side, path),
            Action::Beside { path, side } => {
                self.conflicts += 1;
                let node = self.sides.of_mut(*side).remove(path).expect("something to keep");
                assert!(!node.is_dir(), "folders stay: {path}");
                let name = format!("{path}!{side}");
                for side in Side::BOTH {
                    self.put(side, &name, node.clone());
                }
            }
        }
    }

    fn put(&mut self, side: Side, path: &str, node: Node) {
        if let Some(folder) = parent(path) {
            let folder = self.sides.of(side).get(folder);
            assert!(folder.is_some_and(Node::is_dir), "no folder for {path} on {side}");
        }
        if self.sides.of(side).contains_key(path) {
            self.remove(side, path);
        }
        self.sides.of_mut(side).insert(path.to_owned(), node);
    }

    fn remove(&mut self, side: Side, path: &str) {
        let tree = self.sides.of_mut(side);
        let node = tree.remove(path).unwrap_or_else(|| panic!("nothing at {path} on {side}"));
        let (from, to) = below(path);
        assert!(tree.range(from..to).next().is_none(), "{path} is not empty on {side}");
        if !node.is_dir() {
            self.trash.push(node);
        }
    }
}

fn assert_same(found: &Tree, expected: &Tree, what: &str) {
    let show = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(show(found), show(expected), "{what}");
    for (path, node) in found {
        assert!(is_same(Some(node), expected.get(path)), "{what}: {path} is {node:?}");
    }
}

/// Name, base, network, local, and what both sides are afterwards.
const CASES: [(&str, &str, &str, &str, &str); 72] = [
    ("nothing anywhere", "", "", "", ""),
    ("nothing changed", "a:1 d/b:2 l@t", "a:1 d/b:2 l@t", "a:1 d/b:2 l@t", "a:1 d/b:2 l@t"),
    ("a file is created", "", "a:1", "", "a:1"),
    ("a file is created in a new folder", "", "d/e/a:1", "", "d/e/a:1"),
    ("a hidden file is created", "d/", "d/.a:1", "d/", "d/.a:1"),
    ("an empty folder is created", "", "d/", "", "d/"),
    ("a link is created", "", "a@t", "", "a@t"),
    ("a file that may be executed is created", "", "a:1x", "", "a:1x"),
    ("equal files are created", "", "a:1", "a:1", "a:1"),
    ("equal links are created", "", "a@t", "a@t", "a@t"),
    ("equal folders are created", "", "d/x:1", "d/x:1", "d/x:1"),
    ("folders of one name are created", "", "d/x:1", "d/y:2", "d/x:1 d/y:2"),
    ("different files are created", "", "a:1~2", "a:2~1", "a:1 a!local:2"),
    ("different files, the later one local", "", "a:1~1", "a:2~2", "a:2 a!network:1"),
    ("equal files, one may be executed", "", "a:1~9", "a:1x", "a:1x"),
    ("changed equally, one may be executed", "a:1", "a:2~9", "a:2x", "a:2x"),
    ("different links are created", "", "a@t~2", "a@u~1", "a@t a!local@u"),
    ("a file and a link are created", "", "a:1~2", "a@t~1", "a:1 a!local@t"),
    ("a file and a folder are created", "", "a:1", "a/", "a/ a!network:1"),
    ("a file and a folder that holds something", "", "a:1", "a/x:2", "a/x:2 a!network:1"),
    ("a link and a folder are created", "", "a@t", "a/x:2", "a/x:2 a!network@t"),
    ("no record, equal and different", "", "a:1 b:2", "a:1 c:3", "a:1 b:2 c:3"),
    ("a file is changed", "a:1", "a:2", "a:1", "a:2"),
    ("a file in a folder is changed", "d/a:1", "d/a:2", "d/a:1", "d/a:2"),
    ("a file is touched", "a:1", "a:1~9", "a:1", "a:1"),
    ("a file is changed equally", "a:1", "a:2", "a:2", "a:2"),
    ("a file is changed differently", "a:1", "a:2~2", "a:3~1", "a:2 a!local:3"),
    ("changed differently, local later", "a:1", "a:2~1", "a:3~2", "a:3 a!network:2"),
    ("a file may be executed", "a:1", "a:1x", "a:1", "a:1x"),
    ("a file may not be executed any more", "a:1x", "a:1", "a:1x", "a:1"),
    ("changed, and may be executed", "a:1", "a:2~2", "a:1x~1", "a:2 a!local:1x"),
    ("a link leads elsewhere", "a@t", "a@u", "a@t", "a@u"),
    ("a link leads elsewhere, differently", "a@t", "a@u~2", "a@v~1", "a@u a!local@v"),
    ("two files are changed, one on each side", "a:1 b:1", "a:2 b:1", "a:1 b:2", "a:2 b:2"),
    ("a file is deleted", "a:1", "", "a:1", ""),
    ("a link is deleted", "a@t", "", "a@t", ""),
    ("an empty folder is deleted", "d/", "", "d/", ""),
    ("a file is deleted on both sides", "a:1", "", "", ""),
    ("a file is deleted, and changed", "a:1", "", "a:2", "a:2"),
    ("a file is deleted, and touched", "a:1", "", "a:1~9", ""),
    ("a file is deleted, and may be executed", "a:1", "", "a:1x", "a:1x"),
    ("a link is deleted, and leads elsewhere", "a@t", "", "a@u", "a@u"),
    ("a file is renamed", "a:1", "b:1", "a:1", "b:1"),
    ("a file is renamed twice", "a:1", "b:1", "c:1", "b:1 c:1"),
    ("a file is renamed, and changed", "a:1", "b:1", "a:2", "a:2 b:1"),
    ("a file is moved into a folder", "a:1 d/", "d/a:1", "a:1 d/", "d/a:1"),
    ("a folder is renamed", "d/x:1", "e/x:1", "d/x:1", "e/x:1"),
    ("a folder is deleted", "d/x:1 d/e/y:2", "", "d/x:1 d/e/y:2", ""),
    ("a folder is deleted on both sides", "d/x:1", "", "", ""),
    ("a folder is deleted, a file in it changed", "d/x:1 d/y:2", "", "d/x:3 d/y:2", "d/x:3"),
    ("a folder is deleted, a file in it created", "d/x:1", "", "d/x:1 d/z:3", "d/z:3"),
    ("a folder is deleted, one in it created", "d/x:1", "", "d/x:1 d/e/", "d/e/"),
    ("deep down something is created", "d/e/x:1", "", "d/e/x:1 d/e/n:2", "d/e/n:2"),
    ("a folder is emptied", "d/x:1", "d/", "d/x:1", "d/"),
    ("a folder is deleted, and emptied", "d/x:1", "", "d/", ""),
    ("a name that sorts before what is below", "d/x:1 d-x:2", "d-x:2", "d/x:1 d-x:2", "d-x:2"),
    ("a file becomes a folder", "a:1", "a/x:2", "a:1", "a/x:2"),
    ("a file becomes a folder on both sides", "a:1", "a/x:2", "a/y:3", "a/x:2 a/y:3"),
    ("a file becomes a folder, and is changed", "a:1", "a/x:2", "a:3", "a/x:2 a!local:3"),
    ("a file becomes a folder, and is deleted", "a:1", "a/x:2", "", "a/x:2"),
    ("a file becomes a link", "a:1", "a@t", "a:1", "a@t"),
    ("a file becomes a link, and is changed", "a:1", "a@t~2", "a:2~1", "a@t a!local:2"),
    ("a link becomes a file", "a@t", "a:1", "a@t", "a:1"),
    ("a link becomes a folder", "a@t", "a/x:1", "a@t", "a/x:1"),
    ("a folder becomes a file", "a/x:1", "a:2", "a/x:1", "a:2"),
    ("a folder becomes a link", "a/x:1", "a@t", "a/x:1", "a@t"),
    ("a folder becomes a file on both sides", "a/x:1", "a:2", "a:2", "a:2"),
    ("a folder becomes different files", "a/x:1", "a:2~2", "a:3~1", "a:2 a!local:3"),
    ("a folder becomes a file, and is deleted", "a/x:1", "a:2", "", "a:2"),
    ("a folder becomes a file, one in it is changed", "a/x:1", "a:2", "a/x:3", "a/x:3 a!network:2"),
    ("a folder becomes a file, one in it is created", "a/", "a:2", "a/y:3", "a/y:3 a!network:2"),
    ("far above, a folder becomes a file", "a/b/c:1", "a:9", "a/b/c:2", "a/b/c:2 a!network:9"),
];

#[test]
fn cases() {
    for (name, base, network, local, expected) in CASES {
        let base = tree(base);
        let (network, local) = (tree(network), tree(local));
        let expected = tree(expected);
        let world = World::new(&network, &local).sync(&base);
        for side in Side::BOTH {
            assert_same(world.sides.of(side), &expected, &format!("{name}, {side}"));
        }
        let swapped: Tree = expected.into_iter().map(swap_name).collect();
        let world = World::new(&local, &network).sync(&base);
        for side in Side::BOTH {
            assert_same(world.sides.of(side), &swapped, &format!("{name}, swapped, {side}"));
        }
    }
}

fn swap_name((path, node): (String, Node)) -> (String, Node) {
    let swapped = if path.contains("!network") {
        path.replace("!network", "!local")
    } else {
        path.replace("!local", "!network")
    };
    (swapped, node)
}

#[test]
fn where_a_side_could_not_be_looked_at_nothing_is_done() {
    let base = tree("a:1 d/x:1 d/e/y:1");
    for (blocked, expected) in [
        ("a", vec!["d", "d/e", "d/e/y", "d/x"]),
        ("d", vec!["a"]),
        ("d/e", vec!["a", "d/x"]),
        ("d/e/y", vec!["a", "d/x"]),
    ] {
        for side in Side::BOTH {
            let mut situation = Situation {
                changes: Sides { network: changes(&base, &Tree::new()), local: Changes::new() },
                ..Situation::default()
            };
            situation.blocked.of_mut(side).insert(blocked.to_owned());
            let actions = reconcile(&|path| base.get(path).cloned(), &situation);
            let paths: Vec<&str> = actions.iter().map(Action::path).collect();
            assert_eq!(paths, expected, "{blocked} on {side}");
        }
    }
}

/// A tree of few names, so that edits meet.
fn trees() -> impl Strategy<Value = Tree> {
    let path = prop::sample::select(vec![
        "a", "b", "d", "d/a", "d/b", "d/e", "d/e/a", "d/e/f", "d/e/f/a", "d-a", "b/a",
    ]);
    let node = prop_oneof![
        (0..3_u8, 0..3_u8, any::<bool>()).prop_map(|(content, modified, executable)| Node::File {
            content: Content::Hash(blake3::hash(&[content])),
            executable,
            modified: modified.into(),
        }),
        (0..2_u8, 0..3_u8).prop_map(|(target, modified)| Node::Link {
            target: target.to_string(),
            modified: modified.into(),
        }),
        Just(Node::Dir),
    ];
    prop::collection::vec((path, node), 0..8).prop_map(|items| {
        let mut tree = Tree::new();
        for (path, node) in items {
            edit(&mut tree, path, Some(node));
        }
        tree
    })
}

/// Puts a node somewhere, or removes what is there: folders above are made, what is below goes.
fn edit(tree: &mut Tree, path: &str, node: Option<Node>) {
    let (from, to) = below(path);
    let inside: Vec<String> = tree.range(from..to).map(|(path, _)| path.clone()).collect();
    if !node.as_ref().is_some_and(Node::is_dir) {
        for path in inside {
            tree.remove(&path);
        }
    }
    match node {
        Some(node) => {
            for above in ancestors(path) {
                if !tree.get(above).is_some_and(Node::is_dir) {
                    tree.insert(above.to_owned(), Node::Dir);
                }
            }
            tree.insert(path.to_owned(), node);
        }
        None => {
            tree.remove(path);
        }
    }
}

/// A base, and what became of it on both sides: much of it is as it was.
fn worlds() -> impl Strategy<Value = (Tree, Tree, Tree)> {
    (trees(), trees(), trees(), any::<u64>(), any::<u64>()).prop_map(
        |(base, one, other, first, second)| {
            let mix = |edits: Tree, mask: u64| {
                let mut side = base.clone();
                for (index, path) in base.keys().enumerate() {
                    if mask >> (index % 32) & 1 == 1 {
                        edit(&mut side, path, None);
                    }
                }
                for (index, (path, node)) in edits.into_iter().enumerate() {
                    if mask >> (32 + index % 32) & 1 == 1 {
                        edit(&mut side, &path, Some(node));
                    }
                }
                side
            };
            let (one, other) = (mix(one, first), mix(other, second));
            (base, one, other)
        },
    )
}

/// Whether one holds what the other does; whether it may be executed is no content.
fn is_kept_by(node: &Node, kept: &Node) -> bool {
    match (node, kept) {
        (Node::File { content: one, .. }, Node::File { content: other, .. }) => one == other,
        _ => kept.is_same(node),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn both_sides_are_equal_afterwards_and_a_second_sync_does_nothing((base, network, local) in worlds()) {
        let world = World::new(&network, &local).sync(&base);
        assert_same(&world.sides.network, &world.sides.local, "equal");
        let after = world.sides.network.clone();
        let again = World::new(&after, &after).sync(&after);
        assert_same(&again.sides.network, &after, "again");
        prop_assert!(again.trash.is_empty());
        // Nor where the record was lost in between.
        let again = World::new(&after, &after).sync(&base);
        assert_same(&again.sides.network, &after, "with the old record");
        prop_assert!(again.trash.is_empty());
    }

    #[test]
    fn what_somebody_wrote_last_is_there_or_in_the_trash((base, network, local) in worlds()) {
        let world = World::new(&network, &local).sync(&base);
        for (name, side) in [("network", &network), ("local", &local)] {
            for (path, node) in side.iter().filter(|(_, node)| !node.is_dir()) {
                let is_kept = world.sides.local.values().chain(&world.trash).any(|kept| is_kept_by(node, kept));
                prop_assert!(is_kept, "{path} of {name} is lost");
                // What was changed is on both sides, not in the trash alone.
                if !is_same(Some(node), base.get(path)) {
                    let is_there = world.sides.local.values().any(|kept| is_kept_by(node, kept));
                    prop_assert!(is_there, "the new {path} of {name} is in the trash alone");
                }
            }
        }
    }

    #[test]
    fn without_a_record_nothing_is_deleted((_, network, local) in worlds()) {
        let world = World::new(&network, &local).sync(&Tree::new());
        for gone in &world.trash {
            let is_there = world.sides.local.values().any(|kept| is_kept_by(gone, kept));
            prop_assert!(is_there, "{gone:?} is in the trash alone");
        }
    }

    #[test]
    fn swapped_sides_swap_the_outcome((base, network, local) in worlds()) {
        let world = World::new(&network, &local).sync(&base);
        let other = World::new(&local, &network).sync(&base);
        let swapped: Tree = other.sides.local.into_iter().map(swap_name).collect();
        assert_same(&world.sides.local, &swapped, "swapped");
        prop_assert_eq!(world.conflicts, other.conflicts);
    }

    #[test]
    fn a_side_that_did_not_change_follows((base, changed, _) in worlds()) {
        let world = World::new(&changed, &base).sync(&base);
        assert_same(&world.sides.local, &changed, "local");
        assert_same(&world.sides.network, &changed, "network");
        prop_assert_eq!(world.conflicts, 0);
    }
}
