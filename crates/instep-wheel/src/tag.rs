//! Compatibility tags: for which Python, ABI and platform a wheel was built
//! ([platform compatibility tags](https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/)).

use std::fmt;

/// `PYTHON-ABI-PLATFORM`, lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// `cp312`, `py3`.
    pub python: String,
    /// `cp312`, `abi3`, `none`.
    pub abi: String,
    /// `manylinux_2_17_x86_64`, `any`.
    pub platform: String,
}

impl Tag {
    /// What compressed tags, of which each part may hold several with a `.` between them, stand for. `None` where a
    /// part is empty, or there are more than `most`.
    pub(crate) fn expand(compressed: [&str; 3], most: usize) -> Option<Vec<Self>> {
        let [pythons, abis, platforms] =
            compressed.map(|part| part.split('.').map(str::to_ascii_lowercase).collect::<Vec<_>>());
        let parts = || pythons.iter().chain(&abis).chain(&platforms);
        let count = pythons.len().checked_mul(abis.len())?.checked_mul(platforms.len())?;
        if count > most || parts().any(String::is_empty) {
            return None;
        }
        let mut tags = Vec::with_capacity(count);
        for python in &pythons {
            for abi in &abis {
                for platform in &platforms {
                    let (python, abi, platform) = (python.clone(), abi.clone(), platform.clone());
                    tags.push(Self { python, abi, platform });
                }
            }
        }
        Some(tags)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}-{}", self.python, self.abi, self.platform)
    }
}
