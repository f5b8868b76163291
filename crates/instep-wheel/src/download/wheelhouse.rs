//! Record: the pages that make a folder of wheels an index.
//!
//! `simple/index.html` names the packages, `simple/NAME/index.html` the files of one, by relative links
//! ([simple repository API](https://packaging.python.org/en/latest/specifications/simple-repository-api/)). pip and uv
//! read them from the disk, and from any web server that serves the folder.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use pep508_rs::PackageName;

use crate::archive::Wheel;
use crate::digest::{of_file, wheels_in};
use crate::error::Error;

/// The folder of the pages.
const PAGES: &str = "simple";
/// What says that a page is ours, and may be removed.
const MARK: &str = "<meta name=\"generator\" content=\"instep\">";

/// A file that a page links to.
struct Link {
    name: String,
    digest: String,
    requires_python: Option<String>,
}

/// Writes the pages of all wheels in a folder. `known` has the digests of those that were just fetched; the others are
/// read. A wheel that cannot be read safely is left out.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Fs`].
pub(super) fn write_pages(folder: &Utf8Path, known: &[(String, String)]) -> Result<(), Error> {
    let known: BTreeMap<&str, &str> =
        known.iter().map(|(name, digest)| (name.as_str(), digest.as_str())).collect();
    let mut packages: BTreeMap<PackageName, Vec<Link>> = BTreeMap::new();
    for name in wheels_in(folder)? {
        let path = folder.join(&name);
        let Ok(wheel) = Wheel::open(&path) else { continue };
        let digest = match known.get(name.as_str()) {
            Some(digest) => (*digest).to_owned(),
            None => of_file(&path).map_err(Error::io("read", &path))?,
        };
        let requires_python = wheel.header("METADATA", "Requires-Python")?;
        let package = wheel.file_name().name.clone();
        packages.entry(package).or_default().push(Link { name, digest, requires_python });
    }
    let pages = folder.join(PAGES);
    std::fs::create_dir_all(&pages).map_err(Error::io("create", &pages))?;
    let names: BTreeSet<String> = packages.keys().map(ToString::to_string).collect();
    replace(&pages.join("index.html"), &root(&names))?;
    for (package, links) in &packages {
        let page = pages.join(package.to_string()).join("index.html");
        replace(&page, &project(package.as_ref(), links))?;
    }
    tidy(&pages, &names)
}

/// Removes the pages of packages that are no longer there, and what a killed run left beside any.
fn tidy(pages: &Utf8Path, names: &BTreeSet<String>) -> Result<(), Error> {
    instep_fs::remove_stale_temporaries(&pages.join("index.html"))?;
    for entry in pages.read_dir_utf8().map_err(Error::io("read", pages))? {
        let path = entry.map_err(Error::io("read", pages))?.into_path();
        if !path.is_dir() {
            continue;
        }
        let page = path.join("index.html");
        instep_fs::remove_stale_temporaries(&page)?;
        let is_old = path.file_name().is_some_and(|name| !names.contains(name));
        let is_ours = || std::fs::read_to_string(&page).is_ok_and(|text| text.contains(MARK));
        if is_old && is_ours() {
            std::fs::remove_file(&page).map_err(Error::io("remove", &page))?;
            // A folder that somebody put something of their own into stays.
            let _ = std::fs::remove_dir(&path);
        }
    }
    Ok(())
}

/// Writes a page, if it is another one than that which is there.
fn replace(path: &Utf8Path, text: &str) -> Result<(), Error> {
    if std::fs::read(path).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(());
    }
    Ok(instep_fs::write_unflushed(path, text.as_bytes())?)
}

fn root(names: &BTreeSet<String>) -> String {
    let links = names.iter().map(|name| format!("    <a href=\"{name}/\">{name}</a><br>\n"));
    page("Packages", &links.collect::<String>())
}

fn project(name: &str, links: &[Link]) -> String {
    let link = |link: &Link| {
        let requires = link
            .requires_python
            .as_ref()
            .map(|range| [" data-requires-python=\"", &escaped(range), "\""].concat());
        format!(
            "    <a href=\"../../{}#sha256={}\"{}>{}</a><br>\n",
            escaped(&in_address(&link.name)),
            link.digest,
            requires.unwrap_or_default(),
            escaped(&link.name)
        )
    };
    page(name, &links.iter().map(link).collect::<String>())
}

fn page(title: &str, links: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n  <head>\n    <meta charset=\"utf-8\">\n    \
         <meta name=\"pypi:repository-version\" content=\"1.0\">\n    {MARK}\n    \
         <title>{title}</title>\n  </head>\n  <body>\n{links}  </body>\n</html>\n"
    )
}

/// A file name as a part of an address.
fn in_address(name: &str) -> String {
    const OTHERS: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(name, OTHERS).to_string()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_where_a_file_is_and_for_which_python() {
        let links = [Link {
            name: "a+b-1.0-py3-none-any.whl".to_owned(),
            digest: "ab".repeat(32),
            requires_python: Some(">=3.9,<4 \"x\" & y".to_owned()),
        }];
        let page = project("a-b", &links);
        let expected = "<a href=\"../../a%2Bb-1.0-py3-none-any.whl#sha256=";
        assert!(page.contains(expected), "{page}");
        let range = "data-requires-python=\"&gt;=3.9,&lt;4 &quot;x&quot; &amp; y\"";
        assert!(page.contains(range), "{page}");
    }
}
