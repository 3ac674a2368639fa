//! A control plane in this process on a free loopback port, with its own keys and store, and `kubectl` for it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};

use controlplane_lite::server::config::Config;
use controlplane_lite::server::start::{Running, start};
use tokio::runtime::Runtime;

/// A running control plane; dropped, it is gone with its files.
pub(crate) struct ControlPlane {
    running: Option<Running>,
    runtime: Runtime,
    directory: tempfile::TempDir,
}

impl ControlPlane {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let config = Config {
            bind_address: [127, 0, 0, 1].into(),
            secure_port: 0,
            data_dir: directory.path().join("data"),
            cert_dir: directory.path().join("pki"),
            admin_kubeconfig: Some(directory.path().join("admin.conf")),
            ..Config::default()
        };
        let running = runtime.block_on(start(config)).expect("the control plane starts");
        Self {
            running: Some(running),
            runtime,
            directory,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.as_ref().expect("it runs").address
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    /// Runs kubectl as the administrator.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Command::new("kubectl")
            .arg("--kubeconfig")
            .arg(self.path("admin.conf"))
            .args(arguments)
            .env("HOME", self.directory.path())
            .env("KUBE_EDITOR", "sed -i s/one/two/")
            .output()
            .expect("this test needs kubectl on PATH")
    }

    /// Its output; it must succeed.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "kubectl {arguments:?}\n{out}\n{err}");
        out
    }

    /// Writes a file for `kubectl -f` and answers with its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("write the file");
        path.to_str().expect("a readable path").to_owned()
    }

    /// Certificate and key of the administrator, as files.
    pub(crate) fn identity(&self) -> (PathBuf, PathBuf) {
        let text = std::fs::read_to_string(self.path("admin.conf")).expect("the kubeconfig");
        let decoded = |field: &str| {
            let line = text
                .lines()
                .find_map(|l| l.trim().strip_prefix(field))
                .expect("the field");
            let output = Command::new("sh")
                .args([
                    "-c",
                    &format!("echo {} | base64 -d", line.trim_start_matches(':').trim()),
                ])
                .output();
            output.expect("base64").stdout
        };
        let (certificate, key) = (self.path("admin.crt"), self.path("admin.key"));
        std::fs::write(&certificate, decoded("client-certificate-data")).expect("write the certificate");
        std::fs::write(&key, decoded("client-key-data")).expect("write the key");
        (certificate, key)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
