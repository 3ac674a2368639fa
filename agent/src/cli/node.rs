//! `agent node`: the process that makes this machine a node.
//!
//! # Expected flow
//! Arguments become [`NodeConfig`]; the local API answers at once; when the container runtime answers, the pause
//! image and the pod network are put in place and only then pods begin to start.
//!
//! # Guarantees
//! `SIGTERM` and `SIGINT` stop the agent alone: containers go on, and the next start takes them over.

mod address;
mod network;
mod prepare;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use ipnet::IpNet;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::failure::Failure;
use super::logging::{self, LogArgs};
use super::runtime::RuntimeArgs;
use crate::kubelet::{self, NodeConfig};
use crate::manifests::{self, ManifestEvent};

/// Where manifests are if the command line does not say, as for the reference.
const MANIFESTS: &str = "/etc/kubernetes/manifests";

/// Arguments of `agent node`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The node starts the pods of the manifest directory, one pod per YAML or JSON file, and follows
the files: a new file starts a pod, a changed file replaces it, a removed file ends it. A file
with a mistake is reported with its line and column, and its running pod goes on.

SIGTERM and SIGINT stop the agent and leave all containers running; the next start takes them
over.

Examples:
  agent node --standalone --manifests ./pods
  agent node --standalone --node-name edge-7 --pod-cidr 10.99.0.0/24 -v")]
pub(super) struct Args {
    /// Run the pods of the manifest directory, without a cluster
    #[arg(long, required = true)]
    standalone: bool,
    /// Directory of the manifests [default: /etc/kubernetes/manifests]
    #[arg(long, alias = "pod-manifest-path", value_name = "DIR")]
    manifests: Option<PathBuf>,
    /// How often manifests are looked at without a notification of the kernel
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = parse_seconds)]
    file_check_frequency: Duration,
    #[command(flatten)]
    runtime: RuntimeArgs,
    /// Name of this node [default: the host name]
    #[arg(long, alias = "hostname-override", value_name = "NAME", value_parser = parse_node_name)]
    node_name: Option<String>,
    /// Address of this node that pods report as host IP [default: the one of the default route]
    #[arg(long, value_name = "ADDRESS")]
    node_ip: Option<IpAddr>,
    /// Addresses of this node's pods, one subnet per IP family
    #[arg(
        long,
        value_name = "SUBNET",
        value_delimiter = ',',
        default_value = "10.88.0.0/16"
    )]
    pod_cidr: Vec<IpNet>,
    /// The node's own files
    #[arg(long, value_name = "DIR", default_value = "/var/lib/kubelet")]
    root_dir: PathBuf,
    /// Logs of the pods
    #[arg(long, value_name = "DIR", default_value = "/var/log/pods")]
    pod_logs_dir: PathBuf,
    /// Where the container runtime looks for network configurations
    #[arg(long, value_name = "DIR", default_value = "/etc/cni/net.d")]
    cni_conf_dir: PathBuf,
    /// Where the container runtime looks for network plugins
    #[arg(long, value_name = "DIR", default_value = "/opt/cni/bin")]
    cni_bin_dir: PathBuf,
    /// resolv.conf for pods [default: /etc/resolv.conf, or systemd-resolved's where that names only itself]
    #[arg(long, value_name = "FILE")]
    resolv_conf: Option<PathBuf>,
    /// DNS servers for pods, in place of those of resolv.conf
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    cluster_dns: Vec<IpAddr>,
    /// Domain of the cluster that pods search
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    cluster_domain: String,
    /// Parent of the pods' control groups
    #[arg(long, value_name = "CGROUP", default_value = "/kubepods")]
    cgroup_root: String,
    /// Socket on which `agent pods` asks the node
    #[arg(long, value_name = "FILE", default_value = "/run/agent/node.sock")]
    socket: PathBuf,
    #[command(flatten)]
    log: LogArgs,
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text);
    match number.parse::<u64>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err("expected a number of seconds above 0, such as 20 or 20s".to_owned()),
    }
}

fn parse_node_name(text: &str) -> Result<String, String> {
    let name = text.to_lowercase();
    match controlplane_lite::names::dns_subdomain(&name).into_iter().next() {
        None => Ok(name),
        Some(problem) => Err(problem),
    }
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    logging::start(&args.log);
    let config = config(args)?;
    let manifest_dir = manifest_dir(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("agent")
        .enable_all()
        .build()
        .map_err(|error| Failure::new("start the async runtime", &error))?;
    runtime.block_on(serve(args, config, manifest_dir))?;
    // A call that hangs in the kernel (a dead network file system) must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(ExitCode::SUCCESS)
}

fn config(args: &Args) -> Result<NodeConfig, Failure> {
    let node_name = match &args.node_name {
        Some(name) => name.clone(),
        None => host_name()?,
    };
    Ok(NodeConfig {
        runtime_endpoint: args.runtime.container_runtime_endpoint.0.display().to_string(),
        root_dir: args.root_dir.clone(),
        pod_log_dir: args.pod_logs_dir.clone(),
        cgroup_root: args.cgroup_root.clone(),
        resolv_conf: args.resolv_conf.clone().unwrap_or_else(address::resolv_conf),
        cluster_dns: args.cluster_dns.clone(),
        cluster_domain: args.cluster_domain.clone(),
        node_ip: args.node_ip.or_else(address::of_default_route),
        status_socket: Some(args.socket.clone()),
        ..NodeConfig::standard(node_name)
    })
}

fn host_name() -> Result<String, Failure> {
    let what = "name this node after its host";
    let name = nix::unistd::gethostname().map_err(|error| Failure::new(what, &error))?;
    parse_node_name(&name.to_string_lossy()).map_err(|problem| {
        Failure::plain(what, format!("host name {name:?}: {problem}")).fix(
            "Give the node a name with --node-name, or the host one with `hostnamectl set-hostname NAME`.",
        )
    })
}

/// The manifest directory; the standard one is made, another one has to exist.
fn manifest_dir(args: &Args) -> Result<PathBuf, Failure> {
    let dir = match &args.manifests {
        Some(dir) => std::path::absolute(dir).unwrap_or_else(|_| dir.clone()),
        None => PathBuf::from(MANIFESTS),
    };
    if args.manifests.is_none() {
        // Where that fails, the watch says so.
        let _ = std::fs::create_dir_all(&dir);
    } else if !dir.is_dir() {
        let what = format!("use {} as manifest directory", dir.display());
        return Err(Failure::plain(what, "it is no directory").fix(format!("mkdir -p {}", dir.display())));
    }
    Ok(dir)
}

async fn serve(args: &Args, config: NodeConfig, manifest_dir: PathBuf) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    info!(
        version = crate::version::KUBELET,
        node = config.node_name,
        manifests = %manifest_dir.display(),
        runtime = config.runtime_endpoint,
        "starting the node"
    );
    let watched = manifests::watch(
        manifests::Options {
            dir: manifest_dir,
            last_good_dir: Some(args.root_dir.join("manifests")),
            rescan: args.file_check_frequency,
        },
        stop.clone(),
    );
    let (forward, manifests) = mpsc::channel(16);
    tokio::spawn(hold_back(
        prepare::Preparation::from(args),
        watched,
        forward,
        stop.clone(),
    ));
    kubelet::run(config, manifests, stop)
        .await
        .map_err(|error| Failure::new("run the node", &error))?;
    notify(&[sd_notify::NotifyState::Stopping]);
    info!("the agent stops; containers go on");
    Ok(())
}

/// Lets manifests through once the runtime has what every pod needs.
async fn hold_back(
    preparation: prepare::Preparation,
    mut watched: mpsc::Receiver<ManifestEvent>,
    forward: mpsc::Sender<ManifestEvent>,
    stop: CancellationToken,
) {
    tokio::select! {
        () = stop.cancelled() => {
            // The channel must stay open: its end would be a failure of the node.
            forward.closed().await;
            return;
        }
        () = preparation.run() => {}
    }
    while let Some(event) = watched.recv().await {
        let synced = matches!(event, ManifestEvent::Synced);
        if forward.send(event).await.is_err() {
            return;
        }
        if synced {
            notify(&[
                sd_notify::NotifyState::Ready,
                sd_notify::NotifyState::Status("running pods of the manifest directory"),
            ]);
        }
    }
    if stop.is_cancelled() {
        forward.closed().await;
    }
    // Otherwise the watch has failed: the channel's end tells the node, which ends and is started again.
}

fn stop_on_signal(stop: CancellationToken) -> Result<(), Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::new("listen for signals", &error));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
        // A second one does not wait for anything.
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(())
}

/// Tells systemd, if it started us.
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!(%error, "cannot notify the service manager");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_names_are_checked_on_the_command_line() {
        assert_eq!(parse_seconds("20"), Ok(Duration::from_secs(20)));
        assert_eq!(parse_seconds("5s"), Ok(Duration::from_secs(5)));
        assert!(parse_seconds("0").is_err() && parse_seconds("x").is_err());
        assert_eq!(parse_node_name("Node-1"), Ok("node-1".to_owned()));
        assert!(parse_node_name("my_node").is_err());
    }
}
