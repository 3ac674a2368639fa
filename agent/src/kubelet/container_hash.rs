//! The hash by which a changed container is told from an unchanged one.
//!
//! Written into the label `io.kubernetes.container.hash`. It covers name and image, the fields that may change
//! in a running pod, and equals the reference's, so that a node taken over from the reference restarts nothing.

use k8s_openapi::api::core::v1::Container;

/// The hash of `container`: FNV-1a (32 bits) over the reference's printed form of `{"image":…,"name":…}`.
#[must_use]
pub fn of(container: &Container) -> u32 {
    let image = container.image.as_deref().unwrap_or_default();
    let picked = serde_json::json!({"image": image, "name": container.name}).to_string();
    // The reference prints the JSON as a list of bytes with its Go type in front.
    let mut printed = String::from("([]uint8)[");
    for (i, byte) in picked.bytes().enumerate() {
        if i > 0 {
            printed.push(' ');
        }
        printed.push_str(&byte.to_string());
    }
    printed.push(']');
    fnv1a(printed.as_bytes())
}

/// FNV-1a with 32 bits.
#[must_use]
pub fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_equals_the_references() {
        for (name, hash) in [("c", 0xa6dd_0ded), ("d", 0xc41c_560e)] {
            let container = Container {
                name: name.into(),
                image: Some("registry.k8s.io/e2e-test-images/busybox:1.37.0-1".into()),
                ..Container::default()
            };
            assert_eq!(of(&container), hash);
        }
    }
}
