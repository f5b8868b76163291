//! `instep bundle`.

mod carry;
mod create;
mod site;

use instep::Error;
use instep::bundles::{Manifest, ManifestTarget};

use crate::args::BundleCommand;
use crate::commands::count;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::progress::human;
use crate::run::Session;

pub(crate) fn bundle(session: &Session, command: &BundleCommand) -> Result<Exit, Error> {
    match command {
        BundleCommand::Create(args) => create::create(session, args),
        BundleCommand::Root(args) => create::root(session, args),
        BundleCommand::Verify(args) => site::verify(session, args),
        BundleCommand::Install(args) => site::install(session, args),
        BundleCommand::Push(args) => carry::push(session, args),
        BundleCommand::Pull(args) => carry::pull(session, args),
    }
}

/// What is in a bundle: how many of what, and how large.
fn contents(session: &Session, manifest: &Manifest) {
    let sum = |sizes: &mut dyn Iterator<Item = u64>| human(sizes.sum());
    let wheels = sum(&mut manifest.wheels.iter().map(|file| file.size));
    let images = sum(&mut manifest.images.iter().map(|image| image.file.size));
    let project = sum(&mut manifest.project.iter().map(|file| file.size));
    let printer = &session.printer;
    printer.say(&format!(
        "  wheels   {}, {wheels}, for {}",
        count(manifest.wheels.len(), "wheel"),
        targets(manifest)
    ));
    printer.say(&format!("  images   {}, {images}", count(manifest.images.len(), "image")));
    for image in &manifest.images {
        let line =
            format!("           {} {} in {}", image.reference, image.platform, image.file.path);
        printer.say(&paint(Tone::Dim, &line));
    }
    printer.say(&format!("  project  {}, {project}", count(manifest.project.len(), "file")));
}

/// What its wheels are for.
fn targets(manifest: &Manifest) -> String {
    let one = |target: &ManifestTarget| format!("Python {} on {}", target.python, target.platform);
    manifest.targets.iter().map(one).collect::<Vec<_>>().join(", ")
}
