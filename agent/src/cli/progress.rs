//! Progress of work that may take more than a second: a spinner on a terminal, plain lines otherwise.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shown until dropped. On a terminal nothing of it stays; elsewhere its first line does.
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Announces what begins, as in "importing web.tar".
    pub(super) fn start(what: &str) -> Self {
        let mut stderr = std::io::stderr();
        if !stderr.is_terminal() {
            // A closed standard error must not stop the work.
            let _ = writeln!(stderr, "{what}");
            return Self(None);
        }
        let bar = ProgressBar::new_spinner().with_message(what.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(Some(bar))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
