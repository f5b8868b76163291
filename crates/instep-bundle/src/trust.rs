//! Who vouches for a bundle: TUF metadata, made and checked.
