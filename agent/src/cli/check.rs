//! `agent check`.

use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use super::failure::{Code, Failure};
use super::output::{self, OutputArgs};
use super::runtime::{self, RuntimeArgs};
use crate::preflight::{self, Finding, Report, Roots, Status};

/// Arguments of `agent check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every line is ok, a warning (the node works, something may surprise) or a failure (it cannot
work), with the command that puts it right. The check changes nothing. Exit code 1 means that
there are failures.

The document of `--output json`:
  {\"summary\": {\"ok\": 30, \"warnings\": 1, \"failures\": 0},
   \"findings\": [{\"id\": \"machine.swap\", \"status\": \"ok|warning|failure\",
                 \"message\": \"…\", \"fix\": \"…\"}]}

Examples:
  sudo agent check
  sudo agent check --output json | jq '.findings[] | select(.status != \"ok\")'")]
pub(super) struct Args {
    #[command(flatten)]
    runtime: RuntimeArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// resolv.conf that pods will get
    #[arg(long, value_name = "FILE", default_value = "/etc/resolv.conf")]
    resolv_conf: std::path::PathBuf,
    /// Directory of network configurations
    #[arg(long, value_name = "DIR", default_value = "/etc/cni/net.d")]
    cni_conf_dir: std::path::PathBuf,
    /// Also check what a control plane on this machine needs
    #[arg(long)]
    control_plane: bool,
    /// Show warnings and failures only
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut roots = Roots {
        resolv_conf: args.resolv_conf.clone(),
        cni_conf_dir: args.cni_conf_dir.clone(),
        ..Roots::standard(&path)
    };
    if args.control_plane {
        roots.ports.push((6443, "API server"));
    }
    let facts = runtime::block_on(async {
        let client = args.runtime.client();
        Ok(preflight::collect(roots, &client).await)
    })?;
    let report = Report::from(preflight::evaluate(&facts));
    output::print(args.output.output, &report, |out| {
        write_text(out, &report, args.quiet)
    })?;
    let code = if report.summary.failures > 0 {
        Code::Failed
    } else {
        Code::Done
    };
    Ok(code.into())
}

fn write_text(out: &mut dyn Write, report: &Report, quiet: bool) -> io::Result<()> {
    let mut group = "";
    for finding in report
        .findings
        .iter()
        .filter(|finding| !quiet || finding.status != Status::Ok)
    {
        let its_group = finding.id.split('.').next().unwrap_or_default();
        if its_group != group {
            if !group.is_empty() {
                writeln!(out)?;
            }
            group = its_group;
            let bold = Style::new().bold();
            writeln!(out, "{bold}{group}{bold:#}")?;
        }
        write_finding(out, finding)?;
    }
    let summary = &report.summary;
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    writeln!(
        out,
        "\n{} ok, {}, {}",
        summary.ok,
        plural(summary.warnings, "warning"),
        plural(summary.failures, "failure")
    )
}

fn write_finding(out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
    let (word, color) = match finding.status {
        Status::Ok => ("ok", AnsiColor::Green),
        Status::Warning => ("warning", AnsiColor::Yellow),
        Status::Failure => ("failure", AnsiColor::Red),
    };
    let style = Style::new().fg_color(Some(color.into()));
    writeln!(out, "  {style}{word:<7}{style:#}  {}", finding.message)?;
    if let Some(fix) = &finding.fix {
        writeln!(out, "           fix: {fix}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_grouped_and_counted() {
        let finding = |id, status, fix: Option<&str>| Finding {
            id,
            status,
            message: format!("about {id}"),
            fix: fix.map(str::to_owned),
        };
        let report = Report::from(vec![
            finding("kernel.a", Status::Ok, None),
            finding("kernel.b", Status::Warning, Some("do b")),
            finding("network.c", Status::Failure, Some("do c")),
        ]);
        let mut text = anstream::StripStream::new(Vec::new());
        write_text(&mut text, &report, false).expect("written");
        let expected = "\
kernel
  ok       about kernel.a
  warning  about kernel.b
           fix: do b

network
  failure  about network.c
           fix: do c

1 ok, 1 warning, 1 failure
";
        assert_eq!(String::from_utf8(text.into_inner()).expect("text"), expected);
    }
}
