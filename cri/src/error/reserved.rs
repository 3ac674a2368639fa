//! Reads the holder of a name out of the text in which containerd refuses to give the name away twice.

/// A name and the id that holds it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reserved {
    pub(super) name: String,
    pub(super) holder: String,
}

/// Looks for `failed to reserve {sandbox,container} name "N": name "N" is reserved for "ID"`.
///
/// The code that comes with it is `Unknown`, so the text is all there is.
pub(super) fn parse(message: &str) -> Option<Reserved> {
    let rest = [
        "failed to reserve sandbox name ",
        "failed to reserve container name ",
    ]
    .iter()
    .find_map(|start| message.split_once(start).map(|(_, rest)| rest))?;
    let (name, rest) = quoted(rest)?;
    let (_, rest) = rest.split_once("is reserved for ")?;
    let (holder, _) = quoted(rest)?;
    Some(Reserved {
        name: name.to_owned(),
        holder: holder.to_owned(),
    })
}

/// The text between the first two double quotes, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once('"')?;
    rest.split_once('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holder_is_found_in_containerds_words() {
        let cases = [
            (
                r#"failed to reserve sandbox name "web_default_uid_0": name "web_default_uid_0" is reserved for "5f1a""#,
                Some(("web_default_uid_0", "5f1a")),
            ),
            (
                r#"rpc error: failed to reserve container name "c_web_default_uid_0": name "c_web_default_uid_0" is reserved for "77ab""#,
                Some(("c_web_default_uid_0", "77ab")),
            ),
            (r#"failed to reserve container name "c_web"#, None),
            (r#"failed to reserve container name "c": something else"#, None),
            ("no such container", None),
        ];
        for (message, expected) in cases {
            let expected = expected.map(|(name, holder)| Reserved {
                name: name.to_owned(),
                holder: holder.to_owned(),
            });
            assert_eq!(parse(message), expected, "{message}");
        }
    }
}
