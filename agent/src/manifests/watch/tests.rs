use std::fs;
use std::path::Path;

use super::*;

const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME}\nspec: {containers: [{name: c, image: i}]}\n";

fn options(root: &Path) -> Options {
    // A rescan that never comes shows that inotify alone carries the changes.
    Options {
        dir: root.join("m"),
        last_good_dir: Some(root.join("good")),
        rescan: Duration::from_secs(3600),
    }
}

fn show(event: &ManifestEvent) -> String {
    match event {
        ManifestEvent::Set { source, pod } => {
            format!(
                "set {} {}",
                source.file_name(),
                pod.metadata.name.as_deref().unwrap_or_default()
            )
        }
        ManifestEvent::Removed { source } => format!("removed {}", source.file_name()),
        ManifestEvent::Broken { error, .. } => format!("broken {error}"),
        ManifestEvent::Synced => "synced".to_owned(),
    }
}

async fn next(events: &mut mpsc::Receiver<ManifestEvent>) -> String {
    let event = tokio::time::timeout(Duration::from_secs(20), events.recv()).await;
    show(&event.expect("an event in time").expect("the watch goes on"))
}

#[tokio::test]
async fn writing_renaming_and_removing_files_is_seen_without_a_rescan() {
    let root = tempfile::tempdir().expect("directory");
    let dir = root.path().join("m");
    fs::create_dir(&dir).expect("directory");
    fs::write(dir.join("a.yaml"), POD.replace("NAME", "a")).expect("file");
    let stop = CancellationToken::new();
    let mut events = watch(options(root.path()), stop.clone());
    assert_eq!(next(&mut events).await, "set a.yaml a");
    assert_eq!(next(&mut events).await, "synced");
    // An editor writes beside and renames over.
    fs::write(dir.join(".a.yaml.swp"), POD.replace("NAME", "a2")).expect("file");
    fs::rename(dir.join(".a.yaml.swp"), dir.join("a.yaml")).expect("rename");
    assert_eq!(next(&mut events).await, "set a.yaml a2");
    fs::write(dir.join("b.json"), "{\"kind\": 1").expect("file");
    assert_eq!(next(&mut events).await, "broken b.json:1:1: unclosed bracket '{'");
    fs::remove_file(dir.join("a.yaml")).expect("removed");
    assert_eq!(next(&mut events).await, "removed a.yaml");
    stop.cancel();
    assert!(events.recv().await.is_none());
}

#[tokio::test]
async fn a_half_written_file_is_not_read_before_it_is_closed() {
    use std::io::Write;
    let root = tempfile::tempdir().expect("directory");
    let dir = root.path().join("m");
    fs::create_dir(&dir).expect("directory");
    let mut events = watch(options(root.path()), CancellationToken::new());
    assert_eq!(next(&mut events).await, "synced");
    let text = POD.replace("NAME", "a");
    let (head, tail) = text.split_at(30);
    let mut file = fs::File::create(dir.join("a.yaml")).expect("file");
    file.write_all(head.as_bytes()).expect("written");
    // Another file's change makes the directory be looked at meanwhile.
    fs::write(dir.join("b.yaml"), POD.replace("NAME", "b")).expect("file");
    assert_eq!(next(&mut events).await, "set b.yaml b");
    file.write_all(tail.as_bytes()).expect("written");
    drop(file);
    assert_eq!(next(&mut events).await, "set a.yaml a");
}

#[tokio::test]
async fn the_next_run_knows_the_last_good_version_of_a_broken_file() {
    let root = tempfile::tempdir().expect("directory");
    let dir = root.path().join("m");
    fs::create_dir(&dir).expect("directory");
    fs::write(dir.join("a.yaml"), POD.replace("NAME", "a")).expect("file");
    let stop = CancellationToken::new();
    let mut events = watch(options(root.path()), stop.clone());
    assert_eq!(next(&mut events).await, "set a.yaml a");
    stop.cancel();
    fs::write(dir.join("a.yaml"), "kind: Pod\napiVersion: v1\nspec: 1\n").expect("file");
    let mut events = watch(options(root.path()), CancellationToken::new());
    assert_eq!(next(&mut events).await, "set a.yaml a");
    assert_eq!(
        next(&mut events).await,
        "broken a.yaml:3:7: spec: expected object, found integer 1"
    );
    assert_eq!(next(&mut events).await, "synced");
}

#[tokio::test]
async fn a_directory_that_appears_later_is_found_by_the_rescan() {
    let root = tempfile::tempdir().expect("directory");
    let options = Options {
        rescan: Duration::from_millis(20),
        ..options(root.path())
    };
    let mut events = watch(options, CancellationToken::new());
    assert_eq!(next(&mut events).await, "synced");
    fs::create_dir(root.path().join("m")).expect("directory");
    fs::write(root.path().join("m/a.yaml"), POD.replace("NAME", "a")).expect("file");
    assert_eq!(next(&mut events).await, "set a.yaml a");
}
