use serde_json::Value;

use super::*;

fn run(env: &[(&str, &str)], stdin: &str) -> (u8, Value) {
    let mut out = Vec::new();
    let lookup = |name: &str| env.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).into());
    let code = Plugin::Bridge.main(lookup, &mut stdin.as_bytes(), &mut out);
    (code, serde_json::from_slice(&out).unwrap_or(Value::Null))
}

#[test]
fn only_the_plugins_names_make_the_binary_a_plugin() {
    for name in NAMES {
        assert!(Plugin::called_as(OsStr::new(name)).is_some());
        assert!(Plugin::called_as(OsStr::new(&format!("/opt/cni/bin/{name}"))).is_some());
    }
    for name in ["agent", "/usr/bin/agent", "bridge", "agent-bridge/", "", "/"] {
        let expected = (name == "agent-bridge/").then_some(Plugin::Bridge);
        assert_eq!(Plugin::called_as(OsStr::new(name)), expected, "{name}");
    }
}

#[test]
fn version_lists_what_is_supported_and_repeats_the_question() {
    for (stdin, asked) in [
        ("", "1.1.0"),
        (r#"{"cniVersion":"0.4.0"}"#, "0.4.0"),
        (r#"{"cniVersion":"9.9.9"}"#, "9.9.9"),
    ] {
        let (code, out) = run(&[("CNI_COMMAND", "VERSION")], stdin);
        assert_eq!(code, 0);
        assert_eq!(out["cniVersion"], asked);
        let all = out["supportedVersions"].as_array().unwrap();
        assert_eq!(all.len(), 7);
        assert!(all.contains(&"0.1.0".into()) && all.contains(&"1.1.0".into()));
    }
}

#[test]
fn errors_have_the_specifications_form_and_codes() {
    let add = [
        ("CNI_COMMAND", "ADD"),
        ("CNI_CONTAINERID", "c1"),
        ("CNI_NETNS", "/n"),
        ("CNI_IFNAME", "eth0"),
    ];
    for (env, stdin, code) in [
        (&[("CNI_COMMAND", "NONSENSE")][..], "", 4),
        (&[][..], "", 4),
        (&add[..3], "{}", 4),
        (&add[..], "{", 6),
        (&add[..], r#"{"cniVersion":"2.0.0"}"#, 1),
    ] {
        let (exit, out) = run(env, stdin);
        assert_eq!(exit, 1);
        assert_eq!(out["code"], code, "{out}");
        assert!(out["msg"].as_str().is_some_and(|m| !m.is_empty()));
        assert!(out["cniVersion"].is_string());
    }
}
