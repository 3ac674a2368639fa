//! Preparing and releasing a pod's volumes: emptyDir and hostPath; the other kinds come with a later part.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use k8s_openapi::api::core::v1::{EmptyDirVolumeSource, HostPathVolumeSource, Pod, Volume};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::kubelet::criconfig::{self, VolumeError};
use crate::kubelet::pod_id::PodId;
use crate::kubelet::podspec;

/// Prepares every volume of the pod; what is there already stays as it is.
pub(super) fn prepare(root: &Path, pod: &Pod, id: &PodId) -> Result<(), VolumeError> {
    for volume in podspec::spec(pod).volumes.iter().flatten() {
        let path = criconfig::host_path(root, id.uid.as_str(), volume)?;
        let result = match &volume.host_path {
            Some(source) => host_path(source),
            None => empty_dir(pod, volume, &path),
        };
        result.map_err(|why| VolumeError::Failed {
            volume: volume.name.clone(),
            why,
        })?;
    }
    Ok(())
}

fn empty_dir(pod: &Pod, volume: &Volume, path: &Path) -> Result<(), String> {
    let source = volume.empty_dir.clone().unwrap_or_default();
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if !path.is_dir() {
        fs::create_dir_all(path).map_err(failed)?;
    }
    match source.medium.as_deref() {
        None | Some("") => {}
        Some("Memory") => mount_memory(&source, path)?,
        Some(other) => return Err(format!("medium {other} is not supported by this version")),
    }
    let group = podspec::spec(pod)
        .security_context
        .as_ref()
        .and_then(|c| c.fs_group);
    if let Some(group) = group.and_then(|g| u32::try_from(g).ok()) {
        std::os::unix::fs::chown(path, None, Some(group)).map_err(failed)?;
        return fs::set_permissions(path, Permissions::from_mode(0o2777)).map_err(failed);
    }
    fs::set_permissions(path, Permissions::from_mode(0o777)).map_err(failed)
}

fn mount_memory(source: &EmptyDirVolumeSource, path: &Path) -> Result<(), String> {
    if is_mount(path) {
        return Ok(());
    }
    let size = source.size_limit.as_ref().and_then(podspec::whole);
    let options = size.map(|bytes| format!("size={bytes}"));
    mount(
        Some("tmpfs"),
        path,
        Some("tmpfs"),
        MsFlags::empty(),
        options.as_deref(),
    )
    .map_err(|error| format!("mount tmpfs on {}: {error}", path.display()))
}

/// Whether `path` lies on another device than its parent.
fn is_mount(path: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|m| m.dev()).ok();
    path.parent().is_some_and(|parent| device(path) != device(parent))
}

/// Checks what the path is, or makes it, as its type asks.
fn host_path(source: &HostPathVolumeSource) -> Result<(), String> {
    let path = Path::new(&source.path);
    let refuse = |what: &str| {
        Err(format!(
            "hostPath type check failed: {} is not {what}",
            source.path
        ))
    };
    let kind = fs::metadata(path).map(|m| m.file_type());
    let holds = |test: fn(&fs::FileType) -> bool| kind.as_ref().is_ok_and(test);
    match source.type_.as_deref() {
        None | Some("") => Ok(()),
        Some("DirectoryOrCreate") if kind.is_err() => {
            fs::create_dir_all(path).map_err(|error| format!("{}: {error}", source.path))
        }
        Some("FileOrCreate") if kind.is_err() => fs::File::create_new(path)
            .map(drop)
            .map_err(|error| format!("{}: {error}", source.path)),
        Some("Directory" | "DirectoryOrCreate") if !holds(fs::FileType::is_dir) => refuse("a directory"),
        Some("File" | "FileOrCreate") if !holds(fs::FileType::is_file) => refuse("a file"),
        Some("Socket") if !holds(FileTypeExt::is_socket) => refuse("a socket file"),
        Some("CharDevice") if !holds(FileTypeExt::is_char_device) => refuse("a character device"),
        Some("BlockDevice") if !holds(FileTypeExt::is_block_device) => refuse("a block device"),
        Some(_) => Ok(()),
    }
}

/// Unmounts everything below `dir`, deepest first.
pub(super) fn unmount_below(dir: &Path) -> Result<(), String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut points: Vec<String> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(unescaped)
        .filter(|point| Path::new(point).starts_with(dir))
        .collect();
    points.sort_by_key(|point| std::cmp::Reverse(point.len()));
    for point in points {
        umount2(point.as_str(), MntFlags::UMOUNT_NOFOLLOW)
            .map_err(|error| format!("unmount {point}: {error}"))?;
    }
    Ok(())
}

/// The kernel writes blanks in mount points as octal escapes.
fn unescaped(text: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(text.to_owned(), |text, (escape, plain)| {
        text.replace(escape, plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_paths_are_checked_or_made_as_their_type_asks() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
        fs::write(at("file"), "").expect("written");
        let check = |name: &str, kind: &str| {
            host_path(&HostPathVolumeSource {
                path: at(name),
                type_: Some(kind.into()),
            })
        };
        for (name, kind, good) in [
            ("missing", "", true),
            ("missing", "Directory", false),
            ("missing", "File", false),
            ("file", "File", true),
            ("file", "Directory", false),
            ("file", "Socket", false),
            ("new-dir", "DirectoryOrCreate", true),
            ("new-dir", "Directory", true),
            ("new-file", "FileOrCreate", true),
            ("new-file", "File", true),
            ("file", "DirectoryOrCreate", false),
        ] {
            assert_eq!(check(name, kind).is_ok(), good, "{name} {kind}");
        }
        let text = check("file", "Directory").expect_err("refused");
        assert_eq!(
            text,
            format!("hostPath type check failed: {} is not a directory", at("file"))
        );
    }
}
