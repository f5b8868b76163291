//! What tells an environment and its packages from any folder: `pyvenv.cfg`, and the names of
//! `.dist-info` folders.

#![no_main]

use instep_venv::PyvenvCfg;
use instep_venv::distribution::split_folder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    check_cfg(text);
    check_folder(text);
    for ending in [".dist-info", ".egg-info", "-py3.12.egg-info"] {
        check_folder(&[text, ending].concat());
    }
});

fn check_cfg(text: &str) {
    let cfg = PyvenvCfg::parse(text);
    assert!(cfg.home().is_none_or(|home| text.contains(home)));
    if let Some(version) = cfg.version() {
        assert!(version.matches('.').count() <= 2 && text.contains(&version), "{version:?}");
    }
    // Line endings are no part of any value.
    let unix = text.replace("\r\n", "\n");
    assert_eq!(PyvenvCfg::parse(&unix), PyvenvCfg::parse(&unix.replace('\n', "\r\n")));
}

fn check_folder(folder: &str) {
    let Some((name, version)) = split_folder(folder) else { return };
    assert!(!name.as_ref().is_empty(), "{folder:?}");
    assert!(folder.contains(&version) || version == "0");
    // The folder that a wheel of this name and version is installed as is understood the same.
    let normal = [&name.as_ref().replace('-', "_"), "-", &version, ".dist-info"].concat();
    if !version.contains('-') {
        assert_eq!(split_folder(&normal), Some((name, version)), "{folder:?}");
    }
}
