//! The page of a project, as JSON or as HTML.

use std::collections::BTreeMap;

use scraper::{Html, Selector};
use serde::Deserialize;
use url::Url;

use super::{IndexFile, IndexProblem};

/// What is asked for: JSON before HTML.
pub(super) const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, \
     application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// The form of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Html,
}

impl Form {
    /// By a content type; none is taken for HTML, as a file has none.
    pub(super) fn of(content_type: &str) -> Option<Self> {
        let name = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match name.as_str() {
            "application/vnd.pypi.simple.v1+json" => Some(Self::Json),
            "application/vnd.pypi.simple.v1+html" | "text/html" | "" => Some(Self::Html),
            _ => None,
        }
    }
}

/// The files of a page, in its order. `base` is its own address.
pub(super) fn parse(form: Form, bytes: &[u8], base: &Url) -> Result<Vec<IndexFile>, IndexProblem> {
    let mut files = match form {
        Form::Json => json(bytes, base),
        Form::Html => html(&String::from_utf8_lossy(bytes), base),
    }?;
    // A server says nothing about the files of this machine, nor about the shares that it can reach.
    files.retain(|file| match file.url.scheme() {
        "http" | "https" => true,
        scheme => scheme == "file" && base.scheme() == "file",
    });
    Ok(files)
}

#[derive(Deserialize)]
struct JsonPage {
    meta: Meta,
    files: Vec<JsonFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Meta {
    api_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct JsonFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    requires_python: Option<String>,
    size: Option<u64>,
    #[serde(default)]
    yanked: Yanked,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Yanked {
    Is(bool),
    Because(String),
}

impl Default for Yanked {
    fn default() -> Self {
        Self::Is(false)
    }
}

fn json(bytes: &[u8], base: &Url) -> Result<Vec<IndexFile>, IndexProblem> {
    let page: JsonPage = serde_json::from_slice(bytes)
        .map_err(|error| IndexProblem::Page { reason: error.to_string() })?;
    check_version(&page.meta.api_version)?;
    let files = page.files.into_iter().filter_map(|file| {
        Some(IndexFile {
            url: without_fragment(base.join(&file.url).ok()?).0,
            name: file_name(&file.filename)?,
            hashes: file
                .hashes
                .into_iter()
                .map(|(name, digits)| (name.to_ascii_lowercase(), digits.to_ascii_lowercase()))
                .collect(),
            size: file.size,
            requires_python: file.requires_python.filter(|range| !range.trim().is_empty()),
            yanked: match file.yanked {
                Yanked::Is(false) => None,
                Yanked::Is(true) => Some(String::new()),
                Yanked::Because(reason) => Some(reason),
            },
        })
    });
    Ok(files.collect())
}

fn html(text: &str, base: &Url) -> Result<Vec<IndexFile>, IndexProblem> {
    let page = Html::parse_document(text);
    let all = |selector: &str| Selector::parse(selector).ok();
    let first = |selector: &str, attribute: &str| {
        let selector = all(selector)?;
        let found = page.select(&selector).find_map(|element| element.value().attr(attribute));
        found.map(str::to_owned)
    };
    if let Some(version) = first("meta[name=\"pypi:repository-version\"]", "content") {
        check_version(&version)?;
    }
    let base = first("base[href]", "href")
        .and_then(|href| base.join(&href).ok())
        .unwrap_or_else(|| base.clone());
    let Some(anchors) = all("a[href]") else { return Ok(Vec::new()) };
    let files = page.select(&anchors).filter_map(|anchor| {
        let attribute = |name: &str| anchor.value().attr(name).map(str::to_owned);
        let (url, fragment) = without_fragment(base.join(attribute("href")?.trim()).ok()?);
        // What the address names; the text beside it is for people.
        let last = url.path_segments()?.next_back()?.to_owned();
        let name = percent_encoding::percent_decode_str(&last).decode_utf8().ok()?.into_owned();
        let hashes = fragment.as_deref().and_then(digest).into_iter().collect();
        Some(IndexFile {
            name: file_name(&name)?,
            hashes,
            size: None,
            requires_python: attribute("data-requires-python")
                .filter(|range| !range.trim().is_empty()),
            yanked: attribute("data-yanked"),
            url,
        })
    });
    Ok(files.collect())
}

/// `sha256=DIGITS`, as the fragment of an address has it.
fn digest(fragment: &str) -> Option<(String, String)> {
    let part = fragment.split('&').find(|part| part.contains('='))?;
    let (name, digits) = part.split_once('=')?;
    let is_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digits.then(|| (name.to_ascii_lowercase(), digits.to_ascii_lowercase()))
}

fn check_version(version: &str) -> Result<(), IndexProblem> {
    match version.split('.').next() {
        Some("1") => Ok(()),
        _ => Err(IndexProblem::Version { found: version.to_owned() }),
    }
}

/// A name that is one of a file, and leads nowhere.
fn file_name(name: &str) -> Option<String> {
    let is_odd = name.is_empty()
        || name.starts_with('.')
        || name.contains(['/', '\\', ':'])
        || name.chars().any(char::is_control);
    (!is_odd).then(|| name.to_owned())
}

fn without_fragment(mut url: Url) -> (Url, Option<String>) {
    let fragment = url.fragment().map(str::to_owned);
    url.set_fragment(None);
    (url, fragment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Url {
        Url::parse("https://index.example/simple/pkg/").unwrap()
    }

    #[test]
    fn a_page_in_json_is_read() {
        let text = r#"{"meta": {"api-version": "1.4"}, "name": "pkg", "files": [
            {"filename": "pkg-1-py3-none-any.whl", "url": "../../files/pkg-1-py3-none-any.whl", "size": 7,
             "hashes": {"sha256": "AB"}, "requires-python": ">=3.9", "yanked": "broken", "core-metadata": true},
            {"filename": "pkg-2.tar.gz", "url": "https://files.example/pkg-2.tar.gz#x", "hashes": {}, "yanked": true},
            {"filename": "pkg-3.tar.gz", "url": "pkg-3.tar.gz", "hashes": {}},
            {"filename": "../evil-1-py3-none-any.whl", "url": "evil", "hashes": {}}
        ]}"#;
        let files = parse(Form::Json, text.as_bytes(), &base()).unwrap();
        let [one, two, three] = files.as_slice() else { panic!("{files:?}") };
        assert_eq!(one.url.as_str(), "https://index.example/files/pkg-1-py3-none-any.whl");
        assert_eq!(one.hashes["sha256"], "ab");
        assert_eq!((one.size, one.yanked.as_deref()), (Some(7), Some("broken")));
        assert_eq!(one.requires_python.as_deref(), Some(">=3.9"));
        assert_eq!(two.url.as_str(), "https://files.example/pkg-2.tar.gz");
        assert_eq!(two.yanked.as_deref(), Some(""));
        assert_eq!(three.yanked, None);
    }

    #[test]
    fn a_page_in_html_is_read() {
        let text = r#"<!DOCTYPE html><html><head><base href="/other/">
            <meta name="pypi:repository-version" content="1.1"></head><body>
            <a href="pkg-1-py3-none-any.whl#sha256=AB12" data-requires-python="&gt;=3.9" data-yanked="broken &amp; old">x</a>
            <A HREF="https://files.example/pkg%2Blocal-1-py3-none-any.whl#egg=pkg&amp;x">y</A>
            <a href="../">up</a><a name="no">none</a>
            <a href="..%2Fevil-1-py3-none-any.whl">evil</a></body></html>"#;
        let files = parse(Form::Html, text.as_bytes(), &base()).unwrap();
        let [one, two] = files.as_slice() else { panic!("{files:?}") };
        assert_eq!(one.url.as_str(), "https://index.example/other/pkg-1-py3-none-any.whl");
        assert_eq!(one.hashes["sha256"], "ab12");
        assert_eq!(one.requires_python.as_deref(), Some(">=3.9"));
        assert_eq!(one.yanked.as_deref(), Some("broken & old"));
        assert_eq!(two.name, "pkg+local-1-py3-none-any.whl");
        assert!(two.hashes.is_empty());
    }

    #[test]
    fn what_is_no_page_is_said() {
        let page = |text: &str| parse(Form::Json, text.as_bytes(), &base()).unwrap_err();
        assert!(matches!(page("{"), IndexProblem::Page { .. }));
        let newer = r#"{"meta": {"api-version": "2.0"}, "files": []}"#;
        assert_eq!(page(newer), IndexProblem::Version { found: "2.0".to_owned() });
        let newer = r#"<meta name="pypi:repository-version" content="2.0">"#;
        let problem = parse(Form::Html, newer.as_bytes(), &base()).unwrap_err();
        assert_eq!(problem, IndexProblem::Version { found: "2.0".to_owned() });
    }

    #[test]
    fn forms_are_known_by_their_content_types() {
        let table = [
            ("application/vnd.pypi.simple.v1+json", Some(Form::Json)),
            ("text/html; charset=utf-8", Some(Form::Html)),
            ("Application/Vnd.Pypi.Simple.V1+HTML", Some(Form::Html)),
            ("", Some(Form::Html)),
            ("application/json", None),
            ("application/vnd.pypi.simple.v2+json", None),
            ("image/png", None),
        ];
        for (text, form) in table {
            assert_eq!(Form::of(text), form, "{text}");
        }
    }
}
