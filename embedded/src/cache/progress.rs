//! How a download shows that it goes on: a bar on a terminal, log lines elsewhere.

use std::io::IsTerminal;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Between two log lines, where there is no terminal.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Packages are fetched at the same time: each has its line.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// One download on its way.
pub(super) struct Progress {
    title: &'static str,
    total_bytes: u64,
    bar: Option<ProgressBar>,
    logged: Instant,
}

impl Progress {
    /// Begins; `total_bytes` is what is expected, near enough.
    pub(super) fn begin(title: &'static str, total_bytes: u64) -> Self {
        let bar = std::io::stderr()
            .is_terminal()
            .then(|| BARS.add(ProgressBar::new(total_bytes)));
        match &bar {
            Some(bar) => {
                let template = "{msg:40} {bar:30} {bytes:>10} of {total_bytes:10} {elapsed}";
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style);
                }
                bar.set_message(format!("fetching {title}"));
            }
            None => tracing::info!(megabytes = total_bytes / 1_000_000, "fetching {title}"),
        }
        Self {
            title,
            total_bytes,
            bar,
            logged: Instant::now(),
        }
    }

    /// So many bytes are here.
    pub(super) fn at(&mut self, bytes: u64) {
        let bytes = bytes.min(self.total_bytes);
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        } else if self.logged.elapsed() >= LOG_EVERY {
            self.logged = Instant::now();
            let percent = bytes * 100 / self.total_bytes.max(1);
            tracing::info!(percent, "fetching {}", self.title);
        }
    }

    /// All bytes are here; what follows is unpacking and checking.
    pub(super) fn checking(&mut self) {
        if let Some(bar) = &self.bar {
            bar.set_position(self.total_bytes);
            bar.set_message(format!("checking {}", self.title));
        }
    }

    /// Done, and checked.
    pub(super) fn end(self) {
        match self.bar {
            Some(bar) => bar.finish_with_message(format!("fetched {}", self.title)),
            None => tracing::info!("fetched {}", self.title),
        }
    }
}
