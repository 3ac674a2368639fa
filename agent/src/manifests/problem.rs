//! One thing that is wrong in a manifest, and the way from a field's path to its place in the text.

use super::document::{Located, Node};
use super::event::{ManifestError, Position};

/// One mistake in one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub position: Option<Position>,
    /// The field's path as the API renders it; empty for the whole document.
    pub field: String,
    pub message: String,
}

/// All problems of one file as one error, in the order of the text.
///
/// Returns nothing when there are no problems.
pub(super) fn into_error(file: &str, mut problems: Vec<Problem>) -> Option<ManifestError> {
    problems.sort_by_key(|problem| problem.position);
    problems.dedup();
    let mut errors = problems.into_iter().map(|problem| ManifestError {
        file: file.to_owned(),
        position: problem.position,
        field: problem.field,
        message: problem.message,
        more: Vec::new(),
    });
    let mut first = errors.next()?;
    first.more = errors.collect();
    Some(first)
}

/// Where `field` (such as `spec.containers[0].image` or `metadata.labels[a.b/c]`) stands in the document; for a
/// field that is not there, where the innermost object around it stands.
pub(super) fn locate(root: &Located, field: &str) -> Position {
    let mut here = root;
    let mut rest = field;
    while !rest.is_empty() {
        let (step, after) = split_first(rest);
        let next = match &here.node {
            Node::List(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => here.member(step).map(|(_, value)| value),
        };
        let Some(next) = next else { break };
        here = next;
        rest = after;
    }
    here.position
}

/// The first step of a path without its dot or brackets, and what follows.
fn split_first(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('.').unwrap_or(path);
    if let Some(bracketed) = path.strip_prefix('[') {
        return bracketed.split_once(']').unwrap_or((bracketed, ""));
    }
    let end = path.find(['.', '[']).unwrap_or(path.len());
    path.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_and_an_absent_one_is_its_parents_place() {
        let text = "\
metadata:
  labels: {a.b/c: 1, d: 2}
spec:
  containers:
  - name: web
    ports:
    - name: http
";
        let root = super::super::document::parse(text).expect("YAML");
        for (field, line, column) in [
            ("metadata.labels[a.b/c]", 2, 19),
            ("spec.containers[0].name", 5, 11),
            ("spec.containers[0].ports[0].name", 7, 13),
            ("spec.containers[0].image", 5, 5),
            ("spec.containers[1]", 5, 5),
            ("status.phase", 1, 1),
            ("", 1, 1),
        ] {
            assert_eq!(locate(&root, field), Position { line, column }, "{field}");
        }
    }
}
