//! A container's last words: its termination message, or the end of its log.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::kubelet::criconfig::{MESSAGE_PATH, MESSAGE_POLICY};

/// Longest termination message in bytes.
const LONGEST_MESSAGE: u64 = 4096;
/// How much of a log may serve as one: bytes and lines.
const LONGEST_LOG: u64 = 2048;
const MOST_LINES: usize = 80;

/// The last words of an ended container, after what the runtime itself says.
pub(super) fn last_words(status: &cri::v1::ContainerStatus) -> String {
    let path = status.annotations.get(MESSAGE_PATH).map_or("", String::as_str);
    let mount = status
        .mounts
        .iter()
        .find(|m| !path.is_empty() && m.container_path == path);
    let mut text = mount
        .map(|m| message(Path::new(&m.host_path)))
        .unwrap_or_default();
    let fall_back = status
        .annotations
        .get(MESSAGE_POLICY)
        .is_some_and(|p| p == "FallbackToLogsOnError");
    if text.is_empty() && fall_back && status.exit_code != 0 {
        text = log_tail(Path::new(&status.log_path));
    }
    match (status.message.as_str(), text.as_str()) {
        ("", _) => text,
        (said, "") => said.to_owned(),
        (said, _) => format!("{said}: {text}"),
    }
}

/// The container wrote the file, so it may be anything: no link is followed, and no more is read than counts.
fn open(path: &Path) -> Option<File> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .ok()?;
    file.metadata().ok()?.is_file().then_some(file)
}

fn message(path: &Path) -> String {
    let mut bytes = Vec::new();
    if let Some(file) = open(path) {
        let _ = file.take(LONGEST_MESSAGE).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The text of the last log lines, without the runtime's time, stream and tag.
fn log_tail(path: &Path) -> String {
    let mut bytes = Vec::new();
    if let Some(mut file) = open(path) {
        let size = file.metadata().map(|m| m.len()).unwrap_or(0);
        // Twice the limit: each line carries about 45 bytes of its own.
        let _ = file.seek(SeekFrom::Start(size.saturating_sub(LONGEST_LOG * 8)));
        let _ = file.take(LONGEST_LOG * 8).read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut out = String::new();
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(MOST_LINES)..] {
        let mut parts = line.splitn(4, ' ').skip(2);
        let (tag, content) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        out.push_str(content);
        if tag != "P" {
            out.push('\n');
        }
    }
    let mut from = out
        .len()
        .saturating_sub(usize::try_from(LONGEST_LOG).unwrap_or(usize::MAX));
    while !out.is_char_boundary(from) {
        from += 1;
    }
    out.split_off(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_tail_joins_partial_lines_and_keeps_the_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("0.log");
        let text = "2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:00Z stderr P tw\n2026-01-01T00:00:00Z stderr F o\n";
        std::fs::write(&path, text).expect("written");
        assert_eq!(log_tail(&path), "one\ntwo\n");
    }

    #[test]
    fn links_and_long_messages_are_not_followed_or_read_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, link) = (dir.path().join("m"), dir.path().join("l"));
        std::fs::write(&file, "x".repeat(5000)).expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        assert_eq!((message(&file).len(), message(&link).len()), (4096, 0));
    }
}
