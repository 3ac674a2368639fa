//! Images that are there, and images that are not.

use super::World;

pub(super) async fn image_is_found_by_name_and_id(world: &World) {
    let image = world
        .client
        .image_status(&world.image)
        .await
        .unwrap()
        .expect("the test image is there");
    assert!(image.id.starts_with("sha256:"), "{image:?}");
    assert!(image.repo_tags.contains(&world.image), "{image:?}");
    assert!(image.size > 0);
    let by_id = world.client.image_status(&image.id).await.unwrap();
    assert_eq!(by_id.as_ref().map(|image| &image.id), Some(&image.id));
    let all = world.client.list_images().await.unwrap();
    assert!(all.iter().any(|listed| listed.id == image.id), "{all:?}");
}

pub(super) async fn unknown_image_has_no_status(world: &World) {
    let none = world.client.image_status("agent.local/none:1").await.unwrap();
    assert_eq!(none, None);
}

pub(super) async fn removing_an_unknown_image_succeeds(world: &World) {
    world.client.remove_image("agent.local/none:1").await.unwrap();
}

pub(super) async fn filesystem_use_is_reported(world: &World) {
    let info = world.client.image_fs_info().await.unwrap();
    let first = info.image_filesystems.first().expect("an image filesystem");
    assert!(
        first
            .fs_id
            .as_ref()
            .is_some_and(|id| id.mountpoint.starts_with('/')),
        "{info:?}"
    );
    assert!(first.used_bytes.is_some(), "{info:?}");
}
