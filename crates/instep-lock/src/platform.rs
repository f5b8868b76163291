//! Platforms in uv's words, as markers.

use pep508_rs::{MarkerTree, VerbatimUrl};

/// What is true on a platform such as `linux`, `windows`, `x86_64-manylinux_2_28` or
/// `aarch64-apple-darwin`: on one of these systems, alone or behind the name of a processor
/// ([`--python-platform`](https://docs.astral.sh/uv/reference/cli/#uv-pip-compile--python-platform)).
/// `None` where the word is none of them.
pub(crate) fn marker(platform: &str) -> Option<MarkerTree> {
    let (machine, system) = match platform.split_once('-') {
        Some((machine, system)) => (Some(machine), system),
        None => (None, platform),
    };
    let machine = match machine {
        None => None,
        Some("x86_64") => Some("platform_machine == 'x86_64' or platform_machine == 'AMD64'"),
        Some("aarch64") => Some(
            "platform_machine == 'aarch64' or platform_machine == 'arm64' or platform_machine == 'ARM64'",
        ),
        Some("i686") => Some("platform_machine == 'i686' or platform_machine == 'x86'"),
        Some("riscv64") => Some("platform_machine == 'riscv64'"),
        Some(_) => return None,
    };
    let system = match system {
        "linux" | "unknown-linux-gnu" | "unknown-linux-musl" | "unknown-linux"
        | "manylinux2014" => "sys_platform == 'linux'",
        glibc if glibc.starts_with("manylinux_") => "sys_platform == 'linux'",
        "windows" | "pc-windows-msvc" => "sys_platform == 'win32'",
        "macos" | "apple-darwin" => "sys_platform == 'darwin'",
        _ => return None,
    };
    let mut tree = MarkerTree::TRUE;
    for part in [Some(system), machine].into_iter().flatten() {
        tree.and(MarkerTree::parse_str::<VerbatimUrl>(part).ok()?);
    }
    Some(tree)
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
            ("i686-pc-windows-msvc", "platform_machine == 'AMD64'", true),
        ];
        for (platform, text, contradicts) in table {
            let mut both = marker(platform).unwrap();
            both.and(MarkerTree::parse_str::<VerbatimUrl>(text).unwrap());
            assert_eq!(both.is_false(), contradicts, "{platform}: {text}");
        }
        for unknown in ["", "lunix", "x86-linux", "linux-x86_64", "x86_64-"] {
            assert_eq!(marker(unknown), None, "{unknown}");
        }
    }
}
