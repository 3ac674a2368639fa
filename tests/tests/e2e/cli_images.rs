//! `agent images` against a real runtime.

use serde_json::Value;
use tests::Node;
use tests::image;

fn json(node: &Node, arguments: &[&str]) -> Value {
    let outcome = node.run_agent(&[arguments, &["--output", "json"]].concat());
    assert!(
        outcome.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&outcome.stderr)
    );
    serde_json::from_slice(&outcome.stdout).expect("one JSON document")
}

#[test]
fn an_imported_archive_is_listed_under_its_name() {
    let node = Node::start();
    node.write("/tmp/web.tar", image::archive(&["agent.local/web:1"]));
    let imported = json(&node, &["images", "import", "/tmp/web.tar"]);
    assert_eq!(imported["images"][0]["names"][0], "agent.local/web:1");
    let listed = json(&node, &["images", "list"]);
    let images = listed["images"].as_array().expect("images");
    let web = images
        .iter()
        .find(|image| image["tags"][0] == "agent.local/web:1")
        .expect("listed");
    assert_eq!(web["id"], imported["images"][0]["id"]);
    // For people: name, tag and the beginning of the id on one line.
    let table = String::from_utf8(node.run_agent(&["images", "list"]).stdout).expect("text");
    let line = table
        .lines()
        .find(|line| line.starts_with("agent.local/web "))
        .expect("line");
    assert_eq!(line.split_whitespace().nth(1), Some("1"));
}

#[test]
fn a_name_may_be_given_and_replaces_the_archives_own() {
    let node = Node::start();
    node.write("/tmp/web.tar", image::archive(&["agent.local/web:1"]));
    let imported = json(
        &node,
        &[
            "images",
            "import",
            "/tmp/web.tar",
            "--name",
            "example.org/other:2",
        ],
    );
    assert_eq!(
        imported["images"][0]["names"],
        serde_json::json!(["example.org/other:2"])
    );
}

#[test]
fn a_file_that_is_no_archive_is_refused_with_advice() {
    let node = Node::start();
    node.write("/tmp/no.tar", "hello");
    let outcome = node.run_agent(&["images", "import", "/tmp/no.tar"]);
    let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    assert_eq!(outcome.status.code(), Some(1), "{said}");
    assert!(
        said.contains("error: cannot import image archive /tmp/no.tar"),
        "{said}"
    );
    assert!(said.contains("docker save"), "{said}");
}

#[test]
fn without_a_runtime_the_exit_code_says_so() {
    let node = Node::without_containerd();
    for arguments in [["images", "list"], ["pods", "--output=json"]] {
        assert_eq!(node.run_agent(&arguments).status.code(), Some(3), "{arguments:?}");
    }
}
