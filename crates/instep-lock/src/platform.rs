//! Platforms in uv's words, as markers.

use pep508_rs::{MarkerTree, VerbatimUrl};

/// What is true on a platform such as `linux`, `windows`, `x86_64-manylinux_2_28` or
/// `aarch64-apple-darwin`; of a word that is not known, nothing is.
pub(crate) fn marker(platform: &str) -> MarkerTree {
    let machine = match platform.split('-').next().unwrap_or_default() {
        "x86_64" => "platform_machine in 'x86_64 AMD64'",
        "aarch64" => "platform_machine in 'aarch64 arm64 ARM64'",
        "i686" => "platform_machine in 'i686 x86'",
        _ => "",
    };
    let system = if platform.contains("linux") {
        "sys_platform == 'linux'"
    } else if platform.contains("windows") {
        "sys_platform == 'win32'"
    } else if platform.contains("darwin") || platform.contains("macos") {
        "sys_platform == 'darwin'"
    } else {
        ""
    };
    let mut tree = MarkerTree::TRUE;
    for part in [system, machine].into_iter().filter(|part| !part.is_empty()) {
        if let Ok(marker) = MarkerTree::parse_str::<VerbatimUrl>(part) {
            tree.and(marker);
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_another_platform_contradicts() {
        let table = [
            ("linux", "sys_platform == 'win32'", true),
            ("linux", "sys_platform == 'linux'", false),
            ("x86_64-manylinux_2_28", "sys_platform == 'darwin'", true),
            ("windows", "sys_platform != 'win32'", true),
            ("aarch64-apple-darwin", "sys_platform == 'darwin'", false),
            ("somewhere", "sys_platform == 'darwin'", false),
        ];
        for (platform, text, contradicts) in table {
            let mut both = marker(platform);
            both.and(MarkerTree::parse_str::<VerbatimUrl>(text).unwrap());
            assert_eq!(both.is_false(), contradicts, "{platform}: {text}");
        }
    }
}
