//! The recorded conversations with the reference, played against this server by `scripts/transcript.py`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::api_rig::{ControlPlane, text};

#[test]
fn the_recorded_conversations_are_answered_as_the_reference_answers() {
    let server = ControlPlane::start();
    let (certificate, key) = server.identity();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reference = root.join("reference");
    let output = Command::new("python3")
        .arg(root.join("../scripts/transcript.py"))
        .args(["compare", "--server", &format!("https://{}", server.address())])
        .arg("--cert")
        .arg(certificate)
        .arg("--key")
        .arg(key)
        .arg(reference.join("conversations.json"))
        .arg(reference.join("answers.json"))
        .output()
        .expect("this test needs python3 on PATH");
    let report = text(&output.stdout);
    assert!(report.contains(" passed, "), "{report}\n{}", text(&output.stderr));
    let known = std::fs::read_to_string(reference.join("differences.json")).expect("the known differences");
    let known: BTreeMap<String, String> = serde_json::from_str(&known).expect("cases with reasons");
    let differing: Vec<&str> = report
        .lines()
        .filter_map(|line| {
            line.strip_prefix("--- ")?
                .rsplit_once(", step ")
                .map(|(case, _)| case)
        })
        .filter(|case| !known.contains_key(*case))
        .collect();
    assert!(differing.is_empty(), "{differing:?}\n{report}");
}
