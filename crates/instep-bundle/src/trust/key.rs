//! Key files: private keys, encrypted by a password.
//!
//! The format is PKCS#8's `EncryptedPrivateKeyInfo` (RFC 5958) as PEM (RFC 7468), with PBES2 (RFC 8018): openssl reads
//! and writes it. Keys made here are Ed25519, their passwords go through scrypt, and the cipher is AES-256-CBC.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::Ed25519KeyPair;
use camino::{Utf8Path, Utf8PathBuf};
use instep_keys::Role;
use pkcs8::der::pem::PemLabel as _;
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef, SecretDocument};
use secrecy::{ExposeSecret as _, SecretString};
use tough::key_source::KeySource;
use tough::schema::key::Key;
use tough::sign::{Sign, parse_keypair};
use zeroize::Zeroizing;

use super::problem::{KeyProblem, TrustProblem};
use super::root::Passwords;
use crate::error::Error;

/// What is read of a key file.
const LARGEST: u64 = 64 * 1024;

/// Where a key lies.
pub(super) fn path(folder: &Utf8Path, key: &Role) -> Utf8PathBuf {
    folder.join("keys").join(format!("{key}.pem"))
}

/// The keys that were opened, each once.
pub(super) struct Keys {
    folder: Utf8PathBuf,
    opened: BTreeMap<Role, Opened>,
}

impl Keys {
    pub(super) fn new(folder: &Utf8Path) -> Self {
        Self { folder: folder.to_owned(), opened: BTreeMap::new() }
    }

    /// Whether there is a file of the key.
    pub(super) fn has(&self, key: &Role) -> bool {
        path(&self.folder, key).is_file()
    }

    /// Opens a key file.
    ///
    /// # Errors
    ///
    /// [`TrustProblem::Key`], and those of the password.
    pub(super) fn open(
        &mut self,
        key: &Role,
        passwords: Passwords<'_>,
    ) -> Result<Opened, TrustProblem> {
        if let Some(opened) = self.opened.get(key) {
            return Ok(opened.clone());
        }
        let path = path(&self.folder, key);
        let document = read(&path).map_err(|problem| at(&path, problem))?;
        let password = ask(key, passwords)?;
        let sign = decrypt(&document, &password).map_err(|problem| at(&path, problem))?;
        let opened = Opened { key: key.clone(), sign };
        self.opened.insert(key.clone(), opened.clone());
        Ok(opened)
    }

    /// Makes a key, writes its file and keeps it opened.
    ///
    /// # Errors
    ///
    /// [`TrustProblem::Key`] where it cannot be made, those of the password and of the file.
    pub(super) fn make(&mut self, key: &Role, passwords: Passwords<'_>) -> Result<(), Error> {
        let path = path(&self.folder, key);
        let password = ask(key, passwords)?;
        let text = generate(&password).ok_or_else(|| at(&path, KeyProblem::Made))?;
        write(&path, text.as_bytes()).map_err(|source| Error::Io {
            action: "write",
            path: path.clone(),
            source,
        })?;
        Ok(())
    }
}

fn at(path: &Utf8Path, problem: KeyProblem) -> TrustProblem {
    TrustProblem::Key { path: path.to_owned(), problem }
}

fn ask(key: &Role, passwords: Passwords<'_>) -> Result<SecretString, TrustProblem> {
    let password =
        passwords(key).map_err(|source| TrustProblem::Password { key: key.clone(), source })?;
    if password.expose_secret().is_empty() {
        return Err(TrustProblem::EmptyPassword { key: key.clone() });
    }
    Ok(password)
}

/// A new Ed25519 key, as the text of its file.
fn generate(password: &SecretString) -> Option<Zeroizing<String>> {
    // Version 1, without the public key: what openssl reads too.
    let key = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).ok()?;
    let info = PrivateKeyInfoRef::try_from(key.as_ref()).ok()?;
    let document = info.encrypt(password.expose_secret()).ok()?;
    document.to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF).ok()
}

/// The encrypted document in a key file.
fn read(path: &Utf8Path) -> Result<SecretDocument, KeyProblem> {
    let bytes =
        super::metadata::read_at_most(path, LARGEST).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KeyProblem::Missing,
            _ => KeyProblem::Pem,
        })?;
    // It may be a key without a password.
    let bytes = Zeroizing::new(bytes.ok_or(KeyProblem::Pem)?);
    let text = str::from_utf8(&bytes).map_err(|_| KeyProblem::Pem)?;
    let label = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .ok_or(KeyProblem::Pem)?;
    if label != EncryptedPrivateKeyInfoRef::PEM_LABEL {
        return Err(KeyProblem::NotEncrypted { label: label.to_owned() });
    }
    let (_, document) = SecretDocument::from_pem(text).map_err(|_| KeyProblem::Pem)?;
    Ok(document)
}

fn decrypt(
    document: &SecretDocument,
    password: &SecretString,
) -> Result<Arc<dyn Sign>, KeyProblem> {
    let info = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
        .map_err(|_| KeyProblem::Scheme)?;
    let key = info.decrypt(password.expose_secret()).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. }) => {
            KeyProblem::Scheme
        }
        _ => KeyProblem::Password,
    })?;
    if let Ok(sign) = parse_keypair(key.as_bytes()) {
        return Ok(Arc::new(sign));
    }
    // RSA is only found in PEM.
    let text = key.to_pem("PRIVATE KEY", LineEnding::LF).map_err(|_| KeyProblem::Kind)?;
    let sign = parse_keypair(text.as_bytes()).map_err(|_| KeyProblem::Kind)?;
    Ok(Arc::new(sign))
}

/// Writes a key file that was not there, readable to its owner alone. Whatever stands there is kept.
fn write(path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)?;
    let ignore = folder.join(".gitignore");
    if !ignore.exists() {
        std::fs::write(ignore, "# Private keys.\n*\n")?;
    }
    // Its permissions are 0600.
    let mut file =
        tempfile::Builder::new().prefix(".").suffix(".instep-tmp").tempfile_in(folder)?;
    io::Write::write_all(&mut file, bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// A key that can sign.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) key: Role,
    sign: Arc<dyn Sign>,
}

impl Opened {
    pub(super) fn public(&self) -> Key {
        self.sign.tuf_key()
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Opened").field("key", &self.key).finish_non_exhaustive()
    }
}

#[tough::async_trait]
impl Sign for Opened {
    fn tuf_key(&self) -> Key {
        self.public()
    }

    async fn sign(
        &self,
        message: &[u8],
        random: &(dyn SecureRandom + Sync),
    ) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync + 'static>> {
        self.sign.sign(message, random).await
    }
}

#[tough::async_trait]
impl KeySource for Opened {
    async fn as_sign(
        &self,
    ) -> Result<Box<dyn Sign>, Box<dyn std::error::Error + Send + Sync + 'static>> {
        Ok(Box::new(self.clone()))
    }

    async fn write(
        &self,
        _value: &str,
        _key_id: &str,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        Err("key files are written where they are made".into())
    }
}
