//! A file in the place of another one: whole or not at all.

use std::fs::File;
use std::io;

use camino::Utf8Path;

/// Puts a copy of a file in a place. On a file system that can, both share their blocks.
pub(crate) fn copy(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    put(to, |path| {
        File::create_new(path)?;
        std::fs::copy(from, path).map(drop)
    })
}

/// Puts the file itself in a place, where the file system has links, and a copy elsewhere.
pub(crate) fn link_or_copy(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    put(to, |path| std::fs::hard_link(from, path)).or_else(|_| copy(from, to))
}

/// Lets `make` make it under another name beside its place first.
fn put(to: &Utf8Path, make: impl FnMut(&std::path::Path) -> io::Result<()>) -> io::Result<()> {
    let folder = to.parent().unwrap_or_else(|| Utf8Path::new("."));
    let prefix = [".", to.file_name().unwrap_or_default(), "."].concat();
    let beside = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".instep-tmp")
        .make_in(folder, make)?
        .into_temp_path();
    // Where both are links to the same file, a rename leaves the other name: it goes with `beside`.
    instep_fs::while_in_use(|| std::fs::rename(&beside, to))
}
