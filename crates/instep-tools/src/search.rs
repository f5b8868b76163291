//! Where tools are looked for.

use camino::Utf8PathBuf;

use crate::{Environment, Uv, cache_dir};

/// Where tools are looked for, and what is known already.
#[derive(Clone, Debug)]
pub struct Search {
    /// Whose `PATH`, home and settings count.
    pub environment: Environment,
    /// The folder that holds what Instep has set up itself: a uv, a pip. Nothing is looked for or set up without one.
    pub cache_dir: Option<Utf8PathBuf>,
    /// The uv to ask for the Pythons that it manages.
    pub uv: Option<Uv>,
}

impl Search {
    /// A search in this environment, with the [`cache_dir`] that it names.
    pub fn new(environment: Environment) -> Search {
        let cache_dir = cache_dir(&environment);
        Search { environment, cache_dir, uv: None }
    }

    /// The same search, which also asks this uv.
    pub fn with_uv(mut self, uv: Option<Uv>) -> Search {
        self.uv = uv;
        self
    }
}
