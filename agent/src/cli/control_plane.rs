//! `agent control-plane`: the API server, under the reference's flag names.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use controlplane_lite::server::config::{Config, KubeletAuthority};
use controlplane_lite::server::start;
use controlplane_lite::store::{EtcdOptions, EtcdTimes, EtcdTls};
use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use super::logging::{self, LogArgs};

/// Arguments of `agent control-plane`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address to listen on
    #[arg(long, default_value = "0.0.0.0", value_name = "IP")]
    bind_address: IpAddr,
    /// Port to listen on with TLS (0: any free one)
    #[arg(long, default_value_t = 6443, value_name = "PORT")]
    secure_port: u16,
    /// Address that other machines reach this server by
    #[arg(long, value_name = "IP")]
    advertise_address: Option<IpAddr>,
    /// Directory of the embedded store
    #[arg(long, default_value = "/var/lib/agent/control-plane", value_name = "DIR")]
    data_dir: PathBuf,
    /// External etcd instead of the embedded store, as https://HOST:2379, comma-separated
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    etcd_servers: Vec<String>,
    /// Authority that vouches for etcd
    #[arg(long, value_name = "FILE", requires = "etcd_servers")]
    etcd_cafile: Option<PathBuf>,
    /// Client certificate for etcd
    #[arg(long, value_name = "FILE", requires = "etcd_keyfile")]
    etcd_certfile: Option<PathBuf>,
    /// Key of the client certificate for etcd
    #[arg(long, value_name = "FILE", requires = "etcd_certfile")]
    etcd_keyfile: Option<PathBuf>,
    /// Directory of keys and certificates, made if missing
    #[arg(long, default_value = "/etc/kubernetes/pki", value_name = "DIR")]
    cert_dir: PathBuf,
    /// Where the administrator's kubeconfig is written
    #[arg(long, default_value = "/etc/kubernetes/admin.conf", value_name = "FILE")]
    admin_kubeconfig: PathBuf,
    /// Addresses that services get
    #[arg(long, default_value = "10.96.0.0/12", value_name = "CIDR")]
    service_cluster_ip_range: String,
    /// Ports that services get on nodes
    #[arg(long, default_value = "30000-32767", value_name = "FROM-TO", value_parser = port_range)]
    service_node_port_range: RangeInclusive<u16>,
    /// Names and addresses of this server in its certificate, besides the standard ones
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    tls_san: Vec<String>,
    /// DNS domain of the cluster
    #[arg(long, default_value = "cluster.local", value_name = "DOMAIN")]
    cluster_domain: String,
    /// Authority that vouches for kubelets: a PEM file, or `none` for kubelets with certificates of their own making
    /// (default: the cluster's authority)
    #[arg(long, value_name = "FILE")]
    kubelet_certificate_authority: Option<PathBuf>,
    /// Reads answered at the same time; more get 429
    #[arg(long, default_value_t = 400, value_name = "N")]
    max_requests_inflight: usize,
    /// Writes answered at the same time; more get 429
    #[arg(long, default_value_t = 200, value_name = "N")]
    max_mutating_requests_inflight: usize,
    /// Seconds that a request may take (watches and connections excepted)
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    request_timeout: u64,
    #[command(flatten)]
    log: LogArgs,
}

fn port_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || format!("{text:?} is no port range such as 30000-32767");
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let (from, to): (u16, u16) = (
        from.parse().map_err(|_| wrong())?,
        to.parse().map_err(|_| wrong())?,
    );
    if from == 0 || from > to {
        Err(wrong())
    } else {
        Ok(from..=to)
    }
}

impl Args {
    /// The external store, if one was named.
    fn etcd(&self) -> Result<Option<EtcdOptions>, Failure> {
        if self.etcd_servers.is_empty() {
            return Ok(None);
        }
        let read = |file: &PathBuf| {
            std::fs::read(file).map_err(|e| Failure::new(format!("read {}", file.display()), &e))
        };
        let tls = match (&self.etcd_cafile, &self.etcd_certfile, &self.etcd_keyfile) {
            (Some(ca), Some(certificate), Some(key)) => Some(EtcdTls {
                ca: read(ca)?,
                certificate: read(certificate)?,
                key: read(key)?,
            }),
            (None, None, None) => None,
            _ => {
                let why = "etcd over TLS needs an authority, a certificate and a key";
                return Err(Failure::plain("start the control plane", why)
                    .code(super::failure::Code::Usage)
                    .fix("Give --etcd-cafile, --etcd-certfile and --etcd-keyfile together."));
            }
        };
        let endpoints = self.etcd_servers.clone();
        Ok(Some(EtcdOptions {
            endpoints,
            tls,
            times: EtcdTimes::default(),
        }))
    }

    fn config(self) -> Result<Config, Failure> {
        let etcd = self.etcd()?;
        let mut config = Config {
            bind_address: self.bind_address,
            secure_port: self.secure_port,
            advertise_address: self.advertise_address,
            data_dir: self.data_dir,
            etcd,
            cert_dir: self.cert_dir,
            admin_kubeconfig: Some(self.admin_kubeconfig),
            service_node_port_range: self.service_node_port_range,
            server_names: self.tls_san,
            cluster_domain: self.cluster_domain,
            kubelet_authority: match self.kubelet_certificate_authority {
                None => KubeletAuthority::Cluster,
                Some(file) if file.as_os_str() == "none" => KubeletAuthority::Unchecked,
                Some(file) => KubeletAuthority::File(file),
            },
            ..Config::default()
        };
        config.limits.reads = self.max_requests_inflight;
        config.limits.writes = self.max_mutating_requests_inflight;
        config.limits.request_timeout = Duration::from_secs(self.request_timeout);
        let range = &self.service_cluster_ip_range;
        config.service_cluster_ip_range = range.parse().map_err(|_| {
            Failure::plain(
                "start the control plane",
                format!("{range:?} is no IPv4 range such as 10.96.0.0/12"),
            )
            .code(super::failure::Code::Usage)
        })?;
        Ok(config)
    }
}

/// Runs until SIGTERM or SIGINT.
pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let what = "start the control plane";
    logging::start(&args.log);
    let config = args.config()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_name("control-plane")
        .enable_all()
        .build()
        .map_err(|e| Failure::new(what, &e))?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(|e| Failure::new(what, &e))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| Failure::new(what, &e))?;
        let running = start::start(config).await.map_err(|e| Failure::new(what, &e))?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_ranges_have_two_ends_in_order() {
        assert_eq!(port_range("30000-32767"), Ok(30000..=32767));
        for text in ["", "30000", "2-1", "0-5", "a-b", "1-70000"] {
            assert!(port_range(text).is_err(), "{text}");
        }
    }
}
