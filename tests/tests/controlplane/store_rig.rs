//! Real etcd servers on loopback for the store's tests: TLS with client certificates, one member or three.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use controlplane_lite::store::{Etcd, EtcdOptions, EtcdTimes, EtcdTls};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

/// Certificates of one test cluster.
pub(crate) struct Pki {
    issuer: Issuer<'static, KeyPair>,
    ca: String,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "etcd test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            ca,
        }
    }

    /// A certificate and its key for loopback, or for a client.
    fn leaf(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        (certificate, key.serialize_pem())
    }

    /// What a client of the cluster presents.
    pub(crate) fn client(&self) -> EtcdTls {
        let (certificate, key) = self.leaf("client");
        EtcdTls {
            ca: self.ca.clone().into(),
            certificate: certificate.into(),
            key: key.into(),
        }
    }
}

/// One etcd server.
pub(crate) struct Member {
    name: String,
    dir: PathBuf,
    client_port: u16,
    peer_port: u16,
    process: Option<Child>,
}

/// Ports that are free now; all are held until all are known, so that none is given twice.
fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<_> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    held.iter().map(|l| l.local_addr().unwrap().port()).collect()
}

impl Member {
    fn start(&mut self, cluster: &str) {
        let file = |name: &str| self.dir.join(name).display().to_string();
        let client = format!("https://127.0.0.1:{}", self.client_port);
        let peer = format!("http://127.0.0.1:{}", self.peer_port);
        let log = std::fs::File::create(self.dir.join("log")).unwrap();
        let child = Command::new("etcd")
            .args([
                "--name",
                &self.name,
                "--data-dir",
                &file("data"),
                "--logger",
                "zap",
            ])
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args([
                "--initial-cluster",
                cluster,
                "--initial-cluster-token",
                "store-test",
            ])
            .args([
                "--cert-file",
                &file("server.crt"),
                "--key-file",
                &file("server.key"),
            ])
            .args(["--client-cert-auth", "--trusted-ca-file", &file("ca.crt")])
            .args([
                "--heartbeat-interval",
                "50",
                "--election-timeout",
                "500",
                "--log-level",
                "error",
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("etcd runs: apt-get install etcd-server");
        self.process = Some(child);
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A cluster of etcd servers; gone when dropped.
pub(crate) struct Cluster {
    pub(crate) pki: Pki,
    members: Vec<Member>,
    initial: String,
    _dir: tempfile::TempDir,
}

impl Cluster {
    pub(crate) fn start(size: usize) -> Self {
        let (pki, dir) = (Pki::new(), tempfile::tempdir().unwrap());
        let ports = free_ports(size * 2);
        let mut members: Vec<_> = (0..size).map(|i| member(&pki, dir.path(), i, &ports)).collect();
        let initial: Vec<_> = members
            .iter()
            .map(|m| format!("{}=http://127.0.0.1:{}", m.name, m.peer_port))
            .collect();
        let initial = initial.join(",");
        members.iter_mut().for_each(|m| m.start(&initial));
        Self {
            pki,
            members,
            initial,
            _dir: dir,
        }
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.members
            .iter()
            .map(|m| format!("https://127.0.0.1:{}", m.client_port))
            .collect()
    }

    pub(crate) fn options(&self) -> EtcdOptions {
        let times = EtcdTimes {
            connect: Duration::from_millis(500),
            attempt: Duration::from_secs(2),
            call: Duration::from_secs(40),
            keep_alive: Duration::from_secs(1),
        };
        EtcdOptions {
            endpoints: self.endpoints(),
            tls: Some(self.pki.client()),
            times,
        }
    }

    /// A store on the cluster, as soon as that answers.
    pub(crate) async fn connect(&self) -> Etcd {
        Etcd::connect(self.options()).await.expect("the cluster answers")
    }

    /// Kills a member as a power cut would.
    pub(crate) fn kill(&mut self, number: usize) {
        self.members[number].kill();
    }

    pub(crate) fn restart(&mut self, number: usize) {
        let initial = self.initial.clone();
        self.members[number].start(&initial);
    }

    /// The member that leads now, as `etcdctl` sees it.
    pub(crate) fn leader(&self) -> Option<usize> {
        (0..self.members.len()).find(|number| {
            let member = &self.members[*number];
            let file = |name: &str| member.dir.join(name).display().to_string();
            let output = Command::new("etcdctl")
                .env("ETCDCTL_API", "3")
                .args([
                    "--endpoints",
                    &format!("https://127.0.0.1:{}", member.client_port),
                ])
                .args([
                    "--cacert",
                    &file("ca.crt"),
                    "--cert",
                    &file("server.crt"),
                    "--key",
                    &file("server.key"),
                ])
                .args(["--command-timeout", "2s", "endpoint", "status", "-w", "json"])
                .output()
                .expect("etcdctl runs: apt-get install etcd-client");
            let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            let status = &status[0]["Status"];
            status["leader"].is_u64() && status["leader"] == status["header"]["member_id"]
        })
    }
}

fn member(pki: &Pki, dir: &Path, number: usize, ports: &[u16]) -> Member {
    let name = format!("m{number}");
    let dir = dir.join(&name);
    std::fs::create_dir(&dir).unwrap();
    let (certificate, key) = pki.leaf(&name);
    for (file, text) in [
        ("ca.crt", &pki.ca),
        ("server.crt", &certificate),
        ("server.key", &key),
    ] {
        std::fs::write(dir.join(file), text).unwrap();
    }
    Member {
        name,
        dir,
        client_port: ports[number * 2],
        peer_port: ports[number * 2 + 1],
        process: None,
    }
}
