//! Where packages come from, put together from what pip and uv were told.

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::{Environment, IndexSettings};
use url::Url;

use super::IndexProblem;
use super::credentials::Login;
use crate::error::Error;

/// The index that pip and uv go to where they are told nothing.
const DEFAULT_INDEX: &str = "https://pypi.org/simple/";

/// Where packages come from, in the order in which it is asked.
pub(super) struct Sources {
    pub(super) indexes: Vec<Url>,
    pub(super) find_links: Vec<Url>,
    /// Of indexes that are named in uv's variables.
    pub(super) logins: Vec<(Url, Login)>,
}

impl Sources {
    /// uv's variables win over pip's settings, each for itself, as
    /// [`IndexSettings::to_uv_env`] has it.
    pub(super) fn of(settings: &IndexSettings, variables: &Environment) -> Result<Self, Error> {
        let var = |name: &str| variables.var(name).filter(|value| !value.trim().is_empty());
        let mut logins = Vec::new();
        let mut named = |text: &str| -> Result<Url, Error> {
            let (name, address) = split_name(text);
            let url = address_of(address, variables.cwd(), true)?;
            if let Some(login) = name.and_then(|name| login(name, variables)) {
                logins.push((url.clone(), login));
            }
            Ok(url)
        };
        let mut indexes = Vec::new();
        let default = var("UV_DEFAULT_INDEX").or_else(|| var("UV_INDEX_URL"));
        let extra: Vec<&str> = ["UV_INDEX", "UV_EXTRA_INDEX_URL"]
            .iter()
            .filter_map(|name| var(name))
            .flat_map(str::split_whitespace)
            .collect();
        let no_index = settings.no_index && default.is_none() && extra.is_empty();
        if !no_index {
            let default = default.or(settings.index_url.as_deref()).unwrap_or(DEFAULT_INDEX);
            indexes.push(named(default)?);
            if extra.is_empty() {
                for url in &settings.extra_index_urls {
                    indexes.push(named(url)?);
                }
            }
            for url in extra {
                indexes.push(named(url)?);
            }
        }
        let links = var("UV_FIND_LINKS").map(|links| links.split(',').map(str::to_owned).collect());
        let links: Vec<String> = links.unwrap_or_else(|| settings.find_links.clone());
        let find_links = links
            .iter()
            .map(|link| address_of(link.trim(), variables.cwd(), false))
            .collect::<Result<_, _>>()?;
        indexes.dedup();
        Ok(Self { indexes, find_links, logins })
    }
}

/// `NAME=URL`, as uv names an index.
fn split_name(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, url))
            if !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) =>
        {
            (Some(name), url)
        }
        _ => (None, text),
    }
}

/// `UV_INDEX_NAME_USERNAME` and `UV_INDEX_NAME_PASSWORD`.
fn login(name: &str, variables: &Environment) -> Option<Login> {
    let name = name.to_ascii_uppercase().replace(|one: char| !one.is_ascii_alphanumeric(), "_");
    let var =
        |what: &str| variables.var(&["UV_INDEX_", &name, "_", what].concat()).map(str::to_owned);
    let (user, password) = (var("USERNAME"), var("PASSWORD"));
    (user.is_some() || password.is_some())
        .then(|| Login { user: user.unwrap_or_default(), password })
}

/// An address, or the path of a file or folder. Names below an index are joined to it, so that ends with a `/`.
fn address_of(text: &str, folder: &Utf8Path, is_index: bool) -> Result<Url, Error> {
    let wrong =
        || Error::Index { url: instep_tools::redact(text).into(), problem: IndexProblem::Address };
    let is_url = text.split_once("://").is_some_and(|(scheme, _)| scheme.len() > 1)
        || text.starts_with("file:");
    let mut url = if is_url {
        Url::parse(text).map_err(|_| wrong())?
    } else {
        let path: Utf8PathBuf = instep_fs::lexical(&folder.join(text));
        let made = if path.is_dir() {
            Url::from_directory_path(&path)
        } else {
            Url::from_file_path(&path)
        };
        made.map_err(|()| wrong())?
    };
    if !["http", "https", "file"].contains(&url.scheme()) || url.cannot_be_a_base() {
        return Err(wrong());
    }
    if is_index && !url.path().ends_with('/') {
        let path = [url.path(), "/"].concat();
        url.set_path(&path);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(settings: &IndexSettings, variables: &[(&str, &str)]) -> Sources {
        let cwd = if cfg!(windows) { "C:/work" } else { "/work" };
        let mut environment = Environment::new(cwd, None, std::iter::empty::<(String, String)>());
        for (name, value) in variables {
            environment = environment.with_var(name, *value);
        }
        Sources::of(settings, &environment).unwrap()
    }

    fn indexes(settings: &IndexSettings, variables: &[(&str, &str)]) -> Vec<String> {
        sources(settings, variables).indexes.iter().map(Url::to_string).collect()
    }

    /// Settings of pip, variables, and the indexes that come of both.
    type Case<'a> = (&'a IndexSettings, &'a [(&'a str, &'a str)], &'a [&'a str]);

    #[test]
    fn each_of_uvs_variables_wins_over_what_pip_was_told() {
        let pip = IndexSettings {
            index_url: Some("https://pip.example/simple".to_owned()),
            extra_index_urls: vec!["https://extra.example/simple/".to_owned()],
            ..IndexSettings::default()
        };
        let none = IndexSettings::default();
        let only = IndexSettings { no_index: true, ..IndexSettings::default() };
        let cases: [Case<'_>; 6] = [
            (&none, &[], &[DEFAULT_INDEX]),
            (&pip, &[], &["https://pip.example/simple/", "https://extra.example/simple/"]),
            (
                &pip,
                &[("UV_DEFAULT_INDEX", "https://uv.example/")],
                &["https://uv.example/", "https://extra.example/simple/"],
            ),
            (
                &pip,
                &[("UV_INDEX", "ours=https://ours.example/simple https://b.example/")],
                &[
                    "https://pip.example/simple/",
                    "https://ours.example/simple/",
                    "https://b.example/",
                ],
            ),
            (&only, &[], &[]),
            (&only, &[("UV_INDEX_URL", "https://uv.example/")], &["https://uv.example/"]),
        ];
        for (settings, variables, expected) in cases {
            assert_eq!(indexes(settings, variables), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_named_index_has_the_login_of_its_variables() {
        let variables = [
            ("UV_INDEX", "our-own=https://ours.example/simple"),
            ("UV_INDEX_OUR_OWN_USERNAME", "ada"),
            ("UV_INDEX_OUR_OWN_PASSWORD", "s3cret"),
        ];
        let sources = sources(&IndexSettings::default(), &variables);
        let [(url, login)] = sources.logins.as_slice() else { panic!() };
        assert_eq!(url.as_str(), "https://ours.example/simple/");
        assert_eq!((login.user.as_str(), login.password.as_deref()), ("ada", Some("s3cret")));
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        let settings = IndexSettings {
            index_url: Some("ftp://ada:s3cret@index.example/".to_owned()),
            ..IndexSettings::default()
        };
        let environment = Environment::new("/work", None, std::iter::empty::<(String, String)>());
        let error = Sources::of(&settings, &environment).err().unwrap();
        assert!(matches!(&error, Error::Index { problem: IndexProblem::Address, .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}
