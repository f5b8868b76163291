//! A host that keeps its Python environment in step.
//!
//! ```console
//! $ cargo run -p embed -- path/of/a/project [seconds]
//! ```
//!
//! At start-up it checks, which costs a few file reads. If a sync is needed it says why, and syncs with
//! progress; after the given number of seconds, it loses its patience and cancels.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::process::ExitCode;
use std::time::Duration;

use camino::Utf8PathBuf;
use instep::venv::Event as VenvEvent;
use instep::{CancelToken, CheckRequest, Event, Host, SyncRequest, Workspace};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let folder = Utf8PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let patience = arguments.next().and_then(|seconds| seconds.parse().ok());
    match start_up(&folder, patience.map(Duration::from_secs)) {
        Ok(()) => {
            println!("the application starts");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            if let Some(hint) = error.hint() {
                eprintln!("{hint}");
            }
            ExitCode::FAILURE
        }
    }
}

fn start_up(folder: &Utf8PathBuf, patience: Option<Duration>) -> Result<(), instep::Error> {
    let workspace = Workspace::open_at(folder)?;
    for environment in workspace.environments() {
        let Some(notice) = environment.notice(&CheckRequest::default())? else { continue };
        println!("{}", notice.message);
        let cancel = CancelToken::new();
        if let Some(patience) = patience {
            let impatient = cancel.clone();
            std::thread::spawn(move || {
                std::thread::sleep(patience);
                impatient.cancel();
            });
        }
        let mut host = Host::new(show).with_cancel(cancel);
        let synced = environment.sync(&SyncRequest::default(), &mut host)?;
        println!("{} packages in {:.1} s", synced.packages, synced.duration_seconds);
    }
    Ok(())
}

fn show(event: Event) {
    match event {
        Event::Locking { lock, .. } => println!("compiling {lock}"),
        Event::Notice { message, .. } => println!("note: {message}"),
        Event::Venv { detail: VenvEvent::Step { step }, .. } => println!("{step:?}"),
        Event::Venv { detail: VenvEvent::Progress { done, total }, .. } => {
            println!("{done} of {total}");
        }
        _ => {}
    }
}
