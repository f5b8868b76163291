//! Images of containers, saved as tar files.
