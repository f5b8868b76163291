//! Keys, roots and signed bundles, held against programs that others wrote: openssl, and the reference implementation
//! of TUF in Python.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a panic is how a failure is told"
)]

mod openssl;
mod referee;

use camino::Utf8PathBuf;
use instep_bundle::{
    Error, SignRequest, Timestamp, Trust, TrustRoot, TrustSettings, Verified, ensure_root, sign,
    verify,
};
use instep_tools::CancelToken;
use secrecy::SecretString;

/// Of every key.
const PASSWORD: &str = "open sesame";

/// A folder with a bundle, and who signs for it.
struct World {
    _guard: tempfile::TempDir,
    folder: Utf8PathBuf,
    settings: TrustSettings,
}

impl World {
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::try_from(guard.path().canonicalize().unwrap()).unwrap();
        let settings = TrustSettings::new(folder.join("trust"));
        let world = Self { _guard: guard, folder, settings };
        for (path, text) in [("bundle.json", "{}"), ("models/größe.bin", "weights"), ("a/b c", "x")]
        {
            let path = world.bundle().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        world
    }

    fn bundle(&self) -> Utf8PathBuf {
        self.folder.join("bundle")
    }

    fn key(&self, name: &str) -> Utf8PathBuf {
        self.settings.folder.join("keys").join(format!("{name}.pem"))
    }

    fn ensure_root(&self) -> Result<TrustRoot, Error> {
        let now = Timestamp::now();
        let mut password = |_: &_| Ok(SecretString::from(PASSWORD));
        ensure_root(&self.settings, &mut password, now, &mut |_| {}, &CancelToken::new())
    }

    fn sign(&self) -> u64 {
        let bundle = self.bundle();
        let now = Timestamp::now();
        let request =
            SignRequest { bundle: &bundle, settings: &self.settings, previous: None, now };
        let mut password = |_: &_| Ok(SecretString::from(PASSWORD));
        sign(&request, &mut password, &mut |_| {}, &CancelToken::new()).unwrap().version
    }

    fn verify(&self, root: &TrustRoot) -> Result<Verified, Error> {
        let trust = Trust { root: root.bytes.clone(), seen: None, now: Timestamp::now() };
        verify(&self.bundle(), &trust, &mut |_| {}, &CancelToken::new())
    }
}
