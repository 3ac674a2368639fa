//! Logs of the node process: to standard error, for people, for the journal, or as JSON.
//!
//! In the journal a line carries its priority in the form that systemd reads (`<6>…`, sd-daemon(3)) and no time,
//! which the journal adds itself.

use std::fmt;
use std::io::IsTerminal;

use clap::ValueEnum;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Options of the commands that log.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct LogArgs {
    /// Log more: -v for details, -vv for everything
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// How logs are written
    #[arg(long, alias = "logging-format", value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    log_format: LogFormat,
    /// Filter in the form `info,agent::kubelet=debug`; goes before -v
    #[arg(long, value_name = "FILTER", env = "AGENT_LOG", hide_env_values = true)]
    log_filter: Option<String>,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object per line
    Json,
}

/// Libraries whose chatter helps nobody at the usual level.
const QUIET: &str = "h2=warn,hyper=warn,hyper_util=warn,tower=warn,tonic=warn";

/// Whether standard error is the journal: systemd names the stream's device and inode in this variable
/// (systemd.exec(5)), which a redirected child inherits without having the stream.
fn in_journal(journal_stream: Option<&std::ffi::OsStr>) -> bool {
    let Some(stream) = journal_stream.and_then(std::ffi::OsStr::to_str) else {
        return false;
    };
    nix::sys::stat::fstat(std::io::stderr())
        .is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Starts logging for the whole process.
pub(super) fn start(args: &LogArgs) {
    let level = match args.verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let usual = format!("{level},{QUIET}");
    let filter = EnvFilter::new(args.log_filter.as_deref().unwrap_or(&usual));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let journal = in_journal(std::env::var_os("JOURNAL_STREAM").as_deref());
    // https://no-color.org: any value that is not empty.
    let colors =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // An earlier subscriber exists in tests only, and stays.
    let _ = match args.log_format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text if journal => builder.event_format(Journal::default()).try_init(),
        LogFormat::Text => builder.with_target(false).with_ansi(colors).try_init(),
    };
}

/// Lines for the journal.
struct Journal(Format<Full, ()>);

impl Default for Journal {
    fn default() -> Self {
        Self(
            tracing_subscriber::fmt::format()
                .without_time()
                .with_level(false)
                .with_target(false)
                .with_ansi(false),
        )
    }
}

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(out, "<{}>", priority(*event.metadata().level()))?;
        self.0.format_event(context, out, event)
    }
}

/// syslog(3) priorities.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}
