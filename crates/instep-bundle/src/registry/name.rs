//! What a reference means.

use oci_client::Reference;

use super::problem::RegistryProblem;
use crate::error::Error;

/// Reads `python:3.12-slim`, `HOST/NAME:TAG` or `HOST/NAME@sha256:..`, with `oci://` or `docker://` before it or
/// without, as docker does: without a host it is `docker.io`, a bare name there is one of `library/`, and without
/// tag and digest the tag is `latest`.
///
/// # Errors
///
/// [`Error::Registry`] with what is wrong with it.
pub(crate) fn reference(text: &str) -> Result<Reference, Error> {
    let bare = ["oci://", "docker://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let parsed: Result<Reference, _> = bare.unwrap_or(text).parse();
    let reason = match parsed {
        Ok(reference) => match reference.digest() {
            // Others are not known to be checked.
            Some(digest) if !digest.starts_with("sha256:") => {
                "its digest is not one of sha256".to_owned()
            }
            _ => return Ok(reference),
        },
        Err(error) => error.to_string(),
    };
    // What somebody takes for a login may be in it, before an `@` that begins no digest.
    let bare = bare.unwrap_or(text);
    let name = bare.rsplit_once('@').map_or(bare, |(name, after)| match after.split_once(':') {
        Some((algorithm, _)) if algorithm.starts_with("sha") => name,
        _ => bare,
    });
    let shown = match name.rsplit_once('@') {
        Some((login, _)) => ["***", bare.get(login.len()..).unwrap_or_default()].concat(),
        None => instep_tools::redact(text).into_owned(),
    };
    Err(Error::Registry {
        host: "the reference".to_owned(),
        what: ["`", &shown, "`"].concat(),
        problem: RegistryProblem::Name { reason },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_they_mean_to_docker() {
        let digits = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let pinned = ["python@sha256:", digits].concat();
        let both = ["host.example/a/b:1@sha256:", digits].concat();
        let whole = ["docker.io/library/python@sha256:", digits].concat();
        let table = [
            ("python", "docker.io/library/python:latest"),
            ("python:3.12-slim", "docker.io/library/python:3.12-slim"),
            ("user/tool", "docker.io/user/tool:latest"),
            ("index.docker.io/python", "docker.io/library/python:latest"),
            ("localhost/a", "localhost/a:latest"),
            ("oci://127.0.0.1:5000/site:1", "127.0.0.1:5000/site:1"),
            ("docker://host.example/a/b:1", "host.example/a/b:1"),
            (&pinned, &whole),
            (&both, &both),
        ];
        for (text, expected) in table {
            assert_eq!(reference(text).unwrap().whole(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_said_without_the_login_in_it() {
        let table = [
            ("", ""),
            ("Upper", "Upper"),
            ("https://host.example/a", "https://host.example/a"),
            ("oci://ada:s3cret@host.example/a", "***@host.example/a"),
            ("ada:s3cret@host.example/a:1", "***@host.example/a:1"),
            ("a@sha512:e3b0", "a@sha512:e3b0"),
        ];
        for (text, shown) in table {
            let error = reference(text).unwrap_err().to_string();
            assert!(error.contains(&["`", shown, "`"].concat()), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let digest = ["a@sha512:", &"ab".repeat(64)].concat();
        assert!(reference(&digest).unwrap_err().to_string().contains("sha256"));
    }
}
