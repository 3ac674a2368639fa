use std::fs;
use std::path::Path;

use super::super::facts::CgroupVersion;
use super::*;

/// A machine in a directory.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("directory");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        fs::write(path, text).expect("file");
    }
    root
}

#[test]
fn files_below_the_roots_become_facts() {
    let root = tree(&[
        ("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n"),
        ("proc/sys/kernel/hostname", "node-1\n"),
        ("proc/sys/net/ipv4/ip_forward", "1\n"),
        ("proc/swaps", "Filename\tType\n/dev/sda2 partition 1 0 -2\n"),
        ("proc/self/status", "Name:\tx\nCapEff:\t000001fffeffffff\n"),
        (
            "resolv.conf",
            "# x\nnameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch a\n",
        ),
        ("cni/10-x.conflist", "{}"),
        ("cni/10-agent.conflist", "{}"),
        ("cni/README", ""),
    ]);
    let proc = root.path().join("proc");
    assert_eq!(host::kernel_release(&proc), "6.1.0-18-amd64");
    assert_eq!(host::hostname(&proc), "node-1");
    assert_eq!(
        host::sysctls(&proc),
        [("net.ipv4.ip_forward".to_owned(), "1".to_owned())].into()
    );
    assert_eq!(host::swap(&proc), ["/dev/sda2"]);
    assert_eq!(host::capabilities(&proc), 0x1ff_feff_ffff);
    let servers = host::nameservers(&root.path().join("resolv.conf"));
    assert_eq!(
        servers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["192.0.2.1", "2001:db8::1"]
    );
    assert_eq!(host::foreign_cni(&root.path().join("cni")), ["10-x.conflist"]);
}

#[test]
fn cgroup_versions_are_told_apart() {
    let v1 =
        "#subsys_name hierarchy num_cgroups enabled\ncpu 1 1 1\nmemory 4 58 1\nnet_cls 0 1 1\npids 8 1 0\n";
    for (files, version, controllers) in [
        (
            vec![("sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n")],
            CgroupVersion::V2,
            "cpu memory pids",
        ),
        (vec![("proc/cgroups", v1)], CgroupVersion::V1, "cpu memory"),
        (vec![], CgroupVersion::None, ""),
    ] {
        let root = tree(&files);
        let found = host::cgroups(&root.path().join("proc"), &root.path().join("sys"));
        let names = found.controllers.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!((found.version, names.as_str()), (version, controllers));
    }
}

#[test]
fn a_listener_is_found_by_its_port() {
    let listen =
        "   0: 00000000:280A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 x";
    let connected = listen.replace(" 0A ", " 01 ");
    assert_eq!(ports::listening_inode(listen, 10250), Some(4711));
    assert_eq!(ports::listening_inode(listen, 10249), None);
    assert_eq!(ports::listening_inode(&connected, 10250), None);
    assert_eq!(ports::listening_inode("garbage", 10250), None);
}

#[test]
fn a_port_in_use_names_the_process_that_has_it() {
    let listener = std::net::TcpListener::bind("0.0.0.0:0").expect("listener");
    let port = listener.local_addr().expect("address").port();
    let found = ports::look(Path::new("/proc"), &[(port, "test")]);
    let holder = found[0].taken.clone().expect("taken");
    assert_eq!(holder.pid, Some(std::process::id()));
}

#[test]
fn disabled_plugins_are_recognised_in_containerds_configuration() {
    for (config, disabled) in [
        ("disabled_plugins = [\"cri\"]\n", true),
        (
            "version = 2\n  disabled_plugins = ['io.containerd.grpc.v1.cri']\n",
            true,
        ),
        ("# disabled_plugins = [\"cri\"]\n", false),
        ("disabled_plugins = [\n  \"cri\",\n]\n", true),
        ("disabled_plugins = []\nrequired_plugins = [\"cri\"]\n", false),
        ("", false),
    ] {
        assert_eq!(runtime::disables_cri(config), disabled, "{config:?}");
    }
}

#[tokio::test]
async fn a_missing_runtime_is_a_fact_not_an_error() {
    let root = tree(&[]);
    let client = cri::Client::new(root.path().join("none.sock"), cri::Deadlines::default());
    let facts = collect(Roots::standard(std::ffi::OsStr::new("/nowhere")), &client).await;
    assert_eq!(
        facts.runtime.answer,
        Some(Err(super::super::facts::RuntimeTrouble::SocketMissing))
    );
    assert!(!facts.runtime.installed && !facts.kernel_release.is_empty());
}
