//! Pulls by real containerd from a real registry inside the node.

use cri::credentials::Keyring;
use cri::oci_archive::{Image, Layer, Platform, RunConfig};
use cri::{Client, Deadlines, Error, PullProgress};
use tests::{Node, require};

/// Where the registry listens inside the node: containerd speaks plain HTTP to this host.
const REGISTRY: &str = "localhost:5000";
const IMAGE: &str = "localhost:5000/team/app:1";
/// `htpasswd -bnB joe s3cret`, at bcrypt's lowest cost.
const USERS: &str = "joe:$2b$04$hGJI95mXm19NZDZ9.p6f6uZJjEBwcthyw1xf7uOQc5w4ZASMw64oi\n";
const CONFIG: &str = "version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: 'localhost:5000'}
auth: {htpasswd: {realm: test, path: /etc/registry.users}}
";

/// An image of some megabytes that do not compress.
fn image() -> Vec<u8> {
    let mut random: u64 = 7;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_le_bytes()
    };
    let noise: Vec<u8> = std::iter::repeat_with(&mut next)
        .take(1 << 19)
        .flatten()
        .collect();
    let image = Image {
        names: vec![IMAGE.to_owned()],
        platform: Platform::current(),
        config: RunConfig::default(),
        layers: vec![Layer::new().file("noise", 0o644, noise)],
    };
    let mut archive = Vec::new();
    image.write_to(&mut archive).unwrap();
    archive
}

/// A node whose registry has [`IMAGE`], and whose containerd has not.
fn node() -> Node {
    assert!(
        require::find("docker-registry").is_some(),
        "lacks docker-registry: apt-get install docker-registry"
    );
    let node = Node::start();
    node.write("/etc/registry.users", USERS);
    node.write("/etc/registry.yml", CONFIG);
    node.sh("setsid docker-registry serve /etc/registry.yml >/var/log/registry 2>&1 </dev/null &");
    node.import(&image());
    let push = format!("ctr -n k8s.io images push --plain-http --user joe:s3cret {IMAGE}");
    tests::eventually(
        "the registry takes the image",
        std::time::Duration::from_secs(20),
        || {
            let output = node.try_sh(&push);
            if output.status.success() {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&output.stderr).into_owned())
            }
        },
    );
    node.sh(&format!(
        "ctr -n k8s.io images rm --sync {IMAGE} $(ctr -n k8s.io images ls -q)"
    ));
    node
}

/// Makes the network slow enough that containerd can be watched: some 3 s for the image.
fn slow_down(node: &Node) {
    // Loopback's own 64 kB packets would be larger than the bucket.
    node.sh("ip link set lo mtu 1500; tc qdisc add dev lo root tbf rate 12mbit burst 256kb limit 4mb");
}

fn keyring(user: &str, password: &str) -> Keyring {
    let json = serde_json::json!({ "auths": { REGISTRY: { "username": user, "password": password } } });
    let mut ring = Keyring::new();
    ring.add_docker_config_json(json.to_string().as_bytes()).unwrap();
    ring
}

#[tokio::test]
async fn image_is_pulled_with_the_right_credentials_and_progress_is_seen() {
    let node = node();
    let client = Client::new(node.containerd_socket(), Deadlines::default());
    let pull = async |ring: &Keyring, seen: &mut Vec<PullProgress>| {
        let credentials = ring.lookup("localhost:5000/team/app");
        client
            .pull_image(IMAGE, &credentials, None, |progress| seen.push(progress))
            .await
    };
    let mut seen = Vec::new();
    for ring in [Keyring::new(), keyring("joe", "wrong")] {
        let error = pull(&ring, &mut seen).await.unwrap_err();
        assert!(matches!(error, Error::Failed { .. }), "{error:?}");
        let source = std::error::Error::source(&error)
            .expect("the runtime says why")
            .to_string();
        assert!(
            source.contains("401") || source.contains("authorization failed"),
            "{source}"
        );
    }
    assert_eq!(client.image_status(IMAGE).await.unwrap(), None);

    slow_down(&node);
    let id = pull(&keyring("joe", "s3cret"), &mut seen).await.unwrap();
    let image = client.image_status(IMAGE).await.unwrap().expect("it is there");
    assert_eq!(image.id, id);
    assert_eq!(image.repo_tags, [IMAGE]);
    let last = seen.last().expect("progress was seen");
    assert!(
        seen.windows(2)
            .all(|pair| pair[0].downloaded < pair[1].downloaded),
        "{seen:?}"
    );
    assert!(last.downloaded > 0 && last.total >= 4 << 20, "{seen:?}");
}

#[tokio::test]
async fn pull_that_stands_still_is_given_up() {
    let node = node();
    let deadlines = Deadlines {
        pull_without_progress: std::time::Duration::from_secs(2),
        ..Deadlines::default()
    };
    let client = Client::new(node.containerd_socket(), deadlines);
    slow_down(&node);
    let registry = node.sh("pidof docker-registry");
    let freeze = |_| {
        node.sh(&format!("kill -STOP {registry}"));
    };
    let credentials = keyring("joe", "s3cret").lookup("localhost:5000/team/app");
    let error = client
        .pull_image(IMAGE, &credentials, None, freeze)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Stalled { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("pull image {IMAGE}: no byte arrived for 2 s")
    );
}
