//! What happens while locks are compiled.

use serde::Serialize;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// All layers are being resolved at once.
    Resolving {
        /// How many.
        layers: usize,
    },
    /// No versions fit all layers, and those that cannot live together are looked for.
    Explaining,
    /// The resolver is asked once more about a conflict.
    Asking {
        /// How often, this time included.
        times: usize,
    },
    /// A layer's lock is being compiled, or taken from the joint resolution.
    Compiling {
        /// The layer.
        layer: String,
    },
    /// It is done.
    Compiled {
        /// The layer.
        layer: String,
    },
    /// A line that a tool printed, secrets removed.
    Output {
        /// The line.
        line: String,
    },
}
