//! Who gets a worker when.

use super::*;

fn id(uid: &str, name: &str) -> PodId {
    PodId::new(uid, "ns", name).expect("an identity")
}

fn found(uid: &str, name: &str) -> Found {
    Found {
        id: id(uid, name),
        listing: Listing::default(),
        containers: vec!["c".into()],
        grace: Some(Duration::from_secs(7)),
    }
}

fn set(roster: &mut Roster, source: &str, uid: &str, name: &str) -> Vec<String> {
    spoken(roster.set(source.into(), Arc::new(Pod::default()), id(uid, name)))
}

/// Commands in short: `+uid` new, `*uid` adopted, `-uid` ended, `?uid` compared, `=uid` changed.
fn spoken(commands: Vec<Command>) -> Vec<String> {
    let mut words: Vec<String> = commands
        .into_iter()
        .filter_map(|command| match command {
            Command::Spawn { id, adopt, .. } => Some(format!("{}{}", if adopt { '*' } else { '+' }, id.uid)),
            Command::Tell { uid, event } => Some(match *event {
                Event::Delete { .. } => format!("-{uid}"),
                Event::Desired(_) => format!("={uid}"),
                _ => format!("?{uid}"),
            }),
            Command::Conflict { source, .. } => Some(format!("!{source}")),
            Command::Sweep { .. } => None,
        })
        .collect();
    words.sort();
    words
}

fn running() -> Roster {
    let mut roster = Roster::default();
    assert!(roster.listed(Vec::new()).is_empty());
    roster.synced();
    roster
}

#[test]
fn nothing_starts_before_the_runtime_is_known_and_nothing_ends_before_all_sources_spoke() {
    let mut roster = Roster::default();
    assert!(set(&mut roster, "f", "a", "a").is_empty());
    assert_eq!(
        spoken(roster.listed(vec![found("a", "a"), found("o", "o")])),
        ["*a"]
    );
    assert_eq!(spoken(roster.synced()), ["*o", "-o"]);
}

#[test]
fn sources_may_be_complete_before_the_runtime_answers() {
    let mut roster = Roster::default();
    assert!(roster.synced().is_empty());
    assert!(set(&mut roster, "f", "a", "a").is_empty());
    assert_eq!(spoken(roster.listed(vec![found("o", "o")])), ["*o", "+a", "-o"]);
}

#[test]
fn changed_manifest_starts_when_the_pod_before_it_is_gone() {
    let mut roster = running();
    assert_eq!(set(&mut roster, "f", "a1", "a"), ["+a1"]);
    assert_eq!(set(&mut roster, "f", "a2", "a"), ["-a1"]);
    assert_eq!(set(&mut roster, "f", "a3", "a"), [""; 0]);
    assert_eq!(spoken(roster.ended(&id("a1", "a").uid)), ["+a3"]);
}

#[test]
fn same_pod_wanted_again_while_it_ends_starts_anew_afterwards() {
    let mut roster = running();
    set(&mut roster, "f", "a", "a");
    assert_eq!(spoken(roster.remove("f")), ["-a"]);
    assert_eq!(set(&mut roster, "f", "a", "a"), [""; 0]);
    assert_eq!(spoken(roster.ended(&id("a", "a").uid)), ["+a"]);
}

#[test]
fn orphan_of_the_same_name_ends_before_the_desired_pod_starts() {
    let mut roster = Roster::default();
    set(&mut roster, "f", "new", "a");
    assert!(spoken(roster.listed(vec![found("old", "a")])).is_empty());
    assert_eq!(spoken(roster.synced()), ["*old", "-old"]);
    assert_eq!(spoken(roster.ended(&id("old", "a").uid)), ["+new"]);
}

#[test]
fn second_source_of_a_name_is_reported_and_waits() {
    let mut roster = running();
    set(&mut roster, "f", "a1", "a");
    assert_eq!(set(&mut roster, "g", "a2", "a"), ["!g"]);
    assert_eq!(spoken(roster.remove("f")), ["-a1"]);
    assert_eq!(spoken(roster.ended(&id("a1", "a").uid)), ["+a2"]);
}

#[test]
fn later_lists_are_compared_by_each_worker_and_show_new_orphans() {
    let mut roster = running();
    set(&mut roster, "f", "a", "a");
    assert_eq!(spoken(roster.listed(vec![found("x", "x")])), ["*x", "-x", "?a"]);
}

#[test]
fn stand_in_of_an_orphan_keeps_its_containers_and_grace() {
    let pod = stand_in(&found("o", "o"));
    let spec = pod.spec.expect("a spec");
    assert_eq!(spec.termination_grace_period_seconds, Some(7));
    assert_eq!(spec.containers[0].name, "c");
}

#[test]
fn changed_spec_under_a_uid_of_its_own_reaches_the_worker() {
    let mut roster = running();
    set(&mut roster, "f", "a", "a");
    assert_eq!(set(&mut roster, "f", "a", "a"), [""; 0]);
    let pod = Pod {
        spec: Some(PodSpec::default()),
        ..Pod::default()
    };
    assert_eq!(
        spoken(roster.set("f".into(), Arc::new(pod), id("a", "a"))),
        ["=a"]
    );
}
