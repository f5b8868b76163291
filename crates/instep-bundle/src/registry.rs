//! A registry: who we are there, and what comes and goes.
