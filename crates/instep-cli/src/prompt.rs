//! Questions on a terminal.

use std::io::Write as _;

use instep::Question;

use crate::printer::Printer;

/// Asks, and takes anything but a clear yes as a no. Where nobody can be asked, the answer is no.
pub(crate) fn confirm(printer: &Printer, question: &Question) -> bool {
    use std::io::IsTerminal as _;
    if !printer.is_interactive() || !std::io::stdin().is_terminal() {
        return false;
    }
    let text = match question {
        Question::InstallUv { version: Some(version) } => {
            format!("uv {version} is not there. Install it into Instep's cache?")
        }
        Question::InstallUv { version: None } => {
            "uv is not there. Install it into Instep's cache?".to_owned()
        }
        Question::Sync { why, .. } => format!("{why}. Sync now?"),
        _ => return false,
    };
    printer.bars().suspend(|| {
        let mut stderr = anstream::stderr();
        let _ = write!(stderr, "{text} [y/N] ");
        let _ = stderr.flush();
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
    })
}
