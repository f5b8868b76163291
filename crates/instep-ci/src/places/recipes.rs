//! Makefiles and justfiles.

use crate::place::Places;
use crate::syntax::recipes::{self, Recipe};
use crate::syntax::shell::is_posix;

pub(crate) fn makefile(source: &str, places: &mut Places) {
    for recipe in recipes::makefile(source) {
        add(recipe, places);
    }
}

pub(crate) fn justfile(source: &str, places: &mut Places) {
    for recipe in recipes::justfile(source) {
        add(recipe, places);
    }
}

fn add(recipe: Recipe, places: &mut Places) {
    match recipe.shell.filter(|shell| !is_posix(shell)) {
        Some(shell) => {
            let range = recipe.script.source(&recipe.script.whole());
            places.other_shell(range, &shell);
        }
        None => places.masked_script(recipe.script, &recipe.masks),
    }
}
