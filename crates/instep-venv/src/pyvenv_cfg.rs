//! `pyvenv.cfg`: which interpreter an environment belongs to.

use std::collections::BTreeMap;

/// The keys of a `pyvenv.cfg` ([PEP 405](https://peps.python.org/pep-0405/)), lower-cased.
///
/// The format has no quoting and no sections: `key = value`, the rest is ignored, as `site.py` does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PyvenvCfg {
    values: BTreeMap<String, String>,
}

impl PyvenvCfg {
    /// Reads the text of a `pyvenv.cfg`. Every text is a valid one.
    pub fn parse(text: &str) -> Self {
        let values = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim().to_lowercase(), value.trim().to_owned()))
            .collect();
        Self { values }
    }

    /// The folder of the base interpreter's executable.
    pub fn home(&self) -> Option<&str> {
        self.values.get("home").map(String::as_str)
    }

    /// The interpreter's version as the creating tool wrote it: `version` (venv), or
    /// `version_info` (uv, virtualenv), cut to three numbers (`3.12.1.final.0` reads `3.12.1`).
    pub fn version(&self) -> Option<String> {
        let raw = self.values.get("version").or_else(|| self.values.get("version_info"))?;
        Some(raw.split('.').take(3).collect::<Vec<_>>().join("."))
    }

    /// Whether packages of the base interpreter are visible inside.
    pub fn system_site_packages(&self) -> bool {
        self.values
            .get("include-system-site-packages")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_each_tool_writes() {
        let table = [
            ("home = /usr/bin\nversion = 3.11.7\nexecutable = /usr/bin/python3.11\n", "3.11.7"),
            ("home = /usr/bin\r\nversion_info = 3.12.1.final.0\r\nvirtualenv = 20.1\r\n", "3.12.1"),
            ("home=/opt/py\nuv = 0.13.8\nversion_info = 3.13.0\n", "3.13.0"),
        ];
        for (text, version) in table {
            let cfg = PyvenvCfg::parse(text);
            assert_eq!(cfg.version().as_deref(), Some(version), "{text}");
            assert!(cfg.home().is_some());
            assert!(!cfg.system_site_packages());
        }
    }

    #[test]
    fn sees_system_site_packages() {
        assert!(PyvenvCfg::parse("include-system-site-packages = True").system_site_packages());
        assert!(!PyvenvCfg::parse("garbage").system_site_packages());
    }
}
