//! From a configuration to a running control plane: store, cache, keys, listener, and the objects that every
//! cluster has.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::config::{Config, KubeletAuthority};
use super::local::LocalClient;
use super::{ApiServer, Assembly, own_service};
use crate::auth::User;
use crate::cache::{self, Cache, CacheError};
use crate::controllers::namespaces;
use crate::nodeproxy::{NodeProxy, Trust, TrustError};
use crate::pki::kubeconfig::Kubeconfig;
use crate::pki::{MASTERS, Pki, PkiConfig, PkiError};
use crate::resource::Resource;
use crate::resources::Registry;
use crate::serve::listener;
use crate::serve::tls::{self, TlsError};
use crate::store::{Embedded, EmbeddedOptions, Etcd, Store, StoreError};
use crate::verbs::service::Ranges;

/// Why a control plane does not start. All of them need a person.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be made.
    #[error("make the data directory {}", path.display())]
    DataDir {
        /// Which.
        path: std::path::PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("open the store")]
    Store(#[from] StoreError),
    /// Its content cannot be loaded.
    #[error("load the stored objects")]
    Cache(#[from] CacheError),
    /// Keys and certificates.
    #[error("prepare the keys and certificates")]
    Pki(#[from] PkiError),
    /// The listener's TLS.
    #[error("set up TLS")]
    Tls(#[from] TlsError),
    /// Connections to nodes.
    #[error("set up connections to nodes")]
    Nodes(#[from] TrustError),
    /// A file that was named in the configuration.
    #[error("read {}", path.display())]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The key pair for service-account tokens does not fit.
    #[error("use the keys of service-account tokens, sa.key and sa.pub")]
    ServiceAccountKey(#[source] crate::authn::jws::KeyError),
    /// The port is taken, or the address is not of this machine.
    #[error("listen on {address}; stop what uses it (`ss -ltnp`), or choose another --secure-port")]
    Listen {
        /// Address and port.
        address: SocketAddr,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
}

/// A running control plane.
pub struct Running {
    /// The server, for components of the same process.
    pub server: Arc<ApiServer>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its keys.
    pub pki: Arc<Pki>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Running {
    /// Stops accepting, lets open requests finish, and returns when the listener is closed.
    pub async fn stop(self) {
        self.server.health.stop();
        self.stop.cancel();
        // The task neither panics nor is it aborted.
        let _ = self.serving.await;
    }
}

/// Starts a control plane.
///
/// # Errors
/// See [`StartError`]; nothing is left running then.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let now = clock();
    let ranges = Ranges {
        addresses: config.service_cluster_ip_range,
        node_ports: config.service_node_port_range.clone(),
    };
    let (advertised, first_address) = (advertised(&config), ranges.first());
    let pki = Arc::new(Pki::ensure(&pki_config(&config, &ranges, advertised), now)?);
    let tls = tls::config(
        &pki.serving.certificate,
        &pki.serving.key,
        pki.authority.certificate(),
    )?;
    let nodes = NodeProxy::new(&pki.kubelet_client, &kubelet_trust(&config, &pki)?)?;
    let wanted = SocketAddr::new(config.bind_address, config.secure_port);
    let listener = TcpListener::bind(wanted)
        .await
        .map_err(|source| StartError::Listen {
            address: wanted,
            source,
        })?;
    let address = listener.local_addr().map_err(|source| StartError::Listen {
        address: wanted,
        source,
    })?;
    let store = open_store(&config).await?;
    let registry = Registry::builtin();
    let cache = Cache::start(store, cached(&registry), cache::Options::default()).await?;
    let guard = super::guard::assemble(&config, &cache, &registry, &pki, clock).await?;
    let outside = SocketAddr::new(advertised, address.port());
    let server = ApiServer::new(Assembly {
        cache,
        registry,
        authenticator: guard.authenticator,
        authorizer: guard.authorizer,
        admission: guard.admission,
        limits: config.limits.clone(),
        virtuals: guard.virtuals,
        services: ranges,
        nodes,
        address: outside.to_string(),
        clock,
    });
    write_kubeconfig(&config, &pki, address, now)?;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(listener::serve(listener, tls, Arc::clone(&server), stop.clone()));
    let upkeep = User::authenticated("system:apiserver", [MASTERS.to_owned()]);
    let client = LocalClient::new(Arc::clone(&server), upkeep, "kube-apiserver");
    tokio::spawn(own_service::keep(client, outside, first_address, stop.clone()));
    let manager = User::authenticated("system:kube-controller-manager", [MASTERS.to_owned()]);
    let client = LocalClient::new(Arc::clone(&server), manager, "kube-controller-manager");
    let authority = pki.authority.certificate().to_owned();
    tokio::spawn(namespaces::keep(
        Arc::clone(&server),
        client,
        authority,
        stop.clone(),
    ));
    tokio::spawn(compact(Arc::clone(server.cache.store()), stop.clone()));
    tracing::info!(%address, "the API server listens");
    Ok(Running {
        server,
        address,
        pki,
        stop,
        serving,
    })
}

/// The edge: everything else is given the time.
#[allow(clippy::disallowed_methods)]
fn clock() -> Timestamp {
    Timestamp::now()
}

fn pki_config(config: &Config, ranges: &Ranges, advertised: IpAddr) -> PkiConfig {
    let mut server_names = config.server_names.clone();
    for address in [advertised, config.bind_address] {
        if !address.is_unspecified() {
            server_names.push(address.to_string());
        }
    }
    PkiConfig {
        directory: config.cert_dir.clone(),
        server_names,
        service_address: IpAddr::V4(ranges.first()),
        domain: config.cluster_domain.clone(),
    }
}

/// The address that others use: given, or the bound one, or loopback when it listens everywhere.
fn advertised(config: &Config) -> IpAddr {
    match config.advertise_address {
        Some(address) => address,
        None if config.bind_address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        None => config.bind_address,
    }
}

/// Kubelets show certificates of the cluster's own authority unless the configuration says otherwise.
fn kubelet_trust(config: &Config, pki: &Pki) -> Result<Trust, StartError> {
    Ok(match &config.kubelet_authority {
        KubeletAuthority::Cluster => Trust::Authorities(pki.authority.certificate().to_owned()),
        KubeletAuthority::Unchecked => Trust::Anyone,
        KubeletAuthority::File(path) => {
            Trust::Authorities(std::fs::read_to_string(path).map_err(|source| StartError::File {
                path: path.clone(),
                source,
            })?)
        }
    })
}

async fn open_store(config: &Config) -> Result<Arc<dyn Store>, StartError> {
    if let Some(options) = &config.etcd {
        return Ok(Arc::new(Etcd::connect(options.clone()).await?));
    }
    std::fs::create_dir_all(&config.data_dir).map_err(|source| StartError::DataDir {
        path: config.data_dir.clone(),
        source,
    })?;
    let file = config.data_dir.join("store.redb");
    Ok(Arc::new(Embedded::open(&file, EmbeddedOptions::default()).await?))
}

/// Old versions are forgotten after five to ten minutes, as in the reference.
async fn compact(store: Arc<dyn Store>, stop: CancellationToken) {
    const EVERY: Duration = Duration::from_secs(300);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = store.compact_previous().await {
            tracing::warn!(%error, "the store was not compacted; it is tried again in five minutes");
        }
    }
}

/// The resources as the cache sees them. Event is served twice over one prefix: the fields of both forms are known
/// there.
pub(super) fn cached(registry: &Registry) -> Vec<cache::Resource> {
    let mut out: Vec<(String, bool, Vec<&Resource>)> = Vec::new();
    for row in registry.rows().iter().filter(|r| !r.storage.is_empty()) {
        let prefix = row.key_prefix(None);
        match out.iter_mut().find(|(p, ..)| *p == prefix) {
            Some((_, _, rows)) => rows.push(row),
            None => out.push((prefix, row.namespaced(), vec![row])),
        }
    }
    out.into_iter()
        .map(|(prefix, namespaced, rows)| {
            let mut resource = cache::Resource::new(prefix, namespaced);
            let mut known: Vec<&str> = Vec::new();
            for field in rows.iter().flat_map(|r| &r.fields) {
                if !known.contains(&field.label.as_ref()) {
                    let path: Vec<&str> = field.path.split('.').collect();
                    resource = resource.field_or(field.label.as_ref(), &[&path], &field.absent);
                    known.push(&field.label);
                }
            }
            // Every kubelet watches the pods of its node.
            if known.contains(&"spec.nodeName") {
                resource.index("spec.nodeName")
            } else {
                resource
            }
        })
        .collect()
}

/// The administrator is in `system:masters`, as the super-admin of kubeadm is, until roles are there to bind.
fn write_kubeconfig(config: &Config, pki: &Pki, address: SocketAddr, now: Timestamp) -> Result<(), PkiError> {
    let Some(path) = &config.admin_kubeconfig else {
        return Ok(());
    };
    let server = format!("https://{}", SocketAddr::new(advertised(config), address.port()));
    let identity = pki.client("kubernetes-admin", Some(MASTERS), now)?;
    let kubeconfig = Kubeconfig {
        server: &server,
        authority: pki.authority.certificate(),
        cluster: "kubernetes",
        user: "kubernetes-admin",
        identity: &identity,
    };
    kubeconfig.write(path)
}
